"""The log's side: the witnesses it asks, and how it asks them.

`witnesses.txt` in the data directory names one a line: its verifier key (type 0x04) and, if it answers over HTTP, its
address. A witness without an address signs files. What comes back is checked by `Ledger.adopt` before it is kept.
"""

from __future__ import annotations

import http.client
import ipaddress
import logging
import os
import re
import stat
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from netops.clock import SYSTEM
from netops.errors import ConfigError, EvidenceError
from netops.evidence import note
from netops.evidence.checkpoint import Checkpoint
from netops.evidence.note import VerifierKey
from netops.witness import exchange
from netops.witness.protocol import CONFLICT, LARGEST, Ask
from netops.witness.service import PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from netops.ledger import Ledger
    from netops.ledger_file import LedgerReader

FILE = "witnesses.txt"
INBOX = "cosigned"  # in the data directory: co-signed checkpoints that came by file, for the core
WAIT_S = 30.0  # for one question, from the name to the last byte; a turn has two at most
LATE_S = 120.0  # a turn that lasts longer is told of: a name that is looked up for ever, a disk that does not answer

log = logging.getLogger(__name__)
# RFC 1035 section 2.3.4: labels of at most 63, a name of at most 253; or IPv6 in brackets (RFC 3986 section 3.2.2)
_HOST = re.compile(r"(\[[^][]+\]|(?=[^:]{1,253}(:|\Z))[\w-]{1,63}(\.[\w-]{1,63})*\.?)(:\d*)?", re.ASCII)
_ADDRESS = re.compile(r"[!-~]*")  # what the line of a request can carry


@dataclass(frozen=True, slots=True)
class Witness:
    """One who co-signs."""

    key: VerifierKey
    url: str = ""


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

    def __init__(self, directory: Path, ledger: Ledger, acting: AbstractContextManager[object]) -> None:
        """`directory` is that of the data; `acting` is held while the ledger is touched, never while waiting."""
        self._directory = directory
        self._ledger = ledger
        self._acting = acting
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

    def stop(self) -> None:
        """Touch the ledger no more; a request that is under way ends by itself."""
        with self._acting:
            self._stopped = True

    def _begin(self) -> None:
        witnesses = read(self._directory / FILE)
        keys = [each.key for each in witnesses]
        acts: dict[Witness | None, Callable[[], str]] = {None: partial(self._by_file, keys)}
        acts |= {each: partial(self._by_http, each) for each in witnesses if each.url}
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

    def _by_http(self, witness: Witness) -> str:
        key = str(witness.key)
        try:
            with self._turn() as ledger:
                latest = ledger.latest()
            if latest is None or latest.size == self._known.get(key):
                return ""
            signed, size = ask(witness, self._request, old=self._known.get(key, 0))
            with self._turn() as ledger:
                ledger.adopt(signed, [witness.key])
        except EvidenceError as error:
            return str(error)
        self._known[key] = size
        return ""

    def _request(self, old: int) -> Ask:
        with self._turn() as ledger:
            return request(ledger, old=old)

    def _by_file(self, keys: list[VerifierKey]) -> str:
        found = sorted((self._directory / INBOX).glob("*.note"))
        return "; ".join(f"{path.name}: {why}" for path in found if (why := self._take(path, keys)))

    def _take(self, path: Path, keys: list[VerifierKey]) -> str:
        """Adopt what a file holds; return why not. One without a trusted signature is put aside, any other stays."""
        try:
            try:
                data = _opened(path, "a co-signed checkpoint")  # outside the lock: others may write here
                note.verify(note.parse(data), keys)
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


def _tell(wrong: list[str]) -> None:
    if told := "; ".join(each for each in wrong if each):
        raise EvidenceError(told)


def _opened(path: Path, what: str) -> bytes:
    """Return the bytes of a file; EvidenceError when it is no plain one, or too long to be `what`."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe of others must not hold us up
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise EvidenceError(f"no plain file; expected {what}")
    with os.fdopen(handle, "rb") as file:
        data = file.read(note.MAX_NOTE + 1)
    if len(data) > note.MAX_NOTE:
        raise EvidenceError(f"longer than {note.MAX_NOTE} bytes; expected {what}")
    return data


def read(path: Path) -> tuple[Witness, ...]:
    """Read the witnesses; none when there is no file. ConfigError names the line that is off."""
    try:
        lines = _opened(path, "a list of witnesses").decode().splitlines()
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError, EvidenceError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); expected a verifier key and an address a line") from None
    found = []
    for at, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            note.refuse_private(line)
            found.append(_witness(words))
        except EvidenceError as error:
            raise ConfigError(f"{path}:{at}: {error}") from None
    return tuple(found)


def _witness(words: list[str]) -> Witness:
    key = VerifierKey.parse(words[0])
    if key.algorithm != note.COSIGNATURE_V1:
        raise EvidenceError(
            f"key {key.name} is no witness's (type 0x01); expected the line that `netops witness key` printed"
        )
    url = words[1] if len(words) > 1 else ""
    if len(words) > 2 or (url and not _can_be_asked(url)):
        raise EvidenceError(
            f"'{' '.join(words[1:])[:80]}' is no address; expected http(s)://host[:port][/path] in ASCII, "
            "a name in other letters as xn--…, a path in %-escapes"
        )
    return Witness(key, url.rstrip("/"))


def _can_be_asked(url: str) -> bool:
    try:
        parts = urlsplit(url)
        known = parts.scheme in exchange.PORTS and parts.port != 0
        if "[" in parts.netloc:
            ipaddress.IPv6Address(parts.hostname or "")
    except ValueError:  # a port that is no number below 65,536; brackets that hold no IPv6 address
        return False
    whole = _HOST.fullmatch(parts.netloc) and _ADDRESS.fullmatch(parts.path) and not {"?", "#"} & set(url)
    return known and bool(whole)


def request(ledger: LedgerReader, *, old: int) -> Ask:
    """Return the request over the newest checkpoint; EvidenceError when there is none, or it is older than `old`."""
    sealed = ledger.latest()
    if sealed is None:
        raise EvidenceError(f"ledger {ledger.path}: has no checkpoint yet; ask again in a minute")
    if old > sealed.size:
        raise EvidenceError(
            f"ledger {ledger.path}: its newest checkpoint has {sealed.size} leaves, a witness saw {old}: rolled back?"
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
