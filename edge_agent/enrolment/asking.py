"""The first certificate: one connection to the broker's enrolment door, one request, one answer.

Owns: that conversation. Must not know: keys, files, the seal.
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from edge_agent.enrolment.messages import Request
from edge_agent.sdk.errors import LinkError
from edge_agent.uplink.broker import Broker, Inbound, Up
from edge_agent.uplink.connection import Connection
from edge_agent.uplink.topics import Topics

ANSWER_S = 60.0  # a person at the centre may have to press a key
PATIENCE_S = 15.0


class _Ears:
    """What one conversation hears."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def went_up(self, up: Up) -> None:
        """Nothing to do: `open` has returned."""

    def went_down(self, reason: str, code: int) -> None:
        if not self.answer.done():
            self.answer.set_exception(LinkError("enrol.lost", f"the connection was lost ({code}): {reason}"))
            self.answer.exception()  # it may be that nobody waits any more

    def acknowledged(self, mid: int, reason: int) -> None:
        if reason >= 0x80 and not self.answer.done():
            self.answer.set_exception(
                LinkError("enrol.refused", f"the broker does not take message {mid} (0x{reason:02x})")
            )

    def arrived(self, message: Inbound) -> None:
        message.done()
        if not self.answer.done() and not message.retained:
            self.answer.set_result(message.payload)


async def ask(where: tuple[str, int], topics: Topics, ca: Path, request: Request, payload: bytes) -> bytes:
    """The answer's bytes, unread. Raises LinkError."""
    question, reply = topics.enrolment(request.request)
    broker = Broker(
        host=where[0],
        port=where[1],
        client_id=f"enrol-{request.request[:16]}",
        will_topic="",
        will_payload=b"",
        subscriptions=(reply,),
        tls=lambda: _context(ca),
    )
    ears = _Ears()
    link = Connection(broker, ears, 5, PATIENCE_S)
    try:
        await link.open()
        link.publish(question, payload, 1, retain=False)
        async with asyncio.timeout(ANSWER_S):
            return await ears.answer
    except TimeoutError:
        raise LinkError(
            "enrol.silent", "the centre does not answer", hint="is the code still good for this booth?"
        ) from None
    finally:
        await link.leave()
        await link.close()


def _context(ca: Path) -> ssl.SSLContext:
    """Without the authority's file on the box, the seal of the code alone tells the centre from others."""
    if ca.exists():
        context = ssl.create_default_context(cafile=str(ca))
    else:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
