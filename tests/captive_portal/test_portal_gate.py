"""The gate's door: five verbs, nothing else, whatever is sent."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captive_portal import gate, ruleset
from captive_portal.ajar import Rule
from captive_portal.errors import KernelError, PortalError
from captive_portal.model import Bounds, Client
from captive_portal.setlist import Element
from captive_portal.standby import Standby
from netops.clock import SYSTEM
from netops.errors import ConfigError
from netops.evidence import files
from netops.sign import Signer

RULES = ruleset.Ruleset(interfaces=("vlan0", "vlan1"), port=8081)
GOOD = {"mac": "02:11:22:33:44:55", "interface": "vlan0", "addresses": ["10.0.0.1", "fd00::1"], "seconds": 60}


class Kernel:
    """Stands for nftables: keeps what it was told, refuses when told to."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.marks: list[int] = []
        self.sets: dict[str, list[Element]] = {}
        self.missed: set[bytes] = set()  # what a list does not hold, though it is there

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, commands: str) -> None:
        if not self.marks:
            self.marks = [int(commands.partition("born { 0x")[2].partition(" ")[0], 16)]
        self.ran.append(commands)

    def ask(self, command: str) -> list[dict]:
        if not self.marks:
            raise KernelError("nftables: Error: No such file or directory")
        return [{"set": {"elem": self.marks}}] if command.endswith("born") else []

    def elements(self, _table: str, name: str) -> list[Element]:
        return [each for each in self.sets.get(name, []) if each.key not in self.missed]

    def find(self, _table: str, name: str, keys: list[bytes]) -> list[Element]:
        return [each for each in self.sets.get(name, []) if each.key in keys]

    def holds(self, who: Client, *, octets: int = 0) -> None:
        for name, keys in ruleset.keys([who]).items():
            self.sets.setdefault(name, []).extend(Element(key, octets, 60_000) for key in keys)


@pytest.fixture
def opened(tmp_path):
    made = gate.Gate(RULES, tmp_path / "gate.sock", peers=frozenset({os.getuid()}))
    made._kernel = Kernel()
    made.start()
    yield made
    made.stop()


def say(at: gate.Gate, line: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(3)
        link.connect(str(at.path))
        link.sendall(line)
        link.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionResetError):  # closing on octets that nobody read resets
            while part := link.recv(65_536):
                answer += part
        return answer


def test_the_table_is_applied_before_the_first_question(opened) -> None:
    assert "table inet netops_portal" in opened._kernel.ran[0]
    assert json.loads(say(opened, b'{"verb":"ready"}\n'))["born"] == opened.born


def ask(at: gate.Gate, **asked: object) -> list[dict]:
    return [json.loads(line) for line in say(at, json.dumps(asked).encode() + b"\n").splitlines()]


def visitor(number: int) -> Client:
    return Client(mac=f"02:00:00:00:00:{number:02x}", interface="vlan0", addresses=(f"10.0.0.{number}", "fd00::1"))


def test_a_door_that_nobody_waits_for_any_more_is_not_opened(opened) -> None:
    before, now = list(opened._kernel.ran), SYSTEM.monotonic()

    (late,) = ask(opened, verb="allow", by=now - 0.001, **GOOD)
    assert "too late" in late["error"]
    (late,) = ask(opened, verb="allow", by=now - 0.001, every=[GOOD])
    assert "too late" in late["error"]
    assert opened._kernel.ran == before
    assert ask(opened, verb="allow", by=now + 60, **GOOD) == [{"ok": True}]
    (odd,) = ask(opened, verb="allow", by="soon", **GOOD)
    assert "'by'; expected seconds of CLOCK_MONOTONIC" in odd["error"]


def test_a_deadline_is_looked_at_where_nobody_comes_between_it_and_the_door(opened) -> None:
    """A question that waited for the gate's lock longer than its caller waits for the answer."""
    told: list[dict] = []
    with opened._lock:
        asking = threading.Thread(target=lambda: told.extend(ask(opened, verb="allow", by=by, **GOOD)))
        by = SYSTEM.monotonic() + 0.2
        asking.start()
        asking.join(0.4)
        assert not told
    asking.join(5)

    assert "too late" in told[0]["error"]
    assert not any("auth4" in each for each in opened._kernel.ran[1:])


