"""`netops staff` and `netops approve` as a person types them."""

from __future__ import annotations

import argparse
import io
import json
from dataclasses import replace

import pyotp
import pytest
from argon2 import PasswordHasher

from inventory import edits, sql
from inventory.city import city_of
from inventory.exchange import amendment
from inventory.model import Area, Site
from inventory.register import Register
from inventory.tables import MIGRATIONS
from netops import facts, spool
from netops.access import record, tables
from netops.access.factors import Factors
from netops.access.identities import Identities
from netops.access.passwords import Passwords
from netops.access.sealed import Seal, staff_key
from netops.access.sessions import Sessions
from netops.access.staff import Staff
from netops.clock import SYSTEM
from netops.commands import approve, staff, staff_link
from netops.config import City, Data, Settings
from netops.entering import Access, StaffAccounts
from netops.errors import AccessError, UsageError

GOOD = "correct horse battery staple"


@pytest.fixture
def settings(tmp_path, monkeypatch):
    cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    for module in (staff, staff_link, approve):
        monkeypatch.setattr(module, "Passwords", lambda: cheap)
    settings = Settings(data=Data(dir=tmp_path), city=City(rehearsal=True))
    sql.upgrade(tables.MIGRATIONS, tables.url(settings))
    with sql.Database(tables.url(settings)) as database:
        keeper = Staff(database, cheap)
        for name, role in (("li.na", "operator"), ("wang.min", "contract_manager"), ("chen", "auditor")):
            once = keeper.add(name, role=role, by="t", now_ms=SYSTEM.now_ms())
            keeper.change(name, old=once, new=GOOD, address="::1", now_ms=SYSTEM.now_ms())
    monkeypatch.setenv("HER_PASSWORD", GOOD)
    return settings


def run(module, words, settings):
    parser = argparse.ArgumentParser()
    module.arguments(parser)
    return module.run(parser.parse_args(words), settings)


def stated(settings):
    return [facts.decode(each.payload) for each in spool.read(record.spool_path(settings, "cli"), after=0, limit=99)]


def test_without_a_terminal_the_password_is_read_by_reference_or_not_at_all(settings, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(GOOD))

    with pytest.raises(UsageError, match="give --password env:NAME or file:PATH"):
        run(approve, [*ASK, "--as", "li.na", "--dry-run"], settings)


def test_an_empty_list_says_so(settings, capsys):
    assert run(approve, ["list"], settings) == 0
    assert capsys.readouterr().out.startswith("nothing waits")


ASK = [
    "request",
    "exclusion",
    *("--contract", "wifi-a", "--class", "planned", "--service", "wifi-0009"),
    *("--from", "2026-10-12T02:00", "--to", "2026-10-12T04:00", "--reason", "更换控制器"),
]


def as_(name):
    return ["--as", name, "--password", "env:HER_PASSWORD"]


def test_add_prints_a_one_time_password_once_and_states_a_fact_without_it(settings, capsys):
    assert run(staff, ["add", "zhao", "--role", "viewer"], settings) == 0
    password = capsys.readouterr().out.splitlines()[0].rpartition(" ")[2]
    fact = stated(settings)[-1]

    assert len(password.replace("-", "")) == 20
    assert (fact.kind, fact.body["subject"], fact.body["detail"]) == ("staff_action", "zhao", "viewer")
    assert password not in json.dumps(dict(fact.body))


def test_list_shows_who_is_active_and_who_not(settings, capsys):
    run(staff, ["disable", "chen"], settings)
    capsys.readouterr()
    run(staff, ["list", "--json"], settings)
    listed = {each["name"]: each["disabled"] for each in json.loads(capsys.readouterr().out)}

    assert listed == {"li.na": False, "wang.min": False, "chen": True}


@pytest.mark.parametrize("words", [["add", "x", "--role", "viewer", "--password", "secret"], ["reset", "x", "secret"]])
def test_no_argument_takes_a_password(words, settings, capsys):
    with pytest.raises(SystemExit):
        run(staff, words, settings)

    assert "unrecognized arguments" in capsys.readouterr().err


