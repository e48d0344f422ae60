"""The playbook against a bare Debian 12: twice, then under a real systemd with the whole sandbox on."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from netops import privilege

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("captive_portal", "collectors", "dashboards", "inventory", "netops")
COMPILED = {".c", ".so"}  # the optional hot path: its source stays behind, what was compiled for the tests does too
CAP_NET_ADMIN, CAP_NET_BIND_SERVICE = 1 << 12, 1 << 10
CAPABILITIES = {"netops-gate.service": CAP_NET_ADMIN, "netops-trap.service": CAP_NET_BIND_SERVICE}
SERVICES = privilege.SERVICES
UNITS = ("netops-gate.service", *(f"netops-{name}.service" for name in SERVICES))
USERS = ("netops", *(f"netops-{name}" for name in (*SERVICES, "gate")))
KEY = "/var/lib/netops/keys/evidence.key"
ASK = """
import sys, urllib.error, urllib.request
try:
    answer = urllib.request.urlopen(sys.argv[1])
except urllib.error.HTTPError as error:
    answer = error
print(answer.status, answer.read().decode())
"""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.partner("ansible", "debootstrap", "systemd-analyze"),
    pytest.mark.xdist_group("deploy"),
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def deployed(room):
    """The room after the first run, with an agent to be polled; apt starts nothing in a directory."""
    counts = room.play()
    assert counts["changed"] > 10
    apt = "printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; apt-get install"
    room.inside("sh", "-euc", f"{apt} -qq -y --no-install-recommends snmpd; rm /usr/sbin/policy-rc.d", timeout=300)
    return room


def test_the_installed_wheel_brings_every_file_of_the_checkout(deployed) -> None:
    """Profiles, templates, styles, texts, migrations, area codes, rulesets: nothing may be left behind."""
    packages = next((deployed.root / "opt/netops").glob("releases/*/lib/python3.11/site-packages"))
    for name in PACKAGES:
        source = deployed.work / "checkout" / name
        wanted = {
            str(path.relative_to(source)): path.read_bytes()
            for path in source.rglob("*")
            if path.is_file() and path.suffix not in COMPILED
        }
        found = {each: (packages / name / each).read_bytes() for each in wanted if (packages / name / each).exists()}

        assert wanted == found
    assert not list(packages.glob("__editable__*")), "it runs from the wheel, not from a checkout"


def test_what_is_secret_is_for_those_alone_who_need_it(deployed) -> None:
    listed = deployed.inside(
        "stat", "--format=%a %U %G %n", "/etc/netops/netops.toml", "/etc/netops/secrets/wlan", "/var/lib/netops",
        KEY, "/var/lib/netops/spool/web.db", "/var/lib/netops/spool/web.db-shm", "/opt/netops/current/bin/netops",
    ).stdout.splitlines()  # fmt: skip

    assert listed == [
        "640 root netops /etc/netops/netops.toml",
        "640 root netops-collect /etc/netops/secrets/wlan",
        "1771 root netops-core /var/lib/netops",
        f"600 root root {KEY}",
        "640 netops-web netops-accounts /var/lib/netops/spool/web.db",
        "640 netops-web netops-accounts /var/lib/netops/spool/web.db-shm",
        "755 root root /opt/netops/current/bin/netops",
    ]
    readers = {
        path: {user for user in USERS if deployed.as_user(user, "cat", path, check=False).returncode == 0}
        for path in (KEY, "/etc/netops/secrets/wlan", "/var/lib/netops/keys/portal-identity.key")
    }
    assert readers == {
        KEY: set(),
        "/etc/netops/secrets/wlan": {"netops", "netops-collect", "netops-trap"},
        "/var/lib/netops/keys/portal-identity.key": {"netops", "netops-portal"},
    }


def test_the_command_works_for_its_user(deployed) -> None:
    version = re.search(r"^version = (.+)$", (ROOT / "setup.cfg").read_text(encoding="utf-8"), re.MULTILINE)
    assert version

    assert deployed.as_user("netops", "netops", "--version").stdout.strip() == f"netops {version.group(1)}"
    found = json.loads(deployed.as_user("netops", "netops", "doctor", "--json").stdout)
    assert {each["what"] for each in found} >= {"database inventory", "signing key", "sqlite (apsw)", "privilege"}
    assert {each["what"]: each["said"] for each in found}["configuration"] == "/etc/netops/netops.toml"
    assert [each for each in found if each["level"] == "wrong"] == []


def test_somebody_else_is_told_what_is_not_theirs(deployed) -> None:
    told = deployed.inside("runuser", "-u", "nobody", "--", "netops", "config", "show", check=False)

    assert (told.returncode, "Traceback" in told.stderr) == (2, False)
    assert "/etc/netops/conf.d: not yours to read; run as the instance's user" in told.stderr


def test_the_wrong_user_is_told_the_right_one(deployed) -> None:
    for user, words, said in (
        ("root", ("staff", "list"), "run `sudo -u netops netops staff …`"),
        ("netops-web", ("staff", "list"), "run `sudo -u netops netops staff …`"),
        ("netops", ("up", "web"), "run `sudo -u netops-web netops up web`"),
        ("netops-web", ("up",), "start them with `systemctl start netops.target`"),
        ("netops-core", ("up", "core"), "systemd gives the signing key to netops-core.service alone"),
        ("netops", ("init", "--config", "/etc/netops/netops.toml"), "run `sudo netops init …`"),
    ):
        told = deployed.as_user(user, "netops", *words, check=False)

        assert (said in told.stderr, "Traceback" in told.stderr, told.returncode != 0) == (True, False, True), told


def test_the_core_becomes_ready_and_stops(deployed) -> None:
    """Given the key in a place of its own, as systemd gives it."""
    deployed.inside("install", "-d", "-o", "netops-core", "-m", "500", "/tmp/given")
    deployed.inside("install", "-o", "netops-core", "-m", "400", KEY, "/tmp/given/evidence.key")
    script = """
        export CREDENTIALS_DIRECTORY=/tmp/given
        netops --config /etc/netops/netops.toml up core 2>/tmp/said & pid=$!
        for _ in $(seq 300); do grep -q "^core ready" /tmp/said && break; sleep 0.1; done
        grep "^core ready" /tmp/said || { cat /tmp/said; exit 1; }
        kill -TERM $pid; wait $pid
    """
    assert deployed.as_user("netops-core", "bash", "-euc", script).stdout == "core ready\n"
    deployed.inside("rm", "-r", "/tmp/given", "/tmp/said")


@pytest.mark.parametrize("unit", [*UNITS, "netops-mend.service"])
def test_the_installed_unit_verifies_and_is_shut_in(deployed, unit: str) -> None:
    told = deployed.inside("systemd-analyze", "verify", "--man=no", f"/etc/systemd/system/{unit}")
    assert told.stdout + told.stderr == ""

    said = deployed.inside("systemd-analyze", "security", "--offline=true", f"/etc/systemd/system/{unit}").stdout
    score = re.search(r"Overall exposure level for \S+: (\d+\.\d+)", said)
    assert score
    assert float(score.group(1)) <= 1.5


def test_systemd_starts_every_unit_as_its_user_with_its_sandbox_on(living) -> None:
    done = living.inside("systemctl", "start", *UNITS, "netops.target", check=False)
    assert done.returncode == 0, living.inside("journalctl", "--no-pager", "-n", "60").stdout

    for unit in UNITS:
        capabilities = CAPABILITIES.get(unit, 0)
        shown = living.shown(unit, "ActiveState", "Result", "NRestarts", "MainPID", "WatchdogTimestampMonotonic")
        status = living.inside("cat", f"/proc/{shown['MainPID']}/status").stdout
        lines = dict(line.split(":\t", 1) for line in status.splitlines())
        assert (shown["ActiveState"], shown["Result"], shown["NRestarts"]) == ("active", "success", "0")
        assert int(shown["WatchdogTimestampMonotonic"]) > 0
        assert int(lines["CapEff"], 16) == int(lines["CapBnd"], 16) == capabilities
        assert (lines["NoNewPrivs"], lines["Seccomp"]) == ("1", "2")
        uid = living.inside("id", "-u", unit.removesuffix(".service")).stdout.strip()
        assert set(lines["Uid"].split()) == {uid}
    assert living.shown("netops-mend.service", "Result", "ExecMainStatus") == {
        "Result": "success",
        "ExecMainStatus": "0",
    }
    enabled = living.inside("systemctl", "is-enabled", *UNITS, "netops.target").stdout.split()
    assert enabled == ["enabled"] * (len(UNITS) + 1)


def test_the_second_run_changes_nothing_and_a_probe_at_a_site_joins(living, site) -> None:
    """The core stands; beside it a machine that gets the probe alone, and its token from the core."""
    living.site = site
    counts = living.play()

    assert (counts["changed"], living.changed()) == (0, [])
    changed = living.changed("site")
    assert {"Make a key here, and show the token with it", "Install the units", "Use this release"} <= set(changed)
    assert [line.split()[0] for line in living.as_user("netops", "netops", "probe", "members").stdout.splitlines()] == [
        "site-7"
    ]
    placed = (site.root / "etc/systemd/system").glob("netops*")
    units = sorted(path.name for path in placed if path.is_file())
    assert units == ["netops-probe.service", "netops.target"]
    assert site.inside("stat", "--format=%a %U %n", "/var/lib/netops", "/var/lib/netops/keys/probe.key").stdout == (
        "700 netops-probe /var/lib/netops\n600 netops-probe /var/lib/netops/keys/probe.key\n"
    )
    assert sorted(site.inside("sh", "-c", "getent passwd | grep ^netops | cut -d: -f1").stdout.split()) == [
        "netops-probe"
    ]


def test_what_the_probe_at_the_site_sees_becomes_the_cores(living, site) -> None:
    """As its unit would run it: looked at, kept, handed in, sealed."""
    script = """
        netops --config /etc/netops/netops.toml up probe 2>/tmp/said & pid=$!
        for _ in $(seq 300); do grep -q "^probe ready" /tmp/said && break; sleep 0.1; done
        grep "^probe ready" /tmp/said || { cat /tmp/said; exit 1; }
        sleep 12; kill -TERM $pid; wait $pid
    """
    said = site.inside("runuser", "-u", "netops-probe", "--", "bash", "-euc", script, check=False)
    assert said.stdout == "probe ready\n", said.stdout + said.stderr
    assert told_of(living, "site-7/probe")["answered"] >= 1


def told_of(living, device: str) -> dict[str, int]:
    """Wait until the core has an answered poll of this device; return how many polls by outcome."""
    end = time.monotonic() + 60
    while True:
        told = living.as_user("netops", "/opt/netops/current/bin/python", "-c", OUTCOMES, device, check=False)
        found = json.loads(told.stdout or "{}")
        if found.get("answered"):
            return found
        assert time.monotonic() < end, told.stderr
        time.sleep(1)


@pytest.mark.parametrize("service", ["ssh", "trap", "acs", "probe", "intake"])
def test_what_is_optional_is_well(living, service: str) -> None:
    """Its listener answers, what it looks at is seen: from its user, through its sandbox, on loopback."""
    unit = f"netops-{service}.service"
    assert living.shown(unit, "ActiveState", "NRestarts") == {"ActiveState": "active", "NRestarts": "0"}
    said = living.inside("journalctl", "-u", unit, "-o", "cat", "--no-pager").stdout
    assert f"{service} ready" in said
    assert [line for line in said.splitlines() if '"level": "error"' in line or '"level": "critical"' in line] == []
    if service in KNOCKS:
        assert KNOCKS[service][1] in living.inside("python3", "-c", KNOCKS[service][0], check=False).stdout
    if service == "probe":
        assert told_of(living, "core/probe")["answered"] >= 1
        assert living.inside("cat", "/proc/sys/net/ipv4/ping_group_range").stdout.split() == ["0", "2147483647"]


@pytest.mark.parametrize(
    ("service", "places"),
    [
        ("core", ("spool", "keys", "staff", "register")),
        ("collect", (".", "register")),
        ("trap", (".", "register")),
        ("intake", (".", "register")),
        ("portal", (".", "register", "keys")),
        ("web", (".", "register", "keys")),
    ],
)
def test_not_even_root_writes_there_what_is_not_the_units(living, service: str, places: tuple[str, ...]) -> None:
    main = living.shown(f"netops-{service}.service", "MainPID")["MainPID"]
    for path in ("/etc/netops/mine", *(f"/var/lib/netops/{place}/mine" for place in places)):
        done = living.inside("nsenter", "--target", main, "--mount", "--", "touch", path, check=False)

        assert "Read-only file system" in done.stderr


@pytest.mark.parametrize("user", ["netops-web", "netops-portal", "netops-intake", "netops-trap", "netops"])
def test_who_is_broken_into_gets_neither_the_key_nor_another_spool(living, user: str) -> None:
    """As the unit's user, outside of its sandbox even: the key by any way, and every spool but its own."""
    core = living.shown("netops-core.service", "MainPID")["MainPID"]
    given = "run/credentials/netops-core.service/evidence.key"
    assert living.inside("cat", f"/{given}").stdout.startswith("PRIVATE+KEY+"), "it is there to be got"
    for path in (KEY, f"/{given}", f"/proc/{core}/root/{given}", f"/proc/{core}/environ", f"/proc/{core}/mem"):
        done = living.as_user(user, "head", "-c", "1", path, check=False)
        assert (done.stdout, done.returncode) == ("", 1), path
        assert "ermission denied" in done.stderr

    own = "cli" if user == "netops" else user.removeprefix("netops-")
    acts = [
        act.format(f"/var/lib/netops/spool/{name}.db")
        for name in {"collect", "portal", "web", "cli"} - {own}
        for act in ("printf x >>{0}", "printf x >>{0}-wal", "printf x >>{0}-shm", ": <{0}.lock", "rm -f {0}",
                    "mv {0} {0}.old", "touch {0}-journal", "ln -s /etc/passwd {0}.more", "chmod 666 {0}",
                    "mv /var/lib/netops/spool /var/lib/netops/spool.old")
    ]  # fmt: skip
    script = "".join(f"({act}) 2>&1 && echo DONE || true\n" for act in acts)
    told = living.as_user(user, "sh", "-c", script).stdout.splitlines()
    assert len(told) == len(acts), told
    assert [line for line in told if "ermission denied" not in line and "not permitted" not in line] == []


