"""A city with two months: August is closed, disputed and revised, September runs. Made from a seed, sealed for real.

One outage that polls show (`wifi-0000`, 20 August), one that an approved claim excuses, one claim that came late, forty
minutes in which we were blind; an objection, its ruling and the revision that follows; a witness, a stamp, a restart.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import small_city

import inventory.tables
from inventory import sql
from inventory.city import city_of
from inventory.model import (
    Area,
    Carrier,
    Contract,
    Credits,
    Device,
    ExclusionClass,
    Objective,
    Rules,
    Selector,
    Service,
    ServiceItem,
    Site,
    Tier,
)
from inventory.register import Register
from inventory.snapshot import snapshot
from netops import founding, hourly, raw, sealing, situation
from netops.access import approvals
from netops.dispute import listening
from netops.evidence import note
from netops.facts import Fact
from netops.journal import HourSum, Journal
from netops.ledger import Ledger, LedgerEntry
from netops.model import ANSWERED, Poll, Row, Subject
from netops.report import issue, witnessed
from netops.sign import Signer
from netops.situation import ServiceNow, Situation, State
from netops.sla import calendar
from netops.sla.intervals import Cause
from netops.sla.intervals import State as Judged
from netops.sla.sold import sold
from netops.sla.timeline import Run
from netops.store import open_store
from netops.witness import policy

if TYPE_CHECKING:
    from pathlib import Path

    from netops.config import Settings

M, H, DAY = 60_000, 3_600_000, 86_400_000
NOW = small_city.NOW
SHANGHAI = calendar.zone("Asia/Shanghai")
START, END = calendar.month("2026-08", SHANGHAI)
CONTRACT = "contract-a"
OUTAGE = START + 19 * DAY + 18 * H  # 20 August 10:00 UTC
LASTED = 90 * M
EXCUSED = START + 9 * DAY + 10 * H
BLIND = START + 4 * DAY + 20 * H
SINCE = END + 9 * DAY + 9 * H  # of an outage in the month that runs
REPORT = f"{CONTRACT}-2026-08-r1"
OTHER = "contract-b"
OTHERS_REPORT = f"{OTHER}-2026-08-r1"
MAINTENANCE = ExclusionClass(
    id="maintenance",
    title="计划检修 / Planned maintenance",
    cause="planned",
    notice_h=24,
    cap_s=8 * 3600,
    approver="contract_manager",
)
CREDITS = Credits(
    tiers=(
        Tier(percent="10", below="99.9", at_least="99.0"),
        Tier(percent="30", below="99.0", at_least="95.0"),
        Tier(percent="100", below="95"),
    )
)
RULES = Rules(check_every_s=60, max_unknown_ratio="0.2", exclusions=(MAINTENANCE,))
WITNESS = Signer("auditor.example/w", bytes(32), algorithm=note.COSIGNATURE_V1)


def build(
    directory: Path,
    *,
    services: int = 4,
    outages: int = 0,
    revised: bool = True,
    revised_ms: int = END + 5 * DAY,
    keys: tuple[str, ...] = (),
    seed: int = 7,
) -> Settings:
    """Fill `directory`; return the settings. `outages` more, an hour each, are strewn over August.

    With `keys` carrier a speaks by them, and there is a carrier b, by the last of them, with a contract and a report.
    """
    made = small_city.settings(directory)
    records = [*_records(services, keys[:-1]), *(_other(keys[-1]) if keys else ())]
    sql.upgrade(inventory.tables.MIGRATIONS, made.register_url)
    with Register(made.register_url, rehearsal=True) as register:
        register.apply(city_of(records), at_ms=START - 40 * DAY, now_ms=START - 40 * DAY)
    founding.keys(made)
    situation.write(made, _situation(records))
    _telemetry(made)
    small_city._staff(made)
    names = [each.id for each in records if isinstance(each, Service)]
    runs = _Seen(names, outages, random.Random(seed))
    with Ledger(
        issue.ledger_path(made), origin=made.ledger_origin, rehearsal=True, signer=founding.signer(made)
    ) as ledger:
        world = _World(made, ledger)
        world.sealed(runs)
        world.said()
        world.issued(now_ms=END + DAY)
        if revised:
            world.disputed()
            world.issued(now_ms=revised_ms)
        if keys:
            world.of_another(now_ms=revised_ms)
        world.state("service_state", {"service": "core", "state": "started", "version": "1"}, at_ms=NOW - 2 * DAY)
    _summed(made, runs)
    return made


def _other(key: str):
    yield Carrier(id="carrier-b", name="乙通信", name_en="Carrier B", keys=(key,))
    yield Contract(
        id=OTHER, version="1", carrier="carrier-b", title="乙通信合同", valid_from_ms=START - 30 * DAY, items=()
    )


def _records(count: int, keys: tuple[str, ...] = ()):
    yield Area(id="110108001", name="万寿路街道", name_en="Wanshoulu", col=1, row=1)
    yield Carrier(id="carrier-a", name="甲通信", name_en="Carrier A", keys=keys)
    availability = Objective(id="availability", indicator="availability", target="99.99", rules=RULES, credits=CREDITS)
    strict = replace(availability, id="any", target="99.9", rules=replace(RULES, aggregation="any_down"))
    yield Contract(
        id=CONTRACT,
        version="1",
        carrier="carrier-a",
        title="甲通信 WiFi 合同",
        valid_from_ms=START - 30 * DAY,
        credit_cap_percent="50",
        items=(
            ServiceItem(
                id="wifi",
                kind="wifi",
                select=Selector(),
                title="公共WiFi / Public WiFi",
                fee="100",
                objectives=(availability, strict),
            ),
        ),
    )
    yield Site(id="site-0", name="万寿路机房", area="110108001", address="万寿路 1 号")
    yield Device(
        id="wlan-controller-0",
        site="site-0",
        carrier="carrier-a",
        role="wlan_controller",
        profile="huawei_wlan_ac",
        address="127.0.1.1",
    )
    for number in range(count):
        yield Service(
            id=f"wifi-{number:04d}",
            kind="wifi",
            carrier="carrier-a",
            site="site-0",
            role="ap",
            device="wlan-controller-0",
            subject=f"ap:mac:0a0b0c{number:06x}",
            parent="wlan-controller-0",
        )


def _situation(records) -> Situation:
    now = tuple(
        ServiceNow(
            service=each.id,
            device=each.device,
            area="110108001",
            carrier="carrier-a",
            contract=CONTRACT,
            kind="wifi",
            state=State.UP,
            cause="",
            because="",
            since_ms=NOW - 9 * DAY,
            month_up_ms=20 * DAY,
            month_down_ms=0,
            month_unknown_ms=0,
            strip="U" * 24,
        )
        for each in records
        if isinstance(each, Service)
    )
    return Situation(at_ms=NOW - 20_000, services=now, collector=dict(small_city.COLLECTOR), rehearsal=True)


class _Seen:
    """What was seen of each service in an hour: up all the time, but for some."""

    def __init__(self, names, outages, dice):
        self.names = names
        down = Judged.DOWN, Cause.CARRIER, "wlan.ap.state=fault"
        blind = Judged.UNKNOWN, Cause.MONITOR, "anchors_lost"
        spans = [
            ("wifi-0000", OUTAGE, OUTAGE + LASTED, *down),
            ("wifi-0001", EXCUSED, EXCUSED + 2 * H, *down),
            ("wifi-0001", SINCE, SINCE + 3 * H, *down),
            *((name, BLIND, BLIND + 40 * M, *blind) for name in names),
        ]
        for number in range(outages):
            at = START + dice.randrange(24, 700) * H
            spans.append((names[2 + number % (len(names) - 2)], at, at + H, *down))
        self._spans: dict[int, list] = {}
        for name, start, end, *state in spans:
            for hour in range(start // H * H, end, H):
                self._spans.setdefault(hour, []).append((name, max(start, hour), min(end, hour + H), *state))

    def hour(self, at):
        """Return the runs of an hour, by service."""
        whole = [Run(at, at + 59 * M, 60, Judged.UP)]
        found = dict.fromkeys(self.names, whole)
        for name, start, end, *state in self._spans.get(at, ()):
            parts = [
                (at, start, Judged.UP, Cause.NONE, ""),
                (start, end, *state),
                (end, at + H, Judged.UP, Cause.NONE, ""),
            ]
            found[name] = [Run(low, high - M, (high - low) // M, *rest) for low, high, *rest in parts if low < high]
        return found


class _World:
    """States facts, one after the other."""

    def __init__(self, settings, ledger):
        self.settings, self.ledger, self.known = settings, ledger, 0

    def state(self, kind, body, *, at_ms):
        self.known += 1
        entry = LedgerEntry("test", self.known, Fact(kind=kind, at_ms=at_ms, body=body))
        self.ledger.append([entry], now_ms=at_ms)

    def sealed(self, runs):
        """The register, and every hour of August and of September so far."""
        with Register(self.settings.register_url, rehearsal=True, readonly=True) as register:
            seen = snapshot(register, at_ms=START)
        roster = sold(seen.contracts[0], seen)
        entries = sealing.register(seen, revision=1, by="test")
        for hour in range(START, NOW // H * H, H):
            entries += hourly.entries(CONTRACT, roster, runs.hour(hour), hour_ms=hour, step=M, known=hour > START)
        asked = {"quorum": 1, "witnesses": [str(WITNESS.vkey)]}
        self.state(policy.KIND, asked, at_ms=START)
        self.ledger.append(entries, now_ms=START)

    def said(self):
        """What people claimed and decided, and how we were blind."""
        self._claim("req-planned", EXCUSED, EXCUSED + 2 * H, "wifi-0001", noticed=EXCUSED - 48 * H)
        self._claim("req-late", OUTAGE, OUTAGE + LASTED, "wifi-0000", noticed=OUTAGE + H)
        for minute in range(40):
            at = BLIND + minute * M
            body = {"vantage": "collect/1", "state": "blind", "anchors": 2, "reachable": 0, "start_ms": at}
            self.state("monitor_health", body, at_ms=at)
        missed = {"job": "collect", "first_ms": BLIND, "last_ms": BLIND + 39 * M, "count": 40}
        self.state("slots_missed", missed, at_ms=BLIND + 39 * M)
        (first,) = listening.entries((), ((0, START),))
        self.ledger.append([first], now_ms=START)
        with raw.build(self.settings, writing=True) as archive:
            self.ledger.append(sealing.chunks(archive.untold()), now_ms=OUTAGE + 2 * H)

    def _claim(self, name, start, end, service, *, noticed):
        terms = {
            "contract": CONTRACT,
            "class": "maintenance",
            "start_ms": start,
            "end_ms": end,
            "services": [service],
        }
        claim = {"claim": name, **terms, "reason": "更换控制器板卡", "by": "li.na"}
        self.state("exclusion_claim", claim, at_ms=noticed)
        asked = {"request": name, "action": "exclusion", "subject": name, "digest": approvals.digest(terms)}
        asked |= {"terms": terms, "by": "li.na", "role": "operator", "reason": "更换控制器板卡"}
        self.state("approval_request", asked, at_ms=noticed)
        decided = {"request": name, "decision": "approved", "by": "wang.min", "role": "contract_manager", "reason": ""}
        self.state("approval_decision", decided, at_ms=noticed + M)

    def disputed(self):
        """The carrier objects to the length of the outage; a part is upheld."""
        at, until = END + 2 * DAY, OUTAGE + 30 * M
        said = {"objection": "o-1", "report": REPORT, "code": "duration", "target": f"incident:wifi-0000@{OUTAGE}"}
        said |= {"by": "carrier-a", "reason": "前半小时已恢复", "asks": "up", "start_ms": OUTAGE, "end_ms": OUTAGE + H}
        self.state("objection", said, at_ms=at)
        self.state(
            "rebuttal",
            {"objection": "o-1", "stance": "rejected", "by": "wang.min", "reason": "读数为故障"},
            at_ms=at + H,
        )
        ruled = {"objection": "o-1", "outcome": "partly_upheld", "by": "zhao.lei", "reason": "半小时内有流量"}
        ruled |= {"decides": "up", "service": "wifi-0000", "start_ms": OUTAGE, "end_ms": until}
        self.state("ruling", ruled, at_ms=at + 2 * H)

    def of_another(self, *, now_ms):
        """A report of another carrier's contract, and its objection to it."""
        said = {"report": OTHERS_REPORT, "contract": OTHER, "start_ms": START, "end_ms": END, "revision": 1}
        said |= {"digest": "b" * 64, "manifest_digest": "c" * 64, "leaves": 1, "amount": "1.00", "currency": "CNY"}
        self.state("report_issued", said, at_ms=now_ms)
        about = {"objection": "o-theirs", "report": OTHERS_REPORT, "code": "calculation"}
        about |= {"target": f"interval:{START}-{END}", "by": "carrier-b/disputes", "reason": "乙方的理由"}
        self.state("objection", about, at_ms=now_ms + H)
        refused = {"digest": "d" * 64, "by": "carrier-b/disputes", "reason": "there is no report 'x'"}
        self.state("note_refused", refused, at_ms=now_ms + H)

    def issued(self, *, now_ms):
        """Issue the report on August, under a checkpoint that the witness signed."""
        draft = issue.prepare(self.settings, self.ledger, contract=CONTRACT, month="2026-08", now_ms=now_ms)
        index = issue.seal(self.ledger, draft, now_ms=now_ms)
        signed = WITNESS.cosign(self.ledger.checkpoint(now_ms=now_ms), now_s=now_ms // 1000)
        self.ledger.adopt(signed, [WITNESS.vkey])
        under = witnessed.chosen(self.ledger, index, policy.before(self.ledger, index))
        issue.finish(self.ledger, draft, index, issue.place(self.settings, draft.name), under)


def _telemetry(made: Settings) -> None:
    """Poll the controller from half an hour before the outage to half an hour behind it."""
    dice = random.Random(3)
    polls = []
    for slot in range(OUTAGE - 30 * M, OUTAGE + LASTED + 30 * M, M):
        state = 4.0 if OUTAGE <= slot < OUTAGE + LASTED else 8.0
        about = Subject("ap", "mac:0a0b0c000000")
        polls.append(
            Poll(
                device="wlan-controller-0",
                slot_ms=slot,
                at_ms=slot + 137,
                outcome=ANSWERED,
                profile="huawei_wlan_ac",
                digest="3f2a" * 16,
                attempts=1,
                rtt_ms=4.2,
                rows=(Row(subject=about, values={"wlan.ap.state": state, "wlan.ap.uptime": slot / 1000}),),
                raw=raw.frame([bytes([0x30, 0x20]) + dice.randbytes(40)]),
            )
        )
    with open_store(made, writing=True) as store:
        store.write(polls)
    with raw.build(made, writing=True) as archive:
        archive.keep("collect/1", list(enumerate(polls, 1)))


def _summed(made: Settings, runs: _Seen) -> None:
    """Keep the sums of the hours for the pages, as the core does beside the ledger."""
    with Journal(made.data.dir / "states.db") as journal, journal._db:
        for hour in range(START, NOW // H * H, H):
            journal._keep(_sum(name, hour, found) for name, found in runs.hour(hour).items())


def _sum(name, hour, found) -> HourSum:
    by = {state: sum(each.count * M for each in found if each.state is state) for state in Judged}
    worst = next(letter for state, letter in _WORST if by.get(state))
    return HourSum(
        service=name,
        hour_ms=hour,
        up_ms=by[Judged.UP],
        degraded_ms=by[Judged.DEGRADED],
        down_ms=by[Judged.DOWN],
        unknown_ms=by[Judged.UNKNOWN],
        worst=worst,
    )


_WORST = ((Judged.DOWN, "X"), (Judged.DEGRADED, "D"), (Judged.UNKNOWN, "N"), (Judged.UP, "U"))
