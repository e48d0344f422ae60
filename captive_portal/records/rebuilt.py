"""A session as the chain tells it, from its entries alone; and where the tables say something else. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from captive_portal.model import End
from captive_portal.records import chain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FIELDS = ("identity", "person", "site", "method", "voucher", "since_ms", "policy", "interface")
_ENDED = ("end", "octets_up", "octets_down", "online_ms")  # online_ms since entries have it


@dataclass(slots=True)
class Told:
    """What entries say of one session. `number` is the first of them; without `opened` the beginning is erased."""

    number: int
    opened: Mapping[str, Any] | None = None
    ended: Mapping[str, Any] | None = None
    ended_number: int = 0
    addresses: dict[str, int] = field(default_factory=dict)  # since when, ms
    until_ms: int | None = None

    def hear(self, row: Any, body: Mapping[str, Any]) -> None:
        """Take in the next entry; KeyError or TypeError when it is not of its kind."""
        if row.kind == chain.ENDED:
            said = {name: body[name] for name in _ENDED if name != "online_ms" or name in body}
            self.ended, self.ended_number = {**said, "ended_ms": row.at_ms}, row.n
            return
        if row.kind == chain.OPENED:
            consent = {**body["consent"], "at_ms": body["since_ms"]}
            known = {name: body[name] for name in _FIELDS if name != "identity"}
            self.opened = {**known, "identity": body["device"], "consent": consent}
        since_ms = body["since_ms"] if row.kind == chain.OPENED else row.at_ms
        self.addresses |= {str(each): since_ms for each in body["addresses"] if each not in self.addresses}
        self.until_ms = body["until_ms"]

    @property
    def recorded(self) -> bool:
        """Whether it must stand in the table; one that could not be recorded has an end and nothing else."""
        whole = self.ended is not None and self.ended["end"] != End.NO_RECORD
        return self.opened is not None or whole


def differs(told: Told, row: Any, addresses: Mapping[str, int], consent: Any, since_ms: int) -> Iterator[str]:
    """Yield what the tables say otherwise. Before `since_ms` entries may be erased: what is older is not compared."""
    if told.opened is not None:
        since_ms = 0
        for name in _FIELDS:
            value = getattr(row, name)
            if (value.hex() if isinstance(value, bytes) else value or "") != told.opened[name]:
                yield f"'{name}' is not what entry {told.number} says"
        agreed = told.opened["consent"]
        if consent is None or any(getattr(consent, name) != agreed[name] for name in agreed):
            yield f"'consent' is not what entry {told.number} says"
    if told.until_ms is not None and row.until_ms != told.until_ms:
        yield "'until_ms' is not what its entries say"
    if {each: at for each, at in addresses.items() if at >= since_ms} != {
        each: at for each, at in told.addresses.items() if at >= since_ms
    }:
        yield "'addresses' is not what its entries say"
    if told.ended is not None and any(getattr(row, name) != value for name, value in told.ended.items()):
        yield f"its end is not what entry {told.ended_number} says"
    if told.ended is None and (row.ended_ms is not None or row.end is not None):
        yield "it has ended in the table, and no entry says so"
