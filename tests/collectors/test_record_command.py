"""`netops record` walks a real agent gently and writes what replays to the same."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time

import pytest

from collectors import record_command
from collectors.recording import load
from netops import cli


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("RECORD_COMMUNITY", "public")
    (tmp_path / "netops.toml").write_text(
        f'[data]\ndir = "{tmp_path}"\n[discover]\nnetworks = "127.0.0.0/8"\n'
        '[credentials.main]\ncommunity = "env:RECORD_COMMUNITY"\n'
    )
    return tmp_path


@pytest.fixture
def snmpd(tmp_path):
    """A private net-snmp agent; yields its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "snmpd.conf").write_text("rocommunity public 127.0.0.1\nsysLocation secret street 7\n")
    program = shutil.which("snmpd") or "/usr/sbin/snmpd"
    words = [
        program,
        "-f",
        "-C",
        "-c",
        str(tmp_path / "snmpd.conf"),
        "-p",
        str(tmp_path / "pid"),
        f"udp:127.0.0.1:{port}",
    ]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, env={"SNMP_PERSISTENT_DIR": str(tmp_path)})
    time.sleep(1)
    assert process.poll() is None, (tmp_path / "log").read_text()
    yield port
    process.terminate()
    process.wait(10)


def record(place, *words):
    return cli.main(["--config", str(place / "netops.toml"), "record", *map(str, words)])


@pytest.mark.partner("snmpd")
def test_a_real_agent_is_recorded_with_pseudonyms(place, snmpd):
    port = snmpd
    words = ["127.0.0.1", "--port", port, "--credential", "main", "--rate", 20_000]
    assert record(place, *words, "-o", place / "whole.snmprec", "--as-it-is") == 0
    assert record(place, *words, "-o", place / "told.snmprec.bz2", "--anonymise") == 0
    whole = load(place / "whole.snmprec", wanted=((1, 3, 6, 1),)).agent.objects
    told = load(place / "told.snmprec.bz2", wanted=((1, 3, 6, 1),)).agent.objects

    assert len(whole) > 300
    assert len(told) > 100
    assert not any(oid[:9] == (1, 3, 6, 1, 2, 1, 25, 4, 2) for oid in told)
    location = (1, 3, 6, 1, 2, 1, 1, 6, 0)
    assert whole[location].value == b"secret street 7"
    assert told[location].value.startswith(b"text-")
    assert (place / "whole.snmprec").stat().st_mode & 0o077 == 0


def test_a_slip_of_the_words_is_said_before_anything_is_asked(place, capsys, monkeypatch):
    monkeypatch.setattr(record_command, "PATIENCE_S", 0.1)  # in which the kernel has long said that nobody listens
    for words, said in (
        (["10.9.9.9", "--credential", "main"], "is not within the networks"),
        (["olt.example", "--credential", "main"], "no numeric address"),
        (["127.0.0.1"], "--credential is missing"),
        (["127.0.0.1", "--credential", "mian"], "did you mean 'main'"),
        (["127.0.0.1", "--credential", "main", "--anonymise", "--as-it-is"], "exclude each other"),
    ):
        assert record(place, *words, "-o", place / "x.snmprec") == 2
        assert said in capsys.readouterr().err
    for name, said in (("x.txt", "ends in .snmprec"), ("nowhere/x.snmprec", "is no directory")):
        assert record(place, "127.0.0.1", "--credential", "main", "-o", place / name) == 2
        assert said in capsys.readouterr().err
    assert record(place, "127.0.0.1", "--credential", "main", "--port", 70_000, "-o", place / "x.snmprec") == 2
    assert "expected 1 to 65535" in capsys.readouterr().err
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:  # bound and closed: nothing listens there
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    assert record(place, "127.0.0.1", "--credential", "main", "--port", port, "-o", place / "x.snmprec") == 2
    assert f"nothing listens at UDP port {port}" in capsys.readouterr().err
    (place / "x.snmprec").write_text("")
    assert record(place, "127.0.0.1", "--credential", "main", "-o", place / "x.snmprec") == 2
    assert "not written over" in capsys.readouterr().err


def test_the_name_that_linux_says_in_its_description_is_hidden_and_does_not_forbid_the_recording(place):
    walk = place / "gateway.snmprec"
    walk.write_text(
        "1.3.6.1.2.1.1.1.0|4|Linux gw-library-07 5.4.0 #1 SMP armv7l\n"
        "1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.8072.3.2.10\n1.3.6.1.2.1.1.5.0|4|gw-library-07\n"
    )
    assert record(place, walk, "-o", place / "told.snmprec") == 0
    told = (place / "told.snmprec").read_text()
    assert "library" not in told
    described, _, named = (line.split("|")[2] for line in told.splitlines())
    assert described == f"Linux {named} 5.4.0 #1 SMP armv7l"
