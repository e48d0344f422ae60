"""A small world: a ledger with hours of two items' services, claims with their decisions, what a report asks for."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from inventory.model import Contract, Credits, ExclusionClass, Objective, Rules, Selector, ServiceItem, Tier
from netops import sealing
from netops.access import approvals
from netops.coverage import promised
from netops.evidence import canonical
from netops.evidence.members import APART, Bundle
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry, encode
from netops.report import build, bundle, zone
from netops.report.leaves import Sealed
from netops.sign import Signer
from netops.sla import hours, timeline
from netops.sla.hours import Listed
from netops.sla.intervals import Cause, State
from netops.sla.timeline import Sample

H, M = 3_600_000, 60_000
START = 1_790_784_000_000  # 2026-09-30T16:00Z: October begins in Shanghai
STEP = 5 * M
ORIGIN = "netops.invalid/test"
STATES = {"p": State.DOWN, "u": State.UP, "d": State.DOWN, "g": State.DEGRADED, "?": State.UNKNOWN, "n": State.UNKNOWN}
CAUSES = {
    "p": (Cause.CARRIER, "parent:ac-1"),
    "d": (Cause.CARRIER, "los"),
    "g": (Cause.CARRIER, "hidden_reboot"),
    "?": (Cause.MONITOR, "poller_late"),
    "n": (Cause.UNDETERMINED, "row_missing"),
}

MAINTENANCE = ExclusionClass(
    id="maintenance", title="计划检修", cause="planned", notice_h=24, cap_s=4 * 3600, approver="contract_manager"
)
POWER = ExclusionClass(id="power", title="停电", cause="power_or_third_party", notice_h=0, cap_s=0, approver="")
RULES = Rules(check_every_s=300, max_unknown_ratio="0.2", exclusions=(MAINTENANCE, POWER))
AWS = Credits(
    tiers=(
        Tier(percent="10", below="99.99", at_least="99.0"),
        Tier(percent="30", below="99.0", at_least="95.0"),
        Tier(percent="100", below="95"),
    )
)


def contract(**changed):
    objective = Objective(id="availability", indicator="availability", target="99.9", rules=RULES, credits=AWS)
    strict = replace(objective, id="any", rules=replace(RULES, aggregation="any_down", outage_edge="midpoint"))
    wifi = ServiceItem(
        id="wifi", kind="wifi", select=Selector(), title="公共WiFi", fee="100", objectives=(objective, strict)
    )
    fiber = replace(wifi, id="fiber", kind="fiber", fee="33.33", objectives=(objective,))
    made = Contract(
        id="c1", version="1", carrier="unicom", title="测试合同", valid_from_ms=START - 1000 * H, items=(wifi, fiber)
    )
    return replace(made, **changed)


class Paper:
    """A ledger in memory without a tree: enough to build a report and to recompute it, many times a second."""

    origin, rehearsal = ORIGIN, False

    def __init__(self):
        self.kept = []

    @property
    def size(self):
        return len(self.kept)

    def append(self, entries, *, now_ms):
        for entry in entries:
            data = encode(entry, recorded_ms=now_ms, rehearsal=False)
            self.kept.append(Sealed.read(self.size, data))

    def members(self, subject):
        return {each.index: (each.kind, 0) for each in self.kept}

    def find(self, kind, *, start_ms=0, end_ms=2**52):
        return [each for each in self.kept if each.kind == kind and start_ms <= each.leaf["fact"]["at_ms"] < end_ms]


@dataclass
class World:
    """What happened: letters per hour and service (12 slots an hour; a dot is a slot that is not there)."""

    ledger: Ledger
    contracts: tuple = (contract(),)
    length: int = 12
    known: int = 0
    code: str = canonical.digest(b"code")
    members: dict = field(default_factory=lambda: {"ap-1": "wifi", "ap-2": "wifi", "onu-1": "fiber", "onu-2": "fiber"})

    def state(self, kind, body, *, at_ms=START, recorded_ms=None, source="test"):
        self.known += 1
        entry = LedgerEntry(source, self.known, Fact(kind=kind, at_ms=at_ms, body=body))
        self.ledger.append([entry], now_ms=recorded_ms or at_ms)

    def versions(self):
        for each in self.contracts:
            fact = sealing.contract_version(each).fact
            self.state(fact.kind, dict(fact.body), at_ms=fact.at_ms)

    def roster(self, members=None, *, weights=None):
        listed = [
            Listed(name, item, str(weights.randrange(3, 900)) if weights else "1")
            for name, item in (members or self.members).items()
        ]
        made = hours.roster("c1", listed)
        for body in hours.roster_bodies(made):
            self.state(hours.ROSTER, body)
        return made

    def correction(self, number, letters, roster, **given):
        """State an hour again: the correction that names its first leaf, and the hour as it is by now."""
        start = START + number * H
        first = next(each.index for each in self.leaves().of(hours.KIND) if each.body["start_ms"] == start)
        self.state("correction", {"corrects": first, "by": "manager", "reason": "late polls"}, at_ms=START)
        index = self.ledger.size - 1
        self.hour(number, letters, roster, correction={"correction": index}, **given)
        return index

    def hour(self, number, letters, roster, *, step=STEP, stream="", correction=()):
        start = START + number * H
        runs = {}
        for service in (each.service for each in roster.listed):
            text = letters.get(service, "u" * 12)[: H // step]
            samples = [
                Sample(start + i * step, start + i * step, STATES[c], *CAUSES.get(c, (Cause.NONE, "")))
                for i, c in enumerate(text)
                if c != "."
            ]
            runs[service] = timeline.runs(samples, step_ms=step)
        for body in hours.bodies(roster, runs, start_ms=start, step_ms=step, stream=stream):
            self.state(hours.KIND, body | dict(correction), at_ms=start)

    def claim(
        self,
        name,
        first,
        last,
        *,
        services=(),
        class_="maintenance",
        notice=48,
        by="operator",
        decider="manager",
        decision="approved",
        role="contract_manager",
    ):
        start, end = START + first * H, START + last * H
        at = start - notice * H
        terms = {"contract": "c1", "class": class_, "start_ms": start, "end_ms": end, "services": list(services)}
        self.state("exclusion_claim", {"claim": name, **terms, "reason": "换板 <b>", "by": by}, at_ms=at)
        request = {
            "request": name,
            "action": "exclusion",
            "subject": name,
            "digest": approvals.digest(terms),
            "terms": terms,
            "by": by,
            "role": "operator",
            "reason": "换板",
        }
        self.state("approval_request", request, at_ms=at)
        body = {"request": name, "decision": decision, "by": decider, "role": role, "reason": ""}
        self.state("approval_decision", body, at_ms=at + M)

    def issued_before(self, name="r"):
        """A report on the month before: what is objected to there may be about a claim that reaches into this one."""
        month = {"contract": "c1", "start_ms": START - 720 * H, "end_ms": START, "revision": 1, "leaves": 1}
        digests = {"digest": "0" * 64, "manifest_digest": "0" * 64}
        self.state("report_issued", {"report": name, **month, **digests})

    def rebut(self, objection, by="wang"):
        """The city's answer to an objection: without one there is no ruling."""
        self.state("rebuttal", {"objection": objection, "stance": "rejected", "by": by, "reason": "x"})

    def period(self):
        end = START + self.length * H
        return build.Period(name=f"{build.iso(START)}/{build.iso(end)}", start_ms=START, end_ms=end)

    def ask(self, **changed):
        made = build.Ask(
            contracts=self.contracts,
            period=self.period(),
            zone=zone.load("Asia/Shanghai"),
            register=canonical.digest(REGISTER),
            catalogue=canonical.digest(b"catalogue"),
            code=self.code,
            rehearsal=self.ledger.rehearsal,
        )
        return replace(made, **changed)

    def leaves(self):
        period = self.period()
        return bundle.gather(
            self.ledger,
            contract="c1",
            start_ms=period.start_ms,
            end_ms=period.end_ms,
            surveyed=promised.asked(self.contracts),
        )

    def draft(self, signer):
        vkeys = [str(each) for each in (signer.vkey, signer.sm2_vkey) if each]
        return bundle.draft(self.ask(), self.leaves(), register=REGISTER, vkeys=vkeys, origin=self.ledger.origin)

    def draft_content(self):
        return build.build(self.ask(), self.leaves()).content

    def issue(self, signer):
        """Build, seal and compose, as the core and the command do together."""
        draft = self.draft(signer)
        seal = bundle.issued(self.ledger, draft)
        if seal is None:
            first = self.known + 1
            for fact in bundle.facts(draft, now_ms=START + 2000 * H):
                self.state(fact.kind, dict(fact.body), at_ms=fact.at_ms)
            self.ledger.checkpoint(now_ms=START + 2000 * H)
            seal = self.ledger.holds("test", first)
        return draft, bundle.compose(self.ledger, draft, seal)


