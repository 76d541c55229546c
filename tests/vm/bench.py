"""Simulated USB devices beside a test in the guest.

Owns: a thread with an event loop for the devices, since opening a port blocks until they answer.
Must not know: what is tested.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from simulators.usb.bus import Plug
from simulators.usb.descriptors import Identity
from simulators.usb.device import Function, UsbDevice
from simulators.usb.pipe import StreamFunction, UsbEndpoint
from tests.vm.inside import EVENTUALLY_S, eventually

UDEV_AT_WORK = Path("/run/udev/queue")  # while any event is worked on; it makes names one by one

ValueT = TypeVar("ValueT")


class Bench:
    """Where simulated devices run: a thread of their own, since opening a port blocks until they answer."""

    def __init__(self) -> None:
        self.inserted: list[Simulated] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bench")
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, ValueT], timeout_s: float = EVENTUALLY_S) -> ValueT:
        """Have the devices' loop do this, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    def tell(self, action: Callable[..., object], *arguments: object) -> None:
        """Call a plain function on the devices' loop."""

        async def call() -> None:
            action(*arguments)

        self.do(call())

    def keep(self, work: Coroutine[Any, Any, object]) -> None:
        """Have the devices' loop do this until the bench is cleared."""
        self._loop.call_soon_threadsafe(self._loop.create_task, work)

    def clear(self) -> None:
        """Pull every device out, stop everything on the loop, then the loop."""

        for device in self.inserted:
            device.pull()

        async def stop_tasks() -> None:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.do(stop_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(EVENTUALLY_S)
        self._loop.close()


class Simulated:
    """One simulated USB device on the bench, with the node that it is to get in the guest.

    `node` may contain {path}, the by-path name of its USB port.
    """

    def __init__(self, bench: Bench, function: Function, identity: Identity, node: str = "") -> None:
        self.bench = bench
        self.function = function
        self.usb = UsbDevice(function, identity)
        self.plug = Plug(self.usb)
        self._node = node

    @property
    def node(self) -> Path:
        return Path(self._node.format(path=self.plug.path))

    def insert(self) -> None:
        """Plug in, and wait for the node and all its other names."""
        self.bench.do(self.plug.insert())
        self.bench.inserted.append(self)
        eventually(self.node.exists, f"{self.node}; there are {sorted(Path('/dev').glob('*/by-*/*'))}")
        eventually(lambda: not UDEV_AT_WORK.exists(), "udev has made every name")

    def pull(self) -> None:
        """Pull out, and wait until udev has taken the name away: a stale one leads to the next device."""
        self.bench.do(self.plug.pull())
        eventually(lambda: not os.path.lexists(self.node), f"no {self.node}")


class Stream(Simulated):
    """A simulated device that carries bytes, and the endpoint that a device simulator hangs on."""

    def __init__(self, bench: Bench, function: StreamFunction, identity: Identity) -> None:
        super().__init__(bench, function, identity)
        self.endpoint = UsbEndpoint(function, self.plug)

    @property
    def node(self) -> Path:
        return Path(self.endpoint.url.partition(":")[2])


@contextmanager
def bench() -> Iterator[Bench]:
    """A bench for simulated devices, cleared at the end."""
    ours = Bench()
    try:
        yield ours
    finally:
        ours.clear()
