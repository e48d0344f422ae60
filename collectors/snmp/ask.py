"""Who is asked, what is asked, what came of it: Target, Ask, Answer and their small parts. Frozen; no I/O.

One `Ask` object serves thousands of devices: keep it, the engine prepares its requests once per object and community.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from collectors.snmp.varbind import EXCEPTIONS, NO_SUCH_OBJECT, UNREADABLE, Oid, Varbind, Varbinds
from netops.model import ANSWERED, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from collectors.snmp.usm import User


@dataclass(frozen=True, slots=True)
class Community:
    """The SNMPv2c credential; it never shows itself."""

    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where a device's answer stops (R11). A walk is stopped per group of columns, bytes per ask.

    `varbinds` and `requests` bound what one ask may cost us at all, in memory and in CPU: over them nothing of the
    answer is kept or decoded.
    """

    walk_varbinds: int = 50_000
    walk_s: float = 30.0
    octets: int = 8 << 20
    varbinds: int = 200_000
    requests: int = 20_000
    get_varbinds: int = 24  # per request
    bulk_varbinds: int = 60  # columns × repetitions per request: about one Ethernet frame of reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A device as the engine reaches it. `address` is a numeric IPv4 or IPv6 address (`fe80::1%eth0` included).

    `timeout_s` is per datagram, `retries` further datagrams per request, `deadline_s` for the whole ask. After a reply
    of n varbinds the next request waits n / `varbinds_per_s` seconds (0: no wait): polling can hurt a line card.
    """

    address: str
    credential: Community | User
    port: int = 161
    timeout_s: float = 1.0
    retries: int = 2
    deadline_s: float = 20.0
    varbinds_per_s: int = 0
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        told = (
            self.address,
            self.credential,
            self.port,
            self.timeout_s,
            self.retries,
            self.deadline_s,
            self.varbinds_per_s,
        )
        object.__setattr__(self, "_hash", hash(told))

    def __hash__(self) -> int:
        return self._hash


@dataclass(frozen=True, slots=True)
class Ask:
    """What a device is asked: `gets` (instances) and `walks` (groups of columns that are walked side by side).

    With `uptime` sysUpTime.0 is asked first and, when there are walks, again last: a restart in between shows. With
    `glance` the one walk is none: of each of its places only the first object is wanted (`collectors/snmp/glance.py`).
    """

    gets: tuple[Oid, ...] = ()
    walks: tuple[tuple[Oid, ...], ...] = ()
    uptime: bool = False
    limits: Limits = field(default=Limits())
    glance: bool = False
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.gets, self.walks, self.uptime, self.limits, self.glance)))

    def __hash__(self) -> int:
        return self._hash


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something that was asked is not there."""

    reason: Reason
    detail: str = ""


class Column:
    """One column of a walk while it grows: chunks of varbinds, joined when first read."""

    __slots__ = ("_joined", "chunks")

    def __init__(self) -> None:
        self.chunks: list[tuple[tuple[Oid, ...], tuple[int, ...], Sequence[Any]]] = []
        self._joined: Varbinds | None = None

    def varbinds(self) -> Varbinds:
        """Return the whole column in OID order."""
        if self._joined is None:
            oids, tags, values = zip(*self.chunks, strict=True) if self.chunks else ((), (), ())
            flat = chain.from_iterable
            self._joined = Varbinds(tuple(flat(oids)), tuple(flat(tags)), tuple(flat(values)))
        return self._joined


@dataclass(frozen=True, slots=True)
class Walked:
    """What a walk brought, by column in the order asked; `failures` by column. What came before a failure is kept."""

    roots: tuple[Oid, ...]
    growth: tuple[Column, ...] = field(repr=False)
    failures: Mapping[int, Failure]

    @property
    def columns(self) -> tuple[Varbinds, ...]:
        """The varbinds of each column."""
        return tuple(column.varbinds() for column in self.growth)

    @property
    def failed(self) -> Failure | None:
        """The first column's failure; None when every column was walked to its end."""
        return next(iter(self.failures.values()), None)


NOTHING: Mapping[int, Failure] = MappingProxyType({})


class Answer(NamedTuple):
    """What came of an ask. `gets` and `walks` lie in the order asked; `failed` is what ended it before its end.

    `at_ms` is the wall clock when the first datagram left, `lag_ms` how late that was against the job's due time,
    `rtt_ms` the first reply's round trip, `attempts` the most datagrams that one request took, `sent` all of them.
    `raw` are the replies as they came (SNMPv3: the decrypted scoped PDUs), in order.
    """

    token: Any = None
    failed: Failure | None = None
    walks: tuple[Walked, ...] = ()
    got: tuple[tuple[tuple[int, ...], Varbinds], ...] = ()
    missed: Mapping[int, Failure] = NOTHING
    asked: int = 0
    attempts: int = 0
    sent: int = 0
    at_ms: int = 0
    rtt_ms: float | None = None
    lag_ms: float = 0.0
    uptime_first: int | None = None
    uptime_last: int | None = None
    raw: tuple[bytes, ...] = ()

    @property
    def gets(self) -> tuple[Varbind | Failure, ...]:
        """One Varbind or Failure for every OID of `Ask.gets`, in its order."""
        found: dict[int, Varbind | Failure] = dict(self.missed)
        for indexes, varbinds in self.got:
            found.update(zip(indexes, map(readable, varbinds), strict=False))
        return tuple(found[at] for at in range(self.asked))

    @property
    def answered(self) -> bool:
        """Whether any reply to what was asked came and could be read."""
        return bool(self.raw)

    @property
    def outcome(self) -> str:
        """`answered`, or the Reason why nothing came: what a Poll carries."""
        if self.raw or self.failed is None:
            return ANSWERED
        return self.failed.reason.value


def readable(varbind: Varbind) -> Varbind | Failure:
    """Return the varbind of a Get, or the failure that its exception or its unreadable content means."""
    if varbind.tag in EXCEPTIONS:
        missing = Reason.NO_SUCH_OBJECT if varbind.tag == NO_SUCH_OBJECT else Reason.NO_SUCH_INSTANCE
        return Failure(missing)
    if varbind.tag == UNREADABLE:
        return Failure(Reason.UNREADABLE, f"content {varbind.value!r:.60} does not fit its type")
    return varbind


class Reply(NamedTuple):
    """What a device said, as an exchange takes it. `octets` go to the archive.

    `known` says that `varbinds.oids` is a shared tuple that will come again: the step it means is then remembered.
    """

    request_id: int
    varbinds: Varbinds
    octets: bytes
    known: bool = False
    error_status: int = 0
    error_index: int = 0
    trailing: int = 0
