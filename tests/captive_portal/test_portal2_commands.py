"""What an operator asks about controllers from the command line."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import apsw
import pytest

from captive_portal.model import Bounds
from captive_portal.portal2 import exchange
from captive_portal.portal2.packets import journal_path
from netops.cli import main

_spec = importlib.util.spec_from_file_location("portal2_world", Path(__file__).with_name("portal2_world.py"))
worlds = sys.modules.get("portal2_world") or importlib.util.module_from_spec(_spec)
if "portal2_world" not in sys.modules:
    sys.modules["portal2_world"] = worlds
    _spec.loader.exec_module(worlds)
ADDRESS, MAC = worlds.ADDRESS, worlds.MAC


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "WAITS_S", (0.1, 0.1, 0.1))
    with worlds.world(tmp_path) as made:
        made.file = tmp_path / "netops.toml"
        made.file.write_text(
            f'[city]\nrehearsal = true\n[data]\ndir = "{tmp_path}"\n[portal]\ngateway = "none"\n'
            f'[portal.acs.ac-1]\ngateway = "portal2"\naddress = "{made.ac.host}"\nnetworks = "10.0.0.0/8"\n'
            f'portal_secret = "plain:{worlds.SECRET}"\nportal_port = {made.ac.port}\nsite = "site-1"\n',
            encoding="utf-8",
        )
        yield made


def said(world, capsys, *words: str) -> tuple[int, str]:
    code = main(["--config", str(world.file), "portal", *words])
    return code, capsys.readouterr().out


def test_the_course_of_a_login_is_read_line_by_line(world, capsys) -> None:
    world.gateway.allow(world.client(), Bounds(seconds=60))
    world.gateway.journal.settle()

    code, text = said(world, capsys, "packets", "--address", ADDRESS)
    lines = text.splitlines()

    assert code == 0
    assert [line.split()[1:4:2] for line in lines] == [
        ["→", "REQ_CHALLENGE"],
        ["←", "ACK_CHALLENGE"],
        ["→", "REQ_AUTH"],
        ["←", "ACK_AUTH"],
        ["→", "AFF_ACK_AUTH"],
    ]
    assert "CHAP_PASSWORD=***" in lines[2]
    assert said(world, capsys, "packets", "--address", "10.9.9.9") == (0, "")
    assert [
        json.loads(line)["type"] for line in said(world, capsys, "packets", "--json", "--last", "1")[1].splitlines()
    ] == ["AFF_ACK_AUTH"]


def test_the_chain_is_checked_and_a_wound_is_named(world, capsys) -> None:
    world.gateway.allow(world.client(), Bounds(seconds=60))
    world.close()

    whole = said(world, capsys, "packets", "--check")
    db = apsw.Connection(str(journal_path(world.settings)))
    db.execute("UPDATE packet SET octets = x'00' WHERE number = 3")
    db.close()
    broken = said(world, capsys, "packets", "--check")

    assert whole[0] == 0
    assert whole[1].startswith("5 packets hold")
    assert broken[0] == 4
    assert broken[1].startswith("broken at number 3")


def test_a_controller_that_answers_says_who_has_an_address(world, capsys) -> None:
    code, text = said(world, capsys, "controller", "ac-1", ADDRESS)

    assert code == 0
    assert f"It answers: {MAC} has {ADDRESS}." in text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"silent": True}, "Nothing came back"),
        ({"secret": b"another secret"}, "Nothing came back"),
        ({"tells_mac": False}, "tells no MAC"),
        ({"stations": {}}, "knows nobody"),
        ({"spoil": lambda octets: [octets[:16] + bytes(16) + octets[32:]]}, "is the secret the same on both sides?"),
    ],
    ids=["silent", "secret", "no mac", "nobody", "forged"],
)
def test_what_is_amiss_with_a_controller_is_said_in_a_sentence(world, capsys, change: dict, sentence: str) -> None:
    for name, value in change.items():
        setattr(world.ac, name, value)

    code, text = said(world, capsys, "controller", "ac-1", ADDRESS)

    assert code == 1
    assert sentence in text


def test_a_controller_that_is_none_of_ours_is_named_with_the_nearest(world, capsys) -> None:
    code = main(["--config", str(world.file), "portal", "controller", "ac-2", ADDRESS])

    assert code != 0
    assert "ac-1" in capsys.readouterr().err


def test_before_anything_was_said_that_is_told_and_a_check_does_not_take_it_for_good(tmp_path, capsys) -> None:
    file = tmp_path / "netops.toml"
    file.write_text(f'[city]\nrehearsal = true\n[data]\ndir = "{tmp_path}"\n', encoding="utf-8")

    assert main(["--config", str(file), "portal", "packets"]) == 0
    assert "spoken to yet" in capsys.readouterr().err
    assert main(["--config", str(file), "portal", "packets", "--check"]) != 0
