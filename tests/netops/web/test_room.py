"""Whoever says nothing makes room: a full house of silent connections keeps nobody out."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading

import pytest

from netops.config import Listener
from netops.web import server as serving

AT_ONCE, FULL = 5, 40


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch):
    """A server with few places; `/slow` is answered once `go` is set."""
    monkeypatch.setattr(serving, "CONNECTIONS", FULL)
    monkeypatch.setattr(serving, "ACCEPTS", AT_ONCE)
    go = threading.Event()

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/slow":
            go.wait(20)
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    made = serving.Server(app, Listener(port=0))
    made.go = go
    made.start()
    yield made
    go.set()
    made.stop()


def ask(port: int, path: str = "/", wait_s: float = 5.0) -> int:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=wait_s)
    with contextlib.closing(link):
        link.request("GET", path)
        return link.getresponse().status


def test_silent_connections_beyond_all_places_keep_nobody_waiting_and_a_running_answer_is_not_cut(small) -> None:
    told: list[int] = []
    waits = threading.Thread(target=lambda: told.append(ask(small.port, "/slow", 20)))
    waits.start()
    with contextlib.ExitStack() as stack:
        for _ in range(2 * FULL):
            stack.enter_context(socket.create_connection(("127.0.0.1", small.port), 5)).sendall(
                b"GET / HTTP/1.1\r\nX: "
            )

        answers = [ask(small.port) for _ in range(10)]  # a place comes free by itself after ten seconds only

    small.go.set()
    waits.join(20)
    assert answers == [200] * 10
    assert told == [200]