POST = "import urllib.request as u, urllib.error as e\n"
POST += (
    "try: print(u.urlopen(u.Request('http://127.0.0.1:{}', data=b'x')).status)\nexcept e.HTTPError as r: print(r.code)"
)
KNOCKS = {
    "acs": (POST.format("7547/"), "40"),
    "intake": (POST.format("8443/v1/nothing"), "404"),
    "trap": ("print([line.split()[1] for line in open('/proc/net/udp')])", ":00A2'"),
}
OUTCOMES = """
import json, sys
from collections import Counter
from pathlib import Path
from netops import clock, config
from netops.store import open_store
with open_store(config.load(Path("/etc/netops/netops.toml"))) as store:
    now = clock.SYSTEM.now_ms()
    found = store.outcomes(start_ms=now - 3_600_000, end_ms=now, device=sys.argv[1])
    print(json.dumps(Counter(each.outcome for each in found)))
"""
CITY = {
    "sites.csv": "id,name,area,address,longitude,latitude,gateway,tags\nwanliu-park,万柳公园,110108012,,,,,\n",
    "carriers.yaml": "carriers:\n  - id: carrier-a\n    name: 甲运营商\n",
    "services.csv": "id,kind,carrier,site,role,device,subject,parent,tags\n",
    "devices.csv": "id,name,site,carrier,role,profile,address,port,credential,mac,serial,parent,tags\n"
    "agent,代理,wanliu-park,carrier-a,router,standard,127.0.0.1,161,wlan,,,,\n",
}
LEAVES = """
from pathlib import Path
from netops.ledger import LedgerReader
with LedgerReader(Path("/var/lib/netops/ledger.db")) as ledger:
    print(sum(leaf.fact.body["polls"] for leaf in ledger.find("raw_chunk")), ledger.latest().size, ledger.size)
"""
LOOK = """
import http.cookiejar, re, sys, urllib.parse, urllib.request
word, path = sys.argv[1:]
jar = http.cookiejar.CookieJar()
door = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
base = "http://127.0.0.1:8080"
def send(path, **form):
    return door.open(base + path, urllib.parse.urlencode(form).encode() if form else None).read().decode()
page = send("/login", name="wang.min", password=word, next="/")
token = re.search(r'name="csrf" value="([0-9a-f]+)"', page).group(1)
new = "a long phrase of 7 words"
send("/password", csrf=token, old=word, new=new, again=new)
page = send(path)
print(page, send(re.search(r'href="(/reading/[^"/]+/[0-9]+)"', page).group(1)))
"""


