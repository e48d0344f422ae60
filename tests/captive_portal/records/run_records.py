"""Keeps records as fast as it can until it is killed: `run_records.py FOLDER NOW_MS SEED`.

Prints a line for each thing that was acknowledged: `at NOW_MS`, `session ID ENDED_MS`, `wish PHONE`.
"""

import random
import sys
from pathlib import Path

from captive_portal import agreement, tables
from captive_portal.model import Client, Consent, End, Grant, Session, State
from captive_portal.records import retention, subject
from captive_portal.records.keeper import Keeper
from captive_portal.records.persons import Persons
from captive_portal.store import Admission, Store
from netops.config import City, Data, Retention, Settings
from netops.spool import Spool

PEOPLE = 12


class Told:
    """The clock that the parent tells, moved on by ourselves."""

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic(self) -> float:
        return self.at_ms / 1000


def settings_of(folder: Path) -> Settings:
    return Settings(city=City(rehearsal=True), data=Data(dir=folder), retention=Retention(session_days=40, law_days=30))


def main(folder: str, now_ms: str, seed: str) -> None:
    settings, clock, dice = settings_of(Path(folder)), Told(int(now_ms)), random.Random(seed)
    terms = agreement.terms("zh_CN")
    consent = Consent(terms=terms.version, language="zh_CN", digest=terms.digest, channel="portal")
    retention.ROWS = 5  # a month has some twenty: kills fall between its slices too
    spool = Spool(Path(folder) / "spool" / "portal.db", source="portal")
    with spool, Persons(settings, clock) as persons, Store(tables.url(settings), persons) as store:
        keeper = Keeper(settings=settings, store=store, persons=persons, spool=spool)
        print("READY", flush=True)
        while True:
            clock.at_ms += dice.randrange(3_600_000, 2 * 86_400_000)
            print("at", clock.at_ms, flush=True)
            for _ in range(dice.randrange(1, 6)):
                visit(store, persons, clock, dice, consent)
            if dice.random() < 0.3:
                phone = f"+86138{dice.randrange(PEOPLE):08d}"
                hash_ = persons.hashed("phone", phone)
                subject.wish(store, persons, hash_, settings=settings, by="x", now_ms=clock.at_ms)
                print("wish", phone, clock.at_ms, flush=True)
            store.write(lambda connection: retention.note(
                connection, retention.HORIZON, clock.at_ms - 41 * retention.DAY_MS))  # fmt: skip
            keeper.round(clock.at_ms)


def visit(store: Store, persons: Persons, clock: Told, dice: random.Random, consent: Consent) -> None:
    number = dice.randrange(PEOPLE)
    person = persons.keep("phone", f"+86138{number:08d}")
    mac = f"02:00:00:00:00:{number:02x}"
    client = Client(mac=mac, interface="simulated", addresses=(f"10.0.0.{number}",))
    session = Session(
        id=f"{dice.getrandbits(96):024x}",
        client=client,
        state=State.RECORDED,
        since_ms=clock.at_ms,
        grant=Grant(method="sms", until_ms=clock.at_ms + 3_600_000, person=person),
    )
    identity = persons.hashed("device", mac)
    store.admit(Admission(session=session, identity=identity, site="site-1", consent=consent))
    print("open", session.id, clock.at_ms, f"+86138{number:08d}", flush=True)
    if dice.random() < 0.9:
        ended = Session(
            id=session.id, client=client, state=State.ENDED, since_ms=session.since_ms, grant=session.grant,
            end=End.LOGOUT, ended_ms=clock.at_ms + 1,
        )  # fmt: skip
        store.end(ended, (dice.randrange(9999), 7))
        print("end", session.id, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
