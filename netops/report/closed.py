"""A closed month as its sealed report tells it: read out of the bundle, held against the ledger, never reckoned anew.

The seal of a report names its manifest, and that names each member: a file whose bytes are others is not shown. The
pages and the month's summary read bundles here.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from inventory import codec
from inventory.errors import InventoryError
from inventory.model import Contract
from netops.clock import utc
from netops.errors import EvidenceError
from netops.evidence import canonical
from netops.evidence.members import CONTRACT, DAYS, MANIFEST, REPORT
from netops.placing import WAITING
from netops.report import issue as issuing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import tzinfo
    from pathlib import Path

    from netops.config import Settings
    from netops.ledger import Leaf

MOST_BYTES = 1 << 28  # of one member; a month of 10,000 services stays far below
HELD = 8  # opened reports that a process keeps: a month of thousands of services is long to read


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One revision of a report as the ledger has it; `at_ms` is when it was sealed."""

    report: str
    contract: str
    start_ms: int
    end_ms: int
    revision: int
    digest: str
    manifest_digest: str
    leaf: int
    at_ms: int
    amount: str = ""
    currency: str = ""

    def month(self, zone: tzinfo) -> str:
        """Return the month that its period begins in: `2026-10`."""
        return f"{utc(self.start_ms).astimezone(zone):%Y-%m}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """An opened report: what `report.json` and `days.json` say, the contract's versions, each member's SHA-256."""

    issue: Issue
    report: Mapping[str, Any]
    days: Mapping[str, Any]
    versions: Mapping[str, Contract]
    members: Mapping[str, str]


def issues(leaves: Iterable[Leaf], *, rehearsal: bool) -> list[Issue]:
    """Return the revisions that the ledger says were issued, in its order; the first leaf of a name counts."""
    made: dict[str, Issue] = {}
    for leaf in leaves:
        one = _issue(leaf, rehearsal=rehearsal)
        made.setdefault(one.report, one)
    return list(made.values())


def _issue(leaf: Leaf, *, rehearsal: bool) -> Issue:
    body: Mapping[str, Any] = leaf.fact.body
    told = {name: body[name] for name in ("report", "contract", "start_ms", "end_ms", "revision", "digest")}
    return Issue(
        **told,
        manifest_digest=body["manifest_digest"],
        leaf=leaf.index,
        at_ms=leaf.fact.at_ms if rehearsal else leaf.recorded_ms,
        amount=str(body.get("amount", "")),
        currency=str(body.get("currency", "")),
    )


def place(settings: Settings, report: str) -> tuple[Path, bool] | None:
    """Return where a bundle lies, and whether it still waits for co-signatures; None where there is no file."""
    path = issuing.place(settings, report)
    if path.is_file():
        return path, False
    waiting = issuing.shelf(settings) / WAITING / path.name
    return (waiting, True) if waiting.is_file() else None


def opened(settings: Settings, issue: Issue) -> Closed:
    """Open an issued report; EvidenceError says why it cannot be shown."""
    found = place(settings, issue.report)
    if found is None:
        raise EvidenceError(
            f"{issue.report}: its bundle is missing; expected the file that the core issued: restore reports/ from the "
            "backup"
        )
    return _opened(found[0], found[0].stat().st_mtime_ns, issue)


@lru_cache(maxsize=HELD)
def _opened(path: Path, _changed: int, issue: Issue) -> Closed:
    digests = members(path, issue.report, manifest=issue.manifest_digest, report=issue.digest)
    report = json.loads(member(path, REPORT, digests[REPORT]))
    days = json.loads(member(path, DAYS, digests[DAYS])) if DAYS in digests else {}
    texts = json.loads(member(path, CONTRACT, digests[CONTRACT]))
    return Closed(issue=issue, report=report, days=days, versions=_versions(texts), members=digests)


def _versions(texts: Iterable[Any]) -> dict[str, Contract]:
    """Return the contract's versions; none of which this release cannot read: the figures are shown without rules."""
    try:
        found = [codec.decode("contract", json.dumps(each)) for each in texts]
    except (InventoryError, LookupError, TypeError, ValueError):
        return {}
    return {each.version: each for each in found if isinstance(each, Contract)}


def members(path: Path, name: str, *, manifest: str, report: str) -> dict[str, str]:
    """Return each member's SHA-256 by the manifest that the seal of a report called `name` names."""
    found: dict[str, str] = json.loads(member(path, MANIFEST, manifest))["members"]
    if found.get(REPORT) != report:
        raise EvidenceError(f"{path.name}: its manifest names another {REPORT} than the seal of '{name}'")
    return found


def member(path: Path, name: str, digest: str) -> bytes:
    """Return a member of a bundle whose SHA-256 is known; EvidenceError when there is none, or it is another."""
    try:
        with zipfile.ZipFile(path) as file:
            about = file.getinfo(name)
            if about.compress_type != zipfile.ZIP_STORED or about.file_size > MOST_BYTES:
                raise EvidenceError(f"{path.name}: {name} is not stored as bundles are")
            data = file.read(about)
    except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile) as error:  # RuntimeError: encrypted
        raise EvidenceError(f"{path.name}: {name} cannot be read ({error}); restore the bundle from a backup") from None
    if (held := canonical.digest(data)) != digest:
        raise EvidenceError(
            f"{path.name}: {name} is not what was sealed: its SHA-256 is {held}, the ledger's chain names {digest}; "
            "restore the bundle from a backup"
        )
    return data
