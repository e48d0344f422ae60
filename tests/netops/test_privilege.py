"""Services with users of their own: who can read, write and replace what, as the kernel says. Real users, no mocks."""

from __future__ import annotations

import configparser
import grp
import os
import pwd
import re
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

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
from netops.commands import doctor, up
from netops.commands.db import installed
from netops.errors import NetopsError, UsageError
from netops.evidence import files
from netops.facts import Fact, submit
from netops.privilege import CLI, MEMBERS, SERVICES, Kind

ROOT = Path(__file__).resolve().parents[2]
USERS = "netops"
FIRST = 61_000  # ids that no machine gives by itself
ROLES = (CLI, *SERVICES, "gate")
PRIMARY = {CLI: "all", "core": "staff", "gate": "all"}
DIRECTORIES = (
    "staff", "portal", "persons", "register", "keys", "spool", "vantages", "names", "trap", "acs", "probe",
    "radius",
)  # fmt: skip
root = pytest.mark.root


def introduce(monkeypatch):
    """Make the users and groups as the playbook does, known to this process alone; return them."""
    settings = config.Settings(data=config.Data(users=USERS))
    gids = {privilege.group(settings, name): FIRST + 100 + at for at, name in enumerate(MEMBERS)}
    uids = {privilege.user(settings, role): FIRST + at for at, role in enumerate(ROLES)}
    users = {
        privilege.user(settings, role): pwd.struct_passwd(
            (
                privilege.user(settings, role), "x", uids[privilege.user(settings, role)],
                gids[privilege.group(settings, PRIMARY.get(role, role))], "", "/", "/",
            )
        )
        for role in ROLES
    }  # fmt: skip
    groups = {
        privilege.group(settings, name): grp.struct_group(
            (
                privilege.group(settings, name), "x", gids[privilege.group(settings, name)],
                [privilege.user(settings, role) for role in roles],
            )
        )
        for name, roles in MEMBERS.items()
    }  # fmt: skip
    users["root"], groups["root"] = pwd.getpwnam("root"), grp.getgrnam("root")
    monkeypatch.setattr(pwd, "getpwnam", users.__getitem__)
    monkeypatch.setattr(pwd, "getpwuid", {each.pw_uid: each for each in users.values()}.__getitem__)
    monkeypatch.setattr(pwd, "getpwall", lambda: list(users.values()))
    monkeypatch.setattr(grp, "getgrnam", groups.__getitem__)
    monkeypatch.setattr(grp, "getgrgid", {each.gr_gid: each for each in groups.values()}.__getitem__)

    def initgroups(name, gid):
        os.setgroups([gid, *(each.gr_gid for each in groups.values() if name in each.gr_mem)])

    monkeypatch.setattr(os, "initgroups", initgroups)
    return SimpleNamespace(users=users, groups=groups)


@pytest.fixture
def known(monkeypatch):
    """The users and groups as the playbook makes them, known to this process alone."""
    return introduce(monkeypatch)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """All that a founding imports, before others do it: the interpreter may lie where only its owner comes."""
    founding.databases(config.Settings(data=config.Data(dir=tmp_path_factory.mktemp("first"))))


@contextmanager
def somewhere():
    """Give settings as the playbook writes them, for an instance in a place that others can reach."""
    if any(not each.stat().st_mode & 0o001 for each in ROOT.parents):
        pytest.skip("others cannot read this checkout, so none of its users could bring up a database")
    place = Path(tempfile.mkdtemp(prefix="netops-"))
    place.chmod(0o711)
    words = (f"data.dir={place / 'data'}", f"data.users={USERS}", "evidence.key=credential:evidence.key")
    empty = place / "netops.toml"
    empty.touch()
    yield config.load(empty, environ={}, overrides=words)
    shutil.rmtree(place)


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


def become(role, act, settings):
    """Start a process of the role's user that does it and ends with 0, or with 1 and what went wrong."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            found = pwd.getpwnam(privilege.user(settings, role))
            os.initgroups(found.pw_name, found.pw_gid)
            os.setgid(found.pw_gid)
            os.setuid(found.pw_uid)
            os.umask(0o027)
            act()
            code = 0
        except Exception as error:  # noqa: BLE001
            os.write(2, f"{role}: {error!r}\n".encode())
        finally:
            os._exit(code)
    return child


def can(role, act, settings) -> bool:
    """Whether the role's user can do it."""
    return os.waitstatus_to_exitcode(os.waitpid(become(role, act, settings), 0)[1]) == 0


def done(roles, acts, settings) -> set[tuple[str, str]]:
    """Return who of the roles' users can do which act. One process is each of them in turn: to start one costs most.

    Its real and effective ids are theirs, and by those the kernel judges; the saved ones stay root's, as the way back.
    """
    heard, told = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.umask(0o027)
            for role in roles:
                found = pwd.getpwnam(privilege.user(settings, role))
                os.initgroups(found.pw_name, found.pw_gid)
                os.setresgid(found.pw_gid, found.pw_gid, 0)
                os.setresuid(found.pw_uid, found.pw_uid, 0)
                for name, act in acts.items():
                    try:
                        act()
                    except Exception as error:  # noqa: BLE001
                        os.write(2, f"{role}: {name}: {error!r}\n".encode())
                    else:
                        os.write(told, f"{role}\t{name}\n".encode())
                os.setresuid(0, 0, 0)
                os.setresgid(0, 0, 0)
            code = 0
        finally:
            os._exit(code)
    os.close(told)
    with os.fdopen(heard, encoding="utf-8") as said:
        pairs = {tuple(line.split("\t")) for line in said.read().splitlines()}
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return pairs


