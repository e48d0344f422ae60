"""V6 and R13: our own faults and our own clock, from polls to the report's figure, charge the carrier nothing.

A round is a few hours of one access point, minute by minute: it is up, really down, or hidden behind a fault of ours.
What happened is known, so what is charged can be counted: the minutes that were really down and really seen, no more.
"""

import itertools
import os
import random
from types import SimpleNamespace

import pytest

from inventory.city import city_of
from inventory.model import Area, Carrier, Contract, Device, Objective, Rules, Selector, Service, ServiceItem, Site
from inventory.snapshot import of_city
from netops import hourly, sealing
from netops.facts import Fact
from netops.journal import HOUR_MS, Journal
from netops.ledger import LedgerEntry, encode
from netops.model import OURS, Poll, Row, Subject
from netops.report import interval
from netops.report.leaves import Leaves, Sealed
from netops.sla import calendar
from netops.sla.sold import sold
from netops.verify import Verifier

M = 60_000
T0 = 1_790_784_000_000
HOURS = 3
SEED = int(os.environ.get("NETOPS_SEED", "1"))
ROUNDS = max(10, int(os.environ.get("NETOPS_ROUNDS", "10")))
AP = Subject("ap", "mac:020000000001")
SILENT, UP, FAULT = "silent", "up", "fault"
REALLY_DOWN = frozenset({SILENT, FAULT})


@pytest.fixture(scope="module")
def seen():
    rules = Rules(check_every_s=60, max_unknown_ratio="1", min_samples_per_slice=0)
    objective = Objective(id="availability", indicator="availability", target="99", rules=rules)
    item = ServiceItem(id="wifi", kind="wifi", select=Selector(roles=("ap",)), objectives=(objective,))
    contract = Contract(
        id="c1", version="1", carrier="x", title="t", valid_from_ms=0, rules=rules, items=(item,), timezone="UTC"
    )
    device = {"site": "s1", "carrier": "x"}
    ap = {"subject": "ap:mac:020000000001", "parent": "ac-1", "role": "ap", "device": "ac-1"}
    records = [
        Area(id="110108001", name="万寿路", name_en="Wanshoulu", col=1, row=1),
        Site(id="s1", name="S1", area="110108001"),
        Carrier(id="x", name="X"),
        contract,
        Device(id="ac-1", role="wlan_controller", profile="huawei_wlan_ac", **device),
        Device(id="ap-1", role="ap", mac="020000000001", parent="ac-1", **device),
        *(Device(id=name, site="s1", carrier="", role="anchor") for name in ("anchor-1", "anchor-2")),
        Service(id="wifi-1", kind="wifi", carrier="x", site="s1", **ap),
    ]
    return of_city(city_of(records), at_ms=T0, rehearsal=False)


def poll(minute, what, *, uptime, late=0):
    """What the collector tells of one minute: `what` is a state of the access point, or a reason of ours."""
    at = T0 + minute * M
    values = {"wlan.ap.state": 4.0 if what == FAULT else 8.0, "wlan.ap.uptime": float(uptime)}
    rows = (Row(subject=AP, values=values),) if what in {UP, FAULT} else ()
    outcome = {UP: "answered", FAULT: "answered", SILENT: "no_answer", "blind": "no_answer"}.get(what, what)
    return Poll(device="ac-1", slot_ms=at, at_ms=at + 5 + late, outcome=outcome, rows=rows)


def anchors(minute, *, answer):
    at = T0 + minute * M
    outcome = "answered" if answer else "no_answer"
    return [Poll(device=f"anchor-{n}", slot_ms=at, at_ms=at + 5, outcome=outcome, rows=()) for n in (1, 2)]


def tally(seen, path, batches, *, steps=(), hours=HOURS, timezone="UTC"):
    """Return what the report's judge makes of polls that came in these batches, and the intervals it was made from."""
    entries = [sealing.contract_version(seen.contracts[0])]
    leaves = [
        SimpleNamespace(fact=Fact(kind="clock_state", at_ms=at, body={"state": "stepped", "vantage": "city"}))
        for at in steps
    ]
    ledger = SimpleNamespace(
        find=lambda _, *, start_ms, end_ms: [e for e in leaves if start_ms <= e.fact.at_ms < end_ms]
    )
    with Journal(path / "states.db") as journal:
        verifier = Verifier(seen, journal)
        for batch in batches:
            verifier.take(batch)
        for number in range(hours):
            sight = hourly.sight(
                journal, ledger, T0 + number * HOUR_MS, ours="city", blind_ms=M, planned=lambda *_: False
            )
            told, _ = hourly.sealed(seen.contracts[0], sold(seen.contracts[0], seen), sight, known=number > 0)
            entries += told
    held = [LedgerEntry(each.source, i, each.fact) for i, each in enumerate(entries)]
    sealed = [Sealed.read(i, encode(each, recorded_ms=T0, rehearsal=False)) for i, each in enumerate(held)]
    answer = interval.ask(
        seen.contracts,
        Leaves(tuple(sealed)),
        start_ms=T0,
        end_ms=T0 + hours * HOUR_MS,
        tz=calendar.zone(timezone),
    )
    (line,) = answer.lines
    return line.judged.tally, line.judged.lines[0].incidents


