"""The rehearsal city: which carriers, controllers, access points, OLTs, ONTs and small cells there are.

A plan, computed from nothing but names. Nothing here runs; `objects` says what a device shows at an instant, `faults`
what goes wrong and when, `describe` writes the plan as inventory files.
"""

from __future__ import annotations

from dataclasses import dataclass

from collectors.simulator import line
from collectors.simulator.noise import pick

CARRIERS = (
    ("carrier-a", "演练运营商甲", "Rehearsal Carrier A"),
    ("carrier-b", "演练运营商乙", "Rehearsal Carrier B"),
    ("carrier-c", "演练运营商丙", "Rehearsal Carrier C"),
)
CONTROLLERS_PER_CARRIER = 1
ONTS_PER_AREA = 2  # of each carrier's OLT
CELLS_PER_AREA = 1
PORT = 16_161


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """What a controller or OLT answers for: an access point (`ident` a MAC) or an ONT (`ident` a serial number)."""

    id: str
    kind: str  # ap | ont
    ident: str
    area: str
    number: int  # its place in the parent's table, from 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One thing that answers SNMP, with its own loopback address."""

    id: str
    role: str  # wlan_controller | olt | small_cell | gateway | anchor
    carrier: str
    area: str
    address: str
    ident: str
    children: tuple[Child, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """The whole plan."""

    agents: tuple[Agent, ...]

    def agent(self, agent_id: str) -> Agent:
        """Return the agent of that id; KeyError when there is none."""
        return {each.id: each for each in self.agents}[agent_id]


def plan(areas: tuple[str, ...]) -> City:
    """Plan a city over these area codes: per carrier two controllers and an OLT, per area two small cells."""
    agents: list[Agent] = []
    for c, (carrier, _, _) in enumerate(CARRIERS):
        agents += [_controller(carrier, c, n, areas) for n in range(CONTROLLERS_PER_CARRIER)]
        agents.append(_olt(carrier, c, areas))
    agents += [_cell(a, n, area) for a, area in enumerate(areas) for n in range(CELLS_PER_AREA)]
    agents.append(_line(areas[0]))
    agents += [_anchor(n, areas[0]) for n in (1, 2)]
    return City(agents=tuple(agents))


def _controller(carrier: str, c: int, n: int, areas: tuple[str, ...]) -> Agent:
    name = f"{carrier}-ac-{n + 1}"
    children = tuple(
        Child(
            id=f"{carrier}-ap-{area}-{n + 1}",
            kind="ap",
            ident=f"02a{c}{n:02x}{a:04x}00"[:12].ljust(12, "0"),
            area=area,
            number=a + 1,
        )
        for a, area in enumerate(areas)
    )
    return Agent(
        id=name,
        role="wlan_controller",
        carrier=carrier,
        area=areas[0],
        address=f"127.20.{c}.{n + 1}",
        ident=f"02c{c}{n:02x}000001",
        children=children,
    )


def _olt(carrier: str, c: int, areas: tuple[str, ...]) -> Agent:
    children = tuple(
        Child(
            id=f"{carrier}-ont-{area}-{k + 1}",
            kind="ont",
            ident=f"REHS{c:02X}{a:04X}{k:02X}",
            area=area,
            number=a * ONTS_PER_AREA + k + 1,
        )
        for a, area in enumerate(areas)
        for k in range(ONTS_PER_AREA)
    )
    return Agent(
        id=f"{carrier}-olt-1",
        role="olt",
        carrier=carrier,
        area=areas[0],
        address=f"127.21.{c}.1",
        ident=f"REHSOLT{c}",
        children=children,
    )


def _cell(a: int, n: int, area: str) -> Agent:
    carrier = CARRIERS[(a + n + pick(2, "cell-owner", a)) % len(CARRIERS)][0]
    return Agent(
        id=f"{carrier}-cell-{area}-{n + 1}",
        role="small_cell",
        carrier=carrier,
        area=area,
        address=f"127.22.{a}.{n + 1}",
        ident=f"REHSCELL{a:03d}{n}",
    )


def _line(area: str) -> Agent:
    return Agent(
        id=line.LINE, role="gateway", carrier=CARRIERS[0][0], area=area, address="127.24.0.1", ident="REHSLINE0"
    )


def _anchor(n: int, area: str) -> Agent:
    return Agent(
        id=f"anchor-{n}", role="anchor", carrier="", area=area, address=f"127.23.0.{n}", ident=f"REHSANCHOR{n}"
    )
