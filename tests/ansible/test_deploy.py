"""The playbook against a bare Debian 12: twice, then under a real systemd with the whole sandbox on."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("captive_portal", "collectors", "dashboards", "inventory", "netops")
CAP_NET_ADMIN = 1 << 12
UNITS = ("netops.service", "netops-gate.service")
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
    """The room after the first run."""
    counts = room.play()
    assert counts["changed"] > 10
    return room


def test_the_second_run_changes_nothing(deployed) -> None:
    counts = deployed.play()

    assert (counts["changed"], deployed.changed()) == (0, [])


def test_the_installed_wheel_brings_every_file_of_the_checkout(deployed) -> None:
    """Profiles, templates, styles, texts, migrations, area codes, rulesets: nothing may be left behind."""
    packages = next((deployed.root / "opt/netops").glob("releases/*/lib/python3.11/site-packages"))
    for name in PACKAGES:
        source = deployed.work / "checkout" / name
        wanted = {str(path.relative_to(source)): path.read_bytes() for path in source.rglob("*") if path.is_file()}
        found = {each: (packages / name / each).read_bytes() for each in wanted if (packages / name / each).exists()}

        assert wanted == found
    assert not list(packages.glob("__editable__*")), "it runs from the wheel, not from a checkout"


def test_what_is_secret_is_the_services_alone(deployed) -> None:
    listed = deployed.inside(
        "stat", "--format=%a %U %G %n", "/etc/netops/netops.toml", "/etc/netops/secrets/wlan", "/var/lib/netops",
        "/var/lib/netops/keys/evidence.key", "/opt/netops/current/bin/netops",
    ).stdout.splitlines()  # fmt: skip

    assert listed == [
        "640 root netops /etc/netops/netops.toml",
        "640 root netops /etc/netops/secrets/wlan",
        "700 netops netops /var/lib/netops",
        "600 netops netops /var/lib/netops/keys/evidence.key",
        "755 root root /opt/netops/current/bin/netops",
    ]


def test_the_command_works_for_the_service(deployed) -> None:
    version = re.search(r"^version = (.+)$", (ROOT / "setup.cfg").read_text(encoding="utf-8"), re.MULTILINE)
    assert version

    assert deployed.as_service("netops", "--version").stdout.strip() == f"netops {version.group(1)}"
    found = json.loads(deployed.as_service("netops", "doctor", "--json").stdout)
    assert {each["what"] for each in found} >= {"database inventory", "signing key", "sqlite (apsw)"}
    assert {each["what"]: each["said"] for each in found}["configuration"] == "/etc/netops/netops.toml"
    assert [each for each in found if each["level"] == "wrong"] == []


def test_somebody_else_is_told_what_is_not_theirs(deployed) -> None:
    told = deployed.inside("runuser", "-u", "nobody", "--", "netops", "config", "show", check=False)

    assert (told.returncode, "Traceback" in told.stderr) == (2, False)
    assert "/etc/netops/conf.d: not yours to read; run as the instance's user" in told.stderr


def test_the_core_becomes_ready_and_stops(deployed) -> None:
    script = """
        netops --config /etc/netops/netops.toml up core 2>/tmp/said & pid=$!
        for _ in $(seq 300); do grep -q "^core ready" /tmp/said && break; sleep 0.1; done
        grep "^core ready" /tmp/said || { cat /tmp/said; exit 1; }
        kill -TERM $pid; wait $pid
    """
    assert deployed.as_service("bash", "-euc", script).stdout == "core ready\n"


@pytest.mark.parametrize("unit", UNITS)
def test_the_installed_unit_verifies_and_is_shut_in(deployed, unit: str) -> None:
    told = deployed.inside("systemd-analyze", "verify", "--man=no", f"/etc/systemd/system/{unit}")
    assert told.stdout + told.stderr == ""

    said = deployed.inside("systemd-analyze", "security", "--offline=true", f"/etc/systemd/system/{unit}").stdout
    score = re.search(r"Overall exposure level for \S+: (\d+\.\d+)", said)
    assert score
    assert float(score.group(1)) <= 1.5


def test_systemd_starts_both_units_with_their_sandbox_on(living) -> None:
    living.inside("systemctl", "start", *UNITS)

    for unit, capabilities in zip(UNITS, (0, CAP_NET_ADMIN), strict=True):
        shown = living.shown(unit, "ActiveState", "Result", "NRestarts", "MainPID", "WatchdogTimestampMonotonic")
        status = living.inside("cat", f"/proc/{shown['MainPID']}/status").stdout
        lines = dict(line.split(":\t", 1) for line in status.splitlines())
        assert (shown["ActiveState"], shown["Result"], shown["NRestarts"]) == ("active", "success", "0")
        assert int(shown["WatchdogTimestampMonotonic"]) > 0
        assert int(lines["CapEff"], 16) == int(lines["CapBnd"], 16) == capabilities
        assert (lines["NoNewPrivs"], lines["Seccomp"]) == ("1", "2")
    assert living.inside("systemctl", "is-enabled", *UNITS).stdout.split() == ["enabled", "enabled"]


def test_not_even_root_writes_outside_the_data_directory_there(living) -> None:
    main = living.shown("netops.service", "MainPID")["MainPID"]
    done = living.inside("nsenter", "--target", main, "--mount", "--", "touch", "/etc/netops/mine", check=False)

    assert "Read-only file system" in done.stderr


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
    unit = (living.root / "etc/systemd/system/netops.service").read_text(encoding="utf-8")
    unit = re.sub(r"^(Restart|WatchdogSec|NotifyAccess)\b.*\n", "", unit, flags=re.MULTILINE)
    unit = unit.replace("Type=notify", "Type=oneshot")
    unit = re.sub(
        r"^ExecStart=.*", "ExecStart=/opt/netops/current/bin/python /var/lib/netops/try.py", unit, flags=re.MULTILINE
    )
    for path, text in (("/var/lib/netops/try.py", TRY), ("/run/systemd/system/try.service", unit)):
        living.inside("tee", path, input=text)
    living.inside("chown", "netops:", "/var/lib/netops/try.py")
    living.inside("systemctl", "daemon-reload")
    living.inside("systemctl", "start", "try.service", check=False)
    said = living.inside("journalctl", "-u", "try.service", "-o", "cat", "--no-pager").stdout

    assert "found 97 4999950000" in said


def test_the_gate_has_its_table_and_the_portal_reaches_it(living) -> None:
    assert "netops" in living.inside("nft", "list", "tables").stdout
    asked = """
