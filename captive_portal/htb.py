"""Bandwidth classes in the kernel: HTB by rtnetlink, for the gate alone.

An interface gets one root (`6e70:`), a device one class of it (`6e70:<number>`) with a queue of its own below. The
ruleset names the class of each packet (`meta priority set … map`); a packet without a class goes straight through.

* A root that somebody else has made is not replaced: whoever shapes the whole line there would lose that.
* The queue is bounded in octets, about a quarter of a second. The default (as many packets as the interface's queue is
  long, usually 1,000) would let a visitor at 1 Mbit/s wait for 12 s.
* Messages are those of <linux/rtnetlink.h> and <linux/pkt_sched.h>; one that exists already is changed in place.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from pathlib import Path
from typing import Self

from captive_portal.errors import KernelError
from captive_portal.netlink import ACK, DUMP, ENDS, attribute, attributes, failure, message, messages

MAJOR = 0x6E70
LAST = 0xFFFE
TCMSG = struct.Struct("=BxxxiIII")  # family, ifindex, handle, parent, info
RATE = struct.Struct("=BBHhHI")  # tc_ratespec: cell_log, linklayer, overhead, cell_align, mpu, octets a second
CLASS = struct.Struct("=12s12sIIIII")  # tc_htb_opt: rate, ceil, buffer, cbuffer, quantum, level, priority
GLOBAL = struct.Struct("=IIIII")  # tc_htb_glob: version, rate2quantum, default class, debug, direct packets
NEW_QDISC, DEL_QDISC, GET_QDISC, NEW_CLASS, DEL_CLASS, GET_CLASS = 36, 37, 38, 40, 41, 42
REPLACE, EXCL, CREATE = 0x100, 0x200, 0x400
TCA_KIND, TCA_OPTIONS, HTB_PARMS, HTB_INIT = 1, 2, 1, 2
ROOT = 0xFFFFFFFF
ETHERNET = 1  # TC_LINKLAYER_ETHERNET: the kernel needs no table of rates
QUEUE_S, SMALLEST_QUEUE = 0.25, 65_536 + 2048  # one whole packet of a sender that segments late (GSO) always fits
BURST_S, SMALLEST_BURST = 0.01, 3_200
SENDING_OCTETS = 1514
RECEIVE, TIMEOUT_S = 65_536, 2.0


class Htb:
    """The roots and classes of this namespace's interfaces; a context manager, used by one thread at a time."""

    def __init__(self) -> None:
        self._link: socket.socket | None = None
        self._ticks_a_us = 15.625

    def __enter__(self) -> Self:
        self._link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._link.settimeout(TIMEOUT_S)
        self._link.bind((0, 0))
        self._ticks_a_us = _ticks()
        return self

    def __exit__(self, *_: object) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None

    def root(self, interface: str) -> None:
        """Make the interface's root, or keep ours; KernelError when there is somebody else's."""
        options = attribute(HTB_INIT, GLOBAL.pack(3, 10, 0, 0, 0))
        made = _message(NEW_QDISC, CREATE | EXCL, _index(interface), MAJOR << 16, ROOT, "htb", options)
        failed = self._say(made)
        if failed == errno.EEXIST and not self.has_root(interface):
            what = f"interface {interface} has a queueing discipline of its own; expected none"
            raise KernelError(f"{what}: remove it (tc qdisc del dev {interface} root), or bound no rates there")
        if failed not in {0, errno.EEXIST}:
            raise KernelError(f"interface {interface}: no HTB root ({os.strerror(failed)}); is sch_htb in the kernel?")

    def there(self, interface: str) -> bool:
        """Whether there is such an interface now."""
        return _index(interface) > 0

    def has_root(self, interface: str) -> bool:
        """Whether our root is there."""
        index = _index(interface)
        return bool(index) and self._say(_message(GET_QDISC, 0, index, MAJOR << 16, 0)) == 0

    def clear(self, interface: str) -> None:
        """Remove our root with all its classes; nothing happens where it is not."""
        if self.has_root(interface):
            self._say(_message(DEL_QDISC, 0, _index(interface), MAJOR << 16, ROOT))

    def set(self, interface: str, number: int, kbps: int) -> None:
        """Give a class its rate, and a queue below; both directions of the same device share no class."""
        index, handle, octets_s = _index(interface), MAJOR << 16 | number, kbps * 125
        made = _message(NEW_CLASS, CREATE | REPLACE, index, handle, MAJOR << 16, "htb", self._parameters(octets_s))
        failed = self._say(made)
        if failed:  # the interface was taken away and came back
            self.root(interface)
            failed = self._say(made)
        limit = struct.pack("=I", max(SMALLEST_QUEUE, int(octets_s * QUEUE_S)))
        failed = failed or self._say(_message(NEW_QDISC, CREATE | REPLACE, index, number << 16, handle, "bfifo", limit))
        if failed:
            raise KernelError(f"interface {interface}: class {number} at {kbps} kbit/s refused: {os.strerror(failed)}")

    def drop(self, interface: str, number: int) -> None:
        """Remove a class with what waits in it; one that is not there is no error."""
        self._say(_message(DEL_CLASS, 0, _index(interface), MAJOR << 16 | number, 0))

    def classes(self, interface: str) -> dict[int, int]:
        """Return the rate in kbit/s of each class."""
        if not self.has_root(interface):
            return {}
        found: dict[int, int] = {}
        self._say(_message(GET_CLASS, DUMP, _index(interface), 0, 0), found)
        return found

    def _parameters(self, octets_s: int) -> bytes:
        burst = max(SMALLEST_BURST, int(octets_s * BURST_S))
        ticks = min(0xFFFFFFFF, int(burst * 1_000_000 / octets_s * self._ticks_a_us))
        rate = RATE.pack(0, ETHERNET, 0, -1, 0, min(0xFFFFFFFF, octets_s))
        return attribute(HTB_PARMS, CLASS.pack(rate, rate, ticks, ticks, SENDING_OCTETS, 0, 0))

    def _say(self, message: bytes, found: dict[int, int] | None = None) -> int:
        """Send one message; return 0 or the errno that it was answered with."""
        if self._link is None:
            raise KernelError("the rtnetlink socket is closed; expected use inside its `with` block")
        try:
            self._link.send(message)
            while True:
                ended = _read(self._link.recv(RECEIVE), found)
                if ended is not None:
                    return ended
        except OSError as error:
            raise KernelError(f"rtnetlink: {error}; expected an answer within {TIMEOUT_S:g} s") from None


