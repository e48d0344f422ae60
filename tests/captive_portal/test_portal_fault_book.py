"""Fault reports in a flood: no honest one is told "received" and thrown away, no made-up device speaks for others."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captive_portal import fault_reports
from captive_portal.fault_book import FaultBook, Report, Seen, Taken
from netops.errors import SpoolError
from netops.facts import Fact, decode, encode

NOW_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
BEIJING = ZoneInfo("Asia/Shanghai")


class Telling:
    """Keeps what is stated; `full` is a disk that takes nothing."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.full = False
        self.reports = 0

    def report(self, body, now_ms: int, count: int = 1) -> None:
        if self.full:
            raise SpoolError("disk full")
        self.facts.append(Fact(kind="fault_report", at_ms=now_ms, body=body))
        self.reports += count


@pytest.fixture
def telling() -> Telling:
    return Telling()


def said(seen: Seen = Seen.NEVER, site: str = "park", what: str = "slow") -> Report:
    return Report(site=site, what=what, uplink="up", seen=seen)


def device(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_made_up_devices_take_no_honest_ones_word(telling) -> None:
    book = FaultBook()
    came = [book.take(telling, said(), device(number), NOW_MS) for number in range(500)]

    honest = book.take(telling, said(Seen.ONLINE), device(1000), NOW_MS)
    yesterday = book.take(telling, said(Seen.LATELY), device(1001), NOW_MS)

    assert came == [Taken.STATED] * 40 + [Taken.COUNTED] * 460
    assert honest is yesterday is Taken.STATED
    assert telling.facts[-1].body == {
        "site": "park", "what": "slow", "uplink": "up", "seen": "lately", "device": "first",
    }  # fmt: skip


def test_another_sites_reports_are_stated_while_one_is_flooded(telling) -> None:
    book = FaultBook()
    for number in range(200):
        book.take(telling, said(), device(number), NOW_MS)

    assert book.take(telling, said(site="station"), device(1000), NOW_MS) is Taken.STATED


def test_what_was_counted_is_one_fact_of_its_minute(telling) -> None:
    book = FaultBook()
    for number in range(100):
        book.take(telling, said(what="drops" if number % 2 else "slow"), device(number), NOW_MS)
    assert book.flush(telling, NOW_MS) == 0, "the minute is not over"
    stated = len(telling.facts)

    assert book.flush(telling, NOW_MS + 60_000) == 2
    assert book.flush(telling, NOW_MS + 60_000) == 0

    assert stated == 40
    assert [(each.body["what"], each.body["count"]) for each in telling.facts[40:]] == [("slow", 30), ("drops", 30)]
    assert all(each.at_ms == NOW_MS - NOW_MS % 60_000 for each in telling.facts[40:])
    assert telling.reports == 100
    assert [decode(encode(each)) for each in telling.facts] == telling.facts, "the ledger's vocabulary takes them"


def test_the_last_minute_is_stated_when_the_portal_stops_and_a_full_disk_loses_none(telling) -> None:
    book = FaultBook()
    for number in range(50):
        book.take(telling, said(), device(number), NOW_MS)
    telling.full = True
    with pytest.raises(SpoolError):
        book.flush(telling, NOW_MS, everything=True)
    telling.full = False

    assert book.flush(telling, NOW_MS, everything=True) == 1
    assert telling.reports == 50


def test_who_presses_again_and_again_has_been_heard_and_counts_once(telling) -> None:
    book = FaultBook()

    came = [book.take(telling, said(Seen.ONLINE), device(1), NOW_MS) for _ in range(6)]
    later = book.take(telling, said(Seen.ONLINE), device(1), NOW_MS + 120_000)
    next_day = book.take(telling, said(Seen.ONLINE), device(1), NOW_MS + 26 * HOUR_MS)

    assert came == [Taken.STATED] * 4 + [Taken.AGAIN] * 2
    assert later is next_day is Taken.STATED
    assert [each.body["device"] for each in telling.facts] == ["first", *["again"] * 4, "first"]


def test_more_than_can_be_counted_is_said_to_whom_it_concerns(telling) -> None:
    """Two thousand devices of one site in one instant: who then reports first reads that it was not recorded."""
    book = FaultBook()
    for number in range(2_000):
        book.take(telling, said(), device(number), NOW_MS)

    assert book.take(telling, said(), device(9_999), NOW_MS) is Taken.TOO_MANY
    assert book.take(telling, said(), device(0), NOW_MS) is Taken.TOO_MANY
    assert book.take(telling, said(site="station"), device(9_999), NOW_MS) is Taken.STATED


def test_a_report_that_could_not_be_stated_does_not_make_its_device_one_that_has_reported(telling) -> None:
    book = FaultBook()
    telling.full = True
    with pytest.raises(SpoolError):
        book.take(telling, said(), device(1), NOW_MS)
    telling.full = False

    book.take(telling, said(), device(1), NOW_MS)

    assert telling.facts[0].body["device"] == "first"


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from(Seen), st.sampled_from(["a", "b"]), st.integers(0, 90_000)),
        max_size=150,
    )
)
def test_every_report_that_was_taken_is_stated_once(presses) -> None:
    telling, book, taken, now_ms = Telling(), FaultBook(), 0, NOW_MS
    for number, seen, site, after_ms in presses:
        now_ms += after_ms
        taken += book.take(telling, said(seen, site), device(number), now_ms) in {Taken.STATED, Taken.COUNTED}
        book.flush(telling, now_ms)
    book.flush(telling, now_ms, everything=True)

    days = fault_reports.counted(telling.facts, BEIJING)

    assert telling.reports == sum(each.total for each in days) == taken
    assert all(each.strangers <= each.devices <= each.total for each in days)


def test_a_days_reports_weigh_by_devices_that_were_online() -> None:
    def fact(site: str, **more) -> Fact:
        return Fact(kind="fault_report", at_ms=NOW_MS, body={"site": site, "what": "slow", "uplink": "up", **more})

    facts = [
        fact("flooded", seen="never", device="first", count=900),
        fact("flooded", seen="online", device="first"),
        fact("honest", seen="online", device="first"),
        fact("honest", seen="lately", device="first"),
        fact("honest", seen="online", device="again"),
        fact("old"),  # as reports were first told
    ]

    days = fault_reports.counted(facts, BEIJING)

    assert [(each.site, each.total, each.devices, each.strangers) for each in days] == [
        ("honest", 3, 2, 0),
        ("flooded", 901, 901, 900),
        ("old", 1, 1, 0),
    ]
