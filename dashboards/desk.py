"""The desk: what the views share. It is made once per process and holds what they read and where they state facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from dashboards.queries import Queries
    from netops.access.factors import Factors
    from netops.access.identities import Identities
    from netops.access.passkeys import Passkeys
    from netops.access.sessions import Sessions
    from netops.access.staff import Staff
    from netops.access.steps import Rule
    from netops.access.tokens import Tokens
    from netops.clock import Clock
    from netops.config import Settings
    from netops.oidc.provider import Known
    from netops.web.pages import Submit


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Settings, clock, reading, accounts, and the way for facts."""

    settings: Settings
    clock: Clock
    queries: Queries
    staff: Staff
    sessions: Sessions
    factors: Factors
    rule: Rule
    tokens: Tokens
    passkeys: Passkeys | None
    identities: Identities
    providers: Mapping[str, Known]
    origin: str
    submit: Submit

    @property
    def zone(self) -> tzinfo:
        """The city's time zone."""
        return ZoneInfo(self.settings.city.timezone)
