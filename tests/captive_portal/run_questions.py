"""Asks the resolver as fast as it can: `run_questions.py HOST SECONDS`. Prints questions, answers and octets."""

import json
import secrets
import socket
import sys
import time


def question(number: int) -> bytes:
    label = f"t{number:06x}{secrets.token_hex(8)}".encode()
    name = bytes([len(label)]) + label + b"\x07example\x00"
    return number.to_bytes(2, "big") + b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + name + b"\x00\x01\x00\x01"


def main(host: str, seconds: float) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    asked = answered = octets = 0
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.connect((host, 53))
        udp.settimeout(0.001)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            udp.send(question(asked & 0xFFFF))
            asked += 1
            try:
                octets += len(udp.recv(2048))
                answered += 1
            except TimeoutError:
                continue
    print(json.dumps({"asked": asked, "answered": answered, "octets": octets}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
