"""What a ruling would move is reckoned once for all wordings, and anew when it could not be."""

import pytest

from dashboards import supposing
from netops.facts import Fact
from netops.ledger import Ledger
from tests.netops.instances import founded

NOW = 1_790_000_000_000


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Return what asks, and the reasons of the rulings that were reckoned."""
    settings, reckoned = founded(tmp_path), []

    def supposed(_settings, _ledger, ruling, **_about):
        reckoned.append(ruling.body["reason"])
        if len(reckoned) == 1:
            raise OSError(24, "too many open files")
        return {"moved": "0.00"}

    monkeypatch.setattr(supposing.issue, "supposed", supposed)
    with Ledger(supposing.issue.ledger_path(settings), origin="x/test", rehearsal=False):
        pass
    forecasts = supposing.Forecasts(settings)

    def of(reason="x", by="zhao", outcome="upheld"):
        ruling = Fact(kind="ruling", at_ms=NOW, body={"outcome": outcome, "reason": reason, "by": by})
        return forecasts.of(ruling, contract="c", month="2026-08", now_ms=NOW)

    return of, reckoned


def test_a_forecast_that_failed_is_said_once_and_tried_again(asked):
    of, reckoned = asked

    assert "too many open files" in of().error
    assert of().effect == of().effect == {"moved": "0.00"}
    assert len(reckoned) == 2


def test_another_wording_or_person_is_the_same_question_and_another_outcome_another(asked):
    of, reckoned = asked
    of()

    assert of(reason="a").effect == of(reason="b", by="wang").effect
    assert len(reckoned) == 2
    of(outcome="dismissed")
    assert len(reckoned) == 3
