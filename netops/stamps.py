"""Time-stamps of checkpoints by an authority (RFC 3161), once a day: a third party says that the ledger stood so.

Optional: `evidence.stamps` names the authority's address. A day's checkpoint and its token lie side by side in
`stamps/`; `netops audit stamp` and `openssl ts -verify` read them.
"""

from __future__ import annotations

import http.client
import logging
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from netops.clock import utc
from netops.errors import ConfigError, EvidenceError
from netops.evidence import files
from netops.question import PORTS
from netops.report import tokens
from netops.witness import exchange

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)
KIND = "application/timestamp-query"
TIMEOUT_S = 20.0
MOST = 1 << 16  # bytes of an answer


def check(url: str) -> None:
    """Raise ConfigError for an address that is none of an authority."""
    parts = urlsplit(url)
    if url and (parts.scheme not in PORTS or not parts.hostname or "@" in parts.netloc):
        raise ConfigError(f"evidence.stamps '{url}': expected http://HOST/PATH or https://HOST/PATH of an authority")


def post(url: str, query: bytes) -> bytes:
    """Send a query; return the answer's bytes. EvidenceError says why there is none."""
    try:
        status, said = exchange.post(url, query, timeout_s=TIMEOUT_S, most=MOST, kind=KIND)
    except (OSError, http.client.HTTPException) as error:
        raise EvidenceError(f"time-stamp authority {url}: {error or type(error).__name__}") from None
    if status != 200:
        raise EvidenceError(f"time-stamp authority {url}: answered {status}; expected 200")
    return said


def ask(url: str, data: bytes) -> bytes:
    """Return the authority's answer on some bytes, in DER; EvidenceError when it is none on them."""
    nonce = secrets.randbits(63)
    said = post(url, tokens.query(data, nonce))
    try:
        tokens.check(said, data, nonce)
    except EvidenceError as error:
        raise EvidenceError(f"time-stamp authority {url}: {error}") from None
    return said


class Stamps:
    """Has the newest checkpoint stamped, once in a day of UTC."""

    def __init__(self, directory: Path, url: str) -> None:
        check(url)
        self._directory = directory
        self._url = url

    def due(self, now_ms: int) -> bool:
        """Whether this day has no token yet."""
        return bool(self._url) and not any(self._directory.glob(f"{_day(now_ms)}-*.tsr"))

    def step(self, note: bytes, size: int, *, now_ms: int) -> Path:
        """Have a signed checkpoint stamped; return where the token lies. EvidenceError says why there is none."""
        answer = ask(self._url, note)
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / f"{_day(now_ms)}-{size}.tsr"
        files.replace(path.with_suffix(".note"), note)
        files.replace(path, answer)  # last: a day is done when its token is there
        log.info("checkpoint stamped", extra={"size": size, "file": path.name})
        return path


def _day(now_ms: int) -> str:
    return f"{utc(now_ms):%Y-%m-%d}"
