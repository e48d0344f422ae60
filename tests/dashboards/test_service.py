"""The web process as it runs: started, asked over HTTP, stopped."""

from __future__ import annotations

import dataclasses
import urllib.error
import urllib.request
from contextlib import ExitStack

import pytest
import small_city

from dashboards import pages as dashboard_pages
from dashboards.service import Web, application, build
from netops.config import Listener
from netops.errors import ConfigError
from netops.service import running
from netops.web import pages


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "load", lambda context: [dashboard_pages.pages(context)])
    small_city.build(tmp_path, telemetry=False)
    return dataclasses.replace(small_city.settings(tmp_path), web=Listener(port=0))


def get(port, path):
    return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10)


def test_it_serves_from_start_to_stop_and_again(settings):
    service = Web(settings, small_city.Fixed())
    for _ in range(2):
        with running([service]):
            with get(service.port, "/login") as page:
                assert page.status == 200
            with get(service.port, "/readyz") as ready:
                assert b'"ready":true' in ready.read()
            with get(service.port, "/metrics") as metrics:
                assert b"netops_situation_age_seconds 20" in metrics.read()
        with pytest.raises(urllib.error.URLError):
            get(service.port, "/login")
    service.stop()


def test_health_says_what_is_missing(settings):
    (settings.data.dir / "register.db").unlink()
    service = Web(settings, small_city.Fixed())

    assert set(service.health()) == {"register"}


def test_building_opens_nothing(tmp_path):
    build(small_city.settings(tmp_path / "nowhere"))

    assert not (tmp_path / "nowhere").exists()


def test_a_failed_start_lets_go_of_everything(settings):
    first = Web(settings, small_city.Fixed())
    with running([first]):
        taken = dataclasses.replace(settings, web=Listener(port=first.port), data=settings.data)
        second = Web(dataclasses.replace(taken, data=dataclasses.replace(settings.data, dir=settings.data.dir / "b")))
        with pytest.raises(ConfigError, match="another instance"):
            second.start()
        second.stop()


def test_without_installed_pages_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("netops.web.pages.entry_points", lambda **_: [])

    with pytest.raises(ConfigError, match="make install"):
        pages.load(None)


def test_with_all_packages_mounted_every_route_is_declared(tmp_path):
    small_city.build(tmp_path, telemetry=False)
    with ExitStack() as stack:
        app = application(small_city.settings(tmp_path), small_city.Fixed(), stack)
        guard = next(
            each.__self__ for each in app.before_request_funcs[None] if getattr(each, "__name__", "") == "_admit"
        )
        routes = {rule.endpoint for rule in app.url_map.iter_rules()}

        assert {name.partition(".")[0] for name in routes} >= {"dashboards", "vouchers", "health"}
        assert routes <= set(guard.permissions)
