"""The city as a page shows it: the register's records joined with the situation. Pure; made once per situation.

Here stand the sums by subdistrict, the troubles by cause, and the words by which a thing is found.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from inventory.model import Contract
from netops import children
from netops.hourly import step_ms
from netops.situation import ServiceNow, Situation, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from inventory.model import Area, Device, Service
    from inventory.register import Spell
    from inventory.snapshot import Snapshot

WORST = (State.DOWN, State.UNKNOWN, State.DEGRADED, State.UP)
RANK = {state: at for at, state in enumerate(WORST)}
FIRST = ("area", "site", "device", "service")  # the order of what a search finds
FOUND = 50  # hits that one search shows


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Services by state now, and the milliseconds of this month; ratios of sums, unrounded."""

    up: int = 0
    degraded: int = 0
    down: int = 0
    unknown: int = 0
    month_up_ms: int = 0
    month_down_ms: int = 0
    month_unknown_ms: int = 0

    @property
    def services(self) -> int:
        """How many there are."""
        return self.up + self.degraded + self.down + self.unknown

    @property
    def state(self) -> str:
        """The worst state that any service is in: down, then degraded, then not measured; empty without services."""
        for name in ("down", "degraded", "unknown", "up"):
            if getattr(self, name):
                return name
        return ""

    @property
    def month(self) -> Fraction | None:
        """Availability of this month over the measured time; None when nothing was measured."""
        measured = self.month_up_ms + self.month_down_ms
        return Fraction(self.month_up_ms, measured) if measured else None

    @property
    def blind(self) -> Fraction | None:
        """The share of this month that was not measured."""
        whole = self.month_up_ms + self.month_down_ms + self.month_unknown_ms
        return Fraction(self.month_unknown_ms, whole) if whole else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Services that are not up and share a root: one line on the page, one message to who is on call."""

    key: str
    state: State
    since_ms: int
    services: tuple[ServiceNow, ...]

    @property
    def areas(self) -> list[str]:
        """The subdistricts that are hit, the most often hit first."""
        counts: dict[str, int] = {}
        for each in self.services:
            counts[each.area] = counts.get(each.area, 0) + 1
        return sorted(counts, key=lambda area: (-counts[area], area))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One thing that a search found."""

    kind: str  # device | service | site | area
    id: str
    name: str
    detail: str
    area: str
    state: str = ""  # of a service, or the worst of those that it provides or holds


@dataclass(frozen=True, kw_only=True)
class Index:
    """What follows from the register alone: it changes with the contracts, the situation every few seconds."""

    snapshot: Snapshot
    haystack: tuple[tuple[str, str, str], ...] = field(repr=False)  # (kind, id, words)
    by_device: Mapping[str, tuple[str, ...]] = field(repr=False)  # device → its services; a child's are its own
    by_site: Mapping[str, tuple[str, ...]] = field(repr=False)  # site → its services
    children: Mapping[str, tuple[str, ...]] = field(repr=False)  # device → devices below it
    agreed: Mapping[str, tuple[tuple[int, int, int], ...]] = field(repr=False)  # contract → (from, to, step in ms)
    contracts: Mapping[str, Contract] = field(default_factory=dict, repr=False)  # its last version; of ended ones, too
    shared: frozenset[str] = field(default=frozenset(), repr=False)  # devices that also tell of what is not here
    entire: frozenset[str] = field(default=frozenset(), repr=False)  # sites at which nothing stands that is not here
    visited: frozenset[str] = field(default=frozenset(), repr=False)  # sites whose visitors belong here

    def step(self, contracts: Iterable[str], least_ms: int) -> Callable[[int], int]:
        """Return for how long a poll of a slot speaks: the step that the contract had agreed then, or `least_ms`."""
        spells = [spell for contract in contracts for spell in self.agreed.get(contract, ())]
        edges = sorted({at for from_ms, to_ms, _ms in spells for at in (from_ms, to_ms)})
        agreed = [min((ms for from_ms, to_ms, ms in spells if from_ms <= at < to_ms), default=0) for at in edges]
        steps = [max(least_ms, ms) for ms in (0, *agreed)]  # before the first edge, then from each edge on
        return lambda slot_ms: steps[bisect_right(edges, slot_ms)]


