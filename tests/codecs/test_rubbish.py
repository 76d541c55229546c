"""Rubbish into every codec: no exception, no growing memory, and the next good frame is read."""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from edge_agent.sdk.driver import Options
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.ports import Codec
from edge_agent.sdk.testing import Golden
from tests.codecs.catalogue import ask, differences, every_frame, frames, shown, specs, unasked_codec_for

RUBBISH_BYTES = 100_000
HELD_LIMIT = 32_768  # a codec's buffers are at most 4 KiB; the rest is room for the allocator
ERROR_LIMIT = 8_192  # bytes that one error may carry with it
SEED = random.SystemRandom().randrange(1 << 32)


def is_readable(golden: Golden) -> bool:
    return golden.expect.get("status") != "invalid_frame"


def rubbish(seed: int, size: int = RUBBISH_BYTES) -> list[bytes]:
    """Random bytes, in chunks of 1 to 4,096, with long stretches of one byte in between."""
    choose = random.Random(seed)
    chunks: list[bytes] = []
    while size > 0:
        length = min(size, choose.choice((1, 2, 7, 64, 4096)))
        chunks.append(choose.choice((choose.randbytes(length), choose.randbytes(1) * length)))
        size -= length
    return chunks


def swallow(codec: Codec[Any], chunks: list[bytes]) -> None:
    """Feed it all; every value must be one that can be shown, every error bounded."""
    for chunk in chunks:
        for value in [*codec.feed(chunk)]:
            shown(value)
            assert not isinstance(value, ProtocolError) or len(value.data) <= ERROR_LIMIT


def settings(protocol: str) -> list[dict[str, Any]]:
    """The settings that its golden frames use, and none."""
    found: list[dict[str, Any]] = [{}]
    for golden in frames(protocol):
        if golden.options not in found:
            found.append(golden.options)
    return found


@pytest.mark.parametrize("protocol", sorted(specs()))
def test_rubbish_gives_values_or_protocol_errors_and_nothing_else(protocol: str) -> None:
    spec = specs()[protocol]
    for given in settings(protocol):
        print(f"{protocol} {given} seed {SEED}")
        codec = spec.decoder(Options(spec.options, given))
        swallow(codec, rubbish(SEED))
        for value in codec.flush():
            shown(value)
        assert list(codec.flush()) == []


@contextmanager
def only_new_garbage() -> Iterator[None]:
    """Collecting looks through what is made from here on, not through all that the test runner holds."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@pytest.mark.parametrize("protocol", sorted(specs()))
def test_rubbish_does_not_stay_in_memory(protocol: str) -> None:
    spec = specs()[protocol]
    for given in settings(protocol):
        print(f"{protocol} {given} seed {SEED}")
        codec = spec.decoder(Options(spec.options, given))
        chunks = rubbish(SEED)
        swallow(codec, chunks[:10])
        with only_new_garbage():
            tracemalloc.start()
            swallow(codec, chunks)
            gc.collect()
            held, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert held < HELD_LIMIT


@partial(every_frame, which=is_readable)
def test_the_next_good_frame_is_read_after_rubbish_and_a_silence(protocol: str, golden: Golden) -> None:
    print(f"seed {SEED}")
    codec = unasked_codec_for(protocol, golden)
    swallow(codec, rubbish(SEED, 2_000))
    codec.flush()
    ask(codec, golden)
    values = [value for chunk in golden.chunks for value in codec.feed(chunk)]
    assert differences([*values, *codec.flush()], golden) == {}
