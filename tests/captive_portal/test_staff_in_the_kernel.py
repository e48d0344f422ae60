"""Staff lengthen and end a visit from the command line, with the portal, the gate and a real kernel in between."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

import pytest

from captive_portal import commands
from captive_portal.gateways.nftables import Nftables
from netops import facts, spool
from netops.clock import SYSTEM
from netops.config import load

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.partner("nft", "ip", "curl"), pytest.mark.timeout(240)]

PORTAL = "http://portal.test/"
PUT_OUT = {"zh-CN": "工作人员结束了您刚才的上网", "en": "Our staff have ended your connection"}


def run(settings, *words: str) -> int:
    parser = argparse.ArgumentParser()
    commands.arguments(parser)
    parsed = parser.parse_args([*words])
    parsed.now_ms = SYSTEM.now_ms()
    return commands.run(parsed, settings)


def directed(settings) -> list:
    entries = spool.read(settings.data.dir / "spool" / "portal.db", after=0, limit=999)
    found = [facts.decode(each.payload) for each in entries if each.kind == "fact"]
    return [each.body for each in found if each.kind == "visit_directed"]


def test_a_visit_is_lengthened_and_ended_and_the_visitor_reads_why(city, eventually: Callable, capsys) -> None:
    settings = load(city.settings_file, environ={})
    city.login()
    assert city.status(city.internet_url(4)).startswith("200")
    run(settings, "sessions", "--json")
    (session,) = [each["id"] for each in json.loads(capsys.readouterr().out)["sessions"]]

    def left() -> int:
        with Nftables(settings, SYSTEM) as gate:
            return max(each.seconds for each in gate.admitted())

    longest = left()
    eventually(lambda: left() <= longest - 3)
    shorter = left()
    assert run(settings, "extend", session, "--minutes", "600", "--because", "fault", "--wait", "60") == 0
    assert "lasts until" in capsys.readouterr().out
    assert left() > shorter, "the kernel's timeout itself"
    assert city.status(city.internet_url(4)).startswith("200")

    assert run(settings, "end", session, "--because", "abuse", "--words", "case 7", "--wait", "60") == 0
    assert "put out" in capsys.readouterr().out
    assert city.status(city.internet_url(4)) == f"302 {PORTAL}"
    with Nftables(settings, SYSTEM) as gate:
        assert gate.admitted() == []
    for language, sentence in PUT_OUT.items():
        assert sentence in city.curl(f"{PORTAL}?lang={language}").stdout
    assert [each["outcome"] for each in directed(settings)] == ["enforced", "enforced"]

    city.login()
    assert city.status(city.internet_url(4)).startswith("200"), "a login lets the device in again"
