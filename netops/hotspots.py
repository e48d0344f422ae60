"""Which sites' WiFi works now: told by the core to the portal, for the page that says where else to go.

`<data dir>/hotspots.json` holds the ids of sites and an instant, nothing else: a visitor may know it, so every service
here may read it. What the states are put down to stays in the situation, which is for staff.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.situation import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netops.config import Settings
    from netops.situation import Situation

NAME = "hotspots.json"
FORMAT = 1
FRESH_MS = 10 * 60_000  # the core writes each minute; what is older says nothing about now


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """The sites whose WiFi works, as of `at_ms`."""

    at_ms: int
    sites: frozenset[str] = frozenset()


def of(situation: Situation, sites: Mapping[str, str]) -> Working:
    """Return the sites where more than half of the WiFi services are up; `sites` is service id → site id."""
    states = defaultdict(list)
    for each in situation.services:
        if each.kind == "wifi" and each.service in sites:
            states[sites[each.service]].append(each.state is State.UP)
    up = frozenset(site for site, found in states.items() if 2 * sum(found) > len(found))
    return Working(at_ms=situation.at_ms, sites=up)


def write(settings: Settings, working: Working) -> None:
    """Replace the file in one step."""
    path = settings.data.dir / NAME
    partial = path.with_suffix(".partial")
    document = {"format": FORMAT, "at_ms": working.at_ms, "sites": sorted(working.sites)}
    partial.write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")
    partial.chmod(0o644)
    partial.replace(path)


def read(settings: Settings, now_ms: int) -> frozenset[str]:
    """Return the sites that work now; none when nobody has said so lately, or what was said cannot be read."""
    try:
        document = json.loads((settings.data.dir / NAME).read_bytes())
        if document["format"] != FORMAT or not -FRESH_MS < now_ms - int(document["at_ms"]) <= FRESH_MS:
            return frozenset()
        return frozenset(map(str, document["sites"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return frozenset()