REGISTER = b'{"format":"netops/register@1"}'


@pytest.fixture(autouse=True)
def fonts(request, monkeypatch):
    """Set no papers where a test does not ask for them: most tests make many bundles, and Typst takes its time."""
    if "papers" not in request.fixturenames:
        monkeypatch.setattr("netops.report.fonts.found", lambda: None)


@pytest.fixture
def papers():
    """Let bundles have their papers; skip where no Chinese font is."""
    from netops.report import fonts

    return fonts.found() or pytest.skip("no Chinese font is here")


@pytest.fixture
def signer():
    return Signer.new(ORIGIN)


@pytest.fixture
def ledger(tmp_path, signer):
    with Ledger(tmp_path / "ledger.db", origin=ORIGIN, signer=signer) as made:
        yield made


@pytest.fixture
def world(ledger):
    return World(ledger)


@pytest.fixture
def october(world):
    """Twelve hours with an outage, a hidden reboot, a gap of ours, an approved and a late maintenance."""
    world.versions()
    roster = world.roster()
    for number in range(world.length):
        letters = {
            1: {"ap-1": "uuuddduuuuuu"},
            2: {"ap-2": "uuuuuuuuuuud"},
            3: {"ap-2": "ddduuuuuuuuu", "onu-1": "ug" + "u" * 10},
            5: {"ap-1": "?" * 12, "ap-2": "?" * 12, "onu-1": "?" * 12, "onu-2": "?" * 12},
            7: {"onu-2": "uudddduuuuuu", "ap-1": "u..uuuuuuuuu"},
            9: {"ap-1": "uuuuuuuuuudd"},
        }.get(number, {})
        world.hour(number, letters, roster)
    world.claim("m-1", 7, 8, services=["onu-2"])
    world.claim("m-2", 1, 2, notice=2)
    world.claim("m-3", 9, 10, decider="operator")
    return world


