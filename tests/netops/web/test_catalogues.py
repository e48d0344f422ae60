"""Every language is complete, and what is committed is what the packages say."""

from __future__ import annotations

import io
import re
from functools import cache

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from netops.web import catalogues

PACKAGES = [catalogues.ROOT / name for name in catalogues.PACKAGES]
EACH = [(package, language) for package in PACKAGES for language in catalogues.languages(package)]
IDS = [f"{package.name}-{language}" for package, language in EACH]


@pytest.fixture
def read_once(monkeypatch):
    """To read every source file for its texts takes a second; each language would do it anew."""
    monkeypatch.setattr(catalogues, "extracted", cache(catalogues.extracted))


@pytest.mark.usefixtures("read_once")
def test_every_text_is_translated_and_compiled():
    assert [wrong for package, language in EACH for wrong in catalogues.problems(package, language)] == []


@pytest.mark.usefixtures("read_once")
def test_staff_pages_stand_in_english_alone_and_what_visitors_see_in_every_language():
    portal = catalogues.ROOT / "captive_portal"
    every, shown = catalogues.wanted(portal, "en"), catalogues.wanted(portal, "ko")

    assert "制作一批" in every
    assert "制作一批" not in shown
    assert "连接免费 WiFi" in shown


def test_what_is_not_translated_yet_is_said_in_english():
    english = catalogues.Catalog(locale="en")
    english.add("甲", "one")
    english.add("乙", "two")
    half = catalogues.Catalog(locale="ja")
    half.add("甲", "一つ")
    half.add("乙", "")

    compiled = read_mo(io.BytesIO(catalogues.mo(catalogues.po(half, "ja"), "ja", english)))

    assert (compiled["甲"].string, compiled["乙"].string) == ("一つ", "two")


@pytest.mark.parametrize(("package", "language"), EACH, ids=IDS)
def test_a_translation_keeps_the_names_of_its_values(package, language):
    path = catalogues.catalogue(package, language)
    with path.open("rb") as file:
        for message in read_po(file, locale=language):
            if message.id and message.string:
                assert set(re.findall(r"%\((\w+)\)", message.id)) == set(re.findall(r"%\((\w+)\)", message.string)), (
                    message.id
                )


NEVER_ONE = re.compile(  # what is counted here is never one, or is no number of things
    r"%\(seconds\)|%\(wait\)|%\(minutes\)|%\(hours\)|%\(digits\)|%\(days\)|%\(most\)|%\(all\)|%\(size\)|%\(every\)|"
    r"%\(length\)|%\(count\)d services added up|%\(count\)d files: at most|%\(count\)d addresses, none|%\(down\)d of "
)


@pytest.mark.parametrize("package", PACKAGES, ids=[package.name for package in PACKAGES])
def test_no_english_text_says_one_services(package):
    with catalogues.catalogue(package, "en").open("rb") as file:
        said = [str(each.string) for each in read_po(file, locale="en") if each.id]

    counted = [each for each in said if re.search(r"%\(\w+\)d (?:\w+ )?(?!minus|less|this|was|is|does)[a-z]+s\b", each)]
    assert [each for each in counted if not NEVER_ONE.search(each)] == [], "say `services: %(count)d`"
