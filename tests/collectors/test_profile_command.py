"""Who adds a family: a start from a walk, remarks, and a comparison with what was expected."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from collectors.profile_draft import draft
from collectors.profile_lint import remarks
from collectors.profile_yaml import SHIPPED, parse, read, shipped
from collectors.recording import load
from collectors.snmp.agent import Listing
from collectors.snmp.varbind import Varbind
from collectors.snmp.varbind import parse as parse_oid
from netops import cli

CAPTURES = Path(__file__).parent / "captures"


def test_a_profile_from_the_house_agrees_with_its_capture_and_a_changed_one_shows_where(tmp_path, capsys):
    words = [str(SHIPPED / "zte_c320.yaml"), str(CAPTURES / "zte_c320.snmprec")]
    assert cli.main(["profile", "test", *words]) == 0
    assert ", 0 differences" in capsys.readouterr().out
    expected = tmp_path / "zte_c320.expected.tsv"
    shutil.copy(CAPTURES / "zte_c320.expected.tsv", expected)
    lines = expected.read_text().splitlines()
    expected.write_text("\n".join([*lines[:-1], lines[-1] + "x"]) + "\n")

    assert cli.main(["profile", "test", *words, str(expected)]) == 5
    shown = capsys.readouterr().out
    assert f"- {lines[-1]}x" in shown
    assert f"+ {lines[-1]}" in shown
    assert ", 2 differences" in shown


def test_what_was_found_is_written_once_to_be_read_and_never_over_something(tmp_path, capsys):
    words = ["profile", "test", str(SHIPPED / "bdcom_olt.yaml"), str(CAPTURES / "bdcom_olt.snmprec")]
    expected = tmp_path / "new.expected.tsv"

    assert cli.main([*words, str(expected), "--write"]) == 0
    assert cli.main([*words, str(expected)]) == 0
    assert cli.main([*words, str(expected), "--write"]) == 2
    assert "exists" in capsys.readouterr().err


def test_what_the_standard_profile_misses_does_not_bury_what_the_family_says(tmp_path, capsys):
    shutil.copy(CAPTURES / "zte_c320.snmprec", tmp_path / "alone.snmprec")
    assert cli.main(["profile", "test", str(SHIPPED / "zte_c320.yaml"), str(tmp_path / "alone.snmprec")]) == 0
    told = capsys.readouterr()
    assert "pon.onu.state" in told.out
    assert "entity.model" not in told.out
    assert re.search(r"\d+ gaps of the standard profile are not shown", told.err)


def test_a_draft_is_a_profile_once_its_gaps_are_filled():
    agent = load(CAPTURES / "huawei_smartax.snmprec", wanted=((1, 3, 6, 1),)).agent
    written = draft("huawei_new", agent)
    told = yaml.safe_load(written)

    assert told["profile"] == "huawei_new"
    assert told["root"] == "1.3.6.1.4.1.2011"
    assert told["tables"]
    for table in told["tables"].values():
        assert set(table) == {"kind", "index", "identity", "needed", "columns"}
    filled = (
        written.replace("title: {zh: TODO, en: TODO}", "title: {zh: 新, en: New}")
        .split("tables:")[0]
        .split("scalars:")[0]
    )
    assert parse(filled, "draft").name == "huawei_new"


def test_what_a_device_says_cannot_leave_its_comment():
    agent = load(CAPTURES / "standard.snmprec", wanted=((1, 3, 6, 1),)).agent
    at = (1, 3, 6, 1, 2, 1, 1, 1, 0)
    agent.objects[at] = agent.objects[at]._replace(value=b"x\nprofile: other\n\x1b[2J")

    written = draft("maker_family", agent)
    assert yaml.safe_load(written)["profile"] == "maker_family"
    assert "\x1b" not in written


@pytest.mark.parametrize(
    ("old", "new", "remark"),
    [
        ("cost: heavy, ", "", "is optics and not heavy"),
        (r"probes: \[[^\]]*\]", "sys_descr: [x]", "match has no probes"),
    ],
)
def test_a_reviewers_question_is_asked(old, new, remark):
    text = (SHIPPED / "zte_c320.yaml").read_text(encoding="utf-8")
    changed = re.sub(old, new, text, count=1)
    assert changed != text
    assert any(remark in each for each in remarks(parse(changed, "x")))


def test_no_family_of_the_house_hurts_a_line_card_or_is_known_by_its_words_alone():
    said = [(profile.name, each) for profile in shipped().values() for each in remarks(profile)]
    assert [
        each for each in said if "optics" in each[1] or "no probes" in each[1] or "could not be told" in each[1]
    ] == []


def test_a_wrong_file_is_a_remark_with_its_line(tmp_path, capsys):
    (tmp_path / "bad.yaml").write_text((SHIPPED / "bdcom_olt.yaml").read_text().replace("kind:", "kin:", 1))
    assert cli.main(["profile", "lint", str(tmp_path / "bad.yaml"), str(SHIPPED / "bdcom_olt.yaml")]) == 5
    shown = capsys.readouterr().out
    assert "did you mean 'kind'" in shown
    assert "2 profiles, 1 remarks" in shown


def test_a_name_that_is_taken_is_said(capsys):
    assert cli.main(["profile", "new", "zte_c320", str(CAPTURES / "zte_c320.snmprec")]) == 2
    assert "a profile 'zte_c320' exists" in capsys.readouterr().err
    assert read(SHIPPED / "zte_c320.yaml").name == "zte_c320"


def walk_of(*lines):
    return Listing([Varbind(parse_oid(oid), 4, said.encode()) for oid, said in lines])


def test_a_table_whose_own_number_is_1_is_cut_where_columns_share_indexes():
    ports = [(f"1.3.6.1.4.1.61509.20.1.1.{column}.{port}", "x") for column in (2, 3, 4) for port in (1, 2)]
    onus = [(f"1.3.6.1.4.1.61509.20.2.1.{column}.{port}.7", "y") for column in (1, 2) for port in (1, 2)]
    written = draft("lakeside_olt", walk_of(*ports, *onus))

    assert "oid: .20.1.1.4}" in written
    assert "oid: .20.2.1.2}" in written
    assert [table["index"] for table in yaml.safe_load(written)["tables"].values()] == [
        {"TODO1": "integer"},
        {"TODO1": "integer", "TODO2": "integer"},
    ]


@pytest.mark.parametrize(
    ("old", "new", "remark"),
    [
        ("    kind: pon_port", "\tkind: pon_port", "a tab stands there; indent by spaces"),
        ("en: Lakeside", "en: TODO", "the title still says TODO"),
        ("probes: [.20.1.1.3]}\n", "probes: [.20.1.1.3]}\nlayouts:\n", "fill it or take it out"),
        ("kind: pon_port", "kind: pon_prot", "subjects of kind 'pon_prot'; did you mean 'pon_port'?"),
        ("probes: [.20.1.1.3]", "probes: [20.1.1.3]", "no OID begins with 20; write .20.1.1.3"),
        ("oid: .1.3.0", "oid: .1.3", "is it .1.3.0?"),
        ("oid: .20.1.1.4", "oid: .20.1.1.5", "reads .20.1.1.5 as"),
    ],
)
def test_a_slip_that_is_no_error_is_remarked_on(tmp_path, capsys, old, new, remark):
    text = """
profile: lakeside_olt
title: {zh: 湖畔, en: Lakeside}
root: 1.3.6.1.4.1.61509
match: {probes: [.20.1.1.3]}
scalars: {system.temperature: {oid: .1.3.0, scale: 0.1}}
tables:
  port:
    kind: pon_port
    index: {port: integer}
    identity: [port]
    needed: [pon.port.state]
    columns:
      pon.port.state: {oid: .20.1.1.3, states: {working: up, los: down}}
      pon.port.temperature: {oid: .20.1.1.4}
      pon.port.voltage: {oid: .20.1.1.5}
"""
    file = tmp_path / "lakeside_olt.yaml"
    file.write_text(text, encoding="utf-8")
    assert cli.main(["profile", "lint", str(file)]) == 0, capsys.readouterr().out
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert cli.main(["profile", "lint", str(file)]) == 5
    assert remark in capsys.readouterr().out
