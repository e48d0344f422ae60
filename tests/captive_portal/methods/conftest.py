"""A square whose policy offers every way in, and the visitors on it: browsers that keep nothing."""

from __future__ import annotations

import importlib.util
import itertools
import json
import re
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest

from captive_portal import asker, keys, tables, views, vouchers
from captive_portal.fault_book import FaultBook
from captive_portal.methods import METHODS
from captive_portal.model import Allowance
from captive_portal.probes import Probes
from netops.clock import SYSTEM
from netops.texting import SmsProvider
from netops.web import create_app

HERE = Path(__file__).parent
POLICY = """
policy: square
title: Square
default: yes
methods: [click_through, voucher, sms, oidc]
session_minutes: 60
accounts: {city: {domains: [staff.example]}}
returning: {days: 7, methods: [voucher], random_macs: yes}
"""


def _module(name: str, file: Path):
    spec = importlib.util.spec_from_file_location(name, file)
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made  # dataclasses look their module up
    spec.loader.exec_module(made)
    return made


accounts = _module("accounts_of_the_square", HERE.parent / "oidc" / "conftest.py")
ways = _module("ways_of_the_square", HERE / "ways.py")
institution = accounts.institution
OWN = accounts.OWN


@pytest.fixture(params=sorted(METHODS))
def way(request):
    """Each method of the map in turn; one that has no row in `ways.py` fails every test."""
    return ways.WAYS[request.param]


@pytest.fixture
def rows():
    """The rows of all methods, by name."""
    return ways.WAYS


@pytest.fixture
def step_of():
    """What makes a request of one's own."""
    return ways.Step


class Sheet:
    """A login sheet on one device: every request is a new browser, so nothing is kept but the address."""

    def __init__(self, square: Square, address: str) -> None:
        self.square, self.address = square, address
        self.form, self.shown_ms = "", 0

    def ask(self, method: str, path: str, body: str | None = None, language: str = "en"):
        kind = "application/x-www-form-urlencoded" if body is not None else None
        with self.square.app.test_client(use_cookies=False) as browser:
            answer = browser.open(
                path,
                method=method,
                base_url=OWN,
                data=body,
                content_type=kind,
                headers={"Accept-Language": language},
                environ_base={"REMOTE_ADDR": self.address},
            )
        assert "Set-Cookie" not in answer.headers
        return answer

    def home(self) -> str:
        return self.ask("GET", "/").text

    def token(self) -> str:
        """Return the token of a form that this device was shown within ten minutes."""
        now_ms = self.square.clock.now_ms()
        if not 0 <= now_ms - self.shown_ms < 600_000:
            self.form, self.shown_ms = re.search(r'name="token" value="([^"]+)"', self.home())[1], now_ms
        return self.form

    def take(self, step, token: str = ""):
        """Take a step as its browser does: a link is followed, a form is sent with this sheet's token."""
        if step.form is None:
            return self.ask("GET", step.path)
        return self.ask("POST", step.path, urlencode([*step.form.items(), ("token", token or self.token())]))

    def take_twice_named(self, step, name: str, first: str, second: str):
        """Take a step with one of its names given twice."""
        path, _, query = step.path.partition("?")
        given = parse_qsl(query) if step.form is None else [*step.form.items(), ("token", self.token())]
        assert name in dict(given)
        doubled = urlencode([each for each in given if each[0] != name] + [(name, first), (name, second)])
        return self.ask("GET", f"{path}?{doubled}") if step.form is None else self.ask("POST", path, doubled)

    @property
    def client(self):
        return self.square.desk.gateway.identify(self.address)

    @property
    def session(self):
        return self.square.desk.current(self.client)

    @property
    def online(self) -> bool:
        return self.session is not None and any(
            each.client.mac == self.client.mac for each in self.square.desk.gateway.admitted()
        )

    def leaves(self) -> None:
        self.ask("POST", "/logout", urlencode({"token": self.token()}))
        assert not self.online


