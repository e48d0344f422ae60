"""What the core seals of a person's word lies in the part of the city that the account may look at."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from captive_portal.records import disclosure
from captive_portal.records.pages import LOOKED_UP
from captive_portal.staff.directives import Act
from dashboards import audit
from dashboards import proposals as findings
from dashboards import register as pages
from inventory import edits, sql
from inventory.city import city_of
from inventory.edits import Edit
from inventory.model import Area, Carrier, Contract, Device, Objective, Rules, Selector, Service, ServiceItem, Site
from inventory.snapshot import of_city
from netops import amending, tickets
from netops.access import actions, approvals, bulk, record, resets, tables
from netops.access.admission import KINDS, WAIT_MS, Admission
from netops.access.beyond import NAMELESS, OUTSIDE, About, beyond
from netops.access.part import part
from netops.access.passwords import Passwords
from netops.access.scope import EVERYTHING, NOTHING, parse
from netops.access.staff import Staff
from netops.alerts import people as words
from netops.errors import AccessError
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.web.catalogues import ROOT

NOW = 1_790_000_000_000
H = 3_600_000
CHEAP = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
SCOPES = {
    "own": parse(["carrier:a"]),
    "contract": parse(["contract:wifi-a"]),
    "street": parse(["area:110108001"]),
    "other": parse(["carrier:b"]),
    "whole": EVERYTHING,
}
ROLES = {"cm": "contract_manager", "op": "operator", "po": "privacy_officer"}


def contract(of):
    promised = (Objective(id="availability", indicator="availability", target="99.5", rules=Rules()),)
    item = ServiceItem(id="wifi", kind="wifi", select=Selector(carriers=(of,)), title="WiFi", objectives=promised)
    return Contract(id=f"wifi-{of}", version="1", carrier=of, title="WiFi", valid_from_ms=NOW - 1000 * H, items=(item,))


def of_carrier(of, street):
    site, device = f"site-{of}", f"ac-{of}"
    yield Carrier(id=of, name=of)
    yield contract(of)
    yield Site(id=site, name=site, area=street, address="")
    yield Device(id=device, site=site, carrier=of, role="wlan_controller")
    yield Service(id=f"wifi-{of}1", kind="wifi", carrier=of, site=site, role="ap", device=device)


CITY = of_city(
    city_of(
        [
            Area(id="110108001", name="一", name_en="One", col=1, row=1),
            Area(id="110108002", name="二", name_en="Two", col=2, row=1),
            *of_carrier("a", "110108001"),
            *of_carrier("b", "110108002"),
        ]
    ),
    at_ms=NOW,
    rehearsal=True,
)


@pytest.fixture(scope="module")
def accounts(tmp_path_factory):
    """A file, made once: each role with each scope, logged in an hour ago."""
    url = f"sqlite:///{tmp_path_factory.mktemp('staff') / 'staff.db'}"
    sql.upgrade(tables.MIGRATIONS, url)
    with sql.Database(url) as database:
        staff = Staff(database, CHEAP)
        for short, role in ROLES.items():
            for name, scope in SCOPES.items():
                first = staff.add(f"{short}.{name}", role=role, by="t", now_ms=NOW - 1000 * H, scope=scope)
                person = f"{short}.{name}"
                staff.change(person, old=first, new="a long enough pass phrase", address="::1", now_ms=NOW - 999 * H)
                staff.login(person, "a long enough pass phrase", address="::1", now_ms=NOW - H)
    return Path(url.removeprefix("sqlite:///")).read_bytes()


@pytest.fixture
def ledger(settings):
    with Ledger(record.ledger_path(settings), origin="x/rehearsal", rehearsal=True) as made:
        told = [
            ("exclusion_claim", {"claim": "c-1", **WINDOW, "reason": "x", "by": "li.na"}),
            ("report_issued", ISSUED),
            ("availability_hour", HOUR),
            ("incident_begun", BEGUN),
        ]
        facts = [Fact(kind=kind, at_ms=NOW - 100 * H, body=body) for kind, body in told]
        made.append([LedgerEntry("core", number, fact) for number, fact in enumerate(facts)], now_ms=NOW - 100 * H)
        yield made


@pytest.fixture
def gate(ledger, accounts, settings):
    url = tables.url(settings)
    Path(url.removeprefix("sqlite:///")).write_bytes(accounts)
    made = Admission(ledger, url)
    made.register = lambda: (CITY, CITY.contracts)
    made.has_samples = lambda _hour_ms: True
    return made


# ---- what each kind of word is of: always carrier a's
WINDOW = {
    "contract": "wifi-a",
    "class": "planned",
    "services": ["wifi-a1"],
    "start_ms": NOW + 24 * H,
    "end_ms": NOW + 25 * H,
}
ISSUED = {
    "report": "wifi-a-2026-08",
    "contract": "wifi-a",
    "start_ms": NOW - 900 * H,
    "end_ms": NOW - 200 * H,
    "revision": 0,
    "digest": "0" * 64,
    "manifest_digest": "0" * 64,
    "leaves": 1,
    "amount": "100.00",
    "currency": "CNY",
}
HOUR = {
    "contract": "wifi-a",
    "start_ms": NOW - 300 * H,
    "end_ms": NOW - 299 * H,
    "step_ms": 60_000,
    "roster": "0" * 64,
    "usual": [],
    "others": [],
    "part": 0,
    "parts": 1,
}
BEGUN = {
    "incident": "i-1",
    "rule": "outage",
    "root": "device:ac-a",
    "severity": "critical",
    "since_ms": NOW - 101 * H,
    "subjects": 1,
}
FAIL_OPEN = {"sites": ["site-a"], "start_ms": NOW + H, "end_ms": NOW + 2 * H}
DISCLOSURE = {"session": "s-1", "basis": "letter 7", "start_ms": NOW + H, "end_ms": NOW + 2 * H}
AC = CITY.device["ac-a"]
RENAMED = [Edit(noun="device", id="ac-a", before=edits.digest(AC), after=replace(AC, name="x"))]
REPORTED = {"contract": "wifi-a", "token": "aaaaaa"}


def asked(by, action, terms):
    return approvals.ask(action, terms=terms, by=by, role=ROLES[by[:2]], reason="x", now_ms=NOW)


def decided(by, made, what="approved"):
    body = {"request": made[-1].body["request"], "decision": what, "by": by, "role": ROLES[by[:2]], "reason": "x"}
    return [*made, Fact(kind="approval_decision", at_ms=NOW, body=body)]


def stated(kind, by, **body):
    return Fact(kind=kind, at_ms=NOW, body=body | {"by": by})


def objection(by):
    return stated(
        "objection", by, objection="o-1", report=ISSUED["report"], code="claim_refused", target="c-1", reason="x"
    )


def accepted(by):
    return stated("report_accepted", by, report=ISSUED["report"], digest=ISSUED["digest"])


def final(by):
    return stated("report_final", by, report=ISSUED["report"], digest="0" * 64, amount="100.00", currency="CNY")


def rebuttal(by):
    return stated("rebuttal", by, objection="o-1", stance="rejected", reason="x")


def ticket(by):
    return tickets.reported(["wifi-a1"], by=by, now_ms=NOW, **REPORTED)


def step(by):
    begun = ticket("op.whole")
    name = begun.body["ticket"]
    return [begun, stated("ticket_step", by, ticket=name, contract="wifi-a", step="answered", number="7")]


CHANGE = amending.terms_of(RENAMED)
NOBODY = frozenset()  # a word on the whole city
PLACES = frozenset({"own", "contract", "street"})  # whose part of the city has the service, the site, the device
WHOLES = frozenset({"own", "contract"})  # whose part has the contract as a whole
CASES = {
    "an exclusion": ("exclusion_claim", "cm", PLACES, lambda by: asked(by, "exclusion", WINDOW)),
    "an exclusion of all services": (
        "exclusion_claim",
        "cm",
        WHOLES,
        lambda by: asked(by, "exclusion", WINDOW | {"services": ["*"]}),
    ),
    "an exclusion of one service and of all": (
        "exclusion_claim",
        "cm",
        WHOLES,
        lambda by: asked(by, "exclusion", WINDOW | {"services": ["wifi-a1", "*"]}),
    ),
    "a site that is opened": ("approval_request", "op", PLACES, lambda by: asked(by, "fail_open", FAIL_OPEN)),
    "a change of the register": (
        "approval_request",
        "op",
        PLACES,
        lambda by: asked(by, "register_change", CHANGE),
    ),
    "a person looked up": ("approval_request", "op", frozenset(), lambda by: asked(by, "disclosure", DISCLOSURE)),
    "an exclusion approved": (
        "approval_decision",
        "cm",
        PLACES,
        lambda by: decided(by, asked("op.whole", "exclusion", WINDOW)),
    ),
    "an exclusion refused": (
        "approval_decision",
        "cm",
        PLACES,
        lambda by: decided(by, asked("op.whole", "exclusion", WINDOW), "refused"),
    ),
    "a change of the register approved": (
        "approval_decision",
        "cm",
        PLACES,
        lambda by: decided(by, asked("op.whole", "register_change", CHANGE)),
    ),
    "a site's opening approved": (
        "approval_decision",
        "po",
        PLACES,
        lambda by: decided(by, asked("op.whole", "fail_open", FAIL_OPEN)),
    ),
    "a correction": ("correction", "cm", WHOLES, lambda by: [stated("correction", by, corrects=3, reason="x")]),
    "an incident taken on": (
        "incident_taken",
        "op",
        PLACES,
        lambda by: [words.taken("i-1", by=by, way=words.PAGE, now_ms=NOW)],
    ),
    "a mute": (
        "alerts_muted",
        "op",
        PLACES,
        lambda by: [words.muted("device:ac-a", until_ms=NOW + H, by=by, reason="x", now_ms=NOW)],
    ),
    "a mute of a carrier": (
        "alerts_muted",
        "op",
        PLACES,
        lambda by: [words.muted("carrier:a/wifi", until_ms=NOW + H, by=by, reason="x", now_ms=NOW)],
    ),
    "a mute of all": (
        "alerts_muted",
        "op",
        frozenset(),
        lambda by: [words.muted("*", until_ms=NOW + H, by=by, reason="x", now_ms=NOW)],
    ),
    "a ticket": ("ticket_step", "op", PLACES, lambda by: [ticket(by)]),
    "a ticket's step": ("ticket_step", "op", PLACES, step),
    "an acceptance": ("report_accepted", "cm", WHOLES, lambda by: [accepted(by)]),
    "an objection": ("objection", "cm", WHOLES, lambda by: [objection(by)]),
    "a rebuttal": ("rebuttal", "cm", WHOLES, lambda by: [objection("li.na"), rebuttal(by)]),
    "a ruling": (
        "ruling",
        "cm",
        WHOLES,
        lambda by: [
            objection("li.na"),
            rebuttal("wang.min"),
            stated("ruling", by, objection="o-1", outcome="dismissed", reason="x"),
        ],
    ),
    "a final report": ("report_final", "cm", WHOLES, lambda by: [accepted("cm.whole"), final(by)]),
    "a settlement": (
        "report_settled",
        "cm",
        WHOLES,
        lambda by: [
            accepted("cm.whole"),
            final("cm.whole"),
            stated("report_settled", by, report=ISSUED["report"], amount="100", currency="CNY"),
        ],
    ),
}


def done(action, subject, **more):
    return lambda by: [stated("staff_action", by, action=action, subject=subject, **more)]


def handed_in(digest):
    """Of a note about carrier a's report, whose arrival is sealed before."""
    came = stated("note_received", "carrier-a/disputes", digest=digest, report=ISSUED["report"])
    return lambda by: [came, stated("staff_action", by, action="note handed in", subject=digest)]


