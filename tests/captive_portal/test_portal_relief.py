"""A site whose ways in are all broken, and a portal that is back: let in without a login, by a decision, on record."""

from __future__ import annotations

import argparse
import json
import re
import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa

from captive_portal import adopting, asker, keys, policy_yaml, upkeep, views
from captive_portal import session as visiting
from captive_portal.broken import checks as broken_sites
from captive_portal.broken import commands as broken_commands
from captive_portal.desk import Attempt
from captive_portal.enforcing import Readiness
from captive_portal.errors import GatewayError, SilentError
from captive_portal.fault_book import FaultBook
from captive_portal.let_in import Entry, What
from captive_portal.model import Bounds, Client
from captive_portal.probes import Probes
from captive_portal.records import verify
from captive_portal.sms.courier import TRIPS, Courier
from captive_portal.sms.providers import Answer, Came
from captive_portal.tables import SESSION
from netops import facts, fail_open, spool
from netops.access import approvals, record
from netops.config import PortalAt, Settings
from netops.controllers import Controller
from netops.errors import EvidenceError, SpoolError
from netops.evidence import files
from netops.ledger import Ledger, LedgerEntry
from netops.sign import Signer
from netops.web import create_app

START_MS = 1_790_000_000_000
GOING = threading.Event()  # nobody stops it
ORIGIN = "netops.invalid/city/rehearsal"
SIGNER = Signer.new(ORIGIN)
POLICY = "policy: p\ntitle: P\ndefault: yes\nmethods: [click_through]\nsession_minutes: 60\nwhen_broken: {}\n"
OWN = "http://portal.test"


@pytest.fixture
def settings(tmp_path, city_settings):
    made = city_settings(tmp_path)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "p.yaml").write_text(POLICY.format("open"), encoding="utf-8")
    (tmp_path / "keys").mkdir(exist_ok=True)
    (tmp_path / "keys" / "evidence.vkey").write_text(f"{SIGNER.vkey}\n", encoding="ascii")
    return replace(made, portal=replace(made.portal, policies=tmp_path / "policies"))


class Broken:
    """Whether the site's one method can work."""

    def __init__(self, desk) -> None:
        self.now = True
        desk.methods["click_through"].away = lambda _policy, _now_ms: self.now


@pytest.fixture
def broken(desk, settings):
    desk.relief.begin(settings)
    return Broken(desk)


def decide(settings, *, leaves: int = 8, end_ms: int = START_MS + 3_600_000, sites=("site-1",), signer=SIGNER) -> None:
    order = fail_open.Order(request="req-1", leaf=7, sites=sites, start_ms=START_MS, end_ms=end_ms)
    orders = fail_open.Orders(origin=ORIGIN, leaves=leaves, orders=(order,) if end_ms else ())
    fail_open.path(settings).parent.mkdir(exist_ok=True)
    files.replace(fail_open.path(settings), fail_open.signed(orders, signer))


def visit(desk, settings, address: str = "127.0.0.7", language: str = "en"):
    """Return what a mini browser without cookies does: `ask(verb, path, form)`."""
    portal = asker.Portal(
        desk=desk,
        settings=settings,
        probes=Probes(),
        uplink=lambda: "up",
        venues=lambda _site: "",
        form_key=keys.identity_key(settings),
        base_url=OWN,
        reports=FaultBook(),
    )
    app = create_app(
        "portal",
        settings,
        blueprints=[views.blueprint(portal)],
        translations=[views.TRANSLATIONS],
        languages=lambda: ("zh_CN", "en", "ja", "ko"),
        inline_styles=[views.STYLE],
        error_template="portal/error.html",
        clock=desk.clock,
    )

    def ask(verb: str, path: str, **form: str):
        with app.test_client(use_cookies=False) as client:
            seen = {"REMOTE_ADDR": address}
            headers = {"Accept-Language": language}
            return client.open(path, method=verb, base_url=OWN, headers=headers, environ_base=seen, data=form)

    return ask


def tap(ask, method: str = "fail_open"):
    token = re.search(r'name="token" value="([^"]+)"', ask("GET", "/").text)
    assert token
    return ask("POST", "/login", token=token[1], method=method)


