"""A city's own terms: chosen by a site's policy, shown, agreed to, kept; never altered under those who agreed."""

from __future__ import annotations

import re
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from captive_portal import agreement, asker, board, checks, keys, policy_yaml, published, tables, views
from captive_portal.agreed import LIFE_MS, MOST, Agreed
from captive_portal.fault_book import FaultBook
from captive_portal.model import Consent
from captive_portal.policy_yaml import PolicyError
from captive_portal.probes import Probes
from captive_portal.records import export, verify
from captive_portal.verdict import Ask
from inventory.reading.tree import Notes
from inventory.times import zone
from netops import facts, spool
from netops.web import create_app

if TYPE_CHECKING:
    from pathlib import Path

OWN = "http://portal.test"
POLICY = (
    "policy: parks\ntitle: Parks\ndefault: yes\nmethods: [click_through]\nterms: {version}\nlanguages: [zh_CN, en]\n"
)


def text(language: str, words: str = "Be kind.") -> str:
    return f"Terms ({language})\n\n{words}\nRecords are kept for six months.\n"


@pytest.fixture
def city(settings, tmp_path: Path):
    """Settings with a folder of terms, version `2026-11` in two languages, and a policy that names it."""
    terms, policies = tmp_path / "terms", tmp_path / "policies"
    terms.mkdir()
    policies.mkdir()
    for each in ("zh_CN", "en"):
        (terms / f"2026-11.{each}.txt").write_text(text(each), encoding="utf-8")
    (policies / "parks.yaml").write_text(POLICY.format(version='"2026-11"'), encoding="utf-8")
    return replace(settings, portal=replace(settings.portal, terms=terms, policies=policies))


@pytest.fixture
def opened(city, clock, house_of):
    """A desk of this city with its pages and its board."""
    with house_of(city, clock) as house:
        desk = house.open()
        notices = board.Board(city, desk.store, tuple(desk.methods))
        notices.begin(desk.policies, board.mark(city), clock.now_ms())
        yield Street(desk, city, notices)


class Street:
    """A mini browser before the pages."""

    def __init__(self, desk, settings, notices) -> None:
        self.desk, self.settings, self.board = desk, settings, notices
        self.portal = asker.Portal(
            desk=desk,
            settings=settings,
            probes=Probes(),
            uplink=lambda: "up",
            venues=lambda _site: "",
            form_key=keys.identity_key(settings),
            base_url=OWN,
            reports=FaultBook(),
        )
        self.app = create_app(
            "portal",
            settings,
            blueprints=[views.blueprint(self.portal)],
            translations=[views.TRANSLATIONS],
            languages=views.languages(self.portal),
            inline_styles=[views.STYLE],
            error_template="portal/error.html",
            clock=desk.clock,
        )

    def ask(self, path: str, **form: str):
        words = {"method": "POST", "data": form} if form else {}
        with self.app.test_client(use_cookies=False) as client:
            return client.open(path, base_url=OWN, environ_base={"REMOTE_ADDR": "127.0.0.7"}, **words)

    def look(self) -> int:
        return self.board.look(self.desk.premises, self.desk.clock.now_ms())

    def consents(self):
        return self.desk.store.read(lambda connection: list(connection.execute(sa.select(tables.CONSENT))))

    def write(self, name: str, words: str) -> None:
        (self.settings.portal.terms / name).write_text(words, encoding="utf-8")

    def rule(self, version: str, more: str = "") -> None:
        file = self.settings.portal.policies / "parks.yaml"
        file.write_text(POLICY.format(version=f'"{version}"') + more, encoding="utf-8")


