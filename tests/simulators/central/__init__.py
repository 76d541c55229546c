"""The stand-in for the central system."""
