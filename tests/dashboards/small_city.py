"""A small city with a day behind it, made from a seed: register, telemetry, raw replies, ledger, situation, staff.

One outage of a controller with its access points, one dark ONT, one degraded cell, one hour in which we were blind.
`hostile=True` gives every name that a device, a carrier or a clerk can choose a string that attacks the page.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from argon2 import PasswordHasher

import inventory.tables
from inventory import sql
from inventory.city import city_of
from inventory.model import Area, Carrier, Contract, Device, Objective, Rules, Selector, Service, ServiceItem, Site
from inventory.register import Register
from netops import raw, situation
from netops.access import permissions, record, tables
from netops.access.passwords import Passwords
from netops.access.scope import EVERYTHING, Scope, parse
from netops.access.staff import Staff
from netops.clock import utc
from netops.config import City, Data, Settings
from netops.evidence import bundle, canonical, note
from netops.evidence.checkpoint import Checkpoint
from netops.facts import Fact
from netops.journal import HourSum, Journal
from netops.ledger import Ledger, LedgerEntry
from netops.model import ANSWERED, Poll, Reason, Row, Subject
from netops.sign import Signer
from netops.situation import ServiceNow, Situation, State
from netops.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_790_000_040_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
PASSWORD = "a password of nobody"
AREAS = Path(__file__).parents[2] / "inventory" / "areas.csv"
CARRIERS = (
    ("carrier-a", "甲通信", "Carrier A"),
    ("carrier-b", "乙通信", "Carrier B"),
    ("carrier-c", "丙通信", "Carrier C"),
)
COLLECTOR = {"polls": "102374", "facts": "6", "isolated": "0", "repeated": "0"}
TIMED = "wifi-0009"  # the service whose hours are sealed
SUMS = {"up_ms": "U", "degraded_ms": "D", "down_ms": "X", "unknown_ms": "N"}
CHILDREN = 60  # of the services, how many have their access point or ONT in the register
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "{{7*7}}${7*7}<%=7*7%>",
    '=HYPERLINK("http://evil.example/","x")',
    "+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    "a\u202egnp.exe",
    "x\u200b\u2028y",
    "]]><![CDATA[",
    "</title></style></textarea><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "-2+3",
    "../../etc/passwd",
    "%0d%0aSet-Cookie: a=b",
)


@dataclass(frozen=True)
class Fixed:
    """A clock that stands still."""

    at_ms: int = NOW

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic(self) -> float:
        return self.at_ms / 1000


def settings(directory: Path, *, rehearsal: bool = True) -> Settings:
    return Settings(data=Data(dir=directory), city=City(name="small", title="海淀网络运行", rehearsal=rehearsal))


def build(
    directory: Path, *, services: int = 120, hostile: bool = False, seed: int = 7, telemetry: bool = True
) -> Settings:
    """Fill `directory`; return the settings of the instance."""
    made = settings(directory)
    dice = random.Random(seed)
    evil = iter(HOSTILE * 1000) if hostile else None
    records = list(_records(services, dice, evil))
    sql.upgrade(inventory.tables.MIGRATIONS, made.register_url)
    with Register(made.register_url, rehearsal=True) as register:
        register.apply(city_of(records), at_ms=NOW - 40 * DAY, now_ms=NOW - 40 * DAY)
    situation.write(made, _situation(records, dice, evil))
    if telemetry:
        _telemetry(made, records, dice, evil)
    _ledger(made, evil)
    _hours(made)
    _staff(made)
    return made


def _records(count: int, dice: random.Random, evil: Iterator[str] | None) -> Iterator[object]:
    name = (lambda plain: next(evil)) if evil else (lambda plain: plain)
    areas = []
    for line in AREAS.read_text(encoding="utf-8").splitlines()[1:]:
        code, zh, en, col, row, _ = line.split(",")
        areas.append(Area(id=code, name=name(zh), name_en=name(en), col=int(col), row=int(row)))
    yield from areas
    for slug, zh, en in CARRIERS:
        yield Carrier(id=slug, name=name(zh), name_en=name(en))
        yield Contract(
            id=f"contract-{slug[-1]}",
            version="1",
            carrier=slug,
            title=name(f"{zh} 网络服务合同"),
            valid_from_ms=NOW - 100 * DAY,
            items=(
                ServiceItem(
                    id="wifi",
                    kind="wifi",
                    select=Selector(carriers=(slug,)),
                    title=name("公共WiFi"),
                    objectives=(Objective(id="availability", indicator="availability", target="99.5", rules=Rules()),),
                ),
            ),
        )
    for number, area in enumerate(areas):
        slug = CARRIERS[number % 3][0]
        address = name(f"{area.short}路 {number + 1} 号")
        yield Site(id=f"site-{number}", name=name(f"{area.short}机房"), area=area.id, address=address)
        role, profile = (
            ("wlan_controller", "huawei_wlan_ac"),
            ("olt", "huawei_smartax"),
            ("small_cell", "netops_smallcell"),
        )[number % 3]
        yield Device(
            id=f"{role.replace('_', '-')}-{number}",
            site=f"site-{number}",
            carrier=slug,
            role=role,
            name=name(f"{area.short}-{role}"),
            profile=profile,
            address=f"127.0.1.{number + 1}",
            mac=f"0a0b0c0d0e{number:02x}",
            serial=f"SN{number:08d}",
        )
    for number in range(count):
        at = number % len(areas)
        kind, role, subject = (
            ("wifi", "ap", f"ap:mac:0a0b0c{number:06x}"),
            ("fiber", "ont", f"onu:sn:HWTC{number:08X}"),
            ("lte", "small_cell", ""),
        )[at % 3]
        device = ("wlan-controller", "olt", "small-cell")[at % 3]
        if subject and number < CHILDREN:
            yield Device(
                id=f"{role}-{number:04d}",
                site=f"site-{at}",
                carrier=CARRIERS[at % 3][0],
                role=role,
                name=name(f"{role}-{number:04d}"),
                mac=f"0a0b0c{number:06x}" if role == "ap" else "",
                serial=f"HWTC{number:08X}" if role == "ont" else "",
                parent=f"{device}-{at}",
            )
        yield Service(
            id=f"{kind}-{number:04d}",
            kind=kind,
            carrier=CARRIERS[at % 3][0],
            site=f"site-{at}",
            role=role,
            device=f"{device}-{at}",
            subject=subject,
            parent=f"{device}-{at}" if subject else "",
        )


def _situation(records: list, dice: random.Random, evil: Iterator[str] | None) -> Situation:
    sites = {each.id: each for each in records if isinstance(each, Site)}
    devices = {each.id for each in records if isinstance(each, Device)}
    now = []
    for each in records:
        if not isinstance(each, Service):
            continue
        at = int(each.site.removeprefix("site-"))
        state, cause, because, since = State.UP, "", "", NOW - 9 * DAY
        if at == 9:
            state, cause, because, since = State.DOWN, f"device:{each.device}", "控制器无应答", NOW - 47 * MINUTE
        elif at == 4 and each.id.endswith("4"):
            state, cause, because, since = State.DOWN, "carrier", "ONT 光信号丢失", NOW - 3 * HOUR
        elif at == 14:
            state, cause, because, since = State.DEGRADED, "carrier", "无线侧关闭，S1 正常", NOW - 26 * MINUTE
        elif at == 20:
            state, cause, because, since = State.UNKNOWN, "monitor", "采集器滞后", NOW - 5 * MINUTE
        if evil and because:
            because = next(evil)
        down = dice.randrange(0, 3) * 17 * MINUTE + (HOUR if state is State.DOWN else 0)
        letters = ["U"] * 24
        letters[11] = "N"
        for hour in range(1, 1 + {State.DOWN: 2, State.DEGRADED: 1, State.UNKNOWN: 1}.get(state, 0)):
            letters[-hour] = {State.DOWN: "X", State.DEGRADED: "D", State.UNKNOWN: "N"}[state]
        now.append(
            ServiceNow(
                service=each.id,
                device=child if (child := f"{each.role}-{each.id[-4:]}") in devices else each.device,
                area=sites[each.site].area,
                carrier=each.carrier,
                contract=f"contract-{each.carrier[-1]}",
                kind=each.kind,
                state=state,
                cause=cause,
                because=because,
                since_ms=since,
                month_up_ms=20 * DAY - down - HOUR,
                month_down_ms=down,
                month_unknown_ms=HOUR,
                strip="".join(letters),
            )
        )
    return Situation(at_ms=NOW - 20_000, services=tuple(now), collector=dict(COLLECTOR), rehearsal=True)


def _telemetry(made: Settings, records: list, dice: random.Random, evil: Iterator[str] | None) -> None:
    devices = [each for each in records if isinstance(each, Device) and each.address]
    polls = []
    for minute in range(24 * 60):
        slot = NOW - NOW % MINUTE - DAY + (minute + 1) * MINUTE
        for at in (0, 2, 4, 9):
            device = devices[at]
            if minute in range(700, 740):
                continue  # nobody polled
            outcome, rows, replies = ANSWERED, (), b""
            if at == 9 and minute > 24 * 60 - 47:
                outcome = Reason.NO_ANSWER.value
            elif minute in range(660, 700):
                outcome = Reason.POLLER_LATE.value
            else:
                load = 30 + 20 * (minute % 600) / 600
                values = {"system.cpu": load, "system.uptime": 1e6 + minute * 60.0, "system.memory": 41.0}
                codes = {"system.temperature": "sentinel"}
                texts = {"system.model": next(evil) if evil else "AC6805"} if minute == 0 else {}
                rows = (
                    Row(
                        subject=Subject("device", device.id),
                        values={**values, "system.temperature": None},
                        codes=codes,
                        texts=texts,
                    ),
                    *_below(at, minute, next(evil) if evil else "AP4050DN"),
                )
                replies = raw.frame([bytes([0x30, 0x20]) + dice.randbytes(40)]) if minute > 1430 else b""
            polls.append(
                Poll(
                    device=device.id,
                    slot_ms=slot,
                    at_ms=slot + 137,
                    outcome=outcome,
                    profile=device.profile,
                    digest="3f2a" * 16,
                    attempts=1,
                    rtt_ms=4.2 if outcome == ANSWERED else None,
                    rows=rows,
                    raw=replies,
                )
            )
    with open_store(made, writing=True) as store:
        store.write(polls)
    with raw.build(made, writing=True) as archive:
        archive.keep("collect/1", list(enumerate(polls, 1)))


def _below(at: int, minute: int, model: str) -> Iterator[Row]:
    """Yield what a poll tells besides the device itself: an access point with a radio, a dark ONT, a cell."""
    if at in {0, 9}:
        about = f"mac:0a0b0c{at:06x}"
        state = 4.0 if at == 0 and minute in range(300, 330) else 8.0
        values = {"wlan.ap.state": state, "wlan.ap.uptime": 9e5 + minute * 60.0, "wlan.ap.clients": minute % 40}
        yield Row(subject=Subject("ap", about), values=values, texts={"wlan.ap.model": model} if minute == 0 else {})
        yield Row(subject=Subject("radio", f"{about}/0"), values={"wlan.radio.channel": 11.0})
    elif at == 4:
        is_dark = minute >= 24 * 60 - 180
        values = {"pon.onu.state": 2.0 if is_dark else 1.0, "pon.onu.down_cause": 13.0}
        yield Row(subject=Subject("onu", "sn:HWTC00000004"), values={**values, "pon.onu.rx_power": -18.5})
    else:
        values = {"lte.cell.oper": 1.0, "lte.cell.rf": 0.0 if minute in range(100, 160) else 1.0, "lte.cell.s1": 1.0}
        yield Row(
            subject=Subject("cell", "sn:SN00000002"),
            values={**values, "lte.cell.ues": 12.0, "lte.cell.prb_dl": 20.0 + minute % 60},
        )


def _ledger(made: Settings, evil: Iterator[str] | None) -> None:
    verdicts = [("met", "19993/20000"), ("missed", "9912345/10000000"), ("not_determinable", None)]
    entries = []
    for number, (outcome, value) in enumerate(verdicts, 1):
        body = {
            "contract": f"contract-{'abc'[number - 1]}",
            "version": "1",
            "objective": "availability",
            "start_ms": NOW - 60 * DAY,
            "end_ms": NOW - 30 * DAY,
            "outcome": outcome,
            "inputs_digest": "ab" * 32,
            "because": next(evil) if evil else "",
        }
        if value:
            body |= {"value": value, "lower": value, "upper": value}
        entries.append(LedgerEntry("core/1", number, Fact(kind="verdict", at_ms=NOW - DAY, body=body)))
    reports = made.data.dir / "reports"
    reports.mkdir(exist_ok=True)
    witness = Signer("auditor.example/w", bytes(32), algorithm=note.COSIGNATURE_V1)
    asked = {"quorum": 1, "witnesses": [str(witness.vkey)]}
    entries.append(LedgerEntry("witnesses", 0, Fact(kind="witness_policy", at_ms=NOW - DAY, body=asked)))
    head = Signer("log", bytes(32)).sign_checkpoint(Checkpoint(origin="log", size=9, root=bytes(32)))
    for number, contract in enumerate("ab", 4):
        name = f"contract-{contract}-2026-08-r0"
        body = {
            "report": name,
            "contract": f"contract-{contract}",
            "start_ms": NOW - 60 * DAY,
            "end_ms": NOW - 30 * DAY,
        }
        body |= {"revision": 0, "digest": "cd" * 32, "manifest_digest": "ef" * 32, "leaves": 3}
        html = {"report.html": f"<!doctype html><style>b{{color:red}}</style><b>{contract}</b>".encode()}
        why = next(evil) if evil else "parent:olt-1"
        rows = [
            [f"fiber-{n:04d}", NOW - 50 * DAY, NOW - 50 * DAY + n * MINUTE, "carrier", why, n == 7]
            for n in range(1, 50)
        ]
        columns = ["service", "start_ms", "end_ms", "cause", "because", "censored"]
        report = _report(f"contract-{contract}", next(evil) if evil else f"Contract {contract}")
        report["parts"][0]["items"][0]["objectives"][0]["incidents"] = {"columns": columns, "rows": rows}
        body["digest"] = canonical.digest(canonical.dumps(report))
        signed = witness.cosign(head, now_s=1) if contract == "a" else head
        entries.append(LedgerEntry("core/1", number, Fact(kind="report_issued", at_ms=NOW - DAY, body=body)))
        members = {**html, "report.json": canonical.dumps(report), "register.json": b"{}", "days.json": _days()}
        members["checkpoint"] = signed
        bundle.write(reports / f"{name}.zip", members)
    origin = made.ledger_origin
    with Ledger(record.ledger_path(made), origin=origin, rehearsal=True) as ledger:
        ledger.append(entries, now_ms=NOW - DAY)


def _report(contract: str, title: str) -> dict:
    """Return what pages read of a report: one promise, missed, and what it takes off."""
    objective = {
        "objective": "availability",
        "title": title,
        "indicator": "availability",
        "target": "99.5",
        "comparison": "at_least",
        "verdict": "missed",
        "shown": "99.123450",
        "services": {"columns": ["service", "down_ms"], "rows": [["fiber-0001", 7 * HOUR]]},
    }
    credit = {"objective": "availability", "percent": "20/1", "amount": "2000.00"}
    item = {"item": "wifi", "title": title, "kind": "wifi", "services": 40, "objectives": [objective], "credit": credit}
    start_ms, end_ms = NOW - 60 * DAY, NOW - 30 * DAY
    asked = {"start_ms": start_ms + 2 * DAY, "end_ms": start_ms + 2 * DAY + HOUR, "asks": "up", "code": "no_outage"}
    return {
        "contract": contract,
        "title": title,
        "timezone": "Asia/Shanghai",
        "period": {"name": "2026-08", "start_ms": start_ms, "end_ms": end_ms},
        "revision": 0,
        "rehearsal": True,
        "parts": [{"version": "1", "items": [item]}],
        "credit": {"currency": "CNY", "fees_shown": "10000.00", "cap_percent": "", "total": "2000.00"},
        "objections": [{**asked, "objection": "o-1", "state": "open", "by": title, "reason": title}],
        "digests": {"register": canonical.digest(b"{}")},
    }


def _days() -> bytes:
    """Return `days.json` of that report: one day with an outage, one that we hardly saw."""
    day = NOW - 60 * DAY
    names = ("up_ms", "down_ms", "unknown_ms", "excluded_up_ms", "excluded_down_ms", "excluded_unknown_ms")
    rows = [[utc(day + at * DAY).date().isoformat(), DAY, 0, 0, 0, 0, 0] for at in range(30)]
    rows[2][1:3] = [23 * HOUR, HOUR]
    rows[9][1:4] = [6 * HOUR, 0, 18 * HOUR]
    objective = {"objective": "availability", "days": {"columns": ["day", *names], "rows": rows}}
    return canonical.dumps({"parts": [{"version": "1", "items": [{"item": "wifi", "objectives": [objective]}]}]})


def _hours(made: Settings) -> None:
    """Seal the hours of September of one access point: two of an outage, one that we did not see."""
    told = {NOW - NOW % HOUR - 3 * HOUR: "X", NOW - NOW % HOUR - 2 * HOUR: "X", NOW - NOW % HOUR - 30 * HOUR: "N"}
    with Journal(made.data.dir / "states.db") as journal:
        for back in range(20 * 24, 0, -1):
            hour_ms = NOW - NOW % HOUR - back * HOUR
            worst = told.get(hour_ms, "U")
            sums = {name: HOUR if worst == letter else 0 for name, letter in SUMS.items()}
            journal.seal(hour_ms, {"contract-a": [HourSum(service=TIMED, hour_ms=hour_ms, worst=worst, **sums)]})


def _staff(made: Settings) -> None:
    """One account a role, named as the role, with a known password; `new` still has its one-time password."""
    sql.upgrade(tables.MIGRATIONS, tables.url(made))
    with sql.Database(tables.url(made)) as database:
        staff = Staff(database, cheap())
        for role in permissions.ROLES:
            scope = Scope(carrier=frozenset({"carrier-a"})) if role == "carrier" else EVERYTHING
            once = staff.add(role, role=role, title=role, by="test", now_ms=NOW - DAY, scope=scope)
            staff.change(role, old=once, new=PASSWORD, address="127.0.0.1", now_ms=NOW - DAY)
        (made.data.dir / "once").write_text(staff.add("new", role="admin", by="test", now_ms=NOW - DAY))


def seeing(made: Settings, name: str, *words: str, role: str = "operator") -> None:
    """Make an account that sees what the words of a scope name."""
    with sql.Database(tables.url(made)) as database:
        staff = Staff(database, cheap())
        once = staff.add(name, role=role, by="test", now_ms=NOW - 1, scope=parse(words))
        staff.change(name, old=once, new=PASSWORD, address="127.0.0.1", now_ms=NOW - 1)


def cheap() -> Passwords:
    """Return hashes that cost nothing: for tests alone."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


def token(client, path="/password") -> str:
    """Return the form token that the client's pages carry."""
    text = client.get(path).get_data(as_text=True)
    return text.split('name="csrf" value="')[1].split('"')[0]
