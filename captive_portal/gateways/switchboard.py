"""Many gateways as one: each client belongs to the gateway behind its interface.

A site has a Linux gateway, another a carrier's controller; the desk knows one gateway and does not ask which. The place
of a client (`Client.interface`) is a visitor interface of this machine, or the id of a controller: names that no two
gateways share.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from captive_portal.enforcing import Readiness
from captive_portal.errors import GatewayError
from captive_portal.gateways import Gateway

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from captive_portal.enforcing import Onward
    from captive_portal.gateways import Ears
    from captive_portal.model import Admitted, Bounds, Client, Trail
    from netops.facts import Fact


class Switchboard(Gateway):
    """A gateway made of others, whose names and places differ; enters and leaves them in order.

    What is enforced is a question to its parts: all of them together offer nothing (captive_portal/served.py).
    """

    name = "switchboard"

    def __init__(self, gateways: Sequence[Gateway]) -> None:
        self._every = tuple(gateways)
        self._stack = ExitStack()
        self.simulated = all(each.simulated for each in self._every)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for each in self._every:
                stack.enter_context(each)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def parts(self) -> tuple[Gateway, ...]:
        """Return the gateways, and what they are made of themselves."""
        return tuple(part for each in self._every for part in each.parts())

    def tell(self, ears: Ears) -> None:
        """Let every gateway say what happens at its side."""
        for each in self._every:
            each.tell(ears)

    def carried(self, address: str, query: Mapping[str, str]) -> bool:
        """Hand what a browser carries to each until one takes it in."""
        return any(each.carried(address, query) for each in self._every)

    def heard(self, address: str, form: Mapping[str, str]) -> str | None:
        """Return the answer of the gateway that the address belongs to."""
        return next((said for each in self._every if (said := each.heard(address, form)) is not None), None)

    def serves(self, interface: str) -> bool:
        """Whether any of them does."""
        return any(each.serves(interface) for each in self._every)

    def behind(self, client: Client) -> Gateway:
        """Return the gateway of a client; GatewayError for a place that no gateway serves any more."""
        found = next((each for each in self._every if each.serves(client.interface)), None)
        if found is None:
            raise GatewayError(f"no gateway serves '{client.interface}'; is it still in the settings?")
        return found

    def ready(self) -> Readiness:
        """Tell what every gateway says; the memory is that of all together."""
        said = [(each.name, each.ready()) for each in self._every]
        wrong = {f"{name}: {key}": words for name, one in said for key, words in one.wrong.items()}
        return Readiness(born="|".join(f"{name}={one.born}" for name, one in said), wrong=wrong)

    def identify(self, address: str) -> Client | None:
        """Return who the first gateway that knows the address says it is."""
        return next((found for each in self._every if (found := each.identify(address)) is not None), None)

    def puzzled(self, address: str, claimed: Mapping[str, str]) -> None:
        """Let every gateway note a stranger."""
        for each in self._every:
            each.puzzled(address, claimed)

    def addresses(self, client: Client) -> tuple[str, ...]:
        """Return the addresses that the client's own gateway has seen."""
        return self.behind(client).addresses(client)

    def allow(self, client: Client, bounds: Bounds) -> Onward | None:
        """Let the client in at its own gateway."""
        return self.behind(client).allow(client, bounds)

    def revoke(self, client: Client) -> None:
        """Close the door at the client's own gateway."""
        self.behind(client).revoke(client)

    def held_s(self, client: Client) -> int:
        """Return what the client's own gateway says; 0 for a place that is not in the settings any more."""
        return next((each.held_s(client) for each in self._every if each.serves(client.interface)), 0)

    def witnessed_ms(self, client: Client) -> int | None:
        """Return what the client's own gateway says."""
        return self.behind(client).witnessed_ms(client)

    def admitted(self) -> list[Admitted]:
        """Return who is in anywhere."""
        return [one for each in self._every for one in each.admitted()]

    def amiss(self) -> Mapping[str, str]:
        """Tell what any of them says."""
        return {key: words for each in self._every for key, words in each.amiss().items()}

    def forget(self, trails: Sequence[Trail]) -> None:
        """Let each of them erase what it keeps of these persons."""
        for each in self._every:
            each.forget(trails)

    def facts(self, now_ms: int) -> Sequence[Fact]:
        """Return what is to be stated of any of them."""
        return [fact for each in self._every for fact in each.facts(now_ms)]

    def counters(self) -> Mapping[str, int]:
        """Return every gateway's counters, by its name."""
        return {f"{each.name}_{name}": n for each in self._every for name, n in each.counters().items()}
