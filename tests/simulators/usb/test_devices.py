"""USB devices without a kernel: what they answer to the transfers of a host."""

from __future__ import annotations

import argparse
import asyncio
import struct
from decimal import Decimal

import pytest

from drivers.scales.hid_scale import SPEC, HidScaleDeviceHalf
from edge_agent.sdk.driver import Ask, Indication, Options, SerialSettings
from edge_agent.sdk.errors import CommandError, LinkError
from simulators.printer import PrinterSim
from simulators.usb import descriptors, ftdi
from simulators.usb.cdc_acm import SCALE, CdcAcm
from simulators.usb.cli import KINDS, UsbControl, add_arguments
from simulators.usb.descriptors import Spoiled
from simulators.usb.device import Function, UsbDevice
from simulators.usb.ftdi import ADAPTER, Ftdi, baud_of
from simulators.usb.hid_pos import HidPos
from simulators.usb.hid_scale import HidScale, report
from simulators.usb.pipe import ROOM_BYTES
from simulators.usb.printer import ESCPOS, ESCPOS_ID, UsbPrinter
from simulators.usb.serial_line import SerialLine
from simulators.usb.wedge import SCANNER, ControlKeys, Wedge
from simulators.usb.wire import Submit, Unlink

STALL, OVERFLOW, TAKEN_BACK = -32, -75, -104


class Host:
    """The host's side of one device."""

    def __init__(self, function: Function, identity: descriptors.Identity = ADAPTER) -> None:
        self.device = UsbDevice(function, identity)
        self.results: list[tuple[int, int, int, bytes]] = []
        self._number = 0
        self.device.plugged(self._result)

    def control(
        self, kind: int, request: int, value: int = 0, length: int = 255, data: bytes = b""
    ) -> bytes | int:
        """The answer, or a negative errno."""
        setup = struct.pack("<BBHHH", kind, request, value, 0, length)
        to_host = bool(kind & 0x80)
        return self._wait_for(
            self._submit(Submit(0, to_host, 0, length if to_host else len(data), setup, data))
        )

    def read(self, endpoint: int, room: int = 512) -> int:
        return self._submit(Submit(0, True, endpoint, room))

    def write(self, endpoint: int, data: bytes) -> int:
        return self._submit(Submit(0, False, endpoint, len(data), data=data))

    def take_back(self, victim: int) -> None:
        self._number += 1
        self.device.handle(Unlink(self._number, victim))

    def outcome(self, number: int) -> bytes | int | None:
        """Data, a negative errno, how many bytes were taken, or None where the transfer waits."""
        for command, found, status, data in [(c, n, s, d) for c, n, s, d in self.results]:
            if found == number and command == 3:
                return status or data
        return None

    def _submit(self, urb: Submit) -> int:
        self._number += 1
        fields = (urb.to_host, urb.endpoint, urb.room, urb.setup, urb.data)
        self.device.handle(Submit(self._number, *fields))
        return self._number

    def _wait_for(self, number: int) -> bytes | int:
        found = self.outcome(number)
        assert found is not None
        return found

    def _result(self, message: bytes) -> None:
        command, number = struct.unpack_from(">II", message)
        (status,) = struct.unpack_from(">i", message, 20)
        self.results.append((command, number, status, message[48:]))


FUNCTIONS = [Ftdi, CdcAcm, Wedge, HidPos, HidScale, UsbPrinter]


@pytest.mark.parametrize("make", FUNCTIONS)
def test_descriptors_add_up(make: type) -> None:
    host = Host(make(), SCALE)
    device = host.control(0x80, 6, 0x0100)
    assert isinstance(device, bytes)
    assert (len(device), device[0], device[1]) == (18, 18, 1)
    whole = host.control(0x80, 6, 0x0200)
    assert isinstance(whole, bytes)
    assert struct.unpack_from("<H", whole, 2)[0] == len(whole)
    at = 0
    while at < len(whole):
        assert whole[at] >= 2
        at += whole[at]
    assert at == len(whole)
    assert host.control(0x80, 6, 0x0303) == descriptors.text("CW0001")


@pytest.mark.parametrize("how", Spoiled)
def test_a_spoiled_configuration_is_another_one(how: Spoiled) -> None:
    host = Host(CdcAcm(), SCALE)
    right = host.control(0x80, 6, 0x0200)
    host.device.faults.spoiled = how
    assert host.control(0x80, 6, 0x0200) != right
    host.device.faults.heal()
    assert host.control(0x80, 6, 0x0200) == right


@pytest.mark.parametrize("make", [HidPos, HidScale, Wedge])
def test_a_report_descriptor_has_the_announced_length(make: type) -> None:
    function = make()
    host = Host(function)
    announced = descriptors.hid(len(function.report_descriptor))
    assert announced in function.configuration()
    assert host.control(0x81, 6, 0x2200) == function.report_descriptor
    assert function.report_descriptor[-1] == 0xC0, "the outer collection is closed"


