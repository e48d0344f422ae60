"""Renew the catalogues: `python -m netops.web.catalogues` extracts every text, keeps what is translated, compiles.

The source texts are Chinese. Each package has `translations/<language>/LC_MESSAGES/messages.po` and the compiled `.mo`
beside it; both are committed. `--check` writes nothing and fails when a text is missing, unused, untranslated or not
compiled. English holds every text; the other languages hold what visitors see, and say in English what nobody has
translated yet, so that no visitor from elsewhere is answered in Chinese.
"""

from __future__ import annotations

import io
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

if TYPE_CHECKING:
    from collections.abc import Iterable

SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("netops/web", "dashboards", "captive_portal")
VISITORS = {"netops/web": ("ja", "ko"), "captive_portal": ("ja", "ko")}
FOR_STAFF = re.compile(r"(?:.*/)?(?:(?:\w+_)?pages|navigation)\.py|(?:.*/)?templates/(?!portal/|web/).*")
NAMES = {"en": "English", "ja": "Japanese", "ko": "Korean"}
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2"), ("templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "gettext": None, "mark": None}
OPTIONS = {"jinja2": {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}}


def extracted(package: Path) -> dict[str, list[str]]:
    """Return every text of a package with the files that say it."""
    found: dict[str, list[str]] = {}
    options = {pattern: OPTIONS.get(method, {}) for pattern, method in METHODS}
    texts = extract_from_dir(package, METHODS, options, KEYWORDS)
    for name, _line, message, *_ in texts:
        if isinstance(message, str):
            found.setdefault(message, []).append(str(name))
    return found


def languages(package: Path) -> tuple[str, ...]:
    """Return what a package is translated into."""
    return ("en", *VISITORS.get(str(package.relative_to(ROOT)), ()))


def wanted(package: Path, language: str) -> dict[str, list[str]]:
    """Return the texts of a package that a language has: all in English, those that visitors see in the others."""
    every = extracted(package)
    if language == "en":
        return every
    return {text: files for text, files in every.items() if not all(FOR_STAFF.fullmatch(name) for name in files)}


def catalogue(package: Path, language: str = "en") -> Path:
    """Return where a package keeps its texts in a language."""
    return package / "translations" / language / "LC_MESSAGES" / "messages.po"


def renewed(package: Path, language: str = "en") -> tuple[Catalog, list[str]]:
    """Return the catalogue with exactly the texts of the package, and those that have no translation."""
    old = _read(catalogue(package, language), language)
    new = Catalog(locale=language, fuzzy=False)
    missing = []
    for message, files in sorted(wanted(package, language).items()):
        known = old.get(message)
        text = str(known.string) if known is not None and known.string else ""
        flags = ["python-format"] if "%(" in message else []
        new.add(message, text, locations=[(name, 0) for name in sorted(set(files))], flags=flags)
        if not text:
            missing.append(message)
    return new, missing


def _read(path: Path, language: str) -> Catalog:
    return read_po(io.BytesIO(path.read_bytes()), locale=language) if path.exists() else Catalog(locale=language)


def po(made: Catalog, language: str = "en") -> bytes:
    """Return a catalogue as text; without dates, so that it is a function of its texts."""
    out = io.BytesIO()
    write_po(out, made, width=120, omit_header=True, include_lineno=False)
    head = f'msgid ""\nmsgstr ""\n"Language: {language}\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    return f"# {NAMES[language]} texts; the source language is Chinese.\n{head}".encode() + out.getvalue()


def mo(text: bytes, language: str = "en", english: Catalog | None = None) -> bytes:
    """Return the compiled catalogue, with English in place of what is not translated.

    Babel would otherwise write the time of compilation into its header.
    """
    out = io.BytesIO()
    made = read_po(io.BytesIO(text), locale=language)
    made.creation_date = made.revision_date = SOME_DAY
    for message in made:
        same = english.get(message.id) if english is not None and message.id and not message.string else None
        if same is not None:
            message.string = same.string
    write_mo(out, made)
    return out.getvalue()


def compiled(package: Path, language: str, text: bytes) -> bytes:
    """Return the compiled catalogue of a package's text in a language."""
    return mo(text, language, None if language == "en" else renewed(package)[0])


def problems(package: Path, language: str = "en") -> list[str]:
    """Return what is wrong with the committed catalogue of a package."""
    path = catalogue(package, language)
    made, missing = renewed(package, language)
    text = po(made, language)
    found = [f"{path}: '{message}' has no {NAMES[language]} text" for message in missing]
    if not path.exists() or path.read_bytes() != text:
        found.append(f"{path}: is not what the package says; run `python -m netops.web.catalogues`")
    elif not (binary := path.with_suffix(".mo")).exists() or binary.read_bytes() != compiled(package, language, text):
        found.append(f"{binary}: is not compiled from its .po; run `python -m netops.web.catalogues`")
    return found


def renew(package: Path, language: str) -> list[str]:
    """Write the catalogue of a package; return what nobody has translated."""
    made, missing = renewed(package, language)
    path, text = catalogue(package, language), po(made, language)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    path.with_suffix(".mo").write_bytes(compiled(package, language, text))
    return [f"{path}: '{message}' has no {NAMES[language]} text" for message in missing]


def main(words: Iterable[str]) -> int:
    """Renew or check every package that has texts; return the exit code."""
    wrong = []
    act = problems if "--check" in words else renew
    for name in PACKAGES:
        package = ROOT / name
        if not extracted(package):
            continue
        for language in languages(package):
            wrong += act(package, language)
    sys.stderr.writelines(f"{each}\n" for each in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
