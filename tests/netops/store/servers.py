"""Private instances of the real servers: free loopback ports, files of their own, ended by their process id."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

INFLUXD = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{home}/meta"
[data]
  dir = "{home}/data"
  wal-dir = "{home}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[logging]
  level = "warn"
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server that can be stopped, killed and started again on the same port and files."""

    def __init__(self, home: Path, command, port, ready):
        self.home = home
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._command = command
        self._ready = ready
        self._process = None

    def start(self):
        log = (self.home / "log").open("ab")
        with log:
            self._process = subprocess.Popen(self._command, cwd=self.home, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while not self._answers():
            assert self._process.poll() is None, (self.home / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, "the server did not answer within 30 s"
            time.sleep(0.05)
        return self

    def _answers(self):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)
        try:
            connection.request("GET", self._ready)
            return connection.getresponse().status < 300
        except OSError:
            return False
        finally:
            connection.close()

    def kill(self):
        self._end(signal.SIGKILL)

    def stop(self):
        self._end(signal.SIGTERM)

    def _end(self, how):
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None


def influxd(home: Path):
    home.mkdir(parents=True, exist_ok=True)
    port, rpc = free_port(), free_port()
    (home / "influxdb.conf").write_text(INFLUXD.format(home=home, port=port, rpc=rpc))
    return Server(home, ["influxd", "run", "-config", str(home / "influxdb.conf")], port, "/ping")


def victoria_metrics(home: Path):
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [
        "victoria-metrics",
        f"-httpListenAddr=127.0.0.1:{port}",
        f"-storageDataPath={home / 'data'}",
        "-retentionPeriod=100y",
        "-dedup.minScrapeInterval=1ms",
        "-search.disableCache",
        "-loggerLevel=ERROR",
        "-memory.allowedBytes=268435456",
    ]
    return Server(home, command, port, "/health")
