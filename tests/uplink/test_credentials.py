"""TLS: a throw-away authority, the certificate's dates, and what a failure is called."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.values import ClockQuality
from edge_agent.uplink.connection import Connection
from edge_agent.uplink.credentials import Credentials
from edge_agent.uplink.validity import validity_of
from tests.authority import Authority
from tests.conftest import Mosquitto
from tests.uplink.bench import SeenHandler, address, session_on, until
from tests.waiting import passing

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def tls_broker(mosquitto_binary: str, tmp_path: Path, authority: Authority) -> Iterator[Mosquitto]:
    broker = _broker(mosquitto_binary, tmp_path, authority, authority.issue("127.0.0.1", server=True))
    yield broker
    broker.close()


def _broker(binary: str, folder: Path, authority: Authority, files: tuple[Path, Path]) -> Mosquitto:
    broker = Mosquitto(
        binary,
        folder,
        f"cafile {authority.ca}\ncertfile {files[0]}\nkeyfile {files[1]}\nrequire_certificate true\n",
    )
    broker.start()
    return broker


def _credentials(authority: Authority, name: str = "B1", **dates: datetime) -> Credentials:
    cert, key = authority.issue(name, **dates)
    return Credentials(authority.ca, cert, key, now())


def now() -> ManualClock:
    """The test machine's own time: certificates are checked against that."""
    return ManualClock(utc_ms=int(datetime.now(UTC).timestamp() * 1000))


async def _first_failure(broker: Mosquitto, files: Credentials) -> str:
    where = address(broker.port, protocol="5", tls=files.context, explain=files.explain)
    async with session_on(where, clock=ManualClock(), wait=False) as (_, handler):
        await until(lambda: handler.downs)
        return handler.downs[0]


async def test_it_works_with_a_certificate_on_both_sides(tls_broker: Mosquitto, authority: Authority) -> None:
    files = _credentials(authority)
    where = address(tls_broker.port, tls=files.context)
    async with session_on(where) as (session, handler):
        for number in range(300):
            session.publish("booth/v1/B1/dn/echo", b"x" * 2000 + str(number).encode())
        await until(lambda: len(handler.messages) == 300)
        await until(lambda: len(handler.pubacks) == 300)


async def test_a_broker_of_another_authority_is_refused_and_the_clock_is_not_blamed(
    tls_broker: Mosquitto, tmp_path: Path
) -> None:
    told = await _first_failure(tls_broker, _credentials(Authority(tmp_path / "other")))
    assert "the broker's certificate is refused" in told
    assert "clock" not in told


async def test_a_broker_by_another_name_is_refused(
    mosquitto_binary: str, tmp_path: Path, authority: Authority
) -> None:
    broker = _broker(mosquitto_binary, tmp_path, authority, authority.issue("10.0.0.1", server=True))
    try:
        told = await _first_failure(broker, _credentials(authority))
    finally:
        broker.close()
    assert "the broker's certificate is refused" in told


@pytest.mark.parametrize(
    ("begins", "ends", "word"),
    [(10 * DAY, 20 * DAY, "not yet valid"), (-20 * DAY, -10 * DAY, "expired")],
    ids=["box in the past", "box in the future"],
)
async def test_where_dates_are_to_blame_the_clock_is_named(
    mosquitto_binary: str, tmp_path: Path, authority: Authority, begins: timedelta, ends: timedelta, word: str
) -> None:
    today = datetime.now(UTC)
    server = authority.issue("127.0.0.1", server=True, begins=today + begins, ends=today + ends)
    broker = _broker(mosquitto_binary, tmp_path, authority, server)
    try:
        told = await _first_failure(broker, _credentials(authority))
    finally:
        broker.close()
    assert word in told
    assert "the box's clock says" in told


@pytest.mark.parametrize(
    ("begins", "ends", "word"),
    [(-20 * DAY, -10 * DAY, "own certificate ended"), (10 * DAY, 20 * DAY, "own certificate is good from")],
)
async def test_a_booth_certificate_out_of_its_dates_is_named(
    tls_broker: Mosquitto, authority: Authority, begins: timedelta, ends: timedelta, word: str
) -> None:
    today = datetime.now(UTC)
    told = await _first_failure(tls_broker, _credentials(authority, begins=today + begins, ends=today + ends))
    assert word in told
    assert "the box's clock says" in told


