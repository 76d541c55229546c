"""One interface of a USB device through libusb: every call waits, so all of it runs in threads.

Owns: taking the interface over from the kernel's driver and giving it back, its endpoints, single transfers.
Must not know: the event loop, what the bytes mean.

Each read asks for one packet: a longer one that times out would lose what it had got. USB errors come as
OSError with an errno, as from any port: ENODEV unplugged, EPIPE stalled, ETIMEDOUT nothing taken in time.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edge_agent.links.find_usb import HID, PRINTER, UsbInterface

CONTROL_MS = 5000  # what the standard allows a device for a request
TO_HOST, TO_DEVICE = 0xA1, 0x21  # class request for an interface
SET_REPORT, OUTPUT_REPORT = 0x09, 0x02  # HID 1.11, 7.2.2
GET_DEVICE_ID, GET_PORT_STATUS, SOFT_RESET = 0, 1, 2  # USB Printer Class 1.1, 4.2
DEVICE_ID_BYTES = 1024  # the longest of known printers has some 300
BIDIRECTIONAL, ONE_WAY, IEEE1284_4 = 2, 1, 3  # protocols of printers, best first; 4 is IPP, no print data


@dataclass(frozen=True, slots=True)
class End:
    """An endpoint, and how many bytes one packet of it has at most."""

    address: int
    packet_bytes: int


@dataclass(frozen=True, slots=True)
class Pipes:
    """The endpoints of an interface; a device may lack one or the other."""

    alternate: int
    into_host: End | None
    out_of_host: End | None


@dataclass(frozen=True, slots=True)
class Setup:
    """The head of a request."""

    kind: int
    request: int
    value: int
    index: int


class UsbHandle:
    """An interface that is ours. One thread may read while one other writes or asks."""

    def __init__(self, device: Any, interface: UsbInterface, pipes: Pipes, *, taken_over: bool) -> None:
        self._device = device
        self._number = interface.number
        self._taken_over = taken_over
        self.kind = interface.kind
        self.pipes = pipes

    @classmethod
    def open(cls, interface: UsbInterface, backend: Any = None) -> UsbHandle:
        """Take the interface over. Raises OSError, ENOENT where the device or libusb is not there."""
        device = _found(interface, backend)
        try:
            return cls._claimed(device, interface)
        except OSError:
            _dispose(device)
            raise

    @classmethod
    def _claimed(cls, device: Any, interface: UsbInterface) -> UsbHandle:
        from usb.util import claim_interface

        pipes = _pipes(_configuration(device), interface)
        taken_over = bool(_kernel_drives(device, interface.number))
        if taken_over:
            device.detach_kernel_driver(interface.number)
        try:
            claim_interface(device, interface.number)
            if pipes.alternate:
                device.set_interface_altsetting(interface.number, pipes.alternate)
        except OSError:
            if taken_over:
                _give_back(device, interface.number)
            raise
        return cls(device, interface, pipes, taken_over=taken_over)

    def close(self) -> None:
        """Give the interface back to the kernel; a device that is gone is none."""
        from usb.util import release_interface

        with contextlib.suppress(OSError):
            release_interface(self._device, self._number)
        if self._taken_over:
            _give_back(self._device, self._number)
        _dispose(self._device)

    def read_packet(self, timeout_ms: int) -> bytes | None:
        """What the device sends next, or None in that time. Raises OSError."""
        from usb.core import USBTimeoutError

        end = self.pipes.into_host
        if end is None:
            raise OSError(errno.EINVAL, "the device sends no data")
        try:
            return bytes(self._device.read(end.address, end.packet_bytes, timeout_ms))
        except USBTimeoutError:
            return None

    def write(self, data: bytes, timeout_ms: int) -> int:
        """Send what one transfer takes; gives how much. Raises OSError, ETIMEDOUT where it took nothing."""
        end = self.pipes.out_of_host
        if end is None:
            return self._set_report(data, timeout_ms)
        return int(self._device.write(end.address, data, timeout_ms))

    def _set_report(self, data: bytes, timeout_ms: int) -> int:
        """A HID device without an endpoint for reports takes them by request."""
        if self.kind != HID:
            raise OSError(errno.EINVAL, "the device takes no data")
        number = data[0]
        body = data if number else data[1:]
        setup = Setup(TO_DEVICE, SET_REPORT, OUTPUT_REPORT << 8 | number, self._number)
        self._control(setup, body, timeout_ms)
        return len(data)

    def clear_halt(self, end: End) -> None:
        """Have a stalled endpoint work again. Raises OSError."""
        self._device.clear_halt(end.address)

    def device_id(self) -> bytes:
        """The printer's IEEE 1284 device id, with its two bytes of length. Raises OSError."""
        index = self._number << 8 | self.pipes.alternate
        return self._control(Setup(TO_HOST, GET_DEVICE_ID, 0, index), DEVICE_ID_BYTES)

    def port_status(self) -> bytes:
        """The printer's status byte. Raises OSError."""
        return self._control(Setup(TO_HOST, GET_PORT_STATUS, 0, self._number), 1)

    def soft_reset(self) -> None:
        """Have the printer forget what it has taken and not printed. Raises OSError."""
        self._control(Setup(TO_DEVICE, SOFT_RESET, 0, self._number), b"")
        if self.pipes.out_of_host:
            self.clear_halt(self.pipes.out_of_host)  # the printer begins its packet count anew: so must we

    def _control(self, setup: Setup, data: bytes | int, timeout_ms: int = CONTROL_MS) -> bytes:
        from usb.util import create_buffer

        if self.kind != PRINTER and setup.request != SET_REPORT:
            raise OSError(errno.ENOSYS, "no printer")
        buffer = create_buffer(data if isinstance(data, int) else len(data))
        if isinstance(data, bytes):
            buffer[:] = type(buffer)("B", data)
        # pyusb's own ctrl_transfer takes the low byte of the index for an interface, and claims it
        context = self._device._ctx  # noqa: SLF001
        got = context.backend.ctrl_transfer(
            context.handle, setup.kind, setup.request, setup.value, setup.index, buffer, timeout_ms
        )
        return bytes(buffer[:got])


