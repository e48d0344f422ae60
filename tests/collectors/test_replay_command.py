"""`netops collect replay`: one JSON object a line, a table for people, and nothing that drives a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netops.cli import main

CAPTURES = Path(__file__).parent / "captures"
KEYS = {"kind", "metric", "subject", "index", "value", "unit", "raw", "oid", "rule", "device", "family"}


@pytest.fixture
def hostile(tmp_path):
    path = tmp_path / "hostile.snmprec"
    name = b"\x1b[31m\xe2\x80\xaefdp.exe\xc2\x9b2J\x00\n".hex()
    path.write_text(f"1.3.6.1.2.1.1.5.0|4x|{name}\n1.3.6.1.2.1.1.1.0|4|<script>alert(1)</script>\nrubbish\n")
    return path


def said(capsys, *words):
    code = main(["collect", "replay", *map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err


def test_json_has_one_object_a_line_with_the_same_keys(capsys):
    code, out, err = said(capsys, CAPTURES / "huawei_wlan_ac.snmprec", "--json")
    lines = [json.loads(line) for line in out.splitlines()]

    assert (code, err) == (0, "")
    assert {line["kind"] for line in lines} == {"observation", "gap"}
    for line in lines:
        assert set(line) >= KEYS | ({"quality"} if line["kind"] == "observation" else {"reason"})
        assert set(line["subject"]) == {"kind", "id"}
    state = next(x for x in lines if x["metric"] == "wlan.ap.state" and x["index"] == "2.0.0.0.0.3")
    assert (state["value"], state["state"], state["raw"]) == (11, "standby", 11)


def test_the_table_names_the_family_and_counts(capsys):
    code, out, _ = said(capsys, CAPTURES / "netops_smallcell.snmprec")

    assert code == 0
    assert out.startswith("netops_smallcell: netops_smallcell\n")
    assert "cell:sn:SYN0000001" in out
    assert out.rstrip().endswith("gaps")


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_what_a_device_calls_itself_drives_no_terminal(capsys, hostile, form):
    code, out, err = said(capsys, hostile, *form)

    assert code == 5
    assert "1 of 3 lines are no objects, the first is line 3, b'rubbish'" in err
    assert not set(out) & {"\x1b", "\x00", "\u202e", "\x9b"}
    if form:
        name = next(x for x in map(json.loads, out.splitlines()) if x["metric"] == "system.name")
        assert name["value"] == "\x1b[31m\u202efdp.exe\x9b2J"


def test_the_family_can_be_named(capsys):
    code, out, _ = said(capsys, CAPTURES / "standard.snmprec", "--profile", "teltonika", "--json")

    assert code == 0
    assert any(x["kind"] == "gap" and x["metric"] == "lte.rsrp" for x in map(json.loads, out.splitlines()))


def test_wrong_words_are_told(capsys, tmp_path):
    code, _, err = said(capsys, CAPTURES / "standard.snmprec", "--profile", "teltonka")

    assert code == 2
    assert "no profile 'teltonka'; did you mean 'teltonika'?" in err
    code, _, err = said(capsys, tmp_path / "none.snmprec")
    assert code == 1
    assert "expected a recording" in err
