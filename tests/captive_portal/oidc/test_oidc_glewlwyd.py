"""A real partner: accounts of Debian's Glewlwyd, registered as its administrator would, and a visitor's whole way.

The portal is handled as in the other tests of this folder; whoever signs in at Glewlwyd asks what its own login page
asks: `/api/auth/` with a password, `/api/auth/grant/` with what may be told to the portal, then the address again.
"""

from __future__ import annotations

import http.client
import json
import socket
import sqlite3
import subprocess
import time
from contextlib import closing
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc.jwk import RSAKey

from netops.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN = "http://portal.test"
BACK = f"{OWN}/return/oidc"
# Glewlwyd 2.7 takes a client's secret in HTTP Basic as it stands, against RFC 6749 section 2.3.1; one without any
# character that would be encoded is the same both ways.
SECRET = "of-the-portal-0123456789"
SCHEMA = Path("/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3")
ADMIN = {"username": "admin", "password": "password"}  # of the schema, until somebody changes it
READY_S = 30.0
ACCOUNTS = {"lin": "openid email g_profile", "gone": "g_profile"}
PASSWORD = "right, and long enough"
VERIFIED = {"multiple": False, "read": True, "write": True, "profile-read": True, "profile-write": False}
pytestmark = [
    pytest.mark.slow,
    pytest.mark.partner("glewlwyd"),
    pytest.mark.timeout(120),
    pytest.mark.xdist_group("glewlwyd"),
]


class Browser:
    """One session at Glewlwyd."""

    def __init__(self, port: int) -> None:
        self.port, self.cookie = port, ""

    def ask(self, method: str, path: str, said: object = None) -> tuple[int, str, str]:
        """Return the status, where it leads to, and the text."""
        headers = {"Cookie": self.cookie} if self.cookie else {}
        body = None if said is None else json.dumps(said)
        if body is not None:
            headers["Content-Type"] = "application/json"
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        for each in SimpleCookie(answer.getheader("Set-Cookie", "")).values():
            self.cookie = f"{each.key}={each.value}"
        return answer.status, answer.getheader("Location", ""), text

    def must(self, method: str, path: str, said: object = None) -> Any:
        status, _, text = self.ask(method, path, said)
        assert status == 200, f"{method} {path}: {status} {text}"
        return json.loads(text or "null")

    def onward(self, address: str, *, answered: bool = True) -> str:
        """Follow the portal's address; `answered`: the login page is done with. Return where that leads."""
        parts = urlsplit(address)
        assert parts.netloc == f"127.0.0.1:{self.port}"
        status, location, text = self.ask("GET", f"{parts.path}?{parts.query}{'&g_continue' if answered else ''}")
        assert status == 302, text
        return location


class Glewlwyd:
    """The provider as an institution runs it."""

    def __init__(self, port: int) -> None:
        self.port, self.issuer = port, f"http://127.0.0.1:{port}/api/oidc"

    def browser(self, user: str = "lin", *, tells: str = "openid email") -> Browser:
        """Return a session of somebody who has signed in and said what the portal may be told."""
        made = Browser(self.port)
        made.must("POST", "/api/auth/", {"username": user, "password": PASSWORD})
        made.must("PUT", "/api/auth/grant/portal/", {"scope": tells})
        return made

    def sign_in(self, address: str, user: str = "lin", *, tells: str = "openid email") -> str:
        """Do what the visitor's browser does there; return where it is sent back to, on the portal."""
        location = self.browser(user, tells=tells).onward(address)
        assert location.startswith(f"{BACK}?"), location
        return location.removeprefix(OWN)

    def register(self) -> None:
        """Set up what an administrator does: signing key, claims, client, accounts."""
        admin = Browser(self.port)
        admin.must("POST", "/api/auth/", ADMIN)
        users = admin.must("GET", "/api/mod/user/database")
        users["parameters"]["data-format"]["mail_checked"] = VERIFIED
        admin.must("PUT", "/api/mod/user/database", users)
        admin.must("PUT", "/api/mod/user/database/reset")
        scope = {"name": "email", "display_name": "Mail", "description": "Mail address", "password_required": True}
        admin.must("POST", "/api/scope/", {**scope, "password_max_age": 0, "scheme": {}})
        plugin = {"module": "oidc", "name": "oidc", "display_name": "OpenID Connect", "parameters": self._plugin()}
        admin.must("POST", "/api/mod/plugin/", plugin)
        client = {"client_id": "portal", "name": "Portal", "enabled": True, "confidential": True, "password": SECRET}
        client |= {"client_secret": SECRET, "token_endpoint_auth_method": ["client_secret_basic"]}
        client |= {"redirect_uri": [BACK], "authorization_type": ["code"], "scope": ["openid", "email"]}
        admin.must("POST", "/api/client/", client)
        for name, scopes in ACCOUNTS.items():
            person = {"username": name, "name": name, "email": f"{name}@staff.example", "password": PASSWORD}
            admin.must("POST", "/api/user/", {**person, "enabled": True, "scope": scopes.split(), "mail_checked": "1"})

    def _plugin(self) -> dict[str, object]:
        key = RSAKey.generate_key(2048, {"kid": "first", "alg": "RS256", "use": "sig"})
        checked = {"name": "email_verified", "user-property": "mail_checked", "type": "boolean", "mandatory": False}
        return {
            "iss": self.issuer,
            "jwks-private": json.dumps({"keys": [key.as_dict(private=True)]}),
            "default-kid": "first",
            "jwks-show": True,
            "access-token-duration": 600,
            "refresh-token-duration": 600,
            "code-duration": 120,
            "auth-type-code-enabled": True,
            "allow-non-oidc": False,
            "oauth-as-iss-id": True,  # RFC 9207
            "pkce-allowed": True,
            "pkce-required": True,
            "pkce-method-plain-allowed": False,
            "subject-type": "public",
            "email-claim": "on-demand",
            "email-claim-scope": ["email"],
            "claims": [
                {
                    **checked,
                    "boolean-value-true": "1",
                    "boolean-value-false": "0",
                    "on-demand": True,
                    "scope": ["email"],
                }
            ],
        }