def told(settings, kind: str = "fail_open") -> list[dict]:
    path = settings.data.dir / "spool" / "portal.db"
    every = [facts.decode(each.payload) for each in spool.read(path, after=0, limit=999) if each.kind == "fact"]
    return [dict(each.body) for each in every if each.kind == kind]


def sessions(desk) -> list[sa.Row]:
    return desk.store.read(lambda connection: connection.execute(sa.select(SESSION)).all())


@pytest.mark.parametrize(
    ("so", "seconds"),
    [
        (("open", True, True), 600),
        (("open", True, False), 0),
        (("open", False, True), 0),
        (("closed", True, True), 0),
        (("closed", False, False), 0),
    ],
)
def test_a_site_is_open_where_policy_decision_and_fault_say_so_together(desk, settings, broken, so, seconds) -> None:
    word, decided, away = so
    if word == "closed":
        policy = replace(desk.policies.default, when_broken="closed")
        desk.premises.policies = replace(desk.policies, default=policy)
    if decided:
        decide(settings)
    broken.now = away
    desk.relief.look()

    assert desk.relief.seconds("site-1") == seconds
    assert bool(told(settings)) == bool(seconds)


@pytest.mark.parametrize(
    "forgery",
    [
        {"signer": Signer.new(ORIGIN)},
        {"signer": Signer.new("netops.invalid/elsewhere")},
    ],
    ids=["another-key", "another-city"],
)
def test_a_decision_that_is_not_the_ledgers_opens_nothing_and_is_said(desk, settings, broken, forgery) -> None:
    decide(settings, **forgery)

    with pytest.raises(EvidenceError):
        desk.relief.look()
    assert desk.relief.seconds("site-1") == 0
    assert told(settings) == []


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh-CN", ("登录暂时不能用", "您这次没有登录就上了网")),
        ("en", ("Logging in does not work at the moment", "so you are online without it")),
        ("ja", ("現在ログインできません", "今回はログインせずに接続しています")),
        ("ko", ("지금은 로그인할 수 없습니다", "이번에는 로그인 없이 연결되었습니다")),
    ],
)
def test_a_visitor_reads_it_taps_is_in_for_a_short_time_and_it_is_no_login(
    desk, settings, clock, language, words
) -> None:
    broken = Broken(desk)
    desk.relief.begin(settings)
    decide(settings)
    desk.relief.look()
    ask = visit(desk, settings, language=language)
    assert words[0] in ask("GET", "/").text

    assert tap(ask).status_code == 303

    (session,) = sessions(desk)
    assert (session.method, session.until_ms - session.since_ms) == ("fail_open", 600_000)
    assert words[1] in ask("GET", "/").text
    clock.forward(61)
    desk.telling.flush(clock.now_ms())
    assert sum(each["online"] for each in told(settings, "portal_logins")) == 0, "nobody's success"
    broken.now = False
    desk.relief.look()
    assert [(each["state"], each.get("let_in")) for each in told(settings)] == [("begun", None), ("ended", 1)]


def test_a_tap_where_nothing_is_open_is_no_way_in(desk, settings, broken) -> None:
    desk.relief.look()

    assert tap(visit(desk, settings)).status_code == 422
    assert sessions(desk) == []


def test_a_tap_after_the_page_was_shown_and_the_decision_is_over_lets_nobody_in(desk, settings, broken, clock) -> None:
    decide(settings, end_ms=START_MS + 60_000)
    desk.relief.look()
    ask = visit(desk, settings)
    token = re.search(r'name="token" value="([^"]+)"', ask("GET", "/").text)
    clock.forward(60)

    assert ask("POST", "/login", token=token[1], method="fail_open").status_code == 422
    assert sessions(desk) == []


def test_the_end_of_a_decision_is_the_end_of_who_is_in_by_it(desk, settings, broken, clock) -> None:
    decide(settings, end_ms=START_MS + 100_000)
    desk.relief.look()
    tap(visit(desk, settings))
    assert sessions(desk)[0].until_ms == START_MS + 100_000, "no longer than the decision"


def test_a_decision_taken_back_ends_who_is_in_by_it_and_nobody_else(desk, settings, broken) -> None:
    decide(settings)
    desk.relief.look()
    tap(visit(desk, settings))
    broken.now = False
    desk.relief.look()
    tap(visit(desk, settings, "127.0.0.8"), "click_through")
    decide(settings, leaves=9, end_ms=0)
    desk.relief.look()

    assert [(each.method, each.end) for each in sessions(desk)] == [("fail_open", "expired"), ("click_through", None)]
    assert [each.client.addresses[0] for each in desk.gateway.admitted()] == ["127.0.0.8"]