@pytest.mark.parametrize(
    ("value", "index", "baud"),
    [
        (0x0138, 0, 9600),
        (0x4138, 0, 9600),
        (0x001A, 0, 115200),
        (0x809C, 0, 19200),
        (0, 0, 3_000_000),
        (1, 0, 2_000_000),
    ],
)
def test_an_ftdi_divisor_is_the_rate_that_was_meant(value: int, index: int, baud: int) -> None:
    assert baud_of(value, index) == baud


def test_ftdi_packets_lead_with_two_status_bytes() -> None:
    async def scene() -> bytes | int | None:
        function = Ftdi()
        host = Host(function)
        number = host.read(1)
        await function.pipe.write(b"x" * 100)
        return host.outcome(number)

    packets = asyncio.run(scene())
    assert packets == ftdi.STATUS + b"x" * 62 + ftdi.STATUS + b"x" * 38


def test_a_hung_device_answers_nothing_and_lets_transfers_be_taken_back() -> None:
    host = Host(Ftdi())
    host.device.faults.hung = True
    number = host.write(2, b"x")
    assert host.outcome(number) is None
    host.take_back(number)
    assert host.results[-1][2] == TAKEN_BACK
    assert host.device.waiting == 0


def test_stall_and_babble_have_their_errors() -> None:
    host = Host(UsbPrinter(), ESCPOS)
    host.device.faults.stalled.add(1)
    assert host.outcome(host.write(1, b"x")) == STALL
    printer = Host(UsbPrinter(empty_answers=True), ESCPOS)
    printer.device.faults.babbling = True
    assert printer.outcome(printer.read(2)) == OVERFLOW


def test_a_full_device_makes_the_host_wait_until_it_reads() -> None:
    async def scene() -> None:
        function = UsbPrinter()
        host = Host(function, ESCPOS)
        host.write(1, b"x" * ROOM_BYTES)
        waiting = host.write(1, b"y")
        assert host.outcome(waiting) is None
        assert await function.pipe.read() == b"x" * ROOM_BYTES
        assert host.outcome(waiting) == b""
        assert await function.pipe.read() == b"y"

    asyncio.run(scene())


def test_a_host_that_stops_polling_has_hung_up_once() -> None:
    async def scene() -> None:
        function = CdcAcm()
        host = Host(function, SCALE)
        number = host.read(2)
        assert function.pipe.open
        host.take_back(number)
        with pytest.raises(LinkError):
            await function.pipe.read()
        await function.pipe.write(b"lost")
        assert function.pipe.lost_bytes == 4
        host.read(2)
        host.write(1, b"W\r")
        assert await function.pipe.read() == b"W\r"

    asyncio.run(scene())


def test_cdc_line_coding_is_seen_and_told_again() -> None:
    host = Host(CdcAcm(), SCALE)
    coding = struct.pack("<IBBB", 4800, 2, 2, 7)
    assert host.control(0x21, 0x20, data=coding) == b""
    assert host.control(0xA1, 0x21) == coding
    function = host.device.function
    assert isinstance(function, CdcAcm)
    assert function.line.host == SerialSettings(4800, 7, "E", 2)
    assert host.control(0x21, 0x20, data=struct.pack("<IBBB", 4800, 1, 9, 7)) == STALL


@pytest.mark.parametrize(
    ("device", "host", "arrives"),
    [
        (SerialSettings(9600, 7, "E"), SerialSettings(9600, 7, "E"), b"A"),
        (SerialSettings(9600, 7, "E"), SerialSettings(9600, 8, "N"), b"A"),
        (SerialSettings(9600, 7, "E"), SerialSettings(9600, 8, "N"), b"\xc3"),
        (SerialSettings(9600, 8, "N"), SerialSettings(9600, 7, "E"), b"\x43"),
    ],
)
def test_wrong_settings_bend_bytes_as_a_line_does(
    device: SerialSettings, host: SerialSettings, arrives: bytes
) -> None:
    line = SerialLine(device, host)
    sent = bytes([arrives[0] & 0x7F]) if device.bits == 7 else bytes([arrives[0] | 0x80])
    assert line.to_host(sent) == arrives


def test_another_baud_rate_leaves_nothing_readable() -> None:
    line = SerialLine(SerialSettings(9600), SerialSettings(4800))
    assert not set(line.to_host(b"0123456789")) & set(b"0123456789")


def test_a_printer_tells_its_name_and_status_and_forgets_at_a_reset() -> None:
    host = Host(UsbPrinter(), ESCPOS)
    assert host.control(0xA1, 0) == struct.pack(">H", 2 + len(ESCPOS_ID)) + ESCPOS_ID.encode()
    function = host.device.function
    assert isinstance(function, UsbPrinter)
    assert host.control(0xA1, 1) == b"\x18"
    function.status.paper_empty = function.status.fault = True
    assert host.control(0xA1, 1) == b"\x30"
    assert host.control(0x21, 2) == b""
    assert function.resets == 1


