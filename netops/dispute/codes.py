"""What may be objected to, and with which word: closed codes, each for one kind of target. Pure.

A target is written as one name: a claim by its own, everything else with its kind before it:
`incident:<service>@<start_ms>`, `leaf:<index>`, `interval:<start_ms>-<end_ms>`, the last with `/<service>` where it is
about one, and `survey:<SHA-256 of its file>`, with `/<area>` for its cells there, with `@<start_ms>-<end_ms>` for the
hours that it touches.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from netops.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

REFUSED_CLAIM: Final = "claim_refused"
CLAIM, INCIDENT, LEAF, INTERVAL, SURVEY = "claim", "incident", "leaf", "interval", "survey"
CODES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        REFUSED_CLAIM: (CLAIM, "the claim should excuse what it covers, and does not"),
        "claim_granted": (CLAIM, "the claim excuses something, and should not"),
        "cause": (INCIDENT, "the outage was, and goes on another's account"),
        "no_outage": (INCIDENT, "the service was there"),
        "duration": (INCIDENT, "the outage was shorter or longer than told"),
        "fact": (LEAF, "what the leaf states is not so"),
        "not_measured": (INTERVAL, "what is judged here was not measured, or not properly"),
        "not_contracted": (INTERVAL, "the service was not contracted, or not in its service hours"),
        "calculation": (INTERVAL, "the figure does not follow from the facts and the contract"),
        "survey_datum": (SURVEY, "its positions are of another datum than stated"),
        "survey_instrument": (SURVEY, "its instrument was the wrong one, or not calibrated"),
        "survey_place": (SURVEY, "its samples lie outside the area, or where nobody is to be served"),
    }
)
"""Code → the kind of its target, and what it says."""

CAUSES: Final = ("carrier", "city", "planned", "power_or_third_party", "force_majeure")
UP, NOT_MEASURED, TAKEN_OUT = "up", "not_measured", "taken_out"
SURVEYED: Final = tuple(code for code, (kind, _) in CODES.items() if kind == SURVEY)
DECIDES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"cause": CAUSES, "no_outage": (UP,), "duration": (UP,), "not_measured": (NOT_MEASURED,)}
    | dict.fromkeys(SURVEYED, (TAKEN_OUT,))
)
"""Code → what a ruling that upholds it may decide: whose account, up, not measured, taken out."""

ELSEWHERE: Final = frozenset({"fact", "not_contracted", "calculation"})
"""Codes of which no ruling moves anything by itself: what is so must be stated, by whoever may state it."""

STUCK: Final[Mapping[str, str]] = MappingProxyType(
    {
        "not_approved": "follows_not_approved",
        "no_such_class": "follows_no_such_class",
        "empty_or_negative_window": "follows_empty_claim",
    }
)
"""What a report says of a claim that no ruling can put in → the word for what must be done first."""

_INCIDENT = re.compile(r"incident:(?P<service>[^@]+)@(?P<start>[0-9]{1,16})")
_LEAF = re.compile(r"leaf:(?P<index>[0-9]{1,16})")
_SURVEY = re.compile(
    r"survey:(?P<survey>[0-9a-f]{64})(?:/(?P<area>[^@]+))?(?:@(?P<start>[0-9]{1,16})-(?P<end>[0-9]{1,16}))?"
)
_INTERVAL = re.compile(r"interval:(?P<start>[0-9]{1,16})-(?P<end>[0-9]{1,16})(?:/(?P<service>.+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an objection is about: `name` is a claim's, a service's or a survey's, `leaf` an index, the others a span.

    `end_ms` 0: no end is stated. `area`, of a survey: its cells in one area alone.
    """

    kind: str
    name: str = ""
    start_ms: int = 0
    end_ms: int = 0
    leaf: int = 0
    area: str = ""

    def __str__(self) -> str:
        """Return the target as one name."""
        match self.kind:
            case "claim":
                return self.name
            case "incident":
                return f"incident:{self.name}@{self.start_ms}"
            case "leaf":
                return f"leaf:{self.leaf}"
            case "survey":
                hours = f"@{self.start_ms}-{self.end_ms}" if self.end_ms else ""
                return f"survey:{self.name}" + (f"/{self.area}" if self.area else "") + hours
            case _:
                return f"interval:{self.start_ms}-{self.end_ms}" + (f"/{self.name}" if self.name else "")


