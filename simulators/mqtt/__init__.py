"""MQTT 3.1.1 and 5 without I/O, and a small asyncio client on top of it."""
