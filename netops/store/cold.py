"""The sealed hours: immutable Parquet files, written once, read by DuckDB.

A file holds rows of one kind whose slots lie in one hour; rows that come after that hour was sealed go to a further
file of the same hour. Columns: subject, device, slot_ms, at_ms, and for each metric `<metric>` (float64) and, where any
value is not simply ok, `<metric>:code` (text). Polls are the kind `_poll`. Anyone's tools can read them; no one's
change goes unseen, because the SHA-256 of each file is a fact of the ledger.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import duckdb
import pyarrow as pa
from pyarrow import parquet

from netops import sqlite
from netops.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

HOUR_MS = 3_600_000
POLLS = "_poll"  # no kind of subject begins with an underscore
FORMAT = b"1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file as it lies on disk, synced."""

    path: str
    sha256: str
    size: int


def name(kind: str, hour_ms: int, number: int) -> str:
    """Return the relative path, `ap/2026-10-01/07-0.parquet`; `number` counts the further files of the hour."""
    hour = datetime.fromtimestamp(hour_ms / 1000, tz=UTC)
    return f"{kind}/{hour:%Y-%m-%d}/{hour:%H}-{number}.parquet"


def write(root: Path, path: str, table: pa.Table, *, kind: str) -> Written:
    """Write, sync and only then name the file, and sync its directory; OSError leaves nothing behind under the name."""
    sink = pa.BufferOutputStream()
    labelled = table.replace_schema_metadata({b"netops.kind": kind.encode(), b"netops.format": FORMAT})
    # a dictionary of numbers is dear to make, and the file then larger: counters hardly repeat
    words = [each.name for each in table.schema if pa.types.is_dictionary(each.type)]
    parquet.write_table(labelled, sink, compression="zstd", row_group_size=65_536, use_dictionary=cast("Any", words))
    content = sink.getvalue()
    final = root / path
    final.parent.mkdir(parents=True, exist_ok=True)
    unnamed = final.with_name(final.name + ".tmp")
    try:
        with unnamed.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unnamed.replace(final)
    except OSError:
        unnamed.unlink(missing_ok=True)
        raise
    for directory in (final.parent, final.parent.parent, root):
        sqlite.sync_directory(directory)
    return Written(path=path, sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def digest(root: Path, path: str) -> str:
    """Return the SHA-256 of a file as it lies there now."""
    with (root / path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def connect(root: Path, *, memory_mb: int = 512) -> duckdb.DuckDBPyConnection:
    """Open DuckDB in memory, closed in: no downloads, no files but ours, one thread, bounded memory, and locked so."""
    db = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "threads": 1,
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": "",
        },
    )
    db.execute(f"SET allowed_directories = [{quoted(str(root) + '/')}]")
    db.execute("SET enable_external_access = false")
    db.execute("SET lock_configuration = true")
    return db


def quoted(text: str) -> str:
    """Return `text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def column(identifier: str) -> str:
    """Return `identifier` as an SQL name."""
    return '"' + identifier.replace('"', '""') + '"'


def files(root: Path, paths: Iterable[str]) -> str:
    """Return the SQL of a table function over these files."""
    return f"read_parquet([{', '.join(quoted(str(root / path)) for path in paths)}])"


def fetch(db: duckdb.DuckDBPyConnection, sql: str, **tables: pa.Table) -> list[tuple[Any, ...]]:
    """Run the query with the Arrow tables under their names."""
    try:
        for known_as, table in tables.items():
            db.register(known_as, table)
        found: list[tuple[Any, ...]] = db.execute(sql).fetchall()
        return found  # noqa: TRY300
    except duckdb.IOException:
        raise
    except duckdb.Error as error:
        raise StoreError(f"telemetry files: the query failed ({error})") from None
    finally:
        for known_as in tables:
            db.unregister(known_as)
