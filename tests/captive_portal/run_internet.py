"""The internet of the three namespaces: HTTP on port 80 (v4 and v6), TCP on 443, UDP on 9, and an endless download.

`run_internet.py --no-443` leaves port 443 to somebody else.
"""

import csv
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TABLE = Path(__file__).resolve().parents[2] / "captive_portal" / "probes.csv"
PROBES = {
    (row["host"], row["path"]): (int(row["status"]), row["body"].encode())
    for row in csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines())
}


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/endless":
            self.endless()
        elif (self.headers.get("Host", ""), self.path) in PROBES:
            self.online(*PROBES[self.headers.get("Host", ""), self.path])
        elif self.path.endswith("generate_204"):
            self.send_response(204)
            self.end_headers()
        else:
            body = f"internet {self.client_address[0]}\n".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def online(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def endless(self) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x" * 4096)
                self.wfile.flush()
                time.sleep(0.02)
        except OSError:
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


class Dual(ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True


def count_datagrams() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
        udp.bind(("::", 9))
        while True:
            _, peer = udp.recvfrom(2048)
            udp.sendto(b"got it", peer)


def main() -> None:
    held = "--no-443" not in sys.argv
    tls = socket.create_server(("::", 443 if held else 0), family=socket.AF_INET6, dualstack_ipv6=True)
    web = Dual(("::", 80), Pages)
    threading.Thread(target=count_datagrams, daemon=True).start()
    print("READY", flush=True)
    try:
        web.serve_forever()
    finally:
        tls.close()


if __name__ == "__main__":
    main()
