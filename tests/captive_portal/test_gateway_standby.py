"""The gate without its portal, with a real kernel: the portal is killed, visitors get online by a decision of two."""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from captive_portal import tables
from captive_portal.records import chain
from inventory import sql
from netops import facts, fail_open, spool
from netops.clock import SYSTEM
from netops.config import load
from netops.evidence import files
from netops.sign import Signer

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.partner("nft", "ip", "curl", "dnsmasq"),
    pytest.mark.timeout(180),
]

PORTAL = "http://portal.test/"
ORIGIN = "netops.invalid/standby/rehearsal"
SIGNER = Signer.new(ORIGIN)
POLICY = "policy: parks\ntitle: Parks\ndefault: yes\nmethods: [click_through]\nsession_minutes: 30\nwhen_broken: open\n"


@pytest.fixture
def dying(network, eventually):
    """A site that wants to be open when its portal is broken, with everything running."""
    policies, keys = network.folder / "policies", network.folder / "keys"
    policies.mkdir()
    keys.mkdir()
    (policies / "parks.yaml").write_text(POLICY, encoding="utf-8")
    (keys / "evidence.vkey").write_text(f"{SIGNER.vkey}\n", encoding="ascii")
    written = network.settings_file.read_text(encoding="utf-8")
    network.settings_file.write_text(
        written.replace("[portal]\n", f'[portal]\npolicies = "{policies}"\n'), encoding="utf-8"
    )
    network.begin()
    return network


def decide(city, *, leaves: int, seconds: int = 3600, sites: tuple[str, ...] = ("site-1",)) -> None:
    now_ms = SYSTEM.now_ms()
    order = fail_open.Order(
        request="req-1", leaf=7, sites=sites, start_ms=now_ms - 1000, end_ms=now_ms + seconds * 1000
    )
    orders = fail_open.Orders(origin=ORIGIN, leaves=leaves, orders=(order,) if seconds else ())
    at = fail_open.path(load(city.settings_file, environ={}))
    at.parent.mkdir(exist_ok=True)
    files.replace(at, fail_open.signed(orders, SIGNER), mode=0o644)


def online(city, version: int = 4) -> bool:
    return city.curl(city.internet_url(version), version=version).stdout.startswith("internet ")


def stated(city) -> list[dict]:
    path = city.folder / "spool" / "portal.db"
    every = [facts.decode(each.payload) for each in spool.read(path, after=0, limit=999) if each.kind == "fact"]
    return [dict(each.body) for each in every if each.kind == "fail_open"]


def sessions(city) -> list[sa.Row]:
    with sql.Database(tables.url(load(city.settings_file, environ={}))) as database, database.read() as connection:
        return list(connection.execute(sa.select(tables.SESSION).where(tables.SESSION.c.method == "fail_open")))


def test_a_dead_portal_shuts_everybody_out_where_nobody_decided(dying, eventually: Callable[..., float]) -> None:
    decide(dying, leaves=8, sites=("site-2",))
    dying.stop("portal", signal.SIGKILL)
    began = SYSTEM.monotonic()
    while SYSTEM.monotonic() - began < 35:
        assert not online(dying)


def test_a_dead_portal_a_decision_and_everybodys_record(dying, eventually: Callable[..., float]) -> None:
    decide(dying, leaves=8)
    gate_log = dying.folder / "gate" / "let-in.jsonl"
    eventually(lambda: dying.status(PORTAL).startswith("200"))
    assert not online(dying), "the portal lives: it asks"
    eventually((dying.folder / "gate" / fail_open.NAME).exists, 20)

    dying.stop("portal", signal.SIGKILL)
    assert not online(dying), "its silence must be long enough to mean something"
    eventually(lambda: online(dying), 60)
    eventually(lambda: online(dying, 6), 20)
    entries = [json.loads(line) for line in gate_log.read_text(encoding="ascii").splitlines()[1:]]
    assert [each["what"] for each in entries][:2] == ["begun", "in"], "the record comes first"
    listed = dying.nft("list", "set", "inet", "netops_portal", "auth4")
    assert re.search(r"timeout (10m|9m5\ds)", listed), "a short time, that the kernel ends"

    dying.start_portal()
    eventually(lambda: len(sessions(dying)) == 1, 20)
    assert online(dying), "who is in stays in for what is left"
    (session,) = sessions(dying)
    assert (session.site, session.ended_ms, session.until_ms - session.since_ms) == ("site-1", None, 600_000)
    eventually(lambda: "02:11" not in gate_log.read_text(encoding="ascii"), 10)
    assert [(each["state"], each["cause"], each["decision"]) for each in stated(dying)] == [
        ("begun", "portal_silent", 7),
        ("ended", "portal_silent", 7),
    ]
    assert stated(dying)[1]["let_in"] == 1
    _recorded(dying, session)
    dying.stop("portal", signal.SIGKILL)
    dying.start_portal()
    assert online(dying)
    assert len(sessions(dying)) == 1


def test_a_decision_that_is_taken_back_puts_everybody_out_while_the_portal_is_dead(
    dying, eventually: Callable[..., float]
) -> None:
    decide(dying, leaves=8)
    eventually((dying.folder / "gate" / fail_open.NAME).exists, 20)
    dying.stop("portal", signal.SIGKILL)
    dying.stop("gate", signal.SIGKILL)
    dying.start_gate()
    eventually(lambda: online(dying), 60)

    decide(dying, leaves=9, seconds=0)

    eventually(lambda: not online(dying), 20)
    dying.start_portal()
    eventually(lambda: len(sessions(dying)) == 1, 20)
    (session,) = sessions(dying)
    assert session.end == "expired"
    assert session.ended_ms < session.until_ms
    assert dying.status(dying.internet_url(4)) == f"302 {PORTAL}"


def _recorded(city, session: sa.Row) -> None:
    """The chain has it, under no consent and no person, and its device sealed."""
    with sql.Database(tables.url(load(city.settings_file, environ={}))) as database, database.read() as connection:
        rows = connection.execute(sa.select(tables.RECORD).where(tables.RECORD.c.kind == chain.OPENED)).all()
    (body,) = [json.loads(each.body) for each in rows if json.loads(each.body)["session"] == session.id]
    assert body["consent"] == {"terms": "", "language": "", "digest": "", "channel": "unasked"}
    assert (body["method"], body["person"]) == ("fail_open", "")
