"""Hostile strings are data, in pages and in tables."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from netops.web import safe

FORMULA = "=+-@\t\r\n＝＋－＠"


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1", "  =1", "＝1", "\n=1", "\u200b=1"]
)
def test_a_formula_becomes_text(text):
    assert not str(safe.cell(text)).lstrip(" ").startswith(tuple(FORMULA))


@pytest.mark.parametrize("value", ["AP-7", "中关村", "0a:0b", "", 7, 1.5, None])
def test_what_is_harmless_stays(value):
    assert safe.cell(value) == value


def test_signs_that_turn_the_text_around_are_shown():
    assert safe.visible("a\u202egnp.exe\x00\x1b[2J\u200b") == "a\ufffdgnp.exe\ufffd\ufffd[2J\ufffd"


def test_markup_stays_markup_and_hides_nothing_either():
    shown = safe.visible(Markup("<b>\u200b</b>"))

    assert shown == "<b>\ufffd</b>"
    assert isinstance(shown, Markup)


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=5))
def test_no_table_ever_holds_a_formula_cell(rows):
    made = safe.table(["a", "b"], rows)
    read = list(csv.reader(io.StringIO(made.decode("utf-8-sig"), newline="")))

    assert len(read) == len(rows) + 1
    assert not any(cell.lstrip(" \u00a0\u3000").startswith(tuple(FORMULA)) for row in read for cell in row)
