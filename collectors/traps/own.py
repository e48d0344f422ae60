"""Our own SNMPv3 engine, as which we take informs (RFC 3414 section 3.2): its id for ever, its boots counted on disk.

An inform is authoritative at its receiver: the sender asks for our engine id, boots and time first, and what lies
outside our window is told so by an authentic Report.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from collectors.errors import CollectorError
from collectors.snmp import usm
from collectors.snmp.authority import LAST_BOOT, WINDOW_S, Authority
from collectors.snmp.pdu import Kind, Pdu, encode_pdu
from collectors.snmp.varbind import COUNTER32, Varbind, Varbinds

if TYPE_CHECKING:
    from pathlib import Path

_STATS = (1, 3, 6, 1, 6, 3, 15, 1, 1)
_FORMAT = bytes.fromhex("8000000005")  # RFC 3411 section 5: no enterprise's, octets of our own


class OwnEngine:
    """Our engine id, boots and time; one Authority for each user."""

    def __init__(self, engine_id: bytes, boots: int, now: float) -> None:
        self.engine_id = engine_id
        self.boots = boots
        self._began = now
        self._users: dict[usm.User, Authority] = {}
        self._counts = dict.fromkeys(usm.STATS, 0)

    def authority(self, user: usm.User) -> Authority:
        """Return ourselves as this user knows us."""
        found = self._users.get(user)
        if found is None:
            found = self._users[user] = Authority(user, self.engine_id)
            found.set_clock(self.boots, 0, self._began)
        return found

    def forget(self, users: frozenset[usm.User]) -> None:
        """Keep only these users."""
        self._users = {user: authority for user, authority in self._users.items() if user in users}

    def opened(self, user: usm.User, header: usm.Header, octets: bytes, now: float) -> bytes | None:
        """Return the plain scoped PDU of an inform to us; None when it is authentic and outside our time window."""
        authority = self.authority(user)
        authority.authentic(header, octets)
        if header.boots != self.boots or abs(header.time - authority.time_now(now)) > WINDOW_S:
            return None
        return authority.plain(header, octets)

    def report(self, user: usm.User, header: usm.Header, what: int, now: float, *, flags: int = 0) -> bytes:
        """Return the Report that names one of the usmStats."""
        self._counts[what] += 1
        row = Varbind((*_STATS, what, 0), COUNTER32, self._counts[what] & 0xFFFF_FFFF)
        pdu = encode_pdu(Pdu(Kind.REPORT, 0, 0, 0, Varbinds.of([row])))
        return self.authority(user).say(header.message_id, pdu, now, flags=flags)


def open_engine(path: Path, now: float) -> OwnEngine:
    """Return our engine, its boots one more than last time; made when the file is not there yet."""
    try:
        kept = json.loads(path.read_text(encoding="ascii"))
        engine_id, boots = bytes.fromhex(kept["engine_id"]), int(kept["boots"]) + 1
    except FileNotFoundError:
        engine_id, boots = _FORMAT + os.urandom(12), 1
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CollectorError(
            f"{path}: cannot be read as our SNMP engine ({error}); remove it, senders of informs will meet us anew"
        ) from None
    if not 1 <= boots < LAST_BOOT or not 5 <= len(engine_id) <= 32:
        raise CollectorError(f"{path}: boots {boots} is used up or its engine id is none; remove the file")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="ascii") as file:
        json.dump({"engine_id": engine_id.hex(), "boots": boots}, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return OwnEngine(engine_id, boots, now)
