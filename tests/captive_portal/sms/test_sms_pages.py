"""The whole way on the pages, by a mini browser without cookies; reports of delivery; facts; names that are off."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from captive_portal import asker, keys, places, views
from captive_portal.fault_book import FaultBook
from captive_portal.methods.sms import Sms
from captive_portal.probes import Probes
from captive_portal.sms import reports
from captive_portal.sms.courier import Courier
from captive_portal.sms.providers import Answer, Came
from captive_portal.sms.telling import Deliveries, Expected
from netops import facts
from netops.config import Secret
from netops.errors import SpoolError
from netops.texting import SmsProvider
from netops.web import create_app

OWN = "http://portal.test"
PHONE = "138 0013 8000"
SECRET = "0123456789abcdef0123"
REPORTING = SmsProvider(
    kind="outbox", report_secret=Secret(f"plain:{SECRET}"), report_list="/list", report_id="/msg/id", report_state="/st"
)


class Browser:
    """A login sheet: it can be closed, and then it has forgotten everything."""

    def __init__(self, app, address: str = "127.0.0.9", language: str = "en") -> None:
        self.app, self.address, self.language = app, address, language

    def ask(self, method: str, path: str, **more):
        headers = {"Accept-Language": self.language}
        with self.app.test_client(use_cookies=False) as client:
            return client.open(
                path, method=method, base_url=OWN, headers=headers, environ_base={"REMOTE_ADDR": self.address}, **more
            )

    def home(self, query: str = ""):
        return self.ask("GET", f"/{query}")

    def press(self, **form: str):
        token = re.search(r'name="token" value="([^"]+)"', self.home().text)
        return self.ask("POST", "/login", data={"token": token[1], "method": "sms", **form})


class House:
    """A desk whose only way in is SMS, its pages, and what its provider was handed."""

    def __init__(self, house, scripted) -> None:
        portal = replace(house.settings.portal, methods="sms,voucher")
        sms = replace(house.settings.sms, providers={"one": REPORTING})
        house.settings = replace(house.settings, portal=portal, sms=sms)
        self.settings, self.clock = house.settings, house.clock
        self.desk = house.open()
        self.method = self.desk.methods["sms"]
        assert isinstance(self.method, Sms)
        self.method._clock = house.clock
        self.provider = scripted("one")
        self.method._courier = Courier([self.provider], workers=2, clock=house.clock)
        self.method.begin()
        self.app = self._app()

    def _app(self):
        portal = asker.Portal(
            desk=self.desk,
            settings=self.settings,
            probes=Probes(),
            uplink=lambda: "unknown",
            venues=lambda _: "",
            form_key=keys.identity_key(self.settings),
            base_url=places.base_url(self.settings),
            reports=FaultBook(),
        )
        return create_app(
            "portal",
            self.settings,
            blueprints=[views.blueprint(portal), *self.method.pages()],
            translations=[views.TRANSLATIONS],
            inline_styles=[views.STYLE],
            error_template="portal/error.html",
            clock=self.clock,
        )

    @property
    def code(self) -> str:
        return self.provider.messages[-1].code

    def flushed(self) -> list[dict]:
        told: list = []
        self.method.tend(told.extend, self.clock.now_ms(), last=True)
        return [dict(each.body) for each in told]


@pytest.fixture(scope="module")
def street(tmp_path_factory, city_settings, standing, house_of, scripted):
    settings = city_settings(tmp_path_factory.mktemp("street"))
    with house_of(settings, standing()) as house:
        made = House(house, scripted)
        yield made
        made.method.close()


@pytest.fixture
def portal(street):
    """The same portal for all of these tests, days later: every session, code, limit and budget is of the past."""
    street.clock.forward(3 * 86_400)
    street.desk.upkeep.expire()
    street.flushed()
    street.method.deliveries.totals.update(dict.fromkeys(street.method.deliveries.totals, 0))
    street.method._said["one"] = REPORTING
    street.provider.messages.clear()
    street.provider.does = None
    return street


@pytest.fixture
def browser(portal):
    return Browser(portal.app)


# ---- the way in
def test_two_taps_bring_a_visitor_online_without_a_cookie(portal, browser) -> None:
    asked = browser.press(phone=PHONE)
    assert asked.status_code == 200
    assert "138••••8000" in asked.text
    assert 'inputmode="numeric" autocomplete="one-time-code"' in asked.text
    assert "Set-Cookie" not in asked.headers

    done = browser.press(otp=portal.code)

    assert (done.status_code, done.headers["Location"]) == (303, "/")
    assert portal.desk.live == 1
    (session,) = portal.desk.store.live()
    assert len(session.grant.person) == 32
    assert session.grant.method == "sms"


def test_the_sheet_closes_when_its_user_reads_the_message_and_opens_at_the_code_field(portal, browser) -> None:
    browser.press(phone=PHONE)
    portal.clock.forward(90)

    reopened = Browser(portal.app).home()

    assert reopened.status_code == 200
    assert 'name="otp"' in reopened.text
    assert "138••••8000" in reopened.text
    assert "8000138000" not in reopened.text
    assert Browser(portal.app).press(otp=portal.code).status_code == 303


def test_the_page_of_another_device_shows_nothing_of_it(portal, browser) -> None:
    browser.press(phone=PHONE)

    assert "8000" not in Browser(portal.app, "127.0.0.10").home().text


def test_who_wants_another_number_is_shown_the_first_form(portal, browser) -> None:
    browser.press(phone=PHONE)

    assert 'name="phone"' in browser.home("?begin=").text


@pytest.mark.parametrize("language", ["zh-CN", "en", "ja", "ko"])
def test_every_page_of_the_way_is_small_and_asks_for_nothing_else(portal, language) -> None:
    browser = Browser(portal.app, language=language)
    pages = [
        browser.home(),
        browser.press(phone="12"),
        browser.press(phone=PHONE),
        browser.press(otp="00000000"),
        browser.home(),
        browser.ask("GET", "/healthz"),
    ]

    for page in pages[:-1]:
        assert len(page.data) <= 14 * 1024
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page.text)
        assert "<script" not in page.text


def test_what_was_typed_wrong_stands_at_its_field_and_is_kept(browser) -> None:
    answer = browser.press(phone="1380013")

    assert answer.status_code == 422
    assert 'value="1380013" required' in answer.text
    assert 'aria-describedby="phone-hint phone-error" aria-invalid="true"' in answer.text
    assert answer.text.count("This is not a mobile number") == 1, "not at the voucher's field too"


def test_a_wrong_code_stays_at_its_field_and_says_what_is_left(portal, browser) -> None:
    browser.press(phone=PHONE)
    wrong = f"{(int(portal.code) + 1) % 10**8:08d}"
    pages = [browser.press(otp=wrong) for _ in range(3)]

    assert [page.status_code for page in pages] == [422, 422, 422]
    assert "Tries left: 2." in pages[0].text
    assert "Please get a new one" in pages[2].text
    assert 'name="otp"' in pages[1].text
    assert 'name="otp"' not in pages[2].text, "no code could be right any more"
    assert "valid for" not in pages[2].text
    assert re.findall(r"<button([^>]*)>([^<]*)", pages[2].text) == [("", "Get a new code")]
    assert portal.code not in "".join(page.text for page in pages)
    assert portal.desk.live == 0


def test_while_the_way_in_is_broken_one_button_is_filled(browser, monkeypatch) -> None:
    monkeypatch.setattr("captive_portal.views._relief_s", lambda *_: 600)

    page = browser.home().text

    assert 'value="fail_open"' in page
    assert 'name="phone"' in page
    assert len(re.findall("<button>", page)) == 1


def test_another_device_that_bombs_a_number_is_told_to_wait(portal, browser) -> None:
    browser.press(phone=PHONE)
    portal.clock.forward(20)

    answer = Browser(portal.app, "127.0.0.10").press(phone="+86 13800138000")

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "40")
    assert "You can try again in 40 seconds." in answer.text
    assert len(portal.provider.messages) == 1


def test_a_foreign_visitor_is_sent_to_the_desk(browser) -> None:
    answer = browser.press(phone="+44 7911 123456")

    assert answer.status_code == 422
    assert "at the desk" in answer.text


def test_when_nobody_takes_messages_the_page_says_so_at_once(portal, browser) -> None:
    portal.provider.does = lambda _: Answer(came=Came.AWAY)

    answer = browser.press(phone=PHONE)

    assert answer.status_code == 422
    assert 'name="phone"' in answer.text
    assert "cannot be sent" in answer.text
    assert 'name="code"' in answer.text, "the other ways in are on the same page"


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "{{7*7}}", '" autofocus onfocus="x', "\u202e" * 30, "'--"]
)
def test_hostile_input_is_shown_as_data(browser, hostile) -> None:
    for form in ({"phone": hostile, "country": hostile}, {"otp": hostile}, {"again": hostile}):
        answer = browser.press(**form)

        assert answer.status_code in {200, 422, 429}
        assert hostile not in answer.text or "<" not in hostile
        assert "49" not in answer.text or "{{" not in hostile
        assert 'onfocus="x' not in answer.text


# ---- reports of delivery
def report(browser, body: object, secret: str = SECRET, name: str = "one"):
    return browser.ask("POST", f"/sms/report/{name}/{secret}", json=body)


def test_a_report_tells_when_a_message_arrived(portal, browser) -> None:
    browser.press(phone=PHONE)
    message = portal.provider.messages[0]
    portal.clock.forward(3)
    taken = report(
        browser, {"list": [{"msg": {"id": f"r-{message.id}"}, "st": "DELIVRD"}, {"msg": {"id": 1}, "st": "x"}]}
    )
    report(browser, {"list": [{"msg": {"id": f"r-{message.id}"}, "st": "DELIVRD"}]})
    report(browser, {"list": [{"msg": {"id": message.id}, "st": "DELIVRD"}]})  # once more, by our own id

    assert (taken.status_code, taken.text) == (200, "ok")
    (body,) = portal.flushed()
    assert (body["asked"], body["handed"], body["delivered"], body["undelivered"]) == (1, 1, 1, 0)
    assert body["delivered_ms_p50"] == 3000


@pytest.mark.parametrize(
    ("name", "secret"), [("one", "wrong"), ("one", SECRET + "0"), ("other", SECRET), ("one", "\u00e9")]
)
def test_a_report_without_the_secret_is_no_page(portal, browser, name, secret) -> None:
    browser.press(phone=PHONE)
    message = portal.provider.messages[0]

    answer = report(browser, {"list": [{"msg": {"id": f"r-{message.id}"}, "st": "DELIVRD"}]}, secret, name)

    assert answer.status_code == 404
    assert portal.method.deliveries.totals["delivered"] == 0


@pytest.mark.parametrize(
    "body", [None, [], {}, {"list": 5}, {"list": [1, None, [], {"msg": 3}]}, {"list": [{"msg": {"id": "x" * 500}}]}]
)
def test_a_report_of_any_shape_is_answered(browser, body) -> None:
    assert report(browser, body).status_code == 200


def test_a_body_that_is_no_json_is_a_bad_request(browser) -> None:
    bad = browser.ask("POST", f"/sms/report/one/{SECRET}", data=b"[" * 60_000, content_type="application/json")

    assert bad.status_code == 400


def test_a_report_may_come_as_a_form_or_a_query(portal, browser) -> None:
    portal.method._said["one"] = replace(REPORTING, report_list="", report_id="/id", report_state="/status")
    browser.press(phone=PHONE)
    id_ = portal.provider.messages[0].id
    answer = browser.ask("GET", f"/sms/report/one/{SECRET}?id={id_}&status=UNDELIV")

    assert answer.text == "ok"
    assert portal.method.deliveries.totals["undelivered"] == 1


def test_no_more_reports_are_read_than_may_come_at_once() -> None:
    many = {"list": [{"msg": {"id": str(n)}, "st": "DELIVRD"} for n in range(2000)]}

    assert len(reports.read(REPORTING, many)) == reports.MOST_REPORTS


def test_a_rehearsal_shows_its_outbox(house) -> None:
    house.settings = replace(house.settings, portal=replace(house.settings.portal, methods="sms"))
    method = house.open().methods["sms"]
    method.begin()
    made = create_app("portal", house.settings, blueprints=[*method.pages()], translations=[views.TRANSLATIONS])

    assert "sms.outbox" in made.view_functions
    method.close()


# ---- facts
def test_facts_say_what_became_of_messages_by_site_and_carrier_and_never_whose(portal, browser) -> None:
    browser.press(phone=PHONE)
    portal.clock.forward(7)
    browser.press(otp=portal.code)
    Browser(portal.app, "127.0.0.10").press(phone="18600138000")
    told: list = []
    portal.method.tend(told.extend, portal.clock.now_ms() + 60_000)

    bodies = {each.body["carrier"]: each.body for each in told}
    assert [facts.encode(each) for each in told], "each is as the vocabulary says"
    assert portal.method.gauges()["netops_portal_sms_asked"] == 2
    assert bodies["cn-mobile"]["proved_ms_p95"] == 7000
    assert (bodies["cn-mobile"]["proved"], bodies["cn-unicom"]["proved"]) == (1, 0)
    assert (bodies["cn-mobile"]["delivery_within"]["10000"], bodies["cn-unicom"].get("delivery_timed")) == (1, None)
    assert {type(value) for each in told for value in each.body.values()} == {int, str, dict}
    assert {each.body["site"] for each in told} == {"site-1"}


def test_what_could_not_be_told_is_told_the_next_time() -> None:
    deliveries, told = Deliveries(), []
    deliveries.count("asked", Expected(site="s", carrier="c", asked_ms=0), 5)

    def full(_: object) -> None:
        raise SpoolError("full")

    with pytest.raises(SpoolError, match="full"):
        deliveries.flush(full, 60_000)
    deliveries.flush(told.extend, 60_000)
    deliveries.flush(told.extend, 60_000)

    assert len(told) == 1
