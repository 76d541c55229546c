"""The booth edge agent: reads scanners and scales, prints labels, reports to the central system."""

__version__ = "0.1.0"
