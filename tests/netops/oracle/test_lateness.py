"""Lateness follows from sealed breaks alone: three judges agree, and each change of a break is named."""

import ast
import random
import sys
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from inventory import codec
from inventory.model import Contract
from netops.access import disputes
from netops.dispute import listening, silence, states, terms
from netops.dispute.lateness import Lateness
from netops.dispute.listening import SHORT_MS
from netops.evidence import canonical
from netops.evidence.deadlines import late_by, verify_deadlines
from netops.evidence.members import CONTRACT, Bundle
from netops.evidence.procedure import walked
from netops.facts import Fact
from tests.netops.oracle import lateness

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY, H, M = 86_400_000, 3_600_000, 60_000
START = 1_790_784_000_000
TEXT = Contract(id="c1", version="1", carrier="a", title="t", valid_from_ms=0)
DOCUMENT = codec.encode(TEXT)
DIGEST = canonical.digest(DOCUMENT.encode())
KNOWN = terms.lookup([(TEXT, 0, 2**53)], {})
BUNDLE = Bundle(members={CONTRACT: b"[" + DOCUMENT.encode() + b"]"})
RULINGS = SimpleNamespace(report={"timezone": "Asia/Shanghai"}, zone=SHANGHAI, period=(0, START))


def leaf(kind, body, *, recorded_ms, at_ms=None, sequence=0):
    fact = {"kind": kind, "at_ms": recorded_ms if at_ms is None else at_ms, "body": body}
    return {"fact": fact, "recorded_ms": recorded_ms, "rehearsal": False, "source": "x", "sequence": sequence}


def issued():
    body = {"report": "r", "contract": "c1", "start_ms": 0, "end_ms": START, "revision": 1, "leaves": 1}
    body |= {"digest": "1" * 64, "manifest_digest": "2" * 64}
    version = {"contract": "c1", "version": "1", "valid_from_ms": 0, "digest": DIGEST}
    return [
        leaf("contract_version", version, recorded_ms=START),
        leaf("report_issued", body, recorded_ms=START + 10 * H),
    ]


def a_break(number, lost_ms, since_ms):
    body = {"number": number, "lost_ms": lost_ms, "since_ms": since_ms}
    return leaf("listening_break", body, recorded_ms=since_ms, sequence=number)


def objection(recorded_ms, at_ms=None):
    body = {"objection": "o", "report": "r", "code": "calculation", "target": f"interval:0-{START}", "by": "x"}
    return leaf("objection", body | {"reason": "x"}, recorded_ms=recorded_ms, at_ms=at_ms)


def received(note, recorded_ms, at_ms):
    body = {"digest": sha256(note.encode()).hexdigest(), "by": "x", "report": "r"}
    return leaf("note_received", body, recorded_ms=recorded_ms, at_ms=at_ms)


def silent(recorded_ms):
    due = lateness.midnight(START + 10 * H, 10, SHANGHAI)
    body = {"report": "r", "digest": "1" * 64, "by": "deadline", "due_ms": due, "reason": "x"}
    return leaf("report_accepted", body, recorded_ms=recorded_ms, at_ms=due)


def failures(leaves):
    """What the verifier names, and what it passes over as late."""
    told = walked(leaves, late_by(BUNDLE, RULINGS))
    assert told.late <= told.void
    return list(verify_deadlines(BUNDLE, RULINGS, told)), told.late


def passed_over(leaves):
    """What the product passes over as late."""
    facts = ((index, Fact(**each["fact"]), each["recorded_ms"]) for index, each in leaves)
    found = states.without_effect(facts, Lateness(terms.of_texts([TEXT])))
    return {index for index, why in found.items() if why == states.LATE}


def history(seed):
    """Some breaks around the end of a window, and a word, or that there was none, somewhere about it."""
    rng = random.Random(seed)
    over = lateness.midnight(START + 10 * H, 10, SHANGHAI)
    made, lost, since = issued(), 0, START - rng.choice([1, 400]) * DAY
    for number in range(rng.choice([0, 1, 2, 3])):
        made.append(a_break(number, lost, since))
        lost = max(since, over + rng.randrange(-4 * 24, 3 * 24) * H)
        since = lost + rng.choice([M, H, DAY, 4 * DAY])
    last = max(each["recorded_ms"] for each in made)
    said = max(last, over + rng.randrange(0, 9 * 24) * H + rng.choice([-M, 0, 5 * M]))
    if rng.random() < 0.5:
        made.append(silent(said))
    else:
        said_by = objection(said, said - rng.choice([0, SHORT_MS, SHORT_MS + 1]))
        if rng.random() < 0.6:
            said_by["fact"]["body"]["note"] = f"a note {seed}"
            came = max(last, min(said, over + rng.randrange(-3 * 24, 6 * 24) * H))
            of = rng.choice([f"a note {seed}", f"a note {seed}", "another"])
            made.append(received(of, came, came - rng.choice([0, SHORT_MS, SHORT_MS + 1])))
        made.append(said_by)
    return list(enumerate(made))


