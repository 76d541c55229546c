"""Asking an unknown printer which language it speaks, where a technician allows it: each question is told.

Owns: the order of the questions, their time, and what counts as an answer. Must not know: any language.

The shortest questions come first: what a printer takes for text must not be something that it could print.
One answer counts only if the same question is answered twice: any single byte is an answer in some language.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from edge_agent.discovery.probe import ANSWER_S, WRITE_S, probes
from edge_agent.discovery.sweep import hear
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.driver import DriverSpec, Options
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.ports import ByteLink, StatusCodec

TIMES = 2
QUIET_S = 0.2  # a reply of three lines comes in one go, or in as many packets


async def ask_printer(
    link: ByteLink, specs: Sequence[DriverSpec], clock: Clock, tell: Callable[[DriverSpec], object]
) -> list[str]:
    """The languages as which it answered, the first one only. Raises LinkError where the link is lost."""
    for spec in sorted(probes(specs), key=lambda spec: (len(spec.probe), spec.name)):
        tell(spec)
        codec: Any = spec.decoder(Options(spec.options))
        answers = [await _answers(link, spec, codec, clock) for _ in range(TIMES)]
        if all(answers):
            return [spec.name]
    return []


async def _answers(link: ByteLink, spec: DriverSpec, codec: StatusCodec[Any], clock: Clock) -> bool:
    """Whether the question was answered, by that language's replies and nothing else."""
    link.discard_input()
    codec.reset()
    codec.asked(codec.questions[0])
    await link.write(spec.probe, WRITE_S)
    heard = await hear(link, clock, ANSWER_S, quiet_s=QUIET_S)
    values = [value for chunk in heard for value in codec.feed(chunk.data)]
    values += codec.flush()
    return bool(values) and not any(isinstance(value, ProtocolError) for value in values)
