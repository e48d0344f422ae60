"""Controllers that speak RADIUS: the server beside us (captive_portal/radius) knows who is there and opens the doors.

This side holds connections to the server's UNIX socket, one for each thread that asks at the same time: a controller
that takes a second to answer holds up its own visitor and nobody else's.
"""

from __future__ import annotations

import contextlib
import json
import socket
from dataclasses import astuple
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Self

from captive_portal.errors import GatewayError, PortalError
from captive_portal.gateways import Gateway, Offer, Onward, Readiness
from captive_portal.model import Client
from captive_portal.model import address as canonical
from captive_portal.radius.line import LARGEST_LINE, packed, socket_path
from captive_portal.radius.profiles import PROFILES
from captive_portal.ruleset import Admitted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from captive_portal.gateways import Ears
    from captive_portal.model import Bounds
    from netops.clock import Clock
    from netops.config import Settings

TIMEOUT_S = 15.0  # a controller that is silent costs three seconds of it
KEPT = 16
FRESH_S = 1.0
NEWS_MS = 500


class Asking:
    """Connections to the server's line; safe from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._free: list[Any] = []
        self._lock = Lock()

    def ask(self, verb: str, **asked: object) -> dict[str, Any]:
        """Return the one answer."""
        return self.every(verb, **asked)[0]

    def every(self, verb: str, **asked: object) -> list[dict[str, Any]]:
        """Return all answers; GatewayError when the server refused or is away. A lost connection is made anew once."""
        line = packed({"verb": verb, **asked})
        with contextlib.suppress(OSError, ValueError):
            kept = self._kept()
            if kept is not None:  # it may be one from before the server's restart
                return self._answers(kept, line)
        try:
            return self._answers(self._made(), line)
        except (OSError, ValueError) as error:
            raise GatewayError(f"radius {self.path}: no answer to '{verb}' ({error}); is `radius` running?") from None

    def close(self) -> None:
        """Let go of every connection that nobody uses."""
        with self._lock:
            free, self._free = self._free, []
        for each in free:
            each.close()

    def _kept(self) -> Any:
        with self._lock:
            return self._free.pop() if self._free else None

    def _made(self) -> Any:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(TIMEOUT_S)
        try:
            link.connect(str(self.path))
            return link.makefile("rwb")
        finally:
            link.close()  # the file keeps the descriptor, or nothing does

    def _answers(self, file: Any, line: bytes) -> list[dict[str, Any]]:
        try:
            file.write(line)
            file.flush()
            answers = []
            while True:
                came: bytes = file.readline(LARGEST_LINE)
                if not came.endswith(b"\n"):
                    raise OSError("connection closed")  # noqa: TRY301  (what a connection that ends is)
                answer = json.loads(came)
                answers.append(answer)
                if not answer.get("more"):
                    break
        except (OSError, ValueError):
            with contextlib.suppress(OSError):
                file.close()
            raise
        self._keep(file)
        if "error" in answers[-1]:
            raise GatewayError(f"radius refused: {answers[-1]['error']}")
        return answers

    def _keep(self, file: Any) -> None:
        with self._lock:
            if len(self._free) < KEPT:
                self._free.append(file)
                return
        file.close()


class Radius(Gateway):
    """The controllers whose `gateway` is `radius`, as one."""

    name = "radius"
    simulated = False
    distant = True

    def __init__(self, settings: Settings, clock: Clock) -> None:
        own = {name: each for name, each in settings.portal.acs.items() if each.gateway == "radius"}
        self._places = sorted(own)
        offered = [PROFILES[each.vendor].offers for each in own.values() if each.vendor in PROFILES]
        self.offers: frozenset[Offer] = frozenset.intersection(*offered) if offered else frozenset()
        self._back = settings.portal.public_url
        self._line = Asking(socket_path(settings))
        self._clock = clock
        self._stopping = Event()
        self._thread: Thread | None = None
        self._inside: set[tuple[str, str]] = set()
        self._seen: dict[tuple[str, str], tuple[str, ...]] = {}
        self._asked_at = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._line.close()

    def tell(self, ears: Ears) -> None:
        """Say from now on who has come, and who has left for good: a known device is in without a tap."""
        self._thread = Thread(target=self._listen, args=(ears,), name="radius-news", daemon=True)
        self._thread.start()

    def _listen(self, ears: Ears) -> None:
        while not self._stopping.is_set():
            try:
                told = [each for part in self._line.every("news", wait_ms=NEWS_MS) for each in part["news"]]
            except GatewayError:  # the server is away: `ready` says so
                self._stopping.wait(1.0)
                continue
            for what, place, mac, addresses in told:
                if place in self._places:
                    client = Client(interface=place, mac=mac, addresses=tuple(addresses))
                    (ears.arrived if what == "came" else ears.left)(client)

    def serves(self, interface: str) -> bool:
        """Whether it is one of these controllers."""
        return interface in self._places

    def ready(self) -> Readiness:
        """Ask the server which memory it has; a controller that it does not know is amiss."""
        try:
            said = self._line.ask("ready")
        except GatewayError as error:
            return Readiness(born="", wrong={"radius": str(error)})
        missing = [each for each in self._places if each not in said["places"]]
        wrong = dict.fromkeys(missing, "the RADIUS server does not know this controller; restart it")
        return Readiness(born=str(said["born"]), wrong=wrong)

    def identify(self, address: str) -> Client | None:
        """Return who has this address, by what the controllers have reported."""
        known = canonical(address)
        if known is None:
            return None
        said = self._line.ask("who", address=known)
        if said.get("place") not in self._places:
            return None
        return Client(interface=str(said["place"]), mac=str(said["mac"]), addresses=(known,))

    def addresses(self, client: Client) -> tuple[str, ...]:
        """Return the addresses that accounting tells of the device.

        Of those who are in the desk asks every few seconds, of fifty thousand one by one: one answer of the server
        tells for all of them who has a new address.
        """
        if client.key in self._inside:
            return self._wider().get(client.key, client.addresses)
        said = self._line.ask("addresses", place=client.interface, mac=client.mac)
        return tuple(str(each) for each in said["addresses"])

    def _wider(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        now = self._clock.monotonic()
        if now - self._asked_at > FRESH_S:
            said = self._line.ask("wider")["wider"]
            self._seen = {(place, mac): tuple(addresses) for place, mac, addresses in said}
            self._asked_at = now
        return self._seen

    def allow(self, client: Client, bounds: Bounds) -> Onward | None:
        """Open the door and have the controller told; or send the browser there with a token."""
        said = self._line.ask("allow", **_asked(client), bounds=list(astuple(bounds)), back=self._back)
        self._inside.add(client.key)
        return Onward(url=str(said["onward"])) if said["onward"] else None

    def revoke(self, client: Client) -> None:
        """Close the door and have the controller end it."""
        self._inside.discard(client.key)
        if client.addresses:
            self._line.ask("revoke", **_asked(client))

    def admitted(self) -> list[Admitted]:
        """Return who is in, with what accounting has counted."""
        listed = [each for part in self._line.every("list", places=self._places) for each in part["listed"]]
        self._inside = {(place, mac) for place, mac, *_ in listed}
        return [
            Admitted(
                client=Client(interface=place, mac=mac, addresses=(address,)),
                seconds=left,
                octets_up=up,
                octets_down=down,
            )
            for place, mac, address, left, up, down in listed
        ]

    def counters(self) -> Mapping[str, int]:
        """Return what the server has counted."""
        return {str(name): int(count) for name, count in self._line.ask("counters")["counters"].items()}


def _asked(client: Client) -> dict[str, object]:
    if not client.addresses:
        raise PortalError("a client without an address cannot be let in; expected at least the one that it asked from")
    return {"mac": client.mac, "place": client.interface, "addresses": list(client.addresses)}
