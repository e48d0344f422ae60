"""Whatever can be wrong with a contract file is said in Chinese too: of the file, of its rules, of what it promises."""

import re

import pytest

from inventory.errors import Problem
from netops.commands import contract_faults
from tests.netops import sentences
from tests.netops.sentences import HOLE, filled

PLACES = {"wrong": (1, 2), "add": (1, 2), "_RefusedError": (1, 2), "UsageError": (0,), "ValueError": (0,)}
ROOMS = (
    *(f"inventory/reading/{name}.py" for name in ("contract", "coverage", "rules", "yaml", "text")),
    *("inventory/times.py", "netops/sla/rules.py", "netops/sla/streams.py", "netops/sla/foretold.py"),
    "netops/coverage/promised.py",
)


@pytest.mark.parametrize("module", ROOMS)
def test_every_fault_that_a_room_names_has_its_chinese(module):
    unsaid = [
        form
        for form in sentences.said(module, PLACES)
        if re.search(r"[a-z]{2} ", form)
        and not re.search(r"[\u4e00-\u9fff]", contract_faults.said(filled(form), "zh_CN"))
    ]

    assert unsaid == [], "say it in netops/commands/contract_faults.py"


@pytest.mark.parametrize("form", contract_faults.FAULTS)
def test_each_sentence_fills_in_what_the_english_one_does(form):
    found = set(re.findall(r"{(\d+)}", contract_faults.FAULTS[form]))

    assert sorted(found) == [str(at) for at in range(form.count(HOLE))]


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (
            "contract c version 1, wifi/up: credit tier 2, percent is 101; expected 0 to 100",
            "合同 c 版本 1，wifi/up：扣减第 2 档的 percent 为 101；应为 0 至 100",
        ),
        ("the rules of objective 'up' has no 'unkown_mode'", "目标 'up'的规则没有 'unkown_mode'"),
        ("did you mean 'unknown_mode'?", "是否想写 'unknown_mode'？"),
    ],
)
def test_sentences_within_sentences_are_said_too(english, chinese):
    assert contract_faults.said(english, "zh_CN") == chinese
    assert contract_faults.said(english, "en") == english


def test_the_place_of_a_fault_stays_as_it_is():
    given = Problem("c.yaml:3", "'target' is 'x'", "expected a decimal number like 99.95")

    assert contract_faults.told(given, "zh_CN") == Problem("c.yaml:3", "'target' 为 'x'", "应为 99.95 这样的小数")
    assert contract_faults.told(given, "en") == given
