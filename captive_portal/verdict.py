"""What a way in may answer: yes (`Grant`), no, one thing more, over there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from captive_portal.model import Grant

if TYPE_CHECKING:
    from collections.abc import Mapping


class Why(StrEnum):
    """Why a method said no; the page has a sentence for each."""

    MISTYPED = "mistyped"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    TOO_LATE = "too_late"  # never used, and the batch's last day is over
    USED_UP = "used_up"
    TOO_MANY_DEVICES = "too_many_devices"
    TOO_OFTEN = "too_often"
    VOLUME = "volume"  # the octets of the site's policy are used up for now
    CLOSED = "closed"  # outside the site's opening hours; `wait_ms` is until it opens
    NOT_HERE = "not_here"  # this site does not offer this method
    UNSENT = "unsent"  # the message could not be handed to anybody who delivers it
    BAD_NUMBER = "bad_number"  # no number of a mobile phone
    ABROAD = "abroad"  # this site sends nothing to numbers of that country
    USED_TODAY = "used_today"  # as many codes as a number or device gets in a day
    WRONG_CODE = "wrong_code"
    CODE_OVER = "code_over"  # too old, tried too often, or never asked for
    AWAY = "away"  # who would have to answer (a provider of accounts) does not
    LAPSED = "lapsed"  # no login of this device is under way: too late, already used, or begun on another device
    DECLINED = "declined"  # the provider of accounts, or the visitor there, said no
    UNPROVEN = "unproven"  # the provider's answer proves nothing
    NOT_YOURS = "not_yours"  # an account that this site does not let in


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A no. `wait_ms` says when another try makes sense."""

    why: Why
    wait_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One thing more: the next form of the same method, with what it shows. It can be resumed until then."""

    template: str
    values: Mapping[str, str]
    until_ms: int
    wrong: Why | None = None  # why it is asked again


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Over there: the browser goes to this address and comes back to `/return/<method>`."""

    url: str


Verdict: TypeAlias = Grant | Refusal | Ask | Leave
