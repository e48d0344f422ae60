"""Whether a change of the register, or a version of a record, lies in a scope with all that it touches. Pure.

Who sees a part of the city changes that part alone: what holds now, what hangs on it, what shall hold, and every record
that it names must lie there. It is decided from the whole register: what lies outside cannot be seen from within.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from inventory.errors import Problem
from inventory.model import Device, Door, Service, Site, noun
from netops.access.part import is_in, is_place, sellers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from inventory.edits import Edit
    from inventory.model import Record
    from inventory.snapshot import Snapshot
    from netops.access.part import Seen
    from netops.access.scope import Scope

QUOTED = re.compile(r"'([^']*)'")
BEYOND = "does not fit what lies beyond your part of the city"
ELSEWHERE = "ask somebody who sees the whole city"


def encloses(whole: Snapshot, seen: Seen, scope: Scope, wanted: Sequence[Edit]) -> bool:
    """Whether edits touch nothing beyond a scope: neither as it is now nor as they want it."""
    if scope.whole:
        return True
    after = [each.after for each in wanted if each.after is not None]
    return all(_is_ours(whole, seen, each) for each in wanted) and lies(whole, seen, scope, after)


def lies(whole: Snapshot, seen: Seen, scope: Scope, records: Sequence[Record]) -> bool:
    """Whether records, as they are written here, lie in a scope and name nothing beyond it."""
    if scope.whole:
        return True
    sites = {each.id: each for each in records if isinstance(each, Site)}
    kept = (each for each in whole.sites if each.id not in sites)
    after = replace(whole, sites=(*kept, *sites.values())) if sites else whole
    beside = {(noun(each), each.id) for each in records}
    return not any(unseen(seen.snapshot, each, beside) for each in records) and all(
        _would_be_in(each, after, seen, scope) for each in records
    )


def unseen(seen: Snapshot, record: Record, beside: Collection[tuple[str, str]] = ()) -> list[tuple[str, str]]:
    """Return (field, id) of what a record names that is neither in sight nor among the records `beside` it."""
    return [
        (field, name)
        for field, of, name in _named(record)
        if name and name not in getattr(seen, of) and (of, name) not in beside
    ]


def told(problems: Iterable[Problem], whole: Snapshot, seen: Snapshot) -> list[Problem]:
    """Return what does not fit, without the names of what lies beyond: an address that is taken tells not by whom."""
    made = []
    for each in problems:
        names = set(QUOTED.findall(f"{each.where} {each.what} {each.remedy}"))
        hidden = any(names & (getattr(whole, of).keys() - getattr(seen, of).keys()) for of in NOUNS)
        made.append(Problem("the change", BEYOND, ELSEWHERE) if hidden else each)
    return list(dict.fromkeys(made))


NOUNS = ("site", "device", "service", "door", "carrier", "area", "contract")


def _is_ours(whole: Snapshot, seen: Seen, edit: Edit) -> bool:
    """Whether what holds now of an edited record lies in sight with all that hangs on it; so does what is to be."""
    if edit.id not in getattr(whole, edit.noun):
        return True
    if edit.noun == "site":
        return edit.id in seen.entire
    if edit.noun == "service":
        return edit.id in seen.snapshot.service
    device = edit.id if edit.noun == "device" else whole.door[edit.id].device
    return device in seen.snapshot.device and device not in seen.shared


def _would_be_in(record: Record, after: Snapshot, seen: Seen, scope: Scope) -> bool:
    """Whether a record would lie in a scope; `after` is the register with the sites that are to be."""
    if isinstance(record, Service):
        return is_in(record, after, scope, {record.id: sellers(record, after)} if scope.contract else {})
    if isinstance(record, Site):
        if there := [each for each in seen.snapshot.services if each.site == record.id]:
            return all(_would_be_in(each, after, seen, scope) for each in there)
        return not (scope.carrier or scope.contract) and is_place(record, scope)
    if isinstance(record, Device):
        mine = not scope.contract and is_place(after.site[record.site], scope)
        return record.id in seen.snapshot.device or (mine and (not scope.carrier or record.carrier in scope.carrier))
    return isinstance(record, Door) and record.device not in seen.shared


def _named(record: Record) -> list[tuple[str, str, str]]:
    """Return (field, noun, id) of the records that one names."""
    if isinstance(record, Site):
        return [("area", "area", record.area)]
    if isinstance(record, Device):
        return [
            ("site", "site", record.site),
            ("carrier", "carrier", record.carrier),
            ("parent", "device", record.parent),
        ]
    if isinstance(record, Service):
        by = [("site", "site", record.site), ("carrier", "carrier", record.carrier)]
        return [*by, ("device", "device", record.device), ("parent", "device", record.parent)]
    return [("device", "device", record.device)] if isinstance(record, Door) else []