def typed(wedge: Wedge, text: str) -> list[str]:
    host = Host(wedge, SCANNER)
    wedge.scan(text, terminator="")
    reports = [host.outcome(host.read(1, 8)) for _ in range(wedge.queued)]
    return [report.hex() for report in reports if isinstance(report, bytes) and any(report)]


def test_letters_are_typed_with_shift_as_needed() -> None:
    assert typed(Wedge(), "aA1!") == [
        "0000040000000000",
        "0200040000000000",
        "00001e0000000000",
        "02001e0000000000",
    ]


def test_caps_turns_letters_about_and_leaves_digits() -> None:
    assert typed(Wedge(caps=True), "aB1") == ["0200040000000000", "0000050000000000", "00001e0000000000"]


def test_a_group_separator_is_typed_as_the_scanner_is_set_up() -> None:
    assert typed(Wedge(controls=ControlKeys.CTRL), "\x1d") == ["0100300000000000"]
    assert typed(Wedge(controls=ControlKeys.ALT), "\x1d") == ["0400625a61000000"]
    with pytest.raises(CommandError):
        typed(Wedge(), "\x1d")


def test_in_alt_mode_every_character_is_spelt_by_its_number_and_the_end_is_a_key() -> None:
    assert typed(Wedge(spells=True), "S\n") == ["040062605b000000", "0000280000000000"]


async def test_a_key_of_a_keyboard_scanner_sticks_and_is_let_go_by_an_order() -> None:
    wedge = Wedge()
    host = Host(wedge, SCANNER)
    control = UsbControl({}, {"wedge": host.device}, seed=1)
    await control.obey("usb wedge stick a")
    assert host.outcome(host.read(1, 8)) == bytes.fromhex("0000040000000000")
    await control.obey("usb wedge let-go")
    assert host.outcome(host.read(1, 8)) == bytes(8)
    with pytest.raises(CommandError):
        await control.obey("usb wedge stick ab")
    with pytest.raises(CommandError):
        await UsbControl({}, {"lp": UsbDevice(UsbPrinter(), ESCPOS)}, seed=1).obey("usb lp stick a")


def test_a_long_scan_is_told_in_parts() -> None:
    scanner = HidPos()
    host = Host(scanner)
    data = bytes(range(120))
    scanner.scan(data, symbology=3)
    reports = [host.outcome(host.read(1, 64)) for _ in range(scanner.queued)]
    assert [len(report) for report in reports if isinstance(report, bytes)] == [64, 64, 64]
    assert b"".join(report[2 : 2 + report[1]] for report in reports if isinstance(report, bytes)) == data
    assert [report[63] for report in reports if isinstance(report, bytes)] == [1, 1, 0]


def test_a_hid_scale_says_what_its_reports_can() -> None:
    assert report(Indication(Decimal("113.5"), "oz")).hex() == "03040bff6f04"
    assert report(Indication(Decimal("0.000"), "kg", tare=Decimal("0.005"))).hex() == "030503fd0500"
    assert report(Indication(Decimal("70.000"), "kg")).hex() == "030603000000", "more than 16 bits can count"


def test_a_hid_scale_is_zeroed_by_bit_1_of_its_control_report() -> None:
    half = HidScaleDeviceHalf(Options(SPEC.options))
    asked = [half.feed(report)[0] for report in (b"\x02\x02", b"\x02\x01", b"\x07")]
    assert [getattr(request, "ask", None) for request in asked] == [Ask.ZERO, Ask.UNKNOWN, None]


def test_a_printers_port_status_follows_its_sensors() -> None:
    args = argparse.ArgumentParser()
    add_arguments(args)
    paper, device = KINDS["printer"](args.parse_args(["printer"]), None)
    assert isinstance(paper, PrinterSim)
    host = Host(device.function, ESCPOS)
    assert host.control(0xA1, 1) == b"\x18"
    paper.path.load_roll(0)
    assert host.control(0xA1, 1) == b"\x30"
    paper.path.load_roll(1000)
    assert host.control(0xA1, 1) == b"\x18"


def test_a_class_request_that_a_hid_scale_does_not_know_is_stalled() -> None:
    host = Host(HidScale(), SCALE)
    assert host.control(0x21, 9, data=b"\x02\x02") == b""
    assert host.control(0x21, 9, data=b"\x07\x00") == STALL


@pytest.mark.parametrize(("language", "command"), [("escpos", "ESC/POS"), ("tspl", "XPP,XL"), ("zpl", "ZPL")])
def test_a_printer_is_named_for_its_language(language: str, command: str) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    _, device = KINDS["printer"](parser.parse_args(["printer", "--language", language]), None)
    told = Host(device.function, device.identity).control(0xA1, 0)
    assert isinstance(told, bytes)
    assert f":{command};".encode() in told
