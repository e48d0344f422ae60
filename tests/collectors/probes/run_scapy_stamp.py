"""A second STAMP encoder and reader, in a process of its own: scapy is GPL-2.0-only and is never imported by the house.

Reads one JSON object from standard input (`write`: fields, `read`: hex) and prints what scapy makes of both.
"""

from __future__ import annotations

import json
import sys

from scapy.contrib.stamp import (
    ErrorEstimate,
    STAMPSessionReflectorTestUnauthenticated,
    STAMPSessionSenderTestUnauthenticated,
    STAMPTestTLV,
)

given = json.load(sys.stdin)
write = given["write"]
estimate = ErrorEstimate(
    S=write["error"] >> 15,
    Z=write["error"] >> 14 & 1,
    scale=write["error"] >> 8 & 0x3F,
    multiplier=write["error"] & 0xFF,
)
# RFC 8972 4: U is the first bit on the wire; scapy names the flags from the other end, so the octet is given
written = STAMPSessionSenderTestUnauthenticated(
    seq=write["sequence"],
    err_estimate=estimate,
    ssid=write["ssid"],
    tlv_objects=[STAMPTestTLV(flags=0x80, type=1, len=write["padding"], value=bytes(write["padding"]))],
)
octets = bytearray(bytes(written))
octets[4:12] = write["stamp"].to_bytes(8, "big")  # scapy keeps timestamps as decimals and would round them
read = STAMPSessionReflectorTestUnauthenticated(bytes.fromhex(given["read"]))
print(
    json.dumps(
        {
            "written": bytes(octets).hex(),
            "read": {
                "sequence": read.seq,
                "ssid": read.ssid,
                "asked": read.seq_sender,
                "ttl": read.ttl_sender,
                "multiplier": read.err_estimate.multiplier,
                "scale": read.err_estimate.scale,
                "tlvs": [[int(each.flags), each.type, each.value.hex()] for each in read.tlv_objects],
            },
        }
    )
)
