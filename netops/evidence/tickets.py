"""When faults were reported, and while their repair had to wait for the city: the tickets of a contract, by service.

Part of the second implementation (`verifier.py`). `docs/explanation/sla.md` says what counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netops.evidence.lines import Span
    from netops.evidence.stated import Stated

TICKET = "ticket_step"
NEVER = 1 << 62
Reported = tuple[int, int, tuple["Span", ...]]  # when reported, when closed, while its clock stood still


def reported(leaves: Stated) -> dict[str, list[Reported]]:
    """Return by service when its faults were reported; a ticket that was withdrawn is none."""
    told: dict[str, list[tuple[int, dict[str, object]]]] = {}
    for _, leaf in leaves.kinds.get(TICKET, ()):
        body = leaf["fact"]["body"]
        told.setdefault(body["ticket"], []).append((leaves.known(leaf), body))
    made: dict[str, list[Reported]] = {}
    for name in sorted(told):
        steps = told[name]
        while steps and steps[0][1]["step"] != "reported":
            del steps[0]
        if not steps:
            continue
        ends = [n for n, (_, body) in enumerate(steps) if body["step"] == "closed"]
        life = steps[: ends[0] + 1] if ends else steps
        closed = life[-1][0] if ends else NEVER
        if ends and life[-1][1].get("outcome") == "withdrawn":
            continue
        services = life[0][1].get("services", [])
        assert isinstance(services, list)
        for service in sorted(set(services)):
            made.setdefault(service, []).append((life[0][0], closed, tuple(_still(life, closed))))
    return made


def _still(life: list[tuple[int, dict[str, object]]], closed: int) -> list[Span]:
    """Return while the clock stood still: from each pause to the next word that ends it."""
    made, since = [], None
    for at, body in life:
        if body["step"] == "paused" and since is None:
            since = at
        if body["step"] in {"resumed", "closed"} and since is not None:
            made.append((since, at))
            since = None
    if since is not None:
        made.append((since, closed))
    return [span for span in made if span[0] < span[1]]
