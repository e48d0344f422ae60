"""The export: whole or not there, joined by hashes, numbers only when approved, verifiable from the file alone."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import zipfile
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from captive_portal import session as visit
from captive_portal.errors import RecordsError
from captive_portal.records import chain, export, exported
from captive_portal.tables import ADDRESS, RECORD, SESSION

PHONE = "+8613800138000"
HOUR_MS = 3_600_000
ROUNDS = max(1, int(os.environ.get("NETOPS_ROUNDS", "3")))
HOSTILE = "=cmd|' /C calc'!A0"


@pytest.fixture
def take(office, tmp_path):
    def taken(start_ms: int, end_ms: int, *, persons=None, nat=None, name: str = "out.zip"):
        window = export.Window(start_ms=start_ms, end_ms=end_ms, zone=ZoneInfo("Asia/Shanghai"))
        about = export.About(by="cli:x", city="haidian", rehearsal=True, now_ms=office.now_ms)
        path = tmp_path / name
        manifest = export.write(path, office.store.read, window, about, persons=persons, nat=nat)
        return path, manifest

    return taken


def rows(path, name: str) -> list[dict[str, str]]:
    with zipfile.ZipFile(path) as archive:
        return list(csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig"))))


def text(path) -> str:
    with zipfile.ZipFile(path) as archive:
        return " ".join(archive.read(name).decode() for name in archive.namelist())


def test_sessions_addresses_and_consents_are_joined_by_the_session(office, take) -> None:
    session = office.visit(1, PHONE)
    path, manifest = take(office.now_ms - HOUR_MS, office.now_ms + HOUR_MS)

    (row,) = rows(path, "sessions.csv")
    assert (row["session"], row["site"], row["end"]) == (session.id, "site-1", "logout")
    assert row["since"] == "2026-09-21T22:13:20.000+08:00"
    assert [each["address"] for each in rows(path, "addresses.csv") if each["session"] == session.id] == ["127.0.0.1"]
    assert [each["session"] for each in rows(path, "consents.csv")] == [session.id]
    assert (manifest["sessions"], manifest["identities"]) == (1, False)
    assert exported.check(path) == []
    assert path.stat().st_mode & 0o777 == 0o600


def test_without_an_approval_there_is_no_number_and_no_mac(office, take) -> None:
    office.visit(1, PHONE)
    path, _ = take(office.now_ms - HOUR_MS, office.now_ms + HOUR_MS)

    assert PHONE[3:] not in text(path)
    assert "02:00:00" not in text(path)


def test_with_one_the_hashes_of_the_window_are_told_and_no_others(office, take) -> None:
    office.visit(1, "+8613900139000")
    office.forward(1)
    began = office.now_ms
    session = office.visit(2, PHONE)
    office.forward(0.1)
    path, _ = take(began, office.now_ms, persons=office.persons)

    told = {each["hash"]: each["value"] for each in rows(path, "identities.csv")}
    assert told[session.grant.person.hex()] == f"'{PHONE}"
    assert len(told) == 2
    assert "13900139000" not in text(path)


def test_who_is_erased_is_told_so(office, take) -> None:
    office.visit(1, PHONE)
    office.persons.periods.destroy("2026-09")
    path, _ = take(office.now_ms - HOUR_MS, office.now_ms + HOUR_MS, persons=office.persons)

    assert {each["value"] for each in rows(path, "identities.csv")} == {"erased"}


def bodies(path) -> list[tuple[str, int, dict]]:
    """Return kind, time and content of the chain's entries that say anything."""
    with zipfile.ZipFile(path) as archive:
        lines = [json.loads(line) for line in archive.read("chain.jsonl").splitlines()]
    return [(each["kind"], each["at_ms"], json.loads(each["body"])) for each in lines if each["body"] is not None]


def test_of_what_lies_around_the_window_the_chain_tells_only_digests(office, take) -> None:
    """Two persons approved the window, and not the day before and after it that the piece of the chain spans."""
    before = office.visit(1, PHONE)
    office.forward(20 / 24)
    began = office.now_ms
    session = office.visit(2)
    again = office.visit(1, PHONE, ended=False)
    office.forward(1 / 24)
    ended = office.now_ms
    office.desk.visits.see(again, ("127.0.5.5",))
    office.visit(3, "+8613900139000")
    path, manifest = take(began, ended, persons=office.persons)

    assert {each["session"] for _, _, each in bodies(path)} == {session.id, again.id}
    assert {at_ms for _, at_ms, _ in bodies(path)} <= set(range(began, ended))
    assert before.id not in text(path)
    assert "127.0.5.5" not in text(path)
    assert manifest["chain"]["last"] - manifest["chain"]["first"] + 1 > len(bodies(path))
    assert exported.check(path) == []


