"""Many datagrams per system call: what goes out and comes in is what single calls would send and take."""

import errno
import socket
from contextlib import ExitStack

import pytest

from collectors.snmp.flight import Job
from collectors.snmp.post import SENDS, TAKES, Post, address_of, name_of
from collectors.snmp.sockets import Channel
from tests.collectors.snmp.devices import ASK, GOOD, device, honest

HOSTS = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


@pytest.fixture(params=HOSTS, ids=["IPv4", "IPv6"])
def pair(request):
    """A Post and a plain socket, each with its address."""
    sockets = []
    for _ in range(2):
        try:
            sockets.append(socket.socket(request.param, socket.SOCK_DGRAM))
            sockets[-1].bind((HOSTS[request.param], 0))
        except OSError:
            pytest.skip("no such addresses on this machine")
        sockets[-1].setblocking(False)
    ours, theirs = sockets
    yield Post(ours.fileno(), request.param), ours.getsockname(), theirs
    ours.close()
    theirs.close()


@pytest.mark.parametrize(
    "address",
    [("192.0.2.7", 161), ("127.0.0.1", 65535), ("2001:db8::7", 161, 0, 0), ("fe80::1", 10161, 0, 3)],
    ids=lambda address: address[0],
)
def test_a_name_is_an_address_as_the_kernel_has_it(address):
    assert address_of(name_of(address)) == address


def test_datagrams_of_all_sizes_arrive_as_they_were(pair):
    post, source, theirs = pair
    said = [bytes([n]) * size for n, size in enumerate([1, 0, 40_000, 7, 7, 1_400])]
    name = name_of(theirs.getsockname())

    for _ in range(2):  # the second time with the sizes of the first, which are then not told anew
        assert post.send(said, [name] * len(said)) == len(said)
        assert [theirs.recvfrom(65_535) for _ in said] == [(octets, source) for octets in said]
    assert post.send([b"a", b"bc"], [name] * 2) == 2
    assert [theirs.recv(10) for _ in range(2)] == [b"a", b"bc"]


def test_what_came_is_taken_in_order_with_its_source(pair):
    post, address, theirs = pair
    said = [bytes([n]) * (n * 11) for n in range(TAKES + 3)]
    for octets in said:
        theirs.sendto(octets, address)

    took = post.receive()
    assert len(took) == TAKES
    took += post.receive()

    assert took == [(octets, theirs.getsockname()) for octets in said]
    with pytest.raises(BlockingIOError):
        post.receive()


def test_a_known_source_is_named_by_the_very_object_that_was_told(pair):
    post, address, theirs = pair
    known = theirs.getsockname()
    post.known[name_of(known)] = known
    theirs.sendto(b"x", address)

    assert post.receive()[0][1] is known


def test_each_goes_to_its_own_address(pair):
    post, source, theirs = pair
    other = socket.socket(theirs.family, socket.SOCK_DGRAM)
    try:
        other.bind((theirs.getsockname()[0], 0))
        other.settimeout(5)
        names = [name_of(each.getsockname()) for each in (theirs, other)] * (SENDS // 2)

        assert post.send([bytes([n]) for n in range(SENDS)], names) == SENDS
        assert [theirs.recvfrom(9) for _ in range(SENDS // 2)] == [(bytes([n]), source) for n in range(0, SENDS, 2)]
        assert [other.recvfrom(9) for _ in range(SENDS // 2)] == [(bytes([n]), source) for n in range(1, SENDS, 2)]
    finally:
        other.close()


def test_what_the_kernel_refuses_ends_the_batch_before_it(pair):
    post, _, theirs = pair
    name = name_of(theirs.getsockname())

    assert post.send([b"small", bytes(65_507), b"small"], [name, bytes(len(name)), name]) == 1
    assert post.send([bytes(65_508)], [name]) == 0
    assert theirs.recv(65_535) == b"small"


def test_an_icmp_error_is_told_as_it_is():
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone,
    ):
        ours.setblocking(False)
        ours.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
        gone.bind(("127.0.0.1", 0))
        name = name_of(gone.getsockname())
        gone.close()
        post = Post(ours.fileno(), socket.AF_INET)
        assert post.send([b"x"], [name]) == 1

        with pytest.raises(ConnectionRefusedError) as told:
            post.receive()

    assert told.value.errno == errno.ECONNREFUSED


def test_devices_of_both_families_and_of_more_than_one_batch_are_heard_at_once(engine):
    with ExitStack() as stack:
        addresses = ["127.0.0.1"] * (SENDS + 3) + ["::1"] * 3
        devices = [stack.enter_context(device(honest, address=address)) for address in addresses]

        answers = list(engine.run([Job(each.target(), ASK, n) for n, each in enumerate(devices)]))

    assert sorted(answer.token for answer in answers) == list(range(len(devices)))
    assert {answer.gets for answer in answers} == {(GOOD,)}
    assert engine.counters.retried == engine.counters.wrong_source == 0


def test_a_thousand_refusals_at_once_keep_nothing_from_being_sent():
    """Sent in batches, they pile up before anyone looks: what is left of them would fail the next send."""
    channel, theirs = Channel(socket.AF_INET), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with theirs:
        theirs.bind(("127.0.0.1", 0))
        theirs.settimeout(5)
        dead = [name_of((f"127.0.9.{n + 1}", 9)) for n in range(SENDS)]
        sent = 0
        while sent < 1_000:
            sent += channel.post.send([b"x"] * SENDS, dead) or 1  # 0: an error was told in place of sending

        refused = list(channel.refusals())
        channel.send(b"a question", theirs.getsockname())

        assert theirs.recv(100) == b"a question"
    channel.close()
    assert len(refused) > 500
    assert {name for _, name in refused} == {"ECONNREFUSED"}
