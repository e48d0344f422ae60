"""Renew the catalogues: `python -m netops.web.catalogues` extracts every text, keeps what is translated, compiles.

The source texts are Chinese. Each package has `translations/en/LC_MESSAGES/messages.po` and the compiled `.mo` beside
it; both are committed. `--check` writes nothing and fails when a text is missing, unused, untranslated or not compiled.
"""

from __future__ import annotations

import io
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


def catalogue(package: Path) -> Path:
    """Return where a package keeps its English texts."""
    return package / "translations" / "en" / "LC_MESSAGES" / "messages.po"


def renewed(package: Path) -> tuple[Catalog, list[str]]:
    """Return the catalogue with exactly the texts of the package, and those that have no translation."""
    path = catalogue(package)
    old = read_po(io.BytesIO(path.read_bytes()), locale="en") if path.exists() else Catalog(locale="en")
    new = Catalog(locale="en", fuzzy=False, header_comment="# English texts of NetOps; the source language is Chinese.")
    missing = []
    for message, files in sorted(extracted(package).items()):
        known = old.get(message)
        text = str(known.string) if known is not None and known.string else ""
        flags = ["python-format"] if "%(" in message else []
        new.add(message, text, locations=[(name, 0) for name in sorted(set(files))], flags=flags)
        if not text:
            missing.append(message)
    return new, missing


def po(made: Catalog) -> bytes:
    """Return a catalogue as text; without dates, so that it is a function of its texts."""
    out = io.BytesIO()
    write_po(out, made, width=120, omit_header=True, include_lineno=False)
    head = 'msgid ""\nmsgstr ""\n"Language: en\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    return f"# English texts; the source language is Chinese.\n{head}".encode() + out.getvalue()


def mo(text: bytes) -> bytes:
    """Return the compiled catalogue; Babel would otherwise write the time of compilation into its header."""
    out = io.BytesIO()
    made = read_po(io.BytesIO(text), locale="en")
    made.creation_date = made.revision_date = SOME_DAY
    write_mo(out, made)
    return out.getvalue()


def problems(package: Path) -> list[str]:
    """Return what is wrong with the committed catalogue of a package."""
    path = catalogue(package)
    made, missing = renewed(package)
    found = [f"{path}: '{message}' has no English text" for message in missing]
    if not path.exists() or path.read_bytes() != po(made):
        found.append(f"{path}: is not what the package says; run `python -m netops.web.catalogues`")
    elif not path.with_suffix(".mo").exists() or path.with_suffix(".mo").read_bytes() != mo(po(made)):
        found.append(f"{path.with_suffix('.mo')}: is not compiled from its .po; run `python -m netops.web.catalogues`")
    return found


def main(words: Iterable[str]) -> int:
    """Renew or check every package that has texts; return the exit code."""
    wrong = []
    for name in PACKAGES:
        package = ROOT / name
        if not extracted(package):
            continue
        if "--check" in words:
            wrong += problems(package)
            continue
        made, missing = renewed(package)
        path = catalogue(package)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(po(made))
        path.with_suffix(".mo").write_bytes(mo(po(made)))
        wrong += [f"{path}: '{message}' has no English text" for message in missing]
    sys.stderr.writelines(f"{each}\n" for each in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
