"""The month on one page: its figures are those of the closed reports, in texts, in the picture and in the paper."""

import json
import re
import subprocess
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netops import cli
from netops.errors import EvidenceError
from netops.evidence import bundle, canonical
from netops.ledger import LedgerReader
from netops.report import issue
from netops.summary import closed, page, paper
from netops.summary.closed import Closed, Promise, Street
from tests.netops.months import close, house_of

AUGUST = "2026-08"
HOUR = 3_600_000


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    made = house_of(tmp_path_factory.mktemp("house"), hours=31 * 24)
    close(made)
    return made


@pytest.fixture(scope="module")
def leaves(house):
    with LedgerReader(issue.ledger_path(house.settings)) as ledger:
        return list(ledger.find("report_issued"))


@pytest.fixture(scope="module")
def read(house, leaves):
    return closed.of(issue.shelf(house.settings), leaves, page.year("2026-10"))


def report_of(house, month):
    (path,) = issue.shelf(house.settings).glob(f"*-{month}-r*.zip")
    return json.loads(bundle.open_bundle(path).members["report.json"])


def test_every_figure_is_the_one_of_the_closed_report(house, read):
    made, wrong = read
    report = report_of(house, AUGUST)
    (one,) = [each for each in made if each.month == AUGUST]
    objectives = [each for part in report["parts"] for item in part["items"] for each in item["objectives"]]
    rows = [row for each in objectives if each["indicator"] == "availability" for row in each["services"]["rows"]]
    lost = sum(row[objectives[0]["services"]["columns"].index("down_ms")] for row in rows)

    assert wrong == {}
    assert {each.month for each in made} == {"2026-07", "2026-08", "2026-10"}
    assert str(one.withheld) == report["credit"]["total"] != "0.00"
    assert str(one.fees) == report["credit"]["fees_shown"]
    assert [each.verdict for each in one.promises] == [each["verdict"] for each in objectives]
    assert one.count("missed") >= 1
    assert sum(each.down_ms for each in one.streets) == lost > 0