def test_how_a_session_began_that_goes_on_in_the_window_is_told_whole(office, take) -> None:
    session = office.visit(1, PHONE, ended=False)
    over = office.visit(2)
    office.forward(0.5 / 24)
    path, _ = take(office.now_ms, office.now_ms + HOUR_MS)

    assert [(kind, each["session"]) for kind, _, each in bodies(path)] == [(chain.OPENED, session.id)]
    assert over.id not in text(path)


def test_a_session_is_in_every_window_that_it_was_open_in(office, take) -> None:
    began = office.now_ms
    session = office.visit(1, ended=False)
    office.forward(5 / 24)
    office.desk.visits.feed(session, visit.Expired())
    windows = {"begin": (-1, 1), "within": (1, 3), "end": (4.99, 6), "after": (5.01, 6), "before": (-2, -0.01)}
    found = {
        name: len(rows(take(int(began + start * HOUR_MS), int(began + end * HOUR_MS))[0], "sessions.csv"))
        for name, (start, end) in windows.items()
    }

    assert found == {"begin": 1, "within": 1, "end": 1, "after": 0, "before": 0}


def test_hostile_strings_are_text_in_every_table(office, take) -> None:
    session = office.visit(1)

    def work(connection: sa.Connection) -> None:
        connection.execute(sa.update(SESSION).values(site=HOSTILE, method="\u202e@SUM(1)", policy='"\r\n-1'))
        connection.execute(sa.insert(ADDRESS).values(session=session.id, address="+1", since_ms=office.now_ms))
        body = {"session": session.id, "site": "</script>\n{"}
        chain.append(connection, [chain.Entry(kind=chain.WIDENED, at_ms=office.now_ms, body=body)])

    office.store.write(work)
    path, _ = take(office.now_ms - HOUR_MS, office.now_ms + HOUR_MS)

    (row,) = rows(path, "sessions.csv")
    assert (row["site"], row["method"], row["policy"]) == (f"'{HOSTILE}", "\ufffd@SUM(1)", '"\ufffd\n-1')
    assert {each["address"] for each in rows(path, "addresses.csv")} == {"127.0.0.1", "'+1"}
    with zipfile.ZipFile(path) as archive:
        lines = archive.read("chain.jsonl").decode().splitlines()
    assert [json.loads(line)["n"] for line in lines] == [1, 2, 3]
    assert exported.check(path) == []


def test_the_nat_log_of_the_days_goes_with_it(office, take, tmp_path) -> None:
    folder = tmp_path / "nat"
    folder.mkdir()
    for day in ("2026-09-20", "2026-09-21", "2026-09-23"):
        (folder / f"nat-{day}.csv").write_text(day)
    (folder / "nat-2026-09-22.csv").write_text("the next day")
    path, manifest = take(office.now_ms - HOUR_MS, office.now_ms + HOUR_MS, nat=folder)

    with zipfile.ZipFile(path) as archive:
        assert archive.read("nat/nat-2026-09-21.csv") == b"2026-09-21"
        assert "nat/nat-2026-09-20.csv" not in archive.namelist()
        assert "nat/nat-2026-09-22.csv" not in archive.namelist()
        assert "nat/nat-2026-09-23.csv" not in archive.namelist()
    assert "none here" not in manifest["nat"]


def test_a_nat_log_that_leads_elsewhere_is_refused_and_nothing_is_left(office, take, tmp_path) -> None:
    folder = tmp_path / "nat"
    folder.mkdir()
    (folder / "2026-09-21.csv").symlink_to("/etc/passwd")

    with pytest.raises(RecordsError, match="plain file"):
        take(office.now_ms - HOUR_MS, office.now_ms + HOUR_MS, nat=folder)
    assert [each.name for each in tmp_path.iterdir() if "zip" in each.name] == []


def altered(path, name: str, content: bytes | None):
    """Return a copy with one member changed or removed."""
    out = path.with_name("altered.zip")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for each in old.namelist():
            if each != name:
                new.writestr(each, old.read(each))
            elif content is not None:
                new.writestr(each, content)
    return out


