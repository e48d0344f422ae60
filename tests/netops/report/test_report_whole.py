"""Nothing that the ledger holds of a contract can be left out of its bundle without a failure that names it."""

import json
import os
import random
from dataclasses import replace

import pytest

from netops.errors import EvidenceError, UsageError
from netops.evidence import bundle as bundles
from netops.evidence import canonical, note, tally
from netops.evidence.accounts import verify_completeness
from netops.evidence.members import APART, HEADS, PROOFS, TALLIES, Bundle
from netops.evidence.tally import Head
from netops.evidence.verifier import verify_numbers
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.report import bundle, leaves, whole
from netops.sign import Signer

ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "10"))
H, M = 3_600_000, 60_000
START = 1_790_784_000_000
WITNESSES = [
    Signer(f"{name}.example/w", bytes([at]) * 32, algorithm=note.COSIGNATURE_V1).vkey
    for at, name in enumerate(("carrier", "auditor"), 1)
]


def failures(members, signer):
    opened = Bundle(members=members)
    found = bundles.verify_integrity(opened, [signer.vkey]) + verify_numbers(opened) + verify_completeness(opened)
    return [str(each) for each in found]


@pytest.fixture
def rich(october):
    """A contract of which the ledger holds one or more of everything that a report may want to forget."""
    october.claim("m-5", 4, 5, decision="refused")
    month = {"contract": "c1", "version": "1", "objective": "wifi/availability", "inputs_digest": "0" * 64}
    for outcome, end in (("missed", START), ("met", START - 1000 * H), ("met", START + 900 * H)):
        span = {"start_ms": end - 24 * H, "end_ms": end, "outcome": outcome}
        october.state("verdict", month | span, at_ms=START)
    blind = {"vantage": "v", "state": "blind", "anchors": 2, "reachable": 0, "start_ms": START + 5 * H}
    october.state("monitor_health", blind, at_ms=START + 5 * H)
    october.state("clock_state", {"vantage": "v", "state": "stepped", "step_ms": 9000}, at_ms=START + 6 * H)
    objection = {"objection": "o-1", "report": "r", "code": "late", "target": "m-2", "by": "carrier", "reason": "x"}
    october.issued_before()
    october.state("objection", objection)
    october.rebut("o-1")
    october.state("ruling", {"objection": "o-1", "outcome": "dismissed", "by": "officer", "reason": "x"})
    later = {"contract": "c1", "version": "2", "valid_from_ms": START + 900 * H, "digest": "1" * 64}
    october.state("contract_version", later, at_ms=START + 900 * H)
    october.claim("far", 900, 901)
    october.state("spool_dropped", dropped_fact(), at_ms=START + 3 * H)
    refused = {"source": "web/00000000", "sequence": 7, "what": "approval_decision", "digest": "2" * 64, "reason": "x"}
    october.state("fact_refused", refused | {"request": "m-2"})
    other = {"contract": "c2", "version": "1", "valid_from_ms": START, "digest": "3" * 64}
    october.state("contract_version", other)
    ticket = {"ticket": "T1", "contract": "c1", "by": "operator"}
    october.state("ticket_step", ticket | {"step": "reported", "services": ["ap-1"]}, at_ms=START - 24 * H)
    october.state("ticket_step", ticket | {"step": "paused", "remark": "key"}, at_ms=START + 2 * H)
    october.state("witness_policy", {"quorum": 2, "witnesses": sorted(map(str, WITNESSES))})
    october.state("witness_policy", {"quorum": 0, "witnesses": []})
    return october


def dropped_fact():
    count = {"first_sequence": 1, "last_sequence": 2, "count": 2}
    return {"spool": "collect", "what": "poll", **count, "reason": "disk full"}


def of(kind, **fields):
    def is_so(leaf):
        fact = json.loads(leaf.data)["fact"]
        return fact["kind"] == kind and all(fact["body"].get(name) == value for name, value in fields.items())

    return is_so


LEFT_OUT = {
    "a-refusal": of("approval_decision", request="m-5"),
    "a-request": of("approval_request", request="m-5"),
    "a-claim": of("exclusion_claim", claim="m-5"),
    "an-unfavourable-verdict": of("verdict", outcome="missed"),
    "an-amendment-to-come": of("contract_version", version="2"),
    "an-hour": of("availability_hour", start_ms=START + 4 * H),
    "a-blindness": of("monitor_health"),
    "a-step-of-the-clock": of("clock_state"),
    "an-objection": of("objection"),
    "a-ruling": of("ruling"),
    "a-report-of-a-fault": of("ticket_step", step="reported"),
    "a-pause-of-a-repair": of("ticket_step", step="paused"),
    "a-policy-that-was-lowered": of("witness_policy", quorum=2),
    "the-policy-in-force": of("witness_policy", quorum=0),
}