def test_a_request_by_one_and_a_decision_by_another(settings, capsys):
    assert run(approve, [*ASK, *as_("li.na")], settings) == 0
    name = next(iter(record.read(settings)))
    assert run(approve, ["decide", name, "approved", *as_("wang.min")], settings) == 0
    after = record.read(settings)[name]
    capsys.readouterr()
    run(approve, ["list", "--all", "--json"], settings)
    listed = json.loads(capsys.readouterr().out)

    assert after.request.terms["start_ms"] == 1_791_741_600_000, "02:00 in Shanghai"
    assert (after.request.by, after.decision.by, after.state) == ("li.na", "wang.min", "approved")
    assert (listed[0]["state"], listed[0]["decision"]["by"]) == ("approved", "wang.min")
    assert [fact.kind for fact in stated(settings)] == ["exclusion_claim", "approval_request", "approval_decision"]


@pytest.mark.parametrize(
    ("who", "why"), [("li.na", "approval.decide"), ("chen", "approval.decide"), ("nobody", "account or password")]
)
def test_who_may_not_decide_is_refused(settings, who, why):
    run(approve, [*ASK, *as_("li.na")], settings)
    name = next(iter(record.read(settings)))
    with pytest.raises(AccessError, match=why):
        run(approve, ["decide", name, "approved", *as_(who)], settings)

    assert record.read(settings)[name].state == "pending"


def test_the_same_person_is_refused_whatever_the_role(settings):
    run(approve, [*ASK, *as_("wang.min")], settings)
    name = next(iter(record.read(settings)))

    with pytest.raises(AccessError, match="second person"):
        run(approve, ["decide", name, "approved", *as_("wang.min")], settings)


def test_the_password_itself_is_not_taken_from_the_command_line(settings):
    with pytest.raises(UsageError, match="reference"):
        run(approve, [*ASK, "--as", "li.na", "--password", GOOD], settings)


def test_a_one_time_password_decides_nothing(settings, monkeypatch, capsys):
    run(staff, ["add", "new", "--role", "contract_manager"], settings)
    monkeypatch.setenv("ONCE", capsys.readouterr().out.splitlines()[0].rpartition(" ")[2])

    with pytest.raises(AccessError, match="one-time"):
        run(approve, [*ASK, "--as", "new", "--password", "env:ONCE"], settings)


def test_a_dry_run_states_nothing(settings):
    assert run(approve, [*ASK, *as_("li.na"), "--dry-run"], settings) == 0
    assert record.read(settings) == {}


def test_an_unknown_request_names_the_nearest(settings):
    run(approve, [*ASK, *as_("li.na")], settings)
    name = next(iter(record.read(settings)))

    with pytest.raises(UsageError, match=f"did you mean '{name}'"):
        run(approve, ["decide", name[:-1], "approved", *as_("wang.min")], settings)


def test_no_text_of_others_drives_the_terminal(settings, capsys):
    words = [*ASK[:-1], "a\x1b[2Jb\u202e"]
    run(approve, [*words, *as_("li.na")], settings)
    capsys.readouterr()
    run(approve, ["list"], settings)

    assert not {"\x1b", "\u202e"} & set(capsys.readouterr().out)


@pytest.mark.parametrize(("name", "remedy"), [("nobody", "`netops staff list` shows them all"), ("li.n", "'li.na'")])
def test_an_account_that_is_not_there_names_the_remedy(settings, name, remedy):
    with pytest.raises(UsageError, match=remedy):
        run(staff, ["reset", name], settings)


def test_times_are_the_citys_with_their_offset_and_utc_on_demand(settings, capsys):
    run(approve, [*ASK, *as_("li.na")], settings)
    capsys.readouterr()
    shown = []
    for words in (["list"], ["list", "--utc"], ["list", "--json"]):
        run(approve, words, settings)
        shown.append(capsys.readouterr().out)
    run(staff, ["events"], settings)
    events = capsys.readouterr().out.splitlines()

    assert "from 2026-10-12T02:00:00+08:00 to 2026-10-12T04:00:00+08:00" in shown[0]
    assert "from 2026-10-11T18:00:00Z to 2026-10-11T20:00:00Z" in shown[1]
    assert "start_ms" not in shown[0]
    assert json.loads(shown[2])[0]["terms"]["start_ms"] == 1_791_741_600_000
    assert all("+08:00" in line for line in events)


