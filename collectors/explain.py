"""What an archived reply says, by the rules that read it: for the page that shows a poll's raw bytes.

The reply's objects are put into an agent in memory, and that agent is asked and decoded by the same code as the device
was. What the reply does not hold was not asked in that poll, and is left out; nothing is guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors.decode import decode
from collectors.detect import STANDARD, questions
from collectors.errors import CollectorError, DecodeError
from collectors.plan import plan
from collectors.poll import fit, named
from collectors.probes import explain as probes
from collectors.probes.slots import PROFILE as PROBE
from collectors.profile_yaml import shipped
from collectors.snmp import pdu
from collectors.snmp.agent import Listing, interview, varbinds_in
from collectors.snmp.varbind import NO_VALUE, Varbind
from netops.raw import unframe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from netops.model import Gap, Observation
    from netops.store import Outcome


def explain(device: str, outcome: Outcome, raw: bytes) -> Sequence[Observation | Gap]:
    """Return what the framed replies of a poll hold, with raw value, OID and rule of each; by the door they came."""
    if outcome.profile == PROBE:
        return probes.explain(device, outcome, raw)
    held = list(_objects(raw))
    profiles = shipped()
    name = next(
        (each for each in outcome.profile.replace("+", " ").split() if each in profiles and each != STANDARD), ""
    )
    agent = Listing(held)
    try:
        family = named(profiles, name)
        fitted = fit(profiles, name or STANDARD, interview(agent, questions(family.values())))
        asked = plan(fitted.chosen)
        decoded = decode(asked, interview(agent, asked.ask), device=device, at_ms=outcome.at_ms)
    except (CollectorError, KeyError):
        return []
    return list(decoded.observations)


def _objects(raw: bytes) -> Iterator[Varbind]:
    """Yield the objects with a value of every reply: an SNMPv2c message, or the scoped PDU of an SNMPv3 one."""
    for reply in unframe(raw):
        try:
            found = varbinds_in(reply)
        except DecodeError:
            try:
                found = varbinds_in(reply, scoped=_scoped)
            except DecodeError:
                continue  # answered undecodably: the page shows its bytes
        yield from (each for each in found if each.tag not in NO_VALUE)


def _scoped(octets: bytes) -> pdu.Pdu:
    return pdu.decode_pdu(octets)