def _settings(folder: Path, port: int) -> Path:
    database = folder / "glewlwyd.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(SCHEMA.read_text(encoding="utf-8"))
    modules = Path("/usr/lib/glewlwyd")
    written = {
        "bind_address": "127.0.0.1",
        "external_url": f"http://127.0.0.1:{port}",
        "login_url": "login.html",
        "api_prefix": "api",
        "log_mode": "console",
        "log_level": "WARNING",
        "cookie_domain": "127.0.0.1",
        "admin_scope": "g_admin",
        "profile_scope": "g_profile",
        "hash_algorithm": "SHA512",
        "user_module_path": str(modules / "user"),
        "client_module_path": str(modules / "client"),
        "user_auth_scheme_module_path": str(modules / "scheme"),
        "plugin_module_path": str(modules / "plugin"),
    }
    lines = [f"port={port}", "cookie_secure=0", *(f'{name}="{value}"' for name, value in written.items())]
    lines.append(f'database={{ type="sqlite3" path="{database}" }};')
    file = folder / "glewlwyd.conf"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def _free() -> int:
    with socket.socket() as at:
        at.bind(("127.0.0.1", 0))
        return int(at.getsockname()[1])


@pytest.fixture(scope="module")
def glewlwyd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Glewlwyd]:
    folder, port = tmp_path_factory.mktemp("glewlwyd"), _free()
    log = folder / "log"
    words = ["glewlwyd", "-c", str(_settings(folder, port))]
    with log.open("wb") as to, subprocess.Popen(words, stdout=to, stderr=subprocess.STDOUT) as process:
        try:
            until = time.monotonic() + READY_S
            while not _answers(port):
                assert process.poll() is None, log.read_text(encoding="utf-8")
                assert time.monotonic() < until, log.read_text(encoding="utf-8")
                time.sleep(0.05)
            made = Glewlwyd(port)
            made.register()
            yield made
        finally:
            process.kill()


def _answers(port: int) -> bool:
    try:
        return Browser(port).ask("GET", "/config")[0] == 200
    except OSError:
        return False


@pytest.fixture
def hall(make_campus, glewlwyd):
    """A campus whose accounts are Glewlwyd's, of one mail domain."""
    return make_campus(issuer=glewlwyd.issuer, client_secret=Secret(f"plain:{SECRET}"))


def test_a_visitor_with_an_account_there_is_online_and_is_the_same_person_on_each_phone(hall, glewlwyd) -> None:
    address = hall.leave()
    assert parse_qs(urlsplit(address).query)["code_challenge_method"] == ["S256"]
    page = hall.bring(glewlwyd.sign_in(address))
    hall.bring(glewlwyd.sign_in(hall.leave(hall.other)), hall.other)

    assert page.status_code == 200
    assert "You are online" in page.text
    assert hall.session().grant.method == "oidc"
    persons = {each.client.addresses[0]: each.grant.person for each in hall.desk.store.live()}
    assert persons[hall.address] == persons[hall.other]
    assert hall.provider.counted == {"let_in": 2, "away": 0, "untrusted": 0}


