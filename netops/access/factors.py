"""The second factors of accounts: one-time codes (RFC 6238) and the recovery codes that stand in for them.

A secret is kept sealed, a recovery code as a keyed digest. A code is taken once: of two who bring the same one at the
same moment, one is let in. Attempts are counted apart from those at passwords.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyotp
import sqlalchemy as sa

from inventory.errors import SqlConflictError
from netops.access import passwords, refusals, throttle
from netops.access.attempts import forgive, reserve
from netops.access.sealed import spend
from netops.access.staff import COMMAND_LINE, note
from netops.access.steps import Held
from netops.access.tables import CODES, PASSKEY, RECOVERY, RESET, SESSION
from netops.errors import AccessError, UsageError

if TYPE_CHECKING:
    from netops.access.sealed import Seal
    from netops.access.staff import Staff

STEP_S = 30
AROUND = (-1, 0, 1)  # steps that a phone's clock may be off
RECOVERY_CODES = 10
LONGEST = 64
_CODE = re.compile(r"[0-9]{6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A secret that is shown once, to be confirmed by a code; `sealed` is what the page brings back."""

    secret: str
    uri: str  # `otpauth://…`, as the QR code says it
    sealed: str

    def __repr__(self) -> str:
        return "Offer(***)"


class Factors:
    """The second factors of one instance's accounts."""

    def __init__(self, staff: Staff, seal: Seal) -> None:
        self.staff = staff
        self.database = staff.database
        self.seal = seal

    def held(self, name: str) -> Held:
        """Return what an account has."""
        with self.database.read() as db:
            codes = db.execute(sa.select(CODES.c.account).where(CODES.c.account == name)).first() is not None
            passkeys = db.execute(sa.select(sa.func.count()).where(PASSKEY.c.account == name)).scalar_one()
            recovery = db.execute(sa.select(sa.func.count()).where(RECOVERY.c.account == name)).scalar_one()
        return Held(codes=codes, passkeys=passkeys, recovery=recovery)

    def offer(self, name: str, *, issuer: str, now_ms: int) -> Offer:
        """Return a new secret for somebody's phone; nothing is kept until a code of it comes back."""
        secret = pyotp.random_base32()
        ticket = self.seal.ticket("one-time codes", name, now_ms=now_ms)
        sealed = self.seal.close("one-time codes", name, f"{ticket.hex()} {secret}")
        uri = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)
        return Offer(secret=secret, uri=uri, sealed=sealed)

    def reoffer(self, name: str, sealed: str, *, issuer: str) -> Offer:
        """Return the same offer again, from what the page brought back; AccessError when it is not ours."""
        secret = self.seal.open("one-time codes", name, sealed).partition(" ")[2]
        uri = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)
        return Offer(secret=secret, uri=uri, sealed=sealed)

    def take_up(self, name: str, sealed: str, code: str, *, address: str, now_ms: int) -> list[str]:
        """Keep the offered secret in place of any other; return recovery codes, which are shown this once.

        UsageError when the code is not of it; AccessError when the offer is too old, of another account or used.
        """
        mark, _, secret = self.seal.open("one-time codes", name, sealed).partition(" ")
        ticket = bytes.fromhex(mark)
        if not self.seal.genuine("one-time codes", name, ticket, now_ms=now_ms):
            raise AccessError("the offer is too old; begin again")
        reserve(self.database, throttle.factor_buckets(name, address), now_ms, frozenset({"both", "factor"}))
        step = fitting(secret, _plain(code), now_ms=now_ms)
        if step is None:
            raise UsageError("the code is not the one that the phone shows now; look at the clock of the phone")
        if not spend(self.database, ticket, now_ms=now_ms):
            raise AccessError("the offer was taken up already")
        row = {"secret": self.seal.close("secret", name, secret), "since_ms": now_ms, "last_step": step}
        fresh = recovery_codes()
        with self.database.write() as db:
            forgive(db, throttle.factor_buckets(name, address))
            db.execute(sa.delete(CODES).where(CODES.c.account == name))
            db.execute(sa.insert(CODES).values(account=name, **row))
            self._replace_recovery(db, name, fresh)
            note(db, now_ms, name, "one-time codes set up", by=name, origin=address)
        return fresh

    def renew_recovery(self, name: str, *, address: str, now_ms: int) -> list[str]:
        """Return new recovery codes in place of the old ones."""
        fresh = recovery_codes()
        with self.database.write() as db:
            self._replace_recovery(db, name, fresh)
            note(db, now_ms, name, "recovery codes renewed", by=name, origin=address)
        return fresh

    def prove(self, name: str, given: str, *, address: str, now_ms: int, codes: bool = True) -> str:
        """Return what the code was, `code` or `recovery code`; AccessError when it is neither. It is used up by it.

        `codes` is false where only a recovery code may stand in: for a passkey that a role must have.
        """
        spots = throttle.factor_buckets(name, address)
        reserve(self.database, spots, now_ms, frozenset(spots))
        code = _plain(given)
        with self.database.write() as db:
            how = ""
            if codes and _CODE.fullmatch(code) and self._takes_code(db, name, code, now_ms):
                how = "code"
            elif code and self._takes_recovery(db, name, code):
                how = "recovery code"
            if how:
                forgive(db, spots)
            else:
                refusals.count(db, now_ms, account=name, address=address)
            note(
                db,
                now_ms,
                name,
                {"code": "code accepted", "recovery code": "recovery code used"}.get(how, "code refused"),
                by=name,
                origin=address,
            )
        if not how:
            raise AccessError("the code is wrong, or was used before")
        return how

    def entered(self, name: str, *, address: str, now_ms: int) -> None:
        """Note that a login is complete: whatever the account must prove, it has proven."""
        with self.database.write() as db:
            note(db, now_ms, name, "login", by=name, origin=address)

    def drop_codes(self, name: str, *, address: str, now_ms: int) -> None:
        """Forget an account's one-time codes, and its recovery codes unless they stand in for a passkey."""
        with self.database.write() as db:
            db.execute(sa.delete(CODES).where(CODES.c.account == name))
            if db.execute(sa.select(PASSKEY.c.id).where(PASSKEY.c.account == name)).first() is None:
                db.execute(sa.delete(RECOVERY).where(RECOVERY.c.account == name))
            note(db, now_ms, name, "one-time codes removed", by=name, origin=address)

    def forget(
        self, name: str, *, by: str, now_ms: int, origin: str = COMMAND_LINE, request: str = "", emergency: bool = False
    ) -> bool:
        """Forget every second factor of an account and end its sessions: its owner sets new ones up.

        False when the `request` of two persons was carried out before. `emergency`: nobody else was asked.
        """
        if self.staff.account(name) is None:
            raise UsageError(f"no account '{name}'; `netops staff list` shows them all")
        what = "second factors reset in an emergency" if emergency else "second factors reset"
        try:
            with self.database.write() as db:
                if request:
                    db.execute(sa.insert(RESET).values(request=request, account=name, at_ms=now_ms))
                for table in (CODES, RECOVERY, PASSKEY, SESSION):
                    db.execute(sa.delete(table).where(table.c.account == name))
                note(db, now_ms, name, what, by=by, origin=origin)
        except SqlConflictError:
            return False
        return True

    def _takes_code(self, db: sa.Connection, name: str, code: str, now_ms: int) -> bool:
        row = db.execute(sa.select(CODES).where(CODES.c.account == name)).first()
        if row is None:
            return False
        step = fitting(self.seal.open("secret", name, row.secret), code, now_ms=now_ms)
        if step is None:
            return False
        mine = sa.and_(CODES.c.account == name, CODES.c.last_step < step)
        return db.execute(sa.update(CODES).where(mine).values(last_step=step)).rowcount == 1

    def _takes_recovery(self, db: sa.Connection, name: str, code: str) -> bool:
        mine = sa.and_(RECOVERY.c.account == name, RECOVERY.c.digest == self._digest(name, code))
        return db.execute(sa.delete(RECOVERY).where(mine)).rowcount == 1

    def _replace_recovery(self, db: sa.Connection, name: str, codes: list[str]) -> None:
        db.execute(sa.delete(RECOVERY).where(RECOVERY.c.account == name))
        rows = [{"account": name, "digest": self._digest(name, _plain(each))} for each in codes]
        db.execute(sa.insert(RECOVERY), rows)

    def _digest(self, name: str, code: str) -> str:
        return self.seal.digest("recovery code", name, code)


def fitting(secret: str, code: str, *, now_ms: int) -> int | None:
    """Return the time step of RFC 6238 whose code this is, of the present one and those beside it; None of none."""
    generator, present = pyotp.TOTP(secret), now_ms // 1000 // STEP_S
    found = None
    for step in (present + each for each in AROUND):  # all of them, whichever fits: equal time
        if hmac.compare_digest(generator.generate_otp(max(step, 0)).encode(), code.encode()):
            found = step
    return found


def recovery_codes() -> list[str]:
    """Return fresh recovery codes: ten times 49 bits, in groups that can be read out."""
    signs = passwords.ALPHABET
    return ["-".join("".join(secrets.choice(signs) for _ in range(5)) for _ in range(2)) for _ in range(RECOVERY_CODES)]


def _plain(given: str) -> str:
    return re.sub(r"[\s-]", "", given[:LONGEST]).lower()
