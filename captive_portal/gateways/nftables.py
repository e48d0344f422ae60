"""The Linux gateway: its neighbour table says who somebody is, the gate (captive_portal/gate.py) opens and closes.

This side has no privilege. It holds one connection to the gate's UNIX socket and speaks its five verbs.
"""

from __future__ import annotations

import contextlib
import json
import socket
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

from captive_portal.errors import GatewayError, PortalError
from captive_portal.gateways import Gateway, Offer, Onward, Readiness
from captive_portal.hatch import LARGEST_LINE, socket_path
from captive_portal.model import Client
from captive_portal.model import address as canonical
from captive_portal.neighbours import Neighbours
from captive_portal.ruleset import Admitted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from captive_portal.model import Bounds
    from netops.clock import Clock
    from netops.config import Settings

TIMEOUT_S = 3.0


class Nftables(Gateway):
    """A client of the gate. A lost connection is made anew once per request, then it is a GatewayError."""

    name = "nftables"
    simulated = False
    timeout_s = TIMEOUT_S
    offers: frozenset[Offer] = frozenset({Offer.RATE, Offer.COUNTERS, Offer.GARDEN})

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.path = socket_path(settings)
        self._interfaces = frozenset(settings.portal.visitors)
        self._neighbours = Neighbours(tuple(settings.portal.visitors), clock)
        self._lock = Lock()
        self._file: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._close()

    def serves(self, interface: str) -> bool:
        """Whether it is one of the visitor interfaces."""
        return interface in self._interfaces

    def ready(self) -> Readiness:
        """Ask the gate which table it has; a gate that does not answer is what is wrong."""
        try:
            said = self._ask("ready")
            twice = tuple((str(place), str(mac), str(sign)) for place, mac, sign in said.get("twice", ()))
            return Readiness(born=str(said["born"]), twice=twice)
        except GatewayError as error:
            return Readiness(born="", wrong={"gate": str(error)})

    def identify(self, address: str) -> Client | None:
        """Return who has this address, by the neighbour table."""
        known = canonical(address)
        if known is None or (found := self._neighbours.who(known)) is None:
            return None
        return Client(interface=found[0], mac=found[1], addresses=(known,))

    def addresses(self, client: Client) -> tuple[str, ...]:
        """Return the client's addresses that may be admitted: link-local ones never leave the link."""
        seen = self._neighbours.addresses(client.interface, client.mac)
        return tuple(each for each in map(canonical, seen) if each is not None)

    def allow(self, client: Client, bounds: Bounds) -> Onward | None:
        """Let the client in; returns when the kernel has it."""
        rates = {"down_kbps": bounds.down_kbps, "up_kbps": bounds.up_kbps}
        self._ask("allow", **_asked(client), seconds=bounds.seconds, **rates)
        return None

    def revoke(self, client: Client) -> None:
        """Close the door; returns when the kernel has it."""
        if client.addresses:
            self._ask("revoke", **_asked(client))

    def admitted(self) -> list[Admitted]:
        """Return what the kernel's sets hold."""
        with self._lock:
            return [
                Admitted(
                    client=Client(interface=interface, mac=mac, addresses=(address,)),
                    seconds=left,
                    octets_up=up,
                    octets_down=down,
                )
                for part in self._exchange("list")
                for interface, mac, address, left, up, down in part["admitted"]
            ]

    def counters(self) -> Mapping[str, int]:
        """Return the ruleset's named counters."""
        return {str(name): int(count) for name, count in self._ask("counters")["counters"].items()}

    def _ask(self, verb: str, **asked: object) -> dict[str, Any]:
        with self._lock:
            return self._exchange(verb, **asked)[0]

    def _exchange(self, verb: str, **asked: object) -> list[dict[str, Any]]:
        line = json.dumps({"verb": verb, **asked}, separators=(",", ":")).encode() + b"\n"
        try:
            return self._answers(line)
        except (OSError, ValueError):  # the gate was restarted; every verb may be said twice
            self._close()
        try:
            return self._answers(line)
        except (OSError, ValueError) as error:
            self._close()
            raise GatewayError(f"gate {self.path}: no answer to '{verb}' ({error}); is `gate` running?") from None

    def _answers(self, line: bytes) -> list[dict[str, Any]]:
        if self._file is None:
            link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            link.settimeout(self.timeout_s)
            try:
                link.connect(str(self.path))
                self._file = link.makefile("rwb")
            finally:
                link.close()  # the file keeps the descriptor, or nothing does
        self._file.write(line)
        self._file.flush()
        answers = []
        while True:
            answer = json.loads(self._line())
            if "error" in answer:
                raise GatewayError(f"gate refused: {answer['error']}")
            answers.append(answer)
            if not answer.get("more"):
                return answers

    def _line(self) -> bytes:
        line: bytes = self._file.readline(LARGEST_LINE)
        if not line.endswith(b"\n"):
            raise OSError("connection closed")
        return line

    def _close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None


def _asked(client: Client) -> dict[str, object]:
    if not client.addresses:
        raise PortalError("a client without an address cannot be let in; expected at least the one that it asked from")
    return {"mac": client.mac, "interface": client.interface, "addresses": list(client.addresses)}