def test_a_wrong_password_never_leads_back_to_the_portal(hall, glewlwyd) -> None:
    address, browser = hall.leave(), Browser(glewlwyd.port)

    assert browser.ask("POST", "/api/auth/", {"username": "lin", "password": "wrong"})[0] == 401
    assert urlsplit(browser.onward(address)).path == "/login.html"

    assert not hall.online()
    assert hall.bring(glewlwyd.sign_in(address)).status_code == 200, "and the right one still does, from the same page"
    assert hall.online()


def test_who_does_not_let_the_portal_be_told_the_mail_address_is_not_let_in(hall, glewlwyd) -> None:
    page = hall.bring(glewlwyd.sign_in(hall.leave(), tells="openid"))

    assert page.status_code == 422
    assert "cannot be used here" in page.text
    assert not hall.online()


def test_an_account_that_the_provider_lets_nowhere_stays_at_its_page(hall, glewlwyd) -> None:
    location = glewlwyd.browser("gone", tells="").onward(hall.leave())

    assert urlsplit(location).path == "/login.html"
    assert not hall.online()


def test_what_the_provider_answers_instead_of_a_code_is_told_as_a_login_that_did_not_complete(hall, glewlwyd) -> None:
    location = Browser(glewlwyd.port).onward(f"{hall.leave()}&prompt=none")

    assert location.startswith(f"{BACK}?")
    assert "error" in parse_qs(urlsplit(location).query)
    page = hall.bring(location.removeprefix(OWN))
    assert page.status_code == 422
    assert "did not complete" in page.text
    assert not hall.online()


def test_a_code_is_good_once_and_for_nobody_else(hall, glewlwyd) -> None:
    back = glewlwyd.sign_in(hall.leave())
    hall.bring(back)
    assert hall.online()
    hall.desk.logout(hall.desk.gateway.identify(hall.address))

    assert hall.bring(back).status_code == 422, "the same answer again"
    assert not hall.online()
    assert _with(hall, _code(back)).status_code == 422, "the code once more, in a login of its own"
    assert not hall.online()


def test_a_code_that_was_not_used_is_no_good_in_anybody_elses_login(hall, glewlwyd) -> None:
    back = glewlwyd.sign_in(hall.leave(hall.other))

    assert _with(hall, _code(back)).status_code == 422
    assert not hall.online()
    assert hall.provider.counted["untrusted"] == 1


@pytest.mark.parametrize("name", ["nonce", "code_challenge"])
def test_a_login_whose_question_was_changed_on_the_way_there_comes_to_nothing(hall, glewlwyd, name: str) -> None:
    parts = urlsplit(hall.leave())
    query = {**dict(item.split("=", 1) for item in parts.query.split("&")), name: "x" * 43}
    changed = parts._replace(query="&".join(f"{key}={value}" for key, value in query.items())).geturl()

    page = hall.bring(glewlwyd.sign_in(changed))

    assert page.status_code == 422
    assert not hall.online()
    assert hall.provider.counted["untrusted"] == 1


def test_a_key_that_the_provider_changed_is_learnt_and_lets_in(hall, glewlwyd) -> None:
    hall.bring(glewlwyd.sign_in(hall.leave()))
    assert hall.online()
    admin = Browser(glewlwyd.port)
    admin.must("POST", "/api/auth/", ADMIN)
    plugin = admin.must("GET", "/api/mod/plugin/oidc")
    key = RSAKey.generate_key(2048, {"kid": "second", "alg": "RS256", "use": "sig"})
    plugin["parameters"] |= {"jwks-private": json.dumps({"keys": [key.as_dict(private=True)]}), "default-kid": "second"}
    admin.must("PUT", "/api/mod/plugin/oidc", plugin)
    admin.must("PUT", "/api/mod/plugin/oidc/reset")
    hall.desk.clock.forward(61)  # a key that is not known makes us look again once a minute

    hall.bring(glewlwyd.sign_in(hall.leave(hall.other)), hall.other)

    assert hall.online(hall.other)


def _code(back: str) -> str:
    return parse_qs(urlsplit(back).query)["code"][0]


def _with(hall, code: str):
    """Bring a code into a login that the device has begun itself."""
    query = parse_qs(urlsplit(hall.leave()).query)
    words = urlencode({"code": code, "state": query["state"][0], "iss": hall.provider.settings.issuer})
    return hall.bring(f"/return/oidc?{words}")
