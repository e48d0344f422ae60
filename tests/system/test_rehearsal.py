"""What a person sees who types the README's first command."""

from __future__ import annotations

import os
import re
import subprocess
import time

import pytest

from netops import config, hotspots
from netops.clock import SYSTEM
from netops.ledger import LedgerReader
from netops.model import ANSWERED
from netops.store import open_store
from tests.captive_portal.pages.chromium import Chromium
from tests.netops.alerts.messenger import messenger
from tests.system.conftest import NETOPS
from tests.system.visit import Visit

pytestmark = [pytest.mark.xdist_group("rehearsal"), pytest.mark.timeout(300)]


def test_what_is_planted_shows(shared):
    shared.live()
    shared.wait("the three planted outages", seconds=60, ask=lambda: shared.states().get("down", 0) == 3)


def test_the_portal_is_told_at_which_sites_wifi_works(shared):
    shared.live()

    def told() -> bool:
        return len(hotspots.read(config.load(shared.home / "netops.toml", environ={}), SYSTEM.now_ms())) > 20

    shared.wait("the sites whose WiFi works", seconds=60, ask=told)


def test_a_city_lives_within_a_minute_stops_on_ctrl_c_and_goes_on_with_its_data(shared):
    shared.live()
    took, said = shared.lives[0]

    assert took < 60
    assert said.count("one-time password") == 4
    assert shared.get("/healthz")[0] == 200
    assert "演练" in shared.get("/login")[1]
    assert "演练" in shared.get("/", shared.portal)[1]

    assert shared.stop() == 0
    with LedgerReader(shared.home / "ledger.db") as ledger:
        before = ledger.size
        assert ledger.rehearsal
        assert ledger.origin.endswith("/rehearsal")
        ledger.audit()

    shared.live()
    assert shared.stop() == 0
    with LedgerReader(shared.home / "ledger.db") as ledger:
        assert ledger.size > before
        ledger.audit()
    assert len(shared.lives) > 1
    assert "one-time password" not in shared.terminal()


def test_a_production_instance_refuses_a_rehearsals_data(shared):
    if not shared.lives:
        shared.live()
    if shared.running:
        shared.stop()
    config = shared.home / "netops.toml"
    words = [NETOPS, "--config", config, "--set", "city.rehearsal=false"]

    shown = subprocess.run([*words, "inventory", "show", "areas"], capture_output=True, text=True, check=False)
    core = subprocess.run([*words, "up", "core"], capture_output=True, text=True, check=False, timeout=60)

    assert shown.returncode != 0
    assert "rehearsal" in shown.stderr
    assert core.returncode != 0


@pytest.mark.slow
def test_every_door_has_a_partner_that_speaks(rehearsal):
    city = rehearsal("--no-history")
    city.start()
    city.wait_for_data()
    settings = config.load(city.home / "netops.toml", environ={})
    since = SYSTEM.now_ms() - 600_000

    def heard():
        with open_store(settings) as store:
            outcomes = store.outcomes(start_ms=since, end_ms=SYSTEM.now_ms() + 1)
        doors = {each.device.partition("/")[2] for each in outcomes if each.outcome == ANSWERED}
        with LedgerReader(city.home / "ledger.db") as ledger:
            events = {leaf.fact.body["event"] for leaf in ledger.find("device_event")}
        return doors >= {"", "ssh", "cwmp", "probe"} and events >= {"ap_fault", "boot"}

    city.wait("a word through every door", seconds=150, ask=heard)
    assert city.stop() == 0
    assert "Traceback" not in "".join(each.read_text() for each in (city.home / "log").glob("*.log"))


PHONE, THUMB = (390, 844), 36


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.partner("nft")
@pytest.mark.partner("chromium")
def test_a_dead_controller_is_on_the_screen_within_60_s_one_message_within_90_and_taken_on_from_a_phone(
    rehearsal, monkeypatch, tmp_path
):
    """The kernel drops what is sent to one simulated controller: 29 access points go down with it, at polls of 30 s.

    The overview that lies open on a desk shows it by itself. The message's link needs no login, and one button is all.
    """
    table = f"netops_drill_{os.getpid()}"
    (tmp_path / "browser").mkdir()
    with messenger() as phone, Chromium(tmp_path / "browser") as browser:
        city = rehearsal("--no-history", "--interval", "30")
        monkeypatch.setenv("NETOPS_ALERT__PEOPLE__FIRST__URLS", f"plain:{phone.url}")
        monkeypatch.setenv("NETOPS_ALERT__PRIVATE", "true")
        monkeypatch.setenv("NETOPS_ALERT__URL", f"http://127.0.0.1:{city.web}")
        city.start()
        city.wait_for_data()
        city.wait("the planted outages are told", seconds=150, ask=lambda: len(phone.heard) >= 3)

        def about():
            return [each for each in phone.heard if "carrier-a-ac-1" in each["title"]]

        rules = (
            f"table ip {table} {{ chain in {{ type filter hook input priority 0; policy accept;\n"
            f"ip daddr 127.20.0.1 udp dport {city.snmp} drop\n}}\n}}\n"
        )
        desk = Visit(browser, city, "operator")
        desk.begin("/")
        try:
            subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
            began = time.monotonic()
            desk.until("document.querySelector('ul.troubles').innerText.includes('carrier-a-ac-1')", seconds=60)
            shown = time.monotonic() - began
            city.wait("the controller's death is told", seconds=120, ask=about)
            took = time.monotonic() - began
            print(f"a dead controller: on the screen after {shown:.1f} s, told after {took:.1f} s")
            _take_on(Visit(browser, city), about()[0]["message"])
            time.sleep(20)
        finally:
            subprocess.run(["nft", "delete", "table", "ip", table], check=False)
        assert took < 90
        assert len(about()) == 1
        assert "29" in about()[0]["title"]
        desk.begin(re.search(r"(/incidents/\S+)", about()[0]["message"])[1])
        assert "first ·" in desk.text("#facts ~ dl"), "everybody is told, each by a link of their own"
        city.wait("its return is told", seconds=240, ask=lambda: len(about()) == 2)
        assert "已恢复" in about()[1]["title"]
    assert city.stop() == 0


def _take_on(one: Visit, message: str) -> None:
    """Follow the link of a message on a phone, logged in nowhere, and press the button."""
    one.browser.size(*PHONE)
    one.begin(re.search(r"(/take/\S+)", message)[1])
    assert one.browser.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert one.browser.evaluate("document.querySelector('.door button').getBoundingClientRect().height") >= THUMB
    one.enter(".door button")
    assert one.clicks == 1
    assert one.browser.evaluate("!!document.querySelector('.notice.good')")
    one.browser.ask("Emulation.clearDeviceMetricsOverride")
