"""A program with a token reads what its bounds allow, in no other way, and a person makes one on a page."""

from __future__ import annotations

import re

import pytest
from small_city import NOW, cheap, token

from dashboards.api import serve
from inventory import sql
from netops.access import tables
from netops.access.permissions import NARROWED, OF_CONTRACTS, PUBLIC, ROLES, ROUTES, SELF
from netops.access.staff import Staff

DECLARED = {**ROUTES, **serve.permissions("dashboards")}


@pytest.fixture(scope="module")
def site(sites, tmp_path_factory):
    return sites(tmp_path_factory.mktemp("tokens"), telemetry=False)


def make(site, role: str, **form) -> str:
    client = site.client(role)
    sent = {"csrf": token(client, "/tokens"), "title": "a program", "role": role, **form}
    text = client.post("/tokens", data=sent).get_data(as_text=True)
    return re.search(r">(netops_[\w-]{43})<", text)[1]


def ask(site, secret: str, path: str, method: str = "GET", **more):
    return site.app.test_client().open(path, method=method, headers={"Authorization": f"Bearer {secret}"}, **more)


def test_a_program_reads_a_page_and_sends_no_cookie(site):
    secret = make(site, "viewer")
    answer = ask(site, secret, "/contracts")

    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert ask(site, secret, "/contracts", "HEAD").status_code == 200
    assert ask(site, secret, "/approvals").status_code == 403, "the viewer's bounds are the token's"


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_token_opens_every_page_of_its_role_and_no_other(site, role):
    secret, adapter = make(site, role), site.app.url_map.bind("localhost")
    for rule in site.app.url_map.iter_rules():
        permission = DECLARED[rule.endpoint]
        if "GET" not in rule.methods or rule.arguments or permission == PUBLIC:
            continue
        opened = ask(site, secret, adapter.build(rule.endpoint)).status_code != 403

        narrowed = role != "carrier" or rule.endpoint in NARROWED | OF_CONTRACTS  # whose account has a scope
        assert opened is (permission in ROLES[role] and permission != SELF and narrowed), rule.endpoint


def test_a_token_sends_no_form(site):
    secret, client = make(site, "operator"), site.client("operator")
    form = token(client)
    adapter = site.app.url_map.bind("localhost")
    for rule in site.app.url_map.iter_rules():
        if "POST" not in rule.methods or DECLARED[rule.endpoint] == PUBLIC:
            continue
        path = adapter.build(rule.endpoint, dict.fromkeys(rule.arguments, "1"), method="POST")

        assert ask(site, secret, path, "POST", data={"csrf": form}).status_code == 403, rule.endpoint
        held = client.post(path, data={"csrf": form}, headers={"Authorization": f"Bearer {secret}"})
        assert held.status_code == 403, "no cookie beside a token counts"


def test_a_token_that_is_none_is_told_so_and_not_led_to_a_login(site):
    answer = ask(site, "netops_" + "a" * 43, "/contracts")
    client = site.client("viewer")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer error=invalid_token"
    assert client.get("/contracts", headers={"Authorization": "Bearer nothing"}).status_code == 401
    assert client.get("/contracts", headers={"Authorization": "Basic nothing"}).status_code == 200


def test_guessing_is_slowed_down(site):
    far = {"REMOTE_ADDR": "127.9.9.9"}
    codes = [ask(site, "netops_x", "/", environ_base=far).status_code for _ in range(23)]
    answer = ask(site, "netops_x", "/", environ_base=far)

    assert codes[:21] == [401] * 21
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_bound_token_reads_what_it_is_bound_to(site):
    secret = make(site, "operator", only="contract.see")

    assert ask(site, secret, "/contracts").status_code == 200
    assert ask(site, secret, "/").status_code == 403


@pytest.mark.parametrize(
    "form", [{"title": ""}, {"role": "admin"}, {"only": "staff.see"}, {"until": "2020-01-01T00:00"}, {"until": "soon"}]
)
def test_a_token_that_cannot_be_is_refused_on_the_page(site, form):
    client = site.client("operator")
    sent = {"csrf": token(client, "/tokens"), "title": "x", "role": "operator", **form}
    answer = client.post("/tokens", data=sent)

    assert answer.status_code == 400
    assert "<pre" not in answer.text


def test_a_token_is_shown_once_and_revoked_by_its_owner_alone(site):
    secret = make(site, "auditor", title="of once")
    mine, other = site.client("auditor"), site.client("viewer")
    page = mine.get("/tokens").get_data(as_text=True)
    which = re.search(r"of once <code[^>]*>([0-9a-f]{12})", page)[1]
    assert secret not in page
    assert other.post("/tokens/revoke", data={"csrf": token(other), "token": which}).status_code == 404
    assert ask(site, secret, "/contracts").status_code == 200
    assert mine.post("/tokens/revoke", data={"csrf": token(mine), "token": which}).status_code == 303
    assert ask(site, secret, "/contracts").status_code == 401


def test_the_tokens_of_a_disabled_account_die_at_once(sites, tmp_path):
    site = sites(tmp_path, telemetry=False)
    secret = make(site, "viewer")
    assert ask(site, secret, "/contracts").status_code == 200
    with sql.Database(tables.url(site.settings)) as database:
        Staff(database, cheap()).disable("viewer", by="t", now_ms=NOW)

    assert ask(site, secret, "/contracts").status_code == 401


def test_over_plain_http_from_a_network_production_takes_no_token(site):
    secret = make(site, "viewer")
    guard = next(
        each.__self__ for each in site.app.before_request_funcs[None] if getattr(each, "__name__", "") == "_admit"
    )
    guard.rehearsal = False
    try:
        assert ask(site, secret, "/contracts", environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 403
    finally:
        guard.rehearsal = True
