"""Whatever answers on the port: a reason within the time allowed, and the others are visited all the same."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import suppress

import pytest
import ssh_device

from collectors.ssh.by_asyncssh import Asyncssh
from collectors.ssh.by_netmiko import Netmiko
from collectors.ssh.talk import Limits
from netops.model import Reason

LIMITS = Limits(connect_s=3, read_s=10, deadline_s=20)
CALM = Limits(connect_s=30, read_s=30, deadline_s=60)


def closes(wire):
    wire.close()


def mumbles(wire):
    wire.sendall(random.Random(1).randbytes(4000))
    wire.recv(100_000)


def greets_for_ever(wire):
    while True:
        wire.sendall(b"welcome to the machine\r\n" * 1000)


def says_nothing(wire):
    wire.recv(1)
    wire.settimeout(20)
    wire.recv(1_000_000)
    wire.recv(1)


def stops_in_the_exchange(wire):
    wire.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    wire.settimeout(20)
    while wire.recv(10_000):
        pass


def exchanges_nonsense(wire):
    wire.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\x00\x00\x01\x2c\x04\x14" + b"\xff" * 294)
    wire.settimeout(20)
    while wire.recv(10_000):
        pass


class Door:
    """A port behind which somebody behaves in one way; connections are served one thread each."""

    def __init__(self, manners):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._manners = manners
        self._wires = []
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                wire, _ = self._listener.accept()
            except OSError:
                return
            self._wires.append(wire)
            threading.Thread(target=self._behave, args=(wire,), daemon=True).start()

    def _behave(self, wire):
        try:
            self._manners(wire)
        except OSError:
            pass
        finally:
            wire.close()

    def close(self):
        self._listener.close()
        for wire in self._wires:
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
            wire.close()


@pytest.fixture(params=["asyncssh", "netmiko"])
def transport(request):
    made = Asyncssh(sessions=20) if request.param == "asyncssh" else Netmiko(threads=12)
    made.start()
    yield made
    made.stop()


def test_who_speaks_no_ssh_costs_the_others_nothing(site, errand, carried, transport):
    manners = [closes, mumbles, greets_for_ever, says_nothing, stops_in_the_exchange, exchanges_nonsense]
    doors = [Door(each) for each in manners]
    port = site.serve(ssh_device.Device(count=3))
    bad = [errand(door.port, site.print, limits=LIMITS, token=n) for n, door in enumerate(doors)]
    good = [errand(port, site.print, limits=CALM, token=len(doors) + n) for n in range(3)]
    came = carried(transport, *bad, *good)
    for door in doors:
        door.close()

    refused, let_in = came[: len(doors)], came[len(doors) :]
    assert {each.failed.reason for each in refused} <= {Reason.NO_ANSWER, Reason.PROTOCOL_FAULT, Reason.REFUSED}
    assert max(each.took_ms for each in refused) < 20_000
    assert [(each.failed, len(each.visited.taken[0].rows)) for each in let_in] == [(None, 3)] * 3
