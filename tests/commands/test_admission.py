"""Which orders are for this booth, genuine and in time; the rest is refused with its reason."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from edge_agent.commands.admission import SPREAD_S, Admission, spread_ms
from edge_agent.commands.keyring import Keyring
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.errors import CommandError, ConfigError
from edge_agent.sdk.values import ClockQuality
from edge_agent.uplink.orders import CommandMessage, Refused, read_command, read_order
from tests.commands.signing import BOOTH, SigningKey, command

KEY, NEXT_KEY, FOREIGN_KEY = SigningKey("2026-a"), SigningKey("2026-b"), SigningKey("2026-a")
KEYS = {KEY.id: KEY.public, NEXT_KEY.id: NEXT_KEY.public}
GROUPS = frozenset({"north"})


def admission(*, required: bool = True, floor_ms: int = 0) -> Admission:
    return Admission(BOOTH, Keyring(KEYS, required=required), GROUPS, lambda: floor_ms)


async def code_of(message: CommandMessage, rules: Admission | None = None) -> str:
    try:
        await (rules or admission()).check(message)
    except CommandError as error:
        return error.code
    return ""


def altered(payload: bytes, change: Callable[[dict[str, object]], object]) -> bytes:
    document = json.loads(payload)
    change(document)
    return json.dumps(document).encode()


@pytest.mark.parametrize("key", [KEY, NEXT_KEY], ids=["the present key", "the next key"])
async def test_an_order_signed_with_either_key_is_taken(key: SigningKey) -> None:
    assert await code_of(read_command(command(key), BOOTH)) == ""


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (command(), "command.unsigned"),
        (command(FOREIGN_KEY), "command.signature"),
        (command(SigningKey("1999-x")), "command.key_unknown"),
        (command(KEY, to=None), "command.foreign"),
        (command(KEY, to="B-0002"), "command.foreign"),
        (command(KEY, to="_all"), "command.foreign"),
        (command(KEY, to="_g/south"), "command.foreign"),
        (command(KEY, counter=None), "command.counter"),
    ],
)
async def test_what_is_not_genuine_or_not_for_us_is_refused(payload: bytes, code: str) -> None:
    assert await code_of(read_command(payload, BOOTH)) == code


@pytest.mark.parametrize(
    "change",
    [
        lambda order: order.update(type="agent.restart"),
        lambda order: order["args"].update(device="scale-2"),
        lambda order: order.update(counter=2),
        lambda order: order.update(notafter="2099-01-01T00:00:00Z"),
        lambda order: order.update(added="unknown to us, and signed all the same"),
        lambda order: order.pop("issuedby"),
        lambda order: order.update(keyid="2026-b"),
    ],
)
async def test_a_change_of_any_member_breaks_the_signature(
    change: Callable[[dict[str, object]], object],
) -> None:
    payload = command(KEY, args={"device": "scale-1"})
    assert await code_of(read_command(altered(payload, change), BOOTH)) == "command.signature"


async def test_blanks_and_the_order_of_members_do_not_matter() -> None:
    document = json.loads(command(KEY))
    spelled = json.dumps(dict(reversed(document.items())), indent=3).encode()
    assert await code_of(read_command(spelled, BOOTH)) == ""


async def test_a_signature_that_nobody_asked_for_is_checked_where_the_key_is_known() -> None:
    rules = admission(required=False)
    assert await code_of(read_command(command(), BOOTH), rules) == ""
    assert await code_of(read_command(command(KEY), BOOTH), rules) == ""
    assert await code_of(read_command(command(FOREIGN_KEY), BOOTH), rules) == "command.signature"
    without_keys = Admission(BOOTH)
    assert await code_of(read_command(command(KEY), BOOTH), without_keys) == ""


@pytest.mark.parametrize(
    ("to", "addressee", "code"),
    [
        (BOOTH, BOOTH, ""),
        (None, BOOTH, ""),
        (None, "_all", ""),
        ("_all", "_all", ""),
        ("_g/north", "_g/north", ""),
        ("_g/north", "_all", "command.foreign"),
        (BOOTH, "_all", "command.foreign"),
        ("B-0002", BOOTH, "command.foreign"),
        ("_g/south", "_g/south", "command.foreign"),
    ],
)
async def test_the_order_and_its_topic_name_the_same_addressee(
    to: str | None, addressee: str, code: str
) -> None:
    message = read_command(command(to=to), addressee)
    assert await code_of(message, admission(required=False)) == code


def test_the_check_is_that_of_rfc_8032() -> None:
    """Section 7.1, test 2."""
    public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    signature = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    ring = Keyring({"rfc": _base64(public)}, required=True)
    assert ring.check(b"\x72", "rfc", _base64(signature))
    with pytest.raises(CommandError):
        ring.check(b"\x73", "rfc", _base64(signature))


def _base64(digits: str) -> str:
    return base64.b64encode(bytes.fromhex(digits)).decode()


@pytest.mark.parametrize("public", ["", "x", "AAAA", "!" * 44])
def test_a_key_that_is_none_is_a_fault_of_the_configuration(public: str) -> None:
    with pytest.raises(ConfigError):
        Keyring({"k": public}, required=True)


def test_a_key_that_is_no_point_of_the_curve_takes_nothing() -> None:
    ring = Keyring({"k": base64.b64encode(b"\xff" * 32).decode()}, required=True)
    with pytest.raises(CommandError):
        ring.check(b"x", "k", base64.b64encode(bytes(64)).decode())


def test_cryptography_is_not_imported_before_a_signature_comes() -> None:
    program = (
        "import sys; from edge_agent.commands.keyring import Keyring; Keyring({}, required=False);"
        "import edge_agent.app; sys.exit('cryptography' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


async def test_a_signature_is_checked_after_the_import_outside_of_the_loop() -> None:
    ring = Keyring(KEYS, required=True)
    await ring.load()
    assert "cryptography" in sys.modules


# Refused before anything else


@pytest.mark.parametrize(
    ("payload", "identity", "code"),
    [
        (b"{", "", "message.invalid"),
        (b'{"id":"c-9","type":7}', "c-9", "message.invalid"),
        (b'{"id":"../x","type":"a.b"}', "", "message.invalid"),
        (b'{"id":"c-9","type":"a.b","args":{"x":1.5}}', "", "message.invalid"),
        (b'{"id":"c-9","type":"a.b","counter":0}', "c-9", "message.invalid"),
        (b'{"id":"c-9","type":"a.b","spread":3601}', "c-9", "message.invalid"),
        (b'{"id":"c-9","type":"a.b","signature":"short"}', "c-9", "message.invalid"),
        (b'{"id":"c-9","type":"a.b","args":{"x":"' + b"y" * 70_000 + b'"}}', "", "message.too_large"),
    ],
)
def test_an_unreadable_order_is_refused_with_its_id_where_there_is_one(
    payload: bytes, identity: str, code: str
) -> None:
    refused = read_order(payload, BOOTH)
    assert isinstance(refused, Refused)
    assert (refused.id, refused.error.code) == (identity, code)


def test_a_retained_order_is_refused() -> None:
    refused = read_order(command(KEY), BOOTH, retained=True)
    assert isinstance(refused, Refused)
    assert (refused.id, refused.error.code) == ("c-1", "command.retained")


# Time


@pytest.mark.parametrize(
    ("quality", "floor_ms", "expired", "unchecked"),
    [
        (ClockQuality.NTP, 0, True, False),
        (ClockQuality.HELD, 0, True, False),
        (ClockQuality.RTC, 0, True, False),
        (ClockQuality.NONE, 0, False, True),
        (ClockQuality.NONE, 1_700_000_001_001, True, True),  # late already at the last time that was known
    ],
)
def test_a_box_that_does_not_know_the_time_calls_late_only_what_it_knows_to_be(
    quality: ClockQuality, floor_ms: int, expired: bool, unchecked: bool
) -> None:
    clock = ManualClock(utc_ms=1_800_000_000_000)
    clock.quality = quality
    message = read_command(command(notafter="2023-11-14T22:13:21Z"), BOOTH)
    rules = admission(floor_ms=floor_ms)
    assert rules.expired(message, clock) is expired
    assert rules.may_be_expired(message, clock) is unchecked


# Many booths


def test_an_order_to_one_booth_is_carried_out_at_once() -> None:
    assert admission().delay_s(read_command(command(), BOOTH)) == 0


@pytest.mark.parametrize(("spread", "bound_s"), [(None, SPREAD_S), (600, 600), (0, 0)])
def test_a_fleet_is_spread_within_the_bound(spread: int | None, bound_s: int) -> None:
    message = read_command(command(to="_all", spread=spread), "_all")
    booths = [Admission(f"B-{number:04d}") for number in range(500)]
    delays = [one.delay_s(message) for one in booths]
    assert all(0 <= delay <= bound_s for delay in delays)
    if bound_s:
        tenths = [sum(i * bound_s / 10 <= d < (i + 1) * bound_s / 10 for d in delays) for i in range(10)]
        assert min(tenths) > 25, "half of an even share in each tenth"


def test_the_place_in_the_spread_is_the_documented_one() -> None:
    """SHA-256 of "B-0001/c-1", first eight bytes, modulo 30,000 ms; so that a centre can foretell it."""
    assert spread_ms("B-0001", "c-1", 30) == 25_832
    assert spread_ms("B-0001", "c-1", 0) == 0