def test_a_poll_becomes_a_leaf_and_the_page_shows_it(living) -> None:
    """Through every boundary: asked by one user, sealed by another, shown by a third under an account of a fourth's."""
    for name, text in CITY.items():
        living.inside("sh", "-euc", f"mkdir -p /tmp/city/contracts; cat >/tmp/city/{name}", input=text)
    living.inside("systemctl", "start", "snmpd.service")
    living.as_user("netops", "netops", "inventory", "apply", "/tmp/city", cwd="/")
    said = living.as_user("netops", "netops", "staff", "add", "wang.min", "--role", "operator").stdout
    word = said.splitlines()[0].rpartition(" ")[2]

    told_of(living, "agent")
    python = "/opt/netops/current/bin/python"
    end = time.monotonic() + 150
    before = polls = None
    while before is None or polls <= before:  # a chunk that was begun before the device was asked may lack it
        assert time.monotonic() < end, living.inside("journalctl", "--no-pager", "-n", "60").stdout
        time.sleep(2)
        told = living.as_user("netops", python, "-c", LEAVES, check=False).stdout.split()
        polls = int(told[0]) if told else 0
        before = polls if before is None else before
    page = living.inside("python3", "-c", LOOK, word, "/device/agent").stdout
    assert "代理" in page
    assert "system.uptime" in page
    assert "netops-web" not in living.inside("journalctl", "-p", "err", "-o", "cat", "--no-pager").stdout
    found = json.loads(living.as_user("netops", "netops", "doctor", "--json").stdout)
    assert [each for each in found if each["level"] == "wrong"] == []


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_the_spool_of_a_service_that_is_gone_is_read(living, how: str) -> None:
    """What the staff's pages stated is taken by the core and seen by the command line, whoever of them lives."""
    unit = "netops-web.service"
    if how == "stopped":
        living.inside("systemctl", "stop", unit)
    else:
        living.inside("systemctl", "kill", "--signal=KILL", unit)
    told = living.as_user("netops", "netops", "approve", "list", "--all")
    assert told.returncode == 0
    read = "import pathlib, sys; from netops import spool; spool.read(pathlib.Path(sys.argv[1]), after=0, limit=9)"
    python = ("/opt/netops/current/bin/python", "-c", read, "/var/lib/netops/spool/web.db")
    living.as_user("netops-core", *python)
    assert "cannot be read" in living.as_user("netops-portal", *python, check=False).stderr
    living.inside("systemctl", "start", unit)

    assert living.shown(unit, "ActiveState") == {"ActiveState": "active"}


