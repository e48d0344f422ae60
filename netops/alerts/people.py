"""What people say of alerts, as facts: who takes an incident on, what nobody shall be told of for a while. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netops.access.approvals import names_somebody
from netops.errors import UsageError
from netops.facts import Fact

if TYPE_CHECKING:
    from netops.evidence.canonical import JSON

LINK, PAGE, COMMAND = "link", "page", "command"
LONGEST_MS: Final = 7 * 86_400_000  # what must be quiet for longer is a matter for the policy
MOST_REASON: Final = 500
MOST_NAME: Final = 40


def taken(incident: str, *, by: str, way: str, now_ms: int, remark: str = "", link: str = "") -> Fact:
    """Return the fact that somebody takes an incident on; `link`: to whom the message went whose link was used."""
    body: dict[str, JSON] = {"incident": incident, "by": by, "way": way}
    if link:
        body["link"] = link
    if remark:
        body["remark"] = remark[:MOST_REASON]
    return Fact(kind="incident_taken", at_ms=now_ms, body=body)


def called(name: str) -> str:
    """Return a name that somebody gave by hand as it is kept; UsageError for none, and for a number in its place."""
    told = " ".join(name.split())
    if not told or len(told) > MOST_NAME or not told.isprintable() or names_somebody(told):
        raise UsageError(f"a name has 1 to {MOST_NAME} characters and is no number: it stands in the ledger for ever")
    return told


def muted(root: str, *, until_ms: int, by: str, reason: str, now_ms: int) -> Fact:
    """Return the fact that nobody is told of a root until then; an instant of the past ends it. UsageError."""
    if not reason.strip():
        raise UsageError("a mute has no reason; say why nobody shall be told: it stands in the ledger")
    if until_ms - now_ms > LONGEST_MS:
        raise UsageError("a mute lasts a week at most; what must be quiet for longer is a matter for the policy")
    if not root or len(root) > 200 or not root.isprintable():
        raise UsageError("a mute names no root; expected one of `netops alert list`, or `*` for all")
    body: dict[str, JSON] = {
        "root": root,
        "until_ms": max(0, until_ms),
        "by": by,
        "reason": reason.strip()[:MOST_REASON],
    }
    return Fact(kind="alerts_muted", at_ms=now_ms, body=body)


def broken(fact: Fact) -> str:
    """Return why a word of these is none that could be said here, or the empty string: the core asks once more.

    A link's word has no account behind it, so that whatever stands in it as a name would stand in the ledger for ever.
    """
    body = fact.body
    try:
        if fact.kind == "alerts_muted":
            until_ms, by = int(str(body["until_ms"])), str(body["by"])
            made = muted(str(body["root"]), until_ms=until_ms, by=by, reason=str(body["reason"]), now_ms=fact.at_ms)
            return "" if made.body == body else "a mute is not written as it would be here"
        if fact.kind == "incident_taken" and body["way"] == LINK and called(str(body["by"])) != body["by"]:
            return "a name is not written as it would be here"
    except UsageError as error:
        return str(error)
    return ""
