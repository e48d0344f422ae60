"""The line between portal and RADIUS server: a UNIX socket, one JSON object a line, peers known by their user id.

| verb | asks | answers |
|---|---|---|
| `ready` | `recorded` | `born`: which memory it has; `places`: the controllers it knows; `opens`, `unrecorded` |
| `who` | `address` | `place` and `mac` of who has it, or nothing |
| `addresses` | `place`, `mac` | the addresses that the device uses now |
| `wider` | | place, MAC and addresses of devices that are in and use an address beyond those let through |
| `inside` | `place`, `mac` | `since_ms`: since when the device is in by our yes or its accounting; null if it is not |
| `news` | `wait_ms` | what has happened: a device without a door came, or one left for good; waits for something |
| `allow` | `place`, `mac`, `addresses`, `bounds`, `back` | done; `onward`: where the browser must go to be let in |
| `revoke` | `place`, `mac`, `addresses` | done |
| `list` | `places` | lines of `listed`: place, MAC, address, seconds left, octets up, down; `more` until the last |
| `list` | `own` | lines of `entries`: whom the server has let in while the portal was dead (alone.py) |
| `counters` | | `counters` |
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captive_portal import socket_line
from captive_portal.errors import PortalError
from captive_portal.model import LONGEST_S, Bounds, client_of
from captive_portal.socket_line import Caller, Group, Line
from netops import privilege

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Protocol

    from captive_portal.model import Client
    from captive_portal.radius.alone import Alone
    from captive_portal.radius.reaching import Reaching
    from captive_portal.socket_line import Answer
    from netops.config import Settings

    class Asks(Protocol):
        """What can ask the server."""

        def every(self, verb: str, **asked: object) -> list[dict[str, Any]]:
            """Return all answers to a verb; GatewayError when the server is away."""
            ...


LINE = Line(name="radius", setting="radius.line", longest=65_536, most=64, group=Group.DIRECTORY)
PART = 400
TIMEOUT_S = 15.0  # a controller that is silent costs three seconds of it
AT_ONCE = LINE.most // 2  # the gateways of both protocols call
LONGEST_WAIT_MS = 5_000
LONGEST_BACK = 512
MOST_PLACES = 1_000
_BOUNDS = tuple(each.name for each in fields(Bounds))


def socket_path(settings: Settings) -> Path:
    """Return where portal and server meet."""
    return Path(settings.radius.line) if settings.radius.line else settings.room("radius") / "radius.sock"


def caller(settings: Settings) -> Caller:
    """Return the portal's end."""
    return Caller(LINE, socket_path(settings), timeout_s=TIMEOUT_S, at_once=AT_ONCE)


def inside_ms(line: Asks, client: Client) -> int | None:
    """Return since when the server has seen a device in; None when it has not. GatewayError when it is away."""
    since_ms = line.every("inside", place=client.interface, mac=client.mac)[0]["since_ms"]
    return None if since_ms is None else int(since_ms)


def peers(settings: Settings) -> frozenset[int]:
    """Return who may speak there: this user, and the portal's."""
    user = settings.radius.portal_user or (privilege.user(settings, "portal") if settings.data.users else "")
    return socket_line.peers(user, "radius.portal_user")


@dataclass(slots=True)
class Verbs:
    """What may be asked, done by `Reaching`."""

    reaching: Reaching
    born: str
    counters: Callable[[], Mapping[str, int]]
    alone: Alone | None = None

    def answer(self, line: bytes) -> Iterator[Answer]:
        """Yield the answers to one line; what is wrong with it is the last of them."""
        verbs = {
            "ready": self.ready,
            "who": self.who,
            "addresses": self.addresses,
            "wider": self.wider,
            "inside": self.inside,
            "news": self.news,
            "allow": self.allow,
            "revoke": self.revoke,
            "list": self.list,
            "counters": self.count,
        }
        return socket_line.answers(line, verbs)

    def ready(self, asked: Answer) -> Iterator[Answer]:
        """Tell which memory this is; who asks lives."""
        told = {"opens": self.alone.opens, **self.alone.heard(asked)} if self.alone is not None else {}
        yield {"born": self.born, "places": sorted(self.reaching.known.by_id), **told}

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

    def inside(self, asked: Answer) -> Iterator[Answer]:
        """Tell since when a device is in: by a controller that has had our yes, or by accounting."""
        yield {"since_ms": self.reaching.doors.inside_ms((str(asked.get("place")), str(asked.get("mac"))))}

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
        """Tell who is in; `own`: whom the server has let in by itself."""
        if asked.get("own") and self.alone is not None:
            yield from self.alone.entries()
            return
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
        return client_of(asked | {"interface": asked.get("place")}, self.reaching.known.by_id)


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
    if not 0 < bounds.seconds <= LONGEST_S:
        raise PortalError(f"'bounds'; expected 1 to {LONGEST_S} seconds")
    return bounds
