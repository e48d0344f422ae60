"""What was bought, and where it stands: the frozen nouns of floor 1.

Strings name things of the floors above (a profile, an indicator, a credential, a gateway); nothing is resolved here.
Numbers that decide money are exact decimal strings as the contract writes them; instants are integer milliseconds UTC.
An empty string means "not stated". Validation stands where data enters (`inventory/reading`), not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["wifi", "lte", "fiber"]
Role = Literal[
    "wlan_controller",
    "ap",
    "olt",
    "ont",
    "small_cell",
    "lte_gateway",
    "gateway",
    "switch",
    "router",
    "probe",
    "anchor",
    "portal",
]
ExclusionMode = Literal["count_as_up", "remove_from_denominator", "not_excluded"]
UnknownMode = Literal["as_up", "removed", "as_down"]
DegradedMode = Literal["as_up", "as_down"]
UndeterminedMode = Literal["unknown", "as_down"]
OutageEdge = Literal["last_good", "first_bad", "midpoint"]
ParentFailure = Literal["children_down", "independent"]
Aggregation = Literal["object_time_mean", "any_down", "all_down", "weighted"]
Weight = Literal["none", "population", "area", "traffic"]
EmptyHistory = Literal["not_determinable", "as_up"]
RepairFrom = Literal["outage", "report"]
Percentile = Literal["nearest_rank", "linear"]
Period = Literal["day", "week", "month", "quarter", "year"]
Comparison = Literal["at_least", "at_most"]
Per = Literal["item", "object"]
DoubleCredit = Literal["dearest", "by_minute"]
LateSamples = Literal["list", "correct"]
RadioLevel = Literal["rsrp", "rssi"]
UnknownCells = Literal["removed", "as_uncovered", "as_covered"]
Cause = Literal["city", "power_or_third_party", "force_majeure", "planned"]
DoorKind = Literal["ssh", "cwmp"]

KINDS: tuple[str, ...] = get_args(Kind)
ROLES: tuple[str, ...] = get_args(Role)
DOOR_PORTS: dict[DoorKind, int] = {"ssh": 22, "cwmp": 7547}
"""The kinds of doors and the port of each: RFC 4253 section 4, TR-069 section 3.2.2 (Connection Request)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A subdistrict or town, the unit of coverage. `id` is its administrative code, 9 digits.

    `col` and `row` place it on the schematic tile map, counted from the north-west; `population` 0 is "not stated".
    """

    id: str
    name: str
    name_en: str
    col: int
    row: int
    population: int = 0

    @property
    def short(self) -> str:
        """The name without its kind, as it fits on a tile: 万寿路 for 万寿路街道."""
        return self.name.removesuffix("街道").removesuffix("地区").removesuffix("镇")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place with coordinates (WGS 84 degrees as decimal strings). `gateway` names its captive portal's protocol."""

    id: str
    name: str
    area: str
    address: str = ""
    longitude: str = ""
    latitude: str = ""
    gateway: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """Who owns the network and sold the service; `keys` verify what it signs in a dispute (C2SP signed-note vkeys)."""

    id: str
    name: str
    name_en: str = ""
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """A wall-clock window in the contract's time zone: ISO weekdays 1-7, minutes of the day `[start, end)`.

    With `kinds` (`workday`, `holiday`, `weekend` by the contract's calendar) it names no weekdays; its end may then lie
    in the day after, beyond minute 1440, whatever kind that day has.
    """

    days: tuple[int, ...]
    start_minute: int
    end_minute: int
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionClass:
    """What may be excluded: notice at least `notice_h` before, at most `cap_s` a period (0 = no cap), by whom approved.

    A late or over-cap claim is kept, flagged, and without effect until ruled. Without an approver, our own measurement
    of the cause is enough.
    """

    id: str
    title: str
    cause: Cause
    notice_h: int
    cap_s: int
    approver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How raw facts become a figure: each a field of the contract, printed in every report.

    `undetermined_mode`: what a device that answered did not show of a service (its row is gone, its state unreadable).
    `max_unknown_ratio`: above it the verdict is not determinable. `min_outage_s`: shorter outages do not count.
    `min_samples_per_slice` in each `slice_s`, else the slice is unknown. `hours` empty: always.
    `quorum` of `vantages` must agree before something is down. `max_clock_error_ratio`: share of the threshold.
    `window_intervals`: so many bad checks in a row make the time unavailable, so many good ones end it (n of MEF 10.3;
    0: every check counts); `consecutive_high_loss` bad ones in a row, in available time, are one CHLI (p of MEF 10.3).
    `repair_from`: whether the time to repair (`fault.repair`) counts from the outage or from its report by a ticket.
    """

    exclusion_mode: ExclusionMode = "remove_from_denominator"
    unknown_mode: UnknownMode = "removed"
    degraded_mode: DegradedMode = "as_up"
    undetermined_mode: UndeterminedMode = "unknown"
    max_unknown_ratio: str = "0.05"
    outage_edge: OutageEdge = "first_bad"
    min_outage_s: int = 0
    slice_s: int = 3600
    min_samples_per_slice: int = 1
    check_every_s: int = 60
    parent_failure: ParentFailure = "children_down"
    aggregation: Aggregation = "object_time_mean"
    weight: Weight = "none"
    hours: tuple[Hours, ...] = ()
    exclusions: tuple[ExclusionClass, ...] = ()
    empty_history: EmptyHistory = "not_determinable"
    percentile: Percentile = "nearest_rank"
    quorum: int = 1
    vantages: int = 1
    max_clock_error_ratio: str = "0.1"
    window_intervals: int = 0
    consecutive_high_loss: int = 5
    repair_from: RepairFrom = "outage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One step of a credit schedule: the unrounded value between two stated bounds costs `percent` of the fee.

    Bounds not stated are empty: `at_least` (≥) or `above` (>) from below, `below` (<) or `at_most` (≤) from above.
    """

    percent: str
    at_least: str = ""
    above: str = ""
    below: str = ""
    at_most: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credits:
    """What a breach costs. Caps are percent of the fee; empty = no cap. `escalate_after` breached periods in a row
    (0 = never) the credit is multiplied by `escalate_factor`.

    The tiers apply to the objective's value and the item's fee; `per` object: to each service's own value and fee.
    `object_cap_percent` caps what is owed of one service's fee, `period_cap_percent` of the item's.
    """  # noqa: D205

    tiers: tuple[Tier, ...] = ()
    object_cap_percent: str = ""
    period_cap_percent: str = ""
    escalate_after: int = 0
    escalate_factor: str = "1"
    per: Per = "item"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One promise. `threshold` says when one sample is good, `target` what the figure must reach, in its own unit.

    `rules` are the contract's, with what the objective itself overrides already laid over them.
    """

    id: str
    indicator: str
    target: str
    comparison: Comparison = "at_least"
    threshold: str = ""
    period: Period = "month"
    title: str = ""
    rules: Rules = Rules()
    credits: Credits = Credits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimum:
    """What one area must reach where the contract names it, in percent of its surface."""

    area: str
    percent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """A promise of coverage: at least `target` percent of the surface of the item's areas hear `metric` >= `level`.

    `minimum` is what each single area must reach, where `minima` say nothing else. `level` is in dBm, `quality` (the
    least SINR or SNR, in dB) asks nothing while it is empty. `z` standard errors make the bounds that decide. A cell is
    known by `min_hours` hours that are at most `max_age_days` old; `area_percent` of the fee is owed for each area
    below its minimum, the tiers of `credits` for the whole below its target.
    """

    id: str
    metric: RadioLevel
    level: str
    target: str
    minimum: str = "0"
    minima: tuple[Minimum, ...] = ()
    quality: str = ""
    z: str = "1.96"
    min_hours: int = 3
    max_age_days: int = 180
    unknown_cells: UnknownCells = "removed"
    max_unknown_ratio: str = "0.1"
    title: str = ""
    area_percent: str = "0"
    credits: Credits = Credits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which services an item covers: each list is any-of, an empty one is "all"; the lists must all agree."""

    carriers: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceItem:
    """What a contract version sells, by selector. `fee` is per service and month in the contract's currency.

    Where several of its objectives owe, the dearest is owed for, or (`by_minute`) each for the minutes that no dearer
    one was owed for.
    """

    id: str
    kind: Kind
    select: Selector
    title: str = ""
    fee: str = "0"
    objectives: tuple[Objective, ...] = ()
    double_credit: DoubleCredit = "dearest"
    coverage: tuple[Coverage, ...] = ()


