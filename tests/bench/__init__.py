"""The numbers that the agent promises, measured beside a bare floor of the same run: `make bench`."""
