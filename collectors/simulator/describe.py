"""The rehearsal city as register records: what an administrator would have written in inventory files.

Three carriers, a contract with each in two versions (the second checks every minute from the rehearsal's start on), a
site per subdistrict, and every simulated thing as a device with the service that it delivers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from collectors.simulator import line
from collectors.simulator.city import CARRIERS
from inventory.city import City, city_of
from inventory.model import (
    Area,
    Carrier,
    Contract,
    Credits,
    Device,
    ExclusionClass,
    Objective,
    Record,
    Rules,
    Selector,
    Service,
    ServiceItem,
    Site,
    Tier,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from collectors.simulator.city import Agent, Child
    from collectors.simulator.city import City as Plan

CREDENTIAL = "rehearsal"
PROFILES = {
    "wlan_controller": "huawei_wlan_ac",
    "olt": "huawei_smartax",
    "small_cell": "netops_smallcell",
    "gateway": "standard",
    "anchor": "standard",
}
HISTORY_S = 1800  # the past is polled every half hour
TARGETS = {"wifi": "99.5", "lte": "99.7", "fiber": "99.8"}
TITLES = {"wifi": "公共WiFi / Public WiFi", "lte": "TD-LTE小基站 / Small cells", "fiber": "光纤接入 / Fiber access"}
PORTAL_SITE = "site-110108011"  # as `netops demo` writes it into its settings
ROLES = {"wifi": "ap", "lte": "small_cell", "fiber": "ont"}
FEES = {"wifi": "180", "lte": "950", "fiber": "120"}


def records(
    plan: Plan,
    areas: Sequence[Area],
    *,
    begin_ms: int,
    minutely_ms: int,
    live_s: int,
    port: int,
    past_s: int,
    doors: Sequence[Record] = (),
) -> City:
    """Return the whole register of the rehearsal; contracts hold from `begin_ms`, amended from `minutely_ms` on."""
    made: list[Record] = [*areas]
    made += [Site(id=f"site-{area.id}", name=f"{area.name}（演练）", area=area.id) for area in areas]
    made += [Carrier(id=carrier, name=name, name_en=english) for carrier, name, english in CARRIERS]
    for carrier, name, _ in CARRIERS:
        made.append(_contract(carrier, name, "1", begin_ms, past_s))
        made.append(_contract(carrier, name, "2", minutely_ms, live_s))
    for agent in plan.agents:
        made += _things(agent, port)
    made += _portal()
    return city_of([*made, *doors], source="rehearsal")


def _contract(carrier: str, name: str, version: str, valid_from_ms: int, check_every_s: int) -> Contract:
    rules = Rules(
        check_every_s=check_every_s,
        max_unknown_ratio="0.05",
        exclusions=(
            ExclusionClass(
                id="maintenance",
                title="计划维护 / Planned maintenance",
                cause="planned",
                notice_h=48,
                cap_s=28_800,
                approver="contract_manager",
            ),
            ExclusionClass(
                id="power",
                title="用户侧停电 / Power at the premises",
                cause="power_or_third_party",
                notice_h=0,
                cap_s=0,
                approver="",
            ),
        ),
    )
    return Contract(
        id=f"contract-{carrier}",
        version=version,
        carrier=carrier,
        title=f"{name} 网络服务合同（演练）",
        valid_from_ms=valid_from_ms,
        rules=rules,
        credit_cap_percent="30",
        items=(*(_item(kind, carrier, rules) for kind in TARGETS), *_line(carrier, rules), *_logins(carrier, rules)),
    )


def _item(kind: str, carrier: str, rules: Rules) -> ServiceItem:
    target = TARGETS[kind]
    tiers = (
        Tier(percent="5", below=target, at_least="99.0"),
        Tier(percent="15", below="99.0", at_least="97.0"),
        Tier(percent="30", below="97.0"),
    )
    return ServiceItem(
        id=kind,
        kind=kind,  # type: ignore[arg-type]
        title=TITLES[kind],
        fee=FEES[kind],
        select=Selector(carriers=(carrier,), roles=(ROLES[kind],)),
        objectives=(
            Objective(
                id=f"{kind}-availability",
                indicator="availability",
                target=target,
                title=f"{TITLES[kind]}: availability",
                rules=rules,
                credits=Credits(tiers=tiers, period_cap_percent="30"),
            ),
        ),
    )


def _line(carrier: str, rules: Rules) -> Iterator[ServiceItem]:
    """Yield the item that sells the bought line, with what a vantage point behind it measures."""
    if carrier != CARRIERS[0][0]:
        return
    own, title = replace(rules, max_unknown_ratio="0.1"), "专线 / Dedicated line"
    promised = (
        ("reached", "probe.reached", "1", "99.5", "reached through the line"),
        ("delay", "probe.rtt.p95", "20", "95", "round trip at most 20 ms"),
        ("loss", "probe.loss", "1", "99", "loss at most 1 %"),
    )
    yield ServiceItem(
        id="line",
        kind="fiber",
        title=title,
        fee="2400",
        select=Selector(carriers=(carrier,), roles=("gateway",)),
        objectives=_objectives("line", title, promised, own, ("10", "25")),
    )


def _logins(carrier: str, rules: Rules) -> Iterator[ServiceItem]:
    """Yield the item that promises what visitors meet at the site of the rehearsal's portal, login by login."""
    if carrier != CARRIERS[0][0]:
        return
    title = "访客登录 / Visitors' logins"
    own = replace(rules, check_every_s=900, max_unknown_ratio="0.5")  # nobody runs a rehearsal all month
    promised = (
        ("success", "portal.login.success", "1", "98", "logins that come online"),
        ("online", "portal.login.time", "10000", "95", "online within 10 s"),
    )
    yield ServiceItem(
        id="logins",
        kind="wifi",
        title=title,
        fee="300",
        select=Selector(carriers=(carrier,), roles=("portal",)),
        objectives=_objectives("login", title, promised, own, ("5", "15")),
    )


