"""The log's side: the witnesses it asks, and how it asks them.

`listed.py` reads who they are. What comes back is checked by `Ledger.adopt` before it is kept. All that answer in one
round are asked about one checkpoint, so that their signatures meet under it.
"""

from __future__ import annotations

import http.client
import logging
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from netops.clock import SYSTEM
from netops.errors import EvidenceError
from netops.evidence import note
from netops.evidence.checkpoint import Checkpoint, demand_sm2
from netops.witness import exchange, listed, policy
from netops.witness.protocol import CONFLICT, LARGEST, Ask
from netops.witness.service import PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from netops.clock import Clock
    from netops.evidence.note import VerifierKey
    from netops.ledger import Ledger
    from netops.ledger_file import LedgerReader, Sealed
    from netops.witness.listed import Witness

INBOX = "cosigned"  # in the data directory: co-signed checkpoints that came by file, for the core
WAIT_S = 30.0  # for one question, from the name to the last byte; a turn has two at most
LATE_S = 120.0  # a turn that lasts longer is told of: a name that is looked up for ever, a disk that does not answer

log = logging.getLogger(__name__)


class Turn:
    """One source's turn, in a thread of its own: whoever hangs holds up nobody else."""

    def __init__(self, name: str, act: Callable[[], str], *, before: str = "") -> None:
        """`act` returns what went wrong; `before` is what went wrong the last time, told while this turn goes."""
        self._name = name
        self._act = act
        self._wrong = before
        self._began_s = 0.0
        self._thread = threading.Thread(target=self._go, name=name, daemon=True)

    def begin(self) -> None:
        """Begin beside the caller."""
        self._began_s = SYSTEM.monotonic()
        self._thread.start()

    @property
    def going(self) -> bool:
        """Whether it is not over."""
        return self._thread.is_alive()

    @property
    def wrong(self) -> str:
        """What went wrong, in this turn or, while it goes, in the one before; empty when nothing did."""
        lasted_s = SYSTEM.monotonic() - self._began_s
        if self.going and lasted_s >= LATE_S:
            return f"{self._name}: its turn has lasted {lasted_s:.0f} s; until it ends it is not asked again"
        return self._wrong

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def _go(self) -> None:
        try:
            self._wrong = self._act()
        except Exception as error:  # whatever a stranger's answer brings, it is told
            log.exception("a witness's turn failed", extra={"witness": self._name})
            self._wrong = f"{self._name}: {str(error) or type(error).__name__}"


class Circle:
    """The core's round: take what came by file, ask who answers over HTTP, keep what holds."""

    def __init__(
        self, directory: Path, ledger: Ledger, acting: AbstractContextManager[object], *, clock: Clock = SYSTEM
    ) -> None:
        """`directory` is that of the data; `acting` is held while the ledger is touched, never while waiting."""
        self._directory = directory
        self._ledger = ledger
        self._acting = acting
        self._clock = clock
        self._known: dict[str, int] = {}
        self._turns: dict[Witness | None, Turn] = {}  # None: what came by file
        self._stopped = False

    def step(self) -> None:
        """Begin everybody's turn beside the caller, but theirs whose last one still goes; wait for none.

        EvidenceError tells what went wrong in the last turns, and whose lasts too long; ConfigError what is off in the
        list.
        """
        told = [turn.wrong for turn in self._turns.values()]
        self._begin()
        _tell(told)

    def round(self) -> None:
        """Go round once; EvidenceError tells of all that did not sign or did not hold, after everybody's turn."""
        self._begin()
        for turn in self._turns.values():
            turn.join()
        _tell([turn.wrong for turn in self._turns.values()])

    def state(self) -> tuple[tuple[Witness, ...], Sealed | None]:
        """Seal the policy if the list says another one; return the witnesses, and the checkpoint to ask about.

        ConfigError says what is off in the list: then the policy that was sealed last stays in force.
        """
        found = listed.read(self._directory / listed.FILE)
        with self._acting:
            if self._stopped:
                return found.witnesses, None
            policy.keep(self._ledger, found, now_ms=self._clock.now_ms())
            return found.witnesses, self._ledger.latest()

    def stop(self) -> None:
        """Touch the ledger no more; a request that is under way ends by itself."""
        with self._acting:
            self._stopped = True

    def _begin(self) -> None:
        witnesses, head = self.state()
        keys = [key for each in witnesses for key in each.keys]
        acts: dict[Witness | None, Callable[[], str]] = {None: partial(self._by_file, keys)}
        acts |= {each: partial(self._by_http, each, head) for each in witnesses if each.url}
        turns = self._turns = {who: turn for who, turn in self._turns.items() if who in acts or turn.going}
        for who, act in acts.items():
            last = turns.get(who)
            if last is None or not last.going:
                name = INBOX if who is None else f"witness {who.key.name}"
                turns[who] = Turn(name, act, before="" if last is None else last.wrong)
                turns[who].begin()

    @contextmanager
    def _turn(self) -> Iterator[Ledger]:
        with self._acting:
            if self._stopped:
                raise EvidenceError("the core is stopping")
            yield self._ledger

    def _by_http(self, witness: Witness, head: Sealed | None) -> str:
        key = str(witness.key)
        try:
            with self._turn():
                if head is None or head.size == self._known.get(key):
                    return ""
            signed, size = ask(witness, partial(self._request, head.size), old=self._known.get(key, 0))
            _complete(signed, witness.keys)
            with self._turn() as ledger:
                ledger.adopt(signed, witness.keys)
        except EvidenceError as error:
            return str(error)
        self._known[key] = size
        return ""

    def _request(self, size: int, old: int) -> Ask:
        with self._turn() as ledger:
            return request(ledger, old=old, size=size if old <= size else None)

    def _by_file(self, keys: list[VerifierKey]) -> str:
        found = sorted((self._directory / INBOX).glob("*.note"))
        return "; ".join(f"{path.name}: {why}" for path in found if (why := self._take(path, keys)))

    def _take(self, path: Path, keys: list[VerifierKey]) -> str:
        """Adopt what a file holds; return why not. One without a trusted signature is put aside, any other stays."""
        try:
            try:
                data = listed.plain(path, "a co-signed checkpoint")  # outside the lock: others may write here
                _complete(data, keys)
            except EvidenceError as error:
                with self._turn():
                    path.replace(path.with_suffix(".refused"))
                return str(error)
            with self._turn() as ledger:
                ledger.adopt(data, keys)
                path.unlink()
        except EvidenceError as error:
            return str(error)
        except OSError as error:
            return f"{error.strerror}"
        return ""