def without(members, index):
    """Take a leaf out of what stands apart, and its proof."""
    lines = {name: members[name].splitlines(keepends=True) for name in (APART, PROOFS)}
    mark = b'{"index":%d,' % index
    return members | {
        name: b"".join(line for line in each if not line.startswith(mark)) for name, each in lines.items()
    }


@pytest.mark.parametrize("is_so", LEFT_OUT.values(), ids=LEFT_OUT)
def test_a_leaf_that_the_report_leaves_out_is_named(rich, signer, monkeypatch, is_so):
    gone = next(each for each in rich.ledger.entries(0, rich.ledger.size) if is_so(each))
    honest = bundle.gather
    monkeypatch.setattr(
        bundle,
        "gather",
        lambda *given, **named: leaves.Leaves(
            tuple(each for each in honest(*given, **named).all if each.index != gone.index)
        ),
    )
    _, members = rich.issue(signer)
    found = failures(members, signer)
    hidden = failures(without(members, gone.index), signer)

    assert any(f"leaf {gone.index}" in each and f"the {gone.fact.kind} concerns the report" in each for each in found)
    assert any(f"{gone.fact.kind} of" in each and "missing: the ledger counts" in each for each in hidden), hidden


def key_fact(state="registered", contract="c1"):
    told = {"contract": contract, "carrier": "a", "key": str(WITNESSES[0]), "state": state}
    return {**told, "register": "0" * 64, "by": "register"}


def stands_in(kind, change):
    """Return what puts another fact in the place of the last leaf of a kind that stands apart."""

    def changed(members):
        lines = members[APART].splitlines()
        rows = [json.loads(line) for line in lines]
        at = max(n for n, row in enumerate(rows) if row["leaf"]["fact"]["kind"] == kind)
        change(rows[at]["leaf"])
        lines[at] = canonical.dumps(rows[at])
        return members | {APART: b"".join(line + b"\n" for line in lines)}

    return changed


@pytest.mark.parametrize(
    "change",
    [
        lambda leaf: leaf["fact"]["body"].update(state="registered"),
        lambda leaf: leaf["fact"]["body"].update(key=str(WITNESSES[1])),
        lambda leaf: leaf["fact"]["body"].update(contract="c2"),
        lambda leaf: leaf.update(sequence=7),
        lambda leaf: leaf.update(recorded_ms=1),
    ],
    ids=["state", "key", "contract", "number", "time"],
)
def test_a_key_fact_is_shown_and_none_can_be_dropped_or_changed(october, signer, change):
    for state in ("registered", "removed"):
        october.state("party_key", key_fact(state))
    october.state("party_key", key_fact(contract="c2"))
    _, members = october.issue(signer)
    shown = [json.loads(line) for line in members[APART].splitlines()]
    (first, last) = [row["index"] for row in shown if row["leaf"]["fact"]["kind"] == "party_key"]

    assert failures(members, signer) == []
    for gone in (first, last):
        assert any("party_key of c1" in each and "missing" in each for each in failures(without(members, gone), signer))
    changed = failures(stands_in("party_key", change)(members), signer)
    assert any(f"leaf {last}" in each for each in changed), changed


def test_a_break_of_our_listening_is_shown_and_none_can_be_dropped_or_changed(october, signer):
    for number, (lost, since) in enumerate(((0, START - H), (START + H, START + 2 * H))):
        body = {"number": number, "lost_ms": lost, "since_ms": since}
        fact = Fact(kind="listening_break", at_ms=since, body=body)
        october.ledger.append([LedgerEntry("listening", number, fact)], now_ms=since)
    _, members = october.issue(signer)
    shown = [json.loads(line) for line in members[APART].splitlines()]
    (first, last) = [row["index"] for row in shown if row["leaf"]["fact"]["kind"] == "listening_break"]

    assert failures(members, signer) == []
    for gone in (first, last):
        found = failures(without(members, gone), signer)
        assert any("listening_break of everybody" in each and "missing" in each for each in found), found
    for fields in ({"number": 2}, {"lost_ms": START + H + 1}, {"since_ms": START + 3 * H}):
        change = stands_in("listening_break", lambda leaf, told=fields: leaf["fact"]["body"].update(told))
        assert any(f"leaf {last}" in each for each in failures(change(members), signer)), fields


