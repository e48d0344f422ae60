"""The papers: what the first page says, the same bytes every time, the data attached, no text that can break them."""

import json
import subprocess
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netops.evidence import bundle as bundles
from netops.evidence import canonical, told
from netops.report import again, build, code, days, fonts, paper, parties, pdf, witnessing, words, zone
from netops.sla.exclusions import Effect
from netops.sla.intervals import Cause
from netops.sla.judge import Outcome

START, M = 1_790_784_000_000, 60_000  # October begins in Shanghai
VKEY = "netops.invalid/test+8a7e3c04+AXNvbWV0aGluZyB0aGF0IGlzIG5vIGtleSBhdCBhbGwh"
REGISTER = canonical.dumps(
    {"carriers": [{"id": "unicom", "name": "中国联通", "name_en": "China Unicom"}, {"id": "b", "name": "乙"}]}
)
HOSTILE = '#include "/etc/passwd" *b* $x$ @y <z> \\u{7} \x07\u202e😀 กต \ue000 ] #panic() 你好'


def source(world, ask=None):
    ask = ask or world.ask()
    contract = canonical.dumps([json.loads(build.document(each)) for each in ask.contracts])
    report = build.build(ask, world.leaves()).data
    return pdf.Source(
        report=report,
        days=days.made(ask, world.leaves()),
        contract=contract,
        register=REGISTER,
        vkeys=f"{VKEY}\n".encode(),
        tz=ask.zone.tz(),
    )


def content(world, language="en"):
    made = source(world)
    return paper.content(
        canonical.loads(made.report), canonical.loads(made.days), made.tz, language, parties=made.parties()
    )


def test_the_first_page_says_what_was_promised_measured_and_owed(october):
    found = content(october)

    assert found["verdict"]["promises"] == "2 of 3 promises missed"
    assert found["verdict"]["owed"] == "200.00 CNY is to be deducted from fees of 266.66 CNY"
    first = found["promises"]["rows"][0]
    assert (first[1], first[5], first[6]) == ("≥ 99.9 %", ["missed", "missed"], "200.00")


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (["met", "met", "met"], "All 3 promises were kept"),
        (["met", "not_determinable", "met"], "1 of 3 promises cannot be determined"),
        (["missed", "not_determinable", "met"], "1 of 3 promises missed, 1 cannot be determined"),
    ],
    ids=lambda each: str(each)[:20],
)
def test_what_cannot_be_determined_is_said_beside_what_was_missed(october, verdicts, said):
    made = source(october)
    report = json.loads(made.report)
    promised = [each for item in report["parts"][0]["items"] for each in item["objectives"]]
    for each, verdict in zip(promised, verdicts, strict=True):
        each["verdict"] = verdict
    found = paper.content(report, canonical.loads(made.days), made.tz, "en", parties=made.parties())["verdict"][
        "promises"
    ]

    assert found == said


def test_the_bars_meet(october):
    rows = content(october)["waterfall"]["rows"]

    assert [row["kind"] for row in rows] == ["fees", "deduction", "payable"]
    assert rows[1]["high"] == rows[0]["high"] == 1_000_000
    assert rows[1]["low"] == rows[2]["high"]


@pytest.mark.parametrize(
    ("language", "carrier", "days_", "role"),
    [
        ("zh", "中国联通 (unicom)", "10 个工作日内提出：netops dispute object", "manager (合同经理)"),
        ("en", "China Unicom (unicom)", "within 10 working days", "manager (contract manager)"),
    ],
)
def test_the_carrier_is_named_and_told_how_to_answer(october, language, carrier, days_, role):
    found = content(october, language)

    assert carrier in dict(found["head"]["named"]).values()
    assert days_ in found["verdict"]["object"]
    assert role in str(found["claims"]["rows"])
    assert "netops.invalid/test+8a7e3c04" in dict(found["end"]["digests"]).values()


