"""Canonical JSON, records as bodies, instants: the small values everything else stands on."""

import json
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory import canonical, codec
from inventory.errors import RegisterError, nearest
from inventory.model import (
    Area,
    Contract,
    Credits,
    Device,
    ExclusionClass,
    Hours,
    Objective,
    Rules,
    Selector,
    ServiceItem,
    Tier,
)
from inventory.times import instant, iso, shown, zone

CONTRACT = Contract(
    id="c",
    version="1",
    carrier="a",
    title="合同",
    valid_from_ms=5,
    rules=Rules(
        hours=(Hours(days=(1, 2), start_minute=0, end_minute=1440),),
        exclusions=(ExclusionClass(id="x", title="t", cause="planned", notice_h=48, cap_s=0, approver=""),),
    ),
    items=(
        ServiceItem(
            id="i",
            kind="wifi",
            select=Selector(roles=("ap",), tags=("t",)),
            objectives=(
                Objective(
                    id="o", indicator="availability", target="99.90", credits=Credits(tiers=(Tier(percent="10"),))
                ),
            ),
        ),
    ),
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [True, False, None]}, '{"a":[true,false,null],"b":1}'),
        ('\x00\x1f"\\/\x7f\b\t\n\f\r', '"\\u0000\\u001f\\"\\\\/\x7f\\b\\t\\n\\f\\r"'),  # RFC 8785 section 3.2.2.2
        ("海淀€😀", '"海淀€😀"'),
        (2**53 - 1, "9007199254740991"),
    ],
    ids=["sorted and tight", "escapes", "not ascii", "largest integer"],
)
def test_one_value_has_one_text(value, expected):
    assert canonical.text(value) == expected


@pytest.mark.parametrize("value", [1.5, float("nan"), 2**53, {"é": 1}, {1: 2}, "\ud800", b"x", [{"a": 0.1}]])
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises(ValueError):  # noqa: PT011  (the sentence differs by kind)
        canonical.text(value)


@given(
    st.recursive(st.text() | st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans() | st.none(), st.lists, max_leaves=8)
)
def test_canonical_text_says_the_value(value):
    """Reading the text gives the value back, surrogates aside."""
    try:
        written = canonical.text(value)
    except UnicodeEncodeError:
        return

    assert json.loads(written) == value


@pytest.mark.parametrize(
    "record",
    [
        CONTRACT,
        Area(id="110108001", name="万寿路街道", name_en="Wanshoulu", col=0, row=0),
        Device(id="d", site="s", carrier="c", role="ap", tags=("a", "b")),
    ],
    ids=lambda record: type(record).__name__,
)
def test_a_record_survives_its_body(record):
    assert codec.decode(type(record).__name__.lower(), codec.encode(record)) == record


def test_a_body_of_an_older_version_gets_the_new_field_s_default():
    body = json.loads(codec.encode(CONTRACT))
    del body["rules"]["percentile"]

    assert codec.decode("contract", json.dumps(body)) == CONTRACT


def test_a_body_of_a_newer_version_is_refused():
    with pytest.raises(RegisterError, match="install the newer NetOps"):
        codec.decode("carrier", '{"id":"a","name":"b","colour":"red"}')


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-01-01", "2025-12-31T16:00:00Z"),
        ("2026-01-01T08:00:00", "2026-01-01T00:00:00Z"),
        ("2026-01-01T08:00:00.250+08:00", "2026-01-01T00:00:00.250Z"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("1988-07-01", "1988-06-30T15:00:00Z"),  # Shanghai had summer time
    ],
)
def test_an_instant_without_offset_is_local(written, expected):
    assert iso(instant(written, zone("Asia/Shanghai"))) == expected


@pytest.mark.parametrize(
    "written", ["", "tomorrow", "2026-13-01", "1969-12-31", "9999-12-31", "0001-01-01", "2026-01-01T25:00"]
)
def test_no_instant_is_refused(written):
    with pytest.raises(ValueError, match=r"no instant|outside"):
        instant(written, zone("Asia/Shanghai"))


@pytest.mark.parametrize("name", ["Asia/Beijing", "", "/etc/passwd", "../x", "\0", "a" * 5000])
def test_no_zone_is_refused(name):
    with pytest.raises(ValueError, match="no IANA time zone"):
        zone(name)


def test_nearest_names_the_close_word_or_the_choices():
    assert nearest("exclusion_mod", ["exclusion_mode", "other"]) == "did you mean 'exclusion_mode'?"
    assert nearest("zzz", ["a", "b"]) == "expected one of: a, b"
    assert nearest("zzz", [f"w{i}" for i in range(20)]).endswith("… (20 in all)")


@given(st.integers(0, 7_000_000_000_000), st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "Asia/Kathmandu", "UTC"]))
def test_a_shown_instant_spells_its_offset_and_reads_back_to_itself(at_ms, name):
    """Also in the hour that a zone's clock goes through twice."""
    where = zone(name)
    written = shown(at_ms, where)

    assert written[-6] in "+-"
    assert instant(written, zone("America/New_York")) == at_ms


def test_a_shown_instant_is_the_citys_wall_clock_or_utc():
    assert shown(1_791_741_600_000, zone("Asia/Shanghai")) == "2026-10-12T02:00:00+08:00"
    assert shown(1_791_741_600_000, UTC) == "2026-10-11T18:00:00Z"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"dispute": {"objection_days": -1}}, "objection_days is -1; expected a whole number from 1 to 250"),
        ({"dispute": {"ruling_days": 10**9}}, "ruling_days is 1000000000; expected a whole number"),
        ({"dispute": {"rebuttal_days": True}}, "rebuttal_days is True; expected a whole number"),
        ({"dispute": {"rebuttal_days": "5"}}, "rebuttal_days is 5; expected a whole number"),
        ({"valid_from_ms": 2**53 - 1}, "valid_from_ms is 9007199254740991; expected milliseconds UTC within the years"),
        ({"ends_ms": -(2**53)}, "ends_ms is -9007199254740992; expected milliseconds UTC within the years"),
    ],
)
def test_a_recorded_contract_with_numbers_that_no_file_can_say_is_refused_by_name(changed, says):
    body = json.dumps(json.loads(codec.encode(CONTRACT)) | changed)

    with pytest.raises(RegisterError, match=f"contract c, version 1: {says}"):
        codec.decode("contract", body)
