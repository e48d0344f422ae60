"""The settings of how staff come in."""

from __future__ import annotations

from dataclasses import dataclass

from netops.secret import Secret  # noqa: TC001  (the settings are built from these hints at run time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How staff come in besides a password."""

    second_factor: str = "auto"  # roles, comma between them; auto: those that decide, none in a rehearsal; none
    key: Secret | None = None  # key of one-time codes, recovery codes and tokens; empty: <data dir>/keys/staff.key
