"""Whether a voucher lets a device in: pure, from what the store knows of it."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from captive_portal import keys
from captive_portal.model import Grant
from captive_portal.verdict import Refusal, Why

if TYPE_CHECKING:
    from captive_portal.model import Allowance

METHOD = "voucher"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What the store knows of one voucher. `used_up` is a single-use voucher whose session has ended."""

    hash: bytes
    allowance: Allowance
    start_by_ms: int
    first_ms: int | None
    until_ms: int | None
    withdrawn: bool
    used_up: bool
    holders: frozenset[bytes]


def hashed(key: bytes, meant: str) -> bytes:
    """Return what a voucher is stored as."""
    return keys.derived(key, b"voucher", meant.encode())


def judge(issued: Issued | None, wanted: bytes, identity: bytes, now_ms: int) -> Grant | Refusal:
    """Decide on one voucher for one device; pure."""
    if issued is None or not hmac.compare_digest(issued.hash, wanted) or issued.withdrawn:
        return Refusal(why=Why.UNKNOWN)
    if issued.until_ms is not None and issued.until_ms <= now_ms:
        return Refusal(why=Why.EXPIRED)
    if issued.first_ms is None and issued.start_by_ms <= now_ms:
        return Refusal(why=Why.TOO_LATE)
    if issued.used_up:
        return Refusal(why=Why.USED_UP)
    if identity not in issued.holders and len(issued.holders) >= issued.allowance.devices:
        return Refusal(why=Why.TOO_MANY_DEVICES)
    until_ms = issued.until_ms if issued.until_ms is not None else now_ms + issued.allowance.seconds * 1000
    return Grant(method=METHOD, until_ms=until_ms, voucher=issued.hash)
