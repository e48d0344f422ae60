"""Deadlines of disputes that pass while nobody speaks, or while nobody listened."""

import pytest

from netops.dispute import listening
from netops.errors import UsageError
from netops.facts import Fact
from netops.ledger import LedgerEntry, LedgerReader
from tests.netops.core.pieces import HOUR, START, stated, until


@pytest.fixture
def window(house, monkeypatch):
    """The window of a report that nobody objects to, and a core that looks after some days: what it stated by then."""
    made, _, _, settings = house
    issued = {"report": "r", "contract": "wifi-2026", "start_ms": START - 24 * HOUR, "end_ms": START, "revision": 1}
    issued |= {"digest": "0" * 64, "manifest_digest": "0" * 64, "leaves": 0}
    with made._acting:
        fact = Fact(kind="report_issued", at_ms=START, body=issued)
        made._ledger.append([LedgerEntry("report:r", 0, fact)], now_ms=START)
    (job,) = [each for each in made._jobs() if each.name == "disputes"]
    monkeypatch.setattr(made._ear, "_synchronised", lambda: True)

    def after(days):
        made._clock.at_ms = START + days * 24 * HOUR
        until(lambda: made._caught_up_ms == made._heard_ms == made._clock.at_ms)
        job.run(0)
        with LedgerReader(settings.data.dir / "ledger.db") as ledger:
            return [leaf.fact.body["by"] for leaf in ledger.find("report_accepted")]

    return after


def test_a_window_that_nobody_used_is_over_once_however_often_the_core_looks(window, monkeypatch):
    """A report that nobody objects to would stay open for ever if somebody had to say so."""
    monkeypatch.setattr(listening, "SHORT_MS", 14 * 24 * HOUR)  # the core was there all the time between its looks

    assert [window(days) for days in (0, 13, 16, 17)] == [[], [], ["deadline"], ["deadline"]]


def test_a_core_that_was_not_there_when_a_window_ended_hears_first_who_speaks_on_the_next_working_day(window):
    assert [window(days) for days in (0, 13, 16)] == [[], [], []]


def test_the_core_seals_when_it_was_not_there_before_it_states_anything_by_it(window, house, monkeypatch):
    assert [window(days) for days in (0, 13, 16)] == [[], [], []]
    monkeypatch.setattr(listening, "SHORT_MS", 14 * 24 * HOUR)
    assert window(20) == ["deadline"]

    leaves = [*stated(house[-1], "listening_break"), *stated(house[-1], "report_accepted")]
    assert [leaf.fact.body.get("number") for leaf in leaves] == [0, 1, 2, None]
    assert [leaf.index for leaf in leaves] == sorted(leaf.index for leaf in leaves)


def test_a_core_whose_clock_nobody_keeps_states_no_silence_and_says_so(window, house, monkeypatch):
    monkeypatch.setattr(listening, "SHORT_MS", 14 * 24 * HOUR)
    assert window(0) == []
    monkeypatch.setattr(house[0]._ear, "_synchronised", lambda: False)

    with pytest.raises(UsageError, match=r"1 deadlines of disputes are over.*clock is synchronised"):
        window(16)
    monkeypatch.setattr(house[0]._ear, "_synchronised", lambda: True)
    assert window(17) == []
