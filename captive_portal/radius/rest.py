"""The API that FreeRADIUS asks through its module `rlm_rest`: the same judge and the same doors, over JSON.

    POST /v1/<controller>/authorize      200 with `control:Auth-Type := Accept` and what to reply; 401 with the reason
    POST /v1/<controller>/authenticate   the same question, asked in FreeRADIUS's other section; a token is good for one
    POST /v1/<controller>/accounting     204 when the report is durable
    POST /v1/<controller>/post-auth      204: what FreeRADIUS made of it is counted

The body is the request's attributes as rlm_rest writes them, `{"User-Name": {"type": "string", "value": ["…"]}, …}`.
Which controller asks says FreeRADIUS, which knows it by address and secret (`%{client:shortname}`). FreeRADIUS shows
`radius.rest_key` as the password of HTTP Basic.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from captive_portal.errors import PortalError
from captive_portal.radius import accounting, packet
from captive_portal.radius import dictionary as d
from captive_portal.radius.answering import Tally, accepted, taken
from captive_portal.radius.authorise import Accept, Judge
from captive_portal.radius.packet import LONGEST_PASSWORD, LONGEST_VALUE, PacketError
from netops.clock import to_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from captive_portal.radius.dictionary import Attribute
    from captive_portal.radius.keeping import Keeping
    from captive_portal.radius.nas import Known, Nas
    from captive_portal.radius.telling import Telling
    from netops.clock import Clock

USER = "netops"
LEAST_KEY = 16
LARGEST_BODY = 64 * 1024
MOST_ATTRIBUTES = 256
DATES = ("%b %d %Y %H:%M:%S UTC", "%b %d %Y %H:%M:%S %Z")
# FreeRADIUS says the words of its dictionaries instead of numbers
WORDS: Mapping[str, int] = {
    "Start": accounting.START,
    "Stop": accounting.STOP,
    "Interim-Update": accounting.INTERIM,
    "Accounting-On": accounting.ON,
    "Accounting-Off": accounting.OFF,
    "User-Request": accounting.USER_REQUEST,
    "Lost-Carrier": 2,
    "Lost-Service": 3,
    "Idle-Timeout": accounting.IDLE_TIMEOUT,
    "Session-Timeout": accounting.SESSION_TIMEOUT,
    "Admin-Reset": accounting.ADMIN_RESET,
    "Admin-Reboot": 7,
    "Port-Error": 8,
    "NAS-Error": 9,
    "NAS-Request": 10,
    "NAS-Reboot": 11,
}
Answer: TypeAlias = "tuple[str, bytes]"
ANSWERED = {  # what FreeRADIUS then says to the controller; it asks about a login once to authorise, once to prove it
    ("authorize", "200"): packet.ACCESS_ACCEPT,
    ("authorize", "401"): packet.ACCESS_REJECT,
    ("accounting", "204"): packet.ACCOUNTING_RESPONSE,
}
NOTHING: Answer = ("204 No Content", b"")


class BodyError(PortalError):
    """A body that is none of rlm_rest's."""


@dataclass(slots=True)
class Api:
    """A WSGI application."""

    judge: Judge
    keeping: Keeping
    known: Known
    tally: Tally
    key: bytes
    interim_s: int
    clock: Clock
    telling: Telling | None = None

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        status, body = self._answer(environ)
        headers = [("Content-Length", str(len(body)))] if body else []
        if body:
            headers.append(("Content-Type", "application/json"))
        if status.startswith("401 Unauthorized"):
            headers.append(("WWW-Authenticate", 'Basic realm="netops"'))
        start(status, headers)
        return [body]

    def _answer(self, environ: dict[str, Any]) -> Answer:
        if not self._genuine(environ.get("HTTP_AUTHORIZATION", "")):
            self.tally.dropped("rest_key", str(environ.get("REMOTE_ADDR")), self.clock.now_ms())
            return _said("403 Forbidden", {"error": "expected HTTP Basic with the key of radius.rest_key"})
        parts = str(environ.get("PATH_INFO", "")).split("/")
        what = VERBS.get(parts[3]) if parts[:2] == ["", "v1"] and len(parts) == len(("", "v1", "", "")) else None
        if what is None:
            return _said("404 Not Found", {"error": f"expected /v1/<controller>/ and one of {', '.join(VERBS)}"})
        nas = self.known.by_id.get(parts[2])
        if nas is None:
            return _said("404 Not Found", {"error": "no such controller; is it in [portal.acs] with a secret?"})
        if environ.get("REQUEST_METHOD") != "POST":
            return _said("405 Method Not Allowed", {"error": "expected POST"})
        began = self.clock.monotonic()
        try:
            answer = what(self, fields(_body(environ)), nas, self.clock.now_ms())
        except (BodyError, PacketError) as error:
            return _said("400 Bad Request", {"error": str(error)})
        except PortalError as error:
            return _said("503 Service Unavailable", {"error": str(error)})
        self._tell(parts[3], answer, nas, self.clock.monotonic() - began)
        return answer

    def _tell(self, verb: str, answer: Answer, nas: Nas, took_s: float) -> None:
        code = ANSWERED.get((verb, answer[0][:3]))
        if code is not None and self.telling is not None:
            self.telling.answered(nas.id, code, took_s)

    def _genuine(self, header: str) -> bool:
        scheme, _, shown = header.partition(" ")
        try:
            clear = base64.b64decode(shown, validate=True) if scheme.lower() == "basic" else b""
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(clear, USER.encode() + b":" + self.key)

    def authorise(self, said: dict[int, bytes], nas: Nas, now_ms: int) -> Answer:
        """Judge; on a yes FreeRADIUS has nothing left to check."""
        password = said.pop(d.USER_PASSWORD.number, None)
        if password is not None and len(password) > LONGEST_PASSWORD:
            raise BodyError(f"User-Password; expected at most {LONGEST_PASSWORD} octets")
        # FreeRADIUS puts a packet's authenticator there where no CHAP has a challenge of its own, as random and as new
        seal = b"" if nas.unsigned else said.get(d.CHAP_CHALLENGE.number, b"")
        decision = self.judge.decide(said, password, nas, now_ms, seal=seal)
        if decision.rows:
            self.keeping.put(decision.rows)
        if isinstance(decision, Accept):
            self.tally.counts["accepted"] += 1
            replied = {f"reply:{each.name}": value for each, value in accepted(decision, nas, self.interim_s)}
            return _said("200 OK", {"control:Auth-Type": "Accept", **replied})
        self.tally.counts[f"rejected_{decision.why.name.lower()}"] += 1
        return _said("401 Rejected", {"reply:Reply-Message": str(decision.why)})

    def account(self, said: dict[int, bytes], nas: Nas, now_ms: int) -> Answer:
        """Take a report in; durable when it is answered."""
        if not nas.untimed and not accounting.timely(said, now_ms):
            self.tally.dropped("untimely", nas.id, now_ms)
            return _said("409 Conflict", {"error": "Event-Timestamp and Acct-Delay-Time; expected the time of now"})
        self.keeping.keep(taken(self.judge.doors, self.tally, said, nas, now_ms))
        return NOTHING

    def post_auth(self, _said: dict[int, bytes], _nas: Nas, _now_ms: int) -> Answer:
        """Count."""
        self.tally.counts["post_auth"] += 1
        return NOTHING