def test_the_whole_bundle_verifies_and_shows_what_it_does_not_rest_on_apart(rich, signer):
    _, members = rich.issue(signer)
    apart = [json.loads(line)["leaf"]["fact"] for line in members[APART].splitlines()]

    assert failures(members, signer) == []
    kinds = {"exclusion_claim", "approval_request", "approval_decision", "verdict", "fact_refused", "spool_dropped"}
    assert kinds <= {each["kind"] for each in apart}
    assert not any(each["body"].get("contract") == "c2" for each in apart)


def test_every_leaf_that_stands_apart_is_needed(rich, signer):
    _, members = rich.issue(signer)
    for line in members[APART].splitlines():
        index = json.loads(line)["index"]

        assert any("missing" in each for each in failures(without(members, index), signer)), index


def test_a_leaf_of_another_contract_does_not_stand_here(rich, signer, monkeypatch):
    stranger = next(e for e in rich.ledger.entries(0, rich.ledger.size) if of("contract_version", contract="c2")(e))
    honest = rich.ledger.members
    monkeypatch.setattr(
        rich.ledger, "members", lambda whose: honest(whose) | {stranger.index: ("contract_version", START)}
    )
    _, members = rich.issue(signer)

    assert any("the ledger counts" in each for each in failures(members, signer))


def test_a_fact_sealed_between_the_building_and_the_seal_is_said_before_the_bundle_is_written(rich, signer):
    draft = rich.draft(signer)
    rich.claim("late", 3, 4)
    first = rich.known + 1
    for fact in bundle.facts(draft, now_ms=START + 2000 * H):
        rich.state(fact.kind, dict(fact.body), at_ms=fact.at_ms)
    rich.ledger.checkpoint(now_ms=START + 2000 * H)

    with pytest.raises(whole.OvertakenError, match="sealed while the report was built") as caught:
        bundle.compose(rich.ledger, draft, rich.ledger.holds("test", first))
    assert caught.value.exit_code == 75


def test_an_amendment_that_rules_the_period_and_is_not_in_the_register_stops_the_report(october, signer):
    body = {"contract": "c1", "version": "2", "valid_from_ms": START + 6 * H, "digest": "1" * 64}
    october.state("contract_version", body, at_ms=START + 6 * H)

    with pytest.raises(UsageError, match="holds version 2, valid from"):
        october.issue(signer)


def test_a_report_that_leaves_an_amendments_text_out_does_not_verify(october, signer, monkeypatch):
    monkeypatch.setattr("netops.report.build._whole", lambda *_: None)
    body = {"contract": "c1", "version": "2", "valid_from_ms": START + 6 * H, "digest": "1" * 64}
    october.state("contract_version", body, at_ms=START + 6 * H)
    _, members = october.issue(signer)

    assert any(each.startswith("contract.json: version 2: is missing: leaf") for each in failures(members, signer))


def test_a_version_undone_by_a_later_one_from_the_same_instant_need_not_be_there(october, signer):
    for name in ("0", "1.5"):
        at = october.contracts[0].valid_from_ms if name == "0" else START + 6 * H
        body = {"contract": "c1", "version": name, "valid_from_ms": at, "digest": "1" * 64}
        october.state("contract_version", body, at_ms=at)
    later = replace(october.contracts[0], version="2", valid_from_ms=START + 6 * H)
    october.contracts = (*october.contracts, later)
    october.versions()
    _, members = october.issue(signer)

    assert failures(members, signer) == []


def test_a_true_leaf_that_nobody_counts_does_not_stand_apart(rich, signer, monkeypatch):
    rich.state("service_state", {"service": "core", "state": "started", "version": "1"})
    stray = rich.ledger.entries(rich.ledger.size - 1, rich.ledger.size)[0]
    honest = whole.proven

    def more(*given, **named):
        proof, others = honest(*given, **named)
        return replace(proof, apart=dict(proof.apart) | {stray.index: stray.data}), [*others, stray.index]

    monkeypatch.setattr(whole, "proven", more)
    _, members = rich.issue(signer)

    assert failures(members, signer) == [f"{APART}: leaf {stray.index}: a service_state has no place here"]


