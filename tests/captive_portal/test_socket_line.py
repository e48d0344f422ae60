"""The line between two processes: who is heard, what is said to nonsense, and a connection of before a restart."""

from __future__ import annotations

import os
import pwd
import socket
import tempfile
import threading
from pathlib import Path

import pytest

from captive_portal import hatch, socket_line
from captive_portal.errors import GatewayError, PortalError
from captive_portal.radius import line as radius
from captive_portal.socket_line import Caller, Listener, answers
from netops.errors import ConfigError

NOBODY = 65_534
OWN = frozenset({os.getuid()})
LINES = pytest.mark.parametrize("line", [hatch.LINE, radius.LINE], ids=lambda line: line.name)


def echo(octets: bytes):
    return answers(octets, {"echo": lambda asked: [asked], "many": many, "refuse": refuse})


def many(asked):
    for n in range(asked["n"]):
        yield {"n": n, "more": n + 1 < asked["n"]}


def refuse(_asked):
    raise PortalError("not today")


@pytest.fixture
def listening(tmp_path, request):
    line = request.param if hasattr(request, "param") else hatch.LINE
    made = Listener(line, echo, peers=OWN)
    made.open(tmp_path / "a.sock")
    yield made
    made.close()


def calling(listener: Listener, **words) -> Caller:
    return Caller(listener.line, listener._path, **{"timeout_s": 20.0, "at_once": 4, **words})


@pytest.mark.parametrize("listening", [hatch.LINE, radius.LINE], ids=lambda line: line.name, indirect=True)
def test_a_question_gets_all_its_answers_and_a_refusal_is_an_error_that_keeps_the_line(listening) -> None:
    caller = calling(listening)

    assert caller.ask("echo", word="ja") == {"verb": "echo", "word": "ja"}
    assert [each["n"] for each in caller.every("many", n=100)] == list(range(100))
    with pytest.raises(GatewayError, match=f"{listening.line.name} refused: not today"):
        caller.ask("refuse")
    assert caller.ask("echo")["verb"] == "echo"
    assert len(listening._links) == 1, "one connection did for all of it"
    caller.close()


@pytest.mark.parametrize("octets", [b'{"verb": []}', b'{"verb": {}}', b'{"verb": "open"}', b"[]", b"7", b"[" * 9_000])
def test_nonsense_is_answered_with_what_was_expected(octets) -> None:
    assert "expected" in list(echo(octets))[-1]["error"]


@LINES
def test_a_line_without_an_end_is_refused_and_the_connection_with_it(line, tmp_path) -> None:
    made = Listener(line, echo, peers=OWN)
    made.open(tmp_path / "a.sock")
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(20)
        link.connect(str(tmp_path / "a.sock"))
        link.sendall(b"x" * line.longest)
        with link.makefile("rb") as lines:
            assert b"at most" in lines.readline()
            assert lines.readline() == b""
    made.close()


def test_a_kept_connection_of_before_a_restart_costs_nothing_and_one_away_is_named(listening, tmp_path) -> None:
    caller = calling(listening)
    caller.ask("echo")
    assert listening.close()
    with pytest.raises(GatewayError, match=r"gate .*a\.sock: no answer to 'echo' .*; is `gate` running\?"):
        caller.ask("echo")
    listening.open(tmp_path / "a.sock")
    caller.ask("echo")
    listening.close()
    listening.open(tmp_path / "a.sock")

    assert caller.ask("echo") == {"verb": "echo"}
    caller.close()


def test_no_more_questions_are_under_way_than_the_line_is_told(tmp_path) -> None:
    under_way, most, lock, gate = [0], [0], threading.Lock(), threading.Event()

    def slow(_octets: bytes):
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        gate.wait(0.02)
        with lock:
            under_way[0] -= 1
        yield {}

    made = Listener(hatch.LINE, slow, peers=OWN)
    made.open(tmp_path / "a.sock")
    caller = calling(made, at_once=2)
    asking = [threading.Thread(target=caller.ask, args=("x",)) for _ in range(24)]  # more than the line's 16
    for each in asking:
        each.start()
    for each in asking:
        each.join()

    assert made.refused == 0
    assert 1 <= most[0] <= 2
    caller.close()
    made.close()


@LINES
def test_two_listeners_do_not_share_a_place_and_a_dead_ones_is_taken_over(line, tmp_path) -> None:
    one, other = Listener(line, echo, peers=OWN), Listener(line, echo, peers=OWN)
    one.open(tmp_path / "a.sock")
    with pytest.raises(ConfigError, match=f"another {line.name} answers there.*{line.setting}"):
        other.open(tmp_path / "a.sock")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "dead"))

    other.open(tmp_path / "dead")
    assert calling(other).ask("echo") == {"verb": "echo"}
    assert one.close()
    assert not one.close(), "safe twice"
    other.close()


@LINES
@pytest.mark.parametrize("name", ["nowhere/a.sock", "long" * 40], ids=["no directory", "too long"])
def test_a_place_that_cannot_be_is_a_sentence(line, name, tmp_path) -> None:
    made = Listener(line, echo, peers=OWN)
    with pytest.raises(ConfigError, match=f"cannot be made .*'{line.setting}'"):
        made.open(tmp_path / name)


@pytest.mark.root
def test_root_gives_the_socket_to_the_other_user(tmp_path) -> None:
    other = pwd.getpwnam("nobody").pw_uid
    made = Listener(hatch.LINE, echo, peers=OWN | {other})
    made.open(tmp_path / "a.sock")
    seen = (tmp_path / "a.sock").stat()
    made.close()

    assert (seen.st_uid, seen.st_mode & 0o777) == (other, 0o600)


def as_nobody(act) -> str:
    """Run in a process of a user of its own; return what it said."""
    out, within = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            said = act() or "done"
        except Exception as error:  # noqa: BLE001  (it is told)
            said = f"{type(error).__name__}: {error}"
        os.write(within, said.encode())
        os._exit(0)
    os.close(within)
    with os.fdopen(out, encoding="utf-8") as told:
        text = told.read()
    os.waitpid(child, 0)
    return text


@pytest.fixture
def room():
    """Return a directory of a service's own whose group is handed down."""
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o711)
        made = Path(parent) / "room"
        made.mkdir()
        os.chown(made, NOBODY, 12)
        made.chmod(0o2770)
        yield made


@pytest.mark.root
def test_who_is_not_root_opens_it_to_a_group_the_peers_or_the_directorys(room) -> None:
    """The gate's place is anybody's, so the portal's group must be ours; the RADIUS room's own group says who."""
    daemon = pwd.getpwnam("daemon").pw_uid

    def opened(line: socket_line.Line) -> str:
        path = room / line.name

        def act() -> str:
            made = Listener(line, echo, peers=frozenset({os.getuid(), daemon}))
            made.open(path)
            seen = path.stat()
            made.close()
            return f"{seen.st_uid} {seen.st_gid} {seen.st_mode & 0o777:o}"

        return as_nobody(act)

    assert opened(radius.LINE) == f"{NOBODY} 12 660"
    assert "cannot be opened to user" in opened(hatch.LINE)
