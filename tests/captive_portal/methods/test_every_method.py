"""The promises of every way in, asked of each: what opens opens once, for one device, in its time, and says nothing.

A method of the map that is not in `WAYS` fails the last test. Each row says how a visitor gets to the request that lets
in (`last`), and a wrong guess at it; every test asks all rows, through the pages, by browsers that keep nothing.
"""

from __future__ import annotations

import html
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
import sqlalchemy as sa

from captive_portal import code as codes
from captive_portal import forms, tables
from captive_portal.errors import GatewayError
from captive_portal.methods import METHODS
from captive_portal.sms.code import LIFE_MS as SMS_LIFE_MS
from captive_portal.sms.code import TRIES
from captive_portal.vouchers import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Sheet = Any
Step = Any
HOUR_S = 3600
GUESSES = 14
HOSTILE = {
    "empty": "",
    "blank": " \t ",
    "nul": "%00",
    "sql": quote("' OR 1=1 --"),
    "script": quote("<script>alert(1)</script>\"'"),
    "template": quote("{{7*'7'}}${7*7}%(x)s"),
    "long": "9" * 20_000,
    "not-utf8": "%ff%fe%80",
    "right-to-left": quote("\u202e\u0000\ufeff"),
    "new-line": "%0d%0aSet-Cookie:%20a=b",
    "path": quote("../../../../etc/passwd"),
    "other-digits": quote("１２３４５６७८"),
    "astral": quote("😀" * 50),
}


@dataclass(frozen=True)
class Way:
    """How a visitor gets in by one method. `bearer`: nothing but the form's own token makes the step this device's."""

    last: Callable[[Any, Sheet], Step]
    guess: Callable[[Any, Sheet, Step, int], Step] | None
    life_s: float  # the step is not good for longer
    fields: tuple[tuple[dict[str, str], str], ...] = ()  # (form, field): what a visitor can type or send
    judged: str = ""  # the field in which the secret is
    identifies: bool = False
    again: bool = False  # whether the same device may do the same again: there is no secret in it
    waiting: str = ""  # what a fresh look at the page shows while the last step is still to come


def _click(_square, _sheet) -> Step:
    return made("/login", {"method": "click_through"})


def _voucher(square, _sheet) -> Step:
    code = square.voucher()
    return made("/login", {"method": "voucher", "code": code}, (code, code.replace("-", "")))


def _phone(sheet: Sheet) -> str:
    _, _, third, fourth = map(int, sheet.address.split("."))
    return f"1380013{third * 250 + fourth:04d}"


def _sms(square, sheet) -> Step:
    phone = _phone(sheet)
    asked = sheet.take(made("/login", {"method": "sms", "phone": phone}))
    assert asked.status_code == 200, asked.text
    code = square.message(phone)
    return made("/login", {"method": "sms", "otp": code}, (code, phone))


