"""What a radio record says: which of the networks asked for are on the air, and who hands out addresses. Pure.

A neighbour's network is nobody's business: of access points whose SSID was not asked for only their number is kept, and
they are taken out before the record is archived.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from netops.model import Reason
from netops.sla.percentiles import nearest_rank

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWN = 32  # servers named in a text
POINTS, SIGNALS, OFFERS = 256, 20_000, 256  # archived at most: anybody may transmit what is ours by name
CHANNELS = 233


class Telling(Protocol):
    """What takes the figures (`figures.Told`)."""

    def say(self, name: str, value: float | str) -> None:
        """Take a value."""
        ...

    def miss(self, reason: Reason, detail: str, *names: str) -> None:
        """Take gaps."""
        ...


def wanted(listed: str) -> tuple[str, ...]:
    """Return the words of a comma-separated setting."""
    return tuple(word for each in listed.split(",") if (word := each.strip()))


def only_ours(record: Mapping[str, Any], expect: str) -> dict[str, Any]:
    """Return a beacon record with the access points of these SSIDs alone, and the number of the others."""
    names = {name.encode().hex() for name in wanted(expect)}
    ours = [each for each in record["heard"] if _is_point(each) and each["ssid"] in names]
    others = len(record["heard"]) - len(ours)
    share = SIGNALS // max(1, min(len(ours), POINTS))
    kept = [dict(each) | {"signals": each["signals"][:share]} for each in ours[:POINTS]]
    return dict(record) | {"heard": kept, "others": others, "asked": list(wanted(expect))}


def _is_point(each: Mapping[str, Any]) -> bool:
    signals, channel = each.get("signals"), each.get("channel")
    return (
        all(isinstance(each.get(name), str) for name in ("bssid", "ssid"))
        and isinstance(signals, list)
        and all(type(one) is int for one in signals)
        and type(channel) is int
        and 0 <= channel <= CHANNELS
        and type(each.get("beacons")) is int
    )


def beacons(record: Mapping[str, Any], told: Telling) -> None:
    """Tell how many access points of ours are heard, how many of the SSIDs, and the loudest signal."""
    found = record["heard"]
    told.say("probe.air.points", len({each["bssid"] for each in found}))
    told.say("probe.air.others", record["others"])
    seen = {each["ssid"] for each in found}
    names = [name for name in record["asked"] if name.encode().hex() in seen]
    told.say("probe.reached", int(len(names) == len(record["asked"])))
    if names:
        told.say("probe.air.ssids", ", ".join(sorted(names))[:1000])
    signals = [one for each in found for one in each["signals"]]
    if signals:
        told.say("probe.air.signal", max(signals))
        told.say("probe.air.signal_median", float(nearest_rank(signals, 50)))
    else:
        told.miss(Reason.NO_ANSWER, "nothing of ours was heard", "probe.air.signal", "probe.air.signal_median")


def dhcp(record: Mapping[str, Any], told: Telling) -> None:
    """Tell how many servers answer, and which of them are not on the list."""
    servers = {str(each.get("server", "")) for each in record["heard"]}
    strangers = sorted(servers - set(record["asked"]))
    told.say("probe.dhcp.servers", len(servers))
    told.say("probe.dhcp.strangers", len(strangers))
    told.say("probe.reached", int(bool(servers - set(strangers))))
    if strangers:
        told.say("probe.dhcp.stranger", ", ".join(strangers[:SHOWN]))
