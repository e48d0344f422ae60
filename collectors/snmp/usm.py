"""The SNMPv3 user."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An SNMPv3 user and its pass phrases; it never shows them."""

    name: str
    auth_protocol: str = "SHA-256"
    auth_key: str = field(default="", repr=False)
    priv_protocol: str = "AES"
    priv_key: str = field(default="", repr=False)
    context: str = ""
