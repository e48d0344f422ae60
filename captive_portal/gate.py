"""The gate: the one process that may touch the firewall (CAP_NET_ADMIN), five typed verbs on a UNIX socket.

One JSON object a line, at most 64 KiB, from a peer whose user id is known (SO_PEERCRED):

| verb | asks | answers |
|---|---|---|
| `ready` | `note`, `recorded` | `born`: changed when the table was lost; `twice`: MACs of two; `unrecorded`; `opens` |
| `allow` | `mac`, `interface`, `addresses`, `seconds`, `down_kbps`, `up_kbps` | done: in, for that long from now |
| `allow` | `every`: a list of such | done: all of them, in one transaction; refused: none |
| `allow` | `by` besides: of CLOCK_MONOTONIC | refused when it is later: who asked has given up, may have revoked |
| `revoke` | `mac`, `interface`, `addresses` | done: not in the kernel any more |
| `list` | | lines of `admitted`: interface, MAC, address, seconds left, octets up, octets down; `more` until the last |
| `list` | `every`: a list of `mac`, `interface`, `addresses` | the same lines of these alone, none of them missed |
| `list` | `own` | lines of `entries`: whom the gate has let in by itself (let_in.py); `more` until the last |
| `counters` | | `counters`: the ruleset's named counters |

`ready` is the portal's heartbeat. It hands over the decisions by which the gate lets visitors in when no heartbeat
comes (standby.py), and says up to where it has recorded whom. `opens` is a digest of what the gate read at its start of
where it may do so, and within which hours and bounds: the portal's health says when that is not what is in force.

The caller chooses no rule, no table and no interface that the gate's own settings do not name. Stopping the gate leaves
table and sets: who is in stays in until the kernel's timeout, nobody new comes in.
"""

from __future__ import annotations

import contextlib
import logging
import math
import secrets
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from captive_portal import ajar, garden, neighbours, ruleset, standby
from captive_portal.classes import MAPS, Change, Classes
from captive_portal.errors import KernelError
from captive_portal.hatch import PART, Hatch, deadline, keep, peers, socket_path, together
from captive_portal.model import Bounds, client_of
from captive_portal.nds import SOCKET, Nds, Ndsctl
from captive_portal.nft import Nft
from captive_portal.standby import Standby
from netops.errors import NetopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from captive_portal.model import Admitted, Client
    from captive_portal.socket_line import Answer
    from netops.config import Settings
    from netops.service import Service

LOG = logging.getLogger("netops.gate")
WATCH_S = 1.0
LOOKED_FOR = 2_000  # one by one in one hold of the lock; who is beyond keeps the class until the next list
GARDEN_ROUNDS = 10  # seconds: far less than the resolver's entries live


def build(settings: Settings) -> Service:
    """Return the gate of these settings, inert: of this machine's nftables, or of its openNDS."""
    if settings.portal.gateway == "opennds":
        control = Ndsctl(settings.portal.nds_socket or SOCKET)
        return Nds(control, tuple(settings.portal.visitors), socket_path(settings), peers=peers(settings))
    opens = ajar.rules(settings, settings.portal.visitors)
    rules = ruleset.Ruleset(
        interfaces=tuple(settings.portal.visitors),
        port=settings.portal.listen.port,
        secure_port=settings.portal.secure.port if settings.portal.secure.tls_certificate is not None else 0,
        uplinks=tuple(filter(None, map(str.strip, settings.portal.uplinks.split(",")))),
        gardens=_gardens(settings),
        standby=tuple(opens),
    )
    return Gate(rules, socket_path(settings), peers=peers(settings), standby=standby.build(settings, opens))


def _gardens(settings: Settings) -> tuple[str, ...]:
    """Return the interfaces that have a garden; all of them when policies cannot be read: the gate has to start."""
    try:
        named = {each for interfaces in garden.names(settings).values() for each in interfaces}
    except NetopsError as error:
        LOG.warning("policies cannot be read, every interface gets the sets of a garden error=%s", error)
        named = set(settings.portal.visitors)
    return tuple(each for each in settings.portal.visitors if each in named)


