"""What a contract promises of a metric, from the spools of its doors to a bundle that the verifier recomputes."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import replace

import pytest

from inventory.city import city_of
from inventory.model import Area, Carrier, Contract, Device, Objective, Rules, Selector, Service, ServiceItem, Site
from inventory.register import Register
from netops import core, founding, wire
from netops.evidence import canonical
from netops.evidence import told as audit
from netops.evidence.bundle import open_bundle
from netops.ledger import LedgerReader
from netops.model import ANSWERED, Poll, Row, Subject
from netops.report import issue
from netops.sla import calendar
from netops.spool import Spool
from tests.netops.core.pieces import HOUR, START, Clock, Idle, M
from tests.netops.instances import founded

ONU = Subject("onu", "sn:HWTC00000001")
RULES = Rules(check_every_s=60, max_unknown_ratio="1")
PROMISED = (
    ("light", "pon.onu.rx_power", "-27", "99", {}),
    ("delay", "probe.rtt.p95", "20", "95", {"quorum": 2, "vantages": 2}),
    ("reached", "probe.reached", "1", "95", {}),
)


def city():
    promises = tuple(
        Objective(id=name, indicator=metric, threshold=limit, target=target, rules=replace(RULES, **more))
        for name, metric, limit, target, more in PROMISED
    )
    item = ServiceItem(id="fiber", kind="fiber", select=Selector(), fee="100", objectives=promises)
    return city_of(
        [
            Area(id="110108001", name="万寿路", name_en="Wanshoulu", col=1, row=1),
            Site(id="s1", name="S1", area="110108001"),
            Carrier(id="a", name="A"),
            Contract(id="c1", version="1", carrier="a", title="t", valid_from_ms=0, rules=RULES, items=(item,)),
            Device(id="olt-1", site="s1", carrier="a", role="olt"),
            Service(
                id="fiber-1",
                kind="fiber",
                carrier="a",
                site="s1",
                role="ont",
                device="olt-1",
                subject=str(ONU),
                parent="olt-1",
            ),
        ]
    )


@pytest.fixture
def house(tmp_path, monkeypatch):
    settings = founded(tmp_path)
    with Register(settings.register_url, rehearsal=False) as register:
        register.apply(city(), at_ms=START - 24 * HOUR, now_ms=START - 24 * HOUR)
    monkeypatch.setattr(core, "Scheduler", Idle)
    made = core.Core(settings, clock=Clock())
    made.start()
    try:
        yield made, settings
    finally:
        made.stop()


def polls(device, rows, *, raw=b"\x00\x00\x00\x01x"):
    at = [(START + n * M, row) for n, row in enumerate(rows)]
    made = [Poll(device=device, slot_ms=s, at_ms=s + 5, outcome=ANSWERED, rows=row, raw=raw) for s, row in at]
    return [wire.encode(each) for each in made]


def light(values):
    return [(Row(subject=ONU, values={"pon.onu.rx_power": each}),) for each in values]


def path(vantage, target, values):
    subject, texts = Subject("path", f"{vantage}/{target}"), {"probe.service": "fiber-1"}
    return [
        Row(subject=subject, values={"probe.rtt.p95": each, "probe.reached": 1.0}, texts=texts)
        if each is not None
        else Row(subject=subject, values={"probe.reached": 0.0}, codes={"probe.rtt.p95": "no_answer"}, texts=texts)
        for each in values
    ]


def test_three_doors_make_verdicts_that_a_bundle_recomputes_and_their_replies_are_evidence(house):
    made, settings = house
    by_snmp = polls("olt-1", [(Row(subject=ONU, values={"pon.onu.state": 1.0}),)] * 60)
    by_ssh = polls("olt-1/ssh", light([-20.0] * 50 + [-28.0] * 10))
    one = path("vp-1", "x", [10.0] * 40 + [99.0] * 20)
    other = path("vp-1", "y", [10.0] * 45 + [None] * 15)
    second = path("vp-2", "z", [10.0] * 50 + [99.0] * 10)
    spooled = {
        "collect": by_snmp,
        "ssh": by_ssh,
        "probe": polls("vp-1/probe", list(zip(one, other, strict=True))),
        "intake": polls("vp-2/probe", [(row,) for row in second]),
    }
    for service, records in spooled.items():
        with Spool(settings.data.dir / "spool" / f"{service}.db", source=service) as spool:
            spool.put("poll", records)
    _, end = calendar.month("2026-10", calendar.zone("Asia/Shanghai"))
    made._clock.at_ms = end + HOUR
    until = time.monotonic() + 20
    while made._taken["polls"] < 240 or made._ripe_until() < end:
        assert time.monotonic() < until
        time.sleep(0.02)
    made._seal_hours(0)
    made._report(0)

    (bundle,) = settings.data.dir.glob("reports/*.zip")
    content = canonical.loads(open_bundle(bundle).members["report.json"])
    (item,) = content["parts"][0]["items"]
    told = {each["objective"]: (each["good"], each["value"], each["verdict"]) for each in item["objectives"]}
    assert told == {
        "light": (">= -27", "5/6", "missed"),  # 50 of 60 slots by SSH; SNMP has no optics
        "delay": ("<= 20", "5/6", "missed"),  # vp-1 accuses in 15 slots, and vp-2 agrees in 10 of them
        "reached": (">= 1", "1/1", "met"),
    }
    key = founding.evidence_key(settings).with_name(issue.VKEY)
    assert audit.run(bundle, vkey=key, rehearsal=False) == 0

    with sqlite3.connect(settings.data.dir / "raw" / "index.db") as index:
        kept = dict(index.execute("SELECT class, count(*) FROM segment GROUP BY class"))
    assert kept == {"evidence": 1}


def test_an_hour_waits_for_a_vantage_point_that_is_cut_off_by_the_line_it_looks_at_and_not_for_ever(house):
    """What it saw of the outage comes when the line is back: sealed before, the outage would be unknown time."""
    made, settings = house
    spools = settings.data.dir / "spool"

    def streams_sealed():
        with LedgerReader(settings.data.dir / "ledger.db") as ledger:
            hours = [leaf.fact.body for leaf in ledger.find("availability_hour")]
        return [(each["start_ms"], each["others"] or each["usual"]) for each in hours if "delay" not in each]

    def told(minutes, value):
        rows = zip(minutes, path("vp-1", "x", [value] * len(minutes)), strict=True)
        at = [(START + n * M, row) for n, row in rows]
        made_ = [
            Poll(device="vp-1/probe", slot_ms=slot_ms, at_ms=slot_ms, outcome=ANSWERED, rows=(row,))
            for slot_ms, row in at
        ]
        with Spool(spools / "intake.db", source="intake") as spool:
            spool.put("poll", [wire.encode(each) for each in made_])

    def until(count, minute):
        made._clock.at_ms = START + minute * M
        end = time.monotonic() + 20
        while made._taken["polls"] < count or made._ripe_until() < made._clock.at_ms - 3 * M:
            assert time.monotonic() < end
            time.sleep(0.02)
        made._seal_hours(0)

    with Spool(spools / "collect.db", source="collect") as spool:
        spool.put("poll", polls("olt-1", light([-20.0] * 60)))
    told(range(30), 10.0)
    until(90, 200)
    assert streams_sealed() == []  # the line went down at half past, and took the vantage point's link with it

    told(range(30, 70), None)
    until(130, 205)
    sealed = streams_sealed()
    assert {start for start, _ in sealed} == {START}
    assert ["DOWN", "undetermined"] in [run[2:4] for _, runs in sealed for run in runs]

    told([], 10.0)
    until(130, 71 + 24 * 60 + 10)
    assert {start for start, _ in streams_sealed()} == {START, START + HOUR}  # away for a day: waited for no longer


def hall(counts, *, minute):
    """What the portal tells of a minute at a site: that it was there, and what it counted."""
    row = Row(subject=Subject("site", "s1"), values={"portal.state": 1.0, **counts})
    at = START + minute * M
    return wire.encode(Poll(device="portal/portal", slot_ms=at, at_ms=at, outcome=ANSWERED, rows=(row,)))


def test_logins_that_the_portal_counted_make_a_verdict_that_a_bundle_recomputes(house):
    made, settings = house
    promises = (("logins", "portal.login.success", "1", "98"), ("online", "portal.login.time", "10000", "95"))
    rules = replace(RULES, check_every_s=3600)
    item = ServiceItem(
        id="portal",
        kind="wifi",
        select=Selector(roles=("portal",)),
        fee="100",
        objectives=tuple(
            Objective(id=name, indicator=metric, threshold=limit, target=target, rules=rules)
            for name, metric, limit, target in promises
        ),
    )
    sold = [
        Contract(id="c2", version="1", carrier="a", title="t", valid_from_ms=0, rules=RULES, items=(item,)),
        Service(id="hall-1", kind="wifi", carrier="a", site="s1", role="portal", device="portal", subject="site:s1"),
        Device(id="portal", site="s1", carrier="a", role="portal"),
    ]
    held = city()
    with Register(settings.register_url, rehearsal=False) as register:
        register.apply(city_of([*held.records.values(), *sold]), at_ms=START - 23 * HOUR, now_ms=START - 23 * HOUR)
    made._read_register()
    evening = {"online": 97.0, "failed": 2.0, "unserved": 1.0, "unconfirmed": 0.0, "ours": 0.0}
    evening |= {"time.timed": 97.0, "time.within_10000": 95.0}
    counts = {f"portal.login.{name}": n for name, n in evening.items()}
    told = [hall(counts if minute in {20, 40} else {}, minute=minute) for minute in range(60) if minute not in {5, 6}]
    with Spool(settings.data.dir / "spool" / "portal.db", source="portal") as spool:
        spool.put("poll", told)
    _, end = calendar.month("2026-10", calendar.zone("Asia/Shanghai"))
    made._clock.at_ms = end + HOUR
    until = time.monotonic() + 20
    while made._taken["polls"] < len(told) or made._ripe_until() < end:
        assert time.monotonic() < until
        time.sleep(0.02)
    made._seal_hours(0)
    made._report(0)

    (bundle,) = settings.data.dir.glob("reports/c2*")
    content = canonical.loads(open_bundle(bundle).members["report.json"])
    (item,) = content["parts"][0]["items"]
    found = {each["objective"]: (each["value"], each["verdict"]) for each in item["objectives"]}
    assert found == {"logins": ("97/100", "missed"), "online": ("19/20", "met")}
    causes = [row[:2] for row in item["objectives"][0]["causes"]["rows"]]
    assert causes == [["carrier", "failed"], ["carrier", "unserved"]]
    key = founding.evidence_key(settings).with_name(issue.VKEY)
    assert audit.run(bundle, vkey=key, rehearsal=False) == 0
