"""A site shows what stands there, worst first; a device shows those below it by their state."""

from __future__ import annotations

import re

from dashboards import sites
from netops import situation


def card(text, name):
    return text.split(f'id="{name}"')[1].split("</section>")[0]


def test_a_site_shows_its_own_services_and_devices_the_worst_first(site):
    seen = situation.read(site.settings)
    text = site.browser("viewer").get("/site/site-9").get_data(as_text=True)
    services = re.findall(r'href="/service/([^"/#]+)"', card(text, "services"))
    devices = re.findall(r'href="/device/([^"]+)"', card(text, "devices"))

    assert sorted(services) == sorted(each.service for each in seen.services if int(each.service[-4:]) % 29 == 9)
    assert set(devices) == {"wlan-controller-9", "ap-0009", "ap-0038"}
    assert "/site/site-9" not in card(text, "services"), "no link to where one is"
    assert "中关村路 10 号" in text


def test_an_unknown_site_is_not_found(site):
    assert site.browser("viewer").get("/site/nowhere").status_code == 404


def test_a_site_is_the_same_page_while_nothing_changes(site):
    client = site.browser("viewer")
    tag = client.get("/site/site-9").headers["ETag"]

    assert client.get("/site/site-9", headers={"If-None-Match": tag}).status_code == 304


def test_every_list_of_services_leads_to_their_sites(site):
    text = site.browser("viewer").get("/worst?by=device&key=device:wlan-controller-9").get_data(as_text=True)

    assert 'href="/site/site-9"' in text


def test_devices_below_another_stand_with_their_state_in_sign_and_word(site):
    text = card(site.browser("viewer").get("/device/wlan-controller-9").get_data(as_text=True), "children")

    assert "✕ 中断 2" in text
    assert re.findall(r'class="state (\w+)" href="/device/([^"]+)">(.)', text) == [
        ("down", "ap-0009", "✕"),
        ("down", "ap-0038", "✕"),
    ]


def test_of_many_below_only_the_worst_are_shown_and_all_are_counted(site):
    from dashboards.queries import Queries

    queries = Queries(site.settings, site.clock)
    city = queries.city()
    told = sites.below(city, "wlan-controller-9", most=1)
    queries.close()

    assert [each.device.id for each, _sign in told["children"]] == ["ap-0009"]
    assert told["children_count"] == 2
    assert told["children_states"] == [("down", "✕", 2)]


def test_a_search_finds_areas_and_sites_before_devices_and_services_each_with_its_state(site):
    text = site.browser("viewer").get("/find?q=中关村").get_data(as_text=True)
    found = re.findall(r'<th scope="row" class="wrap"><a href="/(\w+)/([^"]+)">', text)
    kinds = [kind for kind, _id in found]

    assert found[:2] == [("area", seen_area(site)), ("site", "site-9")]
    assert kinds == sorted(kinds, key=["area", "site", "device", "service"].index)
    assert text.split('href="/site/site-9"')[1].split("</tr>")[0].count("✕ 中断") == 1


def seen_area(site):
    return next(each.area for each in situation.read(site.settings).services if each.service == "wifi-0009")
