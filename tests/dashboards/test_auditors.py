"""The auditor's way: what the pages say is what the sealed report and the judge say, down to the bytes of a reply."""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import zipfile
from html import unescape

import audited_city
import pytest
import small_city
from audited_city import CONTRACT, OUTAGE, REPORT
from hypothesis import given
from hypothesis import strategies as st

from dashboards import deductions, devices, figures, held
from inventory.model import Credits, Tier
from netops import founding
from netops.commands import audit, sla
from netops.errors import EvidenceError
from netops.evidence import canonical, container
from netops.ledger_file import LedgerReader
from netops.placing import WAITING
from netops.report import closed, issue
from netops.sla import credit

MONTH = f"/contract/{CONTRACT}/2026-08"
FIGURE = f"{MONTH}/wifi/availability"
INTERVAL = (
    f"{MONTH}/interval?service=wifi-0000&from={OUTAGE + 1_800_000}&until={OUTAGE + 5_400_000}"
    "&item=wifi&objective=availability"
)
PAGES = [
    "/months",
    "/month/2026-08",
    "/month/2026-09",
    MONTH,
    f"{MONTH}?revision=1",
    f"/contract/{CONTRACT}/2026-09",
    FIGURE,
    f"{FIGURE}?service=wifi-0000&revision=1",
    f"/contract/{CONTRACT}/2026-09/wifi/any",
    INTERVAL,
    f"{MONTH}/revisions",
]


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_whole_small_and_allowed_by_the_policy(audited, path, language):
    answer = audited.browser("auditor").get(f"{path}{'&' if '?' in path else '?'}lang={language}")
    text = answer.get_data(as_text=True)

    assert answer.status_code == 200, text[-2000:]
    assert len(answer.data) <= 60_000
    assert f'<html lang="{language}">' in text
    assert text.count("<h1") == 1
    assert not re.search(r"<script(?! src=\"/assets/)|\son\w+=|style=", text)


def said_by_the_judge(settings, capsys, start, end):
    """Return the objectives of `netops sla judge --json` for an interval, by name."""
    parser = argparse.ArgumentParser()
    sla.arguments(parser)
    args = parser.parse_args(["judge", "--contract", CONTRACT, "--from", start, "--to", end, "--json"])
    args.now_ms = audited_city.NOW
    capsys.readouterr()
    sla.run(args, settings)
    told = json.loads(capsys.readouterr().out)
    return {f"{each['item']}/{each['objective']}": each for each in told["objectives"]}


def report(settings, name):
    """Return the report that a bundle seals."""
    with zipfile.ZipFile(issue.place(settings, name)) as file:
        return canonical.loads(file.read("report.json"))


def rows(text):
    """Return the rows of all tables of a page as lists of texts."""
    found = re.findall(r"<tr[^>]*>(.*?)</tr>", text, re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in found]
    return [[" ".join(unescape(re.sub(r"<[^>]+>", " ", cell)).split()) for cell in row] for row in cells]


@pytest.mark.parametrize(
    ("month", "start", "end"),
    [("2026-08", "2026-08-01", "2026-09-01"), ("2026-09", "2026-09-01", "2026-09-21T22:00")],
    ids=["closed", "running"],
)
def test_the_figures_of_a_month_are_those_of_sla_judge_for_the_same_instant(audited, capsys, month, start, end):
    judged = said_by_the_judge(audited.settings, capsys, start, end)
    text = audited.browser("auditor").get(f"/contract/{CONTRACT}/{month}?lang=en").get_data(as_text=True)
    command = re.search(r"netops sla judge --contract \S+ --from (\S+) --to (\S+) --json", unescape(text))

    assert len(judged) == 2
    assert [instant.removesuffix("T00:00") for instant in command.groups()] == [start, end]
    for name, each in judged.items():
        (row,) = [row for row in rows(text) if row and row[0].endswith(name)]
        assert f"{each['shown']} %" in row[3]
        assert f"{each['lower_shown']} – {each['upper_shown']} %" in row[4]
        assert f"{each['unknown_shown']} %" in row[5]
        figure = audited.browser("auditor").get(f"/contract/{CONTRACT}/{month}/{name}").get_data(as_text=True)
        assert f'<code class="soft">{each["value"]}</code>' in figure
        assert ("✕" in row[1]) == (each["verdict"] == "missed")