def target(text: str) -> Target:
    """Read a target; UsageError says what is off. What has no kind before it is a claim."""
    kind, colon, _ = text.partition(":")
    if not colon or kind not in {INCIDENT, LEAF, INTERVAL, SURVEY}:
        return Target(kind=CLAIM, name=text)
    if match := _INCIDENT.fullmatch(text):
        made = Target(kind=INCIDENT, name=match["service"], start_ms=int(match["start"]))
    elif match := _LEAF.fullmatch(text):
        made = Target(kind=LEAF, leaf=int(match["index"]))
    elif match := _INTERVAL.fullmatch(text):
        start, end = int(match["start"]), int(match["end"])
        made = Target(kind=INTERVAL, name=match["service"] or "", start_ms=start, end_ms=end)
    elif match := _SURVEY.fullmatch(text):
        span = {"start_ms": int(match["start"]), "end_ms": int(match["end"])} if match["end"] else {}
        made = Target(kind=SURVEY, name=match["survey"], area=match["area"] or "", **span)
    else:
        raise UsageError(f"target {text[:80]!r}: expected {_FORMS[kind]}")
    if str(made) != text:
        raise UsageError(f"target {text[:80]!r}: a number with zeros before it; expected '{made}'")
    if (made.kind == INTERVAL or made.end_ms) and made.start_ms >= made.end_ms:
        raise UsageError(f"target {text[:80]!r}: an interval ends after it begins")
    return made


_FORMS: Final = {
    INCIDENT: "incident:<service>@<start_ms>",
    LEAF: "leaf:<index>",
    SURVEY: "survey:<SHA-256>, /<area> and @<start_ms>-<end_ms> behind it where it is about a part",
    INTERVAL: "interval:<start_ms>-<end_ms> or interval:<start_ms>-<end_ms>/<service>",
}


def said_of(code: str) -> str:
    """Return the kind of target that a code is said of; UsageError names the codes that there are."""
    if code not in CODES:
        raise UsageError(f"code '{code}' is unknown; expected one of {', '.join(CODES)}{nearest(code, CODES)}")
    return CODES[code][0]


def asked(told: Mapping[str, Any]) -> Target:
    """Return the target of an objection, after looking at what it asks to be decided of which part of it.

    UsageError where the words do not belong together: what is asked, its beginning and its end are said together.
    """
    about = check(told["code"], told["target"])
    given = [name for name in ("asks", "start_ms", "end_ms") if name in told]
    if not given:
        return about
    if len(given) < 3:
        raise UsageError(f"an objection that says {given[0]} says asks, start_ms and end_ms, or none of them")
    decides(told["code"], told["asks"])
    inside(about, told["start_ms"], told["end_ms"])
    return about


def decides(code: str, word: str) -> None:
    """Raise UsageError where a ruling on an objection with this code does not decide such a thing."""
    allowed = DECIDES.get(code, ())
    if word not in allowed:
        what = f"one of {', '.join(allowed)}{nearest(word, allowed)}" if allowed else "nothing"
        raise UsageError(f"'{word[:40]}' is nothing that a ruling decides for code '{code}'; expected {what}")


def follows(code: str, *, decided: bool, effects: Collection[str] = ()) -> str:
    """Return the word for what the city must do, so that an upheld objection moves something; empty where it does.

    `decided`: whether the ruling says what follows; `effects`: what the report says of the claim, under each objective.
    A claim is put in where it was late or over its cap; without a class or an approval it is none yet. The words stand
    in `netops/report/words.py`.
    """
    if code in ELSEWHERE:
        return f"follows_{code}"
    if code == REFUSED_CLAIM:
        stuck = [word for effect, word in STUCK.items() if effect in effects]
        return stuck[0] if stuck and STUCK.keys() >= set(effects) else ""
    return "follows_undecided" if code in DECIDES and not decided else ""


def inside(about: Target, start_ms: int, end_ms: int) -> None:
    """Raise UsageError where a part is empty or reaches out of what an objection is about."""
    if start_ms >= end_ms:
        raise UsageError("the part that is asked for ends before it begins; expected its end after its beginning")
    if start_ms < about.start_ms or (about.end_ms and end_ms > about.end_ms):
        raise UsageError(f"the part reaches out of what the objection is about, '{about}'; expected one inside it")


def check(code: str, text: str) -> Target:
    """Return the target of an objection with this code; UsageError when the two do not belong together."""
    wanted = said_of(code)
    made = target(text)
    if made.kind != wanted:
        raise UsageError(f"code '{code}' is said of one {wanted}; '{text[:80]}' is one {made.kind}")
    return made
