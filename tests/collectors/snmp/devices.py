"""Devices of loopback: each a UDP agent that answers as a test tells it to."""

import os
import select
import socket
import threading
from contextlib import contextmanager

from collectors.snmp.agent import Listing
from collectors.snmp.ask import Ask, Community, Target
from collectors.snmp.pdu import Message, decode, encode
from collectors.snmp.varbind import COUNTER32, OCTET_STRING, SYS_UP_TIME, TIME_TICKS, Varbind

NAME = (1, 3, 6, 1, 2, 1, 1, 5, 0)
ENTRY = (1, 3, 6, 1, 2, 1, 2, 2, 1)
COLUMNS = ((*ENTRY, 1), (*ENTRY, 10))
GOOD = Varbind(NAME, OCTET_STRING, b"the truth")
LIE = Varbind(NAME, OCTET_STRING, b"a lie")
ASK = Ask(gets=(NAME,))


def objects(rows=40):
    yield Varbind(SYS_UP_TIME, TIME_TICKS, 5000)
    yield GOOD
    for column in (1, 10):
        for row in range(1, rows + 1):
            yield Varbind((*ENTRY, column, row), COUNTER32, 0xF000_0000 + row)


class Device:
    """A UDP agent. `reply(device, message, source)` yields datagrams, or (socket, datagram) to send from elsewhere."""

    def __init__(self, reply, address="127.0.0.1"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.stranger = socket.socket(family, socket.SOCK_DGRAM)
        self.stranger.bind((address, 0))
        self.address, self.port = self.socket.getsockname()[:2]
        self.listing = Listing(objects())
        self.reply = reply
        self.asked = 0
        self.failed = None
        self.quit_read, self.quit_write = os.pipe()
        self.thread = threading.Thread(target=self.serve)

    def serve(self):
        try:
            while True:
                ready, _, _ = select.select([self.socket, self.quit_read], [], [])
                if self.quit_read in ready:
                    return
                octets, source = self.socket.recvfrom(65_535)
                self.asked += 1
                for said in self.reply(self, decode(octets), source):
                    sender, datagram = said if isinstance(said, tuple) else (self.socket, said)
                    sender.sendto(datagram, source)
        except Exception as error:  # noqa: BLE001  (shown by the test that owns the device)
            self.failed = error

    def honest(self, message):
        return encode(Message(message.community, self.listing.respond(message.pdu)))

    def target(self, **words):
        words = {"timeout_s": 2.0, "retries": 1, "deadline_s": 20.0, **words}
        return Target(address=self.address, port=self.port, credential=Community(b"public"), **words)


@contextmanager
def device(reply, **words):
    made = Device(reply, **words)
    made.thread.start()
    try:
        yield made
    finally:
        os.write(made.quit_write, b"x")
        made.thread.join()
        for each in (made.socket, made.stranger):
            each.close()
        os.close(made.quit_read)
        os.close(made.quit_write)
    assert made.failed is None, made.failed


def honest(agent, message, source):
    yield agent.honest(message)