@pytest.mark.parametrize(
    ("register", "said"),
    [
        pytest.param(
            {"carriers": [{"id": "c", "name": "丙", "name_en": "C"}]}, ["丙 (c)", "C (c)", "丙 C (c)"], id="two"
        ),
        pytest.param({"carriers": [{"id": "c", "name": "丙"}]}, ["丙 (c)"] * 3, id="no-english-name"),
        pytest.param({"carriers": [{"id": "b", "name": "乙"}]}, ["c"] * 3, id="another-carrier"),
        pytest.param({"format": "netops/register@1"}, ["c"] * 3, id="no-carriers"),
    ],
)
def test_a_carrier_goes_by_the_register_s_names_or_by_its_id(register, said):
    found = parties.read({"carrier": "c"}, contract=b'[{"id":"x"}]', register=canonical.dumps(register), vkeys=b"")

    assert [found.named(each) for each in ("zh", "en", None)] == said


def test_the_days_to_object_are_the_last_version_s():
    versions = [{"dispute": {"objection_days": 5}}, {"dispute": {"objection_days": 7}}]
    found = parties.read({"carrier": "c"}, contract=canonical.dumps(versions), register=b"{}", vkeys=b"")

    assert found.objection_days == 7


def test_each_digest_of_a_report_has_a_name_in_both_languages(october):
    assert {f"of_{name}" for name in json.loads(source(october).report)["digests"]} <= set(words.WORDS)


def test_a_day_that_nobody_saw_is_neither_up_nor_down_and_has_no_figure():
    seen = paper._day(3, {**dict.fromkeys(days.BUCKETS, 0), "unknown": 86_400_000})

    assert seen == {"day": 3, "figure": "", "shares": [["unknown", 1_000_000]]}


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_day_s_figure_is_never_above_what_it_was(up, down):
    figure = paper._day(1, {**dict.fromkeys(days.BUCKETS, 0), "up": up, "down": down})["figure"]

    if up + down:
        assert Fraction(figure) <= Fraction(100 * up, up + down) < Fraction(figure) + Fraction(1, 100)


def test_both_languages_have_every_word_and_the_same_places():
    for chinese, english in words.WORDS.values():
        assert chinese
        assert english
        assert {each.partition("}")[0] for each in chinese.split("{")[1:]} == {
            each.partition("}")[0] for each in english.split("{")[1:]
        }


def test_a_revision_says_by_which_fact_how_much_money_moved_and_which_time(october, signer):
    october.issue(signer)
    october.claim("m-4", 1, 2, services=["ap-1"], notice=100)
    draft, members = october.issue(signer)
    who = source(october).parties()
    read = canonical.loads(members["days.json"])
    found = paper.content(draft.report.content, read, october.ask().zone.tz(), "en", parties=who)

    told_ = draft.report.content["difference"]
    assert found["changes"]["said"].startswith("Revision 1 (#")
    steps, spans = (each["rows"] for each in found["changes"]["tables"])
    assert [row[0] for row in steps] == ["claim m-4"]
    assert steps[0][4] == told_["change"]
    assert ["wifi/availability", "10-01 01:15 – 10-01 01:30", "down", "excused", "1"] in [row[:5] for row in spans]
    assert "本修订改动了什么 What this revision changed" in members["report.html"].decode()


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("zh", "争议程序不允许、故不计的异议与裁决（叶序号）: #7–9, #12"),
        ("en", "objections and rulings of no effect (leaves): #7–9, #12"),
    ],
)
def test_words_of_a_dispute_without_effect_stand_on_the_paper(october, language, said):
    made = source(october)
    report, days_ = json.loads(made.report), json.loads(made.days)
    told = [
        paper.content(report | more, days_, made.tz, language, parties=made.parties())["end"]["passed_over"]
        for more in ({}, {"passed_over": [[7, 3], [12, 1]]})
    ]

    assert told == ["", said]


def test_a_first_revision_changed_nothing(october):
    assert content(october)["changes"] == {}


