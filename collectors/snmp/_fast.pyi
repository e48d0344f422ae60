from collections.abc import Callable
from typing import Any, Self, TypeAlias

from collectors.snmp.varbind import Oid

# entry, raws, number, sent_at, at_ms, lag_ms, deadline, drops, rtt_ms (below 0: none), walk, walk_since, pausing,
# paused_at, waited, unsent, due, last
State: TypeAlias = tuple[Any, ...]

VERSION: int

def varbinds(
    octets: bytes, at: int, end: int, most: int, oid_text: Callable[[bytes], str], /
) -> tuple[tuple[Oid, ...], tuple[int, ...], tuple[int | bytes | str | None, ...], list[tuple[int, int]]] | None: ...

class Question:
    hits: int
    misses: int
    def __new__(
        cls,
        request: object,
        prefix: bytes,
        suffix: bytes,
        community: bytes,
        walk: int,
        columns: tuple[int, ...],
        oids: tuple[Oid, ...],
        /,
    ) -> Self: ...
    def learn(self, oids: tuple[Oid, ...], tags: tuple[int, ...], /) -> tuple[Oid, ...] | None: ...

class Pilot:
    count: int
    taken: int
    def __new__(
        cls,
        counters: object,
        monotonic: Callable[[], float],
        oid_text: Callable[[bytes], str],
        answer: type,
        varbinds: type,
        walked: type,
        column: type,
        nothing: object,
        /,
    ) -> Self: ...
    def know(
        self, target: object, address: object, wire: object, timeout_s: float, deadline_s: float, rate: float, /
    ) -> bool: ...
    def plan(
        self,
        ask: object,
        wire: object,
        questions: tuple[Question | None, ...],
        asked: int,
        walks: tuple[tuple[Oid, ...], ...],
        bounds: tuple[int, float, int, int, int],
        /,
    ) -> bool: ...
    def begin(
        self,
        popleft: Callable[[], Any],
        queue: object,
        flights: dict[Any, Any],
        room: int,
        now_ms: int,
        now: float,
        drops: int,
        /,
    ) -> Any: ...
    def flush(self, loop: object, channel: object, number: int, /) -> None: ...
    def receive(
        self,
        loop: object,
        channel: object,
        number: int,
        empty_at: float,
        flights: dict[Any, Any],
        tray: dict[Any, Any],
        behind: dict[Any, Any],
        /,
    ) -> int: ...
    def over(self, now: float, /) -> list[State]: ...
    def next(self) -> float | None: ...
    def at(self, address: object, /) -> State | None: ...
    def busy(self, address: object, /) -> bool: ...
    def last(self, address: object, /) -> int: ...
    def all(self) -> list[State]: ...
    def forget(self) -> None: ...
