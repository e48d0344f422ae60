from __future__ import annotations

import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netops.errors import RefusedError
from netops.model import Poll, Quality, Reason, Row, Subject
from netops.store import line

texts = st.text(min_size=1, max_size=40)


def split(written, separators):
    """Split at what is not escaped by a backslash, as the servers' parsers do."""
    pieces, current, at = [], "", 0
    while at < len(written):
        if written[at] == "\\" and at + 1 < len(written) and written[at + 1] in ",= ":
            current += written[at + 1]
            at += 2
        elif written[at] in separators:
            pieces.append(current)
            current = ""
            at += 1
        else:
            current += written[at]
            at += 1
    return [*pieces, current]


def head_and_rest(written):
    at = 0
    while written[at] != " ":
        at += 2 if written[at] == "\\" else 1
    return written[:at], written[at + 1 :]


def poll(subject, **more):
    row = Row(subject=Subject("ap", subject), values={"m.a": 1.5, "m.b": None}, codes={"m.b": "torn"}, **more)
    return Poll(device="ac-1", slot_ms=1000, at_ms=1007, outcome="answered", attempts=2, rows=(row,))


@settings(deadline=None, max_examples=50)
@given(texts)
def test_a_text_comes_back_from_a_server_as_it_went(text):
    """Lone surrogates become a question mark; everything else is kept."""
    assert line.told(line.kept(text)) == "".join("?" if "\ud800" <= c <= "\udfff" else c for c in text)


@settings(deadline=None, max_examples=50)
@given(texts)
def test_a_hostile_subject_stays_one_tag_of_one_line(subject):
    """No string ends the tag, the line or begins a field."""
    written = line.lines([poll(subject)])
    head, rest = head_and_rest(written[1])
    measurement, *tags = split(head, ",")

    assert len(written) == 2
    assert all("\n" not in each and "\r" not in each for each in written)
    assert measurement == "netops_ap"
    assert [tag.partition("=")[0] for tag in tags] == ["subject", "device"]
    assert tags[0] == f"subject={line.kept(subject)}"
    assert rest == "m.a=1.5,m.b:code=3i,at:ms=7i 1000"


@settings(deadline=None, max_examples=50)
@given(texts, st.booleans())
def test_a_hostile_text_stays_one_value(text, as_label):
    """As a string field or as a label."""
    written, _ = line.Texts(as_label=as_label).lines([poll("x", texts={"name": text})])
    head, rest = head_and_rest(written[0])

    assert len(written) == 1
    if as_label:
        assert split(head, ",")[-1] == f"value={line.kept(text)}"
        assert rest == "told=1i 1000"
    else:
        assert rest.startswith('name="')
        assert rest.endswith('" 1000')
        inner = rest.removeprefix('name="').removesuffix('" 1000')
        assert '"' not in inner.replace('\\"', "")
        assert line.told(inner.replace('\\"', '"')) == line.told(line.kept(text))


def test_a_poll_is_a_line_without_empty_tags():
    found = line.lines([Poll(device="ac-1", slot_ms=60_000, at_ms=60_001, outcome="no_answer", attempts=3)])

    assert found == ["netops-poll,device=ac-1,outcome=no_answer attempts=3i,lag_ms=0.0,at:ms=1i 60000"]


def test_every_code_has_a_number_that_names_it_again():
    """Numbers lie in servers for years, so a new code needs a new number."""
    codes = {code.value for code in (*Quality, *Reason)}

    assert {line.CODE_OF[number] for number in line.CODES.values()} == codes
    assert all(line.code_of(line.CODES[code]) == code for code in codes)
    assert line.code_of(None) == "ok"
    assert line.code_of(77.0) == "unknown_code_77"


def test_an_unknown_code_is_refused_by_name():
    row = Row(subject=Subject("ap", "x"), values={}, codes={"m": "invented"})

    with pytest.raises(RefusedError, match=r"ac-1@0.*'invented'"):
        line.lines([Poll(device="ac-1", slot_ms=0, at_ms=0, outcome="answered", rows=(row,))])


def test_bodies_are_cut_at_lines():
    found = line.parts(["a" * 10, "b" * 10, "c" * 30, "d"], 25)

    assert found == ["a" * 10 + "\n" + "b" * 10 + "\n", "c" * 30 + "\n", "d\n"]
    assert line.parts([], 25) == []


def test_texts_travel_on_change_only():
    told = line.Texts(as_label=False)
    first, news = told.lines([poll("x", texts={"name": "a"})] * 3)
    told.remember(news)
    again, _ = told.lines([poll("x", texts={"name": "a"})])

    assert (len(first), again) == (1, [])


@pytest.mark.slow
@pytest.mark.partner("influxd")
def test_random_strings_survive_a_real_server(influxdb_v1):
    """Seeded strings of the characters that parsers trip over, written and read back through influxd."""
    chance = random.Random(7)
    rounds = 100 * int(os.environ.get("NETOPS_ROUNDS", "3"))
    alphabet = "ab,= \\\"'\n\r\t%{}$\x00\x7f\x85\u2028é陆🛰"
    names = {"".join(chance.choices(alphabet, k=chance.randint(1, 12))) for _ in range(rounds)}
    subjects = [Subject("ap", name) for name in sorted(names)]
    rows = tuple(Row(subject=subject, values={"m": 1.0}, texts={"name": subject.id}) for subject in subjects)
    influxdb_v1.write([Poll(device="ac-1", slot_ms=60_000, at_ms=60_000, outcome="answered", rows=rows)])

    found = influxdb_v1.store.last("ap", ["m"], now_ms=60_000, max_age_ms=1)
    assert {reading.subject for reading in found} == set(subjects)
    for subject in subjects[:: max(1, len(subjects) // 100)]:
        assert influxdb_v1.store.texts(subject) == {"name": subject.id}
