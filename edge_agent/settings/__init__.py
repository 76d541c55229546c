"""What one booth is told: the model, and reading it from a file. Importing it loads pydantic."""

from edge_agent.settings.load import Checked, check, check_file, load
from edge_agent.settings.model import Device, Settings

__all__ = ["Checked", "Device", "Settings", "check", "check_file", "load"]
