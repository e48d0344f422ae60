"""Bulk octets: `run_flow.py serve PORT` and `run_flow.py udp-down|udp-up|tcp-down HOST PORT SECONDS`.

Datagrams are sent at 12 Mbit/s, TCP as fast as it goes. Nothing is counted here: the interfaces count.
"""

import contextlib
import socket
import sys
import threading
import time

RATE = 12_000_000
SIZE = 1172  # octets of payload: 1,214 on the wire with Ethernet, IPv4 and UDP


def swallow(flow: socket.socket, seconds: float) -> None:
    flow.settimeout(0.5)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            flow.recv(65_536)


def blast(flow: socket.socket, seconds: float) -> None:
    began, sent = time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        if sent * 8 > passed * RATE:
            time.sleep(0.001)
            continue
        with contextlib.suppress(OSError):
            flow.send(b"x" * SIZE)
        sent += SIZE


def serve_tcp(port: int) -> None:
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        while True:
            flow, _ = server.accept()
            threading.Thread(target=pour, args=(flow,), daemon=True).start()


def pour(flow: socket.socket) -> None:
    with flow:
        try:
            while True:
                flow.sendall(b"x" * 65_536)
        except OSError:
            return


def serve(port: int) -> None:
    threading.Thread(target=serve_tcp, args=(port,), daemon=True).start()
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(("::", port))
        print("READY", flush=True)
        while True:
            asked, peer = door.recvfrom(2048)
            threading.Thread(target=serve_one, args=(asked.decode(), peer), daemon=True).start()


def serve_one(asked: str, peer: tuple[str, int]) -> None:
    seconds, back = asked.split()
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as flow:
        flow.bind(("::", int(back)))
        flow.connect(peer[:2])
        flow.recv(9)
        blast(flow, float(seconds))


def begin(flow: socket.socket) -> None:
    flow.settimeout(0.1)
    for _ in range(50):
        try:
            flow.send(b"begin")
            flow.recv(65_536)
        except OSError:
            time.sleep(0.02)
        else:
            return


def download(host: str, port: int, seconds: float) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as flow:
        flow.bind(("", 0))
        back = 20_000 + flow.getsockname()[1] % 20_000
        flow.sendto(f"{seconds} {back}".encode(), (host, port))
        flow.connect((host, back))
        begin(flow)
        swallow(flow, seconds)


def upload(host: str, seconds: float) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as flow:
        flow.connect((host, 10))  # nobody listens there: the answers are one ICMP error a second
        blast(flow, seconds)


def fetch(host: str, port: int, seconds: float) -> None:
    with socket.create_connection((host, port), 5) as flow:
        swallow(flow, seconds)


if __name__ == "__main__":
    word, *rest = sys.argv[1:]
    if word == "serve":
        serve(int(rest[0]))
    elif word == "udp-down":
        download(rest[0], int(rest[1]), float(rest[2]))
    elif word == "udp-up":
        upload(rest[0], float(rest[2]))
    else:
        fetch(rest[0], int(rest[1]), float(rest[2]))
