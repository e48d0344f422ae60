"""Every question by which a device looks for the internet, asked through a real kernel before and after the login."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest

from captive_portal import probes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.partner("nft", "ip", "curl", "dnsmasq"),
    pytest.mark.timeout(120),
]

ROWS = list(csv.DictReader(Path(probes.FILE).read_text(encoding="utf-8").splitlines()))
IDS = [f"{row['host']}{row['path']}" for row in ROWS]
ASKS = Path(__file__).with_name("run_probes.py")


@pytest.fixture(scope="module")
def answers(whole_city):
    """Return what came of each row, (before the login, after it)."""

    def asked():
        done = whole_city.run(whole_city.client, sys.executable, str(ASKS), "203.0.113.2", str(probes.FILE))
        return json.loads(done.stdout)

    before = asked()
    whole_city.login()
    after = asked()
    whole_city.forget()
    return {name: (before[at], after[at]) for at, name in enumerate(IDS)}


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_before_the_login_a_probe_is_led_to_the_portal(answers, row) -> None:
    before, _ = answers[f"{row['host']}{row['path']}"]

    assert (before["status"], before["location"], before["cache"]) == (302, "http://portal.test/", "no-store")
    assert len(before["body"]) > 4
    assert not row["body"] or row["body"] not in before["body"]


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_after_the_login_a_probe_gets_the_internets_own_answer(answers, row) -> None:
    _, after = answers[f"{row['host']}{row['path']}"]

    assert (after["status"], after["body"]) == (int(row["status"]), row["body"])
