"""TLS in front of the server: certificate and key from files, renewed without a restart.

waitress speaks no TLS. This is a small asyncio terminator in the same process that hands the bytes to waitress on
loopback and tells the application who the client was: the loopback port of each inner connection names the outer one,
so nothing that a client sends can forge it.

A connection counts, against all and against its address, from the moment it is accepted until its socket is closed:
the handshake is the dearest part, and silence in it or after it would hold a place as well as a request does.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from netops.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from netops.config import Listener

Shortcut: TypeAlias = Callable[[bytes, str], bytes | None]  # (first octets, client's address) → the whole answer
CHUNK = 64 * 1024
HANDSHAKE_S = 5.0
FIRST_S = 5.0  # from the handshake to the first octets; a browser that connects ahead of its need connects again
SHUTDOWN_S = 5.0  # for the client's part of the goodbye
IDLE_S = 30.0
RENEW_S = 30.0
BACKLOG = 1024
REFUSED = 200  # connections turned away in one turn of the loop


def context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a server context, TLS 1.2 at least; ConfigError names the files."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"certificate {certificate} with key {key} cannot be used: {error}") from None
    return made


class Terminator:
    """Accepts TLS on the listener and forwards to a port on loopback; inert until `start`."""

    def __init__(
        self, listener: Listener, *, connections: int, per_address: int = 0, shortcut: Shortcut | None = None
    ) -> None:
        """`shortcut` is asked first, with the first octets of a connection: what it answers ends there."""
        if listener.tls_certificate is None or listener.tls_key is None:
            raise ConfigError(
                f"listener {listener.host}:{listener.port}: tls_certificate and tls_key belong together; set both"
            )
        self.listener = listener
        self.certificate, self.key = listener.tls_certificate, listener.tls_key
        self.inner_port = 0
        self.port = listener.port
        self.peers: dict[int, tuple[str, int]] = {}  # port of the inner connection → the client
        self._shortcut = shortcut
        self._connections = connections
        self._most = per_address or connections
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="tls", daemon=True)

    def start(self, inner_port: int) -> None:
        """Listen and forward to `inner_port`; ConfigError when certificate or address cannot be used."""
        self.inner_port = inner_port
        self._thread.start()
        self._ready.wait()
        if self._failed is not None:
            raise self._failed

    def stop(self) -> None:
        """Close every connection and end the thread."""
        if self._thread.is_alive():
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(5)

    def wrap(self, app: Callable[..., Any]) -> Callable[..., Any]:
        """Return `app` with the true client address and scheme in its environment; others are refused."""

        def secured(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
            peer = self.peers.get(int(environ.get("REMOTE_PORT", 0)))
            if peer is None:  # somebody on this machine bypassed TLS
                start_response("403 Forbidden", [("Content-Type", "text/plain")])
                return [b"TLS only\n"]
            environ.update(REMOTE_ADDR=peer[0], REMOTE_PORT=str(peer[1]))
            environ["wsgi.url_scheme"] = "https"
            return app(environ, start_response)

        return secured

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001  (handed to the thread that waits in start)
            self._failed = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        secure = context(self.certificate, self.key)
        server = await asyncio.start_server(
            self._client,
            sock=_bound(self.listener.host, self.listener.port, self._connections, self._most),
            backlog=BACKLOG,
            ssl=secure,
            ssl_handshake_timeout=HANDSHAKE_S,
            ssl_shutdown_timeout=SHUTDOWN_S,
            limit=CHUNK,
        )
        self.port = server.sockets[0].getsockname()[1]
        renewal = asyncio.create_task(self._renew(secure))
        self._ready.set()
        await self._stopping.wait()
        server.close()
        renewal.cancel()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _renew(self, secure: ssl.SSLContext) -> None:
        """Load the certificate again when its file changes; a bad new one leaves the old in service."""
        seen = self.certificate.stat().st_mtime_ns
        while True:
            await asyncio.sleep(RENEW_S)
            with contextlib.suppress(OSError, ssl.SSLError):
                now = self.certificate.stat().st_mtime_ns
                if now != seen:
                    secure.load_cert_chain(self.certificate, self.key)
                    seen = now

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._forward(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()  # at the end of the service too nobody waits for the client's goodbye
        finally:
            writer.close()

    async def _answered(self, first: bytes, writer: asyncio.StreamWriter) -> bool:
        """Whether the shortcut has answered; it may look at a gateway and so has a thread of its own."""
        assert self._shortcut is not None
        address = str(writer.get_extra_info("peername")[0])
        answer = await asyncio.get_running_loop().run_in_executor(None, self._shortcut, first, address)
        if answer is None:
            return False
        writer.write(answer)
        await asyncio.wait_for(writer.drain(), IDLE_S)
        return True

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await asyncio.wait_for(reader.read(CHUNK), FIRST_S)
        if not first or (self._shortcut is not None and await self._answered(first, writer)):
            return
        inward, outward = await asyncio.open_connection("127.0.0.1", self.inner_port, limit=CHUNK)
        port = outward.get_extra_info("sockname")[1]
        peer = writer.get_extra_info("peername")
        self.peers[port] = (str(peer[0]), int(peer[1]))
        outward.write(first)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, outward))
                both.create_task(_pump(inward, writer))
        except* (OSError, TimeoutError):
            pass
        finally:
            self.peers.pop(port, None)
            outward.close()


class _Held(socket.socket):
    """A connection that gives its place back when it is closed."""

    release: Callable[[], None] | None = None

    def close(self) -> None:
        super().close()
        release, self.release = self.release, None
        if release is not None:
            release()


class _Listening(socket.socket):
    """Accepts so many connections, and so many of an address; what is beyond is closed before it costs a handshake."""

    most = per_address = 0

    def bound(self, most: int, per_address: int) -> None:
        self.most, self.per_address = most, per_address
        self.held: Counter[str] = Counter()

    def accept(self) -> tuple[socket.socket, Any]:
        for _ in range(REFUSED):
            came, peer = super().accept()
            address = str(peer[0])
            if self.held.total() < self.most and self.held[address] < self.per_address:
                self.held[address] += 1
                made = _Held(came.family, came.type, came.proto, fileno=came.detach())
                made.release = partial(self._released, address)
                return made, peer
            came.close()
        raise ConnectionAbortedError  # asyncio turns to the others, and comes back

    def _released(self, address: str) -> None:
        self.held[address] -= 1
        if self.held[address] <= 0:
            del self.held[address]


def _bound(host: str, port: int, most: int, per_address: int) -> socket.socket:
    """Return a bound socket; `::` is IPv4 too, which asyncio's own sockets are not."""
    made = _Listening(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    made.bound(most, per_address)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise ConfigError(f"cannot listen on {host}:{port} ({error.strerror})") from None
    return made


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while chunk := await asyncio.wait_for(source.read(CHUNK), IDLE_S):
        sink.write(chunk)
        await asyncio.wait_for(sink.drain(), IDLE_S)
    with contextlib.suppress(OSError, RuntimeError):
        sink.write_eof() if sink.can_write_eof() else sink.close()
