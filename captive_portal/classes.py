"""Which device has which bandwidth class: numbers, the ruleset's maps, and the classes behind them.

A device has one number for all its addresses, of both families; so a rate is the device's and not an address's. The
kernel keeps everything: a gate that starts anew reads the maps and the classes, and goes on.

* Every packet of an admitted device is given its class by `up4`, `up6` (interface, MAC, address) and `down4`, `down6`
  (interface, address). A rule whose map lacks the key fails and sets nothing: it stands alone in the ruleset.
* The classes of a device that has left stay for the next one. The kernel looks through all classes of an interface when
  one is made (tc_bind_tclass, about 0.4 µs each), not when one is changed: only a new peak of visitors costs that.
* An element of a map cannot be put in anew with another value (EEXIST), so what is held is known here and taken out
  first. Elements have no timeout: an element without an admission opens nothing. `leave` takes them out.
"""

from __future__ import annotations

import heapq
import ipaddress
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from captive_portal.errors import PortalError
from captive_portal.htb import LAST, MAJOR, Htb
from captive_portal.model import Client

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Key: TypeAlias = tuple[str, ...]  # map, interface, MAC (upwards only), address
Device: TypeAlias = tuple[str, str]
Rates: TypeAlias = tuple[str, int, int]  # interface, kbit/s down, kbit/s up
WITH_MAC = 4  # a key of `up4` or `up6`
MAPS = ("up4", "up6", "down4", "down6")


@dataclass(frozen=True, slots=True)
class Change:
    """What a transaction does to the maps; `keep` it once the transaction is through."""

    lines: tuple[str, ...] = ()
    held: dict[Key, int] = field(default_factory=dict)
    gone: tuple[Key, ...] = ()

    @classmethod
    def of(cls, every: Iterable[Change]) -> Self:
        """Return one for several. Two that are about the same key make a transaction that the kernel refuses."""
        lines: list[str] = []
        held: dict[Key, int] = {}
        gone: list[Key] = []
        for each in every:
            lines += each.lines
            held |= each.held
            gone += each.gone
        return cls(tuple(lines), held, tuple(gone))