@pytest.mark.parametrize(
    ("language", "title", "open_"),
    [("zh", "更正", "尚未完成"), ("en", "Corrections", "not yet")],
)
def test_an_hour_that_was_stated_again_is_told_with_who_and_why(october, language, title, open_):
    index = october.correction(1, {}, october.roster())
    october.state("correction", {"corrects": index + 1, "by": "manager", "reason": "again"})

    told = content(october, language)["corrections"]

    assert told["title"] == title
    first, second = told["tables"][0]["rows"]
    assert first[:3] + first[4:] == ["2026-10-01 01:00", "late polls", "manager", f"#{index}", f"#{index + 1}"]
    assert second[1::4] == ["again", open_]


@pytest.mark.parametrize("kind", [Effect, Cause, Outcome], ids=lambda kind: kind.__name__)
def test_whatever_a_report_can_say_has_a_word(kind):
    assert {each.value for each in kind if each.value} <= set(words.WORDS)


def test_without_a_font_there_is_no_paper_and_the_bundle_says_so(october, signer):
    _, members = october.issue(signer)

    assert not {*pdf.MEMBERS.values()} & set(members)
    assert "install fonts-noto-cjk" in json.loads(members["papers.json"])["missing"]


def test_a_paper_that_cannot_be_set_keeps_no_report_from_being_made(october, papers, monkeypatch):
    monkeypatch.setattr(fonts.Face, "text", lambda _, given: given + "\x07")
    made = pdf.papers(source(october))

    assert set(made) == {"papers.json"}
    assert "report.zh.pdf cannot be set" in json.loads(made["papers.json"])["missing"]


def test_papers_are_the_same_bytes_every_time_and_name_their_font(october, papers):
    made = source(october)
    first, second = pdf.papers(made), pdf.papers(made)

    assert first == second
    assert set(first) == {"report.zh.pdf", "report.en.pdf", "papers.json"}
    assert json.loads(first["papers.json"])["font"] == papers.digest


@pytest.mark.partner("pdftotext")  # of the same package
def test_report_and_contract_are_attached_byte_for_byte(october, papers, tmp_path):
    made = source(october)
    (tmp_path / "r.pdf").write_bytes(pdf.paper_of(made, "zh", papers))
    subprocess.run(["pdfdetach", "-saveall", "-o", tmp_path, tmp_path / "r.pdf"], check=True)

    assert (tmp_path / "report.json").read_bytes() == made.report
    assert (tmp_path / "contract.json").read_bytes() == made.contract


def printed(path, data):
    """Return a paper's text, as whoever selects and copies it has it."""
    path.write_bytes(data)
    return subprocess.run(["pdftotext", "-raw", path, "-"], check=True, capture_output=True, text=True).stdout


@pytest.mark.partner("pdftotext")
@pytest.mark.parametrize("language", words.LANGUAGES)
def test_a_digest_can_be_copied_from_the_paper(october, papers, tmp_path, language):
    made = source(october)
    said = printed(tmp_path / "r.pdf", pdf.paper_of(made, language, papers))
    content_ = json.loads(made.report)

    sought = {canonical.digest(made.report), *content_["digests"].values(), content_["versions"][0]["digest"]}
    assert {each for each in sought if each not in said} == set()


@pytest.mark.partner("pdftotext")
def test_a_long_name_breaks_in_its_cell_and_nothing_stands_between_its_letters(october, papers, tmp_path):
    name = "maintenance-of-the-whole-ring-north-of-the-river"
    october.claim(name, 4, 5, notice=100)
    said = printed(tmp_path / "r.pdf", pdf.paper_of(source(october), "en", papers))

    assert name not in said  # it stands on several lines
    assert name in "".join(said.split())
    assert "\u200b" not in said


@pytest.mark.partner("pdftotext")
def test_markup_and_unsettable_signs_in_a_title_are_printed_or_replaced(october, papers, base_contract, tmp_path):
    item = replace(base_contract.items[0], title=HOSTILE)
    hostile = replace(base_contract, title=HOSTILE, items=(item, base_contract.items[1]))
    october.contracts = (replace(hostile, version="2", valid_from_ms=base_contract.valid_from_ms),)
    october.versions()
    said = printed(tmp_path / "r.pdf", pdf.paper_of(source(october), "en", papers))

    assert '#include "/etc/passwd" *b* $x$' in " ".join(said.split())
    assert "\u202e" not in said


