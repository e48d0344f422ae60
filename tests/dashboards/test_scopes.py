"""S16: every route for every role and scope, own and foreign things; one narrowed city, in which no sum counts more."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from html import unescape

import pytest

from dashboards.api import serve
from dashboards.city import index
from dashboards.narrow import narrowed
from dashboards.queries import Queries
from inventory import sql
from netops.access import tables
from netops.access.permissions import NARROWED, OF_CONTRACTS, PUBLIC, ROLES, ROUTES, SELF, UNNARROWED
from netops.access.scope import EVERYTHING, Scope, fits, parse, read, stored
from netops.access.sealed import Seal, staff_key
from netops.access.staff import Staff
from netops.access.tokens import Tokens
from netops.alerts import book
from netops.alerts.incident import Incident, Member, Phase
from netops.commands import approve
from netops.errors import AccessError, UsageError

small_city = sys.modules["small_city"]
NARROW = {  # what a scope names → an account of each role has it
    "carrier": parse(["carrier:carrier-a"]),
    "area": parse(["area:110108001"]),
    "contract": parse(["contract:contract-a"]),
}
ACCOUNTS = [(role, kind) for role in ROLES for kind in NARROW if role not in {"admin", "carrier"} or role == kind]
OWN = {
    "area": "110108001", "site": "site-0", "device": "wlan-controller-0", "service": "wifi-0000",
    "contract": "contract-a", "slot_ms": 1_789_999_980_000, "name": "contract-a-2026-08-r0.zip",
    "subject": "ap:mac:0a0b0c000000",
}  # fmt: skip
FOREIGN = {
    "area": "110108002", "site": "site-1", "device": "olt-1", "service": "fiber-0001",
    "contract": "contract-b", "slot_ms": 1_789_999_980_000, "name": "contract-b-2026-08-r0.zip",
    "subject": "onu:sn:HWTC00000001",
}  # fmt: skip
NUMBERS = {"size", "index", "revision"}
SHOWN = ["/", "/worst", "/worst?by=carrier", "/services.csv", "/api/situation?all=1", "/contracts", "/incidents"]
SHOWN += ["/find?q=wifi", "/find?q=fiber", "/find?q=carrier", "/tickets", "/approvals", "/approvals/new"]
SHOWN += [f"/api/v1/{name}?limit=1000" for name in ("troubles", "areas", "sites", "devices", "services", "incidents")]
SHOWN += ["/api/v1/find?q=wifi", "/api/v1/tickets", "/api/v1/approvals", "/api/v1/contracts", "/api/v1/incidents/both"]
SHOWN += [f"/api/v1/{name}?limit=1000" for name in ("elements", "probes", "logins")]
SHOWN += ["/probes", "/logins", "/blind", "/blind?month=2026-08", "/ledger", "/element/ap/mac:0a0b0c000000"]
SHOWN += ["/register", "/register/device/wlan-controller-0", "/register/device/ap-0000/edit", "/proposals"]
SHOWN += ["/register/add/device", "/register/add/service"]
SHOWN += ["/device/wlan-controller-0", "/site/site-0", "/why/site-0"]
OF_WHOLE = ["/summary", "/summary?month=2026-08"]  # contracts as a whole
NONE = {name: "nothing" if isinstance(each, str) else each for name, each in OWN.items()}


@pytest.fixture(scope="module")
def narrow(sites, tmp_path_factory):
    """The small city; each role but two has an account for each kind of scope, `operator.area` and so on."""
    made = sites(tmp_path_factory.mktemp("scopes"), telemetry=True)
    now = made.clock.now_ms()
    with sql.Database(tables.url(made.settings)) as database:
        staff = Staff(database, small_city.cheap())
        for role in ROLES:
            for kind, scope in NARROW.items():
                if (role, kind) not in ACCOUNTS:
                    continue
                name = f"{role}.{kind}"
                once = staff.add(name, role=role, by="test", now_ms=now - 1, scope=scope)
                staff.change(name, old=once, new=small_city.PASSWORD, address="127.0.0.1", now_ms=now - 1)
    words = {"rule": "outage", "severity": "critical", "phase": Phase.OPEN, "since_ms": now - 9, "opened_ms": now - 8}
    with book.Book(book.path(made.settings)) as held:
        both = {f"service:{name}": Member(since_ms=now - 9, kind="wifi") for name in ("wifi-0000", "fiber-0001")}
        theirs = {"service:fiber-0001": Member(since_ms=now - 9, kind="wifi")}
        held.keep(
            [
                Incident(id="both", root="carrier:x/wifi", members=both, **words),
                Incident(id="theirs", root="service:fiber-0001", members=theirs, **words),
            ]
        )
    return made


def path(site, endpoint, values):
    rule = next(rule for rule in site.app.url_map.iter_rules() if rule.endpoint == endpoint)
    method = "POST" if "POST" in rule.methods else "GET"
    with site.app.test_request_context():
        bound = site.app.url_map.bind("localhost")
        return bound.build(
            endpoint, {k: values.get(k, 0 if k in NUMBERS else "nothing") for k in rule.arguments}, method=method
        ), method


def ask(site, account, endpoint, values):
    where, method = path(site, endpoint, values)
    client = site.browser(account)
    sent = {"csrf": small_city.token(client)} if method == "POST" else None
    answer = client.open(where, method=method, data=sent, buffered=True)
    if answer.headers.get("Location", "").startswith("/login?"):
        return 401, b""
    return answer.status_code, answer.data


DECLARED = {**ROUTES, **serve.permissions("dashboards")}
CASES = [(name, *account) for name, wanted in DECLARED.items() for account in ACCOUNTS if wanted not in {PUBLIC, SELF}]
OFTEN = {"operator", "auditor", "carrier"}  # of the other roles the slow lane asks: they differ in permissions alone
GIVEN = [pytest.param(*each, id="-".join(each), marks=[] if each[1] in OFTEN else pytest.mark.slow) for each in CASES]


@pytest.mark.parametrize(("endpoint", "role", "kind"), GIVEN)
def test_a_scope_opens_what_it_names_and_nothing_else(narrow, endpoint, role, kind):
    account = f"{role}.{kind}"
    opened = NARROWED if kind == "area" else NARROWED | OF_CONTRACTS
    allowed = DECLARED[endpoint] in ROLES[role] and endpoint in opened
    own, _ = ask(narrow, account, endpoint, OWN)

    assert (own == 403) is not allowed, own
    if not allowed:
        return
    arguments = next(r for r in narrow.app.url_map.iter_rules() if r.endpoint == endpoint).arguments & set(OWN)
    if not arguments or endpoint in {"dashboards.decide", "dashboards.withdraw"}:
        return
    code, page = ask(narrow, account, endpoint, FOREIGN)
    _, none = ask(narrow, account, endpoint, NONE)
    assert code == 404
    assert plain(page) == plain(none), "what is out of sight looks as what does not exist"


def plain(page: bytes) -> str:
    """Return a page without form tokens, and without the address that was asked for."""
    text = re.sub(r'name="csrf" value="[^"]*"', "", page.decode())
    for each in (*map(str, FOREIGN.values()), "nothing"):
        text = text.replace(each, "")
    return text


@pytest.mark.parametrize("kind", NARROW)
def test_no_page_of_a_scope_names_what_lies_outside(narrow, kind):
    client = narrow.browser(f"operator.{kind}")
    outside = {
        "carrier": ("fiber-0001", "carrier-b", "contract-b"),
        "area": ("site-1", "fiber-0001", "wifi-0003"),
        "contract": ("contract-b", "fiber-0001"),
    }[kind]
    for where in SHOWN if kind == "area" else [*SHOWN, "/contract/contract-a", "/months", *OF_WHOLE]:
        text = unescape(client.get(where).get_data(as_text=True))
        for name in outside:
            assert name not in text, (where, name)


def test_sums_are_of_the_scope_and_the_page_says_so(narrow):
    whole = json.loads(narrow.browser("operator").get("/api/situation?all=1").data)
    part = json.loads(narrow.browser("operator.carrier").get("/api/situation?all=1").data)
    mine = [each for each in whole["services"] if each["carrier"] == "carrier-a"]

    assert 0 < len(mine) < len(whole["services"])
    assert [each["service"] for each in part["services"]] == [each["service"] for each in mine]
    states = ("up", "degraded", "down", "unknown")
    assert sum(part[name] for name in states) == len(mine)
    assert "只看：甲通信" in narrow.browser("operator.carrier").get("/").get_data(as_text=True)
    assert "只看" not in narrow.browser("operator").get("/").get_data(as_text=True)


def test_incidents_are_shown_as_far_as_they_lie_in_the_scope(narrow):
    client = narrow.browser("operator.carrier")
    text = client.get("/incidents/both").get_data(as_text=True)

    assert "wifi-0000" in text
    assert "fiber-0001" not in text
    assert "fiber-0001" in narrow.browser("operator").get("/incidents/both").get_data(as_text=True)
    area = narrow.browser("operator.area")
    assert area.get("/incidents/theirs").status_code == 404
    sent = {"csrf": small_city.token(area), "hours": "1", "reason": "x"}
    assert area.post("/incidents/both/mute", data=sent).status_code == 403, "the mute would reach beyond the scope"
    assert area.post("/incidents/theirs/take", data=sent).status_code == 404
    assert area.post("/incidents/theirs/report", data=sent).status_code == 404


def test_an_exclusion_is_asked_for_within_the_scope_alone(narrow):
    client = narrow.browser("operator.area")

    def asked(contract, services):
        sent = {"csrf": small_city.token(client), "action": "exclusion", "contract": contract, "class": "m",
                "services": services, "from": "2026-10-01T00:00", "to": "2026-10-01T01:00", "reason": "x"}  # fmt: skip
        return client.post("/approvals/new", data=sent).status_code

    assert asked("contract-a", "wifi-0000") == 303
    assert asked("contract-a", "") == 400, "all services of the contract are more than this area's"
    assert asked("contract-a", "wifi-0003") == 400
    assert asked("contract-b", "wifi-0000") == 400


def test_a_page_that_does_not_narrow_is_closed_to_a_scope(narrow, monkeypatch):
    monkeypatch.setattr("netops.access.guard.NARROWED", NARROWED - {"dashboards.home"})

    assert narrow.browser("operator.carrier").get("/").status_code == 403
    assert narrow.browser("operator").get("/").status_code == 200


def test_a_changed_scope_ends_the_sessions(narrow):
    client = narrow.client("viewer.area")
    assert client.get("/").status_code == 200
    with sql.Database(tables.url(narrow.settings)) as database:
        Staff(database, small_city.cheap()).narrow("viewer.area", NARROW["area"], by="test", now_ms=small_city.NOW)

    assert client.get("/").status_code == 303
    narrow._clients.pop("viewer.area", None)


def test_a_token_sees_no_more_than_its_owner(narrow):
    with sql.Database(tables.url(narrow.settings)) as database:
        seal = Seal(staff_key(narrow.settings))
        owner = Staff(database, small_city.cheap()).account("operator.carrier")
        secret, _ = Tokens(database, seal).add(owner, title="wall", by="test", now_ms=small_city.NOW)
    head = {"Authorization": f"Bearer {secret}"}
    client = narrow.client()

    told = json.loads(client.get("/api/situation?all=1", headers=head).data)
    assert {each["carrier"] for each in told["services"]} == {"carrier-a"}
    assert client.get("/device/olt-1", headers=head).status_code == 404
    assert client.get("/audit", headers=head).status_code == 403


def test_the_bytes_of_a_device_that_others_hang_on_too_are_not_shown(narrow):
    queries = Queries(narrow.settings, narrow.clock)
    whole = queries.city().index
    queries.close()
    device = whole.snapshot.service["wifi-0000"].device
    moved = next(each for each in whole.by_device[device] if each != "wifi-0000")
    away = next(each.id for each in whole.snapshot.sites if each.area != "110108001")
    services = [replace(each, site=away) if each.id == moved else each for each in whole.snapshot.services]
    apart = index(replace(whole.snapshot, services=tuple(services)))

    assert device not in narrowed(whole, NARROW["area"]).shared
    assert device in narrowed(apart, NARROW["area"]).shared
    assert device in narrowed(apart, NARROW["area"]).snapshot.device, "its state is seen"


def test_a_poll_of_a_shared_device_is_not_found_by_any_way(narrow, monkeypatch):
    reading = f"/reading/wlan-controller-0/{OWN['slot_ms']}"
    ways = [reading, f"{reading}/raw", f"/api/v1/devices/wlan-controller-0/polls/{OWN['slot_ms']}/raw"]
    client, everybody = narrow.browser("operator.area"), narrow.browser("operator")
    before = [client.get(way).status_code for way in ways]
    monkeypatch.setattr(Queries, "_is_shared", lambda self, poll: not self._scope().whole)

    assert before == [200] * 3
    assert [client.get(way).status_code for way in ways] == [404] * 3
    assert [everybody.get(way).status_code for way in ways] == [200] * 3


def test_the_command_line_does_not_narrow_and_lets_no_scope_in(narrow, monkeypatch):
    monkeypatch.setenv("OF_A_TEST", small_city.PASSWORD)

    assert approve.login(narrow.settings, "operator", "env:OF_A_TEST", "approval.request").name == "operator"
    with pytest.raises(AccessError, match=r"sees a part of the city \(area:110108001\).*do it on the staff pages"):
        approve.login(narrow.settings, "operator.area", "env:OF_A_TEST", "approval.request")


# ---- the words


@pytest.mark.parametrize("kept", ["{", "7", "null", '"area:1"', '{"area": 1}', '["area"]', '["shop:1"]', "[[1]]"])
def test_a_scope_that_cannot_be_read_shows_nothing(narrow, kept):
    queries = Queries(narrow.settings, narrow.clock)
    seen = narrowed(queries.city().index, read(kept)).snapshot
    queries.close()

    assert (seen.services, seen.devices, seen.sites, seen.contracts, seen.areas) == ((), (), (), (), ())


@pytest.mark.parametrize("words", [[], ["area:1"], ["tag:教育", "area:2", "area:1", "carrier:a", "contract:c"]])
def test_a_scope_is_read_as_it_was_kept(words):
    scope = parse(words)

    assert read(stored(scope)) == scope
    assert set(scope.words()) == set(words)
    assert scope.whole is not bool(words)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["110108011"], "is no part of the city"),
        (["aria:1"], "did you mean 'area'"),
        (["area:"], "names nothing"),
        (["area: 1"], "names nothing"),
        (["area:\u202e1"], "names nothing"),
        (["tag:" + "x" * 200], "names nothing"),
        ([f"area:{n}" for n in range(101)], "more than 100 things"),
    ],
)
def test_what_is_no_scope_is_refused_by_name(words, why):
    with pytest.raises(UsageError, match=why):
        parse(words)


def test_a_carrier_needs_one_and_an_admin_has_none():
    fits("carrier", Scope(carrier=frozenset({"a"})))
    fits("admin", EVERYTHING)
    with pytest.raises(UsageError, match="needs the scope of its carrier"):
        fits("carrier", parse(["area:1"]))
    with pytest.raises(UsageError, match="an admin has no scope"):
        fits("admin", parse(["area:1"]))


def test_every_page_says_what_a_scope_makes_of_it():
    """Who adds a route says in `permissions` that it narrows, that it is of contracts, or why it stays closed."""
    said = [*NARROWED, *OF_CONTRACTS, *UNNARROWED]

    assert len(said) == len(set(said)), "one of the three"
    assert set(said) == {name for name, wanted in DECLARED.items() if wanted not in {PUBLIC, SELF}}
    assert all(UNNARROWED.values())