def test_whom_staff_have_put_out_a_tap_does_not_let_in(house, settings) -> None:
    desk = house.open()
    desk.relief.begin(settings)
    broken = Broken(desk)
    broken.now = False
    ask = visit(desk, settings)
    tap(ask, "click_through")
    (mine,) = desk.visits.every()
    broken.now = True
    decide(settings)
    desk.relief.look()
    desk.visits.feed(mine, visiting.Disconnected())
    desk.visits.put_out.note(desk.identity(mine.client), desk.clock.now_ms())

    assert 'value="fail_open"' not in ask("GET", "/").text
    assert tap(ask).status_code == 422
    assert desk.was_put_out(mine.client)

    adopted = came(1, 1, 600, mac=mine.client.mac, addresses=mine.client.addresses)
    desk.clock.forward(2)
    adopting.adopt(desk.visits, Told(adopted), GOING)
    assert [each.end for each in sessions(desk)] == ["disconnected", None]
    assert house.restart().was_put_out(mine.client), "what a gate has let in alone is no login"


def full(*_: object) -> None:
    raise SpoolError("the spool is full")


def test_what_cannot_be_told_ends_all_the_same_and_is_told_later(desk, settings, broken, monkeypatch) -> None:
    decide(settings)
    desk.relief.look()
    tap(visit(desk, settings))
    with monkeypatch.context() as patch:
        patch.setattr("captive_portal.relief.submit", full)
        broken.now = False
        with pytest.raises(SpoolError):
            desk.relief.look()
        assert tap(visit(desk, settings, "127.0.0.8")).status_code == 422, "a login works again"

        decide(settings, leaves=9, end_ms=0)
        with pytest.raises(SpoolError):
            desk.relief.look()
        assert [each.end for each in sessions(desk)] == ["expired"]
        assert desk.gateway.admitted() == []

        decide(settings, leaves=10)
        broken.now = True
        with pytest.raises(SpoolError):
            desk.relief.look()
        assert desk.relief.seconds("site-1") == 0, "what cannot be told does not begin"
    desk.relief.look()

    assert [(each["state"], each.get("let_in")) for each in told(settings)] == [
        ("begun", None),
        ("ended", 1),
        ("begun", None),
    ]


def test_a_portal_that_starts_after_a_decision_was_taken_back_ends_who_was_in_by_it(house, settings) -> None:
    desk = house.open()
    desk.relief.begin(settings)
    Broken(desk)
    decide(settings)
    desk.relief.look()
    tap(visit(desk, settings))
    decide(settings, leaves=9, end_ms=0)
    desk = house.restart()
    desk.relief.begin(settings)
    desk.relief.look()

    assert sessions(desk)[0].end == "expired"


def test_codes_by_sms_are_away_when_every_provider_was_and_lately(clock) -> None:
    class Dead:
        name = "dead"

        def hand(self, _message):
            return Answer(came=Came.UNSURE, said="timeout")

    courier = Courier((Dead(),), workers=1, clock=clock)
    for _ in range(TRIPS):
        assert not courier.away()
        courier._learn("dead", Answer(came=Came.UNSURE, said="timeout"))
    assert courier.away()
    clock.forward(601)
    assert not courier.away(), "what nobody has tried lately may work again"
    courier._learn("dead", Answer(came=Came.UNSURE, said="timeout"))
    assert courier.away()
    courier._learn("dead", Answer(came=Came.UNSURE, said="nothing at /code", there=True))
    assert not courier.away(), "an odd answer to an odd number is none that is away"
    for _ in range(TRIPS):
        courier._learn("dead", Answer(came=Came.AWAY, said="refused"))
    assert courier.away()
    courier._learn("dead", Answer(came=Came.TAKEN))
    assert not courier.away()
    assert not Courier((), workers=1, clock=clock).away(), "what was never set up is not down"


# ---- a portal that is back
PHONE = Client(mac="02:11:22:33:44:55", interface="simulated", addresses=("127.0.0.9",))


def entry(n: int, what: What, at_s: int, **more) -> Entry:
    known = {"place": "simulated", "request": "req-1", "leaf": 7}
    return Entry(n=n, what=what, at_ms=START_MS + at_s * 1000, **{**known, **more})


