"""Profiles: what the shipped ones promise, and how a mistake in one is told."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from collectors.profile import digest
from collectors.profile_yaml import SHIPPED, ProfileError, load, parse, read, shipped
from collectors.replay import replay
from netops.metrics import METRICS, Kind

CAPTURES = Path(__file__).parent / "captures"
GOOD = """\
profile: x
title: {zh: 某, en: some}
root: 1.3.6.1.4.1.99999
match:
  probes: [.1]
tables:
  ap:
    kind: ap
    index: {mac: mac}
    identity: [mac]
    columns:
      wlan.ap.clients: {oid: .1.2}
      wlan.ap.temperature: {oid: .1.3, scale: 0.1, sentinels: [255, "n/a"]}
"""


def changed(old, new):
    assert old in GOOD
    return GOOD.replace(old, new)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (changed("columns:", "colums:"), "x.yaml:11: unknown key 'colums'; did you mean 'columns'?"),
        (
            changed("wlan.ap.clients", "wlan.ap.client"),
            "x.yaml:12: 'wlan.ap.client' is no metric of the catalogue; did you mean 'wlan.ap.clients'?",
        ),
        (
            changed("{mac: mac}", "{mac: macaddress}"),
            "x.yaml:9: 'macaddress' is not an index reader",
        ),
        (changed("oid: .1.2", "oid: .1.x"), "x.yaml:12: '1.x' is no OID; expected numbers with dots"),
        (
            changed("scale: 0.1", "scale: 1/10"),
            "x.yaml:13: '1/10' is no plain decimal number; expected one such as 0.01",
        ),
        (changed("scale: 0.1", "scael: 0.1"), "x.yaml:13: unknown key 'scael'; did you mean 'scale'?"),
        (
            changed("scale: 0.1", "read: numer"),
            "x.yaml:13: 'numer' is not a reader for a gauge; did you mean 'number'?",
        ),
        (changed("scale: 0.1", "cost: heavyy"), "x.yaml:13: 'heavyy' is not a cost class; did you mean 'heavy'?"),
        (changed("scale: 0.1", "range: [5]"), "x.yaml:13: expected two numbers"),
        (changed("scale: 0.1", "range: [5, 1]"), "x.yaml:13: 5.0 is more than 1.0"),
        (
            changed("scale: 0.1", "states: {1: up}"),
            "x.yaml:13: 'wlan.ap.temperature' is a gauge; expected states on state metrics only",
        ),
        (changed("scale: 0.1", "factor: units"), "x.yaml:13: 'units' is not a helper of this table"),
        (changed("identity: [mac]", "identity: [serial]"), "x.yaml:10: 'serial' is not an index part or column"),
        (
            changed("wlan.ap.temperature: {oid: .1.3, scale", "wlan.ap.state: {oid: .1.3, scale"),
            "x.yaml:13: a state has no scale",
        ),
        (
            changed("wlan.ap.temperature: {oid: .1.3, scale: 0.1, ", "wlan.ap.state: {oid: .1.3, "),
            "x.yaml:13: a state metric needs `states`",
        ),
        (changed("wlan.ap.temperature", "wlan.ap.clients"), "x.yaml:13: 'wlan.ap.clients' stands here a second time"),
        (changed("title: {zh: 某, en: some}", "title: {zh: 某}"), "x.yaml:2: 'en' is missing"),
        (changed("profile: x", "profile: X-1"), "x.yaml:1: 'X-1' is no good 'profile'"),
        (changed("    kind: ap\n", ""), "x.yaml:8: 'kind' is missing"),
        (changed("tables:\n", "tables: [\n"), "x.yaml:8: not valid YAML"),
        ("- a\n- b\n", "x.yaml:1: expected a block"),
        ("", "x.yaml:1: expected a block"),
        ("[" * 5000, "x.yaml:1: "),
        (
            changed("    kind: ap\n", "    kind: ap\n    unless: {iftype: [6]}\n"),
            "x.yaml:9: 'iftype' is no helper of this table",
        ),
        (
            changed("    kind: ap\n", "    kind: ap\n    only: {product: [mr*]}\n"),
            "x.yaml:9: 'product' is no helper of this table",
        ),
        (changed("scale: 0.1", "only: {type: [8]}"), "x.yaml:13: 'type' is no helper of this table"),
        (
            changed("    kind: ap\n", "    kind: ap\n    rows: [wlan.ap.name]\n"),
            "x.yaml:9: 'wlan.ap.name' is not a column of this",
        ),
        (changed("probes: [.1]", "<<: {probes: [.1]}"), "x.yaml:5: unknown key '<<'"),
        (changed("scale: 0.1", "eval: 'raw * 2'"), "x.yaml:13: unknown key 'eval'"),
    ],
)
def test_a_mistake_names_its_line_and_what_was_meant(written, said):
    with pytest.raises(ProfileError) as caught:
        parse(written, "x.yaml")

    assert str(caught.value).startswith(said)


def test_a_profile_stands_in_the_file_of_its_name(tmp_path):
    path = tmp_path / "y.yaml"
    path.write_text(GOOD, encoding="utf-8")

    with pytest.raises(ProfileError, match="expected the same name"):
        read(path)
    with pytest.raises(ProfileError, match="cannot be read"):
        read(tmp_path / "none.yaml")


def test_the_digest_changes_with_every_part_that_decodes():
    base = digest(parse(GOOD, "x"))

    assert base == digest(parse(GOOD + "# a remark\n", "x"))
    for old, new in (
        ("scale: 0.1", "scale: 0.01"),
        ("[255, ", "[254, "),
        (".1.2}", ".1.4}"),
        ("mac: mac", "mac: ipv4"),
    ):
        assert digest(parse(changed(old, new), "x")) != base


def test_what_was_made_of_a_profile_has_a_digest_of_its_own():
    profile = parse(GOOD, "x")
    base = digest(profile)

    assert digest(replace(profile, varbinds_per_s=profile.varbinds_per_s + 1)) != base
    assert digest(replace(profile)) == base


def test_a_number_in_quotes_is_a_text():
    table = parse(changed('[255, "n/a"]', '["255", 255]'), "x").tables[0]

    assert table.columns[1].sentinels == {"255", 255}


def test_a_folder_without_profiles_has_none(tmp_path):
    assert dict(load(tmp_path)) == {}


PROFILES = sorted(path.stem for path in SHIPPED.glob("*.yaml"))


@pytest.mark.parametrize("name", PROFILES)
def test_a_shipped_profile_keeps_the_catalogues_words(name):
    profile = shipped()[name]

    assert profile.metrics <= set(METRICS)
    assert profile.zh
    assert profile.en
    assert profile.match.probes or name == "standard"
    for table in profile.tables:
        assert table.needed, f"{name}.{table.name}: no row could ever be incomplete"
        assert table.identity, f"{name}.{table.name}: its subjects would be row numbers"
        for column in table.columns:
            # Optics of OLTs are asked hourly: polling them has hurt line cards.
            if column.metric.name.endswith(("rx_power", "tx_power")) and column.metric.name.startswith("pon."):
                assert column.cost == "heavy", f"{name}.{table.name}.{column.key}"


def test_only_what_is_synthetic_says_so():
    assert {n for n, p in shipped().items() if p.synthetic} == {"netops_smallcell", "baicells_enb"}


@pytest.mark.parametrize("name", PROFILES)
def test_a_capture_of_each_family_gives_the_values_written_beside_it(name):
    """Captures are small, made by hand; `<profile>.expected.tsv` names every value and gap of the family."""
    result = replay(CAPTURES / f"{name}.snmprec", shipped(), at_ms=0)
    with (CAPTURES / f"{name}.expected.tsv").open(encoding="utf-8", newline="") as stream:
        expected = {
            tuple(r[k] for k in ("subject", "metric", "value", "quality"))
            for r in csv.DictReader(stream, delimiter="\t")
        }
    actual = {
        (str(o.subject), o.metric, "" if o.value is None else str(o.value), o.quality.value)
        for o in result.decoded.observations
        if o.rule.startswith(f"{name}.")
    }
    actual |= {
        (str(g.subject), g.metric, "", f"gap:{g.reason.value}")
        for g in result.decoded.gaps
        if g.metric in shipped()[name].metrics and (name == "standard" or g.metric not in shipped()["standard"].metrics)
    }

    assert result.detected.family == ("generic" if name == "standard" else name)
    assert expected == actual


def test_every_state_of_a_profile_is_a_state_of_the_catalogue():
    for profile in shipped().values():
        for column in (*profile.scalars, *(c for t in profile.tables for c in t.columns)):
            if column.metric.kind is Kind.STATE:
                assert all(column.metric.state(code) for code in column.states.values())