def test_what_nobody_would_act_on_is_not_asked_for_not_even_the_password(settings, monkeypatch):
    monkeypatch.delenv("HER_PASSWORD")
    words = ["request", "excluson", "--from", "2026-10-12T02:00", "--to", "2026-10-12T04:00"]

    with pytest.raises(UsageError, match="mean 'exclusion'"):
        run(approve, [*words, "--reason", "停电", *as_("li.na")], settings)
    assert not record.spool_path(settings, "cli").exists()


@pytest.fixture
def two_sites(settings):
    sql.upgrade(MIGRATIONS, settings.register_url)
    places = [Site(id=f"site-{n}", name=f"公园{n}", area="a") for n in (1, 2)]
    with Register(settings.register_url, rehearsal=True) as register:
        register.apply(
            city_of([Area(id="a", name="海淀", name_en="Haidian", col=0, row=0), *places]),
            at_ms=0,
            now_ms=SYSTEM.now_ms(),
        )


@pytest.mark.usefixtures("two_sites")
def test_a_fail_open_of_a_site_that_is_not_there_is_refused_before_the_password_is_asked(settings, monkeypatch):
    monkeypatch.delenv("HER_PASSWORD")
    words = ["--site", "site-1", "--site", "sit-2", "--from", "2026-10-12T02:00", "--to", "2026-10-14T02:00"]

    with pytest.raises(UsageError, match=r"no site 'sit-2'.*'site-2'"):
        run(approve, ["request", "fail_open", *words, "--reason", "洪水", *as_("li.na")], settings)
    assert not record.spool_path(settings, "cli").exists()


@pytest.mark.usefixtures("two_sites")
def test_a_fail_open_is_asked_for_by_one_allowed_by_another_and_taken_back_by_one_alone(settings, capsys):
    with sql.Database(tables.url(settings)) as database:
        keeper = Staff(database, staff.Passwords())
        once = keeper.add("zhao", role="privacy_officer", by="t", now_ms=SYSTEM.now_ms())
        keeper.change("zhao", old=once, new=GOOD, address="::1", now_ms=SYSTEM.now_ms())
    words = ["--site", "site-2", "--site", "site-1", "--from", "2026-10-12T02:00", "--to", "2026-10-14T02:00"]
    run(approve, ["request", "fail_open", *words, "--reason", "短信网关检修", *as_("li.na")], settings)
    out, err = capsys.readouterr()
    name = out.partition(":")[0]
    assert "`netops check` names those" in err
    run(approve, ["decide", name, "approved", *as_("zhao")], settings)
    allowed = record.read(settings)[name]
    run(approve, ["decide", name, "withdrawn", *as_("li.na")], settings)
    capsys.readouterr()
    run(approve, ["list", "--all", "--json"], settings)
    (row,) = json.loads(capsys.readouterr().out)

    assert (allowed.state, allowed.request.terms["sites"]) == ("approved", ["site-1", "site-2"])
    assert (row["state"], row["decision"]["by"], row["recall"]["by"]) == ("withdrawn", "zhao", "li.na")


