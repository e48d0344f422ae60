"""A device that comes back is let in without a tap, where its site's policy says for how long and after which proof.

A voucher that let it in is asked again: its time, its devices and its withdrawal count as if the code were typed. Who
was identified is kept for as long as any visitor of today; somebody who was erased, or wished to be, is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from captive_portal import known, redeeming
from captive_portal.methods import Method
from captive_portal.model import Grant
from captive_portal.policy import RETURNING
from captive_portal.verdict import Refusal, Why

if TYPE_CHECKING:
    from captive_portal.known import Proof
    from captive_portal.methods import Shown
    from captive_portal.person import Persons
    from captive_portal.store import Store


class Comeback(Method):
    """No button: it is asked before the page is shown."""

    name = RETURNING
    template = ""

    def __init__(self, store: Store, persons: Persons) -> None:
        self._store = store
        self._persons = persons

    def prove(self, shown: Shown, now_ms: int) -> Refusal:  # noqa: ARG002  (the protocol's)
        """Say no: nobody is known because they say so."""
        return Refusal(why=Why.NOT_HERE)

    def recognise(self, shown: Shown, now_ms: int) -> Grant | None:
        """Let a device in that has proved itself before; durable on a yes."""
        rule = shown.policy.returning
        if rule is None or (shown.random_mac and not rule.random_macs):
            return None
        past = self._store.read(lambda connection: known.past(connection, shown.identity, rule, now_ms))
        proof = known.judge(past, shown.policy, now_ms, random_mac=shown.random_mac)
        if proof is None:
            return None
        if _forgotten(self._persons, proof, shown.identity):
            return None
        until_ms = now_ms + shown.bounds.seconds * 1000
        if proof.method == redeeming.METHOD:
            voucher = self._store.redeem(proof.voucher, shown.identity, now_ms)
            if not isinstance(voucher, Grant):
                return None
            until_ms = min(until_ms, voucher.until_ms)
        return Grant(
            method=self.name, until_ms=until_ms, voucher=proof.voucher, person=proof.person, agreed=proof.consent
        )


def _forgotten(persons: Persons, proof: Proof, identity: bytes) -> bool:
    if persons.restricted(identity, proof.at_ms):
        return True
    return bool(proof.person) and (persons.restricted(proof.person, proof.at_ms) or not persons.renew(proof.person))
