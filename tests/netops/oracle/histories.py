"""Generated contracts × histories on whole minutes, in zones that change their clocks; by the house's own types."""

import hashlib
import random
from dataclasses import replace
from functools import partial

from inventory.model import (
    Contract,
    Credits,
    Dispute,
    ExclusionClass,
    Hours,
    Objective,
    Rules,
    Selector,
    ServiceItem,
    Tier,
)
from netops.access import approvals
from netops.clock import utc
from netops.dispute import states
from netops.evidence import canonical
from netops.facts import Fact
from netops.ledger import LedgerEntry, encode
from netops.metrics import ONE_BY_ONE
from netops.report import build, zone
from netops.report import leaves as sealed
from netops.report.leaves import Leaves, Sealed
from netops.sign import Signer
from netops.sla import calendar, hours, streams
from netops.sla.hours import Listed
from netops.sla.intervals import Cause, State
from netops.sla.timeline import Run
from tests.netops.oracle import surveys

H, M = 3_600_000, 60_000
PLACES = (  # zone, an instant from which a day and a half holds a change of the clock, or none
    ("Asia/Shanghai", 1_790_784_000_000),
    ("Europe/Berlin", 1_774_738_800_000),  # 2026-03-29, clocks go forward
    ("Europe/Berlin", 1_792_879_200_000),  # 2026-10-25, clocks go back
    ("Asia/Kathmandu", 1_790_784_000_000),  # UTC+5:45
    ("Pacific/Auckland", 1_775_304_000_000),  # 2026-04-05, clocks go back
    ("Europe/Berlin", 1_793_487_600_000),  # a month begins: 2026-11-01
)
REGISTER = b"{}"
KEYS = [Signer(f"carrier/{name}", hashlib.sha256(name.encode()).digest()) for name in ("old", "new")]
STEPS = (2, 4, 6, 10, 12, 20)  # minutes; half of each is whole, and each divides an hour
KINDS = (
    (State.UP, Cause.NONE, ""),
    (State.DOWN, Cause.CARRIER, "los"),
    (State.DOWN, Cause.CARRIER, "parent:ac-1"),
    (State.DOWN, Cause.POWER, "dying_gasp"),
    (State.DEGRADED, Cause.CARRIER, "hidden_reboot"),
    (State.UNKNOWN, Cause.MONITOR, "poller_late"),
    (State.UNKNOWN, Cause.UNDETERMINED, "row_missing"),
)
WEIGHTS = (60, 12, 8, 4, 4, 6, 6)


def rules(rng):
    aggregation = rng.choice(["object_time_mean", "object_time_mean", "any_down", "all_down", "weighted"])
    classes = (
        ExclusionClass(
            id="maintenance",
            title="m",
            cause="planned",
            notice_h=rng.choice([0, 24]),
            cap_s=rng.choice([0, 3600, 4 * 3600]),
            approver="contract_manager",
        ),
        ExclusionClass(id="power", title="p", cause="power_or_third_party", notice_h=0, cap_s=0, approver=""),
    )
    slice_s = rng.choice([1800, 3600, 7200])
    begin = rng.randrange(1400)
    window = Hours(
        days=tuple(sorted(rng.sample(range(1, 8), rng.randint(1, 7)))),
        start_minute=begin,
        end_minute=rng.randint(begin + 1, 1440),
    )
    return Rules(
        exclusion_mode=rng.choice(["count_as_up", "remove_from_denominator", "not_excluded"]),
        unknown_mode=rng.choice(["as_up", "removed", "as_down"]),
        degraded_mode=rng.choice(["as_up", "as_down"]),
        undetermined_mode=rng.choice(["unknown", "as_down"]),
        max_unknown_ratio=rng.choice(["0", "0.05", "0.3", "1", "1", "1"]),
        outage_edge=rng.choice(["last_good", "first_bad", "midpoint"]),
        min_outage_s=60 * rng.choice([0, 0, 3, 8, 13, 60]),
        check_every_s=120,
        slice_s=slice_s,
        min_samples_per_slice=rng.choice([0, 0, 1, 3, 9]),
        parent_failure=rng.choice(["children_down", "independent"]),
        aggregation=aggregation,
        weight="population" if aggregation == "weighted" else "none",
        hours=(window,) if rng.random() < 0.4 else (),
        empty_history=rng.choice(["not_determinable", "as_up"]),
        exclusions=classes[: rng.randint(1, 2)],
    )


