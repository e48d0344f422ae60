"""HTTP digest authentication (RFC 7616), the server's side: challenges, answers, each of which counts once. Pure.

A nonce is `instant.chance.mac`: it is known for ours without being remembered, so who is not let in costs no memory.
What is remembered is how far the count of a nonce has come, and only once an answer under it was right.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ALGORITHMS: Mapping[str, str] = {"SHA-256": "sha256", "MD5": "md5"}
"""As HTTP names them → as hashlib does. MD5 because most CPEs know nothing else (RFC 7616 section 3.3 allows it)."""

_PAIR = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)')
_LONGEST = 4096
NONCES = 65_536
_AHEAD_MS = 1000


class Judgement(StrEnum):
    """What an answer is worth."""

    RIGHT = "right"
    STALE = "stale"  # well known, but its nonce is over or its count was used: a new challenge, no wrong password
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An `Authorization: Digest …` of a client, as it was sent."""

    user: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = "MD5"
    qop: str = ""
    count: str = ""
    cnonce: str = ""


def read(header: str) -> Answer | None:
    """Return the answer in an Authorization header; None when it is no digest that can be read."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "digest" or len(header) > _LONGEST:
        return None
    said: dict[str, str] = {}
    at = 0
    while at < len(rest):
        pair = _PAIR.match(rest, at)
        if pair is None or pair[1].lower() in said:
            return None
        quoted = pair[2]
        said[pair[1].lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else pair[3]
        at = pair.end()
    if not {"username", "realm", "nonce", "uri", "response"} <= set(said):
        return None
    return Answer(
        user=said["username"],
        realm=said["realm"],
        nonce=said["nonce"],
        uri=said["uri"],
        response=said["response"].lower(),
        algorithm=said.get("algorithm", "MD5").upper(),
        qop=said.get("qop", ""),
        count=said.get("nc", ""),
        cnonce=said.get("cnonce", ""),
    )


def response(answer: Answer, *, method: str, password: str) -> str:
    """Return what the response would be, had the client this password (RFC 7616 section 3.4.1)."""
    name = ALGORITHMS[answer.algorithm]

    def digest(text: str) -> str:
        return hashlib.new(name, text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()

    secret = digest(f"{answer.user}:{answer.realm}:{password}")
    about = digest(f"{method}:{answer.uri}")
    if answer.qop:
        return digest(f"{secret}:{answer.nonce}:{answer.count}:{answer.cnonce}:{answer.qop}:{about}")
    return digest(f"{secret}:{answer.nonce}:{about}")  # RFC 2069, whose clients count nothing


def agrees(answer: Answer, *, method: str, password: str) -> bool:
    """Whether the answer is what a client with this password would say; octets, for a client may write any letter."""
    told = answer.response.encode("utf-8", "surrogateescape")
    return hmac.compare_digest(response(answer, method=method, password=password).encode(), told)


class Challenges:
    """Makes challenges and judges answers. `now_ms` is an argument; used under its owner's lock."""

    def __init__(
        self,
        *,
        realm: str,
        key: bytes,
        chance: Callable[[], str],
        algorithms: Sequence[str] = tuple(ALGORITHMS),
        lives_s: int = 300,
        most: int = NONCES,
    ) -> None:
        self._realm = realm
        self._key = key
        self._chance = chance
        self._algorithms = tuple(algorithms)
        self._lives_ms = lives_s * 1000
        self._most = most
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._floor_ms = 0  # nonces made up to here count no more: one of them had to be forgotten

    def headers(self, now_ms: int, *, stale: bool = False) -> list[tuple[str, str]]:
        """Return the headers of a 401, the best algorithm first (RFC 7616 section 3.7)."""
        nonce = self.nonce(now_ms)
        told = f'Digest realm="{self._realm}", nonce="{nonce}", qop="auth", algorithm='
        tail = ", stale=true" if stale else ""
        return [("WWW-Authenticate", f"{told}{name}{tail}") for name in self._algorithms]

    def nonce(self, now_ms: int) -> str:
        """Return a new nonce."""
        told = f"{now_ms:x}.{self._chance()}"
        return f"{told}.{self._mac(told)}"

    def judge(self, answer: Answer, passwords: Sequence[str], *, method: str, path: str, now_ms: int) -> Judgement:
        """Return what an answer is worth; `passwords` are those that its user may have."""
        if (
            answer.realm != self._realm
            or answer.algorithm not in self._algorithms
            or answer.qop not in {"", "auth"}
            or _path(answer.uri) != path
        ):
            return Judgement.WRONG
        if answer.qop and not (re.fullmatch(r"[0-9a-fA-F]{8}", answer.count) and answer.cnonce):
            return Judgement.WRONG
        right = False
        for password in passwords or ("",):  # an unknown user takes as long as a known one
            known = agrees(answer, method=method, password=password)
            right = right or (known and bool(passwords))
        if not right:
            return Judgement.WRONG
        return Judgement.RIGHT if self._fresh(answer, now_ms) else Judgement.STALE

    def _fresh(self, answer: Answer, now_ms: int) -> bool:
        """Whether the nonce is ours and holds, and its count is a new one; without counts a nonce counts once."""
        made_ms = self._made(answer.nonce)
        if made_ms is None or made_ms <= self._floor_ms or not -_AHEAD_MS <= now_ms - made_ms < self._lives_ms:
            return False
        count = int(answer.count, 16) if answer.qop else 1 << 32
        if count <= self._counts.get(answer.nonce, 0):
            return False
        self._counts[answer.nonce] = count
        self._counts.move_to_end(answer.nonce)
        self._forget(now_ms)
        return True

    def _forget(self, now_ms: int) -> None:
        """Let go of the counts of nonces that are over; if one that still holds must go, no older one holds either."""
        while self._counts:
            oldest = next(iter(self._counts))
            made_ms = self._made(oldest) or 0
            holds = now_ms - made_ms < self._lives_ms
            if holds and len(self._counts) <= self._most:
                return
            if holds:
                self._floor_ms = max(self._floor_ms, made_ms)
            del self._counts[oldest]

    def _made(self, nonce: str) -> int | None:
        told, _, mac = nonce.rpartition(".")
        if not hmac.compare_digest(mac.encode("utf-8", "replace"), self._mac(told).encode()):
            return None
        return int(told.partition(".")[0], 16)

    def _mac(self, told: str) -> str:
        return hmac.new(self._key, told.encode("utf-8", "replace"), "sha256").hexdigest()[:32]


def _path(uri: str) -> str:
    """Return the path of a request's URI: some clients put the whole URL there."""
    try:
        return urlsplit(uri).path
    except ValueError:
        return ""