def came(n: int, at_s: int, until_s: int, mac: str = PHONE.mac, addresses=PHONE.addresses) -> Entry:
    return entry(n, What.IN, at_s, mac=mac, addresses=tuple(addresses), until_ms=START_MS + until_s * 1000)


class Told:
    """A gateway's own log, until it hears that it is recorded."""

    name = "simulated"

    def __init__(self, *entries: Entry) -> None:
        self.entries = list(entries)
        self.upto = 0

    def unrecorded(self):
        return "mark", self.entries

    def recorded(self, upto: int) -> None:
        self.upto = upto
        self.entries = [each for each in self.entries if each.n > upto]


def test_whom_a_gate_has_let_in_is_recorded_once_and_stays_in_for_what_is_left(desk, settings, clock) -> None:
    log = Told(
        entry(1, What.BEGUN, -400, why="the portal was silent for 30 s"),
        came(2, -390, -90),
        came(3, -60, 540),
        came(4, -50, 540, addresses=("fd00::9",)),
        came(5, -40, 560, mac="02:11:22:33:44:66", addresses=("127.0.0.10",)),
        entry(6, What.OUT, -30, mac="02:11:22:33:44:66"),
        entry(7, What.ENDED, -5, count=3),
    )
    every = list(log.entries)

    assert adopting.adopt(desk.visits, log, GOING) == 3

    over, inside, out = sorted(sessions(desk), key=lambda each: each.since_ms)
    assert [(each.method, each.end, each.ended_ms) for each in (over, inside, out)] == [
        ("fail_open", "expired", START_MS - 90_000),
        ("fail_open", None, None),
        ("fail_open", "expired", START_MS - 30_000),
    ]
    assert desk.current(PHONE).client.addresses == ("127.0.0.9", "fd00::9")
    assert log.upto == 7
    assert [each["state"] for each in told(settings)] == ["begun", "ended"]
    assert adopting.adopt(desk.visits, Told(*every), GOING) == 0, "told twice, recorded once"
    assert len(sessions(desk)) == 3
    clock.forward(541)
    desk.upkeep.expire()
    assert desk.current(PHONE) is None
    clock.forward(61)
    desk.telling.flush(clock.now_ms())
    assert told(settings, "portal_logins") == []


def test_periods_are_stated_once_however_often_the_receipt_fails(desk, settings) -> None:
    class Deaf(Told):
        def recorded(self, upto: int) -> None:
            raise GatewayError("the gate does not answer")

    begun, ended = entry(1, What.BEGUN, -400, why="silent"), entry(2, What.ENDED, -300, count=5)
    later = entry(3, What.BEGUN, -200, why="silent"), entry(4, What.ENDED, -100, count=2)
    for entries in ((begun,), (begun, ended), (begun, ended), (begun, ended, *later)):
        with pytest.raises(GatewayError):
            adopting.adopt(desk.visits, Deaf(*entries), GOING)
    adopting.adopt(desk.visits, Told(*later), GOING)

    assert [(each["state"], each.get("let_in")) for each in told(settings)] == [
        ("begun", None),
        ("ended", 5),
        ("begun", None),
        ("ended", 2),
    ]
    another = Told(entry(1, What.BEGUN, -50, why="silent"))
    another.unrecorded = lambda: ("a log of another name", another.entries)
    adopting.adopt(desk.visits, another, GOING)
    assert len(told(settings)) == 5


