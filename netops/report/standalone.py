"""Compose `verify.py`: the evidence package and the verifier as one file for a bare Python.

The file carries the sources of the modules as they are, so that an auditor can read and compare them; a loader of a few
lines makes modules of them. Nothing is imported but the standard library.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from pprint import pformat

import netops
from netops.report import calendars

# In the order of their needs.
MODULES = (
    "netops/errors.py",
    "netops/evidence/canonical.py",
    "netops/evidence/ed25519.py",
    "netops/evidence/sm3.py",
    "netops/evidence/sm2.py",
    "netops/evidence/merkle.py",
    "netops/evidence/tally.py",
    "netops/evidence/note.py",
    "netops/evidence/checkpoint.py",
    "netops/evidence/files.py",
    "netops/evidence/container.py",
    "netops/evidence/members.py",
    "netops/evidence/heads.py",
    "netops/evidence/integrity.py",
    "netops/evidence/bundle.py",
    "netops/evidence/differences.py",
    "netops/evidence/lines.py",
    "netops/evidence/derived.py",
    "netops/evidence/tickets.py",
    "netops/evidence/figures.py",
    "netops/evidence/approvals.py",
    "netops/evidence/procedure.py",
    "netops/evidence/decided.py",
    "netops/evidence/stated.py",
    "netops/evidence/cosigners.py",
    "netops/evidence/hours.py",
    "netops/evidence/public_days.py",
    "netops/evidence/rulings.py",
    "netops/evidence/deadlines.py",
    "netops/evidence/again.py",
    "netops/evidence/seen.py",
    "netops/evidence/surface.py",
    "netops/evidence/numbers.py",
    "netops/evidence/come_to.py",
    "netops/evidence/objected.py",
    "netops/evidence/difference_of.py",
    "netops/evidence/days_of.py",
    "netops/evidence/accounts.py",
    "netops/evidence/signed_words.py",
    "netops/evidence/verifier.py",
    "netops/evidence/spoken.py",
    "netops/evidence/causes.py",
    "netops/evidence/told.py",
)

HEAD = '''#!/usr/bin/env python3
"""Verify a report bundle, offline: python3 verify.py BUNDLE [--vkey FILE] [--quorum K] [--rehearsal]

This one file needs Python 3.11 or later and its standard library alone. Below stand the modules of the verifier as they
are in NetOps (Apache-2.0); the last lines make modules of them and run `netops.evidence.told.main`.
Trust begins with the keys in --vkey, the log's and its witnesses', each got from its owner, never from the bundle.
Which days were holidays is in CALENDARS, as this release knew them: the calendar of a bundle is held against it.
"""

import sys
import types

SOURCES = {}

'''

TAIL = """
for package in ("netops", "netops.evidence"):
    made = types.ModuleType(package)
    made.__path__ = []
    sys.modules[package] = made
for name, source in SOURCES.items():
    made = types.ModuleType(name)
    made.__package__ = name.rpartition(".")[0]
    sys.modules[name] = made
    exec(compile(source, f"verify.py:{name}", "exec"), made.__dict__)
    setattr(sys.modules[made.__package__], name.rpartition(".")[2], made)

if __name__ == "__main__":
    sys.exit(sys.modules["netops.evidence.told"].main(sys.argv[1:], CALENDARS))
"""


@cache
def source() -> bytes:
    """Return the text of `verify.py`."""
    root = Path(netops.__file__).parent.parent
    parts = [HEAD, f"CALENDARS = {pformat(calendars.known(), width=120, compact=True)}\n\n"]
    for path in MODULES:
        name = path.removesuffix(".py").replace("/", ".")
        parts.append(f"# ---- {path}\nSOURCES[{name!r}] = {_quoted((root / path).read_text(encoding='utf-8'))}\n\n")
    return ("".join(parts) + TAIL).encode()


def _quoted(text: str) -> str:
    """Return a literal that reads like the text itself where Python allows it."""
    plain = "'''" not in text and not text.endswith(("'", "\\"))
    return f"r'''{text}'''" if plain else repr(text)
