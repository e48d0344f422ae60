"""What polls of every door say of a promised metric, and which replies are therefore evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inventory.city import city_of
from inventory.model import (
    Area,
    Carrier,
    Contract,
    Device,
    Objective,
    Rules,
    Selector,
    Service,
    ServiceItem,
    Site,
)
from inventory.snapshot import of_city
from netops.journal import HOUR_MS, Journal
from netops.model import Poll, Row, Subject
from netops.promises import Promises
from netops.sla import measured, streams
from netops.sla.intervals import Cause, State
from netops.verify import Verifier

T0 = 1_790_784_000_000
M = 60_000
RX = Objective(id="rx", indicator="pon.onu.rx_power", target="95", threshold="-27")
DELAY = Objective(id="delay", indicator="probe.rtt.p95", target="95", threshold="30")
ONU = Subject("onu", "sn:HWTC00000001")


def contract(*objectives, kind="fiber", role="ont", **more):
    item = ServiceItem(id=kind, kind=kind, select=Selector(roles=(role,)), objectives=objectives)
    made = Contract(
        id="c1", version="1", carrier="a", title="", valid_from_ms=0, rules=Rules(check_every_s=60), items=(item,)
    )
    return replace(made, **more)


def city(*contracts):
    fiber = {"kind": "fiber", "carrier": "a", "site": "s1", "role": "ont", "parent": "olt-1"}
    return of_city(
        city_of(
            [
                Area(id="110108001", name="万寿路", name_en="Wanshoulu", col=1, row=1),
                Site(id="s1", name="S1", area="110108001"),
                Carrier(id="a", name="A"),
                *contracts,
                Device(id="olt-1", site="s1", carrier="a", role="olt"),
                Device(id="olt-9", site="s1", carrier="a", role="olt"),
                Device(id="anchor-1", site="s1", carrier="", role="anchor"),
                Service(id="fiber-1", device="olt-1", subject="onu:sn:HWTC00000001", **fiber),
            ]
        ),
        at_ms=T0,
        rehearsal=False,
    )


def poll(device, *rows, n=0, outcome="answered"):
    return Poll(device=device, slot_ms=T0 + n * M, at_ms=T0 + n * M + 9, outcome=outcome, rows=rows)


def onu(**values):
    return Row(subject=ONU, values=values or {"pon.onu.rx_power": -20.0})


def path(target, service, *, rtt=None, code=""):
    codes = {"probe.rtt.p95": code} if code else {}
    values = {} if rtt is None else {"probe.rtt.p95": rtt}
    return Row(subject=Subject("path", f"vp/{target}"), values=values, codes=codes, texts={"probe.service": service})


def said(promises, one):
    return [(service, each.source, each.metric, each.value, each.code) for service, each in promises.looks(one)]


@pytest.mark.parametrize("device", ["olt-1", "olt-1/ssh", "olt-1/cwmp"])
def test_every_door_of_a_device_tells_of_its_services(device):
    held = Promises(city(contract(RX)), [contract(RX)])

    assert said(held, poll(device, onu())) == [("fiber-1", device, "pon.onu.rx_power", -20.0, "")]
    assert said(held, poll(device, outcome="no_answer")) == [("fiber-1", device, "pon.onu.rx_power", None, "no_answer")]
    assert said(held, poll(device, onu(**{"pon.onu.state": 1.0}))) == []
    assert said(held, poll("olt-9", onu())) == []


def test_a_probe_tells_of_the_service_that_its_path_serves():
    held = Promises(city(contract(DELAY)), [contract(DELAY)])
    one = poll(
        "vp/probe", path("a", "fiber-1", rtt=4.0), path("b", "fiber-1", code="no_answer"), path("c", "", rtt=1.0)
    )

    assert said(held, one) == [
        ("fiber-1", "vp/a", "probe.rtt.p95", 4.0, ""),
        ("fiber-1", "vp/b", "probe.rtt.p95", None, "no_answer"),
    ]


def test_a_silent_device_is_no_vantage_point_and_a_vantage_point_no_door(tmp_path):
    """What one has not seen must not be held against a service that the other saw well."""
    both = contract(DELAY, RX)
    held = Promises(city(both), [both])
    looks = [
        *held.looks(poll("olt-1", outcome="no_answer")),
        *held.looks(poll("olt-1/ssh", outcome="refused")),
        *held.looks(poll("vp/probe", path("a", "fiber-1", rtt=4.0))),
    ]
    forged = Row(
        subject=Subject("path", "vp/a"), values={"pon.onu.rx_power": -60.0}, texts={"probe.service": "fiber-1"}
    )

    assert {(each.vantage, each.metric) for _, each in looks} == {
        ("olt-1", "pon.onu.rx_power"),
        ("vp", "probe.rtt.p95"),
    }
    assert said(held, poll("vp/probe", forged)) == []
    with Journal(tmp_path / "states.db") as journal:
        Verifier(city(both), journal).take([poll("olt-1", outcome="no_answer")])
        assert journal.told(0) == {}  # nor is it waited for as one


def test_a_device_that_answers_without_the_services_row_does_not_show_it_and_one_that_shows_it_later_does():
    """A contract may count as down what was not shown: the table's owner must not be able to make it our gap."""
    held = Promises(city(contract(RX)), [contract(RX)])
    of = streams.stream(replace(RX, rules=Rules(check_every_s=300)))
    gone = [look for n in range(5) for _, look in held.looks(poll("olt-1", n=n))]

    (slot,) = measured.samples(of, gone)
    assert (slot.state, slot.cause, slot.because) == (State.UNKNOWN, Cause.UNDETERMINED, "row_missing")
    for back in (poll("olt-1", onu(), n=5), poll("olt-1/ssh", onu(), n=5)):
        found = measured.samples(replace(of, every_s=3600), [*gone, *(look for _, look in held.looks(back))])
        assert [each.state for each in found] == [State.UP]
    assert said(held, poll("olt-1/ssh")) == []  # a door reads now this and now that


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_of_the_cells_of_one_service_the_worst_counts_whatever_the_order_of_the_rows(order):
    promise = Objective(id="cpu", indicator="system.cpu", target="95", threshold="80")
    sold = contract(promise, kind="cell", role="small_cell")
    rows = [Row(subject=Subject("cell", str(n)), values={"system.cpu": each}) for n, each in enumerate([10.0, 95.0])]
    rows.append(Row(subject=Subject("cell", "2"), values={"system.cpu": None}, codes={"system.cpu": "sentinel"}))
    whole = {"kind": "cell", "carrier": "a", "site": "s1", "role": "small_cell", "device": "cell-1"}
    held = Promises(
        city(sold, Device(id="cell-1", site="s1", carrier="a", role="small_cell"), Service(id="c", **whole)), [sold]
    )

    assert said(held, poll("cell-1", *(rows[n] for n in order))) == [("c", "cell-1", "system.cpu", 95.0, "")]


