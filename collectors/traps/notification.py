"""What a trap says: Notification, from the PDU of any version. Pure and bounded; only DecodeError escapes.

v1 is turned into v2 terms as RFC 3584 section 3.1 has it. An agent written after an SMIv2 MIB sends its v1 traps as
`enterprise.specific` where the MIB has no zero before the last arc (section 3.2), so both names are candidates.
"""

from __future__ import annotations

from typing import NamedTuple

from collectors.errors import DecodeError
from collectors.snmp import ber
from collectors.snmp.pdu import Kind, Pdu, frame_pdu
from collectors.snmp.varbind import IP_ADDRESS, OBJECT_IDENTIFIER, TIME_TICKS, Oid, Varbind, Varbinds, parse

MAX_OCTETS = 16_384  # a real trap has a few hundred; a larger one is refused by its length alone
MAX_VARBINDS = 128
TRAP_V1 = 0xA4
V1 = 0
_TRAP_OID: Oid = (1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0)  # snmpTrapOID.0
_UPTIME: Oid = (1, 3, 6, 1, 2, 1, 1, 3, 0)
_GENERIC: Oid = (1, 3, 6, 1, 6, 3, 1, 1, 5)  # snmpTraps; generic-trap n is n + 1 below it
_ENTERPRISE_SPECIFIC = 6


class Notification(NamedTuple):
    """One trap or inform. `names` are the OIDs it may be known by, the likeliest first."""

    names: tuple[Oid, ...]
    varbinds: Varbinds
    uptime: int | None
    request_id: int = 0
    inform: bool = False


def of_v1(octets: bytes, at: int, end: int) -> Notification:
    """Return what an SNMPv1 Trap-PDU says (RFC 1157 section 4.1.6)."""
    start, stop = ber.expect(TRAP_V1, octets, at, end)
    if stop != end:
        raise DecodeError(f"{end - stop} octets behind the PDU; expected none")
    name_at, at = ber.expect(OBJECT_IDENTIFIER, octets, start, stop)
    enterprise = ber.oid_of(octets[name_at:at])
    _, at = ber.expect(IP_ADDRESS, octets, at, stop)  # the agent's own word for its address: not believed
    generic, at = ber.read_integer(octets, at, stop)
    specific, at = ber.read_integer(octets, at, stop)
    ticks_at, at = ber.expect(TIME_TICKS, octets, at, stop)
    _, uptime = ber.value_of(TIME_TICKS, octets[ticks_at:at])
    varbinds, _ = ber.varbinds_of(octets, at, stop, MAX_VARBINDS)
    names = _names(enterprise, generic, specific)
    return Notification(names, varbinds, uptime if isinstance(uptime, int) else None)


def _names(enterprise: Oid, generic: int, specific: int) -> tuple[Oid, ...]:
    if 0 <= generic < _ENTERPRISE_SPECIFIC:
        return ((*_GENERIC, generic + 1),)
    if generic != _ENTERPRISE_SPECIFIC or not 0 <= specific <= ber.MAX_ARC:
        raise DecodeError(f"generic trap {generic}, specific {specific}; expected 0 to 6 and a number of 32 bits")
    return (*enterprise, 0, specific), (*enterprise, specific)


def of_v2(octets: bytes, at: int, end: int) -> tuple[Notification, Pdu]:
    """Return what an SNMPv2-Trap or InformRequest says (RFC 3416 section 4.2.6), and its PDU."""
    pdu = frame_pdu(octets, at, end, MAX_VARBINDS).pdu
    if pdu.kind not in {Kind.TRAP, Kind.INFORM}:
        raise DecodeError(f"PDU {pdu.kind:#04x}; expected a trap or an inform")
    rows = pdu.varbinds
    name = next((v for oid, v in zip(rows.oids[:4], rows.values, strict=False) if oid == _TRAP_OID), None)
    if not isinstance(name, str):
        raise DecodeError("no snmpTrapOID.0 among the first varbinds; expected it as the second")
    uptime = rows.values[0] if rows.oids[0] == _UPTIME else None
    rest = Varbinds.of(_said(rows))
    told = uptime if isinstance(uptime, int) else None
    return Notification((parse(name),), rest, told, pdu.request_id, pdu.kind == Kind.INFORM), pdu


def _said(rows: Varbinds) -> list[Varbind]:
    return [row for row in rows if row.oid not in {_TRAP_OID, _UPTIME}]
