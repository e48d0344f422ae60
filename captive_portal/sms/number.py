"""Numbers of mobile phones: what people type, and the one form (E.164) it has here.

One phone must have one form, or a number's daily budget could be had once for each way of writing it: full-width and
Arabic digits, `0086`, `+86`, `(+86) 138 …`, invisible marks that a copy from an address book carries.
`countries.csv` has the prefixes that may be served at all, each with what a mobile number looks like there (a range is
written `{8-9}`); which of them a site serves says its policy. Ranges that are billed at the caller's cost (+1 809 and
its like) are in none: codes sent there are how fraudsters earn by a portal.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from captive_portal.verdict import Why

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Path(__file__).parent
MAINLAND = "86"
ABROAD, OTHER = "abroad", "cn-other"
LONGEST_TYPED = 48
SEPARATORS = frozenset(" -()./·‐‑‒–—−\t")
MOST_DIGITS = 15  # E.164
_TAIL = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """A prefix, what is dialled before a national number inside the country, and what a mobile number looks like."""

    prefix: str
    trunk: str
    mobile: re.Pattern[str]
    name: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A mobile number: the country's prefix, and the national number after it."""

    prefix: str
    national: str

    @property
    def e164(self) -> str:
        """The one form, as +8613800138000."""
        return f"+{self.prefix}{self.national}"

    @property
    def masked(self) -> str:
        """What the page shows of it: enough to know one's own, too little to know another's."""
        shown = 3 if self.prefix == MAINLAND else 0
        hidden = "•" * (len(self.national) - shown - _TAIL)
        head = "" if self.prefix == MAINLAND else f"+{self.prefix} "
        return f"{head}{self.national[:shown]}{hidden}{self.national[-_TAIL:]}"

    @property
    def carrier(self) -> str:
        """To whom the block of the number was given; the number itself may have been ported to another since."""
        if self.prefix != MAINLAND:
            return ABROAD
        return blocks().get(self.national[:4]) or blocks().get(self.national[:3]) or OTHER


@cache
def countries() -> Mapping[str, Country]:
    """Return the countries by prefix, in the order of the file."""
    with (HERE / "countries.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["prefix"]: Country(
                prefix=row["prefix"],
                trunk=row["trunk"],
                mobile=re.compile(re.sub(r"\{(\d+)-(\d+)\}", r"{\1,\2}", row["mobile"]), re.ASCII),
                name=row["zh"],
                name_en=row["en"],
            )
            for row in csv.DictReader(file)
        }


@cache
def blocks() -> Mapping[str, str]:
    """Return the carrier of each block of mainland numbers."""
    with (HERE / "blocks.csv").open(encoding="utf-8", newline="") as file:
        return {row["block"]: row["carrier"] for row in csv.DictReader(file)}


def read(typed: str, chosen: str, served: Sequence[str]) -> Number | Why:
    """Return the number that was meant, or why it is none that is served; `chosen` is the prefix beside the field."""
    text = plain(typed)
    if text is None or not text.strip("+"):
        return Why.BAD_NUMBER
    default = chosen if chosen in served else next(iter(served), MAINLAND)
    found = _abroad(text.removeprefix("+")) if text.startswith("+") else _home(text, default)
    if found is None:
        return Why.BAD_NUMBER
    return found if found.prefix in served else Why.ABROAD


def plain(typed: str) -> str | None:
    """Return ASCII digits, with a + before them where one was meant; None when there is anything else."""
    if len(typed) > LONGEST_TYPED:
        return None
    found = []
    for letter in unicodedata.normalize("NFKC", typed):
        digit = unicodedata.decimal(letter, None)
        if digit is not None:
            found.append(str(digit))
        elif letter == "+" and not found:
            found.append("+")
        elif letter not in SEPARATORS and unicodedata.category(letter) not in {"Cf", "Zs"}:
            return None
    text = "".join(found)
    return f"+{text[2:]}" if text.startswith("00") else text


def _abroad(digits: str) -> Number | None:
    """Read an international number; a country that is in no table may still be told from a slip."""
    if not 7 <= len(digits) <= MOST_DIGITS + 1:
        return None
    for prefix in (digits[:length] for length in (3, 2, 1)):
        country = countries().get(prefix)
        if country is not None:
            return _national(digits.removeprefix(prefix), country)
    return Number(prefix=digits[:3], national=digits[3:])


def _home(digits: str, default: str) -> Number | None:
    """Read a number without a +: national, or with its own country's prefix before it."""
    country = countries()[default]
    found = _national(digits, country)
    return found if found or not digits.startswith(default) else _national(digits.removeprefix(default), country)


def _national(digits: str, country: Country) -> Number | None:
    for text in (digits, digits.removeprefix(country.trunk)):
        if country.mobile.fullmatch(text):
            return Number(prefix=country.prefix, national=text)
    return None