@pytest.mark.parametrize(
    ("port", "answer", "text"),
    [(8080, 200, "证"), (8081, 403, "WiFi")],  # whoever asks the portal from here came by no visitor interface
    ids=["staff", "visitors"],
)
def test_the_pages_answer(living, port: int, answer: int, text: str) -> None:
    page = living.inside("python3", "-c", ASK, f"http://127.0.0.1:{port}/").stdout

    assert page.startswith(f"{answer} ")
    assert text in page


TRY = """
import argon2, duckdb, pyarrow, pyarrow.parquet, pysnmp.hlapi, netmiko, zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
place = "/var/lib/netops/try.parquet"
rows = pyarrow.table({"n": list(range(100_000)), "t": [f"row {n % 97}" for n in range(100_000)]})
pyarrow.parquet.write_table(rows, place, compression="zstd")
found = duckdb.sql(f"select count(distinct t), sum(n), quantile_cont(n, 0.95) from '{place}'").fetchall()[0]
argon2.PasswordHasher().verify(argon2.PasswordHasher().hash("a"), "a")
key = Ed25519PrivateKey.generate()
key.public_key().verify(key.sign(b"a"), b"a")
zstandard.decompress(zstandard.compress(b"a" * 100_000))
print("found", *found)
"""


def test_the_libraries_work_inside_the_sandbox(living) -> None:
    """Parquet, DuckDB, argon2 and signatures under the unit's own restrictions: no writable code, few system calls."""
    unit = (living.root / "etc/systemd/system/netops-core.service").read_text(encoding="utf-8")
    unit = re.sub(r"^(Restart|WatchdogSec|NotifyAccess)\b.*\n", "", unit, flags=re.MULTILINE)
    unit = unit.replace("Type=notify", "Type=oneshot")
    unit = re.sub(
        r"^ExecStart=.*", "ExecStart=/opt/netops/current/bin/python /var/lib/netops/try.py", unit, flags=re.MULTILINE
    )
    for path, text in (("/var/lib/netops/try.py", TRY), ("/run/systemd/system/try.service", unit)):
        living.inside("tee", path, input=text)
    living.inside("chown", "netops-core:", "/var/lib/netops/try.py")
    living.inside("systemctl", "daemon-reload")
    living.inside("systemctl", "start", "try.service", check=False)
    said = living.inside("journalctl", "-u", "try.service", "-o", "cat", "--no-pager").stdout

    assert "found 97 4999950000" in said
    living.inside("sh", "-c", "rm /var/lib/netops/try.*")


