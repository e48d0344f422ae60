"""Observations and gaps become the rows that are stored: a gap never becomes a number."""

from __future__ import annotations

from netops.model import Gap, Observation, Quality, Reason, Subject
from netops.series import rows

AP = Subject("ap", "mac:020000000001")


def seen(metric, value, quality=Quality.OK, subject=AP):
    return Observation(
        metric=metric,
        subject=subject,
        device="ac",
        at_ms=0,
        value=value,
        unit="",
        raw=0,
        oid="",
        rule="",
        quality=quality,
    )


def gap(metric, reason=Reason.TORN, subject=AP):
    return Gap(metric=metric, subject=subject, device="ac", at_ms=0, reason=reason)


def test_numbers_states_and_texts_of_one_subject_are_one_row():
    (row,) = rows([seen("wlan.ap.clients", 3), seen("wlan.ap.state", 8), seen("wlan.ap.name", "公园")], [])

    assert row.subject == AP
    assert dict(row.values) == {"wlan.ap.clients": 3.0, "wlan.ap.state": 8.0}
    assert all(type(value) is float for value in row.values.values())
    assert (dict(row.codes), dict(row.texts)) == ({}, {"wlan.ap.name": "公园"})


def test_what_is_not_ok_says_so():
    (row,) = rows(
        [
            seen("wlan.ap.clients", 3, Quality.TORN),
            seen("wlan.ap.temperature", None, Quality.SENTINEL),
            seen("wlan.ap.cpu", None, Quality.OUT_OF_RANGE),
        ],
        [gap("wlan.ap.memory")],
    )

    assert row.values == {
        "wlan.ap.clients": 3.0,
        "wlan.ap.temperature": None,
        "wlan.ap.cpu": None,
        "wlan.ap.memory": None,
    }
    assert row.codes == {
        "wlan.ap.clients": "torn",
        "wlan.ap.temperature": "sentinel",
        "wlan.ap.cpu": "out_of_range",
        "wlan.ap.memory": "torn",
    }


def test_a_value_wins_over_a_gap_and_a_good_one_over_a_doubtful_one():
    torn, good = seen("wlan.ap.clients", 3, Quality.TORN), seen("wlan.ap.clients", 4)

    for order in ([torn, good], [good, torn]):
        (row,) = rows(order, [gap("wlan.ap.clients")])
        assert (row.values, row.codes) == ({"wlan.ap.clients": 4.0}, {})


def test_a_text_that_is_missing_is_no_number():
    (row,) = rows([], [gap("wlan.ap.name")])

    assert (row.values, row.codes, row.texts) == ({"wlan.ap.name": None}, {"wlan.ap.name": "torn"}, {})
    (row,) = rows([seen("wlan.ap.name", "x")], [gap("wlan.ap.name")])
    assert (row.values, row.texts) == ({}, {"wlan.ap.name": "x"})


def test_subjects_stay_in_the_order_they_came():
    other = Subject("ap", "mac:020000000002")
    found = rows([seen("wlan.ap.clients", 1, subject=other), seen("wlan.ap.clients", 2)], [])

    assert [row.subject for row in found] == [other, AP]
