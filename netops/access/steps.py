"""What a login still needs after its first proof, and from whom a second one is asked. Pure.

Who has set up a second factor is asked for it, whatever the role. Of roles that must have one, whoever has none sets it
up before anything else; where it must be a passkey, one-time codes let nobody further than to that page.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from netops.access.permissions import ROLES
from netops.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from netops.config import Settings

DECIDING = frozenset({"contract_manager", "admin", "privacy_officer"})
AUTO, NOBODY = "auto", "none"


class Step(StrEnum):
    """What a session still needs before it opens anything else."""

    NOTHING = ""
    PROVE = "prove"
    SET_UP = "set_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The second factors that an account has."""

    codes: bool = False
    passkeys: int = 0
    recovery: int = 0  # codes that are left


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which roles must have a second factor, and for which it must be a passkey."""

    required: frozenset[str] = frozenset()
    passkey: frozenset[str] = frozenset()

    def lacks(self, role: str, held: Held) -> bool:
        """Whether an account of this role must set something up first."""
        if role in self.passkey:
            return not held.passkeys
        return role in self.required and not (held.codes or held.passkeys)


def rule(settings: Settings) -> Rule:
    """Return the rule of the settings; ConfigError names a role that there is not."""
    said = settings.access.second_factor.strip()
    if said == AUTO:
        required = frozenset() if settings.city.rehearsal else DECIDING
    else:
        required = frozenset() if said == NOBODY else _roles(said, "access.second_factor", settings)
    return Rule(required=required, passkey=_roles(settings.access.passkey, "access.passkey", settings))


def barred(settings: Settings) -> Callable[[str], bool]:
    """Return which accounts no password or passkey of this instance lets in: the provider alone does."""
    access = settings.access
    return lambda name: not access.local and name != access.break_glass


def after_password(role: str, held: Held, rule: Rule) -> Step:
    """Return what is next once the password fits."""
    if held.codes or held.passkeys:
        return Step.PROVE
    return after_proof(role, held, rule)


def after_proof(role: str, held: Held, rule: Rule) -> Step:
    """Return what is next once everything that the account has was proven."""
    return Step.SET_UP if rule.lacks(role, held) else Step.NOTHING


def by_code(role: str, held: Held, rule: Rule) -> bool:
    """Whether one-time codes are a proof: not for a role that must have a passkey, once it has one."""
    return held.codes and not (role in rule.passkey and held.passkeys)


def _roles(said: str, name: str, settings: Settings) -> frozenset[str]:
    found = frozenset(each.strip() for each in said.split(",") if each.strip())
    for each in sorted(found - ROLES.keys()):
        where = settings.origin.get(name, "settings")
        known = f"expected some of {', '.join(ROLES)}{nearest(each, ROLES)}"
        raise ConfigError(f"{where}: '{name}': there is no role '{each}'; {known}")
    return found
