"""The codec: vectors by hand, laws by hypothesis, pysnmp as the oracle, and hostile octets."""

import contextlib
import os
import random
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.errors import DecodeError
from collectors.snmp import ber
from collectors.snmp.gather import Request
from collectors.snmp.pdu import Kind, Message, Pdu, decode, encode, frame, request
from collectors.snmp.template import Book, Template, shape_of
from collectors.snmp.varbind import (
    COUNTER32,
    COUNTER64,
    END_OF_MIB_VIEW,
    GAUGE32,
    INTEGER,
    IP_ADDRESS,
    NO_SUCH_INSTANCE,
    NO_SUCH_OBJECT,
    NULL,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    OPAQUE,
    TIME_TICKS,
    UNREADABLE,
    Varbind,
    Varbinds,
    dotted,
    parse,
)
from collectors.snmp.wire import V2c

GET = bytes.fromhex("302902010104067075626c6963a01c020412345678020100020100300e300c06082b060102010103000500")


def test_a_get_request_is_written_octet_for_octet():
    pdu = request(Kind.GET, 0x12345678, [(1, 3, 6, 1, 2, 1, 1, 3, 0)])

    assert encode(Message(b"public", pdu)) == GET
    assert decode(GET) == Message(b"public", pdu)


# One value each, as it may stand on the wire → what it means.
VALUES = [
    ("020101", INTEGER, 1),
    ("0201ff", INTEGER, -1),
    ("02020001", INTEGER, 1),  # not minimal
    ("0204ffffffff", INTEGER, -1),  # not minimal
    ("0205007fffffff", INTEGER, 2**31 - 1),
    ("0282000105", INTEGER, 5),  # length in long form
    ("4104ffffffff", COUNTER32, 2**32 - 1),  # unsigned in four octets
    ("410500ffffffff", COUNTER32, 2**32 - 1),
    ("410180", COUNTER32, 128),  # unsigned in one octet
    ("42020100", GAUGE32, 256),
    ("430100", TIME_TICKS, 0),
    ("4608ffffffffffffffff", COUNTER64, 2**64 - 1),
    ("460900ffffffffffffffff", COUNTER64, 2**64 - 1),
    ("0400", OCTET_STRING, b""),
    ("0403610062", OCTET_STRING, b"a\0b"),
    ("4004c0000207", IP_ADDRESS, bytes((192, 0, 2, 7))),
    ("44079f780442f60000", OPAQUE, bytes.fromhex("9f780442f60000")),
    ("06062b0601020101", OBJECT_IDENTIFIER, "1.3.6.1.2.1.1"),
    ("06028837", OBJECT_IDENTIFIER, "2.999"),
    ("0600", OBJECT_IDENTIFIER, "0.0"),
    ("0500", NULL, None),
    ("8000", NO_SUCH_OBJECT, None),
    ("8100", NO_SUCH_INSTANCE, None),
    ("8200", END_OF_MIB_VIEW, None),
    # framed soundly, content outside its type: its octets are kept, nothing is invented
    ("0200", UNREADABLE, b""),
    ("4106010203040506", UNREADABLE, bytes(range(1, 7))),
    ("410501ffffffff", UNREADABLE, bytes.fromhex("01ffffffff")),
    ("460901ffffffffffffffff", UNREADABLE, bytes.fromhex("01ffffffffffffffff")),
    ("4003c00002", UNREADABLE, bytes.fromhex("c00002")),
    ("060188", UNREADABLE, b"\x88"),
    ("050101", UNREADABLE, b"\x01"),
    ("7f0101", UNREADABLE, b"\x01"),
]


def reply_with(value_hex, oid="06082b06010201010300"):
    body = bytes.fromhex(oid) + bytes.fromhex(value_hex)
    varbinds = ber.tlv(0x30, ber.tlv(0x30, body))
    pdu = ber.tlv(0xA2, bytes.fromhex("020412345678020100020100") + varbinds)
    return ber.tlv(0x30, bytes.fromhex("02010104067075626c6963") + pdu)


