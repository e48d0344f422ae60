"""A staff database in a temporary directory, and hashes that cost little."""

from __future__ import annotations

import shutil
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


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A staff database in which nobody is yet, to be copied."""
    file = tmp_path_factory.mktemp("staff") / "staff.db"
    sql.upgrade(tables.MIGRATIONS, f"sqlite:///{file}")
    return file


@pytest.fixture
def database(settings: Settings, empty: Path) -> Iterator[sql.Database]:
    shutil.copy(empty, settings.room("staff"))
    with sql.Database(tables.url(settings)) as database:
        yield database


@pytest.fixture
def staff(database: sql.Database) -> Staff:
    return Staff(database, Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)))
