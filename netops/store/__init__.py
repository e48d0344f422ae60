"""The telemetry store's face: one protocol, four stores, one contract suite (tests/netops/store).

Windows are half-open `[start_ms, end_ms)` over the scheduled instant `slot_ms`. Only the core writes; every other
process opens the store for reading. What goes in came out of a spool: a StoreError means "try again", never "lost".
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, Self

from netops.errors import ConfigError, nearest
from netops.store.values import Expired, Grouped, Outcome, Reading, SealedFile, Tally, nearest_rank

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netops.config import Settings
    from netops.model import Subject
    from netops.packed import Polled

__all__ = ["Expired", "Grouped", "Outcome", "Reading", "SealedFile", "Store", "Tally", "nearest_rank", "open_store"]


class Store(Protocol):
    """Where polls are kept and asked for. A context manager, inert until entered; every error is a StoreError."""

    settle_s: float
    """Seconds after `write` until a crash of the store's own process cannot undo it; 0 means durable on return."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def incarnation(self) -> str:
        """Return a mark that changes when the store's process is restarted: the unsettled is then written again."""
        ...

    def write(self, polls: Sequence[Polled]) -> None:
        """Keep the polls, idempotent on `(device, slot_ms)`; after a StoreError nothing may be assumed: try again."""
        ...

    def last(self, kind: str, metrics: Sequence[str], *, now_ms: int, max_age_ms: int) -> list[Reading]:
        """Return the newest reading of each (subject, metric, device), slots in `(now - max_age, now]`."""
        ...

    def series(self, subject: Subject, metric: str, *, start_ms: int, end_ms: int) -> list[Reading]:
        """Return all readings in order of (slot, device), those without a value included."""
        ...

    def readings(self, subject: Subject, metrics: Sequence[str], *, start_ms: int, end_ms: int) -> list[Reading]:
        """Return the series of several metrics of one subject in one question, one after the other as asked."""
        ...

    def grouped(
        self, metric: str, groups: Mapping[Subject, str], *, start_ms: int, end_ms: int, step_ms: int
    ) -> list[Grouped]:
        """Return, in order of (step, group), the statistics of the ok values; a step without any is absent."""
        ...

    def outcomes(self, *, start_ms: int, end_ms: int, device: str | None = None) -> list[Outcome]:
        """Return one outcome per poll, in order of (slot, device)."""
        ...

    def tally(self, *, start_ms: int, end_ms: int) -> list[Tally]:
        """Return how many polls of each device had which outcome, in order of (device, outcome)."""
        ...

    def texts(self, subject: Subject) -> dict[str, str]:
        """Return the newest text of each name: model, version, operator's name."""
        ...

    def seal(self, now_ms: int) -> list[SealedFile]:
        """Seal some of what is old enough; return every file not yet `told`; empty when all is done."""
        ...

    def expire(self, now_ms: int) -> list[Expired]:
        """Delete what is past its retention; return every deletion not yet `told`. A server has its own retention."""
        ...

    def told(self, facts: Sequence[SealedFile | Expired]) -> None:
        """Remember that these are acknowledged facts: a crash between deed and fact then tells them again."""
        ...


STORES = {
    "embedded": "netops.store.embedded",
    "influxdb": "netops.store.influxdb",
    "victoriametrics": "netops.store.victoriametrics",
}


def open_store(settings: Settings, *, writing: bool = False) -> Store:
    """Return the store that the settings name, not yet entered. Only the core passes `writing=True`."""
    kind = settings.store.kind
    if kind not in STORES:
        raise ConfigError(f"'store.kind' is '{kind}'; expected one of {', '.join(STORES)}{nearest(kind, STORES)}")
    # a server's client or DuckDB is loaded only by whom it serves: `netops --help` answers within 150 ms
    store: Store = import_module(STORES[kind]).build(settings, writing=writing)
    return store
