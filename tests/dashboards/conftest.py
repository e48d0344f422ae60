"""A small city once per session, plain and hostile, and clients that are logged in."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("small_city", Path(__file__).with_name("small_city.py"))
small_city = importlib.util.module_from_spec(_spec)
sys.modules["small_city"] = small_city
_spec.loader.exec_module(small_city)

_spec = importlib.util.spec_from_file_location("audited_city", Path(__file__).with_name("audited_city.py"))
audited_city = importlib.util.module_from_spec(_spec)
sys.modules["audited_city"] = audited_city
_spec.loader.exec_module(audited_city)


OPEN = []  # (directory, what closes it) of instances


class Site:
    """One instance with its application; `client(role)` is a browser in which that role is logged in."""

    def __init__(self, settings, app, clock):
        self.settings, self.app, self.clock = settings, app, clock
        self._clients = {}

    def client(self, role: str | None = None):
        client = self.app.test_client()
        if role is not None:
            answer = client.post("/login", data={"name": role, "password": small_city.PASSWORD})
            assert answer.status_code == 303, answer.get_data(as_text=True)
        return client

    def browser(self, role: str | None):
        """Return a client of the role that is kept for the session: logging in costs an argon2 hash.

        The language that another test asked for in an address is forgotten.
        """
        if role not in self._clients:
            self._clients[role] = self.client(role)
        self._clients[role].delete_cookie("lang")
        return self._clients[role]

    def still_in(self, role: str):
        """Return the same client, logged in anew if another test ended its session."""
        if self.browser(role).get("/password").status_code != 200:
            del self._clients[role]
        return self.browser(role)


@pytest.fixture(scope="session")
def sites(tmp_path_factory):
    """Give instances of the small city, each kind of which is built once; everything is closed at the end."""
    from dashboards import pages as dashboard_pages
    from dashboards.service import application

    @cache
    def built(**kind):
        place = tmp_path_factory.mktemp("built")
        small_city.build(place, **kind)
        return place

    with ExitStack() as stack:

        def make(directory, *, telemetry=True, hostile=False, access=None):
            own = stack.enter_context(ExitStack())
            OPEN.append((directory, own))
            settings = small_city.settings(directory)
            settings = settings if access is None else replace(settings, access=access)
            shutil.copytree(built(telemetry=telemetry, hostile=hostile), directory, dirs_exist_ok=True)
            clock = small_city.Fixed()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("netops.web.pages.load", lambda context: [dashboard_pages.pages(context)])
                patch.setattr("dashboards.pages.Passwords", small_city.cheap)
                return Site(settings, application(settings, clock, own), clock)

        yield make


@pytest.fixture(autouse=True)
def _ended(request):
    """Close the instances in a test's own directory with it: each holds ten files, and select() takes 1,024."""
    place = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    for each in [each for each in OPEN if place is not None and each[0].is_relative_to(place)]:
        OPEN.remove(each)
        each[1].close()


@pytest.fixture(scope="session")
def audited(tmp_path_factory):
    """Give the city with a closed, disputed and revised month."""
    from dashboards import pages as dashboard_pages
    from dashboards.service import application

    directory = tmp_path_factory.mktemp("audited")
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patience:
        patience.setattr("dashboards.running.WAIT_S", 60)  # a page waits for the judge: on a slow machine, too
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("netops.report.fonts.found", lambda: None)
            settings = audited_city.build(directory)
            patch.setattr("netops.web.pages.load", lambda context: [dashboard_pages.pages(context)])
            patch.setattr("dashboards.pages.Passwords", small_city.cheap)
            clock = small_city.Fixed()
            made = Site(settings, application(settings, clock, stack), clock)
        yield made


@pytest.fixture(scope="session")
def site(sites, tmp_path_factory):
    return sites(tmp_path_factory.mktemp("city"))


@pytest.fixture(scope="session")
def hostile(sites, tmp_path_factory):
    return sites(tmp_path_factory.mktemp("hostile"), hostile=True)