async def test_a_missing_file_is_named_and_looked_for_again(
    tls_broker: Mosquitto, authority: Authority, tmp_path: Path
) -> None:
    cert, key = authority.issue("B1")
    late = tmp_path / "late.pem"
    files = Credentials(authority.ca, late, key, now())
    clock = ManualClock()
    async with session_on(
        address(tls_broker.port, tls=files.context, explain=files.explain), clock=clock, wait=False
    ) as (_, handler):
        await until(lambda: handler.downs)
        late.write_bytes(cert.read_bytes())
        await passing(clock, lambda: handler.ups)


@pytest.mark.parametrize("which", ["ca", "cert", "key"])
@pytest.mark.parametrize(
    "content", [None, "rubbish", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"]
)
async def test_a_file_that_is_missing_or_none_is_named_with_a_code_of_its_own(
    authority: Authority, tmp_path: Path, which: str, content: str | None
) -> None:
    cert, key = authority.issue("B1")
    bad = tmp_path / "bad.pem"
    if content is not None:
        bad.write_text(content)
    paths = {"ca": authority.ca, "cert": cert, "key": key} | {which: bad}
    files = Credentials(paths["ca"], paths["cert"], paths["key"], now())
    link = Connection(address(1, tls=files.context, explain=files.explain), SeenHandler(), 5, 5.0)
    with pytest.raises(LinkError) as told:
        await link.open()
    await link.close()
    assert told.value.code == "uplink.tls"
    assert str(bad) in told.value.message
    assert "Errno" not in told.value.message


async def test_new_files_are_seen_and_used_by_the_next_connection(
    tls_broker: Mosquitto, authority: Authority
) -> None:
    cert, key = authority.issue("B1", ends=datetime.now(UTC) + 39.5 * DAY)
    files = Credentials(authority.ca, cert, key, now())
    async with session_on(address(tls_broker.port, tls=files.context)) as (session, handler):
        assert not files.changed()
        assert files.days_left() == 39
        assert files.alarms() == []
        new_cert, new_key = authority.issue("B1", ends=datetime.now(UTC) + 399.5 * DAY)
        cert.write_bytes(new_cert.read_bytes())
        key.write_bytes(new_key.read_bytes())
        assert files.changed()
        session.drop("new certificate")
        await until(lambda: len(handler.ups) == 2)
        assert files.days_left() == 399
        assert not files.changed()


def test_days_left_warn_and_a_clock_at_1970_only_makes_them_many(authority: Authority) -> None:
    clock = now()
    cert, key = authority.issue("B1", ends=datetime.now(UTC) + 10 * DAY)
    files = Credentials(authority.ca, cert, key, clock)
    files.context()
    assert files.alarms() == ["certificate_expiring"]
    clock.jump_utc(-50 * 365 * 86_400_000)
    clock.quality = ClockQuality.NONE
    assert files.alarms() == []
    assert "nothing vouches for it" in files.explain("connection closed")


@given(st.binary(max_size=400))
def test_what_is_no_certificate_is_a_value_error(rubbish: bytes) -> None:
    for pem in (rubbish, b"-----BEGIN CERTIFICATE-----" + rubbish + b"-----END CERTIFICATE-----"):
        with pytest.raises(ValueError, match=r".+"):
            validity_of(pem)


def test_a_certificate_with_a_byte_changed_never_breaks_the_reading(authority: Authority) -> None:
    cert, _ = authority.issue("B1")
    der = ssl.PEM_cert_to_DER_cert(cert.read_text())
    for at in range(len(der)):
        for bit in (0x01, 0x80):
            changed = bytearray(der)
            changed[at] ^= bit
            with contextlib.suppress(ValueError):
                validity_of(ssl.DER_cert_to_PEM_cert(bytes(changed)).encode())
            with contextlib.suppress(ValueError):
                validity_of(ssl.DER_cert_to_PEM_cert(der[:at]).encode())


def test_dates_before_and_after_2050_are_read(authority: Authority) -> None:
    for year in (2049, 2050, 2100):
        ends = datetime(year, 6, 1, 12, 30, 5, tzinfo=UTC)
        cert, _ = authority.issue("B1", ends=ends)
        found = validity_of(cert.read_bytes())
        assert found.not_after_ms == int(ends.timestamp() * 1000)
        life = found.not_after_ms - found.not_before_ms
        assert found.renew_from_ms() == found.not_before_ms + life * 2 // 3
