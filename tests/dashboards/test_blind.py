"""When we were blind: our own faults as the ledger has them, by day and cause, and what they did to the figures."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from audited_city import BLIND, CONTRACT, END, START

from dashboards import blind, charts
from netops.facts import Fact
from netops.unmeasured import by_hour

M, H = 60_000, 3_600_000


def leaf(index, kind, at_ms, **body):
    return SimpleNamespace(index=index, fact=Fact(kind=kind, at_ms=at_ms, body=body))


def health(index, minute, **changed):
    body = {"vantage": "v", "state": "blind", "anchors": 2, "reachable": 0, "start_ms": BLIND + minute * M}
    return leaf(index, "monitor_health", BLIND + minute * M, **(body | changed))


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("path", ["/blind", "/blind?month=2026-08", "/blind?month=2026-07"])
def test_every_page_is_whole_small_and_allowed_by_the_policy(audited, path, language):
    answer = audited.browser("auditor").get(f"{path}{'&' if '?' in path else '?'}lang={language}")
    text = answer.get_data(as_text=True)

    assert answer.status_code == 200
    assert len(answer.data) <= 60_000
    assert text.count("<h1") == 1
    assert not re.search(r"<script(?! src=\"/assets/)|\son\w+=|style=", text)


def test_what_a_vantage_point_tells_slot_by_slot_is_one_gap_and_what_lies_apart_another():
    told = [health(0, 0), health(1, 1), health(2, 2), health(3, 60), health(4, 1, vantage="w")]

    found = blind.gaps(told)

    assert [(each.who, each.start_ms - BLIND, each.end_ms - BLIND, each.leaves) for each in found] == [
        ("v", 0, 2 * M, 3),
        ("w", M, M, 1),
        ("v", 60 * M, 60 * M, 1),
    ]


def test_each_cause_tells_from_when_to_when_by_whom_and_how_much():
    told = [
        leaf(0, "slots_missed", START + 9, job="verify", first_ms=START, last_ms=START + 5, count=6),
        leaf(1, "listening_break", START + 8, number=1, lost_ms=START + 1, since_ms=START + 8),
        leaf(2, "service_state", START + 2, service="core", state="started", version="1.2"),
        leaf(3, "spool_dropped", START + 3, spool="web", what="facts", count=2, reason="disk full"),
        leaf(4, "clock_state", START + 4, vantage="collect/1", state="stepped", step_ms=80.5),
    ]

    found = blind.gaps(told)

    assert [(each.kind, each.who, each.start_ms - START, each.end_ms - START, each.detail) for each in found] == [
        ("slots_missed", "verify", 0, 5, "6"),
        ("listening_break", "", 1, 8, ""),
        ("service_state", "core", 2, 2, "1.2"),
        ("spool_dropped", "web", 3, 3, "2 · disk full"),
        ("clock_state", "collect/1", 4, 4, "step_ms 80.5"),
    ]


@pytest.mark.parametrize(
    ("sums", "letter"),
    [
        (None, charts.NONE),
        ((0, 0), charts.UP),
        ((0, H), charts.UP),
        ((H // 100 - 1, H), charts.UP),
        ((H // 100, H), "N"),
    ],
)
def test_an_hour_is_hatched_from_a_hundredth_of_its_service_time_on(sums, letter):
    assert blind.letter(sums) == letter


def test_the_page_tells_the_day_the_causes_and_what_it_did_to_each_figure(audited):
    text = audited.browser("auditor").get("/blind?month=2026-08&lang=en").get_data(as_text=True)
    day = re.search(r'<tr id="day-2026-08-05">(.*?)</tr>', text, re.DOTALL)[1]

    assert "2 h 40 min" in day, "four services for forty minutes"
    assert "a vantage point lost its anchors" in day
    assert "missed slots" in day
    assert "slots: 40" in text
    for objective, unknown in (("availability", "0.089665"), ("any", "0.089605")):
        row = re.search(rf'/2026-08/wifi/{objective}\?version=1">.*?</tr>', text, re.DOTALL)[0]
        assert f"{unknown} %" in row
        assert CONTRACT in row


def test_the_sums_of_hours_are_those_of_the_sealed_ones(audited, tmp_path):
    path = audited.settings.data.dir / "states.db"

    assert by_hour(path, start_ms=BLIND, end_ms=BLIND + H) == {BLIND: (4 * 40 * M, 4 * H)}
    assert by_hour(path, start_ms=END - H, end_ms=END - H) == {}
    assert by_hour(tmp_path / "none.db", start_ms=0, end_ms=1) == {}


def test_what_a_number_is_stands_before_it(audited):
    told = [
        leaf(0, "slots_missed", START + 9, job="verify", first_ms=START, last_ms=START + 5, count=6),
        leaf(1, "service_state", START + 2, service="core", state="started", version="0.1.0"),
    ]

    with audited.app.test_request_context("/?lang=en"):
        rows = [blind._row(each) for each in blind.gaps(told)]

    assert [each["detail"] for each in rows] == ["slots: 6", "version: 0.1.0"]
