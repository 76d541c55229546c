"""Run in a network of its own: connects, cuts the network, prints the code that the pending read gives."""

import asyncio
import socket
import subprocess

from edge_agent.links import tcp
from edge_agent.sdk.errors import LinkError

QUICK = {socket.TCP_KEEPIDLE: 1, socket.TCP_KEEPINTVL: 1, socket.TCP_USER_TIMEOUT: 1000}


def hurry(option: tuple[int, int, int]) -> tuple[int, int, int]:
    level, name, value = option
    return level, name, QUICK.get(name, value) if level == socket.IPPROTO_TCP else value


def loopback(state: str) -> None:
    subprocess.run(["ip", "link", "set", "lo", state], check=True)


async def main() -> None:
    loopback("up")
    tcp.OPTIONS = tuple(hurry(option) for option in tcp.OPTIONS)  # type: ignore[assignment]  # same shape
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = await tcp.TcpLink.open(f"127.0.0.1:{server.getsockname()[1]}", device="printer")
        loopback("down")
        try:
            await asyncio.wait_for(link.read(), 20)
        except LinkError as error:
            print(error.code)
        await link.close()


asyncio.run(main())
