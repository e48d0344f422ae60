"""The gate without its portal: what captive_portal/ajar.py decides, done in the kernel, each second.

A place that is open stands in the set `ajar`, by an element that ends by itself: a gate that dies leaves nothing open
for longer than `LEASE_S`. Who knocks there (any packet of a device that is not in) is let in one round later: in the
log first, then in the sets of those who are in, with the policy's rates, for a time that the kernel ends.

A packet can claim any address, and the way down to an address is one, whoever has it: so only that device is let in by
an address which answers for it in the kernel's neighbour table, and to which the way down stands for nobody else.
"""

from __future__ import annotations

import logging
from itertools import islice
from threading import RLock
from typing import TYPE_CHECKING, Any, Protocol

from captive_portal import ruleset
from captive_portal.ajar import Ajar, digest
from captive_portal.errors import KernelError, PortalError
from captive_portal.hatch import PART
from captive_portal.let_in import Log, said
from netops import fail_open
from netops.clock import SYSTEM
from netops.errors import EvidenceError, NetopsError
from netops.evidence import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from captive_portal.ajar import Rule, Turned
    from captive_portal.model import Bounds, Client
    from captive_portal.socket_line import Answer
    from netops.clock import Clock
    from netops.config import Settings
    from netops.evidence.note import VerifierKey

LOG = logging.getLogger("netops.gate")
LEASE_S = 15
KNOCKS = 200  # let in a round: each costs a transaction; the others are there in the next one
LOOKED_AT = 1000  # a round; whose address is another's costs a question of the neighbour table


def folder(settings: Settings) -> Path:
    """Return where the gate keeps whom it let in, and the decisions that it was given."""
    return settings.portal.gate_folder or settings.data.dir / "gate"


def key(settings: Settings) -> VerifierKey | None:
    """Return the key that decisions are believed by; None where there is none: then nothing opens."""
    try:
        return fail_open.key(settings)
    except EvidenceError as error:
        LOG.warning("no decision is believed error=%s", error)
        return None


class Kernel(Protocol):
    """What the gate lends: its transactions, under its lock."""

    rules: ruleset.Ruleset

    def run(self, commands: str) -> None:
        """Run one transaction."""
        ...

    def ask(self, command: str) -> list[dict[str, Any]]:
        """Return what one `list` command answers."""
        ...

    def neighbour(self, interface: str, address: str) -> str:
        """Return which MAC answers for an address, or the empty string."""
        ...

    def let_in(self, admissions: Sequence[tuple[Client, Bounds]]) -> None:
        """Let a client in, for `bounds.seconds` from now."""
        ...

    def put_out(self, who: Client) -> None:
        """Close the door."""
        ...