def _complete(signed: bytes, keys: Sequence[VerifierKey]) -> None:
    """Check that who of `keys` signed did so by SM2 too, where its SM2 key is among them; EvidenceError names it."""
    given = note.parse(signed)
    demand_sm2(Checkpoint.parse(given.text), keys, note.verify(given, keys))


def _tell(wrong: list[str]) -> None:
    if told := "; ".join(each for each in wrong if each):
        raise EvidenceError(told)


def request(ledger: LedgerReader, *, old: int, size: int | None = None) -> Ask:
    """Return the request over the newest checkpoint, or the one of a size.

    EvidenceError when there is none, or it is older than `old`.
    """
    sealed = ledger.latest() if size is None else ledger.checkpoint_of(size)
    if sealed is None and size is not None:
        raise EvidenceError(f"ledger {ledger.path}: signed no checkpoint of {size} leaves; expected one that it signed")
    if sealed is None:
        raise EvidenceError(f"ledger {ledger.path}: has no checkpoint yet; ask again in a minute")
    if old > sealed.size:
        raise EvidenceError(
            f"ledger {ledger.path}: {'its newest' if size is None else 'that'} checkpoint has {sealed.size} leaves, "
            f"a witness saw {old}{': rolled back?' if size is None else ''}"
        )
    proof = ledger.consistency(old, sealed.size) if 0 < old < sealed.size else []
    ours = note.parse(sealed.note)
    log = tuple(line for line in ours.signatures if line.name == Checkpoint.parse(ours.text).origin)
    return Ask(old, tuple(proof), bytes(note.Note(text=ours.text, signatures=log)))


def ask(witness: Witness, made: Callable[[int], Ask], *, old: int) -> tuple[bytes, int]:
    """Ask one witness over HTTP; return the checkpoint with its line, and the size.

    It may tell once that it knows another size than `old`: then `made` gives the request from there. EvidenceError says
    why it did not sign.
    """
    status, body, sent = _post(witness, made(old))
    known = body.strip()
    if status == CONFLICT and known.isdigit() and len(known) < 20 and int(known) != old:
        status, body, sent = _post(witness, made(int(known)))
    if status != http.HTTPStatus.OK:
        raise EvidenceError(f"witness {witness.key.name}: {status}, {body[:200].decode(errors='replace').strip()!r}")
    signed = sent.checkpoint + body
    return signed, Checkpoint.parse(note.parse(signed).text).size


def _post(witness: Witness, sent: Ask) -> tuple[int, bytes, Ask]:
    try:
        status, body = exchange.post(witness.url + PATH, bytes(sent), timeout_s=WAIT_S, most=LARGEST)
    except (OSError, http.client.HTTPException) as error:
        raise EvidenceError(f"witness {witness.key.name}: does not answer at {witness.url} ({error})") from None
    return status, body, sent
