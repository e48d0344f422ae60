"""The small parts: group commit, uplink, neighbours, probes of names, checks, settings."""

from __future__ import annotations

import errno
import functools
import operator
import struct
import threading
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captive_portal import checks, neighbours, netlink, uplink
from captive_portal.batch import Batcher, Refused
from captive_portal.errors import GoneError, KernelError
from captive_portal.model import address
from captive_portal.uplink import Uplink
from inventory.errors import SqlBusyError
from netops.config import PortalAt, Settings
from netops.errors import ConfigError


# ---- group commit
def test_what_waits_together_is_kept_together() -> None:
    gate, batches = threading.Event(), []

    def keep(items):
        gate.wait(5)
        batches.append(list(items))
        return [item * 10 for item in items]

    with Batcher("test", keep) as batcher:
        futures = [batcher.put(number) for number in range(50)]
        gate.set()
        assert [future.result(5) for future in futures] == [number * 10 for number in range(50)]

    assert len(batches) <= 3
    assert sorted(functools.reduce(operator.iadd, batches, [])) == list(range(50))


def test_one_bad_item_does_not_take_the_others_with_it() -> None:
    gate = threading.Event()

    def keep(items):
        gate.wait(5)
        return [1 // item for item in items]

    with Batcher("test", keep) as batcher:
        futures = [batcher.put(number) for number in (1, 0, 1)]
        gate.set()
        assert futures[0].result(5) == futures[2].result(5) == 1
        with pytest.raises(ZeroDivisionError):
            futures[1].result(5)


@pytest.mark.parametrize("bad", [False, True], ids=["all", "after a bad one"])
def test_a_held_database_is_waited_for_once_and_all_are_told(bad: bool) -> None:
    gate, tries = threading.Event(), []

    def keep(items):
        gate.wait(5)
        tries.append(len(items))
        if bad and -1 in items:
            raise ZeroDivisionError
        raise SqlBusyError("held; try again")

    with Batcher("test", keep) as batcher:
        futures = [batcher.put(number) for number in (-1, *range(20))]
        gate.set()
        errors = [type(future.exception(5)) for future in futures]

    assert errors == [ZeroDivisionError if bad else SqlBusyError, *[SqlBusyError] * 20]
    assert len(tries) <= (4 if bad else 2)


def test_one_item_can_be_refused_and_the_others_have_their_results() -> None:
    gate = threading.Event()

    def keep(items):
        gate.wait(5)
        return [item or Refused(SqlBusyError("held; try again")) for item in items]

    with Batcher("test", keep) as batcher:
        futures = [batcher.put(number) for number in (1, 0, 2)]
        gate.set()
        assert (futures[0].result(5), futures[2].result(5)) == (1, 2)
        with pytest.raises(SqlBusyError, match="try again"):
            futures[1].result(5)


def test_what_nobody_waits_for_is_kept_soon_and_at_the_end() -> None:
    kept = []
    with Batcher("test", lambda items: [kept.append(item) for item in items]) as batcher:
        batcher.put_lazily("a")
        batcher.put("b").result(5)
        batcher.put_lazily("c")

    assert sorted(kept) == ["a", "b", "c"]


def test_many_that_nobody_waits_for_do_not_wait_for_one_another() -> None:
    """Ten thousand doors that were opened again are noted at once: the next start opens those that are not."""
    kept, done = [], threading.Event()

    def keep(items):
        kept.extend(items)
        if len(kept) == 10_000:
            done.set()
        return [None] * len(items)

    with Batcher("test", keep) as batcher:
        for number in range(10_000):
            batcher.put_lazily(number)
        assert done.wait(5.0), f"{len(kept)} of 10,000 in five seconds"


def test_all_that_nobody_waits_for_is_kept_at_the_end() -> None:
    kept, gate = [], threading.Event()

    def keep(items):
        gate.wait(5)
        kept.extend(items)
        return [None] * len(items)

    batcher = Batcher("test", keep)
    with batcher:
        batcher.put(-1)
        for number in range(1000):
            batcher.put_lazily(number)
        gate.set()

    assert sorted(kept) == list(range(-1, 1000))


def test_who_no_longer_waits_costs_the_others_nothing() -> None:
    """A cancelled future killed the thread: from then on nobody was recorded any more."""
    gate, begun, kept = threading.Event(), threading.Event(), []

    def keep(items):
        begun.set()
        gate.wait(5)
        kept.extend(items)
        return list(items)

    with Batcher("test", keep) as batcher:
        under_way = batcher.put(1)
        assert begun.wait(5)
        assert not under_way.cancel(), "what is begun goes on"
        given_up = batcher.put(2)
        assert given_up.cancel()
        last = batcher.put(3)
        gate.set()

        assert (under_way.result(5), last.result(5)) == (1, 3)
    assert kept == [1, 3]


def test_nothing_is_handed_in_where_nobody_does_it() -> None:
    batcher = Batcher("test", list)
    with pytest.raises(GoneError, match="thread 'test' takes nothing in"):
        batcher.put(1)
    with batcher:
        assert batcher.put(1).result(5) == 1
    with pytest.raises(GoneError):
        batcher.put(1)
    with batcher:
        assert batcher.put(2).result(5) == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_who_waits_when_the_thread_dies_hears_it_at_once() -> None:
    gate, begun = threading.Event(), threading.Event()

    def keep(items):
        begun.set()
        gate.wait(5)
        return []

    with Batcher("test", keep) as batcher:
        first = batcher.put(1)
        assert begun.wait(5)
        second = batcher.put(2)
        gate.set()
        for each in (first, second):
            with pytest.raises(GoneError):
                each.result(5)
        with pytest.raises(GoneError):
            batcher.put(3)


# ---- uplink
@pytest.mark.parametrize(
    ("rounds", "word"),
    [
        ([], "unknown"),
        ([[]], "unknown"),
        ([[True]], "up"),
        ([[False]], "unknown"),
        ([[False], [False]], "down"),
        ([[True], [False, False]], "up"),
        ([[True], [False], [False]], "down"),
        ([[False], [False], [False, True]], "up"),
    ],
    ids=str,
)
def test_the_uplink_is_down_when_all_anchors_are_silent_twice(rounds, word: str) -> None:
    believed = Uplink()
    for answered in rounds:
        believed = uplink.judge(believed, answered)

    assert believed.word == word


def test_anchors_are_hosts_with_ports() -> None:
    assert uplink.anchors("192.0.2.1:443, [2001:db8::1]:80,") == [("192.0.2.1", 443), ("2001:db8::1", 80)]
    assert uplink.anchors("") == []
    for wrong in ("host", "host:", ":80", "host:0", "host:70000", "host:http"):
        with pytest.raises(ConfigError, match="expected host:port"):
            uplink.anchors(wrong)


# ---- neighbours
def entry(ip: bytes, mac: bytes, *, state: int = 0x02, index: int = 3) -> bytes:
    body = neighbours.NDMSG.pack(2 if len(ip) == 4 else 10, index, state, 0, 1)
    for kind, value in ((1, ip), (2, mac)):
        body += struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)
    return netlink.HEADER.pack(16 + len(body), 28, 2, 1, 0) + body


