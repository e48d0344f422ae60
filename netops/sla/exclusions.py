"""Exclusion claims: which are in force, and why the others are not.

A claim names a class of the contract. It is in force when its notice was early enough, its class's cap for the period
is not used up, and the approver of the class has approved it. A late or over-cap claim is kept and flagged; only a
ruling gives it effect (sla.md 2.2). An upheld objection turns over what an approved claim does: one in force is taken
out. Nothing is cut to fit: a claim counts whole or not at all, unless the objection was upheld for some minutes; they
are those of its beginning.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from netops.sla.intervals import Spans, Taken, intersect, total, union

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inventory.model import ExclusionClass

HOUR_MS = 3_600_000
ALL = "*"  # as is a claim that names no service


class Effect(StrEnum):
    """What a claim does."""

    IN_FORCE = "in_force"
    RULED = "in_force_by_ruling"
    RULED_OUT = "out_by_ruling"
    LATE = "late"
    OVER_CAP = "over_cap"
    UNAPPROVED = "not_approved"
    UNKNOWN_CLASS = "no_such_class"
    EMPTY = "empty_or_negative_window"


IN_FORCE = frozenset({Effect.IN_FORCE, Effect.RULED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Somebody asks that `[start_ms, end_ms)` be excused for `services` (empty or `*`: all of the contract).

    `noticed_ms` is when the claim was recorded by us, never when it says it was written. An objection about it was
    upheld: that it should excuse, for `given_ms` of its beginning; that it should not, for `taken_ms`. 0 is all of it.
    `ruling` is the leaf of a ruling that stands for a claim (`netops/sla/ruled.py`).
    """

    id: str
    class_id: str
    start_ms: int
    end_ms: int
    noticed_ms: int
    services: tuple[str, ...] = ()
    reason: str = ""
    by: str = ""
    approved: bool = False
    given_ms: int | None = None
    taken_ms: int | None = None
    ruling: int | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """A claim with its effect; `ruled_ms` of its beginning were ruled on alone, the claim is what is left in force."""

    claim: Claim
    effect: Effect
    ruled_ms: int = 0

    @property
    def counts(self) -> bool:
        """Whether the claim excuses time."""
        return self.effect in IN_FORCE


def decide(claims: Iterable[Claim], classes: Mapping[str, ExclusionClass], period: Spans) -> list[Decided]:
    """Decide the claims in the order of their start and id, the order in which a class's cap is used up.

    The cap counts wall-clock time inside the period that is excused under the class, once however many services it
    touches. A claim in force by ruling uses the cap too.
    """
    used: dict[str, Taken] = {}
    made: list[Decided] = []
    for asked in sorted(claims, key=lambda each: (each.start_ms, each.end_ms, each.id)):
        claim = asked
        if claim.end_ms <= claim.start_ms:
            made.append(Decided(claim, Effect.EMPTY))
            continue
        kind = classes.get(claim.class_id)
        if kind is None:
            made.append(Decided(claim, Effect.UNKNOWN_CLASS))
            continue
        taken = used.setdefault(kind.id, Taken())
        wanted = intersect(((claim.start_ms, claim.end_ms),), period)
        effect = _effect(claim, kind, taken.total_ms + total(taken.free(wanted)))
        ruled_ms = {Effect.RULED: claim.given_ms, Effect.RULED_OUT: claim.taken_ms}.get(effect) or 0
        if ruled_ms:
            edge_ms = claim.start_ms + ruled_ms
            is_given = effect is Effect.RULED
            claim = replace(claim, end_ms=edge_ms) if is_given else replace(claim, start_ms=edge_ms)
            wanted, effect = intersect(((claim.start_ms, claim.end_ms),), period), Effect.RULED
        if effect in IN_FORCE:
            taken.add(wanted)
        made.append(Decided(claim, effect, ruled_ms))
    return made


def _effect(claim: Claim, kind: ExclusionClass, used_ms: int) -> Effect:
    if claim.ruling is not None:  # it was never late, and the cap of its class holds for it as for any other
        return Effect.OVER_CAP if kind.cap_s and used_ms > kind.cap_s * 1000 else Effect.RULED
    if not claim.approved:
        return Effect.UNAPPROVED
    if claim.start_ms - claim.noticed_ms < kind.notice_h * HOUR_MS:
        return Effect.LATE if claim.given_ms is None else Effect.RULED
    if kind.cap_s and used_ms > kind.cap_s * 1000:
        return Effect.OVER_CAP if claim.given_ms is None else Effect.RULED
    return Effect.IN_FORCE if claim.taken_ms is None else Effect.RULED_OUT


def spans_by_service(decided: Iterable[Decided], services: Iterable[str]) -> dict[str, Spans]:
    """Return the excused instants of each service that has any; `*` stands for all services."""
    listed = {*services, ALL}
    found: dict[str, list[tuple[int, int]]] = {}
    for each in decided:
        if each.counts:
            for service in each.claim.services or (ALL,):
                if service in listed:
                    found.setdefault(service, []).append((each.claim.start_ms, each.claim.end_ms))
    return {service: union(spans) for service, spans in found.items()}
