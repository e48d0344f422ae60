"""Every value keeps where it came from; everything that was asked and is not there is a gap with its reason."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.columns import Known, quick_rows
from collectors.decode import decode, restarted
from collectors.detect import whole
from collectors.plan import plan
from collectors.profile_yaml import parse, shipped
from collectors.replay import examine
from collectors.snmp.agent import Listing, interview
from collectors.snmp.ask import Answer, Failure
from collectors.snmp.pdu import Kind, response
from collectors.snmp.varbind import GAUGE32, INTEGER, OCTET_STRING, TIME_TICKS, Varbind
from netops.metrics import METRICS
from netops.model import Quality, Reason, Subject
from netops.series import rows as rows_of

ROOT = (1, 3, 6, 1, 4, 1, 99999)
UPTIME = Varbind((1, 3, 6, 1, 2, 1, 1, 3, 0), TIME_TICKS, 5000)
PROFILE = parse(
    """\
profile: maker
title: {zh: 某, en: some}
root: 1.3.6.1.4.1.99999
scalars:
  wlan.controller.clients: {oid: .9.0}
tables:
  ap:
    kind: ap
    index: {mac: mac}
    identity: [mac]
    needed: [wlan.ap.state, wlan.ap.clients]
    columns:
      wlan.ap.state: {oid: .1.1, states: {1: normal, 2: fault}}
      wlan.ap.clients: {oid: .1.2, range: [0, 500]}
      wlan.ap.temperature: {oid: .1.3, scale: 0.1, sentinels: [2550]}
      wlan.ap.name: {oid: .1.4, cost: dear}
contradictions:
  - contract: wlan.controller.clients
    spread: wlan.controller.clients_spread
    counts:
      wlan.controller.clients: {scalar: wlan.controller.clients}
      wlan.controller.clients_by_ap: {table: ap, sum: wlan.ap.clients}
