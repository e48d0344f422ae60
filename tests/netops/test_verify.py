from __future__ import annotations

import pytest

from inventory.city import city_of
from inventory.model import Area, Carrier, Contract, Device, Rules, Selector, Service, ServiceItem, Site
from inventory.snapshot import of_city
from netops import hourly, present
from netops.evidence import canonical
from netops.journal import HOUR_MS, Journal
from netops.model import Poll, Row, Subject
from netops.sla import hours
from netops.sla.intervals import Cause, State
from netops.sla.sold import sold
from netops.verify import Planned, Verifier

T0 = 1_790_784_000_000  # 2026-09-30T16:00Z: midnight in Beijing, a full hour
STEP = 60_000
AP = Subject("ap", "mac:020000000001")


def city():
    contract = Contract(
        id="c1",
        version="1",
        carrier="carrier-a",
        title="WiFi",
        valid_from_ms=0,
        rules=Rules(check_every_s=60),
        items=(ServiceItem(id="wifi", kind="wifi", select=Selector(roles=("ap",))),),
    )
    return city_of(
        [
            Area(id="110108001", name="万寿路", name_en="Wanshoulu", col=1, row=1),
            Site(id="s1", name="S1", area="110108001"),
            Carrier(id="carrier-a", name="A"),
            contract,
            Device(id="ac-1", site="s1", carrier="carrier-a", role="wlan_controller", profile="huawei_wlan_ac"),
            Device(id="ap-1", site="s1", carrier="carrier-a", role="ap", mac="020000000001", parent="ac-1"),
            Device(id="anchor-1", site="s1", carrier="", role="anchor"),
            Device(id="anchor-2", site="s1", carrier="", role="anchor"),
            Service(
                id="wifi-1",
                kind="wifi",
                carrier="carrier-a",
                site="s1",
                role="ap",
                device="ac-1",
                subject="ap:mac:020000000001",
                parent="ac-1",
            ),
        ]
    )


@pytest.fixture
def seen():
    return of_city(city(), at_ms=T0, rehearsal=False)


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "states.db") as opened:
        yield opened


def poll(n, state=8.0, *, device="ac-1", outcome="answered", uptime=None):
    values = {"wlan.ap.state": state, "wlan.ap.uptime": float(n * 60 + 1000 if uptime is None else uptime)}
    rows = (Row(subject=AP, values=values),) if outcome == "answered" and device == "ac-1" else ()
    return Poll(device=device, slot_ms=T0 + n * STEP, at_ms=T0 + n * STEP + 5, outcome=outcome, rows=rows)


def states(journal, start=T0, end=T0 + HOUR_MS):
    return [(s.state, s.cause) for s in journal.window(start, end).get("wifi-1", [])]


def test_a_child_is_what_its_parent_says_and_falls_with_it(seen, journal):
    Verifier(seen, journal).take([poll(0), poll(1, 4.0), poll(2, outcome="no_answer"), poll(3)])

    assert states(journal) == [
        (State.UP, Cause.NONE),
        (State.DOWN, Cause.CARRIER),
        (State.DOWN, Cause.CARRIER),
        (State.UP, Cause.NONE),
    ]


def test_a_gap_of_ours_is_unknown_never_down(seen, journal):
    Verifier(seen, journal).take([poll(0), poll(1, outcome="missed_slot"), poll(2, outcome="disk_full")])

    assert states(journal)[1:] == [(State.UNKNOWN, Cause.MONITOR)] * 2


def test_the_same_polls_again_change_nothing(seen, journal):
    polls = [poll(n, 8.0 if n != 3 else 4.0) for n in range(8)]
    Verifier(seen, journal).take(polls)
    first = journal.window(T0, T0 + HOUR_MS)
    Verifier(seen, journal).take(polls)

    assert journal.window(T0, T0 + HOUR_MS) == first


def test_a_hidden_reboot_shows_and_a_restart_of_the_core_does_not_hide_it(seen, journal):
    Verifier(seen, journal).take([poll(0, uptime=9000), poll(1, uptime=9060)])
    Verifier(seen, journal).take([poll(2, uptime=20)])

    assert states(journal)[-1] == (State.DEGRADED, Cause.CARRIER)


def test_a_slot_far_back_accuses_nobody_of_a_reboot(seen, journal):
    Verifier(seen, journal).take([poll(0, uptime=900_000), poll(600, uptime=30)])

    assert states(journal, T0 + 600 * STEP, T0 + 601 * STEP) == [(State.UP, Cause.NONE)]


def test_the_past_told_beside_the_present_does_not_disturb_it(seen, journal):
    verifier = Verifier(seen, journal)
    verifier.take([poll(500, uptime=50_000)])
    verifier.take([poll(n, uptime=1000 + 60 * n) for n in range(5)])
    verifier.take([poll(501, uptime=50_060)])

    assert states(journal) == [(State.UP, Cause.NONE)] * 5
    assert states(journal, T0 + 500 * STEP, T0 + 502 * STEP) == [(State.UP, Cause.NONE)] * 2


def test_when_every_anchor_is_lost_nothing_seen_counts(seen, journal):
    lost = [poll(1, device=name, outcome="no_answer") for name in ("anchor-1", "anchor-2")]
    one = [poll(2, device="anchor-1", outcome="no_answer"), poll(2, device="anchor-2")]
    Verifier(seen, journal).take([poll(0), poll(1, outcome="no_answer"), *lost, poll(2, outcome="no_answer"), *one])

    assert states(journal) == [
        (State.UP, Cause.NONE),
        (State.UNKNOWN, Cause.MONITOR),
        (State.DOWN, Cause.CARRIER),
    ]


