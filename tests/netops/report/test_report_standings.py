"""What is read for a contract's standing: with surveys where coverage is asked for, without where burn rates are."""

import pytest

from inventory.model import Contract, Coverage, Selector, ServiceItem
from netops.report import standings
from netops.report.standing import Standing

NOW = 1_790_784_000_000
PROMISED = Coverage(id="map", target="90", metric="rsrp", level="-105")
ITEM = ServiceItem(id="cells", kind="lte", select=Selector(), coverage=(PROMISED,))
CONTRACT = Contract(id="c1", version="1", carrier="a", title="t", valid_from_ms=0, items=(ITEM,))


@pytest.fixture
def asked(monkeypatch):
    """What was gathered, of a contract whose coverage is told."""
    found = []
    stands = Standing(start_ms=0, end_ms=NOW, objectives=(), coverage=(("1", None),))
    monkeypatch.setattr(standings.bundle, "gather", lambda _ledger, **given: found.append(given))
    monkeypatch.setattr(standings.standing, "stands", lambda *_, **__: stands)
    return found


@pytest.mark.parametrize("surveys", [True, False])
def test_surveys_are_read_where_they_are_asked_for_and_no_coverage_is_told_without(asked, surveys):
    found = standings.read(None, [CONTRACT], now_ms=NOW, surveys=surveys)

    (given,) = asked
    assert (given["contract"], given["end_ms"]) == ("c1", NOW)
    assert bool(given["surveyed"]) is bool(found.coverage) is surveys
