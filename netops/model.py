"""The nouns that travel: Subject, Observation, Gap, Row, Poll.

Flow: a device is polled; `collectors` decodes its replies to observations and gaps; those of one subject at one
instant make a `Row`, those of one device in one slot make a `Poll`; polls go through the spool into the store, never
another way.

A gap is a fact, never a zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Quality(StrEnum):
    """How far a value may be believed. Only `ok` enters a verdict."""

    OK = "ok"
    SENTINEL = "sentinel"  # the device said "no value" in its own way
    OUT_OF_RANGE = "out_of_range"  # decoded, but physically impossible by the catalogue's bounds
    TORN = "torn"  # from a table whose columns do not fit together
    STALE = "stale"  # older than the metric's maximum age


class Reason(StrEnum):
    """Why a value that was meant to be had is not there. `OURS` says on whose account it goes."""

    NO_ANSWER = "no_answer"
    REFUSED = "refused"  # ICMP port unreachable
    UNDECODABLE = "answered_undecodably"
    AUTH_FAILED = "authentication_failed"
    NO_SUCH_OBJECT = "no_such_object"
    NO_SUCH_INSTANCE = "no_such_instance"
    ROW_MISSING = "row_missing"  # in the inventory, not in the device's table: not "down"
    TORN = "torn"
    UNREADABLE = "unreadable_value"
    PROTOCOL_FAULT = "protocol_fault"  # an endless or looping walk, a table over every bound
    ERROR_STATUS = "error_status"  # SNMP error-status other than tooBig
    TOO_SLOW = "answered_too_slowly"  # it answered, and used up the time for all of its answers
    BUSY = "device_busy"  # spared, because it said that it is busy
    # ours
    NO_ADDRESS = "no_address"
    NO_CREDENTIAL = "no_credential"
    NO_PROFILE = "no_profile"
    NOT_RUNNING = "collector_not_running"
    MISSED_SLOT = "missed_slot"
    POLLER_LATE = "poller_late"
    DEADLINE = "deadline"  # our time for this device ran out
    BUDGET = "budget"
    HALTED = "halted"  # the operator's kill switch
    SOCKET_DROPS = "socket_drops"
    DISK_FULL = "disk_full"
    ANCHORS_LOST = "anchors_lost"  # the vantage point itself was blind
    CLOCK = "clock"  # a one-way figure from clocks that may be further off than allowed
    HOST_KEY = "host_key"  # the machine that answers shows no key that the register vouches for; nothing was sent to it


OURS = frozenset(
    {
        Reason.NO_ADDRESS,
        Reason.NO_CREDENTIAL,
        Reason.NO_PROFILE,
        Reason.NOT_RUNNING,
        Reason.MISSED_SLOT,
        Reason.POLLER_LATE,
        Reason.DEADLINE,
        Reason.BUDGET,
        Reason.HALTED,
        Reason.SOCKET_DROPS,
        Reason.DISK_FULL,
        Reason.ANCHORS_LOST,
        Reason.CLOCK,
        Reason.HOST_KEY,
    }
)


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """What a value is about: `kind` such as device, ap, radio, ssid, onu, pon_port, cell, interface; and a stable `id`.

    The id is unique in the whole city and survives renumbering: a register id for a device, `mac:0a0b0c0d0e0f`
    for what has a MAC address, `sn:HWTC01234567` for what has a serial number, else `<device id>/<local name>`.
    Never a row number and never a name that an operator can change.
    """

    kind: str
    id: str

    def __str__(self) -> str:
        """Return `kind:id`."""
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One value of one metric of one subject at one instant, with where it came from.

    `value` is None unless `quality` is ok, torn or stale: what a sentinel or an impossible number would decode to is
    no value. `raw` is what the device sent (integers as they came, octets as text or `0x…`), `oid` its full OID,
    `rule` the profile's rule (`huawei_wlan_ac.ap.wlan.ap.clients@3f2a…`), `index` the row's index in the table.
    """

    metric: str
    subject: Subject
    device: str
    at_ms: int
    value: float | int | str | None
    unit: str
    raw: int | str
    oid: str
    rule: str
    quality: Quality = Quality.OK
    index: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A value that was meant to be had and is not there, with the reason."""

    metric: str
    subject: Subject
    device: str
    at_ms: int
    reason: Reason
    detail: str = ""
    oid: str = ""
    index: str = ""

    @property
    def ours(self) -> bool:
        """Whether the gap goes on our account: it then never charges the carrier."""
        return self.reason in OURS


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """All numbers of one subject from one poll: the unit of storage.

    `values` maps a metric to a float (or None); `codes` holds, for every metric that is not simply ok, its Quality or
    Reason value; `texts` are names, models, versions: attributes of the subject, kept on change only.
    """

    subject: Subject
    values: Mapping[str, float | None]
    codes: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """One poll of one device in one slot. `(device, slot_ms)` is unique: a repeat replaces and adds nothing.

    A poll by another door than SNMP has `<device>/<door>` for its device (`olt-7/ssh`): outcomes and a timeline of its
    own, about the same subjects.

    `slot_ms` is the scheduled instant, `at_ms` when the first request left, `lag_ms` their difference as the poller saw
    it. `outcome` is "answered" or a Reason. `raw` is the concatenated raw replies (may be empty), framed as
    `netops.raw` says; `profile` and `digest` name the rules that decoded them.
    """

    device: str
    slot_ms: int
    at_ms: int
    outcome: str
    profile: str = ""
    digest: str = ""
    attempts: int = 0
    rtt_ms: float | None = None
    lag_ms: float = 0.0
    rows: tuple[Row, ...] = ()
    raw: bytes = b""

    @property
    def id(self) -> str:
        """The poll's name everywhere: `device@slot`."""
        return f"{self.device}@{self.slot_ms}"


ANSWERED = "answered"
