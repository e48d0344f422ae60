"""What a tunnel would try: `run_tunnels.py SECONDS FOUR SIX` sends as fast as it can by every way, one after the other.

Prints JSON: packets sent and octets heard back, by way.
"""

import contextlib
import json
import socket
import sys
import time

ECHO = {4: bytes([8, 0, 0, 0, 0, 0, 0, 1]), 6: bytes([128, 0, 0, 0, 0, 0, 0, 1])}


def sockets(four: str, six: str) -> dict[str, socket.socket]:
    made = {}
    for version, host in ((4, four), (6, six)):
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        icmp = socket.IPPROTO_ICMP if version == 4 else socket.IPPROTO_ICMPV6
        for name, kind, protocol, port in (
            ("quic", socket.SOCK_DGRAM, 0, 443),
            ("wireguard", socket.SOCK_DGRAM, 0, 51820),
            ("echo", socket.SOCK_DGRAM, icmp, 0),
            ("6in4" if version == 4 else "4in6", socket.SOCK_RAW, 41 if version == 4 else 4, 0),
            ("gre", socket.SOCK_RAW, 47, 0),
        ):
            made[f"{name} over IPv{version}"] = one = socket.socket(family, kind, protocol)
            one.settimeout(0.001)
            with contextlib.suppress(OSError):
                one.connect((host, port))
    return made


def main(seconds: float, four: str, six: str) -> None:
    told = {}
    for way, one in sockets(four, six).items():
        sent = heard = 0
        payload = ECHO[6 if way.endswith("6") else 4] + b"x" * 1000 if way.startswith("echo") else b"x" * 1000
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                one.send(payload)
            sent += 1
            with contextlib.suppress(OSError):
                heard += len(one.recv(2048))
        told[way] = [sent, heard]
    print(json.dumps(told))


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2], sys.argv[3])
