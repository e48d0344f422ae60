"""The whole service: a situation on disk, a real messenger, the ledger's words of people; killed and started again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from inventory import sql
from inventory.city import city_of
from inventory.model import Carrier, Device, Site
from inventory.reading.folder import built_in_areas
from inventory.register import Register
from inventory.tables import MIGRATIONS
from netops import clock, config, situation
from netops.alerts import book
from netops.alerts.incident import Phase
from netops.alerts.service import Alerts, digest
from netops.errors import ConfigError
from netops.facts import Fact, decode
from netops.ledger import Ledger, LedgerEntry
from netops.report import issue
from netops.sign import Signer
from netops.spool import Reader
from netops.store import open_store
from tests.netops.alerts.cases import HOUR, MINUTE, NOW, SECOND, service
from tests.netops.alerts.messenger import messenger

POLICY = """
rules:
  - {id: outage, on: state, route: network, grace_s: 20, clear_s: 60, severity: critical}
  - {id: blind, on: blind, route: network, grace_s: 60, share: 0.1}
  - {id: core, on: quiet, route: network, for_s: 90, grace_s: 0}
routes:
  - {id: network, steps: [{after_s: 0, to: [duty:net]}, {after_s: 600, to: [second]}]}
duties:
  - {id: net, turns: [first], from: 2026-01-01}
"""


class Hands(clock.SystemClock):
    """A clock that stands where it is put."""

    now = NOW

    def now_ms(self):
        return self.now


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Make an instance with a register: house(url) -> settings."""

    def build(url, *words):
        monkeypatch.setenv("TOLD", url)
        policy = tmp_path / "policy.yaml"
        policy.write_text(POLICY, encoding="utf-8")
        settings = config.load(
            None,
            environ={},
            overrides=[
                f"data.dir={tmp_path}",
                "city.rehearsal=true",
                "alert.enabled=true",
                f"alert.policy={policy}",
                "alert.people.first.urls=env:TOLD",
                "alert.people.second.urls=env:TOLD",
                "alert.people.second.language=en",
                "alert.private=true",
                "alert.url=https://desk.example.cn",
                *words,
            ],
        )
        (tmp_path / "spool").mkdir(exist_ok=True)
        sql.upgrade(MIGRATIONS, settings.register_url)
        area = built_in_areas()[0]
        site, carrier = Site(id="s", name="站", area=area.id), Carrier(id="cmcc", name="中国移动")
        device = Device(id="ac-1", site="s", carrier="cmcc", role="wlan_controller", name="清河 AC", profile="standard")
        with Register(settings.register_url, rehearsal=True) as register:
            register.apply(city_of([area, site, carrier, device]), at_ms=0, now_ms=NOW)
        with open_store(settings, writing=True):  # as the core makes it
            pass
        return settings

    return build


@contextmanager
def alerts(settings, hands):
    """The service without its thread: the test looks by itself."""
    made = Alerts(settings, clock=hands)
    made._run = lambda: None
    made.start()
    try:
        yield made
    finally:
        made.stop()


def show(settings, *services, at_ms):
    situation.write(settings, situation.Situation(at_ms=at_ms, services=tuple(services), rehearsal=True))


def controller(n, state="down", **words):
    return [service(f"ap-{i}", state, cause="device:ac-1" if state == "down" else "", **words) for i in range(n)]


def facts(settings, kind):
    with Reader(settings.data.dir / "spool" / "alert.db") as spool:
        found = [decode(each.payload) for each in spool.read(after=0, limit=1000) if each.kind == "fact"]
    return [each for each in found if each.kind == kind]


