"""A count that comes while its minute is being submitted, or after: it leaves once, as a fact and as a poll."""

from __future__ import annotations

import pytest

from captive_portal.sms.telling import Deliveries, Expected
from captive_portal.telling import Login, Telling
from netops import facts, wire
from netops.spool import Spool
from netops.spool import read as spooled

MINUTE_MS = 60_000
LOGIN = Login(site="site-1", place="ac-1", method="click_through", identity=b"device")


class Slow(Spool):
    """A spool that takes its time: a login that read its clock before the minute was over comes in between."""

    telling: Telling
    late_ms = 0

    def put(self, kind, payloads):
        """Take what is put, after the login."""
        if self.late_ms:
            late_ms, self.late_ms = self.late_ms, 0
            self.telling.refused(LOGIN, late_ms)
        return super().put(kind, payloads)


@pytest.fixture
def spool(tmp_path):
    with Slow(tmp_path / "portal.db", source="portal") as opened:
        opened.telling = Telling(opened, sites=["site-1"])
        yield opened


@pytest.fixture
def told(spool, tmp_path):
    """Return the minutes of facts with what they count, and how many the polls count."""

    def read() -> tuple[list[tuple[int, int]], int]:
        entries = spooled(tmp_path / "portal.db", after=0, limit=1000)
        logins = [facts.decode(each.payload).body for each in entries if each.kind == "fact"]
        rows = [row for each in entries if each.kind == "poll" for row in wire.decode(each.payload).rows]
        refused = [row.values.get("portal.login.refused", 0) for row in rows if row.subject.kind == "site"]
        return [(body["start_ms"] // MINUTE_MS, body["refused"]) for body in logins], int(sum(refused))

    return read


@pytest.mark.parametrize("meanwhile", [True, False], ids=["while it is submitted", "when it is told"])
def test_a_late_count_leaves_once_with_the_next_minute(spool, told, meanwhile) -> None:
    late_ms = 11 * MINUTE_MS - 1
    spool.telling.refused(LOGIN, 10 * MINUTE_MS + 1)
    spool.late_ms = late_ms if meanwhile else 0
    spool.telling.flush(11 * MINUTE_MS + 100)
    if not meanwhile:
        spool.telling.refused(LOGIN, late_ms)

    for at in (12, 13, 14):
        spool.telling.flush(at * MINUTE_MS + 100)

    assert spool.telling.totals["refused"] == 2
    assert told() == ([(10, 1), (11, 1)], 2)


def test_a_clock_that_is_set_back_says_a_time_of_its_own(spool, told) -> None:
    spool.telling.refused(LOGIN, 10 * MINUTE_MS + 1)
    spool.telling.flush(11 * MINUTE_MS + 100)
    spool.telling.refused(LOGIN, 5 * MINUTE_MS)
    spool.telling.flush(6 * MINUTE_MS)

    assert told()[0] == [(10, 1), (5, 1)]


def test_a_message_that_comes_to_something_late_is_told_too() -> None:
    deliveries, told = Deliveries(), []
    sent = Expected(site="site-1", carrier="carrier-1", asked_ms=10 * MINUTE_MS, id="m")

    def tell(facts) -> None:
        if not told:
            deliveries.count("proved", sent, 11 * MINUTE_MS - 1)
        told.extend(facts)

    deliveries.count("asked", sent, 10 * MINUTE_MS)
    for at in (11, 12, 13):
        deliveries.flush(tell, at * MINUTE_MS)

    assert [(each.body["start_ms"] // MINUTE_MS, each.body["asked"], each.body["proved"]) for each in told] == [
        (10, 1, 0),
        (11, 0, 1),
    ]
