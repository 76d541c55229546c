"""Simulated devices, broker and central system. The agent never imports this package."""
