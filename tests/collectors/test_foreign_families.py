"""No family reads another's device: by the places it looks at, by naming it wrongly, on a stranger of the same maker.

What is asked of a device is wrong in silence when two makers use one place for two things, or when a family is known by
so little that a maker's switch passes for its access point.
"""

from __future__ import annotations

import csv
import os
import random
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import pytest

from collectors.profile_yaml import shipped
from collectors.replay import replay
from netops.model import Quality

CAPTURES = Path(__file__).parent / "captures"
RECORDINGS = Path(__file__).resolve().parents[2] / "../shared/data/recordings"
FAMILIES = sorted(set(shipped()) - {"standard"})
STANDARDS = ((1, 3, 6, 1, 2, 1), (1, 2, 840, 10036))  # the IETF's tree and IEEE802dot11-MIB: any maker answers there
ENTERPRISES = (1, 3, 6, 1, 4, 1)
ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "1"))
SEED = os.environ.get("NETOPS_SEED", "1")
SYS_NAME = "1.3.6.1.2.1.1.5.0"


@lru_cache(maxsize=1)
def places():
    """Return {place: families that read it}, the standards' own trees left out."""
    found = {}
    for name in FAMILIES:
        profile = shipped()[name]
        columns = [*profile.scalars, *(c for t in profile.tables for c in (*t.columns, *t.helpers))]
        for place in {c.place.under(root) for c in columns for root in profile.roots}:
            if not any(place[: len(tree)] == tree for tree in STANDARDS):
                found.setdefault(place, set()).add(name)
    return found


def oids(path):
    """Return the OIDs of a recording."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        return [tuple(map(int, line.split("|")[0].split("."))) for line in lines if line[:2] == "1."]


def readers(path):
    """Return {family: an OID of the recording that it would read}."""
    found = {}
    for oid in oids(path):
        for length in range(len(ENTERPRISES), len(oid) + 1):
            for name in places().get(oid[:length], ()):
                found.setdefault(name, oid)
    return found


def maker(family):
    """Return whose family it is: its name begins so. A maker's products may answer tables that they leave empty."""
    return family.split("_")[0]


def of_families(result):
    """Return the observations of every family but the standard one."""
    return [o for o in result.decoded.observations if not o.rule.startswith("standard.")]


@pytest.mark.parametrize("name", FAMILIES)
def test_no_family_reads_what_another_ones_capture_holds(name):
    foreign = {other: oid for other, oid in readers(CAPTURES / f"{name}.snmprec").items() if other != name}

    assert foreign == {}


def test_no_place_is_inside_another_familys():
    """A column inside another family's would be walked into by it, whatever the captures hold."""
    inside = [(near, far) for near, far in pairwise(sorted(places())) if far[: len(near)] == near]
    shared = {place: names for place, names in places().items() if len(names) > 1}

    assert inside == []
    assert shared == {}


@pytest.mark.recordings
@pytest.mark.timeout(120)
@pytest.mark.xdist_group("recordings")
def test_no_family_reads_a_recording_of_another_maker(replayed):
    seen, foreign = 0, []
    for folder in ("ap", "lte", "pon"):
        for path in sorted((RECORDINGS / folder).glob("*.snmprec")):
            seen += 1
            makers = {maker(family) for family in replayed(f"{folder}/{path.name}").detected.family.split("+")}
            foreign += [(path.stem, other, oid) for other, oid in readers(path).items() if maker(other) not in makers]

    assert seen > 60
    assert foreign == []


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_named_wrongly_gives_nothing(name):
    """The register may name the wrong family: what is read then is nothing, not nonsense."""
    others = sorted({*FAMILIES} - {name, "ieee80211", "ubiquiti_airmax"})  # these two read the standard of 802.11
    for other in random.Random(f"{SEED}/{name}").sample(others, min(2 * ROUNDS, len(others))):
        result = replay(CAPTURES / f"{name}.snmprec", shipped(), at_ms=0, only=other)

        assert of_families(result) == [], other


def stranger(path, root, object_id, chosen):
    """Write a device of the maker at `root` that answers tables which nobody knows, and the standard's own."""
    maker = [*root[: len(ENTERPRISES) + 1]]
    unknown = [
        [*maker, arc, table, 1, column, row]
        for arc in (99, 9999)
        for table in (1, 7)
        for column in (1, 2, 3)
        for row in (1, 2)
    ]
    lines = [
        "1.3.6.1.2.1.1.1.0|4|24-port switch",
        f"1.3.6.1.2.1.1.2.0|6|{'.'.join(map(str, object_id))}",
        "1.3.6.1.2.1.1.3.0|67|123456",
        f"{SYS_NAME}|4|stranger",
        "1.3.6.1.2.1.2.2.1.2.1|4|port 1",
        "1.3.6.1.2.1.2.2.1.7.1|2|1",
        "1.3.6.1.2.1.2.2.1.8.1|2|2",
    ]
    for arcs in unknown:
        value = chosen.choice(["2|-21", "2|1", "66|36", "4|-61 dBm", "4|online", "4x|020000000001", "70|12345"])
        lines.append(f"{'.'.join(map(str, arcs))}|{value}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("name", [n for n in FAMILIES if shipped()[n].roots[0][: len(ENTERPRISES)] == ENTERPRISES])
def test_a_stranger_of_the_same_maker_yields_the_generic_facts_only(tmp_path, name):
    profile = shipped()[name]
    chosen = random.Random(name)
    for root in {r[: len(ENTERPRISES) + 1]: r for r in profile.roots}.values():
        if len(root) <= len(ENTERPRISES):
            continue
        unknown = [*root[: len(ENTERPRISES) + 1], 9999, 1]
        result = replay(stranger(tmp_path / "stranger.snmprec", root, unknown, chosen), shipped(), at_ms=0)

        assert of_families(result) == []
        ok = {(o.metric, o.value) for o in result.decoded.observations if o.quality is Quality.OK}
        assert {("system.name", "stranger"), ("interface.admin", 1), ("interface.oper", 2)} <= ok
        if not any(tuple(unknown)[: len(known)] == known for known in profile.match.object_ids):
            assert result.detected.family == "generic"


@pytest.mark.parametrize("name", [n for n in FAMILIES if shipped()[n].match.object_ids])
def test_a_sibling_that_says_it_is_of_the_family_and_answers_nothing_yields_no_metric(tmp_path, name):
    """A family may be known by sysObjectID alone: on a model without the tables that is a gap, never a value."""
    known = shipped()[name].match.object_ids[0]
    chosen = random.Random(name)
    result = replay(stranger(tmp_path / "sibling.snmprec", known, [*known, 77], chosen), shipped(), at_ms=0)

    assert name in result.detected.family.split("+")
    assert of_families(result) == []


def test_the_captures_of_all_families_are_there():
    assert {p.stem for p in CAPTURES.glob("*.snmprec")} == set(FAMILIES) | {"standard"}
    for name in FAMILIES:
        with (CAPTURES / f"{name}.expected.tsv").open(encoding="utf-8", newline="") as stream:
            assert any(row["quality"] == "ok" for row in csv.DictReader(stream, delimiter="\t")), name
