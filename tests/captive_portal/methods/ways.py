"""How a visitor gets in by each method: the request that lets in, and a wrong guess at it. A row for each method."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from captive_portal import code as codes
from captive_portal import forms
from captive_portal.sms.code import LIFE_MS as SMS_LIFE_MS
from captive_portal.vouchers import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Callable

Sheet = Any
HOUR_S = 3600


class Step:
    """One request that a way consists of; `secret` are the words in it that nobody else may learn."""

    def __init__(self, path: str, form: dict[str, str] | None = None, secret: tuple[str, ...] = ()) -> None:
        self.path, self.form, self.secret = path, form, secret

    def named(self) -> dict[str, str]:
        """Return what the step says by name, but for the token of the form."""
        return dict(parse_qsl(urlsplit(self.path).query)) if self.form is None else dict(self.form)

    def but(self, **other: str) -> Step:
        """Return the step with other values."""
        if self.form is not None:
            return Step(self.path, {**self.form, **other})
        return Step(f"{urlsplit(self.path).path}?{urlencode({**self.named(), **other})}")


@dataclass(frozen=True)
class Way:
    """How a visitor gets in by one method."""

    name: str
    last: Callable[[Any, Sheet], Step]
    guess: Callable[[Any, Sheet, Step, int], Step] | None
    life_s: float  # the step is not good for longer
    fields: tuple[tuple[dict[str, str], str], ...] = ()  # (form, field): what a visitor can type or send
    judged: str = ""  # the field in which the secret is
    identifies: bool = False
    again: bool = False  # whether the same device may do the same again: there is no secret in it
    waiting: str = ""  # what a fresh look at the page shows while the last step is still to come


def _click(_square, _sheet) -> Step:
    return Step("/login", {"method": "click_through"})


def _voucher(square, _sheet) -> Step:
    code = square.voucher()
    return Step("/login", {"method": "voucher", "code": code}, (code, code.replace("-", "")))


def _phone(sheet: Sheet) -> str:
    _, _, third, fourth = map(int, sheet.address.split("."))
    return f"1380013{third * 250 + fourth:04d}"


def _sms(square, sheet) -> Step:
    phone = _phone(sheet)
    asked = sheet.take(Step("/login", {"method": "sms", "phone": phone}))
    assert asked.status_code == 200, asked.text
    code = square.message(phone)
    return Step("/login", {"method": "sms", "otp": code}, (code, phone))


def _account(square, sheet) -> Step:
    answer = sheet.take(Step("/login", {"method": "oidc", "provider": "city"}))
    address = html.unescape(re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', answer.text)[1])
    back = square.institution.sign_in(address)
    query = parse_qs(urlsplit(back).query)
    kept = (query["code"][0], query["state"][0].partition(".")[0], "lin@staff.example")
    language = Step(f"{back}&lang=en", None, kept)
    assert language.named()["lang"] == "en"
    return language


def _comeback(square, sheet) -> Step:
    code = square.voucher(seconds=30 * 86_400, single_use=False)
    assert sheet.take(Step("/login", {"method": "voucher", "code": code})).status_code == 303
    square.pass_(HOUR_S + 1)
    assert not sheet.online
    return Step("/")


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


CODE = {"method": "voucher", "code": "K7Q2M9XW4TR3HDB"}
PHONE = {"method": "sms", "phone": "139", "country": "86"}
OTP = {"method": "sms", "otp": "1"}
AGAIN = {"method": "sms", "again": "yes"}
BUTTON = {"method": "oidc", "provider": "nobody"}
WAYS: dict[str, Way] = {
    "click_through": Way("click_through", _click, _in_a_circle, forms.LIFE_MS / 1000, again=True),
    "voucher": Way("voucher", _voucher, _other_voucher, DAY_MS / 1000, ((CODE, "code"),), "code"),
    "sms": Way(
        "sms",
        _sms,
        _other_code,
        SMS_LIFE_MS / 1000,
        ((PHONE, "phone"), (PHONE, "country"), (OTP, "otp"), (AGAIN, "again")),
        "otp",
        identifies=True,
        waiting='name="otp"',
    ),
    "oidc": Way(
        "oidc",
        _account,
        _other_state,
        600,
        ((BUTTON, "provider"), (BUTTON, "state"), (BUTTON, "code"), (BUTTON, "iss"), (BUTTON, "error")),
        "code",
        identifies=True,
    ),
    "returning": Way("returning", _comeback, None, 7 * 86_400, (({"method": "returning"}, "code"),)),
}
