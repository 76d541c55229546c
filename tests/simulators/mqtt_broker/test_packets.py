"""The codec: round trips, the standard's own examples, rubbish, and bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.testing import byte_by_byte, random_split
from simulators.mqtt.codec import PacketCodec, encode
from simulators.mqtt.fields import Fields, text, varint
from simulators.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Topic,
    Unsuback,
    Unsubscribe,
    Version,
    Will,
)
from simulators.mqtt.properties import NO_PROPERTIES, Properties

# Bytes written by hand from MQTT Version 5.0 (OASIS Standard, 7 March 2019) and MQTT 3.1.1, the fields in
# the order of each packet's section; they pin the codec from outside, since encode and decode share a table.
GOLDEN = [
    (
        Version.V5,
        "10 20 00044d515454 05 ce 000a 05 11 0000000a 0001 61 00 0001 74 0001 70 0001 75 0001 77",
        Connect(
            "a", Version.V5, True, 10, Will("t", b"p", 1, False), "u", b"w", Properties(session_expiry_s=10)
        ),
    ),
    (
        Version.V311,
        "10 0d 00044d515454 04 02 003c 0001 61",
        Connect("a", Version.V311, True, 60),
    ),
    (Version.V311, "20 02 01 00", Connack(0, True)),
    (Version.V5, "20 06 00 00 03 21 0014", Connack(0, False, Properties(receive_maximum=20))),
    (Version.V5, "32 0a 0003 61 2f 62 000a 00 68 69", Publish("a/b", b"hi", 1, packet_id=10)),
    (Version.V311, "3b 09 0003 61 2f 62 000a 68 69", Publish("a/b", b"hi", 1, True, True, 10)),
    (Version.V5, "40 02 000a", Puback(10)),
    (Version.V5, "40 03 000a 10", Puback(10, 0x10)),
    (
        Version.V5,
        "82 0b 000a 02 0b 07 0003 61 2f 23 2d",
        Subscribe(10, (Topic("a/#", 1, True, True, 2),), Properties(subscription_ids=(7,))),
    ),
    (Version.V311, "82 08 000a 0003 61 2f 62 01", Subscribe(10, (Topic("a/b", 1),))),
    (Version.V5, "90 04 000a 00 01", Suback(10, (1,))),
    (Version.V5, "a2 06 000a 00 0001 61", Unsubscribe(10, ("a",))),
    (Version.V5, "b0 04 000a 00 11", Unsuback(10, (0x11,))),
    (Version.V311, "b0 02 000a", Unsuback(10)),
    (Version.V5, "c0 00", Pingreq()),
    (Version.V5, "d0 00", Pingresp()),
    (Version.V5, "e0 00", Disconnect()),
    (Version.V5, "e0 02 8e 00", Disconnect(0x8E)),
]


@pytest.mark.parametrize(("version", "wire", "packet"), GOLDEN)
def test_golden_packets_are_read_and_written(version, wire, packet):
    data = bytes.fromhex(wire)
    assert PacketCodec(version).feed(data) == [packet]
    assert encode(packet, version) == data


words = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=20)
topics = words.filter(lambda word: word and "+" not in word and "#" not in word)
ids = st.integers(1, 0xFFFF)
blobs = st.binary(max_size=200)


def optional(strategy):
    return st.none() | strategy


u32 = st.integers(0, 0xFFFF_FFFF)
message_properties = st.builds(
    Properties,
    payload_format=optional(st.integers(0, 1)),
    message_expiry_s=optional(u32),
    content_type=optional(words),
    response_topic=optional(words),
    correlation_data=optional(blobs),
    user=st.lists(st.tuples(words, words), max_size=3).map(tuple),
)
reason_properties = st.builds(
    Properties, reason_text=optional(words), user=st.lists(st.tuples(words, words), max_size=2).map(tuple)
)
wills = st.builds(Will, topics, blobs, st.integers(0, 2), st.booleans(), message_properties)
reasons = st.lists(st.integers(0, 255), max_size=5).map(tuple)

packets_5 = st.one_of(
    st.builds(
        Connect,
        words,
        st.just(Version.V5),
        st.booleans(),
        st.integers(0, 0xFFFF),
        optional(wills),
        optional(words),
        optional(blobs),
        st.builds(
            Properties,
            session_expiry_s=optional(u32),
            receive_maximum=optional(ids),
            maximum_packet_size=optional(st.integers(1, 0xFFFF_FFFF)),
        ),
    ),
    st.builds(
        Connack,
        st.integers(0, 255),
        st.booleans(),
        st.builds(Properties, assigned_client_id=optional(words), server_keep_alive_s=optional(ids)),
    ),
    st.builds(Publish, topics, blobs, st.just(0), st.booleans(), properties=message_properties),
    st.builds(
        Publish, topics, blobs, st.integers(1, 2), st.booleans(), st.booleans(), ids, message_properties
    ),
    st.builds(Puback, ids, st.integers(0, 255), reason_properties),
    st.builds(
        Subscribe,
        ids,
        st.lists(
            st.builds(Topic, words, st.integers(0, 2), st.booleans(), st.booleans(), st.integers(0, 2)),
            min_size=1,
            max_size=4,
        ).map(tuple),
        st.builds(Properties, subscription_ids=st.lists(st.integers(1, 0x0FFF_FFFF), max_size=1).map(tuple)),
    ),
    st.builds(Suback, ids, reasons, reason_properties),
    st.builds(Unsubscribe, ids, st.lists(words, min_size=1, max_size=4).map(tuple)),
    st.builds(Unsuback, ids, reasons, reason_properties),
    st.builds(Disconnect, st.integers(0, 255), reason_properties),
    st.just(Pingreq()),
    st.just(Pingresp()),
)
packets_311 = st.one_of(
    st.builds(
        Connect,
        words,
        st.just(Version.V311),
        st.booleans(),
        st.integers(0, 0xFFFF),
        optional(st.builds(Will, topics, blobs, st.integers(0, 2), st.booleans())),
        words,
        optional(blobs),
    ),
    st.builds(Publish, topics, blobs, st.just(1), st.booleans(), st.booleans(), ids),
    st.builds(Puback, ids),
    st.builds(Subscribe, ids, st.lists(st.builds(Topic, words, st.integers(0, 2)), min_size=1).map(tuple)),
    st.builds(Suback, ids, reasons),
    st.builds(Unsubscribe, ids, st.lists(words, min_size=1).map(tuple)),
    st.builds(Unsuback, ids),
    st.just(Disconnect()),
)


@given(st.lists(packets_5, max_size=5), st.integers(0, 1000))
def test_mqtt5_packets_survive_the_wire_in_any_chunks(packets, seed):
    data = b"".join(encode(packet, Version.V5) for packet in packets)
    codec = PacketCodec(Version.V5)
    assert [got for chunk in random_split(data, seed) for got in codec.feed(chunk)] == packets
    assert codec.flush() == []


@given(st.lists(packets_311, max_size=5))
def test_mqtt311_packets_survive_the_wire_byte_by_byte(packets):
    data = b"".join(encode(packet, Version.V311) for packet in packets)
    codec = PacketCodec(Version.V311)
    assert [got for chunk in byte_by_byte(data) for got in codec.feed(chunk)] == packets


@given(st.binary(max_size=400), st.sampled_from([None, *Version]))
def test_rubbish_gives_values_and_never_raises(data, version):
    codec = PacketCodec(version, limit=1000)
    for value in [*codec.feed(data), *codec.flush()]:
        assert value is not None


@given(packets_5, st.data())
def test_a_damaged_packet_gives_values_and_never_raises(packet, data):
    wire = bytearray(encode(packet, Version.V5))
    at = data.draw(st.integers(0, len(wire) - 1))
    wire[at] = data.draw(st.integers(0, 255))
    codec = PacketCodec(Version.V5)
    for got in [*codec.feed(bytes(wire)), *codec.flush()]:
        assert got is not None


@given(st.integers(0, 0x0FFF_FFFF))
def test_variable_length_integers_round_trip(value):
    assert Fields(varint(value)).varint() == value


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        ("f0 00", "mqtt.unsupported_packet"),  # AUTH
        ("50 02 0001", "mqtt.unsupported_packet"),  # PUBREC
        ("00 00", "mqtt.unsupported_packet"),
        ("36 05 0001 61 0001", "mqtt.malformed"),  # QoS 3
        ("38 04 0001 61 00", "mqtt.malformed"),  # duplicate with QoS 0
        ("32 06 0001 61 0000 00", "mqtt.protocol"),  # packet identifier 0
        ("30 04 0001 23 00", "mqtt.protocol"),  # a wildcard as topic name
        ("30 03 0000 00", "mqtt.protocol"),  # no topic and no alias
        ("30 05 0002 c3 28 00", "mqtt.malformed"),  # no UTF-8
        ("30 04 0001 00 00", "mqtt.malformed"),  # U+0000
        ("30 06 0001 61 02 01 02", "mqtt.protocol"),  # a flag of 2
        ("30 08 0001 61 04 01 00 01 00", "mqtt.protocol"),  # a property twice
        ("30 06 0001 61 02 21 00", "mqtt.protocol"),  # a property of another packet
        ("30 05 0001 61 01 7f", "mqtt.protocol"),  # no property at all
        ("80 06 0001 00 0001 61", "mqtt.malformed"),  # SUBSCRIBE without its header flags
        ("82 03 0001 00", "mqtt.protocol"),  # SUBSCRIBE to nothing
        ("82 07 0001 00 0001 61 03", "mqtt.malformed"),  # QoS 3
        ("c0 01 00", "mqtt.malformed"),  # PINGREQ with a body
        ("20 06 00 00 03 21 0000", "mqtt.protocol"),  # Receive Maximum 0
        ("e0 05 00 80 80 80 80", "mqtt.malformed"),  # a property length of five bytes
    ],
)
def test_a_broken_packet_is_one_error_and_the_next_is_read(wire, code):
    got = PacketCodec(Version.V5).feed(bytes.fromhex(wire) + b"\xc0\0")
    assert isinstance(got[0], ProtocolError)
    assert got[0].code == code
    assert got[1:] == [Pingreq()]


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        ("10 0d 00044d515454 03 02 003c 0001 61", "mqtt.unsupported_version"),
        ("10 0f 00064d5149736470 03 02 003c 0001 61", "mqtt.unsupported_version"),
        ("10 0d 00044d515454 04 03 003c 0001 61", "mqtt.malformed"),  # the reserved flag
        ("10 0d 00044d515454 04 0a 003c 0001 61", "mqtt.malformed"),  # will QoS without a will
        ("10 10 00044d515454 04 42 003c 0001 61 0001 77", "mqtt.protocol"),  # password without user name
        ("c0 00", "mqtt.protocol"),  # anything before CONNECT
    ],
)
def test_a_broken_connect_is_an_error(wire, code):
    got = PacketCodec().feed(bytes.fromhex(wire))
    assert [error.code for error in got] == [code]


def test_the_version_is_learned_from_connect():
    codec = PacketCodec()
    publish = Publish("a", b"x", 1, packet_id=1)
    for version in Version:
        codec.reset()
        assert codec.feed(encode(Connect("c", version), version) + encode(publish, version))[1] == publish


def test_a_packet_over_the_limit_is_skipped_unheld_and_the_next_is_read():
    codec = PacketCodec(Version.V5, limit=100)
    big = encode(Publish("a", b"x" * 5000), Version.V5)
    got = [value for chunk in random_split(big + b"\xc0\0", 1) for value in codec.feed(chunk)]
    assert [getattr(got[0], "code", None), *got[1:]] == ["mqtt.too_large", Pingreq()]
    assert len(codec._held) <= 100


def test_a_length_that_is_none_ends_the_stream_until_reset():
    codec = PacketCodec(Version.V5)
    assert [error.code for error in codec.feed(bytes.fromhex("30 ffffffff 7f c000"))] == ["mqtt.malformed"]
    assert codec.feed(b"\xc0\0") == []
    codec.reset()
    assert codec.feed(b"\xc0\0") == [Pingreq()]


def test_a_packet_cut_off_by_the_end_is_torn():
    codec = PacketCodec(Version.V5)
    assert codec.feed(b"\x30\x05\0") == []
    assert [error.code for error in codec.flush()] == ["mqtt.torn"]
    assert codec.flush() == []


def test_a_field_too_long_for_the_wire_is_refused():
    with pytest.raises(ProtocolError, match="65535"):
        encode(Publish("x" * 65536), Version.V5)


def test_a_lone_surrogate_is_refused():
    with pytest.raises(ProtocolError, match="surrogate"):
        text("\ud800")


def test_the_password_is_not_shown():
    assert "secret" not in repr(Connect("a", password=b"secret"))


def test_no_properties_is_one_shared_value():
    got = PacketCodec(Version.V5).feed(encode(Publish("a"), Version.V5))[0]
    assert got.properties is NO_PROPERTIES