def test_some_are_looked_up_each_by_itself(opened) -> None:
    for each in (1, 2):
        opened._kernel.holds(visitor(each), octets=each)
    opened._kernel.missed = {each.key for name in opened._kernel.sets for each in opened._kernel.sets[name]}
    both = map(visitor, (2, 3))
    sought = [{"mac": each.mac, "interface": each.interface, "addresses": each.addresses} for each in both]

    assert ask(opened, verb="list") == [{"ok": True, "admitted": [], "more": False}]
    (said,) = ask(opened, verb="list", every=sought)
    assert said["admitted"] == [["vlan0", visitor(2).mac, address, 60, 2, 2] for address in ("10.0.0.2", "fd00::1")]
    (odd,) = ask(opened, verb="list", every=[])
    assert "'every'; expected" in odd["error"]


def test_what_a_list_has_missed_of_a_way_down_is_looked_up_before_it_counts_as_nothing(opened) -> None:
    opened._kernel.holds(visitor(1), octets=7)
    opened._kernel.missed = {each.key for each in opened._kernel.sets["dn4"]}

    (said,) = ask(opened, verb="list")

    assert [each[-2:] for each in said["admitted"]] == [[7, 7], [7, 7]]


def test_no_rate_is_taken_from_a_device_that_a_list_has_missed(opened, monkeypatch) -> None:
    classes = opened._classes
    monkeypatch.setattr(classes, "_shape", lambda *_: None)
    for each in (1, 2):
        who = visitor(each)
        classes.keep(classes.enter(who, 1000, 0))
        opened._kernel.holds(who)
    there = opened._kernel.sets["auth4"]
    opened._kernel.missed = {each.key for each in there}
    there.pop()  # the second one has really run out, by IPv4
    before = len(opened._kernel.ran)

    (said,) = ask(opened, verb="list")

    assert {each[2] for each in said["admitted"]} == {"10.0.0.1", "fd00::1"}
    taken = "\n".join(opened._kernel.ran[before:])
    assert "10.0.0.2" in taken
    assert "10.0.0.1 " not in taken
    assert [key for key in classes._held if "10.0.0.1" in key]


def test_a_round_that_fails_for_whatever_reason_is_said_and_not_the_last(tmp_path, monkeypatch, eventually) -> None:
    monkeypatch.setattr(gate, "WATCH_S", 0.005)
    made = gate.Gate(RULES, tmp_path / "gate.sock", peers=frozenset({os.getuid()}))
    made._kernel = Kernel()
    met = []

    def meet(_kernel: object) -> None:
        met.append(made.health())
        if len(met) == 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(made._standby, "round", meet)
    made.start()
    try:
        eventually(lambda: len(met) >= 3, 5)
    finally:
        made.stop()

    assert met[:3] == [{}, {"watch": "failed for a reason that the log tells"}, {}]


@pytest.mark.parametrize("torn", [False, True], ids=["full disk", "torn log"])
def test_a_log_that_cannot_be_used_keeps_no_gate_from_starting_and_is_said(tmp_path, monkeypatch, torn) -> None:
    if torn:
        (tmp_path / "let-in.jsonl").write_bytes(b'{"log":"x","next":1}\n\0\0\n')

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "replace", full)
    alone = Standby({"vlan0": Rule(site="park", bounds=Bounds(seconds=60))}, Signer.new("a.example").vkey, tmp_path)
    made = gate.Gate(RULES, tmp_path / "gate.sock", peers=frozenset({os.getuid()}), standby=alone)
    made._kernel = Kernel()
    made.start()
    try:
        assert json.loads(say(made, b'{"verb":"ready"}\n'))["unrecorded"] == 0
        assert json.loads(say(made, json.dumps({"verb": "allow", **GOOD}).encode() + b"\n")) == {"ok": True}
        assert ("move it away" if torn else "make room") in made.health()["fail-open"]
    finally:
        made.stop()


def test_allow_and_revoke_become_one_transaction_each(opened) -> None:
    assert json.loads(say(opened, json.dumps({"verb": "allow", **GOOD}).encode() + b"\n")) == {"ok": True}
    assert opened._kernel.ran[-1].count("timeout 60s") == 4
    assert json.loads(say(opened, json.dumps({"verb": "revoke", **GOOD}).encode() + b"\n")) == {"ok": True}
    assert "timeout" not in opened._kernel.ran[-1]


