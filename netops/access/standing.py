"""What `staff.db` says of a person at an instant: whether the account was open, in which role, and logged in.

Read-only, for the core: a spool may say anything of who asked and decided, the accounts know better. Role and scope are
those of now: a change counts for what was stated before it and is not sealed yet, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from inventory.errors import InventoryError
from inventory.sql import Database
from netops.access import scope as scopes
from netops.access.scope import EVERYTHING
from netops.access.sessions import ABSOLUTE_MS
from netops.access.tables import ACCOUNT, EVENT
from netops.errors import AccessError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netops.access.scope import Scope

EVENTS = 200  # the newest before the instant; what is refused, which others can bring about, is not among them
REFUSED = ("login refused", "password accepted", "code refused", "passkey refused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An account, and what was done to and with it until an instant, the latest first: `(at_ms, what)`."""

    name: str
    role: str
    created_ms: int
    disabled_ms: int | None
    events: Sequence[tuple[int, str]] = ()
    scope: Scope = EVERYTHING


def unfit(standing: Standing | None, at_ms: int, *, role: str = "") -> str:
    """Return why this person could not state anything then, in this role; the empty string when it was possible."""
    if standing is None:
        return "there is no such account"
    name = standing.name
    if role and role != standing.role:
        return f"the account '{name}' has the role '{standing.role}', not '{role}'"
    if standing.created_ms > at_ms:
        return f"the account '{name}' did not exist yet"
    if standing.disabled_ms is not None and standing.disabled_ms <= at_ms:
        return f"the account '{name}' was disabled"
    words = [what for _, what in standing.events]
    shut = next((what for what in words if what in {"disabled", "password reset"} or what.startswith("added as")), "")
    if shut == "disabled":
        return f"the account '{name}' was disabled"
    if shut and "password changed" not in words[: words.index(shut)]:
        return f"the account '{name}' still had its one-time password"
    entered = next((at for at, what in standing.events if what in {"login", "password changed"}), None)
    if entered is None or at_ms - entered > ABSOLUTE_MS:
        return f"'{name}' was not logged in"
    return ""


def look(url: str, name: str, *, until_ms: int) -> Standing | None:
    """Read an account; AccessError when the accounts cannot be read now, which is no answer."""
    happened = sa.and_(EVENT.c.account == name, EVENT.c.at_ms <= until_ms, EVENT.c.what.not_in(REFUSED))
    query = sa.select(EVENT.c.at_ms, EVENT.c.what).where(happened).order_by(EVENT.c.id.desc()).limit(EVENTS)
    try:
        with Database(url, readonly=True) as database, database.read() as db:
            row = db.execute(sa.select(ACCOUNT).where(ACCOUNT.c.name == name)).first()
            events = [(int(at), str(what)) for at, what in db.execute(query)] if row is not None else []
    except InventoryError as error:
        raise AccessError(f"the accounts cannot be read ({error}): what people decided waits in the spool") from None
    if row is None:
        return None
    return Standing(
        name=name,
        role=row.role,
        created_ms=row.created_ms,
        disabled_ms=row.disabled_ms,
        events=tuple(events),
        scope=scopes.read(row.scope),
    )