Verb: TypeAlias = "Callable[[Api, dict[int, bytes], Nas, int], Answer]"
VERBS: dict[str, Verb] = {
    "authorize": Api.authorise,
    "authenticate": Api.authorise,
    "accounting": Api.account,
    "post-auth": Api.post_auth,
}


def _said(status: str, said: Mapping[str, object]) -> Answer:
    """Return an answer; attributes are set, whatever was there before."""
    body = {
        name: {"op": ":=", "value": [f"0x{value.hex()}" if isinstance(value, bytes) else value]}
        if ":" in name
        else value
        for name, value in said.items()
    }
    return status, json.dumps(body, separators=(",", ":")).encode()


def _body(environ: dict[str, Any]) -> bytes:
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        length = -1
    if not 0 <= length <= LARGEST_BODY:
        raise BodyError(f"a body of at most {LARGEST_BODY} octets was expected")
    body: bytes = environ["wsgi.input"].read(length)
    return body


def fields(body: bytes) -> dict[int, bytes]:
    """Return the attributes of a body that we know, the first value of each; BodyError for what is no such body."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise BodyError("not JSON; expected rlm_rest's `body = 'json'`") from None
    if not isinstance(said, dict) or len(said) > MOST_ATTRIBUTES:
        raise BodyError(f"expected an object of at most {MOST_ATTRIBUTES} attributes")
    found: dict[int, bytes] = {}
    for name, each in said.items():
        attribute = d.BY_NAME.get(name)
        if attribute is None or attribute.vendor:
            continue
        value = each.get("value") if isinstance(each, dict) else each
        first = value[0] if isinstance(value, list) and value else value
        octets = _octets(attribute, first)
        if octets is not None and len(octets) <= LONGEST_VALUE:
            found[attribute.number] = octets
    return found


def _octets(attribute: Attribute, value: object) -> bytes | None:
    """Return a value as it would stand in a packet; None where it is none of the attribute's kind."""
    if attribute is d.EVENT_TIMESTAMP and isinstance(value, str):
        value = _seconds(value)
    elif attribute.kind == "integer" and isinstance(value, str):
        value = WORDS.get(
            value, int(value) if value.isascii() and value.isdigit() and len(value) <= len("4294967295") else None
        )
    elif attribute.kind == "octets" and attribute is not d.USER_PASSWORD and isinstance(value, str):
        return _hex(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    if attribute.kind == "integer" or isinstance(value, int):
        return value.to_bytes(4, "big") if isinstance(value, int) and 0 <= value <= d.MOST_INTEGER else None
    if attribute.kind in {"text", "octets"}:
        return _text(value)
    if attribute.kind == "prefix6":
        address, _, bits = value.partition("/")
        return b"\0" + bytes([128]) + packed if bits == "128" and (packed := _packed(attribute, address)) else None
    return _packed(attribute, value)


def _text(value: str) -> bytes:
    """Return a text's octets: rlm_rest writes each octet beyond ASCII as a character of its own."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode(errors="replace")


def _packed(attribute: Attribute, value: str) -> bytes | None:
    try:
        return d.encoded(attribute, value)
    except ValueError:
        return None


def _hex(value: str) -> bytes | None:
    try:
        return bytes.fromhex(value[2:]) if value.startswith("0x") else value.encode()
    except ValueError:
        return None


def _seconds(value: str) -> int | None:
    """Return the seconds since 1970 of a time as FreeRADIUS writes it, in UTC."""
    for form in DATES:
        try:
            return to_ms(datetime.strptime(value, form).replace(tzinfo=UTC)) // 1000
        except ValueError:
            continue
    return int(value) if value.isascii() and value.isdigit() and len(value) <= len("4294967295") else None
