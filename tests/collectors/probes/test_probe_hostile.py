"""A probe that was taken over hands in polls without rows: the core reads their replies, and those may be anything."""

from __future__ import annotations

import json
import os
import random
import struct
from dataclasses import replace

import pytest

from collectors.probes import dns, explain, figures, looks, slots, web
from collectors.probes.intake import admit
from collectors.probes.radio import figures as radio
from netops import reread, wire
from netops.model import ANSWERED, Poll
from netops.probing import Target
from netops.raw import frame
from netops.store.values import Outcome

ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "1"))
NOW = 1_795_719_360_000
ECHO = [0, 0, 10, 20, 30, 40, 0, 64, 1, 1]
STAMP = {
    "kind": "stamp",
    "target": "t",
    "service": "fiber-7",
    "anchor": False,
    "at_ms": NOW,
    "sent": 2,
    "echoes": [ECHO],
    "stateful": True,
    "limit_ns": 1,
    "clock": {"synchronised": True},
}
DNS = {"kind": "dns", "target": "t", "at_ms": NOW, "code": 0, "answers": 1, "time_ns": 5, "clock": {}}


def poll(*records, raw=None):
    octets = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in records]
    return Poll(
        device="site-7/probe",
        slot_ms=NOW,
        at_ms=NOW,
        outcome=ANSWERED,
        profile=slots.PROFILE,
        raw=frame(octets) if raw is None else raw,
    )


HOSTILE = {
    "nothing in it": {"kind": "stamp"},
    "no object": b"[1,2]",
    "deep": b"[" * 100_000,
    "a kind that is a list": {"kind": ["stamp"]},
    "more packets than memory": STAMP | {"sent": 10**15},
    "packets by name": STAMP | {"sent": "many"},
    "echoes that are none": STAMP | {"echoes": [1]},
    "an echo of texts": STAMP | {"echoes": [["a"] * 10]},
    "a clock that is none": STAMP | {"clock": None},
    "a number for a text": DNS | {"code": "0"},
    "not a number": json.dumps(DNS).replace('"code": 0', '"code": NaN').encode(),
    "without end": json.dumps(DNS).replace('"code": 0', '"code": 1e999').encode(),
    "a long number": json.dumps(DNS).replace('"answers": 1', '"answers": ' + "9" * 4000).encode(),
    "a longer one": json.dumps(DNS).replace('"answers": 1', '"answers": ' + "9" * 9000).encode(),
    "an unknown reason": STAMP | {"failed": "the moon"},
    "a certificate of a text": {"kind": "http", "target": "t", "at_ms": NOW, "certificate": "x", "failed": "no_answer"},
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_record_stops_nobody_who_reads_it(what):
    made = poll(HOSTILE[what], STAMP)

    explained = explain.explain(made.device, Outcome.of(made), made.raw)
    assert [each for each in explained if each.metric == "probe.sent"]
    again = reread.again(made)
    assert again.rows == () or all(row.subject.id == "site-7/t" for row in again.rows)
    admit.refusal("poll", wire.encode(made), vantage="site-7", now_ms=NOW)


def test_replies_that_are_not_framed_are_not_taken():
    made = poll(raw=b"\xff" * 40)

    assert reread.again(made) == made
    assert "a length points" in admit.refusal("poll", wire.encode(made), vantage="site-7", now_ms=NOW)


def test_a_poll_without_rows_tells_no_more_than_one_with_rows_may():
    """Its rows are made in the core from the replies: of a service not enrolled for, or of a path without end."""
    for record, services in ((STAMP, {"fiber-9"}), (STAMP | {"target": "t" * 5000}, ())):
        made = wire.encode(poll(record))
        assert admit.refusal("poll", made, vantage="site-7", now_ms=NOW, services=services)
    assert admit.refusal("poll", wire.encode(poll(STAMP)), vantage="site-7", now_ms=NOW, services={"fiber-7"}) == ""


def octets(record):
    return len(json.dumps(record))


def test_who_is_looked_at_cannot_make_a_slot_too_large_to_be_handed_in(monkeypatch, tmp_path, good_clock):
    """Resolver, portal, radio and DHCP server are those who are judged: one record too many loses all of a slot."""
    point = {"ssid": b"City".hex(), "channel": 1, "beacons": 1000, "signals": [-50] * 1000}
    air = {"heard": [point | {"bssid": f"{n:012x}"} for n in range(2000)]}
    kept = radio.only_ours(air, "City")
    page = web.Page(url="http://a.example/" + "x" * 60_000, times={})
    long = {"sent": 1, "echoes": [[0] * 10] * 50_000, "at_ms": NOW}
    monkeypatch.setattr(looks, "LOOKS", {"stamp": lambda *_: dict(long)})
    cut = looks.look("t", Target(kind="stamp"), account=tmp_path / "x", clock=good_clock)

    assert (len(kept["heard"]), octets(kept) < 200_000) == (radio.POINTS, True)
    assert octets(page.record()) < 1000
    assert (cut["failed"], octets(cut) < 1000) == ("protocol_fault", True)
    assert figures.read_any(cut, device="site-7/probe", vantage="site-7")


def test_of_an_answer_without_measure_little_is_archived(good_clock):
    def answered(question, *_):
        text = b"\xff" + b"x" * 255
        record = b"\xc0\x0c" + struct.pack(">HHIH", 16, 1, 60, len(text) * 100) + text * 100
        head = question[:2] + struct.pack(">HHHHH", 0x8180, 1, 2, 0, 0)
        return head + question[12:] + record * 2, 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dns, "_by_udp", lambda _, question, *rest: answered(question, *rest))
        record = dns.run("192.0.2.53", "www.example.com", "TXT", clock=good_clock)

    assert (record["answers"], record["octets"] > 50_000, octets(record) < 10_000) == (2, True, True)


def test_what_a_probe_archives_is_read_by_the_core_as_by_itself():
    kept = slots.poll("site-7", NOW, [STAMP])

    assert reread.again(replace(kept, rows=())).rows == kept.rows


def test_records_with_anything_in_them_are_read_or_left_out():
    chance = random.Random(7)
    odd = [None, True, -1, 10**30, 1.5, "", "x" * 300, [], [[]], {}, {"trusted": 1}, [ECHO] * 3, [ECHO[:9]]]
    for _ in range(400 * ROUNDS):
        base = dict(chance.choice([STAMP, DNS]))
        for _ in range(chance.randrange(1, 4)):
            base[chance.choice([*base, "failed", "certificate", "told", "unkept"])] = chance.choice(odd)
        found = figures.read_any(base, device="d", vantage="v")
        assert found is None or all(each.unit is not None for each in found[0])