class Classes:
    """The numbers, and the classes of the kernel. Used under the gate's lock."""

    def __init__(self, table: str, uplinks: tuple[str, ...]) -> None:
        self.htb = Htb()
        self._table = table
        self._uplinks = uplinks
        self._held: dict[Key, int] = {}
        self._uses: Counter[int] = Counter()  # number → elements that name it
        self._numbers: dict[Device, int] = {}
        self._rates: dict[int, Rates] = {}
        self._rooted: set[str] = set()
        self._free: list[int] = []
        self._next = 1

    def load(self, maps: Iterable[dict[str, Any]]) -> bool:
        """Take up what the kernel holds; False when classes are missing, so that rates have to be said anew."""
        self._held = {}
        for item in (each["map"] for each in maps if "map" in each and each["map"]["name"] in MAPS):
            for key, value in item.get("elem", []):
                self._held[item["name"], *key["concat"]] = int(str(value).partition(":")[2] or "0", 16)
        self._uses = Counter(self._held.values())
        self._numbers = {(key[1], key[2]): number for key, number in self._held.items() if key[0].startswith("up")}
        up = {number: kbps for name in self._uplinks for number, kbps in self.htb.classes(name).items()}
        down = {name: self.htb.classes(name) for name in {interface for interface, _ in self._numbers}}
        self._rates = {
            number: (interface, down[interface].get(number, 0), up.get(number, 0))
            for (interface, _), number in self._numbers.items()
        }
        made = {number for each in (up, *down.values()) for number in each}
        self._next = max([*self._held.values(), *made], default=0) + 1
        self._free = sorted(set(range(1, self._next)) - set(self._held.values()) - {MAJOR})
        self._rooted = {name for name in (*down, *self._uplinks) if self.htb.has_root(name)}
        return all(down_kbps or up_kbps for _, down_kbps, up_kbps in self._rates.values())

    def clear(self, interfaces: Iterable[str]) -> None:
        """Forget everything, here and in the kernel's schedulers: the maps are new and empty."""
        for name in (*interfaces, *self._uplinks):
            self.htb.clear(name)
        self._held, self._uses, self._numbers, self._rates = {}, Counter(), {}, {}
        self._rooted, self._free, self._next = set(), [], 1

    def enter(self, who: Client, down_kbps: int, up_kbps: int) -> Change:
        """Make the device's classes; return what the admission's transaction says besides."""
        if not down_kbps and not up_kbps:
            return self.leave([who])
        if up_kbps and not self._uplinks:
            raise PortalError("'up_kbps'; expected 'portal.uplinks' to name the interfaces towards the internet")
        number = self._numbers.get(who.key) or self._number()
        self._numbers[who.key] = number
        if self._rates.get(number) != (who.interface, down_kbps, up_kbps):
            self._shape(number, (who.interface, down_kbps, up_kbps))
        keys = dict.fromkeys(_keys(who), number)
        return Change((*self._out(keys), *self._in(keys)), held=keys)

    def leave(self, devices: Iterable[Client]) -> Change:
        """Return what takes these addresses out of the maps, where they are still the device's own."""
        gone: list[Key] = []
        for who in devices:
            number = self._numbers.get(who.key)
            gone += [key for key in _keys(who) if number is not None and self._held.get(key) == number]
        return Change(tuple(self._out(gone)), gone=tuple(gone))

    def keep(self, change: Change) -> None:
        """Note that a transaction is through; a device whose last address has gone gives its number back."""
        for key, number in change.held.items():
            self._uses[self._held.get(key, 0)] -= 1
            self._uses[number] += 1
            self._held[key] = number
        for key in change.gone:
            self._uses[self._held.pop(key, 0)] -= 1
        for _, interface, mac, _ in (key for key in change.gone if len(key) == WITH_MAC):
            self._give_back((interface, mac))

    def others(self, admitted: Iterable[Key]) -> list[Client]:
        """Return who is in the maps and not among the admitted (interface, MAC, address): their time has run out."""
        inside = set(admitted)
        return [
            Client(interface=key[1], mac=key[2], addresses=(key[3],))
            for key in self._held
            if len(key) == WITH_MAC and key[1:] not in inside
        ]

    def mend(self) -> None:
        """Make the classes anew of interfaces that were taken away and came back."""
        for name in self._rooted:
            if self.htb.there(name):
                self._root(name)

    def _shape(self, number: int, rates: Rates) -> None:
        interface, down_kbps, up_kbps = rates
        for name, kbps in ((interface, down_kbps), *((each, up_kbps) for each in self._uplinks)):
            if kbps:
                self._root(name)
                self.htb.set(name, number, kbps)
            elif name in self._rooted:
                self.htb.drop(name, number)
        self._rates[number] = rates

    def _root(self, name: str) -> None:
        if name in self._rooted and self.htb.has_root(name):
            return
        self.htb.root(name)
        self._rooted.add(name)
        for number, (interface, down_kbps, up_kbps) in self._rates.items():
            kbps = down_kbps if name == interface else up_kbps if name in self._uplinks else 0
            if kbps:
                self.htb.set(name, number, kbps)

    def _number(self) -> int:
        if self._free:
            return heapq.heappop(self._free)
        self._next += self._next == MAJOR  # its queue's handle would be the root's
        if self._next > LAST:
            raise PortalError(f"no bandwidth class is left; expected at most {LAST} devices with a rate at one gate")
        self._next += 1
        return self._next - 1

    def _give_back(self, device: Device) -> None:
        number = self._numbers.get(device)
        if number is None or self._uses[number] > 0:
            return
        del self._numbers[device], self._uses[number]
        self._rates.pop(number, None)
        heapq.heappush(self._free, number)

    def _out(self, keys: Iterable[Key]) -> Iterator[str]:
        for key in keys:
            if key in self._held:
                yield f"delete element inet {self._table} {key[0]} {{ {_joined(key)} }}"

    def _in(self, keys: dict[Key, int]) -> Iterator[str]:
        for key, number in keys.items():
            yield f"add element inet {self._table} {key[0]} {{ {_joined(key)} : {MAJOR:x}:{number:x} }}"


def _joined(key: Key) -> str:
    return " . ".join((f'"{key[1]}"', *key[2:]))


def _keys(who: Client) -> Iterator[Key]:
    for each in who.addresses:
        version = ipaddress.ip_address(each).version
        yield f"up{version}", who.interface, who.mac, each
        yield f"down{version}", who.interface, each
