"""A whole portal on loopback with every way in that needs nobody else, and the two browsers that look at it."""

from __future__ import annotations

import importlib.util
import itertools
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from captive_portal import service
from netops.clock import SYSTEM
from netops.config import Listener
from netops.provider import Provider
from netops.secret import Secret
from netops.service import running
from netops.texting import SmsProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

HERE = Path(__file__).parent
LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><circle cx="12" cy="9" r="7" fill="#0b6e4f"/>'
    '<path d="M11 14h2v8h-2z" fill="#6b4a2b"/></svg>'
)
PARKS = """policy: parks
title: Parks
sites: [site-1]
methods: [sms, click_through, voucher]
session_minutes: 60
languages: [zh_CN, en, ja, ko]
brand: {name: 海淀公园免费上网, name_en: Haidian Parks WiFi, colour: "#0b6e4f", logo: tree.svg}
returning: {days: 30, methods: [sms, voucher], random_macs: yes}
"""
SECRET = "of the client"


def _load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


mini_browser = _load("mini_browser")
chromium = _load("chromium")


class Ahead:
    """A clock that goes as the machine's does and can be set forward."""

    def __init__(self) -> None:
        self._ahead_ms = 0

    def now_ms(self) -> int:
        return SYSTEM.now_ms() + self._ahead_ms

    def monotonic(self) -> float:
        return SYSTEM.monotonic() + self._ahead_ms / 1000

    def forward(self, seconds: float) -> None:
        self._ahead_ms += int(seconds * 1000)


@dataclass
class Street:
    """A running portal and the devices around it; each device is an address of its own."""

    portal: Any
    settings: Any
    clock: Ahead
    _next: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.portal.port}"

    def device(self, language: str = "en", address: str = "") -> Any:
        """Return a login sheet of a device that was never here."""
        number = next(self._next)
        address = address or f"127.0.{number >> 8}.{number & 255}"
        where = {"portal.test": ("127.0.0.1", self.portal.port)}
        return mini_browser.MiniBrowser(mini_browser.from_address(address, where), "http://portal.test/", language)


@pytest.fixture(scope="module")
def street(
    tmp_path_factory: pytest.TempPathFactory,
    city_settings: Callable[[Path], Any],
    policy_texts: Mapping[str, str],
    accounts: Mapping[str, Provider],
) -> Iterator[Street]:
    folder = tmp_path_factory.mktemp("street")
    policies = folder / "policies"
    policies.mkdir()
    for name, text in policy_texts.items():
        (policies / f"{name}.yaml").write_text(text, encoding="utf-8")
    (policies / "tree.svg").write_text(LOGO, encoding="utf-8")
    settings = city_settings(folder)
    settings = replace(
        settings,
        portal=replace(settings.portal, policies=policies, listen=Listener(port=0), oidc=accounts),
        sms=replace(settings.sms, providers={"outbox": SmsProvider(kind="outbox")}),
    )
    clock = Ahead()
    portal = service.PortalService(settings, clock)
    with running([portal]):
        yield Street(portal, settings, clock)


@pytest.fixture(scope="module")
def policy_text() -> str:
    """The policy of the street's own site."""
    return PARKS


@pytest.fixture(scope="module")
def policy_texts(policy_text: str) -> Mapping[str, str]:
    """Every policy of the street; a module may have more."""
    return {"parks": policy_text}


@pytest.fixture(scope="module")
def accounts() -> Mapping[str, Provider]:
    """Whose accounts let somebody in on the street; a module may have some."""
    return {}


@pytest.fixture(scope="session")
def provided() -> Callable[[str, Path], AbstractContextManager[Provider]]:
    """Return what starts a provider of accounts for a portal's URL, in a process of its own."""

    @contextmanager
    def start(url: str, folder: Path) -> Iterator[Provider]:
        command = [sys.executable, str(HERE.parent / "run_provider.py"), url, SECRET]
        (folder / "client.secret").write_text(SECRET, encoding="utf-8")
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout
            yield Provider(
                issuer=f"http://127.0.0.1:{int(process.stdout.readline())}",
                client_id="portal",
                client_secret=Secret(f"file:{folder / 'client.secret'}"),
                title="教工账号",
                title_en="Staff account",
            )
            process.terminate()

    return start


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real browser, one for all tests."""
    with chromium.Chromium(tmp_path_factory.mktemp("chromium")) as made:
        yield made
