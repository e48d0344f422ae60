"""Something that answers PDUs without a socket: recordings and simulated devices, asked by the same exchange.

`interview` drives an ask against any `Agent`; `Listing` is an agent over an ordered set of objects. The simulator puts
a UDP socket in front of the same objects.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Protocol

from collectors.errors import DecodeError
from collectors.snmp.ask import Failure, Reply
from collectors.snmp.exchange import Exchange
from collectors.snmp.pdu import ErrorStatus, Kind, Message, Pdu, decode, encode, request, response
from collectors.snmp.varbind import END_OF_MIB_VIEW, NO_SUCH_INSTANCE, Oid, Varbind, Varbinds
from netops.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from collectors.snmp.ask import Answer, Ask

_COMMUNITY = b"public"
_SIXTY_FOUR_KIB = 65_507


class Agent(Protocol):
    """What answers a PDU."""

    def respond(self, pdu: Pdu) -> Pdu | None:
        """Return the Response to a Get, GetNext or GetBulk; None is silence."""
        ...


class Listing:
    """An agent over objects in OID order: what a whole walk of a device brings. Of double names the last counts."""

    def __init__(self, objects: Iterable[Varbind], *, max_octets: int = _SIXTY_FOUR_KIB) -> None:
        self.objects = {varbind.oid: varbind for varbind in objects}
        self.order: list[Oid] = sorted(self.objects)
        self.max_octets = max_octets

    def respond(self, pdu: Pdu) -> Pdu | None:
        """Answer as RFC 3416 sections 4.2.1 to 4.2.3 say."""
        if pdu.kind == Kind.GET:
            found: list[Varbind] = [self.get(oid) for oid in pdu.varbinds.oids]
        elif pdu.kind == Kind.GET_NEXT:
            found = [self.next(oid) for oid in pdu.varbinds.oids]
        elif pdu.kind == Kind.GET_BULK:
            return response(pdu, self._bulk(pdu))
        else:
            return None
        answer = response(pdu, found)
        if self.max_octets < _SIXTY_FOUR_KIB and len(encode(Message(_COMMUNITY, answer))) > self.max_octets:
            return response(pdu, [], error_status=ErrorStatus.TOO_BIG)
        return answer

    def get(self, oid: Oid) -> Varbind:
        """Return the object of this name, or noSuchInstance."""
        return self.objects.get(oid) or Varbind(oid, NO_SUCH_INSTANCE, None)

    def next(self, oid: Oid) -> Varbind:
        """Return the object behind this name, or endOfMibView."""
        at = bisect_right(self.order, oid)
        return self.objects[self.order[at]] if at < len(self.order) else Varbind(oid, END_OF_MIB_VIEW, None)

    def _bulk(self, pdu: Pdu) -> list[Varbind]:
        single = max(0, min(pdu.error_status, len(pdu.varbinds)))
        found = [self.next(oid) for oid in pdu.varbinds.oids[:single]]
        cursors = list(pdu.varbinds.oids[single:])
        room = self.max_octets - 60
        for _ in range(max(0, pdu.error_index)):
            row = [self.next(oid) for oid in cursors]
            for varbind in row:
                room -= _size(varbind)
                if room < 0:
                    return found
                found.append(varbind)
            cursors = [varbind.oid for varbind in row]
            if all(varbind.tag == END_OF_MIB_VIEW for varbind in row):
                break
        return found


def _size(varbind: Varbind) -> int:
    """Return about how many octets the varbind takes: an upper bound."""
    content = len(varbind.value) if isinstance(varbind.value, (bytes, str)) else 9
    return 5 * len(varbind.oid) + content + 10


def interview(
    agent: Agent,
    ask: Ask,
    *,
    token: Any = None,
    at_ms: int = 0,
    through_wire: bool = True,
    retries: int = 0,
) -> Answer:
    """Ask an agent that is in this process. `through_wire` encodes and decodes every reply, as on the network.

    A reply with another request id counts as none; `Answer.raw` holds the encoded replies, community `public`.
    """
    exchange = Exchange(ask, retries=retries)
    number = 0
    while (question := exchange.want()) is not None:
        number += 1
        asked = request(question.kind, number, question.oids, max_repetitions=question.repetitions)
        said = agent.respond(asked)
        if said is None or said.request_id != number:
            exchange.expire()
            continue
        _feed(exchange, said, through_wire=through_wire)
    return exchange.answer(token=token, at_ms=at_ms)


def _feed(exchange: Exchange, said: Pdu, *, through_wire: bool) -> None:
    octets = encode(Message(_COMMUNITY, said)) if through_wire else b""
    try:
        read = decode(octets).pdu if through_wire else said
    except DecodeError as error:
        exchange.suspect = Failure(Reason.UNDECODABLE, str(error))
        exchange.expire()
        return
    exchange.feed(Reply(read.request_id, read.varbinds, octets, False, read.error_status, read.error_index))


def varbinds_in(raw: bytes, *, scoped: Callable[[bytes], Pdu] | None = None) -> Varbinds:
    """Return the varbinds of one archived reply: an SNMPv2c message, or what `scoped` reads."""
    return scoped(raw).varbinds if scoped is not None else decode(raw).pdu.varbinds
