"""What is believed of a silence: datagrams under the device's address that are no reply, and what ICMP says. Pure.

Anybody can send a datagram under anybody's address, and an ICMP error with it. Neither may hide an outage, nor make one
up. So a datagram speaks for the device only when it carries the number of a question that is open: that number is
drawn by a CSPRNG, and only who has seen the question knows it. From the strongest word to the weakest:

    it carries our number, and cannot be read or verified   the device answered, undecodably or without authentication
    an ICMP error                                           it would be silent anyway; this names the silence
    anything else under its address                         noise: counted, told with the silence, believed in nothing
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors.errors import DecodeError, SecurityError
from collectors.snmp.ask import Failure
from collectors.snmp.wire import ForeignError
from netops.model import Reason

if TYPE_CHECKING:
    from collectors.snmp.counters import Counters
    from collectors.snmp.flight import Flight


def carries(flight: Flight, octets: bytes) -> bool:
    """Whether a datagram holds, where a reply would, the number of a question that this flight waits for."""
    head = octets[: flight.route.wire.reach]
    return flight.number.to_bytes(4, "big") in head or any(number.to_bytes(4, "big") in head for number in flight.ids)


def heard(flight: Flight, octets: bytes, error: DecodeError, counters: Counters) -> None:
    """Count a datagram that is no reply, and keep what it says of the silence behind it."""
    flight.noise += len(octets)
    if isinstance(error, ForeignError):
        counters.foreign += 1
        return
    if isinstance(error, SecurityError):  # raised only of a message to an open message id
        counters.security += 1
        reason = Reason.AUTH_FAILED
    else:
        counters.undecodable += 1
        if flight.pausing or not carries(flight, octets):
            return
        reason = Reason.UNDECODABLE
    flight.exchange.suspect = Failure(reason, str(error))


def unreachable(flight: Flight, name: str) -> None:
    """Note an ICMP error. It can be forged: the wait and the retries go on, and what the device said counts more."""
    if flight.exchange.suspect is None:
        reason = Reason.REFUSED if name == "ECONNREFUSED" else Reason.NO_ANSWER
        flight.exchange.suspect = Failure(reason, f"ICMP: {name}")


def silent(flight: Flight, now: float) -> None:
    """Take the end of a wait without a reply: ask again, or give up for the best reason there is."""
    exchange = flight.exchange
    over = now >= flight.deadline
    if exchange.suspect is None and (over or exchange.tries > exchange.retries):
        exchange.suspect = flight.route.wire.silence()
        if exchange.suspect is None and flight.noise:
            told = f"no reply, but {flight.noise} octets under its address that answer nothing we asked"
            exchange.suspect = Failure(Reason.NO_ANSWER, told)
    if over:
        exchange.deadline(flight.target.deadline_s, flight.waited)
    else:
        exchange.expire()
