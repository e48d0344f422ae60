"""The main job, end to end: a month of polls becomes sealed verdicts and a bundle that a stranger recomputes."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import pytest

from netops.evidence import canonical
from netops.ledger import LedgerReader
from tests.system.conftest import CONTRACTS, NETOPS

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("rehearsal"), pytest.mark.timeout(1500)]


def told(bundle):
    with zipfile.ZipFile(bundle) as archive:
        return canonical.loads(archive.read("report.json"))


def objectives(content):
    return {
        each["objective"]: each for part in content["parts"] for item in part["items"] for each in item["objectives"]
    }


def run(*words):
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, timeout=300)


def test_a_month_is_told_judged_sealed_and_recomputed_by_a_bare_python(past, tmp_path):
    city = past
    city.closed()
    city.rest()
    reports = city.home / "reports"
    bundles = {contract: next(reports.glob(f"{contract}-*-r1.zip")) for contract in CONTRACTS}

    for bundle in bundles.values():
        done = run(NETOPS, "--config", city.home / "netops.toml", "audit", "verify", bundle)
        assert done.returncode == 0, done.stdout + done.stderr
        with zipfile.ZipFile(bundle) as archive:
            (tmp_path / "verify.py").write_bytes(archive.read("verify.py"))
            (tmp_path / "vkeys.txt").write_bytes(archive.read("vkeys.txt"))
        content = told(bundle)
        assert content["rehearsal"] is True
        assert content["parts"]

    alone = run(
        sys.executable, "-I", "-S", tmp_path / "verify.py", bundle, "--rehearsal", "--vkey", tmp_path / "vkeys.txt"
    )
    assert alone.returncode == 0, alone.stdout + alone.stderr

    raw = bytearray(bundle.read_bytes())
    raw[len(raw) // 2] ^= 1
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(raw)
    refused = run(NETOPS, "--config", city.home / "netops.toml", "audit", "verify", damaged)
    assert refused.returncode == 4, refused.stdout + refused.stderr

    # the planted maintenance of carrier C was approved beforehand, and is in force
    fiber = objectives(told(bundles["contract-carrier-c"]))["fiber-availability"]
    assert [claim["effect"] for claim in fiber["exclusions"]] == ["in_force"]
    # carrier B's controller was away for hours: its WiFi missed the target, and money is withheld
    assert objectives(told(bundles["contract-carrier-b"]))["wifi-availability"]["verdict"] == "missed"
    assert float(told(bundles["contract-carrier-b"])["credit"]["total"]) > 0
    # the three hours in which our own collector did not run are unknown
    assert all(float(each["unknown_shown"]) > 0.3 for each in objectives(told(bundles["contract-carrier-a"])).values())
    with LedgerReader(city.home / "ledger.db") as ledger:
        ledger.audit()
