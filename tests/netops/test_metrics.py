"""The catalogue: every entry is whole, and the bounds are those of the design."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netops.errors import NetopsError
from netops.metrics import METRICS, Kind, Standing, lte, metric, optics, poll, pon, portal, probe, radio, system, wlan
from netops.metrics.reference import page


@pytest.mark.parametrize("entry", METRICS.values(), ids=str)
def test_an_entry_is_whole(entry):
    assert re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+", entry.name)
    assert re.search("[\u4e00-\u9fff]", entry.zh), "a definition in Chinese"
    assert len(entry.en) > 5
    assert entry.source
    assert bool(entry.states) == (entry.kind is Kind.STATE)
    assert bool(entry.unit) == (entry.kind in {Kind.GAUGE, Kind.COUNTER})
    codes, names = [s.code for s in entry.states], [s.name for s in entry.states]
    assert len(set(codes)) == len(codes)
    assert len(set(names)) == len(names)
    low, high = entry.bounds
    assert low is None or high is None or low < high


def test_no_name_stands_twice():
    parts = (system, wlan, radio, pon, optics, lte, poll, probe, portal)
    assert sum(len(part.ENTRIES) for part in parts) == len(METRICS)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("pon.onu.rx_power", -40, 5),
        ("pon.onu.olt_rx_power", -40, 5),
        ("pon.port.tx_power", 0, 10),
        ("wlan.radio.noise", -128, -50),
        ("wlan.radio.utilisation", 0, 100),
        ("lte.rsrp", -140, -44),
        ("lte.rsrq", -24, 0),
        ("lte.sinr", -20, 40),
        ("wlan.ap.temperature", -40, 125),
    ],
)
def test_bounds_are_the_designs_and_include_their_ends(name, low, high):
    entry = metric(name)

    assert entry.bounds == (low, high)
    assert [entry.within(v) for v in (low, high, low - 0.001, high + 0.001)] == [True, True, False, False]


def test_a_standby_controllers_word_is_no_outage():
    assert metric("wlan.ap.state").state(11).standing is Standing.UNKNOWN
    assert metric("wlan.ap.state").state(4).standing is Standing.DOWN
    assert metric("wlan.ap.state").code("normal") == 8


def test_a_name_that_is_none_is_told_with_the_nearest():
    with pytest.raises(
        NetopsError, match=re.escape("'wlan.ap.client' is no metric of the catalogue; did you mean 'wlan.ap.clients'?")
    ):
        metric("wlan.ap.client")


def test_the_reference_page_is_the_catalogues():
    written = (Path(__file__).resolve().parents[2] / "docs/reference/metrics.md").read_text(encoding="utf-8")

    assert page() == written, "run: python -m netops.metrics.reference > docs/reference/metrics.md"