def credits_(rng, target):
    """Tiers below the target, now and then with caps and escalation."""
    low = rng.choice(["30", "45.5"])
    tiers = (Tier(percent=rng.choice(["7.5", "12"]), below=target, at_least=low), Tier(percent="33.3", below=low))
    return Credits(
        tiers=tiers,
        object_cap_percent=rng.choice(["", "20"]),
        period_cap_percent=rng.choice(["", "12.5"]),
        escalate_after=rng.choice([0, 1, 2]),
        escalate_factor=rng.choice(["1.5", "2"]),
        per=rng.choice(["item", "object"]),
    )


def objective(rng, name):
    target = rng.choice(["50", "90", "99", "99.9"])
    made = Objective(id=name, indicator="availability", target=target, rules=rules(rng), credits=credits_(rng, target))
    if name != "measured":
        return made
    metric, threshold = rng.choice(
        [
            ("probe.rtt.p95", "30"),
            ("probe.reached", "1"),
            ("probe.delay_back.p99", "12.5"),
            ("pon.onu.margin.gpon_b_plus", "1.5"),
        ]
    )
    own = replace(made.rules, check_every_s=rng.choice([120, 600]), quorum=rng.choice([1, 2]), vantages=2)
    if metric.startswith("pon."):
        own = replace(own, quorum=1, vantages=1)  # one device tells
    own = replace(own, min_samples_per_slice=min(own.min_samples_per_slice, own.slice_s // own.check_every_s))
    return replace(made, indicator=metric, threshold=threshold, rules=own)


def derived(rng, name):
    """A promise about faults, assets or a rate."""
    made = objective(rng, "availability")
    metric, thresholds = rng.choice(
        [
            ("fault.repair", ["0.1", "0.5", "2"]),
            ("fault.repeat", ["0.01", "0.1", "3"]),
            ("asset.active", ["0.5", "4", "12", "40"]),
            ("probe.throughput.mean", ["100", "33.3"]),
            ("portal.login.success", ["1"]),
            ("portal.login.time", ["5000"]),
            ("portal.login.mean", ["100000"]),
            ("lte.cell.rrc.success", ["1"]),
            ("lte.cell.erab.success", ["1"]),
            ("lte.cell.prb_dl.free", ["1"]),
            ("probe.packets.answered", ["20", "200"]),
        ]
    )
    own = replace(
        made.rules, aggregation="object_time_mean", weight="none", empty_history="not_determinable", check_every_s=120
    )
    if metric == "probe.throughput.mean":
        own = replace(own, outage_edge="first_bad", min_outage_s=0, check_every_s=600, min_samples_per_slice=0)
    if metric in ONE_BY_ONE:
        own = replace(own, outage_edge="first_bad", min_outage_s=0, check_every_s=600, min_samples_per_slice=0)
        own = replace(own, parent_failure="children_down")
    if metric == "probe.packets.answered":
        own = replace(own, quorum=rng.choice([1, 2]), vantages=2)
    threshold = rng.choice(thresholds)
    if metric == "fault.repair":
        own = replace(own, repair_from=random.Random(f"{threshold} {own}").choice(["outage", "report"]))
    return replace(made, id=name, indicator=metric, threshold=threshold, rules=own)


def windowed(rng, given):
    """Now and then a sliding window, which says itself what is an outage."""
    if rng.random() < 0.6 or given.indicator in {"probe.throughput.mean", *ONE_BY_ONE}:
        return given
    n = rng.choice([1, 2, 3, 10])
    own = replace(given.rules, window_intervals=n, consecutive_high_loss=rng.randint(1, n))
    return replace(given, rules=replace(own, outage_edge="first_bad", min_outage_s=0))


def contract(rng, place, start_ms):
    made = {name: derived(rng, "made") for name in ("wifi", "fiber") if rng.random() < 0.6}
    items = tuple(
        ServiceItem(
            id=name,
            kind=name,
            select=Selector(),
            fee=rng.choice(["0", "99.99", "12345.67"]),
            double_credit="dearest" if name in made else rng.choice(["dearest", "by_minute"]),
            objectives=tuple(
                windowed(rng, objective(rng, each))
                for each in ("availability", "strict", "measured")[: rng.randint(1, 3)]
            )
            + ((windowed(rng, made[name]),) if name in made else ()),
            coverage=surveys.promises(rng, name),
        )
        for name in ("wifi", "fiber")
    )
    return Contract(
        id="c1",
        version="1",
        carrier="x",
        title="t",
        timezone=place,
        valid_from_ms=start_ms - 150 * 24 * H,
        items=items,
        credit_cap_percent=rng.choice(["", "5"]),
    )


def runs(rng, hour_ms, step_ms):
    """Return an hour's runs: mostly in long stretches, sometimes slot by slot, sometimes with slots missing."""
    slots = H // step_ms
    kinds, at = [], 0
    while at < slots:
        count = rng.choice([1, 1, 2, rng.randint(1, slots)])
        kinds += [rng.choices(KINDS, WEIGHTS)[0] if rng.random() > 0.08 else None] * count
        at += count
    made, first = [], 0
    kinds = kinds[:slots]
    for i in range(1, slots + 1):
        if i == slots or kinds[i] != kinds[first]:
            if kinds[first] is not None:
                begin = hour_ms + first * step_ms
                made.append(Run(begin, hour_ms + (i - 1) * step_ms, i - first, *kinds[first]))
            first = i
    return made


def rates(rng, told):
    """Return the runs with a rate for the good ones, now and then none."""
    known = ("0", "30", "33", "99", "100", "250", "")
    return [replace(each, because=rng.choice(known)) if each.state is State.UP else each for each in told]


def places(rng, hour_ms):
    """Return an hour of things that were counted, in slots of ten minutes; in some there were none."""
    made = []
    for slot_ms in range(hour_ms, hour_ms + H, 10 * M):
        at = slot_ms
        for kind in rng.sample(KINDS, rng.randrange(4)):
            count = rng.choice([1, 2, rng.randint(1, 300)])
            made.append(Run(at, at + count - 1, count, *kind))
            at += count + 1
    return made


class History:
    """A contract's versions and the leaves of a day and a half."""

    def __init__(self, seed):
        rng = self.rng = random.Random(seed)
        self.place, self.start = rng.choice(PLACES)
        self.length = rng.choice([6, 12, 26])
        self.end = self.start + self.length * H
        first = contract(rng, self.place, self.start)
        self.contracts = (first,)
        if rng.random() < 0.4:
            other = contract(rng, self.place, self.start)
            begins = self.start + rng.randrange(1, self.length * 60) * M
            cap = first.credit_cap_percent  # a month has one
            self.contracts = (first, replace(other, version="2", valid_from_ms=begins, credit_cap_percent=cap))
        window = random.Random(f"windows of {seed}")
        self.contracts = tuple(
            replace(each, dispute=Dispute(objection_days=window.choice([1, 2, 10]))) for each in self.contracts
        )
        self.kept, self.reports, self.breaks, self.words = [], [], 0, 0
        self.timely = random.Random(f"late words of {seed}")
        self.spoken = random.Random(f"keys of {seed}")
        self.signed = self.spoken.random() < 0.5
        for each in self.contracts:
            digest = canonical.digest(build.document(each))
            named = {"contract": "c1", "version": each.version, "valid_from_ms": each.valid_from_ms, "digest": digest}
            self.state("contract_version", named, at_ms=each.valid_from_ms)
        if self.timely.random() < 0.6:
            self.unheard(0, self.start - self.timely.choice([1, 400]) * 24 * H)
        self.hours()
        self.claims()
        self.past()
        self.rng = random.Random(f"corrections of {seed}")
        self.corrections()
        self.rng = random.Random(f"tickets of {seed}")
        self.tickets()
        self.rng = random.Random(f"surveys of {seed}")
        for kind, body, at_ms in surveys.facts(self.rng, start_ms=self.start, end_ms=self.end, carrier="x"):
            self.state(kind, body, at_ms=at_ms)
        self.rng = random.Random(f"rulings of {seed}")
        self.rulings()
        self.rng = random.Random(f"taken out of {seed}")
        self.surveyed()

    def past(self):
        """Verdicts of the months before: some in two parts, some with a revision."""
        rng, end = self.rng, self.start
        for _ in range(rng.randrange(4)):
            start, _ = calendar.month(
                f"{utc(end - 1).astimezone(calendar.zone(self.place)):%Y-%m}", calendar.zone(self.place)
            )
            for revision in range(rng.choice([1, 1, 2])):
                middle = start + 10 * 24 * H
                for low, high in [(start, end)] if rng.random() < 0.6 else [(start, middle), (middle, end)]:
                    body = {
                        "contract": "c1",
                        "version": "1",
                        "objective": rng.choice(["wifi/availability", "wifi/availability", "wifi/outdoor-0"]),
                        "start_ms": low,
                        "end_ms": high,
                    }
                    outcome = rng.choice(["missed", "missed", "met"])
                    digest = canonical.digest(f"{start} {revision}".encode())
                    body |= {"outcome": outcome, "inputs_digest": digest}
                    if rng.random() < 0.7:
                        body |= {"services_missed": [n for n in ("s-0", "s-1", "s-2") if rng.random() < 0.6]}
                    self.state("verdict", body, at_ms=self.start)
            end = start

    def state(self, kind, body, *, at_ms, source="test", sequence=None, recorded_ms=None):
        if kind in {"objection", "report_accepted"}:
            body = self.sign(body, at_ms=at_ms) if self.signed else body
            at_ms, recorded_ms = self.tardy(body, at_ms)
        index = len(self.kept)
        entry = LedgerEntry(source, index if sequence is None else sequence, Fact(kind=kind, at_ms=at_ms, body=body))
        recorded_ms = at_ms if recorded_ms is None else recorded_ms
        self.kept.append(Sealed.read(index, encode(entry, recorded_ms=recorded_ms, rehearsal=False)))

    def unheard(self, lost_ms, since_ms):
        """State a break of the core's listening; the first says since when it listens."""
        body = {"number": self.breaks, "lost_ms": lost_ms, "since_ms": since_ms}
        self.state("listening_break", body, at_ms=since_ms, source="listening", sequence=self.breaks)
        self.breaks += 1

    def tardy(self, body, at_ms):
        """Return when a word was handed in and recorded: now and then after its window, its note before or after."""
        rng = self.timely
        if not self.breaks:
            return at_ms, at_ms
        at = at_ms + rng.choice([0, 0, 0, rng.randrange(20 * 24) * H, rng.randrange(4 * 24) * H + M])
        if rng.random() < 0.15:
            lost = at - rng.randrange(-2 * 24, 6 * 24) * H
            self.unheard(lost, lost + rng.choice([M, H, 30 * H]))
        if "note" in body and rng.random() < 0.3:
            came = at - rng.randrange(12 * 24) * H
            told = {"digest": hashlib.sha256(body["note"].encode()).hexdigest(), "by": "x", "report": body["report"]}
            self.state("note_received", told, at_ms=came)
        return at, at + rng.choice([0, 0, 10 * M, 11 * M])

    def sign(self, body, *, at_ms):
        """Return a word with a note, or none, after what becomes known of the carrier's keys just then."""
        rng = self.spoken
        while rng.random() < 0.4:
            told = {"contract": rng.choice(["c1", "c1", "c1", "c2"]), "carrier": "a", "key": str(rng.choice(KEYS).vkey)}
            state = rng.choice(["registered", "registered", "removed"])
            self.state("party_key", told | {"state": state, "register": "0" * 64, "by": "register"}, at_ms=at_ms)
        if rng.random() < 0.2:
            return body
        self.words += 1
        return body | {"note": rng.choice(KEYS).sign(f"word {self.words}\n").decode()}

    def roster(self, names):
        rng = self.rng
        made = hours.roster("c1", [Listed(n, item, str(rng.randrange(1, 500))) for n, item in names.items()])
        for body in hours.roster_bodies(made):
            self.state(hours.ROSTER, body, at_ms=self.start)
        self.last_roster = made
        return made

    def hours(self):
        rng = self.rng
        measured = sorted({each.name: each for held in self.contracts for each in streams.of(held)}.items())
        names = {f"s-{i}": rng.choice(["wifi", "fiber"]) for i in range(rng.randint(1, 5))}
        roster, step = self.roster(names), rng.choice(STEPS) * M
        for at in range(self.start, self.end, H):
            if rng.random() < 0.05:
                names = dict(list(names.items())[1:]) | {f"n-{at // H}": "wifi"}
                roster = self.roster(names)
            step = rng.choice(STEPS) * M if rng.random() < 0.1 else step
            if rng.random() < 0.06:
                continue
            self.hour(roster, at, step, "")
            for name, each in measured:
                if rng.random() < 0.85:
                    self.hour(roster, at, 1 if each.counted else each.every_s * 1000, name)

    def corrections(self):
        """Hours that are stated again, some more than once, some of their streams alone, some not yet."""
        rng = self.rng
        for _ in range(rng.choice([0, 0, 1, 3])):
            told = [each for each in self.kept if each.kind == hours.KIND]
            if not told:
                return
            wrong = rng.choice(told)
            number = len(self.kept)
            said = {"corrects": wrong.index, "by": "manager", "reason": "r"}
            at = wrong.body["start_ms"]
            if rng.random() < 0.4:
                self.late(at)
                number = len(self.kept)
            self.state("correction", said, at_ms=self.end)
            if rng.random() < 0.2:
                no = {"contract": "c1", "correction": number, "start_ms": at, "reason": f"gone {rng.random()}"}
                self.state("correction_refused", no, at_ms=self.end)
                continue
            streams_ = sorted({(e.body.get("stream", ""), e.body["step_ms"]) for e in told if e.body["start_ms"] == at})
            for stream, step in streams_:
                if rng.random() < 0.8:
                    self.hour(self.last_roster, at, step, stream, correction={"correction": number})

    def tickets(self):
        """Faults reported now and then, some before the period, some never closed; with steps that do not fit."""
        rng, told = self.rng, []
        for number in range(rng.choice([0, 3, 12])):
            at, words = self._minute(-200), ["reported"] * rng.choice([1, 1, 1, 2])
            words += rng.choices(["answered", "paused", "resumed", "reported", "paused"], k=rng.randrange(5))
            words += rng.choice([[], ["closed"], ["closed"], ["closed", "paused", "resumed"]])
            if rng.random() < 0.1:
                words = words[::-1]
            for word in words:
                body = {"ticket": f"T{number}", "contract": "c1", "step": word, "by": "operator"}
                if word == "reported":
                    body["services"] = rng.sample(["s-0", "s-1", "s-2", "s-3", "n-1"], rng.randint(1, 4))
                if word == "closed":
                    body["outcome"] = rng.choice(["repaired"] * 4 + ["withdrawn"])
                told.append((at, body))
                at += rng.choice([0, 1, 7, 30, 90, 400]) * M
        for at, body in sorted(told, key=lambda each: each[0]):
            self.state("ticket_step", body, at_ms=at)

    def late(self, at):
        count = self.rng.randint(1, 300)
        told = {"services": 1, "samples": count, "vantages": {"v": count}, "digest": f"{count:064x}"}
        self.state("late_samples", {"contract": "c1", "start_ms": at, **told}, at_ms=self.end)

    def hour(self, roster, at, step, stream, correction=()):
        rng = self.rng
        quiet = [] if step == 1 else [Run(at, at + H - step, H // step, State.UP)]
        told = places if step == 1 else partial(runs, step_ms=step)
        found = {e.service: quiet if rng.random() < 0.4 else told(rng, at) for e in roster.listed}
        if stream.startswith("probe.throughput.mean"):
            found = {service: rates(rng, told) for service, told in found.items()}
        for body in hours.bodies(roster, found, start_ms=at, step_ms=step, stream=stream):
            self.state(hours.KIND, body | dict(correction), at_ms=at)

    def claims(self):
        rng = self.rng
        for i in range(rng.randrange(5)):
            start = self.start + rng.randrange(-180, self.length * 60) * M
            end = start + rng.choice([30, 30, 60, 60, 90, 200, 0, -60]) * M
            at = start - rng.choice([48, 48, 24, 3]) * H
            terms = {
                "contract": "c1",
                "class": rng.choice(["maintenance"] * 5 + ["unheard-of"]),
                "start_ms": start,
                "end_ms": end,
                "services": rng.choice([[], ["*"], ["s-0"], ["s-1", "s-2"]]),
            }
            name, by = f"m-{i}", "operator"
            self.state("exclusion_claim", {"claim": name, **terms, "reason": "r", "by": by}, at_ms=at)
            if rng.random() < 0.1:
                terms = {**terms, "end_ms": end + M}  # what was asked for is not what was claimed
            asked = {"request": name, "action": "exclusion", "subject": name, "digest": approvals.digest(terms)}
            self.state("approval_request", {**asked, "terms": terms, "by": by, "role": by, "reason": "r"}, at_ms=at)
            said = {
                "request": name,
                "decision": rng.choice(["approved"] * 5 + ["refused"]),
                "by": rng.choice(["manager"] * 5 + ["operator"]),
                "role": rng.choice(["contract_manager"] * 5 + ["admin"]),
                "reason": "",
            }
            self.state("approval_decision", said, at_ms=at + M)
            if rng.random() < 0.3:
                self.dispute(name)

    def dispute(self, claim):
        """An objection to the month before, which the claim reaches out of or not, and what became of it."""
        rng, name = self.rng, f"o-{claim}"
        if not self.reports:
            self.issue()
        code = rng.choice(["claim_refused", "claim_granted"])
        report = rng.choice([*self.reports[-1:]] * 5 + ["c1-q-r1", self.reports[0]])
        steps = [("objection", {"report": report, "code": code, "target": claim, "by": "carrier"})]
        steps += [
            ("rebuttal", {"stance": "rejected", "by": rng.choice(["city"] * 4 + ["judge", "carrier"])})
        ] * rng.choice([0, 1, 1, 1, 1, 2])
        for _ in range(rng.choice([0, 1, 1, 1, 2])):
            outcome = rng.choice(["upheld", "partly_upheld", "partly_upheld", "dismissed"])
            part = {"minutes": rng.randint(1, 100)} if outcome == "partly_upheld" else {}
            steps.append(("ruling", {"outcome": outcome, "by": rng.choice(["judge", "judge", "carrier"])} | part))
        if rng.random() < 0.2:
            rng.shuffle(steps)
        for kind, body in steps:
            self.state(kind, {"objection": name, **body, "reason": "r"}, at_ms=self.end)
        self.agree()

    def rulings(self):
        """Objections to this period's report about outages and what was not measured, and what rulings make of them."""
        rng = self.rng
        if rng.random() < 0.3:
            return
        body = {"report": "c1-now-r1", "contract": "c1", "start_ms": self.start, "end_ms": self.end, "revision": 1}
        digests = {"digest": "a" * 64, "manifest_digest": "0" * 64}
        self.state("report_issued", body | {"leaves": 1} | digests, at_ms=self.end)
        for number in range(rng.choice([1, 1, 2, 5])):
            code = rng.choice(["cause", "cause", "cause", "no_outage", "duration", "not_measured", "calculation"])
            service, start = rng.choice(["s-0", "s-0", "s-1", "s-2", "n-1"]), self._minute(-90)
            named = {"service": service}
            target = f"incident:{service}@{start}"
            if code in {"not_measured", "calculation"}:
                named = rng.choice([named, {}])
                target = f"interval:{start}-{start + rng.choice([30, 400]) * M}" + "".join(
                    f"/{each}" for each in named.values()
                )
            asked = {"asks": "up", "start_ms": start + rng.choice([0, 20]) * M, "end_ms": start + 90 * M}
            named = {**named} if rng.random() < 0.9 else {"service": "s-1"}
            objection = {"report": rng.choice(["c1-now-r1"] * 9 + ["c1-p-r1"]), "code": code, "target": target}
            objection |= {"by": "carrier", "reason": "r"} | rng.choice([{}, {}, asked])
            self.state("objection", {"objection": f"o-now-{number}", **objection}, at_ms=self.end)
            if rng.random() < 0.95:
                told = {"objection": f"o-now-{number}", "stance": "rejected", "by": "city", "reason": "r"}
                self.state("rebuttal", told, at_ms=self.end)
            words = ["planned", "planned", "power_or_third_party", "city", "force_majeure", "carrier"]
            fits = {"cause": words, "no_outage": ["up"], "duration": ["up"]}.get(code, ["not_measured"])
            begins = start + rng.choice([0, 0, 10, -30]) * M
            ruling = {"decides": rng.choice([rng.choice(fits)] * 9 + ["up"]), "start_ms": begins, **named}
            ruling |= {"end_ms": begins + rng.choice([7, 30, 60, 240, 3000]) * M}
            ruling |= {"outcome": rng.choice(["upheld", "upheld", "upheld", "partly_upheld", "dismissed"])}
            ruling |= {"by": rng.choice(["judge"] * 9 + ["carrier"]), "reason": "r"}
            self.state("ruling", {"objection": f"o-now-{number}", **ruling}, at_ms=self.end)

    def surveyed(self):
        """Objections to surveys, whole or in part, and what rulings take out of them."""
        rng = self.rng
        known = sorted({each.body["survey"] for each in self.kept if each.kind == "survey_import"})
        if not known or rng.random() < 0.4 or all(each.kind != "report_issued" for each in self.kept):
            return
        for number in range(rng.choice([1, 1, 3])):
            code = rng.choice(["survey_datum", "survey_instrument", "survey_place", "fact"])
            target = f"survey:{rng.choice(known)}" + rng.choice(["", "", *(f"/{each}" for each in surveys.AREAS)])
            begin = self.end - rng.choice([1, 2, 4, 30, 49]) * H - rng.choice([0, 1, 59]) * M
            if rng.random() < 0.4:
                target += f"@{begin}-{begin + rng.choice([1, 60, 61, 3000]) * M}"
            asked = {"asks": "taken_out", "start_ms": begin, "end_ms": self.end - H}
            report = rng.choice(["c1-now-r1"] * 6 + ["c1-p-r1"])
            said = {"objection": f"o-map-{number}", "report": report, "code": code, "target": target}
            said |= {"by": "carrier", "reason": "r"} | rng.choice([{}, {}, asked])
            self.state("objection", said, at_ms=self.end)
            told = {"objection": f"o-map-{number}", "by": "city", "reason": "r"}
            self.state("rebuttal", told | {"stance": "rejected"}, at_ms=self.end)
            span = rng.choice([{"start_ms": 0}, {"start_ms": 0}, {"start_ms": begin}]) | {"end_ms": self.end}
            ruling = {"outcome": rng.choice(["upheld"] * 5 + ["partly_upheld", "dismissed"]), "decides": "taken_out"}
            self.state("ruling", told | ruling | span | {"by": "judge"}, at_ms=self.end)

    def _minute(self, before):
        return self.start + self.rng.randrange(before, self.length * 60) * M

    def issue(self):
        name = f"c1-p-r{len(self.reports) + 1}"
        month = {"contract": "c1", "start_ms": self.start - 30 * 24 * H, "end_ms": self.start}
        digests = {"digest": f"{len(self.reports)}" * 64, "manifest_digest": "0" * 64}
        body = {"report": name, **month, "revision": len(self.reports) + 1, "leaves": 1, **digests}
        self.state("report_issued", body, at_ms=self.start)
        self.reports.append(name)

    def agree(self):
        """Now and then the report is accepted or final or issued anew: what is said afterwards may be too late."""
        rng, name = self.rng, self.reports[-1]
        if rng.random() < 0.2:
            digest = rng.choice([{}, {"digest": f"{len(self.reports) - 1}" * 64}, {"digest": "f" * 64}])
            self.state("report_accepted", {"report": name, "by": "carrier"} | digest, at_ms=self.end)
        if rng.random() < 0.15:
            self.state("report_final", {"report": name, "digest": "0" * 64, "by": "city"}, at_ms=self.end)
        if rng.random() < 0.2:
            self.issue()

    def ask(self):
        return build.Ask(
            contracts=self.contracts,
            period=build.Period(
                name=f"{build.iso(self.start)}/{build.iso(self.end)}", start_ms=self.start, end_ms=self.end
            ),
            zone=zone.load(self.place),
            register=canonical.digest(REGISTER),
            catalogue="0" * 64,
            code="0" * 64,
        )

    def leaves(self):
        """Return all as the report's own, but for the procedure of the other month's dispute, which stands apart."""
        steps = tuple(each for each in self.kept if each.kind in sealed.STEPS)
        void = states.passed_over((each.index, each.fact, each.known_ms) for each in steps)
        apart = (*sealed.ASIDE, "report_issued")
        return Leaves(tuple(each for each in self.kept if each.kind not in apart), steps, void)
