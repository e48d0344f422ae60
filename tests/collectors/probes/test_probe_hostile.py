"""A probe that was taken over hands in polls without rows: the core reads their replies, and those may be anything."""

from __future__ import annotations

import json
import os
import random
from dataclasses import replace

import pytest

from collectors.probes import explain, figures, slots
from collectors.probes.intake import admit
from netops import reread, wire
from netops.model import ANSWERED, Poll
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
