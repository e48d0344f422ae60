"""Services with users of their own: who can read, write and replace what, as the kernel says. Real users, no mocks."""

from __future__ import annotations

import os
import pwd
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import time
from pathlib import Path

import pytest

from collectors import halts
from collectors.cwmp.message import DeviceId
from collectors.cwmp.strangers import Strangers
from collectors.discovery import proposals
from collectors.discovery.command import proposed
from collectors.halts import Halt, Halts
from collectors.probes import carry, handing, keys
from collectors.probes.intake.enrolled import Enrolled, digest
from inventory import sql
from inventory.errors import SqlError
from inventory.register import Register
from netops import apart, astray, cli, config, fail_open, founding, privilege, spool, sqlite
from netops import proposals as waiting
from netops.commands import doctor
from netops.commands.db import installed
from netops.dispute.attached import File, Shelf
from netops.errors import NetopsError, UsageError
from netops.evidence import files
from netops.privilege import CLI, SERVICES
from tests.netops.users import become, can, done, introduce, put, somewhere, those_who_can

DIRECTORIES = (
    "staff", "portal", "persons", "register", "keys", "spool", "vantages", "names", "trap", "acs", "probe", "alert",
    "radius", "objections",
)  # fmt: skip
root = pytest.mark.root


@pytest.fixture
def known(monkeypatch):
    """The users and groups as the playbook makes them, known to this process alone."""
    return introduce(monkeypatch)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """All that a founding imports, before others do it: the interpreter may lie where only its owner comes."""
    founding.databases(config.Settings(data=config.Data(dir=tmp_path_factory.mktemp("first"))))


@pytest.fixture
def settings(loaded):
    with somewhere() as made:
        yield made


@pytest.fixture(scope="module")
def first(loaded):
    """Where an instance was founded, which is copied for each test that begins with one."""
    with somewhere() as made, pytest.MonkeyPatch.context() as monkeypatch:
        introduce(monkeypatch)
        old = os.umask(0o077)
        apart.found(made)
        os.umask(old)
        yield made.data.dir


@pytest.fixture
def instance(first, settings, known):
    """The instance, founded."""
    subprocess.run(["cp", "-a", first, settings.data.dir], check=True)
    return settings


def read(settings, service, expected):
    def act():
        found = spool.read(settings.data.dir / "spool" / f"{service}.db", after=0, limit=1000)
        assert len(found) == expected, len(found)

    return act


READERS = {
    **{each: {"core"} for each in ("collect", "ssh", "trap", "acs", "probe", "intake", "portal", "radius", "alert")},
    "web": {"core", CLI},
    "cli": {"core", "web"},
}


@root
@pytest.mark.parametrize("service", READERS)
def test_a_spool_is_written_by_its_own_service_alone_and_read_by_those_who_must(instance, service) -> None:
    """While the writer lives, after it has stopped, and after it was killed: the log stays and is readable."""
    own = CLI if service == "cli" else service
    others = {CLI, *SERVICES} - {own}
    readers = READERS[service] | {own}

    assert can(own, put(instance, service, 3), instance)
    assert can(own, read(instance, service, 3), instance)
    acts = {"read": read(instance, service, 3), "write": put(instance, service)}
    assert done(others, acts, instance) == {(each, "read") for each in readers - {own}}

    living = become(own, put(instance, service, 4, then=lambda: time.sleep(60)), instance)
    until = time.monotonic() + 10
    while not can("core", read(instance, service, 7), instance):
        assert time.monotonic() < until
    assert those_who_can(read(instance, service, 7), instance) == readers
    os.kill(living, signal.SIGKILL)
    os.waitpid(living, 0)
    assert those_who_can(read(instance, service, 7), instance) == readers
    assert can(own, put(instance, service, 1), instance)
    assert can("core", read(instance, service, 8), instance)


