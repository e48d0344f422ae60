"""One root for many signs: the device that takes others down, a carrier's network in an area, or the thing itself.

    device:<id>                     a parent that is silent: all below it are one cause, up to the highest silent one
    contract:<id>/<instant>         what one report says of it
    carrier:<id>/<kind>             half of what a carrier sold of a kind is down in three areas and more
    carrier:<id>/<kind>/<area>      in one area
    <subject>                       nothing of it

Pure. A sign moves only to a wider root, never back to a narrower one: while a carrier repairs, what is still down is no
new incident.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from netops import children
from netops.alerts.signs import CONTRACT, DEVICE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from inventory.snapshot import Snapshot
    from netops.alerts.policy import Rule
    from netops.alerts.signs import Seen

AREAS = 3  # with so many areas of its own it is the carrier's whole network
DEEPEST = 16  # devices above one another


def of(rule: Rule, seen: Seen, *, parents: Mapping[str, str], silent: AbstractSet[str]) -> dict[str, str]:
    """Return the root of each bad subject. `parents` has each device's own; `silent` are those that do not answer."""
    rooted = {
        subject: DEVICE + highest(sign.cause.removeprefix(DEVICE), parents, silent)
        for subject, sign in seen.bad.items()
        if sign.cause.startswith(DEVICE)
    }
    rooted |= {subject: sign.cause for subject, sign in seen.bad.items() if sign.cause.startswith(CONTRACT)}
    rest = [sign for subject, sign in seen.bad.items() if subject not in rooted]
    count = Counter((each.carrier, each.kind, each.area) for each in rest if each.carrier)
    wide = {group for group, n in count.items() if n >= rule.mass and n >= rule.mass_share * seen.whole.get(group, n)}
    areas = defaultdict(set)
    for carrier, kind, area in wide:
        areas[carrier, kind].add(area)
    for each in rest:
        group = each.carrier, each.kind, each.area
        if group not in wide:
            rooted[each.subject] = each.subject
        elif len(areas[each.carrier, each.kind]) >= AREAS:
            rooted[each.subject] = f"carrier:{each.carrier}/{each.kind}"
        else:
            rooted[each.subject] = f"carrier:{each.carrier}/{each.kind}/{each.area}"
    return rooted


def width(root: str) -> int:
    """Return how wide a root is: a thing itself 0, an area of a carrier 1, a carrier 2, a device above others 3."""
    if root.startswith(DEVICE):
        return 3
    return 3 - root.count("/") if root.startswith("carrier:") else 0


def highest(device: str, parents: Mapping[str, str], silent: AbstractSet[str]) -> str:
    """Return the highest device above this one that is silent, with all between; the device itself where none is."""
    found = device
    for _ in range(DEEPEST):
        above = parents.get(found, "")
        if not above or above not in silent:
            return found
        found = above
    return found


def services(root: str, seen: Snapshot) -> frozenset[str]:
    """Return the services that hang on a root; none of what is no part of the network (`monitor`, a contract, `*`)."""
    noun, _colon, name = root.partition(":")
    if noun == "service":
        return frozenset({name} & seen.service.keys())
    if noun == "device":
        devices, provided = children.below([name], children.devices(seen)), children.services(seen)
        told = {each for device in devices for each in provided.get(device, ())}
        return frozenset(told | {each.id for each in seen.services if each.parent in devices})
    if noun != "carrier":
        return frozenset()
    carrier, kind, area = (*name.split("/", 2), "", "")[:3]
    return frozenset(
        each.id
        for each in seen.services
        if each.carrier == carrier and kind in ("", each.kind) and area in ("", seen.site[each.site].area)
    )