class Gate(Hatch):
    """Owns the nftables table of the visitors; inert until `start`."""

    name = "gate"

    def __init__(
        self, rules: ruleset.Ruleset, path: Path, *, peers: frozenset[int], standby: Standby | None = None
    ) -> None:
        super().__init__(path, peers=peers)
        self.rules = rules
        self._standby = standby or Standby({}, None, Path())
        self.born = ""
        self._kernel = Nft()
        self._classes = Classes(rules.table, rules.uplinks)
        self._lock = threading.Lock()
        self._mending = threading.Lock()
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None
        self._wrong = ""  # what the last round of the watcher met

    def start(self) -> None:
        """Apply the ruleset and listen; returns when both are done."""
        ruleset.sane(self.rules)
        with contextlib.ExitStack() as undo:
            undo.enter_context(self._kernel)
            undo.enter_context(self._classes.htb)
            self.born = self._apply()
            self._standby.open()
            undo.callback(self._standby.close)
            self.open()
            undo.pop_all()
        self._stopping.clear()
        self._watcher = threading.Thread(target=self._watch, name="gate-watch", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Stop answering; the kernel keeps the table. Safe to call twice."""
        if not self.close():
            return
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join()
        self._standby.close()
        with self._lock:
            self._kernel.__exit__()
            self._classes.htb.__exit__()

    def health(self) -> dict[str, str]:
        """Return what is wrong: the table that somebody else has taken away, what the watcher cannot do."""
        try:
            wrong = {} if self._born() == self.born else {"nftables": "the table was replaced by another program"}
        except NetopsError as error:
            wrong = {"nftables": str(error)}
        more = {"watch": self._wrong, "fail-open": self._standby.wrong}
        return wrong | {name: each for name, each in more.items() if each}

    def _apply(self) -> str:
        """Bring the kernel to our ruleset in one transaction; a table that is there keeps its sets and its mark."""
        try:
            born = self._born()
        except KernelError:
            born = ""
        with self._lock:
            if born:
                self._kernel.run(ruleset.text(self.rules))
                if self._classes.load(self._maps()):
                    return born
                forgotten = (("set", "born"), *(("map", name) for name in MAPS))
                self._kernel.run("\n".join(f"flush {kind} inet {self.rules.table} {name}" for kind, name in forgotten))
            fresh = secrets.randbits(31) | 1
            self._kernel.run(ruleset.text(self.rules, born=fresh))
            self._classes.clear(self.rules.interfaces)
            return f"{fresh:x}"

    def _maps(self) -> list[Answer]:
        return [each for name in MAPS for each in self._kernel.ask(f"list map inet {self.rules.table} {name}")]

    def _mend(self) -> None:
        """Put the table back where somebody has flushed the firewall; the portal learns it by the new mark.

        A gateway without our table forwards everything: that must not last until the next visitor comes.
        """
        with self._mending:
            try:
                whole = self._born() == self.born
            except KernelError:
                whole = False
            if not whole:
                LOG.error("nftables table was taken away; putting it back table=%s", self.rules.table)
                self.born = self._apply()

    def _watch(self) -> None:
        round_ = 0
        while not self._stopping.wait(WATCH_S):
            round_ += 1
            try:
                self._mend()
                with self._lock:
                    self._classes.mend()
                self._standby.round(self)
                if round_ % GARDEN_ROUNDS == 0:
                    self._renew_gardens()
                self._wrong = ""
            except NetopsError as error:
                self._wrong = str(error)
                LOG.error("gateway cannot be mended error=%s", error)  # noqa: TRY400  (the sentence says it)
            except Exception:  # whatever it is: nobody else puts the table back
                self._wrong = "failed for a reason that the log tells"
                LOG.exception("gateway cannot be mended")

    def _renew_gardens(self) -> None:
        """Keep open what the resolver has told since: its own entries are short, a repetition makes none longer."""
        for interface in self.rules.gardens:
            for version in "46":
                name = f"{version}_{ruleset.garden_name(interface)}"
                with self._lock:
                    found = self._kernel.ask(f"list set inet {self.rules.table} heard{name}")
                    heard = [str(each["val"]) for each in ruleset.items(found)]
                    if heard:
                        self._kernel.run(ruleset.renew(self.rules, name, heard))

    def _born(self) -> str:
        with self._lock:
            found = self._kernel.ask(f"list set inet {self.rules.table} born")
        marks = [element for item in found for element in item.get("set", {}).get("elem", [])]
        return f"{marks[0]:x}" if marks else ""

    def run(self, commands: str) -> None:
        """Run one transaction."""
        with self._lock:
            self._kernel.run(commands)

    def ask(self, command: str) -> list[Answer]:
        """Return what one `list` command answers."""
        with self._lock:
            return self._kernel.ask(command)

    def neighbour(self, interface: str, address: str) -> str:
        """Return which MAC answers for an address, or the empty string."""
        return neighbours.mac(interface, address)

    def _ready(self, asked: Answer) -> Iterator[Answer]:
        self._mend()
        told = {"opens": self._standby.opens, **self._standby.heard(asked, self)}
        yield {"ok": True, "born": self.born, "interfaces": list(self.rules.interfaces), "twice": self._twice(), **told}

    def _twice(self) -> list[list[str]]:
        """Return who was seen twice at once: interface, MAC, sign; as many as a line holds."""
        with self._lock:
            found = {sign: self._kernel.ask(f"list set inet {self.rules.table} twice_{sign}") for sign in ruleset.SIGNS}
        return [[*seen, sign] for sign, listed in found.items() for seen in ruleset.twice(sign, listed)][:PART]

    def _allow(self, asked: Answer) -> Iterator[Answer]:
        self.let_in([self._admission(each) for each in together(asked)], deadline(asked))
        yield {"ok": True}

    def _admission(self, asked: Answer) -> tuple[Client, Bounds]:
        who, for_s = client_of(asked, self.rules.interfaces), ruleset.seconds(asked)
        down_kbps, up_kbps = ruleset.rates(asked)
        return who, Bounds(seconds=for_s, down_kbps=down_kbps, up_kbps=up_kbps)

    def let_in(self, admissions: Sequence[tuple[Client, Bounds]], by: float = math.inf) -> None:
        """Let each client in for its `bounds.seconds` from now: all of them, or none with a KernelError."""
        commands = "\n".join(ruleset.allow(self.rules, who, bounds.seconds) for who, bounds in admissions)

        def classed() -> Change:
            every = [self._classes.enter(who, bounds.down_kbps, bounds.up_kbps) for who, bounds in admissions]
            return Change.of(every)

        with self._lock:
            keep(by)
            self._change(classed, commands)

    def _revoke(self, asked: Answer) -> Iterator[Answer]:
        self.put_out(client_of(asked, self.rules.interfaces))
        yield {"ok": True}

    def put_out(self, who: Client) -> None:
        """Close a client's door."""
        with self._lock:
            self._change(lambda: self._classes.leave([who]), ruleset.revoke(self.rules, who))

    def _change(self, classed: Callable[[], Change], commands: str) -> None:
        """Run one transaction: the admission and its classes. What is held is read anew once where somebody meddled."""
        try:
            change = classed()
            self._kernel.run("\n".join([*change.lines, commands]))
        except KernelError:
            self._classes.load(self._maps())
            change = classed()
            self._kernel.run("\n".join([*change.lines, commands]))
        self._classes.keep(change)

    def _list(self, asked: Answer) -> Iterator[Answer]:
        if asked.get("own"):
            yield from self._standby.entries()
            return
        with self._lock:
            if "every" in asked:
                inside = self._found([client_of(each, self.rules.interfaces) for each in together(asked)])
            else:
                inside = self._listed()
        every = [
            [
                each.client.interface,
                each.client.mac,
                each.client.addresses[0],
                each.seconds,
                each.octets_up,
                each.octets_down,
            ]
            for each in inside
        ]
        for at in range(0, len(every) or 1, PART):
            yield {"ok": True, "admitted": every[at : at + PART], "more": at + PART < len(every)}

    def _listed(self) -> list[Admitted]:
        """Return who is in, and let go of the classes of who is not.

        A list may miss somebody (setlist.py). So no class is taken from a device before it was looked for by itself;
        nor does the portal end a visit before (reconcile.py).
        """
        listed = {name: self._kernel.elements(self.rules.table, name) for name in ruleset.SETS}
        for name, keys in ruleset.halves(listed):
            listed[name] += self._kernel.find(self.rules.table, name, keys)
        inside = ruleset.admitted(listed)
        missed = self._classes.others(map(_door, inside))[:LOOKED_FOR]
        found = self._found(missed)
        inside += found
        doors = set(map(_door, found))
        over = self._classes.leave(who for who in missed if (*who.key, who.addresses[0]) not in doors)
        if over.lines:
            self._kernel.run("\n".join(over.lines))
            self._classes.keep(over)
        return inside

    def _found(self, clients: Sequence[Client]) -> list[Admitted]:
        """Return which of these clients' doors are open, each looked up by itself."""
        sought = ruleset.keys(clients).items()
        return ruleset.admitted({name: self._kernel.find(self.rules.table, name, keys) for name, keys in sought})

    def _counters(self, _asked: Answer) -> Iterator[Answer]:
        with self._lock:
            found = self._kernel.ask(f"list counters table inet {self.rules.table}")
        yield {"ok": True, "counters": {each["counter"]["name"]: each["counter"]["packets"] for each in found}}


def _door(each: Admitted) -> tuple[str, str, str]:
    return each.client.interface, each.client.mac, each.client.addresses[0]