class Standby:
    """What the gate does by itself, with the kernel that it lends."""

    def __init__(
        self,
        rules: Mapping[str, Rule],
        known: VerifierKey | None,
        where: Path,
        clock: Clock = SYSTEM,
        told: Callable[[], bytes] = bytes,
    ) -> None:
        self.places = tuple(rules)
        self.opens = digest(rules)
        self._acts = bool(rules)
        self._told = told
        self._note = where / fail_open.NAME
        self._kept = b""
        self._unkept = ""
        self._out: list[Client] = []  # who is to be put out, until the kernel has done it
        self._ajar = Ajar(rules, known, Log(where / "let-in.jsonl"), clock)
        self._kernel_open: set[str] = set()
        self._lock = RLock()

    def open(self) -> None:
        """Take up the log and the decisions of before; a log also where no place wants to be open any more."""
        self._acts = bool(self.places) or self._ajar.log.exists()
        if not self._acts:
            return
        try:
            self._kept = self._note.read_bytes() if self._note.exists() else b""
        except OSError as error:  # the portal hands over another
            self._unkept = f"{self._note}: cannot be read ({error}); no decision is known before the portal is back"
        self._ajar.take(self._kept)
        self._ajar.open(self._told())

    def close(self) -> None:
        """Let go; the kernel ends what is open, and puts out in its time who is in."""
        self._ajar.close()

    @property
    def wrong(self) -> str:
        """What keeps the gate from acting without its portal, or the empty string."""
        return self._ajar.wrong or self._unkept

    # ---- the portal speaks
    def heard(self, asked: Answer, kernel: Kernel) -> dict[str, object]:
        """Take the portal's heartbeat: what was open is closed before it is answered; say how much waits for it."""
        note, recorded = asked.get("note", ""), asked.get("recorded", 0)
        if not isinstance(note, str) or isinstance(recorded, bool) or not isinstance(recorded, int) or recorded < 0:
            raise PortalError("'note', 'recorded'; expected a signed note and the number of an entry")
        if not self._acts:
            return {}
        with self._lock:
            self._do(self._ajar.heard(note.encode(), recorded), kernel)
            self._keep()
            return {"unrecorded": len(self._ajar.log.entries)}

    def entries(self) -> Iterator[Answer]:
        """Tell what the portal has yet to record."""
        with self._lock:
            every = [said(each) for each in self._ajar.log.entries]
            mark = self._ajar.log.mark
        for at in range(0, len(every) or 1, PART):
            yield {"ok": True, "log": mark, "entries": every[at : at + PART], "more": at + PART < len(every)}

    # ---- a second has passed
    def round(self, kernel: Kernel) -> None:
        """Open, let in and close as it is due."""
        if not self._acts:
            return
        with self._lock:
            self._ajar.take(self._told())  # what is taken back must be heard while the portal is dead, too
            self._keep()
            turned = self._ajar.look()
            self._do(turned, kernel)
            if turned.open:
                self._answer(kernel)

    def _keep(self) -> None:
        """Keep what is believed now, for a gate that starts while the portal is dead; a full disk stops nothing."""
        note = self._ajar.note
        if note == self._kept or not note:
            return
        try:
            files.replace(self._note, note, mode=0o600)
        except OSError as error:
            if not self._unkept:
                LOG.error("decision not kept error=%s", error)  # noqa: TRY400  (the sentence says it)
            self._unkept = f"{self._note}: not written ({error}); a gate that starts anew would not know the decision"
            return
        self._kept, self._unkept = note, ""

    def _do(self, turned: Turned, kernel: Kernel) -> None:
        self._out = list(self._put_out([*self._out, *turned.out], kernel))
        for place in self._kernel_open - set(turned.open):
            kernel.run(ruleset.shut(kernel.rules, place))
        for place, door in turned.open.items():
            kernel.run(ruleset.ajar(kernel.rules, place, min(LEASE_S, door.seconds)))
        self._kernel_open = set(turned.open)

    def _put_out(self, clients: Iterable[Client], kernel: Kernel) -> Iterator[Client]:
        """Close their doors; yield for whom the kernel refuses: it is asked again in the next round."""
        for client in clients:
            try:
                kernel.put_out(client)
            except NetopsError as error:
                LOG.error("not put out place=%s error=%s", client.interface, error)  # noqa: TRY400  (as below)
                yield client

    def _answer(self, kernel: Kernel) -> None:
        listed = [kernel.ask(f"list set inet {kernel.rules.table} knocking{version}") for version in "46"]
        knocked = [each for items in listed for each in ruleset.knocked(items, self.places)][:LOOKED_AT]
        genuine = list(islice((each for each in knocked if self._genuine(each, kernel)), KNOCKS))
        if len(genuine) == KNOCKS:
            knocked = knocked[: knocked.index(genuine[-1]) + 1]
        for client, bounds in self._ajar.let_in(genuine):
            try:
                kernel.let_in([(client, bounds)])
            except NetopsError as error:  # it knocks again
                LOG.error("not let in place=%s error=%s", client.interface, error)  # noqa: TRY400
        if knocked:
            kernel.run(ruleset.answered(kernel.rules, knocked))

    def _genuine(self, client: Client, kernel: Kernel) -> bool:
        """Whether a device is the one that has its address, and takes nobody's way down."""
        if kernel.neighbour(client.interface, client.addresses[0]) != client.mac:
            return False
        try:
            kernel.run(ruleset.vacant(kernel.rules, client))
        except KernelError:
            return False
        return True


def build(settings: Settings, rules: Mapping[str, Rule]) -> Standby:
    """Return what the gate of these settings does by itself; it reads decisions where its process may see them."""
    known = key(settings) if rules else None
    return Standby(rules, known, folder(settings), told=lambda: fail_open.read(settings))