def _message(  # noqa: PLR0917  (the fields of struct tcmsg, in their order)
    kind: int, flags: int, index: int, handle: int, parent: int, discipline: str = "", options: bytes = b""
) -> bytes:
    body = TCMSG.pack(socket.AF_UNSPEC, index, handle, parent, 0)
    if discipline:
        body += attribute(TCA_KIND, discipline.encode() + b"\0") + attribute(TCA_OPTIONS, options)
    return message(kind, flags if flags & DUMP == DUMP and kind == GET_CLASS else flags | ACK, body)


def _read(answer: bytes, found: dict[int, int] | None) -> int | None:
    """Take classes out of one datagram; return 0 at the end, an errno, or None for more to come."""
    for kind, body in messages(answer):
        if kind in ENDS:
            return failure(body)
        if kind == NEW_CLASS and found is not None:
            _take(body, found)
    return None


def _take(body: bytes, found: dict[int, int]) -> None:
    _family, _, handle, *_ = TCMSG.unpack_from(body)
    options = dict(attributes(dict(attributes(body[TCMSG.size :])).get(TCA_OPTIONS, b"")))
    if handle >> 16 == MAJOR and handle & 0xFFFF and len(options.get(HTB_PARMS, b"")) >= CLASS.size:
        found[handle & 0xFFFF] = RATE.unpack_from(options[HTB_PARMS])[5] // 125


def _index(interface: str) -> int:
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        return 0  # the kernel answers that there is no such device


def _ticks() -> float:
    """Return the scheduler's ticks in a microsecond, as the kernel says (64 ns each on all that we know)."""
    try:
        told = [int(word, 16) for word in Path("/proc/net/psched").read_text(encoding="ascii").split()]
    except OSError:
        return 15.625
    return told[0] / told[1] if len(told) > 1 and told[1] else 15.625
