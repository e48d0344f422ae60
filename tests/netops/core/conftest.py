"""A core that runs over a real register, spool, store and ledger."""

from __future__ import annotations

import pytest

from inventory.reading.folder import read_city
from inventory.register import Register
from netops import core
from netops.spool import Spool
from tests.netops.core import pieces
from tests.netops.core.pieces import HOUR, START, Clock, Frail, Idle, alone
from tests.netops.instances import founded


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A core that runs over the how-to's city, its collector's spool, and a store that can be down."""
    settings = founded(tmp_path)
    with Register(settings.register_url, rehearsal=False) as register:
        register.apply(read_city(pieces.how_to_city(tmp_path)), at_ms=START - 24 * HOUR, now_ms=START - 24 * HOUR)
    store = Frail()
    monkeypatch.setattr(core, "open_store", lambda *_, **__: store)
    monkeypatch.setattr(core, "Scheduler", Idle)
    made = core.Core(settings, clock=Clock())
    for name in ("_correct", "_tell_late", "_tell_open", "_seal_hours", "_show", "_read_register"):
        monkeypatch.setattr(made, name, alone(made, getattr(made, name)))
    with Spool(settings.data.dir / "spool" / "collect.db", source="collect") as spool:
        made.start()
        try:
            yield made, spool, store, settings
        finally:
            made.stop()
