"""What one booth is told: the model, reading it from a file, and choosing what the agent starts with."""
