"""Whatever the verifier names as a cause is said in Chinese too, and each sentence with what is filled in."""

import re

import pytest

from netops.evidence import causes, spoken
from netops.report.standalone import MODULES
from tests.netops import sentences
from tests.netops.sentences import HOLE, filled

PLACES = {"EvidenceError": (0,), "UnreadError": (0,), "_fail": (1,), "Failure": ("what",)}
HERE = frozenset({"netops/errors.py", "netops/evidence/told.py", "netops/evidence/spoken.py"})
ROOMS = [each for each in MODULES if each not in HERE and not each.endswith("causes.py")]


@pytest.mark.parametrize("module", ROOMS)
def test_every_cause_that_a_room_of_the_verifier_names_has_its_chinese(module):
    unsaid = [
        form
        for form in sentences.said(module, PLACES)
        if re.search(r"[a-z]{2} ", form) and not re.search(r"[\u4e00-\u9fff]", causes.cause(filled(form), "zh_CN"))
    ]

    assert unsaid == [], "say it in netops/evidence/causes.py"


def test_the_rooms_name_causes_at_all():
    assert sum(1 for module in ROOMS for _ in sentences.said(module, PLACES)) > 150


@pytest.mark.parametrize("form", causes.CAUSES)
def test_each_sentence_fills_in_what_the_english_one_does(form):
    chinese = causes.CAUSES[form]

    assert sorted(set(re.findall(r"{(\d+)}", chinese))) == [str(at) for at in range(form.count(HOLE))]


def test_a_cause_within_a_cause_is_said_and_places_stay():
    text = "leaf 7: the inclusion proof is too long: it was changed, or its path in proofs/inclusion.jsonl"

    assert causes.cause(text, "zh_CN") == "第 7 叶：包含证明过长：该叶或其在 proofs/inclusion.jsonl 中的路径被改动"
    assert causes.cause(text, "en") == text
    assert causes.cause("seal.json: is not JSON", "zh_CN") == "seal.json：不是 JSON"


def test_a_text_of_any_length_from_elsewhere_costs_nothing():
    text = "says " + "a; recomputed " * 100_000

    assert causes.cause(text, "zh_CN") == text


def test_the_words_that_stand_before_the_causes_are_in_both_languages():
    assert spoken.Speaker("zh_CN").say("at", place="seal.json", cause="缺失") == "seal.json：缺失"