def test_a_version_that_ended_is_looked_after_as_well():
    before = contract(DELAY, version="0")

    assert said(Promises(city(contract(RX)), [before, contract(RX)]), poll("vp/probe", path("a", "fiber-1", rtt=4.0)))


@pytest.mark.parametrize(
    ("objective", "one", "expected"),
    [
        (RX, poll("olt-1", onu()), True),
        (RX, poll("olt-1/ssh", onu()), True),
        (DELAY, poll("olt-1/ssh", onu()), False),
        (RX, poll("olt-1/ssh", Row(subject=ONU, values={"pon.onu.distance": 3.0})), False),
        (RX, poll("olt-9", onu()), False),
        (RX, poll("anchor-1"), True),
        (RX, poll("vp/probe", path("a", "fiber-1", rtt=4.0)), False),
        (DELAY, poll("vp/probe", path("a", "fiber-1", rtt=4.0)), True),
        (DELAY, poll("vp/probe", path("a", "", rtt=4.0)), False),
        (DELAY, poll("vp/probe", outcome="anchors_lost"), True),
    ],
)
def test_replies_are_evidence_where_a_contract_rests_on_them(tmp_path, objective, one, expected):
    with Journal(tmp_path / "states.db") as journal:
        verifier = Verifier(city(contract(objective)), journal)

        assert verifier.bears(one) is expected


def test_looks_are_kept_once_and_judged_when_their_hour_is_sealed(tmp_path):
    seen = city(contract(DELAY))
    polls = [poll("vp/probe", path("a", "fiber-1", rtt=each), n=n) for n, each in enumerate([4.0, 40.0, 5.0])]
    with Journal(tmp_path / "states.db") as journal:
        Verifier(seen, journal).take(polls)
        Verifier(seen, journal).take([poll("vp/probe", path("a", "fiber-1", rtt=99.0))])
        (stream,) = streams.of(seen.contracts[0])

        found = measured.samples(stream, journal.looks(T0, T0 + HOUR_MS)["fiber-1"])
        assert [(each.state, each.cause) for each in found] == [
            (State.UP, Cause.NONE),
            (State.DOWN, Cause.CARRIER),
            (State.UP, Cause.NONE),
        ]
        assert journal.unsealed(until_ms=T0 + HOUR_MS, limit=5) == [T0]


