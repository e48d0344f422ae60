"""What `netops audit ledger|raw|paper|stamp` say stands in both languages, and what it finds wrong as well."""

import re

import pytest

from netops.commands import audit_words
from netops.commands.audit_words import Speaker
from tests.netops import sentences
from tests.netops.sentences import HOLE, filled

HAN = re.compile(r"[\u4e00-\u9fff]")
RAISED = {"EvidenceError": (0,)}
ELSEWHERE = ("certificates", "given", "sign", "check")  # what asks for other arguments, or is told to the city's own
ROOMS = {
    "netops/ledger_audit.py": (RAISED, ()),
    "netops/sqlite_tail.py": (RAISED, ()),
    "netops/commands/audit.py": (RAISED, ()),
    "netops/raw_audit.py": ({"Found": (1,), "return": ()}, ()),
    "netops/report/pades.py": (RAISED | {"return": ()}, ELSEWHERE),
    "netops/report/tokens.py": (RAISED, ELSEWHERE),
}


@pytest.mark.parametrize("module", ROOMS)
def test_whatever_is_wrong_has_its_chinese(module):
    told = Speaker("zh_CN")
    found = list(sentences.said(module, *ROOMS[module]))

    assert found or module.endswith(("audit.py", "tail.py"))
    assert [form for form in found if re.search("[a-z]{2} ", form) and not HAN.search(told.failure(filled(form)))] == []


@pytest.mark.parametrize("word", audit_words.SAID)
def test_every_sentence_is_there_in_both_languages_with_the_same_fields(word):
    english, chinese = audit_words.SAID[word]

    assert HAN.search(chinese) or not re.search("[a-z]{2}", english)
    assert sorted(re.findall(r"{(\w+)", english)) == sorted(re.findall(r"{(\w+)", chinese))


TABLES = audit_words.FAILURES | audit_words.ARCHIVE | audit_words.PAPERS


@pytest.mark.parametrize("form", TABLES)
def test_each_failure_fills_in_what_the_english_one_does(form):
    found = set(re.findall(r"{(\d+)}", TABLES[form]))

    assert sorted(found) == [str(at) for at in range(form.count(HOLE))]


def test_a_torn_file_says_so_to_the_end():
    text = "ledger /x/ledger.db: its tail is torn: 9 bytes, and its header names 3 pages of 4096 (12288 bytes)"

    assert Speaker("en").failure(f"{text}. Restore it from the backup") == f"{text}. Restore it from the backup"
    assert Speaker("zh_CN").failure(f"{text}. Restore it from the backup") == (
        "账本 /x/ledger.db：尾部残缺：共 9 字节，文件头所述为 3 页、每页 4096 字节（计 12288 字节）。请从备份恢复"
    )
