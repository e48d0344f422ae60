"""The gateways: what opens and closes the door, one file per kind, one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

from captive_portal.enforcing import Offer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from captive_portal.enforcing import Onward, Readiness
    from captive_portal.let_in import Entry
    from captive_portal.model import Admitted, Bounds, Client, Trail
    from netops.clock import Clock
    from netops.config import Settings
    from netops.facts import Fact


COUNTED = frozenset({Offer.VOLUME, Offer.IDLE})  # what the desk enforces where a gateway counts


class Ears(Protocol):
    """Whom a gateway tells what happens at its side by itself (captive_portal/arrivals.py: the desk's)."""

    def knows(self, client: Client) -> bool:
        """Whether a device that has just come would be let in without a tap."""
        ...

    def arrived(self, client: Client) -> bool:
        """Let a device in that is known; return whether it is."""
        ...

    def opened(self, client: Client) -> None:
        """Note that a device is in whose door was still to be opened."""
        ...

    def left(self, client: Client) -> None:
        """End the visit of a device that the gateway has put out."""
        ...


class Gateway(Protocol):
    """What enforces. Every verb raises GatewayError when it was not done; a context manager.

    `tests/captive_portal/gateways/` is the promise: expiry by itself, revoke at once, allow
    again sets the time anew, another MAC at the same address is another client.
    """

    name: str
    simulated: bool
    offers: frozenset[Offer] = frozenset()  # at each of its places; one that is made of others has none of its own
    distant: bool = False  # a controller over the network: a verb may take seconds, so few pages are at it at once
    stands_by: bool = False  # acts by itself while we are dead (`Offer.STANDBY`): it has to hear that we live
    counts_anew: bool = True  # a door that is opened again counts from zero; where not, its counts go on
    at_once: int = 1  # doors that it opens in hardly more time than one, where as many ask together
    puts_out: bool = True  # `revoke` ends a visit before its time; where not, `held_s` says for how long

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...

    def parts(self) -> tuple[Gateway, ...]:
        """Return the gateways that this one is made of; each is repaired by itself."""
        return (self,)

    def tell(self, ears: Ears) -> None:  # noqa: ARG002  (the protocol's)
        """Say from now on to `ears` what happens at this side; a gateway that is only asked has nothing to say."""
        return

    def carried(self, address: str, query: Mapping[str, str]) -> bool:  # noqa: ARG002  (the protocol's)
        """Take in what a gateway has a browser carry here; return whether it was one of its own arrivals.

        Only what the gateway itself has sealed is believed.
        """
        return False

    def heard(self, address: str, form: Mapping[str, str]) -> str | None:  # noqa: ARG002  (the protocol's)
        """Answer what a gateway itself asks over HTTP; None where the address is none of its own."""
        return None

    def serves(self, interface: str) -> bool:
        """Whether clients at this place are this gateway's."""
        ...

    def offered(self, place: str) -> frozenset[Offer]:  # noqa: ARG002  (the protocol's)
        """Return what it enforces at one place; asked before it is entered, by the settings alone."""
        return self.offers

    def ready(self) -> Readiness:
        """Tell whether it can act, and which memory it has."""
        ...

    def identify(self, address: str) -> Client | None:
        """Return who has this address now, by the gateway's own sight; None for no visitor."""
        ...

    def puzzled(self, address: str, claimed: Mapping[str, str]) -> None:  # noqa: ARG002  (the protocol's)
        """Note somebody whom no gateway knows, and what the address line claims: it lets nobody in, it may tell why."""
        return

    def addresses(self, client: Client) -> tuple[str, ...]:
        """Return the addresses that this device uses now, as far as the gateway has seen."""
        ...

    def moved(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """Return whose addresses have changed since this was asked last, with all that each uses now; by one alone.

        Who is not in may be among them. What it costs grows with what has changed, never with who is in.
        """
        return {}

    def allow(self, client: Client, bounds: Bounds) -> Onward | None:
        """Let the client's addresses through for `bounds.seconds` from now, within what it offers of the other bounds.

        `Onward` says that the gateway opens when the browser has gone there, or later by itself; None that it is open.
        """
        ...

    def revoke(self, client: Client) -> None:
        """Close the door for the client's addresses at once."""
        ...

    def held_s(self, client: Client) -> int:  # noqa: ARG002  (the protocol's)
        """Return for how many seconds the client may be let through whatever we say; 0 where `revoke` puts out.

        Its record lives for as long: nobody is in without one (I4).
        """
        return 0

    def witnessed_ms(self, client: Client) -> int | None:  # noqa: ARG002  (the protocol's)
        """Return since when somebody we trust has seen the client in; None while only a controller says so.

        0 where the gateway is its own witness: it enforces itself. A carrier's controller never is.
        """
        return 0

    def admitted(self) -> list[Admitted]:
        """Return who is in, with the time left."""
        ...

    def seek(self, clients: Sequence[Client]) -> list[Admitted]:  # noqa: ARG002  (the protocol's)
        """Return which of these are in, each looked for by itself, where `admitted` may miss some; most miss none."""
        return []

    def unrecorded(self) -> tuple[str, list[Entry]]:
        """Return the name of its log, and whom it has let in by itself that nobody has recorded yet, in its order."""
        return "", []

    def alone_at(self) -> Mapping[str, str]:
        """Return the places, with their sites, where it may let in by itself while the portal is dead."""
        return {}

    def recorded(self, upto: int) -> None:  # noqa: ARG002  (the protocol's)
        """Tell that its entries up to this number are recorded: it may forget them."""
        return

    def counters(self) -> Mapping[str, int]:
        """Return what the gateway has counted since it was born."""
        ...

    def amiss(self) -> Mapping[str, str]:
        """Tell what is wrong at our own side that keeps nobody out, by subject; asks nobody."""
        return {}

    def forget(self, trails: Sequence[Trail]) -> None:  # noqa: ARG002  (the protocol's)
        """Erase, soon, what it keeps of persons who wished so; most keep nothing beyond a visit."""
        return

    def facts(self, now_ms: int) -> Sequence[Fact]:  # noqa: ARG002  (the protocol's)
        """Return what is to be stated of what it keeps, as it stands now; most keep nothing."""
        return ()


def _simulated(settings: Settings, clock: Clock) -> Gateway:
    from captive_portal.gateways.simulated import Simulated  # noqa: PLC0415  (only the chosen gateway is loaded)

    return Simulated(settings.portal, clock)


def _nftables(settings: Settings, clock: Clock) -> Gateway:
    from captive_portal.gateways.nftables import Nftables  # noqa: PLC0415

    return Nftables(settings, clock)


def _opennds(settings: Settings, clock: Clock) -> Gateway:
    from captive_portal.gateways.opennds import Opennds  # noqa: PLC0415

    return Opennds(settings, clock)


def _radius(settings: Settings, clock: Clock) -> Gateway:
    from captive_portal.gateways.radius import Radius  # noqa: PLC0415

    return Radius(settings, clock)


def _portal2(settings: Settings, clock: Clock) -> Gateway:
    from captive_portal.gateways.portal2 import Portal2  # noqa: PLC0415

    return Portal2(settings, clock)


def _fas(settings: Settings, clock: Clock) -> Gateway:
    from captive_portal.gateways.fas import Fas  # noqa: PLC0415

    return Fas(settings, clock)


NONE = "none"
GATEWAYS: dict[str, Callable[[Settings, Clock], Gateway]] = {
    "simulated": _simulated,
    "nftables": _nftables,
    "opennds": _opennds,
    "radius": _radius,
    "portal2": _portal2,
    "fas": _fas,
}


def make(settings: Settings, clock: Clock) -> Gateway:
    """Return the gateways that the settings name as one, inert until entered."""
    from captive_portal.gateways.switchboard import Switchboard  # noqa: PLC0415  (it stands on this module)

    return Switchboard([GATEWAYS[name](settings, clock) for name in chosen(settings)])


def chosen(settings: Settings) -> list[str]:
    """Return the gateways that the settings name: this machine's, and those of the controllers, each once."""
    named = [settings.portal.gateway, *(each.gateway for each in settings.portal.acs.values())]
    return [name for name in dict.fromkeys(named) if name != NONE]
