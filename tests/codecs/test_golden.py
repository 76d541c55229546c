"""Every golden frame of every protocol, four ways: whole, byte by byte, split at random, noise before."""

from __future__ import annotations

import random

import pytest

from edge_agent.sdk.testing import Golden, byte_by_byte, good, random_split, run_codec
from tests.codecs.catalogue import FRAMES, ask, cases, codec_for, differences, every_frame, specs

SEED = random.SystemRandom().randrange(1 << 32)


@pytest.fixture(scope="module", autouse=True)
def told_seed() -> None:
    print(f"random split seed: {SEED}")


def test_no_frame_is_left_out() -> None:
    written = [path.read_text(encoding="utf-8") for path in FRAMES.glob("*/*.toml")]
    assert len(cases()) == sum(text.count("\n[[frame]]\n") for text in written) > 0


@every_frame
def test_chunks_as_received_give_the_expected_value(protocol: str, golden: Golden) -> None:
    assert protocol in specs(), f"frames without a driver: {protocol}"
    values = run_codec(codec_for(protocol, golden), golden.chunks)
    assert differences(values, golden) == {}


@every_frame
def test_one_chunk_gives_the_same(protocol: str, golden: Golden) -> None:
    assert differences(run_codec(codec_for(protocol, golden), [golden.whole]), golden) == {}


@every_frame
def test_byte_by_byte_gives_the_same(protocol: str, golden: Golden) -> None:
    values = run_codec(codec_for(protocol, golden), byte_by_byte(golden.whole))
    assert differences(values, golden) == {}
    assert list(good(values)) == list(good(run_codec(codec_for(protocol, golden), golden.chunks)))


@every_frame
def test_any_split_gives_the_same(protocol: str, golden: Golden) -> None:
    whole = list(good(run_codec(codec_for(protocol, golden), golden.chunks)))
    for seed in range(SEED, SEED + 20):
        chunks = random_split(golden.whole, seed)
        values = run_codec(codec_for(protocol, golden), chunks)
        assert differences(values, golden) == {}, f"seed {seed}"
        assert list(good(values)) == whole, f"seed {seed}"


@every_frame
def test_noise_before_changes_nothing(protocol: str, golden: Golden) -> None:
    quiet = list(good(run_codec(codec_for(protocol, golden), golden.chunks)))
    noisy = run_codec(codec_for(protocol, golden), [golden.noise, *golden.chunks])
    assert differences(noisy, golden) == {}
    after = list(good(noisy))
    assert after[len(after) - len(quiet) :] == quiet


@every_frame
def test_a_codec_that_is_reset_remembers_nothing(protocol: str, golden: Golden) -> None:
    codec = codec_for(protocol, golden)
    run_codec(codec, [golden.whole[:-1]], silence=False)
    codec.reset()
    ask(codec, golden)
    first = run_codec(codec_for(protocol, golden), golden.chunks)
    assert run_codec(codec, golden.chunks) == first
