"""Carries a site's spool to the core: batch by batch, oldest first, and trims only what the core says it holds.

The link may be away for days. What no longer fits below the cap is dropped, oldest first, and the loss is a fact with
its sequences: the slots then show as unmeasured, on our account.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from typing import TYPE_CHECKING

from collectors.background import Background
from collectors.probes import calling, handing, keys
from netops.clock import SYSTEM
from netops.errors import ConfigError, NetopsError, SpoolError
from netops.facts import Fact, submit
from netops.spool import Reader

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from collectors.probes.handing import Batch
    from collectors.probes.keys import Key
    from netops.clock import Clock
    from netops.config import Settings
    from netops.evidence.canonical import JSON
    from netops.spool import Spool

log = logging.getLogger(__name__)
IDLE_S, AGAIN_S, AGAIN_MOST_S = 2.0, 1.0, 60.0
READ = 1000
FULL, ROOM = 0.9, 0.8  # of the cap: from here on the oldest is dropped, until there is this much left
TAKEN, REFUSED_ALL = 200, 403


class Carrier:
    """Inert until started; works in a thread of its own."""

    def __init__(
        self,
        spool: Spool,
        *,
        vantage: str,
        key: Key,
        url: str,
        ca: Path | None = None,
        clock: Clock = SYSTEM,
        idle_s: float = IDLE_S,
    ) -> None:
        calling.check_url(url)
        self._spool = spool
        self._vantage = vantage
        self._key = key
        self._url = url
        self._ca = ca
        self._clock = clock
        self._idle_s = idle_s
        self._background = Background("carry", self._run)
        self.failed = ""
        self.handed = 0

    def start(self) -> None:
        """Begin."""
        self._background.start()

    def stop(self) -> None:
        """End after the request that is under way; safe to call twice."""
        self._background.stop()

    def step(self) -> bool:
        """Hand in one batch; whether there was one. AwayError: the core was not reached, everything is still here."""
        self.make_room()
        with Reader(self._spool.path) as reader:
            held = reader.read(after=0, limit=READ)
        records = [(entry.sequence, entry.kind, entry.payload) for entry in held]
        batch, oversized = handing.batches(records, vantage=self._vantage, source=self._spool.source)
        if oversized:
            self._tell_lost(oversized, "one record is larger than the core takes")
            self._spool.trim(oversized[-1][0])
            return True
        if batch is None:
            return False
        self._hand_in(batch)
        return True

    def make_room(self) -> None:
        """Drop the oldest records when the spool is nearly full, and say so."""
        if self._spool.held_bytes <= self._spool.cap_bytes * FULL:
            return
        over = self._spool.held_bytes - int(self._spool.cap_bytes * ROOM)
        dropped: list[tuple[int, str]] = []
        with Reader(self._spool.path) as reader:
            while over > 0 and (held := reader.pieces(after=dropped[-1][0] if dropped else 0, limit=READ)):
                for piece in held:
                    if over <= 0:
                        break
                    over -= piece.size
                    dropped += [(sequence, piece.kind) for sequence in range(piece.first, piece.last + 1)]
        if dropped:
            self._spool.trim(dropped[-1][0])
            self._tell_lost(dropped, "the core was away for longer than the spool lasts; the oldest was dropped")

    def _hand_in(self, batch: Batch) -> None:
        body = batch.body()
        said = handing.statement(vantage=batch.vantage, source=batch.source, kind=batch.kind, body=body)
        headers = handing.headers(batch, self._key.sign(said))
        status, answer = calling.post(self._url, handing.PATH, body, headers=headers, ca=self._ca)
        upto = answer.get("upto")
        if status != TAKEN or not isinstance(upto, int) or isinstance(upto, bool):
            raise calling.AwayError(f"core {self._url}: {status} {answer.get('error', '')}"[:300])
        refused = {
            each[0]: str(each[1]) for each in answer.get("refused", ()) if isinstance(each, list) and len(each) == 2
        }
        if refused:
            lost = [(sequence, batch.kind) for sequence, _ in batch.records if sequence in refused]
            self._tell_lost(lost, f"the core refused it: {next(iter(refused.values()))}"[:300])
        self._spool.trim(min(upto, batch.upto))
        self.handed += len(batch.records)

    def _tell_lost(self, lost: Sequence[tuple[int, str]], reason: str) -> None:
        now = self._clock.now_ms()
        for kind in Counter(kind for _, kind in lost):
            sequences = [sequence for sequence, each in lost if each == kind]
            body: dict[str, JSON] = {
                "spool": f"probe@{self._vantage}",
                "what": f"{kind}s",
                "first_sequence": sequences[0],
                "last_sequence": sequences[-1],
                "count": len(sequences),
                "reason": reason,
            }
            submit(self._spool, Fact(kind="spool_dropped", at_ms=now, body=body))

    def _run(self) -> None:
        pause = AGAIN_S
        while not self._background.stopping.is_set():
            try:
                busy = self.step()
                self.failed, pause = "", AGAIN_S
                self._background.stopping.wait(0.0 if busy else self._idle_s)
            except (calling.AwayError, SpoolError) as error:
                if str(error) != self.failed:
                    log.warning("core not reached", extra={"why": str(error)})
                self.failed = str(error)
                self._background.stopping.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311  (only spreads the probes' returns)
                pause = min(AGAIN_MOST_S, pause * 2)
            except Exception as error:
                self.failed = f"{type(error).__name__}: {error}"
                log.exception("carrying failed")
                self._background.stopping.wait(AGAIN_MOST_S)


def key_path(settings: Settings) -> Path:
    """Return where a probe's key lies."""
    return settings.data.dir / ("probe" if settings.data.users else "keys") / "probe.key"


def build(settings: Settings, spool: Spool, *, clock: Clock = SYSTEM) -> Carrier:
    """Return the carrier that the settings describe, inert; NetopsError when this probe has not joined."""
    probe = settings.probe
    vantage = probe.vantage
    if not handing.VANTAGE.fullmatch(vantage):
        raise ConfigError(f"'probe.vantage' is '{vantage}'; a probe at a site needs an id of its own, [a-z0-9_.-]")
    try:
        key = keys.load(key_path(settings))
    except NetopsError as error:
        raise NetopsError(f"this probe has not joined {probe.core_url} yet: {error}") from None
    return Carrier(spool, vantage=vantage, key=key, url=probe.core_url, ca=probe.core_ca, clock=clock)