@dataclass(frozen=True, kw_only=True)
class City:
    """Register and situation joined. `now` holds the services by id."""

    index: Index
    situation: Situation
    now: Mapping[str, ServiceNow] = field(repr=False)
    areas: Mapping[str, Sums] = field(repr=False)
    whole: Sums
    mark: int  # changes with anything that a page shows of it; of this process alone

    @property
    def snapshot(self) -> Snapshot:
        """The register's records."""
        return self.index.snapshot

    def area_of(self, site: str) -> Area | None:
        """Return the subdistrict of a site."""
        found = self.snapshot.site.get(site)
        return self.snapshot.area.get(found.area) if found else None


def index(snapshot: Snapshot, contracts: Iterable[Spell] = ()) -> Index:
    """Return what is looked up by name or along the tree of devices; `contracts` are their versions in time."""
    by_site: dict[str, list[str]] = {}
    for service in snapshot.services:
        by_site.setdefault(service.site, []).append(service.id)
    agreed: dict[str, list[tuple[int, int, int]]] = {}
    last: dict[str, Contract] = {}
    for spell in contracts:
        if isinstance(spell.record, Contract):
            if spell.record.id not in last or spell.record.valid_from_ms >= last[spell.record.id].valid_from_ms:
                last[spell.record.id] = spell.record
            held = (spell.from_ms, spell.to_ms, step_ms(spell.record))
            agreed.setdefault(spell.record.id, []).append(held)
    return Index(
        snapshot=snapshot,
        haystack=tuple(_haystack(snapshot)),
        by_device=children.services(snapshot),
        by_site={site: tuple(services) for site, services in by_site.items()},
        children=children.devices(snapshot),
        agreed={contract: tuple(held) for contract, held in agreed.items()},
        contracts=last,
        entire=frozenset(snapshot.site),
        visited=frozenset(snapshot.site),
    )


def join(known: Index, situation: Situation) -> City:
    """Return the city; services that the register no longer has are left out."""
    services, snapshot = known.snapshot.service, known.snapshot
    now = {each.service: each for each in situation.services if each.service in services}
    by_area: dict[str, list[ServiceNow]] = {area.id: [] for area in snapshot.areas}
    for each in now.values():
        by_area.setdefault(each.area, []).append(each)
    return City(
        index=known,
        situation=situation,
        now=now,
        areas={area: sums(held) for area, held in by_area.items()},
        whole=sums(now.values()),
        mark=hash((snapshot.digest, situation.services, tuple(situation.collector.items()))),
    )


def sums(services: Iterable[ServiceNow]) -> Sums:
    """Add up services."""
    counts = dict.fromkeys(State, 0)
    up = down = unknown = 0
    for each in services:
        counts[each.state] += 1
        up += each.month_up_ms
        down += each.month_down_ms
        unknown += each.month_unknown_ms
    return Sums(
        up=counts[State.UP],
        degraded=counts[State.DEGRADED],
        down=counts[State.DOWN],
        unknown=counts[State.UNKNOWN],
        month_up_ms=up,
        month_down_ms=down,
        month_unknown_ms=unknown,
    )


def worst_first(each: ServiceNow) -> tuple[int, int, str]:
    """Return the order of a list of services: by state, what has been wrong for longest, then by name."""
    return RANK[each.state], each.since_ms if each.state is not State.UP else 0, each.service


def _by_cause(each: ServiceNow, _: City) -> str:
    return each.cause if ":" in each.cause else f"area:{each.area}" if not each.cause else f"cause:{each.cause}"


def _by_parent(each: ServiceNow, city: City) -> str:
    service = city.snapshot.service[each.service]
    return f"device:{service.parent or service.device}"


GROUPS: dict[str, Callable[[ServiceNow, City], str]] = {
    "cause": _by_cause,
    "device": _by_parent,
    "carrier": lambda each, _: f"carrier:{each.carrier}",
    "area": lambda each, _: f"area:{each.area}",
}


