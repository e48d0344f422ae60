"""S1 and S12 at the staff pages: nonsense in every part of a request, and thousands of silent connections."""

from __future__ import annotations

import os
import random
import resource
import socket
import statistics
import time
import urllib.request

import pytest
import small_city

from netops.config import Listener
from netops.web import Server

SEED = 20_260_926
SLOWER = 60  # times the median of the calm minute before: what a select over 4,000 descriptors may cost
ROUNDS = 100 * int(os.environ.get("NETOPS_ROUNDS", "3"))
DEAREST = 40  # times the overview, in processor time of the same run: no nonsense buys more of this machine
WORDS = [
    *small_city.HOSTILE,
    "",
    "0",
    "-1",
    "1e309",
    "9" * 400,
    "a" * 5000,
    "\x00",
    "..",
    "%00",
    "%ff%fe",
    "wlan-controller-0",
    "contract-a",
    "110108015",
    "\U0001f600",
    "ａｄｍｉｎ",
]
PATHS = [
    "/",
    "/worst",
    "/area/{}",
    "/site/{}",
    "/find",
    "/device/{}",
    "/service/{}",
    "/service/{}/sample",
    "/reading/{}/{}",
    "/contract/{}",
    "/contract/{}/bundle/{}",
    "/contract/{}/report/{}",
    "/approvals/{}/decide",
    "/approvals/new",
    "/login",
    "/password",
    "/assets/{}",
    "/static/{}",
    "/{}",
]
FIELDS = [
    "q",
    "day",
    "month",
    "until",
    "by",
    "key",
    "page",
    "lang",
    "auto",
    "metric",
    "subject",
    "next",
    "name",
    "password",
    "csrf",
    "action",
]
FIELDS += ["contract", "services", "from", "to", "reason", "decision", "gateway", "class", "old", "new", "again"]
HEADERS = [
    "Accept",
    "Accept-Language",
    "If-None-Match",
    "Origin",
    "Sec-Fetch-Site",
    "X-Poll",
    "Cookie",
    "Content-Type",
    "Range",
]
HEADERS += ["X-Forwarded-For", "X-Forwarded-Proto", "Host"]


@pytest.mark.parametrize("part", range(3))
def test_no_nonsense_makes_the_application_fail(site, part):
    storm(site, random.Random(SEED + part), 25)


@pytest.mark.slow
def test_no_nonsense_makes_the_application_fail_for_long(site):
    storm(site, random.Random(SEED - 1), ROUNDS)


def storm(site, dice: random.Random, rounds: int) -> None:
    """Ask nonsense by clients of its own: it may end their sessions, and others use the kept ones."""
    plain = max(cost_of_the_overview(site) for _ in range(3))
    clients = {role: site.client(role) for role in (None, "operator", "contract_manager", "admin")}
    for number in range(rounds):
        client = clients[dice.choice([None, "operator", "contract_manager", "admin"])]
        path = dice.choice(PATHS)
        path = path.format(*(dice.choice(WORDS) for _ in range(path.count("{}"))))
        query = {dice.choice(FIELDS): dice.choice(WORDS) for _ in range(dice.randrange(4))}
        form = {dice.choice(FIELDS): dice.choice(WORDS) for _ in range(dice.randrange(6))}
        heads = {}
        for _ in range(dice.randrange(3)):
            value = dice.choice(WORDS).encode("latin-1", "ignore").decode("latin-1")
            if not set(value) & set("\r\n"):
                heads[dice.choice(HEADERS)] = value
        method = dice.choice(["GET", "GET", "POST", "HEAD", "PUT", "OPTIONS", "PATCH", "DELETE"])
        if "Cookie" in heads or path == "/logout":
            client = site.client()
        began = time.process_time()
        answer = client.open(
            path,
            method=method,
            query_string=query,
            data=form if method == "POST" else None,
            headers=heads,
            buffered=True,
        )
        told = (number, method, path, query, form, heads)

        assert answer.status_code < 500, told
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"], told
        assert time.process_time() - began < DEAREST * plain, told
        where = answer.headers.get("Location", "/")
        assert where.startswith("/"), told
        assert not where.startswith(("//", "/\\")), told
        for name in ("Location", "Content-Disposition"):
            assert not set(answer.headers.get(name, "")) & set("\r\n"), told


def cost_of_the_overview(site) -> float:
    """What an honest request costs here and now, in seconds of processor time."""
    client = site.browser("operator")
    began = time.process_time()
    client.get("/", buffered=True)
    return time.process_time() - began


@pytest.mark.slow
def test_thousands_of_silent_connections_leave_a_normal_client_its_second(site):
    """S12: as many as descriptors allow, up to 4,000, each having sent half a request."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(4000, (hard - 500) // 2)
    server = Server(site.app, Listener(port=0))
    server.start()
    silent = []
    try:
        calm = typical(server.port)
        for _ in range(count):
            each = socket.create_connection(("127.0.0.1", server.port), timeout=5)
            each.sendall(b"POST /login HTTP/1.1\r\nContent-Length: 50\r\n")
            silent.append(each)
        besieged = typical(server.port)
    finally:
        for each in silent:
            each.close()
        server.stop()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert besieged < SLOWER * calm, f"{count} silent connections: {besieged:.4f} s, {calm:.4f} s without them"


def typical(port: int) -> float:
    """Return the median time of a page, in seconds; each one must come."""
    took = []
    for _ in range(50):
        began = time.monotonic()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=60) as answer:
            assert answer.status == 200
        took.append(time.monotonic() - began)
    return statistics.median(took)
