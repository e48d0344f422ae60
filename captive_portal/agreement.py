"""The terms that a visitor agrees to, by version: files `<version>.<language>.txt`, never changed once used.

Some come with the program (`captive_portal/terms`), a city's own lie in the folder that `portal.terms` names; a site's
policy says which version it shows. A new wording is a new version. What a consent points to is the digest of the text
as it was shown; `captive_portal/published.py` keeps that text.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inventory.reading.tree import Notes

HERE = Path(__file__).with_name("terms")
VERSION = "2"
LANGUAGES = ("zh_CN", "en", "ja", "ko")
NEEDED = ("zh_CN", "en")  # the law's language, and the one that is shown where a text has no translation
LONGEST = 8 * 1024  # octets: the terms stand in the login page, which a phone loads in one piece of 14 KiB
MOST_FILES = 256
NAMED = re.compile(r"([a-z0-9][a-z0-9_-]{0,31})\.([A-Za-z_]{2,16})\.txt")
FOREIGN = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """One version in one language."""

    version: str
    language: str
    title: str
    articles: tuple[str, ...]
    digest: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Library:
    """Every text, by version and language. `own` are the versions of the city's folder."""

    texts: Mapping[tuple[str, str], Terms]
    own: frozenset[str] = frozenset()

    @property
    def versions(self) -> tuple[str, ...]:
        """Return the versions that there are texts of."""
        return tuple(sorted({version for version, _ in self.texts}))

    def has(self, version: str, language: str) -> bool:
        """Whether a version stands in a language."""
        return (version, language) in self.texts

    def terms(self, language: str, version: str = VERSION) -> Terms:
        """Return a version's terms in a language of the page; English where it was not translated into that one."""
        return self.texts.get((version, language)) or self.texts[version, FOREIGN]

    def shown(self, version: str, language: str) -> Terms | None:
        """Return exactly this text; None when it is not here (any more)."""
        return self.texts.get((version, language))


@cache
def built_in() -> Library:
    """Return the texts that come with the program."""
    return Library({(each.version, each.language): each for each in map(_read, sorted(HERE.glob("*.*.txt")))})


def terms(language: str, version: str = VERSION) -> Terms:
    """Return a version of the program's own terms in a language."""
    return built_in().terms(language, version)


def read(folder: Path | None, notes: Notes) -> Library:
    """Return the program's texts and those of a city's folder; what cannot be used is noted and left out."""
    ours = built_in()
    if folder is None:
        return ours
    found = {}
    for file in _files(folder, notes):
        named = NAMED.fullmatch(file.name)
        if named is None or named[2] not in LANGUAGES:
            remedy = f"call it VERSION.LANGUAGE.txt, a language of {', '.join(LANGUAGES)}, a version of a-z, 0-9, _ -"
            notes.add(str(file), "is no name of terms", remedy)
        elif named[1] in ours.versions:
            notes.add(str(file), f"version '{named[1]}' comes with the program", "give your text a version of its own")
        elif (one := _checked(file, notes)) is not None:
            found[one.version, one.language] = one
    own = {version for version, _ in found}
    for version in sorted(own):
        for language in NEEDED:
            if (version, language) not in found:
                what = f"terms '{version}' have no text in {language}"
                notes.add(str(folder / f"{version}.{language}.txt"), what, "write it: every site shows these two")
    whole = {version for version in own if all((version, each) in found for each in NEEDED)}
    return Library({**ours.texts, **{key: one for key, one in found.items() if key[0] in whole}}, frozenset(whole))


def _files(folder: Path, notes: Notes) -> Iterable[Path]:
    try:
        files = sorted(file for file in folder.iterdir() if not file.name.startswith(".") and file.suffix == ".txt")
    except OSError as error:
        notes.add(str(folder), f"cannot be read ({error.strerror})", "name the folder of your terms in portal.terms")
        return []
    if len(files) > MOST_FILES:
        notes.add(str(folder), f"holds {len(files)} texts", f"expected at most {MOST_FILES}")
    return files[:MOST_FILES]


def _checked(file: Path, notes: Notes) -> Terms | None:
    try:
        with file.open("rb") as content:
            size = len(content.read(LONGEST + 1))
        found = _read(file) if size <= LONGEST else None
    except (OSError, UnicodeDecodeError) as error:
        notes.add(str(file), f"cannot be read ({error})", "expected UTF-8 text")
        return None
    if found is None:
        notes.add(
            str(file), "is larger than 8 KiB", "shorten it: the terms are part of a page that phones load at once"
        )
        return None
    if not found.title or not found.articles:
        notes.add(str(file), "has no title and articles", "write the title in the first line, then a line an article")
        return None
    return found


def _read(file: Path) -> Terms:
    version, language, _ = file.name.split(".")
    return parsed(version, language, file.read_bytes())


def parsed(version: str, language: str, content: bytes) -> Terms:
    """Return a text as it is written: the title in its first line, then a line an article."""
    text = content.decode("utf-8")
    title, _, rest = text.partition("\n")
    return Terms(
        version=version,
        language=language,
        title=title.strip(),
        articles=tuple(line for line in map(str.strip, rest.splitlines()) if line),
        digest=hashlib.sha256(content).hexdigest(),
        text=text,
    )
