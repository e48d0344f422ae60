"""A bare Debian 12 in a directory, the playbook against it, and systemd as its first process.

Mounts live in mount namespaces of the processes that need them: whatever ends these, nothing stays mounted.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from netops import privilege

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".venv-ansible" / "bin"
PARTS = ("ansible", "captive_portal", "collectors", "dashboards", "inventory", "netops", "requirements")
FILES = ("LICENSE", "README.md", "pyproject.toml", "setup.cfg")
RECAP = re.compile(r"^(room|site)\s+: (.*)$", re.MULTILINE)
KEEP_DAYS = 7
TARGETS = {
    "echo": {"kind": "icmp", "address": "127.0.0.1", "count": 2, "anchor": True},
    "stamp": {"kind": "stamp", "address": "127.0.0.1", "port": 8620, "count": 2},
}
SPACES = ("--mount", "--pid", "--ipc", "--uts", "--net", "--cgroup")
Done = subprocess.CompletedProcess[str]
BOOT = """
mount --bind "$1" "$1"; cd "$1"
mount -t proc proc proc; mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 tmpfs run; mount -t tmpfs -o mode=755 tmpfs dev
for d in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
  IFS=: read -r name major minor <<<"$d"; mknod -m 666 "dev/$name" c "$major" "$minor"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts; ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm
mount -t cgroup2 cgroup2 sys/fs/cgroup
pivot_root . mnt; umount -l /mnt
mount --make-rshared / # as container managers do: what systemd mounts for a unit (credentials) reaches it by that
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd systemd.unit=multi-user.target
"""


def run(*words: str | Path, check: bool = True, timeout: float = 300, **more: object) -> Done:
    """Run a program; what it said is the message when it fails."""
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=timeout, check=False, **more)
    assert not check or done.returncode == 0, (
        f"{words}: {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-4000:]}"
    )
    return done


def private(*words: str | Path, **more: object) -> Done:
    """Run in a mount namespace of its own."""
    return run("unshare", "--mount", "--propagation", "private", "--", *words, **more)


def tool(name: str, *words: str | Path, home: Path, **more: object) -> Done:
    """Run one of Ansible's programs on the checkout's playbook, with nothing left in the caller's home."""
    given = {
        "ANSIBLE_CONFIG": str(ROOT / "ansible" / "ansible.cfg"),
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
        "PATH": f"{TOOLS}:{os.environ['PATH']}",
    }
    return run(TOOLS / name, *words, env={**os.environ, **given}, **{"cwd": ROOT / "ansible", **more})


