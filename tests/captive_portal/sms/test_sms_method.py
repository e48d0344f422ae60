"""Phone and code: the two steps, what a device may try, and what the page may tell."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace

import pytest
import sqlalchemy as sa

from captive_portal.errors import RecordsError
from captive_portal.methods.sms import WAIT_S, WAITERS
from captive_portal.model import Grant
from captive_portal.sms import providers
from captive_portal.sms.providers import Answer, Came
from captive_portal.sms.tables import BUDGET, CODE, SENT
from captive_portal.verdict import Ask, Refusal, Why
from inventory.errors import SqlError
from netops.errors import SpoolError

PHONE, E164 = "138 0013 8000", "+8613800138000"
OTHER = "13900139000"


def ask(counter, device: int = 1, phone: str = PHONE) -> Ask:
    asked = counter.press(device, phone=phone)
    assert isinstance(asked, Ask), asked
    return asked


def code(counter, phone: str = E164) -> str:
    return counter.providers[0].code(phone)


def wrong(right: str) -> str:
    return f"{(int(right) + 1) % 10 ** len(right):0{len(right)}d}"


def rows(counter, table) -> list:
    return counter.store.read(lambda connection: connection.execute(sa.select(table)).all())


# ---- the way in
def test_a_number_then_its_code_lets_a_device_in(counter) -> None:
    asked = ask(counter)
    grant = counter.press(otp=code(counter))

    assert (asked.template, asked.wrong, asked.values["masked"]) == ("portal/sms_code.html", None, "138••••8000")
    assert asked.values["handing"] == "handed"
    assert isinstance(grant, Grant)
    assert (grant.method, grant.until_ms) == ("sms", counter.clock.now_ms() + 3_600_000)
    assert len(grant.person) == 32
    assert counter.resume() is None


def test_the_message_says_the_code_and_how_long_it_lasts(counter) -> None:
    ask(counter)
    (message,) = counter.providers[0].messages

    assert re.fullmatch(r"\d{8}", message.code)
    assert message.code in message.text
    assert "5 分钟" in message.text
    assert len(message.text) <= 70, "one message, not two"
    assert message.code not in repr(message)
    assert "138" not in repr(message)


@pytest.mark.parametrize("digits", [6, 8])
def test_a_policy_chooses_how_many_digits(counter, digits) -> None:
    counter.digits = digits
    ask(counter)

    assert len(code(counter)) == digits
    assert isinstance(counter.press(otp=code(counter)), Grant)


@pytest.mark.parametrize("dress", ["{}", " {} ", "{0[0]} {0[1]}-{0[2]}", "\u202a{}\u202c"])
def test_a_code_is_taken_as_people_type_it(counter, dress) -> None:
    ask(counter)
    plain = code(counter)
    typed = dress.format((plain[:3], plain[3:5], plain[5:])) if "[0]" in dress else dress.format(plain)

    assert isinstance(counter.press(otp=typed), Grant)


@pytest.mark.parametrize("zero", ["\uff10", "\u0660", "\u06f0", "\u0966"])
def test_a_code_in_other_digits_is_the_same_code(counter, zero) -> None:
    ask(counter)

    assert isinstance(counter.press(otp="".join(chr(ord(zero) + int(each)) for each in code(counter))), Grant)


def test_the_same_number_is_the_same_person_on_every_device_and_in_every_spelling(counter) -> None:
    people = set()
    for device, typed in enumerate((PHONE, "+86 13800138000", "１３８００１３８０００"), start=1):
        counter.clock.forward(61)
        ask(counter, device, typed)
        people.add(counter.press(device, otp=code(counter)).person)

    assert len(people) == 1


def test_nothing_that_is_kept_holds_number_or_code_in_clear(counter) -> None:
    ask(counter)
    written = (counter.settings.data.dir / "portal.db").read_bytes()

    for secret in (code(counter), "13800138000", "8613800138000"):
        assert secret.encode() not in written
        assert secret not in repr(rows(counter, CODE)) + repr(rows(counter, SENT)) + repr(rows(counter, BUDGET))


# ---- three tries, five minutes, one use, one device
def test_three_tries_and_no_more(counter) -> None:
    ask(counter)
    right = code(counter)
    tries = [counter.press(otp=wrong(right)) for _ in range(3)]

    assert [each.wrong for each in tries] == [Why.WRONG_CODE, Why.WRONG_CODE, Why.CODE_OVER]
    assert [each.values["left"] for each in tries] == ["2", "1", "0"]
    assert counter.press(otp=right).wrong is Why.CODE_OVER


@pytest.mark.parametrize("slip", ["", "1234", "1234567a", "123456789", "一二三四五六七八", "x" * 500])
def test_what_cannot_be_a_code_costs_no_try(counter, slip) -> None:
    ask(counter)

    answers = [counter.press(otp=slip) for _ in range(5)]

    assert {each.wrong for each in answers} == {Why.WRONG_CODE}
    assert {each.values["left"] for each in answers} == {"3"}
    assert isinstance(counter.press(otp=code(counter)), Grant)


def test_a_code_is_good_for_five_minutes_and_its_device_is_led_back_for_ten(counter) -> None:
    ask(counter)
    right = code(counter)
    counter.clock.forward(300)

    late = counter.press(otp=right)

    assert (late.wrong, late.values["good"]) == (Why.CODE_OVER, "")
    counter.clock.forward(299)
    assert counter.resume().values["masked"] == "138••••8000"
    counter.clock.forward(1)
    assert counter.resume() is None
    assert counter.press(otp=right) == Refusal(why=Why.CODE_OVER)


def test_a_code_is_good_for_one_login(counter) -> None:
    ask(counter)
    right = code(counter)

    assert isinstance(counter.press(otp=right), Grant)
    assert counter.press(otp=right) == Refusal(why=Why.CODE_OVER)


def test_a_code_is_of_no_use_to_another_device(counter) -> None:
    ask(counter, 1)
    counter.clock.forward(61)
    ask(counter, 2, OTHER)

    assert counter.press(2, otp=code(counter)).wrong is Why.WRONG_CODE
    assert counter.press(3, otp=code(counter)) == Refusal(why=Why.CODE_OVER)
    assert isinstance(counter.press(1, otp=code(counter)), Grant)


def test_a_new_code_ends_the_one_before(counter) -> None:
    ask(counter)
    first = code(counter)
    counter.clock.forward(61)
    again = counter.press(again="yes")

    assert again.wrong is None
    assert counter.press(otp=first).wrong is Why.WRONG_CODE
    assert isinstance(counter.press(otp=code(counter)), Grant)


@pytest.mark.parametrize("digits", [8, pytest.param(6, marks=pytest.mark.slow)])
def test_a_thousand_tries_at_once_are_three(counter, together, digits) -> None:
    """S8: of a thousand guesses in parallel, the right one among them or not, three are judged."""
    counter.digits = digits
    ask(counter)
    right = int(code(counter))
    judged = []
    judge = counter.method._book.attempt

    def watched(*words):
        judged.append(judge(*words))
        return judged[-1]

    counter.method._book.attempt = watched
    guesses = together(1000, lambda n: counter.press(otp=f"{(right + 1 + n) % 10**digits:0{digits}d}"))

    assert sum(each.judged == "wrong" for each in judged) == 3
    assert sum(each.judged == "over" for each in judged) == 997
    assert not [each for each in guesses if isinstance(each, Grant)]


def test_the_right_code_many_times_at_once_lets_in_once(counter, together) -> None:
    ask(counter)
    right = code(counter)

    answers = together(64, lambda _: counter.press(otp=right))

    assert sum(isinstance(each, Grant) for each in answers) == 1


def test_tries_are_counted_over_a_crash(counter) -> None:
    ask(counter)
    right = code(counter)
    for _ in range(3):
        counter.press(otp=wrong(right))
        counter.restart()

    assert counter.press(otp=right).wrong is Why.CODE_OVER


@pytest.mark.parametrize("step_s", [-3600, -61, 3600])
def test_a_clock_that_steps_makes_no_code_last_longer(counter, step_s) -> None:
    ask(counter)
    right = code(counter)
    counter.clock.forward(step_s)

    answer = counter.press(otp=right)

    assert answer == Refusal(why=Why.CODE_OVER) or answer.wrong is Why.CODE_OVER


def test_a_clock_that_is_corrected_by_less_than_a_minute_is_forgiven(counter) -> None:
    ask(counter)
    counter.clock.forward(-59)

    assert isinstance(counter.press(otp=code(counter)), Grant)


# ---- the mini browser
def test_after_a_restart_the_same_device_is_led_back(counter) -> None:
    ask(counter)
    counter.restart()

    resumed = counter.resume()

    assert resumed.values["masked"] == "138••••8000"
    assert counter.resume(2) is None
    assert isinstance(counter.press(otp=code(counter)), Grant)


def test_pressing_the_button_twice_sends_one_message(counter, together) -> None:
    answers = together(8, lambda _: counter.press(phone=PHONE), threads=8)

    assert all(isinstance(each, Ask) or each.why is Why.TOO_OFTEN for each in answers)
    assert sum(isinstance(each, Ask) and each.wrong is None for each in answers) >= 6, "its limit lets six pass"
    assert len(counter.providers[0].messages) == 1


def test_asking_again_too_soon_stays_at_the_code_field_with_the_wait(counter) -> None:
    ask(counter)
    counter.clock.forward(20)
    asked = counter.press(again="yes")

    assert (asked.wrong, asked.values["again_s"]) == (Why.TOO_OFTEN, "40")
    assert isinstance(counter.press(otp=code(counter)), Grant)


def test_asking_again_without_a_code_begins_anew(counter) -> None:
    assert counter.press(again="yes") == Refusal(why=Why.CODE_OVER)


# ---- numbers
@pytest.mark.parametrize(
    ("typed", "why"), [("12345", Why.BAD_NUMBER), ("+852 9876 5432", Why.ABROAD), ("", Why.BAD_NUMBER)]
)
def test_a_number_that_is_not_served_is_refused_before_anything_is_counted(counter, typed, why) -> None:
    assert counter.press(phone=typed) == Refusal(why=why)
    assert rows(counter, SENT) == []


def test_a_policy_serves_other_countries(counter) -> None:
    counter.countries = ("86", "852")
    asked = counter.press(phone="98765432", country="852")

    assert asked.values["masked"] == "+852 ••••5432"
    assert counter.providers[0].messages[0].phone == "+85298765432"


# ---- when it goes wrong
def test_when_nobody_takes_the_message_the_page_says_so_and_nothing_is_used_up(counter, scripted) -> None:
    counter.providers = (
        scripted("a", lambda _: Answer(came=Came.AWAY)),
        scripted("b", lambda _: Answer(came=Came.REFUSED)),
    )
    counter.restart()

    assert counter.press(phone=PHONE) == Refusal(why=Why.UNSENT)
    assert (rows(counter, SENT), rows(counter, CODE)) == ([], [])
    assert [row.count for row in rows(counter, BUDGET)] == [0, 0, 0]
    assert counter.method.deliveries.totals == {
        **dict.fromkeys(counter.method.deliveries.totals, 0),
        "asked": 1,
        "unsent": 1,
    }


def test_when_nobody_knows_whether_it_was_taken_it_counts_and_its_code_is_good(counter, scripted) -> None:
    counter.providers = (scripted("a", lambda _: Answer(came=Came.UNSURE)),)
    counter.restart()
    asked = ask(counter)

    assert asked.values["handing"] == "unsent"
    assert len(rows(counter, SENT)) == 1
    assert isinstance(counter.press(otp=code(counter)), Grant)


def test_a_slow_provider_holds_up_no_page(counter, scripted) -> None:
    """R19: what a provider does in ten seconds, the page does not wait for; it says so when it is known."""
    go = threading.Event()
    counter.providers = (
        scripted("slow", lambda _: Answer(came=Came.TAKEN) if go.wait(20) else Answer(came=Came.AWAY)),
    )
    counter.restart()
    began = time.monotonic()
    asked = ask(counter)
    took = time.monotonic() - began
    go.set()

    assert asked.values["handing"] == "asked"
    assert WAIT_S <= took < WAIT_S + 1.5


def test_only_so_many_pages_wait_for_a_slow_provider(counter, scripted) -> None:
    """R19: the portal's threads are not all held up by one who does not answer."""
    go = threading.Event()
    counter.providers = (scripted("slow", lambda _: Answer(came=Came.TAKEN if go.wait(20) else Came.AWAY)),)
    counter.restart()
    held = counter.method._waiters
    for _ in range(WAITERS):
        held.acquire()
    began = time.monotonic()
    asked = ask(counter)
    took = time.monotonic() - began
    for _ in range(WAITERS):
        held.release()
    go.set()

    assert asked.values["handing"] == "asked"
    assert took < WAIT_S


