from __future__ import annotations

import json
import math
import os
import random
import struct
from dataclasses import replace

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from netops import wire
from netops.errors import SpoolError
from netops.model import Poll, Quality, Reason, Row, Subject
from netops.packed import about

names = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,20}", fullmatch=True)
kinds = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)
codes = st.sampled_from([*Quality, *Reason]).map(lambda code: code.value)
numbers = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def rows(draw):
    values = draw(st.dictionaries(names, st.none() | numbers, max_size=4))
    told = draw(st.dictionaries(names, codes, max_size=3))
    told |= {metric: draw(codes) for metric, value in values.items() if value is None}
    subject = Subject(draw(kinds), draw(st.text(min_size=1, max_size=30)))
    return Row(
        subject=subject, values=values, codes=told, texts=draw(st.dictionaries(names, st.text(max_size=40), max_size=3))
    )


polls = st.builds(
    Poll,
    device=names,
    slot_ms=st.integers(0, 1 << 42),
    at_ms=st.integers(0, 1 << 42),
    outcome=st.sampled_from(sorted(wire.OUTCOMES)),
    profile=st.text(max_size=10),
    digest=st.text(max_size=10),
    attempts=st.integers(0, 9),
    rtt_ms=st.none() | numbers,
    lag_ms=numbers,
    rows=st.lists(rows(), max_size=4).map(tuple),
    raw=st.binary(max_size=200),
)
SIMPLE = Poll(device="ac-1", slot_ms=60_000, at_ms=60_012, outcome="answered", raw=b"reply")


@settings(deadline=None, max_examples=50)  # a busy machine is no fault
@given(polls)
def test_a_poll_survives_the_wire(poll):
    assert wire.decode(wire.encode(poll)) == poll


def test_whole_numbers_become_floats():
    """A store keeps float64; the exact counter is in the raw reply."""
    row = Row(subject=Subject("ap", "x"), values={"wlan.ap.clients": 7})

    found = wire.decode(wire.encode(Poll(device="a", slot_ms=0, at_ms=0, outcome="answered", rows=(row,))))

    assert type(found.rows[0].values["wlan.ap.clients"]) is float


def test_a_long_text_is_cut_visibly():
    row = Row(subject=Subject("ap", "x"), values={}, texts={"name": "n" * 5000})

    found = wire.decode(wire.encode(Poll(device="a", slot_ms=0, at_ms=0, outcome="answered", rows=(row,))))

    assert found.rows[0].texts["name"] == "n" * 4095 + "…"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"device": "AC 1"}, "expected an id"),
        ({"device": "ac-1\n"}, "expected an id"),
        ({"outcome": "fine"}, "neither 'answered' nor a Reason"),
        ({"rtt_ms": float("nan")}, "finite"),
        ({"rows": (Row(subject=Subject("a b", "x"), values={}),)}, "kind"),
        ({"rows": (Row(subject=Subject("ap", ""), values={}),)}, "id has 0 characters"),
        ({"rows": (Row(subject=Subject("ap", "x"), values={"m": None}),)}, "neither a value nor a code"),
        ({"rows": (Row(subject=Subject("ap", "x"), values={"m": float("inf")}),)}, "finite"),
        ({"rows": (Row(subject=Subject("ap", "x"), values={}, codes={"m": "bad"}),)}, "neither a Quality nor a Reason"),
        ({"rows": (Row(subject=Subject("ap", "x"), values={'m"; --': 1.0}),)}, "no metric's name"),
        ({"raw": bytes(wire.RAW_BYTES + 1)}, "raw replies"),
    ],
)
def test_what_cannot_travel_is_refused_by_name(change, message):
    poll = Poll(**({"device": "ac-1", "slot_ms": 0, "at_ms": 0, "outcome": "answered"} | change))

    with pytest.raises(SpoolError, match=message):
        wire.encode(poll)