EVERY = frozenset(SCOPES)
CASES |= {
    "a login": ("staff_action", "op", EVERY, lambda by: done("login", by)(by)),
    "a session of one's own that is ended": ("staff_action", "op", EVERY, lambda by: done("session ended", by)(by)),
    "somebody else's session that is ended": ("staff_action", "op", NOBODY, done("session ended", "li.na")),
    "a visit that is ended": ("staff_action", "op", PLACES, done("session.end", "0" * 24, site="site-a")),
    "a visit that is lengthened": ("staff_action", "op", PLACES, done("session.extend", "0" * 24, site="site-a")),
    "a visit of which no site is named": ("staff_action", "op", NOBODY, done("session.end", "0" * 24)),
    "a reply that is taken": ("staff_action", "op", PLACES, done("raw bytes read", "ac-a@60000")),
    "a reply by another door": ("staff_action", "op", PLACES, done("raw bytes read", "ac-a/ssh@60000")),
    "a bundle that is taken": ("staff_action", "cm", WHOLES, done("bundle taken", "wifi-a")),
    "a finding that is dismissed": (
        "staff_action",
        "op",
        PLACES,
        done("proposal.dismissed", "127.0.0.1 0", device="ac-a"),
    ),
    "a finding of no device": ("staff_action", "op", NOBODY, done("proposal.dismissed", "127.0.0.1 0")),
    "a note that is handed in": ("staff_action", "cm", WHOLES, handed_in("a" * 64)),
    "vouchers": ("staff_action", "op", NOBODY, done("vouchers.make", "b-1")),
    "records that are looked up": ("staff_action", "po", NOBODY, done("records.looked_up", "address")),
    "what nobody knows": ("staff_action", "op", NOBODY, done("something new", "ac-a", site="site-a", device="ac-a")),
    "a person who is looked up": (
        "person_disclosed",
        "po",
        NOBODY,
        lambda by: [stated("person_disclosed", by, request="r", session="s", outcome="shown")],
    ),
}


