"""Three judges, one of them by brute force and without a line of the house, agree on generated contracts × histories.

NETOPS_SEED is where the seeds begin, NETOPS_ROUNDS how many there are; a seed that fails is in the message.
"""

import ast
import json
import os
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from netops.evidence.members import APART, Bundle
from netops.evidence.verifier import verify_numbers
from netops.ledger import LedgerEntry, encode
from netops.report import build, bundle
from tests.netops.oracle import areas, brute, histories, lateness, procedure

HERE = Path(__file__).parent
ROUNDS = max(24, int(os.environ.get("NETOPS_ROUNDS", "24")))  # a lane's small count takes nothing away from it
JUDGES = {"areas", "brute", "cells", "figures", "lateness", "money", "procedure"}
SEED = int(os.environ.get("NETOPS_SEED", "0"))


@pytest.fixture(autouse=True)
def fonts(monkeypatch):
    """Set no papers: a report's figures are judged here, and Typst takes its time."""
    monkeypatch.setattr("netops.report.fonts.found", lambda: None)


def report_of(history):
    """Return the report as an outsider reads it: contract texts, leaves and report, from their bytes."""
    draft = bundle.draft(
        history.ask(), history.leaves(), register=histories.REGISTER, vkeys=[], origin="netops.invalid/test"
    )
    contracts = json.loads(draft.members["contract.json"])
    return draft, contracts, [json.loads(each.data) for each in history.kept], json.loads(draft.members["report.json"])


def whole(draft):
    """Return what the verifier reads of it, without signatures and proofs."""
    fact = bundle.facts(draft, now_ms=1_800_000_000_000)[0]
    leaf = encode(LedgerEntry("test", 10**6, fact), recorded_ms=1_800_000_000_000, rehearsal=False)
    seal = b'{"index":%d,"leaf":%b}' % (len(draft.leaves.all), leaf)
    rests = {each.index for each in draft.leaves.all}
    apart = [each for each in draft.leaves.steps if each.index not in rests]
    lines = b"".join(b'{"index":%d,"leaf":%b}\n' % (each.index, each.data) for each in apart)
    later = {"manifest.json": draft.manifest, "seal.json": seal, APART: lines}
    return Bundle(members={**draft.members, **later})


def test_a_ruling_on_a_part_of_a_claim_moves_what_it_moved():
    """The same claim counts with the ruling and without it, for another time: that is another report."""
    draft, *_, report = report_of(histories.History(36))

    assert report["objections"][0]["effect"]["time"]["rows"]
    assert verify_numbers(whole(draft)) == []


@pytest.mark.parametrize("block", range(4))
def test_brute_force_and_both_implementations_agree(block):
    for seed in range(SEED + block * ROUNDS // 4, SEED + (block + 1) * ROUNDS // 4):
        draft, contracts, leaves, report = report_of(histories.History(seed))

        assert brute.disagreements(contracts, leaves, report, areas, lateness) == [], f"seed {seed}"
        assert verify_numbers(whole(draft)) == [], f"seed {seed}"


def test_histories_hold_rulings_that_count_and_words_that_the_procedure_refuses():
    """Of a few hundred histories at least; in how many the first lies is the seed's."""
    ruled = void = 0
    for seed in range(SEED, SEED + 400):
        history = histories.History(seed)
        leaves = [json.loads(each.data) for each in history.kept]
        ruled += len(procedure.heard(leaves, {}, None, lateness)["ruling"])
        void += len(history.leaves().void)
        if ruled >= 2 and void >= 2:
            return
    pytest.fail(f"{ruled} rulings that count, {void} words that do not, in 400 histories")


@pytest.mark.slow
def test_histories_hold_words_after_their_window_and_words_that_a_break_keeps_in_time():
    """Late ones, and ones that would be late had nobody stated the later breaks, or that their notes came in."""
    late = kept = 0
    excuses = {"listening_break", "note_received"}
    for seed in range(SEED, SEED + 600):
        history = histories.History(seed)
        if not any(json.loads(each.data)["fact"]["kind"] in excuses for each in history.kept):
            continue  # a report costs most of the time
        _, contracts, leaves, _ = report_of(history)
        zone, days = ZoneInfo(contracts[0]["timezone"]), procedure.windows(contracts)
        found = procedure.heard(leaves, days, zone, lateness)["late"]
        first = next((at for at, each in enumerate(leaves) if each["fact"]["kind"] == "listening_break"), None)
        bare = [e for at, e in enumerate(leaves) if at == first or e["fact"]["kind"] not in excuses]
        late += len(found)
        kept += len(procedure.heard(bare, days, zone, lateness)["late"]) > len(found)
        if late >= 5 and kept >= 2:
            return
    pytest.fail(f"{late} late words, {kept} histories with one that a break keeps in time, in 600 histories")


def test_histories_hold_decisions_that_move_time():
    """Of every word that a ruling may decide at least one: what is not there, nobody judged."""
    words = set()
    for seed in range(SEED, SEED + 200):
        words |= {each.decides for each in histories.History(seed).leaves().decisions}

    assert words == {each for allowed in procedure.MAY.values() for each in allowed}


def test_histories_hold_surveys_of_which_something_is_taken_out():
    gone = 0
    for seed in range(SEED, SEED + 100):
        _, _, _, report = report_of(histories.History(seed))
        items = [item for part in report["parts"] for item in part["items"]]
        gone += sum("taken_out" in each["surveys"] for item in items for each in item.get("coverage", ()))

    assert gone >= 3


def test_a_report_that_is_off_by_one_minute_is_found_out():
    """The oracle looks: with one figure of the report changed it says which."""
    draft, contracts, leaves, report = report_of(histories.History(SEED))
    said = report["parts"][0]["items"][0]["objectives"][0]
    said["tally"]["up_ms"] += 60_000

    (found,) = brute.disagreements(contracts, leaves, report, areas, lateness)
    assert found.startswith("version 1 wifi/availability: up is")
    assert json.loads(draft.members["report.json"])["format"] == build.FORMAT


@pytest.mark.parametrize("name", sorted(JUDGES))
def test_the_oracle_shares_no_code(name):
    """What it imports is the standard library and itself."""
    tree = ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))
    found = {
        name.removeprefix("tests.netops.oracle.") if name.startswith("tests.") else name.partition(".")[0]
        for each in ast.walk(tree)
        if isinstance(each, ast.Import | ast.ImportFrom)
        for name in ([each.module] if isinstance(each, ast.ImportFrom) else [alias.name for alias in each.names])
    }
    assert found <= sys.stdlib_module_names | JUDGES
