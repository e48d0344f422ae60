"""The attributes that we read or send, by the names that FreeRADIUS's dictionaries give them.

`Attribute.pair` is the wire's way to say one, `name` the API's. What is not here is neither sent nor looked at.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal

from captive_portal.radius import packet
from captive_portal.radius.packet import PacketError

Kind = Literal["text", "octets", "integer", "address", "address6", "prefix6"]
Value = int | str | bytes
MOST_INTEGER = 0xFFFFFFFF
OCTETS4, OCTETS16 = 4, 16
_PREFIX_HEAD = 2  # reserved, length in bits
_BITS6 = 128


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: its number, or its vendor's and the number there."""

    name: str
    number: int
    kind: Kind
    vendor: int = 0

    def pair(self, value: Value) -> packet.Pair:
        """Return the attribute with this value as it goes into a packet; PacketError when it does not fit."""
        octets = encoded(self, value)
        return packet.vendors(self.vendor, self.number, octets) if self.vendor else (self.number, octets)

    def of(self, found: packet.Packet) -> Value | None:
        """Return the first value in a packet; None where there is none that can be read."""
        octets = found.first(self.number)
        return None if octets is None else read(self, octets)


Said = tuple[Attribute, Value]


def encoded(attribute: Attribute, value: Value) -> bytes:
    """Return a value's octets."""
    if attribute.kind == "integer":
        if not isinstance(value, int) or not 0 <= value <= MOST_INTEGER:
            raise PacketError(f"{attribute.name}; expected an integer of 32 bits")
        return value.to_bytes(OCTETS4, "big")
    if isinstance(value, bytes):
        return value
    if attribute.kind == "text":
        return str(value).encode()
    return ipaddress.ip_address(value).packed


def read(attribute: Attribute, octets: bytes) -> Value | None:
    """Return the value that octets hold; None when they hold none of this kind."""
    if attribute.kind == "integer":
        return int.from_bytes(octets, "big") if len(octets) == OCTETS4 else None
    if attribute.kind == "text":
        try:
            return octets.decode()
        except UnicodeDecodeError:
            return None
    if attribute.kind == "address":
        return str(ipaddress.IPv4Address(octets)) if len(octets) == OCTETS4 else None
    if attribute.kind == "address6":
        return str(ipaddress.IPv6Address(octets)) if len(octets) == OCTETS16 else None
    if attribute.kind == "prefix6":
        return _host(octets)
    return octets


def _host(octets: bytes) -> str | None:
    """Return the address of a prefix that is one (Framed-IPv6-Prefix of 128 bits, RFC 3162); a network is nobody's."""
    whole = len(octets) == _PREFIX_HEAD + OCTETS16 and octets[1] == _BITS6
    return str(ipaddress.IPv6Address(octets[_PREFIX_HEAD:])) if whole else None