""",
    "maker.yaml",
)
PLAN = plan([whole(PROFILE)])


def mac(n):
    return (2, 0, 0, 0, 0, n)


def ap(n, *, state=1, clients=3, temperature=415, name=b"ap"):
    cells = ((1, INTEGER, state), (2, GAUGE32, clients), (3, INTEGER, temperature), (4, OCTET_STRING, name))
    return [Varbind((*ROOT, 1, c, *mac(n)), tag, value) for c, tag, value in cells if value is not None]


def read(objects, at_ms=1000):
    answer = interview(Listing([UPTIME, *objects]), PLAN.ask)
    return decode(PLAN, answer, device="ac-1", at_ms=at_ms)


def by(decoded):
    return {(o.subject.id, o.metric): o for o in decoded.observations}


def reasons(decoded):
    return {(g.subject.id, g.metric): g.reason for g in decoded.gaps}


def test_an_observation_says_where_it_came_from():
    seen = by(read([Varbind((*ROOT, 9, 0), GAUGE32, 3), *ap(1)]))["mac:020000000001", "wlan.ap.temperature"]

    assert (seen.value, seen.unit, seen.raw, seen.quality) == (41.5, "Cel", 415, Quality.OK)
    assert (seen.oid, seen.index) == ("1.3.6.1.4.1.99999.1.3.2.0.0.0.0.1", "2.0.0.0.0.1")
    assert seen.rule == f"maker.ap.wlan.ap.temperature@{PLAN.digest[:8]}"
    assert (seen.subject, seen.device, seen.at_ms) == (Subject("ap", "mac:020000000001"), "ac-1", 1000)


def test_a_sentinel_and_an_impossible_number_have_no_value_and_keep_what_was_sent():
    found = by(read([*ap(1, temperature=2550), *ap(2, temperature=1251, clients=501)]))

    sentinel, impossible = (found[f"mac:02000000000{n}", "wlan.ap.temperature"] for n in (1, 2))
    assert (sentinel.value, sentinel.raw, sentinel.quality) == (None, 2550, Quality.SENTINEL)
    assert (impossible.value, impossible.raw, impossible.quality) == (None, 1251, Quality.OUT_OF_RANGE)
    assert found["mac:020000000002", "wlan.ap.clients"].quality is Quality.OUT_OF_RANGE


def test_a_row_without_a_needed_column_is_torn():
    decoded = read([*ap(1), *ap(2, clients=None)])
    found = by(decoded)

    assert found["mac:020000000001", "wlan.ap.state"].quality is Quality.OK
    assert found["mac:020000000002", "wlan.ap.state"].quality is Quality.TORN
    assert found["mac:020000000002", "wlan.ap.state"].value == 8
    assert reasons(decoded)["mac:020000000002", "wlan.ap.clients"] is Reason.TORN


def test_a_missing_cell_that_is_not_needed_is_a_gap_and_tears_nothing():
    decoded = read([*ap(1), *ap(2, temperature=None)])

    assert by(decoded)["mac:020000000002", "wlan.ap.clients"].quality is Quality.OK
    assert reasons(decoded)["mac:020000000002", "wlan.ap.temperature"] is Reason.NO_SUCH_INSTANCE


def test_an_absent_column_is_one_gap_of_the_device():
    decoded = read([*ap(1, temperature=None), *ap(2, temperature=None)])

    assert reasons(decoded)["ac-1", "wlan.ap.temperature"] is Reason.NO_SUCH_OBJECT
    assert sum(g.metric == "wlan.ap.temperature" for g in decoded.gaps) == 1


def test_an_empty_table_yields_gaps_and_no_zero():
    decoded = read([])

    assert decoded.observations == ()
    assert {g.metric for g in decoded.gaps} == {c.key for t in PROFILE.tables for c in t.columns} | {
        "wlan.controller.clients"
    }


def test_a_state_that_nobody_named_is_a_gap_that_shows_it():
    decoded = read(ap(1, state=77))

    gap = next(g for g in decoded.gaps if g.metric == "wlan.ap.state")
    assert gap.reason is Reason.UNREADABLE
    assert "77" in gap.detail


def test_a_devices_own_counts_are_kept_apart_and_their_distance_shown():
    found = by(read([Varbind((*ROOT, 9, 0), GAUGE32, 11), *ap(1, clients=3), *ap(2, clients=5), *ap(3, clients=501)]))

    assert found["ac-1", "wlan.controller.clients"].value == 11
    assert found["ac-1", "wlan.controller.clients_by_ap"].value == 8
    assert found["ac-1", "wlan.controller.clients_by_ap"].raw == "sum of 2 rows"
    assert found["ac-1", "wlan.controller.clients_spread"].value == 3


def test_one_count_alone_contradicts_nothing():
    assert not [o for o in read(ap(1)).observations if o.metric.endswith("_spread")]


class Restarting(Listing):
    """An agent whose sysUpTime begins anew after every question for it."""

    def get(self, oid):
        found = super().get(oid)
        self.objects[UPTIME.oid] = UPTIME._replace(value=3)
        return found


def test_a_restart_during_the_walk_tears_every_table():
    decoded = decode(PLAN, interview(Restarting([UPTIME, *ap(1)]), PLAN.ask), device="ac-1", at_ms=0)

    assert {o.quality for o in decoded.observations if o.subject.kind == "ap"} == {Quality.TORN}


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [(100, 300, False), (300, 100, True), (2**32 - 50, 50, False), (None, 5, False), (5, None, False), (7, 7, False)],
)
def test_only_a_clock_that_went_back_is_a_restart(first, last, expected):
    assert restarted(first, last) is expected


@pytest.mark.parametrize("reason", [Reason.NO_ANSWER, Reason.REFUSED, Reason.DEADLINE, Reason.UNDECODABLE])
def test_a_device_that_does_not_answer_is_gaps_only(reason):
    answer = Answer(failed=Failure(reason, "x"), asked=len(PLAN.ask.gets), missed={0: Failure(reason, "x")})
    decoded = decode(PLAN, answer, device="ac-1", at_ms=0)

    assert decoded.observations == ()
    assert {g.reason for g in decoded.gaps} == {reason}
    assert {g.metric for g in decoded.gaps} == {"wlan.controller.clients", *(c.key for c in PROFILE.tables[0].columns)}


class Looping(Listing):
    """An agent whose second row leads back to the first: a walk of it would never end."""

    def respond(self, pdu):
        if pdu.kind != Kind.GET_BULK:
            return super().respond(pdu)
        first = [Varbind((*oid[:9], *mac(1)), INTEGER, 1) for oid in pdu.varbinds.oids]
        return response(pdu, [*first, *first])


def test_a_walk_that_goes_in_circles_is_the_devices_fault():
    answer = interview(Looping([UPTIME]), PLAN.ask)
    decoded = decode(PLAN, answer, device="ac-1", at_ms=0)

    assert Reason.PROTOCOL_FAULT in {g.reason for g in decoded.gaps}
    assert all(g.ours is False for g in decoded.gaps)


class Silent(Listing):
    """An agent that answers Gets and never a walk."""

    def respond(self, pdu):
        return super().respond(pdu) if pdu.kind == Kind.GET else None


def test_a_walk_without_reply_leaves_what_came_before_it():
    decoded = decode(
        PLAN, interview(Silent([UPTIME, Varbind((*ROOT, 9, 0), GAUGE32, 4)]), PLAN.ask), device="d", at_ms=0
    )

    assert [o.value for o in decoded.observations] == [4]
    assert {g.reason for g in decoded.gaps} == {Reason.NO_ANSWER}


def test_rows_that_claim_one_identity_stay_apart():
    profile = shipped()["standard"]
    base = (1, 3, 6, 1, 2, 1)
    objects = [
        Varbind((*base, *column, n), tag, value)
        for n in (1, 2)
        for column, tag, value in (
            ((2, 2, 1, 2), OCTET_STRING, b"eth"),
            ((2, 2, 1, 7), INTEGER, 1),
            ((2, 2, 1, 8), INTEGER, n),
        )
    ]
    _, decoded = examine(Listing([UPTIME, *objects]), {"standard": profile}, device="d", at_ms=0)

    assert {o.subject.id: o.value for o in decoded.observations if o.metric == "interface.oper"} == {
        "d/eth~1": 1,
        "d/eth~2": 2,
    }


def test_a_device_that_renumbers_its_tree_is_read_under_its_other_root():
    profile = parse(
        "profile: y\ntitle: {zh: 某, en: y}\nroot: [1.3.6.1.4.1.1, 1.3.6.1.4.1.2]\nmatch: {probes: [.5]}\n"
        "scalars:\n  system.temperature: {oid: .5.0}\n",
        "y.yaml",
    )
    agent = Listing([Varbind((1, 3, 6, 1, 4, 1, 2, 5, 0), INTEGER, 40)])
    detected, decoded = examine(agent, {"y": profile}, device="d", at_ms=0)

    assert detected.family == "y"
    assert [(o.value, o.oid) for o in decoded.observations] == [(40, "1.3.6.1.4.1.2.5.0")]


def test_a_column_of_a_terminals_parts_belongs_to_the_terminal_and_its_first_part_stands_for_it():
    profile = parse(
        "profile: y\ntitle: {zh: 某, en: y}\nroot: 1.3.6.1.4.1.1\nmatch: {probes: [.1]}\n"
        "tables:\n  onu:\n    kind: onu\n"
        "    index: {onu: integer}\n    identity: [pon.onu.serial, onu]\n    needed: [pon.onu.serial]\n    columns:\n"
        "      pon.onu.serial: {oid: .1, read: pon_serial}\n"
        "      pon.onu.rx_power: {oid: .2, scale: 0.01, deeper: 2, cost: heavy}\n",
        "y.yaml",
    )
    root = (1, 3, 6, 1, 4, 1, 1)
    agent = Listing(
        [
            Varbind((*root, 1, 7), OCTET_STRING, b"HWTC01234567"),
            Varbind((*root, 2, 7, 0, 1), INTEGER, -1900),
            Varbind((*root, 2, 7, 0, 2), INTEGER, -2500),
            Varbind((*root, 2, 9), INTEGER, -2000),
        ]
    )
    for costs in ({"cheap", "heavy"}, {"heavy"}):
        answer = interview(agent, (asked := plan([whole(profile)], costs=costs)).ask)
        powers = [o for o in decode(asked, answer, device="d", at_ms=0).observations if o.metric == "pon.onu.rx_power"]
        assert [(o.subject.id, o.value, o.oid) for o in powers] == [("sn:HWTC01234567", -19.0, "1.3.6.1.4.1.1.2.7.0.1")]
        assert quick_rows(asked, answer, device="d", known=Known()) is None


def test_one_object_can_be_two_metrics():
    profile = parse(
        "profile: y\ntitle: {zh: 某, en: y}\nroot: 1.3.6.1.4.1.1\nmatch: {probes: [.1]}\n"
        "tables:\n  onu:\n    kind: onu\n"
        "    index: {onu: integer}\n    identity: [onu]\n    needed: [pon.onu.state]\n    columns:\n"
        "      pon.onu.state: {oid: .1, states: {3: up, 4: down}}\n"
        "      pon.onu.down_cause: {oid: .1, states: {4: dying_gasp}, sentinels: [3]}\n",
        "y.yaml",
    )
    agent = Listing([Varbind((1, 3, 6, 1, 4, 1, 1, 1, n), INTEGER, 2 + n) for n in (1, 2)])
    _, decoded = examine(agent, {"y": profile}, device="d", at_ms=0)

    assert {(o.index, o.metric): o.value for o in decoded.observations} == {
        ("1", "pon.onu.state"): 1,
        ("1", "pon.onu.down_cause"): None,
        ("2", "pon.onu.state"): 2,
        ("2", "pon.onu.down_cause"): 13,
    }


def test_a_plan_of_cheap_columns_still_asks_for_the_identity():
    cheap = plan([whole(shipped()["huawei_smartax"])], costs={"cheap"})
    ont = next(t for t in cheap.sections[0].tables if t.table.name == "ont")

    keys = {r.column.key for r in ont.rules}
    assert "pon.onu.serial" in keys
    assert not {"pon.onu.rx_power", "pon.onu.distance"} & keys


VALUES = st.one_of(
    st.tuples(st.just(INTEGER), st.integers(-(2**31), 2**31 - 1)),
    st.tuples(st.just(GAUGE32), st.integers(0, 2**32 - 1)),
    st.tuples(st.just(OCTET_STRING), st.binary(max_size=30)),
)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.integers(1, 4), st.lists(st.integers(0, 300), max_size=8).map(tuple)), VALUES, max_size=30
    )
)
def test_whatever_a_device_sends_each_cell_is_an_observation_or_a_gap(cells):
    objects = [
        Varbind((*ROOT, 1, column, *index), tag, value) for (column, index), (tag, value) in cells.items() if index
    ]
    decoded = read(objects)

    shown = {o.oid for o in decoded.observations if o.subject.kind == "ap"} | {g.oid for g in decoded.gaps}
    assert {".".join(map(str, v.oid)) for v in objects} <= shown
    for seen in decoded.observations:
        assert (seen.value is None) == (seen.quality in {Quality.SENTINEL, Quality.OUT_OF_RANGE})
        if isinstance(seen.value, (int, float)):
            assert METRICS[seen.metric].within(seen.value)
    keys = [(o.subject, o.metric) for o in decoded.observations if o.subject.kind == "ap"]
    assert len(keys) == len(set(keys)), "two rows became one subject"


WORDS = parse(
    """\