@pytest.mark.parametrize("index", [-1, 0, 10**15])
def test_a_seal_at_an_absurd_place_costs_nothing(rich, signer, index):
    _, members = rich.issue(signer)
    sealed = json.loads(members["seal.json"]) | {"index": index}

    assert len(failures(members | {"seal.json": canonical.dumps(sealed)}, signer)) < 100


def spoiled(members, seed):
    """Put some value in place of another somewhere in what proves completeness."""
    rng = random.Random(seed)
    name = rng.choice([HEADS, HEADS, APART, TALLIES, "seal.json"])
    lines = members[name].splitlines()
    at = rng.randrange(len(lines))
    value = json.loads(lines[at])
    where, key = value, rng.choice(list(value))
    while isinstance(where[key], (dict, list)) and where[key] and rng.random() < 0.85:
        where = where[key]
        key = rng.choice(list(where) if isinstance(where, dict) else range(len(where)))
    where[key] = rng.choice([None, 0, -1, 10**15, "", "x", [], {}, True, [[]], {"a": 1}])
    lines[at] = canonical.dumps(value)
    return members | {name: b"".join(line + b"\n" for line in lines) if name != "seal.json" else lines[at]}


def test_random_values_in_the_proof_are_failures_never_crashes(rich, signer):
    _, members = rich.issue(signer)
    for seed in range(ROUNDS * 5):
        changed = spoiled(members, seed)

        assert changed == members or failures(changed, signer), f"seed {seed}"


@pytest.mark.slow
def test_many_random_values_in_the_proof_are_failures_never_crashes(rich, signer):
    _, members = rich.issue(signer)
    for seed in range(10_000, 10_000 + ROUNDS * 40):
        changed = spoiled(members, seed)

        assert changed == members or failures(changed, signer), f"seed {seed}"


# ---- the places where a tally must stand


@pytest.fixture
def often(monkeypatch):
    """Let a tally be due at every sixteenth leaf."""
    monkeypatch.setattr(tally, "EVERY", 16)


@pytest.fixture
def watched(often, rich):
    return rich


def test_tallies_stand_where_they_are_due_and_the_ledger_audits(watched, signer):
    _, members = watched.issue(signer)
    at = [json.loads(line)["index"] for line in members[TALLIES].splitlines()]
    due = [leaf.index for leaf in watched.ledger.entries(0, watched.ledger.size) if leaf.index % 16 == 15]

    assert set(at[:-1]) <= set(due)
    assert len(at) > 2
    assert failures(members, signer) == []
    assert watched.ledger.audit() == watched.ledger.size


def test_a_core_that_lies_at_the_end_is_convicted_by_the_tallies_before(watched, signer, monkeypatch):
    """Whoever holds the key at the end cannot take back what was counted at a place that everybody knows."""
    ledger = watched.ledger
    gone = next(e for e in ledger.entries(0, ledger.size) if of("approval_decision", request="m-2")(e))
    for _ in range(40):
        watched.state("service_state", {"service": "core", "state": "started", "version": "1"})
    forged = Head()
    for index, (kind, when) in ledger.members("c1").items():
        if kind == "approval_decision" and index != gone.index:
            forged = forged.then(ledger.node(0, index), when)
    ledger._accounts.heads["c1"]["approval_decision"] = forged
    honest = ledger.members
    monkeypatch.setattr(ledger, "members", lambda whose: {i: e for i, e in honest(whose).items() if i != gone.index})
    _, members = watched.issue(signer)
    found = failures(members, signer)

    assert any("approval_decision of c1 between leaf" in each and "missing" in each for each in found), found


def test_a_tally_that_is_passed_over_is_named(watched, signer):
    _, members = watched.issue(signer)
    lines = members[TALLIES].splitlines(keepends=True)
    for gone in range(len(lines)):
        index = json.loads(lines[gone])["index"]
        mark = b'"index":%d}' % index
        less = members | {
            TALLIES: b"".join(lines[:gone] + lines[gone + 1 :]),
            HEADS: b"".join(line for line in members[HEADS].splitlines(keepends=True) if mark not in line),
            PROOFS: b"".join(
                line
                for line in members[PROOFS].splitlines(keepends=True)
                if not line.startswith(b'{"index":%d,' % index)
            ),
        }

        assert any(f"leaf {index}: is missing; a tally stands" in each for each in failures(less, signer)), index