def test_a_controller_with_five_hundred_is_one_message_and_its_end_another(house):
    hands = Hands()
    with messenger() as phone:
        settings = house(phone.url)
        with alerts(settings, hands) as made:
            show(settings, *controller(500, since_ms=NOW - 10 * SECOND), at_ms=NOW)
            made.once()
            assert phone.heard == []
            hands.now += 10 * SECOND
            made.once()
            made.once()
            (begun,) = phone.heard
            hands.now += 3 * MINUTE
            show(settings, *controller(500, "up"), at_ms=hands.now)
            made.once()
            hands.now += MINUTE
            show(settings, *controller(500, "up"), at_ms=hands.now)
            made.once()
            assert made.health() == {}

    assert [each["title"] for each in phone.heard] == [
        "【演练】[紧急] 清河 AC（ac-1）无应答，其下 500 项服务中断",
        "【演练】[已恢复] 清河 AC（ac-1）无应答，其下 500 项服务中断",
    ]
    assert re.search(r"我来处理: https://desk.example.cn/take/[\w-]{24}$", begun["message"])
    (fact,) = facts(settings, "incident_begun")
    assert (fact.body["root"], fact.body["subjects"]) == ("device:ac-1", 500)
    assert len(facts(settings, "incident_over")) == 1


def test_nobody_takes_it_on_so_the_second_is_told_in_their_language(house):
    hands = Hands()
    with messenger() as phone:
        settings = house(phone.url)
        with alerts(settings, hands) as made:
            for _ in range(12):
                show(settings, service("a", "down", since_ms=NOW - MINUTE), at_ms=hands.now)
                made.once()
                hands.now += MINUTE

    assert [each["title"] for each in phone.heard] == ["【演练】[紧急] a 中断", "[REHEARSAL] [CRITICAL] a is down"]


def test_where_everybody_is_told_each_has_a_link_of_their_own(house, tmp_path):
    hands = Hands()
    with messenger() as phone:
        settings = house(phone.url)
        settings = replace(settings, alert=replace(settings.alert, policy=None))
        with alerts(settings, hands) as made:
            show(settings, service("a", "down", since_ms=NOW - HOUR), at_ms=NOW)
            made.once()
            hands.now += 15 * SECOND
            show(settings, service("a", "down", since_ms=NOW - HOUR), at_ms=hands.now)
            made.once()
            told = [re.search(r"take/([\w-]+)", each["message"])[1] for each in phone.heard]
            with book.Reader(book.path(settings)) as held:
                whose = [held.by_token(digest(token), since_ms=NOW - HOUR)[1] for token in told]
                assert held.by_token(digest(told[0]), since_ms=NOW + HOUR) is None

    assert sorted(whose) == ["first", "second"]


def test_a_name_said_by_who_held_a_groups_link_is_called_so(house):
    hands = Hands()
    with messenger() as phone:
        settings = house(phone.url)
        with alerts(settings, hands) as made:
            show(settings, service("a", "down", since_ms=NOW - MINUTE), at_ms=NOW)
            made.once()
            with book.Reader(book.path(settings)) as held:
                (one,) = held.living()
            body = {"incident": one.id, "by": "李娜", "way": "link", "link": "ops"}
            said(settings, ("incident_taken", body), at_ms=NOW + SECOND)
            hands.now += MINUTE
            show(settings, service("a", "up"), at_ms=hands.now)
            made.once()
            hands.now += 5 * MINUTE
            show(settings, service("a", "up"), at_ms=hands.now)
            made.once()

    assert "李娜（持链接者所称） 已处理" in phone.heard[-1]["message"]


def test_who_takes_it_on_by_the_link_stops_the_calls(house):
    hands = Hands()
    with messenger() as phone:
        settings = house(phone.url)
        with alerts(settings, hands) as made:
            show(settings, service("a", "down", since_ms=NOW - MINUTE), at_ms=NOW)
            made.once()
            token = re.search(r"take/([\w-]+)", phone.heard[0]["message"])[1]
            with book.Reader(book.path(settings)) as held:
                incident, person = held.by_token(digest(token), since_ms=NOW - HOUR)
                assert held.by_token(digest("x"), since_ms=0) is None
            assert person == "first"
            body = {"incident": incident, "by": "first", "way": "link"}
            said(settings, ("incident_taken", body), at_ms=NOW + SECOND)
            for _ in range(15):
                hands.now += MINUTE
                show(settings, service("a", "down", since_ms=NOW - MINUTE), at_ms=hands.now)
                made.once()
            with book.Reader(book.path(settings)) as held:
                (one,) = held.living()

    assert one.taken_by == "first"
    assert len(phone.heard) == 1


SIGNERS = {}