USER_NAME = Attribute("User-Name", 1, "text")
USER_PASSWORD = Attribute("User-Password", 2, "octets")
CHAP_PASSWORD = Attribute("CHAP-Password", 3, "octets")
NAS_IP_ADDRESS = Attribute("NAS-IP-Address", 4, "address")
SERVICE_TYPE = Attribute("Service-Type", 6, "integer")
FRAMED_IP_ADDRESS = Attribute("Framed-IP-Address", 8, "address")
REPLY_MESSAGE = Attribute("Reply-Message", 18, "text")
STATE = Attribute("State", 24, "octets")
CLASS = Attribute("Class", 25, "octets")
SESSION_TIMEOUT = Attribute("Session-Timeout", 27, "integer")
IDLE_TIMEOUT = Attribute("Idle-Timeout", 28, "integer")
CALLED_STATION_ID = Attribute("Called-Station-Id", 30, "text")
CALLING_STATION_ID = Attribute("Calling-Station-Id", 31, "text")
NAS_IDENTIFIER = Attribute("NAS-Identifier", 32, "text")
PROXY_STATE = Attribute("Proxy-State", 33, "octets")
ACCT_STATUS_TYPE = Attribute("Acct-Status-Type", 40, "integer")
ACCT_DELAY_TIME = Attribute("Acct-Delay-Time", 41, "integer")
ACCT_INPUT_OCTETS = Attribute("Acct-Input-Octets", 42, "integer")
ACCT_OUTPUT_OCTETS = Attribute("Acct-Output-Octets", 43, "integer")
ACCT_SESSION_ID = Attribute("Acct-Session-Id", 44, "text")
ACCT_SESSION_TIME = Attribute("Acct-Session-Time", 46, "integer")
ACCT_TERMINATE_CAUSE = Attribute("Acct-Terminate-Cause", 49, "integer")
ACCT_INPUT_GIGAWORDS = Attribute("Acct-Input-Gigawords", 52, "integer")
ACCT_OUTPUT_GIGAWORDS = Attribute("Acct-Output-Gigawords", 53, "integer")
EVENT_TIMESTAMP = Attribute("Event-Timestamp", 55, "integer")
CHAP_CHALLENGE = Attribute("CHAP-Challenge", 60, "octets")
EAP_MESSAGE = Attribute("EAP-Message", 79, "octets")
ACCT_INTERIM_INTERVAL = Attribute("Acct-Interim-Interval", 85, "integer")
NAS_IPV6_ADDRESS = Attribute("NAS-IPv6-Address", 95, "address6")
FRAMED_IPV6_PREFIX = Attribute("Framed-IPv6-Prefix", 97, "prefix6")
ERROR_CAUSE = Attribute("Error-Cause", 101, "integer")
FRAMED_IPV6_ADDRESS = Attribute("Framed-IPv6-Address", 168, "address6")

CISCO, CHILLISPOT, HUAWEI, H3C, MIKROTIK, WISPR = 9, 14559, 2011, 25506, 14988, 14122
CISCO_AVPAIR = Attribute("Cisco-AVPair", 1, "text", CISCO)
WISPR_UP = Attribute("WISPr-Bandwidth-Max-Up", 7, "integer", WISPR)
WISPR_DOWN = Attribute("WISPr-Bandwidth-Max-Down", 8, "integer", WISPR)
CHILLISPOT_TOTAL = Attribute("ChilliSpot-Max-Total-Octets", 3, "integer", CHILLISPOT)
CHILLISPOT_UP = Attribute("ChilliSpot-Bandwidth-Max-Up", 4, "integer", CHILLISPOT)
CHILLISPOT_DOWN = Attribute("ChilliSpot-Bandwidth-Max-Down", 5, "integer", CHILLISPOT)
MIKROTIK_RATE = Attribute("Mikrotik-Rate-Limit", 8, "text", MIKROTIK)
MIKROTIK_TOTAL = Attribute("Mikrotik-Total-Limit", 17, "integer", MIKROTIK)
MIKROTIK_TOTAL_HIGH = Attribute("Mikrotik-Total-Limit-Gigawords", 18, "integer", MIKROTIK)
HUAWEI_UP = Attribute("Huawei-Input-Average-Rate", 2, "integer", HUAWEI)
HUAWEI_DOWN = Attribute("Huawei-Output-Average-Rate", 5, "integer", HUAWEI)
H3C_UP = Attribute("H3C-Input-Average-Rate", 2, "integer", H3C)
H3C_DOWN = Attribute("H3C-Output-Average-Rate", 5, "integer", H3C)

EVERY = tuple(each for each in list(globals().values()) if isinstance(each, Attribute))
BY_NAME = {each.name: each for each in EVERY}

# RFC 5176 section 3.5, in the words of its table
ERROR_CAUSES = {
    201: "residual session context removed",
    202: "invalid EAP packet",
    401: "unsupported attribute",
    402: "missing attribute",
    403: "NAS identification mismatch",
    404: "invalid request",
    405: "unsupported service",
    406: "unsupported extension",
    407: "invalid attribute value",
    501: "administratively prohibited",
    502: "request not routable (proxy)",
    503: "session context not found",
    504: "session context not removable",
    505: "other proxy processing error",
    506: "resources unavailable",
    507: "request initiated",
    508: "multiple session selection unsupported",
}