def test_the_release_that_made_the_papers_makes_them_again(october, signer, papers, tmp_path):
    october.code = code.code()
    _, members = october.issue(signer)
    bundles.write(tmp_path / "b.zip", members)
    (tmp_path / "key").write_text(f"{signer.vkey}\n")
    said = []
    words_ = {"vkey": tmp_path / "key", "rehearsal": False, "pages": again.pages, "say": said.append}

    assert told.run(tmp_path / "b.zip", **words_) == 0
    assert "report.en.pdf" in said[-1]


def test_where_the_font_is_another_one_the_papers_are_left_at_their_digests(october, signer, papers, monkeypatch):
    october.code = code.code()
    _, members = october.issue(signer)
    monkeypatch.setattr(fonts, "found", lambda: None)
    wrong, note = again.pages(bundles.Bundle(members=members))

    assert wrong == []
    assert "the PDFs are set in what papers.json names" in note


FIRST = "2026-10-01 00:00"
SINCE = f"since {FIRST} (#40)"
TWO = "auditor.example/w+00000000, carrier.example/w+00000001"


def policy(quorum, many, earlier=()):
    rows = [[leaf, START - leaf * M, k, n] for leaf, k, n in earlier]
    names = [f"{name}.example/w+0000000{at}+AAAA" for at, name in enumerate(("auditor", "carrier", "manager")[:many])]
    told = {"leaf": 40, "since_ms": START, "quorum": quorum, "witnesses": names}
    return {"witnessing": {**told, "earlier": {"columns": [], "rows": rows}}}


@pytest.mark.parametrize(
    ("report", "zh", "en"),
    [
        ({}, ["未指定见证方：账本只由市方签署。"], ["No witness was ever named: the city alone signs the ledger."]),
        (
            policy(2, 2),
            [
                f"本报告所在的账本检查点，须由下列 2 个见证方中的至少 2 个联署；规则自 {FIRST} 起（#40）：{TWO}。",
                "实际联署者见包内 checkpoint，由脱机验证列出。",
            ],
            [
                f"Of these 2 witnesses at least 2 co-sign this report's checkpoint, {SINCE}: {TWO}.",
                "Who signed stands in the bundle's checkpoint; verifying offline names them.",
            ],
        ),
        (
            policy(0, 0, [(1, 2, 3), (2, 1, 3)]),
            [
                "不要求联署：账本只由市方签署；规则自 2026-10-01 00:00 起（#40）；所列见证方 0 个：—。",
                "此前：自 2026-09-30 23:59 起 3 取 2（#1）；自 2026-09-30 23:58 起 3 取 1（#2）。",
            ],
            [
                f"No co-signature is asked for {SINCE}: the city alone signs. Witnesses named: 0 (—).",
                "Before: 2 of 3 since 2026-09-30 23:59 (#1); 1 of 3 since 2026-09-30 23:58 (#2).",
            ],
        ),
    ],
    ids=["never", "asked", "lowered"],
)
def test_the_policy_of_co_signing_is_printed_in_both_languages(report, zh, en):
    tz = zone.load("Asia/Shanghai").tz()

    assert (witnessing.sentences(report, tz, "zh"), witnessing.sentences(report, tz, "en")) == (zh, en)


def test_of_many_policies_the_last_are_printed(october):
    (said,) = [
        each
        for each in witnessing.sentences(
            policy(0, 0, [(leaf, 1, 3) for leaf in range(20)]), zone.load("Asia/Shanghai").tz(), "en"
        )
        if each.startswith("Before")
    ]

    assert said.startswith("Before: …; 1 of 3")
    assert said.count("1 of 3") == 12
    assert content(october)["end"]["witnessing"] == "No witness was ever named: the city alone signs the ledger."
