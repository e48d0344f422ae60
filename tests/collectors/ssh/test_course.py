"""The course of a visit, driven by hand: what is said in which order, and what becomes of it."""

from __future__ import annotations

from pathlib import Path

from collectors.snmp.ask import Failure
from collectors.ssh.course import visit
from collectors.ssh.decode import decode
from collectors.ssh.dialects import DIALECTS
from collectors.ssh.read_yaml import shipped
from collectors.ssh.talk import Limits, Output
from netops.model import Reason

CAPTURES = Path(__file__).parent / "captures"
SMARTAX = DIALECTS["huawei_smartax"]
SETUP = list(SMARTAX.setup)
READS = [shipped()["smartax_onts"], shipped()["smartax_optics"]]


def capture(name):
    lines = (CAPTURES / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if "#" not in line)


ANSWERS = {
    "display ont info summary 0": capture("smartax_onts"),
    "display ont optical-info 0 all": capture("smartax_optics"),
}


def go(reads, *, answers=None, failures=None, limits=None, dialect=SMARTAX, enable=""):
    """Run a course against canned answers; return what was said and what came of it."""
    course = visit(dialect, reads, limits or Limits(), enable=enable)
    said = []
    output = None
    while True:
        try:
            line = course.send(output) if said else next(course)
        except StopIteration as end:
            return said, end.value
        said.append(line.text)
        failed = (failures or {}).get(line.text)
        lines = (answers or ANSWERS).get(line.text, ())
        output = Output(command=line.text, lines=() if failed else lines, raw=b"x", failed=failed, stray=False)


def test_optics_are_read_port_by_port_in_the_view_of_their_board():
    said, visited = go(READS)

    assert said == [
        *SETUP,
        "display ont info summary 0",
        "interface gpon 0/1",
        "display ont optical-info 0 all",
        "quit",
        "interface gpon 0/2",
        "display ont optical-info 15 all",
        "quit",
    ]
    values = {(str(o.subject), o.metric): o.value for o in decode(visited.taken, device="olt-1", at_ms=0).observations}
    assert values["onu:sn:HWTCA0000001", "pon.onu.rx_power"] == -19.5
    assert values["onu:sn:HWTCA0000001", "pon.onu.state"] == 1


def test_a_port_whose_view_is_refused_is_a_gap_and_the_others_are_read():
    refused = Failure(Reason.ERROR_STATUS, "Failure: The board does not exist")
    said, visited = go(READS, failures={"interface gpon 0/2": refused})

    assert [taken.failed for taken in visited.taken] == [None, None, refused]
    assert "display ont optical-info 15 all" not in said


def test_what_rests_on_a_read_that_failed_is_a_gap_too():
    torn = Failure(Reason.ERROR_STATUS, "busy")
    said, visited = go(READS, failures={"display ont info summary 0": torn})

    assert said == [*SETUP, "display ont info summary 0", ""]
    assert [taken.failed.reason for taken in visited.taken] == [Reason.ERROR_STATUS, Reason.NO_SUCH_OBJECT]


def test_after_a_conversation_that_broke_nothing_more_is_said():
    lost = Failure(Reason.TORN, "the connection was lost")
    said, visited = go(READS, failures={"display ont info summary 0": lost})

    assert said == [*SETUP, "display ont info summary 0"]
    assert {taken.failed for taken in visited.taken} == {lost}


def test_a_refused_set_up_line_is_borne():
    said, visited = go(READS[:1], failures={"scroll": Failure(Reason.ERROR_STATUS, "% Unknown command")})

    assert said == [*SETUP, "display ont info summary 0", ""]
    assert visited.taken[0].failed is None


def test_more_commands_than_allowed_are_gaps_of_ours():
    _, visited = go(READS, limits=Limits(commands=3))

    assert [taken.failed.reason if taken.failed else None for taken in visited.taken] == [None, None, Reason.BUDGET]


def test_what_a_device_says_does_not_become_a_command():
    evil = ('{"devices": ["wlan0", "wlan1; reboot", "$(reboot)", "-rf", "a b"]}',)
    reads = [shipped()["openwrt_devices"], shipped()["openwrt_clients"]]
    said, visited = go(reads, answers={"ubus call iwinfo devices": evil}, dialect=DIALECTS["openwrt"])

    assert said == ["ubus call iwinfo devices", "ubus call hostapd.wlan0 get_clients"]
    assert [taken.failed.reason for taken in visited.taken[2:]] == [Reason.UNREADABLE] * 4


def test_the_end_of_the_last_output_is_proven():
    """More of it comes after a prompt that seemed to end it."""
    course = visit(SMARTAX, READS[:1], Limits())
    line = next(course)
    while line.text != "display ont info summary 0":
        line = course.send(Output(command=line.text))
    line = course.send(Output(command=line.text, lines=ANSWERS[line.text], raw=b"x"))
    assert line.text == ""
    try:
        course.send(Output(command="", stray=True, failed=Failure(Reason.TORN)))
    except StopIteration as end:
        (taken,) = end.value.taken

    assert taken.rows == ()
    assert taken.failed.reason is Reason.TORN


def test_the_privileged_mode_is_entered_with_its_password():
    course = visit(DIALECTS["ruijie"], [], Limits(), enable="inner")
    line = next(course)
    while line.text != "enable":
        line = course.send(Output(command=line.text))

    assert [answer for _, answer in line.answers] == ["inner"]
    assert "inner" not in repr(line)