def those_who_can(act, settings, roles=(CLI, *SERVICES)) -> set[str]:
    """Return whose users can do it."""
    return {role for role, _ in done(roles, {"it": act}, settings)}


def put(settings, service, count=1, *, then=lambda: None):
    def act():
        with spool.Spool(settings.data.dir / "spool" / f"{service}.db", source=service, wait_s=0.5) as mine:
            body = {"service": service, "state": "started", "version": "1"}
            submit(mine, *[Fact(kind="service_state", at_ms=n, body=body) for n in range(count)])
            then()

    return act


def read(settings, service, expected):
    def act():
        found = spool.read(settings.data.dir / "spool" / f"{service}.db", after=0, limit=1000)
        assert len(found) == expected, len(found)

    return act


READERS = {
    **{each: {"core"} for each in ("collect", "ssh", "trap", "acs", "probe", "intake", "portal", "radius")},
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
        "ledger.db": {CLI, "core", "web"},
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


def test_nothing_that_is_given_as_a_whole_holds_something_of_a_mode_of_its_own() -> None:
    """Else each founding would change it twice, there and back."""
    whole = [each.path for each in privilege.HOLDINGS if each.kind is Kind.OWN]
    assert [each.path for each in privilege.HOLDINGS if each.path.startswith(tuple(f"{path}/" for path in whole))] == []


@root
def test_founding_again_changes_nothing_and_mends_what_went_astray(instance, settings) -> None:
    assert can(CLI, lambda: halts.write(halts.place(settings), []), settings)
    assert can(CLI, lambda: proposals.keep(proposals.place(settings), []), settings)
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


def test_every_service_that_can_be_run_has_its_user_and_its_unit() -> None:
    """The gate has both by itself. A service that is left out here could be run as nobody's user only."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = setup["options.entry_points"]["netops.services"].split("\n")
    offered = {line.partition("=")[0].strip() for line in lines if line} - {"gate"}
    role = ROOT / "ansible" / "roles" / "netops"
    made = yaml.safe_load((role / "vars" / "main.yml").read_text(encoding="utf-8"))
    options = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    choices = options["argument_specs"]["main"]["options"]["netops_services"]["choices"]

    assert offered == set(SERVICES) == set(choices) == set(made["netops_reach"])
    assert {each["name"].removeprefix("{{ netops_user }}-") for each in made["netops_users"]} >= offered
    assert {*up.SERVICES, *up.ON_DEMAND} - {"gate"} == offered
    assert {each.path for each in privilege.HOLDINGS} >= {f"spool/{name}.db" for name in offered - {"core"}}


def test_without_users_of_their_own_everything_may_be_one_persons(tmp_path) -> None:
    settings = config.Settings(data=config.Data(dir=tmp_path))
    privilege.expect(settings, "staff")
    privilege.expect_service(settings, ("core", "web"))

    assert (settings.register_url, settings.room("staff")) == (f"sqlite:///{tmp_path}/register.db", tmp_path)


def test_an_instance_of_one_user_that_is_open_to_others_is_wrong(tmp_path) -> None:
    settings = config.Settings(data=config.Data(dir=tmp_path))
    founding.keys(settings)
    (tmp_path / "spool").mkdir()
    put(settings, "web")()
    (tmp_path / "spool" / "web.db").chmod(0o644)
    tmp_path.chmod(0o755)
    spooled = astray.look(settings)
    tmp_path.chmod(0o700)

    assert [line for line in spooled if line.startswith(f"{tmp_path / 'spool' / 'web.db'} is open to others")]
    assert astray.look(settings) == []


def test_what_only_the_core_is_given_is_asked_for_in_vain_elsewhere(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    settings = config.Settings(
        data=config.Data(dir=tmp_path, users=USERS),
        evidence=config.Evidence(key=config.Secret("credential:evidence.key")),
    )
    with pytest.raises(NetopsError, match=r"systemd gives the signing key to netops-core\.service alone"):
        founding.signer(settings)

    founding.keys(settings)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "keys"))
    assert str(founding.signer(settings).vkey) == (tmp_path / "keys" / "evidence.vkey").read_text().strip()


def test_a_key_that_was_encrypted_and_put_away_is_not_made_anew(tmp_path) -> None:
    settings = config.Settings(
        data=config.Data(dir=tmp_path), evidence=config.Evidence(key=config.Secret("credential:evidence.key"))
    )
    founding.keys(settings)
    (tmp_path / "keys" / "evidence.key").unlink()

    assert founding.keys(settings) == []
    assert not (tmp_path / "keys" / "evidence.key").exists()
    assert {each.what: each.level for each in doctor.instance(settings)}["signing key"] == "ok"


def test_the_portals_keys_are_those_that_founding_makes(tmp_path) -> None:
    """Made under other names they lay there unused, and the portal's own came into being unannounced."""
    script = f"""
from pathlib import Path
from captive_portal import keys
from netops import config, founding
settings = config.Settings(data=config.Data(dir=Path({str(tmp_path)!r})))
founding.keys(settings)
before = sorted(path.name for path in Path({str(tmp_path)!r}).rglob("*"))
keys.voucher_key(settings), keys.identity_key(settings), keys.person_key(settings)
assert sorted(path.name for path in Path({str(tmp_path)!r}).rglob("*")) == before
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