def _portal() -> Iterator[Record]:
    """Yield the rehearsal's portal, and what it counts at its one site."""
    carrier = CARRIERS[0][0]
    yield Device(id="portal", site=PORTAL_SITE, carrier=carrier, role="portal", name="portal")
    yield Service(
        id="logins-portal",
        kind="wifi",
        carrier=carrier,
        site=PORTAL_SITE,
        role="portal",
        device="portal",
        subject=f"site:{PORTAL_SITE}",
    )


def _things(agent: Agent, port: int) -> Iterator[Record]:
    site = f"site-{agent.area}"
    yield Device(
        id=agent.id,
        site=site,
        carrier=agent.carrier,
        role=agent.role,  # type: ignore[arg-type]
        name=agent.id,
        profile=PROFILES[agent.role],
        address=agent.address,
        port=port,
        credential=CREDENTIAL,
        serial="" if agent.role == "wlan_controller" else agent.ident,
        mac=agent.ident if agent.role == "wlan_controller" else "",
    )
    if agent.role == "small_cell":
        yield Service(
            id=f"lte-{agent.id}", kind="lte", carrier=agent.carrier, site=site, role="small_cell", device=agent.id
        )
    if agent.role == "gateway":
        yield Service(id=line.SERVICE, kind="fiber", carrier=agent.carrier, site=site, role="gateway", device=agent.id)
    for child in agent.children:
        yield from _child(agent, child)


def service_of(child: Child) -> str:
    """Return the id of the service that a child delivers."""
    return f"{'wifi' if child.kind == 'ap' else 'fiber'}-{child.id}"


def _child(agent: Agent, child: Child) -> Iterator[Record]:
    site = f"site-{child.area}"
    wifi = child.kind == "ap"
    yield Device(
        id=child.id,
        site=site,
        carrier=agent.carrier,
        role="ap" if wifi else "ont",
        name=child.id,
        mac=child.ident if wifi else "",
        serial="" if wifi else child.ident,
        parent=agent.id,
    )
    yield Service(
        id=service_of(child),
        kind="wifi" if wifi else "fiber",
        carrier=agent.carrier,
        site=site,
        role="ap" if wifi else "ont",
        device=agent.id,
        subject=f"ap:mac:{child.ident}" if wifi else f"onu:sn:{child.ident}",
        parent=agent.id,
    )


def _objectives(
    prefix: str, title: str, promised: Iterable[tuple[str, str, str, str, str]], rules: Rules, owed: tuple[str, str]
) -> tuple[Objective, ...]:
    """Return an objective for each promise (name, indicator, threshold, target, what is said of it) of an item.

    `owed`: percent of the fee just below the target, and below 90 %.
    """
    return tuple(
        Objective(
            id=f"{prefix}-{name}",
            indicator=indicator,
            threshold=threshold,
            target=target,
            title=f"{title}: {said}",
            rules=rules,
            credits=Credits(
                tiers=(
                    Tier(percent=owed[0], below=target, at_least="90"),
                    Tier(percent=owed[1], below="90"),
                ),
                period_cap_percent=owed[1],
            ),
        )
        for name, indicator, threshold, target, said in promised
    )