def test_two_chores_that_come_to_it_at_once_record_it_once(desk, settings) -> None:
    log = Told(
        entry(1, What.BEGUN, -90, why="silent"),
        *(came(n, -60, 540, mac=f"02:00:00:00:01:{n:02x}", addresses=(f"127.0.1.{n}",)) for n in range(2, 200)),
    )

    def twice() -> None:
        with desk.upkeep._adopting:
            adopting.adopt(desk.visits, log, GOING)

    threads = [threading.Thread(target=twice) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert len(sessions(desk)) == 198
    assert len(told(settings)) == 1


def test_who_had_a_session_of_their_own_keeps_it(desk, settings) -> None:
    tap(visit(desk, settings, "127.0.0.9"), "click_through")
    mine = desk.visits.every()[0]
    adopting.adopt(desk.visits, Told(came(1, -60, 540, mac=mine.client.mac, addresses=("127.0.0.77",))), GOING)

    assert desk.current(mine.client).id == mine.id
    assert [each.end for each in sessions(desk) if each.method == "fail_open"] == ["lost"]


def test_whose_own_time_ran_out_meanwhile_stays_in_by_the_short_one(desk, settings, clock) -> None:
    tap(visit(desk, settings, "127.0.0.9"), "click_through")
    mine = desk.visits.every()[0].client
    clock.forward(3600)
    desk.gateway.allow(mine, Bounds(seconds=500))  # what the gate has done
    adopting.adopt(desk.visits, Told(came(1, 3500, 4100, mac=mine.mac, addresses=mine.addresses)), GOING)
    desk.upkeep.repair()

    assert desk.current(mine).grant.method == "fail_open"
    assert [each.seconds for each in desk.gateway.admitted()] == [500]
    assert sorted((each.method, each.end) for each in sessions(desk) if each.end) == [("click_through", "expired")]


def test_a_heartbeat_goes_to_those_who_act_without_us_alone(desk) -> None:
    asked = []

    class Part:
        def __init__(self, *, stands_by: bool) -> None:
            self.stands_by = stands_by

        def ready(self) -> None:
            asked.append(self.stands_by)

    upkeep.beat(Part(stands_by=True))
    upkeep.beat(Part(stands_by=False))

    assert asked == [True]


def test_the_records_of_those_let_in_verify_like_all_others(desk, settings, clock) -> None:
    adopting.adopt(desk.visits, Told(came(1, -900, -300), came(2, -60, 540)), GOING)
    found = desk.store.read(lambda connection: verify.verify(connection, {}, now_ms=clock.now_ms()))

    assert found.sessions == 2
    assert found.problems == []


# ---- what `netops check` says
@pytest.mark.parametrize(
    ("gateway", "entry", "why"),
    [
        ("radius", "mac", ""),
        ("radius", "uam", "asks nothing before"),
        ("portal2", "mac", "escape mode"),
        ("fas", "mac", "a dead portal answers nothing"),
    ],
)
def test_a_site_that_nobody_can_open_is_refused_with_the_reason(tmp_path, gateway, entry, why) -> None:
    (tmp_path / "p.yaml").write_text(POLICY.format("open"), encoding="utf-8")
    uam = "http://192.0.2.9/?u={user}&p={password}" if entry == "uam" else ""
    given = Controller(address="192.0.2.9", site="s", gateway=gateway, entry=entry, entry_url=uam)
    portal = PortalAt(gateway="nftables", visitors={"vlan7": "park"}, policies=tmp_path, acs={"ac-1": given})
    settings = Settings(portal=portal)

    found = [str(each) for each in broken_sites.problems(settings, policy_yaml.read(settings))]

    assert len(found) == bool(why)
    assert not why or (why in found[0] and "'ac-1'" in found[0])


def test_the_command_says_what_is_in_force_and_when_a_site_was_open(settings, capsys) -> None:
    def words(*more: str) -> str:
        parser = argparse.ArgumentParser()
        broken_commands.arguments(parser.add_subparsers(dest="verb"))
        args = parser.parse_args(["fail-open", *more])
        args.now_ms = START_MS + 1000
        assert broken_commands.run(args, settings) == 0
        return "".join(capsys.readouterr())

    assert "every site is closed" in words()
    decide(settings)
    known = {"site": "site-1", "cause": "portal_silent", "request": "req-1", "decision": 7}
    made = [
        facts.Fact(kind="fail_open", at_ms=START_MS, body={**known, "state": "begun", "why": "silent for 30 s"}),
        facts.Fact(kind="fail_open", at_ms=START_MS + 1, body={**known, "state": "ended", "let_in": 23}),
    ]
    with Ledger(settings.data.dir / "ledger.db", origin=settings.ledger_origin, rehearsal=True) as ledger:
        ledger.append([LedgerEntry("portal/1", n, each) for n, each in enumerate(made)], now_ms=START_MS)

    told_ = words()
    assert "site-1 may be open from 2026-09-21T22:13:20+08:00 to 2026-09-21T23:13:20+08:00; approval: leaf 7" in told_
    assert "site-1  ended  portal_silent  23 devices" in told_
    assert "stays closed" not in told_
    assert json.loads(words("--json"))["periods"][0]["why"] == "silent for 30 s"
    (settings.portal.policies / "p.yaml").write_text(POLICY.format("closed"), encoding="utf-8")
    assert "site-1 stays closed: its policy says when_broken: closed, so nobody acts" in words()
    assert json.loads(words("--json"))["orders"][0]["closed"] == ["site-1"]


def test_of_policies_that_may_not_be_read_nothing_is_said(settings, monkeypatch) -> None:
    file = settings.portal.policies / "p.yaml"
    file.write_text(POLICY.format("closed"), encoding="utf-8")
    assert broken_sites.closed(settings, ["site-1"]) == ("site-1",)
    with monkeypatch.context() as patch:
        patch.setattr("captive_portal.broken.checks.os.access", lambda *_: False)
        assert broken_sites.closed(settings, ["site-1"]) == ()
    file.write_text(POLICY.format("ajar"), encoding="utf-8")
    assert broken_sites.closed(settings, ["site-1"]) == ()


@pytest.mark.parametrize(
    ("broken_", "end_ms", "what", "found"),
    [
        ("closed", START_MS + 10, "", 1),
        ("closed", START_MS + 10, "approved", 1),
        ("closed", START_MS + 10, "refused", 0),
        ("closed", START_MS, "approved", 0),
        ("open", START_MS + 10, "approved", 0),
    ],
    ids=["waits", "approved", "refused", "over", "acts"],
)
def test_a_decision_that_opens_nothing_is_a_problem(settings, broken_, end_ms, what, found) -> None:
    (settings.portal.policies / "p.yaml").write_text(POLICY.format(broken_), encoding="utf-8")
    terms = {"sites": ["site-1"], "start_ms": START_MS - 10, "end_ms": end_ms}
    made = approvals.ask("fail_open", terms=terms, by="li.na", role="operator", reason="洪水", now_ms=START_MS - 9)
    if what:
        (held,) = approvals.fold((each, True) for each in made).values()
        made.append(approvals.decide(held, what, by="zhao", role="admin", reason="-", now_ms=START_MS - 8))
    record.state(settings, made)

    problems = broken_sites.decided(settings, policy_yaml.read(settings), now_ms=START_MS)

    assert len(problems) == found
    assert all("site 'site-1', whose policy 'p' says 'when_broken: closed': nobody acts" in str(p) for p in problems)


def crowd(desk, house, count: int) -> Told:
    """Return the log of a gate that has let in again whose visits ran out while we were dead."""
    phones = [
        Client(mac=f"02:00:00:00:02:{n:02x}", interface="simulated", addresses=(f"127.0.2.{n}",)) for n in range(count)
    ]
    for each in phones:
        desk.login(Attempt(client=each, method="click_through", fields={}, consent=adopting.NOTHING))
    house.clock.forward(3601)
    return Told(*(came(n, 3540, 4140, mac=each.mac, addresses=each.addresses) for n, each in enumerate(phones, 1)))


def test_a_gateway_that_goes_away_while_it_tells_is_not_waited_for_at_each_door(desk, house, monkeypatch) -> None:
    log, asked = crowd(desk, house, 100), []
    log.ready = lambda: Readiness(born="", wrong={"gate": "away"})

    def silent(client: Client) -> None:
        asked.append(client)
        raise SilentError("no answer in time")

    monkeypatch.setattr(desk.visits.gateway, "revoke", silent)
    with pytest.raises(GatewayError, match=r"^away$"):
        adopting.adopt(desk.visits, log, GOING)

    assert 0 < len(asked) <= adopting.SLICE < 100
    assert log.upto == 0, "what is left is told again"


def test_a_stop_ends_what_is_taken_over_and_the_gateway_tells_it_again(desk, house, monkeypatch) -> None:
    log, leaving, real = crowd(desk, house, 100), threading.Event(), desk.visits.adopt

    def taken(*words, **named) -> None:
        leaving.set()
        real(*words, **named)

    monkeypatch.setattr(desk.visits, "adopt", taken)
    first = adopting.adopt(desk.visits, log, leaving)

    assert 0 < first <= adopting.SLICE < 100
    assert log.upto == 0
    assert first + adopting.adopt(desk.visits, log, GOING) == 100
    assert log.upto == 100
