"""A real browser takes the pages as they are meant: nothing refused by the policy, nothing fetched from elsewhere."""

from __future__ import annotations

import subprocess

import pytest

from netops.access.permissions import PUBLIC
from netops.config import Listener
from netops.web import Server

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--virtual-time-budget=100000",
    "--dump-dom",
]
PAGES = [
    "/",
    "/worst",
    "/device/wlan-controller-9",
    "/service/wifi-0009",
    "/contract/contract-b",
    "/approvals",
    "/login",
]


@pytest.fixture
def server(site):
    """The whole site, open to everybody: a browser on the command line carries no cookie."""
    guard = next(
        each.__self__ for each in site.app.before_request_funcs[None] if getattr(each, "__name__", "") == "_admit"
    )
    before, guard.permissions = guard.permissions, dict.fromkeys(guard.permissions, PUBLIC)
    server = Server(site.app, Listener(port=0))
    server.start()
    yield server
    server.stop()
    guard.permissions = before


@pytest.mark.slow
@pytest.mark.partner("chromium")
@pytest.mark.parametrize("path", PAGES)
def test_the_browser_refuses_nothing_and_renews_the_page(server, site, tmp_path, path):
    asked = []
    site.app.before_request_funcs[None].insert(0, lambda: asked.append(_request()))
    url = f"http://127.0.0.1:{server.port}{path}"
    try:
        done = subprocess.run(
            ["chromium", *FLAGS, f"--user-data-dir={tmp_path}", url],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    finally:
        site.app.before_request_funcs[None].pop(0)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    assert "</html>" in done.stdout
    assert console == []
    assert {where for where, _ in asked} >= {path.split("?")[0], "/assets/dashboards.css"}
    if path in {"/", "/worst"}:
        assert (path, "1") in asked, "the page asked for itself again"


def _request():
    from flask import request

    return request.path, request.headers.get("X-Poll", "")