def said(settings, *told, at_ms):
    """Have the ledger hold facts as the core would seal them."""
    origin = settings.ledger_origin
    signer = SIGNERS.setdefault(settings.data.dir, Signer.new(origin))
    with Ledger(issue.ledger_path(settings), origin=origin, rehearsal=True, signer=signer) as ledger:
        facts = [Fact(kind=kind, at_ms=at_ms, body=body) for kind, body in told]
        entries = [LedgerEntry(source="web/00000000", sequence=at_ms + n, fact=fact) for n, fact in enumerate(facts)]
        ledger.append(entries, now_ms=at_ms)


def test_a_late_look_at_what_is_known_to_be_down_is_no_blindness_of_ours(house):
    hands = Hands()
    with messenger() as phone:
        settings = house(phone.url)
        with alerts(settings, hands) as made:
            for state, cause in (("down", "device:ac-1"), ("unknown", "monitor"), ("unknown", "monitor")):
                unseen = [service(f"ap-{n}", state, cause=cause, since_ms=hands.now - MINUTE) for n in range(30)]
                show(settings, *unseen, *(service(f"w{n}") for n in range(70)), at_ms=hands.now)
                made.once()
                hands.now += 2 * MINUTE
            others = [service(f"w{n}", "unknown", cause="monitor", since_ms=hands.now - 2 * MINUTE) for n in range(8)]
            show(settings, *unseen, *others, *(service(f"x{n}") for n in range(62)), at_ms=hands.now)
            made.once()

    assert [each["title"][:8] for each in phone.heard] == ["【演练】[紧急]", "【演练】[重要]"]
    assert "8∕70" in phone.heard[1]["title"]


def verdict(objective, outcome):
    return {
        "contract": "c1", "version": "1", "objective": objective, "start_ms": 0, "end_ms": NOW - MINUTE,
        "outcome": outcome, "inputs_digest": "0" * 64,
    }  # fmt: skip


def test_a_report_that_says_missed_is_one_message_and_a_revision_that_says_otherwise_ends_it(house, tmp_path):
    hands = Hands()
    rule = "rules:\n  - {id: missed, on: verdict, route: network, grace_s: 0, clear_s: 0}\n"
    with messenger() as phone:
        settings = house(phone.url)
        policy = tmp_path / "policy.yaml"
        policy.write_text(POLICY.replace("rules:\n", rule), encoding="utf-8")
        said(
            settings, *(("verdict", verdict(name, "missed")) for name in ("wifi/availability", "wifi/delay")), at_ms=NOW
        )
        with alerts(settings, hands) as made:
            show(settings, service("a"), at_ms=NOW)
            made.once()
            made.once()
            hands.now += MINUTE
            both = (("verdict", verdict(name, "met")) for name in ("wifi/availability", "wifi/delay"))
            said(settings, *both, at_ms=hands.now)
            show(settings, service("a"), at_ms=hands.now)
            made.once()
            made.once()

    assert [each["title"] for each in phone.heard] == [
        "【演练】[重要] 合同 c1 的报告：2 项承诺未达到（wifi∕availability, wifi∕delay）",
        "【演练】[已恢复] 合同 c1 的报告：2 项承诺未达到（wifi∕availability, wifi∕delay）",
    ]


def test_logins_of_staff_that_fail_in_bulk_are_one_message_until_they_are_over(house, tmp_path):
    hands = Hands()
    rule = "rules:\n  - {id: logins, on: refused, route: network, grace_s: 0, clear_s: 0, for_s: 1800}\n"
    with messenger() as phone:
        settings = house(phone.url)
        policy = tmp_path / "policy.yaml"
        policy.write_text(POLICY.replace("rules:\n", rule), encoding="utf-8")
        quarter = {"refused": 31, "accounts": {}, "networks": {"192.0.2.0/24": 31}, "addresses": 1}
        starts = (NOW - 30 * MINUTE, NOW - 15 * MINUTE, NOW - 15 * MINUTE)  # one of them stated twice
        bodies = ({"start_ms": at, "end_ms": at + 15 * MINUTE, **quarter} for at in starts)
        said(settings, *(("logins_refused", body) for body in bodies), at_ms=NOW)
        with alerts(settings, hands) as made:
            show(settings, service("a"), at_ms=NOW)
            made.once()
            hands.now += 31 * MINUTE
            show(settings, service("a"), at_ms=hands.now)
            made.once()
            made.once()

    assert [each["title"] for each in phone.heard] == [
        "【演练】[重要] 工作人员登录成批失败：62 次，见账号页",
        "【演练】[已恢复] 工作人员登录成批失败：62 次，见账号页",
    ]


