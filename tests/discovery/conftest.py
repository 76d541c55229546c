"""No task outlives a test of discovery."""

from tests.simulators.devices.conftest import _no_task_is_left  # noqa: F401 - a fixture for all of them