def test_a_foreign_version_is_named():
    """It is no broken record: this program is too old for it."""
    newer = b"NOP\x03" + wire.encode(SIMPLE)[4:]

    with pytest.raises(SpoolError, match="version 3, this program reads 2"):
        wire.decode(newer)
    with pytest.raises(SpoolError, match="version 3"):
        wire.refuse_foreign(newer)
    wire.refuse_foreign(wire.encode(SIMPLE))
    wire.refuse_foreign(b"garbage")


def framed(head, raw=b""):
    parts = [zstandard.ZstdCompressor().compress(head), zstandard.ZstdCompressor().compress(raw)]
    return b"NOP\x01" + b"".join(struct.pack(">I", len(part)) + part for part in parts)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"NOP",
        b"NOP\x01",
        b"NOP\x01\xff\xff\xff\xff",
        wire.encode(SIMPLE)[:-1],
        wire.encode(SIMPLE) + b"x",
        framed(b"[]"),
        framed(b"{}"),
        framed(b'{"rows":' + b"[" * 100_000),
        framed(b"not json"),
        framed(b'{"device":"a","slot":1e999}'),
        b"NOP\x01" + struct.pack(">I", 4) + b"\x28\xb5\x2f\xfd" + struct.pack(">I", 0),
    ],
    ids=range(12),
)
def test_a_broken_record_raises_only_our_error(payload):
    with pytest.raises(SpoolError):
        wire.decode(payload)


def test_a_frame_that_announces_too_much_is_not_unpacked():
    """A few bytes must not become gigabytes."""
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(wire.RAW_BYTES + 1))
    payload = b"NOP\x01" + struct.pack(">I", len(bomb)) + bomb

    with pytest.raises(SpoolError, match="announces"):
        wire.decode(payload)


def sealed(head, numbers=b"", raw=b""):
    return b"NOP\x02" + b"".join(struct.pack(">I", len(part)) + part for part in (head, numbers, raw))


HEAD = b'["a",0,0,"answered","","",1,null,0,[%s]]'
NUMBER = struct.pack("<d", 1.5)


@pytest.mark.parametrize(
    "payload",
    [
        b"NOP\x02",
        b"NOP\x02\xff\xff\xff\xff",
        wire.encode(SIMPLE)[:-1],
        wire.encode(SIMPLE) + b"x",
        sealed(b"[]"),
        sealed(b"[" * 100_000),
        sealed(b"not json"),
        sealed(HEAD % b"", NUMBER),
        sealed(HEAD % b'["ap m",["x"],[],[],[]]'),
        sealed(HEAD % b'["ap m",["x"],[],[],[]]', NUMBER * 2),
        sealed(HEAD % b'["ap m m",["x"],[],[],[]]', NUMBER * 2),
        sealed(HEAD % b'["ap M",["x"],[],[],[]]', NUMBER),
        sealed(HEAD % b'["ap m",[7],[],[],[]]', NUMBER),
        sealed(HEAD % b'["ap m",[""],[],[],[]]', NUMBER),
        sealed(HEAD % b'["ap m",{"x":1},[],[],[]]', NUMBER),
        sealed(HEAD % b'["ap m",["x"],[],[],[1]]', NUMBER),
        sealed(HEAD % b'["ap m",["x","y"],[],[],[0,0]]', NUMBER * 2),
        sealed(HEAD % b'["ap m",["x"],[[1,"m","torn"]],[],[]]', NUMBER),
        sealed(HEAD % b'["ap m",["x"],[[0,"m","fine"]],[],[]]', NUMBER),
        sealed(HEAD % b'["ap m",["x"],[],[[0,"t",7]],[]]', NUMBER),
        sealed(HEAD % b'["ap m",["x"],[],[[true,"t","7"]],[]]', NUMBER),
        sealed(HEAD % b'["ap m",["x"],[],[],[]]', struct.pack("<d", float("nan"))),
        sealed(HEAD % b'["ap m",["x"],[[0,"m","torn"]],[],[]]', struct.pack("<d", float("inf"))),
        sealed(HEAD % (b'["ap",[' + b'"x",' * 60_000 + b'"x"],[],[],[]]')),
    ],
    ids=range(24),
)
def test_a_broken_record_of_this_version_raises_only_our_error(payload):
    with pytest.raises(SpoolError):
        wire.decode(payload)


