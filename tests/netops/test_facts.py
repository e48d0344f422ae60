"""The vocabulary is closed, told apart at the door, and documented."""

from pathlib import Path

import pytest

from netops import facts, speakers, vocabulary
from netops.errors import EvidenceError
from netops.facts import Fact
from netops.spool import Spool, read

ROOT = Path(__file__).resolve().parents[2]
CYCLE = {"vantage": "core", "slot_ms": 60_000, "polls": 2, "answered": 1, "digest": "ab" * 32}


def test_a_fact_reads_back_from_its_canonical_bytes():
    fact = Fact(kind="poll_cycle", at_ms=61_000, body={**CYCLE, "profiles": {"huawei_wlan_ac": "cd" * 32}})

    data = facts.encode(fact)

    assert facts.decode(data) == fact
    assert data.startswith(b'{"at_ms":61000,"body":{"answered":1,')


def test_submitted_facts_lie_in_the_spool_in_order(tmp_path):
    told = [Fact(kind="poll_cycle", at_ms=at, body={**CYCLE, "slot_ms": at}) for at in (1, 2, 3)]
    with Spool(tmp_path / "cli.db", source="cli") as spool:
        last = facts.submit(spool, *told)

    entries = read(tmp_path / "cli.db", after=0, limit=10)
    assert [facts.decode(each.payload) for each in entries] == told
    assert last == entries[-1].sequence


@pytest.mark.parametrize(
    ("fact", "says"),
    [
        (Fact(kind="pol_cycle", at_ms=1, body=CYCLE), "did you mean 'poll_cycle'"),
        (Fact(kind="poll_cycle", at_ms=-1, body=CYCLE), "milliseconds"),
        (Fact(kind="poll_cycle", at_ms=True, body=CYCLE), "milliseconds"),
        (Fact(kind="poll_cycle", at_ms=1.0, body=CYCLE), "milliseconds"),
        (Fact(kind="poll_cycle", at_ms=1, body={**CYCLE, "vantag": "x"}), "did you mean 'vantage'"),
        (Fact(kind="poll_cycle", at_ms=1, body={**CYCLE, "digest": "AB" * 32}), "64 lower-case hex digits"),
        (Fact(kind="poll_cycle", at_ms=1, body={**CYCLE, "polls": 1.5}), "whole number"),
        (Fact(kind="poll_cycle", at_ms=1, body={**CYCLE, "polls": True}), "whole number"),
        (Fact(kind="poll_cycle", at_ms=1, body={**CYCLE, "vantage": "a\nb"}), "control characters"),
        (
            Fact(kind="poll_cycle", at_ms=1, body={k: v for k, v in CYCLE.items() if k != "digest"}),
            "'digest' is missing",
        ),
        (
            Fact(kind="approval_decision", at_ms=1, body={"request": "r", "decision": "ok", "by": "b", "reason": ""}),
            "one of",
        ),
        (
            Fact(kind="clock_state", at_ms=1, body={"vantage": "a", "state": "unknown", "offset_ms": float("nan")}),
            "finite",
        ),
        (
            Fact(kind="staff_action", at_ms=1, body={"action": "a", "subject": "s", "by": "b", "detail": "x" * 4001}),
            "4,000",
        ),
        (
            Fact(kind="staff_action", at_ms=2**53 - 1, body={}),
            "milliseconds UTC, from 1970 and before the year",
        ),
        (
            Fact(
                kind="exclusion_claim",
                at_ms=1,
                body={
                    "claim": "c",
                    "contract": "c",
                    "class": "planned",
                    "start_ms": 0,
                    "end_ms": 1,
                    "services": ["s" * 190 + str(n) for n in range(400)],
                    "reason": "",
                    "by": "b",
                },
            ),
            "cut it into parts",
        ),
    ],
)
def test_what_the_vocabulary_does_not_know_is_refused_with_the_remedy(fact, says):
    with pytest.raises(EvidenceError, match=says.replace("(", r"\(")):
        facts.encode(fact)


@pytest.mark.parametrize(
    "data", [b"[]", b"{}", b'{"kind":1,"at_ms":1,"body":{}}', b'{"at_ms":1,"body":[],"kind":"poll_cycle"}']
)
def test_bytes_that_are_no_fact_are_refused(data):
    with pytest.raises(EvidenceError):
        facts.decode(data)


@pytest.mark.parametrize("text", ["1", "-1", "99.95", "19993/20000", "-1/3", "0/1"])
def test_an_exact_number_is_a_decimal_or_a_ratio(text):
    assert vocabulary.KINDS["verdict"]["value"](text)


@pytest.mark.parametrize(
    "text", ["", ".5", "1.", "1e3", "1/0", "1/00", "1/-2", "nan", "--1", "1/2/3", "\u0661", 1, 1.5]
)
def test_a_float_or_a_ratio_over_nothing_is_no_exact_number(text):
    assert not vocabulary.KINDS["verdict"]["value"](text)


def test_every_kind_has_its_row_in_the_explanation_and_no_row_is_without_a_kind():
    text = (ROOT / "docs/explanation/evidence.md").read_text(encoding="utf-8")
    table = text.partition("## Facts")[2].partition("## Checkpoint")[0]
    rows = {}
    for line in table.splitlines():
        if line.startswith("| `"):
            names, fields = line.split("|")[1:3]
            bodies = fields.split(" / ")
            kinds = [name.strip(" `") for name in names.split(" / ")]
            rows |= dict(zip(kinds, bodies, strict=len(bodies) > 1) if len(kinds) > 1 else [(kinds[0], fields)])

    assert set(rows) == set(vocabulary.KINDS)
    for kind, fields in rows.items():
        for name in vocabulary.KINDS[kind]:
            assert name in fields, f"{kind}: field '{name}' is not in docs/explanation/evidence.md"


def test_who_states_what_is_as_the_explanation_says():
    text = (ROOT / "docs/explanation/evidence.md").read_text(encoding="utf-8")
    table = text.partition("## Facts")[2].partition("## Checkpoint")[0]
    said = {name: set() for name in speakers.SPEAKERS}
    for line in table.splitlines():
        if line.startswith("| `"):
            kinds, _, who = line.split("|")[1:4]
            one_each = " / " in kinds and " / " in who
            for n, kind in enumerate(kinds.split(" / ")):
                told = who.split(" / ")[n] if one_each else who.partition(":")[0]
                for name in speakers.SPEAKERS:
                    if "any" in told or name in told.replace(" ", "").split(","):
                        said[name].add(kind.strip(" `"))

    assert said == {name: set(kinds) for name, kinds in speakers.SPEAKERS.items()}
