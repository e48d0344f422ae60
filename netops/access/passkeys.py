"""Passkeys (WebAuthn): a second factor, or a login of its own where the authenticator has verified its user.

A challenge is a ticket (sealed.py): asking writes nothing, and an answer counts once. An authenticator that counts its
answers must count on: one that falls back may have been copied, and proves nothing.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import webauthn
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from inventory.errors import SqlConflictError
from netops.access import bulk, refusals, throttle
from netops.access.attempts import reserve
from netops.access.sealed import spend
from netops.access.staff import note
from netops.access.tables import ACCOUNT, PASSKEY
from netops.errors import AccessError, UsageError

if TYPE_CHECKING:
    from inventory.sql import Database
    from netops.access.places import Place
    from netops.access.sealed import Seal
    from netops.access.staff import Account

ADD, PROVE, ENTER = "passkey add", "passkey prove", "passkey enter"
LARGEST = 16 * 1024
MOST = 10
TITLE = 60
NONE = "the passkey proves nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A passkey as its owner sees it."""

    id: str
    title: str
    since_ms: int
    used_ms: int | None


class Passkeys:
    """The passkeys of one instance, at one place."""

    def __init__(self, database: Database, seal: Seal, place: Place, *, title: str) -> None:
        self.database = database
        self.seal = seal
        self.place = place
        self.title = title

    # ---- what the browser is asked
    def creating(self, account: Account, *, now_ms: int) -> str:
        """Return the options of `navigator.credentials.create`, as JSON."""
        options = webauthn.generate_registration_options(
            rp_id=self.place.rp_id,
            rp_name=self.title,
            user_id=self._handle(account.name),
            user_name=account.name,
            user_display_name=account.title,
            challenge=self.seal.ticket(ADD, account.name, now_ms=now_ms),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.PREFERRED
            ),
            exclude_credentials=self._known(account.name),
        )
        return webauthn.options_to_json(options)

    def asking(self, name: str = "", *, now_ms: int) -> str:
        """Return the options of `navigator.credentials.get`: for an account's second factor, or for whoever comes."""
        options = webauthn.generate_authentication_options(
            rp_id=self.place.rp_id,
            challenge=self.seal.ticket(PROVE if name else ENTER, name, now_ms=now_ms),
            allow_credentials=self._known(name) if name else [],
            user_verification=UserVerificationRequirement.PREFERRED if name else UserVerificationRequirement.REQUIRED,
        )
        return webauthn.options_to_json(options)

    # ---- what it answers
    def add(self, account: Account, answer: str, *, title: str, address: str, now_ms: int) -> None:
        """Keep a new passkey; UsageError for a title or a number that cannot be, AccessError for an answer."""
        if not 0 < len(title.strip()) <= TITLE or not title.isprintable():
            raise UsageError(f"a passkey's title says which device it is, in 1 to {TITLE} printable characters")
        said, ticket = self._challenge(answer, ADD, account.name, now_ms)
        try:
            made = webauthn.verify_registration_response(
                credential=said,
                expected_challenge=ticket,
                expected_rp_id=self.place.rp_id,
                expected_origin=self.place.origin,
            )
        except Exception as error:  # noqa: BLE001  (its parsers raise whatever a hostile answer makes them)
            raise AccessError(f"{NONE} ({type(error).__name__})") from None
        row = {"id": _written(made.credential_id), "public_key": made.credential_public_key, "title": title.strip()}
        if not spend(self.database, ticket, now_ms=now_ms):
            raise AccessError(f"{NONE} (the answer was used before)")
        try:
            with self.database.write() as db:
                held = db.execute(sa.select(sa.func.count()).where(PASSKEY.c.account == account.name)).scalar_one()
                if held >= MOST:
                    raise UsageError(f"'{account.name}' has {held} passkeys; remove one that is not used any more")
                more = {"account": account.name, "sign_count": made.sign_count, "since_ms": now_ms}
                db.execute(sa.insert(PASSKEY).values(**row, **more))
                note(db, now_ms, account.name, "passkey added", by=account.name, origin=address)
        except SqlConflictError:
            raise AccessError(f"{NONE} (it is known already)") from None

    def prove(self, name: str, answer: str, *, address: str, now_ms: int) -> None:
        """Accept the second factor of an account; AccessError unless it is one of its passkeys'."""
        spots = throttle.factor_buckets(name, address)
        try:
            self._answered(answer, PROVE, name, now_ms=now_ms, verified=False)
        except AccessError:
            reserve(self.database, spots, now_ms, frozenset(spots))
            with self.database.write() as db:
                refusals.count(db, now_ms, account=name, address=address)
                note(db, now_ms, name, "passkey refused", by=name, origin=address)
            raise
        self._accepted(name, address, now_ms)

    def enter(self, answer: str, *, address: str, now_ms: int) -> str:
        """Return the account that comes with a passkey alone; AccessError, always the same, for any other answer."""
        try:
            row = self._answered(answer, ENTER, "", now_ms=now_ms, verified=True)
        except AccessError:
            spots = throttle.client_buckets("passkey", address)
            reserve(self.database, spots, now_ms, frozenset(spots))
            with self.database.write() as db:
                refusals.count(db, now_ms, account=bulk.NOBODY, address=address)
            raise AccessError(NONE) from None
        self._accepted(row.account, address, now_ms)
        return str(row.account)

    # ---- what one has
    def all(self, name: str) -> list[Passkey]:
        """Return the passkeys of an account, the oldest first."""
        query = sa.select(PASSKEY).where(PASSKEY.c.account == name).order_by(PASSKEY.c.since_ms, PASSKEY.c.id)
        with self.database.read() as db:
            return [
                Passkey(id=row.id, title=row.title, since_ms=row.since_ms, used_ms=row.used_ms)
                for row in db.execute(query)
            ]

    def remove(self, name: str, which: str, *, address: str, now_ms: int) -> None:
        """Forget a passkey of an account; UsageError when it has no such one."""
        with self.database.write() as db:
            mine = sa.and_(PASSKEY.c.account == name, PASSKEY.c.id == which)
            if not db.execute(sa.delete(PASSKEY).where(mine)).rowcount:
                raise UsageError(f"'{name}' has no such passkey")
            note(db, now_ms, name, "passkey removed", by=name, origin=address)

    # ---- within
    def _answered(self, answer: str, purpose: str, owner: str, *, now_ms: int, verified: bool) -> Any:
        said, ticket = self._challenge(answer, purpose, owner, now_ms)
        with self.database.read() as db:
            query = sa.select(PASSKEY).join(ACCOUNT, ACCOUNT.c.name == PASSKEY.c.account)
            row = db.execute(query.where(PASSKEY.c.id == said["id"], ACCOUNT.c.disabled_ms.is_(None))).first()
        if row is None or (owner and row.account != owner):
            raise AccessError(f"{NONE} (it is unknown)")
        handle = said["response"].get("userHandle")
        if (handle or verified) and handle != _written(self._handle(row.account)):
            raise AccessError(f"{NONE} (it names somebody else)")
        try:
            made = webauthn.verify_authentication_response(
                credential=said,
                expected_challenge=ticket,
                expected_rp_id=self.place.rp_id,
                expected_origin=self.place.origin,
                credential_public_key=row.public_key,
                credential_current_sign_count=row.sign_count,
                require_user_verification=verified,
            )
        except Exception as error:  # noqa: BLE001  (its parsers raise whatever a hostile answer makes them)
            raise AccessError(f"{NONE} ({type(error).__name__})") from None
        if not spend(self.database, ticket, now_ms=now_ms):
            raise AccessError(f"{NONE} (the answer was used before)")
        counted = sa.or_(PASSKEY.c.sign_count < made.new_sign_count, sa.literal(made.new_sign_count) == 0)
        mine = sa.and_(PASSKEY.c.id == row.id, counted)
        with self.database.write() as db:
            change = sa.update(PASSKEY).where(mine).values(sign_count=made.new_sign_count, used_ms=now_ms)
            if not db.execute(change).rowcount:
                raise AccessError(f"{NONE} (its counter went back)")
        return row

    def _challenge(self, answer: str, purpose: str, owner: str, now_ms: int) -> tuple[dict[str, Any], bytes]:
        """Return the answer and the ticket in it; AccessError when it is not one of ours for this."""
        if len(answer) > LARGEST:
            raise AccessError(f"{NONE} (it is longer than {LARGEST} characters)")
        try:
            said = json.loads(answer)
            ticket = _read(json.loads(_read(said["response"]["clientDataJSON"]))["challenge"])
            said["response"].get("userHandle")
            said["id"].encode("ascii")  # what stands there is looked up
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise AccessError(f"{NONE} (it is no answer of a browser)") from None
        if not self.seal.genuine(purpose, owner, ticket, now_ms=now_ms):
            raise AccessError(f"{NONE} (the question is too old, or another)")
        return said, ticket

    def _accepted(self, name: str, address: str, now_ms: int) -> None:
        with self.database.write() as db:
            note(db, now_ms, name, "passkey accepted", by=name, origin=address)

    def _known(self, name: str) -> list[PublicKeyCredentialDescriptor]:
        return [PublicKeyCredentialDescriptor(id=_read(each.id)) for each in self.all(name)]

    def _handle(self, name: str) -> bytes:
        """Return what an authenticator knows the account by: no name stands in it."""
        return self.seal.derived("passkey handle", name)


def _written(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _read(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