@pytest.mark.parametrize("reason", sorted(OURS))
def test_v6_a_day_of_one_fault_of_ours_charges_nothing(seen, tmp_path, reason):
    polls = [
        each for n in range(60) for each in (poll(n, reason.value, uptime=9000 + 60 * n), *anchors(n, answer=True))
    ]
    found, incidents = tally(seen, tmp_path, [polls], hours=1)
    assert (found.down, found.unknown, incidents) == (0, HOUR_MS, ())


def test_v6_a_real_outage_is_charged_to_the_minute(seen, tmp_path):
    """The control: what charges nothing whatever happens would pass every other test here."""
    what = [SILENT if 10 <= n < 25 else FAULT if 40 <= n < 43 else UP for n in range(60)]
    polls = [each for n in range(60) for each in (poll(n, what[n], uptime=9000 + 60 * n), *anchors(n, answer=True))]
    found, _ = tally(seen, tmp_path, [polls], hours=1)
    assert (found.down, found.up) == (18 * M, 42 * M)


def test_v6_only_what_was_really_down_and_really_seen_is_charged(seen, tmp_path_factory):
    """All faults at once: reasons of ours, polls that never came, blind minutes, stepped clocks, repeated batches."""
    for seed in range(SEED, SEED + ROUNDS):
        rng = random.Random(seed)
        minutes = 60 * HOURS
        what, n = [], 0
        while len(what) < minutes:
            kind = rng.choice([UP, UP, UP, SILENT, FAULT, "blind", "none", "late", *sorted(OURS)])
            what += [kind] * rng.choice([1, 1, 2, 20])
        polls, steps = [], []
        for n, kind in enumerate(what[:minutes]):
            uptime = 9000 + 60 * n
            polls += anchors(n, answer=kind != "blind")
            if kind == "late":
                polls.append(poll(n, SILENT, uptime=uptime, late=M))
            elif kind != "none":
                polls.append(poll(n, kind, uptime=uptime))
            if rng.random() < 0.02:
                steps.append(T0 + n * M + rng.randrange(M))
        batches = []
        while polls:
            taken = rng.randint(1, 200)
            batches.append(polls[:taken] + rng.sample(polls[:taken], rng.randint(0, min(taken, len(polls)) // 2)))
            polls = polls[taken:]
        found, _ = tally(seen, tmp_path_factory.mktemp("round"), batches, steps=steps)

        stepped = {(at - T0) // M for at in steps}
        down = sum(kind in REALLY_DOWN and n not in stepped for n, kind in enumerate(what[:minutes]))
        up = sum(kind == UP and n not in stepped for n, kind in enumerate(what[:minutes]))
        assert (found.down, found.up, found.whole) == (down * M, up * M, HOURS * HOUR_MS), f"seed {seed}"


JUMPS = (3_600_000, -3_600_000, -1000, 1000, 90_000, -90_000)  # ± 1 h, a leap second told twice or left out, some more


def test_r13_a_clock_that_jumps_makes_no_time_and_charges_none(seen, tmp_path_factory):
    """What is charged never exceeds the true outage, whatever wall clock the polls were stamped by.

    True minutes go by; the wall clock jumps; a slot is where the wall clock says. The collector states each step, and
    asks again for slots that the clock goes through a second time.
    """
    charged = 0
    for seed in range(SEED, SEED + ROUNDS):
        rng = random.Random(seed)
        offset, steps, batches, true_down = 0, [], [], 0
        what = UP
        for minute in range(60 * HOURS):
            what = rng.choice([UP, UP, SILENT, FAULT]) if rng.random() < 0.05 else what
            true_down += what in REALLY_DOWN
            if rng.random() < 0.03:
                offset += rng.choice(JUMPS)
                steps.append(T0 + minute * M + offset)
            wall = T0 + minute * M + offset
            slot = wall // M
            told = poll(slot - T0 // M, what, uptime=9000 + 60 * minute)
            batches.append([told, *anchors(slot - T0 // M, answer=True)])
        found, incidents = tally(seen, tmp_path_factory.mktemp("round"), batches, steps=steps)

        assert found.whole == HOURS * HOUR_MS, f"seed {seed}"
        assert found.down <= true_down * M, f"seed {seed}"
        ends = [(each.start_ms, each.end_ms) for each in incidents]
        assert all(start < end for start, end in ends), f"seed {seed}"
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(ends)), f"seed {seed}"
        stepped = {at // M for at in steps}
        assert not any(start <= slot * M < end for slot in stepped for start, end in ends), f"seed {seed}"
        charged += found.down
    assert charged


@pytest.mark.parametrize("timezone", ["Europe/Berlin", "Pacific/Auckland", "Asia/Shanghai"])
@pytest.mark.parametrize("month", ["2026-03", "2026-04", "2026-10"])
def test_r13_the_hours_of_a_month_with_a_change_of_the_clock_cover_it_once(timezone, month):
    """Sealed hours are UTC: neither 23 nor 25 hours of a day leave a gap or tell an hour twice."""
    tz = calendar.zone(timezone)
    start, end = calendar.month(month, tz)
    low, high = interval.around(start, end, tz)
    assert (low, high) == (start, end)
    assert (end - start) % HOUR_MS == 0
    days = [calendar.day(int(month[:4]), int(month[5:]), n, tz) for n in range(1, 32 if month != "2026-04" else 31)]
    assert days[0][0] == start
    assert days[-1][1] == end
    assert all(before[1] == after[0] for before, after in itertools.pairwise(days))
