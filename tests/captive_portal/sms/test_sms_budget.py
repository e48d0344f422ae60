"""S9: what may go out, to a number, for a device, from a site and the city: many at once, and over time."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as some

from captive_portal.methods.sms import Sms
from captive_portal.sms import budget
from captive_portal.sms.book import Book
from captive_portal.sms.budget import Denied, Spent
from captive_portal.sms.code import Judged, Pending
from captive_portal.sms.providers import Answer, Came, Message
from captive_portal.sms.tables import SENT
from captive_portal.verdict import Ask, Refusal, Why
from netops.texting import Sms as Caps

HOUR, DAY = 3_600_000, 86_400_000


def wanted(
    number: int, device: int, now_ms: int, *, site: str = "site-1", carrier: str = "cn-mobile", mark: int = 0
) -> Pending:
    return Pending(
        id=f"{mark:08x}{number % 65536:04x}{device % 65536:04x}",
        identity=device.to_bytes(32, "big"),
        number=number.to_bytes(32, "big"),
        masked="",
        sealed=b"",
        site=site,
        carrier=carrier,
        hash=b"",
        digits=8,
        asked_ms=now_ms,
    )


def phones(counter) -> list[str]:
    return [each.phone for each in counter.providers[0].messages]


# ---- many at once
@pytest.mark.parametrize(
    ("caps", "whose", "carrier", "passes"),
    [
        ({"number_every_s": 0}, (lambda _: 7, lambda n: n, lambda _: "s"), "cn-mobile", 5),
        ({}, (lambda _: 7, lambda n: n, lambda _: "s"), "cn-mobile", 1),
        ({}, (lambda n: n, lambda _: 7, lambda _: "s"), "cn-mobile", 2),
        ({"site_per_hour": 37}, (lambda n: n, lambda n: n, lambda _: "s"), "cn-mobile", 37),
        ({"city_per_hour": 41}, (lambda n: n, lambda n: n, lambda n: f"s{n}"), "cn-mobile", 41),
        ({"city_per_day": 43}, (lambda n: n, lambda n: n, lambda n: f"s{n}"), "cn-mobile", 43),
        ({"abroad_per_day": 11}, (lambda n: n, lambda n: n, lambda n: f"s{n}"), "abroad", 11),
    ],
    ids=["number a day", "number a minute", "device", "site", "city an hour", "city a day", "abroad"],
)
@pytest.mark.parametrize("requests", [150, pytest.param(1000, marks=pytest.mark.slow)])
def test_many_requests_at_once_never_pass_a_cap(counter, together, requests, *, caps, whose, carrier, passes) -> None:
    number, device, site = whose
    book, now_ms = Book(counter.store, replace(counter.settings.sms, **caps)), counter.clock.now_ms()

    answers = together(
        requests,
        lambda n: book.reserve(wanted(number(n), device(n), now_ms, site=site(n), carrier=carrier, mark=n), now_ms),
    )

    assert sum(isinstance(each, int) for each in answers) == passes
    assert counter.store.read(lambda c: c.execute(sa.select(sa.func.count()).select_from(SENT)).scalar()) == passes


def test_bombing_one_number_from_many_devices_and_sites_rings_it_once_a_minute_and_five_times_a_day(counter) -> None:
    for minute in range(30):
        for device in range(4):
            counter.press(minute * 10 + device, site=f"site-{device}", phone="13800138000")
        counter.clock.forward(60)

    assert phones(counter) == ["+8613800138000"] * 5
    counter.clock.forward(DAY // 1000 - 30 * 60)
    assert isinstance(counter.press(999, phone="13800138000"), Ask), "the first of them is a day ago"
    counter.clock.forward(59)
    assert counter.press(1000, phone="13800138000").why is Why.USED_TODAY


def test_the_codes_of_a_number_and_day_leave_a_guesser_fifteen_tries(counter) -> None:
    """S8: P < 1e-6 a number and day with eight digits."""
    judged = []
    attempt = counter.method._book.attempt
    counter.method._book.attempt = lambda *words: judged.append(attempt(*words)) or judged[-1]
    for device in range(60):
        counter.press(device, phone="13800138000")
        for guess in range(5):
            counter.press(device, otp=f"{guess:08d}")
        counter.clock.forward(61)

    tries = sum(each.judged == "wrong" for each in judged)
    assert tries == 15
    assert tries / 10**8 < 1e-6


def test_one_device_waits_longer_from_its_third_code_on(counter) -> None:
    waits = []
    for n in range(8):
        while isinstance(asked := counter.press(1, phone=f"1380013800{n}"), Refusal) and asked.why is Why.TOO_OFTEN:
            waits.append((n, asked.wait_ms // 1000))
            counter.clock.forward(asked.wait_ms / 1000)
        assert isinstance(asked, Ask), asked

    assert waits == [(2, 300), (3, 900), (4, 1800), (5, 1800), (6, 1800), (7, 1800)]
    counter.clock.forward(1800)
    assert counter.press(1, phone="13800138009").why is Why.USED_TODAY


def test_the_refusal_says_how_long_to_wait(counter) -> None:
    counter.press(1, phone="13800138000")
    counter.clock.forward(15)

    assert counter.press(2, phone="13800138000") == Refusal(why=Why.TOO_OFTEN, wait_ms=45_000)


def test_a_full_site_says_when_its_hour_is_over_and_leaves_other_sites_alone(counter) -> None:
    counter.capped(site_per_hour=2)
    counter.restart()
    for n in range(2):
        counter.press(n, phone=f"1380013800{n}")

    full = counter.press(5, phone="13800138005")

    assert full == Refusal(why=Why.UNSENT, wait_ms=HOUR - counter.clock.now_ms() % HOUR)
    assert isinstance(counter.press(6, site="site-2", phone="13800138006"), Ask)
    counter.clock.forward(full.wait_ms / 1000)
    assert isinstance(counter.press(5, phone="13800138005"), Ask)


# ---- over crashes and clocks
def test_a_restart_refills_nothing(counter) -> None:
    for n in range(12):
        counter.press(n, phone="13800138000")
        counter.clock.forward(61)
        counter.restart()

    assert len(phones(counter)) == 5


def test_a_crash_between_reserving_and_sending_costs_a_message_and_never_gives_one(counter) -> None:
    class CrashError(BaseException):
        pass

    def crash(*_words, **_named) -> None:
        raise CrashError

    for n in range(5):
        counter.method._courier.put = crash
        with pytest.raises(CrashError):
            counter.press(n, phone="13800138000")
        counter.restart()
        counter.clock.forward(61)

    assert counter.press(9, phone="13800138000").why is Why.USED_TODAY
    assert phones(counter) == []


def test_a_crash_between_sending_and_noting_it_keeps_the_code_good(counter) -> None:
    counter.method._book.note = lambda *_: None
    counter.press(1, phone="13800138000")
    counter.restart()

    assert counter.resume(1).values["handing"] == "asked"
    assert counter.press(1, otp=counter.providers[0].code("+8613800138000")).method == "sms"


@pytest.mark.parametrize("step_s", [-DAY // 1000, -3600, -1])
def test_a_clock_that_steps_back_refills_nothing(counter, step_s) -> None:
    for n in range(5):
        counter.press(n, phone="13800138000")
        counter.clock.forward(61)
    counter.clock.forward(step_s)

    assert counter.press(9, phone="13800138000").why is Why.USED_TODAY
    for n in range(40):
        counter.clock.forward(1500)
        counter.press(10 + n, phone="13800138000")
    assert len(phones(counter)) == 5


def test_a_clock_that_jumps_ahead_for_a_while_refills_nothing(counter) -> None:
    for n in range(5):
        counter.press(n, phone="13800138000")
        counter.clock.forward(61)
    counter.clock.forward(23 * 3600)
    counter.method.tend(lambda _: None, counter.clock.now_ms())
    counter.clock.forward(-23 * 3600)

    assert counter.press(9, phone="13800138000").why is Why.USED_TODAY


def test_a_clock_that_steps_back_locks_nobody_out_for_longer_than_the_wait(counter) -> None:
    counter.press(1, phone="13800138000")
    counter.clock.forward(-7200)

    assert counter.press(2, phone="13800138000") == Refusal(why=Why.TOO_OFTEN, wait_ms=60_000)
    counter.clock.forward(60)
    assert isinstance(counter.press(2, phone="13800138000"), Ask)


# ---- another provider
def test_a_message_that_may_have_been_taken_counts_twice_when_it_goes_to_another(counter, scripted) -> None:
    counter.providers = (scripted("a", lambda _: Answer(came=Came.UNSURE)), scripted("b"))
    counter.restart()
    for n in range(9):
        counter.press(n, phone="13800138000")
        counter.clock.forward(61)

    rang = Counter(each.phone for provider in counter.providers for each in provider.messages)
    assert rang == {"+8613800138000": 5}
    assert [len(provider.messages) for provider in counter.providers] == [3, 2], "the last may not be repeated"


def test_a_message_that_surely_went_nowhere_is_given_back_to_all_its_counts(counter, scripted) -> None:
    counter.capped(site_per_hour=1, number_per_day=1)
    counter.providers = (scripted("a", lambda _: Answer(came=Came.AWAY)),)
    counter.restart()
    assert counter.press(1, phone="13800138000") == Refusal(why=Why.UNSENT)
    counter.providers[0].does = None

    assert isinstance(counter.press(1, phone="13800138000"), Ask)
    assert isinstance(counter.press(2, phone="13800138001"), Refusal)


@pytest.mark.parametrize("late", [False, True], ids=["once it is refused", "while the provider is asked"])
def test_a_refused_code_gives_nobody_more_tries_than_the_day_has(counter, scripted, monkeypatch, late) -> None:
    monkeypatch.setattr("captive_portal.methods.sms.WAIT_S", 0)
    said = threading.Semaphore(0)

    def refuse(_: Message) -> Answer:
        assert said.acquire(timeout=5)
        return Answer(came=Came.REFUSED)

    counter.providers = (scripted("a", refuse),)
    counter.restart()
    book, given, judged = counter.method._book, threading.Semaphore(0), []
    give_back, attempt = book.give_back, book.attempt
    book.give_back = lambda sent: (give_back(sent), given.release())
    book.attempt = lambda *words: judged.append(attempt(*words)) or judged[-1]

    for n in range(12):  # devices for one number: a device's own cap is another bound
        if isinstance(counter.press(n, phone="13800138000"), Ask):
            for refused in (not late, late):
                if refused:
                    said.release()
                    assert given.acquire(timeout=5)
                else:
                    assert all(counter.press(n, otp=f"{guess:08d}") for guess in range(3))
            code = counter.providers[0].messages[-1].code
            assert counter.press(n, otp=code).wrong is Why.CODE_OVER, "nobody was sent it"
        counter.clock.forward(61)

    tries = sum(each.judged is Judged.WRONG for each in judged)
    assert tries == (15 if late else 0)
    assert len(counter.providers[0].messages) == (5 if late else 12), "what nobody tried is given back"


def test_a_flood_of_one_device_ends_before_the_database(counter) -> None:
    answers = [counter.press(1, phone="nonsense") for _ in range(20)]

    assert [each.why for each in answers] == [Why.BAD_NUMBER] * 6 + [Why.TOO_OFTEN] * 14
    assert isinstance(counter.method, Sms)


# ---- laws
TIMES = some.lists(some.integers(min_value=0, max_value=2 * DAY), max_size=12).map(lambda found: tuple(sorted(found)))


@given(TIMES, TIMES, some.integers(min_value=0, max_value=2 * DAY))
@profile(max_examples=100)
def test_who_waits_as_told_is_not_told_to_wait_again(number_ms, client_ms, now_ms) -> None:
    caps = Caps()

    def at(when: int) -> Denied | None:
        kept = [tuple(each for each in times if when - DAY < each <= now_ms) for times in (number_ms, client_ms)]
        return budget.denied(caps, Spent(number_ms=kept[0], client_ms=kept[1], counts={}), when)

    when, told = now_ms, at(now_ms)
    for _ in range(4):  # the day's cap, then the wait of the code before it
        if told is None:
            break
        assert 0 < told.wait_ms <= DAY
        when += told.wait_ms
        told = at(when)
    assert told is None


@given(some.lists(some.integers(min_value=0, max_value=3 * DAY), min_size=1, max_size=60))
@profile(max_examples=100)
def test_no_number_gets_more_than_five_in_any_day_nor_two_within_a_minute(steps) -> None:
    caps, sent = Caps(), []
    now_ms = 0
    for step in steps:
        now_ms += step // 40
        spent = Spent(number_ms=tuple(each for each in sent if each > now_ms - DAY), client_ms=(), counts={})
        if budget.denied(caps, spent, now_ms) is None:
            sent.append(now_ms)

    assert all(later - earlier >= 60_000 for earlier, later in itertools.pairwise(sent))
    assert all(later - earlier >= DAY for earlier, later in zip(sent[:-5], sent[5:], strict=True))
