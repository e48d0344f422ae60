"""A controller by RADIUS, by what `netops portal new-site` has written: radclient asks as the controller would."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from netops.cli import main

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
GUIDE = ROOT / "docs" / "how-to" / "set-up-a-site.md"
OURS, CONTROLLER, VISITOR = "192.0.2.2", "192.0.2.10", "10.8.0.5"
PAGE = "http://wifi.city.example:8081"
QUESTION = (
    "User-Name=02-11-22-33-44-55,User-Password=02-11-22-33-44-55,Calling-Station-Id=02-11-22-33-44-55,"
    f"Framed-IP-Address={VISITOR},Packet-Src-IP-Address={CONTROLLER},Message-Authenticator=0\n"
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.partner("ip", "curl", "radclient"),
    pytest.mark.timeout(180),
]


def words(folder: Path) -> list[str]:
    """Return the how-to's command for a controller by RADIUS, with the city's folder of this test."""
    blocks = re.findall(r"^```console\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (command,) = (each for each in blocks if "--gateway radius" in each)
    assert f"--from {CONTROLLER}" in command
    return shlex.split(command.replace("\\\n", " ").replace("~/my-city", f"{folder}/my-city"))[1:]


def test_a_controller_that_is_set_as_the_file_says_lets_in_who_has_logged_in(network, eventually, capsys) -> None:
    folder: Path = network.folder
    file, place = folder / "etc" / "netops.toml", network.internet
    assert main(["init", "--config", str(file), "--data", str(folder / "data")]) == 0
    assert main(["--config", str(file), *words(folder)]) == 0
    assert main(["--config", str(file), "inventory", "apply", str(folder / "my-city")]) == 0
    capsys.readouterr()
    assert main(["--config", str(file), "check"]) == 0, capsys.readouterr().out
    secret = (folder / "etc" / "secrets" / "ac-east.radius").read_text(encoding="utf-8").strip()
    for each in (OURS, CONTROLLER, VISITOR):
        network.run(place, "ip", "address", "add", f"{each}/32", "dev", "lo")
    network.start("nas", place, sys.executable, str(HERE / "run_nas.py"), CONTROLLER, secret)
    up = (sys.executable, "-c", "from netops.cli import main; main()", "--config", str(file), "up", "radius", "portal")
    network.start("up", place, *up, ready="")

    def ask() -> str:
        """Return what the server says to the controller's question about the device."""
        run = ["ip", "netns", "exec", place, "radclient", "-t", "2", "-r", "1", OURS, "auth", secret]
        return subprocess.run(run, input=QUESTION, capture_output=True, text=True, check=False, timeout=20).stdout

    def browse(*more: str) -> str:
        fixed = ("-sS", "--max-time", "20", "--interface", VISITOR, "--resolve", f"wifi.city.example:8081:{OURS}")
        return str(network.run(place, "curl", *fixed, *more, check=False).stdout)

    try:
        eventually(lambda: "Access-Reject" in ask() and 'name="token"' in browse(f"{PAGE}/"), 60)
        token = re.search(r'name="token" value="([^"]+)"', browse(f"{PAGE}/"))
        assert token
        sent = ("-d", f"token={token[1]}", "-d", "method=click_through", "-w", "%{http_code}", "-o", "/dev/null")

        assert browse(*sent, f"{PAGE}/login") == "303", "the controller has said yes to our Disconnect"
        assert "Access-Accept" in ask()
        assert "您已上网" in browse(f"{PAGE}/")
    finally:
        network.stop("up", signal.SIGTERM)
        network.stop("nas", signal.SIGKILL)