def test_looks_go_when_their_hour_is_sealed_and_old(tmp_path):
    with Journal(tmp_path / "states.db") as journal:
        Verifier(city(contract(DELAY)), journal).take([poll("vp/probe", path("a", "fiber-1", rtt=4.0))])
        journal.prune(T0 + HOUR_MS)
        assert journal.looks(T0, T0 + HOUR_MS)

        journal.seal(T0, {"c1": []})
        journal.prune(T0 + HOUR_MS)
        assert journal.looks(T0, T0 + HOUR_MS) == {}


LOGINS = Objective(id="logins", indicator="portal.login.success", target="98", threshold="1")


def portal_city():
    held = contract(replace(RX, rules=Rules()), LOGINS, kind="fiber", role="")
    held = replace(held, items=(replace(held.items[0], select=Selector()),))
    made = city(held)
    hall = Service(
        id="logins-1", kind="fiber", carrier="a", site="s1", role="portal", device="portal", subject="site:s1"
    )
    return replace(made, services=(*made.services, hall))


def test_what_the_portal_counts_only_the_portal_tells_and_it_tells_nothing_of_lines():
    promises = Promises(portal_city(), portal_city().contracts)
    counts = {"portal.login.online": 3.0, "portal.login.failed": 1.0, "portal.login.refused": 5.0}
    hall = Row(subject=Subject("site", "s1"), values=counts)

    told = sorted(said(promises, poll("portal/portal", hall, onu())))
    assert told == [
        ("logins-1", "portal/portal", "portal.login.failed", 1.0, ""),
        ("logins-1", "portal/portal", "portal.login.online", 3.0, ""),
    ]
    for forger in ("olt-1/portal", "olt-1/radius"):
        assert said(promises, poll(forger, onu())) == []
    for forger in ("portal", "portal/ssh"):
        assert said(promises, poll(forger, hall)) == []


def test_each_minute_that_the_portal_told_of_is_seen_and_every_other_is_ours(tmp_path):
    with Journal(tmp_path / "states.db") as journal:
        verifier = Verifier(portal_city(), journal)
        there = Row(subject=Subject("site", "s1"), values={"portal.state": 1.0})
        beside = replace(poll("portal/portal", n=1), slot_ms=T0 + M + 1)
        verifier.take([poll("portal/portal", there), poll("portal/portal", n=1), beside, poll("portal", there, n=2)])

        (first, second) = journal.window(T0, T0 + HOUR_MS)["logins-1"]
    assert (first.state, second.state, second.cause) == (State.UP, State.UNKNOWN, Cause.UNDETERMINED)


def test_each_cell_of_a_device_tells_its_counters_and_a_silent_door_none():
    rrc = Objective(id="rrc", indicator="lte.cell.rrc.success", target="99", threshold="1")
    lte = {"kind": "lte", "carrier": "a", "site": "s1", "role": "small_cell"}
    snapshot = of_city(
        city_of(
            [
                Area(id="110108001", name="万寿路", name_en="Wanshoulu", col=1, row=1),
                Site(id="s1", name="S1", area="110108001"),
                Carrier(id="a", name="A"),
                contract(rrc, kind="lte", role="small_cell"),
                Device(id="enb-1", site="s1", carrier="a", role="small_cell"),
                Service(id="cell-1", device="enb-1", **lte),
            ]
        ),
        at_ms=T0,
        rehearsal=False,
    )
    rows = [
        Row(subject=Subject("cell", name), values={"lte.cell.rrc_attempts": all_, "lte.cell.rrc_successes": good})
        for name, all_, good in (("1", 10.0, 9.0), ("2", 7.0, 7.0))
    ]
    promises = Promises(snapshot, snapshot.contracts)

    def told(**more):
        poll = Poll(device="enb-1", slot_ms=T0, at_ms=T0, **more)
        return [(look.source, look.metric, look.value) for _, look in promises.looks(poll)]

    assert sorted(told(outcome="answered", rows=tuple(rows))) == [
        ("enb-1 of 1", "lte.cell.rrc_attempts", 10.0),
        ("enb-1 of 1", "lte.cell.rrc_successes", 9.0),
        ("enb-1 of 2", "lte.cell.rrc_attempts", 7.0),
        ("enb-1 of 2", "lte.cell.rrc_successes", 7.0),
    ]
    assert told(outcome="no_answer", rows=()) == []
