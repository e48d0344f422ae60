"""Who sends a request: digest, or Basic where it is allowed; and whose login that is."""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
import threading
from typing import TYPE_CHECKING

from collectors.cwmp import digest
from collectors.cwmp.digest import Judgement
from collectors.cwmp.doors import NONE, Doors
from collectors.cwmp.session import Reply
from collectors.hush import Hush

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from collectors.cwmp.digest import Challenges
    from collectors.cwmp.doors import Known
    from collectors.cwmp.session import Asking

log = logging.getLogger(__name__)
PATH = "/cwmp"


class Logins:
    """Judges every request anew; `doors` is set from outside. Safe to use from several threads."""

    def __init__(
        self, challenges: Challenges, *, basic: bool, counters: Counter[str], refused: Callable[[Known], None]
    ) -> None:
        self.doors: Doors = NONE
        self._challenges = challenges
        self._basic = basic
        self._counters = counters
        self._refused = refused
        self._hush = Hush()
        self._lock = threading.Lock()

    def judge(self, asking: Asking, now_ms: int) -> tuple[Reply | None, Callable[[Known], bool]]:
        """Return the reply that refuses, or None and what tells whether the login of this request is a CPE's own."""
        answer = digest.read(asking.header)
        if answer is None:
            user, password = self._plain(asking)
            given = password.encode()
            if user and any(hmac.compare_digest(each.encode(), given) for each in self.doors.passwords(user)):
                return (
                    None,
                    lambda known: _may(known, user) and hmac.compare_digest(known.login.password.encode(), given),
                )
            self._counters["challenged" if not asking.header else "refused"] += 1
            if asking.header:
                self.say(asking, user, "no digest that can be read, or a Basic login that is not taken", now_ms)
            return self._refusal(now_ms, stale=False), lambda _: False
        passwords = self.doors.passwords(answer.user)
        with self._lock:
            judged = self._challenges.judge(answer, passwords, method="POST", path=PATH, now_ms=now_ms)
        if judged is not Judgement.RIGHT:
            self._counters["stale" if judged is Judgement.STALE else "refused"] += 1
            if judged is Judgement.WRONG:
                why = "another password, address or algorithm" if passwords else "nobody of the register has this name"
                self.say(asking, answer.user, why, now_ms)
                for known in self.doors.own(answer.user):
                    self._refused(known)
            return self._refusal(now_ms, stale=judged is Judgement.STALE), lambda _: False

        def holds(known: Known) -> bool:
            own = digest.agrees(answer, method="POST", password=known.login.password)
            return own and _may(known, answer.user)

        return None, holds

    def say(self, asking: Asking, user: str, why: str, now_ms: int) -> None:
        """Tell the log who is refused, and why; not more often than anybody can read."""
        with self._lock:
            may = self._hush.may(asking.address, now_ms / 1000)
        if may:
            shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in user[:64])
            log.warning("login refused", extra={"user": shown, "address": asking.address, "why": why})

    def user(self, asking: Asking) -> str:
        """Return the user that a request names; it proves nothing."""
        answer = digest.read(asking.header)
        return answer.user if answer is not None else self._plain(asking)[0]

    def _plain(self, asking: Asking) -> tuple[str, str]:
        """Return user and password of a Basic login, where settings and TLS allow it (RFC 7617)."""
        scheme, _, rest = asking.header.partition(" ")
        if scheme.lower() != "basic" or not (self._basic and asking.secure):
            return "", ""
        try:
            user, _, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return user, password

    def _refusal(self, now_ms: int, *, stale: bool) -> Reply:
        headers = self._challenges.headers(now_ms, stale=stale)
        return Reply(401, tuple(headers))


def _may(known: Known, user: str) -> bool:
    """Whether this user may speak for a CPE: its login's, or with none there the CPE's own name."""
    if known.login.user:
        return hmac.compare_digest(known.login.user.encode(), user.encode())
    return user == known.serial or user.endswith(f"-{known.serial}")
