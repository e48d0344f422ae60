"""The reference page of the profiles: `python -m collectors.reference > docs/reference/profiles.md`. Pure."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from collectors.profile_yaml import shipped
from collectors.snmp.varbind import dotted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from collectors.profile import Column, Listed, Place, Profile
    from collectors.traps.rule import Trap

_HEAD = """\
# Device families

Generated from `collectors/profiles/`; do not edit. `standard` runs on every device; one that fits no other family is
called generic. How to add one: [add a device family](../how-to/add-a-device-family.md).
"""


def page() -> str:
    """Return the page: one section per profile, one row per metric."""
    return _HEAD + "".join("\n" + "\n".join(_section(p)) + "\n" for p in shipped().values())


def _section(profile: Profile) -> Iterator[str]:
    yield f"## {profile.name}"
    yield f"{profile.zh} · {profile.en}{' · **synthetic**' if profile.synthetic else ''}"
    yield ""
    yield f"Known by: {_known_by(profile)}."
    yield ""
    yield "| subject | metric | OID | cost | no value when |"
    yield "|---|---|---|---|---|"
    root = profile.roots[0]
    yield from (_row(c.kind, c, root) for c in profile.scalars)
    for table in profile.tables:
        yield from (_row(table.kind, c, root) for c in table.columns)
    if profile.traps:
        yield from ("", "| trap | event | of | severity | state |", "|---|---|---|---|---|")
        yield from (_trap(trap, root) for trap in profile.traps)


def _trap(trap: Trap, root: tuple[int, ...]) -> str:
    oids = ", ".join(_full(place, root) for place in trap.places)
    state = trap.state or (f"as `{trap.state_of}` says" if trap.state_of else "")
    return f"| {oids} | `{trap.event}` | {trap.kind} | {trap.severity} | {state} |"


def _known_by(profile: Profile) -> str:
    match = profile.match
    known = [
        *_named("an answer under", (_full(place, root) for place in match.probes for root in profile.roots)),
        *_named("sysObjectID", (dotted(oid) for oid in match.object_ids)),
        *_named("sysDescr with", match.descriptions),
    ]
    return "; ".join(known) or "every device is asked"


def _named(what: str, values: Iterable[str]) -> list[str]:
    listed = ", ".join(f"`{value}`" for value in values)
    return [f"{what} {listed}"] if listed else []


def _full(place: Place, root: tuple[int, ...]) -> str:
    return dotted(place.under(root))


def _row(kind: str, column: Column, root: tuple[int, ...]) -> str:
    sentinels = ", ".join(f"`{value}`" for value in sorted(map(str, column.sentinels)))
    only = "".join(f", {key} {_listed(listed)}" for key, listed in column.only)
    return f"| {kind} | `{column.key}` | {_full(column.place, root)}{only} | {column.cost} | {sentinels} |"


def _listed(listed: Listed) -> str:
    return " or ".join(f"`{value}`" for value in sorted(listed, key=lambda value: (isinstance(value, str), value)))


if __name__ == "__main__":
    sys.stdout.write(page())
