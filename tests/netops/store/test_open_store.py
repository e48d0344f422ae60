from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from netops.config import Data, Secret, Settings, StoreAt
from netops.errors import ConfigError
from netops.store import STORES, nearest_rank, open_store
from netops.store.embedded import Embedded
from netops.store.influxdb import InfluxDB
from netops.store.server import authorization, refusal
from netops.store.victoriametrics import VictoriaMetrics

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("kind", "expected"), [("embedded", Embedded), ("influxdb", InfluxDB), ("victoriametrics", VictoriaMetrics)]
)
def test_the_settings_name_the_store(tmp_path, kind, expected):
    settings = Settings(data=Data(dir=tmp_path), store=StoreAt(kind=kind))

    assert type(open_store(settings)) is expected
    assert kind in STORES
    assert list(tmp_path.iterdir()) == []  # inert until entered


def test_an_unknown_store_is_named_with_its_neighbour(tmp_path):
    settings = Settings(data=Data(dir=tmp_path), store=replace(StoreAt(), kind="influxdb2"))

    with pytest.raises(ConfigError, match="did you mean 'influxdb'"):
        open_store(settings)


def test_the_face_loads_no_engine():
    """`netops --help` answers within 150 ms: DuckDB, Arrow and clients are loaded by whom they serve."""
    code = (
        "import sys, netops.store; print(sorted({'duckdb', 'pyarrow', 'influxdb_client', 'apsw'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


def test_a_token_never_shows_and_goes_the_servers_way():
    assert authorization(None) == ""
    assert authorization(Secret("plain:s3cret")) == "Token s3cret"
    assert authorization(Secret("plain:user:pass")) == "Basic dXNlcjpwYXNz"
    assert "s3cret" not in str(refusal("http://x/write", 401, b"unauthorized"))
    assert "check store.token" in str(refusal("http://x/write", 401, b"unauthorized"))


@pytest.mark.parametrize(("n", "rank"), [(1, 1), (2, 2), (19, 19), (20, 19), (21, 20), (40, 38), (100, 95), (101, 96)])
def test_the_percentile_is_the_nearest_rank(n, rank):
    """The smallest value that at least 95 % do not exceed."""
    assert nearest_rank([float(each) for each in range(1, n + 1)], 95) == rank
