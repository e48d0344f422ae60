"""How far an ONU's received power is from the limits of its class: figures of contracts, by the class's limits.

A class of the optical distribution network binds an ONU's receiver: below its sensitivity the line has errors, above
its overload it is blinded. The margin is the distance from the nearer of the two, negative beyond it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from netops.metrics.metric import Better, gauge

if TYPE_CHECKING:
    from collections.abc import Mapping

RECEIVED = "pon.onu.rx_power"
MARGIN = "pon.onu.margin."

_GPON, _XGS = "ITU-T G.984.2 (08/2019) 8.2.8, 2.488 Gbit/s downstream", "ITU-T G.9807.1 B.9.2, 9.953 Gbit/s downstream"
_CLASSES = (
    # name, class, sensitivity and overload of the ONU in dBm, source
    ("gpon_a", "A", "-21", "-1", _GPON),
    ("gpon_b", "B", "-21", "-1", _GPON),
    ("gpon_b_plus", "B+", "-27", "-8", _GPON),
    ("gpon_c", "C", "-28", "-8", _GPON),
    ("gpon_c_plus", "C+", "-30", "-8", _GPON),
    ("gpon_d", "D", "-30", "-8", _GPON),
    ("xgs_n1", "N1", "-28", "-9", _XGS),
    ("xgs_n2", "N2", "-28", "-9", _XGS),
    ("xgs_e1", "E1", "-28", "-9", _XGS),
    ("xgs_e2", "E2", "-28", "-9", _XGS),
)

LIMITS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {f"{MARGIN}{name}": (low, high) for name, _, low, high, _ in _CLASSES}
)
"""The margin's name → the least and the most that the class's ONU may receive, dBm as exact decimals."""

ENTRIES = tuple(
    gauge(
        f"{MARGIN}{name}",
        "dB",
        f"ONU收光功率余量（{grade}类，{low} 至 {high} dBm）",
        f"margin of the received power of a class {grade} ONU ({low} to {high} dBm)",
        source,
        better=Better.HIGHER,
    )
    for name, grade, low, high, source in _CLASSES
)
