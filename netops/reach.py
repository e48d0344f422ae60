"""Which addresses we connect to on somebody's word (S18). Pure."""

from __future__ import annotations

import ipaddress

SHARED = ipaddress.ip_network(
    "100.64.0.0/10"
)  # RFC 6598: carriers' inner networks, to Python neither global nor private
# what gives machines of a cloud their secrets, beside the link-local ones
METADATA = frozenset({ipaddress.ip_address("100.100.100.200"), ipaddress.ip_address("fd00:ec2::254")})


def allowed(address: str, *, private: bool) -> bool:
    """Whether an address may be connected to: a global one, or one of this network where the settings say so."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    if parsed.is_loopback:
        return private  # before the rest: to Python ::1 is reserved too
    if parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified or parsed.is_reserved or parsed in METADATA:
        return False  # 169.254.169.254 is one of METADATA's kind
    return parsed.is_global or (private and (parsed.is_private or parsed in SHARED))
