"""Why a message of SNMPv3 is refused, in words that name the credential and what it would fit. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors.snmp import usm
from collectors.snmp.keys import AUTH

if TYPE_CHECKING:
    from collectors.traps.door import Sender

_LEVELS = {0: "noAuthNoPriv", usm.AUTHENTIC: "authNoPriv", usm.LEVEL: "authPriv"}
_NAME = 32  # octets of a user (RFC 3414 section 2.4)


def whose(sender: Sender, user: usm.User) -> str:
    """Return whose credential a message came under."""
    named = f" (credentials.{sender.named})" if sender.named else ""
    return f"user '{user.name}'{named}"


def stranger(name: bytes) -> str:
    """Return what is said of a user that no device at this address has."""
    shown = "".join(
        c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name[:_NAME].decode("utf-8", "replace")
    )
    return f"SNMPv3 user '{shown}', which none of this source's devices has"


def level(user: usm.User, flags: int) -> str:
    """Return what is said of a message at another level than its user's."""
    came = _LEVELS.get(flags & usm.LEVEL, f"security level {flags & usm.LEVEL}")
    return f"a message of security level {came}; its user has {_LEVELS[user.level]}"


def size(user: usm.User, mac: bytes) -> str:
    """Return what is said of a digest whose length is not the protocol's; empty when it is."""
    wanted = AUTH[user.auth_protocol].size
    if len(mac) == wanted:
        return ""
    fits = " or ".join(name for name, each in AUTH.items() if each.size == len(mac))
    like = f"as {fits} has it: set auth_protocol to that" if fits else "as no protocol has it"
    return f"a digest of {len(mac)} octets, {like}; ours is {user.auth_protocol} with {wanted}"


def digest(user: usm.User) -> str:
    """Return what else can be wrong where a digest does not hold."""
    mine = AUTH[user.auth_protocol]
    twins = [name for name, each in AUTH.items() if each.size == mine.size and name != user.auth_protocol]
    other = f"; or it is {' or '.join(twins)}, whose digests are as long" if twins else ""
    return f"the digest does not hold under {user.auth_protocol}: another auth_key{other}"


def cipher(user: usm.User) -> str:
    """Return what can be wrong where an authentic message decrypts to nothing."""
    return f"it is authentic and decrypts to no message under {user.priv_protocol}: another priv_key or priv_protocol"
