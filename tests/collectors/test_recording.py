"""Recordings: what is an object is served as the device would; what is none is counted and named."""

from __future__ import annotations

import bz2

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors.profile_yaml import shipped
from collectors.recording import RecordingError, load
from collectors.replay import device_name, replay
from collectors.snmp.varbind import INTEGER, IP_ADDRESS, OBJECT_IDENTIFIER, OCTET_STRING, Varbind

SYSTEM = (1, 3, 6, 1, 2, 1, 1)


def recorded(tmp_path, written, name="x.snmprec", wanted=((1, 3, 6, 1),)):
    path = tmp_path / name
    path.write_bytes(written if isinstance(written, bytes) else written.encode())
    return load(path, wanted=wanted)


@pytest.mark.parametrize(
    ("line", "tag", "value"),
    [
        ("1.3.6.1.5|2|-7", INTEGER, -7),
        ("1.3.6.1.5|4|a|b", OCTET_STRING, b"a|b"),
        ("1.3.6.1.5|4x|00ff", OCTET_STRING, b"\x00\xff"),
        ("1.3.6.1.5|4e|\\x00\\n\\\\z", OCTET_STRING, b"\x00\n\\z"),
        ("1.3.6.1.5|4|", OCTET_STRING, b""),
        (".1.3.6.1.5|6|.1.3.6.1.4", OBJECT_IDENTIFIER, "1.3.6.1.4"),
        ("1.3.6.1.5|64|10.0.0.255", IP_ADDRESS, b"\x0a\x00\x00\xff"),
        ("1.3.6.1.5|64x|0a0000ff", IP_ADDRESS, b"\x0a\x00\x00\xff"),
        ("1.3.6.1.5|70|18446744073709551615\r", 70, 2**64 - 1),
    ],
)
def test_a_line_is_an_object(tmp_path, line, tag, value):
    recording = recorded(tmp_path, line + "\n")

    assert recording.agent.get((1, 3, 6, 1, 5)) == Varbind((1, 3, 6, 1, 5), tag, value)
    assert recording.notes == ()


@pytest.mark.parametrize(
    "line",
    [
        "1.3.6.1.5|2|seven",
        "1.3.6.1.5|2",
        "1.3.6.1.5|4x|0g",
        "1.3.6.1.5|4x|abc",
        "1.3.6.1.5|64|300.0.0.1",
        "1.3.6.1.5|6|words",
        "1.3.6.1.5|6|1.41.6",
        "1.3.6.1.5|6|1.3.4294967296",
        "1.3.6.1.4294967296|2|1",
        "1.3.6.1.5|67:numeric|rate=100",
        "1.3.6.1.5|99|x",
        "1.3.6.1.99999999999|2|1",
        "1.3.6.1." + "1." * 140 + "1|2|1",
        "not a line at all",
        "1.3.6.1.5|2|" + "9" * 30,
    ],
)
def test_a_line_that_is_none_is_counted_and_the_rest_is_served(tmp_path, line):
    recording = recorded(tmp_path, f"1.3.6.1.4|2|4\n{line}\n1.3.6.1.6|2|6\n")

    assert [recording.agent.get((1, 3, 6, 1, n)).value for n in (4, 6)] == [4, 6]
    assert recording.odd == 1
    assert recording.notes[0].startswith("1 of 3 lines are no objects, the first is line 2, ")


@pytest.mark.parametrize("written", ["", "\n\n", "# only a remark\n", "hello\nworld\n", "\x00\x01\x02"])
def test_a_file_without_any_object_is_no_recording(tmp_path, written):
    with pytest.raises(RecordingError, match="no line is an object"):
        recorded(tmp_path, written)


def test_a_file_that_cannot_be_read_says_why(tmp_path):
    with pytest.raises(RecordingError, match=r"cannot be read \(No such file or directory\)"):
        load(tmp_path / "none.snmprec", wanted=())
    with pytest.raises(RecordingError, match="cannot be read"):
        recorded(tmp_path, b"not bzip2", name="x.snmprec.bz2")
    with pytest.raises(RecordingError, match="cannot be read"):
        recorded(tmp_path, bz2.compress(b"1.3.6.1.5|2|1\n" * 100)[:-9], name="y.snmprec.bz2")


def test_a_line_without_end_does_not_fill_the_memory(tmp_path):
    endless = bz2.compress(b"1.3.6.1.5|4|" + b"a" * (5 << 20))

    with pytest.raises(RecordingError, match="octets long"):
        recorded(tmp_path, endless, name="x.snmprec.bz2")


def test_objects_that_stand_twice_are_noted_and_the_last_counts(tmp_path):
    recording = recorded(tmp_path, "1.3.6.1.5|2|1\n1.3.6.1.4|2|2\n1.3.6.1.5|2|3\n")

    assert recording.agent.get((1, 3, 6, 1, 5)).value == 3
    assert recording.agent.order == [(1, 3, 6, 1, 4), (1, 3, 6, 1, 5)]
    assert recording.notes == ("1 objects stand more than once; the last of each counts",)


def test_only_what_is_wanted_is_kept(tmp_path):
    written = "1.3.6.1.2.1.1.3.0|67|5\n1.3.6.1.2.1.11.3.0|67|6\n1.3.6.1.2.1.1.30|67|7\n"
    recording = recorded(tmp_path, written, wanted=((1, 3, 6, 1, 2, 1, 1, 3),))

    assert recording.agent.order == [(1, 3, 6, 1, 2, 1, 1, 3, 0)]
    assert recording.lines == 3


def test_chunks_end_where_lines_end(tmp_path, monkeypatch):
    monkeypatch.setattr("collectors.recording._CHUNK", 7)
    lines = "".join(f"1.3.6.1.{n}|2|{n}\n" for n in range(1, 40))
    recording = recorded(tmp_path, lines + "odd\n" + "1.3.6.1.50|2|50")

    assert len(recording.agent.order) == 40
    assert recording.notes == ("1 of 41 lines are no objects, the first is line 40, b'odd'",)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_any_octets_are_a_recording_or_a_clear_refusal(tmp_path, octets):
    try:
        recording = recorded(tmp_path, octets, wanted=((1,), (1, 3)))
    except RecordingError as error:
        said = str(error)
    else:
        said = "expected" if recording.lines > recording.odd else ""

    assert "expected" in said


def test_a_stranger_is_generic_and_gets_no_familys_metric(tmp_path):
    path = tmp_path / "Some Vendor (2).snmprec"
    path.write_text("1.3.6.1.2.1.1.1.0|4|a thing\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.424242\n1.3.6.1.4.1.424242.1.0|2|5\n")
    result = replay(path, shipped(), at_ms=0)

    assert (result.device, result.detected.family) == ("some-vendor-2", "generic")
    assert {o.metric for o in result.decoded.observations} == {"system.description", "system.object_id"}


def test_a_device_name_is_a_slug(tmp_path):
    for name, slug in (("A b.snmprec.bz2", "a-b"), ("海淀.snmprec", "recording"), ("x_1.2.snmprec", "x_1.2")):
        assert device_name(tmp_path / name) == slug
