"""Nobody loses a right because our core was down, deaf, or by a wrong clock."""

from dataclasses import replace
from datetime import datetime

import pytest

from netops.access import disputes
from netops.clock import to_ms
from netops.dispute import listening, notes, states
from netops.dispute.listening import SHORT_MS, Listening
from netops.dispute.silence import missed
from netops.ear import UNHEARD_MS, Ear
from tests.netops.dispute.conftest import CARRIER, DAY, OBJECTION, SHANGHAI, TERMS, issued, terms
from tests.netops.instances import settings_of

H = 3_600_000
MINUTE = 60_000


def at(day, hour=0, minute=0, month=9):
    return to_ms(datetime(2026, month, day, hour, minute, tzinfo=SHANGHAI))


OVER = at(22)  # the window of a report of 7 September
CASES = states.fold([(issued(), at(7, 10))])
SAID = notes.read(notes.write("objection", OBJECTION, CARRIER), [CARRIER.vkey])


def stated(now_ms, breaks):
    return [each.fact.body["due_ms"] for each in missed(CASES, terms, until_ms=now_ms, breaks=breaks)]


def late(now_ms, breaks):
    held = disputes.Known(cases=CASES, breaks=breaks)
    return disputes.broken(SAID.fact(at_ms=min(now_ms, OVER - H)), held, terms, known_ms=now_ms)


@pytest.mark.parametrize(
    ("breaks", "closes"),
    [
        ((), OVER),
        (((0, at(1)),), OVER),  # the core began long before
        (((at(20), at(20, 9)),), OVER),  # Sunday: Monday the 21st is a working day of its own
        (((at(21, 9), at(21, 10)),), at(23)),  # on the last day: one more
        (((at(21, 20), at(22, 8)),), at(24)),  # over the end
        (((at(21, 20), at(25, 20)),), at(29)),  # until Friday night: Monday counts
        (((at(22, 1), at(22, 8)),), OVER),  # we were there when it was over
        (((at(21, 20), at(22, 8)), (at(23, 12), at(24, 12))), at(26)),  # again before the day more had passed
        (((at(21, 20), at(22, 8)), (at(24, 1), at(24, 12))), at(24)),  # after it had
    ],
)
def test_a_deadline_is_kept_open_to_the_end_of_the_next_working_day_after_a_break(breaks, closes):
    assert stated(closes - 1, breaks) == []
    assert stated(closes, breaks) == [OVER]  # what is stated is the contract's deadline
    assert late(closes - 1, breaks) == ""
    assert "2026-09-22 00:00" in late(closes, breaks)


def test_a_break_that_lasts_keeps_every_deadline_open_that_it_holds():
    before = Listening(last_ms=at(21, 20), breaks=((0, at(1)),))

    for now in (at(21, 20) + SHORT_MS + 1, at(22, 3), at(30)):
        assert before.at(now)[-1] == (at(21, 20), now)
        assert stated(now, before.at(now)) == []
        assert late(now, before.at(now)) == ""


def test_a_restart_of_some_minutes_is_no_break_and_a_clock_set_back_is_one():
    heard = Listening().heard(at(1)).heard(at(1) + SHORT_MS)

    assert heard.breaks == ((0, at(1)),)
    assert heard.heard(at(1) + 1).breaks == ((0, at(1)), (at(1) + 1, at(1) + 1))


def test_breaks_are_of_the_ledger_and_a_file_that_is_edited_hides_none(real, ledger):
    """The file says when we heard last, no later than the ledger shows that the core ran."""
    ear = Ear(real, ledger, synchronised=lambda: True)
    for now in (at(10), at(10) + MINUTE, at(12)):
        assert ear.hear(heard_ms=now, now_ms=now) == ""
    file, held = listening.path(real), ((0, at(10)), (at(10) + MINUTE, at(12)))

    assert listening.stated(ledger) == held
    assert [leaf.fact.body["number"] for leaf in ledger.find("listening_break")] == [0, 1]
    edits = (b"", b"[]", b'{"last_ms":[]}', b'{"last_ms":%d}' % at(21), b'{"breaks":[],"last_ms":%d}' % at(12), b"\xff")
    for edit in edits:
        file.write_bytes(edit)
        again = listening.known(file, ledger)
        assert again.breaks == held
        assert again.at(at(21)) == (*held, (at(12), at(21)))
    file.write_bytes(b'{"last_ms":%d}' % at(11))
    assert listening.known(file, ledger).at(at(21)) == (*held, (at(11), at(21)))


