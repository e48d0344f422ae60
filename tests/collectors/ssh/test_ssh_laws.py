"""Laws: how octets are cut changes nothing, nothing that a device sends makes us raise, a cut output is never whole."""

from __future__ import annotations

import json

import ssh_device
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.snmp.ask import Failure
from collectors.ssh import ran, screen
from collectors.ssh.course import understood
from collectors.ssh.decode import decode
from collectors.ssh.dialects import DIALECTS
from collectors.ssh.read_yaml import shipped
from collectors.ssh.rows import rows
from collectors.ssh.talk import Limits, Line, Output, State, Talk

AC = DIALECTS["huawei_vrp"]
READ = shipped()["vrp_aps"]
LIMITS = Limits(octets=100_000, lines=2_000)
ANSWER = b"display ap all\r\n" + ssh_device.aps(6).encode() + b"<ac-1>"
PIECES = st.lists(st.integers(1, 400), max_size=30)
TERMINAL = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from(
            [
                b"<ac-1>",
                b"\r\n",
                b"---- More ----",
                b"\x1b[16D",
                b"\x1b[",
                b"Password:",
                b"display ap all",
                b"Error: x",
                b"\b",
            ]
        ),
    ),
    max_size=40,
)


def asked():
    talk = Talk(AC, LIMITS, words={"user": "ops", "password": "hush"})
    talk.take(b"\r\n<ac-1>")
    talk.take(b"\r\n<ac-1>")
    talk.outgoing()
    talk.ask(Line(text="display ap all"))
    talk.outgoing()
    return talk


def cut(octets, sizes):
    at = 0
    for size in sizes:
        yield octets[at : at + size]
        at += size
    yield octets[at:]


@given(PIECES)
def test_how_an_answer_is_cut_changes_nothing(sizes):
    talk = asked()
    for piece in cut(ANSWER, sizes):
        talk.take(piece)

    assert (talk.state, talk.output.failed) == (State.READY, None)
    assert len(rows(READ, talk.output.lines)) == 6


@given(st.integers(0, len(ANSWER) - 1), PIECES)
def test_an_answer_that_ends_early_is_never_whole(end, sizes):
    talk = asked()
    for piece in cut(ANSWER[:end], sizes):
        talk.take(piece)

    assert talk.output is None


@given(st.integers(0, 5), st.booleans())
def test_an_answer_without_one_of_its_rows_is_never_whole(row, reordered):
    lines = ANSWER.split(b"\r\n")
    first = next(n for n, line in enumerate(lines) if line.startswith(b"0 "))
    gone = lines.pop(first + row)
    if reordered and row:
        lines.insert(1, gone)
    talk = asked()
    talk.take(b"\r\n".join(lines))

    assert isinstance(rows(READ, talk.output.lines), Failure)


@given(TERMINAL)
@settings(max_examples=300)
def test_nothing_that_a_device_sends_makes_us_raise_or_say_the_password(pieces):
    talk = asked()
    said = b""
    for piece in pieces:
        talk.take(piece)
        said += talk.outgoing()
        if talk.state is State.READY:
            talk.ask(Line(text="display ap all"))
            said += talk.outgoing()
    output = talk.output or Output(command="display ap all")
    taken = understood(READ, {}, output, {})
    decode([taken], device="d", at_ms=0)

    assert b"hush" not in said


@given(st.binary(max_size=400))
def test_a_screen_shows_no_control_character(octets):
    for line in screen.shown(octets):
        assert not [char for char in line if (char < " " and char != "\t") or "\x7f" <= char <= "\x9f"]


@given(st.binary(max_size=300), st.text("0123456789abcdef", min_size=16, max_size=16))
def test_a_command_whose_mark_did_not_come_has_no_output(octets, mark):
    output = ran.finished(DIALECTS["openwrt"], LIMITS, octets, command="x", mark=mark)

    assert output.failed is not None or mark.encode() in octets


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda below: st.lists(below) | st.dictionaries(st.text(), below),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_rows_or_a_reason(document):
    for name in ("openwrt_devices", "openwrt_radios", "openwrt_clients", "openwrt_system"):
        found = rows(shipped()[name], json.dumps(document).splitlines())

        assert isinstance(found, (list, Failure))
