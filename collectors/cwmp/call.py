"""The connection request: we ask a CPE to come (TR-069 section 3.2.2). HTTP GET with digest, to the registered address.

Where a CPE says it may be called is only believed as far as the register says the same: address and port are the
register's, of what the CPE told the path alone is used. No redirect is followed, no body is read.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
import socket
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from collectors.cwmp import digest
from netops.clock import SYSTEM

if TYPE_CHECKING:
    from collectors.cwmp.doors import Known
    from netops.clock import Clock

WAIT_S = 5.0
_PATH = re.compile(r"/[A-Za-z0-9/_.~%\-]{0,255}")
_CHALLENGE = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)')
_CALLED = frozenset({HTTPStatus.OK, HTTPStatus.NO_CONTENT})
_LONGEST = 8192  # octets of an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Whom to call, where, and as whom."""

    door: str
    host: str
    port: int
    path: str
    user: str
    password: str = field(repr=False)


def call_of(known: Known, told: str) -> Call | str:
    """Return how to call a CPE that told this URL, or the sentence that says why we do not."""
    if not known.address or not known.login.call_user:
        return "the register has no address for it, or its credential no call_user"
    try:
        url = urlsplit(told)
        host, port = url.hostname or "", url.port or 80
    except ValueError:
        return "the CPE told no URL"
    if url.scheme != "http" or not _same(host, known.address) or port != known.port:
        return f"the CPE told another place than the register's http://{known.address}:{known.port}"
    path = url.path or "/"
    if url.query or url.fragment or url.username is not None or not _PATH.fullmatch(path):
        return "the CPE told a URL that is more than a path"
    return Call(
        door=known.poll,
        host=known.address,
        port=known.port,
        path=path,
        user=known.login.call_user,
        password=known.login.call_password,
    )


def make(call: Call, *, wait_s: float = WAIT_S, clock: Clock = SYSTEM) -> str:
    """Call a CPE; return what went wrong, empty when it will come. It takes no longer than `wait_s` twice."""
    try:
        status, challenges = _get(call, "", wait_s, clock)
        if status == HTTPStatus.UNAUTHORIZED:
            chance = secrets.token_hex(8)
            answers = (authorization(each, call, chance=chance) for each in challenges)
            answer = next((each for each in answers if each is not None), None)
            if answer is None:
                return "it challenges in a way that we do not know"
            status, _ = _get(call, f"Authorization: {answer}\r\n", wait_s, clock)
    except OSError as error:
        return f"{type(error).__name__}: {error}"[:200]
    return "" if status in _CALLED else f"it answers {status}"


def _get(call: Call, header: str, wait_s: float, clock: Clock) -> tuple[int, list[str]]:
    """Return status and challenges; 0 for what is no HTTP. A CPE that drips its answer is not waited for."""
    until = clock.monotonic() + wait_s
    host = f"[{call.host}]" if ":" in call.host else call.host
    asked = f"GET {call.path} HTTP/1.1\r\nHost: {host}:{call.port}\r\n{header}Connection: close\r\n\r\n"
    said = b""
    with socket.create_connection((call.host, call.port), timeout=wait_s) as connection:
        connection.sendall(asked.encode("utf-8"))
        while b"\r\n\r\n" not in said and len(said) < _LONGEST:
            left = until - clock.monotonic()
            if left <= 0:
                raise TimeoutError(f"no whole answer in {wait_s:g} s")
            connection.settimeout(left)
            more = connection.recv(4096)
            if not more:
                break
            said += more
    first, *lines = said.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    status = re.match(r"HTTP/1\.[01] (\d{3})(?: |$)", first)
    named = (line.partition(":") for line in lines)
    challenges = [value.strip() for name, _, value in named if name.strip().lower() == "www-authenticate"]
    return int(status[1]) if status else 0, challenges


def authorization(challenge: str, call: Call, *, chance: str) -> str | None:
    """Return the Authorization that answers a digest challenge (RFC 7616 section 3.4); None for another one."""
    scheme, _, rest = challenge.partition(" ")
    said = {name.lower(): quoted or plain for name, quoted, plain in _CHALLENGE.findall(rest)}
    algorithm = said.get("algorithm", "MD5").upper()
    if scheme.lower() != "digest" or not said.get("nonce") or algorithm not in digest.ALGORITHMS:
        return None
    offered = [each.strip() for each in said.get("qop", "").split(",") if each.strip()]
    if offered and "auth" not in offered:
        return None
    answer = digest.Answer(
        user=call.user,
        realm=said.get("realm", ""),
        nonce=said["nonce"],
        uri=call.path,
        response="",
        algorithm=algorithm,
        qop="auth" if offered else "",
        count="00000001" if offered else "",
        cnonce=hashlib.sha256(chance.encode()).hexdigest()[:16] if offered else "",
    )
    right = digest.response(answer, method="GET", password=call.password)
    parts = [
        f'username="{answer.user}", realm="{answer.realm}", nonce="{answer.nonce}", uri="{answer.uri}"',
        f'response="{right}", algorithm={algorithm}',
    ]
    if offered:
        parts.append(f'qop=auth, nc={answer.count}, cnonce="{answer.cnonce}"')
    if said.get("opaque"):
        parts.append(f'opaque="{said["opaque"]}"')
    return "Digest " + ", ".join(parts)


def _same(host: str, address: str) -> bool:
    try:
        return ipaddress.ip_address(host) == ipaddress.ip_address(address)
    except ValueError:
        return host.lower() == address.lower()
