"""`netops init` and what `netops doctor` says of its work."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from inventory.city import city_of
from inventory.model import Carrier, Contract, Device, Site
from inventory.register import Register
from netops import cli, config, founding
from netops.clock import SYSTEM
from netops.commands import demo, doctor, init
from netops.errors import ConfigError, NetopsError

NETOPS = Path(sys.executable).parent / "netops"


def found(*words):
    parser = argparse.ArgumentParser()
    init.arguments(parser)
    return init.run(parser.parse_args([*map(str, words)]), config.Settings())


@pytest.fixture
def file(tmp_path):
    return tmp_path / "etc" / "netops.toml"


def test_an_instance_is_founded_once_and_found_again(tmp_path, file, capsys):
    words = ("--config", file, "--data", tmp_path / "data", "--name", "haidian", "--title", '海淀 "网络" \\')
    found(*words)
    first = {path: path.read_bytes() for path in tmp_path.rglob("*.key")}
    assert len(first) == 1 + len(founding.SECRETS)
    found(*words)

    settings = config.load(file, environ={})
    assert (settings.city.name, settings.city.title) == ("haidian", '海淀 "网络" \\')
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.key")} == first
    assert "is there already; it stays as it is" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--name", "my city"), "'city.name' is 'my city'"),
        (("--name", 'a"b'), "'city.name'"),
        (("--timezone", "Asia/Peking"), "'Asia/Peking' is no IANA time zone"),
    ],
)
def test_what_cannot_be_founded_leaves_nothing_behind(tmp_path, file, words, said):
    with pytest.raises(ConfigError, match=said):
        found("--config", file, "--data", tmp_path / "data", *words)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_signing_key_that_is_not_there_is_wrong_not_hidden(tmp_path, file, capsys):
    found("--config", file, "--data", tmp_path / "data")
    settings = config.load(file, environ={})
    assert {each.what: each.level for each in doctor.instance(settings)}["signing key"] == "ok"
    (tmp_path / "data" / "keys" / "evidence.key").unlink()
    capsys.readouterr()

    assert cli.main(["--config", str(file), "doctor"]) == 1
    assert "`netops init` makes one" in capsys.readouterr().out


def test_what_a_process_of_ours_makes_is_its_owners_alone(tmp_path):
    """In a data directory that was there before, open to all: accounts and the visitors' MACs are not."""
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    words = [NETOPS, "init", "--config", tmp_path / "netops.toml", "--data", data]
    subprocess.run(words, check=True, capture_output=True, umask=0o022)

    made = [path for path in data.rglob("*") if path.is_file()]
    assert {"staff.db", "portal.db"} <= {path.name for path in made}
    assert [path.name for path in made if path.stat().st_mode & 0o077] == []


def test_a_rehearsal_begins_only_where_nothing_is(tmp_path):
    """--fresh removes its directory: it must hold nothing that was there before."""
    (tmp_path / "thesis.txt").write_text("ten years of work")

    with pytest.raises(NetopsError, match="holds other things"):
        cli_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def cli_demo(home):
    parser = argparse.ArgumentParser()
    demo.arguments(parser)
    return demo.run(parser.parse_args(["--data", str(home)]), None)


@pytest.mark.parametrize(("number", "level"), [(0, "wrong"), (1, "wrong"), (2, "ok")])
def test_contracts_without_two_anchors_are_wrong(tmp_path, file, number, level):
    """Nothing would tell an outage of our own uplink from the carriers'."""
    found("--config", file, "--data", tmp_path / "data")
    settings = config.load(file, environ={})
    carrier, site = Carrier(id="c", name="甲"), Site(id="s", name="场", area="110108012")
    contract = Contract(id="k", version="1", carrier="c", title="合同", valid_from_ms=0, items=())
    anchors = [
        Device(id=f"anchor-{n}", site="s", carrier="", role="anchor", address=f"192.0.2.{n}") for n in range(number)
    ]
    now_ms = SYSTEM.now_ms()
    with Register(settings.register_url, rehearsal=False) as register:
        register.apply(city_of([carrier, site, contract, *anchors]), at_ms=now_ms - 1000, now_ms=now_ms - 1000)

    assert {each.what: each.level for each in doctor.instance(settings)}["anchors"] == level


def started(monkeypatch, home, *words):
    """What a start of the rehearsal would run with; nothing is run."""
    seen = {}
    monkeypatch.setattr(demo, "found", lambda settings, **_: seen.update(settings=settings))
    monkeypatch.setattr(demo, "supervise", lambda supervisor: seen.update(given=supervisor._given))
    parser = argparse.ArgumentParser()
    demo.arguments(parser)
    demo.run(parser.parse_args(["--data", str(home), *words]), config.Settings())
    return seen["settings"].web.port, seen["given"]


def test_a_later_start_of_the_rehearsal_listens_where_it_is_told(tmp_path, monkeypatch):
    home = tmp_path / "rehearsal"
    first = started(monkeypatch, home, "--web-port", "9000")
    plain = started(monkeypatch, home)
    other = started(monkeypatch, home, "--web-port", "9001")

    assert (first[0], plain, other) == (9000, (9000, ()), (9001, ("web.port=9001",)))


def test_a_rehearsal_that_cannot_be_leaves_no_file(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="at least 1 second"):
        started(monkeypatch, tmp_path / "rehearsal", "--interval", "0")

    assert not (tmp_path / "rehearsal").exists()


def test_the_public_sm2_key_is_made_once_the_settings_ask_for_it(tmp_path, file):
    found("--config", file, "--data", tmp_path / "data", "--name", "haidian")
    plain = config.load(file, environ={})
    assert not founding.sm2_public(plain).exists()
    assert founding.sm2_vkey(plain) == ""
    asked = config.load(file, environ={"NETOPS_EVIDENCE__SM2": "true"})
    lines = founding.keys(asked)
    public = founding.sm2_public(asked).read_text().strip()

    assert any(public in line for line in lines)
    assert public == founding.sm2_vkey(asked) == str(founding.signer(asked).sm2_vkey)
    assert founding.keys(asked) == []
    assert founding.signer(plain).sm2_vkey is None
