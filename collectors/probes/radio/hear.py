"""A program of its own, never imported: scapy is GPL-2.0-only. It prints one JSON object a line.

    python -m collectors.probes.radio.hear beacons FILE.pcap      every access point heard in a capture (radiotap)
    python -m collectors.probes.radio.hear dhcp INTERFACE SECONDS every DHCP server that answers a DISCOVER there

Exit 3: scapy is not installed. What cannot be read is counted in the last line, `{"unreadable": n}`.
"""

from __future__ import annotations

import json
import resource
import struct
import sys
from typing import Any

MEMORY = 1 << 30
FRAMES = 200_000
POINTS = 2000
WITHOUT_SCAPY = 3


def main(words: list[str]) -> int:
    """Do what the words say."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        import scapy.all  # noqa: F401, PLC0415  (heavy, and an optional extra)
    except ImportError:
        print("scapy is not installed; `pip install netops[radio]`", file=sys.stderr)  # noqa: T201
        return WITHOUT_SCAPY
    if len(words) == 2 and words[0] == "beacons":
        return _beacons(words[1])
    if len(words) == 3 and words[0] == "dhcp":
        return _dhcp(words[1], float(words[2]))
    print(__doc__, file=sys.stderr)  # noqa: T201
    return 2


def _say(told: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")


def _beacons(file: str) -> int:
    """Gather by access point: how often it was heard, and how loud."""
    from scapy.error import Scapy_Exception  # noqa: PLC0415
    from scapy.layers.dot11 import Dot11, Dot11Beacon, RadioTap  # noqa: PLC0415
    from scapy.utils import PcapReader  # noqa: PLC0415

    points: dict[tuple[str, str], dict[str, Any]] = {}
    unreadable = frames = 0
    try:
        with PcapReader(file) as capture:
            for frame in capture:
                frames += 1
                if frames > FRAMES:
                    break
                try:
                    if not frame.haslayer(Dot11Beacon):
                        continue
                    heard = _heard(frame[Dot11], frame.getlayer(RadioTap), int(float(frame.time) * 1000))
                except Exception:  # noqa: BLE001  (anybody nearby sends what they like, and scapy raises what it likes)
                    unreadable += 1
                    continue
                _gather(points, heard)
    except (Scapy_Exception, OSError, EOFError, ValueError, struct.error) as error:
        _say({"error": f"{type(error).__name__}: {error}"[:200]})
        return 1
    for each in points.values():
        _say(each)
    _say({"unreadable": unreadable, "frames": frames})
    return 0


def _heard(frame: Any, tap: Any, at_ms: int) -> dict[str, Any]:
    from scapy.layers.dot11 import Dot11Beacon  # noqa: PLC0415

    bssid = str(frame.addr3).replace(":", "").lower()
    ssid, channel = b"", 0
    element = frame[Dot11Beacon].payload
    while element is not None and hasattr(element, "ID"):
        if element.ID == 0:
            ssid = bytes(element.info)
        elif element.ID == 3 and len(bytes(element)) >= 3:
            channel = bytes(element)[2]
        element = element.payload
    signal = getattr(tap, "dBm_AntSignal", None) if tap is not None else None
    return {"bssid": bssid, "ssid": ssid.hex(), "channel": channel, "signal": signal, "at_ms": at_ms}


def _gather(points: dict[tuple[str, str], dict[str, Any]], heard: dict[str, Any]) -> None:
    key = heard["bssid"], heard["ssid"]
    known = points.get(key)
    if known is None:
        if len(points) < POINTS:
            signals = [] if heard["signal"] is None else [heard["signal"]]
            at_ms = heard["at_ms"]
            point = {"bssid": key[0], "ssid": key[1], "channel": heard["channel"], "beacons": 1, "signals": signals}
            points[key] = point | {"first_ms": at_ms, "last_ms": at_ms}
        return
    known["beacons"] += 1
    known["last_ms"] = heard["at_ms"]
    if heard["signal"] is not None and len(known["signals"]) < 1000:
        known["signals"].append(heard["signal"])


def _dhcp(interface: str, seconds: float) -> int:
    """Ask once who hands out addresses here, and list every server that answers; nothing is accepted from any."""
    import secrets  # noqa: PLC0415

    from scapy.config import conf  # noqa: PLC0415
    from scapy.layers.dhcp import BOOTP, DHCP  # noqa: PLC0415
    from scapy.layers.inet import IP, UDP  # noqa: PLC0415
    from scapy.layers.l2 import Ether  # noqa: PLC0415
    from scapy.sendrecv import srp  # noqa: PLC0415

    conf.checkIPaddr = False  # servers answer from addresses of their own
    try:
        from scapy.arch import get_if_hwaddr  # noqa: PLC0415

        mac = get_if_hwaddr(interface)
        question = (
            Ether(src=mac, dst="ff:ff:ff:ff:ff:ff")
            / IP(src="0.0.0.0", dst="255.255.255.255")  # noqa: S104  (RFC 2131 4.1: the client has no address yet)
            / UDP(sport=68, dport=67)
            / BOOTP(chaddr=bytes.fromhex(mac.replace(":", "")), xid=secrets.randbits(32), flags=0x8000)
            / DHCP(options=[("message-type", "discover"), "end"])
        )
        answered, _ = srp(question, iface=interface, timeout=seconds, multi=True, verbose=0)
    except (OSError, ValueError) as error:
        _say({"error": f"{type(error).__name__}: {error}"[:200]})
        return 1
    _offers([answer for _, answer in answered])
    return 0


def _offers(answers: list[Any]) -> None:
    """Tell every server that makes an OFFER; one whose answer cannot be read hides no other."""
    unreadable = 0
    for answer in answers[:POINTS]:
        try:
            told = _offer(answer)
        except Exception:  # noqa: BLE001  (as above)
            unreadable += 1
            continue
        if told:
            _say(told)
    _say({"unreadable": unreadable})


def _offer(answer: Any) -> dict[str, str]:
    """Return what an OFFER says; nothing when it is none."""
    from scapy.layers.dhcp import BOOTP, DHCP  # noqa: PLC0415
    from scapy.layers.inet import IP  # noqa: PLC0415
    from scapy.layers.l2 import Ether  # noqa: PLC0415

    options: dict[str, Any] = dict(
        each[:2] for each in answer[DHCP].options if isinstance(each, tuple) and len(each) >= 2
    )
    if options.get("message-type") != 2:
        return {}
    told = {"server": str(options.get("server_id", answer[IP].src)), "mac": answer[Ether].src.replace(":", "")}
    told |= {"offered": str(answer[BOOTP].yiaddr), "router": str(options.get("router", ""))}
    return told | {"resolver": str(options.get("name_server", ""))}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
