"""The course of one ask, as a pure object: what to send next, what a reply means, when to split, retry or stop.

No socket, no clock. A driver (the engine over UDP, `agent.interview` in memory) does

    while (request := exchange.want()) is not None:
        send it, then one of  exchange.feed(reply)  exchange.expire()  exchange.stop(failure)

and takes `exchange.answer(...)`. One request of an ask is under way at a time: a device is never asked twice at once.

    reply to a Get        all there → next · some left out → ask those again, once · tooBig → two halves
                          error at one OID → that one fails, the others are asked again
    reply to a GetBulk    see `gather` · tooBig or empty → half the rows, then fewer columns
    no reply              the same again (a walk with half the rows: a lost fragment loses the whole reply)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from collectors.snmp.ask import NOTHING, Answer, Ask, Column, Failure, Reply, Walked
from collectors.snmp.gather import Request, Step, walk_step
from collectors.snmp.glance import Glance, enterprise
from collectors.snmp.glance import opening as first_glance
from collectors.snmp.pdu import ErrorStatus, Kind
from collectors.snmp.varbind import EXCEPTIONS, SYS_OBJECT_ID, SYS_UP_TIME, UNREADABLE, Varbinds
from netops.model import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

_ODD = EXCEPTIONS | {UNREADABLE}
_UPTIME_FIRST = -1  # places in a Get that belong to no `gets` index
_UPTIME_LAST = -2
_NO_UPTIMES: dict[int, int] = {}  # of asks without `uptime`; never written
_new = tuple.__new__
_MEMO = 8  # steps kept per request


def opening(ask: Ask) -> tuple[Request, ...]:
    """Return the ask's first requests, last one first (a stack)."""
    places = list(range(len(ask.gets)))
    if ask.uptime:
        places.insert(0, _UPTIME_FIRST)
    size = ask.limits.get_varbinds
    requests = [_get(ask, places[at : at + size]) for at in range(0, len(places), size)]
    walk = _glance if ask.glance else _walk
    requests += [walk(ask, number) for number, roots in enumerate(ask.walks) if roots]
    if ask.uptime and ask.walks:
        requests.append(_get(ask, [_UPTIME_LAST]))
    return tuple(reversed(requests))


def _get(ask: Ask, places: list[int]) -> Request:
    return Request(Kind.GET, tuple(SYS_UP_TIME if p < 0 else ask.gets[p] for p in places), tuple(places))


def _glance(ask: Ask, number: int) -> Request:
    return first_glance(number, ask.walks[number])


