"""Proof that a number is somebody's own: a code sent to it, said to whoever looks for its records.

Eight digits, three tries, five minutes, once. The code is stored as a keyed hash, and a try counts, durably, before it
is judged. Its message is counted with those of the logins, by number, city and country, and never given back: whoever
may run the command can ring nobody's phone all day, and has fifteen tries a day as everybody has.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from captive_portal import keys
from captive_portal.records.persons import Kind
from captive_portal.records.tables import PROOF
from captive_portal.sms import code
from captive_portal.sms.book import Book
from captive_portal.sms.code import Pending
from captive_portal.sms.providers import Came, Message, make
from captive_portal.verdict import Why
from netops.errors import AccessError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from captive_portal.records.persons import Persons
    from captive_portal.sms.number import Number
    from captive_portal.sms.providers import Provider
    from captive_portal.store import Store
    from netops.config import Settings

DIGITS, TRIES = 8, 3
LIFE_MS = 300_000
SITE = "records"  # where such a message is counted, beside the city's sites
TEXT = "查询或删除您的上网记录，验证码 {code}，5 分钟内有效，请勿告诉他人。Your WiFi records."
_WHY = {
    Why.TOO_OFTEN: "a code was sent to this number a moment ago; use that one, or wait {minutes} min",
    Why.USED_TODAY: "this number has had all codes of a day ([sms] number_per_day); wait {minutes} min",
    Why.UNSENT: "the city's messages are used up ([sms] city_per_hour and the like); wait {minutes} min",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Who asks numbers to prove themselves."""

    settings: Settings
    persons: Persons

    def send(self, number: Number, now_ms: int, *, store: Store, providers: Sequence[Provider] | None = None) -> None:
        """Send a new code; AccessError when none may go out now, or when nobody takes the message."""
        hash_, digits = self.persons.hashed(Kind.PHONE, number.e164), code.fresh(DIGITS)
        id_, mine = secrets.token_hex(8), PROOF.c.hash == hash_
        denied = Book(store, self.settings.sms).charge(self._counted(number, id_, now_ms), now_ms)
        if denied is not None:
            raise AccessError(_WHY[denied.why].format(minutes=-(-denied.wait_ms // 60_000)))
        with self.persons.database.write() as connection:
            connection.execute(sa.delete(PROOF).where(mine))
            sealed = {"hash": hash_, "code": self._hashed(hash_, digits), "sent_ms": now_ms, "tries": 0}
            connection.execute(sa.insert(PROOF), sealed)
        message = Message(
            id=id_,
            phone=number.e164,
            prefix=number.prefix,
            code=digits,
            text=TEXT.format(code=digits),
            at_ms=now_ms,
        )
        asked = make(self.settings) if providers is None else providers
        if not any(each.hand(message).came in {Came.TAKEN, Came.UNSURE} for each in asked):
            with self.persons.database.write() as connection:
                connection.execute(sa.delete(PROOF).where(mine))
            raise AccessError("no provider took the message; see [sms.providers] of the settings")

    def prove(self, number: Number, typed: str, now_ms: int) -> None:
        """Accept the code once; AccessError says that it does not hold."""
        hash_ = self.persons.hashed(Kind.PHONE, number.e164)
        with self.persons.database.write() as connection:
            row = connection.execute(sa.select(PROOF).where(PROOF.c.hash == hash_)).first()
            mine = PROOF.c.hash == hash_
            connection.execute(sa.update(PROOF).where(mine).values(tries=PROOF.c.tries + 1))
        if row is None or row.used_ms is not None or row.tries >= TRIES:
            raise AccessError("there is no code to prove this number with; send a new one")
        if not row.sent_ms <= now_ms < row.sent_ms + LIFE_MS:
            raise AccessError("the code is older than five minutes; send a new one")
        if not hmac.compare_digest(row.code, self._hashed(hash_, code.typed(typed))):
            raise AccessError(f"this is not the code; {max(0, TRIES - 1 - row.tries)} more tries")
        with self.persons.database.write() as connection:
            once = sa.update(PROOF).where(mine, PROOF.c.used_ms.is_(None)).values(used_ms=now_ms)
            if not connection.execute(once).rowcount:
                raise AccessError("the code was used a moment ago; send a new one")

    def _counted(self, number: Number, id_: str, now_ms: int) -> Pending:
        """Return what is counted: the number as a login counts it, which is its own device here."""
        key = code.own_key(self.settings)
        return Pending(
            id=id_,
            identity=keys.derived(key, b"records", number.e164.encode()),
            number=code.addressee(key, number.e164),
            masked=number.masked,
            sealed=b"",
            site=SITE,
            carrier=number.carrier,
            hash=b"",
            digits=DIGITS,
            asked_ms=now_ms,
        )

    def _hashed(self, hash_: bytes, digits: str) -> bytes:
        return keys.derived(keys.person_key(self.settings), b"proof", hash_, digits.encode())
