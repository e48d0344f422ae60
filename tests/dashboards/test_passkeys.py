"""Passkeys in a real browser with an authenticator of its own: set up, as a second factor, alone; no script refused."""

from __future__ import annotations

import importlib.util
import socket
import time
from pathlib import Path

import pytest
from small_city import PASSWORD

from netops.config import Listener
from netops.entering import Access
from netops.web import Server

pytestmark = [pytest.mark.partner("chromium"), pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    where = Path(__file__).parents[1] / "captive_portal" / "pages" / "chromium.py"
    spec = importlib.util.spec_from_file_location("chromium_of_the_passkeys", where)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    with made.Chromium(tmp_path_factory.mktemp("browser")) as found:
        found.ask("WebAuthn.enable")
        yield found


@pytest.fixture
def key(browser):
    """An authenticator within the browser, whose user is verified."""
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options |= {"isUserVerified": True, "automaticPresenceSimulation": True}
    made = browser.ask("WebAuthn.addVirtualAuthenticator", options=options)["authenticatorId"]
    yield made
    browser.ask("WebAuthn.removeVirtualAuthenticator", authenticatorId=made)


@pytest.fixture
def make(sites, tmp_path):
    """Serve the small city at a name that has passkeys; return its address."""
    servers = []

    def made(**access) -> str:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        url = f"http://localhost:{port}"
        site = sites(tmp_path, telemetry=False, access=Access(url=url, **access))
        servers.append(Server(site.app, Listener(port=port)))
        servers[-1].start()
        return url

    yield made
    for each in servers:
        each.stop()


def goes_to(browser, address: str) -> str:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        here, state = browser.evaluate("location.pathname"), browser.evaluate("document.readyState")
        if here == address and state == "complete":
            return str(browser.evaluate("document.body.innerText"))
        time.sleep(0.05)
    raise AssertionError(f"{browser.evaluate('location.href')} instead of {address}")


def log_in(browser, url: str, role: str) -> None:
    browser.ask("Network.clearBrowserCookies")
    browser.open(f"{url}/login?lang=en")
    fill(browser, name=role, password=PASSWORD)
    browser.evaluate("document.querySelector('form[action=\"/login\"] button').click()")


def fill(browser, **fields: str) -> None:
    for name, value in fields.items():
        browser.evaluate(f"document.querySelector('[name={name}]').value = {value!r}")


def press(browser, words: str) -> None:
    browser._events.clear()
    browser.evaluate(f"[...document.querySelectorAll('button')].find(b => b.innerText.includes({words!r})).click()")


def refused(browser) -> list[str]:
    said = [each["entry"]["text"] for each in browser.told("Log.entryAdded")]
    return [each for each in said if "40" not in each]


def test_a_passkey_is_set_up_then_asked_for_then_enough_alone(browser, key, make):
    url = make(passkey="contract_manager")
    log_in(browser, url, "contract_manager")
    assert "must have a passkey" in goes_to(browser, "/factors")
    press(browser, "Add a passkey")
    browser.wait("Page.loadEventFired")
    text = goes_to(browser, "/factors")
    assert "Write these codes down" in text
    assert "My device" in text or "我的设备" in text
    browser.open(f"{url}/contracts?lang=en")
    goes_to(browser, "/contracts")

    log_in(browser, url, "contract_manager")
    goes_to(browser, "/factor")
    press(browser, "Use a passkey")
    goes_to(browser, "/")

    browser.ask("Network.clearBrowserCookies")
    browser.open(f"{url}/login?lang=en&next=/contracts")
    press(browser, "Log in with a passkey")
    goes_to(browser, "/contracts")
    (made,) = browser.ask("WebAuthn.getCredentials", authenticatorId=key)["credentials"]

    assert made["rpId"] == "localhost"
    assert made["signCount"] >= 3
    assert refused(browser) == []


def test_a_copied_authenticator_is_refused(browser, key, make):
    url = make()
    log_in(browser, url, "viewer")
    goes_to(browser, "/")
    browser.open(f"{url}/factors?lang=en")
    press(browser, "Add a passkey")
    browser.wait("Page.loadEventFired")
    (copied,) = browser.ask("WebAuthn.getCredentials", authenticatorId=key)["credentials"]
    log_in(browser, url, "viewer")
    goes_to(browser, "/factor")
    press(browser, "Use a passkey")
    goes_to(browser, "/")
    browser.ask("WebAuthn.clearCredentials", authenticatorId=key)
    browser.ask("WebAuthn.addCredential", authenticatorId=key, credential=copied)
    log_in(browser, url, "viewer")
    goes_to(browser, "/factor")
    press(browser, "Use a passkey")
    browser.wait("Page.loadEventFired")

    assert "not accepted" in goes_to(browser, "/factor")


def test_a_user_who_is_not_verified_does_not_come_in_alone(browser, key, make):
    url = make()
    log_in(browser, url, "viewer")
    goes_to(browser, "/")
    browser.open(f"{url}/factors?lang=en")
    press(browser, "Add a passkey")
    browser.wait("Page.loadEventFired")
    browser.ask("WebAuthn.setUserVerified", authenticatorId=key, isUserVerified=False)
    browser.ask("Network.clearBrowserCookies")
    browser.open(f"{url}/login?lang=en")
    press(browser, "Log in with a passkey")
    until = time.monotonic() + 20
    shown = "!document.querySelector('form[data-passkey] [role=alert]').hidden"
    while time.monotonic() < until and not browser.evaluate(shown):
        time.sleep(0.05)

    assert browser.evaluate(shown)
    assert browser.evaluate("location.pathname") == "/login"


def test_without_a_script_or_a_place_no_button_is_dead(sites, tmp_path, make, browser):
    url = make()
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(f"{url}/login?lang=en")
        assert browser.evaluate("document.querySelector('form[data-passkey]').checkVisibility()") is False
    finally:
        browser.ask("Emulation.setScriptExecutionDisabled", value=False)
    (tmp_path / "other").mkdir()
    plain = sites(tmp_path / "other", telemetry=False).client()

    assert "data-passkey" not in plain.get("/login").text
    assert plain.post("/login/passkey", data={"credential": "{}"}).status_code == 401
