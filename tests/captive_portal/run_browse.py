"""A visitor who reads pages: `run_browse.py HOST SECONDS [SOURCE]` opens some connections about every second."""

import contextlib
import random
import socket
import sys
import time


def page(host: str, source: str) -> bytes:
    with socket.create_connection((host, 80), 2, source_address=(source, 0)) as flow:
        flow.settimeout(2)
        flow.sendall(b"GET / HTTP/1.1\r\nHost: page\r\n\r\n")
        return flow.recv(4096)


def main(host: str, seconds: str, source: str = "") -> None:
    until = time.monotonic() + float(seconds)
    chance = random.Random(host + source + seconds)
    while time.monotonic() < until:
        for _ in range(chance.randint(1, 3)):
            with contextlib.suppress(OSError):
                page(host, source)
        time.sleep(chance.uniform(0.3, 1.2))


if __name__ == "__main__":
    main(*sys.argv[1:])