def test_the_gate_has_its_table_and_the_portal_reaches_it(living) -> None:
    assert "netops" in living.inside("nft", "list", "tables").stdout
    asked = """
import json, socket
with socket.socket(socket.AF_UNIX) as link:
    link.connect("/run/netops-gate/gate.sock")
    link.sendall(b'{"verb":"ready"}\\n')
    print(link.makefile().readline())
"""
    assert json.loads(living.as_user("netops-portal", "python3", "-c", asked).stdout)["interfaces"] == ["vlan.10"]
    for user in ("nobody", "netops", "netops-web", "netops-collect"):
        assert "PermissionError" in living.as_user(user, "python3", "-c", asked, check=False).stderr


def test_a_newer_checkout_is_an_upgrade(living) -> None:
    """The dry run tells it and does nothing; the run installs it beside the old release and restarts the services."""
    setup = living.work / "checkout" / "setup.cfg"
    setup.write_text(setup.read_text(encoding="utf-8").replace("\nversion = ", "\nversion = 9."), encoding="utf-8")
    living.settings["city"] = {"name": "proof", "title": "Renamed"}

    def processes() -> dict[str, str]:
        return {unit: living.shown(unit, "MainPID")["MainPID"] for unit in UNITS}

    before = processes(), living.releases()

    living.play("--check", "--limit=room")
    assert {"Say that a new release would be installed", "Use this release"} <= set(living.changed())
    assert (processes(), living.releases()) == before

    public = living.inside("cat", "/var/lib/netops/keys/evidence.vkey").stdout
    living.more["netops_key_encrypted"] = True
    living.play("--limit=room")
    assert {"Restart the services", "Write the settings", "Use this release"} <= set(living.changed())
    assert "Encrypt the signing key for this machine alone" in living.changed()
    assert living.inside("cat", "/var/lib/netops/keys/evidence.vkey").stdout == public
    assert living.releases() > before[1]
    assert not set(processes().items()) & set(before[0].items())
    assert living.as_user("netops", "netops", "--version").stdout.startswith("netops 9.")
    assert "Renamed" in living.inside("python3", "-c", ASK, "http://127.0.0.1:8080/").stdout