def test_a_table_that_was_taken_away_is_back_and_has_a_new_name(opened, eventually) -> None:
    before = opened.born
    opened._kernel.marks = []

    eventually(lambda: opened.born != before, 4)

    assert opened._kernel.marks
    assert opened.health() == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"mac": "02:11:22:33:44:5"},
        {"mac": "02:11:22:33:44:55\n"},
        {"mac": "02-11-22-33-44-55"},
        {"mac": "02:11:22:33:44:5G"},
        {"mac": "01:00:5e:00:00:01"},
        {"mac": "ff:ff:ff:ff:ff:ff"},
        {"mac": "00:00:00:00:00:00"},
        {"mac": None},
        {"mac": ["02:11:22:33:44:55"]},
        {"interface": "eth9"},
        {"interface": 'vlan0" . x'},
        {"interface": ""},
        {"interface": None},
        {"interface": ["vlan0"]},
        {"addresses": []},
        {"addresses": "10.0.0.1"},
        {"addresses": ["10.0.0.0/8"]},
        {"addresses": ["10.0.0.1 timeout 9d"]},
        {"addresses": ["fe80::1"]},
        {"addresses": ["0.0.0.0"]},
        {"addresses": ["255.255.255.255"]},
        {"addresses": ["224.0.0.1"]},
        {"addresses": ["::"]},
        {"addresses": [1]},
        {"addresses": [f"10.0.0.{number}" for number in range(17)]},
        {"seconds": 0},
        {"seconds": -1},
        {"seconds": True},
        {"seconds": 1.5},
        {"seconds": "60"},
        {"seconds": 32 * 86_400},
    ],
    ids=str,
)
def test_what_is_not_exactly_one_client_for_a_time_never_reaches_the_kernel(opened, wrong: dict) -> None:
    ran = len(opened._kernel.ran)

    answers = opened.answer(json.dumps({"verb": "allow", **GOOD, **wrong}).encode())

    assert list(answers[0]) == ["error"]
    assert len(opened._kernel.ran) == ran


@pytest.mark.parametrize(
    "line",
    [b"", b"null", b"[]", b"{", b'{"verb":"flush"}', b'{"verb":["allow"]}', b'{"verb":"_apply"}', b"\xff", b"[" * 4000],
)
def test_anything_else_is_an_error_and_not_the_end(opened, line: bytes) -> None:
    assert "error" in opened.answer(line)[0]


def test_a_line_without_an_end_closes_the_connection(opened) -> None:
    assert b"a line is at most" in say(opened, b"x" * 10_000)
    assert b'"ok":true' in say(opened, b'{"verb":"ready"}\n')


def test_a_peer_that_is_not_named_is_not_heard(tmp_path) -> None:
    made = gate.Gate(RULES, tmp_path / "gate.sock", peers=frozenset({54_321}))
    made._kernel = Kernel()
    made.start()
    try:
        assert say(made, b"") == b""
        assert made.refused == 1
    except OSError:
        assert made.refused == 1
    finally:
        made.stop()


def test_a_second_gate_on_the_same_socket_is_refused_and_a_dead_ones_is_taken_over(opened, tmp_path) -> None:
    second = gate.Gate(RULES, opened.path, peers=frozenset({os.getuid()}))
    second._kernel = Kernel()
    with pytest.raises(ConfigError, match="another gate answers there"):
        second.start()

    dead = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(dead))
    second.path = dead
    second.start()
    second.stop()


@pytest.mark.parametrize(
    "rules",
    [
        {"interfaces": ()},
        {"interfaces": ('v" }',)},
        {"interfaces": ("a-name-that-is-too-long",)},
        {"port": 0},
        {"port": 70_000},
        {"table": "x; flush ruleset"},
    ],
    ids=str,
)
def test_a_ruleset_that_cannot_be_is_refused_with_its_remedy(rules: dict) -> None:
    with pytest.raises(PortalError, match=r"expected|set"):
        ruleset.text(ruleset.Ruleset(**{"interfaces": ("vlan0",), "port": 8081, **rules}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(list(GOOD.values())[:2]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*GOOD, "x"]), inner, max_size=4),
    max_leaves=8,
)
SANE = gate.Gate(RULES, None, peers=frozenset())  # type: ignore[arg-type]


@given(st.sampled_from(["allow", "revoke"]), st.dictionaries(st.sampled_from(list(GOOD)), JSON, max_size=4))
@settings(max_examples=100, deadline=None)
def test_no_words_of_a_caller_become_words_of_nftables(verb: str, wrong: dict) -> None:
    SANE._kernel = kernel = Kernel()
    kernel.marks = [1]

    SANE.answer(json.dumps({"verb": verb, **GOOD, **wrong}).encode())

    for line in "\n".join(kernel.ran).splitlines():
        words = line.split()
        assert words[:3] in (["add", "element", "inet"], ["delete", "element", "inet"])
        assert words[3] == "netops_portal"
        assert words[5] == "{"
        assert words[-1] == "}"
        assert ";" not in line