@pytest.fixture
def bundle_file(tmp_path, october, signer):
    from netops.evidence import bundle as bundles

    _, members = october.issue(signer)
    path = Path(tmp_path / "bundle.zip")
    bundles.write(path, members)
    return path


@pytest.fixture
def paper_world():
    """Make worlds whose ledger is paper."""
    return lambda **given: World(Paper(), **given)


@pytest.fixture
def paper_bundle():
    """Return what the verifier reads of a world's report, without signatures and proofs."""

    def made(world):
        draft = bundle.draft(world.ask(), world.leaves(), register=REGISTER, vkeys=[], origin=ORIGIN)
        fact = bundle.facts(draft, now_ms=START)[0]
        leaf = encode(LedgerEntry("test", 10**6, fact), recorded_ms=START, rehearsal=False)
        seal = b'{"index":' + str(world.ledger.size).encode() + b',"leaf":' + leaf + b"}"
        rests = {each.index for each in draft.leaves.all}
        apart = "".join(
            f'{{"index":{each.index},"leaf":{each.data.decode()}}}\n'
            for each in draft.leaves.steps
            if each.index not in rests
        )
        later = {"manifest.json": draft.manifest, "seal.json": seal, APART: apart.encode()}
        return draft, Bundle(members={**draft.members, **later})

    return made


@pytest.fixture
def base_contract():
    return contract()
