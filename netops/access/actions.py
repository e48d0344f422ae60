"""What staff do, by the word of its `staff_action`: of whose account, device, site or contract each is. Pure.

The core holds each against the scope of the account that did it (`admission.py`), as it does what people ask and
decide. A word that stands nowhere here is of the whole city: an account that sees a part of it has none on it. What is
done at the command line of the city's own machine (`cli:root`, `root@cli`) is no account's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from netops.access.beyond import About

if TYPE_CHECKING:
    from collections.abc import Callable

    from netops.facts import Fact

ACTION, DISCLOSED = "staff_action", "person_disclosed"
KINDS: Final = (ACTION, DISCLOSED)
OWN: Final = frozenset(  # of the account that is the subject: everybody's own, nobody else's
    {
        *("login", "password changed", "session ended", "token added", "token revoked"),
        *("one-time codes set up", "one-time codes removed", "recovery codes renewed"),
        *("passkey added", "passkey removed"),
    }
)
POLLS: Final = frozenset({"raw bytes read"})  # the subject is a poll, `device@slot`, by another door `device/door@slot`
CONTRACTS: Final = frozenset({"bundle taken"})  # the subject is a contract
NOTES: Final = frozenset({"note handed in"})  # the subject is the SHA-256 of a note about a report
FINDINGS: Final = frozenset({"proposal.dismissed"})  # the device that was found otherwise stands in `device`
VISITS: Final = frozenset({"session.end", "session.extend"})  # the site of the visit stands in `site`
WHOLE: Final = frozenset(  # by accounts with a scope never: vouchers open every site, records are of all visitors
    {
        *("vouchers.make", "vouchers.withdraw", "second factors reset"),
        *("records.looked_up", "records.export", "records.exported"),
    }
)


def about(fact: Fact, of_note: Callable[[str], str]) -> About:
    """Return what an action is about; `of_note` says of which contract's report a note came in, empty: unknown.

    A note that nobody knows is its carrier's own: whose it is says its signature, and what it says is not here.
    """
    body: Any = fact.body
    if fact.kind == DISCLOSED:
        return About(name=f"who was behind session '{body['session']}'")
    action, subject = body["action"], body["subject"]
    name = f"'{action}' of '{subject}'"
    if action in OWN:
        return About(name=name, own=subject == body["by"])
    if action in POLLS:
        return About(name=name, device=subject.partition("@")[0].partition("/")[0])
    if action in FINDINGS:
        return About(name=name, device=body.get("device", ""))
    if action in VISITS:
        return About(name=name, terms={"sites": [body["site"]]} if "site" in body else {})
    if action in CONTRACTS:
        return About(name=name, contract=subject)
    if action in NOTES:
        contract = of_note(subject)
        return About(name=name, contract=contract, own=not contract)
    return About(name=name)


def by_account(fact: Fact, spool: str) -> bool:
    """Whether an account did it; what names none comes from the command line, and from there alone."""
    by = str(fact.body["by"])
    return not (spool == "cli" and (by.endswith("@cli") or by.startswith("cli:")))
