"""What a contract manager sees of disputes: each page in a real browser, judged by axe; and an answer and a ruling."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import small_city

from netops.config import Listener
from netops.web import Server
from tests.dashboards.test_objections import KEY, folder, opened, sealed, stated
from tests.dashboards.test_rulings import LAST, REASON, SECOND, issue, objected, say
from tests.dashboards.test_seen import SIZES, browser, click, go, judge, press
from tests.dashboards.test_seen_by_carriers import chosen

__all__ = ["browser", "folder"]  # the fixtures
pytestmark = [pytest.mark.slow, pytest.mark.partner("chromium"), pytest.mark.timeout(180)]

PAGES = ["/disputes/waiting", "answer", "rule", "ruled"]
MOST_CLICKS = 5  # from the list to the word that is stated


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A city with one objection that is not answered, one that is, and one that is ruled on."""
    place = tmp_path_factory.mktemp("seen")
    with ExitStack() as stack, pytest.MonkeyPatch.context() as there:
        there.setattr("dashboards.supposing.WAIT_S", 60)
        made = opened(tmp_path_factory.mktemp("ruled"), stack)
        small_city.seeing(made.settings, SECOND, role="contract_manager")
        there.chdir(place)
        (place / "disputes.key").write_text(KEY.private_line() + "\n")
        (place / "disputes.key").chmod(0o600)
        (place / f"{LAST}.zip").write_bytes(issue.place(made.settings, LAST).read_bytes())
        ruled = objected(made, place, "--leaf", "3", code="fact")
        waiting = objected(made, place, "--leaf", "4", code="fact")
        told = objected(made, place)
        for name in (ruled, told):
            assert say(made, f"/disputes/{name}/answer", stance="rejected", reason=REASON).status_code == 303
        sealed(made)
        said = {"outcome": "upheld", "reason": REASON}
        assert say(made, f"/disputes/{ruled}/rule", SECOND, **said).status_code == 303
        sealed(made)
        made.pages = {"answer": f"/disputes/{waiting}/answer", "rule": f"/disputes/{told}/rule"}
        made.pages |= {"ruled": f"/disputes/{ruled}"}
        made.place = place
        yield made


@pytest.fixture(scope="module")
def url(site):
    server = Server(site.app, Listener(port=0))
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


@pytest.fixture
def look(site, url, browser):
    """Open a page as the second contract manager, or as another."""

    def shown(path: str, language: str = "zh-CN", who: str = SECOND) -> None:
        go(browser, url, site.pages.get(path, path), language, client=site.browser(who))

    browser.size(*SIZES["desk"])
    yield shown
    browser.ask("Emulation.clearDeviceMetricsOverride")


def typed(browser, field, value):
    browser.evaluate(f"document.querySelector({field!r}).value = {value!r}")


@pytest.mark.partner("axe")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_in_either_scheme_and_no_screen_is_too_small(look, browser, path, language):
    look(path, language)

    judge(browser, language, f"manager-{path.strip('/').replace('/', '-')}")


@pytest.mark.partner("axe")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_the_preview_of_a_ruling_is_seen_on_every_screen(look, browser, language):
    look("rule", language)
    typed(browser, "#outcome", "upheld")
    typed(browser, "#reason", REASON)
    click(browser, "#form ~ form button")

    assert "CNY" in browser.evaluate("document.querySelector('#preview').parentElement.innerText")
    judge(browser, language, "manager-preview")


def test_every_control_of_a_ruling_is_reached_by_keyboard_in_the_order_of_reading(look, browser):
    look("rule")
    reached = []
    for _ in range(80):
        press(browser, "Tab")
        reached.append(browser.evaluate("document.activeElement.id"))
    wanted = ["outcome", "decides", "from", "to", "reason"]

    assert list(dict.fromkeys(each for each in reached if each in wanted)) == wanted


def test_one_answers_with_a_file_and_another_rules_each_from_the_list_in_five_clicks(site, look, browser):
    evidence = site.place / "traffic.pdf"
    evidence.write_bytes(bytes(2_000_000))  # above a form: it goes in parts
    look("/disputes/waiting", who="contract_manager")
    click(browser, f"main a[href='{site.pages['answer']}']")
    typed(browser, "#stance", "rejected")
    typed(browser, "#reason", REASON)
    chosen(browser, "#file", evidence)
    click(browser, "#form ~ form button")
    click(browser, "button[value=state]")
    clicks = 2 + 1 + 1 + 1  # the page, stance and file, the preview, the word

    assert REASON in browser.evaluate("document.querySelector('#decided').parentElement.innerText")
    assert "traffic.pdf" in browser.evaluate("document.querySelector('#decided').parentElement.innerText")
    assert clicks <= MOST_CLICKS
    sealed(site)
    rule = site.pages["answer"].replace("/answer", "/rule")
    look("/disputes/waiting")
    click(browser, f"main a[href='{rule}']")
    typed(browser, "#outcome", "dismissed")
    typed(browser, "#reason", REASON)
    click(browser, "#form ~ form button")
    assert "不改变任何数字" in browser.evaluate("document.querySelector('main').innerText")
    click(browser, "button[value=state]")
    clicks = 1 + 1 + 1 + 1

    assert clicks <= MOST_CLICKS
    assert sealed(site)[-1] == "ruling"
    assert stated(site, "ruling")[-1]["by"] == SECOND
    assert f"驳回（{SECOND}）" in browser.evaluate("document.querySelector('main').innerText")
