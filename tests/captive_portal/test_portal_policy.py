"""Site policies: what the files may say, what follows from opening hours and bounds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from captive_portal import logo, policy_yaml
from captive_portal.desk import Attempt
from captive_portal.model import Bounds, Client, Consent, Session
from captive_portal.policy import narrower, open_at, opens_ms, seconds_open
from captive_portal.verdict import Refusal, Why
from inventory.model import Hours

BEIJING = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")  # has a summer time
HOUR = 3_600_000
MONDAY = int(datetime(2026, 9, 21, tzinfo=BEIJING).timestamp() * 1000)
WORK = (Hours(days=(1, 2, 3, 4, 5), start_minute=480, end_minute=1200),)
NIGHT = (Hours(days=(1,), start_minute=1200, end_minute=1440), Hours(days=(2,), start_minute=0, end_minute=360))
GOOD = """policy: parks
title: Parks
sites: [simulated-park, west-gate]
methods: [voucher, click_through]
session_minutes: 90
idle_minutes: 15
volume_mb: 2000
down_kbps: 10000
up_kbps: 5000
garden: [www.Example.cn.]
languages: [en, zh_CN]
brand: {name: 公园, colour: "#0B6E4F"}
hours: [mon-sun 06:00-22:00]
"""


def with_folder(settings, folder):
    return replace(settings, portal=replace(settings.portal, policies=folder))


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "policies"
    made.mkdir()
    return made


# ---- files
def test_without_a_folder_there_is_one_policy_made_of_the_settings(settings) -> None:
    policies = policy_yaml.read(settings)

    assert policies.at("anywhere") is policies.default
    assert policies.default.methods == ("click_through", "voucher")
    assert policies.default.bounds == Bounds(seconds=3600)


def test_a_policy_is_read_whole(settings, folder) -> None:
    (folder / "parks.yaml").write_text(GOOD, encoding="utf-8")

    policy = policy_yaml.read(with_folder(settings, folder)).at("west-gate")

    assert policy.methods == ("voucher", "click_through"), "the order of the page"
    assert policy.bounds == Bounds(seconds=5400, idle_s=900, octets=2_000_000_000, down_kbps=10_000, up_kbps=5_000)
    assert (policy.garden, policy.languages, policy.brand.colour) == (("www.example.cn",), ("en", "zh_CN"), "#0b6e4f")
    assert policy.hours == (Hours(days=(1, 2, 3, 4, 5, 6, 7), start_minute=360, end_minute=1320),)
    assert len(policy.digest) == 64


def test_the_digest_is_of_what_the_policy_says_and_nothing_else(settings, folder) -> None:
    digests = []
    for text in (GOOD, f"# a remark\n{GOOD}", GOOD.replace("90", "91")):
        (folder / "parks.yaml").write_text(text, encoding="utf-8")
        digests.append(policy_yaml.read(with_folder(settings, folder)).at("west-gate").digest)

    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("methodz: [voucher]", "did you mean"),
        ("methods: [vaucher]", "'vaucher'"),
        ("session_minutes: 0", "1 to"),
        ("session_minutes: ninety", "whole number"),
        ("garden: ['http://x.cn/']", "no URL"),
        ("garden: [192.0.2.1]", "no address"),
        ("languages: [fr]", "'fr'"),
        ("brand: {colour: red}", "#rrggbb"),
        ("brand: {logo: ../../etc/passwd}", "expected the name"),
        ("hours: [mon 22:00-06:00]", "windows like"),
        ("terms: '99'", "no terms '99'"),
        ("when_broken: maybe", "'maybe'"),
        ("sites: []", "no site"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(settings, folder, line, told) -> None:
    key = line.partition(":")[0]
    text = "".join(f"{each}\n" for each in GOOD.splitlines() if not each.startswith(f"{key}:")) + line + "\n"
    (folder / "parks.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(policy_yaml.PolicyError, match=r"parks\.yaml:\d+") as refused:
        policy_yaml.read(with_folder(settings, folder))

    assert told in str(refused.value)


def test_a_site_has_one_policy(settings, folder) -> None:
    (folder / "a.yaml").write_text(GOOD, encoding="utf-8")
    (folder / "b.yaml").write_text(GOOD.replace("policy: parks", "policy: other"), encoding="utf-8")

    with pytest.raises(policy_yaml.PolicyError, match="already has policy 'parks'"):
        policy_yaml.read(with_folder(settings, folder))


# ---- the logo stands in the page
def test_a_drawing_is_written_anew_without_what_it_does_not_need(folder) -> None:
    (folder / "tree.svg").write_text(
        '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><!-- a tree -->'
        '<path d="M0 0L8 8Z" fill="#0b6e4f"/></svg>'
    )

    drawn = logo.checked(folder, "tree.svg")

    assert drawn == (
        '<svg aria-hidden="true" focusable="false" viewBox="0 0 8 8"><path d="M0 0L8 8Z" fill="#0b6e4f"></path></svg>'
    )


@pytest.mark.parametrize(
    "written",
    [
        b"<svg><script>alert(1)</script></svg>",
        b'<svg onload="alert(1)"/>',
        b'<svg><path style="background:url(//x)"/></svg>',
        b'<svg><path fill="url(#a)"/></svg>',
        b'<svg><use href="//x/y.svg#z"/></svg>',
        b'<svg><image href="//x/y.png"/></svg>',
        b"<svg><foreignObject/></svg>",
        b"<svg><path d='M0\"0'/></svg>",
        b'<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>',
        b'<?xml-stylesheet href="//x"?><svg/>',
        b"<svg>text</svg>",
        b"<g/>",
        b"<svg><svg/></svg>",
        b"<svg>" + b"<g>" * 9 + b"</g>" * 9 + b"</svg>",
        b"<svg>",
        b"\xff\xfe<svg/>",
        b"",
    ],
)
def test_what_could_run_fetch_or_restyle_is_refused(written) -> None:
    with pytest.raises(logo.LogoError):
        logo.drawn(written, "x.svg")


def test_a_logo_larger_than_its_share_of_the_page_is_refused(folder) -> None:
    (folder / "big.svg").write_text(f'<svg><path d="{"M0 0" * 600}"/></svg>')

    with pytest.raises(logo.LogoError, match="larger than 2048"):
        logo.checked(folder, "big.svg")


# ---- hours
@pytest.mark.parametrize(
    ("hours", "at_h", "open_", "closes_h", "opens_h"),
    [
        ((), 3, True, None, None),
        (WORK, 7.99, False, None, 8),
        (WORK, 8, True, 20, None),
        (WORK, 19.99, True, 20, None),
        (WORK, 20, False, None, 32),
        (WORK, 4 * 24 + 21, False, None, 7 * 24 + 8),
        (NIGHT, 23, True, 30, None),
        (NIGHT, 25, True, 30, None),
        (NIGHT, 31, False, None, 7 * 24 + 20),
    ],
)
def test_opening_hours_by_the_wall_clock(hours, at_h, open_, closes_h, opens_h) -> None:
    at_ms = MONDAY + int(at_h * HOUR)

    assert open_at(hours, at_ms, BEIJING) is open_
    if closes_h is not None:
        assert seconds_open(hours, at_ms, BEIJING) == pytest.approx((closes_h - at_h) * 3600, abs=1)
    if not hours:
        assert seconds_open(hours, at_ms, BEIJING) is None
    if opens_h is not None:
        assert opens_ms(hours, at_ms, BEIJING) == MONDAY + opens_h * HOUR


def test_always_open_in_windows_never_closes() -> None:
    hours = (Hours(days=tuple(range(1, 8)), start_minute=0, end_minute=1440),)

    assert seconds_open(hours, MONDAY + 5 * HOUR, BEIJING) is None


@given(some.integers(min_value=1_767_225_600_000, max_value=1_798_761_600_000))
def test_it_is_open_until_it_closes_and_closed_until_it_opens(at_ms) -> None:
    """Over a year with both changes of the clock."""
    if open_at(WORK, at_ms, BERLIN):
        left = seconds_open(WORK, at_ms, BERLIN)
        assert left is not None
        assert open_at(WORK, at_ms + left * 1000 - 1000, BERLIN)
        assert not open_at(WORK, at_ms + left * 1000 + 1000, BERLIN)
    else:
        opens = opens_ms(WORK, at_ms, BERLIN)
        assert opens > at_ms
        assert open_at(WORK, opens, BERLIN)
        assert not open_at(WORK, opens - 1000, BERLIN)


BOUNDS = some.builds(
    Bounds,
    **{
        name: some.integers(min_value=0, max_value=9)
        for name in ("seconds", "idle_s", "octets", "down_kbps", "up_kbps")
    },
)


@given(BOUNDS, BOUNDS)
def test_the_narrower_of_two_is_within_both(one, other) -> None:
    made = narrower(one, other)

    assert made == narrower(other, one) == narrower(made, one)
    for name in Bounds.__slots__:
        for each in (getattr(one, name), getattr(other, name)):
            assert each == 0 or 0 < getattr(made, name) <= each


# ---- at the desk
CONSENT = Consent(terms="1", language="zh_CN", digest="0" * 64, channel="portal")
VISITOR = Client(mac="02:00:00:00:00:01", interface="simulated", addresses=("127.0.0.1",))


def click() -> Attempt:
    return Attempt(client=VISITOR, method="click_through", fields={}, consent=CONSENT)


def policed(house, folder, text: str):
    (folder / "here.yaml").write_text(text, encoding="utf-8")
    house.settings = with_folder(house.settings, folder)
    return house.open()


HERE = "policy: here\ntitle: here\nsites: [site-1]\n"


def test_a_closed_site_says_when_it_opens(house, folder) -> None:
    house.clock.at_ms = MONDAY + 7 * HOUR
    desk = policed(house, folder, f"{HERE}hours: [mon-fri 08:00-20:00]\n")

    assert desk.login(click()) == Refusal(why=Why.CLOSED, wait_ms=HOUR)


def test_a_visit_ends_when_the_site_closes(house, folder) -> None:
    house.clock.at_ms = MONDAY + 19 * HOUR + HOUR // 2
    desk = policed(house, folder, f"{HERE}session_minutes: 120\nhours: [mon-fri 08:00-20:00]\n")

    session = desk.login(click())

    assert isinstance(session, Session)
    assert session.seconds_left(house.clock.now_ms()) == 1800


def test_a_method_that_the_site_does_not_offer_is_no_way_in(house, folder) -> None:
    desk = policed(house, folder, f"{HERE}methods: [voucher]\n")

    assert desk.login(click()) == Refusal(why=Why.NOT_HERE)


def test_the_record_keeps_the_bounds_and_the_policy_over_a_restart(house, folder) -> None:
    desk = policed(house, folder, f"{HERE}session_minutes: 30\nidle_minutes: 5\ndown_kbps: 4000\n")
    before = desk.login(click())

    after = house.restart().current(VISITOR)

    assert after == before
    assert after.grant.bounds == Bounds(seconds=1800, idle_s=300, down_kbps=4000)
    assert after.grant.policy == desk.policies.at("site-1").digest
