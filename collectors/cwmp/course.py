"""What an ACS of ours asks in one session, step by step: a generator of requests that is sent each answer. Pure.

    discover  (once, and again after a boot)    GetParameterNames, level by level: which instances, which parameters
    read                                        GetParameterValues of what is due; a refused list is asked in halves
    arrange   (after discovering, if allowed)   the periodic Inform and the notifications; nothing else is ever set

What a CPE does not have is learned from its names, so that it is asked for nothing that it would refuse. All of it is
bounded: instances, names, requests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from collectors.cwmp.decode import Heard
from collectors.cwmp.message import (
    CPE_INVALID_NAME,
    Fault,
    GetNames,
    GetValues,
    Names,
    SetInform,
    SetNotification,
    Values,
)
from collectors.snmp.ask import Failure
from netops.model import Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Mapping

    from collectors.cwmp.decode import Row
    from collectors.cwmp.message import Body, Request
    from collectors.cwmp.model import Model, Table

_INSTANCES = 64  # of one object
_NAMES = 4096  # parameters of one CPE
_NOBODY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where a session stops."""

    requests: int = 96
    batch: int = 64  # names in one GetParameterValues
    values: int = 20_000  # parameters that a session may bring


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What one CPE has: (full name, cost) of each parameter worth asking, (partial path, cost) of each whole table."""

    names: tuple[tuple[str, str], ...] = ()
    wholes: tuple[tuple[str, str], ...] = ()
    absent: frozenset[tuple[str, str]] = frozenset()
    notify: tuple[str, ...] = ()
    refused: Mapping[str, Failure] = field(default_factory=dict)  # named by the CPE, and yet never told


@dataclass(slots=True)
class Course:
    """One session's course; `run` drives it, the rest is what came of it so far."""

    models: Collection[Model]
    root: str
    costs: frozenset[str]
    layout: Layout | None
    interval_s: int = 0  # of the periodic Inform that is wanted; 0: nothing is set
    limits: Limits = field(default_factory=Limits)
    values: dict[str, str] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    wholes: list[str] = field(default_factory=list)
    failed: dict[str, Failure] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    stale: bool = False  # the CPE no longer has what it had: it is to be discovered again
    whole: bool = False  # everything that was due has been asked
    requests: int = 0

    def run(self) -> Generator[Request, Body, None]:
        """Yield what to ask; each request is answered by `send`."""
        fresh = self.layout is None
        if self.layout is None:
            self.layout = yield from self._discover()
        self.failed.update(self.layout.refused)
        due = [name for name, cost in self.layout.names if cost in self.costs and name not in self.layout.refused]
        self.wholes = [path for path, cost in self.layout.wholes if cost in self.costs]
        self.asked.update(due)
        for at in range(0, len(due), self.limits.batch):
            yield from self._read(due[at : at + self.limits.batch])
        for path in self.wholes:
            yield from self._read_whole(path)
        self.whole = True
        if fresh:
            self._learn(self.layout)
            if self.interval_s:
                yield from self._arrange()

    def heard(self, serial: str, told: Mapping[str, str], known_as: Mapping[str, str] = _NOBODY) -> Heard:
        """Return what came so far, over what the Inform `told`; what was due and never asked is torn."""
        lost = {name for name in self.asked if name not in self.values and name not in self.failed}
        lost |= {path for path in self.wholes if not any(name.startswith(path) for name in self.values)}
        reason = Failure(Reason.TORN, "the session ended before it was asked")
        return Heard(
            root=self.root,
            serial=serial,
            known_as=known_as,
            values={**told, **self.values},
            asked=frozenset(self.asked),
            wholes=tuple(self.wholes),
            absent=self.layout.absent if self.layout is not None else frozenset(),
            failed=self.failed if self.whole else {**dict.fromkeys(lost, reason), **self.failed},
        )

    # ---- reading

    def _read(self, names: list[str]) -> Generator[Request, Body, None]:
        if not self._may():
            self.failed.update(dict.fromkeys(names, _over()))
            return
        answer = yield GetValues(tuple(names))
        if isinstance(answer, Values):
            wanted = set(names)
            self._keep({name: value for name, value in answer.values.items() if name in wanted})
        elif isinstance(answer, Fault) and len(names) > 1:
            half = len(names) // 2
            yield from self._read(names[:half])
            yield from self._read(names[half:])
        else:
            self.stale = self.stale or (isinstance(answer, Fault) and answer.code == CPE_INVALID_NAME)
            self.failed[names[0]] = _refused(answer)

    def _read_whole(self, path: str) -> Generator[Request, Body, None]:
        if not self._may():
            self.failed[path] = _over()
            return
        answer = yield GetValues((path,))
        if isinstance(answer, Values):
            self._keep({name: value for name, value in answer.values.items() if name.startswith(path)})
        elif not (isinstance(answer, Fault) and answer.code == CPE_INVALID_NAME):  # an object that is optional
            self.failed[path] = _refused(answer)

    def _learn(self, layout: Layout) -> None:
        """Remember what a CPE names and refuses, so that it is not asked again and again: it stays a gap."""
        refused = {name: why for name, why in self.failed.items() if why.reason is Reason.NO_SUCH_OBJECT}
        self.layout = replace(layout, refused=refused)
        self.stale = self.requests > self.limits.requests

    def _keep(self, values: Mapping[str, str]) -> None:
        if len(self.values) + len(values) <= self.limits.values:
            self.values.update(values)

    def _may(self) -> bool:
        self.requests += 1
        return self.requests <= self.limits.requests

    # ---- discovering

    def _discover(self) -> Generator[Request, Body, Layout]:
        known: dict[str, frozenset[str]] = {}
        names: dict[str, str] = {}
        wholes: dict[str, str] = {}
        absent: set[tuple[str, str]] = set()
        notify: list[str] = []
        for table in (each for model in self.models for each in model.tables):
            segments = table.object.segments
            last = max((at for at, each in enumerate(segments) if each.startswith("{")), default=-1)
            rows = yield from self._rows(segments[:last] if table.whole else segments, known)
            if table.whole:
                for row in rows:
                    wholes[".".join([self.root, *_filled(segments[:last], row)]) + "."] = table.cost
                continue
            if rows:
                have = yield from self._have(table, rows[0], known)
                for leaf in table.every:
                    if leaf.column.key not in have:
                        absent.add((table.name, leaf.column.key))
                        continue
                    each = [leaf.path.at(self.root, row) for row in rows]
                    names |= dict.fromkeys(each, leaf.column.cost)
                    notify += each if leaf.notify else []
        return Layout(
            names=tuple(names.items())[:_NAMES],
            wholes=tuple(wholes.items())[:_INSTANCES],
            absent=frozenset(absent),
            notify=tuple(dict.fromkeys(notify))[:_INSTANCES],
        )

    def _rows(self, segments: tuple[str, ...], known: dict[str, frozenset[str]]) -> Generator[Request, Body, list[Row]]:
        """Return the instances of an object, found level by level; none where the CPE does not have it."""
        rows: list[Row] = [{}]
        for at, segment in enumerate(segments):
            if not segment.startswith("{"):
                continue
            longer: list[Row] = []
            for row in rows:
                path = ".".join([self.root, *_filled(segments[:at], row)]) + "."
                below = yield from self._listed(path, known)
                found = sorted(int(name[len(path) : -1]) for name in below if _is_instance(name, path))
                longer += [{**row, segment[1:-1]: str(number)} for number in found]
            rows = longer[:_INSTANCES]
        return rows

    def _have(
        self, table: Table, row: Row, known: dict[str, frozenset[str]]
    ) -> Generator[Request, Body, frozenset[str]]:
        """Return the keys of the leaves that the CPE has, by its first instance: all of one object are alike."""
        found = set()
        for leaf in table.every:
            name = leaf.path.at(self.root, row)
            below = yield from self._listed(name[: name.rindex(".") + 1], known)
            if name in below:
                found.add(leaf.column.key)
        return frozenset(found)

    def _listed(self, path: str, known: dict[str, frozenset[str]]) -> Generator[Request, Body, frozenset[str]]:
        """Return what stands directly below a partial path; nothing where the CPE refuses it."""
        if path not in known:
            above = next((each for each in known if _directly_below(path, each)), None)
            if above is not None and path not in known[above]:
                known[path] = frozenset()  # its parent does not name it
            elif not self._may():
                known[path] = frozenset()
                self.stale = True
            else:
                answer = yield GetNames(path, next_level=True)
                known[path] = _next_level(answer.names, path) if isinstance(answer, Names) else frozenset()
        return known[path]

    # ---- arranging

    def _arrange(self) -> Generator[Request, Body, None]:
        place = f"{self.root}.ManagementServer."
        answer: Body | None = None
        if self._may():
            answer = yield GetValues((f"{place}PeriodicInformEnable", f"{place}PeriodicInformInterval"))
        if isinstance(answer, Values):
            enabled, interval = (answer.values.get(f"{place}PeriodicInform{e}", "") for e in ("Enable", "Interval"))
            as_wanted = enabled.strip().lower() in {"1", "true"} and interval.strip() == str(self.interval_s)
            if not as_wanted and self._may():
                answer = yield SetInform(self.root, self.interval_s)
                self._note("the periodic Inform", answer)
        if self.layout is not None and self.layout.notify and self._may():
            answer = yield SetNotification(self.layout.notify)
            self._note("the notifications", answer)

    def _note(self, what: str, answer: Body) -> None:
        if isinstance(answer, Fault):
            self.notes.append(f"{what} could not be set: {answer.code} {answer.text}".strip())


