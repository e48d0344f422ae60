"""A conversation with a command line: what is whole, what is not, and why."""

import pytest

from collectors.ssh import screen
from collectors.ssh.dialects import DIALECTS
from collectors.ssh.talk import Limits, Line, State, Talk, reread
from netops.model import Reason

OLT = DIALECTS["huawei_smartax"]
AC = DIALECTS["huawei_vrp"]
WLC = DIALECTS["cisco_aireos"]


def ready(dialect=OLT, prompt=b"olt-1#", limits=None):
    """A conversation that has seen its prompt twice."""
    talk = Talk(dialect, limits or Limits(), words={"user": "ops", "password": "hush"})
    talk.take(b"\r\nWelcome\r\n" + prompt)
    assert talk.outgoing() == b"\n"
    talk.take(b"\r\n" + prompt)
    assert talk.state is State.READY
    return talk


def asked(talk, command="display x"):
    talk.ask(Line(text=command))
    assert talk.outgoing() == command.encode() + b"\n"
    return talk


def test_an_output_with_echo_and_prompt_is_whole():
    talk = asked(ready())
    talk.take(b"display x\r\n  a  1\r\n  b  2  \r\n\r\nolt-1#")

    assert talk.output.failed is None
    assert talk.output.lines == ("  a  1", "  b  2")
    assert talk.output.raw == b"display x\r\n  a  1\r\n  b  2  \r\n\r\nolt-1#"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 16])
def test_how_the_octets_are_cut_into_pieces_changes_nothing(size):
    talk = asked(ready())
    came = (
        b"olt-1#display x\r\n a 1\r\n---- More ( Press 'Q' to break ) ----",
        b"\x1b[37D" + b" " * 37 + b"\x1b[37D b 2\r\n\r\nolt-1(config-if-gpon-0/1)#",
    )
    for part in came:
        for at in range(0, len(part), size):
            talk.take(part[at : at + size])

    assert talk.output.lines == (" a 1", " b 2")
    assert talk.outgoing() == b" "


def test_a_prompt_is_believed_when_it_comes_twice():
    talk = Talk(OLT, Limits(), words={})
    talk.take(b"Warning>")
    assert talk.outgoing() == b"\n"
    talk.take(b" this is monitored\r\nolt-1>")
    assert talk.outgoing() == b"\n"
    talk.take(b"\r\nolt-1>")

    assert (talk.state, talk.prompt) == (State.READY, "olt-1")


def test_without_the_echo_there_is_no_output():
    talk = asked(ready())
    talk.take(b"\r\n  a  1\r\nolt-1#")
    talk.expire(Reason.TORN, "nothing more came")

    assert talk.output.failed.reason is Reason.TORN
    assert talk.output.lines == ()
    assert talk.output.failed.detail == "nothing more came, after 16 octets without echo and prompt"


def test_what_comes_after_a_prompt_makes_the_answer_before_it_worthless():
    """A description like the prompt ended the first answer too early; its rest comes before the next echo."""
    talk = asked(ready())
    talk.take(b"display x\r\n  a  1\r\nolt-1#")
    first = talk.output
    talk.take(b" means b 2\r\n  c  3\r\nolt-1#")
    asked(talk, "display y")
    talk.take(b"display y\r\n  d  4\r\nolt-1#")

    assert first.failed is None
    assert talk.output.stray
    assert talk.output.failed.reason is Reason.TORN


def test_an_empty_line_proves_that_nothing_more_was_coming():
    talk = asked(ready())
    talk.take(b"display x\r\n  a  1\r\nolt-1#")
    talk.ask(Line(text=""))
    talk.take(b"\r\nolt-1#")
    assert not talk.output.stray
    talk.take(b"  c  3\r\n")
    talk.ask(Line(text=""))
    talk.take(b"\r\nolt-1#")

    assert talk.output.stray


def test_another_name_in_the_prompt_ends_nothing():
    talk = asked(ready())
    talk.take(b"display x\r\n  a  1\r\nolt-2#")
    talk.expire(Reason.TORN, "nothing more came")

    assert talk.output.failed.reason is Reason.TORN


@pytest.mark.parametrize(
    ("limits", "came", "detail"),
    [
        (Limits(octets=1000), b"x" * 1001, "more than 1000 octets of output"),
        (Limits(lines=10), b"x\r\n" * 11, "more than 10 lines of output"),
    ],
    ids=["octets", "lines"],
)
def test_a_flood_is_a_fault_of_the_device(limits, came, detail):
    talk = asked(ready(limits=limits))
    talk.take(came)

    assert talk.state is State.OVER
    assert (talk.output.failed.reason, talk.output.failed.detail) == (Reason.PROTOCOL_FAULT, detail)


