"""Debian's sshd, a private instance on a free port with keys of its own, whose ForceCommand plays a device."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import sys
import time
from pathlib import Path

import asyncssh
import pytest
import ssh_device

from collectors.ssh.by_asyncssh import Asyncssh
from collectors.ssh.by_netmiko import Netmiko
from netops.model import Reason

pytestmark = [pytest.mark.partner("sshd"), pytest.mark.root]

SHELL = """
import os, subprocess, sys
wanted = os.environ.get("SSH_ORIGINAL_COMMAND")
if wanted is not None:
    sys.exit(subprocess.run(["sh", "-c", wanted], env={{"PATH": {tools!r} + ":/usr/bin:/bin"}}).returncode)
table = {table!r}
out = sys.stdout
out.write("Info: this is a device.\\n<ac-1>")
out.flush()
for line in sys.stdin:
    said = line.strip()
    if said == "quit":
        break
    out.write((table if said == "display ap all" else "") + "<ac-1>")
    out.flush()
"""
UBUS = """#!/bin/sh
case "$*" in
"call iwinfo devices") echo '{"devices": ["wlan0", "wlan1"]}' ;;
*wlan0*) echo '{"bssid":"0A:0B:0C:00:00:01","ssid":"city","mode":"Master","channel":6,"noise":-95,"txpower":20}' ;;
*wlan1*) echo '{"bssid":"0A:0B:0C:00:00:02","ssid":"city","mode":"Master","channel":36,"noise":0,"txpower":23}' ;;
*) echo 'Command failed: Not found' >&2; exit 4 ;;
esac
"""


@pytest.fixture(scope="module")
def sshd(tmp_path_factory):
    """Where it listens, its host keys, and the private key that it lets in."""
    room = tmp_path_factory.mktemp("sshd")
    host = {kind: asyncssh.generate_private_key(kind) for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256")}
    for kind, key in host.items():
        path = room / f"host-{kind}"
        key.write_private_key(str(path))
        path.chmod(0o600)
    mine = asyncssh.generate_private_key("ssh-ed25519")
    mine.write_public_key(str(room / "authorized"))
    tools = room / "tools"
    tools.mkdir()
    (tools / "ubus").write_text(UBUS)
    (tools / "ubus").chmod(0o755)
    table = ssh_device.aps(200).replace("\r\n", "\n")
    (room / "device.py").write_text(SHELL.format(tools=str(tools), table=table))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    keys = "".join(f"HostKey {room}/host-{kind}\n" for kind in host)
    (room / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\n{keys}PidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin yes\n"
        f"AuthorizedKeysFile {room}/authorized\nPasswordAuthentication no\n"
        f"ForceCommand {sys.executable} -u {room}/device.py\n"
        "MaxStartups 300\nLogLevel VERBOSE\nPrintMotd no\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    with (room / "log").open("wb") as log:
        process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", room / "sshd_config"], stderr=log)
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port, host, mine, room / "log"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(params=["asyncssh", "netmiko"])
def transport(request):
    made = Asyncssh(sessions=20) if request.param == "asyncssh" else Netmiko(threads=4)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def visit(sshd, errand):
    """A function that makes an errand to the sshd, with its key unless others are given."""
    port, host, key, _ = sshd
    me = pwd.getpwuid(os.geteuid()).pw_name

    def make(*keys, phrase="", **words):
        written = key.export_private_key(passphrase=phrase or None, rounds=50).decode()
        known = keys or tuple(each.get_fingerprint() for each in host.values())
        return errand(port, *known, user=me, password="", key=written, passphrase=phrase, **words)

    return make


def test_a_long_table_comes_whole_through_a_real_terminal(visit, carried, transport):
    (came,) = carried(transport, visit())

    assert came.failed is None
    (taken,) = came.visited.taken
    assert (taken.failed, len(taken.rows)) == (None, 200)


def test_the_kind_of_the_known_key_is_asked_for(sshd, visit, carried, transport):
    """The machine has two keys; the register has the line of one."""
    line = " ".join(sshd[1]["ecdsa-sha2-nistp256"].export_public_key().decode().split()[:2])
    (came,) = carried(transport, visit(line))

    assert came.failed is None


def test_a_key_with_a_passphrase_is_opened(visit, carried, transport):
    (came,) = carried(transport, visit(phrase="a phrase"))

    assert came.failed is None


def test_a_stranger_is_not_told_who_we_are(sshd, visit, carried, transport):
    before = sshd[3].read_text()
    (came,) = carried(transport, visit("SHA256:" + "a" * 43))
    after = sshd[3].read_text().removeprefix(before)

    assert came.failed.reason is Reason.HOST_KEY
    assert "publickey" not in after
    assert "Accepted" not in after


def test_json_of_a_command_that_ran_is_read(visit, carried, transport):
    (came,) = carried(transport, visit(dialect="openwrt", reads=("openwrt_devices", "openwrt_radios")))

    assert came.failed is None
    devices, *radios = came.visited.taken
    assert [row["DEVICE"] for row in devices.rows] == ["wlan0", "wlan1"]
    assert [row["CHANNEL"] for each in radios for row in each.rows] == ["6", "36"]
