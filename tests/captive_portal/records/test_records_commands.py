"""The records from the command line, as an officer uses them."""

from __future__ import annotations

import argparse
import hashlib
import io
import json

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from captive_portal import commands
from captive_portal.records import disclosure
from captive_portal.tables import RECORD, SESSION
from inventory import sql
from netops import facts, spool
from netops.access import tables as staff_tables
from netops.access.passwords import Passwords
from netops.access.staff import Staff
from netops.clock import SYSTEM
from netops.commands import approve
from netops.errors import AccessError, UsageError

PHONE = "+8613800138000"


@pytest.fixture
def house(house):
    house.clock.at_ms = SYSTEM.now_ms()  # the commands ask the machine's clock
    return house


def run(settings, *words: str) -> int:
    parser = argparse.ArgumentParser()
    commands.arguments(parser)
    args = parser.parse_args(words)
    args.now_ms = SYSTEM.now_ms()
    return commands.run(args, settings)


def stated(settings) -> list[dict]:
    entries = spool.read(settings.data.dir / "spool" / "cli.db", after=0, limit=99)
    return [dict(facts.decode(entry.payload).body) for entry in entries]


@pytest.fixture
def settings_(office):
    return office.house.settings


def test_verify_says_that_it_is_sound_and_what_it_was_held_against(office, settings_, capsys) -> None:
    office.visit(1, PHONE)

    assert run(settings_, "verify") == 0
    told = capsys.readouterr().out
    assert "no ledger here" in told
    assert "what they were" in told
    assert run(settings_, "verify", "--json") == 0
    assert json.loads(capsys.readouterr().out)["entries"] == 2


def test_verify_ends_with_4_and_names_what_was_altered(office, settings_, capsys) -> None:
    office.visit(1, PHONE)
    office.store.write(lambda connection: connection.execute(sa.update(RECORD).values(at_ms=5)))

    assert run(settings_, "verify") == 4
    assert "entry 1: its content" in capsys.readouterr().out


def test_verify_holds_the_chain_against_the_ledger(office, settings_, paper, capsys) -> None:
    office.visit(1, PHONE)
    newest = office.entries()[-1]
    body = {"entries": newest.n, "head": newest.head.hex()}
    paper.seal(facts.Fact(kind="portal_records", at_ms=office.now_ms, body=body), now_ms=office.now_ms)

    assert run(settings_, "verify") == 0
    assert "heads up to 2" in capsys.readouterr().out
    office.store.write(
        lambda connection: (connection.execute(sa.delete(RECORD)), connection.execute(sa.delete(SESSION)))
    )
    assert run(settings_, "verify") == 4
    assert "the end is missing" in capsys.readouterr().out


def test_export_is_one_command_and_itself_a_fact(office, settings_, tmp_path, capsys) -> None:
    office.visit(1, PHONE)
    out = tmp_path / "for-the-inspection.zip"
    words = ("export", "--from", "2020-01-01T00:00", "--to", "2099-01-01T00:00", "--out", str(out))

    assert run(settings_, *words) == 0
    assert "1 session, hashes in place of numbers" in capsys.readouterr().out
    assert run(settings_, "export", "--check", str(out)) == 0
    before, after = stated(settings_)
    assert (before["action"], after["action"]) == ("records.export", "records.exported")
    assert hashlib.sha256(out.read_bytes()).hexdigest() in after["detail"]


def test_an_export_that_is_not_there_is_a_mistyped_path_and_no_forgery(settings, tmp_path) -> None:
    with pytest.raises(UsageError, match="no such file") as told:
        run(settings, "export", "--check", str(tmp_path / "for-the-inspection.zip"))

    assert told.value.exit_code == 2


@pytest.mark.parametrize(
    "words", [(), ("--from", "x", "--to", "y"), ("--from", "2026-02-01T00:00", "--to", "2026-01-01T00:00")]
)
def test_a_window_that_makes_no_sense_is_said(settings, words) -> None:
    with pytest.raises(UsageError):
        run(settings, "export", *words)


PASS = "a long enough pass phrase"
CHEAP = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def officers(settings_, monkeypatch) -> None:
    """Two privacy officers and an operator with staff accounts; their passwords are read from the environment."""
    sql.upgrade(staff_tables.MIGRATIONS, staff_tables.url(settings_))
    with sql.Database(staff_tables.url(settings_)) as database:
        staff, now_ms = Staff(database, CHEAP), SYSTEM.now_ms()
        for name, role in (("po.li", "privacy_officer"), ("po.zhao", "privacy_officer"), ("op.wang", "operator")):
            first = staff.add(name, role=role, by="t", now_ms=now_ms - 9)
            staff.change(name, old=first, new=PASS, address="::1", now_ms=now_ms - 8)
    monkeypatch.setenv("THE_PASS", PASS)
    monkeypatch.setattr(approve, "Passwords", lambda: CHEAP)


