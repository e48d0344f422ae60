"""TCP connections: how long until it stands, or why it does not. Also the guard that no blocking probe outlives."""

from __future__ import annotations

import errno
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from collectors.probes import clocks, sockets
from netops.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from collectors.probes.clocks import ClockState

_REFUSED = frozenset({errno.ECONNREFUSED, errno.ECONNRESET})
_OWN = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EACCES, errno.EPERM})
NS_PER_MS = 1_000_000


def connect(address: str, port: int, *, timeout_s: float, interface: str = "") -> socket.socket:
    """Return a connected socket; OSError says why there is none."""
    wire = socket.socket(sockets.family_of(address), socket.SOCK_STREAM)
    try:
        sockets.bound_to(wire, interface)
        wire.settimeout(timeout_s)
        wire.connect(sockets.place(address, port))
    except BaseException:
        wire.close()
        raise
    return wire


def reason(error: OSError) -> Reason:
    """Return what a failed connection means: refused, nobody answered, or this machine could not even ask."""
    if error.errno in _OWN:
        return Reason.NOT_RUNNING
    return Reason.REFUSED if error.errno in _REFUSED else Reason.NO_ANSWER


@contextmanager
def cut_after(wire: socket.socket, seconds: float) -> Iterator[None]:
    """Cut the connection after `seconds`: a peer that sends an octet now and then keeps every single wait short."""
    timer = threading.Timer(max(0.0, seconds), _cut, args=(wire,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(wire: socket.socket) -> None:
    try:
        wire.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already


def run(
    address: str, port: int, *, timeout_s: float, interface: str = "", clock: Callable[[], ClockState] = clocks.kernel
) -> dict[str, Any]:
    """Connect once and return the record."""
    begin = sockets.instant()
    made: dict[str, Any] = {
        "at_ms": begin.wall_ns // NS_PER_MS,
        "monotonic_ms": begin.monotonic_ns // NS_PER_MS,
        "clock": clock().record(),
    }
    begin = sockets.instant()
    try:
        with connect(address, port, timeout_s=timeout_s, interface=interface):
            return made | {"connect_ns": sockets.instant().monotonic_ns - begin.monotonic_ns}
    except OSError as error:
        return made | {"failed": reason(error).value, "detail": str(error)}
