"""What staff see of sites that are open without a login: a line above every page, and the periods for the auditor."""

from __future__ import annotations

import re
import shutil
import sys
from contextlib import ExitStack
from dataclasses import replace

import pytest

from dashboards.service import application
from inventory import times
from inventory.register import Register
from inventory.snapshot import snapshot
from netops import fail_open
from netops.access import record
from netops.errors import EvidenceError
from netops.evidence import files
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.sign import Signer

small_city = sys.modules["small_city"]
HOUR_MS = 3_600_000


@pytest.fixture
def open_site(sites, tmp_path):
    """A city of its own, whose ledger has a key."""
    made = sites(tmp_path, telemetry=False)
    made.origin = made.settings.ledger_origin
    made.signer = Signer.new(made.origin)
    (tmp_path / "keys").mkdir(exist_ok=True)
    (tmp_path / "keys" / "evidence.vkey").write_text(f"{made.signer.vkey}\n", encoding="ascii")
    return made


def token(client) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/approvals").get_data(as_text=True))
    assert found
    return found[1]


def asked(site) -> str:
    """Ask as the operator and allow as the privacy officer, through the pages; return the request."""
    operator, officer = site.browser("operator"), site.browser("privacy_officer")
    zone = times.zone(site.settings.city.timezone)
    start, end = (times.shown(site.clock.now_ms() + ms, zone)[:16] for ms in (0, HOUR_MS))
    sent = {"csrf": token(operator), "action": "fail_open", "sites": site.place, "from": start, "to": end}
    answer = operator.post("/approvals/new", data={**sent, "reason": "短信网关检修"})
    assert answer.status_code == 303
    (name,) = [each for each in record.read(site.settings) if each not in site.before]
    allowed = officer.post(f"/approvals/{name}/decide", data={"csrf": token(officer), "decision": "approved"})
    assert allowed.status_code == 303
    return name


def publish(site, name: str, *, signer=None, until_ms: int = HOUR_MS) -> None:
    now_ms = site.clock.now_ms()
    order = fail_open.Order(request=name, leaf=7, sites=(site.place,), start_ms=now_ms - 1, end_ms=now_ms + until_ms)
    orders = fail_open.Orders(origin=site.origin, leaves=8, orders=(order,))
    fail_open.path(site.settings).parent.mkdir(exist_ok=True)
    files.replace(fail_open.path(site.settings), fail_open.signed(orders, signer or site.signer))


def test_a_decision_is_asked_for_and_allowed_on_the_pages_and_stands_above_every_page(open_site) -> None:
    site = open_site
    site.before = set(record.read(site.settings))
    site.place = _a_site(site)
    name = asked(site)
    officer = site.browser("viewer")
    assert "应急放行：" not in officer.get("/").get_data(as_text=True), "allowed is not sealed yet"
    publish(site, name, signer=Signer.new(site.origin))
    assert "应急放行：" not in officer.get("/").get_data(as_text=True), "nobody's word but the ledger's"

    publish(site, name)

    for path in ("/", "/worst", "/contracts"):
        page = officer.get(path).get_data(as_text=True)
        assert "operator 申请，privacy_officer 批准" in page, path
        assert "没有开放" not in page
    publish(site, name, until_ms=0)
    assert "应急放行：" not in officer.get("/").get_data(as_text=True)


def test_the_line_stands_above_the_pages_of_other_packages_and_says_where_nobody_acts(
    open_site, monkeypatch, tmp_path_factory
) -> None:
    """Whoever works on such a page meanwhile reads it there; a site whose policy says `closed` is not believed open."""
    site = open_site
    site.before = set(record.read(site.settings))
    site.place = _a_site(site)
    publish(site, asked(site))
    folder = tmp_path_factory.mktemp("beside") / "data"
    shutil.copytree(site.settings.data.dir, folder)  # one process writes a spool
    policies = folder / "policies"
    policies.mkdir()
    policy = "policy: p\ntitle: P\ndefault: yes\nmethods: [click_through]\nwhen_broken: {}\n"
    portal = replace(site.settings.portal, policies=policies)
    settings = replace(site.settings, data=replace(site.settings.data, dir=folder), portal=portal)
    monkeypatch.setattr("dashboards.pages.Passwords", small_city.cheap)
    with ExitStack() as stack:
        client = application(settings, site.clock, stack).test_client()
        client.post("/login", data={"name": "operator", "password": small_city.PASSWORD})
        for broken, shut in (("open", False), ("closed", True)):
            (policies / "p.yaml").write_text(policy.format(broken), encoding="utf-8")
            for path in ("/vouchers", "/visits", "/faults", "/persons", "/approvals"):
                page = client.get(path).get_data(as_text=True)
                assert "operator 申请，privacy_officer 批准" in page, path
                assert ("没有开放：" in page) is shut, path
            assert ("（站点策略是 when_broken: closed，不会开放）" in page) is shut, "beside the request"


