"""What the engine counts. Nothing that arrives is dropped without a number of its own."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class Counters:
    """Running sums since the engine began; read them at any time, from any thread."""

    asks: int = 0
    answered: int = 0
    failed: int = 0
    sent: int = 0
    received: int = 0
    octets: int = 0
    retried: int = 0
    recognised: int = 0  # replies read by their shape
    # datagrams that were no reply to anything under way
    wrong_source: int = 0
    wrong_id: int = 0
    late: int = 0  # a reply to a request that is over: late or double
    foreign: int = 0  # another community, user or engine
    undecodable: int = 0
    security: int = 0  # SNMPv3: digest, time window or downgrade refused
    trailing: int = 0  # accepted, with octets behind the message
    refused: int = 0  # ICMP: nobody listens
    unsendable: int = 0  # our own machine would not send
    socket_drops: int = 0  # the kernel threw away what our buffer could not hold
    barred: int = 0  # thrown away unread while a flood lasts
    muted: int = 0  # under the address of a device that sends junk, and without our request id: not decoded
    sieges: int = 0  # floods that made us ask over sockets of their own
    lanes: int = 0  # asks over a socket of their own
    hand_over_errors: int = 0
    faults: int = 0  # our own: everything under way was given up, the log says why
    wakes: int = 0

    def table(self) -> dict[str, int]:
        """Return the sums by name."""
        return asdict(self)
