"""The visitors' pages: every state, without JavaScript and cookies, and no word of the visitor believed."""

from __future__ import annotations

import csv
import json
import re
import threading
from pathlib import Path

import pytest

from captive_portal import asker, capport, fault_reports, forms, keys, places, probes, tables, views, vouchers
from captive_portal.enforcing import Onward
from captive_portal.fault_book import FaultBook
from captive_portal.model import Allowance
from captive_portal.probes import Probes
from captive_portal.straight import Straight
from inventory.errors import SqlError
from netops import facts, spool
from netops.config import PortalAt
from netops.web import create_app
from netops.web.health import COUNTERS

OWN = "http://portal.test"
ROWS = list(csv.DictReader(Path(probes.FILE).read_text(encoding="utf-8").splitlines()))


class Phone:
    """A mini browser: one address, no cookies, no scripts."""

    def __init__(self, app, address: str, language: str = "en") -> None:
        self.app, self.address, self.language = app, address, language

    def get(self, path: str, base: str = OWN, **more):
        return self._ask("GET", path, base, **more)

    def post(self, path: str, **form: str):
        return self._ask("POST", path, OWN, data=form)

    def _ask(self, method: str, path: str, base: str, **more):
        headers = {"Accept-Language": self.language, **more.pop("headers", {})}
        with self.app.test_client(use_cookies=False) as client:
            return client.open(
                path, method=method, base_url=base, headers=headers, environ_base={"REMOTE_ADDR": self.address}, **more
            )

    def token(self) -> str:
        found = re.search(r'name="token" value="([^"]+)"', self.get("/").text)
        assert found
        return found[1]

    def press(self, path: str = "/login", **form: str):
        return self.post(path, token=self.token(), **form)


@pytest.fixture
def uplink():
    return {"word": "unknown"}


def application(desk, settings, uplink):
    portal = asker.Portal(
        desk=desk,
        settings=settings,
        probes=Probes(),
        uplink=lambda: uplink["word"],
        venues=lambda site: {"site-1": "万柳公园"}.get(site, ""),
        form_key=keys.identity_key(settings),
        base_url=places.base_url(settings),
        reports=FaultBook(),
    )
    made = create_app(
        "portal",
        settings,
        blueprints=[views.blueprint(portal)],
        translations=[views.TRANSLATIONS],
        inline_styles=[views.STYLE],
        error_template="portal/error.html",
        clock=desk.clock,
    )
    made.portal = portal
    made.wsgi_app = Straight(made.wsgi_app, portal, views.own_hosts(portal), made.extensions[COUNTERS])
    return made


@pytest.fixture
def app(desk, settings, uplink):
    return application(desk, settings, uplink)


@pytest.fixture(scope="module")
def street(tmp_path_factory, city_settings, standing, house_of):
    """A phone that only knocks: one application for all of these tests."""
    settings = city_settings(tmp_path_factory.mktemp("street"))
    with house_of(settings, standing()) as house:
        yield Phone(application(house.open(), settings, {"word": "unknown"}), "127.0.0.7")


@pytest.fixture
def phone(app):
    return Phone(app, "127.0.0.7")


def issue(settings, clock, **allowance) -> str:
    order = vouchers.Order(
        label="",
        count=1,
        allowance=Allowance(**{"seconds": 3600, **allowance}),
        start_by_ms=clock.now_ms() + 86_400_000,
        made_by="op",
    )
    return vouchers.create(tables.url(settings), keys.voucher_key(settings), order, clock.now_ms())[1][0]


# ---- a moment more
def test_a_second_tap_while_the_first_is_slow_gets_a_page_that_looks_again(phone, house) -> None:
    slow, begun, let = house.gateway.allow, threading.Event(), threading.Event()

    def allow(client, bounds):
        begun.set()
        assert let.wait(20)
        return slow(client, bounds)

    house.gateway.allow = allow
    token = phone.token()
    first = []
    tap = threading.Thread(target=lambda: first.append(phone.post("/login", token=token, method="click_through")))
    tap.start()
    try:
        assert begun.wait(20)
        second = phone.post("/login", token=token, method="click_through")
        other = Phone(phone.app, "127.0.0.8").get("/")
    finally:
        let.set()
        tap.join(20)

    assert (second.status_code, second.headers["Retry-After"]) == (503, "3")
    assert '<meta http-equiv="refresh" content="3;url=/">' in second.text
    assert other.status_code == 200
    assert first[0].status_code == 303
    assert "online" in phone.get("/").text