def test_a_silent_core_is_told_and_no_outage_is_made_up_of_old_sights(house):
    hands = Hands()
    with messenger() as phone:
        settings = house(phone.url)
        with alerts(settings, hands) as made:
            show(settings, service("a"), at_ms=NOW)
            made.once()
            hands.now += 95 * SECOND
            made.once()

    assert [each["title"] for each in phone.heard] == ["【演练】[重要] 监测系统的 core 无响应"]


def test_what_a_rule_began_that_the_policy_has_no_more_does_not_stay_open(house, tmp_path):
    hands = Hands()
    with messenger() as phone:
        settings = house(phone.url)
        with alerts(settings, hands) as made:
            show(settings, service("a", "down", since_ms=NOW - MINUTE), at_ms=NOW)
            made.once()
        policy = tmp_path / "policy.yaml"
        policy.write_text(POLICY.replace("id: outage", "id: outages"), encoding="utf-8")
        with alerts(settings, hands) as made:
            show(settings, service("a"), at_ms=NOW)
            made.once()
            with book.Reader(book.path(settings)) as held:
                assert held.living() == []


def test_a_messenger_that_is_away_is_tried_again_and_the_health_says_so(house):
    hands = Hands()
    with messenger() as phone:
        settings = house(phone.url)
        with alerts(settings, hands) as made:
            phone.status = 500
            show(settings, service("a", "down", since_ms=NOW - MINUTE), at_ms=NOW)
            made.once()
            assert "500" in made.health()["telling first"]
            made.once()
            assert len(phone.heard) == 1
            phone.status = 200
            hands.now += 6 * SECOND
            made.once()
            made.once()

    assert len(phone.heard) == 2
    assert made.health() == {}


def test_a_policy_that_names_nobody_of_the_settings_does_not_start(house):
    settings = house("json://127.0.0.1:9")
    broken = replace(settings, alert=replace(settings.alert, people={}))

    with pytest.raises(ConfigError, match=r"alert\.people\.first"):
        Alerts(broken).start()


def test_the_heartbeat_beats_while_all_is_well(house):
    hands = Hands()
    with messenger() as other:
        settings = house(other.url, f"alert.heartbeat=plain:http://127.0.0.1:{other.server_address[1]}/beat")
        with alerts(settings, hands) as made:
            show(settings, service("a"), at_ms=NOW)
            made.once()
            assert other.beats == 1
            other.status = 404
            hands.now += MINUTE
            show(settings, service("a"), at_ms=hands.now)
            made.once()
            assert "404" in made.health()["heartbeat"]


@pytest.mark.slow
def test_killed_at_any_moment_nobody_stays_untold(house, tmp_path):
    """kill -9 at random instants while 30 causes come up: each is told, few twice."""
    with messenger() as phone:
        settings = house(phone.url)
        words = [word for each in settings.given for word in ("--set", each)]
        services = [service(f"a{n}", "down", since_ms=clock.SYSTEM.now_ms() - HOUR) for n in range(30)]
        well = [service(f"w{n}") for n in range(300)]
        kills = 6
        for number in range(kills + 1):
            show(settings, *services[: 5 * (number + 1)], *well, at_ms=clock.SYSTEM.now_ms())
            child = subprocess.Popen([sys.executable, "-m", "netops.run", "alert", *words], start_new_session=True)
            time.sleep(1.0 + 0.7 * number if number < kills else 25)
            os.killpg(child.pid, signal.SIGKILL if number < kills else signal.SIGTERM)
            child.wait()
    with book.Reader(book.path(settings)) as held:
        living = held.living()
        told = held.told([each.id for each in living])

    assert {each.root for each in living if each.phase is Phase.OPEN} == {f"service:a{n}" for n in range(30)}
    assert {key.partition("/")[0] for key in told} == {each.id for each in living}
