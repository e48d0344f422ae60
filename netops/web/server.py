"""Serving an application: waitress, with bounds that hold against slow clients.

Flask under default waitress stops under 200 slow clients; with these bounds it did not (reliability.md, S12).
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.server import create_server

from netops.clock import SYSTEM
from netops.errors import ConfigError
from netops.web import tls

if TYPE_CHECKING:
    from collections.abc import Callable

    from netops.config import Listener

CONNECTIONS = 5000
ACCEPTS = 200  # in one turn of the loop
IDLE_S = 10  # a connection without a finished request is let go after this
THREADS = 8
LARGEST_HEADER = 16 * 1024
LARGEST_BODY = 1024 * 1024
STOP_S = 5.0
COUNT_S = 0.2
LAST_PORT = 65535


def loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_plain(listener: Listener, *, clear: bool) -> None:
    """Refuse to send passwords and sessions in clear over a network unless `clear` (ConfigError)."""
    secure = loopback(listener.host) or listener.tls_certificate is not None or bool(listener.trusted_proxy)
    if secure or clear:
        return
    raise ConfigError(
        f"listener {listener.host}:{listener.port} would speak plain HTTP over a network; set tls_certificate and "
        "tls_key, or trusted_proxy to the address of the proxy that speaks TLS, or listen on 127.0.0.1"
    )


class Server:
    """One application on one listener, in a thread of its own; inert until `start`."""

    def __init__(
        self,
        app: Callable[..., Any],
        listener: Listener,
        *,
        rehearsal: bool = False,
        clear: bool = False,
        threads: int = THREADS,
        per_address: int = 0,
        shortcut: tls.Shortcut | None = None,
    ) -> None:
        """`clear` allows plain HTTP over a network: only a portal that catches port 80 needs it.

        `per_address` is how many connections one address may hold at once, 0 for no bound: where each client is one
        machine, no single one can then take the place of the others. `shortcut` answers over TLS what needs no pages.
        """
        self.app = app
        self.listener = listener
        self.clear = clear or rehearsal
        self.threads = threads
        self.per_address = per_address
        self.shortcut = shortcut
        self.port = listener.port
        self._server: Any = None
        self._thread: threading.Thread | None = None
        self._tls: tls.Terminator | None = None

    def start(self) -> None:
        """Bind and serve; returns when connections are accepted."""
        host, port = self.listener.host, self.listener.port
        if not 0 <= port <= LAST_PORT:
            what = f"{port} is no TCP port; expected 1 to {LAST_PORT}, or 0 for one that is free"
            raise ConfigError(f"cannot listen on {host}:{port}: {what}")
        refuse_plain(self.listener, clear=self.clear)
        app: Callable[..., Any] = self.app
        if self.listener.tls_certificate is not None:
            self._tls = tls.Terminator(
                self.listener, connections=CONNECTIONS, per_address=self.per_address, shortcut=self.shortcut
            )
            app = self._tls.wrap(self.app)
            inner = _bind("127.0.0.1", 0)
        else:
            inner = _bind(self.listener.host, self.listener.port)
        self._server = create_server(app, sockets=[inner], **self._bounds())
        self._server.handle_accept = lambda server=self._server: _accept(server)
        if self.per_address and self._tls is None and not self.listener.trusted_proxy:
            _bound(self._server, self.per_address)
        self.port = inner.getsockname()[1]
        self._thread = threading.Thread(target=self._server.run, name=f"web-{self.port}", daemon=True)
        self._thread.start()
        if self._tls is not None:
            try:
                self._tls.start(self.port)
            except BaseException:
                self.stop()
                raise
            self.port = self._tls.port

    def stop(self) -> None:
        """Let running requests end, then close every connection; safe to call twice."""
        if self._tls is not None:
            self._tls.stop()
            self._tls = None
        if self._server is None or self._thread is None:
            return
        server, thread = self._server, self._thread
        self._server = self._thread = None
        server.task_dispatcher.shutdown(timeout=STOP_S)
        server.trigger.pull_trigger(lambda: _close_all(server))
        thread.join(STOP_S)
        if not thread.is_alive() and not server.task_dispatcher.threads:
            server.trigger.close()

    def _bounds(self) -> dict[str, Any]:
        proxy = self.listener.trusted_proxy
        return {
            "threads": self.threads,
            "connection_limit": CONNECTIONS,
            "channel_timeout": IDLE_S,
            "cleanup_interval": 2,
            "backlog": 1024,
            "max_request_header_size": LARGEST_HEADER,
            "max_request_body_size": LARGEST_BODY,
            "ident": None,  # the version of the server is nobody's business
            "asyncore_use_poll": True,  # select() ends at descriptor 1023
            "clear_untrusted_proxy_headers": True,
            **(
                {
                    "trusted_proxy": proxy,
                    "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"},
                }
                if proxy
                else {}
            ),
        }


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise ConfigError(f"cannot listen on {host}:{port} ({error.strerror}); is another instance running?") from None
    return made


def _accept(server: Any) -> None:
    """Accept what waits, up to a bound: waitress takes one connection per turn, and each turn looks at all of them."""
    _make_room(server)
    for _ in range(ACCEPTS):
        before = len(server.active_channels)
        type(server).handle_accept(server)
        if len(server.active_channels) == before or not server.readable():
            return


def _make_room(server: Any) -> None:
    """Near the bound, let go of those who have asked for nothing for longest.

    At the bound nobody is accepted until somebody goes: five thousand connections that say nothing would keep everybody
    else out for as long as they like. So they have to be made anew all the time, and who asks at once is served.
    """
    if len(server._map) < CONNECTIONS - ACCEPTS:  # noqa: SLF001  (what waitress counts: the listener and its trigger, too)
        return
    waiting = [each for each in server.active_channels.values() if not each.requests]
    waiting.sort(key=lambda each: each.last_activity)
    for each in waiting[: 2 * ACCEPTS]:
        each.handle_close()


def _bound(server: Any, most: int) -> None:
    """Close what an address opens beyond `most`. Who holds how many is counted anew a few times a second."""
    accept, held, counted = server.accept, Counter[str](), 0.0

    def bounded() -> Any:
        nonlocal counted
        came = accept()
        if came is None:
            return None
        address = str(came[1][0]) if isinstance(came[1], tuple) else ""
        held[address] += 1
        if held[address] > most:
            if SYSTEM.monotonic() - counted > COUNT_S:
                counted = SYSTEM.monotonic()
                held.clear()
                held.update(str(each.addr[0]) for each in server.active_channels.values())
                held[address] += 1
            if held[address] > most:
                came[0].close()
                return None
        return came

    server.accept = bounded


def _close_all(server: Any) -> None:
    """Close the listener and every connection, and so end the loop; the trigger's pipe stays open.

    Another wake may bring the loop here before `stop` has pulled the trigger itself, and a request that takes longer
    than `stop` waits pulls it when it is done. Closed, its number may be another file's by then: a database's.
    """
    for dispatcher in list(server._map.values()):  # noqa: SLF001  (waitress has no public way to end its loop from outside)
        if dispatcher is server.trigger:
            dispatcher.del_channel()
        elif dispatcher is server:
            wasyncore.dispatcher.close(server)  # its own close() closes the trigger with it
        else:
            dispatcher.close()