@pytest.mark.usefixtures("officers")
def test_numbers_need_two_persons(office, settings_, paper, tmp_path, capsys) -> None:
    office.visit(1, PHONE)
    now_ms = office.now_ms
    words = ("export", "--from", "2026-01-01T00:00Z", "--to", "2026-01-02T00:00Z", "--out", str(tmp_path / "x.zip"))
    login = ("--as", "po.li", "--password", "env:THE_PASS")
    with pytest.raises(UsageError, match="no request"):
        run(settings_, *words, "--request", "req-1", *login)
    waiting = paper.request("inspection", now_ms - 9, approved=False, authority="police")
    with pytest.raises(AccessError, match="second person"):
        run(settings_, *words, "--request", waiting, *login)
    narrow = paper.request("inspection", now_ms - 9, authority="police")
    with pytest.raises(AccessError, match="does not cover"):
        run(settings_, *words, "--request", narrow, *login)
    assert not (tmp_path / "x.zip").exists()

    wide = paper.request("inspection", now_ms - 9, authority="police", start_ms=0, end_ms=300 * 86_400_000)
    early = ("export", "--from", "1970-01-01T00:00Z", "--to", "1970-01-02T00:00Z", "--out", str(tmp_path / "x.zip"))
    assert run(settings_, *early, "--request", wide, *login) == 0
    assert "with numbers" in capsys.readouterr().out
    assert {each["by"] for each in stated(settings_)} == {"po.li"}


@pytest.mark.usefixtures("officers")
def test_numbers_are_taken_by_one_of_the_two_who_decided_and_by_no_machine_account(
    office, settings_, paper, tmp_path, monkeypatch
) -> None:
    out = tmp_path / "x.zip"
    wide = paper.request("inspection", office.now_ms - 9, authority="police", start_ms=0, end_ms=300 * 86_400_000)
    early = ("export", "--from", "1970-01-01T00:00Z", "--to", "1970-01-02T00:00Z", "--out", str(out), "--request", wide)
    with pytest.raises(UsageError, match="--as"):
        run(settings_, *early)
    with pytest.raises(AccessError, match="asked for it or approved it"):
        run(settings_, *early, "--as", "po.zhao", "--password", "env:THE_PASS")
    with pytest.raises(AccessError, match="may not do this"):
        run(settings_, *early, "--as", "op.wang", "--password", "env:THE_PASS")
    monkeypatch.setenv("OTHER", "another long pass phrase")
    with pytest.raises(AccessError):
        run(settings_, *early, "--as", "po.li", "--password", "env:OTHER")
    assert not out.exists()


@pytest.mark.usefixtures("officers")
def test_a_request_is_exported_a_few_times_and_no_more(office, settings_, paper, tmp_path) -> None:
    out = tmp_path / "x.zip"
    wide = paper.request("inspection", office.now_ms - 9, authority="police", start_ms=0, end_ms=300 * 86_400_000)
    early = ("export", "--from", "1970-01-01T00:00Z", "--to", "1970-01-02T00:00Z", "--out", str(out), "--request", wide)
    login = ("--as", "po.li", "--password", "env:THE_PASS")
    for _ in range(disclosure.MOST_EXPORTS):
        assert run(settings_, *early, *login) == 0

    with pytest.raises(AccessError, match="exported 5 times already"):
        run(settings_, *early, *login)


def code_of(settings) -> str:
    (file,) = sorted((settings.room("portal") / "outbox").glob("*.json"))[-1:]
    return str(json.loads(file.read_text())["code"])


def test_access_sends_a_code_and_gives_what_is_held_for_it(office, settings_, capsys, monkeypatch) -> None:
    office.visit(1, PHONE)
    monkeypatch.setattr("sys.stdin", io.StringIO("138 0013 8000\n"))
    assert run(settings_, "access") == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "138••••8000" in told.err

    assert run(settings_, "access", "--phone", "+86 138-0013-8000", "--code", code_of(settings_)) == 0
    given = json.loads(capsys.readouterr().out)
    assert (given["identity"], len(given["sessions"])) == (PHONE, 1)
    assert PHONE[3:] not in json.dumps(stated(settings_))
    with pytest.raises(AccessError):
        run(settings_, "access", "--phone", PHONE, "--code", code_of(settings_))


def test_erase_says_what_goes_now_and_what_the_law_keeps_until_when(office, settings_, capsys) -> None:
    office.visit(1, PHONE)
    run(settings_, "erase", "--phone", PHONE)
    capsys.readouterr()

    assert run(settings_, "erase", "--phone", PHONE, "--code", code_of(settings_)) == 0
    told = capsys.readouterr().out
    assert "0 sessions erased; 1 kept for the law alone" in told
    assert [each["action"] for each in stated(settings_)] == ["records.erase"]
    assert office.persons.restricted(office.persons.hashed("phone", PHONE))


@pytest.mark.parametrize(
    "phone",
    ["", "x", "12345", "+1 809 555 1234", "13800138000; rm -rf /", "1" * 500, "１３８００１３８０００x", "\x00"],
)
def test_what_is_no_number_is_refused(settings, phone, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(phone))
    with pytest.raises(UsageError, match="no mobile number"):
        run(settings, "erase", "--phone", phone or "-")