def test_a_pager_that_never_ends_is_a_fault_of_the_device():
    talk = asked(ready())
    talk.take(b"display x\r\n")
    for _ in range(6000):
        talk.take(b"--More--")
        talk.take(b"\r        \r")

    assert talk.output.failed.detail == "more than 5000 pages"


@pytest.mark.parametrize(
    "question",
    [b"Your password has expired. Enter new password:", b"New Password:", b"Please change the default password now:"],
)
def test_a_demand_for_a_new_password_is_left_to_a_person(question):
    talk = Talk(OLT, Limits(), words={"user": "ops", "password": "hush"})
    talk.take(b"\r\n" + question)

    assert talk.failed.reason is Reason.AUTH_FAILED
    assert talk.outgoing() == b""


def test_a_question_that_may_be_refused_is_refused():
    talk = Talk(AC, Limits(), words={})
    talk.take(
        b"Warning: The initial password poses security risks.\r\nThe password needs to be changed. Change now? [Y/N]:"
    )

    assert talk.outgoing() == b"N\n"


def test_the_credential_is_said_at_login_once():
    talk = Talk(WLC, Limits(), words={"user": "ops", "password": "hush"})
    talk.take(b"(Cisco Controller)\r\nUser: ")
    assert talk.outgoing() == b"ops\n"
    talk.take(b"ops\r\nPassword:")
    assert talk.outgoing() == b"hush\n"
    talk.take(b"******\r\nPassword:")

    assert talk.failed.reason is Reason.AUTH_FAILED


def test_a_table_that_asks_for_the_password_gets_none():
    talk = asked(ready(WLC, b"(wlc-1) >"))
    talk.take(b"display x\r\nPassword:")

    assert talk.outgoing() == b""


def test_the_privileged_mode_asks_for_its_own_password_once():
    talk = ready(DIALECTS["ruijie"], b"ac-1>")
    talk.ask(Line(text="enable", answers=((r"(?i)password:", "inner"),)))
    talk.outgoing()
    talk.take(b"enable\r\nPassword:")
    assert talk.outgoing() == b"inner\n"
    talk.take(b"\r\nPassword:")

    assert talk.failed.reason is Reason.AUTH_FAILED


def test_an_error_of_the_device_is_no_empty_table():
    talk = asked(ready(AC, b"<ac-1>"), "display ap all")
    talk.take(b"display ap all\r\n           ^\r\nError: Unrecognized command found at '^' position.\r\n<ac-1>")

    assert talk.output.failed.reason is Reason.ERROR_STATUS
    assert talk.output.failed.detail == "Error: Unrecognized command found at '^' position."


def test_archived_octets_are_read_again_to_the_same_lines():
    talk = asked(ready(), "display ont info summary 0")
    came = [
        b"display ont info summary 0\r\n a 1\r\n--More--",
        b"\b\b\b\b\b\b\b\b        \b\b\b\b\b\b\b\b b 2\r\nolt-1#",
    ]
    for part in came:
        talk.take(part)
    again = reread(
        talk.output.raw, OLT, Limits(), command=talk.output.command, prompt=talk.output.prompt, cuts=talk.output.cuts
    )

    assert again == talk.output
    assert again.lines == (" a 1", " b 2")


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"plain  \r\n", ["plain", ""]),
        (b"\x1b[1;32mgreen\x1b[0m", ["green"]),
        (b"a \x1b[1Db", ["ab"]),
        (b"12345\rab", ["ab345"]),
        (b"12345\x1b[3D\x1b[K", ["12"]),
        (b"12\x1b[2Cx", ["12  x"]),
        (b"12345\x1b[1Gx\x1b[1K", [" 2345"]),
        (b"\x1b[2Kx\x1b[99999Dy", ["y"]),
        (b"\x1b]0;title\x07x\x00\x07", ["x"]),
        (b"a\x01b", ["a\ufffdb"]),
        ("中文".encode("gb18030"), ["中文"]),
        (b"x\x1b[", ["x"]),
    ],
)
def test_a_screen_shows_what_a_terminal_would(octets, expected):
    assert screen.shown(octets) == expected
