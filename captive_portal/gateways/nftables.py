"""The Linux gateway: its neighbour table says who somebody is, the gate (captive_portal/gate.py) opens and closes.

This side has no privilege. It holds one connection to the gate's UNIX socket and speaks its five verbs.
"""

from __future__ import annotations

import queue
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Self

from captive_portal import let_in
from captive_portal.batch import Batcher
from captive_portal.enforcing import Offer, Onward, Readiness
from captive_portal.errors import GatewayError, LateError, PortalError, SilentError
from captive_portal.gateways import Gateway
from captive_portal.hatch import LINE, PART, socket_path
from captive_portal.model import Admitted, Client
from captive_portal.model import address as canonical
from captive_portal.neighbours import Neighbours
from captive_portal.socket_line import Caller
from netops import fail_open
from netops.clock import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from captive_portal.let_in import Entry
    from captive_portal.model import Bounds
    from captive_portal.socket_line import Answer
    from netops.clock import Clock
    from netops.config import Settings

TIMEOUT_S = 3.0
WAIT_S = 10.0  # for a door, with all that wait before it
LATE = "the gate did not open in time; too many log in, or its kernel is busy"


class Waiting(NamedTuple):
    """A door that is to be opened, and until when somebody waits for it (`hatch.deadline`)."""

    admission: Answer
    by: float


