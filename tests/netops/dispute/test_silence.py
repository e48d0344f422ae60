"""Whoever does not speak in time has spoken all the same, once, whatever is killed in between."""

from dataclasses import replace
from datetime import date, datetime

import pytest

from inventory import codec
from inventory.model import Contract, Dispute
from netops.access import disputes
from netops.clock import to_ms
from netops.dispute import notes, states
from netops.dispute.deadlines import weekday
from netops.dispute.silence import missed
from netops.dispute.terms import lookup
from netops.drain import Drain
from netops.errors import EvidenceError
from netops.evidence import canonical
from netops.facts import Fact, submit
from netops.raw import Archive
from netops.spool import Spool
from netops.store.memory import Memory
from tests.netops.dispute.conftest import CARRIER, DAY, NOW, OBJECTION, SHANGHAI, START, TERMS, issued, terms

MADE = notes.read(notes.write("objection", OBJECTION, CARRIER), [CARRIER.vkey]).fact(at_ms=NOW + DAY)
NAME = MADE.body["objection"]
REBUTTED = Fact(
    kind="rebuttal",
    at_ms=NOW + 2 * DAY,
    body={"objection": NAME, "stance": "rejected", "by": "zhao", "reason": "x"},
)


def midnight(month, day):
    return to_ms(datetime(2026, month, day, tzinfo=SHANGHAI))


def of(*facts):
    return states.fold((fact, fact.at_ms) for fact in facts)


CASES = [
    pytest.param((issued(),), "report_accepted", midnight(9, 22), "accepted", id="the-carrier-on-a-report"),
    pytest.param((issued(), MADE), "rebuttal", midnight(9, 16), "disputed", id="the-city-on-an-objection"),
    pytest.param((issued(), MADE, REBUTTED), "ruling", midnight(9, 24), "ruled", id="nobody-rules"),
]


@pytest.mark.parametrize(("told", "kind", "over", "then"), CASES)
def test_each_deadline_is_stated_from_its_instant_on_and_not_a_millisecond_before(told, kind, over, then):
    cases = of(*told)
    (entry,) = missed(cases, terms, until_ms=over)

    assert missed(cases, terms, until_ms=over - 1) == []
    assert (entry.fact.kind, entry.fact.at_ms, entry.fact.body["due_ms"]) == (kind, over, over)
    assert entry.fact.body["by"] == disputes.DEADLINE
    (case,) = states.fold([(entry.fact, over)], onto=cases).held.values()
    assert case.state == then


def test_silence_counts_against_who_was_to_speak():
    cases = of(issued(), MADE)
    for _ in range(3):
        cases = states.fold([(each.fact, each.fact.at_ms) for each in missed(cases, terms, until_ms=2**52)], onto=cases)
    (case,) = cases.held.values()

    assert (case.objections[NAME].stance, case.objections[NAME].outcome) == ("accepted", "upheld")
    assert case.unserved


@pytest.mark.parametrize(("told", "kind", "over", "then"), CASES)
def test_a_core_that_was_killed_after_it_sealed_states_nothing_again(ledger, told, kind, over, then):
    cases = of(*told)
    entries = missed(cases, terms, until_ms=over)
    ledger.append(entries, now_ms=over)
    ledger.append(missed(cases, terms, until_ms=over + DAY), now_ms=over + DAY)  # it did not know that it had

    assert len(list(ledger.find(kind))) == 1
    assert not list(ledger.find("source_conflict"))
    after = states.fold([(each.fact, over) for each in entries], onto=cases)
    assert [each for each in missed(after, terms, until_ms=over) if each.fact.kind == kind] == []


def test_a_new_revision_has_a_window_of_its_own():
    cases = of(issued(), replace(issued(1), at_ms=NOW + 7 * DAY))
    (entry,) = missed(cases, terms, until_ms=2**52)

    assert entry.fact.body["report"] == "wifi-a-2026-08-r1"
    assert entry.fact.at_ms == midnight(9, 29)


def test_holidays_move_the_deadline_to_the_day_that_is_worked_instead():
    week_off = {date(2026, 9, 21), date(2026, 9, 22)}

    def is_workday(day):
        return day == date(2026, 9, 20) or (weekday(day) and day not in week_off)

    held = replace(TERMS, is_workday=is_workday)
    (entry,) = missed(of(issued()), lambda *_: held, until_ms=2**52)

    assert entry.fact.at_ms == midnight(9, 21)  # the tenth working day is Sunday the 20th


def version(name, valid_from_ms, digest):
    body = {"contract": "wifi-a", "version": name, "valid_from_ms": valid_from_ms, "digest": digest}
    return Fact(kind="contract_version", at_ms=valid_from_ms, body=body)


