"""The settings of how staff come in."""

from __future__ import annotations

from dataclasses import dataclass

from netops.secret import Secret  # noqa: TC001  (the settings are built from these hints at run time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How staff come in besides a password."""

    second_factor: str = "auto"  # roles, comma between them; auto: those that decide, none in a rehearsal; none
    passkey: str = ""  # roles whose second factor must be a passkey, comma between them
    url: str = ""  # where the staff pages are found: https://netops.example.cn; passkeys need it
    rp_id: str = ""  # the domain that passkeys belong to; empty: the host of `url`; another one makes them all useless
    key: Secret | None = None  # key of one-time codes, recovery codes and tokens; empty: <data dir>/keys/staff.key