def test_the_line_stands_also_where_neither_register_nor_ledger_can_be_read(open_site, monkeypatch) -> None:
    site = open_site
    site.before = set(record.read(site.settings))
    site.place = _a_site(site)
    publish(site, asked(site))

    def away(*_: object) -> None:
        raise EvidenceError("away")

    monkeypatch.setattr("dashboards.opened.record.read", away)
    page = site.browser("viewer").get("/").get_data(as_text=True)

    assert "— 申请，— 批准" in page


def test_a_request_is_read_as_people_say_it(open_site) -> None:
    """From, to, then the sites by their names; an emergency that begins now was not asked for too late."""
    site = open_site
    site.before = set(record.read(site.settings))
    site.place = _a_site(site)
    asked(site)
    client = site.browser("operator")
    page, english = (client.get(f"/approvals?lang={each}").get_data(as_text=True) for each in ("zh_CN", "en"))
    client.get("/approvals?lang=zh_CN")
    place = re.escape(site.place)

    for text, (start, end, sites) in ((page, ("起", "止", "开放的站点")), (english, ("From", "To", "Sites"))):
        found = re.search(rf"<dt>{start}</dt>.*?<dt>{end}</dt>.*?<dt>{sites}</dt><dd>(.+?) <code>{place}</code>", text)
        assert found
        assert found[1] != site.place, "its name"
        reason = re.search(r"<dt>[^<]+</dt><dd>短信网关检修</dd>(.*?)</dl>", text)
        assert reason
        assert "<dt>" not in reason[1], "no word of being late"


def test_who_asked_takes_it_back_on_the_page_and_nobody_else_can(open_site) -> None:
    site = open_site
    site.before = set(record.read(site.settings))
    site.place = _a_site(site)
    name = asked(site)
    manager, operator = site.browser("contract_manager"), site.browser("operator")

    refused = manager.post(f"/approvals/{name}/withdraw", data={"csrf": token(manager)})
    assert refused.status_code == 403
    assert record.read(site.settings)[name].state == "approved"
    assert operator.post(f"/approvals/{name}/withdraw", data={"csrf": token(operator)}).status_code == 303
    assert record.read(site.settings)[name].state == "withdrawn"
    assert "收回" in operator.get("/approvals").get_data(as_text=True)


def test_the_auditor_reads_when_a_site_was_open_and_for_how_many(open_site) -> None:
    site, now_ms = open_site, open_site.clock.now_ms()
    known = {"site": _a_site(site), "cause": "portal_silent", "request": "req-1", "decision": 7}
    begun = Fact(kind="fail_open", at_ms=now_ms, body={**known, "state": "begun", "why": "silent for 30 s"})
    ended = Fact(kind="fail_open", at_ms=now_ms + 1, body={**known, "state": "ended", "let_in": 23})
    with Ledger(record.ledger_path(site.settings), origin=site.origin, rehearsal=True) as ledger:
        ledger.append([LedgerEntry("portal/1", n, each) for n, each in enumerate((begun, ended))], now_ms=now_ms)

    auditor = site.client("auditor")
    page = auditor.get("/approvals").get_data(as_text=True)
    english = auditor.get("/approvals?lang=en").get_data(as_text=True)

    assert "open from here: the portal is silent" in english
    assert "应急放行的时段" in page
    assert "登录服务无响应" in page
    assert "放行 23 台设备" in page
    assert "账本第 7 条" in page


def _a_site(site) -> str:
    with Register(site.settings.register_url, rehearsal=True, readonly=True) as register:
        return str(snapshot(register, at_ms=site.clock.now_ms()).sites[0].id)
