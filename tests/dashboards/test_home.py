"""The home page says in words how the core does, and what is not complete yet."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from small_city import NOW

from collectors.service import AGAIN
from dashboards.queries import FRESH_S
from netops import situation
from netops.alerts import policy
from netops.config import Settings
from netops.core import Core

PAST = "2026年9月20日 22:14"


def shown(site, language="zh-CN", path="/"):
    return site.client("viewer").get(path, headers={"Accept-Language": language}).get_data(as_text=True)


def collector(text):
    return text.split('id="collector"')[1].split("</section>")[0]


@pytest.fixture
def told(sites, tmp_path):
    """Return an instance whose core says what it is told to say."""
    site = sites(tmp_path, telemetry=False)

    def tell(**counts):
        seen = situation.read(site.settings)
        situation.write(site.settings, replace(seen, collector=counts))
        return site

    return tell


@pytest.mark.parametrize(("language", "words"), [("zh-CN", "入库的轮询"), ("en", "Polls stored")])
def test_what_the_core_counts_is_said_in_words(told, language, words):
    text = collector(shown(told(polls="102374", facts="6", isolated="0", repeated="0"), language))

    assert words in text
    assert "102,374" in text
    for raw in ("polls<", "isolated", "repeated", "fault"):
        assert raw not in text, "a key, or a fault that is none"


def test_what_went_wrong_is_red_and_explained(told):
    text = collector(shown(told(polls="1", isolated="3", repeated="2", waiting="collect/poll: disk full"), "en"))

    assert text.count('class="fault"') == 3
    assert "✕ 3" in text
    assert "Records set aside" in text
    assert "✕ collect/poll: disk full" in text


def test_a_count_of_a_later_version_is_shown_by_its_name(told):
    assert "<dt>novel</dt>" in collector(shown(told(novel="7")))


@pytest.mark.parametrize("path", ["/", "/contracts", "/contract/contract-a"])
def test_a_past_that_is_still_being_told_is_said(sites, tmp_path, path):
    site = sites(tmp_path, telemetry=False)
    assert PAST not in shown(site, path=path)
    (tmp_path / "late.history").write_text(str(NOW - 86_400_000))

    assert PAST in shown(site, path=path)
    assert "past is told up to 20 Sep 2026 22:14" in shown(site, "en", path)


def test_a_mark_that_is_just_being_replaced_breaks_nothing(sites, tmp_path):
    site = sites(tmp_path, telemetry=False)
    (tmp_path / "late.history").write_text("")

    assert 'role="status"' not in shown(site)


def test_the_page_is_another_one_when_more_of_the_past_is_told(sites, tmp_path):
    site = sites(tmp_path, telemetry=False)
    client = site.client("viewer")
    mark = tmp_path / "late.history"
    mark.write_text(str(NOW - 86_400_000))
    tag = client.get("/").headers["ETag"]
    mark.write_text(str(NOW - 43_200_000))

    assert client.get("/", headers={"If-None-Match": tag}).status_code == 200


def known_s(site):
    """The worst case until the core knows, in s: a device dies just after its pulse, each doubt is waited for."""
    collect = Settings().collect
    assert 0 < collect.pulse_s < collect.interval_s
    silent_s = (AGAIN + 1) * collect.timeout_s * (1 + collect.retries)
    core_s = next(each.every_s for each in Core(site.settings)._jobs() if each.name == "situation")
    return 1.4 * collect.pulse_s + silent_s + core_s


def test_an_outage_is_on_a_screen_that_lies_open_within_a_minute_as_delivered(site):
    """And the page asked just before it could know."""
    renewed_s = int(re.search(r'data-poll="(\d+)"', shown(site))[1])

    assert known_s(site) + FRESH_S + renewed_s <= 60


def test_an_outage_is_told_within_ninety_seconds_as_delivered(site):
    """With the messenger's time left out: `test_rehearsal.py` measures all of it once."""
    rule = policy.read().rules["outage"]

    assert known_s(site) + Settings().alert.tick_s + rule.grace_s <= 90 - 20