def test_who_cannot_be_put_out_sees_no_button_and_who_waits_sees_a_page_that_looks_again(phone, desk, house) -> None:
    allow, house.gateway.held_s = house.gateway.allow, lambda _client: 60
    house.gateway.allow = lambda _client, _bounds: Onward(url="/")

    answer = phone.press(method="click_through")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    waiting = phone.get("/")
    assert 'http-equiv="refresh"' in waiting.text
    assert "/login" not in waiting.text

    house.gateway.allow = allow
    desk.opened(house.gateway.identify("127.0.0.7"))
    page = phone.get("/").text
    assert "You are online" in page
    assert "/logout" not in page
    assert "cannot disconnect early" in page


# ---- capture
@pytest.mark.parametrize("row", ROWS, ids=[f"{row['host']}{row['path']}" for row in ROWS])
def test_each_probe_is_answered_by_a_redirect_and_counted_under_its_vendor(street, row) -> None:
    before = street.app.portal.probes.known().get(row["vendor"], 0)

    answer = street.get(row["path"], f"http://{row['host']}")

    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{OWN}/"
    assert answer.headers["Cache-Control"] == "no-store"
    assert len(answer.data) > 4
    assert not row["body"] or row["body"] not in answer.text, "the answer that means online is never given"
    assert street.app.portal.probes.known()[row["vendor"]] == before + 1


def test_the_probe_table_holds_what_the_design_lists() -> None:
    assert len(ROWS) >= 35
    assert len({(row["host"], row["path"]) for row in ROWS}) == len(ROWS)
    vendors = {"apple", "aosp", "aosp-mainland", "huawei", "honor", "xiaomi", "oppo", "vivo", "samsung", "meizu"}
    assert vendors <= {row["vendor"] for row in ROWS}


def test_an_unknown_probe_is_named_and_a_visited_page_is_not(phone, app) -> None:
    phone.get("/generate_204", "http://probe.new-phone.example")
    phone.get("/diary", "http://private.example")
    phone.get("/generate_204", "http://<script>.example")

    assert app.portal.probes.unknown() == {"probe.new-phone.example": 1}
    assert app.portal.probes.others == 2


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS"])
@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/login", "/static/web.css", "/nosuch", "//evil.example/%2e%2e/", "/a?b=c"]
)
def test_nothing_under_a_foreign_name_gets_an_error(street, method: str, path: str) -> None:
    answer = street._ask(method, path, "http://www.example.com")

    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{OWN}/"


# ---- the way in
def test_one_tap_and_the_phone_is_online(phone, desk, clock) -> None:
    page = phone.get("/")
    assert "Accept terms and go online" in page.text
    clock.forward(4)

    answer = phone.press(method="click_through")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert {each.client.addresses for each in desk.gateway.admitted()} == {("127.0.0.7",)}
    after = phone.get("/")
    assert "You are online" in after.text
    assert "1 h 0 min" in after.text
    assert "万柳公园" in after.text
    assert "Set-Cookie" not in {**page.headers, **answer.headers, **after.headers}


def test_pages_are_small_whole_and_without_scripts(phone, uplink) -> None:
    shown = [phone.get(f"{path}?lang={tag}") for path in ("/", "/report", "/nosuch") for tag in ("zh-CN", "en")]
    phone.press(method="click_through")
    shown += [phone.get("/"), phone.get("/?lang=zh-CN")]
    uplink["word"] = "down"
    shown.append(phone.get("/"))
    for page in shown:
        assert len(page.data) <= 14 * 1024
        assert "<script" not in page.text
        assert '<link rel="icon" href="data:,">' in page.text, "no browser asks for a picture of its tab"
        assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", page.text)
        assert " style=" not in page.text
        assert '<html lang="' in page.text
        style = re.search(r"<style>(.*?)</style>", page.text, re.DOTALL)
        assert style
        assert style[1] == views.STYLE, "what the policy's digest is of"


def test_both_languages_are_whole(app) -> None:
    chinese = Phone(app, "127.0.0.8", "zh-CN,zh;q=0.9").get("/").text
    english = Phone(app, "127.0.0.8", "de,en;q=0.5").get("/").text
    aside = r"<style>.*?</style>|<b lang=.*?</b>|<aside class=.rehearsal.*?</aside>"
    text = re.sub(rf"{aside}|万柳公园|中文", "", english, flags=re.DOTALL)

    assert "同意条款并上网" in chinese
    assert '<html lang="zh-CN">' in chinese
    assert not re.search(r"[\u4e00-\u9fff]", text.partition("</title>")[2])


def test_the_language_of_a_link_stays_through_the_forms(phone, desk) -> None:
    page = phone.get("/?lang=zh-CN").text
    assert 'action="/login?lang=zh-CN"' in page
    token = re.search(r'name="token" value="([^"]+)"', page)
    assert token

    answer = phone.post("/login?lang=zh-CN", token=token[1], method="click_through")

    assert answer.headers["Location"] == "/?lang=zh-CN"
    with desk.store._database.read() as connection:
        row = connection.execute(tables.CONSENT.select()).one()
    assert (row.terms, row.language, row.channel) == ("2", "zh_CN", "portal")
    assert re.fullmatch("[0-9a-f]{64}", row.digest)


