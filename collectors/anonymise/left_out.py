"""What is left out of a recording: subtrees that tell who is near, who talks to whom, who is let in; places on the map.

No metric stands in those subtrees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collectors.snmp.varbind import GAUGE32, INTEGER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from collectors.snmp.varbind import Oid, Varbind

_SCALES: Final = (10**5, 10**6, 10**7)  # in which devices count degrees
_LATITUDES, _LONGITUDES = (18, 54), (73, 135)  # of this country

LEFT_OUT: Final = (
    (1, 3, 6, 1, 2, 1, 4, 20),  # addresses, routes, neighbours
    (1, 3, 6, 1, 2, 1, 4, 21),
    (1, 3, 6, 1, 2, 1, 4, 22),
    (1, 3, 6, 1, 2, 1, 4, 24),
    (1, 3, 6, 1, 2, 1, 4, 32),
    (1, 3, 6, 1, 2, 1, 4, 34),
    (1, 3, 6, 1, 2, 1, 4, 35),
    (1, 3, 6, 1, 2, 1, 4, 37),
    (1, 3, 6, 1, 2, 1, 6, 13),  # TCP and UDP tables
    (1, 3, 6, 1, 2, 1, 6, 19),
    (1, 3, 6, 1, 2, 1, 6, 20),
    (1, 3, 6, 1, 2, 1, 7, 5),
    (1, 3, 6, 1, 2, 1, 7, 7),
    (1, 3, 6, 1, 2, 1, 14),  # OSPF, BGP
    (1, 3, 6, 1, 2, 1, 15),
    (1, 3, 6, 1, 2, 1, 17, 4, 3),  # forwarding tables of bridges
    (1, 3, 6, 1, 2, 1, 17, 7, 1, 2),
    *((1, 3, 6, 1, 2, 1, 16, group) for group in (4, 5, 6, 7, 8, 13, 14, 15, 16, 17)),  # RMON: who talks to whom
    (1, 3, 6, 1, 2, 1, 16, 9),  # communities in clear: of RMON's events and trap targets, of logical entities
    (1, 3, 6, 1, 2, 1, 16, 19),
    (1, 3, 6, 1, 2, 1, 47, 1, 2),
    (1, 3, 6, 1, 2, 1, 25, 4),  # processes with their arguments, software
    (1, 3, 6, 1, 2, 1, 25, 5),
    (1, 3, 6, 1, 2, 1, 25, 6),
    (1, 3, 6, 1, 6, 3),  # SNMP's own users, communities, targets
    (1, 3, 6, 1, 2, 1, 67),  # RADIUS: servers and what they share with us
    (1, 3, 6, 1, 2, 1, 10, 23),  # PPP: who dials in
    (1, 3, 6, 1, 2, 1, 10, 95),  # L2TP
    (1, 3, 6, 1, 2, 1, 10, 131),  # tunnels
    (1, 3, 6, 1, 4, 1, 9, 9, 23),  # CDP
    (1, 3, 6, 1, 4, 1, 9, 9, 41),  # Cisco's syslog: what happened to whom, in words
    (1, 3, 6, 1, 4, 1, 9, 9, 43),  # who configured what from where
    (1, 3, 6, 1, 4, 1, 9, 9, 96),  # where configurations are copied to
    (1, 3, 6, 1, 4, 1, 9, 9, 150),  # sessions with their users
    (1, 3, 6, 1, 4, 1, 9, 9, 599),  # tables of clients, which are persons' devices: Cisco
    (1, 3, 6, 1, 4, 1, 14179, 2, 1, 4),
    (1, 3, 6, 1, 4, 1, 14179, 2, 1, 6),  # rogues: the neighbours' networks
    (1, 3, 6, 1, 4, 1, 14179, 2, 1, 7),
    (1, 3, 6, 1, 4, 1, 14823, 2, 2, 1, 4, 1),  # Aruba
    (1, 3, 6, 1, 4, 1, 14823, 2, 3, 3, 1, 2, 4),
    (1, 3, 6, 1, 4, 1, 2011, 6, 139, 18),  # Huawei
    (1, 3, 6, 1, 4, 1, 14988, 1, 1, 11),  # MikroTik's neighbours
    (1, 0, 8802, 1, 1, 1),  # IEEE 802.1X: who is at which port
    (1, 0, 8802, 1, 1, 2),  # LLDP
)

_PLACES: Final = frozenset(LEFT_OUT)
_DEPTHS: Final = sorted({len(place) for place in LEFT_OUT})


def left_out(oid: Oid) -> bool:
    """Whether an object stands in a subtree that is left out."""
    return any(oid[:depth] in _PLACES for depth in _DEPTHS)


def positions(unknown: Iterable[Varbind]) -> frozenset[Oid]:
    """Return the objects that may be a place on the map: two whole numbers side by side, a latitude and a longitude.

    `unknown` are those of which no profile knows what they measure, in OID order.
    """
    columns: dict[Oid, Varbind] = {}
    for each in unknown:
        if each.tag in (INTEGER, GAUGE32) and isinstance(each.value, int) and each.value > _LATITUDES[0] * _SCALES[0]:
            columns[each.oid] = each
    found: set[Oid] = set()
    for oid, each in columns.items():
        for at in range(len(oid) - 1, 7, -1):
            beside = columns.get((*oid[:at], oid[at] + 1, *oid[at + 1 :]))
            if beside is not None and _place(each.value, beside.value):
                found |= {oid, beside.oid}
    return frozenset(found)


def _place(one: object, other: object) -> bool:
    assert isinstance(one, int)
    assert isinstance(other, int)
    return any(
        _LATITUDES[0] * scale <= first <= _LATITUDES[1] * scale
        and _LONGITUDES[0] * scale <= second <= _LONGITUDES[1] * scale
        for scale in _SCALES
        for first, second in ((one, other), (other, one))
    )
