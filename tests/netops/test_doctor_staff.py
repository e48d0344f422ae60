"""`netops doctor` on how staff come in: the key and its mode, who lacks a factor, where passkeys belong, providers."""

from __future__ import annotations

import http.server
import json
import threading
from dataclasses import replace

import pyotp
import pytest
from argon2 import PasswordHasher

from inventory import sql
from netops.access import tables
from netops.access.factors import Factors
from netops.access.identities import Identities
from netops.access.passwords import Passwords
from netops.access.sealed import Seal, staff_key
from netops.access.staff import Staff
from netops.clock import SYSTEM
from netops.commands import doctor, doctor_staff
from netops.commands.findings import NOTE, OK, WRONG
from netops.config import City, Data, Listener, Settings
from netops.entering import Access, StaffAccounts
from netops.secret import Secret

CHEAP = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
OWN = "https://netops.example.cn"


@pytest.fixture
def settings(tmp_path):
    made = Settings(data=Data(dir=tmp_path), city=City(rehearsal=False))
    sql.upgrade(tables.MIGRATIONS, tables.url(made))
    staff_key(made)
    return made


@pytest.fixture
def people(settings):
    with sql.Database(tables.url(settings)) as database:
        yield Staff(database, CHEAP)


def add(people, *names: tuple[str, str]):
    for name, role in names:
        people.add(name, role=role, by="t", now_ms=SYSTEM.now_ms())


