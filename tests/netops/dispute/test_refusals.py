"""Why a word of a dispute was refused is said in Chinese too: whatever a desk can find, with all that is filled in."""

import re

import pytest

from netops.dispute import refusals
from tests.netops import sentences
from tests.netops.sentences import HOLE, filled

PLACES = {"UsageError": (0,), "EvidenceError": (0,), "get": (1,), "return": (0,)}
ROOMS = {  # module → what of it nothing is refused for
    "netops/access/disputes.py": (),
    "netops/dispute/deciding.py": (),
    "netops/dispute/states.py": (),
    "netops/dispute/about.py": ("words",),
    "netops/dispute/notes.py": ("open_file", "evidence", "__str__"),
    "netops/dispute/codes.py": ("follows", "__str__"),
}


@pytest.mark.parametrize("module", ROOMS)
def test_every_reason_that_a_room_finds_has_its_chinese(module):
    unsaid = [
        form
        for form in sentences.said(module, PLACES, without=ROOMS[module])
        if re.search(r"[a-z]{2} ", form) and not re.search(r"[\u4e00-\u9fff]", refusals.said(filled(form), "zh_CN"))
    ]

    assert unsaid == [], "say it in netops/dispute/refusals.py"


@pytest.mark.parametrize("form", refusals.REFUSALS)
def test_each_sentence_fills_in_what_the_english_one_does(form):
    found = set(re.findall(r"{(\d+)}", refusals.REFUSALS[form]))

    assert sorted(found) == [str(at) for at in range(form.count(HOLE))]


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (
            "it is late: report 'b-2026-09-r1' could be objected to until 2026-10-19 24:00 Asia/Shanghai",
            "已迟：对报告 'b-2026-09-r1' 提出异议的期限为 2026-10-19 24:00 Asia/Shanghai",
        ),
        ("report 'a-r1': it is accepted; an objection is late", "报告 'a-r1'：它已被认可；此时的异议已迟"),
        ("note: names no report", "函件：没有写明报告"),
        (
            "the report judges no service 'wifi-1'; did you mean 'wifi-0001'?",
            "报告不判定服务 'wifi-1'；是否想写 'wifi-0001'？",
        ),
        (
            "service 'w' has no outage that begins at 08:00; its outages begin at 09:00, 10:00 and 3 more",
            "服务 'w' 没有始于 08:00 的中断；其中断始于 09:00, 10:00 等，另有 3 次",
        ),
    ],
)
def test_a_reason_is_said_in_chinese_with_what_it_names(english, chinese):
    assert refusals.said(english, "zh_CN") == chinese
    assert refusals.said(english, "en") == english
