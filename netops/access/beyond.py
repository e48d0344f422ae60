"""Whether what somebody states lies in the part of the city that the account may look at. Pure.

The core decides it before anything is sealed, by the same functions as the pages (`part.py`, `reach.py`) and in their
words: a page that forgot to ask, or a web process that was taken over, reaches no further than the account.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from inventory import edits
from inventory.errors import FilesError
from netops.access import reach
from netops.access.part import is_of_all, within
from netops.alerts import roots

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inventory.snapshot import Snapshot
    from netops.access.part import Seen
    from netops.access.scope import Scope

OUTSIDE: Final = "what lies outside your part of the city: have somebody ask for it who sees the whole city"
NAMELESS: Final = "You see a part of the city: name each service."
CHANGES: Final = "changes"  # the term that holds edits of the register


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What somebody's word is about. `name` is how a refusal calls it; of the others one is given, or none: the city.

    `contract`: one as a whole, as the dispute over it is. `terms`: those of a request. `root`: of an incident, some of
    which must lie in sight; all of it where the word is about whatever hangs on the root (`entire`). `device`: what it
    tells, which is of others too where they hang on it. `own`: of who says it, and of no part of the city.
    """

    name: str
    contract: str = ""
    terms: Mapping[str, Any] = field(default_factory=dict)
    root: str = ""
    entire: bool = False
    device: str = ""
    own: bool = False


def beyond(about: About, whole: Snapshot, seen: Seen, scope: Scope) -> str:
    """Return why somebody with this scope cannot state this, or the empty string; `seen` is the scope's part."""
    if scope.whole or _lies(about, whole, seen, scope):
        return ""
    if scope.of_places and about.terms.get("contract") in seen.contracts and is_of_all(about.terms.get("services")):
        return f"{about.name}: {NAMELESS}"
    return f"{about.name} touches {OUTSIDE}; expected what lies in {scope}"


def _lies(about: About, whole: Snapshot, seen: Seen, scope: Scope) -> bool:
    if about.own:
        return True
    if about.device:
        return about.device in seen.snapshot.device and about.device not in seen.shared
    if about.root:
        below = roots.services(about.root, whole)
        mine = below & seen.snapshot.service.keys()
        return bool(mine) and (not about.entire or mine == below)
    if about.contract:
        return about.contract in seen.contracts and not scope.of_places
    if CHANGES not in about.terms:
        return within(about.terms, seen, scope)
    try:
        wanted = [edits.read(each) for each in about.terms[CHANGES]]
    except FilesError:
        return False  # the rules refuse it in any case
    return reach.encloses(whole, seen, scope, wanted)
