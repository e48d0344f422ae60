"""An institution with accounts (a real provider in a process of its own) and a campus whose visitors have them."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from captive_portal import asker, keys, views
from captive_portal.fault_book import FaultBook
from captive_portal.own_records import Office
from captive_portal.probes import Probes
from netops.clock import SYSTEM
from netops.provider import Provider
from netops.secret import Secret
from netops.web import create_app

HERE = Path(__file__).parents[1]
OWN = "http://portal.test"
SECRET = "s:e%c ret"  # what HTTP Basic must carry encoded


class Institution:
    """The provider as the test sees it."""

    def __init__(self, port: int) -> None:
        self.port, self.issuer = port, f"http://127.0.0.1:{port}"

    def _ask(self, method: str, path: str, body: str = "", kind: str = "application/x-www-form-urlencoded"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, body or None, {"Content-Type": kind})
        answer = connection.getresponse()
        found = answer.status, answer.getheader("Location"), answer.read().decode()
        connection.close()
        return found

    def play(self, **tricks: object) -> None:
        assert self._ask("POST", "/tricks", json.dumps(tricks), "application/json")[0] == 200

    def asked(self) -> list[str]:
        return json.loads(self._ask("GET", "/asked")[2])

    def sign_in(self, address: str, user: str = "lin", password: str = "right") -> str:
        """Do what the visitor's browser does there; return where it is sent back to, on the portal."""
        parts = urlsplit(address)
        assert parts.netloc == f"127.0.0.1:{self.port}"
        form = urlencode({"user": user, "password": password})
        status, location, text = self._ask("POST", f"{parts.path}?{parts.query}", form)
        assert status == 302, text
        assert location is not None
        assert location.startswith(f"{OWN}/return/oidc?")
        return location.removeprefix(OWN)


@pytest.fixture(scope="session")
def institution():
    command = [sys.executable, str(HERE / "run_provider.py"), OWN, SECRET]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        yield Institution(int(process.stdout.readline()))
        process.terminate()


POLICY = """
policy: campus
title: Campus
default: yes
methods: [oidc, click_through]
garden: [sso.example.cn]
accounts:
  city:
    domains: [staff.example]
"""


class Campus:
    """A portal whose visitors may use the institution's accounts; each phone is an address."""

    def __init__(self, desk, settings, institution: Institution) -> None:
        self.desk, self.institution, self.settings = desk, institution, settings
        self.address, self.other, self.phones = "127.0.0.7", "127.0.0.8", 0
        accounts = desk.methods["oidc"]
        self.own = Office(
            settings=settings,
            store=desk.store,
            persons=desk.store._persons,
            providers=accounts.providers,
            back=accounts.back,
        )
        portal = asker.Portal(
            desk=desk,
            settings=settings,
            probes=Probes(),
            uplink=lambda: "up",
            venues=lambda _site: "",
            form_key=keys.identity_key(settings),
            base_url=OWN,
            reports=FaultBook(),
            own=self.own,
        )
        self.app = create_app(
            "portal",
            settings,
            blueprints=[views.blueprint(portal)],
            translations=[views.TRANSLATIONS],
            inline_styles=[views.STYLE],
            error_template="portal/error.html",
            clock=desk.clock,
        )

    def get(self, path: str, address: str = "", language: str = "en"):
        with self.app.test_client(use_cookies=False) as client:
            return client.get(
                path,
                base_url=OWN,
                headers={"Accept-Language": language},
                environ_base={"REMOTE_ADDR": address or self.address},
                follow_redirects=False,
            )

    def press(self, address: str = "", path: str = "/login", **form: str):
        page = self.get("/", address).text
        token = re.search(r'name="token" value="([^"]+)"', page)
        assert token, page
        with self.app.test_client(use_cookies=False) as client:
            return client.post(
                path,
                base_url=OWN,
                data={"token": token[1], "method": "oidc", "provider": "city", **form},
                environ_base={"REMOTE_ADDR": address or self.address},
                headers={"Accept-Language": "en"},
            )

    @staticmethod
    def onward(answer) -> str:
        """Return where the portal sends the browser."""
        if answer.status_code == 303:
            return answer.headers["Location"]
        found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', answer.text)
        assert found, answer.text
        return found[1].replace("&amp;", "&")

    def leave(self, address: str = "", **form: str) -> str:
        """Press the button and return the address that the browser is sent to."""
        return self.onward(self.press(address, **form))

    def bring(self, back: str, address: str = ""):
        """Come back with an address, and follow the portal's own redirects to the last page."""
        answer = self.get(back, address)
        while answer.status_code == 303 and answer.headers["Location"].startswith("/"):
            answer = self.get(answer.headers["Location"], address)
        return answer

    @property
    def provider(self):
        return self.desk.methods["oidc"]._providers["city"]

    def forget(self) -> None:
        """Know nothing of the provider, as after a start."""
        self.provider._endpoints = self.provider._keys = None
        self.provider._away_until_ms, self.provider.wrong = 0, ""
        self.provider._looked_ms, self.provider._failed_ms, self.provider._missed = 0, 0, ()

    def again(self) -> Campus:
        """Return the same portal after a restart."""
        return Campus(self.house.restart(), self.settings, self.institution)

    def session(self):
        return self.desk.current(self.desk.gateway.identify(self.address))

    def online(self, address: str = "") -> bool:
        return self.desk.current(self.desk.gateway.identify(address or self.address)) is not None


def with_accounts(settings, folder: Path, institution: Institution, policy: str, **provider: object):
    """Return settings with the institution's accounts and one policy."""
    policies = folder / "policies"
    policies.mkdir(exist_ok=True)
    (policies / "campus.yaml").write_text(policy, encoding="utf-8")
    secret = folder / "client.secret"
    secret.write_text(SECRET, encoding="utf-8")
    usual = {"issuer": institution.issuer, "client_id": "portal", "client_secret": Secret(f"file:{secret}")}
    city = Provider(**{**usual, "title": "教工账号", "title_en": "Staff account", **provider})
    return replace(settings, portal=replace(settings.portal, oidc={"city": city}, policies=policies))


@pytest.fixture
def make_campus(settings, house_of, clock, tmp_path, institution):
    with ExitStack() as stack:

        def make(policy: str = POLICY, **provider: object) -> Campus:
            ours = with_accounts(settings, tmp_path, institution, policy, **provider)
            clock.at_ms = SYSTEM.now_ms()
            house = stack.enter_context(house_of(ours, clock))
            made = Campus(house.open(), ours, institution)
            made.house = house
            return made

        institution.play()
        yield make


@pytest.fixture(scope="session")
def whole_campus(tmp_path_factory, city_settings, standing, house_of, institution):
    folder, clock = tmp_path_factory.mktemp("campus"), standing()
    ours = with_accounts(city_settings(folder), folder, institution, POLICY)
    with house_of(ours, clock) as house:
        yield Campus(house.open(), ours, institution)


@pytest.fixture
def campus(whole_campus, institution):
    """One portal for all of these tests; each comes with a phone of its own and a provider that is honest again."""
    whole_campus.desk.clock.at_ms = SYSTEM.now_ms()
    number = whole_campus.phones = whole_campus.phones + 1
    whole_campus.address = f"127.1.{number // 250}.{number % 250 + 1}"
    whole_campus.other = f"127.2.{number // 250}.{number % 250 + 1}"
    whole_campus.forget()
    institution.play()
    return whole_campus


@pytest.fixture
def policy_of_the_campus() -> str:
    """The policy that `campus` has."""
    return POLICY