# ---- second factors at the command line
@pytest.fixture
def with_codes(settings):
    """Settings in which wang.min has one-time codes; the secret and a recovery code."""
    with sql.Database(tables.url(settings)) as database:
        kept = Factors(Staff(database, staff.Passwords()), Seal(staff_key(settings)))
        offer, now_ms = kept.offer("wang.min", issuer="city", now_ms=SYSTEM.now_ms()), SYSTEM.now_ms()
        # a step ago, so that the code of now is another one
        past_ms = now_ms - 30_000
        code = pyotp.TOTP(offer.secret).at(past_ms // 1000)
        return offer.secret, kept.take_up("wang.min", offer.sealed, code, address="::1", now_ms=past_ms)[0]


@pytest.mark.parametrize("kind", ["code", "recovery code"])
def test_a_decision_at_the_command_line_takes_a_code_of_who_has_one(settings, with_codes, monkeypatch, kind):
    run(approve, [*ASK, *as_("li.na")], settings)
    decide = ["decide", next(iter(record.read(settings))), "approved", "--as", "wang.min", "--password", "env:BOTH"]
    monkeypatch.setenv("BOTH", f"{GOOD}\n000000")
    with pytest.raises(AccessError, match="wrong, or was used"):
        run(approve, decide, settings)
    given = pyotp.TOTP(with_codes[0]).now() if kind == "code" else with_codes[1]
    monkeypatch.setenv("BOTH", f"{GOOD}\n{given}")

    assert run(approve, decide, settings) == 0
    with pytest.raises(AccessError, match="wrong, or was used"):
        run(approve, decide, settings)


def test_without_the_code_nobody_decides_by_a_password_alone(settings, with_codes, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    run(approve, [*ASK, *as_("li.na")], settings)

    with pytest.raises(UsageError, match="code as second line"):
        run(approve, ["decide", next(iter(record.read(settings))), "approved", *as_("wang.min")], settings)


def test_whose_role_must_have_one_sets_it_up_on_the_page_first(settings, monkeypatch):
    asked = replace(settings, access=Access(second_factor="operator"))

    with pytest.raises(AccessError, match=r"'li\.na' must set up a second factor first"):
        run(approve, [*ASK, *as_("li.na")], asked)


def test_one_person_resets_factors_in_an_emergency_alone_and_says_so(settings, with_codes, capsys):
    for given, why in (([], "are reset by two persons"), (["--emergency", "ring 13800138000"], "names no number")):
        with pytest.raises(UsageError, match=why):
            run(staff, ["reset-factors", "wang.min", *given], settings)
    assert run(staff, ["reset-factors", "wang.min", "--emergency", "nobody else is here"], settings) == 0
    said = stated(settings)[-1]

    assert "no second factor any more" in capsys.readouterr().out
    assert said.body["action"] == "staff reset-factors in an emergency"
    assert (said.body["subject"], said.body["detail"]) == ("wang.min", "nobody else is here")
    with pytest.raises(UsageError, match=r"no account 'wang\.mim'"):
        run(staff, ["reset-factors", "wang.mim", "--emergency", "x"], settings)


def test_two_persons_reset_factors_at_the_command_line(settings, with_codes, capsys):
    ask = ["request", "factor_reset", "--account", "wang.min", "--reason", "手机丢失"]
    with sql.Database(tables.url(settings)) as database:
        people = Staff(database, staff.Passwords())
        once = people.add("root", role="admin", by="t", now_ms=SYSTEM.now_ms())
        people.change("root", old=once, new=GOOD, address="::1", now_ms=SYSTEM.now_ms())
    with pytest.raises(UsageError, match="has a second factor"):
        run(approve, ["request", "factor_reset", "--account", "li.na", "--reason", "x", *as_("li.na")], settings)
    assert run(approve, [*ask, *as_("li.na")], settings) == 0
    name = next(iter(record.read(settings)))
    run(approve, ["list"], settings)
    assert "of the account 'wang.min'" in capsys.readouterr().out
    assert run(approve, ["decide", name, "approved", *as_("root")], settings) == 0

    assert "wang.min has no second factor any more" in capsys.readouterr().out
    assert stated(settings)[-1].body["action"] == "second factors reset"
    with pytest.raises(UsageError, match="there is no ledger yet"):
        run(approve, ["apply"], settings)
    assert [each.body.get("action") for each in stated(settings)].count("second factors reset") == 1


def test_an_account_is_linked_to_a_subject_and_unlinked_and_the_ledger_names_no_subject(settings, capsys):
    issuer, subject = "https://sso.example.cn", "13800138000"
    with_provider = replace(settings, access=Access(oidc={"city": StaffAccounts(issuer=issuer, client_id="x")}))
    words = ["--issuer", issuer, "--subject", subject]
    assert run(staff, ["link", "li.na", *words], with_provider) == 0
    linked = stated(settings)[-1]
    with pytest.raises(UsageError, match=r"the account 'li\.na' already"):
        run(staff, ["link", "wang.min", *words], with_provider)
    capsys.readouterr()
    run(staff, ["links", "--json"], with_provider)
    (row,) = json.loads(capsys.readouterr().out)
    run(staff, ["links", "li.na"], with_provider)
    assert subject in capsys.readouterr().out
    with pytest.raises(UsageError, match=r"'wang\.min' is no account of this subject"):
        run(staff, ["unlink", "wang.min", *words], with_provider)
    assert run(staff, ["unlink", "li.na", *words], settings) == 0, "also of a provider that the settings have no more"
    unlinked = stated(settings)[-1]
    capsys.readouterr()
    run(staff, ["links"], settings)

    assert capsys.readouterr().out == "no account belongs to a provider\n"
    assert (row["account"], row["subject"]) == ("li.na", subject)
    assert linked.body["detail"] == unlinked.body["detail"] == f"{issuer} {row['mark']}"
    assert [each.body["action"] for each in (linked, unlinked)] == ["staff link", "staff unlink"]
    assert subject not in json.dumps([dict(each.body) for each in stated(settings)])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["li.na", "--issuer", "https://sso.example.com", "--subject", "x"], "did you mean 'https://sso.example.cn'"),
        (["nobody", "--issuer", "https://sso.example.cn", "--subject", "x"], "no account 'nobody'"),
        (["li.na", "--issuer", "https://sso.example.cn", "--subject", "x" * 256], "1 to 255"),
        (["li.na", "--issuer", "https://sso.example.cn", "--subject", ""], "1 to 255"),
    ],
)
def test_what_cannot_be_linked_is_refused_with_a_remedy_and_not_stated(settings, words, why):
    city = StaffAccounts(issuer="https://sso.example.cn", client_id="x")
    with pytest.raises(UsageError, match=why):
        run(staff, ["link", *words], replace(settings, access=Access(oidc={"city": city})))

    assert not record.spool_path(settings, "cli").exists()


