"""In a network namespace of its own: try to lead us to a forbidden address by every door; print what was sent where.

A packet socket on the namespace's only interface counts every packet to each address, whatever its protocol.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from collectors.cwmp import call
from collectors.cwmp.doors import Known, Login
from collectors.probes import web
from netops import cli

ALLOWED, FORBIDDEN = "10.9.0.1", ("10.66.0.1", "169.254.169.254")
ALLOWED_6, FORBIDDEN_6 = "fd09::1", "fd66::1"
AWAY = {"meta": FORBIDDEN[1], "own": "127.0.0.1", "mapped": "[::ffff:127.0.0.1]", "own6": "[::1]", "link6": "[fe80::1]",
        "meta6": "[fd00:ec2::254]"}  # fmt: skip
PLACES = (
    "10.66.0.1", "10.66.0.1/32", "10.66.0.0/30", "10.9.0.0/8", "0.0.0.0/0", "169.254.169.254", "127.0.0.1",
    "127.0.0.1/8",
    "::1", "::ffff:10.66.0.1", "::ffff:127.0.0.1/128", "0x0a420001", "173146113", "012.0102.0.1", "10.66.1",
    "10.9.0.1@10.66.0.1", "10.9.0.1#10.66.0.1", "10.9.0.1,10.66.0.1", "10.9.0.1 10.66.0.1", "localhost", "",
    "fd66::1", "fd66::/120", "fd09::/64", "fd09::/16", "::/0", "::", "fe80::1", "fe80::1%lo", "fd09::1%lo", "ff02::1",
    "ff02::/120", "::10.66.0.1", "64:ff9b::10.66.0.1", "2002:0a42:1::1", "fd09::1/64", "0xfd09::1", "[fd66::1]",
)  # fmt: skip
URLS = (
    "http://{f}:80/", "http://{a}:80@{f}/", "http://{f}#@{a}/", "http://{f}?@{a}/", "http://{a}.{f}/", "http://{f}\\@{a}/",
    "//{f}/", "http:///{f}/", "http://{a}:80/../../http://{f}/", "gopher://{f}/", "file:///etc/passwd", "http://{a}:81/",
    "http://{a}/\r\nHost: {f}", "http://[::ffff:{f}]/", "http://{a}/go", "http://{a}\x00{f}/",
)  # fmt: skip


class Sends(http.server.BaseHTTPRequestHandler):
    """Sends whoever comes on to a forbidden place, whatever they asked."""

    def do_GET(self):
        to = AWAY.get(self.path.strip("/"), FORBIDDEN[0])
        self.send_response(302)
        self.send_header("Location", f"http://{to}:8080/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        return


class Counted(Counter):
    def watch(self):
        for kind, family, start, stop in ((0x0800, socket.AF_INET, 16, 20), (0x86DD, socket.AF_INET6, 24, 40)):
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(kind))
            wire.bind(("lo", 0))
            threading.Thread(target=self.listen, args=(wire, family, slice(start, stop)), daemon=True).start()

    def listen(self, wire, family, destination):
        while True:
            packet, where = wire.recvfrom(2048)
            if where[2] != socket.PACKET_OUTGOING:
                self[socket.inet_ntop(family, packet[destination])] += 1


def main():
    place = Path(sys.argv[1])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in (ALLOWED, *FORBIDDEN):
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
    for address in (ALLOWED_6, FORBIDDEN_6, "fe80::1", "fd00:ec2::254"):
        subprocess.run(["ip", "-6", "address", "add", f"{address}/128", "dev", "lo", "nodad"], check=True)
    counted = Counted()
    counted.watch()
    server = http.server.ThreadingHTTPServer((ALLOWED, 80), Sends)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    inner = http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Sends)
    threading.Thread(target=inner.serve_forever, daemon=True).start()
    told = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.sendto(b"x", (FORBIDDEN[0], 9))
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as wire:
        wire.sendto(b"x", (FORBIDDEN_6, 9))
    time.sleep(0.2)
    told["sees"] = min(
        counted.pop(each, 0) for each in (FORBIDDEN[0], FORBIDDEN_6)
    )  # one that sees nothing proves nothing
    counted.clear()

    file = place / "netops.toml"
    file.write_text(
        f'[city]\nname = "t"\n[data]\ndir = "{place}/data"\n[discover]\nnetworks = "10.9.0.0/30, fd09::/126"\n'
        '[credentials.main]\ncommunity = "plain:public"\n'
    )
    (place / "data").mkdir()
    cli.main(["--config", str(file), "db", "upgrade"])  # without a register nothing is searched, allowed or not
    counted.clear()
    tried = 0
    for where in PLACES:
        for words in (
            ["discover", where, "--dry-run", "--timeout", "0.1"],
            ["record", where, "--credential", "main", "-o", str(place / "x.snmprec")],
        ):
            tried += 1
            with contextlib.suppress(SystemExit):
                cli.main(["--config", str(file), *words])
    told["commands"] = tried
    told["before"] = dict(counted)
    cli.main(["--config", str(file), "discover", "10.9.0.0/30", "fd09::1", "--dry-run", "--timeout", "0.1"])

    known = Known(device="c", serial="S", address=ALLOWED, port=80,
                  login=Login(user="u", password="p", call_user="a", call_password="b"))  # fmt: skip
    calls = 0
    for forbidden in FORBIDDEN:
        for url in URLS:
            meant = call.call_of(known, url.format(a=ALLOWED, f=forbidden))
            if isinstance(meant, call.Call):
                calls += 1
                call.make(meant, wait_s=1.0)
    told["calls"] = calls
    for way in AWAY:
        page = web.fetch(f"http://{ALLOWED}/{way}", web.Way(timeout_s=1.0))
        then = web.fetch(page.header("location"), web.Way(timeout_s=1.0))
        told[way] = [page.status, then.status, then.detail]
    time.sleep(0.3)
    told["sent"] = dict(counted)
    print("\n" + json.dumps(told))


if __name__ == "__main__":
    main()
