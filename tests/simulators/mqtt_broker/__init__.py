"""The MQTT codec, the built-in broker and the small client."""
