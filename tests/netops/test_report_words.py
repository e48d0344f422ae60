"""What `netops report build` and `status` say stands in both languages, refusals of the rooms behind them too."""

import re

import pytest

from netops.commands import report_words
from netops.commands.report_words import Speaker
from netops.report import fonts, trace_words
from tests.netops import sentences
from tests.netops.sentences import HOLE, filled

PLACES = {
    **dict.fromkeys(("EarlyError", "OtherError", "NobodySealsError", "UsageError", "PaperError"), (0,)),
    **dict.fromkeys(("EvidenceError", "RegisterError", "OvertakenError", "NoLedgerError"), (0,)),
}
ROOMS = ("netops/report/issue.py", "netops/report/build.py", "netops/report/bundle.py", "netops/report/pdf.py")
ROOMS += ("netops/report/trace.py",)

TRACED = [(name, both[::-1]) for name, both in trace_words.SAID.items() if re.search("[a-z]{2} ", both[1])]


def unsaid(modules):
    han = re.compile(r"[\u4e00-\u9fff]")
    told = Speaker("zh_CN")
    found = (form.replace("register{};", "register;") for module in modules for form in sentences.said(module, PLACES))
    return [form for form in found if re.search(r"[a-z]{2} ", form) and not han.search(told.refusal(filled(form)))]


@pytest.mark.parametrize("module", ROOMS)
def test_every_refusal_of_a_room_behind_the_report_has_its_chinese(module):
    assert unsaid([module]) == []


def test_every_refusal_of_the_command_itself_has_its_chinese():
    assert unsaid(["netops/commands/report.py"]) == []


@pytest.mark.parametrize("word", [*report_words.SAID.items(), *TRACED], ids=lambda each: each[0])
def test_every_sentence_is_there_in_both_languages_with_the_same_fields(word):
    english, chinese = word[1]

    assert re.search(r"[\u4e00-\u9fff]", chinese)
    assert sorted(re.findall(r"{(\w+)", english)) == sorted(re.findall(r"{(\w+)", chinese))


@pytest.mark.parametrize("form", report_words.REFUSALS)
def test_each_refusal_fills_in_what_the_english_one_does(form):
    found = set(re.findall(r"{(\d+)}", report_words.REFUSALS[form]))

    assert sorted(found) == [str(at) for at in range(form.count(HOLE))]


def test_why_there_are_no_papers_is_said_too():
    assert (
        Speaker("zh_CN").refusal(fonts.MISSING) == "本机没有中文字体；请安装 fonts-noto-cjk，并再次生成报告以得到 PDF"
    )
    assert Speaker("en").refusal(fonts.MISSING) == fonts.MISSING
