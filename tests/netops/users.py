"""Users for the services of an instance, and what each of them can do, as the kernel says."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from netops import config, privilege, spool
from netops.facts import Fact, submit
from netops.privilege import CLI, MEMBERS, SERVICES

ROOT = Path(__file__).resolve().parents[2]
USERS = "netops"
FIRST = 61_000  # ids that no machine gives by itself
ROLES = (CLI, *SERVICES, "gate")
PRIMARY = {CLI: "all", "core": "staff", "gate": "all"}


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
    """Return what puts so many facts into a service's spool, and then does something with it open."""

    def act():
        with spool.Spool(settings.data.dir / "spool" / f"{service}.db", source=service, wait_s=0.5) as mine:
            body = {"service": service, "state": "started", "version": "1"}
            submit(mine, *[Fact(kind="service_state", at_ms=n, body=body) for n in range(count)])
            then()

    return act