def test_the_outages_of_a_figure_are_the_judges_to_the_second(audited, capsys):
    judged = said_by_the_judge(audited.settings, capsys, "2026-08-01", "2026-09-01")["wifi/availability"]
    text = audited.browser("auditor").get(f"{FIGURE}?lang=en").get_data(as_text=True)
    links = {tuple(map(int, each)) for each in re.findall(r"until=(\d+)&amp;from=(\d+)", text)}

    told = judged["incidents"]
    assert links == {
        (row[told["columns"].index("end_ms")], row[told["columns"].index("start_ms")]) for row in told["rows"]
    }
    assert len(links) == 2


def test_what_is_deducted_is_what_the_report_owes_step_by_step(audited):
    told = report(audited.settings, f"{CONTRACT}-2026-08-r2")
    text = audited.browser("auditor").get(f"{MONTH}/wifi/any?lang=en").get_data(as_text=True)
    (item,) = told["parts"][0]["items"]

    assert item["credit"]["amount"] == told["credit"]["total"] == "40.00"
    assert "400 × 10 % = 40.00 CNY" in text
    assert "services: 4, 100 CNY a month each × 2976 h contracted ÷ 744 h of the period = 400 CNY" in text
    assert "≥ 99.0 %, &lt; 99.9 %: 10 % of the fee" in text


@given(
    value=st.fractions(min_value=0, max_value=100),
    tiers=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100)), max_size=4),
    after=st.integers(0, 3),
    before=st.integers(0, 4),
    caps=st.tuples(st.sampled_from(["", "5", "20"]), st.sampled_from(["", "7", "30"])),
)
def test_the_last_step_is_what_the_judge_owes_whatever_the_schedule(value, tiers, after, before, caps):
    schedule = Credits(
        tiers=tuple(Tier(percent=str(p), at_least=str(min(a, b)), below=str(max(a, b))) for p, a, b in tiers),
        escalate_after=after,
        escalate_factor="2",
        object_cap_percent=caps[0],
        period_cap_percent=caps[1],
    )
    steps = deductions.chain(value, schedule, breaches_before=before)

    assert (steps[-1][1] if steps else 0) == credit.owed_percent(value, schedule, breaches_before=before)


def test_what_the_carrier_says_stands_beside_the_outage_and_what_a_claim_excuses_is_marked(audited):
    client = audited.browser("auditor")
    first = rows(client.get(f"{FIGURE}?revision=1&lang=en").get_data(as_text=True))
    (outage,) = [row for row in first if row and row[0] == "wifi-0000" and len(row) == 7]
    (excused,) = [row for row in first if row and row[0] == "wifi-0001" and len(row) == 7]

    assert outage[6] == "carrier-a: 前半小时已恢复 · upheld in part by zhao.lei"
    assert outage[5].endswith("✓")
    assert excused[5] == "excluded: req-planned"
    claims = [row for row in first if row and row[0].endswith(("req-planned", "req-late"))]
    assert [row[5] for row in claims] == ["in force", "late: no effect"]
    assert all(row[3].startswith("wang.min #") for row in claims)


