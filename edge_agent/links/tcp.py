"""TCP connections to devices with a network port (label printers on 9100, serial device servers).

Owns: connecting within a time limit, and noticing a peer that went silent. Must not know: what is connected.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import re
import socket
from collections.abc import Sequence

from edge_agent.links.blocking import in_thread, is_occupied
from edge_agent.links.descriptor import DescriptorLink
from edge_agent.links.failures import opening_failure, opening_timeout
from edge_agent.sdk.errors import ConfigError, LinkError

CONNECT_TIMEOUT_S = 5.0  # three SYNs (1 s and 2 s apart): who did not answer by then is not there
USER_TIMEOUT_MS = (
    30_000  # a peer that confirms nothing for this long is gone; a printer may pause, TCP does not
)
KEEPALIVE_IDLE_S = (
    10  # a silent connection is asked after this, then each KEEPALIVE_GAP_S, until USER_TIMEOUT_MS
)
KEEPALIVE_GAP_S = 5
KEEPALIVE_COUNT = 4
OPTIONS = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_GAP_S),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_COUNT),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS),
)
LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
HOST = re.compile(rf"(?=.{{1,253}}\Z){LABEL}(?:\.{LABEL})*\.?")
ADDRESS = re.compile(r"(?:\[(?P<v6>[^\[\]]{1,80})\]|(?P<host>[^:\[\]]{1,253})):(?P<port>[0-9]{1,5})")
FORM_HINT = "write it as tcp:192.168.1.50:9100, tcp:printer.local:9100 or tcp:[fe80::1%eth0]:9100"
DENIED_HINT = "a firewall of the box or IPAddressDeny= of the service forbids this address"

Found = tuple[int, tuple[object, ...]]  # address family and socket address


class TcpLink(DescriptorLink):
    """A ByteLink on a TCP connection."""

    @classmethod
    async def open(cls, address: str, *, device: str) -> TcpLink:
        """Connect to the first of the host's addresses that answers."""
        url = f"tcp:{address}"
        host, port = split_address(address)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                connection = await _connect(await _resolve(host, port, url, device), url, device)
        except TimeoutError:
            raise opening_timeout(url, device, CONNECT_TIMEOUT_S) from None
        return cls(connection.detach(), url, device)


def split_address(address: str) -> tuple[str, int]:
    """Host (without brackets) and port of HOST:PORT or [V6]:PORT. Raises ConfigError."""
    match = ADDRESS.fullmatch(address)
    if match is None:
        raise ConfigError("config.port_url", f"{address[:80]!a} is no HOST:PORT", hint=FORM_HINT)
    host, port = match["v6"] or match["host"], int(match["port"])
    if not 1 <= port <= 65535:
        raise ConfigError("config.port_url", f"{port} is no TCP port", hint="a port is 1 to 65535")
    if not (_is_v6(host) if match["v6"] else HOST.fullmatch(host)):
        raise ConfigError("config.port_url", f"{host[:80]!a} is no host", hint=FORM_HINT)
    return host, port


def _is_v6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return host.isascii() and host.isprintable()


async def _resolve(host: str, port: int, url: str, device: str) -> Sequence[Found]:
    """The addresses of the host. Only a name needs the resolver, which blocks, so it gets a thread."""
    try:
        return _look_up(host, port, socket.AI_NUMERICHOST)
    except OSError:
        pass  # a name
    if is_occupied(url):
        raise LinkError("link.busy", f"{url}: an earlier name look-up still hangs", device=device)
    try:
        return await in_thread(url, lambda: _look_up(host, port, 0), CONNECT_TIMEOUT_S)
    except TimeoutError:
        raise
    except OSError as error:
        raise LinkError(
            "link.absent",
            f"cannot open {url}: the name is unknown",
            device=device,
            hint="check the name, or use the address in numbers",
        ) from error


def _look_up(host: str, port: int, flags: int) -> Sequence[Found]:
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, address) for family, _, _, _, address in answers]


async def _connect(found: Sequence[Found], url: str, device: str) -> socket.socket:
    failure = opening_failure(None, url, device, denied_hint=DENIED_HINT)
    for family, address in found:
        try:
            return await _connect_to(family, address)
        except OSError as error:
            failure = opening_failure(error.errno, url, device, denied_hint=DENIED_HINT)
    raise failure


async def _connect_to(family: int, address: tuple[object, ...]) -> socket.socket:
    with contextlib.ExitStack() as undo:
        connection = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
        connection.setblocking(False)
        for level, option, value in OPTIONS:
            connection.setsockopt(level, option, value)
        await asyncio.get_running_loop().sock_connect(connection, address)
        _refuse_itself(connection)
        undo.pop_all()
    return connection


def _refuse_itself(connection: socket.socket) -> None:
    """On loopback a connection to a port without a listener can meet itself and echo what we send."""
    if connection.getsockname() == connection.getpeername():
        raise ConnectionRefusedError(errno.ECONNREFUSED, "connected to itself")
