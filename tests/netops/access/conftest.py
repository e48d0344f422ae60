"""A staff database in a temporary directory, and hashes that cost little."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from argon2 import PasswordHasher

from inventory import sql
from netops.access import tables
from netops.access.passwords import Passwords
from netops.access.staff import Staff
from netops.config import City, Data, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=Data(dir=tmp_path), city=City(rehearsal=True))


@pytest.fixture
def database(settings: Settings) -> Iterator[sql.Database]:
    sql.upgrade(tables.MIGRATIONS, tables.url(settings))
    with sql.Database(tables.url(settings)) as database:
        yield database


@pytest.fixture
def staff(database: sql.Database) -> Staff:
    return Staff(database, Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)))