def test_a_record_of_the_version_before_is_read():
    """An upgrade finds it in the spool."""
    rows = [["ap", "x", {"m": 1.5, "n": None}, {"n": "torn"}, {"name": "one"}], ["ap", "y", {}, {"m": "stale"}, {}]]
    head = {"device": "ac-1", "slot": 60_000, "at": 60_012, "outcome": "answered", "profile": "p", "digest": "d"}
    head |= {"attempts": 2, "rtt": 1.5, "lag": None, "rows": rows}

    found = wire.decode(framed(json.dumps(head).encode(), b"reply"))

    assert (found.id, found.raw, found.attempts, found.rtt_ms, found.lag_ms) == ("ac-1@60000", b"reply", 2, 1.5, 0.0)
    assert found.rows == tuple(Row(subject=Subject(k, s), values=v, codes=c, texts=t) for k, s, v, c, t in rows)
    assert wire.decode(wire.encode(found)) == found


def test_numbers_whose_sum_is_too_large_are_each_finite():
    row = Row(subject=Subject("ap", "x"), values={"m": 1.7e308, "n": 1.7e308, "o": -0.0})

    found = wire.decode(wire.encode(replace(SIMPLE, rows=(row,))))

    assert found.rows == (row,)
    assert math.copysign(1, found.rows[0].values["o"]) == -1


def test_rows_about_some_kinds_are_those_of_the_poll():
    """Also where rows of different kinds and metrics stand mixed, and keep their order."""
    kinds = ["ap", "device", "ap", "radio", "device"]
    rows = tuple(Row(subject=Subject(kind, str(n)), values={f"m{n % 2}": float(n)}) for n, kind in enumerate(kinds))
    whole = replace(SIMPLE, rows=rows)
    made = wire.unpack(wire.encode(whole))

    assert made.whole() == whole
    for wanted in ({"ap"}, {"device", "radio"}, set()):
        assert list(about(made, wanted)) == about(whole, wanted) == [r for r in rows if r.subject.kind in wanted]


@pytest.mark.slow
def test_mutated_records_never_escape_our_error():
    """Seeded mutation of true records: bytes flipped, cut, doubled; and of the JSON in sound frames, old and new."""
    rounds = max(1000, int(os.environ.get("NETOPS_ROUNDS", "10000")))
    chance = random.Random(20_261_001)
    row = Row(subject=Subject("ap", "mac:1"), values={"m": 1.0, "n": None}, codes={"n": "torn"}, texts={"t": "x"})
    whole = wire.encode(Poll(device="ac-1", slot_ms=1, at_ms=2, outcome="answered", rows=(row,) * 3, raw=b"r" * 50))
    (length,) = struct.unpack_from(">I", whole, 4)
    head, numbers = whole[8 : 8 + length], struct.pack("<6d", *[1.0] * 3, *[math.nan] * 3)
    assert wire.decode(sealed(head, numbers, b"r" * 50)) == wire.decode(whole)
    old = b'{"device":"a","slot":1,"at":2,"outcome":"answered","profile":"","digest":"","attempts":1,"rtt":1.5,"lag":0,'
    old += b'"rows":[["ap","mac:1",{"m":1.0,"n":null},{"n":"torn"},{"t":"x"}]]}'
    ways = [(whole, bytes), (head, lambda made: sealed(made, numbers, b"r")), (old, framed)]
    refused = 0
    for turn in range(rounds):
        first, finish = ways[turn % 3]
        data = bytearray(first)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            chance.choice(
                [
                    lambda d=data, a=at: d.__setitem__(a, chance.randrange(256)),
                    lambda d=data, a=at: d.__delitem__(slice(a, a + chance.randint(1, 8))),
                    lambda d=data, a=at: d.__setitem__(slice(a, a), bytes(d[a : a + 16])),
                ]
            )()
            data = data or bytearray(b"x")
        try:
            wire.decode(finish(bytes(data)))
        except SpoolError:
            refused += 1
    assert refused > rounds // 2
