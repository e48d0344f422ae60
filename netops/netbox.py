"""What a NetBox lists, page after page over HTTPS: kept as files, which `netops inventory import` reads.

The files stay as what was said on that day. The token goes to the one host that was named and nowhere else: of a
`next` only the offset is taken, redirects are not followed.
"""

from __future__ import annotations

import http.client
import json
import ssl
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from inventory.exchange.netbox import LISTS
from netops.errors import NetopsError, UsageError
from netops.question import MOST, PORTS, Question

if TYPE_CHECKING:
    from collections.abc import Callable

AT_ONCE: Final = 100  # things a page: a device has some 3 KB, and an answer may have 512
MOST_PAGES: Final = 2_000
PATIENCE_S: Final = 30.0


def fetch(ask: Callable[[str], tuple[int, bytes]]) -> dict[str, str]:
    """Return file name → text of all lists. `ask` takes a path and returns status and body."""
    return {name: _list(ask, path) for name, path in LISTS.items()}


def _list(ask: Callable[[str], tuple[int, bytes]], path: str) -> str:
    results: list[Any] = []
    offset = 0
    for _ in range(MOST_PAGES):
        told = _page(*ask(f"{path}?limit={AT_ONCE}&offset={offset}"), path)
        results += told["results"]
        following = parse_qs(urlsplit(str(told.get("next") or "")).query).get("offset", [""])[0]
        if not following:
            return json.dumps({"count": len(results), "next": None, "results": results}, ensure_ascii=False) + "\n"
        if not following.isdecimal() or int(following) <= offset:
            raise NetopsError(
                f"NetBox {path}: the page after {offset} begins at '{following[:20]}'; it leads in a circle"
            )
        offset = int(following)
    raise NetopsError(f"NetBox {path}: more than {MOST_PAGES} pages; fetch a part of it by your own means")


def _page(status: int, body: bytes, path: str) -> dict[str, Any]:
    if status in {401, 403}:
        raise NetopsError(f"NetBox {path}: the token is refused ({status}); it needs the right to view dcim and ipam")
    try:
        told = json.loads(body, parse_float=str) if status == 200 else None  # 39.990000 keeps its digits
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or not isinstance(told.get("results"), list):
        raise NetopsError(f"NetBox {path}: answered {status} and no list; is this the address of a NetBox?")
    return told


def asking(url: str, token: str, *, authorities: str = "") -> Callable[[str], tuple[int, bytes]]:
    """Return what asks a NetBox; UsageError unless the address is https. `authorities`: a file with the city's CA."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.query:
        raise UsageError(
            f"'{url}' is no address of a NetBox; expected https://netbox.example.org: a token goes over TLS"
        )
    host, port, base = parts.hostname, parts.port or PORTS["https"], parts.path.rstrip("/")
    try:
        context = ssl.create_default_context(cafile=authorities or None)
    except OSError as error:
        raise UsageError(f"--ca {authorities}: cannot be read ({error})") from None
    headers = {"Authorization": f"Token {token}", "Accept": "application/json"}

    def ask(path: str) -> tuple[int, bytes]:
        asked = Question(host, port, context=context, timeout_s=PATIENCE_S)
        try:
            asked.request("GET", base + path, headers=headers)
            return asked.answered(MOST)
        except (OSError, http.client.HTTPException) as error:
            raise NetopsError(
                f"NetBox {host}:{port}: no answer ({error}); is it there, and is its certificate good?"
            ) from None
        finally:
            asked.close()

    return ask