profile: words
title: {zh: 某, en: some}
root: 1.3.6.1.4.1.99999
tables:
  ap:
    kind: ap
    index: {row: integer}
    identity: [wlan.ap.serial, row]
    needed: [wlan.ap.serial]
    rows: [wlan.ap.serial]
    unless: {band: ["", "N/A"]}
    helpers:
      band: {oid: .1.3, read: text}
    columns:
      wlan.ap.serial: {oid: .1.1, sentinels: [n/a]}
      wlan.ap.address: {oid: .1.2, read: ipv4, sentinels: [0.0.0.0]}
""",
    "words.yaml",
)


def words_of(serial, address, band=b"2.4G"):
    cells = [(1, serial), (2, address), (3, band)]
    return Listing([UPTIME, *(Varbind((*ROOT, 1, c, 1), OCTET_STRING, v) for c, v in cells if v is not None)])


def both(agent):
    todo = plan([whole(WORDS)])
    answer = interview(agent, todo.ask, at_ms=0)
    general, quick = decode(todo, answer, device="d", at_ms=0), quick_rows(todo, answer, device="d", known=Known())
    assert quick is not None
    subjects = dict.fromkeys(o.subject for o in general.observations)
    assert [row.subject for row in quick if row.subject.kind == "ap"] == list(subjects)
    return general


def test_a_sentinel_in_words_is_no_value_and_no_identity():
    decoded = both(words_of(b"N/A", b"\0\0\0\0"))

    assert {(o.metric, o.value, o.quality) for o in decoded.observations} == {
        ("wlan.ap.serial", None, Quality.SENTINEL),
        ("wlan.ap.address", None, Quality.SENTINEL),
    }
    assert {o.subject for o in decoded.observations} == {Subject("ap", "d/1")}


@pytest.mark.parametrize("band", [b"", b"n/a"])
def test_a_row_that_a_word_says_is_another_thing_is_no_subject(band):
    assert both(words_of(b"SN1", b"\x0a\0\0\1", band)).observations == ()


def test_a_table_without_the_columns_that_say_which_rows_there_are_has_none():
    decoded = both(words_of(None, b"\x0a\0\0\1"))

    assert decoded.observations == ()
    assert ("wlan.ap.serial", Reason.NO_SUCH_OBJECT) in {(g.metric, g.reason) for g in decoded.gaps}


KINDS = parse(
    """\
