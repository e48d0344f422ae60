"""The log's side: the witnesses it asks, and how it asks them.

`witnesses.txt` in the data directory names one a line: its verifier key (type 0x04) and, if it answers over HTTP, its
address. A witness without an address signs files. What comes back is checked by `Ledger.adopt` before it is kept.
"""

from __future__ import annotations

import http.client
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from netops.errors import ConfigError, EvidenceError, NetopsError
from netops.evidence import note
from netops.evidence.checkpoint import Checkpoint
from netops.evidence.note import VerifierKey
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
WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Witness:
    """One who co-signs."""

    key: VerifierKey
    url: str = ""


class Circle:
    """The core's round: take what came by file, ask who answers over HTTP, keep what holds."""

    def __init__(self, directory: Path, ledger: Ledger, acting: AbstractContextManager[object]) -> None:
        """`directory` is that of the data; `acting` is held while the ledger is touched, never while waiting."""
        self._directory = directory
        self._ledger = ledger
        self._acting = acting
        self._known: dict[str, int] = {}
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._wrong = ""

    def step(self) -> None:
        """Begin a round beside the caller, unless the last one still goes: a witness that hangs delays nobody.

        EvidenceError tells what the last round met.
        """
        if self._thread is not None and self._thread.is_alive():
            return
        wrong, self._wrong = self._wrong, ""
        self._thread = threading.Thread(target=self._go, name="witnesses", daemon=True)
        self._thread.start()
        if wrong:
            raise EvidenceError(wrong)

    def stop(self) -> None:
        """Touch the ledger no more; a request that is under way ends by itself."""
        with self._acting:
            self._stopped = True

    def _go(self) -> None:
        try:
            self.round()
        except NetopsError as error:
            self._wrong = str(error)

    @contextmanager
    def _turn(self) -> Iterator[Ledger]:
        with self._acting:
            if self._stopped:
                raise EvidenceError("the core is stopping")
            yield self._ledger

    def round(self) -> None:
        """Go round once; EvidenceError tells of all that did not sign or did not hold, after everybody's turn."""
        witnesses = read(self._directory / FILE)
        wrong = [*self._by_file(witnesses), *(why for each in witnesses if each.url and (why := self._by_http(each)))]
        if wrong:
            raise EvidenceError("; ".join(wrong))

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

    def _by_file(self, witnesses: tuple[Witness, ...]) -> list[str]:
        keys, wrong = [each.key for each in witnesses], []
        for path in sorted((self._directory / INBOX).glob("*.note")):
            with self._turn() as ledger:
                if why := _take(path, ledger, keys):
                    wrong.append(f"{path.name}: {why}")
        return wrong


def _take(path: Path, ledger: Ledger, keys: list[VerifierKey]) -> str:
    """Adopt what a file holds; return why not. One without a trusted signature is put aside, any other stays."""
    try:
        data = path.read_bytes()
        try:
            note.verify(note.parse(data), keys)
        except EvidenceError as error:
            path.replace(path.with_suffix(".refused"))
            return str(error)
        ledger.adopt(data, keys)
        path.unlink()
    except EvidenceError as error:
        return str(error)
    except OSError as error:
        return f"{error.strerror}"
    return ""


def read(path: Path) -> tuple[Witness, ...]:
    """Read the witnesses; none when there is no file. ConfigError names the line that is off."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
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
    parts = urlsplit(url)
    if len(words) > 2 or (url and (parts.scheme not in {"http", "https"} or not parts.hostname)):
        raise EvidenceError(f"'{' '.join(words[1:])[:80]}' is no address; expected http(s)://host[:port][/path]")
    return Witness(key, url.rstrip("/"))


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
    parts = urlsplit(witness.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    link = kind(str(parts.hostname), parts.port, timeout=WAIT_S)
    try:
        link.request("POST", parts.path + PATH, body=bytes(sent), headers={"Content-Type": "text/plain"})
        answer = link.getresponse()
        return answer.status, answer.read(LARGEST), sent
    except (OSError, http.client.HTTPException) as error:
        raise EvidenceError(f"witness {witness.key.name}: does not answer at {witness.url} ({error})") from None
    finally:
        link.close()