def test_an_export_that_was_altered_is_seen_by_whoever_has_it(office, take) -> None:
    office.visit(1, PHONE)
    path, manifest = take(office.now_ms - HOUR_MS, office.now_ms + HOUR_MS)
    names = [each["name"] for each in manifest["files"]]

    assert len(names) == 5
    assert [name for name in names for content in (b"", None) if not exported.check(altered(path, name, content))] == []


def test_an_entry_altered_with_its_manifest_does_not_follow_from_the_one_before(office, take) -> None:
    import hashlib

    office.visit(1, PHONE)
    path, manifest = take(office.now_ms - HOUR_MS, office.now_ms + HOUR_MS)
    with zipfile.ZipFile(path) as archive:
        lines = archive.read("chain.jsonl").replace(b"site-1", b"site-2")
    for each in manifest["files"]:
        if each["name"] == "chain.jsonl":
            each["sha256"] = hashlib.sha256(lines).hexdigest()
    changed = altered(altered(path, "chain.jsonl", lines).replace(path), "manifest.json", json.dumps(manifest).encode())

    assert ["content" in each for each in exported.check(changed)] == [True]


@pytest.mark.parametrize("junk", [b"", b"PK\x03\x04", b"x" * 100])
def test_junk_is_no_export(tmp_path, junk) -> None:
    file = tmp_path / "junk.zip"
    file.write_bytes(junk)

    assert "no whole export" in exported.check(file)[0]


def test_what_was_erased_is_in_the_piece_by_its_digest_alone(office, take) -> None:
    office.visit(1, PHONE)
    office.visit(2, "+8613900139000", ended=False)
    office.forward(1)
    office.visit(3)
    began = office.now_ms
    office.forward(200)
    office.settle()
    path, manifest = take(began - HOUR_MS, began + HOUR_MS)

    with zipfile.ZipFile(path) as archive:
        lines = [json.loads(line) for line in archive.read("chain.jsonl").splitlines()]
    assert [line["n"] for line in lines if line["body"] is not None] == [4, 5]
    assert (manifest["chain"]["first"], manifest["chain"]["last"]) == (4, 5)
    assert exported.check(path) == []


def test_a_window_of_which_nothing_is_left_says_so(office, take) -> None:
    office.visit(1, PHONE)
    began = office.now_ms
    office.forward(300)
    office.settle()
    path, manifest = take(began - HOUR_MS, began + HOUR_MS)

    assert rows(path, "sessions.csv") == []
    assert (manifest["chain"]["first"], manifest["sessions"]) == (0, 0)
    assert exported.check(path) == []


def test_a_window_is_found_by_an_index(office) -> None:
    held = (RECORD.c.body.is_not(None), RECORD.c.at_ms >= 1, RECORD.c.at_ms < 2)
    wanted = sa.select(sa.func.min(RECORD.c.n)).where(*held)
    words = sa.text(f"EXPLAIN QUERY PLAN {wanted.compile(compile_kwargs={'literal_binds': True})}")
    plan = str(office.store.read(lambda connection: connection.execute(words).all()))

    assert "portal_record_held" in plan


@pytest.mark.parametrize("name", ["manifest.json", "chain.jsonl", "sessions.csv"])
def test_a_bomb_is_not_opened(tmp_path, monkeypatch, name) -> None:
    """S17: rejected by what the archive says of itself; no octet of it is unpacked."""
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(name, "w", force_zip64=True) as member:
            for _ in range(200):
                member.write(b"0" * (1 << 20))
        if name != "manifest.json":
            archive.writestr("manifest.json", "{}")

    opened: list[object] = []
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda _archive, member, *_words, **_named: opened.append(member))

    assert "not opened" in exported.check(path)[0]
    assert opened == []


def contents(path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.slow
def test_junk_of_any_kind_is_no_export_and_no_traceback(office, take) -> None:
    office.visit(1, PHONE)
    path, _ = take(office.now_ms - HOUR_MS, office.now_ms + HOUR_MS)
    whole, meant, chance = path.read_bytes(), contents(path), random.Random(17)
    for _ in range(1000 * ROUNDS):
        torn = bytearray(whole)
        for _ in range(chance.randrange(1, 8)):
            torn[chance.randrange(len(torn))] = chance.randrange(256)
        path.write_bytes(bytes(torn[: chance.randrange(1, len(torn) + 1)] if chance.random() < 0.3 else torn))
        if not exported.check(path):
            assert contents(path) == meant
