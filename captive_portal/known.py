"""Whether a device that comes back is let in without a tap: pure, from what its earlier visits say.

* It has proved itself by a method that the site's policy names, within its days. Coming back proves nothing: the days
  count from the proof and are not renewed by it.
* It has agreed to the terms in the version that the site shows now.
* Its last visit has ended by itself. Who pressed "disconnect", was ended by staff, or used up the site's volume is
  asked again; a visit without a login, to a site that was open, changes nothing of that unless it ended so itself.

What makes it the same device is the keyed hash of its MAC: whoever copies a MAC copies this, too. So a policy names the
methods for which that is good enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from captive_portal.ajar import METHOD
from captive_portal.model import Consent, End
from captive_portal.tables import CONSENT, SESSION

if TYPE_CHECKING:
    from captive_portal.policy import Policy, Returning

DAY_MS = 86_400_000
BY_ITSELF = frozenset(
    {
        None,  # it lives, at another place of the city
        End.EXPIRED,
        End.IDLE,
        End.LOST,
        End.NO_GATEWAY,  # it was let down by us: a gate that is away for a minute makes nobody a stranger
    }
)
NOT_BY_ITSELF = [str(each) for each in End if each not in BY_ITSELF]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A visit whose method believed the device."""

    method: str
    at_ms: int
    voucher: bytes
    person: bytes
    consent: Consent


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is known of a device: its last proof, and how its last visit ended (None while it lives)."""

    proof: Proof
    end: End | None


def judge(past: Past | None, policy: Policy, now_ms: int, *, random_mac: bool) -> Proof | None:
    """Return the proof that lets the device in, or None when it has to ask; pure."""
    rule = policy.returning
    if rule is None or past is None or (random_mac and not rule.random_macs):
        return None
    proof = past.proof
    fresh = proof.method in rule.methods and 0 <= now_ms - proof.at_ms < rule.days * DAY_MS
    agreed = proof.consent.terms == policy.terms
    return proof if fresh and agreed and past.end in BY_ITSELF else None


def past(connection: sa.Connection, identity: bytes, rule: Returning, now_ms: int) -> Past | None:
    """Return what the record says of a device that proved itself within the rule; None when it never did."""
    mine = SESSION.c.identity == identity
    wanted = (
        sa.select(SESSION, CONSENT)
        .join(CONSENT, CONSENT.c.session == SESSION.c.id)
        .where(mine, SESSION.c.method.in_(rule.methods), SESSION.c.since_ms > now_ms - rule.days * DAY_MS)
        .order_by(SESSION.c.since_ms.desc())
        .limit(1)
    )
    row = connection.execute(wanted).first()
    if row is None:
        return None
    counts = sa.or_(SESSION.c.method != METHOD, SESSION.c.end.in_(NOT_BY_ITSELF))
    last = sa.select(SESSION.c.end).where(mine, counts).order_by(SESSION.c.since_ms.desc(), SESSION.c.id).limit(1)
    end = connection.execute(last).scalar()
    agreed = Consent(terms=row.terms, language=row.language, digest=row.digest, channel="returning")
    proof = Proof(
        method=row.method, at_ms=row.since_ms, voucher=row.voucher or b"", person=row.person or b"", consent=agreed
    )
    return Past(proof=proof, end=End(end) if end else None)