def taken(gate, ledger, made, now_ms=NOW + 10):
    """Hand over the words of one person as the core takes them, what others said before is sealed; return the first
    reason why one is refused."""
    for number, fact in enumerate(made, start=ledger.size + 1):
        entry = LedgerEntry("web/00000000", number, fact)
        if fact.body["by"] == made[-1].body["by"]:
            (reason,) = gate.refuses([entry], now_ms=now_ms)
            if reason:
                return reason
        ledger.append([entry], now_ms=now_ms)
    return ""


@pytest.mark.parametrize("who", SCOPES)
@pytest.mark.parametrize("case", CASES)
def test_a_word_is_sealed_where_all_that_it_is_about_lies_in_the_scope_of_its_account(gate, ledger, case, who):
    kind, role, within, made = CASES[case]
    reason = taken(gate, ledger, made(f"{role}.{who}"))

    if who == "whole" or who in within:
        assert reason == ""
        assert list(ledger.find("fact_refused")) == []
    else:
        (*_, leaf) = ledger.find("fact_refused")
        assert OUTSIDE in reason or NAMELESS in reason
        assert (leaf.fact.body["reason"], leaf.fact.body["what"]) == (reason, kind)


def test_every_kind_that_people_state_is_among_the_cases():
    assert {kind for kind, *_ in CASES.values()} == set(KINDS)


