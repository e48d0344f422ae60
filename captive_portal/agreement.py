"""The terms that a visitor agrees to, by version: the files `terms/<version>.<language>.txt`, never changed once used.

A new wording is a new version. What a consent points to is the digest of the text as it was shown.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).with_name("terms")
VERSION = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """One version in one language."""

    version: str
    language: str
    title: str
    articles: tuple[str, ...]
    digest: str


def versions() -> tuple[str, ...]:
    """Return the versions that there are texts of."""
    return tuple(sorted({file.name.split(".", 1)[0] for file in HERE.glob("*.*.txt")}))


@cache
def terms(language: str, version: str = VERSION) -> Terms:
    """Return a version's terms in a language of the page; English where it was not translated into that one."""
    file = HERE / f"{version}.{language}.txt"
    if not file.exists():
        language, file = "en", HERE / f"{version}.en.txt"
    content = file.read_bytes()
    title, _, rest = content.decode("utf-8").partition("\n")
    return Terms(
        version=version,
        language=language,
        title=title.strip(),
        articles=tuple(line for line in map(str.strip, rest.splitlines()) if line),
        digest=hashlib.sha256(content).hexdigest(),
    )
