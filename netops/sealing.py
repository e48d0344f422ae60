"""What the core states itself: chunks, sealed files, the register, expiry, blindness. Values in, entries out.

Each entry's `(source, sequence)` follows from the thing itself, so that a core that died between doing and stating
states the same again, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inventory import codec
from netops import steered
from netops.evidence import canonical
from netops.facts import Fact
from netops.ledger import LedgerEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inventory.model import Contract
    from inventory.snapshot import Snapshot
    from netops.evidence.canonical import JSON
    from netops.raw import Chunk
    from netops.store import Expired, SealedFile


def number(digest: str) -> int:
    """Return a sequence that belongs to a digest: its first 48 bits."""
    return int(digest[:12], 16)


def chunks(given: Iterable[Chunk]) -> list[LedgerEntry]:
    """State chunks of raw replies."""
    return [
        LedgerEntry(
            "raw",
            each.number,
            Fact(
                kind="raw_chunk",
                at_ms=each.start_ms,
                body={
                    "file": each.file,
                    "digest": each.sha256,
                    "start_ms": each.start_ms,
                    "end_ms": each.end_ms,
                    "polls": each.polls,
                    "bytes": each.size,
                },
            ),
        )
        for each in given
    ]


def files(given: Iterable[SealedFile]) -> list[LedgerEntry]:
    """State sealed files of the telemetry store."""
    return [
        LedgerEntry(
            "telemetry",
            number(each.sha256),
            Fact(
                kind="telemetry_sealed",
                at_ms=each.hour_ms,
                body={"file": each.path, "digest": each.sha256, "hour_ms": each.hour_ms, "rows": each.rows},
            ),
        )
        for each in given
    ]


def expired(store: str, given: Sequence[Expired], *, now_ms: int) -> list[LedgerEntry]:
    """State that files were let go: their digests stay in the ledger, their bytes do not."""
    return [
        LedgerEntry(
            f"expiry:{store}",
            number(canonical.digest(each.path.encode() + each.sha256.encode())),
            Fact(
                kind="store_expiry",
                at_ms=now_ms,
                body={
                    "store": store,
                    "what": f"{each.path} ({each.why})",
                    "files": 1,
                    "start_ms": each.hour_ms,
                    "end_ms": each.hour_ms,
                    "digest": each.sha256,
                },
            ),
        )
        for each in given
    ]


def register(seen: Snapshot, *, revision: int, by: str) -> list[LedgerEntry]:
    """State a register as it was applied, and the contract versions in it."""
    changes = sum(map(len, (seen.areas, seen.sites, seen.carriers, seen.contracts, seen.devices, seen.services)))
    body: dict[str, JSON] = {"revision": revision, "digest": seen.digest, "changes": changes, "by": by}
    return [
        LedgerEntry("register", number(seen.digest), Fact(kind="register_applied", at_ms=seen.recorded_ms, body=body)),
        *map(contract_version, seen.contracts),
    ]


def contract_version(contract: Contract) -> LedgerEntry:
    """State a contract version by the digest of its canonical bytes."""
    digest = canonical.digest(codec.encode(contract).encode())
    body: dict[str, JSON] = {
        "contract": contract.id,
        "version": contract.version,
        "valid_from_ms": contract.valid_from_ms,
        "digest": digest,
    }
    if any(item.coverage for item in contract.items):
        body["carrier"] = contract.carrier  # so that the account of its surveys stands, even while there are none
    return LedgerEntry(
        f"contract:{contract.id}",
        number(digest),
        Fact(kind="contract_version", at_ms=contract.valid_from_ms, body=body),
    )


def started(vantage: str, release: str, *, now_ms: int) -> list[LedgerEntry]:
    """State that the core began, by which release, and what the machine says of its clock."""
    state = "synchronised" if steered.is_synchronised() else "unknown"
    return [
        LedgerEntry(
            "core",
            now_ms,
            Fact(
                kind="service_state",
                at_ms=now_ms,
                body={"service": "core", "state": "started", "version": release},
            ),
        ),
        LedgerEntry(
            f"clock:{vantage}",
            now_ms,
            Fact(kind="clock_state", at_ms=now_ms, body={"vantage": vantage, "state": state}),
        ),
    ]


def missed(job: str, first_ms: int, last_ms: int, count: int) -> LedgerEntry:
    """State that slots of a job passed without anybody running it."""
    body: dict[str, JSON] = {"job": job, "first_ms": first_ms, "last_ms": last_ms, "count": count}
    return LedgerEntry(f"missed:{job}", last_ms, Fact(kind="slots_missed", at_ms=last_ms, body=body))


def blindness(vantage: str, slot_ms: int, *, asked: int, answered: int) -> LedgerEntry:
    """State that in a slot not one anchor answered: what only this vantage point saw then proves nothing."""
    body: dict[str, JSON] = {
        "vantage": vantage,
        "state": "blind",
        "anchors": asked,
        "reachable": answered,
        "start_ms": slot_ms,
    }
    return LedgerEntry(f"blind:{vantage}", slot_ms, Fact(kind="monitor_health", at_ms=slot_ms, body=body))
