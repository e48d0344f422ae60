"""A controller that speaks Portal 2.0, as its makers describe it: it shares no line with what it tests.

It has stations (who has which address on the air), users (who is online), and asks `authorise` as a real one asks a
RADIUS server. It can be made to lose, repeat and forge packets.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

(
    REQ_CHALLENGE,
    ACK_CHALLENGE,
    REQ_AUTH,
    ACK_AUTH,
    REQ_LOGOUT,
    ACK_LOGOUT,
    AFF_ACK_AUTH,
    NTF_LOGOUT,
    REQ_INFO,
    ACK_INFO,
) = range(1, 11)
NTF_USERIPCHANGE, AFF_USERIPCHANGE, ACK_NTF_LOGOUT, NTF_HEARTBEAT, NTF_USER_HEARTBEAT = 0x0C, 0x0D, 0x0E, 0x0F, 0x10
ACK_USER_HEARTBEAT, REQ_MACBIND, ACK_MACBIND = 0x11, 0x30, 0x31
ZERO = b"\0" * 16


def tlvs(pairs) -> bytes:
    return b"".join(struct.pack(">BB", kind, len(value) + 2) + value for kind, value in pairs)


def packet(type_, user, *, serial=0, request=0, error=0, pairs=(), secret=b"", over=ZERO, version=2, pap=0) -> bytes:
    head = struct.pack(
        ">BBBBHH4sHBB", version, type_, pap, 0, serial, request, socket.inet_aton(user), 0, error, len(pairs)
    )
    body = tlvs(pairs)
    if version == 1:
        return head + body
    return head + hashlib.md5(head + over + body + secret).digest() + body


@dataclass
class Read:
    version: int
    type: int
    pap: int
    serial: int
    request: int
    user: str
    error: int
    seal: bytes
    pairs: list
    raw: bytes

    def get(self, kind):
        return next((value for each, value in self.pairs if each == kind), None)


def read(octets: bytes) -> Read:
    version, type_, pap, _, serial, request, user, _, error, count = struct.unpack(">BBBBHH4sHBB", octets[:16])
    at = 16 if version == 1 else 32
    pairs = []
    for _ in range(count):
        kind, length = octets[at], octets[at + 1]
        pairs.append((kind, octets[at + 2 : at + length]))
        at += length
    assert at == len(octets), "a packet of the portal has octets that it does not announce"
    address = socket.inet_ntoa(user)
    six = next((value for kind, value in pairs if kind == 0xF1), None)
    if six:
        address = socket.inet_ntop(socket.AF_INET6, six)
    return Read(
        version, type_, pap, serial, request, address, error, octets[16:32] if version == 2 else b"", pairs, octets
    )


def holds(octets: bytes, secret: bytes, over: bytes = ZERO) -> bool:
    return hashlib.md5(octets[:16] + over + octets[32:] + secret).digest() == octets[16:32]


@dataclass
class Online:
    mac: str
    name: str
    request: int
    until: float
    affirmed: bool = False


@dataclass
class Ac:
    """`lose(octets)` says whether a packet of the portal is lost on its way; `spoil(octets)` what goes out instead."""

    authorise: object
    secret: bytes = b"s3cret-of-portal"
    host: str = "127.0.0.21"
    version: int = 2
    pap: bool = False
    tells_mac: bool = True
    names_mac: str = ""  # a MAC that it names in ACK_AUTH instead of the station's
    lose: object = lambda _octets: False
    spoil: object = lambda octets: [octets]
    silent: bool = False
    bare: bool = False  # version 2 without an authenticator
    portal: tuple = ()
    stations: dict = field(default_factory=dict)
    online: dict = field(default_factory=dict)
    heard: list = field(default_factory=list)
    bad: list = field(default_factory=list)

    def __enter__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.host, 0))
        self.socket.settimeout(0.1)
        self.port = self.socket.getsockname()[1]
        self.challenges = {}
        self.answers = {}
        self.sent = {}
        self.lock = threading.RLock()
        self.numbers = secrets.randbelow(20_000) + 1
        self.ending = threading.Event()
        self.came = threading.Condition(self.lock)
        self.thread = threading.Thread(target=self._go, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join(3)
        self.socket.close()

    # ---- what a test does with it
    def station(self, address: str, mac: str) -> None:
        self.stations[address] = mac

    def wait(self, type_, within=3.0, after=0) -> Read:
        """Return the first packet of a type from the portal, beyond `after` packets."""
        with self.came:
            found = []

            def there():
                found[:] = [each for each in self.heard[after:] if each.type == type_]
                return bool(found)

            assert self.came.wait_for(there, within), (
                f"no packet {type_:#x}: {[hex(e.type) for e in self.heard[after:]]}"
            )
            return found[0]

    def tell(self, octets: bytes) -> None:
        self.socket.sendto(octets, self.portal)

    def kick(self, address: str, *, tell=True, keep=False) -> bytes:
        user = self.online[address] if keep else self.online.pop(address)
        octets = packet(
            NTF_LOGOUT,
            address,
            request=user.request,
            pairs=[*self.bas(), self.mac_of(user.mac)],
            secret=self.secret,
            version=self.version,
        )
        if tell:
            self.tell(octets)
        return octets

    def mac_of(self, mac):
        return (0x0B, bytes.fromhex(mac.replace(":", "")))

    def bas(self):
        return [(0x0A, socket.inet_aton(self.host))]

    # ---- what it does by itself
    def _go(self):
        while not self.ending.is_set():
            try:
                octets, sender = self.socket.recvfrom(65_535)
            except (TimeoutError, OSError):
                continue
            with self.came:
                if self.silent or self.lose(octets):
                    continue
                try:
                    said = read(octets)
                except Exception as error:  # noqa: BLE001  (whatever is wrong with a packet of ours)
                    self.bad.append(error)
                    continue
                self.heard.append(said)
                self.last_sender = sender
                answer = self._answer(said)
                if answer is not None:
                    for each in self.spoil(answer):
                        with contextlib.suppress(OSError):
                            self.socket.sendto(each, sender)
                self.came.notify_all()

    def _answer(self, said: Read):
        if self.version == 2 and not self.bare:
            over = self.sent.get((said.type, said.serial), ZERO)
            if not holds(said.raw, self.secret, over):
                self.bad.append(f"authenticator of {said.type:#x}")
                return None
        key = (said.type, said.serial, said.user, said.request)
        if key in self.answers and said.type in {REQ_CHALLENGE, REQ_AUTH}:
            return self.answers[key]
        made = {
            REQ_CHALLENGE: self._challenge,
            REQ_AUTH: self._auth,
            REQ_LOGOUT: self._logout,
            REQ_INFO: self._info,
            AFF_ACK_AUTH: self._affirm,
            NTF_USER_HEARTBEAT: self._roll,
        }.get(said.type, lambda _said: None)(said)
        if made is not None and said.type in {REQ_CHALLENGE, REQ_AUTH}:
            self.answers[key] = made
        return made

    def _reply(self, said, type_, *, request=None, error=0, pairs=()):
        request = said.request if request is None else request
        if ":" in said.user:
            pairs = [*pairs, (0xF1, socket.inet_pton(socket.AF_INET6, said.user))]
        user = said.user if ":" not in said.user else "0.0.0.0"
        made = packet(
            type_,
            user,
            serial=said.serial,
            request=request,
            error=error,
            pairs=list(pairs),
            secret=self.secret,
            over=said.seal,
            version=self.version,
        )
        return made[:16] + made[32:] if self.bare else made

    def _expire(self, address):
        """Put out who is past their time, of the one address: a look at all for each login is quadratic in a storm."""
        user = self.online.get(address)
        if user is not None and user.until <= time.monotonic():
            del self.online[address]

    def _number(self):
        self.numbers = self.numbers % 0xFFFF + 1  # two octets, and 0 is none

    def _challenge(self, said):
        self._expire(said.user)
        if said.user in self.online:
            return self._reply(said, ACK_CHALLENGE, error=2, pairs=self.bas())
        if said.user not in self.stations:
            return self._reply(said, ACK_CHALLENGE, error=1, pairs=self.bas())
        self._number()
        given = secrets.token_bytes(16)
        self.challenges[said.user] = (self.numbers, given, said.serial)
        return self._reply(said, ACK_CHALLENGE, request=self.numbers, pairs=[(3, given), *self.bas()])

    def _auth(self, said):
        self._expire(said.user)
        mac = self.stations.get(said.user)
        if mac is None:
            return self._reply(said, ACK_AUTH, error=4, pairs=self.bas())
        if said.user in self.online:
            return self._reply(said, ACK_AUTH, error=2, pairs=self.bas())
        name = said.get(1).decode()
        if said.pap:
            self._number()
            request, shown = self.numbers, said.get(2)
        else:
            request, given, serial = self.challenges.pop(said.user, (0, b"", 0))
            if (request, given, serial) != (said.request, said.get(3), said.serial):
                return self._reply(said, ACK_AUTH, error=4, pairs=self.bas())
            shown = (bytes([request & 0xFF]), said.get(4), given)
        seconds = self.authorise(name, shown, mac)
        if seconds is None:
            return self._reply(said, ACK_AUTH, error=1, pairs=[(5, "密码错误".encode("gb18030")), *self.bas()])
        self.online[said.user] = Online(mac, name, request, time.monotonic() + seconds)
        return self._reply(said, ACK_AUTH, request=request, pairs=[*self.bas(), self.mac_of(self.names_mac or mac)])

    def _affirm(self, said):
        if said.user in self.online and said.request == self.online[said.user].request:
            self.online[said.user].affirmed = True

    def _logout(self, said):
        if said.error == 1:
            self.challenges.pop(said.user, None)
        there = self.online.pop(said.user, None)
        return self._reply(said, ACK_LOGOUT, error=0 if there else 3, pairs=self.bas())

    def _info(self, said):
        mac = self.stations.get(said.user)
        if mac is None:
            return self._reply(said, ACK_INFO, error=2)
        pairs = [(8, b"AC-1-vlan-00-0010@vlan"), *self.bas()]
        return self._reply(said, ACK_INFO, pairs=[*pairs, self.mac_of(mac)] if self.tells_mac else pairs)

    def _roll(self, said):
        named = [value[at : at + 4] for kind, value in said.pairs if kind == 0x0D for at in range(0, len(value), 4)]
        gone = [each for each in named if socket.inet_ntoa(each) not in self.online]
        if not gone:
            return None
        return self._reply(said, ACK_USER_HEARTBEAT, pairs=[(0x0D, b"".join(gone[:63])), *self.bas()])


# ---- the RADIUS client in it (RFC 2865, 2869)
def asks_radius(controller: Ac, server: tuple, secret: bytes):
    """Return what asks a RADIUS server about a user as a controller does: CHAP or PAP, from its own address."""

    def authorise(name: str, shown, mac: str) -> int | None:
        asked = secrets.token_bytes(16)
        attributes = [
            (80, bytes(16)),
            (1, name.encode()),
            (4, socket.inet_aton("10.6.10.77")),
            (6, bytes([0, 0, 0, 2])),
        ]
        attributes.append((31, mac.upper().replace(":", "-").encode()))
        if isinstance(shown, tuple):
            request, proof, challenge = shown
            attributes += [(3, request + proof), (60, challenge)]
        else:
            attributes.append((2, _hidden(shown, asked, secret)))
        body = tlvs(attributes)
        head = struct.pack(">BBH", 1, secrets.randbelow(256), 20 + len(body)) + asked
        seal = hmac.digest(secret, head + body, "md5")
        octets = head + body[:2] + seal + body[18:]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.bind((controller.host, 0))
            link.settimeout(1.0)
            link.sendto(octets, server)
            try:
                answer = link.recv(4096)
            except TimeoutError:
                return None
        if answer[4:20] != hashlib.md5(answer[:4] + asked + answer[20:] + secret).digest() or answer[0] != 2:
            return None
        at, given = 20, {}
        while at < len(answer):
            given[answer[at]] = answer[at + 2 : at + answer[at + 1]]
            at += answer[at + 1]
        return int.from_bytes(given[27], "big")

    return authorise


def _hidden(password: bytes, asked: bytes, secret: bytes) -> bytes:
    padded, before, out = password + bytes(-len(password) % 16), asked, b""
    for at in range(0, len(padded), 16):
        key = hashlib.md5(secret + before).digest()
        before = bytes(one ^ other for one, other in zip(padded[at : at + 16], key, strict=True))
        out += before
    return out
