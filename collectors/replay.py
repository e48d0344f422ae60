"""A recording through the path of a live device: detect, plan, ask, decode, with the same questions and decoder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collectors.decode import Decoded, decode
from collectors.detect import STANDARD, Detected, choose, detect, probes, questions
from collectors.plan import plan
from collectors.recording import Recording, load
from collectors.snmp.agent import interview
from collectors.snmp.ask import Limits
from netops.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from collectors.profile import Profile
    from collectors.snmp.agent import Agent
    from collectors.snmp.varbind import Oid

LIMITS = Limits(walk_varbinds=2_000_000, walk_s=600.0, octets=1 << 30, bulk_varbinds=600)
"""A recording can be hurt by nothing: the bounds that protect us from a live device are widened, not lifted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What a recording gave."""

    device: str
    detected: Detected
    decoded: Decoded
    notes: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """What read it."""
        return self.detected.family


def replay(path: Path, profiles: Mapping[str, Profile], *, at_ms: int, only: str = "") -> Replayed:
    """Replay the recording at `path`.

    `only` names the family instead of detecting it; the standard profile runs in any case.
    """
    if only and only not in profiles:
        raise UsageError(f"no profile '{only}'{nearest(only, profiles)} (known: {', '.join(profiles)})")
    recording: Recording = load(path, wanted=places(profiles.values()))
    device = device_name(path)
    result = examine(recording.agent, profiles, device=device, at_ms=at_ms, only=only)
    return Replayed(device=device, detected=result[0], decoded=result[1], notes=recording.notes)


def examine(
    agent: Agent, profiles: Mapping[str, Profile], *, device: str, at_ms: int, only: str = ""
) -> tuple[Detected, Decoded]:
    """Ask an agent in this process everything its profiles name."""
    asked = questions(profiles.values())
    answer = interview(agent, asked, at_ms=at_ms)
    detected = detect(profiles, answer)
    if only:
        names = tuple(dict.fromkeys((STANDARD, only)))
        detected = Detected(chosen=choose(profiles, names, answer), because={only: "named"})
    todo = plan(detected.chosen, limits=LIMITS)
    return detected, decode(todo, interview(agent, todo.ask, at_ms=at_ms), device=device, at_ms=at_ms)


def places(profiles: Iterable[Profile]) -> set[Oid]:
    """Return every place in the tree that some profile looks at."""
    known = list(profiles)
    found = {(1, 3, 6, 1, 2, 1, 1), *probes(known)}
    for profile in known:
        columns = [*profile.scalars, *(c for t in profile.tables for c in (*t.columns, *t.helpers))]
        found |= {column.place.under(root) for column in columns for root in profile.roots}
    return found


def device_name(path: Path) -> str:
    """Return the id under which a recording's values stand: its file's name, as a slug."""
    stem = path.name.removesuffix(".bz2").removesuffix(".snmprec").lower()
    return re.sub(r"[^a-z0-9_.-]+", "-", stem).strip("-._") or "recording"
