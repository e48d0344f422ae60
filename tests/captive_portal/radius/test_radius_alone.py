"""A RADIUS server whose portal is dead: by a decision of two persons it lets in whom a controller asks about."""

from __future__ import annotations

import struct
from contextlib import ExitStack
from dataclasses import replace

import pytest
import sqlalchemy as sa

from captive_portal import ajar
from captive_portal.let_in import Log
from captive_portal.radius.service import RadiusService
from captive_portal.service import PortalService
from captive_portal.tables import SESSION
from netops import fail_open
from netops.clock import SYSTEM
from netops.config import Listener
from netops.evidence import files
from netops.sign import Signer

ACCEPT, REJECT, START = 2, 3, 1
MAC, SAID, IP = "02:11:22:33:44:55", "02-11-22-33-44-55", "127.0.8.9"
ORIGIN = "netops.invalid/city/rehearsal"
SIGNER = Signer.new(ORIGIN)
POLICY = "policy: p\ntitle: P\ndefault: yes\nmethods: [click_through]\nsession_minutes: 60\nwhen_broken: {}\n"


def decide(settings, *, leaves: int = 8, sites: tuple[str, ...] = ("site-1",)) -> None:
    now_ms = SYSTEM.now_ms()
    order = fail_open.Order(request="req-1", leaf=7, sites=sites, start_ms=now_ms - 1, end_ms=now_ms + 3_600_000)
    orders = fail_open.Orders(origin=ORIGIN, leaves=leaves, orders=(order,) if sites else ())
    fail_open.path(settings).parent.mkdir(exist_ok=True)
    files.replace(fail_open.path(settings), fail_open.signed(orders, SIGNER))


@pytest.fixture
def alone(place):
    """The server of `place` for visitors on loopback, whose site wants to be open when its portal is dead."""
    place.service.stop()
    folder = place.settings.data.dir
    (folder / "policies").mkdir()
    (folder / "policies" / "p.yaml").write_text(POLICY.format("open"), encoding="utf-8")
    (folder / "keys").mkdir(exist_ok=True)
    (folder / "keys" / "evidence.vkey").write_text(f"{SIGNER.vkey}\n", encoding="ascii")
    acs = {name: replace(each, networks="127.0.8.0/24") for name, each in place.settings.portal.acs.items()}
    acs = {name: acs[name] for name in ("ac-1",)}
    portal = replace(
        place.settings.portal, acs=acs, policies=folder / "policies", listen=Listener(port=0), session_minutes=60
    )
    at = {"auth_port": place.service.auth_port, "acct_port": place.service.acct_port}
    place.settings = replace(place.settings, portal=portal, radius=replace(place.settings.radius, **at))
    place.service = RadiusService(place.settings)
    place.service.start()
    return place


def look(place) -> None:
    place.parts.judge.alone.look(place.parts.reaching)


def silent(place) -> bool:
    """Have the portal be last heard long ago; return whether the place is open by that."""
    lonely = place.parts.judge.alone._ajar
    lonely._heard -= 2 * ajar.SILENT_S
    look(place)
    return lonely.at("ac-1") is not None


def test_without_a_decision_a_dead_portal_lets_nobody_in(alone) -> None:
    decide(alone.settings, sites=("site-2",))

    assert not silent(alone)
    assert alone.controllers["ac-1"].ask(SAID, SAID, SAID, IP)[0] == REJECT


def test_a_dead_portal_a_decision_and_an_accept_that_is_short(alone) -> None:
    ac = alone.controllers["ac-1"]
    assert ac.ask(SAID, SAID, SAID, IP)[0] == REJECT
    decide(alone.settings)
    assert silent(alone)

    code, said = ac.ask(SAID, SAID, SAID, IP)

    assert code == ACCEPT
    assert 590 <= struct.unpack(">I", said[27])[0] <= 600
    log = Log(alone.settings.room("radius") / "let-in.jsonl")
    assert MAC in log.path.read_text(encoding="ascii")
    assert ac.report(START, "s-1", SAID, IP, mark=said[25])
    alone.restart()
    again, said = ac.ask(SAID, SAID, SAID, IP)
    assert again == ACCEPT, "its door is open for what is left"
    assert struct.unpack(">I", said[27])[0] <= 600


