"""An archived reply, explained, says what was decoded when it came."""

from __future__ import annotations

import pytest

from collectors import poll
from collectors.decode import decode
from collectors.explain import explain
from collectors.profile_yaml import shipped
from collectors.snmp.agent import Listing, interview
from collectors.snmp.varbind import GAUGE32, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, TIME_TICKS, Varbind
from netops.raw import frame
from netops.store import Outcome

CELL = (1, 3, 6, 1, 4, 1, 58888, 1)
SYSTEM = (1, 3, 6, 1, 2, 1, 1)
NOW = 1_790_000_000_000
OBJECTS = [
    Varbind((*SYSTEM, 1, 0), OCTET_STRING, b"a small cell"),
    Varbind((*SYSTEM, 2, 0), OBJECT_IDENTIFIER, "1.3.6.1.4.1.8072.3.2.10"),
    Varbind((*SYSTEM, 3, 0), TIME_TICKS, 4711),
    Varbind((*CELL, 1, 1, 2, 1), OCTET_STRING, b"SC0001"),
    Varbind((*CELL, 1, 1, 3, 1), INTEGER, 1),
    Varbind((*CELL, 1, 1, 4, 1), INTEGER, 1),
    Varbind((*CELL, 1, 1, 5, 1), INTEGER, 1),
    Varbind((*CELL, 1, 1, 15, 1), INTEGER, 1),
    Varbind((*CELL, 1, 1, 12, 1), GAUGE32, 37),
    Varbind((*CELL, 1, 1, 13, 1), GAUGE32, 255),  # the family's sentinel for "no value"
]


@pytest.fixture
def polled():
    profiles, agent, name = shipped(), Listing(OBJECTS), "netops_smallcell"
    fitted = poll.fit(profiles, name, interview(agent, poll.question(profiles, name)))
    used = poll.Plans().of(fitted, frozenset({"cheap"}))
    answer = interview(agent, used.ask, at_ms=NOW)
    made = poll.polled("cell-1", NOW, used, answer)
    return made, decode(used, answer, device="cell-1", at_ms=made.at_ms)


def outcome(made):
    fields = ("device", "slot_ms", "at_ms", "outcome", "attempts", "rtt_ms", "lag_ms", "profile", "digest")
    return Outcome(**{name: getattr(made, name) for name in fields})


def test_it_says_what_was_decoded_then(polled):
    made, then = polled

    assert then.observations
    assert set(explain("cell-1", outcome(made), made.raw)) == set(then.observations)


def test_a_sentinel_keeps_what_the_device_sent(polled):
    made, _ = polled
    found = {each.metric: each for each in explain("cell-1", outcome(made), made.raw)}

    assert (found["lte.cell.prb_ul"].value, found["lte.cell.prb_ul"].raw) == (None, 255)
    assert found["lte.cell.prb_ul"].oid == "1.3.6.1.4.1.58888.1.1.1.13.1"


@pytest.mark.parametrize("raw", [b"", frame([b""]), frame([b"\x30\x03abc"]), frame([b"\xff" * 300])])
def test_what_cannot_be_decoded_explains_nothing_and_breaks_nothing(polled, raw):
    assert explain("cell-1", outcome(polled[0]), raw) == []


def test_an_unknown_profile_is_read_by_the_standard_one(polled):
    made, _ = polled
    unknown = Outcome(**{**{n: getattr(outcome(made), n) for n in Outcome.__slots__}, "profile": "gone"})

    assert {each.metric for each in explain("cell-1", unknown, made.raw)} >= {"system.uptime"}
