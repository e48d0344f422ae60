"""The active probe logs in to the real portal, behind a real kernel, as a visitor's phone would."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.root, pytest.mark.partner("nft", "ip", "curl", "dnsmasq"), pytest.mark.timeout(120)]

GATEWAY4, INTERNET4 = "10.77.0.1", "203.0.113.2"


def look(city, tmp_path, **target):
    """Let the visitor's machine look at the target; return the record that would be archived."""
    given = {"kind": "login", "url": "http://detect.test/generate_204", "address": GATEWAY4, "timeout_s": 5} | target
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in given.items())
    settings = tmp_path / "probe.toml"
    settings.write_text(
        f'[data]\ndir = "{tmp_path}"\n[probe]\nvantage = "cafe"\n[probe.targets.door]\n{lines}', encoding="utf-8"
    )
    words = (sys.executable, "-m", "netops.cli", "--config", str(settings), "probe", "once", "--json")
    done = city.run(city.client, *words, check=False)
    assert done.returncode in (0, 5), done.stderr
    return json.loads(done.stdout)


def test_it_clicks_through_and_is_online(city, tmp_path):
    record = look(city, tmp_path, interface="eth0")

    assert record["stage"] == "online", record
    assert [each["stage"] for each in record["pages"]] == ["detect", "page", "sent", "sent", "check"]
    assert 0 < record["time_ns"] < 10_000_000_000
    assert city.curl(f"http://{INTERNET4}/generate_204", "-o", "/dev/null", "-w", "%{http_code}").stdout == "204"
    assert look(city, tmp_path)["stage"] == "already_online"


def test_a_voucher_opens_and_a_wrong_one_does_not(city, tmp_path):
    words = [sys.executable, "-m", "netops.cli", "--config", str(city.settings_file), "portal", "voucher", "create"]
    made = subprocess.run([*words, "--count", "1", "--minutes", "9"], capture_output=True, text=True, check=True)
    code = next(word for word in made.stdout.split() if word.count("-") == 2 and word.replace("-", "").isalnum())

    wrong = look(city, tmp_path, voucher="plain:AAAAA-BBBBB-CCCCC")
    right = look(city, tmp_path, voucher=f"plain:{code}")

    assert wrong["stage"] != "online"
    assert right["stage"] == "online", right
    assert code not in json.dumps(right)


def test_without_the_portal_nobody_answers(city, tmp_path):
    city.stop("portal")

    record = look(city, tmp_path, timeout_s=2)

    assert record["stage"] == "no_answer", record