def _walk(ask: Ask, number: int) -> Request:
    roots = ask.walks[number]
    repetitions = max(1, ask.limits.bulk_varbinds // len(roots))
    return Request(Kind.GET_BULK, roots, tuple(range(len(roots))), walk=number, roots=roots, repetitions=repetitions)


class Exchange:
    """One ask under way. See the module's head for how it is driven."""

    __slots__ = (
        "_columns",
        "_counts",
        "_glance",
        "_got",
        "_heard",
        "_missed",
        "_octets",
        "_raw",
        "_uptimes",
        "_walk_failures",
        "ask",
        "attempts",
        "failed",
        "retries",
        "sent",
        "suspect",
        "todo",
        "tries",
    )

    def __init__(self, ask: Ask, retries: int = 2, first: tuple[Request, ...] | None = None) -> None:
        self.ask = ask
        self.retries = retries
        self.attempts = 0
        self.sent = 0
        self.failed: Failure | None = None
        self.suspect: Failure | None = None  # what a datagram that was no reply, or an ICMP error, says of the silence
        self.todo = list(opening(ask) if first is None else first)  # what is left to send, the next one last
        self.tries = 0  # how often the request under way was wanted
        self._octets = 0
        self._heard = 0
        self._raw: tuple[bytes, ...] | list[bytes] = ()  # a list from the second reply on
        self._got: tuple[tuple[tuple[int, ...], Varbinds], ...] = ()
        self._missed = NOTHING
        self._uptimes: dict[int, int] = _NO_UPTIMES
        self._columns: tuple[tuple[Column, ...], ...] = ()
        if ask.uptime:
            self._uptimes = {}
        if ask.walks:
            self._columns = tuple([tuple([Column() for _ in roots]) for roots in ask.walks])
            self._walk_failures: list[dict[int, Failure]] = [{} for _ in ask.walks]
            self._counts = [0] * len(ask.walks)
        self._glance = Glance(0, ask.walks[0]) if ask.glance and ask.walks else None

    def want(self) -> Request | None:
        """Return what is to be sent now; None when the ask is at its end."""
        if not self.todo:
            return None
        self.tries += 1
        self.sent += 1
        if self.tries > self.attempts:  # noqa: PLR1730  (max() costs six times as much, per datagram)
            self.attempts = self.tries
        return self.todo[-1]

    @property
    def over(self) -> bool:
        """Whether nothing more will be asked."""
        return not self.todo

    def feed(self, reply: Reply) -> None:
        """Take the reply to the request under way."""
        request = self.todo.pop()
        self.tries = 0
        self.suspect = None
        _, varbinds, octets, known, status, _, _ = reply
        raw = self._raw
        if not raw:
            self._raw = (octets,)
        elif isinstance(raw, tuple):
            self._raw = [*raw, octets]
        else:
            raw.append(octets)
        self._octets += len(octets)
        self._heard += len(varbinds.oids)
        limits = self.ask.limits
        if self._heard > limits.varbinds or self.sent > limits.requests:
            self._too_much()
        elif status:
            self._error(request, reply)
        elif request.walk < 0:
            if varbinds.oids is request.oids and request.columns[0] >= 0:  # word for word what was asked, as mostly
                self._got += ((request.columns, varbinds),)
            else:
                self._take_get(request, varbinds)
        elif self._glance is not None:
            self._take_glance(self._glance, request, varbinds)
        else:
            self._take_walk(request, varbinds, known=known)
        if self._glance is not None and not self.todo and self.failed is None:
            onward = self._glance.after(self._walk_failures[0])
            self.todo += () if onward is None else (onward,)
        if self.todo and self._octets > limits.octets:
            self.stop(Failure(Reason.PROTOCOL_FAULT, f"over {limits.octets} octets of replies"))

    def afresh(self) -> None:
        """Give the request under way all its tries again: what was lost was lost on our side."""
        self.tries = 0

    def expire(self) -> None:
        """Ask again, or give the ask up: no usable reply came in time."""
        if self.tries > self.retries:
            self.stop(self.suspect or Failure(Reason.NO_ANSWER, f"{self.tries} requests without a reply"))
            return
        request = self.todo[-1]
        if request.walk >= 0 and request.repetitions > 1:
            self.todo[-1] = request.with_repetitions(request.repetitions // 2)

    def deadline(self, seconds: float, waited: float = 0.0) -> None:
        """End the ask because its time is over: its silence, or its slowness when we `waited` for it most of the time.

        Else it was answering, and the time was ours: our budget of varbinds, our own delay, much to ask.
        """
        if not self._raw:
            self.stop(self.suspect or Failure(Reason.NO_ANSWER, f"{self.sent} requests without a reply"))
        elif waited > seconds / 2:
            told = f"over {seconds:g} s, of which {self.sent} requests waited {waited:.1f} s for their replies"
            self.stop(Failure(Reason.TOO_SLOW, told))
        else:
            self.stop(Failure(Reason.DEADLINE, f"over {seconds:g} s"))

    def stop(self, failure: Failure) -> None:
        """End the ask here; everything not had yet fails with this."""
        self.failed = failure
        for request in self.todo:
            self._fail(request, failure)
        self.todo.clear()

    def _too_much(self) -> None:
        """End the ask and keep nothing: decoding what a device pours out would cost the others their turn."""
        limits = self.ask.limits
        bound = f"{limits.varbinds} varbinds" if self._heard > limits.varbinds else f"{limits.requests} requests"
        failure = Failure(Reason.PROTOCOL_FAULT, f"over {bound} in one poll; nothing of it is kept")
        self.stop(failure)
        self._raw, self._got = (), ()
        self._missed = dict.fromkeys(range(len(self.ask.gets)), failure)
        for number, columns in enumerate(self._columns):
            self._walk_failures[number] = dict.fromkeys(range(len(columns)), failure)
            for column in columns:
                column.chunks.clear()

    def walk_too_long(self) -> None:
        """End the walk under way: using up `Limits.walk_s` is a protocol fault of the device (R11)."""
        if self.todo and self.todo[-1].walk >= 0:
            request = self.todo.pop()
            self.tries = 0
            self._fail(request, Failure(Reason.PROTOCOL_FAULT, f"walk over {self.ask.limits.walk_s:g} s"))

    def answer(self, token: Any = None, at_ms: int = 0, rtt_ms: float | None = None, lag_ms: float = 0.0) -> Answer:
        """Return what came of it."""
        uptimes = self._uptimes
        walks = tuple(map(Walked, self.ask.walks, self._columns, self._walk_failures)) if self._columns else ()
        # By position and past the keyword parsing of NamedTuple: this is made once per ask of every device.
        return _new(
            Answer,
            (
                token,
                self.failed,
                walks,
                self._got,
                self._missed,
                len(self.ask.gets),
                self.attempts,
                self.sent,
                at_ms,
                rtt_ms,
                lag_ms,
                uptimes.get(_UPTIME_FIRST) if uptimes else None,
                uptimes.get(_UPTIME_LAST) if uptimes else None,
                tuple(self._raw),
            ),
        )

    # ---- Get

    def _take_get(self, request: Request, varbinds: Varbinds) -> None:
        places = request.columns
        if varbinds.oids is not request.oids and varbinds.oids != request.oids:
            places, varbinds = self._match(request, varbinds)
        if places and places[0] < 0:
            if isinstance(varbinds.values[0], int) and varbinds.tags[0] not in _ODD:
                self._uptimes[places[0]] = varbinds.values[0]
            places, varbinds = places[1:], varbinds[1:]
        if places:
            self._got += ((places, varbinds),)

    def _match(self, request: Request, varbinds: Varbinds) -> tuple[tuple[int, ...], Varbinds]:
        """Put a reply with fewer, more or reordered varbinds to what was asked; ask again for what is missing."""
        found = {oid: at for at, oid in reversed(list(enumerate(varbinds.oids)))}
        had = [p for p, oid in enumerate(request.oids) if oid in found]
        left = [p for p, oid in enumerate(request.oids) if oid not in found]
        if left:
            if had:
                self.todo.append(request.only(left))
            else:
                self._fail(request, Failure(Reason.PROTOCOL_FAULT, "the reply holds none of the objects asked"))
        picked = [varbinds[found[request.oids[p]]] for p in had]
        return tuple(request.columns[p] for p in had), Varbinds.of(picked)

    # ---- walks

    def _take_walk(self, request: Request, varbinds: Varbinds, *, known: bool) -> None:
        if not varbinds.oids:
            self._smaller(request, Failure(Reason.PROTOCOL_FAULT, "a reply without varbinds"))
            return
        step = self._step(request, varbinds, known=known)
        columns = self._columns[request.walk]
        values = varbinds.values if step.order is None else [varbinds.values[i] for i in step.order]
        for column, pick, oids, tags in step.takes:
            columns[column].chunks.append((oids, tags, values[pick]))
        self._counts[request.walk] += step.cells
        if step.fault:
            self._walk_fault(request, step)
        elif step.after is not None:
            if self._counts[request.walk] >= self.ask.limits.walk_varbinds:
                why = f"over {self.ask.limits.walk_varbinds} varbinds in one walk"
                self._fail(step.after, Failure(Reason.PROTOCOL_FAULT, why))
            else:
                self.todo.append(step.after)

    def _take_glance(self, glance: Glance, request: Request, varbinds: Varbinds) -> None:
        if not varbinds.oids:
            self._smaller(request, Failure(Reason.PROTOCOL_FAULT, "a reply without varbinds"))
            return
        told = [got[at] for _, got in self._got for at in range(len(got.values)) if got.oids[at] == SYS_OBJECT_ID]
        glance.own = enterprise(told[0].value) if told else ()
        for column, at in glance.take(request, varbinds):
            chunks = self._columns[0][column].chunks
            if not chunks:
                oid, tag, value = varbinds[at]
                chunks.append(((oid,), (tag,), (value,)))

    def _walk_fault(self, request: Request, step: Step) -> None:
        """End the whole group: the cursors of its columns move together."""
        for column in request.columns:
            self._walk_failures[request.walk][column] = Failure(Reason.PROTOCOL_FAULT, step.fault)

    def _step(self, request: Request, varbinds: Varbinds, *, known: bool) -> Step:
        bulk = self.ask.limits.bulk_varbinds
        if not known:
            return walk_step(request, varbinds.oids, varbinds.tags, bulk_varbinds=bulk)
        kept = request.memo.get(id(varbinds.oids))
        if kept is not None and kept[0] is varbinds.oids:
            return kept[1]
        step = walk_step(request, varbinds.oids, varbinds.tags, bulk_varbinds=bulk)
        if len(request.memo) >= _MEMO:
            request.memo.clear()
        request.memo[id(varbinds.oids)] = (varbinds.oids, step)
        return step

    # ---- errors

    def _error(self, request: Request, reply: Reply) -> None:
        failure = Failure(Reason.ERROR_STATUS, f"error-status {_status(reply.error_status)} at {reply.error_index}")
        if reply.error_status == ErrorStatus.TOO_BIG:
            self._smaller(request, failure)
            return
        culprit = reply.error_index - 1
        if not 0 <= culprit < len(request.oids):
            self._smaller(request, failure)
            return
        if reply.error_status == ErrorStatus.NO_SUCH_NAME:
            # An SNMPv1 answer in a v2c message: no such instance for a Get, the end of the view for a walk.
            failure = Failure(Reason.NO_SUCH_INSTANCE, failure.detail)
        if request.walk < 0 or reply.error_status != ErrorStatus.NO_SUCH_NAME or self._glance is not None:
            self._fail(request.only([culprit]), failure)
        rest = [p for p in range(len(request.oids)) if p != culprit]
        if rest:
            self.todo.append(request.only(rest))

    def _smaller(self, request: Request, failure: Failure) -> None:
        """Ask for less at a time: fewer rows, then fewer objects; a single one that is still too much fails."""
        if request.walk >= 0 and request.repetitions > 1:
            self.todo.append(request.with_repetitions(request.repetitions // 2))
        elif len(request.oids) > 1:
            first, second = request.halves()
            self.todo += (second, first)
        else:
            self._fail(request, failure)

    def _fail(self, request: Request, failure: Failure) -> None:
        places: Iterable[int] = request.columns
        if request.walk < 0:
            self._missed = {**self._missed, **{place: failure for place in places if place >= 0}}
        else:
            self._walk_failures[request.walk].update((place, failure) for place in places)


def _status(status: int) -> str:
    return ErrorStatus(status).name if status in set(ErrorStatus) else str(status)
