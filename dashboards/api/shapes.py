"""The answers' shapes: every field is always there. What was not measured is None, and `because` beside it says why."""

# no postponed annotations: the JSON Schema is made of them
from dataclasses import dataclass
from typing import Any, Literal

from dashboards.api.schema import Instant
from netops.situation import State

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str  # what is wrong and what to do, in the language of the request


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Services by their state now."""

    up: int
    degraded: int
    down: int
    unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share of time: `part_ms` of `whole_ms`, which is what was measured. Exact; the percent is rounded down."""

    part_ms: int
    whole_ms: int
    percent: float | None  # six digits; null when nothing was measured
    because: Literal["", "nothing_measured"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """The contract's month up to now: the share of the measured time that was up, and what was not measured."""

    up: Share
    unknown_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The city now."""

    at: Instant | None  # when the core judged last; null before its first time
    because: Literal["", "not_judged_yet"]
    register: str  # SHA-256 of the register's records
    rehearsal: bool
    services: Counts
    month: Availability
    collector: dict[str, str]  # what the core counts of itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Services that are not up and share a root."""

    key: str  # `device:…`, `carrier:…`, `area:…` or `cause:…`
    state: State  # the worst of theirs
    since: Instant
    services: int
    areas: tuple[str, ...]  # the most often hit first


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A subdistrict or town."""

    id: str  # administrative code
    name: str
    name_en: str
    column: int  # on the schematic map, counted from the north-west
    row: int
    population: int | None  # null: not stated
    services: Counts
    month: Availability


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place."""

    id: str
    name: str
    area: str
    address: str
    longitude: str  # WGS 84 degrees; empty: not stated
    latitude: str
    tags: tuple[str, ...]
    services: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Something that we ask, or that only its parent tells of."""

    id: str
    name: str
    site: str
    area: str
    carrier: str
    role: str
    profile: str  # empty to a carrier: how a device is asked is the city's
    address: str
    mac: str
    serial: str
    parent: str
    subjects: tuple[str, ...]  # what in the store tells of it
    services: Counts  # that it provides


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One delivered service."""

    id: str
    kind: str
    role: str
    carrier: str
    site: str
    area: str
    contract: str
    device: str
    subject: str  # what in the store tells of it; empty: the device itself
    state: State | None  # null: the core has not judged it yet
    since: Instant | None
    cause: str  # whom the state is put down to: `carrier:…`, `device:…`, `area:…` or a cause of the contract
    because: str  # why it is not up, or `not_judged_yet`
    month: Availability
    strip: str  # the last 24 hours, one letter each: U up, D degraded, X down, N not measured, - before it was there


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """A sealed hour of a service; an hour that is not sealed has no figures."""

    at: Instant
    up_ms: int | None
    degraded_ms: int | None
    down_ms: int | None
    unknown_ms: int | None
    because: Literal["", "not_sealed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """A row of the store that tells of something in the register: an access point, an ONU, a cell, a device."""

    subject: str
    kind: str
    device: str  # the device that it belongs to
    services: tuple[str, ...]  # that are this row and nothing else


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One value, or why there is none."""

    subject: str
    metric: str
    unit: str
    at: Instant  # when the device was asked
    slot: Instant  # when it was to be asked
    slot_ms: int  # names the poll in `/devices/{device}/polls/{slot_ms}`
    device: str
    value: float | None
    because: str  # a quality or reason; empty beside a good value


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementNow:
    """An element with its texts and newest readings of the last day."""

    element: Element
    texts: dict[str, str]
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """How one asking of a device went."""

    device: str
    door: str  # empty: SNMP
    slot: Instant
    slot_ms: int
    at: Instant
    outcome: str
    attempts: int
    rtt_ms: float | None  # null: no answer came, `outcome` says why
    lag_ms: float
    profile: str
    rules: str  # SHA-256 of the profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """One value as it was read from a reply."""

    subject: str
    metric: str
    oid: str
    value: float | str | None
    unit: str
    raw: str  # as the device sent it
    rule: str
    because: str  # `ok`, or the quality or reason for which it counts for nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class PollRead:
    """A poll with what was read from its replies; the bytes themselves are at `…/raw`."""

    poll: Poll
    octets: int | None
    because: Literal["", "no_bytes"]  # none came, or their time is over
    read: tuple[Decoded, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What a device said by itself: a trap, an inform."""

    leaf: int
    at: Instant
    subject: str
    event: str
    severity: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """What a vantage point looks at, with its newest readings."""

    subject: str
    vantage: str
    target: str
    kind: str
    service: str
    anchor: bool
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """An exact share of a count."""

    part: int
    whole: int
    percent: float | None
    because: Literal["", "nobody_tried"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins:
    """How visitors fared at a site in the last day."""

    site: str
    online: int
    failed: int
    unserved: int
    unconfirmed: int
    ours: int
    refused: int
    success: Ratio
    quick: Ratio  # online within ten seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One thing that a search found."""

    kind: Literal["device", "service", "site", "area"]
    id: str
    name: str
    detail: str
    area: str
    state: State | None  # null: no service of it has been judged
    path: str  # its page


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """What a search found: the first of them, and how many there are."""

    hits: tuple[Hit, ...]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A contract in its version of today."""

    id: str
    version: str
    carrier: str
    title: str
    valid_from: Instant
    ends: Instant | None  # null: not stated
    services: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractTerms:
    """A contract with all of its terms, as the register holds them."""

    contract: Contract
    terms: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A sealed verdict; figures are exact fractions."""

    leaf: int
    at: Instant
    contract: str
    version: str
    objective: str
    start: Instant
    end: Instant
    outcome: Literal["met", "missed", "not_determinable"]
    value: str | None
    lower: str | None
    upper: str | None
    because: str
    inputs: str  # SHA-256


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report that was issued, one revision; its bundle holds all that an auditor needs."""

    name: str
    leaf: int
    contract: str
    start: Instant
    end: Instant
    revision: int
    digest: str
    octets: int
    cosigned: int | None  # witnesses who signed its checkpoint; null when nobody was asked, or it cannot be read
    quorum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """What was judged and reported of one month of a contract."""

    month: str
    verdicts: tuple[Verdict, ...]
    reports: tuple[Report, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What another person said to a request."""

    decision: str
    by: str
    at: Instant
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What one person asks for, and what another said."""

    id: str
    action: str
    subject: str
    state: str
    by: str
    at: Instant
    reason: str
    terms: Json
    digest: str
    decision: Decision | None  # null: it waits
    recall: Decision | None
    sealed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A file that a carrier handed in with its note."""

    name: str
    octets: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer to an objection or a ruling on it; by `deadline` where nobody spoke in time."""

    word: str
    by: str
    at: Instant
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """An objection, with what was answered and ruled."""

    id: str
    report: str
    code: str
    target: str
    by: str
    at: Instant
    reason: str
    state: str  # made, answered, ruled
    due: Instant | None  # of the next word; null when none is due, or the calendar lacks the year
    answer: Said | None
    ruling: Said | None
    decides: str  # what an upholding ruling decides of an interval; empty where it decides of none
    note: str  # SHA-256 of what the carrier signed; empty where it spoke on paper
    evidence: str  # SHA-256 that the note names; empty where it names none
    files: tuple[Attached, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """The dispute over a contract's report of one month, through all its revisions."""

    month: str
    report: str  # the newest revision
    state: str
    until: Instant | None  # it may be objected to; null when no more
    kept_open_until: Instant | None  # later than that, where the city could not hear the carrier
    objections: tuple[Objection, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A signed head of the ledger."""

    size: int
    at: Instant
    note: str  # C2SP signed note


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The ledger now."""

    origin: str
    size: int | None  # null: there is no ledger yet
    because: Literal["", "no_ledger_yet"]
    checkpoint: Checkpoint | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One subject of an incident."""

    subject: str
    since: Instant
    well: Instant | None  # null: it is not well
    because: str
    area: str
    carrier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What has one root cause."""

    id: str
    rule: str
    root: str
    severity: str
    phase: str
    since: Instant
    opened: Instant | None
    closed: Instant | None
    flapping: bool
    taken_by: str  # `city` to a carrier: which of the staff is the city's
    taken: Instant | None
    taken_link: str  # to whom the message went by whose link it was taken on, where several read it; else empty
    bad: int  # members that are not well


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentWhole:
    """An incident with its members."""

    incident: Incident
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What was said of a ticket."""

    step: str
    at: Instant
    by: str
    remark: str
    sealed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A fault that was reported to a carrier."""

    id: str
    contract: str
    state: Literal["running", "waiting", "over"]
    outcome: str
    reported: Instant
    ran_ms: int  # without what waited for us
    number: str  # the carrier's own
    incident: str
    services: tuple[str, ...]
    steps: tuple[Step, ...]
