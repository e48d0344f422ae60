"""What was said with controllers, and whether one can be spoken with at all: two words of `netops portal`."""

from __future__ import annotations

import json
import sys
from collections import deque
from typing import TYPE_CHECKING, Any

from captive_portal.portal2 import ac as controllers
from captive_portal.portal2 import exchange, packets
from captive_portal.portal2.door import Door
from captive_portal.portal2.exchange import Code
from captive_portal.portal2.packet import Attribute, Packet, named
from captive_portal.portal2.post import COPY
from captive_portal.portal2.vault import Vault
from inventory.times import chosen, shown, utc_option
from netops.clock import SYSTEM
from netops.errors import ConfigError, nearest

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from captive_portal.portal2.ac import Ac
    from captive_portal.portal2.packets import Kept
    from netops.config import Settings

VERBS = frozenset({"packets", "controller"})
BROKEN, MUTE = 4, 1
SECRET = frozenset({Attribute.PASSWORD, Attribute.CHAP_PASSWORD})  # used up, and still nobody's to read on a screen


def arguments(verbs: Any) -> None:
    """Declare packets and controller."""
    said = verbs.add_parser("packets", help="print what was said with controllers that speak Portal 2.0")
    said.add_argument("--controller", default="", metavar="ID", help="only with this one")
    said.add_argument("--address", default="", metavar="IP", help="only about this visitor's address")
    said.add_argument("--last", type=int, default=40, metavar="N", help="the last so many (default 40)")
    said.add_argument("--check", action="store_true", help="recompute the chain instead; exit 4 when it is broken")
    said.add_argument("--json", action="store_true", help="print JSON, with the octets")
    utc_option(said)
    one = verbs.add_parser(
        "controller", help="ask a controller who has an address, and say what is amiss if it is mute"
    )
    one.add_argument("id", help="its id, as in [portal.acs.<id>]")
    one.add_argument("address", help="address of a device behind it")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do what the verb says."""
    if args.verb == "controller":
        return _controller(args, settings)
    if not args.check and not packets.journal_path(settings).exists():  # `--check`: a file that is gone is no good news
        print("no controller that speaks Portal 2.0 has been spoken to yet", file=sys.stderr)
        return 0
    return _check(settings) if args.check else _packets(args, settings)


# ---- packets
def _packets(args: argparse.Namespace, settings: Settings) -> int:
    where = chosen(args, settings.city.timezone)
    every = packets.read(packets.journal_path(settings), Vault.of(settings), ac=args.controller)
    wanted = (each for each in every if not args.address or args.address in _about(each))
    for kept in deque(wanted, maxlen=max(1, args.last)):
        if args.json:
            print(json.dumps(packets.as_json(kept), ensure_ascii=False))
        else:
            print(f"{shown(kept.at_ms, where)} {_line(kept)}")
    return 0


def _about(kept: Kept) -> set[str]:
    packet = packets.decoded(kept)
    return {packet.user, packet.visitor} if packet is not None else set()


def _line(kept: Kept) -> str:
    """Return a packet in one line: `→ ac-1 REQ_AUTH 10.1.0.5 serial 4711 request 9 USER_NAME=… `."""
    arrow = {"in": "←", "out": "→"}.get(kept.way, " ")
    packet = packets.decoded(kept)
    if packet is None:
        said = f"{len(kept.octets)} octets that are no packet" if kept.octets else ""
        return " ".join(filter(None, (arrow, kept.ac, said, kept.judged)))
    words = [arrow, kept.ac, named(packet.type), packet.visitor, f"serial {packet.serial}", f"request {packet.request}"]
    words += [f"ErrCode {packet.error}"] if packet.error else []
    words += [f"{name}={value}" for name, value in _attributes(packet)]
    if kept.judged:
        words.append(f"({COPY})" if kept.judged == COPY else f" NOT BELIEVED: {kept.judged}")
    return " ".join(words)


def _attributes(packet: Packet) -> Iterator[tuple[str, str]]:
    for kind, value in packet.attributes:
        name = Attribute(kind).name if kind in set(Attribute) else f"0x{kind:02x}"
        if kind in SECRET:
            yield name, "***"
        elif kind in {Attribute.USER_NAME, Attribute.TEXT, Attribute.PORT}:
            text = value.decode("utf-8", errors="replace")
            yield name, "".join(each if each.isprintable() else "\ufffd" for each in text)
        elif kind == Attribute.BAS_IP and len(value) == 4:
            yield name, ".".join(map(str, value))
        else:
            yield name, value.hex()


def _check(settings: Settings) -> int:
    checked = packets.check(packets.journal_path(settings))
    number, link = checked.head
    if checked.broken is None:
        before = f"; those up to number {checked.erased} are erased, and certified" if checked.erased else ""
        wished = f"; {checked.emptied} are empty on a wish, and certified" if checked.emptied else ""
        print(f"{checked.packets} packets hold, up to number {number}: {link}{before}{wished}")
        return 0
    print(f"broken at number {checked.broken}: {checked.packets} packets before it hold, up to {number}: {link}")
    return BROKEN


# ---- one controller
class Shown:
    """Takes the place of the journal, which the portal holds: prints what is said."""

    def __init__(self) -> None:
        self.answers = 0
        self.judged: list[str] = []

    def packet(self, ac: str, way: str, peer: str, octets: bytes, judged: str = "") -> None:
        """Print a packet."""
        self.answers += way == "in"
        self.judged += [judged] if judged else []
        print(_line(packets.Kept(0, 0, ac, way, peer, octets, judged)))


def _controller(args: argparse.Namespace, settings: Settings) -> int:
    known = controllers.named(settings)
    if args.id not in known:
        raise ConfigError(f"no controller '{args.id}' speaks Portal 2.0 here{nearest(args.id, known)}")
    ac = controllers.made(settings, args.id, known[args.id])
    heard = Shown()
    door = Door(ac, heard, SYSTEM)
    answer = door.run(exchange.info(ac, args.address, serial=door.serials.next()))
    print(_sentence(ac, args.address, answer, heard))
    return 0 if answer.code is Code.OK and answer.mac else MUTE


def _sentence(ac: Ac, address: str, answer: exchange.Answer, heard: Shown) -> str:
    outside = "" if ac.has(address) else f" {address} is in none of its networks: the portal would not ask about it."
    if answer.code is Code.SILENT and not heard.answers:
        return (
            f"Nothing came back from {ac.address} port {ac.port}. Is it up and reachable by UDP, does it know this"
            f" machine as its portal server, and is that its port?{outside}"
        )
    if answer.code is Code.SILENT:
        return f"It answers, and what it says is not believed: {heard.judged[-1]}.{outside}"
    said = f": {answer.text}" if answer.text else ""
    if answer.code is not Code.OK:
        return f"It answers, and knows nobody at {address} (ErrCode {int(answer.code)}){said}.{outside}"
    if not answer.mac:
        return (
            f"It answers, and tells no MAC of {address}: visitors are then known by its RADIUS accounting, and by"
            f" nothing else.{outside}"
        )
    return f"It answers: {answer.mac} has {address}.{outside}"
