"""Anything that the store tells of has a page: who tells of it, its day with what was not measured, its readings."""

from __future__ import annotations

import re

import pytest

from dashboards import elements
from netops.store import Outcome

SUBJECTS = {
    "/element/ap/mac:0a0b0c000000": "wlan-controller-0",
    "/element/radio/mac:0a0b0c000000/0": "wlan-controller-0",
    "/element/onu/sn:HWTC00000004": "olt-4",
    "/element/cell/sn:SN00000002": "small-cell-2",
}


@pytest.mark.parametrize("path", SUBJECTS)
def test_a_subject_says_who_tells_of_it_and_leads_to_the_raw_reading(site, path):
    page = site.browser("operator").get(path).get_data(as_text=True)

    assert f"/device/{SUBJECTS[path]}" in page
    assert re.search(rf"/reading/{SUBJECTS[path]}/\d+", page)
    assert "没有读数" in page or "未测" in page, "what was not measured has a state of its own"


@pytest.mark.parametrize("path", SUBJECTS)
def test_a_viewer_sees_it_without_the_raw_bytes(site, path):
    page = site.browser("viewer").get(path).get_data(as_text=True)

    assert "<h1>" in page
    assert "/reading/" not in page


@pytest.mark.parametrize(
    "path",
    ["/element/ap/mac:ffffffffffff", "/element/nothing/x", "/element/radio/mac:ffffffffffff/0", "/element/ap/x?day=1"],
)
def test_what_nobody_ever_told_of_is_not_found(site, path):
    assert site.browser("operator").get(path).status_code == 404


def test_a_service_leads_to_its_element(site):
    page = site.browser("operator").get("/service/wifi-0009").get_data(as_text=True)

    assert "/element/ap/mac:0a0b0c000009" in page


def outcome(slot_ms, outcome="answered"):
    return Outcome(device="d", slot_ms=slot_ms, at_ms=slot_ms, outcome=outcome, attempts=1, rtt_ms=1.0, lag_ms=0.0)


def test_a_poll_speaks_of_a_subject_where_a_reading_is_near_and_else_it_was_not_measured():
    minute = 60_000
    polls = [outcome(0), outcome(minute), outcome(2 * minute, "no_answer"), outcome(60 * minute), outcome(61 * minute)]

    told = elements.told_of(polls, [minute, 61 * minute])

    assert [each.state for each in told] == ["N", "U", "U", "N", "U"]
    assert [each.because for each in told] == ["row_missing", "", "", "row_missing", ""]