def test_an_interval_shows_each_poll_in_it_and_the_one_on_either_side_and_leads_to_the_bytes(audited):
    client = audited.browser("auditor")
    text = client.get(f"{INTERVAL}&lang=en").get_data(as_text=True)
    samples = [row for row in rows(text) if len(row) == 4 and row[0].startswith("2026-")]

    assert [row[3] for row in samples] == ["beside it", *["✓"] * 60, "beside it"]
    assert {row[1] for row in samples[1:-1]} == {"✕ Down"}
    assert samples[-1][1] == "● Up"
    link = unescape(re.search(r'class="reading" href="([^"]+)"', text)[1])
    poll = client.get(link).get_data(as_text=True)
    assert "Download the raw bytes" in poll
    leaf = re.search(r"/ledger/leaf/(\d+)", poll)[1]
    assert "raw_chunk" in client.get(f"/ledger/leaf/{leaf}").get_data(as_text=True)


def test_raw_that_has_expired_says_until_when_it_was_kept(audited):
    day = 86_400_000
    held = devices.kept(audited.settings, OUTAGE)

    assert held["evidence"] == OUTAGE // day * day + 397 * day
    assert held["readings"] == OUTAGE // day * day + 401 * day
    text = audited.browser("auditor").get(f"{INTERVAL}&lang=en").get_data(as_text=True)
    assert "Raw replies kept until" in text.replace("raw replies", "Raw replies")
    assert "2027-09-21 08:00:00" in text


def test_an_altered_bundle_shows_no_figure_and_names_what_is_off(audited, tmp_path):
    settings = small_city.settings(tmp_path)
    (tmp_path / "reports").mkdir()
    source = issue.place(audited.settings, REPORT)
    with zipfile.ZipFile(source) as file:
        members = {name: file.read(name) for name in file.namelist()}
    members["report.json"] = members["report.json"].replace(b'"total":"40.00"', b'"total":"39.00"')
    issue.place(settings, REPORT).write_bytes(container.pack(members))
    with LedgerReader(issue.ledger_path(audited.settings)) as ledger:
        first, _second = closed.issues(ledger.find("report_issued"), rehearsal=True)

    with pytest.raises(EvidenceError, match=r"report\.json is not what was sealed"):
        closed.opened(settings, first)
    assert closed.opened(audited.settings, first).report["credit"]["total"] == "40.00"


def test_revisions_stand_side_by_side_with_what_moved_and_by_which_leaves(audited):
    text = audited.browser("auditor").get(f"{MONTH}/revisions?lang=en").get_data(as_text=True)
    second = report(audited.settings, f"{CONTRACT}-2026-08-r2")
    found = rows(text)

    assert ["Objective", "Revision 2", "Revision 1"] in found
    moved = second["difference"]["intervals"]["rows"]
    assert len([row for row in found if len(row) == 6 and row[0].startswith("wifi/")]) == len(moved) == 2
    assert "objection o-1" in text
    assert f"a change of {second['difference']['change']}" in text


def test_every_file_of_a_revision_has_the_digest_that_stands_beside_it(audited):
    client = audited.browser("auditor")
    text = client.get(f"{MONTH}/revisions").get_data(as_text=True)
    listed = re.findall(r'href="(/contract/[^"]+/file/[^"]+)">.*?<code>([0-9a-f]{64})</code>', text, re.DOTALL)

    assert len(listed) == 6
    for path, digest in listed:
        answer = client.get(path)
        assert answer.status_code == 200
        assert hashlib.sha256(answer.data).hexdigest() == digest
        assert "attachment" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize("name", ["manifest.json", "..%2Fledger.db", "leaves.jsonl.gz", "nothing"])
def test_no_other_file_is_given(audited, name):
    assert audited.browser("auditor").get(f"{MONTH}/1/file/{name}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/month/2026-13",
        "/month/1999-01",
        f"/contract/{CONTRACT}/2020-01",
        "/contract/nobody/2026-08",
        f"{MONTH}?revision=9",
        f"{MONTH}/wifi/nothing",
        f"{FIGURE}?version=9",
        f"{MONTH}/interval?service=wifi-0000&from=5&until=4",
        f"{MONTH}/interval?service=wifi-0000&from=1&until=9007199254740991",
        f"/contract/{CONTRACT}/2026-09/revisions",
        "/blind?month=2026-99",
    ],
)
def test_what_is_not_there_is_not_found(audited, path):
    assert audited.browser("auditor").get(path).status_code == 404