def token_of(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found
    return found[1]


# ---- read
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("3.de.txt", text("de"), "is no name of terms"),
        ("Version 2.en.txt", text("en"), "is no name of terms"),
        ("3..en.txt", text("en"), "is no name of terms"),
        ("2.ja.txt", text("ja"), "version '2' comes with the program"),
        ("3.en.txt", text("en"), "terms '3' have no text in zh_CN"),
        ("2026-11.ja.txt", "Only a title\n", "has no title and articles"),
        ("2026-11.ja.txt", "x" * 9000, "is larger than 8 KiB"),
        ("2026-11.ja.txt", b"\xff\xfe\x00", "cannot be read"),
    ],
    ids=lambda each: str(each)[:24],
)
def test_a_text_that_cannot_be_used_is_named_with_its_remedy(city, name: str, content, said: str) -> None:
    octets = content if isinstance(content, bytes) else content.encode()
    (city.portal.terms / name).write_bytes(octets)

    found = policy_yaml.read_folder(city)[1]

    assert any(said in each.what and each.remedy for each in found), found
    with pytest.raises(PolicyError, match=re.escape(said)):
        policy_yaml.read(city)


def test_a_folder_that_is_not_there_is_named(city, tmp_path: Path) -> None:
    gone = replace(city, portal=replace(city.portal, terms=tmp_path / "nowhere"))

    assert any("nowhere" in each.where for each in policy_yaml.read_folder(gone)[1])


def test_other_files_beside_the_texts_are_left_alone(city) -> None:
    (city.portal.terms / "README.md").write_text("how we write terms", encoding="utf-8")
    (city.portal.terms / ".2.en.txt.swp.txt").write_text("half", encoding="utf-8")

    assert policy_yaml.read(city).library.own == {"2026-11"}


def test_the_programs_own_terms_stand_in_every_language_of_the_page() -> None:
    ours = agreement.built_in()

    assert [each for each in agreement.LANGUAGES if not ours.has("2", each)] == []
    assert len({len(each.articles) for each in ours.texts.values()}) == 1


@pytest.mark.parametrize(
    ("language", "named"),
    [
        ("zh_CN", ("手机号", "账号", "设备标识", "两人", "密钥")),
        ("en", ("phone number", "account", "identifier", "two persons", "with the key")),
        ("ja", ("電話番号", "アカウント", "識別子", "2名", "鍵")),
        ("ko", ("전화번호", "계정", "식별자", "두 사람", "키")),
    ],
)
def test_the_programs_terms_name_whatever_is_kept_of_a_person_and_who_may_read_it(language, named) -> None:
    """The value is kept readable under the key of its month (records/persons.py): no text says "as a digest only"."""
    (article,) = (each for each in agreement.terms(language).articles if named[2] in each)

    assert [each for each in named if each not in article] == []
    assert not any(each in article for each in ("digest", "摘要", "要約", "요약"))


# ---- shown and agreed to
def test_a_site_shows_its_own_terms_and_the_consent_names_their_text(opened) -> None:
    page = opened.ask("/?lang=en").text
    assert "Be kind." in page

    opened.ask("/login?lang=en", token=token_of(page), method="click_through")

    (row,) = opened.consents()
    written = (opened.settings.portal.terms / "2026-11.en.txt").read_bytes()
    assert (row.terms, row.language) == ("2026-11", "en")
    assert row.digest == agreement.parsed("2026-11", "en", written).digest


def test_the_language_of_the_consent_is_that_of_the_page_not_of_the_press(opened) -> None:
    page = opened.ask("/?lang=zh-CN").text

    opened.ask("/login?lang=en", token=token_of(page), method="click_through")

    assert [row.language for row in opened.consents()] == ["zh_CN"]


def test_a_version_that_changes_between_page_and_press_is_recorded_as_it_was_shown(opened) -> None:
    page = opened.ask("/?lang=en").text
    opened.rule("2")
    assert opened.look() == 1

    opened.ask("/login?lang=en", token=token_of(page), method="click_through")

    assert [row.terms for row in opened.consents()] == ["2026-11"]


def test_a_text_that_is_taken_away_between_page_and_press_is_no_agreement(opened) -> None:
    page = opened.ask("/?lang=en").text
    opened.rule("2")
    for file in opened.settings.portal.terms.iterdir():
        file.unlink()
    opened.look()

    answer = opened.ask("/login?lang=en", token=token_of(page), method="click_through")

    assert answer.status_code == 422
    assert opened.consents() == []
    assert "Terms of use (version 2)" in answer.text


