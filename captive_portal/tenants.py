"""Which clients have an address: more than one while a left visitor's session still runs and DHCP gave it away."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from captive_portal.model import Client


class Tenants:
    """The clients of every address of an interface; safe from several threads."""

    def __init__(self) -> None:
        self._by_address: dict[tuple[str, str], set[tuple[str, str]]] = {}
        self._lock = Lock()

    def add(self, client: Client) -> None:
        """Note the client's addresses."""
        with self._lock:
            for each in client.addresses:
                self._by_address.setdefault((client.interface, each), set()).add(client.key)

    def remove(self, client: Client) -> None:
        """Forget the client."""
        with self._lock:
            for each in client.addresses:
                held = self._by_address.get((client.interface, each), set())
                held.discard(client.key)
                if not held:
                    self._by_address.pop((client.interface, each), None)

    def others(self, client: Client) -> list[tuple[tuple[str, str], str]]:
        """Return who else has an address of the client, with the address."""
        with self._lock:
            held = [(each, self._by_address.get((client.interface, each), set())) for each in client.addresses]
            return [(key, address) for address, keys_ in held for key in keys_ if key != client.key]