def root_of(names: Iterable[str]) -> str:
    """Return the root of a CPE's data model, by the names in its Inform; TR-181's when they do not say."""
    return "InternetGatewayDevice" if any(n.startswith("InternetGatewayDevice.") for n in names) else "Device"


def _filled(segments: Iterable[str], row: Row) -> list[str]:
    return [row[each[1:-1]] if each.startswith("{") else each for each in segments]


def _next_level(names: Iterable[str], path: str) -> frozenset[str]:
    """Return names cut to what stands directly below a path: some CPEs answer with the whole tree below it."""
    below = (name[len(path) :].partition(".") for name in names if name.startswith(path) and name != path)
    return frozenset(f"{path}{head}{dot}" for head, dot, _ in below)


def _directly_below(path: str, other: str) -> bool:
    return path != other and path.startswith(other) and "." not in path[len(other) : -1]


def _is_instance(name: str, path: str) -> bool:
    return name.startswith(path) and re.fullmatch(r"\d{1,9}\.", name[len(path) :]) is not None


def _refused(answer: Body) -> Failure:
    if isinstance(answer, Fault):
        reason = Reason.NO_SUCH_OBJECT if answer.code == CPE_INVALID_NAME else Reason.ERROR_STATUS
        return Failure(reason, f"the CPE refuses: {answer.code} {answer.text}".strip())
    return Failure(Reason.PROTOCOL_FAULT, f"the CPE answers with {type(answer).__name__}")


def _over() -> Failure:
    return Failure(Reason.BUDGET, "a session asks no more than this")
