"""A keyboard-wedge scanner on a real kernel: what evdev gives of fast typing, and what a grab is worth."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator

import evdev
import pytest
from evdev import ecodes

from simulators.usb.wedge import SCANNER, ControlKeys, Wedge
from tests.vm.bench import Bench, Simulated, bench
from tests.vm.inside import EVENTUALLY_S, eventually, in_guest

NODE = "/dev/input/by-path/{path}:1.0-event-kbd"
LETTERS = {getattr(ecodes, f"KEY_{letter}"): letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"}
KEYS = {**LETTERS, ecodes.KEY_MINUS: "-", ecodes.KEY_RIGHTBRACE: "]", ecodes.KEY_ENTER: "\n"}
AT_ONCE = 5  # characters: the kernel keeps 64 events for a reader, and one with Shift makes ten
SHIFTS = {ecodes.KEY_LEFTSHIFT, ecodes.KEY_RIGHTSHIFT}


def scanner(devices: Bench, wedge: Wedge) -> Simulated:
    one = Simulated(devices, wedge, SCANNER, NODE)
    one.insert()
    return one


def events(node: evdev.InputDevice, timeout_s: float) -> Iterator[evdev.InputEvent]:
    """Key and drop events until nothing comes for so long."""
    while select.select([node.fd], [], [], timeout_s)[0]:
        yield from node.read()


class Decoder:
    """Key events as a plain decoder sees them: Shift by its own state, Caps Lock ignored."""

    def __init__(self, node: evdev.InputDevice) -> None:
        self._node = node
        self._held: set[int] = set()

    def take(self, characters: int) -> str:
        """The next so many characters; Enter is a line feed."""
        text = ""
        for event in events(self._node, EVENTUALLY_S):
            assert (event.type, event.code) != (ecodes.EV_SYN, ecodes.SYN_DROPPED), f"lost after {text}"
            if event.type == ecodes.EV_KEY:
                text += self._character(event)
            if len(text) == characters and not self._held:
                return text
        return text

    def _character(self, event: evdev.InputEvent) -> str:
        if event.value == 0:
            self._held.discard(event.code)
        if event.value != 1:
            return ""
        self._held.add(event.code)
        character = KEYS.get(event.code, "")
        return character if self._held & SHIFTS else character.lower()


def scanned(devices: Bench, one: Simulated, decoder: Decoder, text: str) -> str:
    """What a reader that keeps up gets of a scan.

    The kernel forgets what a reader leaves too long, and on a busy host no reader is always there in time: so
    the scanner types on when its last keys have been taken.
    """
    got = ""
    typed = text + "\n"
    for at in range(0, len(typed), AT_ONCE):
        piece = typed[at : at + AT_ONCE]
        devices.tell(one.function.scan, piece, "")
        got += decoder.take(len(piece))
    return got


@in_guest
def test_twenty_scans_arrive_whole_where_the_reader_keeps_up() -> None:
    with bench() as devices:
        one = scanner(devices, Wedge())
        node = evdev.InputDevice(str(one.node))
        node.grab()
        decoder = Decoder(node)
        for number in range(20):
            text = f"LOT-{number:06}"
            assert scanned(devices, one, decoder, text) == text + "\n"
        node.close()


@in_guest
def test_mixed_case_is_typed_with_shift() -> None:
    with bench() as devices:
        one = scanner(devices, Wedge())
        node = evdev.InputDevice(str(one.node))
        assert scanned(devices, one, Decoder(node), "Ab-12-cD") == "Ab-12-cD\n"
        node.close()


@in_guest
def test_a_scanner_set_for_caps_lock_types_letters_turned_about() -> None:
    with bench() as devices:
        one = scanner(devices, Wedge(caps=True))
        node = evdev.InputDevice(str(one.node))
        assert scanned(devices, one, Decoder(node), "Ab12") == "aB12\n"
        node.close()


@pytest.mark.parametrize("controls", ["ctrl", "alt"])
@in_guest
def test_a_group_separator_is_seen_as_its_keys(controls: str) -> None:
    with bench() as devices:
        one = scanner(devices, Wedge(controls=ControlKeys(controls)))
        node = evdev.InputDevice(str(one.node))
        devices.tell(one.function.scan, "\x1d")
        keys = []
        for event in events(node, EVENTUALLY_S):
            if event.type == ecodes.EV_KEY and event.value == 1:
                keys.append(event.code)
            if event.code == ecodes.KEY_ENTER:
                break
        wanted = {
            "ctrl": [ecodes.KEY_LEFTCTRL, ecodes.KEY_RIGHTBRACE],
            "alt": [ecodes.KEY_LEFTALT, ecodes.KEY_KP0, ecodes.KEY_KP2, ecodes.KEY_KP9],
        }[controls]
        assert keys == [*wanted, ecodes.KEY_ENTER]
        node.close()


@in_guest
def test_a_grabbed_scanner_starves_every_other_reader() -> None:
    with bench() as devices:
        one = scanner(devices, Wedge())
        ours, other = evdev.InputDevice(str(one.node)), evdev.InputDevice(str(one.node))
        grabbing, starving = Decoder(ours), Decoder(other)
        assert scanned(devices, one, grabbing, "SEEN") == starving.take(5) == "SEEN\n"
        ours.grab()
        with pytest.raises(OSError, match="busy"):
            other.grab()
        assert scanned(devices, one, grabbing, "HIDDEN") == "HIDDEN\n"
        assert not list(events(other, 0.2)), "what the grabber has read, nobody else gets"
        ours.ungrab()
        assert scanned(devices, one, starving, "SEEN-AGAIN") == "SEEN-AGAIN\n"
        ours.close()
        other.close()


@in_guest
def test_a_reader_that_slept_through_a_burst_is_told_of_the_loss() -> None:
    with bench() as devices:
        one = scanner(devices, Wedge())
        node = evdev.InputDevice(str(one.node))
        for number in range(10):
            devices.tell(one.function.scan, f"BURST-{number:06}")
        eventually(lambda: one.function.queued == 0, "the kernel has fetched every report")
        time.sleep(0.2)  # the last ones pass through the input layer
        codes = [(event.type, event.code) for event in events(node, 0.2)]
        assert (ecodes.EV_SYN, ecodes.SYN_DROPPED) in codes
        node.close()


@in_guest
def test_a_stuck_key_repeats_and_an_unplug_ends_it() -> None:
    with bench() as devices:
        one = scanner(devices, Wedge())
        node = evdev.InputDevice(str(one.node))
        devices.tell(one.function.stick, "5")
        repeats = 0
        for event in events(node, EVENTUALLY_S):
            repeats += event.type == ecodes.EV_KEY and event.value == 2
            if repeats >= 5:
                break
        assert repeats >= 5
        one.pull()
        with pytest.raises(OSError, match="No such device"):
            list(events(node, EVENTUALLY_S))
        node.close()


@in_guest
def test_two_identical_scanners_are_told_apart_by_path() -> None:
    with bench() as devices:
        left, right = scanner(devices, Wedge()), scanner(devices, Wedge())
        assert os.path.realpath(left.node) != os.path.realpath(right.node)
        nodes = [evdev.InputDevice(str(one.node)) for one in (left, right)]
        devices.tell(left.function.scan, "LEFT")
        devices.tell(right.function.scan, "RITE")
        assert [Decoder(node).take(5) for node in nodes] == ["LEFT\n", "RITE\n"]
        for node in nodes:
            node.close()
