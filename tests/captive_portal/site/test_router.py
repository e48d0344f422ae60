"""A router with openNDS far away, by the file that `netops portal new-site` wrote for it: its visitor is let in."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from netops.cli import main

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parents[1]
GUIDE = ROOT / "docs" / "how-to" / "set-up-a-site.md"
MAC, CLIENT4, ROUTER4, PORTAL4 = "02:11:22:33:44:55", "10.77.0.10", "203.0.113.1", "203.0.113.2"
NAME, PORT = "wifi.city.example", 8443
CERTIFICATE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    f" -subj /CN={NAME} -addext subjectAltName=DNS:{NAME} -keyout key.pem -out ca.pem"
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.partner("nft", "ip", "curl", "opennds", "php"),
    pytest.mark.timeout(240),
]


def words(folder: Path) -> list[str]:
    """Return the how-to's command for a router, with the places and addresses of this test."""
    blocks = re.findall(r"^```console\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (command,) = (each for each in blocks if "--gateway fas" in each)
    places = {
        "~/my-city": f"{folder}/my-city",
        "/etc/netops/wifi.pem": f"{folder}/ca.pem",
        "/etc/netops/wifi.key": f"{folder}/key.pem",
        "198.51.100.7": ROUTER4,
        "10.10.0.0/24": "10.77.0.0/24",
    }
    for written, here in places.items():
        assert written in command
        command = command.replace(written, here)
    netops, *rest = shlex.split(command.replace("\\\n", " "))
    assert netops == "netops"
    return rest


def test_a_router_with_the_printed_file_lets_in_whom_the_portal_names(network, eventually, capsys) -> None:
    folder: Path = network.folder
    file = folder / "etc" / "netops.toml"
    subprocess.run(shlex.split(CERTIFICATE), cwd=folder, check=True, capture_output=True)
    assert main(["init", "--config", str(file), "--data", str(folder / "data")]) == 0
    assert main(["--config", str(file), *words(folder)]) == 0
    assert main(["--config", str(file), "inventory", "apply", str(folder / "my-city")]) == 0
    capsys.readouterr()
    assert main(["--config", str(file), "check"]) == 0, capsys.readouterr().out
    written = (folder / "etc" / "sites" / "tea-house" / "opennds.conf").read_text(encoding="utf-8")
    said = written.replace("#GatewayInterface br-visitors", f"GatewayInterface {network.visitor}")
    said = said.replace("#fasremoteip 192.0.2.2", f"fasremoteip {PORTAL4}") + "dhcp_default_url_enable 0\n"
    for name in ("opennds.conf", "authmon.conf"):
        (folder / name).write_text(said, encoding="utf-8")
    (folder / "hosts").write_text(f"127.0.0.1 localhost\n{PORTAL4} {NAME}\n", encoding="utf-8")
    (folder / "bin").mkdir()
    shutil.copy(HERE / "run_iptables.sh", folder / "bin" / "iptables")
    network.start_internet()
    hosts = f"mount --make-rprivate / && mount --bind {folder}/hosts /etc/hosts"
    start = f"{hosts} && exec {HERE}/run_opennds.sh {folder} {ROOT}"
    network.start("opennds", network.gateway, "unshare", "-m", "sh", "-c", start)
    inside = ("nsenter", "-t", str(network._running["opennds"].pid), "-m")
    lease = f"1999999999 {MAC} {CLIENT4} phone *"
    network.run(network.gateway, *inside, "sh", "-c", f"echo '{lease}' > /tmp/dhcp.leases")
    service = (sys.executable, str(HERE / "run_service.py"), "portal", str(file))
    network.start("portal", network.internet, *service)
    fixed = ("-sS", "--max-time", "20", "-4", "--cacert", str(folder / "ca.pem"))

    def ask(*more: str) -> str:
        resolved = ("--resolve", f"{NAME}:{PORT}:{PORTAL4}")
        return str(network.run(network.client, "curl", *fixed, *resolved, *more, check=False).stdout)

    def captured() -> str:
        return ask("-o", os.devnull, "-w", "%{redirect_url}", f"http://{PORTAL4}/page")

    try:
        eventually(lambda: captured().startswith(f"https://{NAME}:{PORT}/?fas="), 40)
        token = re.search(r'name="token" value="([^"]+)"', ask("-L", captured()))
        assert token
        sent = ("-d", f"token={token[1]}", "-d", "method=click_through")
        pressed = ask("-o", os.devnull, "-w", "%{http_code}", *sent, f"https://{NAME}:{PORT}/login")

        assert pressed == "303"
        eventually(lambda: ask(f"http://{PORTAL4}/").startswith("internet"), 40)
    finally:
        network.stop("portal", signal.SIGKILL)
        network.stop("opennds", signal.SIGKILL)


def test_the_words_of_the_how_to_are_those_of_the_command(tmp_path) -> None:
    from captive_portal import commands

    parser = argparse.ArgumentParser()
    commands.arguments(parser)

    assert parser.parse_args(words(tmp_path)[1:]).gateway == "fas"
