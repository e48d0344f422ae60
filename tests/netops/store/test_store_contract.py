"""What every telemetry store promises, one suite for all: full write, then read."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from netops.model import Poll, Row, Subject
from netops.store import Outcome, Tally, nearest_rank

T0 = 1_748_736_000_000  # 2025-06-01T00:00:00Z
MINUTE = 60_000
HOUR = 3_600_000
CLIENTS = "wlan.ap.clients"
LOAD = "wlan.radio.utilisation"
AP = Subject("ap", "mac:0a0b0c0d0e0f")
HOSTILE = [
    'a b,c=d"e\\f',
    "trailing backslash\\",
    "line\nbreak\r\ttab",
    "percent %41 %",
    "陆家嘴 🛰 ünï",
    "'; DROP TABLE poll; --",
    '{"a":"b"}$var\\" \\\\',
    "=",
    " leading and trailing ",
    "a,host=evil value=1i 123\nap,subject=x y=2 3",
    "nul\x00inside",
]


def poll(device="ac-1", slot_ms=T0, rows=(), **more):
    details = {"outcome": "answered", "attempts": 1, "rtt_ms": 12.5, "profile": "huawei_wlan_ac", "digest": "3f2a"}
    return Poll(device=device, slot_ms=slot_ms, at_ms=slot_ms + 37, lag_ms=37.0, rows=tuple(rows), **(details | more))


def row(subject=AP, codes=(), texts=(), **values):
    named = {name.replace("__", "."): value for name, value in values.items()}
    return Row(subject=subject, values=named, codes=dict(codes), texts=dict(texts))


def clients(value, subject=AP, code=None):
    return Row(subject=subject, values={CLIENTS: value}, codes={CLIENTS: code} if code else {})


def told(readings):
    return [
        (r.slot_ms - T0, r.device, pytest.approx(r.value, rel=1e-12) if r.value is not None else None, r.code)
        for r in readings
    ]


def test_series_gives_what_was_written_in_order_of_time(kept):
    """Values, gaps and doubtful values come back with slot, true instant, device and code."""
    kept.write(
        [
            poll(slot_ms=T0 + 2 * MINUTE, rows=[clients(7.25)]),
            poll(slot_ms=T0, rows=[clients(-99.0)]),
            poll(slot_ms=T0 + MINUTE, rows=[clients(None, code="no_such_instance")]),
            poll(slot_ms=T0 + 3 * MINUTE, rows=[clients(3.0, code="torn")]),
        ]
    )

    found = kept.store.series(AP, CLIENTS, start_ms=T0, end_ms=T0 + HOUR)

    assert told(found) == [
        (0, "ac-1", -99.0, "ok"),
        (MINUTE, "ac-1", None, "no_such_instance"),
        (2 * MINUTE, "ac-1", 7.25, "ok"),
        (3 * MINUTE, "ac-1", 3.0, "torn"),
    ]
    assert [r.at_ms - r.slot_ms for r in found] == [37] * 4
    assert {(r.subject, r.metric) for r in found} == {(AP, CLIENTS)}


def test_a_window_is_half_open_over_the_slot(kept):
    """The start belongs to a window, the end to the next one."""
    kept.write([poll(slot_ms=T0 + n * MINUTE, rows=[clients(float(n))]) for n in range(5)])

    found = kept.store.series(AP, CLIENTS, start_ms=T0 + MINUTE, end_ms=T0 + 3 * MINUTE)

    assert [r.value for r in found] == [1.0, 2.0]
    assert len(kept.store.outcomes(start_ms=T0 + MINUTE, end_ms=T0 + 3 * MINUTE)) == 2


def test_several_metrics_of_a_subject_are_one_question(kept):
    """They come one after the other as asked, each as `series` gives it; unknown names bring nothing."""
    gone = "wlan.ap.cpu"
    rows = [
        row(wlan__ap__clients=1.0, wlan__radio__utilisation=40.0),
        Row(subject=AP, values={CLIENTS: 2.0, gone: None}, codes={gone: "no_such_instance"}),
        row(subject=Subject("ap", "mac:000000000001"), wlan__ap__clients=9.0),
    ]
    kept.write([poll(slot_ms=T0 + MINUTE, rows=[rows[1], rows[2]]), poll(slot_ms=T0, rows=[rows[0], rows[2]])])
    kept.write([poll(device="ac-2", slot_ms=T0, rows=[rows[0]]), poll(slot_ms=T0 + HOUR, rows=[rows[0]])])
    asked = [LOAD, CLIENTS, "wlan.ap.memory", gone, CLIENTS]
    window = {"start_ms": T0, "end_ms": T0 + HOUR}

    found = kept.store.readings(AP, asked, **window)

    assert [(r.metric, r.slot_ms - T0, r.device, r.value, r.code) for r in found] == [
        (LOAD, 0, "ac-1", 40.0, "ok"),
        (LOAD, 0, "ac-2", 40.0, "ok"),
        (CLIENTS, 0, "ac-1", 1.0, "ok"),
        (CLIENTS, 0, "ac-2", 1.0, "ok"),
        (CLIENTS, MINUTE, "ac-1", 2.0, "ok"),
        (gone, MINUTE, "ac-1", None, "no_such_instance"),
    ]
    assert found == [each for metric in dict.fromkeys(asked) for each in kept.store.series(AP, metric, **window)]
    assert {r.at_ms - r.slot_ms for r in found} == {37}
    assert kept.store.readings(AP, [], **window) == []
    assert kept.store.readings(Subject("ap", "nobody"), asked, **window) == []


def test_a_poll_written_again_adds_nothing(kept):
    """The spool may hand over a poll again after a crash: values and outcomes count once."""
    polls = [
        poll(device=f"ac-{n}", slot_ms=T0 + s * MINUTE, rows=[clients(float(n))]) for n in range(3) for s in range(3)
    ]
    kept.write(polls)
    kept.write(polls[4:])
    kept.write(polls)

    found = kept.store.series(AP, CLIENTS, start_ms=T0, end_ms=T0 + HOUR)

    assert len(found) == 9
    assert len(kept.store.outcomes(start_ms=T0, end_ms=T0 + HOUR)) == 9
    assert [tally.polls for tally in kept.store.tally(start_ms=T0, end_ms=T0 + HOUR)] == [3, 3, 3]


def test_a_poll_twice_in_one_write_counts_once(kept):
    """Also within one batch."""
    kept.write([poll(rows=[clients(1.0)]), poll(rows=[clients(1.0)])])

    assert len(kept.store.series(AP, CLIENTS, start_ms=T0, end_ms=T0 + 1)) == 1
    assert len(kept.store.outcomes(start_ms=T0, end_ms=T0 + 1)) == 1
    assert kept.store.tally(start_ms=T0, end_ms=T0 + 1) == [Tally(device="ac-1", outcome="answered", polls=1)]


def test_two_devices_may_tell_of_one_subject(kept):
    """An access point seen by two controllers has two readings, each with its witness."""
    kept.write([poll(device="ac-2", rows=[clients(5.0)]), poll(device="ac-1", rows=[clients(4.0)])])

    found = kept.store.series(AP, CLIENTS, start_ms=T0, end_ms=T0 + 1)

    assert told(found) == [(0, "ac-1", 4.0, "ok"), (0, "ac-2", 5.0, "ok")]


def test_a_row_told_twice_in_one_poll_is_one_row(kept):
    """Two tables may speak of one subject; the later telling of a metric stays, with its own code."""
    first = Row(subject=AP, values={CLIENTS: None, LOAD: 40.0}, codes={CLIENTS: "no_such_instance"})
    kept.write([poll(rows=[first, clients(9.0)])])

    found = kept.store.series(AP, CLIENTS, start_ms=T0, end_ms=T0 + 1)

    assert told(found) == [(0, "ac-1", 9.0, "ok")]
    assert told(kept.store.series(AP, LOAD, start_ms=T0, end_ms=T0 + 1)) == [(0, "ac-1", 40.0, "ok")]


def test_last_is_the_newest_reading_of_each_metric_within_its_age(kept):
    """Metrics of different pace each give their newest reading; a newer gap hides an older value."""
    other = Subject("ap", "mac:ffffffffffff")
    kept.write(
        [
            poll(slot_ms=T0, rows=[Row(subject=AP, values={CLIENTS: 1.0, LOAD: 20.0}), clients(8.0, other)]),
            poll(slot_ms=T0 + MINUTE, rows=[clients(2.0), clients(None, other, code="row_missing")]),
            poll(slot_ms=T0 - HOUR, rows=[clients(3.0, Subject("ap", "mac:old"))]),
            poll(slot_ms=T0, rows=[clients(4.0, Subject("ssid", "eduroam"))], device="ac-9"),
        ]
    )

    found = kept.store.last("ap", [CLIENTS, LOAD], now_ms=T0 + MINUTE, max_age_ms=5 * MINUTE)

    assert [(r.subject.id, r.metric, r.slot_ms - T0, r.value, r.code) for r in found] == [
        (AP.id, CLIENTS, MINUTE, 2.0, "ok"),
        (AP.id, LOAD, 0, 20.0, "ok"),
        (other.id, CLIENTS, MINUTE, None, "row_missing"),
    ]


def test_last_knows_no_future(kept):
    """A slot after now is not the last one; a slot exactly the maximum age ago is too old."""
    kept.write([poll(slot_ms=T0 + n * MINUTE, rows=[clients(float(n))]) for n in range(4)])

    found = kept.store.last("ap", [CLIENTS], now_ms=T0 + 2 * MINUTE, max_age_ms=MINUTE)
    none = kept.store.last("ap", [CLIENTS], now_ms=T0 + 5 * MINUTE, max_age_ms=2 * MINUTE)

    assert [r.value for r in found] == [2.0]
    assert none == []


def test_grouped_gives_mean_and_exact_percentile_of_ok_values_only(kept):
    """Torn and missing values stay out; p95 is the nearest rank, never an interpolation."""
    aps = [Subject("ap", f"mac:{n:012x}") for n in range(23)]
    values = [round(math.sqrt(n + 1) * 10, 6) for n in range(23)]
    kept.write(
        [
            poll(slot_ms=T0 + MINUTE, rows=[clients(v, s) for s, v in zip(aps, values, strict=True)]),
            poll(slot_ms=T0 + HOUR + MINUTE, rows=[clients(500.0, aps[0], code="torn"), clients(2.0, aps[1])]),
            poll(slot_ms=T0 + 2 * HOUR, rows=[clients(None, aps[0], code="no_answer")]),
        ]
    )
    groups = {s: "east" if n % 2 else "west" for n, s in enumerate(aps[:22])}

    found = kept.store.grouped(CLIENTS, groups, start_ms=T0, end_ms=T0 + 3 * HOUR, step_ms=HOUR)

    east, west = sorted(values[1:22:2]), sorted(values[0:22:2])
    assert [(g.group, g.start_ms - T0, g.n) for g in found] == [("east", 0, 11), ("west", 0, 11), ("east", HOUR, 1)]
    assert [g.p95 for g in found] == pytest.approx([nearest_rank(east, 95), nearest_rank(west, 95), 2.0], rel=1e-12)
    assert [g.mean for g in found] == pytest.approx([math.fsum(east) / 11, math.fsum(west) / 11, 2.0], rel=1e-12)


def test_grouped_spans_kinds_and_begins_its_steps_at_the_start(kept):
    """Groups may hold subjects of several kinds; steps are counted from the start, not from the full hour."""
    port = Subject("pon_port", "olt-1/0.1.2")
    rows = [clients(1.0), clients(3.0, port)]
    kept.write([poll(slot_ms=T0 + 90 * MINUTE, rows=rows)])

    found = kept.store.grouped(
        CLIENTS, {AP: "a", port: "a"}, start_ms=T0 + 31 * MINUTE, end_ms=T0 + 3 * HOUR, step_ms=20 * MINUTE
    )

    assert [(g.start_ms - T0, g.group, g.mean, g.n) for g in found] == [(71 * MINUTE, "a", 2.0, 2)]


def test_outcomes_tell_how_each_poll_went(kept):
    """Every poll has an outcome, answered or not; without an answer there is no round-trip time."""
    silent = poll(slot_ms=T0 + MINUTE, outcome="no_answer", attempts=3, rtt_ms=None)
    ours = poll(device="olt-1", slot_ms=T0, outcome="disk_full", attempts=0, rtt_ms=None, profile="", digest="")
    kept.write([poll(rows=[clients(1.0)]), silent, ours])

    found = kept.store.outcomes(start_ms=T0, end_ms=T0 + HOUR)

    def outcome(p):
        return Outcome(
            device=p.device, slot_ms=p.slot_ms, at_ms=p.at_ms, outcome=p.outcome, attempts=p.attempts, rtt_ms=p.rtt_ms,
            lag_ms=p.lag_ms, profile=p.profile, digest=p.digest,
        )  # fmt: skip

    assert found == [outcome(poll()), outcome(ours), outcome(silent)]
    assert kept.store.outcomes(start_ms=T0, end_ms=T0 + HOUR, device="olt-1") == [outcome(ours)]
    assert kept.store.outcomes(start_ms=T0, end_ms=T0 + HOUR, device="olt-7") == []


def test_tally_counts_outcomes_per_device(kept):
    """Availability of every device is one question."""
    kept.write([poll(slot_ms=T0 + n * MINUTE, outcome="answered" if n % 4 else "no_answer") for n in range(10)])
    kept.write([poll(device="olt-1", slot_ms=T0 + n * MINUTE) for n in range(4)])

    found = kept.store.tally(start_ms=T0, end_ms=T0 + 8 * MINUTE)

    assert found == [
        Tally(device="ac-1", outcome="answered", polls=6),
        Tally(device="ac-1", outcome="no_answer", polls=2),
        Tally(device="olt-1", outcome="answered", polls=4),
    ]


def test_texts_are_the_newest_of_each_name(kept):
    """Names and versions change; an older poll that comes late does not bring the old text back."""
    kept.write([poll(slot_ms=T0 + MINUTE, rows=[row(texts={"name": "AP-9", "version": "V2"})])])
    kept.write([poll(slot_ms=T0 + 3 * MINUTE, rows=[row(texts={"name": "AP-9"})])])
    kept.write([poll(slot_ms=T0 + 2 * MINUTE, rows=[row(texts={"name": "AP-old", "version": "V3"})])])

    assert kept.store.texts(AP) == {"name": "AP-9", "version": "V3"}
    assert kept.store.texts(Subject("ap", "mac:unknown")) == {}


def test_hostile_strings_are_data(kept):
    """What a device calls its parts comes back letter by letter and changes nothing beside it."""
    subjects = {Subject("ap", f"ac-1/{hostile}"): hostile for hostile in HOSTILE}
    kept.write([poll(rows=[clients(4.0), *(row(s, texts={"name": h}, **{CLIENTS: 3.0}) for s, h in subjects.items())])])

    found = kept.store.last("ap", [CLIENTS], now_ms=T0, max_age_ms=MINUTE)
    assert {(r.subject, r.value) for r in found} == {(AP, 4.0), *((subject, 3.0) for subject in subjects)}
    for subject, hostile in subjects.items():
        assert told(kept.store.series(subject, CLIENTS, start_ms=T0, end_ms=T0 + 1)) == [(0, "ac-1", 3.0, "ok")]
        assert kept.store.texts(subject) == {"name": hostile}
    cells = kept.store.grouped(CLIENTS, subjects, start_ms=T0, end_ms=T0 + 1, step_ms=1)
    assert [(cell.group, cell.n) for cell in cells] == [(hostile, 1) for hostile in sorted(HOSTILE)]


def test_numbers_keep_their_value(kept):
    """Small, large, negative and fractional numbers come back as they went in."""
    values = [0.0, -0.5, 1e-9, 123456.789012, -40.0, 1e15, 4294967295.0, 18446744073709.0, 1.5e300]
    subjects = [Subject("ap", f"mac:{n}") for n in range(len(values))]
    kept.write([poll(rows=[clients(value, subject) for subject, value in zip(subjects, values, strict=True)])])

    found = kept.store.last("ap", [CLIENTS], now_ms=T0, max_age_ms=1)

    assert [r.value for r in found] == pytest.approx(values, rel=1e-12)


def test_nothing_known_is_nothing_answered(kept):
    """An empty store answers with empty lists, never with an error or a zero."""
    store = kept.store

    assert store.last("ap", [CLIENTS], now_ms=T0, max_age_ms=HOUR) == []
    assert store.series(AP, CLIENTS, start_ms=T0, end_ms=T0 + HOUR) == []
    assert store.grouped(CLIENTS, {AP: "a"}, start_ms=T0, end_ms=T0 + HOUR, step_ms=HOUR) == []
    assert store.outcomes(start_ms=T0, end_ms=T0 + HOUR) == []
    assert store.tally(start_ms=T0, end_ms=T0 + HOUR) == []
    assert store.texts(AP) == {}
    store.write([])


def test_new_metrics_join_as_the_catalogue_grows(kept):
    """A kind's rows may gain metrics later; rows before and after both answer."""
    kept.write([poll(rows=[clients(1.0)])])
    kept.write(
        [
            poll(
                slot_ms=T0 + MINUTE,
                rows=[Row(subject=AP, values={LOAD: 55.0}, codes={"wlan.ap.temp": "unreadable_value"})],
            )
        ]
    )

    assert told(kept.store.series(AP, CLIENTS, start_ms=T0, end_ms=T0 + HOUR)) == [(0, "ac-1", 1.0, "ok")]
    assert told(kept.store.series(AP, LOAD, start_ms=T0, end_ms=T0 + HOUR)) == [(MINUTE, "ac-1", 55.0, "ok")]
    gap = kept.store.series(AP, "wlan.ap.temp", start_ms=T0, end_ms=T0 + HOUR)
    assert told(gap) == [(MINUTE, "ac-1", None, "unreadable_value")]


def test_the_incarnation_is_steady_while_the_store_runs(kept):
    """Only a restart changes it."""
    assert kept.store.incarnation() == kept.store.incarnation()
    assert kept.store.settle_s >= 0


def test_a_poll_without_rows_still_counts(kept):
    """A device that did not answer leaves an outcome and no reading."""
    kept.write([replace(poll(), outcome="refused", rtt_ms=None)])

    assert kept.store.last("ap", [CLIENTS], now_ms=T0, max_age_ms=HOUR) == []
    assert [o.outcome for o in kept.store.outcomes(start_ms=T0, end_ms=T0 + 1)] == ["refused"]
