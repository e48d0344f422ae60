"""A witness at work: what it saw of each log is on disk before its signature leaves the house.

Killed between the two, it has vouched for nothing that anyone holds, and answers the same request again.
"""

from __future__ import annotations

import json
import threading
from hashlib import sha256
from typing import TYPE_CHECKING, Self

from netops import sqlite
from netops.errors import EvidenceError
from netops.evidence import canonical, note
from netops.evidence.checkpoint import Checkpoint
from netops.evidence.files import replace
from netops.witness.protocol import Ask, Seen, judge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from netops.evidence.note import VerifierKey
    from netops.sign import Signer


class HeldError(EvidenceError):
    """Another process signs with this book: nothing was signed, and nothing is wrong with it."""

    exit_code = 75


class Desk:
    """One witness with its key, its book of logs (`directory`) and the keys of the logs it watches.

    A context manager: two processes never write one book.
    """

    def __init__(self, directory: Path, signer: Signer, logs: Sequence[VerifierKey]) -> None:
        if signer.vkey.algorithm != note.COSIGNATURE_V1:
            raise EvidenceError(
                f"key {signer.vkey.name} is no witness's key (type 0x01); make one with `netops witness key`"
            )
        self._directory = directory
        self._signer = signer
        self._logs = tuple(logs)
        self._turn = threading.Lock()
        self._claim: sqlite.Claim | None = None

    def __enter__(self) -> Self:
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._claim = sqlite.Claim(self._directory / "book", wait_s=1.0)
        except BlockingIOError:
            raise HeldError(
                f"witness {self._directory}: another process signs with this book (`netops witness serve`?); "
                "let it answer the city, or stop it and try again"
            ) from None
        except OSError as error:
            raise EvidenceError(f"witness {self._directory}: the book cannot be kept here ({error.strerror})") from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    @property
    def sm2(self) -> VerifierKey | None:
        """The witness's SM2 key, by which it signs as well; None without the profile."""
        return self._signer.sm2_vkey

    def add(self, request: bytes, *, now_s: int) -> bytes:
        """Return the checkpoint with this witness's co-signature added; RefusedError says why it does not sign."""
        ask = Ask.parse(request)
        with self._turn:
            seen = judge(ask, self.seen(_origin(ask)), self._logs)
            self._keep(seen)
            return self._signer.cosign(ask.checkpoint, now_s=now_s)

    def seen(self, origin: str) -> Seen | None:
        """Return what is kept of a log; EvidenceError when the book cannot be read: then nothing may be signed."""
        path = self._page(origin)
        try:
            told = json.loads(path.read_bytes())
            made = Seen(told["origin"], told["size"], bytes.fromhex(told["root"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise EvidenceError(f"witness {path}: cannot be read ({error}); restore it from the backup") from None
        if made.origin != origin:
            raise EvidenceError(f"witness {path}: is of log '{made.origin}'; expected '{origin}'")
        return made

    def _keep(self, seen: Seen) -> None:
        if self._claim is None:
            raise EvidenceError(f"witness {self._directory}: is not open; use it as a context manager")
        body: dict[str, canonical.JSON] = {"origin": seen.origin, "size": seen.size, "root": seen.root.hex()}
        try:
            replace(self._page(seen.origin), canonical.dumps(body))
        except OSError as error:
            raise EvidenceError(
                f"witness {self._directory}: cannot be written ({error.strerror}); nothing signed"
            ) from None

    def _page(self, origin: str) -> Path:
        return self._directory / f"{sha256(origin.encode()).hexdigest()[:32]}.json"


def _origin(ask: Ask) -> str:
    """Return of which log the request says to be; `judge` looks at the whole of it."""
    try:
        return Checkpoint.parse(note.parse(ask.checkpoint).text).origin
    except EvidenceError:
        return ""