class Nftables(Gateway):
    """A client of the gate: one question at a time, as the gate does one thing at a time."""

    name = "nftables"
    simulated = False
    stands_by = True
    at_once = PART
    timeout_s = TIMEOUT_S
    offers: frozenset[Offer] = frozenset({Offer.RATE, Offer.COUNTERS, Offer.GARDEN, Offer.STANDBY})

    def __init__(self, settings: Settings, clock: Clock) -> None:  # noqa: ARG002  (all gateways are made alike)
        self._gate = Caller(LINE, socket_path(settings), timeout_s=self.timeout_s, at_once=1)
        self._doors: Batcher[Waiting, GatewayError | None] = Batcher("portal-gate", self._open_all)
        self._settings = settings
        self._interfaces = frozenset(settings.portal.visitors)
        self._neighbours = Neighbours(tuple(settings.portal.visitors))

    def __enter__(self) -> Self:
        self._doors.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._doors.__exit__()
        self._gate.close()
        self._neighbours.close()

    def serves(self, interface: str) -> bool:
        """Whether it is one of the visitor interfaces."""
        return interface in self._interfaces

    def ready(self) -> Readiness:
        """Ask the gate which table it has, and hand over what two persons decided; its silence is what is wrong."""
        try:
            said = self._gate.ask("ready", note=_note(self._settings))
            twice = tuple((str(place), str(mac), str(sign)) for place, mac, sign in said.get("twice", ()))
            waits, opens = int(said.get("unrecorded", 0)), str(said.get("opens", ""))
            return Readiness(born=str(said["born"]), twice=twice, unrecorded=waits, opens=opens)
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

    def moved(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """Return the devices with another address, by the kernel's notices."""
        return {
            key: tuple(each for each in map(canonical, seen) if each is not None)
            for key, seen in self._neighbours.moved().items()
        }

    def allow(self, client: Client, bounds: Bounds) -> Onward | None:
        """Let the client in; returns when the kernel has it."""
        rates = {"down_kbps": bounds.down_kbps, "up_kbps": bounds.up_kbps}
        self._open({**_asked(client), "seconds": bounds.seconds, **rates})
        return None

    def _open(self, admission: Answer) -> None:
        """Open one door, in one transaction of the kernel with all that wait meanwhile: that is most of its price.

        Nobody's door opens after this has failed (I4): then it is revoked, and what waits on its way is too late.
        """
        try:
            waiting = Waiting(admission, SYSTEM.monotonic() + WAIT_S)
            refused = self._doors.put(waiting).result(WAIT_S)
        except (queue.Full, TimeoutError):
            raise SilentError(LATE) from None
        if refused is not None:
            raise type(refused)(str(refused)) from None  # one that several threads raise would have all their traces

    def _open_all(self, every: Sequence[Waiting]) -> list[GatewayError | None]:
        """Open some doors; return what was wrong with each.

        Where one is refused, or comes too late, each of its part is asked for by itself. A silent gate is asked once.
        """
        outcomes: list[GatewayError | None] = []
        left = deque(_parts(every))
        while left:
            part = left.popleft()
            try:
                refused = self._open_part(part)
            except SilentError as error:
                return [*outcomes, *[error] * (len(every) - len(outcomes))]
            if refused is not None and len(part) > 1:
                left.extendleft([each] for each in reversed(part))
            else:
                outcomes += [refused] * len(part)
        return outcomes

    def _open_part(self, part: Sequence[Waiting]) -> GatewayError | None:
        """Open all doors of a part; return why not. SilentError when the gate does not answer."""
        by = min(each.by for each in part)
        if by < SYSTEM.monotonic():
            return LateError(LATE)
        try:
            self._gate.ask("allow", every=[each.admission for each in part], by=by)
        except LateError:
            return LateError(LATE)
        except SilentError:
            raise
        except GatewayError as error:
            return error
        return None

    def revoke(self, client: Client) -> None:
        """Close the door; returns when the kernel has it."""
        if client.addresses:
            self._gate.ask("revoke", **_asked(client))

    def admitted(self) -> list[Admitted]:
        """Return what the kernel's sets hold. It may miss some, while others run out (captive_portal/setlist.py)."""
        return list(_admitted(self._gate.every("list")))

    def seek(self, clients: Sequence[Client]) -> list[Admitted]:
        """Return which of these the kernel's sets hold, each looked up by itself."""
        parts = (clients[at : at + PART] for at in range(0, len(clients), PART))
        return [each for part in parts for each in _admitted(self._gate.every("list", every=list(map(_asked, part))))]

    def unrecorded(self) -> tuple[str, list[Entry]]:
        """Return whom the gate has let in while no heartbeat came."""
        parts = self._gate.every("list", own=True)
        return str(parts[0]["log"]), [let_in.read(each) for part in parts for each in part["entries"]]

    def alone_at(self) -> Mapping[str, str]:
        """Return the visitor interfaces."""
        return self._settings.portal.visitors

    def recorded(self, upto: int) -> None:
        """Let the gate forget them."""
        self._gate.ask("ready", note=_note(self._settings), recorded=upto)

    def counters(self) -> Mapping[str, int]:
        """Return the ruleset's named counters."""
        return {str(name): int(count) for name, count in self._gate.ask("counters")["counters"].items()}


def _admitted(said: Sequence[Answer]) -> Iterator[Admitted]:
    for part in said:
        for interface, mac, address, left, up, down in part["admitted"]:
            client = Client(interface=interface, mac=mac, addresses=(address,))
            yield Admitted(client=client, seconds=left, octets_up=up, octets_down=down)


def _parts(every: Sequence[Waiting]) -> Iterator[list[Waiting]]:
    """Yield what one line holds and one transaction may do: no address twice, whoever says that it is theirs."""
    part: list[Waiting] = []
    seen: set[tuple[str, str]] = set()
    for each in every:
        own = {(each.admission["interface"], address) for address in each.admission["addresses"]}
        if len(part) == PART or seen & own:
            yield part
            part, seen = [], set()
        part.append(each)
        seen |= own
    yield part


def _note(settings: Settings) -> str:
    """Return the decisions as the core has signed them; one that is too long for a line opens nothing."""
    note = fail_open.read(settings)
    return note.decode("utf-8", "replace") if len(note) < LINE.longest // 2 else ""


def _asked(client: Client) -> dict[str, object]:
    if not client.addresses:
        raise PortalError("a client without an address cannot be let in; expected at least the one that it asked from")
    return {"mac": client.mac, "interface": client.interface, "addresses": list(client.addresses)}