def test_a_form_of_another_device_is_not_believed(app, desk) -> None:
    mine, yours = Phone(app, "127.0.0.7"), Phone(app, "127.0.0.8")

    answer = yours.post("/login", token=mine.token(), method="click_through")

    assert answer.status_code == 422
    assert desk.gateway.admitted() == []


@pytest.mark.parametrize("token", ["", "x", "0.", "1a.b", "zz.zz", "f" * 13 + ".x", "é.é", "1 .x", "-1.x"])
def test_a_made_up_token_is_not_believed(phone, desk, token: str) -> None:
    assert phone.post("/login", token=token, method="click_through").status_code == 422
    assert desk.gateway.admitted() == []


def test_an_old_form_is_asked_to_be_sent_again(phone, clock) -> None:
    token = phone.token()
    clock.forward(forms.LIFE_MS / 1000 + 1)

    answer = phone.post("/login", token=token, method="click_through")

    assert answer.status_code == 422
    assert "press once more" in answer.text


@pytest.mark.parametrize(
    "name", ["ip", "mac", "clientip", "wlanuserip", "wlanusermac", "userip", "return", "redirect", "url"]
)
def test_no_word_of_the_visitor_chooses_who_is_let_in_or_where_to_go(phone, desk, name: str) -> None:
    value = "http://evil.example/" if name in {"return", "redirect", "url"} else "127.0.0.99"
    spoofed = {"X-Forwarded-For": "127.0.0.99", "X-Real-IP": "127.0.0.99", "Forwarded": "for=127.0.0.99"}
    token = phone.token()

    answer = phone._ask(
        "POST",
        f"/login?{name}={value}",
        OWN,
        data={"token": token, "method": "click_through", name: value},
        headers=spoofed,
    )

    assert answer.headers["Location"] == "/"
    assert [each.client.addresses for each in desk.gateway.admitted()] == [("127.0.0.7",)]


def test_a_second_press_is_the_same_visit(phone, desk) -> None:
    token = phone.token()
    phone.post("/login", token=token, method="click_through")
    phone.post("/login", token=token, method="click_through")

    assert len(desk.store.live()) == 1


def test_who_is_no_visitor_is_told_so(app) -> None:
    answer = Phone(app, "203.0.113.5").get("/")

    assert answer.status_code == 403
    assert "join the WiFi first" in answer.text


def test_an_unknown_method_is_no_way_in(phone) -> None:
    assert phone.press(method="sms").status_code == 422


# ---- vouchers on the page
def test_a_voucher_lets_in_and_its_refusals_have_sentences(app, settings, clock) -> None:
    made = issue(settings, clock, devices=1)
    one, two = Phone(app, "127.0.0.11"), Phone(app, "127.0.0.12")

    assert one.press(method="voucher", code=made.lower()).status_code == 303
    full = two.press(method="voucher", code=made)
    slip = two.press(method="voucher", code=made[:-1] + ("A" if made[-1] != "A" else "B"))

    assert (full.status_code, slip.status_code) == (422, 422)
    assert "as many devices as it allows" in full.text
    assert "slip in the code" in slip.text
    assert 'aria-invalid="true"' in slip.text
    assert 'aria-describedby="code-hint code-error"' in slip.text


def test_guessing_is_slowed_and_says_when_to_try_again(phone) -> None:
    from captive_portal import code

    answers = [phone.press(method="voucher", code=code.fresh()) for _ in range(7)]

    assert [each.status_code for each in answers] == [422] * 5 + [429] * 2
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_what_was_typed_is_text_on_the_page(phone) -> None:
    hostile = '"><script>alert(1)</script>'

    assert "<script" not in phone.press(method="voucher", code=hostile).text


@pytest.mark.parametrize("method", ["click_through", "voucher", "returning", "nosuch", "..", "%00"])
def test_a_link_is_no_login_and_no_agreement(phone, desk, settings, clock, method: str) -> None:
    answer = phone.get(f"/return/{method}?code={issue(settings, clock)}&state=x.en&lang=en")

    assert answer.status_code in {303, 404}
    assert answer.headers.get("Location", "/?lang=en") == "/?lang=en"
    assert desk.live == 0


# ---- afterwards
def test_logout_closes_the_door_and_needs_the_form(phone, desk) -> None:
    phone.press(method="click_through")
    assert phone.post("/logout").status_code == 303
    assert len(desk.gateway.admitted()) == 1

    answer = phone.press("/logout")

    assert answer.status_code == 303
    assert desk.gateway.admitted() == []
    page = phone.get(answer.headers["Location"]).text
    assert "You are disconnected." in page, "the tap has worked, and the page says so"
    assert "Accept terms and go online" in page
    assert "You are disconnected." not in phone.get("/").text


