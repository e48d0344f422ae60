"""Who co-signs, as the city lists it, and how many of them must: `witnesses.txt` in the data directory.

    quorum 2
    carrier.example/witness+1a2b3c4d+BAxx… http://witness.carrier.example:8390
    auditor.example/witness+5e6f7081+BAyy…

A line names a witness: its verifier key (type 0x04), its SM2 key where it signs by SM2 too, and, if it answers over
HTTP, its address; one without an address signs files. Without a `quorum` line no co-signature is asked for. What counts
is what `policy.py` sealed of it.
"""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from netops.errors import ConfigError, EvidenceError
from netops.evidence import note
from netops.evidence.checkpoint import SM2_NAME
from netops.evidence.note import VerifierKey
from netops.question import PORTS

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

FILE = "witnesses.txt"
QUORUM = "quorum"
MOST = note.MAX_SIGNATURES - 1  # beside the log's own
# RFC 1035 section 2.3.4: labels of at most 63, a name of at most 253; or IPv6 in brackets (RFC 3986 section 3.2.2)
_HOST = re.compile(r"(\[[^][]+\]|(?=[^:]{1,253}(:|\Z))[\w-]{1,63}(\.[\w-]{1,63})*\.?)(:\d*)?", re.ASCII)
_ADDRESS = re.compile(r"[!-~]*")  # what the line of a request can carry


@dataclass(frozen=True, slots=True)
class Witness:
    """One who co-signs."""

    key: VerifierKey
    url: str = ""
    sm2: VerifierKey | None = None

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """All keys that it signs by."""
        return (self.key, self.sm2) if self.sm2 else (self.key,)


@dataclass(frozen=True, slots=True)
class Listed:
    """Those who co-sign, and how many of them must before a report's bundle goes out."""

    witnesses: tuple[Witness, ...] = ()
    quorum: int = 0


def read(path: Path) -> Listed:
    """Read the list; nobody when there is no file. ConfigError names the line that is off."""
    try:
        lines = plain(path, "a list of witnesses").decode().splitlines()
    except FileNotFoundError:
        return Listed()
    except (OSError, UnicodeDecodeError, EvidenceError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); expected a verifier key and an address a line") from None
    found: dict[bytes, Witness] = {}
    quorum: tuple[int, int] | None = None  # the line, and what it asks for
    for at, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            note.refuse_private(line)
            if words[0] == QUORUM:
                quorum = (at, _quorum(words, quorum))
            else:
                one = _witness(words, known=found)
                found[one.key.public] = one
        except EvidenceError as error:
            raise ConfigError(f"{path}:{at}: {error}") from None
    lines_ = sum(len(each.keys) for each in found.values())
    if lines_ > MOST:
        raise ConfigError(f"{path}: names {len(found)} witnesses with {lines_} keys; a checkpoint has room for {MOST}")
    if quorum is not None and quorum[1] > len(found):
        raise ConfigError(
            f"{path}:{quorum[0]}: asks for {quorum[1]} co-signatures and names {len(found)} witnesses; "
            "expected at most as many"
        )
    return Listed(tuple(found.values()), quorum[1] if quorum else 0)


def plain(path: Path, what: str) -> bytes:
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


def _quorum(words: list[str], before: tuple[int, int] | None) -> int:
    shown = " ".join(words[1:])
    if before is not None:
        raise EvidenceError(f"a second '{QUORUM}'; the first stands in line {before[0]}")
    if not (shown.isascii() and shown.isdecimal() and len(shown) < 3):
        raise EvidenceError(f"'{QUORUM} {shown[:40]}': expected how many of the witnesses must co-sign, such as 2")
    return int(shown)


def _witness(words: list[str], *, known: Container[bytes]) -> Witness:
    key = VerifierKey.parse(words[0])
    if key.algorithm != note.COSIGNATURE_V1:
        raise EvidenceError(
            f"key {key.name} is no witness's (type 0x01); expected the line that `netops witness key` printed"
        )
    if key.public in known:
        raise EvidenceError(f"key {key.name} is named twice; expected one line for each witness")
    sm2 = _sm2(words[1], key) if len(words) > 1 and "+" in words[1] and "://" not in words[1] else None
    rest = words[2:] if sm2 else words[1:]
    url = rest[0] if rest else ""
    if len(rest) > 1 or (url and not _can_be_asked(url)):
        raise EvidenceError(
            f"'{' '.join(rest)[:80]}' is no address; expected http(s)://host[:port][/path] in ASCII, "
            "a name in other letters as xn--…, a path in %-escapes"
        )
    return Witness(key, url.rstrip("/"), sm2)


def _sm2(text: str, key: VerifierKey) -> VerifierKey:
    """Read the SM2 key that stands behind a witness's own; it bears the witness's name."""
    found = VerifierKey.parse(text)
    if found.algorithm != note.SM2_COSIGNATURE or found.name != key.name + SM2_NAME:
        raise EvidenceError(
            f"key {found.name} is not the SM2 key of {key.name}; expected the second line that `netops witness key "
            "--sm2` printed"
        )
    return found


def _can_be_asked(url: str) -> bool:
    try:
        parts = urlsplit(url)
        known = parts.scheme in PORTS and parts.port != 0
        if "[" in parts.netloc:
            ipaddress.IPv6Address(parts.hostname or "")
    except ValueError:  # a port that is no number below 65,536; brackets that hold no IPv6 address
        return False
    whole = _HOST.fullmatch(parts.netloc) and _ADDRESS.fullmatch(parts.path) and not {"?", "#"} & set(url)
    return known and bool(whole)