@root
@pytest.mark.parametrize("service", ["collect", "intake", "web", "cli"])  # of each group of readers, who is met first
def test_nobody_replaces_removes_locks_or_undermines_the_spool_of_another(instance, service) -> None:
    spools = instance.data.dir / "spool"
    path = spools / f"{service}.db"
    own = CLI if service == "cli" else service
    attempts = {
        "write": lambda: path.open("ab").close(),
        "write its log": lambda: Path(f"{path}-wal").open("ab").close(),
        "write its index": lambda: Path(f"{path}-shm").open("r+b").close(),
        "plant a journal": lambda: Path(f"{path}-journal").touch(),
        "lock it out": lambda: Path(f"{path}.lock").open("rb").close(),
        "remove": path.unlink,
        "replace": lambda: path.rename(spools / "other.db"),
        "add another": (spools / "core.db").touch,
        "move all of them": lambda: spools.rename(instance.data.dir / "spools"),
        "open it wider": lambda: path.chmod(0o666),
    }

    assert done({CLI, *SERVICES} - {own}, attempts, instance) == set()
    mine = ("remove", "replace", "add another", "plant a journal")
    assert done({own}, {what: attempts[what] for what in mine}, instance) == set()


@root
def test_keys_and_databases_are_for_those_who_need_them(instance) -> None:
    """Who can read and who can write each of them, by the kernel's word."""
    data = instance.data.dir
    for each in ("telemetry", "ledger.db"):
        assert can(
            "core",
            lambda each=each: (data / each).mkdir(0o750) if each == "telemetry" else (data / each).touch(0o640),
            instance,
        )
    files = (
        "keys/evidence.key", "keys/evidence.vkey", "keys/portal-voucher.key", "keys/portal-identity.key",
        "keys/portal-person.key", "persons/persons.db",
        "register/register.db", "staff/staff.db", "portal/portal.db", "drain.db", "ledger.db",
    )  # fmt: skip
    roles = (CLI, *SERVICES)

    def those(act):
        pairs = done(roles, {name: lambda name=name: act(data / name) for name in files}, instance)
        return {name: {each for each in roles if (each, name) in pairs} for name in files}

    everybody = set(roles)
    assert those(lambda path: path.open("rb").close()) == {
        "keys/evidence.key": set(),
        "keys/evidence.vkey": everybody,
        "keys/portal-voucher.key": {CLI, "portal", "web"},
        "keys/portal-identity.key": {CLI, "portal"},  # `netops portal access` counts its codes with those of logins
        "keys/portal-person.key": {CLI, "portal"},
        "persons/persons.db": {CLI, "portal"},
        "register/register.db": everybody,
        "staff/staff.db": {CLI, "core", "web"},
        "portal/portal.db": {CLI, "portal", "web"},
        "drain.db": everybody,
        "ledger.db": {CLI, "core", "web", "alert"},
    }
    written = those(lambda path: path.open("ab").close())
    assert written["keys/evidence.key"] == written["keys/evidence.vkey"] == written["keys/portal-voucher.key"] == set()
    assert (written["register/register.db"], written["drain.db"], written["ledger.db"]) == ({CLI}, {"core"}, {"core"})
    assert (written["portal/portal.db"], written["staff/staff.db"]) == (
        {CLI, "portal", "web"},
        {CLI, "core", "web"},  # of the core's the unit makes it read-only; a group cannot
    )
    moves = {name: lambda name=name: (data / name).rename(data / "gone") for name in DIRECTORIES}
    assert done(SERVICES, moves, instance) == set()


@root
def test_what_carriers_hand_in_is_kept_and_opened_by_the_pages_alone(instance) -> None:
    """Bytes of others: who signs the ledger does not come to them, nor does anybody put others in their place."""
    shelf, note = Shelf(instance), "a" * 64
    file = File(name="a.pdf", data=b"%PDF")
    held = instance.data.dir / "objections" / note / file.digest
    acts = {
        "list": lambda: list(held.parent.iterdir()),
        "read": held.read_bytes,
        "write": lambda: held.open("ab").close(),
        "replace": lambda: held.rename(held.with_name("gone")),
        "add": lambda: held.with_name("b" * 64).touch(),
        "add a note": (held.parent.parent / ("b" * 64)).mkdir,
        "move all": lambda: held.parent.parent.rename(instance.data.dir / "elsewhere"),
    }

    assert can("web", lambda: shelf.keep(note, [file]), instance)
    assert done({CLI, *SERVICES} - {"web"}, acts, instance) == set()
    assert those_who_can(lambda: Shelf(instance).keep("c" * 64, [file]), instance) == {"web"}
    assert can("web", lambda: [each.name for each in shelf.held(note)].index("a.pdf"), instance)
    assert astray.look(instance) == []


