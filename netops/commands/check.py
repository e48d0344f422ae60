"""`netops check [DIR]`: resolve every name of the register, or of a directory before it is applied."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from inventory.errors import FilesError
from inventory.model import Contract
from inventory.reading.folder import read_city
from inventory.register import Register
from inventory.show import counted, visible
from inventory.snapshot import of_city, snapshot
from netops import checks

if TYPE_CHECKING:
    import argparse

    from inventory.snapshot import Snapshot
    from netops.config import Settings

MOST_INSTANTS = 20
SUMMARY = "resolve every name in register and contracts; print all that fail"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the directory and --json."""
    parser.add_argument("dir", nargs="?", type=Path, help="check these files instead of the register")
    parser.add_argument("--json", action="store_true", help="print one JSON list")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print every problem at once; return 0 when there is none, else 1."""
    loaded = checks.installed()
    try:
        seen = _seen(args.dir, settings, args.now_ms)
    except FilesError as error:
        problems = list(error.problems)
    else:
        problems = sorted({problem for each in seen for problem in checks.run(settings, each, loaded)})
    if args.json:
        print(
            json.dumps([{"where": p.where, "what": p.what, "remedy": p.remedy} for p in problems], ensure_ascii=False)
        )
    else:
        for problem in problems:
            print(visible(str(problem)))
        print(counted(len(problems), "problem") if problems else f"all names resolve ({', '.join(sorted(loaded))})")
    return 1 if problems else 0


def _seen(folder: Path | None, settings: Settings, now_ms: int) -> list[Snapshot]:
    """Return the city as it is now, and as it will be after each change that is planned: those must resolve as well."""
    rehearsal = settings.city.rehearsal
    if folder is not None:
        city = read_city(folder)
        starts = {each.valid_from_ms for each in city.records.values() if isinstance(each, Contract)}
        instants = [now_ms, *sorted(start for start in starts if start > now_ms)]
        return [of_city(city, at_ms=at_ms, rehearsal=rehearsal) for at_ms in instants[:MOST_INSTANTS]]
    with Register(settings.register_url, rehearsal=rehearsal, readonly=True) as register:
        instants = [now_ms, *register.ahead(at_ms=now_ms)]
        return [snapshot(register, at_ms=at_ms) for at_ms in instants[:MOST_INSTANTS]]