def test_a_refusal_names_the_subject_what_was_expected_and_whom_to_ask(gate, ledger):
    (claim, _request) = asked("cm.other", "exclusion", WINDOW)

    expected = f"claim '{claim.body['claim']}' touches {OUTSIDE}; expected what lies in carrier:b"
    assert taken(gate, ledger, [claim]) == expected


def test_the_core_refuses_in_the_words_of_the_page():
    told = (ROOT / "dashboards" / "translations" / "en" / "LC_MESSAGES" / "messages.po").read_text(encoding="utf-8")

    assert f'msgid "{pages.BEYOND}"\nmsgstr "This change touches {OUTSIDE}."' in told
    assert f'msgstr "{NAMELESS}"' in told


@pytest.mark.parametrize(
    ("about", "lies"),
    [
        (About(name="x", root="service:wifi-a1"), True),
        (About(name="x", root="service:wifi-b1"), False),
        (About(name="x", root="carrier:a"), True),
        (About(name="x", root="carrier:a/wifi/110108001", entire=True), True),
        (About(name="x", root="carrier:a/wifi/110108002"), False),
        (About(name="x", root="monitor"), False),
        (About(name="x", root="contract:wifi-a/1"), False),
        (About(name="x", contract="wifi-old"), True),
        (About(name="x", contract="wifi-b"), False),
        (About(name="x", terms={"contract": "wifi-a", "services": ["wifi-b1"]}), False),
        (About(name="x", terms={"changes": ["no edit"], "from_ms": 0}), False),
        (About(name="x", terms={"account": "li.na"}), False),
        (About(name="x"), False),
    ],
)
def test_a_thing_lies_in_a_scope_by_the_register(about, lies):
    ended = replace(CITY.contract["wifi-a"], id="wifi-old")
    scope = SCOPES["own"]

    assert (beyond(about, CITY, part(CITY, scope, [*CITY.contracts, ended]), scope) == "") is lies
    assert beyond(about, CITY, part(CITY, EVERYTHING), EVERYTHING) == ""
    assert beyond(about, CITY, part(CITY, NOTHING), NOTHING) != ""


def test_a_root_that_others_hang_on_is_taken_on_and_not_muted():
    services = tuple(replace(each, device="ac-a") if each.id == "wifi-b1" else each for each in CITY.services)
    shared, scope = replace(CITY, services=services), SCOPES["own"]
    seen = part(shared, scope)

    assert beyond(About(name="x", root="device:ac-a"), shared, seen, scope) == ""
    assert OUTSIDE in beyond(About(name="x", root="device:ac-a", entire=True), shared, seen, scope)


def test_an_incident_that_the_ledger_does_not_tell_of_yet_is_waited_for_but_not_for_ever(gate, ledger):
    entry = LedgerEntry("web/00000000", 1, words.taken("i-9", by="op.own", way=words.PAGE, now_ms=NOW))

    with pytest.raises(AccessError, match="no incident 'i-9'"):
        gate.refuses([entry], now_ms=NOW)
    assert gate.refuses([entry], now_ms=NOW + WAIT_MS) == ["there is no incident 'i-9'"]


