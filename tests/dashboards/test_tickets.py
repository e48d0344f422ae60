"""Tickets on pages and by the command line: report, answer, pause, go on, close; what does not fit is refused."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from netops import spool, tickets
from netops.access import record, tables
from netops.access.admission import Admission
from netops.alerts import book
from netops.alerts.incident import Incident, Member, Phase
from netops.clock import SYSTEM
from netops.commands import alert
from netops.commands import ticket as command
from netops.errors import UsageError
from netops.facts import decode
from netops.ledger import Ledger, LedgerEntry

small_city = sys.modules["small_city"]
MINUTE = 60_000
INCIDENT, WELL = "20260915-00001", "20260915-00002"
DOWN = ("wifi-0000", "wifi-0003", "wifi-0006", "wifi-0009")


def stated(site, source="web"):
    path = site.settings.data.dir / "spool" / f"{source}.db"
    found = [decode(each.payload) for each in spool.read(path, after=0, limit=1000) if each.kind == "fact"]
    return [each for each in found if each.kind == "ticket_step"]


def token(client, path):
    return client.get(path).get_data(as_text=True).split('name="csrf" value="')[1].split('"')[0]


@pytest.fixture
def told(sites, tmp_path):
    """A city with an incident: services that are down, one that no contract sells, and one that is well again."""
    site = sites(tmp_path, telemetry=False)
    now = site.clock.now_ms()
    members = {f"service:{name}": Member(since_ms=now - 9 * MINUTE, kind="wifi") for name in (*DOWN, "unknown-1")}
    members["service:wifi-0012"] = Member(since_ms=now - 9 * MINUTE, well_ms=now - MINUTE, kind="wifi")
    one = Incident(
        id=INCIDENT,
        rule="outage",
        root="device:wlan-controller-0",
        severity="critical",
        phase=Phase.OPEN,
        since_ms=now - 9 * MINUTE,
        opened_ms=now - 8 * MINUTE,
        members=members,
    )
    with book.Book(book.path(site.settings)) as held:
        held.keep([one, replace(one, id=WELL, members={"device:wlan-controller-0": Member(since_ms=now, kind="ac")})])
    return site


def report(told, client):
    sent = {"csrf": token(client, f"/incidents/{INCIDENT}"), "number": "CT-88"}
    return client.post(f"/incidents/{INCIDENT}/report", data=sent)


def test_a_fault_is_reported_from_its_incident_once(told):
    client = told.browser("operator")

    answer = report(told, client)

    assert answer.status_code == 303
    (fact,) = stated(told)
    assert fact.body["step"] == "reported"
    assert fact.body["services"] == list(DOWN)
    assert (fact.body["incident"], fact.body["number"], fact.body["by"]) == (INCIDENT, "CT-88", "operator")
    page = client.get(answer.headers["Location"]).get_data(as_text=True)
    assert "CT-88" in page
    assert "计时中" in page
    again = client.get(f"/incidents/{INCIDENT}").get_data(as_text=True)
    assert str(fact.body["ticket"]) in again
    assert "登记报障" not in again, "all of it is reported"
    assert report_again(client).status_code == 409


def test_the_page_of_an_incident_reads_the_tickets_once(told, monkeypatch):
    asked = []
    stated = tickets.record.stated
    monkeypatch.setattr(tickets.record, "stated", lambda *given: asked.append(given) or stated(*given))

    assert told.browser("operator").get(f"/incidents/{INCIDENT}").status_code == 200
    assert len(asked) == 1


def report_again(client):
    return client.post(f"/incidents/{INCIDENT}/report", data={"csrf": token(client, "/incidents/" + INCIDENT)})


def test_steps_follow_one_another_and_what_does_not_fit_is_refused(told):
    client = told.browser("operator")
    where = report(told, client).headers["Location"]

    def say(**more):
        return client.post(where, data={"csrf": token(client, where), **more}).status_code

    assert say(step="resumed") == 400
    assert say(step="paused") == 400, "a pause says what it waits for"
    assert say(step="paused", remark="机房钥匙") == 303
    assert "等待我方" in client.get("/tickets").get_data(as_text=True)
    assert say(step="paused", remark="again") == 400
    assert say(step="resumed") == 303
    assert say(step="answered") == 400, "an answer has a number"
    assert say(step="answered", number="CT-99") == 303
    assert say(step="closed", outcome="done") == 400
    assert say(step="closed", outcome="repaired") == 303
    assert say(step="paused", remark="x") == 400, "it is over"
    assert say(step="nonsense") == 400
    assert [each.body["step"] for each in stated(told)] == ["reported", "paused", "resumed", "answered", "closed"]


def test_a_viewer_sees_and_says_nothing(told):
    where = report(told, told.browser("operator")).headers["Location"]
    viewer = told.browser("viewer")

    page = viewer.get(where).get_data(as_text=True)
    assert "wifi-0000" in page
    assert "<button>" not in page.split("<main")[1]
    assert viewer.post(where, data={"csrf": token(viewer, "/password"), "step": "closed"}).status_code == 403
    assert viewer.get("/tickets/nothing").status_code == 404
    assert viewer.get("/tickets").status_code == 200


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_hostile_words_are_data(told, language):
    client = told.browser("operator")
    where = report(told, client).headers["Location"]
    bad = "<script>alert(1)</script>{{7*7}}"
    client.post(where, data={"csrf": token(client, where), "step": "answered", "number": bad, "remark": bad})

    for path in (where, "/tickets", f"/incidents/{INCIDENT}"):
        text = client.get(f"{path}?lang={language}").get_data(as_text=True)
        assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in client.get(where).get_data(as_text=True)


# ---- the command


def run(told, what, *words, capsys, **more):
    parser = argparse.ArgumentParser()
    command.arguments(parser)
    args = parser.parse_args([what, *words])
    args.now_ms = told.clock.now_ms() + more.pop("after_ms", 0)
    command.SYSTEM = SimpleNamespace(now_ms=lambda: args.now_ms)  # `somebody` puts it back
    code = command.run(args, told.settings)
    return code, capsys.readouterr()


@pytest.fixture
def somebody(monkeypatch):
    """Who speaks is the staff accounts' own matter (`netops/commands/approve.py` has its tests)."""
    monkeypatch.setattr("netops.commands.approve.login", lambda *_: argparse.Namespace(name="operator"))
    monkeypatch.setattr(command, "SYSTEM", command.SYSTEM)


