"""`edge-agent demo`: a whole booth on simulators, with the real daemon in its own process."""
