"""The server's half of MQTT, fed with every packet there is in every order: it never raises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from simulators.broker.conversation import Conversation
from simulators.broker.faults import Faults
from simulators.broker.registry import Registry
from simulators.broker.router import Router
from simulators.broker.shared import Shared, Stats
from simulators.mqtt.codec import encode
from simulators.mqtt.packets import Connect, Packet, Publish, Subscribe, Topic, Version
from tests.simulators.mqtt_broker.test_packets import packets_5, packets_311

NAMES = st.sampled_from(["a", "b", ""])
PAYLOAD = st.just(b"x")
FILTERS = st.sampled_from(["#", "t", "$share/g/#"])
likely = st.one_of(
    st.builds(Connect, NAMES, st.sampled_from(Version), st.booleans()),
    st.builds(
        Publish,
        st.sampled_from(["t", "t/u"]),
        PAYLOAD,
        st.just(1),
        st.booleans(),
        packet_id=st.integers(1, 3),
    ),
    st.builds(
        Subscribe,
        st.just(1),
        st.lists(st.builds(Topic, FILTERS, st.integers(0, 2)), min_size=1).map(tuple),
    ),
)
steps = st.lists(st.tuples(st.integers(0, 2), likely | packets_5 | packets_311), max_size=25)


class Wire:
    """Takes everything, encodes it as a socket would."""

    writable = True

    def send(self, packet: Packet, version: Version, limit: int) -> bool:
        return len(encode(packet, version)) <= limit

    def hang_up(self) -> None:
        """Nothing to close."""

    def keep_alive(self, seconds: int) -> None:
        """No time passes."""

    def later(self, delay_s: float, deed: Callable[[], None]) -> None:
        deed()


@given(steps, st.booleans(), st.booleans())
def test_any_packets_in_any_order_are_survived_and_nothing_is_left(packets, late, lost):
    loop = asyncio.new_event_loop()
    router = Router(loop.time)
    faults = Faults(puback_delay_s=1.0 if late else 0.0, drop_every_puback=lost)
    shared = Shared(loop.time, faults, Stats(), router, Registry(router, loop))
    talks = [Conversation(shared, Wire()) for _ in range(3)]
    for number, packet in packets:
        talks[number].take([packet])
        if talks[number].over:
            talks[number] = Conversation(shared, Wire())
    for talk in talks:
        talk.ended()
    alive = [session.client_id for session in shared.registry._sessions.values() if session.outlet]
    assert alive == []
    shared.registry.close()
    loop.close()