def test_an_outage_in_approved_maintenance_is_planned(seen, journal):
    window = Planned(start_ms=T0, end_ms=T0 + 2 * STEP, services=frozenset({"wifi-1"}))
    Verifier(seen, journal, [window]).take([poll(0, 4.0), poll(1, 4.0), poll(2, 4.0)])

    assert [cause for _, cause in states(journal)] == [Cause.PLANNED, Cause.PLANNED, Cause.CARRIER]


def test_an_hour_sealed_and_read_back_is_the_hour_that_was_seen(seen, journal):
    Verifier(seen, journal).take([poll(n, 4.0 if 10 <= n < 25 else 8.0) for n in range(60) if n != 40])
    (contract,) = seen.contracts
    roster, step = sold(contract, seen), hourly.step_ms(contract)
    found = hourly.runs_of(journal.window(T0, T0 + HOUR_MS), roster, step=step)
    entries = hourly.entries("c1", roster, found, hour_ms=T0, step=step, known=False)
    bodies = [canonical.loads(canonical.dumps(e.fact.body)) for e in entries if e.fact.kind == hours.KIND]
    (hour,) = hours.read(bodies)
    (total,) = hourly.sums(roster, found, hour_ms=T0, step=step)

    assert found["wifi-1"] == hours.unpack(hour.usual, start_ms=T0, step_ms=step)
    assert (total.up_ms, total.down_ms, total.unknown_ms) == (44 * STEP, 15 * STEP, STEP)
    assert total.worst == "X"
    assert total.up_ms + total.degraded_ms + total.down_ms + total.unknown_ms == HOUR_MS


def test_hours_are_sealed_once_and_in_order(seen, journal):
    Verifier(seen, journal).take([poll(n) for n in range(130)])

    assert journal.unsealed(until_ms=T0 + 2 * HOUR_MS, limit=9) == [T0, T0 + HOUR_MS]

    journal.seal(T0, {"c1": []})

    assert journal.unsealed(until_ms=T0 + 3 * HOUR_MS, limit=9) == [T0 + HOUR_MS, T0 + 2 * HOUR_MS]


def test_the_situation_says_what_is_known_and_what_is_not(seen, journal):
    now = T0 + 10 * STEP
    Verifier(seen, journal).take([poll(n, 4.0 if n >= 7 else 8.0) for n in range(10)])
    shown = present.situation(seen, journal, interval_s=60, now_ms=now, collector={})
    later = present.situation(seen, journal, interval_s=60, now_ms=now + HOUR_MS, collector={})

    (service,) = shown.services
    assert (service.state.value, service.since_ms, service.cause) == ("down", T0 + 7 * STEP, "carrier:carrier-a")
    assert (service.device, service.area, service.contract) == ("ap-1", "110108001", "c1")
    assert (later.services[0].state.value, later.services[0].cause) == ("unknown", "monitor")


def test_a_service_nobody_asked_about_is_unknown(seen, journal):
    (service,) = present.situation(seen, journal, interval_s=60, now_ms=T0, collector={}).services

    assert service.state.value == "unknown"
    assert service.strip.endswith("N")


def test_an_outage_that_was_told_late_and_goes_on_now_is_one(seen, journal):
    verifier = Verifier(seen, journal)
    verifier.take([poll(20, 4.0), poll(21, 4.0)])
    verifier.take([poll(n, 4.0 if n >= 12 else 8.0) for n in range(20)])
    (service,) = present.situation(seen, journal, interval_s=60, now_ms=T0 + 22 * STEP, collector={}).services

    assert service.since_ms == T0 + 12 * STEP


def test_a_state_lasts_no_longer_than_it_was_seen_though_its_first_sample_is_of_long_ago(seen, journal):
    verifier = Verifier(seen, journal)
    verifier.take([poll(0)])  # the past begins to be told before the first look of today
    verifier.take([poll(2000), poll(2001)])
    (first,) = present.situation(seen, journal, interval_s=60, now_ms=T0 + 2002 * STEP, collector={}).services
    verifier.take([poll(n, 4.0 if 900 <= n < 990 else 8.0) for n in range(1, 2000)])  # what lay between, with an outage
    (whole,) = present.situation(seen, journal, interval_s=60, now_ms=T0 + 2002 * STEP, collector={}).services

    assert (first.state.value, first.since_ms) == ("up", T0 + 2000 * STEP)
    assert (whole.state.value, whole.since_ms) == ("up", T0 + 990 * STEP)


def test_a_child_of_a_silent_parent_in_maintenance_is_planned_on_the_page_as_in_the_judgement(seen, journal):
    """The page once named the silent parent instead, and the carrier seemed to be at fault."""
    planned = [Planned(start_ms=T0, end_ms=T0 + 20 * STEP, services=frozenset({"wifi-1"}))]
    Verifier(seen, journal, planned).take([poll(n, outcome="no_answer") for n in range(10)])
    (service,) = present.situation(seen, journal, interval_s=60, now_ms=T0 + 10 * STEP, collector={}).services

    assert (service.state.value, service.cause) == ("down", "planned")