@pytest.mark.parametrize(("octets", "tag", "value"), VALUES, ids=[v[0] for v in VALUES])
def test_values_as_real_agents_send_them(octets, tag, value):
    varbind = decode(reply_with(octets)).pdu.varbinds[0]

    assert (varbind.tag, varbind.value) == (tag, value)


BROKEN = {
    "empty": b"",
    "one octet": b"\x30",
    "the pysnmp killer": bytes.fromhex("7a450a"),
    "indefinite length": bytes.fromhex("3080020101"),
    "length of five octets": bytes.fromhex("3085000000000102"),
    "length beyond the end": bytes.fromhex("30050201"),
    "length of 4 GiB": bytes.fromhex("3084ffffffff020101"),
    "version 1": GET.replace(bytes.fromhex("020101"), bytes.fromhex("020100"), 1),
    "octets behind the varbind's value": reply_with("020101020101"),
    "arc over 32 bits": reply_with("0500", oid="060a2b069fffffffffffff00"[:24]),
    "empty name": reply_with("0500", oid="0600"),
    "name of 200 arcs": reply_with("0500", oid="0681c8" + "01" * 200),
    "unknown PDU": GET.replace(b"\xa0\x1c", b"\xaa\x1c"),
}


@pytest.mark.parametrize("octets", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_message_is_a_decode_error(octets):
    with pytest.raises(DecodeError):
        decode(octets)


def test_octets_behind_the_message_are_counted_not_fatal():
    assert decode(GET + b"\0\0\0").trailing == 3


def test_a_bomb_of_varbinds_is_refused_quickly():
    bomb = encode(Message(b"c", Pdu(Kind.RESPONSE, 1, 0, 0, Varbinds.of([Varbind((0, 0), NULL, None)] * 8_000))))
    began = time.thread_time()  # what it costs, not how busy the machine is

    with pytest.raises(DecodeError, match="more than 4096 varbinds"):
        decode(bomb)
    assert time.thread_time() - began < 0.1


@pytest.mark.parametrize("text", ["1.3.6.1", ".1.3.6.1.4.1.2011.6.139.13.3.3.1", "2.999.4294967295", "0.0"])
def test_dotted_names_come_back(text):
    assert dotted(parse(text)) == text.removeprefix(".")


@pytest.mark.parametrize("text", ["", "1..3", "a.b", "1.-3", "1.3.", "1.３", "9" * 5000])
def test_what_is_no_dotted_name_is_refused(text):
    with pytest.raises(DecodeError):
        parse(text)


arcs = st.integers(0, 2**32 - 1)
oids = st.builds(
    lambda first, second, rest: (first, second if first == 2 else second % 40, *rest),
    st.integers(0, 2),
    arcs,
    st.lists(arcs, max_size=20),
)
values = st.one_of(
    st.tuples(st.just(INTEGER), st.integers(-(2**31), 2**31 - 1)),
    st.tuples(st.sampled_from((COUNTER32, GAUGE32, TIME_TICKS)), st.integers(0, 2**32 - 1)),
    st.tuples(st.just(COUNTER64), st.integers(0, 2**64 - 1)),
    st.tuples(st.sampled_from((OCTET_STRING, OPAQUE)), st.binary(max_size=300)),
    st.tuples(st.just(IP_ADDRESS), st.binary(min_size=4, max_size=4)),
    st.tuples(st.just(OBJECT_IDENTIFIER), oids.map(dotted)),
    st.tuples(st.sampled_from((NULL, NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_MIB_VIEW)), st.none()),
)
varbinds = st.builds(lambda oid, value: Varbind(oid, *value), oids, values)
pdus = st.builds(
    lambda kind, number, status, index, rows: Pdu(kind, number, status, index, Varbinds.of(rows)),
    st.sampled_from([int(kind) for kind in Kind]),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(0, 18),
    st.integers(0, 2**31 - 1),
    st.lists(varbinds, max_size=12),
)


@settings(deadline=None)
@given(pdus, st.binary(max_size=200))
def test_what_is_written_reads_back_the_same(pdu, community):
    assert decode(encode(Message(community, pdu))) == Message(community, pdu)


@settings(deadline=None)
@given(st.lists(varbinds, min_size=1, max_size=8), st.data())
def test_a_reply_read_by_its_shape_is_the_reply_read_in_general(rows, data):
    """The fast path may only ever say what the general decoder says, whatever the contents become."""
    octets = encode(Message(b"public", Pdu(Kind.RESPONSE, 0x12345678, 0, 0, Varbinds.of(rows))))
    framed = frame(octets)[1]
    asked = Request(Kind.GET, framed.pdu.varbinds.oids, tuple(range(len(rows))))
    wire = V2c(b"public", Book())
    for _ in range(3):  # read in general, learned, recognised
        assert wire.open(asked, octets, 0.0).varbinds == framed.pdu.varbinds

    changed = bytearray(octets)
    for start, stop in (framed.id_span, *framed.spans):
        changed[start:stop] = data.draw(st.binary(min_size=stop - start, max_size=stop - start))
    reply = wire.open(asked, bytes(changed), 0.0)

    expected = decode(bytes(changed)).pdu
    assert (reply.request_id, reply.varbinds) == (expected.request_id, expected.varbinds)


def test_a_skeleton_that_differs_in_one_bit_is_never_recognised():
    rows = [Varbind((1, 3, 6, 1, 2, 1, 1, n, 0), COUNTER32, 70_000 + n) for n in range(1, 6)]
    octets = encode(Message(b"public", Pdu(Kind.RESPONSE, 0x12345678, 0, 0, Varbinds.of(rows))))
    framed = frame(octets)[1]
    template = Template(Request(Kind.GET, framed.pdu.varbinds.oids, (0, 1, 2, 3, 4)), b"public")
    for _ in range(2):
        template.learn(octets, framed, framed.pdu.varbinds.oids)
    free = {at for start, stop in (framed.id_span, *framed.spans) for at in range(start, stop)}

    for at in range(len(octets)):
        for bit in range(8):
            changed = bytearray(octets)
            changed[at] ^= 1 << bit
            recognised = template.recognise(bytes(changed))
            assert (recognised is not None) == (at in free)


def test_octets_behind_a_message_are_told_of_a_reply_of_known_shape_too():
    asked = Request(Kind.GET, ((1, 3, 6),), (0,))
    wire = V2c(b"public", Book())
    row = Varbind((1, 3, 6), INTEGER, 1)
    octets = encode(Message(b"public", Pdu(Kind.RESPONSE, 0x12345678, 0, 0, Varbinds.of([row]))))

    told = [wire.open(asked, octets + b"pad", 0.0) for _ in range(4)]

    assert asked.templates[b"public"].hits == 2
    assert [reply.trailing for reply in told] == [3, 3, 3, 3]


def test_a_prepared_request_is_what_the_codec_writes():
    names = tuple((1, 3, 6, 1, 2, 1, 2, 2, 1, column) for column in range(1, 30))
    for kind, repetitions in ((Kind.GET, 0), (Kind.GET_BULK, 1), (Kind.GET_BULK, 200)):
        asked = Request(kind, names, tuple(range(29)), repetitions=repetitions)

        sealed = V2c(b"c" * 40, Book()).seal(asked, 0x01020304, 0.0)

        assert sealed == encode(Message(b"c" * 40, request(kind, 0x01020304, names, max_repetitions=repetitions)))


def test_what_is_remembered_stays_within_its_budget():
    wire = V2c(b"public", Book(budget=300_000))
    peak = 0
    for number in range(2_000):
        asked = Request(Kind.GET, ((1, 3, 6, number),), (0,))
        row = Varbind((1, 3, 6, number), OCTET_STRING, bytes(number % 50))
        octets = encode(Message(b"public", Pdu(Kind.RESPONSE, 0x12345678, 0, 0, Varbinds.of([row]))))
        assert not wire.open(asked, octets, 0.0).known
        assert wire.open(asked, octets, 0.0).known
        peak = max(peak, wire.book.octets)

    assert peak <= 300_000 + 2_000
    assert sum(len(r.templates) for r in wire.book.requests) < 2_000


def test_replies_that_never_look_alike_are_not_learned_for_ever():
    asked = Request(Kind.GET, ((1, 3, 6),), (0,))
    wire = V2c(b"public", Book())
    for number in range(300):
        row = Varbind((1, 3, 6, number), OCTET_STRING, bytes(number))
        wire.open(asked, encode(Message(b"public", Pdu(Kind.RESPONSE, 0x12345678, 0, 0, Varbinds.of([row])))), 0.0)

    assert not asked.templates[b"public"].shapes


def test_an_odd_request_id_makes_no_shape():
    octets = encode(Message(b"public", Pdu(Kind.RESPONSE, 5, 0, 0, Varbinds.of([Varbind((1, 3), INTEGER, 1)]))))

    assert shape_of(octets, frame(octets)[1]) is None


@settings(deadline=None, max_examples=50)  # pyasn1 takes its time
@given(pdus)
def test_pysnmp_reads_what_we_write_and_we_read_what_it_writes(pdu):
    """The oracle: pyasn1 and pysnmp's v2c messages."""
    from pyasn1.codec.ber import decoder, encoder
    from pysnmp.proto import api

    protocol = api.PROTOCOL_MODULES[api.SNMP_VERSION_2C]
    rows = [v for v in pdu.varbinds if len(v.oid) > 2 and not (v.tag == OBJECT_IDENTIFIER and v.value.count(".") < 2)]
    response = Pdu(Kind.RESPONSE, pdu.request_id, pdu.error_status, pdu.error_index, Varbinds.of(rows))
    ours = encode(Message(b"public", response))

    theirs, rest = decoder.decode(ours, asn1Spec=protocol.Message())

    assert not rest
    body = protocol.apiMessage.get_pdu(theirs)
    assert int(protocol.apiPDU.get_request_id(body)) == pdu.request_id
    names = [tuple(name) for name, _ in protocol.apiPDU.get_varbinds(body)]
    assert names == [v.oid for v in rows]
    assert decode(encoder.encode(theirs)).pdu == response


@pytest.mark.slow
def test_ten_thousand_hostile_datagrams():
    """S1: mutated real messages and noise; only DecodeError escapes, each in under 10 ms and 10 MB."""
    chance = random.Random(20_261_001)
    seeds = [
        GET,
        *(reply_with(octets) for octets, _, _ in VALUES),
        encode(
            Message(
                b"public",
                Pdu(
                    Kind.RESPONSE,
                    99,
                    0,
                    0,
                    Varbinds.of([Varbind((1, 3, 6, 1, n), COUNTER64, 2**60 + n) for n in range(40)]),
                ),
            )
        ),
    ]
    slowest = 0.0
    tracemalloc.start()
    for _ in range(3_334 * int(os.environ.get("NETOPS_ROUNDS", "3"))):
        octets = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 6)):
            mutate(chance, octets)
        tracemalloc.reset_peak()
        began = time.process_time()
        with contextlib.suppress(DecodeError):
            decode(bytes(octets))
        slowest = max(slowest, time.process_time() - began)
        assert tracemalloc.get_traced_memory()[1] - tracemalloc.get_traced_memory()[0] < 10 << 20
    tracemalloc.stop()

    assert slowest < 0.1  # 10 ms, with room for the tracing


def mutate(chance, octets):
    what = chance.randint(0, 5)
    at = chance.randrange(len(octets)) if octets else 0
    if what == 0 and octets:
        octets[at] ^= 1 << chance.randrange(8)
    elif what == 1 and octets:
        octets[at] = chance.choice((0, 1, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFF))
    elif what == 2:
        del octets[at : at + chance.randint(1, 8)]
    elif what == 3:
        octets[at:at] = chance.randbytes(chance.randint(1, 8))
    elif what == 4:
        octets += octets[at : at + 50]
    else:
        octets[:] = chance.randbytes(chance.randint(0, 60))
