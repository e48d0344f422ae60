"""A controller for the tests, written from the RFCs alone: nothing of the package under test is imported.

It asks and reports as an access controller does, checks every answer by itself, and takes Disconnect and CoA on a port
of its own in whichever mood the test gives it.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import socket
import struct
import threading
from collections import deque

from netops.clock import SYSTEM

SECRET = b"a shared secret of the tests"


def attribute(kind: int, value: bytes | str | int) -> bytes:
    octets = value.encode() if isinstance(value, str) else struct.pack(">I", value) if isinstance(value, int) else value
    return bytes((kind, len(octets) + 2)) + octets


def parsed(octets: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 20
    while at < len(octets):
        found.append((octets[at], octets[at + 2 : at + octets[at + 1]]))
        at += octets[at + 1]
    return found


def seal(code: int, identifier: int, authenticator: bytes, rest: bytes, secret: bytes) -> bytes:
    """Return the attributes with a Message-Authenticator before them."""
    head = struct.pack(">BBH", code, identifier, 20 + 18 + len(rest)) + authenticator
    return b"\x50\x12" + hmac.new(secret, head + b"\x50\x12" + bytes(16) + rest, "md5").digest() + rest


def access(identifier: int, rest: bytes, secret: bytes = SECRET, *, signed: bool = True, authenticator=None) -> bytes:
    random = authenticator or os.urandom(16)
    body = seal(1, identifier, random, rest, secret) if signed else rest
    return struct.pack(">BBH", 1, identifier, 20 + len(body)) + random + body


def keyed(code: int, identifier: int, rest: bytes, secret: bytes = SECRET) -> bytes:
    head = struct.pack(">BBH", code, identifier, 20 + len(rest))
    return head + hashlib.md5(head + bytes(16) + rest + secret).digest() + rest


def genuine(answer: bytes, request: bytes, secret: bytes = SECRET, *, first: bool = True) -> bool:
    """Whether an answer is the request's: by its authenticator, and by a Message-Authenticator that comes first."""
    length = struct.unpack(">H", answer[2:4])[0]
    made = hashlib.md5(answer[:4] + request[4:20] + answer[20:length] + secret).digest()
    if len(answer) != length or answer[1] != request[1] or made != answer[4:20]:
        return False
    if answer[20:22] != b"\x50\x12":
        return not first
    covered = answer[:4] + request[4:20] + b"\x50\x12" + bytes(16) + answer[38:]
    return hmac.new(secret, covered, "md5").digest() == answer[22:38]


def hidden(password: bytes, authenticator: bytes, secret: bytes = SECRET) -> bytes:
    padded = password + bytes(-len(password) % 16)
    made, before = b"", authenticator
    for at in range(0, len(padded), 16):
        key = hashlib.md5(secret + before).digest()
        before = bytes(one ^ two for one, two in zip(padded[at : at + 16], key, strict=True))
        made += before
    return made


class OldController:
    """One controller at a loopback address. `moods` is what comes of the next Disconnects and CoAs."""

    def __init__(self, address: str, auth_port: int, acct_port: int, secret: bytes = SECRET) -> None:
        self.address, self.secret = address, secret
        self.auth, self.acct = ("127.0.0.1", auth_port), ("127.0.0.1", acct_port)
        self.at = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.at.bind((address, 0))
        self.at.settimeout(2)
        self.coa = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.coa.bind((address, 0))
        self.coa.settimeout(0.1)
        self.coa_port = self.coa.getsockname()[1]
        self.moods: deque[str] = deque()
        self.called: list[bytes] = []
        self.identifier = 0
        self._going = True
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def forget(self) -> None:
        """Begin anew: nothing was asked, told or heard."""
        self.moods.clear()
        self.called.clear()
        self.at.settimeout(0.001)
        with contextlib.suppress(TimeoutError):
            while True:
                self.at.recv(5000)

    def close(self) -> None:
        self._going = False
        self._thread.join()
        self.at.close()
        self.coa.close()

    # ---- what it asks
    def send(self, octets: bytes, to: tuple[str, int], wait_s: float = 2.0) -> bytes | None:
        self.at.settimeout(wait_s)
        self.at.sendto(octets, to)
        try:
            return self.at.recv(5000)
        except TimeoutError:
            return None

    def question(self, user, password, mac, ip=None, *, chap=False, signed=True, more=b"") -> bytes:
        self.identifier = (self.identifier + 1) % 256
        random = os.urandom(16)
        rest = attribute(1, user) + attribute(31, mac) + attribute(4, socket.inet_aton(self.address))
        if chap:
            said = hashlib.md5(b"\x07" + password.encode() + random).digest()
            rest += attribute(3, b"\x07" + said)
        elif password is not None:
            rest += attribute(2, hidden(password.encode(), random, self.secret))
        rest += attribute(8, socket.inet_aton(ip)) if ip else b""
        return access(self.identifier, rest + more, self.secret, signed=signed, authenticator=random)

    def ask(self, *words, **named) -> tuple[int, dict[int, bytes]] | None:
        """Return the code and the attributes of a genuine answer; None for silence."""
        octets = self.question(*words, **named)
        answer = self.send(octets, self.auth, 0.4 if named.get("signed") is False else 2.0)
        if answer is None:
            return None
        assert genuine(answer, octets, self.secret)
        return answer[0], dict(reversed(parsed(answer)))

    def account(self, status, session, mac, ip=None, *, up=0, down=0, mark=b"", cause=0, stamp=None, more=b"") -> bytes:
        self.identifier = (self.identifier + 1) % 256
        rest = attribute(40, status) + attribute(44, session) + attribute(31, mac) + attribute(1, "somebody")
        rest += attribute(42, up % 2**32) + attribute(52, up // 2**32)
        rest += attribute(43, down % 2**32) + attribute(53, down // 2**32)
        rest += attribute(8, socket.inet_aton(ip)) if ip else b""
        rest += attribute(25, mark) if mark else b""
        rest += attribute(49, cause) if cause else b""
        rest += attribute(55, SYSTEM.now_ms() // 1000 if stamp is None else stamp)
        return keyed(4, self.identifier, rest + more, self.secret)

    def report(self, *words, wait_s=2.0, **named) -> bool:
        """Report, and return whether it was acknowledged."""
        octets = self.account(*words, **named)
        answer = self.send(octets, self.acct, wait_s)
        return answer is not None and answer[0] == 5 and genuine(answer, octets, self.secret, first=False)

    # ---- what it is told
    def _take(self) -> None:
        while self._going:
            try:
                octets, sender = self.coa.recvfrom(5000)
            except TimeoutError:
                continue
            self.called.append(octets)
            mood = self.moods.popleft() if self.moods else "ack"
            if mood == "silent":
                continue
            code = octets[0] + (1 if mood in {"ack", "forged"} else 2)
            rest = attribute(101, int(mood[4:])) if mood.startswith("nak ") else b""
            head = struct.pack(">BBH", code, octets[1], 20 + len(rest))
            secret = b"another secret altogether" if mood == "forged" else self.secret
            made = head + hashlib.md5(head + octets[4:20] + rest + secret).digest() + rest
            self.coa.sendto(made, sender)