def _account(square, sheet) -> Step:
    answer = sheet.take(made("/login", {"method": "oidc", "provider": "city"}))
    address = html.unescape(re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', answer.text)[1])
    back = square.institution.sign_in(address)
    query = parse_qs(urlsplit(back).query)
    kept = (query["code"][0], query["state"][0].partition(".")[0], "lin@staff.example")
    language = made(f"{back}&lang=en", None, kept)
    assert language.named()["lang"] == "en"
    return language


def _comeback(square, sheet) -> Step:
    code = square.voucher(seconds=30 * 86_400, single_use=False)
    assert sheet.take(made("/login", {"method": "voucher", "code": code})).status_code == 303
    square.pass_(HOUR_S + 1)
    assert not sheet.online
    return made("/")


def _other_voucher(_square, _sheet, step: Step, _number: int) -> Step:
    return step.but(code=codes.shown(codes.fresh()))


def _other_code(_square, _sheet, step: Step, number: int) -> Step:
    right = step.form["otp"]
    return step.but(otp=str((int(right) + number + 1) % 10 ** len(right)).zfill(len(right)))


def _other_state(_square, _sheet, step: Step, number: int) -> Step:
    return step.but(state=f"{number:043d}.en", code=f"guess-{number}")


def _in_a_circle(_square, sheet: Sheet, step: Step, _number: int) -> Step:
    """What has no secret cannot be guessed; it can be done in a circle."""
    if sheet.online:
        sheet.leaves()
    return step


def made(path: str, form: dict[str, str] | None = None, secret: tuple[str, ...] = ()) -> Step:
    return STEP(path, form, secret)


STEP: Any = None


@pytest.fixture(autouse=True, scope="module")
def _steps(whole_square) -> Iterator[None]:
    global STEP  # noqa: PLW0603  (the class is the conftest's, which cannot be imported)
    STEP = whole_square.step
    yield
    STEP = None


CODE = {"method": "voucher", "code": "K7Q2M9XW4TR3HDB"}
PHONE = {"method": "sms", "phone": "139", "country": "86"}
OTP = {"method": "sms", "otp": "1"}
AGAIN = {"method": "sms", "again": "yes"}
BUTTON = {"method": "oidc", "provider": "nobody"}
WAYS: dict[str, Way] = {
    "click_through": Way(_click, _in_a_circle, forms.LIFE_MS / 1000, again=True),
    "voucher": Way(_voucher, _other_voucher, DAY_MS / 1000, ((CODE, "code"),), "code"),
    "sms": Way(
        _sms,
        _other_code,
        SMS_LIFE_MS / 1000,
        ((PHONE, "phone"), (PHONE, "country"), (OTP, "otp"), (AGAIN, "again")),
        "otp",
        identifies=True,
        waiting='name="otp"',
    ),
    "oidc": Way(
        _account,
        _other_state,
        600,
        ((BUTTON, "provider"), (BUTTON, "state"), (BUTTON, "code"), (BUTTON, "iss"), (BUTTON, "error")),
        "code",
        identifies=True,
    ),
    "returning": Way(_comeback, None, 7 * 86_400, (({"method": "returning"}, "code"),)),
}
every_way = pytest.mark.parametrize("name", sorted(WAYS))


def row(square, session) -> Any:
    wanted = sa.select(tables.SESSION).where(tables.SESSION.c.id == session.id)
    return square.desk.store.read(lambda connection: connection.execute(wanted).one())


def consent(square, session) -> Any:
    wanted = sa.select(tables.CONSENT).where(tables.CONSENT.c.session == session.id)
    return square.desk.store.read(lambda connection: connection.execute(wanted).one())


@every_way
def test_who_shows_it_is_in_without_a_cookie_with_a_record_and_a_consent(square, name: str) -> None:
    sheet = square.sheet()
    step = WAYS[name].last(square, sheet)
    assert not sheet.online

    answer = sheet.take(step)

    assert answer.status_code == 303 or step.path == "/"
    assert sheet.online
    kept, agreed = row(square, sheet.session), consent(square, sheet.session)
    assert kept.method == name
    assert kept.until_ms > square.clock.now_ms()
    assert (kept.person is not None) == WAYS[name].identifies
    assert agreed.terms
    assert len(agreed.digest) == 64
    assert agreed.channel == ("returning" if name == "returning" else "portal")


@every_way
def test_what_opened_for_one_device_opens_for_no_other(square, name: str) -> None:
    way, sheet, thief = WAYS[name], square.sheet(), square.sheet()
    step = way.last(square, sheet)
    token = sheet.token() if step.form is not None else ""

    thief.take(step, token)  # the request as it was on the air, before and after it was used
    assert not thief.online
    sheet.take(step, token)
    assert sheet.online
    thief.take(step, token)
    assert not thief.online
    if not way.again:
        thief.take(step)  # and with a form of the thief's own
        assert not thief.online


@every_way
def test_it_opens_once(square, name: str) -> None:
    way, sheet = WAYS[name], square.sheet()
    step = way.last(square, sheet)
    sheet.take(step)
    first = sheet.session
    sheet.leaves()

    sheet.take(step)

    assert sheet.online == way.again
    if way.again:
        assert sheet.session.id != first.id, "another visit, with a record of its own"
        assert consent(square, sheet.session).at_ms


@every_way
def test_it_opens_in_its_time_only(square, name: str) -> None:
    way, sheet, late = WAYS[name], square.sheet(), square.sheet()
    begun_ms = square.clock.now_ms()
    step = way.last(square, sheet)
    token = sheet.token() if way.again else ""
    since_s = (square.clock.now_ms() - begun_ms) / 1000
    square.clock.forward(way.life_s - since_s - 1)
    if name != "oidc":  # its provider lives by the true clock: an answer of its last minute is no fresh one
        sheet.take(step, token)
        assert sheet.online, "in the last second"

    step = way.last(square, late)
    token = late.token() if way.again else ""
    square.clock.forward(way.life_s + 1)
    late.take(step, token)

    assert not late.online


@every_way
def test_who_guesses_is_made_to_wait_and_nobody_else_is(square, name: str) -> None:
    way, sheet, other = WAYS[name], square.sheet(), square.sheet()
    step = way.last(square, sheet)
    guesser, told = (sheet if way.guess else square.sheet()), set()  # a known device is in when it looks
    for number in range(GUESSES):
        wrong = way.guess(square, sheet, step, number) if way.guess else made("/login", {"method": name})
        answer = guesser.take(wrong)
        told.add(answer.status_code)
        assert answer.status_code < 500
        if not way.again:
            assert not guesser.online

    sheet.take(step)

    if way.guess is None:  # nothing can be guessed where nothing is typed: it is refused each time
        assert told == {422}
        assert not guesser.online
        assert sheet.online
        return
    assert not sheet.online, "what is right comes too late"
    assert told & {422, 429}
    assert other.take(way.last(square, other)).status_code == 303
    assert other.online


@every_way
def test_a_code_is_tried_a_few_times_and_no_more(square, name: str) -> None:
    way, sheet = WAYS[name], square.sheet()
    if way.guess is None or way.again:
        assert not way.judged, "what is typed can be guessed"
        return
    step = way.last(square, sheet)
    for number in range(TRIES - 1):
        sheet.take(way.guess(square, sheet, step, number))
        assert not sheet.online

    sheet.take(step)

    assert sheet.online, "who mistypes twice is not shut out"


def taken_up_again(square, name: str, *, restart: bool = False) -> None:
    way, sheet = WAYS[name], square.sheet()
    step = way.last(square, sheet)
    if restart:
        square.open(again=True)
    if step.path != "/":
        shown = sheet.home()
        assert way.waiting in shown
        assert not sheet.online
    sheet.take(step)

    assert sheet.online
    assert "online" in sheet.home()


@every_way
def test_a_login_goes_on_after_the_sheet_was_closed(square, name: str) -> None:
    taken_up_again(square, name)


@pytest.mark.slow
@every_way
def test_a_login_goes_on_after_the_portal_was_restarted(own_square, name: str) -> None:
    taken_up_again(own_square, name, restart=True)


def tries_again(square, sheet: Sheet, name: str, step: Step) -> None:
    """Do what a visitor does whom our own gateway has let down; who has proved it is known when the page is opened."""
    sheet.home()
    if not sheet.online:
        sheet.take(WAYS[name].last(square, sheet) if name in {"sms", "oidc"} else step)


@every_way
def test_nobody_is_in_whose_gateway_is_away_and_a_fresh_try_works(square, name: str, monkeypatch) -> None:
    way, sheet = WAYS[name], square.sheet()
    step = way.last(square, sheet)

    def away(*_: object) -> None:
        raise GatewayError("gate /run/gate.sock: no answer to 'allow'; is `gate` running?")

    with monkeypatch.context() as broken:
        broken.setattr(square.desk.gateway, "allow", away)
        answer = sheet.take(step)
        assert not sheet.online
        assert answer.status_code in {200, 503}  # the page of a known device that has to ask, or "not now"

    square.pass_(61)  # a code is sent each minute at most
    tries_again(square, sheet, name, step)
    assert sheet.online


@every_way
def test_no_log_and_no_file_holds_who_it_was_or_what_was_shown(square, name: str, monkeypatch, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    way, sheet = WAYS[name], square.sheet()
    step = way.last(square, sheet)
    if way.guess is not None and not way.again:
        sheet.take(way.guess(square, sheet, step, 1))
    with monkeypatch.context() as broken:
        broken.setattr(square.desk.gateway, "allow", lambda *_: (_ for _ in ()).throw(GatewayError("gate away")))
        sheet.take(step)
    square.pass_(61)
    tries_again(square, sheet, name, step)
    assert sheet.online
    mac = sheet.client.mac
    sheet.leaves()

    said = "\n".join(f"{each.getMessage()} {each.exc_text or ''}" for each in caplog.records)
    assert said, "a gateway that is away is said"
    for personal in (*step.secret, mac, mac.replace(":", ""), sheet.address, "lin@", "staff.example"):
        assert personal not in said
    held = square.stored()
    assert len(held) > 10_000
    for secret in step.secret:
        if len(secret) > 8:  # eight digits are found in any megabyte
            assert secret.encode() not in held


@every_way
def test_of_a_name_given_twice_the_first_counts_and_the_second_is_no_further_try(square, name: str) -> None:
    way = WAYS[name]
    judged = way.judged or ("method" if way.again else "")
    if not judged:
        assert WAYS[name].guess is None
        return
    for right_first in (False, True):
        sheet = square.sheet()
        step = way.last(square, sheet)
        right, wrong = step.named()[judged], "nothing"
        pair = (right, wrong) if right_first else (wrong, right)

        answer = sheet.take_twice_named(step, judged, *pair)

        assert answer.status_code < 500
        assert sheet.online == right_first


@pytest.mark.slow
@every_way
def test_no_field_takes_what_is_hostile(square, name: str) -> None:
    """By the octets: what a browser would never send is sent as well."""
    sheets = iter([])
    for form, field in (*WAYS[name].fields, ({"method": name}, "token"), ({"method": name}, "method")):
        for kind, octets in HOSTILE.items():
            sheet = next(sheets, None)
            if sheet is None:  # a device may try twelve times: the method itself is to be asked each time
                device = square.sheet()
                token = device.token()
                sheets = iter([device] * 9)
                sheet = device
            plain = {**form, "token": token}
            body = "&".join(f"{key}={octets if key == field else quote(value)}" for key, value in plain.items())
            body = body if field in plain else f"{body}&{field}={octets}"

            answer = sheet.ask("POST", "/login", body)

            assert answer.status_code < 500, (field, kind)
            assert not sheet.online or name == "click_through", (field, kind)
            assert "<script>alert" not in answer.text, (field, kind)
            assert "7777777" not in answer.text or kind == "long", (field, kind)
            assert "passwd" not in answer.headers.get("Location", ""), (field, kind)


@every_way
def test_what_comes_back_from_elsewhere_is_asked_of_methods_that_lead_there_only(square, name: str) -> None:
    """A link is no agreement to the terms: `/return/<method>` lets nobody in who did not leave from here."""
    sheet = square.sheet()
    step = WAYS[name].last(square, sheet) if name != "returning" else made("/")
    query = urlencode({**step.named(), "token": sheet.token()})

    thief = square.sheet()
    answer = thief.ask("GET", f"/return/{name}?{query}")

    assert answer.status_code in {303, 422}
    assert not thief.online
    assert not sheet.online


def test_every_method_of_the_map_is_in_this_suite(square) -> None:
    assert set(WAYS) == set(METHODS)
    assert set(square.desk.methods) == set(METHODS), "and its policy offers them all"
