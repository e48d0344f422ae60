"""An account's login in a real browser without scripts: there and back, through a portal and a provider that listen."""

from __future__ import annotations

import socket
import time
from dataclasses import replace

import pytest

from captive_portal import service
from netops.config import Listener
from netops.service import running

POLICY = """policy: campus
title: Campus
default: yes
methods: [oidc]
session_minutes: 60
accounts: {city: {domains: [staff.example]}}
"""


@pytest.fixture(scope="module")
def campus(tmp_path_factory, city_settings, provided):
    folder = tmp_path_factory.mktemp("campus")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    (folder / "campus.yaml").write_text(POLICY, encoding="utf-8")
    with provided(url, folder) as city:
        settings = city_settings(folder)
        portal = replace(
            settings.portal, public_url=url, listen=Listener(port=port), policies=folder, oidc={"city": city}
        )
        made = service.PortalService(replace(settings, portal=portal))
        with running([made]):
            yield url, city.issuer, made


def goes_to(browser, address: str) -> str:
    """Wait until the browser shows an address that begins so; return the page's text."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if (
            browser.evaluate("location.href").startswith(address)
            and browser.evaluate("document.readyState") == "complete"
        ):
            return str(browser.evaluate("document.body.innerText"))
        time.sleep(0.05)
    raise AssertionError(f"{browser.evaluate('location.href')} instead of {address}")


def press(browser, words: str) -> None:
    browser.evaluate(f"[...document.querySelectorAll('button')].find(b => b.innerText.includes({words!r})).click()")


@pytest.mark.partner("chromium")
def test_a_browser_without_scripts_goes_there_and_comes_back_online(campus, browser) -> None:
    url, issuer, portal = campus
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(f"{url}/?lang=en")
        press(browser, "Staff account")
        goes_to(browser, f"{issuer}/authorize")
        browser.evaluate("document.querySelector('[name=user]').value = 'lin'")
        browser.evaluate("document.querySelector('[name=password]').value = 'right'")
        press(browser, "Sign in")
        text = goes_to(browser, f"{url}/?lang=en")

        assert "You are online" in text
        assert portal.desk.live == 1
        assert not [each for each in browser.told("Log.entryAdded") if "violates" in each["entry"]["text"]]
        press(browser, "Too slow")
        assert "Recorded, thank you" in goes_to(browser, f"{url}/report")
    finally:
        browser.ask("Emulation.setScriptExecutionDisabled", value=False)