import json, socket
with socket.socket(socket.AF_UNIX) as link:
    link.connect("/run/netops-gate/gate.sock")
    link.sendall(b'{"verb":"ready"}\\n')
    print(link.makefile().readline())
"""
    assert json.loads(living.as_service("python3", "-c", asked).stdout)["interfaces"] == ["vlan.10"]
    assert (
        "PermissionError" in living.inside("runuser", "-u", "nobody", "--", "python3", "-c", asked, check=False).stderr
    )


def test_a_newer_checkout_is_an_upgrade(living) -> None:
    """The dry run tells it and does nothing; the run installs it beside the old release and restarts the services."""
    setup = living.work / "checkout" / "setup.cfg"
    setup.write_text(setup.read_text(encoding="utf-8").replace("\nversion = ", "\nversion = 9."), encoding="utf-8")
    living.settings["city"] = {"name": "proof", "title": "Renamed"}
    before = living.shown("netops.service", "MainPID"), living.releases()

    living.play("--check")
    assert {"Say that a new release would be installed", "Use this release"} <= set(living.changed())
    assert (living.shown("netops.service", "MainPID"), living.releases()) == before

    living.play()
    assert {"Restart the services", "Write the settings", "Use this release"} <= set(living.changed())
    assert living.releases() > before[1]
    assert living.shown("netops.service", "MainPID") != before[0]
    assert living.as_service("netops", "--version").stdout.startswith("netops 9.")
    assert "Renamed" in living.inside("python3", "-c", ASK, "http://127.0.0.1:8080/").stdout


def test_a_supervisor_that_hangs_is_ended_by_the_watchdog(living) -> None:
    living.inside("mkdir", "-p", "/run/systemd/system/netops.service.d")
    soon = "printf '[Service]\\nWatchdogSec=2\\nRestartSec=0\\n' >/run/systemd/system/netops.service.d/soon.conf"
    living.inside("sh", "-c", f"{soon}; systemctl daemon-reload; systemctl restart netops.service")
    living.inside("systemctl", "kill", "--kill-whom=main", "--signal=STOP", "netops.service")
    end = time.monotonic() + 60
    while living.shown("netops.service", "NRestarts", "ActiveState") != {"NRestarts": "1", "ActiveState": "active"}:
        assert time.monotonic() < end
        time.sleep(0.5)

    assert "watchdog" in living.inside("journalctl", "-u", "netops.service", "-o", "cat", "--no-pager").stdout.lower()


def test_it_stops_cleanly(living) -> None:
    living.inside("systemctl", "stop", *UNITS)

    for unit in UNITS:
        shown = living.shown(unit, "ActiveState", "Result", "ExecMainStatus")
        assert shown == {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}
    assert "netops" in living.inside("nft", "list", "tables").stdout, "who is in stays in"