class Square:
    """The portal with all that it stands on; a real provider of accounts, an outbox for messages."""

    def __init__(self, house, institution) -> None:
        self.house, self.institution = house, institution
        self.settings, self.clock = house.settings, house.clock
        self.numbers = itertools.count(1)
        self.open()

    def open(self, *, again: bool = False) -> None:
        self.desk = self.house.restart() if again else self.house.open()
        for each in self.desk.methods.values():
            each.begin()
            self.house.stack.callback(each.close)
        portal = asker.Portal(
            desk=self.desk,
            settings=self.settings,
            probes=Probes(),
            uplink=lambda: "up",
            venues=lambda _site: "",
            form_key=keys.identity_key(self.settings),
            base_url=OWN,
            reports=FaultBook(),
        )
        self.app = create_app(
            "portal",
            self.settings,
            blueprints=[
                views.blueprint(portal),
                *(page for each in self.desk.methods.values() for page in each.pages()),
            ],
            translations=[views.TRANSLATIONS],
            inline_styles=[views.STYLE],
            error_template="portal/error.html",
            clock=self.clock,
        )

    def sheet(self) -> Sheet:
        """Return the sheet of a device that was never here."""
        number = next(self.numbers)
        return Sheet(self, f"127.3.{number // 250}.{number % 250 + 1}")

    def pass_(self, seconds: float) -> None:
        """Let time pass, and the portal do what it does every few seconds."""
        self.clock.forward(seconds)
        self.desk.upkeep.expire()

    def voucher(self, *, seconds: int = 3600, single_use: bool = True) -> str:
        order = vouchers.Order(
            label="",
            count=1,
            allowance=Allowance(seconds=seconds, single_use=single_use),
            start_by_ms=self.clock.now_ms() + vouchers.DAY_MS,
            made_by="op",
        )
        url, key = tables.url(self.settings), keys.voucher_key(self.settings)
        return vouchers.create(url, key, order, self.clock.now_ms())[1][0]

    def message(self, phone: str) -> str:
        """Return the code of the newest message to a number, when its file is there."""
        folder, until = self.settings.room("portal") / "outbox", time.monotonic() + 20
        while time.monotonic() < until:
            for file in sorted(folder.glob("*.json"), reverse=True):
                said = json.loads(file.read_text(encoding="utf-8"))
                if said["phone"] == f"+86{phone}":
                    return said["code"]
            time.sleep(0.005)
        raise AssertionError("no message")

    def stored(self) -> bytes:
        """Return every octet that the portal has on disk, but for keys and what lies in the outbox for the phones."""
        kept = [each for each in self.settings.data.dir.rglob("*") if each.is_file()]
        return b"".join(each.read_bytes() for each in kept if not {"outbox", "keys"} & set(each.parts))


def settings_of(settings, folder: Path, institution):
    """Return a city's settings with every way in."""
    ours = accounts.with_accounts(settings, folder, institution, POLICY)
    return replace(ours, sms=replace(ours.sms, providers={"outbox": SmsProvider(kind="outbox")}))


@pytest.fixture(scope="module")
def whole_square(tmp_path_factory, city_settings, standing, house_of, institution):
    folder, clock = tmp_path_factory.mktemp("square"), standing()
    clock.at_ms = SYSTEM.now_ms()
    with house_of(settings_of(city_settings(folder), folder, institution), clock) as house:
        yield Square(house, institution)


@pytest.fixture
def square(whole_square, institution):
    """One portal for all of these tests, at this moment; each visitor comes with a device of its own."""
    whole_square.clock.at_ms = SYSTEM.now_ms()
    institution.play()
    return whole_square


@pytest.fixture
def own_square(tmp_path, city_settings, standing, house_of, institution):
    """A portal of the test's own, which it may restart or break."""
    with ExitStack() as stack:
        clock = standing()
        clock.at_ms = SYSTEM.now_ms()
        house = stack.enter_context(house_of(settings_of(city_settings(tmp_path), tmp_path, institution), clock))
        institution.play()
        yield Square(house, institution)