MOST_DAYS = 250  # working days of one step of a dispute: a year of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """How long each step of a dispute over a report may take, in working days; then silence has its consequence.

    The carrier may object for so long, the city answer an objection, and somebody rule on it.
    """

    objection_days: int = 10
    rebuttal_days: int = 5
    ruling_days: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One version of what a carrier owes, from `valid_from_ms` until the next version, or `ends_ms`.

    A recorded version never changes: an amendment is a new version. `calendar` says which days are holidays (`cn`).
    `late_samples`: whether a report lists the hours with such, or has all of them stated again first.
    """

    id: str
    version: str
    carrier: str
    title: str
    valid_from_ms: int
    ends_ms: int | None = None
    timezone: str = "Asia/Shanghai"
    currency: str = "CNY"
    credit_cap_percent: str = ""
    rules: Rules = Rules()
    items: tuple[ServiceItem, ...] = ()
    dispute: Dispute = Dispute()
    calendar: str = ""
    late_samples: LateSamples = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Something we can ask, and by which profile. Without an address it is only known, never asked.

    `mac` is 12 lower-case hex digits; `parent` is the device that takes it down. What a contract counts are services:
    a device that is itself sold has a service without a subject.
    """

    id: str
    site: str
    carrier: str
    role: Role
    name: str = ""
    profile: str = ""
    address: str = ""
    port: int = 161
    credential: str = ""
    mac: str = ""
    serial: str = ""
    parent: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One delivered instance at a site, seen through `device`.

    `subject` (`ap:mac:0a0b0c0d0e0f`, `onu:sn:HWTC01234567`) names it among the device's children; empty: the device
    itself. `parent` is the device whose failure takes it down (its controller, its OLT).
    """

    id: str
    kind: Kind
    carrier: str
    site: str
    role: Role
    device: str
    subject: str = ""
    parent: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A further way to speak with a device, besides the SNMP of the device itself; at most one of a kind.

    An empty `address` is the device's. `dialect` says how an SSH command line speaks (`huawei_smartax`). `keys` are
    the host keys that are believed: `SHA256:…` fingerprints or public key lines; without one nothing is ever sent.
    """

    id: str
    device: str
    kind: DoorKind
    address: str = ""
    port: int = 22
    credential: str = ""
    dialect: str = ""
    keys: tuple[str, ...] = ()


Record = Area | Site | Carrier | Contract | Service | Device | Door
"""What the register keeps; its nouns in this order."""

NOUNS: dict[str, type[Record]] = {
    "area": Area,
    "site": Site,
    "carrier": Carrier,
    "contract": Contract,
    "device": Device,
    "service": Service,
    "door": Door,
}


LATER: dict[type[object], dict[str, object]] = {
    Carrier: {"keys": ()},
    Contract: {"dispute": Dispute(), "calendar": "", "late_samples": "list"},
    Hours: {"kinds": ()},
    Rules: {"window_intervals": 0, "consecutive_high_loss": 5, "repair_from": "outage"},
    Credits: {"per": "item"},
    ServiceItem: {"double_credit": "dearest", "coverage": ()},
}
"""Fields that are not written while they have this value: records from before them keep their bytes and digests."""


def noun(record: Record) -> str:
    """Return the noun of a record: `area`, `site`, `carrier`, `contract`, `device`, `service` or `door`."""
    return type(record).__name__.lower()
