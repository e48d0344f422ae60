"""A wire of known vices between two network namespaces: `run_wire.py NAME_A NAME_B '{"there": {…}, "back": {…}}'`.

The machines that test have no `tc netem`, so each namespace gets a TUN device (`wire0`), and this process carries the
packets between them: each way with a delay in ms, a jitter, a share lost and a share doubled, by a seeded generator. It
says READY, and on SIGTERM one line of JSON with what it really did to UDP packets, by way and destination port.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import signal
import struct
import sys
import time
from collections import Counter
from contextlib import suppress

TUNSETIFF, IFF_TUN, IFF_NO_PI, CLONE_NEWNET = 0x400454CA, 1, 0x1000, 0x40000000
SPIN_S = 0.0003  # the last bit of a wait is spent looking at the clock: poll() wakes on whole milliseconds


def tun(namespace: str) -> int:
    """Make the device of a namespace and return its descriptor."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    assert libc.setns(there, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    made = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(made, TUNSETIFF, struct.pack("16sH", b"wire0", IFF_TUN | IFF_NO_PI))
    assert libc.setns(home, CLONE_NEWNET) == 0
    os.close(there)
    os.close(home)
    return made


def label(packet: bytes) -> str:
    """Return the destination port of an IPv4 UDP packet, `icmp`, or `other`."""
    if packet[0] >> 4 != 4 or packet[9] not in (1, 17):
        return "other"
    if packet[9] == 1:
        return "icmp"
    return str(int.from_bytes(packet[(packet[0] & 15) * 4 + 2 : (packet[0] & 15) * 4 + 4], "big"))


class Way:
    """One direction."""

    def __init__(self, name: str, into: int, vices: dict[str, float], seed: int) -> None:
        self.name, self.into = name, into
        self.delay_s = vices.get("delay_ms", 0) / 1000
        self.jitter_s = vices.get("jitter_ms", 0) / 1000
        self.loss, self.twice = vices.get("loss", 0), vices.get("twice", 0)
        self.random = random.Random(f"{seed}/{name}")
        self.done: Counter[str] = Counter()

    def carry(self, packet: bytes, now: float, waiting: list) -> None:
        """Lose the packet, or put it among those that wait."""
        what = label(packet)
        if self.random.random() < self.loss:
            self.done[f"lost {what}"] += 1
            return
        for _ in range(2 if self.random.random() < self.twice else 1):
            due = now + self.delay_s + self.random.random() * self.jitter_s
            heapq.heappush(waiting, (due, len(self.done) + self.random.random(), self.into, packet))
            self.done[f"passed {what}"] += 1


def main() -> None:
    """Carry until told to stop."""
    first, second, vices = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    one, other = tun(first), tun(second)
    seed = vices.get("seed", 1)
    ways = {
        one: Way("there", other, vices.get("there", {}), seed),
        other: Way("back", one, vices.get("back", {}), seed),
    }
    going = [True]
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    with suppress(PermissionError):  # a busy machine must not add delays of its own
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    print("READY", flush=True)
    watch = select.poll()
    for each in ways:
        watch.register(each, select.POLLIN)
    waiting: list = []
    while going:
        left = waiting[0][0] - time.monotonic() if waiting else 0.2
        for descriptor, _ in watch.poll(max(0.0, left - SPIN_S - 0.001) * 1000):
            for _ in range(64):
                try:
                    packet = os.read(descriptor, 65_536)
                except BlockingIOError:
                    break
                ways[descriptor].carry(packet, time.monotonic(), waiting)
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, into, packet = heapq.heappop(waiting)
            try:
                os.write(into, packet)
            except (BlockingIOError, OSError):
                continue
    print(json.dumps({way.name: way.done for way in ways.values()}), flush=True)


if __name__ == "__main__":
    main()