def test_unlinking_ends_the_sessions(settings):
    with sql.Database(tables.url(settings)) as database:
        people = Staff(database, staff.Passwords())
        Identities(people).link("li.na", "https://a.cn", "s", by="t", now_ms=SYSTEM.now_ms())
        secret = Sessions(database).begin("li.na", now_ms=SYSTEM.now_ms())
        run(staff, ["unlink", "li.na", "--issuer", "https://a.cn", "--subject", "s"], settings)

        assert Sessions(database).person(secret, now_ms=SYSTEM.now_ms()) is None


def test_a_token_is_printed_once_and_its_making_and_end_are_stated(settings, capsys):
    assert run(staff, ["token", "add", "li.na", "--title", "billing", "--only", "contract.see"], settings) == 0
    secret, told = capsys.readouterr().out.splitlines()
    added = stated(settings)[-1]
    run(staff, ["token", "list", "--json"], settings)
    (listed,) = json.loads(capsys.readouterr().out)
    run(staff, ["token", "list", "li.na"], settings)
    line = capsys.readouterr().out
    run(staff, ["token", "revoke", listed["id"]], settings)
    capsys.readouterr()
    run(staff, ["token", "list"], settings)

    assert listed["id"] in told
    assert (listed["account"], listed["only"], listed["until"]) == ("li.na", ["contract.see"], None)
    assert "never used" in line
    assert secret not in json.dumps([dict(each.body) for each in stated(settings)]) + line
    assert added.body["action"] == "staff token add"
    assert stated(settings)[-1].body["action"] == "staff token revoke"
    assert capsys.readouterr().out == "no tokens\n"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["add", "nobody", "--title", "x"], "no account 'nobody'"),
        (["add", "li.na", "--title", "x", "--role", "admin"], "may less than 'admin'"),
        (["add", "li.na", "--title", "x", "--until", "soon"], "--until"),
        (["revoke", "0000"], "no token '0000'"),
    ],
)
def test_a_token_that_cannot_be_is_refused(settings, words, why):
    with pytest.raises(UsageError, match=why):
        run(staff, ["token", *words], settings)