def test_a_ledger_without_breaks_shows_nobody_who_listened(real, ledger):
    """One of an earlier release, say: what was noted beside it counts no more, which makes nobody late."""
    listening.write(listening.path(real), OVER)

    assert stated(OVER, listening.known(listening.path(real), ledger).at(OVER)) == []


def test_a_break_that_lasts_is_sealed_before_a_word_that_comes_in_it(real, ledger):
    good = [True]
    ear = Ear(real, ledger, synchronised=lambda: good[0])
    ear.hear(heard_ms=at(10), now_ms=at(10))
    ear.so_far(at(10) + MINUTE)
    good[0] = False
    for now in (at(11), at(11) + MINUTE):
        assert "clock" in ear.hear(heard_ms=now, now_ms=now)
        ear.so_far(now)

    assert listening.stated(ledger) == ear.breaks(at(11) + MINUTE) == ((0, at(10)), (at(10), at(11)))
    good[0] = True
    ear.hear(heard_ms=at(12), now_ms=at(12))
    assert listening.stated(ledger)[2:] == ((at(11), at(12)),)


def test_what_is_sealed_again_after_a_kill_is_the_same_fact(real, ledger):
    ear = Ear(real, ledger, synchronised=lambda: True)
    ear.hear(heard_ms=at(10), now_ms=at(10))
    ledger.append(listening.entries((), listening.stated(ledger)), now_ms=at(11))

    assert len(listening.stated(ledger)) == 1
    assert not list(ledger.find("source_conflict"))


@pytest.fixture
def real(tmp_path):
    """Settings of an instance that is no rehearsal."""
    made = settings_of(tmp_path)
    made.data.dir.mkdir(parents=True, exist_ok=True)
    return made


def test_the_core_hears_by_a_good_clock_with_nothing_unheard_and_remembers_it(real, ledger):
    good = [True]
    ear = Ear(real, ledger, synchronised=lambda: good[0])

    assert ear.hear(heard_ms=at(1), now_ms=at(1)) == ""
    assert "unheard" in ear.hear(heard_ms=at(1), now_ms=at(1) + UNHEARD_MS + 1)
    good[0] = False
    assert "clock" in ear.hear(heard_ms=at(2), now_ms=at(2))
    good[0] = True
    again = Ear(real, ledger, synchronised=lambda: True)
    assert again.breaks(at(2)) == ear.breaks(at(2)) == ((0, at(1)), (at(1), at(2)))
    assert again.hear(heard_ms=at(2), now_ms=at(2)) == ""
    assert again.breaks(at(2) + MINUTE) == ((0, at(1)), (at(1), at(2)))


def test_a_rehearsal_has_no_breaks(real, ledger):
    ear = Ear(replace(real, city=replace(real.city, rehearsal=True)), ledger, synchronised=lambda: False)

    assert ear.hear(heard_ms=0, now_ms=at(2)) == ""
    assert ear.breaks(at(2) + 99 * DAY) == ()


def test_a_window_is_kept_open_by_the_text_by_which_it_ran():
    """An amendment that makes Saturday a working day comes after the report, and shortens nothing."""
    worked = replace(TERMS, is_workday=lambda _day: True, texts={"old": TERMS})

    assert worked.closes(at(19), ((at(18, 20), at(18, 23)),), "old") == at(22)
    assert worked.closes(at(19), ((at(18, 20), at(18, 23)),)) == at(20)