def test_the_command_reports_and_lists(told, somebody, capsys):
    own = ["--as", "operator", "--password", "env:NONE"]
    code, said = run(told, "report", "wifi-0000", "--number", "CT-1", *own, capsys=capsys)
    name = said.out.strip()
    assert code == 0

    _, said = run(told, "list", "--json", capsys=capsys, after_ms=90 * MINUTE)
    (one,) = json.loads(said.out)
    assert (one["ticket"], one["state"], one["ran_ms"]) == (name, "running", 90 * MINUTE)
    run(told, "pause", name, "--remark", "keys", *own, capsys=capsys, after_ms=60 * MINUTE)
    _, said = run(told, "show", name, "--language", "en", capsys=capsys, after_ms=90 * MINUTE)
    assert "waits for us 1:00" in said.out
    assert "not sealed yet" in said.out
    run(told, "close", name, "--outcome", "withdrawn", *own, capsys=capsys)
    _, said = run(told, "list", "--language", "en", capsys=capsys)
    assert said.out == "No ticket is open.\n"


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (command, ["report", "wifi-0000"]),
        (alert, ["take", INCIDENT]),
        (alert, ["mute", "device:wlan-controller-0", "--hours", "1", "--reason", "x"]),
    ],
    ids=["report", "take", "mute"],
)
def test_a_word_by_command_is_of_the_login_that_comes_with_it_and_the_core_takes_it(told, monkeypatch, of, words):
    """Nobody logged in before: a word that said to be older than the login would be nobody's."""
    monkeypatch.setenv("OF_A_TEST", small_city.PASSWORD)
    parser = argparse.ArgumentParser()
    of.arguments(parser)
    args = parser.parse_args([*words, "--as", "operator", "--password", "env:OF_A_TEST"])
    args.now_ms = SYSTEM.now_ms()
    assert of.run(args, told.settings) == 0

    given = spool.read(record.spool_path(told.settings, "cli"), after=0, limit=9)
    entries = [LedgerEntry(each.source, each.sequence, decode(each.payload)) for each in given]
    with Ledger(told.settings.data.dir / "other.db", origin="x/rehearsal", rehearsal=True) as ledger:
        gate = Admission(ledger, tables.url(told.settings))
        assert gate.refuses(entries, now_ms=SYSTEM.now_ms()) == [""] * len(entries) != []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["report", "nobody"], "no service is called 'nobody'"),
        (["report", "--incident", "none"], "there is no incident 'none'"),
        (["report"], "a ticket names no service"),
        (["report", "--incident", WELL], f"incident '{WELL}' has no service that is down"),
        (["pause", "T1", "--remark", "x"], "there is no ticket 'T1'"),
    ],
)
def test_what_the_command_cannot_do_is_said(told, somebody, capsys, words, why):
    with pytest.raises(UsageError, match=why):
        run(told, *words, "--as", "operator", "--password", "env:NONE", capsys=capsys)


def test_what_is_reported_already_is_not_reported_twice(told, somebody, capsys):
    own = ["--as", "operator", "--password", "env:NONE"]
    run(told, "report", "wifi-0000", *own, capsys=capsys)

    with pytest.raises(UsageError, match="about some of these services already"):
        run(told, "report", "wifi-0000", "wifi-0003", *own, capsys=capsys)


def test_more_names_than_a_fact_holds_become_several_tickets():
    names = [f"service-{n:05d}-{'x' * 180}" for n in range(600)]

    portions = tickets.portions(names)

    assert [name for each in portions for name in each] == names
    assert 2 <= len(portions) <= 3
    with pytest.raises(UsageError, match="more than a fact holds"):
        tickets.reported(names, contract="c", by="x", now_ms=0, token="1")
