"""The stores under contract: in memory, embedded (hot, sealed, and cut in between), and the real servers."""

from __future__ import annotations

import importlib.util
import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from netops.store.embedded import Embedded
from netops.store.influxdb import InfluxDB
from netops.store.memory import Memory
from netops.store.victoriametrics import VictoriaMetrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from netops.model import Poll

_spec = importlib.util.spec_from_file_location("store_servers", Path(__file__).with_name("servers.py"))
servers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(servers)
_numbers = itertools.count(1)
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


@pytest.fixture(scope="session")
def influxd_server(tmp_path_factory):
    server = servers.influxd(tmp_path_factory.mktemp("influxd"))
    yield server.start()
    server.stop()


@pytest.fixture(scope="session")
def victoria_server(tmp_path_factory):
    server = servers.victoria_metrics(tmp_path_factory.mktemp("victoria"))
    yield server.start()
    server.stop()


@pytest.fixture
def influxdb_v1(influxd_server) -> Iterator[Kept]:
    with InfluxDB(influxd_server.url, dialect="v1", database=f"t{next(_numbers)}") as store:
        yield Kept(store)


def _victoria(server, dialect) -> Iterator[Kept]:
    """One server for all tests, each in a database of its own."""
    with VictoriaMetrics(server.url, dialect=dialect, database=f"t{next(_numbers)}") as store:
        yield Kept(store, store.flush)


@pytest.fixture
def victoria_v2(victoria_server) -> Iterator[Kept]:
    yield from _victoria(victoria_server, "v2")


@pytest.fixture
def victoria_v1(victoria_server) -> Iterator[Kept]:
    yield from _victoria(victoria_server, "v1")


STORES = [
    "memory",
    "embedded",
    "embedded_sealed",
    "embedded_cut",
    pytest.param("influxdb_v1", marks=pytest.mark.partner("influxd")),
    pytest.param("victoria_v2", marks=pytest.mark.partner("victoria-metrics")),
    pytest.param("victoria_v1", marks=pytest.mark.partner("victoria-metrics")),
]


@pytest.fixture(params=STORES)
def kept(request: pytest.FixtureRequest) -> Kept:
    return request.getfixturevalue(request.param)
