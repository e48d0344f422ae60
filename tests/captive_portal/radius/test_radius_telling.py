"""What the server states of itself: how fast it answered whom, what it said, and how fast controllers obeyed."""

from __future__ import annotations

import pytest

from captive_portal.figures import MINUTE_MS
from captive_portal.radius import packet
from captive_portal.radius.coa import Outcome, Word
from captive_portal.radius.telling import Telling
from netops import facts, spool, wire
from netops.errors import SpoolError
from netops.model import Subject
from netops.spool import Spool

ACCEPT, REJECT, START = 2, 3, 1
SAID, IP = "02-11-22-33-44-55", "10.8.0.9"


class Clock:
    def __init__(self) -> None:
        self.at_ms = 1_790_000_040_000

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic(self) -> float:
        return self.at_ms / 1000


def said(path):
    entries = spool.read(path, after=0, limit=1000)
    made = [facts.decode(each.payload) for each in entries if each.kind == "fact"]
    return made, [wire.decode(each.payload) for each in entries if each.kind == "poll"]


def test_each_answer_and_each_change_is_a_fact_of_its_controller(place):
    ac, other, token = place.controllers["ac-1"], place.controllers["ac-2"], place.token()
    code, attributes = ac.ask(token.user, token.password, SAID, IP)
    assert code == ACCEPT
    assert ac.report(START, "s-1", SAID, IP, mark=attributes[25])
    assert other.ask(token.user, token.password, SAID, "10.9.0.9")[0] == REJECT
    place.parts.reaching.revoke(place.client())
    path = place.settings.data.dir / "spool" / "radius.db"
    place.service.stop()

    told, polls = said(path)
    bodies = {each.body["controller"]: each.body for each in told if each.kind == "radius_answers"}
    counts = {name: (each["accepted"], each["rejected"], each["accounted"]) for name, each in bodies.items()}
    assert counts == {"ac-1": (1, 0, 1), "ac-2": (0, 1, 0)}
    assert bodies["ac-1"]["changed"] == {"ack": 1}
    assert bodies["ac-1"]["answer_timed"] == 2
    assert {each.device for each in polls} == {"portal/radius"}
    rows = {row.subject: row.values for each in polls for row in each.rows}
    assert rows[Subject("nas", "ac-1")]["portal.controller.time.timed"] == 1


def test_a_quiet_minute_is_told_for_every_controller_and_the_first_one_only_in_part(tmp_path):
    clock = Clock()
    clock.at_ms += 20_000
    telling = Telling(clock, device="portal", controllers=["ac-1", "ac-2"])
    with Spool(tmp_path / "radius.db", source="radius") as ours:
        for _ in range(3):
            telling.flush(ours, clock.now_ms())
            clock.at_ms += MINUTE_MS + 1

    _, polls = said(tmp_path / "radius.db")
    assert [each.slot_ms % MINUTE_MS for each in polls] == [0]
    assert [(row.subject.id, dict(row.values)) for row in polls[0].rows] == [
        ("ac-1", {"portal.state": 1.0}),
        ("ac-2", {"portal.state": 1.0}),
    ]


def test_what_a_controller_did_not_answer_is_counted_and_has_no_time(tmp_path):
    clock = Clock()
    telling = Telling(clock, device="portal", controllers=[])
    telling.changed("ac-1", Outcome(word=Word.SILENT, sent=3, took_ms=450))
    telling.answered("ac-1", packet.ACCESS_ACCEPT, 0.0042)
    with Spool(tmp_path / "radius.db", source="radius") as ours:
        ours.put("fact", [b"x"])  # a spool of before
        with pytest.MonkeyPatch.context() as broken:
            broken.setattr(Spool, "put", lambda *_: (_ for _ in ()).throw(SpoolError("full")))
            with pytest.raises(SpoolError):
                telling.flush(ours, clock.now_ms(), everything=True)
        ours.trim(1)
        telling.flush(ours, clock.now_ms(), everything=True)

    ((fact,), (poll,)) = said(tmp_path / "radius.db")
    assert (fact.body["changed"], "change_timed" in fact.body) == ({"silent": 1}, False)
    assert (fact.body["answer_ms_p95"], fact.body["answer_within"]["5"]) == (5, 1)
    assert poll.rows[0].values["portal.controller.failed"] == 1
