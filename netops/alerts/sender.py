"""The process that speaks to messengers: the one door of Apprise. `python -m netops.alerts.sender`.

It reads a JSON list of messages from its input and answers with a line for each, in any order: its number, and why it
did not go out, or nothing. Whoever started it ends it when the time is over: no messenger holds up another.

Apprise resolves names, follows redirects and knows a hundred services. So this process asks no name and connects to no
address but those of the message's own host, of the service that its kind belongs to, and of `hosts` (S18).
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from netops.reach import allowed

if TYPE_CHECKING:
    from collections.abc import Mapping

AT_ONCE, MOST_WHY = 8, 300
# The kinds of addresses that we speak to, and whom each asks beside the host that it names itself.
HOSTS: Final[Mapping[str, frozenset[str]]] = {
    "wecombot": frozenset({"qyapi.weixin.qq.com"}),
    "dingtalk": frozenset({"oapi.dingtalk.com"}),
    "feishu": frozenset({"open.feishu.cn"}),
    "lark": frozenset({"open.larksuite.com"}),
    "mailto": frozenset(),
    "mailtos": frozenset(),
    "json": frozenset(),
    "jsons": frozenset(),
    "form": frozenset(),
    "forms": frozenset(),
    "ntfy": frozenset({"ntfy.sh"}),
    "ntfys": frozenset({"ntfy.sh"}),
}


class Fence:
    """What this thread may ask for and connect to. Installed once a process; it cannot be taken away again."""

    def __init__(self) -> None:
        self._mine = threading.local()
        sys.addaudithook(self._see)

    def set(self, hosts: frozenset[str], *, private: bool) -> None:
        """Say whom this thread may speak to from now on."""
        self._mine.hosts, self._mine.private, self._mine.refused = hosts, private, ""

    @property
    def refused(self) -> str:
        """What this thread was kept from last."""
        return getattr(self._mine, "refused", "")

    def _see(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "socket.getaddrinfo":
            self._asks(args[0])
        elif event in {"socket.connect", "socket.sendto"}:
            self._connects(args[-1])
        elif event in {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"}:
            self._no("no program is run for a message")

    def _asks(self, host: object) -> None:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")
        if name.rstrip(".").lower() not in getattr(self._mine, "hosts", frozenset()):
            self._no(f"{name} is no host of this message; if it should be, name it under [alert] hosts")

    def _connects(self, address: object) -> None:
        host = address[0] if isinstance(address, tuple) and address else ""
        try:
            known = allowed(str(host), private=getattr(self._mine, "private", False))
        except ValueError:
            known = False
        if not known:
            self._no(f"{host or 'this'} is no address that may be spoken to; set private = true if it stands with us")

    def _no(self, why: str) -> None:
        self._mine.refused = why
        raise PermissionError(why)


def hosts(url: str, more: frozenset[str]) -> frozenset[str]:
    """Return whom a message's address speaks to. ValueError for a kind that is not one of ours."""
    parts = urlsplit(url)
    if parts.scheme not in HOSTS:
        raise ValueError(f"'{parts.scheme}:' is no kind of address; expected one of {', '.join(HOSTS)}")
    named = {parts.hostname or ""}
    if parts.scheme.startswith("mailto"):
        named |= {each for key in ("smtp", "host") for each in parse_qs(parts.query).get(key, ())}
        named |= {f"smtp.{parts.hostname}"}
    return frozenset({each.lower() for each in named if each} | HOSTS[parts.scheme] | more)


def masked(why: str, url: str) -> str:
    """Return a reason without any piece of the address, which is a secret."""
    parts = urlsplit(url)
    pieces = {parts.username or "", parts.password or "", *parts.path.split("/"), *parts.query.split("&")}
    pieces |= {parts.hostname or ""} if parts.scheme in {"wecombot", "dingtalk", "feishu", "lark"} else set()
    for piece in sorted({*pieces, *map(unquote, pieces)}, key=len, reverse=True):
        if len(piece) >= 4:
            why = why.replace(piece, "***")
    return why[:MOST_WHY]


def _send(fence: Fence, message: Mapping[str, Any]) -> str:
    import apprise  # noqa: PLC0415  (half a second: whoever only asks for `hosts` does not pay it)

    url = message["url"]
    heard = _Heard()
    log = logging.getLogger("apprise")
    log.addHandler(heard)
    try:
        fence.set(hosts(url, frozenset(message["hosts"])), private=message["private"])
        door = apprise.Apprise.instantiate(url)
        if door is None:
            return "its address cannot be read; see the URL of its kind in the documentation of Apprise"
        if door.send(body=message["body"], title=message["title"]):
            return ""
        return masked(fence.refused or heard.last or "it was refused", url)
    except Exception as error:  # noqa: BLE001  (a messenger's plugin may raise anything)
        return masked(fence.refused or f"{type(error).__name__}: {error}", url)
    finally:
        log.removeHandler(heard)


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.last = record.getMessage()


def main() -> None:
    """Send what stands in the input."""
    messages = json.load(sys.stdin)
    import apprise  # noqa: F401, PLC0415  (before the fence stands: the plugins look at the machine)

    logging.getLogger("apprise").propagate = False
    fence, guard = Fence(), threading.Lock()

    def one(number: int) -> None:
        told = json.dumps({"number": number, "why": _send(fence, messages[number])})
        with guard:
            sys.stdout.write(told + "\n")
            sys.stdout.flush()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, range(len(messages))))


if __name__ == "__main__":
    main()