def troubles(city: City, by: str = "cause") -> list[Trouble]:
    """Return what is not up, grouped, worst first: down before not measured before degraded, then by number."""
    group = GROUPS[by]
    found: dict[str, list[ServiceNow]] = {}
    for each in city.now.values():
        if each.state is not State.UP:
            found.setdefault(group(each, city), []).append(each)
    made = [
        Trouble(
            key=key,
            state=min((each.state for each in services), key=RANK.__getitem__),
            since_ms=min(each.since_ms for each in services),
            services=tuple(sorted(services, key=lambda each: (RANK[each.state], each.since_ms, each.service))),
        )
        for key, services in found.items()
    ]
    return sorted(made, key=lambda each: (RANK[each.state], -len(each.services), each.since_ms, each.key))


def find(city: City, query: str) -> tuple[list[Hit], int]:
    """Return the first hits and how many there are: by id, name, MAC, serial, IP, address, in any notation."""
    words = [word for word in query.casefold().split() if word]
    if not words:
        return [], 0
    variants = [{word, _plain(word)} - {""} for word in words]
    found = [
        (kind, id_)
        for kind, id_, hay in city.index.haystack
        if all(any(form in hay for form in forms) for forms in variants)
    ]
    exact = query.strip().casefold()
    found.sort(key=lambda hit: (hit[1].casefold() != exact, FIRST.index(hit[0])))
    return [_hit(city, kind, id_) for kind, id_ in found[:FOUND]], len(found)


def _plain(word: str) -> str:
    """Return a MAC address without its separators, whichever a vendor writes; empty for what is none."""
    bare = word.replace(":", "").replace("-", "").replace(".", "")
    return bare if len(bare) >= 4 and bare != word and all(sign in "0123456789abcdef" for sign in bare) else ""


def _haystack(snapshot: Snapshot) -> Iterable[tuple[str, str, str]]:
    for device in snapshot.devices:
        words = (
            device.id,
            device.name,
            device.mac,
            device.serial,
            device.address,
            device.role,
            *_where(snapshot, device),
        )
        yield "device", device.id, "\n".join(words).casefold()
    for service in snapshot.services:
        words = (service.id, service.subject, service.role, *_where(snapshot, service))
        yield "service", service.id, "\n".join(words).casefold()
    for site in snapshot.sites:
        area = snapshot.area.get(site.area)
        known = (area.name, area.name_en) if area else ()
        yield "site", site.id, "\n".join((site.id, site.name, site.address, *known)).casefold()
    for area in snapshot.areas:
        yield "area", area.id, f"{area.id}\n{area.name}\n{area.name_en}".casefold()


def _where(snapshot: Snapshot, record: Device | Service) -> tuple[str, ...]:
    site = snapshot.site.get(record.site)
    area = snapshot.area.get(site.area) if site else None
    carrier = snapshot.carrier.get(record.carrier)
    return (
        *((site.id, site.name, site.address) if site else ()),
        *((area.name, area.name_en) if area else ()),
        *((carrier.name, carrier.name_en) if carrier else ()),
    )


def _hit(city: City, kind: str, id_: str) -> Hit:
    snapshot = city.snapshot
    if kind == "area":
        return Hit(kind=kind, id=id_, name=id_, detail=id_, area=id_, state=city.areas[id_].state)
    if kind == "site":
        place = snapshot.site[id_]
        state = _state(city, city.index.by_site.get(id_, ()))
        return Hit(kind=kind, id=id_, name=place.name or id_, detail=place.address, area=place.area, state=state)
    record = snapshot.device[id_] if kind == "device" else snapshot.service[id_]
    site = snapshot.site.get(record.site)
    if kind == "device":
        device = snapshot.device[id_]
        detail = " · ".join(filter(None, (device.address, device.mac, device.serial)))
        name = device.name or id_
    else:
        detail, name = snapshot.service[id_].subject, id_
    where = " ".join(filter(None, (site.name, site.address))) if site else ""
    return Hit(
        kind=kind,
        id=id_,
        name=name,
        detail=" · ".join(filter(None, (detail, where))),
        area=site.area if site else "",
        state=_state(city, city.index.by_device.get(id_, ()) if kind == "device" else (id_,)),
    )


def _state(city: City, services: Iterable[str]) -> str:
    """Return the worst state of some services; empty where none has one."""
    return sums(city.now[each] for each in services if each in city.now).state
