"""What a form may carry to any method: names given twice, and what no browser would send."""

from __future__ import annotations

from urllib.parse import quote

import pytest

HOSTILE = {
    "empty": "",
    "blank": " \t ",
    "nul": "%00",
    "sql": quote("' OR 1=1 --"),
    "script": quote("<script>alert(1)</script>\"'"),
    "template": quote("{{7*'7'}}${7*7}%(x)s"),
    "long": "9" * 20_000,
    "not-utf8": "%ff%fe%80",
    "right-to-left": quote("\u202e\u0000\ufeff"),
    "new-line": "%0d%0aSet-Cookie:%20a=b",
    "path": quote("../../../../etc/passwd"),
    "other-digits": quote("１２３４５６७८"),
    "astral": quote("😀" * 50),
}


def test_of_a_name_given_twice_the_first_counts_and_the_second_is_no_further_try(square, way) -> None:
    judged = way.judged or ("method" if way.again else "")
    if not judged:
        assert way.guess is None
        return
    for right_first in (False, True):
        sheet = square.sheet()
        step = way.last(square, sheet)
        right, wrong = step.named()[judged], "nothing"
        pair = (right, wrong) if right_first else (wrong, right)

        answer = sheet.take_twice_named(step, judged, *pair)

        assert answer.status_code < 500
        assert sheet.online == right_first


@pytest.mark.slow
def test_no_field_takes_what_is_hostile(square, way) -> None:
    """By the octets: what a browser would never send is sent as well."""
    sheets = iter([])
    for form, field in (*way.fields, ({"method": way.name}, "token"), ({"method": way.name}, "method")):
        for kind, octets in HOSTILE.items():
            sheet = next(sheets, None)
            if sheet is None:  # a device may try twelve times: the method itself is to be asked each time
                device = square.sheet()
                token = device.token()
                sheets = iter([device] * 9)
                sheet = device
            plain = {**form, "token": token}
            body = "&".join(f"{key}={octets if key == field else quote(value)}" for key, value in plain.items())
            body = body if field in plain else f"{body}&{field}={octets}"

            answer = sheet.ask("POST", "/login", body)
            back = sheet.ask("GET", f"/return/{way.name}?{body[:8_000]}")

            assert answer.status_code < 500, (field, kind)
            assert back.status_code < 500, (field, kind)
            assert "<script>alert" not in back.text, (field, kind)
            assert not sheet.online or way.name == "click_through", (field, kind)
            assert "<script>alert" not in answer.text, (field, kind)
            assert "7777777" not in answer.text or kind == "long", (field, kind)
            assert "passwd" not in answer.headers.get("Location", ""), (field, kind)
