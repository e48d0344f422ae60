"""A dispute from objection to settled report, in a browser, at a rehearsal city with a month behind it.

The window of a report cannot pass within a test: the revision that follows the ruling is accepted, then final. By its
name this stands behind the other journeys of that city, which read the figures that it moves.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import time
from collections import Counter
from dataclasses import replace

import pytest

from inventory import edits
from inventory.edits import Edit
from inventory.register import Register
from inventory.snapshot import snapshot
from netops import config
from netops.clock import SYSTEM, iso
from netops.dispute import papers
from tests.system.conftest import NETOPS
from tests.system.test_journeys import CONTRACT, browser, city, fetched, month, visit

__all__ = ["browser", "city", "month", "visit"]  # the fixtures
pytestmark = [
    pytest.mark.slow,
    pytest.mark.partner("chromium"),
    pytest.mark.xdist_group("rehearsal"),
    pytest.mark.timeout(1500),
]

CARRIER, FIRST, SECOND = "carrier.b", "wang.min", "zhao.lei"
OBJECTS, DECIDES, FINAL, SETTLED = 6, 5, 2, 4  # clicks: from the list to the word that is stated
OBJECTION_S = 180.0  # "objection ≤ 3 min", signing included
SEALED_S = 60.0
REASON = "该时段的读数与我方网管记录不符"


def netops(city, *words, cwd=None, code=0) -> str:
    """Run the program at the city's desk, or at the carrier's (`cwd`), where no instance is."""
    whose = [] if cwd else ["--config", city.home / "netops.toml"]
    done = subprocess.run(
        list(map(str, [NETOPS, *whose, *words])), capture_output=True, text=True, check=False, timeout=400, cwd=cwd
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def hired(city, name: str, *words: str) -> None:
    """Make an account; the browser chooses its own password at the first login."""
    told = netops(city, "staff", "add", name, *words)
    city.once[name] = re.search(r"one-time password of \S+ (\S+)", told)[1]


def registered(city, carrier: str, key: str) -> None:
    """Put a carrier's key into the register, as the core does when two persons decided it."""
    settings, now_ms = config.load(city.home / "netops.toml", environ={}), SYSTEM.now_ms()
    with Register(settings.register_url, rehearsal=True) as register:
        before = snapshot(register, at_ms=now_ms).carrier[carrier]
        wanted = Edit(noun="carrier", id=carrier, before=edits.digest(before), after=replace(before, keys=(key,)))
        why = {"request": "req-key", "by": FIRST, "reason": "the carrier's key"}
        register.edit([wanted], at_ms=now_ms, now_ms=now_ms, **why)


def standing(city, month: str) -> dict:
    """Return how the ledger has the dispute over the month's report."""
    rows = json.loads(netops(city, "dispute", "status", "--json"))
    return next(each for each in rows if each["report"].startswith(f"{CONTRACT}-{month}"))


def until(city, month: str, ask) -> dict:
    """Wait until the core has sealed what was said."""
    began = time.monotonic()
    while not ask(found := standing(city, month)):
        assert time.monotonic() - began < SEALED_S, found
        time.sleep(0.5)
    return found


def typed(one, **fields) -> None:
    """Fill a form in: each field is a click, or a choice, of its own."""
    for name, value in fields.items():
        one.browser.evaluate(f"document.querySelector('#{name}').value = {value!r}")
        one.clicks += 1


def widest(bundle) -> tuple[str, str]:
    """Return from when to when the outage of most services lasted, as a command reads it."""
    spans = Counter(each for mine in papers.paper(bundle).told.outages.values() for each in mine.items())
    ((start_ms, end_ms), _count), *_ = spans.most_common(1)
    return iso(start_ms), iso(end_ms)


def objected(one, report: str, month: str, desk) -> float:
    """Have the carrier take the bundle, say that the widest outage was not measured, sign, hand in; return seconds."""
    began = time.monotonic()
    one.begin("/disputes")
    bundle = fetched(one, desk / "taken", f"main a[href*='{report}.zip']")
    bundle.rename(desk / bundle.name)
    one.click(f"main a[href='/contract/{CONTRACT}/{month}/object']")
    typed(one, code="not_measured")
    one.click("#sign ~ form button")
    words = shlex.split(one.text("[aria-labelledby=c-object]"))[1:]
    start, end = widest(desk / bundle.name)
    said = dict(zip(words[3::2], words[4::2], strict=True)) | {"--from": start, "--to": end, "--reason": REASON}
    del said["--service"], said["--evidence"]  # the whole contract's, and nothing beside
    netops(one.city, *words[:3], *(each for pair in said.items() for each in pair), "--out", "mine.note", cwd=desk)
    one.choose("#note", desk / "mine.note")
    one.click("#hand ~ form button")
    assert "已收到并受理" in one.text()
    return time.monotonic() - began


