"""What a search found and nobody has accepted yet: `proposals.json` beside the register, and what becomes of it.

The register's files are the truth of what was bought; a search only proposes. Accepting writes one line into the city's
`devices.csv`, which `netops inventory plan` then shows like any other change.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from collectors.errors import CollectorError
from netops.evidence import files
from netops.proposals import Proposal, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from collectors.discovery.finding import Found
    from collectors.profile import Profile
    from inventory.model import Device

GENERIC: Final = "standard"


def weigh(found: Iterable[Found], devices: Sequence[Device], *, now_ms: int) -> list[Proposal]:
    """Compare with the register: an address that is known, one that answers as something else, one that moved."""
    by_address = {each.address: each for each in devices if each.address}
    by_serial = {each.serial: each for each in devices if each.serial}
    return [_weighed(each, by_address, by_serial, now_ms) for each in found]


def _weighed(each: Found, by_address: Mapping[str, Device], by_serial: Mapping[str, Device], now_ms: int) -> Proposal:
    families = each.family.split("+")
    profile = families[0] if families != ["generic"] else GENERIC
    known, same = by_address.get(each.address), by_serial.get(each.serial) if each.serial else None
    standing, device = "new", ""
    if known is not None:
        device = known.id
        fits = known.profile in {*families, ""} or (known.profile == GENERIC and families == ["generic"])
        other = bool(known.serial and each.serial and known.serial != each.serial)
        standing = "known" if fits and not other else "changed"
    elif same is not None:
        standing, device = "moved", same.id
    return Proposal(
        address=each.address,
        port=each.port,
        credential=each.credential,
        profile=profile,
        because=each.because,
        name=each.name,
        description=each.description,
        serial=each.serial,
        standing=standing,
        device=device,
        seen_ms=now_ms,
    )


def keep(path: Path, proposals: Iterable[Proposal]) -> None:
    """Put these in place of earlier ones that are called the same; the others stay."""
    fresh = {each.called: each for each in proposals}
    merged = {each.called: each for each in read(path)} | fresh
    write(path, [asdict(merged[called]) for called in sorted(merged) if merged[called].standing != "known"])


def drop(path: Path, gone: Callable[[Proposal], bool]) -> None:
    """Take out the proposals for which `gone` holds; the file is left alone when there are none."""
    waiting = read(path)
    left = [asdict(each) for each in waiting if not gone(each)]
    if len(left) < len(waiting):
        write(path, left)


def write(path: Path, waiting: Sequence[Mapping[str, object]]) -> None:
    """Replace the file, atomically and durably."""
    try:
        files.replace(path, json.dumps({"proposals": waiting}, ensure_ascii=False, indent=1).encode(), mode=0o640)
    except OSError as error:
        raise CollectorError(f"{path}: cannot be written ({error.strerror}); nothing was kept") from None


def role_of(profile: Profile | None) -> str:
    """Return what a device of this family most likely is in the register."""
    kinds = {table.kind for table in profile.tables} if profile else set()
    for kind, role in (("ap", "wlan_controller"), ("onu", "olt"), ("cell", "small_cell")):
        if kind in kinds:
            return role
    return "lte_gateway" if profile and any(name.startswith("lte.") for name in profile.metrics) else "switch"


def line(header: Sequence[str], cells: Mapping[str, str]) -> str:
    """Return one CSV line in the order of the file's header; CollectorError when the header lacks a needed column."""
    lacking = [name for name, cell in cells.items() if cell and name not in header]
    if lacking:
        raise CollectorError(f"devices.csv has no column {', '.join(lacking)}; add it to the header")
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([_cell(cells.get(name, "")) for name in header])
    return out.getvalue()


def _cell(said: str) -> str:
    """Return what a device says of itself as a cell: on one line, for a bare CR would begin a row; no formula."""
    return "".join(sign if sign.isprintable() else " " for sign in said).lstrip(" =+-@").rstrip()
