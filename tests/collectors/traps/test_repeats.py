"""The same event again, flapping, retransmitted informs, and a device that never stops: stated, counted, bounded."""

import pytest

from collectors.device_event import Event
from collectors.snmp.varbind import Varbinds
from collectors.traps.notification import Notification
from collectors.traps.repeats import Repeats
from netops.model import Subject

DOWN = Event(event="link_down", subject=Subject("interface", "d/1"), trap="1.3", state="down")
UP = Event(event="link_up", subject=Subject("interface", "d/1"), trap="1.4", state="up")
OTHER = Event(event="link_down", subject=Subject("interface", "d/2"), trap="1.3", state="down")
COLD = Event(event="cold_start", subject=Subject("device", "d"), trap="1.5")


def inform(request_id, *, uptime=100, name=(1, 5)):
    return Notification((name,), Varbinds.of([]), uptime, request_id, inform=True)


@pytest.fixture
def repeats():
    return Repeats(window_s=60, per_minute=10)


def test_the_same_event_within_the_window_is_counted_and_told_with_the_next(repeats):
    told = [repeats.news("d", COLD, at) for at in (0.0, 1.0, 59.0, 60.0, 61.0)]

    assert told == [0, None, None, 2, None]


def test_another_subject_is_another_event(repeats):
    assert [repeats.news("d", each, 0.0) for each in (DOWN, OTHER)] == [0, 0]


def test_flapping_is_stated_as_it_was(repeats):
    told = [repeats.news("d", each, 0.1 * n) for n, each in enumerate((DOWN, DOWN, UP, UP, DOWN, UP))]

    assert told == [0, None, 0, None, 1, 1]


def test_a_device_that_never_stops_states_so_many_events_a_minute_and_then_their_count(repeats):
    flaps = [DOWN, UP] * 500
    told = [repeats.news("d", each, 0.01 * n) for n, each in enumerate(flaps)]

    assert [each is not None for each in told] == [True] * 10 + [False] * 990
    assert repeats.beyond(30.0) == []
    ((device, count),) = repeats.beyond(60.0)
    assert device == "d"
    assert repeats.beyond(61.0) == []
    assert count + repeats.news("d", UP, 61.0) == 990  # beyond the budget, or only the last that was stated again


def test_one_devices_flood_costs_another_nothing(repeats):
    for n in range(1_000):
        repeats.news("d", (DOWN, UP)[n % 2], 0.0)

    assert repeats.news("e", DOWN, 0.0) == 0


def test_unmapped_traps_are_told_apart_by_their_oid(repeats):
    first, second = (Event(event="unmapped", subject=Subject("device", "d"), trap=trap) for trap in ("1.7", "1.8"))

    assert [repeats.news("d", each, 0.0) for each in (first, second, first)] == [0, 0, None]


def test_an_inform_that_is_sent_again_is_known(repeats):
    assert [repeats.sent_again("a", inform(n), at) for n, at in ((1, 0.0), (1, 5.0), (2, 5.0), (1, 400.0))] == [
        False,
        True,
        False,
        False,
    ]
    assert not repeats.sent_again("b", inform(2), 5.0)


def test_an_agent_that_restarted_and_counts_from_one_again_is_heard(repeats):
    """Its request-ids come again within minutes; what it says has another uptime, or another name."""
    assert not repeats.sent_again("a", inform(1, uptime=90_000), 0.0)
    assert not repeats.sent_again("a", inform(1, uptime=20), 60.0)
    assert not repeats.sent_again("a", inform(1, uptime=20, name=(1, 9)), 61.0)
    assert repeats.sent_again("a", inform(1, uptime=20), 62.0)


def test_memory_is_bounded(repeats, monkeypatch):
    for name in ("_SUBJECTS", "_INFORMS", "_DEVICES"):
        monkeypatch.setattr(f"collectors.traps.repeats.{name}", 100)
    for n in range(1_000):
        subject = Subject("ap", f"d/{n}")
        repeats.news(f"d{n}", Event(event="x", subject=subject, trap="1", state="up"), 0.0)
        repeats.sent_again("a", inform(n), 0.0)

    assert [len(repeats._last), len(repeats._latest), len(repeats._informs), len(repeats._minutes)] == [100] * 4