profile: kinds
title: {zh: 某, en: some}
root: 1.3.6.1.4.1.99999
tables:
  sensor:
    kind: sensor
    index: {row: integer}
    identity: [row]
    needed: [sensor.name, sensor.temperature]
    rows: [sensor.temperature]
    only: {model: ["mr*", "ap"], status: [1]}
    helpers:
      model: {oid: .1.1, read: text}
      status: {oid: .1.2}
      type: {oid: .1.3}
      scale: {oid: .1.4, read: si_prefix}
      places: {oid: .1.5, read: decimal_places}
    columns:
      sensor.temperature: {oid: .1.6, only: {type: [8]}, factor: [scale, places], sentinels: [999]}
      sensor.voltage: {oid: .1.6, only: {type: [3, 4]}, factor: [scale, places]}
      sensor.name: {oid: .1.7}
""",
    "kinds.yaml",
)


def kinds_of(*rows):
    """Return a device with rows of (model, status, type, scale, places, value, name); None is no cell."""
    cells = [(c, row, v) for row, each in enumerate(rows, 1) for c, v in enumerate(each, 1) if v is not None]
    tagged = [Varbind((*ROOT, 1, c, r), OCTET_STRING if isinstance(v, bytes) else INTEGER, v) for c, r, v in cells]
    return Listing([UPTIME, *sorted(tagged, key=lambda v: v.oid)])


def kinds(*rows):
    """Return what the rows say in the general way, and whether the quick way took them (then to the same)."""
    todo = plan([whole(KINDS)])
    answer = interview(kinds_of(*rows), todo.ask, at_ms=0)
    general, quick = decode(todo, answer, device="d", at_ms=0), quick_rows(todo, answer, device="d", known=Known())
    if quick is not None:
        told = {row.subject: (dict(row.values), dict(row.codes), dict(row.texts)) for row in quick}
        ours = rows_of(general.observations, general.gaps)
        assert told == {row.subject: (dict(row.values), dict(row.codes), dict(row.texts)) for row in ours}
    return general, quick is not None


def test_a_value_means_what_the_helper_of_its_row_says():
    general, quick = kinds(
        (b"MR46-HW", 1, 8, 9, 1, 235, b"in"),
        (b"AP", 1, 4, 8, 0, 12040, b"rail"),
        (b"mr1", 1, 8, 9, 0, 999, b"away"),
        (b"mr1", 1, 12, 9, 0, 1, b"lid"),
    )

    assert quick
    assert {(o.subject.id, o.metric, o.value) for o in general.observations if o.metric != "sensor.name"} == {
        ("d/1", "sensor.temperature", 23.5),
        ("d/2", "sensor.voltage", 12.04),
        ("d/3", "sensor.temperature", None),
    }
    assert general.gaps == ()


@pytest.mark.parametrize(
    "other", [(b"MS225", 1), (b"APX", 1), (b"xmr", 1), (b"mr1", 2)], ids=["a switch", "longer", "inside", "not ok"]
)
def test_a_row_that_no_helper_says_is_of_the_table_is_none(other):
    general, quick = kinds((b"mr1", 1, 8, 9, 0, 20, b"in"), (*other, 8, 9, 0, 21, b"other"))

    assert quick
    assert {o.subject.id for o in general.observations} == {"d/1"}
    assert general.gaps == ()


def test_a_row_whose_helper_is_missing_is_none_and_a_table_without_the_helper_says_so():
    one, _ = kinds((b"mr1", 1, 8, 9, 0, 20, b"in"), (None, 1, 8, 9, 0, 21, b"x"))
    none, _ = kinds((None, 1, 8, 9, 0, 20, b"in"))

    assert {o.subject.id for o in one.observations} == {"d/1"}
    assert none.observations == ()
    expected = {("d", m) for m in ("sensor.temperature", "sensor.voltage", "sensor.name")}
    assert {(g.subject.id, g.metric) for g in none.gaps if g.reason is Reason.NO_SUCH_OBJECT} == expected


@pytest.mark.parametrize(("scale", "places"), [(0, 0), (18, 0), (9, 10), (9, -9), (None, 0)])
def test_a_number_whose_point_is_not_known_is_none(scale, places):
    general, _ = kinds((b"mr1", 1, 8, 9, 0, 20, b"in"), (b"mr1", 1, 8, scale, places, 21, b"odd"))

    assert {(o.subject.id, o.value) for o in general.observations if o.metric == "sensor.temperature"} == {("d/1", 20)}
    assert [(g.subject.id, g.metric, g.reason) for g in general.gaps] == [
        ("d/2", "sensor.temperature", Reason.UNREADABLE)
    ]


def test_what_several_columns_read_is_asked_once():
    (walk,) = plan([whole(KINDS)]).ask.walks

    assert len(walk) == len(set(walk)) == 7
