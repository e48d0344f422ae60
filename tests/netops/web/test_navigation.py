"""The menu: groups that lead to their first page, the pages of the present one, and nothing that is closed."""

from __future__ import annotations

import pytest

from netops.web import Link
from netops.web.navigation import GROUPS, navigation

LINKS = (
    Link(endpoint="a.second", label="second", group="network", order=20),
    Link(endpoint="a.first", label="first", group="network", order=10, under=frozenset({"a.below"})),
    Link(endpoint="b.only", label="only", group="office"),
)


def shown(endpoint, allowed=lambda _endpoint: True):
    made = navigation(LINKS, endpoint, allowed)
    return [(each.endpoint, each.here) for each in made.groups], [(each.endpoint, each.here) for each in made.pages]


@pytest.mark.parametrize("endpoint", ["a.first", "a.below"])
def test_a_page_and_what_lies_below_it_mark_the_same_entry(endpoint):
    groups, pages = shown(endpoint)

    assert groups == [("a.first", True), ("b.only", False)]
    assert pages == [("a.first", True), ("a.second", False)]


def test_a_group_leads_to_the_first_page_that_is_open_and_a_closed_one_is_not_there():
    assert shown("a.second", lambda endpoint: endpoint == "a.second") == ([("a.second", True)], [("a.second", True)])
    assert shown("b.only", lambda _endpoint: False) == ([], [])


def test_a_page_of_no_group_shows_the_groups_alone():
    assert shown("somewhere.else") == ([("a.first", False), ("b.only", False)], [])


def test_every_link_of_the_house_is_in_a_group_and_every_group_has_one():
    from captive_portal import pages as portal
    from captive_portal.records import pages as persons
    from dashboards import pages as dashboards

    links = [*dashboards.MENU, *portal.MENU, *persons.MENU]

    assert {each.group for each in links} == set(GROUPS)
    assert len({each.order for each in links}) == len(links), "no two stand at the same place"
