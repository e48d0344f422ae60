"""A messenger on this machine: a real HTTP server that Apprise's `json://` speaks to, and what it heard."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Messenger(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.heard = []
        self.beats = 0
        self.status, self.location, self.sleep_s = 200, "", 0.0

    @property
    def url(self):
        return f"json://127.0.0.1:{self.server_address[1]}/a-secret-of-its-own"

    def handle_error(self, *_):
        """A caller that was ended is no error."""


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        return

    def do_GET(self):
        self.server.beats += 1
        self.reply()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append(json.loads(body))
        time.sleep(self.server.sleep_s)
        self.reply()

    def reply(self):
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def messenger():
    made = Messenger()
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        made.shutdown()
        thread.join()
        made.server_close()