DONE = netlink.HEADER.pack(20, 3, 2, 1, 0) + b"\0" * 4


def test_entries_of_a_dump_are_read_to_its_end() -> None:
    answer = (
        entry(bytes([10, 0, 0, 7]), bytes(range(6))) + entry(b"\xfd" + b"\0" * 14 + b"\x07", bytes(range(6))) + DONE
    )

    found, ended = neighbours.read(answer)

    assert [(each.index, each.address, each.mac) for each in found] == [
        (3, "10.0.0.7", "00:01:02:03:04:05"),
        (3, "fd00::7", "00:01:02:03:04:05"),
    ]
    assert ended == 0


@pytest.mark.parametrize("state", [0x00, 0x01, 0x20, 0x40], ids=["none", "incomplete", "failed", "noarp"])
def test_an_entry_that_names_nobody_says_that_the_address_is_nobodys(state: int) -> None:
    found, ended = neighbours.read(entry(bytes([10, 0, 0, 7]), bytes(6), state=state))
    assert [(each.address, each.mac, ended) for each in found] == [("10.0.0.7", "", None)]


def test_an_error_is_an_errno_and_a_cut_message_is_said() -> None:
    error = netlink.HEADER.pack(20, 2, 0, 1, 0) + struct.pack("=i", -2)
    assert neighbours.read(error) == ([], 2)
    with pytest.raises(KernelError, match="cut short"):
        neighbours.read(netlink.HEADER.pack(400, 28, 2, 1, 0) + b"\0" * 20)


FIRST, SECOND = (entry(bytes([10, 0, 0, number]), bytes(range(6)), index=1) for number in (7, 8))
FAILED = netlink.HEADER.pack(20, 3, 2, 1, 0) + struct.pack("=i", -errno.ENOMEM)
CHANGED = netlink.HEADER.pack(20, 3, 2 | 0x10, 1, 0) + b"\0" * 4


