"""What a carrier sees: each page in a real browser, judged by axe; and its objection, in clicks and minutes."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack

import pytest
import small_city

from netops.config import Listener
from netops.dispute.attached import Shelf
from netops.dispute.parts import PART_BYTES, Parts
from netops.evidence import canonical
from netops.web import Server
from tests.dashboards.test_objections import KEY, OBJECT, by_hand, folder, opened, sealed, send, signed, stated
from tests.dashboards.test_seen import SIZES, browser, click, go, judge
from tests.netops.dispute import desks

__all__ = ["browser", "folder"]  # the fixtures
pytestmark = [pytest.mark.slow, pytest.mark.partner("chromium"), pytest.mark.timeout(180)]

PAGES = ["/disputes", OBJECT, "/disputes/o-1", "taken", "refused"]
MOST_CLICKS, MOST_S = 6, 180


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A carrier's city, with an objection that has a file and lacks another, and a note that was refused."""
    place = tmp_path_factory.mktemp("seen")
    with ExitStack() as stack, pytest.MonkeyPatch.context() as there:
        made = opened(tmp_path_factory.mktemp("disputed"), stack)
        there.chdir(place)
        (place / "disputes.key").write_text(KEY.private_line() + "\n")
        (place / "disputes.key").chmod(0o600)
        for name in ("a.pdf", "b.pdf"):
            (place / name).write_text(name)
        bundle = made.settings.data.dir / "reports" / "contract-a-2026-08-r2.zip"
        (place / bundle.name).write_bytes(bundle.read_bytes())
        note = signed(place / bundle.name, "--leaf", "3", "--evidence", "a.pdf", "--evidence", "b.pdf")
        send(made, note, ("o.note.files", (place / "o.note.files").read_bytes()), ("停电.pdf", b"a.pdf"))
        refused = by_hand(KEY, reason="致电13800138000")
        send(made, refused)
        sealed(made)
        made.notes = {"taken": f"/disputes/notes/{canonical.digest(note)}"}
        made.notes["refused"] = f"/disputes/notes/{canonical.digest(refused)}"
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
    """Open a page as the carrier."""

    def shown(path: str, language: str = "zh-CN") -> None:
        go(browser, url, path, language, client=site.browser("carrier"))

    browser.size(*SIZES["desk"])
    yield shown
    browser.ask("Emulation.clearDeviceMetricsOverride")


@pytest.mark.partner("axe")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_in_either_scheme_and_no_screen_is_too_small(site, look, browser, path, language):
    look(site.notes.get(path, path), language)

    judge(browser, language, f"carrier-{path.strip('/').replace('/', '-')}")


def chosen(browser, selector, path):
    """Choose a file in a form, as a person does in the browser's own window."""
    root = browser.ask("DOM.getDocument")["root"]["nodeId"]
    node = browser.ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
    browser.ask("DOM.setFileInputFiles", nodeId=node, files=[str(path)])


def test_a_carrier_objects_from_the_list_to_the_receipt_within_clicks_and_minutes(site, look, browser):
    began, clicks = time.monotonic(), 0
    look("/disputes")
    click(browser, f"main a[href='{OBJECT}']")
    browser.evaluate("document.querySelector('#code').value = 'no_outage'")
    browser.evaluate("document.querySelector('#about').selectedIndex = 0")
    click(browser, "#sign ~ form button")
    command = browser.evaluate("document.querySelector('[aria-labelledby=c-object]').innerText")
    clicks += 2 + 2  # the page, two choices, the command

    evidence = site.place / "power.pdf"
    evidence.write_text("power cut")
    typed = command.replace("FILE", evidence.name).replace("REASON", "见第12号文件").split()
    given = [each.strip('"') for each in typed[2:]]
    assert desks.at_desk(site.place, *given, "--out", "mine.note", now_ms=small_city.NOW) == 0

    chosen(browser, "#note", site.place / "mine.note")
    chosen(browser, "#files", evidence)
    click(browser, "#hand ~ form button")
    clicks += 1
    assert "已收到并受理" in browser.evaluate("document.querySelector('main').innerText")
    assert "power.pdf" in browser.evaluate("document.querySelector('main').innerText")
    sealed(site)
    click(browser, "dl.facts dd a[href*='/disputes/notes/']")
    clicks += 1

    assert browser.evaluate("!!document.querySelector('a[href$=\"/receipt\"]')")
    assert clicks <= MOST_CLICKS
    assert time.monotonic() - began < MOST_S
    assert [each for each in stated(site, "objection") if each["code"] == "no_outage"]


def test_a_large_file_goes_up_in_parts_over_a_line_that_breaks_and_is_there_as_it_was(site, look, browser, monkeypatch):
    data, taken = random.Random(7).randbytes(2 * PART_BYTES + 1000), []
    evidence = site.place / "large.pdf"
    evidence.write_bytes(data)
    about = ("--leaf", "4", "--evidence", "large.pdf")
    note = signed(site.place / "contract-a-2026-08-r2.zip", *about, out="large.note")
    send(site, note)
    sealed(site)
    take = Parts.take

    def broken(self, *words, **more):
        taken.append(words[1].at)
        if len(taken) == 2:
            raise OSError(28, "No space left on device")
        return take(self, *words, **more)

    monkeypatch.setattr(Parts, "take", broken)
    digest = canonical.digest(note)
    look(f"/disputes/notes/{digest}")
    chosen(browser, "#files", evidence)
    browser.evaluate("document.querySelector('form[data-parts] button').click()")
    path = Shelf(site.settings).beside(digest, canonical.digest(data))
    shown = "(document.querySelector('section[aria-labelledby=held] table')?.innerText ?? '')"
    until = time.monotonic() + 30
    while not path.exists() or "large.pdf" not in browser.evaluate(shown):
        assert time.monotonic() < until, browser.evaluate("document.body.innerText")
        time.sleep(0.1)

    assert taken == [0, PART_BYTES, PART_BYTES, 2 * PART_BYTES]
    assert path.read_bytes() == data
    assert not browser.evaluate("!!document.querySelector('form[data-parts]')"), "nothing is lacking any more"


def test_the_window_and_every_control_of_the_form_is_reached_by_keyboard(look, browser):
    look(OBJECT)
    held, reached = "document.activeElement", []
    for _ in range(60):
        browser.ask("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
        browser.ask("Input.dispatchKeyEvent", type="keyUp", key="Tab", code="Tab", windowsVirtualKeyCode=9)
        reached.append(browser.evaluate(f"{held}.id || {held}.getAttribute('aria-labelledby')"))

    assert [each for each in reached if each in {"code", "about", "asks", "c-object", "note", "files"}][:6] == [
        "code", "about", "asks", "c-object", "note", "files"
    ]  # fmt: skip