def test_a_portal_that_is_back_records_them_and_asks_new_ones(alone, eventually) -> None:
    ac = alone.controllers["ac-1"]
    decide(alone.settings)
    assert silent(alone)
    code, said = ac.ask(SAID, SAID, SAID, IP)
    assert code == ACCEPT
    assert ac.report(START, "s-1", SAID, IP, mark=said[25])
    with ExitStack() as stack:
        portal = PortalService(alone.settings)
        portal.start()
        stack.callback(portal.stop)
        assert ac.ask("02-11-22-33-44-66", "02-11-22-33-44-66", "02-11-22-33-44-66", "127.0.8.10")[0] == REJECT
        desk = portal.desk
        rows = desk.store.read(lambda connection: connection.execute(sa.select(SESSION)).all())

    assert [(each.method, each.site, each.interface, each.end) for each in rows] == [
        ("fail_open", "site-1", "ac-1", None)
    ]
    assert not Log(alone.settings.room("radius") / "let-in.jsonl").path.read_text(encoding="ascii").count(MAC)


def test_a_decision_that_is_taken_back_has_the_controller_end_them(alone, eventually) -> None:
    ac = alone.controllers["ac-1"]
    decide(alone.settings)
    assert silent(alone)
    code, said = ac.ask(SAID, SAID, SAID, IP)
    assert code == ACCEPT
    assert ac.report(START, "s-1", SAID, IP, mark=said[25])

    decide(alone.settings, leaves=9, sites=())
    look(alone)

    eventually(lambda: bool(ac.called))  # a Disconnect-Request
    assert ac.ask(SAID, SAID, SAID, IP)[0] == REJECT


def test_a_heartbeat_between_the_taking_back_and_the_look_has_them_ended_all_the_same(alone, eventually) -> None:
    ac = alone.controllers["ac-1"]
    decide(alone.settings)
    assert silent(alone)
    code, said = ac.ask(SAID, SAID, SAID, IP)
    assert code == ACCEPT
    assert ac.report(START, "s-1", SAID, IP, mark=said[25])

    decide(alone.settings, leaves=9, sites=())
    lonely = alone.parts.judge.alone
    lonely._ajar.take(fail_open.read(alone.settings))
    lonely.heard({})
    look(alone)

    eventually(lambda: bool(ac.called))  # a Disconnect-Request


def test_a_restarted_server_has_them_ended_too_and_says_that_nothing_is_open(alone, eventually) -> None:
    ac = alone.controllers["ac-1"]
    decide(alone.settings)
    assert silent(alone)
    code, said = ac.ask(SAID, SAID, SAID, IP)
    assert code == ACCEPT
    assert ac.report(START, "s-1", SAID, IP, mark=said[25])
    alone.restart()
    entries = [str(each.what) for each in alone.parts.judge.alone._ajar.log.entries]

    decide(alone.settings, leaves=9, sites=())
    look(alone)

    assert entries[:3] == ["begun", "in", "ended"]
    eventually(lambda: bool(ac.called))  # a Disconnect-Request


def test_a_server_whose_policy_is_closed_now_still_tells_whom_it_let_in_before(alone, eventually) -> None:
    ac = alone.controllers["ac-1"]
    decide(alone.settings)
    assert silent(alone)
    assert ac.ask(SAID, SAID, SAID, IP)[0] == ACCEPT
    policy = alone.settings.data.dir / "policies" / "p.yaml"
    policy.write_text(POLICY.format("closed"), encoding="utf-8")
    alone.restart()
    lonely = alone.parts.judge.alone
    look(alone)
    (part,) = lonely.entries()

    assert lonely.heard({}) == {"unrecorded": len(part["entries"])}
    assert [each["what"] for each in part["entries"]] == ["begun", "in", "ended", "out"]