@pytest.mark.parametrize("language", ["en", "zh-CN", "ja", "ko"])
def test_no_page_promises_what_no_report_does(phone, language: str) -> None:
    """Neither the monthly report nor its bundle reads fault reports: they are seen by staff, and judge no carrier."""
    token = phone.token()

    pages = (phone.get(f"/report?lang={language}"), phone.post(f"/report?lang={language}", token=token, what="slow"))

    assert [page.status_code for page in pages] == [200, 200]
    for page in pages:
        assert not re.search("考核|assess|評価|평가", page.text)
        assert "WiFi" in page.text.partition("<main")[2]


@pytest.mark.parametrize("language", ["en", "zh-CN", "ja", "ko"])
def test_each_kind_of_fault_is_one_tap_away_on_the_page_of_success(phone, language: str) -> None:
    phone.press(method="click_through")
    phone.language = language

    page = phone.get("/").text

    assert re.findall(r'name="what" value="(\w+)"', page) == list(fault_reports.KINDS)
    assert len(page.encode()) < 14_000


def test_a_fault_is_reported_in_one_tap_and_is_a_durable_fact(phone, settings, uplink) -> None:
    uplink["word"] = "up"
    page = phone.get("/report")
    assert page.text.count("<button") == len(fault_reports.KINDS)

    answer = phone.press("/report", what="slow")

    assert "Recorded, thank you" in answer.text
    entries = spool.read(settings.data.dir / "spool" / "portal.db", after=0, limit=10)
    stated = [facts.decode(entry.payload) for entry in entries]
    assert [(each.kind, dict(each.body)) for each in stated] == [
        (
            "fault_report",
            {"site": "site-1", "what": "slow", "uplink": "up", "seen": "never", "device": "first"},
        )
    ]


def test_a_fault_can_be_reported_while_the_record_is_away(phone, desk, settings, monkeypatch) -> None:
    def away(*_: object) -> None:
        raise SqlError("disk I/O error")

    token = phone.token()
    monkeypatch.setattr(desk.store, "was_online", away)

    assert "Recorded, thank you" in phone.post("/report", token=token, what="slow").text
    (entry,) = spool.read(settings.data.dir / "spool" / "portal.db", after=0, limit=10)
    assert "seen" not in facts.decode(entry.payload).body


def test_fault_reports_are_bounded_and_checked(phone) -> None:
    assert phone.press("/report", what="<b>").status_code == 422
    answers = [phone.press("/report", what="drops").status_code for _ in range(6)]

    assert answers == [200] * 4 + [429] * 2


def test_a_dead_uplink_says_so_and_asks_nobody_to_log_in(phone, uplink) -> None:
    uplink["word"] = "down"

    page = phone.get("/").text

    assert "The network is down here" in page
    assert "method=" in page or "click_through" not in page
    assert "Accept terms" not in page


def test_a_full_disk_or_a_dead_gateway_fails_closed_with_a_page(phone, desk, monkeypatch) -> None:
    from captive_portal.errors import GatewayError

    def full(_admission: object) -> None:
        raise SqlError("disk full")

    def dead(*_: object) -> None:
        raise GatewayError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(desk.store, "admit", full)
        answer = phone.press(method="click_through")
        assert answer.status_code == 503
        assert "you are not online" in answer.text
    with monkeypatch.context() as patch:
        patch.setattr(desk.gateway, "allow", dead)
        assert phone.press(method="click_through").status_code == 503

    assert desk.gateway.admitted() == []
    assert desk.store.live() == []
    assert phone.press(method="click_through").status_code == 303


# ---- RFC 8908
def test_the_api_answers_both_states_at_one_address(phone, settings) -> None:
    before = phone.get("/capport/api")
    phone.press(method="click_through")
    after = phone.get("/capport/api")

    for answer in (before, after):
        assert answer.headers["Content-Type"].startswith(capport.MEDIA_TYPE)
        assert answer.headers["Cache-Control"] == "private"
        assert len(answer.data) <= capport.LARGEST
    assert json.loads(before.data) == {
        "captive": True,
        "user-portal-url": f"{OWN}/",
        "venue-info-url": settings.portal.venue_info_url,
    }
    told = json.loads(after.data)
    assert told.pop("seconds-remaining") == 3600
    assert told == {**json.loads(before.data), "captive": False, "can-extend-session": False}


def test_the_portal_is_found_under_its_listener_when_no_name_is_set(settings) -> None:
    from dataclasses import replace

    plain = replace(settings, portal=PortalAt())

    assert places.base_url(plain) == "http://127.0.0.1:8081"


def test_the_rehearsal_says_that_the_gateway_is_simulated(phone) -> None:
    assert "The gateway behind this page is simulated" in phone.get("/").text
    assert 'class="rehearsal"' in phone.get("/").text