def test_a_change_of_the_register_is_asked_for_by_a_file_and_shown_first(settings, tmp_path, capsys):
    sql.upgrade(MIGRATIONS, settings.register_url)
    area = Area(id="110108001", name="万寿路街道", name_en="Wanshoulu", col=0, row=0)
    park = Site(id="park", name="公园", area=area.id)
    with Register(settings.register_url, rehearsal=True) as register:
        register.apply(city_of([area, park]), at_ms=1, now_ms=1)
    file = tmp_path / "amendment.json"
    hall = Site(id="hall", name="新馆", area=area.id)
    file.write_text(amendment.written(edits.differing([hall], {})), encoding="utf-8")
    words = ["request", "register_change", "--amendment", str(file), "--reason", "盘点", *as_("li.na")]

    assert run(approve, words, settings) == 0
    told = capsys.readouterr()
    (fact,) = [each for each in stated(settings) if each.kind == "approval_request"]
    run(approve, ["list"], settings)
    listed = capsys.readouterr().out

    assert "+ site hall" in told.err
    assert fact.body["terms"] == {"changes": [edits.text(edits.differing([hall], {})[0])], "from_ms": 0}
    assert "from when it is applied" in listed
    assert "add site hall" in listed


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "--amendment FILE"),
        (["--amendment", "{file}", "--from", "2020-01-01"], "has passed"),
    ],
)
def test_a_change_of_the_register_without_a_file_or_for_the_past_is_refused(settings, tmp_path, words, why):
    file = tmp_path / "amendment.json"
    file.write_text(amendment.written([]), encoding="utf-8")
    given = [each.format(file=file) for each in words]

    with pytest.raises(UsageError, match=why):
        run(approve, ["request", "register_change", *given, "--reason", "x", *as_("li.na")], settings)


def test_a_window_is_asked_for_where_there_must_be_one(settings):
    with pytest.raises(UsageError, match="add --to"):
        run(approve, [*ASK[:8], "--from", "2026-10-12T02:00", "--reason", "x", *as_("li.na")], settings)


# ---- scopes
def staffed(settings, *words):
    parser = argparse.ArgumentParser()
    staff.arguments(parser)
    return staff.run(parser.parse_args(words), settings)


def test_a_scope_is_compared_with_the_register_before_anything_is_done(settings):
    sql.upgrade(MIGRATIONS, settings.register_url)
    with Register(settings.register_url, rehearsal=True) as register:
        area = Area(id="110108011", name="中关村街道", name_en="Zhongguancun", col=1, row=1)
        site = Site(id="s", name="s", area=area.id, address="", tags=("education",))
        register.apply(city_of([area, site]), at_ms=1, now_ms=1)

    with pytest.raises(UsageError, match="did you mean '110108011'"):
        staffed(settings, "add", "zhao", "--role", "operator", "--scope", "area:110108111")
    with pytest.raises(UsageError, match="did you mean 'education'"):
        staffed(settings, "scope", "li.na", "--to", "tag:eduction")
    with sql.Database(tables.url(settings)) as database:
        keeper = Staff(database, staff.Passwords())
        assert keeper.account("zhao") is None, "no account of a misspelt scope"
        assert keeper.account("li.na").scope.whole

    assert staffed(settings, "scope", "li.na", "--to", "tag:education", "area:110108011") == 0
    with sql.Database(tables.url(settings)) as database:
        assert Staff(database, staff.Passwords()).account("li.na").scope.words() == ["area:110108011", "tag:education"]


def test_a_scope_needs_a_register_and_the_whole_city_none(settings):
    with pytest.raises(UsageError, match="a scope names what the register has, and it cannot be read"):
        staffed(settings, "scope", "li.na", "--to", "tag:education")
    assert staffed(settings, "scope", "li.na", "--everything") == 0