def text(name, days):
    made = Contract(id="wifi-a", version=name, carrier="carrier-a", title="t", valid_from_ms=0)
    return replace(made, dispute=Dispute(objection_days=days))


def digest(contract):
    return canonical.digest(codec.encode(contract).encode())


def test_an_amendment_that_is_sealed_after_the_report_shortens_nobodys_window():
    """It begins within the month: by the register of now it rules at the period's end."""
    before, after = text("1", 10), text("2", 1)
    known = lookup([(before, 0, START + DAY), (after, START + DAY, 2**53)], {})
    first = version("1", 0, digest(before))
    late = version("2", START + DAY, digest(after))

    (told,) = missed(of(first, issued(), late), known, until_ms=2**52)
    (early,) = missed(of(first, late, issued()), known, until_ms=2**52)
    (anew,) = missed(of(first, issued(), late, replace(issued(1), at_ms=NOW + DAY)), known, until_ms=2**52)

    assert told.fact.at_ms == midnight(9, 22)  # ten working days, as it was when the report was issued
    assert early.fact.at_ms == midnight(9, 9)
    assert anew.fact.at_ms == midnight(9, 10)


def test_a_text_that_holds_no_longer_still_rules_the_deadlines_of_its_time():
    gone, now = text("1", 3), text("1b", 10)
    known = lookup([(now, 0, 2**53)], {}, [gone])

    (told,) = missed(of(version("1", 0, digest(gone)), issued()), known, until_ms=2**52)

    assert told.fact.at_ms == midnight(9, 11)


def test_a_contract_that_the_register_does_not_know_has_no_deadlines():
    assert missed(of(issued()), lambda *_: None, until_ms=2**52) == []


CN = Contract(id="wifi-a", version="1", carrier="carrier-a", title="t", valid_from_ms=0, calendar="cn")


def by_calendar(*moment):
    """Return the cases of a report that was issued then, and the terms by the national calendar."""
    at_ms = to_ms(datetime(*moment, tzinfo=SHANGHAI))
    return of(replace(issued(), at_ms=at_ms)), lookup([(CN, 0, 2**53)], {})


def test_the_contracts_calendar_counts_the_national_day_out_and_the_worked_weekends_in():
    cases, known = by_calendar(2026, 9, 17, 10)
    (entry,) = missed(cases, known, until_ms=midnight(12, 1))

    # 18, worked Sunday 20, 21 to 24, 28 to 30 September, 8 October: ten days, with 25 September and the week off
    assert entry.fact.at_ms == midnight(10, 9)


def test_a_year_that_the_calendar_lacks_makes_nobody_late_and_is_named():
    cases, known = by_calendar(2026, 12, 28, 10)
    wrong = []
    late = replace(MADE, at_ms=2**52)

    assert missed(cases, known, until_ms=2**52, wrong=wrong) == []
    assert "has no year 2027" in str(wrong[0])
    assert "late" not in disputes.broken(late, disputes.Known(cases=cases), known)


def test_a_calendar_that_lacks_a_year_holds_no_other_case():
    cases, known = by_calendar(2026, 12, 28, 10)
    other = replace(issued(), body=dict(issued().body) | {"contract": "wifi-b", "report": "b"})
    both = states.fold([(other, NOW)], onto=cases)

    def of_both(contract, at_ms):
        return known(contract, at_ms) if contract == "wifi-a" else TERMS

    assert [each.fact.body["report"] for each in missed(both, of_both, until_ms=2**52)] == ["b"]


def test_nobody_is_silent_whose_word_waits_behind_another(tmp_path, ledger):
    """The accounts cannot be read for a while: the fact before the carrier's waits, and the carrier's with it."""
    (tmp_path / "spool").mkdir()
    readable = []

    def refuses(entries):
        if not readable:
            raise EvidenceError("staff.db: cannot be read")
        return ["" for _ in entries]

    days = {"evidence": 9, "other": 9}
    with (
        Spool(tmp_path / "spool" / "cli.db", source="cli") as spool,
        Archive(tmp_path / "raw", days=days, budget_bytes=1 << 30, writing=True) as kept,
    ):
        submit(spool, MADE)
        drain = Drain(
            tmp_path / "drain.db",
            spools=tmp_path / "spool",
            store=Memory(),
            archive=kept,
            on_facts=lambda entries: ledger.append(entries, now_ms=NOW + DAY),
            refuses=refuses,
        )
        with drain:
            assert drain.step().waiting
            assert drain.unheard == {"cli"}
            readable.append(True)
            assert not drain.step().waiting
            assert drain.unheard == frozenset()

    assert [leaf.fact for leaf in ledger.find("objection")] == [MADE]