@pytest.mark.parametrize(
    "change",
    [
        lambda row: [row[0] - 1, *row[1:]],
        lambda row: [row[0], "0" * 64, *row[2:]],
        lambda row: [*row[:2], 0, row[3]],
        lambda row: [*row[:3], row[3] + 1],
    ],
    ids=["count", "chain", "latest", "late"],
)
def test_a_changed_head_does_not_lead_to_its_tally(rich, signer, change):
    _, members = rich.issue(signer)
    value = json.loads(members[HEADS])
    heads = value["accounts"]["c1"]["heads"]
    heads["approval_decision"] = change(heads["approval_decision"])

    assert failures(members | {HEADS: canonical.dumps(value) + b"\n"}, signer)


def test_a_place_that_only_counts_as_a_number_is_none(rich, signer):
    """True is 1 to Python: the byte would have been changed and nothing said (seed 10223)."""
    _, members = rich.issue(signer)
    value = json.loads(members[HEADS])
    value["accounts"]["c1"]["place"] = True

    assert failures(members | {HEADS: canonical.dumps(value) + b"\n"}, signer)


def test_a_report_on_an_early_month_does_not_carry_the_hours_of_all_later_ones(often, october, signer):
    roster = october.roster()
    for number in range(100, 220):
        october.hour(number, {}, roster)
    _, members = october.issue(signer)
    apart = [json.loads(line)["leaf"]["fact"]["kind"] for line in members[APART].splitlines()]

    assert failures(members, signer) == []
    assert apart.count("availability_hour") < 40


def test_an_hour_of_the_period_that_was_sealed_late_is_still_counted(often, october, signer):
    roster = october.roster()
    for number in range(100, 140):
        october.hour(number, {}, roster)
    october.length = 13
    october.hour(12, {"ap-1": "d" * 12}, roster)
    for number in range(140, 160):
        october.hour(number, {}, roster)
    _, members = october.issue(signer)
    draft = json.loads(members["report.json"])

    assert draft["seen"]["hours"] == 13
    assert failures(members, signer) == []


def test_an_account_survives_a_restart_and_a_lie_in_its_tables_is_found(often, tmp_path, signer):
    path = tmp_path / "other.db"
    body = {"contract": "c1", "version": "1", "valid_from_ms": 5, "digest": "1" * 64}
    facts = [Fact(kind="contract_version", at_ms=n, body=body | {"version": str(n)}) for n in range(1, 40)]
    for at in range(0, len(facts), 7):
        with Ledger(path, origin="netops.invalid/test", signer=signer) as ledger:
            ledger.append([LedgerEntry("t", f.at_ms, f) for f in facts[at : at + 7]], now_ms=1)
    with Ledger(path, origin="netops.invalid/test", signer=signer) as ledger:
        assert ledger.audit() == ledger.size == len(facts) + 2
        assert ledger._accounts.heads["c1"]["contract_version"].count == len(facts)
        ledger._db.execute("DELETE FROM member WHERE position = 3")

        with pytest.raises(EvidenceError, match="accounts"):
            ledger.audit()


def test_the_report_says_the_policy_that_is_sealed_and_all_before_it(rich, signer):
    _, members = rich.issue(signer)
    told = json.loads(members["report.json"])["witnessing"]

    assert (told["quorum"], told["witnesses"]) == (0, [])
    assert [row[2:] for row in told["earlier"]["rows"]] == [[2, 2]]
    for field, value in (("quorum", 1), ("leaf", 0), ("witnesses", ["x"]), ("earlier", {}), ("since_ms", 1)):
        report = json.loads(members["report.json"])
        report["witnessing"][field] = value
        found = failures(members | {"report.json": canonical.dumps(report)}, signer)
        assert any(each.startswith(f"report.json: witnessing.{field}") for each in found), field
    del report["witnessing"]
    found = failures(members | {"report.json": canonical.dumps(report)}, signer)
    assert any(each.startswith("report.json: witnessing: says null") for each in found)


def test_a_policy_that_comes_after_the_report_makes_no_revision(rich, signer):
    draft, members = rich.issue(signer)
    rich.state("witness_policy", {"quorum": 1, "witnesses": [str(WITNESSES[0])]}, at_ms=START + 3000 * H)

    again, same = rich.issue(signer)
    assert (again.name, same) == (draft.name, members)
    rich.claim("new", 6, 7)
    later, members = rich.issue(signer)
    assert later.report.content["revision"] == draft.report.content["revision"] + 1
    assert later.report.content["witnessing"]["quorum"] == 1
    assert failures(members, signer) == []
    steps = later.report.content["difference"]["steps"]["rows"]
    assert "witness_policy" not in [row[0] for row in steps]