def test_a_token_whose_words_were_changed_is_no_token(opened) -> None:
    made, mark, *_ = token_of(opened.ask("/?lang=en").text).split(".", 2)

    forged = ("2.en", "2026-11.zh_CN", "", "2026-11.en.x", "9" * 80 + ".en")
    answers = [opened.ask("/login", token=f"{made}.{mark}.{each}", method="click_through") for each in forged]

    assert [each.status_code for each in answers] == [422] * 5
    assert opened.consents() == []


def test_what_was_agreed_to_on_the_first_form_is_recorded_after_the_second(opened) -> None:
    """A code by SMS: the terms stood on the first page, in Chinese; the second is read in English."""
    way, first = opened.desk.methods["click_through"], []

    class Twice(type(way)):
        def prove(self, shown, now_ms):
            first.append(shown.fields)
            values = {"masked": "…", "digits": "8", "good": "yes", "left": "3", "again_s": "0", "handing": "handed"}
            once = Ask(template="portal/sms_code.html", values=values, until_ms=now_ms + 60_000)
            return once if len(first) == 1 else way.prove(shown, now_ms)

    opened.desk.methods = {"click_through": Twice()}
    asked = opened.ask("/login?lang=zh-CN", token=token_of(opened.ask("/?lang=zh-CN").text), method="click_through")
    opened.rule("2")
    opened.look()

    opened.ask("/login?lang=en", token=token_of(asked.text), method="click_through")

    assert [(row.terms, row.language) for row in opened.consents()] == [("2026-11", "zh_CN")]


def test_what_was_agreed_to_is_forgotten_in_time_and_bounded() -> None:
    agreed, consent = Agreed(), Consent(terms="2", language="en", digest="0" * 64, channel="portal")
    agreed.note(b"a", consent, 1_000)

    assert agreed.of(b"a", 1_000 + LIFE_MS) == consent
    assert agreed.of(b"a", 1_001 + LIFE_MS) is None
    for number in range(MOST):
        agreed.note(number.to_bytes(4, "big"), consent, 1_000)
    assert agreed.of(b"a", 1_000) is None


def test_the_facts_of_a_minute_count_consents_by_the_terms_that_were_shown(opened) -> None:
    """Not by what the program ships, nor by who got in: a fact in the ledger that is false cannot be taken back."""
    opened.ask("/login?lang=en", token=token_of(opened.ask("/?lang=en").text), method="click_through")
    opened.desk.logout(opened.desk.gateway.identify("127.0.0.7"))
    opened.rule("2")
    opened.look()
    for _ in range(2):
        opened.ask("/login?lang=en", token=token_of(opened.ask("/?lang=en").text), method="click_through")
        opened.desk.logout(opened.desk.gateway.identify("127.0.0.7"))

    opened.desk.telling.flush(opened.desk.clock.now_ms() + 60_000)

    told = [facts.decode(each.payload).body for each in spool.read(opened.desk.telling.spool.path, after=0, limit=99)
            if each.kind == "fact"]  # fmt: skip
    logins = [body for body in told if "consents" in body]
    assert [(body["consents"], body["terms"], body["agreed"]) for body in logins] == [(3, "2", {"2": 2, "2026-11": 1})]


# ---- kept
def test_every_text_is_kept_before_it_is_shown_and_goes_into_an_export(opened, tmp_path: Path) -> None:
    opened.ask("/login?lang=en", token=token_of(opened.ask("/?lang=en").text), method="click_through")
    now_ms, store = opened.desk.clock.now_ms(), opened.desk.store
    window = export.Window(start_ms=now_ms - 1000, end_ms=now_ms + 1000, zone=zone("Asia/Shanghai"))
    about = export.About(by="x", city="x", rehearsal=True, now_ms=now_ms)

    export.write(tmp_path / "out.zip", store.read, window, about)

    (row,) = opened.consents()
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        found = archive.read(f"terms/2026-11.en.{row.digest[:12]}.txt").decode()
    assert found == text("en")


