"""Printing over a real network port and a real pty, in every language: proof, paper out, a plug pulled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge_agent.links.open import open_link
from edge_agent.sdk.ports import ByteLink
from simulators.endpoints import Endpoint, PtyEndpoint, TcpEndpoint
from simulators.printer import PrinterSim
from tests.drivers.label_bench import SPECS, WIDTH
from tests.drivers.port_desk import (
    Desk,
    is_printed_and_proved,
    is_unknown_after_a_pull_and_then_right,
    tells_paper_out,
)

PORTS = ("pty", "tcp")


class PortDesk(Desk):
    """A printer behind a pty or a network port."""

    def __init__(self, folder: Path, port: str, language: str) -> None:
        super().__init__(language)
        self.end: Endpoint = PtyEndpoint(folder, "printer") if port == "pty" else TcpEndpoint()
        self.printer = PrinterSim(
            self,
            self.pace,
            language=language,
            width_dots=WIDTH,
            speed_mm_s=2000,
            keeps_half_command=port == "pty",  # a serial printer does not notice that its host is gone
        )

    @property
    def url(self) -> str:
        return self.end.url

    @property
    def connected(self) -> bool:
        return self.end.connected

    async def open_port(self) -> ByteLink:
        return await open_link(self.url, self.spec.serial, device="p1")

    async def start(self) -> None:
        await self.end.start()

    async def close(self) -> None:
        await self.end.close()

    async def plug(self) -> None:
        await self.end.plug()

    async def unplug(self) -> None:
        await self.end.unplug()

    async def read(self) -> bytes:
        return await self.took(await self.end.read())

    async def write(self, data: bytes) -> None:
        self.said += 1
        await self.end.write(data)


@pytest.fixture(params=[(port, language) for port in PORTS for language in SPECS], ids="-".join)
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PortDesk]:
    port, language = request.param
    made = PortDesk(tmp_path, port, language)
    async with made.switched_on():
        yield made


async def test_a_label_is_printed_and_proved(desk: PortDesk) -> None:
    async with desk.opened():
        await is_printed_and_proved(desk)


async def test_paper_out_in_mid_label_is_told(desk: PortDesk) -> None:
    async with desk.opened():
        await tells_paper_out(desk)


async def test_a_plug_pulled_in_mid_label_leaves_it_unknown_and_the_next_one_right(desk: PortDesk) -> None:
    await is_unknown_after_a_pull_and_then_right(desk)
