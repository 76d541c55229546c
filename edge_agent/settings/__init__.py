"""What one booth is told: the model, and reading it from a file. Importing it loads pydantic."""

from edge_agent.settings.load import DEFAULT_FILE, Checked, check, check_file, load
from edge_agent.settings.model import Device, Settings

__all__ = ["DEFAULT_FILE", "Checked", "Device", "Settings", "check", "check_file", "load"]
