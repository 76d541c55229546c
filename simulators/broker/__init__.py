"""An MQTT broker in this process, for demos and tests: memory only, no passwords, not for production."""

from simulators.broker.faults import Faults
from simulators.broker.server import Broker
from simulators.broker.shared import Stats

__all__ = ["Broker", "Faults", "Stats"]
