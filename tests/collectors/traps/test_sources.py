"""Whose trap it is: the source of a datagram as the kernel writes it, against the addresses of the register."""

import socket

import pytest

from collectors.snmp.ask import Community
from collectors.snmp.sockets import resolve
from collectors.traps.door import Door, Sender
from collectors.traps.listener import Listener, plain
from collectors.traps.own import OwnEngine


@pytest.mark.parametrize(
    ("registered", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::FFFF:c000:0207", "192.0.2.7"),
        ("2001:DB8:0:0::7", "2001:db8::7"),
        ("64:ff9b::192.0.2.7", "64:ff9b::c000:207"),
        ("fe80::1", ""),  # on which link? somebody on another has it too
        ("fe80::1%eth0", ""),
        ("ac-1.example", ""),
        ("", ""),
    ],
)
def test_an_address_of_the_register_is_written_as_the_kernel_writes_a_source(registered, source):
    assert plain(registered) == source


@pytest.mark.parametrize(("address", "family"), [("::ffff:127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_what_is_polled_at_an_address_is_heard_from_it(address, family):
    """The poller and the trap socket take one address for the same machine."""
    assert resolve(address, 161)[0] is family
    assert resolve(address, 161)[1][0] == plain(address)


@pytest.mark.parametrize("address", ["::ffff:224.0.0.1", "::ffff:0.0.0.0", "::ffff:255.255.255.255", "ff02::1", "::"])
def test_no_dress_makes_a_device_of_what_is_none(address):
    assert resolve(address, 161) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_source_is_known_by_its_whole_address(address):
    """Both sockets hear at once; what is registered for one family is not taken from the other."""
    listener, door = Listener("any", 0), Door(OwnEngine(b"engine-id", 1, 0.0))
    door.admit({address: (Sender("ac-1", "standard", Community(b"c")),)})
    listener.open()
    try:
        for family, at in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            port = next(w.getsockname()[1] for w in listener._wires.values() if w.family == family)
            with socket.socket(family, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"junk", (at, port))
            while listener.counters.received < (1 if family == socket.AF_INET else 2):
                listener.take(door, wait_s=1.0, monotonic=lambda: 1.0)
    finally:
        listener.close()

    assert (listener.counters.wrong_source, listener.counters.undecodable) == (1, 1)
