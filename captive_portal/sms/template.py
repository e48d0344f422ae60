"""A provider's request as a template: pure. What a value is escaped for depends on where it stands, never on it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, urlsplit
from xml.sax.saxutils import escape

from netops.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from zoneinfo import ZoneInfo

    from captive_portal.sms.providers import Message
    from netops.texting import SmsProvider

WORDS = ("phone", "national", "country", "code", "text", "id", "user", "secret", "unix", "time", "sign")
CHOICES = {"method": ("GET", "POST"), "body_as": ("text", "base64"), "sign_as": ("hex", "HEX", "base64")}
SIGNS = ("md5", "sha1", "sha256", "hmac-sha1", "hmac-sha256")
_WORD = re.compile(r"\{(" + "|".join(WORDS) + r")\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent. `target` is path and query; its representation holds no value."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Request({self.method})"


def filled(provider: SmsProvider, message: Message, zone: ZoneInfo) -> Request:
    """Return the request for a message; the host is the template's alone."""
    values = {
        "phone": message.phone,
        "national": message.national,
        "country": message.prefix,
        "code": message.code,
        "text": message.text,
        "id": message.id,
        "user": provider.user,
        "secret": provider.secret.read() if provider.secret is not None else "",
        "unix": str(message.at_ms // 1000),
        "time": datetime.fromtimestamp(message.at_ms // 1000, tz=UTC).astimezone(zone).strftime("%Y%m%d%H%M%S"),
        "sign": "",
    }
    values["sign"] = _signed(provider, values)
    parts = urlsplit(provider.url)
    target = _fill(parts.path or "/", values, _url) + (f"?{_fill(parts.query, values, _url)}" if parts.query else "")
    body = _fill(provider.body, values, _escapes(provider.content)).encode()
    if provider.body_as == "base64":
        body = base64.b64encode(body)
    headers = {name: _fill(value, values, _header) for name, value in provider.headers.items()}
    if body:
        headers.setdefault("Content-Type", f"{provider.content}; charset=utf-8")
    return Request(method=provider.method, target=target, headers=headers, body=body)


def _signed(provider: SmsProvider, values: Mapping[str, str]) -> str:
    """Return the mark by which a gateway knows us; MD5 and SHA-1 are what many of them still ask for."""
    if not provider.sign:
        return ""
    how, _, of = provider.sign.partition(":")
    content = _fill(of, values, str).encode()
    if how.startswith("hmac-"):
        mark = hmac.digest(values["secret"].encode(), content, how.removeprefix("hmac-"))
    else:
        mark = hashlib.new(how, content, usedforsecurity=False).digest()
    if provider.sign_as == "base64":
        return base64.b64encode(mark).decode()
    return mark.hex().upper() if provider.sign_as == "HEX" else mark.hex()


def sane(where: str, provider: SmsProvider, hosts: frozenset[str]) -> tuple[str, str, int]:
    """Return scheme, host and port of the only place that is asked; ConfigError says what is off."""
    try:
        parts = urlsplit(provider.url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise ConfigError(f"'{where}.url' cannot be read; expected https://host/path") from None
    if parts.scheme not in {"https", "http"} or not host or "{" in parts.netloc or parts.username or parts.fragment:
        raise ConfigError(f"'{where}.url': expected https://host/path, the host without placeholders, user or fragment")
    if parts.scheme == "http" and not provider.private:
        raise ConfigError(f"'{where}.url' is plain HTTP; expected https:// or `private = true`")
    if hosts and host not in hosts:
        raise ConfigError(f"'{where}.url' asks '{host}', which 'sms.hosts' does not allow; add it there")
    for key, options in CHOICES.items():
        if getattr(provider, key) not in options:
            raise ConfigError(f"'{where}.{key}' is '{getattr(provider, key)}'; expected {' or '.join(options)}")
    how, colon, of = provider.sign.partition(":")
    if provider.sign and (how not in SIGNS or not colon or "{sign}" in of):
        raise ConfigError(f"'{where}.sign': expected what is signed after one of {', '.join(f'{x}:' for x in SIGNS)}")
    for name, value in provider.headers.items():
        if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", name) or _CONTROL.search(value):
            raise ConfigError(f"'{where}.headers' has '{name[:64]}'; expected a header's name and one line")
    for key in ("ok", "report_ok"):
        try:
            re.compile(getattr(provider, key))
        except re.error as error:
            raise ConfigError(f"'{where}.{key}' is no regular expression: {error}") from None
    if not 0 < provider.timeout_s <= 30:
        raise ConfigError(f"'{where}.timeout_s' is {provider.timeout_s}; expected more than 0 and at most 30 seconds")
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80)


def _fill(template: str, values: Mapping[str, str], escaped: Callable[[str], str]) -> str:
    return _WORD.sub(lambda found: escaped(values[found[1]]), template)


def _escapes(content: str) -> Callable[[str], str]:
    kind = content.partition(";")[0].strip().lower()
    if kind.endswith("json"):
        return lambda value: json.dumps(value)[1:-1]
    if kind == "application/x-www-form-urlencoded":
        return quote_plus
    if kind.endswith("xml"):
        return lambda value: escape(_CONTROL.sub(" ", value), {'"': "&quot;", "'": "&apos;"})
    return lambda value: _CONTROL.sub(" ", value)


def _url(value: str) -> str:
    return quote(value, safe="")


def _header(value: str) -> str:
    """Return a value for one line of ISO 8859-1; what is not of it has no place in a header."""
    return _CONTROL.sub("", value).encode("latin-1", "ignore").decode("latin-1")
