"""A box with simulated USB devices and no kernel: its sysfs, and a libusb that reaches them.

The devices run on the loop of the test; the calls of the link come from its threads, as on a real box.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import errno
import os
import shutil
import struct
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import usb.backend
from usb.core import USBError, USBTimeoutError

from simulators.usb import descriptors
from simulators.usb.descriptors import Identity
from simulators.usb.device import Function, UsbDevice
from simulators.usb.wire import Submit, Unlink

CONTROLLER = "sys/devices/platform/vhci_hcd.0/usb1"
FOREVER_MS = 3_600_000
DEVICE_FIELDS = """
    bLength bDescriptorType bcdUSB bDeviceClass bDeviceSubClass bDeviceProtocol bMaxPacketSize0 idVendor
    idProduct bcdDevice iManufacturer iProduct iSerialNumber bNumConfigurations
"""
FACE_FIELDS = """
    bLength bDescriptorType bInterfaceNumber bAlternateSetting bNumEndpoints bInterfaceClass
    bInterfaceSubClass bInterfaceProtocol iInterface
"""


@dataclass
class Plugged:
    """One device on the box, and what its host side has done to it."""

    device: UsbDevice
    port: str
    address: int
    kernel_drives: bool = True
    claimed: bool = False
    denied: bool = False
    taken_by_others: bool = False
    opened: int = 0
    gone: bool = False
    results: dict[int, concurrent.futures.Future[tuple[int, int, bytes]]] = field(default_factory=dict)


class UsbBox(usb.backend.IBackend):
    """Plug devices in, give `root` and `self` to a link."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.plugged: list[Plugged] = []
        self._loop = asyncio.get_running_loop()
        self._numbers = iter(range(1, 1 << 30))
        (root / "sys/bus/usb/devices").mkdir(parents=True)

    def plug(self, function: Function, identity: Identity, port: str = "1", node: str = "") -> Plugged:
        """A device in this socket; `node` is what the kernel makes of it."""
        device = UsbDevice(function, identity)
        one = Plugged(device, f"1-{port}", next(self._numbers))
        device.plugged(lambda message: self._answered(one, message))
        self.plugged.append(one)
        self._describe(one, identity, node)
        return one

    def pull(self, one: Plugged) -> None:
        one.gone = True
        self.plugged.remove(one)
        one.device.pulled()
        for waiting in one.results.values():
            waiting.set_result((-errno.ENODEV, 0, b""))
        one.results.clear()
        shutil.rmtree(self.root / CONTROLLER / one.port)
        (self.root / "sys/bus/usb/devices" / f"{one.port}:1.0").unlink()

    def _describe(self, one: Plugged, identity: Identity, node: str) -> None:
        usb_folder = self.root / CONTROLLER / one.port
        face = usb_folder / f"{one.port}:1.0"
        face.mkdir(parents=True)
        kind = one.device.function.configuration()[5]
        facts = {
            "idVendor": f"{identity.vendor:04x}",
            "idProduct": f"{identity.product:04x}",
            "busnum": "1",
            "devnum": str(one.address),
            "manufacturer": identity.maker,
            "product": identity.name,
            **({"serial": identity.serial} if identity.serial else {}),
        }
        for name, value in facts.items():
            (usb_folder / name).write_text(value + "\n")
        (face / "bInterfaceNumber").write_text("00\n")
        (face / "bInterfaceClass").write_text(f"{kind:02x}\n")
        if kind == 3:
            hid = face / "0003:0922:8003.0001"
            (hid / "hidraw" / (node or "hidraw0")).mkdir(parents=True)
            (hid / "report_descriptor").write_bytes(one.device.function.report_descriptor)  # type: ignore[attr-defined]
        if kind == 7:
            (face / "usbmisc" / (node or "lp0")).mkdir(parents=True)
        (self.root / "sys/bus/usb/devices" / face.name).symlink_to(face)

    # What pyusb asks of a backend

    def enumerate_devices(self) -> Any:
        return iter(tuple(self.plugged))

    def get_parent(self, dev: Any) -> None:
        return None

    def get_device_descriptor(self, dev: Plugged) -> Any:
        raw = descriptors.device(dev.device.identity, dev.device.function.device_class)
        names = DEVICE_FIELDS.split()
        fields = dict(zip(names, struct.unpack("<BBHBBBBHHHBBBB", raw), strict=True))
        place = {"bus": 1, "address": dev.address, "port_number": 1, "port_numbers": (1,), "speed": 2}
        return SimpleNamespace(**fields, **place)

    def get_configuration_descriptor(self, dev: Plugged, config: int) -> Any:
        if config:
            raise IndexError("one configuration")
        length, kind, total, faces, value, name, flags, power = struct.unpack_from(
            "<BBHBBBBB", self._whole(dev)
        )
        return SimpleNamespace(
            bLength=length,
            bDescriptorType=kind,
            wTotalLength=total,
            bNumInterfaces=faces,
            bConfigurationValue=value,
            iConfiguration=name,
            bmAttributes=flags,
            bMaxPower=power,
            extra_descriptors=[],
        )

    def get_interface_descriptor(self, dev: Plugged, intf: int, alt: int, config: int) -> Any:
        faces = [part for part in self._parts(dev) if part[1] == 4]
        if intf >= len(faces) or alt:
            raise IndexError("no such interface")
        names = FACE_FIELDS.split()
        return SimpleNamespace(**dict(zip(names, faces[intf], strict=True)), extra_descriptors=[])

    def get_endpoint_descriptor(self, dev: Plugged, ep: int, intf: int, alt: int, config: int) -> Any:
        part = [part for part in self._parts(dev) if part[1] == 5][ep]
        length, kind, address, flags, size, interval = struct.unpack("<BBBBHB", part[:7])
        return SimpleNamespace(
            bLength=length,
            bDescriptorType=kind,
            bEndpointAddress=address,
            bmAttributes=flags,
            wMaxPacketSize=size,
            bInterval=interval,
            bRefresh=0,
            bSynchAddress=0,
            extra_descriptors=[],
        )

    def open_device(self, dev: Plugged) -> Plugged:
        if dev.denied:
            raise USBError("Access denied", -3, errno.EACCES)
        dev.opened += 1
        return dev

    def close_device(self, dev_handle: Plugged) -> None:
        dev_handle.opened -= 1

    def get_configuration(self, dev_handle: Plugged) -> int:
        return 1

    def claim_interface(self, dev_handle: Plugged, intf: int) -> None:
        if dev_handle.kernel_drives or dev_handle.taken_by_others:
            raise USBError("Resource busy", -6, errno.EBUSY)
        dev_handle.claimed = True

    def release_interface(self, dev_handle: Plugged, intf: int) -> None:
        dev_handle.claimed = False

    def is_kernel_driver_active(self, dev_handle: Plugged, intf: int) -> bool:
        return dev_handle.kernel_drives

    def detach_kernel_driver(self, dev_handle: Plugged, intf: int) -> None:
        dev_handle.kernel_drives = False

    def attach_kernel_driver(self, dev_handle: Plugged, intf: int) -> None:
        if dev_handle.gone:
            raise USBError("No such device", -4, errno.ENODEV)
        dev_handle.kernel_drives = True

    def clear_halt(self, dev_handle: Plugged, ep: int) -> None:
        dev_handle.device.faults.stalled.discard(ep & 0x0F)

    def bulk_read(self, dev_handle: Plugged, ep: int, intf: int, buff: Any, timeout: int) -> int:
        status, _, data = self._transfer(dev_handle, Submit(0, True, ep & 0x0F, len(buff)), timeout)
        _check(status)
        buff[: len(data)] = type(buff)("B", data)
        return len(data)

    intr_read = bulk_read

    def bulk_write(self, dev_handle: Plugged, ep: int, intf: int, data: Any, timeout: int) -> int:
        sent = data.tobytes()
        status, _, _ = self._transfer(dev_handle, Submit(0, False, ep, len(sent), data=sent), timeout)
        _check(status)
        return len(sent)

    intr_write = bulk_write

    def ctrl_transfer(
        self,
        dev_handle: Plugged,
        bmRequestType: int,  # noqa: N803 - pyusb's names
        bRequest: int,  # noqa: N803
        wValue: int,  # noqa: N803
        wIndex: int,  # noqa: N803
        data: Any,
        timeout: int,
    ) -> int:
        if bmRequestType & 0x80:
            answer = self._control(dev_handle, bmRequestType, bRequest, wValue, wIndex, len(data), timeout)
            data[: len(answer)] = type(data)("B", answer)
            return len(answer)
        setup = struct.pack("<BBHHH", bmRequestType, bRequest, wValue, wIndex, len(data))
        urb = Submit(0, False, 0, len(data), setup, data.tobytes())
        _check(self._transfer(dev_handle, urb, timeout)[0])
        return len(data)

    # The bus

    def _whole(self, dev: Plugged) -> bytes:
        """The configuration as the kernel keeps it from the enumeration: asking costs no transfer."""
        function = dev.device.function
        return descriptors.configuration(function.configuration(), function.interfaces)

    def _parts(self, dev: Plugged) -> list[bytes]:
        raw, at, parts = self._whole(dev), 0, []
        while at < len(raw):
            parts.append(raw[at : at + raw[at]])
            at += raw[at]
        return parts

    def _control(
        self, dev: Plugged, kind: int, request: int, value: int, index: int, length: int, timeout: int = 5000
    ) -> bytes:
        setup = struct.pack("<BBHHH", kind, request, value, index, length)
        status, _, data = self._transfer(dev, Submit(0, True, 0, length, setup), timeout)
        _check(status)
        return data

    def _transfer(self, dev: Plugged, urb: Submit, timeout_ms: int) -> tuple[int, int, bytes]:
        """Have the loop do it, and wait: status, how many bytes were taken, data."""
        number = next(self._numbers)
        done: concurrent.futures.Future[tuple[int, int, bytes]] = concurrent.futures.Future()
        fields = (urb.to_host, urb.endpoint, urb.room, urb.setup, urb.data)

        def submit() -> None:
            if dev.gone:
                done.set_result((-errno.ENODEV, 0, b""))
                return
            dev.results[number] = done
            dev.device.handle(Submit(number, *fields))

        def take_back() -> None:
            if dev.results.pop(number, None) is not None:
                dev.device.handle(Unlink(next(self._numbers), number))
                done.set_result((-errno.ETIMEDOUT, 0, b""))

        self._loop.call_soon_threadsafe(submit)
        try:
            return done.result((timeout_ms or FOREVER_MS) / 1000)
        except concurrent.futures.TimeoutError:
            self._loop.call_soon_threadsafe(take_back)
            return done.result()

    def _answered(self, one: Plugged, message: bytes) -> None:
        number, status, taken = (
            struct.unpack_from(">I", message, 4)[0],
            *struct.unpack_from(">ii", message, 20),
        )
        waiting = one.results.pop(number, None)
        if waiting is not None:
            waiting.set_result((status, taken, message[48:]))


def _check(status: int) -> None:
    if status == -errno.ETIMEDOUT:
        raise USBTimeoutError("Operation timed out", -7, errno.ETIMEDOUT)
    if status < 0:
        raise USBError(os.strerror(-status), status, -status)
