"""A whole portal that ends itself by SIGKILL at the N-th step of a kind: `run_ledgered.py FOLDER NOW_MS SEED KIND N`.

Its firewall outlives it, as the kernel's does: a file for each address that is let through. A step is each side of what
is written or opened: records, persons, spool, firewall, erasure, a month's key. Prints what it has acknowledged.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from captive_portal import gateways
from captive_portal.desk import Attempt
from captive_portal.enforcing import Readiness
from captive_portal.gateways.simulated import Simulated
from captive_portal.methods import Method, Shown
from captive_portal.model import Admitted, Client, Consent, Grant, Session
from captive_portal.records import retention, subject
from captive_portal.records.periods import Periods
from captive_portal.records.persons import Persons
from captive_portal.service import PortalService
from captive_portal.store import Store
from netops.config import City, Data, Listener, PortalAt, Retention, Settings
from netops.spool import Spool

DEVICES = 14
PERSONS = 5
STEPS = (
    *((Store, "_together"), (Persons, "_together"), (Spool, "put"), (Periods, "destroy")),
    *((retention, "erase_entries"), (retention, "delete_sessions")),
)


class Told:
    """The clock that the parent tells, moved on by ourselves."""

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic(self) -> float:
        return self.at_ms / 1000


class Kernel(Simulated):
    """Enforces nothing, and forgets nothing when the process dies."""

    def __init__(self, folder: Path, clock: Told) -> None:
        super().__init__(PortalAt(), clock)
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def ready(self) -> Readiness:
        return Readiness(born="the machine's")

    def allow(self, client: Client, bounds: Any) -> None:
        step("allow")
        for each in client.addresses:
            until = self._clock.monotonic() + bounds.seconds
            fresh = self._folder / f".{each}"
            fresh.write_text(json.dumps([client.mac, until]), encoding="utf-8")
            fresh.replace(self._folder / each)
        step("allow")

    def revoke(self, client: Client) -> None:
        step("revoke")
        for each in client.addresses:
            (self._folder / each).unlink(missing_ok=True)
        step("revoke")

    def admitted(self) -> list[Admitted]:
        now, found = self._clock.monotonic(), []
        for file in self._folder.glob("[0-9]*"):
            mac, until = json.loads(file.read_text(encoding="utf-8"))
            if until <= now:
                file.unlink(missing_ok=True)
                continue
            client = Client(interface=self.interface, mac=mac, addresses=(file.name,))
            found.append(Admitted(client=client, seconds=int(until - now)))
        return found


class Numbers(Method):
    """Believes every number."""

    name = "numbers"
    template = "portal/click_through.html"

    def __init__(self, persons: Persons) -> None:
        self._persons = persons

    def prove(self, shown: Shown, now_ms: int) -> Grant:
        person = self._persons.keep("phone", shown.fields["phone"])
        return Grant(method=self.name, until_ms=now_ms + 3_600_000, person=person)


_left: dict[str, int] = {"": -1}  # of the kind that ends it; of every kind where none is named
_lock = threading.Lock()


def step(kind: str) -> None:
    """Count down; at nought this process is no more."""
    with _lock:
        counted = kind if kind in _left else ""
        _left[counted] = _left.get(counted, 0) - 1
        if not _left[counted]:
            os.kill(os.getpid(), signal.SIGKILL)


def stepped(owner: Any, name: str) -> None:
    """Make a step of both sides of a function."""
    before = getattr(owner, name)

    def around(*args: Any, **words: Any) -> Any:
        step(name)
        done = before(*args, **words)
        step(name)
        return done

    setattr(owner, name, around)


def settings_of(folder: Path) -> Settings:
    portal = PortalAt(listen=Listener(port=0), visitors={"simulated": "site-1"}, session_minutes=60)
    kept = Retention(session_days=12, law_days=10)
    return Settings(city=City(rehearsal=True), data=Data(dir=folder), portal=portal, retention=kept)


def main(folder: str, now_ms: str, seed: str, kind: str, last: str) -> None:
    settings, clock, dice = settings_of(Path(folder)), Told(int(now_ms)), random.Random(seed)
    gateways.GATEWAYS["simulated"] = lambda settings, clock: Kernel(settings.data.dir / "kernel", clock)
    service = PortalService(settings, clock)
    for owner, name in STEPS:
        stepped(owner, name)
    _left[kind] = int(last) or 1 << 60
    service.start()
    print("READY", flush=True)
    desk = service.desk
    assert desk
    desk.methods = {**desk.methods, "numbers": Numbers(service._keeper.persons)}
    object.__setattr__(desk.policies.default, "methods", ("numbers", "click_through"))
    terms = desk.policies.library.terms("zh_CN", "2")
    consent = Consent(terms="2", language="zh_CN", digest=terms.digest, channel="portal")
    for _ in range(25 if int(last) else 6):
        clock.at_ms += dice.choice((20_000, 3_600_000, 86_400_000, 4 * 86_400_000))
        print("at", clock.at_ms, flush=True)
        for _ in range(dice.randrange(1, 5)):
            visit(desk, dice, consent)
        service._tend()
        desk.upkeep.expire()
        desk.upkeep.repair()
        service._state()
        if dice.random() < 0.2:
            hash_ = service._keeper.persons.hashed("phone", f"+8613800000{dice.randrange(PERSONS):03d}")
            subject.wish(desk.store, service._keeper.persons, hash_, settings=settings, by="x", now_ms=clock.at_ms)
        horizon_ms = clock.at_ms - 13 * retention.DAY_MS
        desk.store.write(lambda connection, at=horizon_ms: retention.note(connection, retention.HORIZON, at))
        service._purge()
    service.stop()
    print("STOPPED", flush=True)


def visit(desk: Any, dice: random.Random, consent: Consent) -> None:
    number = dice.randrange(DEVICES)
    client = desk.gateway.identify(f"127.0.1.{number + 1}")
    if desk.current(client) is not None:
        if desk.logout(client):
            print("out", client.mac, flush=True)
        return
    method = "numbers" if number % 2 else "click_through"
    fields = {"phone": f"+8613800000{number % PERSONS:03d}"}
    came = desk.login(Attempt(client=client, method=method, fields=fields, consent=consent))
    assert isinstance(came, Session), came
    print("in", came.id, client.mac, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