def allowed(leaves):
    """Whether the core would have stated the silence, or taken the word, by what was sealed before."""
    facts = [(Fact(**each["fact"]), each["recorded_ms"]) for _, each in leaves]
    breaks = tuple((fact.body["lost_ms"], fact.body["since_ms"]) for fact, _ in facts if fact.kind == listening.KIND)
    fact, known_ms = facts[-1]
    cases = states.fold(facts[:-1])
    if fact.kind == "report_accepted":
        return bool(silence.missed(cases, KNOWN, until_ms=known_ms, breaks=breaks))
    held = disputes.known(facts[:-1], leaves=len(facts), breaks=breaks)
    return not breaks or "it is late" not in disputes.broken(fact, held, KNOWN, known_ms=known_ms)


@pytest.mark.parametrize("block", range(4))
def test_product_verifier_and_oracle_agree_on_who_is_late(block):
    outcomes = set()
    for seed in range(block * 100, block * 100 + 100):
        leaves = history(seed)
        found, late = failures(leaves)
        said = lateness.wrong(leaves, 10, SHANGHAI)

        named = [f"leaf {index}" for index in said if index not in late]
        assert [each.place for each in found] == named, seed
        assert late == passed_over(leaves) == {i for i in said if leaves[i][1]["fact"]["kind"] == "objection"}, seed
        assert allowed(leaves) is not bool(said), seed
        outcomes.add((leaves[-1][1]["fact"]["kind"], bool(said)))
    assert len(outcomes) == 4


OVER = lateness.midnight(START + 10 * H, 10, SHANGHAI)
HONEST = [
    *issued(),
    a_break(0, 0, START - DAY),
    a_break(1, START + DAY, START + 2 * DAY),
    a_break(2, OVER - H, OVER + H),
    objection(OVER + 3 * H),
]


def dropped(leaves):
    del leaves[4]


def the_first_dropped(leaves):
    del leaves[2]


def swapped(leaves):
    leaves[3], leaves[4] = leaves[4], leaves[3]


def renumbered(leaves):
    leaves[4]["fact"]["body"]["number"] = 3


def closed_up(leaves):
    """One left out, and the next under its number: its own place in the source says so."""
    del leaves[3]
    leaves[3]["fact"]["body"]["number"] = 1


def shortened(leaves):
    leaves[4]["fact"]["body"] |= {"lost_ms": OVER + M}


def turned(leaves):
    leaves[4]["fact"]["body"] |= {"lost_ms": OVER + 2 * H}


def the_first_later(leaves):
    leaves[2]["fact"]["body"]["lost_ms"] = 5


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        (dropped, 4, ""),
        (the_first_dropped, 2, "expected number 0: one is missing or moved"),
        (swapped, 3, "expected number 1: one is missing or moved"),
        (renumbered, 4, "expected number 2: one is missing or moved"),
        (closed_up, 3, "expected number 1: one is missing or moved"),
        (shortened, 5, ""),
        (turned, 4, "expected one that ends after it began"),
        (the_first_later, 2, "expected one that ends after it began"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_a_break_that_is_missing_or_changed_is_named_or_the_word_is_passed_over(change, where, what):
    leaves = deepcopy(HONEST)
    assert failures(list(enumerate(leaves))) == ([], set())
    change(leaves)
    leaves = list(enumerate(leaves))

    found, late = failures(leaves)

    told = [(f"leaf {where}", True)] if what else []
    assert [(each.place, what in each.what) for each in found[:1]] == told
    assert where in late or found
    assert late == passed_over(leaves)
    assert lateness.wrong(leaves, 10, SHANGHAI)[0] == where


def test_a_ledger_of_an_earlier_release_states_no_break_and_nobodys_word_is_late_in_it():
    for told in ([objection(OVER + 90 * DAY)], [objection(OVER + DAY), a_break(0, 0, OVER + 2 * DAY)]):
        leaves = list(enumerate([*issued(), *told]))
        assert (failures(leaves), passed_over(leaves)) == (([], set()), set())


def test_the_oracle_shares_no_code():
    tree = ast.parse(Path(lateness.__file__).read_text(encoding="utf-8"))
    named = [each.module for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)]
    assert {name.partition(".")[0] for name in named} <= sys.stdlib_module_names