@root
@pytest.mark.parametrize("kept", ["beside the accounts", "by one user"])
def test_what_was_handed_in_before_is_taken_over_with_all_that_lies_below(instance, kept) -> None:
    old = instance.data.dir / ("staff/objections" if kept == "beside the accounts" else "objections") / ("a" * 64)
    uid = pwd.getpwnam("netops-web" if kept == "beside the accounts" else "netops").pw_uid
    old.mkdir(parents=True, mode=0o750)
    for name in ("b" * 64, f"{'b' * 64}.name"):
        (old / name).write_bytes(b"%PDF")
    for each in (old.parent, old, *old.iterdir()):
        os.chown(each, uid, uid)
    apart.found(instance)

    assert those_who_can((instance.data.dir / "objections" / ("a" * 64) / ("b" * 64)).read_bytes, instance) == {"web"}
    assert not (instance.data.dir / "staff" / "objections").exists()
    assert can("web", lambda: Shelf(instance).keep("a" * 64, [File(name="c", data=b"c")]), instance)
    assert [line for line in apart.found(instance) if "objections" in line] == []
    assert astray.look(instance) == []


@root
def test_what_lies_in_both_places_is_told_and_nothing_is_lost(instance) -> None:
    for name in ("staff/objections", "objections"):
        (instance.data.dir / name / ("a" * 64)).mkdir(parents=True)

    with pytest.raises(NetopsError, match=r"cannot be moved .*bring what is in it there"):
        apart.found(instance)
    assert (instance.data.dir / "staff" / "objections" / ("a" * 64)).is_dir()


@root
def test_a_token_of_the_command_line_is_used_up_by_the_intake_alone(instance, known) -> None:
    """Whoever serves visitors, devices or pages neither reads who may join nor lets anybody in."""
    directory = instance.data.dir / "vantages"
    key = keys.Key(bytes(32))

    def invite():
        os.umask(0o077)  # the command line's
        token = Enrolled(directory).invite("site-7", now_ms=0)
        (directory / "told").write_text(token)

    def join():
        token = (directory / "told").read_text()
        said = handing.joining(vantage="site-7", public=key.public, token_sha256=digest(token))
        Enrolled(directory).join("site-7", token=token, public=key.public, signature=key.sign(said), now_ms=1)

    def joined():
        assert Enrolled(directory).member("site-7") is not None

    assert can(CLI, invite, instance)
    (directory / "told").chmod(0o640)
    others = set(SERVICES) - {"intake"}
    assert done(others, {"invite": invite, "join": join}, instance) == set()
    assert can("intake", join, instance)
    assert not can("intake", join, instance), "a token is good once"
    assert those_who_can(joined, instance) == {CLI, "intake"}
    assert can(CLI, lambda: Enrolled(directory).put_out("site-7") or 1 / 0, instance)


@root
def test_each_service_has_its_place_and_halts_are_seen_by_those_who_ask_devices(instance) -> None:
    """What a service writes beside its spool it can write; a stop by the command line reaches whoever asks."""
    places = {"trap": "trap/clocks.json", "acs": "acs/another", "probe": "probe/probe-octets.json"}
    for name, place in places.items():
        path = instance.data.dir / place
        assert those_who_can(path.touch, instance) == {name}
    assert carry.key_path(instance) == instance.data.dir / "probe" / "probe.key"
    assert can("probe", lambda: keys.generate(carry.key_path(instance)), instance)

    def met():
        strangers = Strangers(instance)
        strangers.seen(DeviceId(manufacturer="Acme", oui="00D09E", product_class="Cell", serial="S1"), "192.0.2.7")
        strangers.keep(1)

    def told():
        assert [each.serial for each in proposed(instance)] == ["S1"]

    assert can("acs", met, instance)
    assert those_who_can(told, instance) >= {CLI, "acs"}

    stop = Halt(by="wang.min@cli", reason="works", at_ms=0)

    def halted():
        assert Halts(instance).now().device("olt-7", "")

    assert can(CLI, lambda: halts.write(halts.place(instance), [stop]), instance)
    assert those_who_can(halted, instance, SERVICES) == set(SERVICES)
    assert those_who_can(lambda: halts.write(halts.place(instance), []), instance, SERVICES) == set()


