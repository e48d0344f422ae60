"""While `portal.db` is held, or the disk is slow: who gave up is not recorded, who waits hears the truth."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing

import pytest
import sqlalchemy as sa

from captive_portal import store
from captive_portal.desk import Attempt
from captive_portal.errors import PortalError
from captive_portal.model import Client, Consent
from captive_portal.tables import SESSION
from inventory.errors import SqlError

CONSENT = Consent(terms="1", language="en", digest="0" * 64, channel="portal")


def login(desk, number: int):
    client = Client(mac=f"02:00:00:00:00:{number:02x}", interface="simulated", addresses=(f"127.0.0.{number}",))
    return desk.login(Attempt(client=client, method="click_through", fields={}, consent=CONSENT))


def recorded(desk) -> list[str]:
    return desk.store.read(lambda connection: list(connection.execute(sa.select(SESSION.c.mac)).scalars()))


def test_a_visitor_hears_that_the_database_is_held_before_giving_up_and_is_not_recorded_later(
    desk, settings, monkeypatch
) -> None:
    """SQLite waited for 15 s and the visitor for 10 s: a visit was recorded that the visitor was told had failed."""
    assert store.HELD_S < store.WAIT_S
    with closing(sqlite3.connect(settings.data.dir / "portal.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises((PortalError, SqlError)):
            login(desk, 1)
        took = time.monotonic() - began

    assert took < store.WAIT_S
    assert login(desk, 2).state == "online"
    assert recorded(desk) == ["02:00:00:00:00:02"]


def test_work_that_is_not_begun_in_time_is_left_out(desk, monkeypatch) -> None:
    monkeypatch.setattr(store, "WAIT_S", 0.2)
    begun, free, done = threading.Event(), threading.Event(), []
    first = threading.Thread(target=lambda: desk.store.write(lambda _: begun.set() or free.wait(20)))
    first.start()
    try:
        assert begun.wait(20)
        with pytest.raises(PortalError, match="not written in time"):
            desk.store.write(lambda _: done.append("late"))
    finally:
        free.set()
        first.join()
    desk.store.write(lambda _: done.append("next"))

    assert done == ["next"]


def test_work_that_is_begun_is_waited_for(desk, monkeypatch) -> None:
    monkeypatch.setattr(store, "WAIT_S", 0.05)

    assert desk.store.write(lambda _: time.sleep(0.3) or "written") == "written"