@pytest.mark.parametrize("trouble", [SpoolError, RecordsError, SqlError])
def test_a_person_who_cannot_be_recorded_is_not_let_in_and_keeps_the_code(counter, trouble) -> None:
    class Away:
        broken = True

        def keep(self, _kind: str, value: str) -> bytes:
            if self.broken:
                raise trouble("the disk is full")
            return value.encode().rjust(32)

    counter.persons = Away()
    counter.restart()
    ask(counter)
    with pytest.raises(trouble):
        counter.press(otp=code(counter))
    Away.broken = False

    assert counter.press(otp=code(counter)).person.strip() == E164.encode()


def test_what_is_past_is_deleted_the_sealed_number_first(counter) -> None:
    ask(counter)
    counter.clock.forward(601)
    counter.method.tend(lambda _: None, counter.clock.now_ms())

    assert (len(rows(counter, CODE)), len(rows(counter, SENT))) == (0, 1)
    counter.clock.forward(3 * 86_400)
    counter.method.tend(lambda _: None, counter.clock.now_ms())
    assert (rows(counter, SENT), rows(counter, BUDGET)) == ([], [])


def test_without_a_provider_production_says_so_and_a_rehearsal_has_an_outbox(counter, settings) -> None:
    real = replace(settings, city=replace(settings.city, rehearsal=False))

    assert providers.make(real) == ()
    assert [each.name for each in providers.make(settings)] == ["outbox"]