@root
def test_founding_again_changes_nothing_and_mends_what_went_astray(instance, settings) -> None:
    assert can(CLI, lambda: halts.write(halts.place(settings), []), settings)
    assert can(CLI, lambda: proposals.keep(waiting.place(settings), []), settings)
    assert can("acs", (settings.data.dir / "acs" / "proposals.json").touch, settings)

    def archive():
        (settings.data.dir / "raw").mkdir(0o750)
        sqlite.Claim(settings.data.dir / "raw" / "index.db").release()

    def opened():
        fail_open.path(settings).parent.chmod(0o755)
        files.replace(fail_open.path(settings), b"a note", mode=0o644)

    assert can("core", archive, settings), "what the core makes when it first runs is as it should be"
    assert can("core", opened, settings)
    assert [line for line in apart.found(settings) if re.match("made |mended |moved ", line) or "→" in line] == []
    assert astray.look(settings) == []

    path = settings.data.dir / "spool" / "web.db"
    path.chmod(0o666)
    os.chown(settings.data.dir / "keys" / "portal-voucher.key", pwd.getpwnam("netops-collect").pw_uid, -1)
    wrong = astray.look(settings)
    assert [line for line in wrong if "web.db: is open to others (mode 0666" in line]
    assert [line for line in wrong if "portal-voucher.key: belongs to 'netops-collect', expected 'root'" in line]
    assert len(wrong) == 2
    assert all("`sudo netops init`" in line for line in wrong)
    assert {each.level for each in doctor.instance(settings) if each.what == "privilege"} == {"wrong"}

    assert sorted(line for line in apart.found(settings) if line.startswith("mended ")) == [
        f"mended {settings.data.dir / 'keys' / 'portal-voucher.key'}",
        f"mended {path}",
    ]
    assert astray.look(settings) == []


@root
def test_the_doctor_sees_who_else_is_in_a_group_and_whose_secret_is_open(instance, known, tmp_path) -> None:
    known.groups["netops-staff"].gr_mem.append("netops-portal")
    secret = tmp_path / "community"
    secret.write_text("public")
    os.chown(secret, 0, known.groups["netops"].gr_gid)
    secret.chmod(0o640)
    words = (*instance.given, f"credentials.wlan.community=file:{secret}", "evidence.key=")
    found = astray.look(config.load(instance.file, environ={}, overrides=words))

    assert [line.partition(";")[0] for line in found] == [
        "user 'netops-portal' is in group 'netops-staff'",
        "evidence.key is 'empty', not 'credential:evidence.key': systemd alone keeps it from every service",
        f"credentials.wlan.community: {secret} is open to every service (group 'netops')",
    ]


@root
def test_an_instance_of_one_user_is_taken_over_with_all_it_has(settings, known) -> None:
    """Accounts, spools, ledger and key stay what they are; only whom they belong to changes."""
    alone = config.load(settings.file, environ={}, overrides=[f"data.dir={settings.data.dir}"])
    uid = known.users["netops"].pw_uid
    settings.data.dir.mkdir(mode=0o700)
    os.chown(settings.data.dir, uid, uid)

    def before():
        os.umask(0o077)
        founding.databases(alone)
        founding.keys(alone)
        (alone.data.dir / "spool").mkdir()
        put(alone, "portal", 5)()
        (alone.data.dir / "telemetry" / "cold").mkdir(parents=True)
        (alone.data.dir / "telemetry" / "cold" / "1.parquet").write_bytes(b"cells")
        (alone.data.dir / "ledger.db").touch()

    assert can(CLI, before, settings)
    key = (settings.data.dir / "keys" / "evidence.key").read_bytes()
    accounts = (settings.data.dir / "staff.db").read_bytes()

    apart.found(settings)

    assert (settings.data.dir / "keys" / "evidence.key").read_bytes() == key
    assert (settings.data.dir / "staff" / "staff.db").read_bytes() == accounts
    assert astray.look(settings) == []
    assert can("core", read(settings, "portal", 5), settings)
    assert can("portal", put(settings, "portal", 1), settings)
    assert can("web", (settings.data.dir / "telemetry/cold/1.parquet").read_bytes, settings)
    assert not can("portal", (settings.data.dir / "telemetry/cold/1.parquet").read_bytes, settings)


