"""A small city in files, registers on SQLite and on a private PostgreSQL of this run."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from itertools import combinations
from pathlib import Path

import pytest
import sqlalchemy as sa

from inventory.sql import Database, upgrade
from inventory.tables import METADATA, MIGRATIONS, RECORD
from tests.netops.instances import how_to_city

POSTGRES = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture
def city(tmp_path):
    """The directory of the how-to's example."""
    return how_to_city(tmp_path)


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server of our own on a UNIX socket and a free port; fsync off, because it lives for one run."""
    where = Path(tempfile.mkdtemp(prefix="netops-pg-"))
    as_user: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(where, "postgres", "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = where / "data"
    subprocess.run(
        [*as_user, POSTGRES / "initdb", "-D", data, "-A", "trust", "-U", "netops", "-E", "UTF8", "--locale=C", "-N"],
        check=True,
        capture_output=True,
        cwd=where,
    )
    options = ["-k", where, "-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    # It must not outlive a test run that is killed: QUIT is PostgreSQL's immediate shutdown.
    dies_with_us = [*(as_user or ["setpriv"]), "--pdeathsig=QUIT"]
    with (where / "log").open("wb") as log:
        server = subprocess.Popen([*dies_with_us, POSTGRES / "postgres", "-D", data, *options], cwd=where, stderr=log)
    try:
        ready = [POSTGRES / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
        deadline = time.monotonic() + 60
        while subprocess.run(ready, check=False).returncode != 0:
            assert server.poll() is None, (where / "log").read_text()
            assert time.monotonic() < deadline, (where / "log").read_text()
            time.sleep(0.05)
        yield f"postgresql://netops@127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(30)
        shutil.rmtree(where, ignore_errors=True)


BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.partner("postgres"))]


def new_database(server):
    """Create an empty database on our server; return its URL."""
    name = f"t{uuid.uuid4().hex}"
    engine = sa.create_engine(f"{server.replace('postgresql:', 'postgresql+psycopg:')}/postgres")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
    engine.dispose()
    return f"{server}/{name}"


@pytest.fixture
def fresh():
    """What creates an empty database on a server."""
    return new_database


@pytest.fixture(params=BOTH)
def empty_url(request, tmp_path):
    """The URL of a database in which nothing was ever created."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'register.db'}"
    return new_database(request.getfixturevalue("postgres"))


@pytest.fixture(scope="session")
def sqlite_register(tmp_path_factory):
    """A SQLite file with the register's tables, to be copied."""
    file = tmp_path_factory.mktemp("register") / "register.db"
    upgrade(MIGRATIONS, f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres_register(postgres):
    """A PostgreSQL database with the register's tables, to be emptied before each use."""
    url = new_database(postgres)
    upgrade(MIGRATIONS, url)
    return url


@pytest.fixture(params=BOTH)
def url(request, tmp_path):
    """The URL of a database with the register's tables and nothing in them."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_register"), tmp_path / "register.db")
        return f"sqlite:///{tmp_path / 'register.db'}"
    url = request.getfixturevalue("postgres_register")
    with Database(url) as database, database.write() as connection:
        connection.exec_driver_sql("TRUNCATE " + ", ".join(METADATA.tables) + " RESTART IDENTITY")
    return url


@pytest.fixture
def database(url):
    with Database(url) as opened:
        yield opened


def record_rows(register):
    with register.database.read() as connection:
        return connection.execute(sa.select(RECORD).order_by(RECORD.c.id)).all()


@pytest.fixture
def rows():
    """All rows of the register's records."""
    return record_rows


@pytest.fixture
def whole():
    """Whether of each record no two rows hold and are believed at the same time."""

    def check(register):
        found = {}
        for row in record_rows(register):
            found.setdefault((row.noun, row.name), []).append(row)
        return not any(overlap(one, other) for same in found.values() for one, other in combinations(same, 2))

    def overlap(one, other):
        valid = max(one.valid_from, other.valid_from) < min(one.valid_to, other.valid_to)
        return valid and max(one.recorded_from, other.recorded_from) < min(one.recorded_to, other.recorded_to)

    return check