def test_a_bundle_that_waits_for_its_co_signatures_is_shown_and_not_given(audited, tmp_path):
    shutil.copytree(audited.settings.data.dir / "reports", tmp_path / "reports")
    settings = small_city.settings(tmp_path)
    path = issue.place(settings, REPORT)
    (path.parent / WAITING).mkdir()
    path.rename(path.parent / WAITING / path.name)

    assert closed.place(settings, REPORT) == (path.parent / WAITING / path.name, True)
    assert closed.place(settings, "nothing") is None


def test_no_page_says_of_an_excused_outage_that_it_counts(audited):
    text = audited.browser("auditor").get(f"/contract/{CONTRACT}?lang=en").get_data(as_text=True)

    assert "Outages, the longest first (4)" in text, "two under each of the two objectives"
    assert "Outages that count" not in text


def test_an_objective_that_is_judged_by_the_month_alone_stands_without_a_figure_while_it_runs(audited, monkeypatch):
    told = {
        "item": "wifi",
        "objective": "repair",
        "indicator": "fault.repair",
        "target": "95",
        "comparison": "at_least",
        "version": "1",
        "verdict": "not_determinable",
        "because": "nothing was left to judge",
    }
    one = figures._figure({"version": "1", "start_ms": 1, "end_ms": 2}, "wifi", (None, None), told, {})
    monkeypatch.setattr(held, "of", lambda *_given: (held.Held(until_ms=2, hours=1), [one], ""))
    client = audited.browser("auditor")

    assert one.shown == "—"
    for path in (f"/contract/{CONTRACT}/2026-09", f"/contract/{CONTRACT}/2026-09/wifi/repair", "/month/2026-09"):
        text = client.get(f"{path}?lang=en").get_data(as_text=True)
        assert "Not determinable" in text, path
    assert client.get("/blind").status_code == 200


def test_a_bundle_whose_contract_this_release_cannot_read_still_shows_its_figures(audited, monkeypatch):
    monkeypatch.setattr(closed, "_versions", lambda _texts: {})
    closed._opened.cache_clear()
    client = audited.browser("auditor")
    try:
        text = client.get(f"{MONTH}/wifi/any?lang=en").get_data(as_text=True)
        assert "99.865470 %" in text
        assert "The text of this contract version is not in the bundle" in text
    finally:
        closed._opened.cache_clear()


def test_a_revision_names_the_first_time_stamp_over_its_seal(audited):
    stamps = audited.settings.data.dir / "stamps"
    stamps.mkdir()
    try:
        for name in ("2026-09-01-1300.tsr", "2026-09-02-1301.tsr", "2026-09-06-1310.tsr"):
            (stamps / name).write_bytes(b"token")
        text = audited.browser("auditor").get(f"{MONTH}/revisions?lang=en").get_data(as_text=True)

        assert ["Time-stamps (RFC 3161)", "2026-09-06-1310.tsr", "2026-09-02-1301.tsr"] in rows(text)
    finally:
        shutil.rmtree(stamps)


@pytest.mark.parametrize("name", [REPORT, f"{CONTRACT}-2026-08-r2"])
def test_the_bundles_that_the_pages_show_are_those_that_an_outsider_reproduces(audited, tmp_path, name):
    (tmp_path / "vkey").write_text(f"{founding.signer(audited.settings).vkey}\n{audited_city.WITNESS.vkey}\n")
    parser = argparse.ArgumentParser()
    audit.arguments(parser)
    path = issue.place(audited.settings, name)
    args = parser.parse_args(["verify", str(path), "--vkey", str(tmp_path / "vkey"), "--rehearsal"])

    assert audit.run(args, audited.settings) == 0
