"""A stand-in for the central system: stores events once, acknowledges them, sends commands, judges a run."""

from simulators.central.check import check
from simulators.central.moods import Moods
from simulators.central.report import CommandRecord, Gap, Report
from simulators.central.server import Central
from simulators.central.taken import News
from simulators.central.violation import Violation

__all__ = ["Central", "CommandRecord", "Gap", "Moods", "News", "Report", "Violation", "check"]
