"""The manager's page and the pictures of contracts, sites and devices say what reports, judge and store say."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import replace
from html import unescape
from types import SimpleNamespace

import audited_city
import pytest
from audited_city import CONTRACT, REPORT
from small_city import HOSTILE

from dashboards import charts, drawn, measured
from netops import ledger_file
from netops.alerts import burning
from netops.report import closed, issue, waterfall
from netops.summary import page

ENGLISH = {"Accept-Language": "en"}  # a `lang` of the address stays with the browser, which others use


def report_of(settings, name=REPORT):
    with zipfile.ZipFile(issue.place(settings, name)) as file:
        return json.loads(file.read("report.json"))


def last_of(settings):
    with ledger_file.LedgerReader(issue.ledger_path(settings)) as ledger:
        issued = [leaf for leaf in ledger.find("report_issued") if leaf.fact.body["contract"] == CONTRACT]
    return max(issued, key=lambda leaf: leaf.fact.body["revision"]).fact.body["report"]


def text_of(answer):
    assert answer.status_code == 200, answer.get_data(as_text=True)[-500:]
    return unescape(answer.get_data(as_text=True))


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_the_managers_page_says_the_figures_of_the_last_revision(audited, language):
    text = text_of(audited.browser("auditor").get("/summary", headers={"Accept-Language": language}))
    report = report_of(audited.settings, last_of(audited.settings))
    promised = [each for part in report["parts"] for item in part["items"] for each in item["objectives"]]
    kept = sum(each["verdict"] == "met" for each in promised)

    assert f"{float(report['credit']['total']):,.2f} {report['credit']['currency']}" in text
    assert f'<td class="n">{kept}/{len(promised)}</td>' in text
    assert f"{last_of(audited.settings)} #" in text
    assert 'aria-current="true">2026-08</a>' in text


def test_the_managers_page_is_the_same_as_a_paper(audited):
    client = audited.browser("auditor")
    answer = client.get("/summary.pdf?month=2026-08&language=en")

    assert answer.mimetype == "application/pdf"
    assert answer.data.startswith(b"%PDF")
    assert answer.data == client.get("/summary.pdf?month=2026-08&language=en").data
    assert client.get("/summary.pdf?month=2026-07&language=en").status_code == 404
    assert client.get("/summary.pdf?month=2026-08&language=fr").status_code == 404
    assert client.get("/summary.pdf?month=2026-13").status_code == 404
    assert client.get("/summary?month=nothing").status_code == 404


def test_a_month_without_a_report_is_said_and_the_page_stands(audited):
    text = text_of(audited.browser("auditor").get("/summary?month=2026-07", headers=ENGLISH))

    assert "No report of this month yet" in text
    assert "/summary.pdf" not in text


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_a_contracts_page_draws_what_its_report_takes_off(audited, language):
    text = text_of(audited.browser("auditor").get(f"/contract/{CONTRACT}", headers={"Accept-Language": language}))
    report = report_of(audited.settings, last_of(audited.settings))
    amounts = [f"{each.amount:,.2f}" for each in waterfall.steps(report)]
    money = text.split('id="money"')[1].split('id="sides"')[0]

    assert [each for each in amounts if f"{each} {report['credit']['currency']}" not in money] == []
    assert money.count("<svg") == 1
    assert '<section class="card" aria-labelledby="sides">' in text
    assert len(audited.browser("auditor").get(f"/contract/{CONTRACT}").data) <= 60_000


def held_of(settings, name):
    with ledger_file.LedgerReader(issue.ledger_path(settings)) as ledger:
        known = closed.issues(ledger.find("report_issued"), rehearsal=settings.city.rehearsal)
    return closed.opened(settings, next(each for each in known if each.report == name))


def test_the_days_of_ours_are_those_of_the_report_and_theirs_those_of_the_objections(audited):
    held = held_of(audited.settings, last_of(audited.settings))
    with audited.app.test_request_context():
        made = drawn._sides(held)
    days = held.days["parts"][0]["items"][0]["objectives"][0]["days"]
    lost = {row[0] for row in days["rows"] if row[days["columns"].index("down_ms")]}
    marked = {each["day"]: each["mark"] for each in made["days"] if each["mark"]}

    assert lost
    assert lost <= {each["day"] for each in made["days"]}
    assert len(marked) == len({day for each in held.report["objections"] for day in drawn._days(each, "Asia/Shanghai")})
    assert set(marked.values()) <= {"✓", "✗", "?"}


@pytest.mark.parametrize(
    ("given", "letter", "mark"),
    [
        ({"code": "no_outage"}, "U", "?"),
        ({"code": "cause", "ruling": {"outcome": "rejected"}}, "X", "✗"),
        ({"code": "cause", "asks": "up", "ruling": {"outcome": "partly_upheld"}}, "U", "✓"),
        ({"code": "not_measured"}, "N", "?"),
    ],
)
def test_an_objection_is_drawn_by_what_it_says_on_each_day_that_it_touches(given, letter, mark):
    start = 1_787_155_200_000  # midnight in Shanghai
    told = {"reason": "r", "target": "claim-1", "start_ms": start - 1, "end_ms": start + 1, **given}
    found = drawn._objected({"objections": [told]}, "Asia/Shanghai")

    assert sorted(found) == ["2026-08-19", "2026-08-20"]
    assert set(found.values()) == {(letter, mark, "r")}


def test_an_objection_without_a_time_is_on_no_day():
    told = {"reason": "r", "target": "claim-1", "code": "claim_refused"}

    assert drawn._objected({"objections": [told]}, "Asia/Shanghai") == {}
    assert drawn._objected({}, "Asia/Shanghai") == {}


def test_the_burn_rates_of_the_page_are_those_that_alerts_look_at(audited):
    client = audited.browser("auditor")
    for _ in range(100):
        text = text_of(client.get(f"/contract/{CONTRACT}", headers=ENGLISH))
        if "Being reckoned" not in text:
            break
    found = burning.burns(audited.settings, CONTRACT, now_ms=audited_city.NOW)
    part = text.split('id="burn"')[1]

    assert found
    for name, (_end, rates) in found.items():
        assert name.partition("/")[2] in part
        assert part.count(drawn.burn.rate(rates[0].alert.factor)) >= 2


def test_a_report_that_was_touched_is_not_drawn(audited, monkeypatch):
    def refused(*_):
        raise closed.EvidenceError("touched")

    monkeypatch.setattr(drawn.closed, "opened", refused)
    text = text_of(audited.browser("auditor").get(f"/contract/{CONTRACT}"))

    assert 'id="money"' not in text


@pytest.mark.parametrize(
    ("path", "card", "said"),
    [
        ("/device/wlan-controller-0", "clients", "ap-0000"),
        ("/site/site-0", "clients", "ap-0000"),
        ("/device/olt-4", "light", "1 ONUs, 0 beyond -27 to -8 dBm"),
        ("/device/small-cell-2", "busy-1", "P95"),
    ],
)
def test_what_the_store_has_of_a_day_is_drawn_with_its_table(site, path, card, said):
    text = text_of(site.browser("operator").get(path, headers=ENGLISH))
    section = text.split(f'id="{card}"')[1].split("</section>")[0]

    assert section.count("<svg") == 1
    assert said in section
    assert "<table" in section


def test_the_clients_of_an_hour_are_their_mean(site):
    text = text_of(site.browser("operator").get("/site/site-0", headers=ENGLISH))
    (values,) = re.findall(r'<td class="mono wide">([^<]+)</td>', text.split('id="clients"')[1])
    hours = values.split(" ")

    assert len(hours) == 24
    assert all(each == "—" or 0 <= float(each) < 40 for each in hours)


def test_a_device_without_such_readings_has_no_picture(site):
    for path in ("/device/olt-1", "/device/wlan-controller-3", "/site/site-3"):
        text = text_of(site.browser("operator").get(path))

        assert 'id="clients"' not in text
        assert 'id="light"' not in text


def test_the_limits_are_of_the_class_that_the_contract_promises(site):
    def city(indicator):
        objective = SimpleNamespace(indicator=indicator)
        contract = SimpleNamespace(items=[SimpleNamespace(objectives=[objective])])
        return SimpleNamespace(
            index=SimpleNamespace(by_device={"olt": ("s",)}),
            now={"s": SimpleNamespace(contract="c")},
            snapshot=SimpleNamespace(contract={"c": contract}),
        )

    assert measured._class(city("pon.onu.margin.gpon_c_plus"), "olt") == "pon.onu.margin.gpon_c_plus"
    assert measured._class(city("availability"), "olt") == "pon.onu.margin.gpon_b_plus"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_title_is_text_on_the_managers_page_and_in_its_paper(audited, name):
    with ledger_file.LedgerReader(issue.ledger_path(audited.settings)) as ledger:
        leaves = list(ledger.find("report_issued"))
    made, _wrong = page_of(audited.settings, leaves)
    told = page.content(page.Given(month="2026-08", closed=[replace(each, title=name) for each in made]), "en")

    assert "<script" not in str(page.drawn(told))
    assert "<img" not in str(page.drawn(told))


def page_of(settings, leaves):
    from netops.summary import closed as summed

    return summed.of(issue.shelf(settings), leaves, ["2026-08"])


def home_with(settings, clock, file):
    """Return the home page of an operator where the settings name a map."""
    from dashboards import operators

    desk = SimpleNamespace(settings=replace(settings, city=replace(settings.city, map=file)), clock=clock)
    tile = charts.Tile(col=0, row=0, name=("a",), value="3", note="", state="X", href="/area/1", title="a <b>")
    return operators._map(desk, [tile], ["110108001"])


def test_the_map_is_the_citys_own_where_the_settings_name_one(site, tmp_path):
    file = tmp_path / "city.geojson"
    ring = [[116.0, 39.9], [116.1, 39.9], [116.1, 40.0], [116.0, 39.9]]
    feature = {"properties": {"id": "110108001"}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    with site.app.test_request_context():
        own = home_with(site.settings, site.clock, file)
        none = home_with(site.settings, site.clock, None)

    assert 'class="outline"' in own["map"]
    assert "<title>a &lt;b&gt;</title>" in own["map"]
    assert 'class="tiles"' in none["map"]
    assert own["map_error"] == none["map_error"] == ""


@pytest.mark.parametrize("text", [None, "{"], ids=["gone", "cut"])
def test_a_map_that_cannot_be_read_is_said_and_the_schematic_one_is_shown(site, tmp_path, text):
    file = tmp_path / "city.geojson"
    if text is not None:
        file.write_text(text)
    with site.app.test_request_context():
        made = home_with(site.settings, site.clock, file)

    assert 'class="tiles"' in made["map"]
    assert str(file) in made["map_error"]
