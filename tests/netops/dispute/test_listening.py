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
from tests.netops.dispute.conftest import CARRIER, DAY, OBJECTION, SHANGHAI, issued, terms
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


def test_what_was_noted_is_read_again_and_what_is_torn_makes_nobody_late(tmp_path):
    file = tmp_path / "listening.json"
    heard = Listening().heard(at(1)).heard(at(3))
    listening.write(file, heard)

    assert listening.read(file) == heard
    for damage in (b"", b"[]", b'{"last_ms":1}', b'{"breaks":[1],"last_ms":1}', b"\xff"):
        file.write_bytes(damage)
        assert stated(OVER, listening.read(file).at(OVER)) == []


@pytest.fixture
def real(tmp_path):
    """Settings of an instance that is no rehearsal."""
    made = settings_of(tmp_path)
    made.data.dir.mkdir(parents=True, exist_ok=True)
    return made


def test_the_core_hears_by_a_good_clock_with_nothing_unheard_and_remembers_it(real):
    good = [True]
    ear = Ear(real, synchronised=lambda: good[0])

    assert ear.hear(heard_ms=at(1), now_ms=at(1)) == ""
    assert "unheard" in ear.hear(heard_ms=at(1), now_ms=at(1) + UNHEARD_MS + 1)
    good[0] = False
    assert "clock" in ear.hear(heard_ms=at(2), now_ms=at(2))
    good[0] = True
    again = Ear(real, synchronised=lambda: True)
    assert again.breaks(at(2)) == ear.breaks(at(2)) == ((0, at(1)), (at(1), at(2)))
    assert again.hear(heard_ms=at(2), now_ms=at(2)) == ""
    assert again.breaks(at(2) + MINUTE) == ((0, at(1)), (at(1), at(2)))


def test_a_rehearsal_has_no_breaks(real):
    ear = Ear(replace(real, city=replace(real.city, rehearsal=True)), synchronised=lambda: False)

    assert ear.hear(heard_ms=0, now_ms=at(2)) == ""
    assert ear.breaks(at(2) + 99 * DAY) == ()