def codes(people, settings, name: str):
    kept, now_ms = Factors(people, Seal(staff_key(settings))), SYSTEM.now_ms()
    offer = kept.offer(name, issuer="city", now_ms=now_ms)
    kept.take_up(name, offer.sealed, pyotp.TOTP(offer.secret).at(now_ms // 1000), address="::1", now_ms=now_ms)


def found(settings, what: str) -> tuple[str, str]:
    (one,) = [each for each in doctor_staff.look(settings) if each.what == what]
    return one.level, one.said


def test_the_doctor_says_all_of_it(settings, people):
    told = {each.what for each in doctor.instance(settings)}

    assert {"staff key", "passkeys", "second factors", "reset by two persons"} <= told


# ---- the key
def test_a_key_that_others_may_read_is_wrong(settings):
    path = settings.data.dir / "keys" / "staff.key"
    assert found(settings, "staff key") == (OK, f"{path}, mode 0600")
    path.chmod(0o640)
    level, said = found(settings, "staff key")

    assert level == WRONG
    assert "mode 0640, expected 0600" in said
    assert doctor_staff.key_file(replace(settings, data=replace(settings.data, users="netops")), path).level == OK


def test_a_key_that_is_not_there_is_told_and_not_made(settings, people):
    path = settings.data.dir / "keys" / "staff.key"
    add(people, ("root", "admin"))
    codes(people, settings, "root")
    assert found(settings, "one-time codes")[0] == OK
    path.unlink()

    assert found(settings, "staff key")[0] == NOTE
    assert found(settings, "one-time codes")[0] == WRONG
    assert not path.exists()
    path.write_text("0" * 64)
    assert "cannot be opened" in found(settings, "one-time codes")[1], "another key"


@pytest.mark.parametrize(
    ("given", "level"), [("plain:" + "x" * 32, OK), ("plain:short", WRONG), ("env:NOT_SET", WRONG)]
)
def test_a_key_by_reference_is_read(settings, given, level):
    assert found(replace(settings, access=Access(key=Secret(given))), "staff key")[0] == level


# ---- who lacks one
def test_accounts_of_roles_that_need_a_factor_and_have_none_are_named(settings, people):
    add(people, ("root", "admin"), ("wang.min", "contract_manager"), ("li.na", "operator"), ("gone", "admin"))
    people.disable("gone", by="t", now_ms=SYSTEM.now_ms())
    codes(people, settings, "root")
    level, said = found(settings, "second factors")

    assert level == NOTE
    assert "1 accounts" in said
    assert "wang.min" in said
    codes(people, settings, "wang.min")
    assert found(settings, "second factors")[0] == OK


def test_whose_provider_asks_for_it_itself_lacks_nothing_here(settings, people):
    add(people, ("wang.min", "contract_manager"))
    Identities(people).link("wang.min", "https://a.cn", "s", by="t", now_ms=1)
    for ours, level in ((False, OK), (True, NOTE)):
        city = StaffAccounts(issuer="https://a.cn", client_id="x", second_factor=ours)
        made = replace(settings, access=Access(oidc={"city": city}))
        (one,) = [each for each in doctor_staff._accounts(made, people.database) if each.what == "second factors"]
        assert one.level == level


def test_where_nobody_must_have_one_it_is_said(settings, people):
    assert "no role must" in found(replace(settings, access=Access(second_factor="none")), "second factors")[1]
    assert found(replace(settings, access=Access(second_factor="admim")), "second factors")[0] == WRONG


@pytest.mark.parametrize(
    ("roles", "stuck"),
    [
        (["admin"], True),
        (["admin", "operator"], True),
        (["admin", "admin"], True),
        (["admin", "admin", "admin"], False),
        (["admin", "privacy_officer", "operator"], False),
        (["contract_manager", "admin", "privacy_officer"], True),
        (["contract_manager", "admin", "privacy_officer", "operator"], False),
    ],
)
def test_whose_factors_no_two_others_could_reset_is_named(settings, people, roles, stuck):
    add(people, *((f"p{number}", role) for number, role in enumerate(roles)))

    assert found(settings, "reset by two persons")[0] == (NOTE if stuck else OK)


# ---- where passkeys belong
@pytest.mark.parametrize(
    ("url", "web", "level", "said"),
    [
        ("", {}, OK, "none"),
        (OWN, {"trusted_proxy": "127.0.0.1"}, OK, "belong to 'netops.example.cn'"),
        (OWN, {}, WRONG, "speaks plain HTTP"),
        ("ftp://x", {}, WRONG, "expected https"),
        ("http://localhost:8080", {}, OK, "localhost"),
        ("http://localhost:8081", {}, WRONG, "'web.port' is 8080"),
        ("http://localhost:8080", {"host": "0.0.0.0"}, WRONG, "this machine alone"),
        ("https://192.0.2.1", {"trusted_proxy": "127.0.0.1"}, OK, "it is an address"),
    ],
)
def test_the_origin_is_where_a_browser_finds_the_pages(settings, url, web, level, said):
    made = replace(settings, access=Access(url=url), web=Listener(**web))
    told = found(made, "passkeys")

    assert told[0] == level
    assert said in told[1]


def test_tls_of_our_own_needs_https_and_its_port(settings, tmp_path):
    web = Listener(tls_certificate=tmp_path / "c.pem", tls_key=tmp_path / "k.pem", port=8443)
    for url, level in (("http://localhost:8443", WRONG), (OWN, WRONG), (f"{OWN}:8443", OK)):
        assert found(replace(settings, access=Access(url=url), web=web), "passkeys")[0] == level


def test_passkeys_without_a_place_are_of_no_use(settings, people):
    add(people, ("root", "admin"))
    with people.database.write() as db:
        row = {"id": "a", "account": "root", "public_key": b"", "sign_count": 0, "title": "k", "since_ms": 1}
        db.execute(tables.PASSKEY.insert().values(**row))

    assert found(settings, "passkeys of accounts")[0] == WRONG


# ---- providers
@pytest.fixture
def issuer():
    """A provider that publishes what it has."""
    told: dict[str, str] = {}

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        at = f"http://127.0.0.1:{server.server_port}"
        told["issuer"] = at
        told |= dict.fromkeys(("authorization_endpoint", "token_endpoint", "jwks_uri"), f"{at}/x")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield at, told
        server.shutdown()


def test_a_provider_is_asked_what_it_publishes(settings, issuer):
    at, told = issuer
    made = replace(settings, access=Access(url=OWN, oidc={"city": StaffAccounts(issuer=at, client_id="x")}))

    assert found(made, "accounts of city") == (OK, f"{at} answers; it has no logout of its own")
    told["end_session_endpoint"] = f"{at}/bye"
    assert found(made, "accounts of city") == (OK, f"{at} answers; there is a logout")
    told["issuer"] = "http://127.0.0.1:9"
    assert found(made, "accounts of city")[0] == WRONG


def test_a_provider_that_is_away_or_cannot_be_is_wrong(settings):
    for at in ("http://127.0.0.1:9", "http://evil.example"):
        city = StaffAccounts(issuer=at, client_id="x")
        assert found(replace(settings, access=Access(url=OWN, oidc={"city": city})), "accounts of city")[0] == WRONG
