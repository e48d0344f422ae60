"""The stores under contract: in memory, embedded (hot, sealed, and cut in between), and the real servers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from netops.store.embedded import Embedded
from netops.store.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from netops.model import Poll

FAR_MS = 4_102_444_800_000  # 2100: every hour is old enough to be sealed


def _at_once() -> None:
    return


@dataclass
class Kept:
    """A store and what makes a write visible in it."""

    store: Any
    visible: Callable[[], None] = field(default=_at_once)

    def write(self, polls: Sequence[Poll]) -> None:
        self.store.write(polls)
        self.visible()


@pytest.fixture
def memory() -> Iterator[Kept]:
    with Memory() as store:
        yield Kept(store)


@pytest.fixture
def embedded(tmp_path) -> Iterator[Kept]:
    with Embedded(tmp_path / "telemetry", writing=True) as store:
        yield Kept(store)


@pytest.fixture
def embedded_sealed(tmp_path) -> Iterator[Kept]:
    """Every write goes to Parquet at once, later ones to further files of the same hours."""
    with Embedded(tmp_path / "telemetry", writing=True) as store:
        yield Kept(store, lambda: store.told(store.seal(FAR_MS)))


@pytest.fixture
def embedded_cut(tmp_path) -> Iterator[Kept]:
    """The border lies within: only some cells of the oldest hour are sealed after each write."""
    with Embedded(tmp_path / "telemetry", writing=True, seal_cells=1) as store:
        yield Kept(store, lambda: store.told(store.seal(FAR_MS)))


STORES = [
    "memory",
    "embedded",
    "embedded_sealed",
    "embedded_cut",
]


@pytest.fixture(params=STORES)
def kept(request: pytest.FixtureRequest) -> Kept:
    return request.getfixturevalue(request.param)
