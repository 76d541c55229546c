"""The real daemon in its own process, and what it tells on its socket.

Owns: its configuration file, start, stop, the watch connection. Must not know: the booth's day.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from edge_agent.sdk.errors import DeviceError

TEMPLATE = Path(__file__).with_name("demo.toml")
FOLDER, BROKER_PORT, PRINTER_PORT = "/tmp/edge-demo", "18830", "19100"  # noqa: S108 - as they stand in demo.toml
START_S = 60.0  # a loaded machine starts Python slowly
STOP_S = 10.0
LINE_BYTES = 1 << 20
WATCH = b'{"op":"watch"}\n'

News = Mapping[str, object]


def write_config(
    folder: Path,
    broker_port: int,
    printer_port: int,
    more: str = "",
    *,
    protocol: str = "auto",
    head: str = "",
) -> Path:
    """The demo's booth.toml with the places of this run, the printer's `head`, and `more` at its end."""
    text = TEMPLATE.read_text(encoding="utf-8")
    for old, new in (
        (FOLDER, str(folder)),
        (BROKER_PORT, str(broker_port)),
        (PRINTER_PORT, str(printer_port)),
        ("[uplink]\n", f'[uplink]\nprotocol = "{protocol}"\n'),
        ('driver = "escpos"\n', f'driver = "escpos"\n{head}'),
    ):
        text = text.replace(old, new)
    path = folder / "booth.toml"
    path.write_text(text + more, encoding="utf-8")
    return path


class AgentProcess:
    """`edge-agent run` on a configuration; its log goes to `log`."""

    def __init__(self, config: Path, socket: Path, log: Path, on_news: Callable[[News], None]) -> None:
        self.environment: dict[str, str] = {}  # added to ours at the next start
        self._config = config
        self._socket = socket
        self._log = log
        self._on_news = on_news
        self._process: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it and listen. Raises DeviceError with the end of its log if it does not come up."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *_leash(), sys.executable, "-P", "-m", "edge_agent", "run", "-c", str(self._config),
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,  # Ctrl-C in a terminal is for the demo, which then ends the agent
            )  # fmt: skip
        try:
            async with asyncio.timeout(START_S):
                reader, writer = await self._connect()
        except (TimeoutError, DeviceError):
            await self.stop()
            tail = self._log.read_text(encoding="utf-8", errors="replace")[-800:]
            raise DeviceError("demo.agent", f"the agent did not start: {tail}") from None
        writer.write(WATCH)
        self._listening = asyncio.create_task(self._listen(reader, writer), name="agent news")

    async def stop(self) -> int | None:
        """Stop it in order; gives its exit code."""
        process = self._process
        if process is None:
            return None
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._listening is not None:
            await asyncio.gather(self._listening, return_exceptions=True)
        return process.returncode

    async def kill(self) -> None:
        """As a power cut does it."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._listening is not None:
            await asyncio.gather(self._listening, return_exceptions=True)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def ended(self) -> int:
        """Wait until it has ended by itself, or by somebody's hand; gives its exit code."""
        if self._process is None:
            return 0
        code = await self._process.wait()
        if self._listening is not None:
            await asyncio.gather(self._listening, return_exceptions=True)
        return code

    async def ask(self, **request: object) -> dict[str, object]:
        """One operation on the agent's socket; the whole answer. Raises DeviceError if there is none."""
        try:
            reader, writer = await asyncio.open_unix_connection(self._socket, limit=LINE_BYTES)
        except OSError as error:
            raise DeviceError("demo.agent", f"the agent's socket: {error}") from error
        async with _closing(writer):
            writer.write(json.dumps(request).encode() + b"\n")
            line = await reader.readline()
        if not line:
            raise DeviceError("demo.agent", "the agent closed the connection")
        answer: dict[str, object] = json.loads(line)
        return answer

    async def status(self) -> dict[str, object]:
        """What the agent says of itself. Raises DeviceError if it does not answer."""
        result = (await self.ask(op="status")).get("result")
        if not isinstance(result, dict):
            raise DeviceError("demo.agent", "the agent gave no status")
        return result

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while True:
            if not self.running:
                raise DeviceError("demo.agent", "the agent ended")
            with contextlib.suppress(OSError):
                return await asyncio.open_unix_connection(self._socket, limit=LINE_BYTES)
            await asyncio.sleep(0.02)

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until the process ends; one that restarts by itself is listened to again."""
        while True:
            async with _closing(writer):
                with contextlib.suppress(ConnectionError):
                    while line := await reader.readline():
                        self._on_news(json.loads(line))
            try:
                reader, writer = await self._connect()
            except DeviceError:
                return
            writer.write(WATCH)


def _leash() -> list[str]:
    """What ends the agent even if we are killed: in its own session no terminal does. Without it, nothing."""
    setpriv = shutil.which("setpriv")  # of util-linux, which Debian always has
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


@contextlib.asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        yield
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
