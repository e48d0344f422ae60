"""Staff let a visit last longer: up to what its site allows, by the kernel too; and what cannot be asked at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from captive_portal import tables
from captive_portal.ajar import METHOD
from captive_portal.desk import Attempt
from captive_portal.errors import OrderError
from captive_portal.model import Client, Consent, Grant, Session
from captive_portal.policy import Policies
from captive_portal.staff import directives
from captive_portal.staff.directives import Act, Because, Outcome
from captive_portal.staff.obeying import Obeying
from netops import facts, spool

CONSENT = Consent(terms="1", language="zh_CN", digest="0" * 64, channel="portal")
MINUTE_MS = 60_000


def client(number: int = 1) -> Client:
    return Client(mac=f"02:00:00:00:00:{number:02x}", interface="simulated", addresses=(f"127.0.0.{number}",))


def click(number: int = 1) -> Attempt:
    return Attempt(client=client(number), method="click_through", fields={}, consent=CONSENT)


class Staff:
    """Who asks, beside the desk's process."""

    def __init__(self, house) -> None:
        self.house = house
        self.stated: list[facts.Fact] = []

    def ask(self, session: Session, act: Act = Act.END, *, by: str = "op.wang", minutes: int = 0, words: str = ""):
        made = directives.wanted(
            act,
            session.id,
            by=by,
            because=Because.WISH,
            words=words,
            minutes=minutes,
            now_ms=self.house.clock.now_ms(),
        )
        return directives.give(self.house.settings, made, self.stated.extend)

    def heard(self, session: Session) -> directives.Directive:
        return directives.of(self.house.settings, session.id)[0]


@pytest.fixture
def staff(house) -> Staff:
    return Staff(house)


def inside(house) -> set[str]:
    return {each.client.addresses[0] for each in house.gateway.admitted()}


def end_of(desk, session: Session) -> str | None:
    wanted = sa.select(tables.SESSION.c.end).where(tables.SESSION.c.id == session.id)
    return desk.store.read(lambda connection: connection.execute(wanted).scalar())


def directed(house) -> list:
    entries = spool.read(house.settings.data.dir / "spool" / "portal.db", after=0, limit=99)
    every = [facts.decode(entry.payload) for entry in entries]
    return [each.body for each in every if each.kind == "visit_directed"]


# ---- letting it last longer
def test_a_visit_lasts_longer_as_asked_and_the_kernel_knows(house, staff) -> None:
    desk = house.open()
    session = desk.login(click())
    house.clock.forward(1800)
    staff.ask(session, Act.EXTEND, minutes=20)

    Obeying(desk.visits).round()

    assert desk.current(client()).seconds_left(house.clock.now_ms()) == 1800 + 1200
    assert [each.seconds for each in house.gateway.admitted()] == [3000]
    (done,) = directed(house)
    assert (done["outcome"], done["until_ms"]) == ("enforced", house.clock.now_ms() + 3_000_000)
    assert house.restart().current(client()).grant.until_ms == done["until_ms"]
    assert staff.stated[0].body["action"] == "session.extend"
    assert "20 min" in staff.stated[0].body["detail"]


def test_no_visit_lasts_longer_than_a_login_of_now_would(house, staff) -> None:
    desk = house.open()
    session = desk.login(click())
    house.clock.forward(600)
    staff.ask(session, Act.EXTEND, minutes=120)
    Obeying(desk.visits).round()
    assert desk.current(client()).seconds_left(house.clock.now_ms()) == 3600

    staff.ask(session, Act.EXTEND, minutes=5)
    Obeying(desk.visits).round()

    assert staff.heard(session).outcome is Outcome.NOTHING
    assert [each["outcome"] for each in directed(house)] == ["enforced", "nothing"]


def test_no_visit_lasts_beyond_the_closing_time(house, staff, monkeypatch) -> None:
    desk = house.open()
    session = desk.login(click())
    house.clock.forward(1800)
    monkeypatch.setattr("captive_portal.staff.obeying.seconds_open", lambda *_: 2000)
    staff.ask(session, Act.EXTEND, minutes=60)

    Obeying(desk.visits).round()

    assert desk.current(client()).seconds_left(house.clock.now_ms()) == 2000


def test_a_longer_time_that_cannot_be_recorded_is_not_given(house, staff, monkeypatch) -> None:
    desk = house.open()
    session = desk.login(click())
    house.clock.forward(1800)
    staff.ask(session, Act.EXTEND, minutes=20)

    def failing(*_: object) -> None:
        raise OverflowError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr(desk.store, "widen", failing)
        Obeying(desk.visits).round()

    assert staff.heard(session).outcome is Outcome.REFUSED
    assert [each.seconds for each in house.gateway.admitted()] == [1800]
    assert desk.current(client()) == session


def test_a_session_of_another_policy_is_lengthened_by_its_own(house, staff) -> None:
    desk = house.open()
    session = desk.login(click())
    policy = desk.policy(client())
    bounds = replace(policy.bounds, seconds=300)
    desk.premises.policies = Policies(default=replace(policy, bounds=bounds))
    staff.ask(session, Act.EXTEND, minutes=60)

    Obeying(desk.visits).round()

    assert staff.heard(session).outcome is Outcome.NOTHING, "a policy that became stricter shortens no visit"
    assert desk.current(client()) == session


def test_a_visit_without_a_login_is_not_lengthened_by_one_person(house, staff, monkeypatch) -> None:
    desk = house.open()
    now_ms = house.clock.now_ms()
    monkeypatch.setattr(desk.relief, "grant", lambda *_: Grant(method=METHOD, until_ms=now_ms + 600_000))
    session = desk.login(replace(click(), method=METHOD))
    staff.ask(session, Act.EXTEND, minutes=1440)

    Obeying(desk.visits).round()

    assert staff.heard(session).outcome is Outcome.NOTHING
    assert desk.current(client()).grant.until_ms == now_ms + 600_000
    assert [each.seconds for each in house.gateway.admitted()] == [600]


# ---- what may not be asked
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"session": "x"}, "24 hexadecimal"),
        ({"because": "mood"}, "expected one of abuse"),
        ({"because": "fault"}, "expected one of abuse"),
        ({"because": "other"}, "needs words"),
        ({"words": "call 13812345678"}, "name somebody"),
        ({"words": "02:00:00:00:00:01"}, "name somebody"),
        ({"words": "x" * 201}, "at most 200"),
        ({"words": "a\x1bb"}, "printable"),
        ({"act": Act.EXTEND, "minutes": 0}, "1 to 1440"),
        ({"act": Act.EXTEND, "minutes": 1441}, "1 to 1440"),
    ],
)
def test_an_order_that_cannot_be_says_which_word(changed: dict, said: str) -> None:
    given = {"act": Act.END, "session": "0" * 24, "by": "op", "because": "wish", "now_ms": 1, **changed}
    with pytest.raises(OrderError, match=said):
        directives.wanted(given.pop("act"), given.pop("session"), **given)


def test_a_session_that_never_was_cannot_be_ended(house, staff) -> None:
    house.open()
    with pytest.raises(OrderError, match="never was"):
        staff.ask(Session(id="0" * 24, client=client()))
