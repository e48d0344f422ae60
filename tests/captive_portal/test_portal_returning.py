"""A device that comes back is let in without a tap: for whom, for how long, and what ends it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import pytest
import sqlalchemy as sa

from captive_portal import keys, known, policy_yaml, tables, vouchers
from captive_portal.ajar import METHOD
from captive_portal.desk import Attempt
from captive_portal.methods.click_through import ClickThrough
from captive_portal.model import Allowance, Bounds, Client, Consent, End, Grant, Session
from captive_portal.policy import Policy, Returning
from netops import facts, spool
from netops.provider import Provider

DAY_S = 86_400
CONSENT = Consent(terms="2", language="en", digest="a" * 64, channel="portal")
OWN_MAC = Client(mac="00:11:22:33:44:55", interface="simulated", addresses=("127.0.0.7",))
OTHER = Client(mac="00:11:22:33:44:66", interface="simulated", addresses=("127.0.0.8",))
RANDOM = Client(mac="02:11:22:33:44:55", interface="simulated", addresses=("127.0.0.9",))
POLICY = """
policy: parks
title: Parks
default: yes
methods: [click_through, voucher]
session_minutes: 60
returning:
  days: 30
  methods: [{methods}]
"""


@pytest.fixture
def open_desk(settings, house_of, clock, tmp_path):
    with ExitStack() as stack:

        def make(methods: str = "click_through, voucher", more: str = ""):
            folder = tmp_path / "policies"
            folder.mkdir(exist_ok=True)
            (folder / "parks.yaml").write_text(POLICY.format(methods=methods) + more, encoding="utf-8")
            ours = replace(settings, portal=replace(settings.portal, policies=folder))
            house = stack.enter_context(house_of(ours, clock))
            desk = house.open()
            desk.house = house
            return desk

        yield make


def enter(desk, client: Client = OWN_MAC, method: str = "click_through", **fields: str):
    outcome = desk.login(Attempt(client=client, method=method, fields=fields, consent=CONSENT))
    assert isinstance(outcome, Session), outcome
    return outcome


def later(desk, seconds: float) -> None:
    """Let time pass, and what is over end."""
    desk.clock.forward(seconds)
    desk.upkeep.expire()


def issue(desk, **allowance) -> str:
    now_ms, settings = desk.clock.now_ms(), desk.house.settings
    order = vouchers.Order(
        label="",
        count=1,
        allowance=Allowance(**{"seconds": 10 * DAY_S, **allowance}),
        start_by_ms=now_ms + DAY_S * 1000,
        made_by="op",
    )
    return vouchers.create(tables.url(settings), keys.voucher_key(settings), order, now_ms)[1][0]


def test_a_device_that_proved_itself_comes_back_without_a_tap(open_desk) -> None:
    desk = open_desk()
    enter(desk)
    later(desk, 2 * DAY_S)

    session = desk.welcome(OWN_MAC)

    assert isinstance(session, Session)
    assert desk.current(OWN_MAC) is not None
    assert session.grant
    assert session.grant.method == "returning"
    assert session.seconds_left(desk.clock.now_ms()) == 3600


def test_the_visit_before_is_ended_though_nobody_has_looked_since(open_desk) -> None:
    desk = open_desk()
    before = enter(desk)
    desk.clock.forward(3601)

    session = desk.welcome(OWN_MAC)

    assert [each.id for each in desk.store.live()] == [session.id]
    assert session.id != before.id


def test_its_record_says_what_it_had_agreed_to_and_its_login_is_counted(open_desk) -> None:
    desk = open_desk()
    enter(desk)
    later(desk, DAY_S)
    session = desk.welcome(OWN_MAC)

    with sa.create_engine(tables.url(desk.house.settings)).connect() as connection:
        wanted = sa.select(tables.CONSENT).where(tables.CONSENT.c.session == session.id)
        row = connection.execute(wanted).one()
    assert (row.terms, row.language, row.digest, row.channel) == ("2", "en", "a" * 64, "returning")
    desk.telling.flush(desk.clock.now_ms(), everything=True)
    told = [
        facts.decode(each.payload).body
        for each in spool.read(desk.house.settings.data.dir / "spool" / "portal.db", after=0, limit=99)
        if each.kind == "fact"
    ]
    online = {each["method"]: each["online"] for each in told if each.get("online")}
    assert online == {"click_through": 1, "returning": 1}


def test_coming_back_does_not_lengthen_the_days(open_desk) -> None:
    desk = open_desk()
    enter(desk)
    for _ in range(2):
        later(desk, 14 * DAY_S)
        assert desk.welcome(OWN_MAC) is not None
    later(desk, 2.5 * DAY_S)

    assert desk.welcome(OWN_MAC) is None


def test_nobody_else_is_known(open_desk) -> None:
    desk = open_desk()
    enter(desk)
    later(desk, DAY_S)

    assert desk.welcome(OTHER) is None


def test_a_made_up_mac_is_known_only_where_the_policy_says_so(open_desk) -> None:
    desk = open_desk()
    enter(desk, RANDOM)
    later(desk, DAY_S)

    assert desk.welcome(RANDOM) is None
    desk.house.stack.close()
    desk = open_desk(more="  random_macs: yes\n")
    assert desk.welcome(RANDOM) is not None


def test_only_the_methods_that_the_policy_names_are_remembered(open_desk) -> None:
    desk = open_desk("voucher")
    enter(desk)
    later(desk, DAY_S)

    assert desk.welcome(OWN_MAC) is None


def test_without_a_word_in_the_policy_nobody_is_known(desk) -> None:
    enter(desk)
    later(desk, DAY_S)

    assert desk.welcome(OWN_MAC) is None


def test_who_pressed_disconnect_is_asked_again_until_the_next_proof(open_desk) -> None:
    desk = open_desk()
    enter(desk)
    desk.logout(OWN_MAC)

    assert desk.welcome(OWN_MAC) is None
    desk.clock.forward(1)
    enter(desk)
    later(desk, DAY_S)
    assert desk.welcome(OWN_MAC) is not None


@pytest.mark.parametrize(("end", "known_then"), [("logout", False), ("expired", True)])
def test_a_visit_without_a_login_makes_nobody_known_who_is_to_be_asked_again(
    open_desk, monkeypatch, end, known_then
) -> None:
    desk = open_desk()
    enter(desk)
    desk.logout(OWN_MAC) if end == "logout" else later(desk, 3601)
    until_ms = desk.clock.now_ms() + 600_000
    monkeypatch.setattr(desk.relief, "grant", lambda *_: Grant(method=METHOD, until_ms=until_ms))
    desk.clock.forward(1)
    enter(desk, method=METHOD)
    later(desk, 601)

    assert (desk.welcome(OWN_MAC) is not None) is known_then


def test_who_is_put_out_of_a_visit_without_a_login_is_asked_again(open_desk, monkeypatch) -> None:
    desk = open_desk()
    enter(desk)
    later(desk, 3601)
    until_ms = desk.clock.now_ms() + 600_000
    monkeypatch.setattr(desk.relief, "grant", lambda *_: Grant(method=METHOD, until_ms=until_ms))
    enter(desk, method=METHOD)
    desk.logout(OWN_MAC)

    assert desk.welcome(OWN_MAC) is None


def test_it_is_no_way_to_log_in_by_asking_for_it(open_desk) -> None:
    desk = open_desk()
    enter(desk)
    later(desk, DAY_S)

    outcome = desk.login(Attempt(client=OWN_MAC, method="returning", fields={}, consent=CONSENT))

    assert not isinstance(outcome, Session)


# ---- vouchers
def test_a_voucher_that_is_still_good_lets_its_devices_come_back_until_its_end(open_desk) -> None:
    desk = open_desk()
    enter(desk, method="voucher", code=issue(desk, seconds=2 * DAY_S))
    later(desk, 2 * DAY_S - 600)

    session = desk.welcome(OWN_MAC)

    assert isinstance(session, Session)
    assert session.seconds_left(desk.clock.now_ms()) == 600
    later(desk, 601)
    assert desk.welcome(OWN_MAC) is None


def test_a_voucher_of_one_use_or_withdrawn_lets_nobody_come_back(open_desk) -> None:
    desk = open_desk()
    enter(desk, method="voucher", code=issue(desk, single_use=True))
    enter(desk, OTHER, method="voucher", code=issue(desk))
    (_, batch) = vouchers.batches(tables.url(desk.house.settings))
    for each in vouchers.batches(tables.url(desk.house.settings)):
        if not each.single_use:
            vouchers.withdraw(tables.url(desk.house.settings), each.id, desk.clock.now_ms())
    later(desk, 7200)

    assert batch.count == 1
    assert desk.welcome(OWN_MAC) is None
    assert desk.welcome(OTHER) is None


# ---- who was identified
class Staff(ClickThrough):
    """A method that believes everybody, and says who it was."""

    def __init__(self, persons) -> None:
        self.persons = persons

    def prove(self, shown, now_ms: int):
        person = self.persons.keep("account", "https://sso.example|lin")
        return replace(super().prove(shown, now_ms), person=person)


@pytest.fixture
def staffed(open_desk):
    """A desk at which a device was let in whose person is known, a day ago."""
    desk = open_desk()
    persons = desk.methods["returning"]._persons
    desk.methods = {**desk.methods, "click_through": Staff(persons)}
    enter(desk)
    later(desk, DAY_S)
    return desk


def test_the_person_stays_the_same_and_is_kept_on(staffed) -> None:
    staffed.clock.forward(29 * DAY_S - 100)
    persons = staffed.methods["returning"]._persons

    back = staffed.welcome(OWN_MAC)

    assert isinstance(back, Session)
    assert back.grant
    assert back.grant.person == persons.hashed("account", "https://sso.example|lin")
    found = persons.opened(back.grant.person)
    assert found.period == persons.periods.current(staffed.clock.now_ms()), "sealed with the key of this month"


@pytest.mark.parametrize("what", ["person", "device"])
def test_somebody_who_wished_to_be_forgotten_is_nobody(staffed, monkeypatch, what: str) -> None:
    persons = staffed.methods["returning"]._persons
    who = persons.hashed("account", "https://sso.example|lin") if what == "person" else staffed.identity(OWN_MAC)
    monkeypatch.setattr(persons, "restricted", lambda hash_, _since_ms: hash_ == who)

    assert staffed.welcome(OWN_MAC) is None


def test_somebody_who_was_erased_is_nobody(staffed, monkeypatch) -> None:
    monkeypatch.setattr(staffed.methods["returning"]._persons, "renew", lambda _hash: False)

    assert staffed.welcome(OWN_MAC) is None


# ---- the rule alone
RULE = Policy(
    id="x",
    title="",
    methods=(),
    bounds=Bounds(seconds=60),
    returning=Returning(days=1, methods=("sms",)),
)
PROOF = known.Proof(method="sms", at_ms=0, voucher=b"", person=b"", consent=CONSENT)


@pytest.mark.parametrize(
    ("proof", "end", "policy", "at_ms", "lets_in"),
    [
        ({}, End.EXPIRED, {}, 1, True),
        ({}, None, {}, 1, True),
        ({}, End.IDLE, {}, 1, True),
        ({}, End.LOST, {}, 1, True),
        ({}, End.LOGOUT, {}, 1, False),
        ({}, End.VOLUME, {}, 1, False),
        ({}, End.DISCONNECTED, {}, 1, False),
        ({}, End.NO_GATEWAY, {}, 1, True),  # we let it down, not it us
        ({}, End.EXPIRED, {}, 86_400_000, False),
        ({}, End.EXPIRED, {}, -1, False),
        ({}, End.EXPIRED, {"terms": "1"}, 1, False),
        ({"method": "click_through"}, End.EXPIRED, {}, 1, False),
        ({}, End.EXPIRED, {"returning": None}, 1, False),
    ],
)
def test_what_lets_a_known_device_in(proof, end, policy, at_ms, lets_in) -> None:
    past = known.Past(proof=replace(PROOF, **proof), end=end)

    found = known.judge(past, replace(RULE, **policy), at_ms, random_mac=False)

    assert (found is not None) is lets_in


def test_a_clock_that_was_set_back_knows_nobody_from_the_future(open_desk) -> None:
    desk = open_desk()
    desk.clock.forward(DAY_S)
    enter(desk)
    desk.clock.forward(-DAY_S / 2)
    desk.upkeep.expire()

    assert desk.welcome(OTHER) is None


# ---- as it is written
@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("returning:\n  days: 0\n  methods: [voucher]\n", "expected a whole number from 1 to 180"),
        ("returning:\n  days: 181\n  methods: [voucher]\n", "expected a whole number from 1 to 180"),
        ("returning:\n  days: 30\n", "names no method"),
        ("returning:\n  days: 30\n  methods: [returning]\n", "'methods' has 'returning'"),
        ("returning:\n  days: 30\n  methods: [vouchr]\n", "did you mean 'voucher'?"),
        ("returning:\n  days: 30\n  methods: [voucher]\n  random_macs: perhaps\n", "'random_macs' is 'perhaps'"),
        ("returning: yes\n", "no map"),
        ("accounts:\n  city: {}\n", "provider 'city' is in no [portal.oidc]"),
        ("accounts:\n  school: open\n", "no map"),
        ("accounts:\n  school: {domain: x.example}\n", "did you mean 'domains'?"),
        ("accounts:\n  school: {domains: ['*@x']}\n", "no mail domain"),
    ],
)
def test_a_policy_that_says_it_wrong_is_named_with_its_line(settings, tmp_path, written: str, said: str) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "x.yaml").write_text(f"policy: x\ntitle: X\ndefault: yes\n{written}", encoding="utf-8")
    oidc = {"school": Provider(issuer="https://sso.example", client_id="portal")}
    ours = replace(settings, portal=replace(settings.portal, policies=folder, oidc=oidc))

    _, problems = policy_yaml.read_folder(ours)

    assert any(said in f"{each.what}; {each.remedy}" for each in problems), problems
    assert all("x.yaml:" in each.where for each in problems)


def test_a_rule_that_cannot_be_read_lets_nobody_in_by_it(settings, tmp_path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "x.yaml").write_text("policy: x\ntitle: X\ndefault: yes\naccounts:\n  school: open\n", encoding="utf-8")
    oidc = {"school": Provider(issuer="https://sso.example", client_id="portal")}
    ours = replace(settings, portal=replace(settings.portal, policies=folder, oidc=oidc))

    with pytest.raises(policy_yaml.PolicyError):
        policy_yaml.read(ours)