def test_the_page_says_what_was_bought_got_and_withheld(read):
    told = page.content(page.Given(month=AUGUST, closed=read[0]), "en")
    (one,) = [each for each in read[0] if each.month == AUGUST]

    assert told["empty"] == ""
    assert told["withheld"]["rows"][0][0].startswith(f"{one.withheld:,.2f} ")
    assert told["got"]["kind"] == "missed"
    assert told["got"]["said"].startswith(f"{one.count('missed')} of {len(one.promises)} promises missed")
    assert [row[0] for row in told["trend"]["rows"]] == page.year(AUGUST)
    assert told["trend"]["rows"][-1][3] == one.count("missed")
    assert told["trend"]["rows"][0][1:4] == (0, 0, 0)
    assert told["sources"]["rows"] == [f"{one.report} #{one.leaf}"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_month_without_a_report_says_so_and_has_no_paper(read, language):
    given_ = page.Given(month="2026-09", closed=read[0], missing=["wifi"])
    told = page.content(given_, language)

    assert told["empty"]
    assert "wifi" in told["sources"]["missing"]
    assert page.drawn(told)["trend"]
    with pytest.raises(EvidenceError, match="no report of it is closed yet"):
        paper.made(given_, language)


def test_of_a_month_the_last_revision_counts(leaves):
    first = next(each for each in leaves if AUGUST in each.fact.body["report"])
    body = {**first.fact.body, "revision": first.fact.body["revision"] + 1, "report": "x-2026-08-r2"}
    second = type(first)(
        first.index + 100, "s", 1, 0, type(first.fact)(kind="report_issued", at_ms=0, body=body), first.data
    )

    assert second in closed.newest([second, *leaves])
    assert first not in closed.newest([second, *leaves])


def test_a_bundle_that_is_not_the_sealed_report_is_refused_by_name(house, leaves, tmp_path):
    leaf = next(each for each in leaves if AUGUST in each.fact.body["report"])
    name = f"{leaf.fact.body['report']}.zip"
    members = dict(bundle.open_bundle(issue.shelf(house.settings) / name).members)
    report = json.loads(members["report.json"])
    report["credit"]["total"] = "0.00"
    bundle.write(tmp_path / name, {**members, "report.json": canonical.dumps(report)})
    made, wrong = closed.of(tmp_path, [leaf], [AUGUST])

    assert made == []
    assert "report.json is not what was sealed" in wrong[leaf.fact.body["report"]]


@pytest.mark.parametrize("data", [None, b"", b"PK\x05\x06" + bytes(18)], ids=["gone", "empty", "no-members"])
def test_a_bundle_that_cannot_be_read_is_told_and_the_others_are_shown(leaves, tmp_path, data):
    leaf = leaves[0]
    if data is not None:
        (tmp_path / f"{leaf.fact.body['report']}.zip").write_bytes(data)
    made, wrong = closed.of(tmp_path, [leaf], page.year("2026-10"))

    assert made == []
    assert list(wrong) == [leaf.fact.body["report"]]


NAMES = st.sampled_from(["甲 <b>", "Carrier", "'\"&", "a" * 200])


@st.composite
def months(draw):
    verdict = st.sampled_from(["met", "missed", "not_determinable"])
    shown = st.sampled_from(["", "98.000000", "100.000000"])
    promise = st.builds(
        Promise,
        name=NAMES,
        name_en=NAMES,
        kind=st.just("wifi"),
        verdict=verdict,
        shown=shown,
        target=st.just("99.5"),
        at_least=st.booleans(),
    )
    street = st.builds(
        Street,
        area=st.sampled_from(["1", "2", "3", "4"]),
        name=NAMES,
        name_en=NAMES,
        down_ms=st.integers(1, 10**10),
        services=st.integers(1, 5000),
    )
    fees = draw(st.integers(0, 10**9))
    return Closed(
        report="r", contract=draw(NAMES), title=draw(NAMES), month=draw(st.sampled_from(page.year("2026-10"))),
        start_ms=0, end_ms=1, revision=1, leaf=1, rehearsal=False, currency=draw(st.sampled_from(["CNY", "EUR"])),
        fees=Decimal(fees) / 100, withheld=Decimal(draw(st.integers(0, fees))) / 100,
        kinds=(("wifi", draw(st.integers(0, 9))),),
        promises=tuple(draw(st.lists(promise, max_size=4))), streets=tuple(draw(st.lists(street, max_size=4))),
    )  # fmt: skip


@given(st.lists(months(), max_size=12), st.sampled_from(["zh", "en"]))
def test_whatever_the_months_are_the_sums_hold_and_the_pictures_are_drawn(made, language):
    told = page.content(page.Given(month="2026-10", closed=made), language)
    drawn = page.drawn(told)
    counted = sum(sum(row[1:4]) for row in told["trend"]["rows"])

    assert counted == sum(len(each.promises) for each in made)
    assert len(told["streets"]["rows"]) <= 3
    for currency, bars in told["withheld"]["bars"]:
        taken = sum(Decimal(each[2].replace(",", "")) for each in bars if each[0] == "deduction")
        assert -taken == sum(e.withheld for e in made if (e.month, e.currency) == ("2026-10", currency))
        assert (bars[0][0], bars[-1][0]) == ("fees", "payable")
    assert str(drawn["trend"]).startswith("<svg")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.partner("pdftotext")
def test_the_paper_is_one_page_with_the_same_figures_and_always_the_same_bytes(read, tmp_path, language):
    given_ = page.Given(month=AUGUST, closed=read[0], missing=["fiber"])
    first, again = paper.made(given_, language), paper.made(given_, language)
    (tmp_path / "p.pdf").write_bytes(first)
    told = subprocess.run(["pdftotext", "-layout", tmp_path / "p.pdf", "-"], check=True, capture_output=True, text=True)
    info = subprocess.run(["pdfinfo", tmp_path / "p.pdf"], check=True, capture_output=True, text=True).stdout
    content = page.content(given_, language)

    assert first == again
    assert re.search(r"Pages:\s+1\b", info)
    assert content["withheld"]["rows"][0][0] in told.stdout
    assert content["got"]["said"] in told.stdout


def test_the_command_writes_the_paper_and_says_what_is_missing(house, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    config = ["--config", str(house.file), "report", "summary", "--month"]

    assert cli.main([*config, AUGUST]) == 0
    assert (tmp_path / f"summary-{AUGUST}.zh.pdf").read_bytes().startswith(b"%PDF")
    assert cli.main([*config, AUGUST, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["month"] == AUGUST
    assert cli.main([*config, "2026-09", "--json"]) == 5
    assert "no report of 2026-09 is closed" in capsys.readouterr().err
    assert cli.main([*config, "2026-13"]) == 2
    assert "expected a calendar month" in capsys.readouterr().err