def _found(interface: UsbInterface, backend: Any) -> Any:
    import usb.core

    def is_it(device: Any) -> bool:
        same_place = (device.bus, device.address) == (interface.bus, interface.address)
        return same_place and f"{device.idVendor:04x}:{device.idProduct:04x}" == interface.usb_id

    try:
        device = usb.core.find(custom_match=is_it, backend=backend)
    except usb.core.NoBackendError:
        raise OSError(errno.ENOPKG, "libusb is missing") from None
    if device is None:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    return device


def _configuration(device: Any) -> Any:
    import usb.core

    try:
        return device.get_active_configuration()
    except usb.core.USBError as error:
        if error.errno is not None:
            raise
        device.set_configuration()  # nobody has configured it: no kernel driver was there for it
        return device.get_active_configuration()


def _pipes(configuration: Any, interface: UsbInterface) -> Pipes:
    """The endpoints of the alternate setting that suits us best. Raises OSError where there is none."""
    faces = [face for face in configuration if face.bInterfaceNumber == interface.number]
    if interface.kind == PRINTER:
        order = (BIDIRECTIONAL, ONE_WAY, IEEE1284_4)
        faces = [face for face in faces if face.bInterfaceProtocol in order]
        faces.sort(key=lambda face: order.index(face.bInterfaceProtocol))
    for face in faces:
        ends = list(_usable(face))
        into = next((end for end in ends if end.bEndpointAddress & 0x80), None)
        out = next((end for end in ends if not end.bEndpointAddress & 0x80), None)
        if into is not None or out is not None:
            return Pipes(face.bAlternateSetting, _end(into), _end(out))
    raise OSError(errno.ENXIO, "no endpoint that carries data")


def _usable(face: Any) -> Iterator[Any]:
    return (end for end in face if end.bmAttributes & 3 in (2, 3))  # bulk and interrupt


def _end(end: Any) -> End | None:
    return None if end is None else End(end.bEndpointAddress, end.wMaxPacketSize & 0x7FF)


def _kernel_drives(device: Any, number: int) -> bool:
    try:
        return bool(device.is_kernel_driver_active(number))
    except NotImplementedError:
        return False
    except OSError as error:
        if error.errno == errno.ENOSYS:
            return False
        raise


def _give_back(device: Any, number: int) -> None:
    with contextlib.suppress(OSError):  # it was unplugged, or the kernel has no driver for it any more
        device.attach_kernel_driver(number)


def _dispose(device: Any) -> None:
    from usb.util import dispose_resources

    with contextlib.suppress(OSError):
        dispose_resources(device)