@root
@pytest.mark.parametrize("lure", ["link", "second name"])
def test_root_is_not_led_astray_by_what_a_service_has_planted(instance, tmp_path, lure) -> None:
    """A link, or a further name of somebody's file, in the service's own directory: its owner stays who it is."""
    victim = tmp_path / "shadow"
    victim.write_text("root's")
    planted = instance.data.dir / "portal" / "portal.db-journal"
    planted.symlink_to(victim) if lure == "link" else planted.hardlink_to(victim)

    with pytest.raises(NetopsError, match=r"expected a (file of this instance|plain file)"):
        apart.found(instance)
    assert (victim.stat().st_uid, victim.read_text()) == (0, "root's")


@root
def test_the_socket_of_a_service_that_runs_is_given_to_its_owner(instance) -> None:
    path = instance.data.dir / "radius" / "radius.sock"
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        path.chmod(0o755)
        apart.found(instance)
        assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (path.parent.stat().st_uid, 0o660)
        apart.found(instance)


@root
def test_a_change_of_the_register_that_was_cut_off_is_ended_by_its_owner(instance) -> None:
    """Readers of other users say so until then: they may not take the change back, nor read what it left half done."""
    path = instance.data.dir / "register" / "register.db"

    def cut_off():
        db = sqlite3.connect(path, isolation_level=None)
        db.executescript("PRAGMA cache_size = 1; BEGIN IMMEDIATE; CREATE TABLE half (done)")
        db.executemany("INSERT INTO half VALUES (?)", [("x" * 3000,)] * 200)  # more than the cache: some is in the file
        os.kill(os.getpid(), signal.SIGKILL)

    def read_it():
        with Register(instance.register_url, rehearsal=False, readonly=True) as register:
            register.mark(at_ms=0)

    def told():
        with pytest.raises(SqlError, match="who also ends a change that was cut off"):
            read_it()

    assert can("core", read_it, instance)
    assert not can(CLI, cut_off, instance)
    assert Path(f"{path}-journal").stat().st_mode & 0o777 == 0o640
    assert those_who_can(told, instance, SERVICES) == set(SERVICES)
    assert can(
        CLI, lambda: sql.current(next(b for b in installed() if b.name == "inventory"), instance.register_url), instance
    )
    assert those_who_can(read_it, instance, SERVICES) == set(SERVICES)


@root
def test_the_wrong_user_is_told_which_is_the_right_one(instance, capsys) -> None:
    """Before anything is opened: a file of root's in a service's place would lock the service out."""
    given = [w for each in instance.given for w in ("--set", each)]
    assert cli.main(["--config", str(instance.file), *given, "staff", "list"]) == 2
    said = capsys.readouterr().err
    assert "`netops staff` runs as user 'netops' here, not as 'root'; run `sudo -u netops netops staff …`" in said

    for words, user in (("probe enrol site-7", "netops"), ("probe join", "netops-probe"), ("collect halt", "netops"),
                        ("discover --list", "netops")):  # fmt: skip
        assert cli.main(["--config", str(instance.file), *given, *words.split()]) == 2
        assert f"runs as user '{user}' here" in capsys.readouterr().err
    privilege.expect(instance, "collect", "once")

    with pytest.raises(UsageError, match="sudo -u netops-web netops up web"):
        privilege.expect_service(instance, ("web",))
    with pytest.raises(UsageError, match=r"systemctl start netops\.target"):
        privilege.expect_service(instance, ("core", "web"))
