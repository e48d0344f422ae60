"""`netops inventory export|import`: the register for other programs, and what others know, as an amendment."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inventory import edits, show
from inventory.errors import UsageError, nearest
from inventory.exchange import amendment, ansible, geojson, netbox, tables
from inventory.snapshot import snapshot
from inventory.times import zone

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from inventory.register import Register
    from inventory.snapshot import Snapshot

FORMATS = ("netbox", "ansible", "csv", "geojson")
IMPORTS = ("netbox", "csv")


def export_arguments(verb: argparse.ArgumentParser) -> None:
    """Declare `export`."""
    verb.add_argument("--format", required=True, choices=FORMATS)
    verb.add_argument("--out", type=Path, metavar="PATH", help="netbox, csv: a directory to make; else a file")
    verb.add_argument("--at", metavar="INSTANT", default="", help="what holds at this instant (default: now)")
    verb.add_argument("--list", action="store_true", help="ansible: all hosts and groups, as an inventory script does")
    verb.add_argument("--host", metavar="DEVICE", default="", help="ansible: the variables of one device")


def import_arguments(verb: argparse.ArgumentParser) -> None:
    """Declare `import`."""
    verb.add_argument("source", type=Path, help="netbox: directory of a dump; csv: a table of the register, or several")
    verb.add_argument("--format", required=True, choices=IMPORTS)
    verb.add_argument("--out", type=Path, metavar="FILE", help="write the amendment here; without it, only show it")
    verb.add_argument("--most", type=int, default=0, metavar="N", help="take only the first N changes, parents first")
    verb.add_argument("--dry-run", action="store_true", help="show the plan, write nothing")


def export(args: argparse.Namespace, register: Register, *, at_ms: int) -> int:
    """Print or write what the register holds."""
    seen = snapshot(register, at_ms=at_ms)
    if args.format in ("netbox", "csv"):
        if args.out is None:
            raise UsageError(f"export --format {args.format} writes several files; name their directory with --out")
        _folder(args.out, netbox.dump(seen) if args.format == "netbox" else tables.files(seen))
        return 0
    written = geojson.collection(seen) if args.format == "geojson" else _ansible(args, seen)
    if args.out is None:
        sys.stdout.write(written)
    else:
        _write(args.out, written)
    return 0


def _ansible(args: argparse.Namespace, seen: Snapshot) -> str:
    told: Mapping[str, Any] = ansible.inventory(seen)
    if args.host:
        if args.host not in seen.device:
            raise UsageError(f"the register has no device '{args.host}'; {nearest(args.host, seen.device)}")
        told = ansible.host(seen.device[args.host], seen)
    return json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _folder(folder: Path, made: Mapping[str, str]) -> None:
    if folder.exists() and any(folder.iterdir() if folder.is_dir() else [folder]):
        raise UsageError(f"{folder}: is there and not empty; name a directory that is not there yet")
    folder.mkdir(parents=True, exist_ok=True)
    for name, written in made.items():
        _write(folder / name, written)


def _write(path: Path, written: str) -> None:
    try:
        path.write_bytes(written.encode())
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from None
    print(path, file=sys.stderr)


def take(args: argparse.Namespace, register: Register, *, now_ms: int, timezone: str) -> int:
    """Show what a source would change, and write it as an amendment; the register itself is never written."""
    seen = snapshot(register, at_ms=now_ms)
    held = tables.held(seen)
    readers: dict[str, Callable[[], netbox.Found]] = {
        "netbox": lambda: netbox.read(args.source, held),
        "csv": lambda: netbox.Found(records=tables.read(args.source, held)),
    }
    found = readers[args.format]()
    wanted = edits.differing(found.records, held)
    chosen = wanted[: args.most] if args.most else wanted
    made = register.plan_edits(chosen, at_ms=now_ms)
    print("\n".join([*show.diff(made, zone(timezone)), f"{len(found.records) - len(wanted)} as the register says"]))
    for each in found.left_out:
        print(show.visible(f"left out: {each}"), file=sys.stderr)
    if len(chosen) < len(wanted):
        print(f"{len(wanted) - len(chosen)} more: import again when these are applied", file=sys.stderr)
    if args.out is not None and not args.dry_run and chosen:
        _write(args.out, amendment.written(chosen))
        print(f"`netops approve request register_change --amendment {args.out}` asks for it", file=sys.stderr)
    return 0
