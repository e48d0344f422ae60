"""Where issued bundles lie: in `reports`, or in `reports/waiting` while they wait for their co-signatures.

A bundle is written at once, whole, under the checkpoint that there is. It is put in place when as many witnesses have
signed as its policy asks for, or when it has waited long enough; then it goes out without, and is put under a better
checkpoint once one comes: the same report, the same seal, new proofs. The days of a dispute run from the seal all the
while. Each step may be repeated after a kill at any instant: what was done is read from the files and the ledger.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from netops.errors import EvidenceError, NetopsError
from netops.evidence import bundle as bundles
from netops.ledger_file import LedgerReader
from netops.report import issue, witnessed
from netops.witness import policy

if TYPE_CHECKING:
    from pathlib import Path
    from threading import RLock

    from netops.clock import Clock
    from netops.config import Settings
    from netops.ledger import Leaf, Ledger
    from netops.report.bundle import Draft
    from netops.witness.policy import Policy

log = logging.getLogger(__name__)
WAITING = "waiting"  # below `reports`
TOLD_MS = 62 * 86_400_000  # so long health tells of a bundle that went out without; its verification tells for ever


def due(count: int, *, carried: int | None, quorum: int, overdue: bool) -> bool:
    """Whether a bundle is to be put in place, or put there again, under a checkpoint that `count` witnesses signed.

    `carried` is how many signed the one that it stands under in its place; None while it waits.
    """
    if carried is None:
        return count >= quorum or overdue
    return count > carried


class Shelf:
    """The bundles that the core keeps. What one of them lacks holds up no other."""

    def __init__(self, settings: Settings, clock: Clock, *, ledger: Ledger, acting: RLock) -> None:
        self._directory = issue.shelf(settings)
        self._wait_ms = settings.evidence.cosign_wait_s * 1000
        self._clock = clock
        self._ledger = ledger
        self._acting = acting
        self._done: set[str] = set()  # nothing more is awaited for them
        self._best: dict[str, int] = {}  # how many witnesses signed the best checkpoint for a report, when last looked
        self._carried: dict[str, int] = {}  # how many signed the one that its bundle stands under
        self.short: dict[str, str] = {}  # bundles that went out without, for the core's health

    def put(self, draft: Draft, index: int) -> None:
        """Write a bundle for the first time, in its place or among those that wait."""
        asked = policy.before(self._ledger, index)
        under = witnessed.chosen(self._ledger, index, asked)
        path = self._place(draft.name) if under.count >= asked.quorum else self._waiting(draft.name)
        issue.finish(self._ledger, draft, index, path, under)

    def has(self, report: str) -> bool:
        """Whether a bundle is there, in its place or waiting."""
        return self._place(report).exists() or self._waiting(report).exists()

    def turn(self) -> list[NetopsError]:
        """Look at every bundle that awaits signatures; return what went wrong.

        The ledger is read beside the core, which is not held up: only what was newly co-signed is fetched from it.
        """
        with self._acting:
            fresh, self._ledger.adopted = self._ledger.adopted, set()
        wrong: list[NetopsError] = []
        with LedgerReader(self._ledger.path) as ledger:
            policies = policy.told(ledger)
            for leaf in [leaf for leaf in ledger.find("report_issued") if _name(leaf) not in self._done]:
                try:
                    self._look(ledger, leaf, policy.among(policies, before=leaf.index), fresh)
                except EvidenceError as error:
                    wrong.append(error)
                except Exception as error:  # told in the log and in health; the other bundles go on
                    log.exception("a bundle could not be put in place", extra={"report": _name(leaf)})
                    wrong.append(NetopsError(f"bundle {_name(leaf)}: cannot be put in place ({error})"))
                else:
                    continue
                self._best.pop(_name(leaf), None)  # what was fresh now is not told again
        return wrong

    def _look(self, ledger: LedgerReader, leaf: Leaf, asked: Policy, fresh: set[int]) -> None:
        name, now = _name(leaf), self._clock.now_ms()
        if not asked.quorum:
            self._done.add(name)
        elif self.has(name):
            best = self._counted(ledger, leaf, asked, fresh)
            carried = self._under(name, asked)
            overdue = now - leaf.recorded_ms >= self._wait_ms
            if due(best, carried=carried, quorum=asked.quorum, overdue=overdue):
                carried = self._set(ledger, leaf, asked)
            self._tell(leaf, asked, carried, now)

    def _counted(self, ledger: LedgerReader, leaf: Leaf, asked: Policy, fresh: set[int]) -> int:
        """Return how many signed the best checkpoint; the ledger is looked through once, then what comes new."""
        name = _name(leaf)
        later = [ledger.checkpoint_of(size) for size in sorted(fresh) if size > leaf.index]
        best = max((len(asked.signers(each.note)) for each in later if each is not None), default=0)
        if name not in self._best or best > self._best[name]:
            self._best[name] = witnessed.chosen(ledger, leaf.index, asked).count
        return self._best[name]

    def _under(self, name: str, asked: Policy) -> int | None:
        """Return how many signed the checkpoint of the bundle in its place; None while it is not there."""
        place = self._place(name)
        if not place.exists():
            return None
        if name not in self._carried:
            self._carried[name] = witnessed.carried(place, asked)
        return self._carried[name]

    def _set(self, ledger: LedgerReader, leaf: Leaf, asked: Policy) -> int:
        """Put a bundle in its place under the best checkpoint; return how many signed that."""
        name = _name(leaf)
        place, waiting = self._place(name), self._waiting(name)
        found = bundles.open_bundle(place if place.exists() else waiting)
        under = witnessed.chosen(ledger, leaf.index, asked)
        bundles.write(place, witnessed.completed(ledger, found, under))
        self._carried[name] = under.count
        log.info("bundle in place", extra={"report": name, "cosigned": under.count, "asked": asked.quorum})
        return under.count

    def _tell(self, leaf: Leaf, asked: Policy, carried: int | None, now_ms: int) -> None:
        name = _name(leaf)
        self.short.pop(name, None)
        if carried is None:
            return
        self._waiting(name).unlink(missing_ok=True)  # also one that a kill left behind
        if carried >= asked.quorum:
            self._done.add(name)
        elif now_ms - leaf.recorded_ms < TOLD_MS:
            self.short[name] = (
                f"went out with {carried} of the {asked.quorum} co-signatures that its policy asks for; it is "
                "completed once they come (docs/how-to/witness-a-ledger.md)"
            )

    def _place(self, report: str) -> Path:
        return self._directory / f"{report}.zip"

    def _waiting(self, report: str) -> Path:
        return self._directory / WAITING / f"{report}.zip"


def _name(leaf: Leaf) -> str:
    return str(leaf.fact.body["report"])
