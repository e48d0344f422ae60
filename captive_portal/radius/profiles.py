"""What a visitor's bounds are called at each maker's controller: the vendor profiles, as data.

`input` and `output` are the controller's view: what comes in from the visitor is the visitor's upload. Huawei and H3C
count in bit/s (their RADIUS attribute references), WISPr in bit/s, ChilliSpot in kbit/s, MikroTik takes a text
"upload/download".
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from captive_portal.enforcing import Offer
from captive_portal.radius import dictionary as d

if TYPE_CHECKING:
    from collections.abc import Mapping

    from captive_portal.model import Bounds
    from captive_portal.radius.dictionary import Attribute, Said

Again = Literal["disconnect", "cisco"]
GIGAWORD = 2**32
LEAST_INTERIM_S = 60  # RFC 2869 section 5.16


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One maker. `again`: how a controller is made to ask anew about a device that is associated already.

    `disconnect` throws the device off the network; it comes back at once, and is then asked about. `cisco` tells the
    controller to ask again and the device does not notice.
    """

    up: Attribute | None = None
    down: Attribute | None = None
    unit: int = 1  # bit/s that one of the attribute's units is
    pair: Attribute | None = None  # one text for both rates
    total: Attribute | None = None
    total_high: Attribute | None = None  # the same quota beyond 32 bits; without it a quota ends at 4 GiB
    again: Again = "disconnect"

    @property
    def offers(self) -> frozenset[Offer]:
        """What a controller of this make enforces by itself."""
        rate = {Offer.RATE} if self.up or self.pair else set()
        return frozenset({Offer.IDLE, Offer.COUNTERS} | rate)


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "standard": Profile(up=d.WISPR_UP, down=d.WISPR_DOWN),
        "aruba": Profile(),
        "chillispot": Profile(up=d.CHILLISPOT_UP, down=d.CHILLISPOT_DOWN, unit=1000, total=d.CHILLISPOT_TOTAL),
        "cisco": Profile(again="cisco"),
        "h3c": Profile(up=d.H3C_UP, down=d.H3C_DOWN),
        "huawei": Profile(up=d.HUAWEI_UP, down=d.HUAWEI_DOWN),
        "mikrotik": Profile(pair=d.MIKROTIK_RATE, total=d.MIKROTIK_TOTAL, total_high=d.MIKROTIK_TOTAL_HIGH),
        "ruijie": Profile(),
        "zte": Profile(),
    }
)


def granted(profile: Profile, bounds: Bounds, *, interim_s: int) -> list[Said]:
    """Return what an Access-Accept or a CoA says about a visitor's bounds."""
    said: list[Said] = [(d.SESSION_TIMEOUT, min(bounds.seconds, d.MOST_INTEGER))]
    if bounds.idle_s:
        said.append((d.IDLE_TIMEOUT, min(bounds.idle_s, d.MOST_INTEGER)))
        interim_s = min(interim_s, bounds.idle_s // 3)
    said.append((d.ACCT_INTERIM_INTERVAL, max(LEAST_INTERIM_S, interim_s)))
    return [*said, *_rates(profile, bounds), *_volume(profile, bounds)]


def _rates(profile: Profile, bounds: Bounds) -> list[Said]:
    if profile.pair is not None:  # 0 is "no limit" in one direction, and the attribute left out in both
        rates = f"{bounds.up_kbps}k/{bounds.down_kbps}k"
        return [(profile.pair, rates)] if bounds.up_kbps or bounds.down_kbps else []
    return [
        (attribute, min(kbps * 1000 // profile.unit, d.MOST_INTEGER))
        for attribute, kbps in ((profile.up, bounds.up_kbps), (profile.down, bounds.down_kbps))
        if attribute is not None and kbps
    ]


def _volume(profile: Profile, bounds: Bounds) -> list[Said]:
    if profile.total is None or not bounds.octets:
        return []
    if profile.total_high is None:  # beyond 32 bits the desk alone ends it, by the counters
        return [(profile.total, bounds.octets)] if bounds.octets < GIGAWORD else []
    return [(profile.total, bounds.octets % GIGAWORD), (profile.total_high, bounds.octets // GIGAWORD)]