@dataclass
class Room:
    """A Debian 12 in a directory, and the checkout that is deployed there."""

    root: Path
    work: Path
    settings: dict[str, object]
    first_process: int = 0
    more: dict[str, object] = field(default_factory=dict)
    site: Site | None = None
    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    def play(self, *words: str) -> dict[str, int]:
        """Run the playbook; return the counts of its recap for this room, `counts` has those of every machine."""
        inventory = self.work / "inventory.yml"
        given = {
            "ansible_connection": "community.general.chroot",
            "ansible_host": str(self.root),
            "ansible_become": False,
            "netops_settings": self.settings,
            **self.more,
        }
        if self.first_process:
            given["ansible_chroot_exe"] = str(self._door())
        hosts = {"netops": {"hosts": {"room": given}}}
        if self.site is not None:
            hosts["probes"] = {"hosts": {"site": self.site.given()}}
        inventory.write_text(yaml.safe_dump(hosts), encoding="utf-8")
        play = [TOOLS / "ansible-playbook", "-i", inventory, self.work / "checkout" / "ansible" / "site.yml", *words]
        outer = ["bash", "-euc", 'mount -t proc proc "$0/proc"; exec "$@"', self.root, *play]
        done = private(
            *(play if self.first_process else outer),
            check=False,
            timeout=600,
            cwd=self.work / "checkout" / "ansible",
            env={**os.environ, "ANSIBLE_HOME": str(self.work / "home"), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"},
        )
        (self.work / "said.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
        found = RECAP.findall(done.stdout)
        assert found, done.stdout[-6000:] + done.stderr[-3000:]
        self.counts = {
            name: {key: int(count) for key, count in (each.split("=") for each in said.split())} for name, said in found
        }
        assert done.returncode == 0, done.stdout[-6000:]
        assert {counts[bad] for counts in self.counts.values() for bad in ("failed", "unreachable")} == {0}
        return self.counts["room"]

    def changed(self, host: str = "room") -> list[str]:
        """Return what the last run changed on a machine, by the names of its tasks."""
        told, task = [], ""
        for line in (self.work / "said.txt").read_text(encoding="utf-8").splitlines():
            if line.startswith(("TASK [", "RUNNING HANDLER [")):
                task = line.partition("[")[2].partition("]")[0].removeprefix("netops : ")
            elif line.startswith(f"changed: [{host}"):
                told.append(task)
        return sorted(set(told))

    def releases(self) -> set[str]:
        """Return the releases that are installed."""
        return {each.name for each in (self.root / "opt/netops/releases").iterdir()}

    def inside(self, *words: str, **more: object) -> Done:
        """Run a program in the room."""
        if self.first_process:
            return run(*_enter(self.first_process), *words, **more)
        return private("bash", "-euc", 'mount -t proc proc "$0/proc"; exec chroot "$0" "$@"', self.root, *words, **more)

    def as_user(self, user: str, *words: str, **more: object) -> Done:
        """Run a program in the room as one of its users: `netops` for the command line, `netops-web` for the pages."""
        return self.inside("runuser", "-u", user, "--", *words, **more)

    def shown(self, unit: str, *names: str) -> dict[str, str]:
        """Return properties of a unit of the living room."""
        told = self.inside("systemctl", "show", unit, *[f"--property={name}" for name in names]).stdout
        return dict(line.split("=", 1) for line in told.splitlines())

    def _door(self) -> Path:
        """Return a `chroot` that goes into the living room's namespaces instead."""
        return _door(self.work / "door", "shift", *_enter(self.first_process), '"$@"')


@dataclass
class Site:
    """A second machine, at a site: a directory again, on the network of the living room, without a systemd."""

    root: Path
    work: Path
    first_process: int
    settings: dict[str, object]

    def given(self) -> dict[str, object]:
        """Return its variables in the inventory."""
        door = _door(self.work / "site-door", *self._network(), '"$@"')
        more = {"ansible_chroot_exe": str(door), "ansible_host": str(self.root), "ansible_become": False}
        return {"ansible_connection": "community.general.chroot", "netops_settings": self.settings, **more}

    def inside(self, *words: str, **more: object) -> Done:
        """Run a program there."""
        return run(*self._network(), self.root, *words, **more)

    def _network(self) -> list[str]:
        mounted = 'mount -t proc proc "$0/proc"; exec chroot "$0" "$@"'
        space = ["unshare", "--mount", "--propagation", "private", "--"]
        return ["nsenter", "--target", str(self.first_process), "--net", "--", *space, "bash", "-euc", mounted]


def _door(path: Path, *words: str) -> Path:
    """Write a program that does these words with the arguments it is given; the first one may be `shift`."""
    before, rest = (words[0] + "\n", words[1:-1]) if words[0] == "shift" else ("", words[:-1])
    path.write_text(f"#!/bin/sh\n{before}exec {shlex.join(rest)} {words[-1]}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def _enter(first: int) -> list[str]:
    return [
        "nsenter",
        "--target",
        str(first),
        *["--mount", "--pid", "--ipc", "--uts", "--net", "--cgroup", "--root", "--wd", "--"],
    ]


@pytest.fixture(scope="session")
def ansible(tmp_path_factory):
    """Ansible's programs on this checkout."""
    home = tmp_path_factory.mktemp("ansible-home")
    return lambda name, *words, **more: tool(name, *words, home=home, **more)


@pytest.fixture(scope="session")
def bookworm(tmp_path_factory) -> Iterator[Path]:
    """A minimal Debian 12 with systemd and without Python, from the mirror that this machine uses."""
    mirror = _mirror()
    root = tmp_path_factory.mktemp("bookworm") / "root"
    cache = _cache()
    kept = cache / f"bookworm-{hashlib.sha256(mirror.encode()).hexdigest()[:12]}.tar"
    if kept.exists() and time.clock_gettime(time.CLOCK_REALTIME) - kept.stat().st_mtime < KEEP_DAYS * 86_400:
        root.mkdir()
        run("tar", "-xpf", kept, "-C", root, "--numeric-owner")
    else:
        wanted = "--include=systemd,systemd-sysv,dbus,ca-certificates"
        private("debootstrap", "--variant=minbase", wanted, "bookworm", root, mirror, timeout=800)
        cache.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}")
        run("tar", "-cpf", part, "-C", root, "--numeric-owner", ".")
        part.rename(kept)
    for name in ("resolv.conf", "hosts"):
        shutil.copy(Path("/etc") / name, root / "etc" / name)
    reached = run("apt-config", "--format", '%f "%v";%n', "dump", "Acquire::http", "Acquire::https").stdout
    (root / "etc/apt/apt.conf.d/90reach").write_text(reached, encoding="utf-8")
    yield root
    shutil.rmtree(root)


def _mirror() -> str:
    if not shutil.which("apt-get"):
        pytest.skip("no Debian: no mirror of bookworm is configured")
    listed = run("apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT) $(CREATED_BY)").stdout
    for line in listed.splitlines():
        site, *rest = line.split()
        if rest == ["bookworm", "main", "Packages"]:
            return site
    pytest.skip("no mirror of bookworm is configured for apt")


@pytest.fixture(scope="session")
def room(bookworm, tmp_path_factory) -> Iterator[Room]:
    """The bare Debian and a copy of this checkout, which nobody edits meanwhile."""
    work = tmp_path_factory.mktemp("deploy")
    for name in PARTS:
        shutil.copytree(ROOT / name, work / "checkout" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, work / "checkout" / name)
    wheels = _wheels(work / "checkout")
    settings = {
        "city": {"name": "proof", "title": 'Proof of "证"'},
        "portal": {"visitors": {"vlan.10": "wanliu-park"}},
        "retention": {"min_free_mb": 1},
        "collect": {"interval_s": 5},
        "ssh": {"interval_s": 60},
        "acs": {"interval_s": 60},
        "probe": {
            "interval_s": 5,
            "reflect_host": "127.0.0.1",
            "reflect_port": 8620,
            "reflect_allow": "127.0.0.0/8",
            "targets": TARGETS,
        },
        "credentials": {"wlan": {"version": "v2c", "community": "file:/etc/netops/secrets/wlan"}},
    }
    more = {"netops_gate": True, "netops_secrets": {"wlan": "public"}, "netops_services": list(privilege.SERVICES)}
    yield Room(root=bookworm, work=work, settings=settings, more=more)
    _keep_wheels(work / "checkout", wheels)


def _wheels(checkout: Path) -> Path:
    """Give the controller the wheels that an earlier run has gathered by the hashes of the same lock."""
    lock = hashlib.sha256((checkout / "requirements/run.txt").read_text(encoding="utf-8").rstrip().encode())
    kept = _cache() / f"wheels-{os.uname().machine}-{lock.hexdigest()[:12]}"
    if (kept / "complete").exists():
        shutil.copytree(kept, checkout / "build/deploy" / kept.name)
    return kept


def _keep_wheels(checkout: Path, kept: Path) -> None:
    made = checkout / "build/deploy" / kept.name
    if (made / "complete").exists() and not kept.exists():
        part = kept.with_suffix(f".{os.getpid()}")
        shutil.copytree(made, part)
        part.rename(kept)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "netops"


@pytest.fixture(scope="session")
def site(living, tmp_path_factory) -> Site:
    """A second machine beside the living room: Debian and the release are there, and nothing else of NetOps is."""
    root = tmp_path_factory.mktemp("site") / "root"
    run("cp", "-al", living.root, root, check=False)  # what its services are just writing may be gone meanwhile
    for each in (
        "etc/netops",
        "var/lib/netops",
        "opt/netops/current",
        "usr/local/bin/netops",
        "etc/sysctl.d/60-netops.conf",
    ):
        run("rm", "-rf", root / each)
    for each in (root / "etc/systemd/system").rglob("netops*"):
        run("rm", "-rf", each)
    for name in ("passwd", "group", "shadow", "gshadow"):
        path = root / "etc" / name
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        mode = path.stat().st_mode
        path.unlink()  # the room has it too
        path.write_text("".join(line for line in lines if not line.startswith("netops")), encoding="utf-8")
        path.chmod(mode)
    settings = {
        "probe": {"vantage": "site-7", "core_url": "http://127.0.0.1:8443", "interval_s": 5, "targets": TARGETS}
    }
    return Site(root=root, work=living.work, first_process=living.first_process, settings=settings)


@pytest.fixture(scope="session")
def living(room):
    """The deployed room under systemd as its first process, in namespaces and a control group of its own."""
    tree = _cgroups() / f"netops-deploy-{os.getpid()}"
    tree.mkdir()
    spaces = [*SPACES, "--fork", "--kill-child", "--propagation", "private", "--"]
    join = f'echo $$ >"{tree}/cgroup.procs"; exec setpriv --pdeathsig KILL unshare "$@"'
    words = ["bash", "-euc", join, "_", *spaces, "bash", "-euc", BOOT, "_", str(room.root)]
    with (room.work / "boot.txt").open("w") as said:
        outer = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        room.first_process = _child(outer)
        _until(lambda: room.inside("systemctl", "is-active", "dbus.service", check=False).stdout.strip() == "active")
        yield room
    finally:
        if room.first_process:
            os.kill(room.first_process, signal.SIGKILL)
        outer.kill()
        outer.wait()
        room.first_process = 0
        _until(lambda: _cleared(tree))


def _cgroups() -> Path:
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        if line.split()[2] == "cgroup2" and " rw" in line:
            return Path(line.split()[1])
    pytest.skip("no control group hierarchy (cgroup2) to start systemd in")


def _child(outer: subprocess.Popen[bytes]) -> int:
    listed = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
    _until(lambda: listed.read_text(encoding="utf-8").strip())
    first = int(listed.read_text(encoding="utf-8").split()[0])
    _until(lambda: "systemd" in Path(f"/proc/{first}/cmdline").read_text(encoding="utf-8").partition("\0")[0])
    return first


def _cleared(tree: Path) -> bool:
    for each in (*sorted((path for path in tree.rglob("*") if path.is_dir()), reverse=True), tree):
        with contextlib.suppress(OSError):  # its processes have not all gone yet
            each.rmdir()
    return not tree.exists()


def _until(true: object, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.1)


@pytest.fixture(scope="session")
def run_program():
    """Run a program and have what it said."""
    return run