def test_a_dispute_goes_from_objection_to_settled_with_a_revision_that_moves_the_money(visit, city, month, tmp_path):
    hired(city, CARRIER, "--role", "carrier", "--scope", "carrier:carrier-b")
    for name in (FIRST, SECOND):
        hired(city, name, "--role", "contract_manager")
    key = netops(city, "dispute", "key", "disputes.key", "--name", "carrier-b/disputes", cwd=tmp_path).strip()
    registered(city, "carrier-b", key)
    told, took = {}, {}
    before = until(city, month, lambda each: each["state"] == "issued")
    time.sleep(20)  # the core reads the register every 15 s, and a word counts by the keys that it has sealed

    one = visit(CARRIER)
    took["objection"], told["objection"] = objected(one, before["report"], month, tmp_path), one.clicks
    name = until(city, month, lambda each: each["state"] == "disputed")["objections"][-1]["objection"]

    one = visit(FIRST)
    began = time.monotonic()
    one.begin("/disputes/waiting")
    one.click(f"main a[href='/disputes/{name}/answer']")
    typed(one, stance="rejected", reason=REASON)
    one.click("#form ~ form button")
    one.click("button[value=state]")
    told["answer"], took["answer"] = one.clicks, time.monotonic() - began
    until(city, month, lambda each: each["objections"][-1]["state"] == "answered")

    one = visit(SECOND)
    began = time.monotonic()
    one.begin("/disputes/waiting")
    one.click(f"main a[href='/disputes/{name}/rule']")
    typed(one, outcome="upheld", reason=REASON)
    one.click("#form ~ form button")
    while "正在按合同规则计算" in one.text():
        one.click("button[value=preview]")
    moved = re.search(r"([\d.]+) → ([\d.]+) CNY", one.text("#moves ~ dl"))
    one.click("button[value=state]")
    told["ruling"], took["ruling"] = one.clicks, time.monotonic() - began
    ruled = until(city, month, lambda each: each["state"] == "ruled")
    one.begin("/disputes/waiting")
    assert "须先以 `netops report build` 出具随之的修订" in one.text()

    began = time.monotonic()
    netops(city, "report", "build", "--contract", CONTRACT, "--month", month, "--out", tmp_path / "own.zip")
    took["revision"] = time.monotonic() - began
    second = until(city, month, lambda each: each["report"] != before["report"])
    assert (moved[1], moved[2]) == (before["amount"], second["amount"]), "as it was said before the ruling"
    assert before["amount"] != second["amount"]

    one = visit(CARRIER)
    began = time.monotonic()
    one.begin("/disputes")
    bundle = fetched(one, tmp_path / "again", f"main a[href*='{second['report']}.zip']")
    netops(city, "audit", "verify", bundle, "--vkey", city.home / "keys" / "evidence.vkey", "--rehearsal")
    netops(city, "dispute", "accept", bundle, "--key", "disputes.key", "--out", "yes.note", cwd=tmp_path)
    one.click(f"main a[href='/contract/{CONTRACT}/{month}/object']")
    one.choose("#note", tmp_path / "yes.note")
    one.click("#hand ~ form button")
    told["acceptance"], took["acceptance"] = one.clicks, time.monotonic() - began
    until(city, month, lambda each: each["state"] == "accepted")

    one = visit(FIRST)
    began = time.monotonic()
    one.begin("/disputes/waiting")
    one.click(f"main a[href='/disputes/closing/{second['report']}']")
    assert f"本月扣减 {second['amount']} CNY" in one.text("ul.means")
    one.click("button[value=state]")
    told["final"], took["final"] = one.clicks, time.monotonic() - began
    final = until(city, month, lambda each: each["state"] == "final")

    one = visit(SECOND)
    began = time.monotonic()
    one.begin("/disputes/waiting")
    one.click(f"main a[href='/disputes/closing/{second['report']}']")
    typed(one, amount=second["amount"])
    one.click("#form ~ form button")
    one.click("button[value=state]")
    told["settled"], took["settled"] = one.clicks, time.monotonic() - began
    until(city, month, lambda each: each["state"] == "settled")
    for who in (CARRIER, "auditor"):
        one = visit(who)
        one.begin("/disputes")
        assert f"定稿 {second['report']} · {second['amount']} CNY · {FIRST}" in one.text()
        assert f"结清 {second['amount']} CNY · {SECOND}" in one.text()

    print("clicks:", told)
    print("seconds:", {name: round(each, 1) for name, each in took.items()})
    print(f"{before['amount']} → {second['amount']} CNY by {name}; final {final['final']}; {ruled['stage']}")
    assert told["objection"] <= OBJECTS
    assert max(told["answer"], told["ruling"]) <= DECIDES
    assert told["final"] <= FINAL
    assert told["settled"] <= SETTLED
    assert took["objection"] <= OBJECTION_S
