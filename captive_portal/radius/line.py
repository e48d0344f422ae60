"""The line between portal and RADIUS server: a UNIX socket, one JSON object a line, peers known by their user id.

| verb | asks | answers |
|---|---|---|
| `ready` | | `born`: which memory the server has; `places`: the controllers it knows |
| `who` | `address` | `place` and `mac` of who has it, or nothing |
| `addresses` | `place`, `mac` | the addresses that the device uses now |
| `wider` | | place, MAC and addresses of devices that are in and use an address beyond those let through |
| `news` | `wait_ms` | what has happened: a device without a door came, or one left for good; waits for something |
| `allow` | `place`, `mac`, `addresses`, `bounds`, `back` | done; `onward`: where the browser must go to be let in |
| `revoke` | `place`, `mac`, `addresses` | done |
| `list` | `places` | lines of `listed`: place, MAC, address, seconds left, octets up, down; `more` until the last |
| `counters` | | `counters` |

What is wrong is an answer, `error`, and never an exception: the portal is told, and the line stays.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import struct
import threading
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captive_portal import ruleset
from captive_portal.errors import PortalError
from captive_portal.model import Bounds
from netops.errors import ConfigError, NetopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from captive_portal.radius.reaching import Reaching
    from netops.config import Settings

LOG = logging.getLogger("netops.radius")
LARGEST_LINE = 65_536
PART = 400
PEERS = 64
LONGEST_WAIT_MS = 5_000
LONGEST_BACK = 512
MOST_PLACES = 1_000
PEER = struct.Struct("=iII")  # struct ucred: pid, uid, gid
Answer = dict[str, Any]
_BOUNDS = tuple(each.name for each in fields(Bounds))


def socket_path(settings: Settings) -> Path:
    """Return where portal and server meet."""
    return Path(settings.radius.line) if settings.radius.line else settings.room("radius") / "radius.sock"


@dataclass(slots=True)
class Verbs:
    """What may be asked, done by `Reaching`."""

    reaching: Reaching
    born: str
    counters: Callable[[], Mapping[str, int]]

    def answer(self, line: bytes) -> Iterator[Answer]:
        """Yield the answers to one line."""
        try:
            asked = json.loads(line)
            if not isinstance(asked, dict) or asked.get("verb") not in VERBS:
                raise PortalError(f"expected an object with 'verb', one of {', '.join(VERBS)}")
            yield from VERBS[asked["verb"]](self, asked)
        except NetopsError as error:
            yield {"error": str(error)}
        except (ValueError, RecursionError):
            yield {"error": "not JSON; expected one object a line"}

    def ready(self, _asked: Answer) -> Iterator[Answer]:
        """Tell which memory this is."""
        yield {"born": self.born, "places": sorted(self.reaching.known.by_id)}

    def who(self, asked: Answer) -> Iterator[Answer]:
        """Tell who has an address."""
        found = self.reaching.doors.who(str(asked.get("address")), self.reaching.clock.now_ms())
        yield {"place": found[0], "mac": found[1]} if found else {}

    def addresses(self, asked: Answer) -> Iterator[Answer]:
        """Tell which addresses a device has."""
        yield {"addresses": list(self.reaching.doors.addresses((str(asked.get("place")), str(asked.get("mac")))))}

    def wider(self, _asked: Answer) -> Iterator[Answer]:
        """Tell who uses an address that is not let through."""
        every = self.reaching.doors.wider()[:PART]  # the others when these have been let through
        yield {"wider": [[*key, list(addresses)] for key, addresses in every]}

    def news(self, asked: Answer) -> Iterator[Answer]:
        """Tell what has happened, once."""
        wait_ms = asked.get("wait_ms", 0)
        if isinstance(wait_ms, bool) or not isinstance(wait_ms, int) or not 0 <= wait_ms <= LONGEST_WAIT_MS:
            raise PortalError(f"'wait_ms'; expected 0 to {LONGEST_WAIT_MS}")
        told = [[what, *key, list(addresses)] for what, key, addresses in self.reaching.doors.news(wait_ms / 1000)]
        for at in range(0, len(told) or 1, PART):
            yield {"news": told[at : at + PART], "more": at + PART < len(told)}

    def allow(self, asked: Answer) -> Iterator[Answer]:
        """Open a door."""
        back = asked.get("back", "")
        if not isinstance(back, str) or len(back) > LONGEST_BACK:
            raise PortalError(f"'back'; expected an address of at most {LONGEST_BACK} characters")
        yield {"onward": self.reaching.allow(self._client(asked), _bounds(asked), back)}

    def revoke(self, asked: Answer) -> Iterator[Answer]:
        """Close a door."""
        self.reaching.revoke(self._client(asked))
        yield {"ok": True}

    def list(self, asked: Answer) -> Iterator[Answer]:
        """Tell who is in."""
        places = asked.get("places")
        if not isinstance(places, list) or not all(isinstance(each, str) for each in places):
            raise PortalError("'places'; expected a list of controllers' ids")
        every = self.reaching.doors.listing(places[:MOST_PLACES], self.reaching.clock.now_ms())
        for at in range(0, len(every) or 1, PART):
            part = [[*key, *rest] for key, *rest in every[at : at + PART]]
            yield {"listed": part, "more": at + PART < len(every)}

    def count(self, _asked: Answer) -> Iterator[Answer]:
        """Tell what was counted."""
        yield {"counters": dict(self.counters())}

    def _client(self, asked: Answer) -> Any:
        return ruleset.client(asked | {"interface": asked.get("place")}, self.reaching.known.by_id)


VERBS: dict[str, Callable[[Verbs, Answer], Iterator[Answer]]] = {
    "ready": Verbs.ready,
    "who": Verbs.who,
    "addresses": Verbs.addresses,
    "wider": Verbs.wider,
    "news": Verbs.news,
    "allow": Verbs.allow,
    "revoke": Verbs.revoke,
    "list": Verbs.list,
    "counters": Verbs.count,
}


def _bounds(asked: Answer) -> Bounds:
    said = asked.get("bounds")
    if not isinstance(said, list) or not all(
        isinstance(each, int) and not isinstance(each, bool) and 0 <= each < 2**53 for each in said
    ):
        raise PortalError("'bounds'; expected the five numbers of a visitor's bounds")
    try:
        bounds = Bounds(**dict(zip(_BOUNDS, said, strict=True)))
    except ValueError:
        raise PortalError("'bounds'; expected the five numbers of a visitor's bounds") from None
    if not 0 < bounds.seconds <= ruleset.LONGEST_S:
        raise PortalError(f"'bounds'; expected 1 to {ruleset.LONGEST_S} seconds")
    return bounds


@dataclass(slots=True)
class Line:
    """Listens; inert until `start`."""

    path: Path
    peers: frozenset[int]
    verbs: Verbs
    refused: int = 0
    _listener: socket.socket | None = None
    _links: set[socket.socket] = field(default_factory=set)

    def start(self) -> None:
        """Listen; what a server that died has left is taken away, one that lives is a ConfigError."""
        _clear(self.path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            listener.bind(str(self.path))
        except OSError as error:
            listener.close()
            raise ConfigError(f"radius line {self.path}: cannot be made ({error.strerror})") from None
        finally:
            os.umask(before)
        for other in self.peers - {os.getuid()}:
            share(self.path, other)
        listener.listen(PEERS)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), name="radius-line", daemon=True).start()

    def stop(self) -> None:
        """Stop answering; safe to call twice."""
        if self._listener is None:
            return
        listener, self._listener = self._listener, None
        for link in (listener, *self._links):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
        listener.close()
        self.path.unlink(missing_ok=True)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            _pid, uid, _gid = PEER.unpack(link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
            if uid not in self.peers or len(self._links) >= PEERS:
                self.refused += 1
                link.close()
                continue
            self._links.add(link)
            threading.Thread(target=self._serve, args=(link,), name="radius-peer", daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        try:
            with link, link.makefile("rb") as lines:
                while line := lines.readline(LARGEST_LINE):
                    if not line.endswith(b"\n"):
                        link.sendall(
                            packed({"error": f"a line is at most {LARGEST_LINE - 1} octets and ends in a newline"})
                        )
                        return
                    for each in self.verbs.answer(line):
                        link.sendall(packed(each))
        except OSError:
            pass
        finally:
            self._links.discard(link)


def packed(answer: Mapping[str, object]) -> bytes:
    """Return an object as one line."""
    return json.dumps(answer, separators=(",", ":")).encode() + b"\n"


def share(path: Path, user: int) -> None:
    """Let another user reach the socket: root gives it away, a user of its own opens it to its group."""
    if os.getuid() == 0:
        os.chown(path, user, -1)
    else:
        path.chmod(0o660)


def _clear(path: Path) -> None:
    if not path.exists():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise ConfigError(f"radius line {path}: another server answers there; stop it or set 'radius.line'")
