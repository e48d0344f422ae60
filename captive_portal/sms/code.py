"""A code that was sent, and whether what was typed is it: pure.

A code is good for one device (its keyed identity is hashed into it), for five minutes, three tries and one login. With
eight digits and five codes a number and day, a guesser of somebody's number has 15 tries in 10^8: 1.5e-7 a day. Six
digits, where a policy wants them, are 1.5e-5.
"""

from __future__ import annotations

import hmac
import secrets
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from captive_portal import keys

if TYPE_CHECKING:
    from netops.config import Settings

DIGITS = (8, 6)  # what a policy may choose, the first where it says nothing
LIFE_MS = 5 * 60_000
RESUME_MS = 10 * 60_000  # so long the device is led back to the code field; past LIFE_MS to get a new code
TRIES = 3
AHEAD_MS = 60_000  # our own clock may be stepped back by NTP; a code from further ahead is not believed
LONGEST_TYPED = 40


class Handing(StrEnum):
    """What became of the message."""

    ASKED = "asked"
    HANDED = "handed"
    UNSENT = "unsent"


class Judged(StrEnum):
    """What a try came to."""

    RIGHT = "right"
    WRONG = "wrong"
    SLIP = "slip"  # cannot be the code: it has another length, and costs no try
    OVER = "over"  # too old, or tried as often as may be


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A code that a device was sent: its hash, the hash of the number, and the number sealed until then."""

    id: str
    identity: bytes
    number: bytes
    masked: str
    sealed: bytes
    site: str
    carrier: str
    hash: bytes
    digits: int
    asked_ms: int
    tries: int = 0
    handing: Handing = Handing.ASKED

    def good(self, now_ms: int) -> bool:
        """Whether it can still be right."""
        return self.tries < TRIES and self.asked_ms - AHEAD_MS <= now_ms < self.asked_ms + LIFE_MS

    def open(self, now_ms: int) -> bool:
        """Whether its device is still led back to the code field."""
        return self.asked_ms - AHEAD_MS <= now_ms < self.asked_ms + RESUME_MS


def fresh(digits: int) -> str:
    """Return a new code, every one as likely."""
    return f"{secrets.randbelow(10**digits):0{digits}d}"


def typed(text: str) -> str:
    """Return the digits that were meant, of whatever script; nothing when there is anything else."""
    folded = []
    for letter in unicodedata.normalize("NFKC", text[:LONGEST_TYPED]):
        digit = unicodedata.decimal(letter, None)
        if digit is not None:
            folded.append(str(digit))
        elif letter not in " -" and unicodedata.category(letter) not in {"Cf", "Zs"}:
            return ""
    return "".join(folded)


def own_key(settings: Settings) -> bytes:
    """Return the key of all that is remembered of codes and numbers here."""
    return keys.derived(keys.identity_key(settings), b"sms key")


def addressee(key: bytes, e164: str) -> bytes:
    """Return what a number is counted by."""
    return keys.derived(key, b"number", e164.encode())


def hashed(key: bytes, id_: str, identity: bytes, code: str) -> bytes:
    """Return what a code is stored as: of no use for another device or another message."""
    return keys.derived(key, b"sms code", id_.encode(), identity, code.encode())


def judge(pending: Pending | None, key: bytes, code: str, now_ms: int) -> Judged:
    """Decide on one try; the caller counts it, whatever it comes to, before anybody learns of it."""
    if pending is None or not pending.good(now_ms):
        return Judged.OVER
    if len(code) != pending.digits:
        return Judged.SLIP
    wanted = hashed(key, pending.id, pending.identity, code)
    return Judged.RIGHT if hmac.compare_digest(pending.hash, wanted) else Judged.WRONG