@pytest.fixture
def kernel(monkeypatch) -> Kernel:
    return Kernel(monkeypatch)


class Kernel:
    """Gives each dump the next list of datagrams, and the listener the notices that wait (an errno is an error)."""

    def __init__(self, monkeypatch) -> None:
        self.dumps: list[list[bytes]] = []
        self.notices: list[bytes | int] = []
        monkeypatch.setattr(neighbours.socket, "socket", lambda *_: Link(self))
        monkeypatch.setattr(neighbours.socket, "if_nametoindex", lambda _: 1)


class Link:
    """A netlink socket: a listener until something is asked."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.answer: list[bytes] | None = None
        self.settimeout = self.setsockopt = self.bind = lambda *_: None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def send(self, _request: bytes) -> None:
        self.answer = self.kernel.dumps.pop(0)

    def recv(self, _size: int) -> bytes:
        if self.answer is not None:
            return self.answer.pop(0)
        if not self.kernel.notices:
            raise BlockingIOError
        notice = self.kernel.notices.pop(0)
        if isinstance(notice, int):
            raise OSError(notice, "the kernel's")
        return notice


def of_the_device(kept: neighbours.Neighbours) -> tuple[str, ...]:
    return kept.addresses("v0", "00:01:02:03:04:05")


def test_a_dump_that_failed_on_its_way_is_no_table_and_the_next_look_reads_it_anew(kernel) -> None:
    kernel.dumps = [[FIRST, FAILED], [FIRST, SECOND, DONE]]
    kept = neighbours.Neighbours(("v0",))

    with pytest.raises(KernelError, match="Cannot allocate memory; it is tried again"):
        kept.moved()

    assert of_the_device(kept) == ("10.0.0.7", "10.0.0.8")
    assert kept.moved() == {("v0", "00:01:02:03:04:05"): ("10.0.0.7", "10.0.0.8")}


def test_a_dump_that_was_interrupted_is_asked_for_once_more(kernel) -> None:
    kernel.dumps = [[FIRST, CHANGED], [FIRST + SECOND, DONE]]

    assert of_the_device(neighbours.Neighbours(("v0",))) == ("10.0.0.7", "10.0.0.8")
    assert kernel.dumps == []


def test_a_table_that_never_rests_is_said(kernel) -> None:
    kernel.dumps = [[FIRST, CHANGED], [FIRST, CHANGED], [SECOND, DONE]]
    kept = neighbours.Neighbours(("v0",))

    with pytest.raises(KernelError, match="changed 2 times while it was read"):
        of_the_device(kept)
    assert of_the_device(kept) == ("10.0.0.8",)


def test_who_was_in_is_still_known_when_a_table_that_lost_notices_cannot_be_read(kernel) -> None:
    kernel.dumps = [[FIRST, DONE], [FAILED], [FIRST, SECOND, DONE]]
    kept = neighbours.Neighbours(("v0",))
    kept.moved()
    kernel.notices = [errno.ENOBUFS]
    with pytest.raises(KernelError):
        of_the_device(kept)

    assert of_the_device(kept) == ("10.0.0.7", "10.0.0.8")
    assert list(kept.moved()) == [("v0", "00:01:02:03:04:05")]


def test_notices_older_than_a_table_do_not_undo_it(kernel) -> None:
    """What waits when some were lost came before them: the last word on an address may be among the lost."""
    gone = entry(bytes([10, 0, 0, 8]), bytes(range(6)), state=0x20, index=1)
    kernel.dumps = [[FIRST, DONE], [FIRST, SECOND, DONE]]
    kept = neighbours.Neighbours(("v0",))
    kept.moved()
    kernel.notices = [errno.ENOBUFS, SECOND, gone]

    assert of_the_device(kept) == ("10.0.0.7", "10.0.0.8")
    assert of_the_device(kept) == ("10.0.0.7", "10.0.0.8")


class Asked:
    """A netlink socket for questions: each is answered by the next of `answers`, an errno is an error."""

    def __init__(self, answers: list[bytes | int]) -> None:
        self.answers = answers
        self.closed = 0
        self.setsockopt = self.bind = lambda *_: None
        self.send = lambda _request: None

    def recv(self, _size: int) -> bytes:
        answer = self.answers.pop(0)
        if isinstance(answer, int):
            raise OSError(answer, "the kernel's")
        return answer

    def close(self) -> None:
        self.closed += 1


def asking(monkeypatch, *answers: bytes | int) -> tuple[neighbours.Neighbours, list[Asked]]:
    opened: list[Asked] = []

    def socket(*_: object) -> Asked:
        opened.append(Asked(left))
        return opened[-1]

    left = list(answers)
    monkeypatch.setattr(neighbours.socket, "socket", socket)
    monkeypatch.setattr(neighbours.socket, "if_nametoindex", lambda _: 1)
    return neighbours.Neighbours(("v0",)), opened


def test_one_question_after_the_other_is_asked_on_one_socket(monkeypatch) -> None:
    kept, opened = asking(monkeypatch, FIRST, SECOND)

    assert kept.who("10.0.0.7") == kept.who("10.0.0.8") == ("v0", "00:01:02:03:04:05")
    assert [each.closed for each in opened] == [0]
    kept.close()
    assert [each.closed for each in opened] == [1]


def test_a_socket_that_failed_answers_no_other_question(monkeypatch) -> None:
    kept, opened = asking(monkeypatch, errno.EAGAIN, SECOND)
    with pytest.raises(OSError, match="the kernel's"):
        kept.who("10.0.0.7")

    assert kept.who("10.0.0.8") == ("v0", "00:01:02:03:04:05")
    assert [each.closed for each in opened] == [1, 0]


@pytest.mark.parametrize("other", [SECOND, entry(bytes([10, 0, 0, 7]), bytes(range(6)), index=2)])
def test_an_answer_about_somebody_else_names_nobody(monkeypatch, other: bytes) -> None:
    kept, _ = asking(monkeypatch, other)

    assert kept.who("10.0.0.7") is None


def test_an_interface_that_was_made_anew_is_known_by_its_new_number_within_a_second(monkeypatch) -> None:
    again = entry(bytes([10, 0, 0, 7]), bytes(range(6)), index=2)
    kept, _ = asking(monkeypatch, FIRST, again)
    kept.who("10.0.0.7")
    monkeypatch.setattr(neighbours.socket, "if_nametoindex", lambda _: 2)
    monkeypatch.setattr(neighbours, "AGE_S", 0.0)

    assert kept.who("10.0.0.7") == ("v0", "00:01:02:03:04:05")


@given(st.binary(max_size=200))
def test_no_octets_are_too_strange(noise: bytes) -> None:
    try:
        neighbours.read(noise)
    except (KernelError, struct.error):
        return


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("FD00:0::1", "fd00::1"),
        ("fd00::1%eth0", "fd00::1"),
        ("fe80::1%eth0", None),
        ("169.254.1.1", None),
        ("224.0.0.1", None),
        ("ff02::1", None),
        ("0.0.0.0", None),
        ("::", None),
        ("255.255.255.255", None),
        ("10.0.0.1\n", None),
        ("10.0.0.01", None),
        ("", None),
    ],
)
def test_addresses_have_one_form_or_none(text: str, canonical: str | None) -> None:
    assert address(text) == canonical


# ---- checks
class Known:
    """What the checks need of a snapshot."""

    at_ms = 0

    def __init__(self, *sites: tuple[str, str]) -> None:
        self.sites = [type("Site", (), {"id": name, "gateway": gateway})() for name, gateway in sites]
        self.site = {each.id: each for each in self.sites}

    def where(self, record, path: str = "") -> str:
        return f"sites.csv:{self.sites.index(record) + 2}"


def test_every_wrong_name_is_found_at_once_with_its_place() -> None:
    settings = Settings(
        portal=PortalAt(
            gateway="nftables", methods="click_thru,voucher", visitors={"vlan7": "site-x"}, anchors="nowhere"
        ),
        origin={"portal.methods": "netops.toml"},
    )

    found = [str(problem) for problem in checks.check(settings, Known(("site-1", "nftable"), ("park", "")))]

    assert found == [
        "netops.toml: login method 'click_thru' is unknown; did you mean 'click_through'?",
        (
            "portal.visitors: interface 'vlan7' serves site 'site-x', which the register does not have; "
            "did you mean 'site-1'?"
        ),
        "portal.anchors: 'portal.anchors' has 'nowhere'; expected host:port, separated by commas",
        "sites.csv:2: site 'site-1' names gateway 'nftable', which is none of ours; did you mean 'nftables'?",
    ]


def test_a_gateway_without_visitors_and_a_portal_without_a_way_in_are_found() -> None:
    settings = Settings(portal=PortalAt(gateway="nftables", methods=" "))

    found = [str(problem) for problem in checks.check(settings, Known())]

    assert len(found) == 2
    assert "no login method" in found[0]
    assert "no visitor interface" in found[1]
    assert checks.check(Settings(), Known()) == []