def test_a_supervisor_that_hangs_is_ended_by_the_watchdog(living) -> None:
    unit = "netops-web.service"
    living.inside("mkdir", "-p", f"/run/systemd/system/{unit}.d")
    soon = f"printf '[Service]\\nWatchdogSec=2\\nRestartSec=0\\n' >/run/systemd/system/{unit}.d/soon.conf"
    living.inside("sh", "-c", f"{soon}; systemctl daemon-reload; systemctl restart {unit}")
    living.inside("systemctl", "kill", "--kill-whom=main", "--signal=STOP", unit)
    end = time.monotonic() + 60
    while living.shown(unit, "NRestarts", "ActiveState") != {"NRestarts": "1", "ActiveState": "active"}:
        assert time.monotonic() < end
        time.sleep(0.5)

    assert "watchdog" in living.inside("journalctl", "-u", unit, "-o", "cat", "--no-pager").stdout.lower()
    living.inside("sh", "-c", f"rm -r /run/systemd/system/{unit}.d; systemctl daemon-reload")


def test_the_key_is_then_kept_encrypted_for_this_machine_alone(living) -> None:
    """The core signs on with the same key; the plain one is gone, and the next run changes nothing, at the site too."""
    assert living.inside("test", "-e", KEY, check=False).returncode == 1
    assert "PRIVATE" not in living.inside("cat", "/etc/netops/evidence.key.cred").stdout
    assert living.shown("netops-core.service", "ActiveState") == {"ActiveState": "active"}
    before = int(living.as_user("netops", "/opt/netops/current/bin/python", "-c", LEAVES).stdout.split()[1])
    living.inside("systemctl", "restart", "netops-core.service")  # its stop writes a checkpoint over all leaves
    assert int(living.as_user("netops", "/opt/netops/current/bin/python", "-c", LEAVES).stdout.split()[1]) > before
    assert (living.play("--limit=room")["changed"], living.changed()) == (0, [])


def test_it_stops_cleanly(living) -> None:
    living.inside("systemctl", "stop", "netops.target", *UNITS)

    for unit in UNITS:
        shown = living.shown(unit, "ActiveState", "Result", "ExecMainStatus")
        assert shown == {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}
    assert "netops" in living.inside("nft", "list", "tables").stdout, "who is in stays in"
