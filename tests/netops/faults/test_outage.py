"""R1, R2: the telemetry store is away for a day, or for three; it refuses, or takes and never answers.

The count in full is 10,000 devices: `make soak ROW=R1` (R2) runs rounds of `DEVICES` devices, each with every minute of
the outage, until there were 10,000. Memory does not depend on how many polls wait: a step holds one batch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

PROGRAM = Path(__file__).with_name("outage.py")
SEED = int(os.environ.get("NETOPS_SEED", "20261126"))
ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "1"))
DEVICES = 2  # a round of the quick lanes
SOAKED = 10  # a round of the soak: a thousand of them are the ten thousand
ROWS = 34  # lines of a poll: the device, 32 interfaces, and the poll's own


class Stub(ThreadingHTTPServer):
    """A server that refuses, or swallows, until it is `well`; then it counts every line by its key."""

    daemon_threads = True

    def __init__(self, mood):
        super().__init__(("127.0.0.1", 0), Handler)
        self.mood = mood
        self.lines = Counter()
        self.guard = threading.Lock()

    def handle_error(self, *_):
        """A caller that gave up waiting is no error."""


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        return

    def do_GET(self):
        self.reply(200)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.mood == "hole":
            time.sleep(2)
            return
        if self.server.mood == "refuse":
            self.reply(503)
            return
        assert urlsplit(self.path).path == "/write"
        with self.server.guard:
            for line in body.splitlines():
                rest, _, at = line.rpartition(b" ")
                self.server.lines[hash((rest.rpartition(b" ")[0], at))] += 1
        self.reply(204)

    def reply(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def stub(mood):
    made = Stub(mood)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        made.shutdown()
        thread.join()
        made.server_close()


def outage(tmp_path, mood, *, hours, devices, seed):
    with stub(mood) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}" if mood != "embedded" else ""
        words = ["--dir", tmp_path, "--url", url, "--hours", hours, "--devices", devices, "--seed", seed]
        child = subprocess.Popen(
            [sys.executable, PROGRAM, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with child:
            assert child.stdout.readline() == "back\n"
            server.mood = "well"
            child.stdin.write("\n")
            child.stdin.flush()
            told = json.loads(child.stdout.readline())
        assert child.returncode == 0
        return told, server.lines


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("mood", "hours"),
    [("refuse", 24), ("hole", 24), ("embedded", 24), ("refuse", 72), ("embedded", 72)],
    ids=["R1", "R1-hole", "R1-embedded", "R2", "R2-embedded"],
)
def test_a_store_that_was_away_gets_everything_once_the_newest_first(tmp_path, mood, hours):
    for round_ in range(ROUNDS):
        devices = SOAKED if "NETOPS_SOAK" in os.environ else DEVICES
        home = tmp_path / str(round_)
        told, lines = outage(home, mood, hours=hours, devices=devices, seed=f"{SEED}/{round_}")
        polls = devices * (hours * 60 + 1)
        print(f"outage {mood} {hours} h, {devices} devices: {told}")

        assert (told["seen"], told["archived"], told["left"]) == (polls, polls, 0)
        if mood == "embedded":
            assert told["kept"] == {"polls": polls, "rows": 2 * polls, "twice": 0}
        else:
            assert len(lines) == polls * ROWS, "lost"
            assert set(lines.values()) == {1}, "written twice"
        assert told["fresh_after_a_minute"] == devices
        assert told["peak_rss_mb"] < 512
