"""Staff end a visit or lengthen it: who, when, why, and what the gateway said; twice, too late, without a portal."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from captive_portal import tables
from captive_portal.arrivals import Arrivals
from captive_portal.desk import Attempt
from captive_portal.errors import OrderError, SilentError
from captive_portal.model import Client, Consent, End, Grant, Session
from captive_portal.staff import directives
from captive_portal.staff.directives import Act, Because, Outcome
from captive_portal.staff.obeying import Obeying
from netops import facts, spool
from netops.errors import SpoolError

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


# ---- ending
def test_a_visit_is_ended_and_both_facts_say_who_why_and_with_what_outcome(house, staff) -> None:
    desk = house.open()
    session, other = desk.login(click(1)), desk.login(click(2))
    asked = staff.ask(session, words="case 2026-118")
    assert inside(house) == {"127.0.0.1", "127.0.0.2"}, "the portal alone acts"

    assert Obeying(desk.visits).round() == 1

    assert inside(house) == {"127.0.0.2"}
    assert (end_of(desk, session), end_of(desk, other)) == (End.DISCONNECTED, None)
    (said,) = staff.stated
    assert (said.kind, said.body["action"], said.body["subject"]) == ("staff_action", "session.end", session.id)
    assert (said.body["by"], said.body["detail"]) == ("op.wang", f"{asked.id} wish: case 2026-118")
    assert said.body["site"] == "site-1", "by it the core holds it against a scope"
    (done,) = directed(house)
    assert (done["directive"], done["outcome"], done["site"]) == (asked.id, "enforced", "site-1")
    heard = staff.heard(session)
    assert (heard.outcome, heard.done_ms) == (Outcome.ENFORCED, house.clock.now_ms())
    assert Obeying(desk.visits).round() == 0


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (SilentError("controller 'ac-1': no answer to 3 of ours"), Outcome.SILENT),
        (ZeroDivisionError("ours"), Outcome.REFUSED),
    ],
)
def test_what_the_gateway_said_is_the_outcome_and_the_repair_closes_the_door(
    house, staff, monkeypatch, error, outcome
) -> None:
    desk = house.open()
    session = desk.login(click())
    staff.ask(session)

    def failing(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(house.gateway, "revoke", failing)
        Obeying(desk.visits).round()
    assert inside(house) == {"127.0.0.1"}
    assert (staff.heard(session).outcome, end_of(desk, session)) == (outcome, End.DISCONNECTED)
    assert "repair" in staff.heard(session).told

    desk.upkeep.repair()
    assert inside(house) == set()


@pytest.mark.slow
@pytest.mark.parametrize("act", list(Act))
def test_a_router_that_cannot_be_told_keeps_the_visit_and_says_so(house, staff, monkeypatch, act: Act) -> None:
    desk = house.open()
    session = desk.login(click())
    monkeypatch.setattr(house.gateway, "held_s", lambda _: 1200)
    staff.ask(session, act, minutes=30)

    Obeying(desk.visits).round()

    heard = staff.heard(session)
    assert heard.outcome is Outcome.BOUND
    assert "1200 s" in heard.told
    assert desk.current(client()) == session


def test_two_operators_at_once_are_one_order_and_the_second_hears_whose(house, staff) -> None:
    desk = house.open()
    session = desk.login(click())
    first = staff.ask(session)

    second = staff.ask(session, by="op.li")

    assert (second.id, second.by) == (first.id, "op.wang")
    assert len(staff.stated) == 1
    Obeying(desk.visits).round()
    with pytest.raises(OrderError, match=r"ended already \(ended by staff\)"):
        staff.ask(session, by="op.li")


@pytest.mark.slow
def test_of_eight_who_press_in_the_same_moment_one_is_on_record(house, staff) -> None:
    session = house.open().login(click())
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda n: staff.ask(session, by=f"op.{n}"), range(8)))

    assert len({each.id for each in given}) == 1
    assert [each.body["by"] for each in staff.stated] == [given[0].by]
    assert len(directives.of(house.settings, session.id)) == 1


def test_a_visit_that_ended_meanwhile_is_over_and_the_next_one_of_the_device_is_untouched(house, staff) -> None:
    desk = house.open()
    session = desk.login(click())
    staff.ask(session)
    desk.logout(client())
    again = desk.login(click())

    Obeying(desk.visits).round()

    assert (staff.heard(session).outcome, staff.heard(session).told) == (Outcome.OVER, "logout")
    assert desk.current(client()) == again


@pytest.mark.slow
def test_without_a_portal_nothing_happens_and_after_ten_minutes_nothing_will(house, staff) -> None:
    desk = house.open()
    first, second = desk.login(click(1)), desk.login(click(2))
    staff.ask(first)
    house.stack.close()
    house.clock.forward(590)
    desk = house.open()
    staff.ask(second)
    house.stack.close()
    assert staff.heard(first).outcome is None
    house.clock.forward(20)

    desk = house.open()
    desk.upkeep.repair()
    Obeying(desk.visits).round()

    assert (staff.heard(first).outcome, staff.heard(second).outcome) == (Outcome.VOID, Outcome.ENFORCED)
    assert inside(house) == {"127.0.0.1"}


def test_what_cannot_be_stated_is_not_done(house, staff) -> None:
    desk = house.open()
    session = desk.login(click())

    def full(*_: object) -> None:
        raise SpoolError("the spool is full")

    staff.stated = type("Full", (list,), {"extend": full})()
    with pytest.raises(SpoolError):
        staff.ask(session)

    assert Obeying(desk.visits).round() == 0
    assert directives.of(house.settings, session.id) == []
    assert desk.current(client()) == session


@pytest.mark.slow
def test_a_row_that_was_never_stated_is_not_taken(house, staff, monkeypatch) -> None:
    """As if the asker had died between the row and its fact."""
    desk = house.open()
    session = desk.login(click())

    class Died(BaseException):
        pass

    def die(*_: object) -> None:
        raise Died

    staff.stated = type("Dead", (list,), {"extend": die})()
    with monkeypatch.context() as patch:
        patch.setattr(directives.sa, "delete", die)
        with pytest.raises(Died):
            staff.ask(session)

    assert Obeying(desk.visits).round() == 0
    house.clock.forward(601)
    Obeying(desk.visits).round()
    assert staff.heard(session).outcome is Outcome.VOID
    assert desk.current(client())


@pytest.mark.slow
def test_a_restart_in_the_middle_is_said_and_the_door_is_closed(house, staff, monkeypatch) -> None:
    desk = house.open()
    session = desk.login(click())
    staff.ask(session)

    class Crash(BaseException):
        pass

    def crash(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr("captive_portal.staff.obeying.submit", crash)
        with pytest.raises(Crash):
            Obeying(desk.visits).round()

    desk = house.restart()
    desk.upkeep.repair()
    Obeying(desk.visits).round()

    assert (staff.heard(session).outcome, inside(house)) == (Outcome.UNSURE, set())
    assert [each["outcome"] for each in directed(house)] == ["unsure"]


@pytest.mark.slow
def test_what_is_done_is_stated_later_and_once_where_it_cannot_be_stated_now(house, staff, monkeypatch) -> None:
    desk = house.open()
    session = desk.login(click())
    staff.ask(session)
    obeying = Obeying(desk.visits)

    def full(*_: object) -> None:
        raise SpoolError("the spool is full")

    with monkeypatch.context() as patch:
        patch.setattr("captive_portal.staff.obeying.submit", full)
        for _ in range(2):
            with pytest.raises(SpoolError):
                obeying.round()
    assert inside(house) == set()
    obeying.round()

    assert [each["outcome"] for each in directed(house)] == ["enforced"]
    assert staff.heard(session).outcome is Outcome.ENFORCED


# ---- who was put out
@pytest.mark.parametrize("restarted", [False, True])
def test_a_known_device_that_was_put_out_comes_in_by_a_login_only(house, staff, restarted) -> None:
    desk = house.open()
    session = desk.login(click())

    def recognise(_shown, now_ms: int) -> Grant:
        return Grant(method="returning", until_ms=now_ms + 3_600_000, agreed=CONSENT)

    def known(desk) -> bool:
        desk.methods["click_through"].recognise = recognise
        return Arrivals(desk).knows(client())

    staff.ask(session)
    Obeying(desk.visits).round()
    if restarted:
        desk = house.restart()

    assert not known(desk)
    assert desk.was_put_out(client())
    assert desk.welcome(client()) is None
    assert not desk.was_put_out(client(2))

    assert isinstance(desk.login(click()), Session)
    assert not desk.was_put_out(client())
    desk.logout(client())
    assert known(desk)
    if restarted:
        assert not house.restart().was_put_out(client())


@pytest.mark.slow
def test_the_sentence_is_for_a_day(house, staff) -> None:
    desk = house.open()
    staff.ask(desk.login(click()))
    Obeying(desk.visits).round()
    house.clock.forward(86_399)
    assert desk.was_put_out(client())
    house.clock.forward(2)

    assert not desk.was_put_out(client())
    assert not house.restart().was_put_out(client())
