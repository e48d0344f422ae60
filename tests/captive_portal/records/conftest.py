"""What the tests of the records share: visits of a desk, and rows of both databases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from captive_portal import agreement
from captive_portal.desk import Attempt
from captive_portal.methods import Method, Shown
from captive_portal.model import Client, Consent, Grant, Session
from captive_portal.records import retention
from captive_portal.records.keeper import Keeper
from captive_portal.tables import RECORD
from netops.access import approvals, record
from netops.facts import submit
from netops.ledger import Ledger, LedgerEntry
from netops.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable

    from netops.facts import Fact

AGREED = agreement.terms("zh_CN")
CONSENT = Consent(terms=AGREED.version, language="zh_CN", digest=AGREED.digest, channel="portal")


class Numbers(Method):
    """A method that believes every number, and hands it to the store of persons as one by SMS does."""

    name = "numbers"
    template = "portal/click_through.html"

    def __init__(self, persons: Any) -> None:
        self.persons = persons

    def prove(self, shown: Shown, now_ms: int) -> Grant:
        person = self.persons.keep("phone", shown.fields["phone"])
        return Grant(method=self.name, until_ms=now_ms + 3_600_000, person=person)


@dataclass
class Office:
    """A desk with its records and the clock."""

    house: Any
    desk: Any
    keeper: Keeper

    @property
    def persons(self) -> Any:
        return self.keeper.persons

    @property
    def store(self) -> Any:
        return self.keeper.store

    @property
    def now_ms(self) -> int:
        return self.house.clock.now_ms()

    def visit(self, number: int, phone: str = "", *, ended: bool = True) -> Session:
        """Let a device in, by its number or by a click, and out again."""
        client = Client(mac=f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}", interface="simulated",
                        addresses=(f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",))  # fmt: skip
        method, fields = ("numbers", {"phone": phone}) if phone else ("click_through", {})
        session = self.desk.login(Attempt(client=client, method=method, fields=fields, consent=CONSENT))
        assert isinstance(session, Session)
        if ended:
            assert self.desk.logout(client)
        return session

    def forward(self, days: float) -> None:
        self.house.clock.forward(days * 86_400)

    def entries(self) -> list[Any]:
        return self.store.read(lambda connection: list(connection.execute(sa.select(RECORD).order_by(RECORD.c.n))))

    def rows(self, table: sa.Table) -> list[Any]:
        return self.store.read(lambda connection: list(connection.execute(sa.select(table))))

    def settle(self) -> None:
        """Let the horizon catch up, as after a round for each day, and do the rounds that are left."""
        caught_up = self.now_ms - (retention.keep_days(self.house.settings) + 1) * retention.DAY_MS
        self.store.write(lambda connection: retention.note(connection, retention.HORIZON, caught_up))
        for _ in range(2):
            self.keeper.round(self.now_ms)


@pytest.fixture(scope="session")
def office_of() -> Callable[[Any], Office]:
    def open_(house: Any) -> Office:
        desk = house.open()
        persons = desk.store._persons
        desk.methods = {**desk.methods, "numbers": Numbers(persons)}
        ways = (*desk.policies.default.methods, "numbers")
        object.__setattr__(desk.policies.default, "methods", ways)
        keeper = Keeper(settings=house.settings, store=desk.store, persons=persons, spool=desk.telling.spool)
        return Office(house, desk, keeper)

    return open_


@pytest.fixture
def office(house: Any, office_of: Callable[[Any], Office]) -> Office:
    return office_of(house)


class Paper:
    """What is asked and decided about persons, sealed in a ledger."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings
        self._count = 0

    def seal(self, *made: Fact, now_ms: int) -> None:
        with Ledger(record.ledger_path(self.settings), origin="x/rehearsal", rehearsal=True) as ledger:
            entries = [LedgerEntry("web/test", self._count + n, fact) for n, fact in enumerate(made, 1)]
            ledger.append(entries, now_ms=now_ms)
        self._count += len(made)

    def request(self, action: str, now_ms: int, *, approved: bool = True, sealed: bool = True, **terms: Any) -> str:
        """Ask as an operator and approve as a privacy officer; return the request's name."""
        window = {"start_ms": now_ms, "end_ms": now_ms + 7 * 86_400_000, "basis": "case 2026-17"}
        made = approvals.ask(
            action, terms={**window, **terms}, by="op.wang", role="operator", reason="asked for", now_ms=now_ms
        )
        if approved:
            (asked,) = approvals.fold((fact, True) for fact in made).values()
            decided = approvals.decide(
                asked, "approved", by="po.li", role="privacy_officer", reason="", now_ms=now_ms + 1
            )
            made.append(decided)
        if sealed:
            self.seal(*made, now_ms=now_ms)
        else:
            with Spool(record.spool_path(self.settings, "web"), source="web") as spool:
                submit(spool, *made)
        return str(dict(made[0].body)["request"])


@pytest.fixture
def paper(settings: Any) -> Paper:
    return Paper(settings)
