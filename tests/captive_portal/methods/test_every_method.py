"""The promises of every way in, asked of each: what opens opens once, for one device, in its time, and says nothing.

Every test asks every method of the map, through the pages, by browsers that keep nothing; `ways.py` has a row for each.
"""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa

from captive_portal import tables
from captive_portal.errors import GatewayError
from captive_portal.methods import METHODS
from captive_portal.sms.code import TRIES

GUESSES = 14


def row(square, session) -> Any:
    wanted = sa.select(tables.SESSION).where(tables.SESSION.c.id == session.id)
    return square.desk.store.read(lambda connection: connection.execute(wanted).one())


def consent(square, session) -> Any:
    wanted = sa.select(tables.CONSENT).where(tables.CONSENT.c.session == session.id)
    return square.desk.store.read(lambda connection: connection.execute(wanted).one())


def test_who_shows_it_is_in_without_a_cookie_with_a_record_and_a_consent(square, way) -> None:
    sheet = square.sheet()
    step = way.last(square, sheet)
    assert not sheet.online

    answer = sheet.take(step)

    assert answer.status_code == 303 or step.path == "/"
    assert sheet.online
    kept, agreed = row(square, sheet.session), consent(square, sheet.session)
    assert kept.method == way.name
    assert kept.until_ms > square.clock.now_ms()
    assert (kept.person is not None) == way.identifies
    assert agreed.terms
    assert len(agreed.digest) == 64
    assert agreed.channel == ("returning" if way.name == "returning" else "portal")


def test_what_opened_for_one_device_opens_for_no_other(square, way) -> None:
    sheet, thief = square.sheet(), square.sheet()
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


def test_it_opens_once(square, way) -> None:
    sheet = square.sheet()
    step = way.last(square, sheet)
    sheet.take(step)
    first = sheet.session
    sheet.leaves()

    sheet.take(step)

    assert sheet.online == way.again
    if way.again:
        assert sheet.session.id != first.id, "another visit, with a record of its own"
        assert consent(square, sheet.session).at_ms


def test_it_opens_in_its_time_only(square, way) -> None:
    sheet, late = square.sheet(), square.sheet()
    begun_ms = square.clock.now_ms()
    step = way.last(square, sheet)
    token = sheet.token() if way.again else ""
    since_s = (square.clock.now_ms() - begun_ms) / 1000
    square.clock.forward(way.life_s - since_s - 1)
    if way.name != "oidc":  # its provider lives by the true clock: an answer of its last minute is no fresh one
        sheet.take(step, token)
        assert sheet.online, "in the last second"

    step = way.last(square, late)
    token = late.token() if way.again else ""
    square.clock.forward(way.life_s + 1)
    late.take(step, token)

    assert not late.online


def test_who_guesses_is_made_to_wait_and_nobody_else_is(square, way, step_of) -> None:
    sheet, other = square.sheet(), square.sheet()
    step = way.last(square, sheet)
    guesser, told = (sheet if way.guess else square.sheet()), set()  # a known device is in when it looks
    for number in range(GUESSES):
        wrong = way.guess(square, sheet, step, number) if way.guess else step_of("/login", {"method": way.name})
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


def test_a_code_is_tried_a_few_times_and_no_more(square, way) -> None:
    sheet = square.sheet()
    if way.guess is None or way.again:
        assert not way.judged, "what is typed can be guessed"
        return
    step = way.last(square, sheet)
    for number in range(TRIES - 1):
        sheet.take(way.guess(square, sheet, step, number))
        assert not sheet.online

    sheet.take(step)

    assert sheet.online, "who mistypes twice is not shut out"


def taken_up_again(square, way, *, restart: bool = False) -> None:
    sheet = square.sheet()
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


def test_a_login_goes_on_after_the_sheet_was_closed(square, way) -> None:
    taken_up_again(square, way)


@pytest.mark.slow
def test_a_login_goes_on_after_the_portal_was_restarted(own_square, way) -> None:
    taken_up_again(own_square, way, restart=True)


def tries_again(square, way, sheet, step) -> None:
    """Do what a visitor does whom our own gateway has let down; who has proved it is known when the page is opened."""
    sheet.home()
    if not sheet.online:
        sheet.take(way.last(square, sheet) if way.name in {"sms", "oidc"} else step)


def test_nobody_is_in_whose_gateway_is_away_and_a_fresh_try_works(square, way, monkeypatch) -> None:
    sheet = square.sheet()
    step = way.last(square, sheet)

    def away(*_: object) -> None:
        raise GatewayError("gate /run/gate.sock: no answer to 'allow'; is `gate` running?")

    with monkeypatch.context() as broken:
        broken.setattr(square.desk.gateway, "allow", away)
        answer = sheet.take(step)
        assert not sheet.online
        assert answer.status_code in {200, 503}  # the page of a known device that has to ask, or "not now"

    square.pass_(61)  # a code is sent each minute at most
    tries_again(square, way, sheet, step)
    assert sheet.online


def test_no_log_and_no_file_holds_who_it_was_or_what_was_shown(square, way, monkeypatch, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    sheet = square.sheet()
    step = way.last(square, sheet)
    if way.guess is not None and not way.again:
        sheet.take(way.guess(square, sheet, step, 1))
    with monkeypatch.context() as broken:
        broken.setattr(square.desk.gateway, "allow", lambda *_: (_ for _ in ()).throw(GatewayError("gate away")))
        sheet.take(step)
    square.pass_(61)
    tries_again(square, way, sheet, step)
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


def test_what_comes_back_from_elsewhere_is_asked_of_methods_that_lead_there_only(square, way, step_of) -> None:
    """A link is no agreement to the terms: `/return/<method>` lets nobody in who did not leave from here."""
    sheet = square.sheet()
    step = way.last(square, sheet) if way.name != "returning" else step_of("/")
    query = urlencode({**step.named(), "token": sheet.token()})

    thief = square.sheet()
    answer = thief.ask("GET", f"/return/{way.name}?{query}")

    assert answer.status_code in {303, 422}
    assert not thief.online
    assert not sheet.online


def test_every_method_of_the_map_is_in_this_suite(square, rows) -> None:
    assert set(rows) == set(METHODS)
    assert all(name == each.name for name, each in rows.items())
    assert set(square.desk.methods) == set(METHODS), "and its policy offers them all"
