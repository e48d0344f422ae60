"""What a contract manager sees when a report is made final and settled: in a real browser, by axe; the clicks."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
import small_city

from netops.config import Listener
from netops.web import Server
from tests.dashboards.test_closing import MONTH, PATH, close
from tests.dashboards.test_objections import KEY, LAST, opened, sealed, send, stated
from tests.dashboards.test_rulings import SECOND, issue
from tests.dashboards.test_seen import SIZES, browser, click, go, judge, press
from tests.netops.dispute import desks

__all__ = ["browser"]  # the fixture
pytestmark = [pytest.mark.slow, pytest.mark.partner("chromium"), pytest.mark.timeout(180)]

PAGES = {  # a page → of which city, where
    "accepted-waiting": ("accepted", "/disputes/waiting"),
    "accepted-page": ("accepted", PATH),
    "final-waiting": ("final", "/disputes/waiting"),
    "final-page": ("final", PATH),
}
FINAL_CLICKS, SETTLED_CLICKS = 2, 4  # from the list to the word that is stated


def built(tmp_path_factory, stack, *words):
    """A city whose report the carrier accepted, and of which the city said the last words that are named."""
    place = tmp_path_factory.mktemp("seen")
    with pytest.MonkeyPatch.context() as there:
        there.chdir(place)
        made = opened(tmp_path_factory.mktemp("accepted"), stack)
        small_city.seeing(made.settings, SECOND, role="contract_manager")
        (place / "disputes.key").write_text(KEY.private_line() + "\n")
        (place / "disputes.key").chmod(0o600)
        (place / f"{LAST}.zip").write_bytes(issue.place(made.settings, LAST).read_bytes())
        given = ["accept", place / f"{LAST}.zip", "--key", "disputes.key", "--out", "yes.note"]
        assert desks.at_desk(place, *given, now_ms=small_city.NOW) == 0
        assert send(made, Path("yes.note").read_bytes()).status_code == 303
    sealed(made)
    for word in words:
        assert close(made, word).status_code == 303
        sealed(made)
    server = Server(made.app, Listener(port=0))
    server.start()
    stack.callback(server.stop)
    made.url = f"http://127.0.0.1:{server.port}"
    return made


@pytest.fixture(scope="module")
def accepted(tmp_path_factory):
    with ExitStack() as stack:
        yield built(tmp_path_factory, stack)


@pytest.fixture(scope="module")
def final(tmp_path_factory):
    with ExitStack() as stack:
        yield built(tmp_path_factory, stack, "report_final")


@pytest.fixture
def look(browser):
    """Open a page of a city, as the second contract manager or as another."""

    def shown(city, path: str, language: str = "zh-CN", who: str = SECOND) -> None:
        go(browser, city.url, path, language, client=city.browser(who))

    browser.size(*SIZES["desk"])
    yield shown
    browser.ask("Emulation.clearDeviceMetricsOverride")


def said(browser, selector="main"):
    return browser.evaluate(f"document.querySelector({selector!r}).innerText")


@pytest.mark.partner("axe")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing_in_either_scheme_and_no_screen_is_too_small(request, look, browser, page, language):
    state, path = PAGES[page]
    look(request.getfixturevalue(state), path, language)

    judge(browser, language, f"closing-{page}")


@pytest.mark.partner("axe")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_the_preview_of_a_settlement_and_what_the_carrier_reads_are_seen_on_every_screen(
    look, browser, final, language
):
    look(final, PATH, language)
    browser.evaluate("document.querySelector('#amount').value = '1.00'")
    click(browser, "#form ~ form button")
    judge(browser, language, "closing-refused")
    look(final, "/disputes", language, who="carrier")
    judge(browser, language, "closing-disputes")
    look(final, MONTH, language, who="carrier")
    judge(browser, language, "closing-month")


def test_the_button_of_a_final_report_is_reached_by_keyboard(look, browser, accepted):
    look(accepted, PATH)
    reached = []
    for _ in range(60):
        press(browser, "Tab")
        reached.append(browser.evaluate("document.activeElement.value || ''"))

    assert "state" in reached


def test_a_report_is_final_in_two_clicks_and_settled_in_four_each_from_the_list(look, browser, tmp_path_factory):
    with ExitStack() as stack:
        city = built(tmp_path_factory, stack)
        look(city, "/disputes/waiting")
        click(browser, f"main a[href='{PATH}']")
        assert "此后不能再对本月的报告提出异议" in said(browser)
        click(browser, "button[value=state]")
        clicks = 1 + 1  # the page, the word

        assert clicks <= FINAL_CLICKS
        assert "上一步还在写入账本" in said(browser)
        assert sealed(city)[-1] == "report_final"
        (told,) = stated(city, "report_final")
        assert told["by"] == SECOND
        look(city, "/disputes/waiting")
        click(browser, f"main a[href='{PATH}']")
        browser.evaluate(f"document.querySelector('#amount').value = {told['amount']!r}")
        click(browser, "#form ~ form button")
        assert "本月的争议到此结束" in said(browser, "ul.means")
        click(browser, "button[value=state]")
        clicks = 1 + 1 + 1 + 1  # the page, the amount, the preview, the word

        assert clicks <= SETTLED_CLICKS
        assert sealed(city)[-1] == "report_settled"
        look(city, "/disputes", who="carrier")
        assert f"结清 {told['amount']} CNY · {SECOND}" in said(browser)