def test_the_files_may_go_and_the_consents_still_hold(opened) -> None:
    opened.ask("/login?lang=en", token=token_of(opened.ask("/?lang=en").text), method="click_through")
    for file in opened.settings.portal.terms.iterdir():
        file.unlink()
    now_ms = opened.desk.clock.now_ms()

    def verified():
        return opened.desk.store.read(lambda connection: verify.verify(connection, {}, now_ms=now_ms)).problems

    assert verified() == []
    opened.desk.store.write(lambda connection: connection.execute(sa.update(tables.TERMS).values(text="other words")))
    assert ["2026-11" in each and "not here any more" in each for each in verified()] == [True]


def test_words_that_somebody_agreed_to_do_not_change_under_their_name(opened) -> None:
    opened.ask("/login?lang=en", token=token_of(opened.ask("/?lang=en").text), method="click_through")
    before = opened.desk.policies
    opened.write("2026-11.en.txt", text("en", "Be very kind."))

    with pytest.raises(PolicyError, match="agreed to other words under this name"):
        opened.look()

    assert opened.desk.policies is before
    opened.write("2026-11.zh_CN.txt", text("zh_CN", "corrected before anybody has agreed"))
    opened.write("2026-11.en.txt", text("en"))
    assert opened.look() == 1
    assert "corrected" in opened.desk.policies.library.terms("zh_CN", "2026-11").text


def test_a_start_with_altered_words_is_refused(opened) -> None:
    opened.ask("/login?lang=en", token=token_of(opened.ask("/?lang=en").text), method="click_through")
    opened.write("2026-11.en.txt", text("en", "Be very kind."))
    fresh = policy_yaml.read(opened.settings)

    with pytest.raises(PolicyError, match="version of their own"):
        board.Board(opened.settings, opened.desk.store, ()).begin(fresh, "", 1)


def test_publishing_again_writes_nothing(opened) -> None:
    assert published.publish(opened.desk.store, opened.desk.policies.library, 1) == 0


# ---- put up while the portal runs
def test_a_new_version_is_in_force_for_who_comes_next_without_a_restart(opened) -> None:
    for each in ("zh_CN", "en"):
        opened.write(f"2027.{each}.txt", text(each, "Be patient."))
    opened.rule("2027")

    assert opened.look() == 1
    assert opened.look() == 0
    assert "Be patient." in opened.ask("/?lang=en").text


def test_what_cannot_be_put_up_changes_nothing_and_is_said_until_it_is_mended(opened) -> None:
    before = opened.desk.policies
    for more, said in (
        ("session_minute: 3\n", "cannot be used"),
        ("returning: {days: 3, methods: [click_through]}\n", "offers returning, which does not run here yet"),
        ("garden: [www.example.cn]\n", "the walled garden of all other sites is another"),
        ("when_broken: open\n", "'when_broken' of all other sites is another; restart the gate and the RADIUS server"),
    ):
        opened.rule("2", more)
        for _ in range(2):
            with pytest.raises(PolicyError, match=said):
                opened.look()
            assert opened.desk.policies is before

    opened.rule("2")
    assert opened.look() == 1


def test_without_folders_there_is_nothing_to_look_at(settings) -> None:
    assert board.mark(settings) == board.mark(settings)
    assert agreement.read(None, Notes()) is agreement.built_in()


# ---- checked
def test_check_names_languages_that_the_terms_lack_and_terms_that_nobody_sees(city) -> None:
    file = city.portal.policies / "parks.yaml"
    file.write_text(file.read_text().replace("[zh_CN, en]", "[zh_CN, en, ja]"), encoding="utf-8")
    assert ["2026-11.ja.txt" in each.remedy for each in checks._terms(city)] == [True]

    file.write_text(POLICY.format(version='"2"'), encoding="utf-8")
    assert ["no policy shows" in each.what for each in checks._terms(city)] == [True]