def test_a_step_that_names_another_contract_than_its_ticket_is_refused(gate, ledger):
    begun = tickets.reported(["wifi-b1"], by="op.whole", now_ms=NOW, contract="wifi-b", token="bbbbbb")
    forged = stated(
        "ticket_step", "op.own", ticket=begun.body["ticket"], contract="wifi-a", step="answered", number="7"
    )

    assert OUTSIDE in taken(gate, ledger, [begun, forged])


def test_a_scope_is_not_judged_before_the_register_was_read(ledger, accounts, settings):
    url = tables.url(settings)
    Path(url.removeprefix("sqlite:///")).write_bytes(accounts)
    gate = Admission(ledger, url)
    mine, whole = (LedgerEntry("web/00000000", n, ticket(by)) for n, by in ((1, "op.own"), (2, "op.whole")))

    assert gate.refuses([whole], now_ms=NOW) == [""]
    with pytest.raises(AccessError, match="register was not read yet"):
        gate.refuses([mine], now_ms=NOW)


def test_who_holds_a_messages_link_needs_no_account(gate, ledger):
    assert taken(gate, ledger, [words.taken("i-1", by="first", way=words.LINK, now_ms=NOW)]) == ""


@pytest.mark.parametrize("kind", ["incident_taken", "alerts_muted", "ticket_step"])
def test_incidents_and_tickets_are_for_roles_that_may_take_them(gate, ledger, kind):
    made = next(made for of, _, _, made in CASES.values() if of == kind)

    assert "the role 'privacy_officer' may not state this" in taken(gate, ledger, made("po.whole"))
    assert "there is no such account" in taken(gate, ledger, made("cm.nobody"))


# ---- what staff do
STATING = [  # the files that say their actions themselves
    *("dashboards/factors.py", "dashboards/tokens.py", "captive_portal/pages.py", "captive_portal/commands.py"),
    *("captive_portal/records/commands.py",),
]


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize(("source", "by", "reason"), [
    ("web/00000000", "cli:root", "there is no such account"),
    ("web/00000000", "root@cli", "there is no such account"),
    ("web/00000000", "nobody", "there is no such account"),
    ("cli/00000000", "nobody", "there is no such account"),
    ("cli/00000000", "cli:root", ""),
    ("cli/00000000", "root@cli", ""),
])  # fmt: skip
def test_what_no_account_did_was_done_at_the_command_line(gate, ledger, source, by, reason):
    (fact,) = done("session.end", "0" * 24, site="site-b")(by)

    assert gate.refuses([LedgerEntry(source, 1, fact)], now_ms=NOW) == [reason]


def test_what_was_done_asks_for_no_login_and_no_role(gate, ledger):
    """A token takes replies and bundles weeks after its owner was here; that it was done no rule undoes."""
    late = NOW + 500 * H
    fact = replace(done("raw bytes read", "ac-a@60000")("po.own")[0], at_ms=late)

    assert gate.refuses([LedgerEntry("web/00000000", 1, fact)], now_ms=late) == [""]


def test_a_reply_that_tells_of_others_too_is_beyond_a_scope(gate, ledger):
    services = tuple(replace(each, device="ac-a") if each.id == "wifi-b1" else each for each in CITY.services)
    gate.register = lambda: (replace(CITY, services=services), CITY.contracts)

    assert OUTSIDE in taken(gate, ledger, done("raw bytes read", "ac-a@60000")("op.own"))


def test_a_note_that_nobody_knows_is_its_carriers_own(gate, ledger):
    """A refused one may name no report; whose it is says its signature."""
    assert taken(gate, ledger, done("note handed in", "c" * 64)("cm.other")) == ""


def test_every_action_of_the_house_says_of_what_part_of_the_city_it_is():
    """One that stands in no set is closed to accounts with a scope, which nobody may notice for long."""
    known = {*audit.ACTIONS, findings.ACTION, resets.DONE, LOOKED_UP, disclosure.EXPORT}
    known |= {f"session.{act}" for act in Act}
    known |= {
        text for path in STATING for text in re.findall(r'_state\((?:desk|context|settings), "([^"]+)"', read(path))
    }
    known -= {bulk.KIND}  # nobody's
    known = {each for each in known if not each.startswith("staff ")}  # of accounts, at the command line alone
    known -= {"records.access", "records.erase"}  # of a person, at the command line alone
    listed = actions.OWN | actions.POLLS | actions.CONTRACTS | actions.NOTES | actions.FINDINGS | actions.VISITS

    assert known <= listed | actions.WHOLE
