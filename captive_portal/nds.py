"""openNDS on this machine: the gate's five verbs said to it by its own `ndsctl`, so that openNDS stays as it is.

openNDS (9.10) captures the visitor and sends the browser to the portal (FAS); what its query says of the visitor is not
believed, the neighbour table is. Whoever the portal lets in is let in here, by root's `ndsctl`, and not by a token that
the browser carries: so every bound of the site holds, and a visit can be ended.

* openNDS knows IPv4 only. It forgets a device that it puts out, and lets none in anew before it has captured another
  page of it: a visit can be ended, but neither be made longer nor get other rates. So it is told a day at least, and
  the visit's end is ours: the gate keeps it in a file beside its socket and puts out whose time is over.
* It knows a device from its first captured page on; who comes to the portal another way is asked to open one.
* One call of `ndsctl` takes a tenth of a second or more and they are serial: good for a cafe, not for a stadium.
"""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from captive_portal import ruleset
from captive_portal.errors import KernelError, PortalError
from captive_portal.hatch import PART, Hatch, deadline, keep
from captive_portal.model import client_of
from netops.clock import SYSTEM
from netops.errors import NetopsError
from netops.evidence import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from captive_portal.model import Client
    from captive_portal.socket_line import Answer
    from netops.clock import Clock

LOG = logging.getLogger("netops.gate")
SOCKET = Path("/tmp/ndsctl.sock")  # noqa: S108  (where openNDS makes it if nobody says otherwise)
TIMEOUT_S = 8.0
BUSY_TRIES = 5
PAUSE_S = (
    0.3  # between two tries: openNDS answers one `ndsctl` at a time, and none with anything while it is busy itself
)
WATCH_S = 1.0
KILO = 1000
DAY_MINUTES = 1440


class Control(Protocol):
    """What is said to openNDS. KernelError when it did not do it."""

    def born(self) -> str:
        """Return a mark that changes when openNDS has started anew."""
        ...

    def clients(self) -> dict[str, dict[str, Any]]:
        """Return what `ndsctl json` says of each MAC."""
        ...

    def auth(self, address: str, minutes: int, up_kbps: int, down_kbps: int) -> None:
        """Let a device in that is known and not in."""
        ...

    def deauth(self, mac: str) -> None:
        """Put a device out; one that is not in is no error."""
        ...


class Ndsctl:
    """The real one: the program, at openNDS's own socket."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket

    def born(self) -> str:
        """Return which socket this is: openNDS makes it when it starts."""
        try:
            seen = self.socket.stat()
        except OSError as error:
            raise KernelError(f"openNDS {self.socket}: {error.strerror}; is opennds running?") from None
        return f"{seen.st_ino:x}.{seen.st_ctime_ns:x}"

    def clients(self) -> dict[str, dict[str, Any]]:
        """Return what `ndsctl json` says of each MAC."""
        said = self._say("json")
        try:
            found = json.loads(said[said.index("{") :])["clients"]
        except (ValueError, KeyError):
            raise KernelError(f"openNDS: 'ndsctl json' said {said[:80]!r}; expected its clients") from None
        return dict(found)

    def auth(self, address: str, minutes: int, up_kbps: int, down_kbps: int) -> None:
        """Let a device in that is known and not in."""
        said = self._say("auth", address, str(minutes), str(up_kbps), str(down_kbps), "0", "0")
        if "authenticated." not in said or "Failed" in said:
            raise KernelError("openNDS did not let the device in; expected one that it has captured before")

    def deauth(self, mac: str) -> None:
        """Put a device out; one that is not in is no error."""
        self._say("deauth", mac)

    def _say(self, *words: str) -> str:
        program = shutil.which("ndsctl")
        if program is None:
            raise KernelError("openNDS: no program 'ndsctl'; install the Debian package opennds")
        for _ in range(BUSY_TRIES):
            try:
                done = subprocess.run(  # noqa: S603  (words of ours: addresses that were parsed, and numbers)
                    [program, "-s", str(self.socket), *words],
                    capture_output=True, text=True, timeout=TIMEOUT_S, check=False, stdin=subprocess.DEVNULL,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                raise KernelError(f"openNDS: no answer to 'ndsctl {words[0]}' within {TIMEOUT_S:g} s") from None
            if done.stdout.strip() and "locked" not in done.stdout + done.stderr:
                return done.stdout
            threading.Event().wait(PAUSE_S)
        raise KernelError(f"openNDS said nothing to 'ndsctl {words[0]}', or another process uses ndsctl; try again")


@dataclass(slots=True)
class Inside:
    """A device that we let in: until when (milliseconds UTC) and at which rates (kbit/s down, up)."""

    until_ms: int
    rates: tuple[int, int]


class Nds(Hatch):
    """Stands where the gate stands, for the visitor interfaces that openNDS manages."""

    name = "gate"

    def __init__(
        self,
        control: Control,
        interfaces: Sequence[str],
        path: Path,
        *,
        peers: frozenset[int],
        clock: Clock = SYSTEM,
    ) -> None:
        super().__init__(path, peers=peers)
        self._control = control
        self._interfaces = tuple(interfaces)
        self._clock = clock
        self._inside: dict[str, Inside] = {}
        self._counted = {"allowed": 0, "revoked": 0, "ended": 0, "rates_kept": 0}
        self._book = path.with_name(f"{path.name}.visits")
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None

    def start(self) -> None:
        """Listen. openNDS may come later: until then `ready` says that it is away."""
        if not self._interfaces:
            raise PortalError('no visitor interface; set [portal.visitors] with a line `<interface> = "<site id>"`')
        self._remember()
        self.open()
        self._stopping.clear()
        self._watcher = threading.Thread(target=self._watch, name="gate-watch", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Stop answering; openNDS keeps who is in, until their minutes are over. Safe to call twice."""
        if self.close() and self._watcher is not None:
            self._stopping.set()
            self._watcher.join()

    def health(self) -> dict[str, str]:
        """Return what is wrong: an openNDS that is away."""
        try:
            self._control.born()
        except NetopsError as error:
            return {"opennds": str(error)}
        return {}

    def _watch(self) -> None:
        while not self._stopping.wait(WATCH_S):
            try:
                self.end()
            except NetopsError as error:
                LOG.error("openNDS cannot be told to end visits error=%s", error)  # noqa: TRY400  (the sentence says it)

    def end(self) -> None:
        """Put out whose time is over."""
        with self._lock:
            now_ms = self._clock.now_ms()
            over = [mac for mac, each in self._inside.items() if each.until_ms <= now_ms]
            for mac in over:
                self._control.deauth(mac)
                del self._inside[mac]
                self._counted["ended"] += 1
            if over:
                self._write()

    def _remember(self) -> None:
        """Take up the visits of before; a file that cannot be read is no visit, and openNDS's own end holds."""
        try:
            found = json.loads(self._book.read_text(encoding="utf-8"))
            self._inside = {mac: Inside(int(until), (int(down), int(up))) for mac, (until, down, up) in found.items()}
        except FileNotFoundError:
            return
        except (OSError, ValueError, AttributeError, TypeError) as error:
            LOG.warning("visits of before are lost file=%s error=%s", self._book, error)

    def _write(self) -> None:
        text = json.dumps({mac: [each.until_ms, *each.rates] for mac, each in self._inside.items()})
        try:
            files.replace(self._book, text.encode())
        except OSError as error:
            raise KernelError(f"{self._book}: the visit's end cannot be kept ({error.strerror})") from None

    # ---- the verbs
    def _ready(self, _asked: Answer) -> Iterator[Answer]:
        yield {"ok": True, "born": self._control.born(), "interfaces": list(self._interfaces)}

    def _allow(self, asked: Answer) -> Iterator[Answer]:
        who, for_s = client_of(asked, self._interfaces), ruleset.seconds(asked)
        rates, by = ruleset.rates(asked), deadline(asked)
        with self._lock:
            keep(by)
            known = self._control.clients().get(who.mac)
            if known is None or known.get("ip") not in who.addresses:
                raise PortalError("openNDS has not captured this device; it has to open a page by http first")
            held = self._inside.get(who.mac)
            self._inside[who.mac] = Inside(self._clock.now_ms() + for_s * 1000, rates)
            self._write()  # before the door opens: a gate that dies now knows when to close it
            if known.get("state") != "Authenticated":
                self._control.auth(_four(who), max(for_s // 60 + 2, DAY_MINUTES), rates[1], rates[0])
            elif held is not None and held.rates != rates:
                self._inside[who.mac].rates = held.rates
                self._counted["rates_kept"] += 1
            self._counted["allowed"] += 1
        yield {"ok": True}

    def _revoke(self, asked: Answer) -> Iterator[Answer]:
        who = client_of(asked, self._interfaces)
        with self._lock:
            known = self._control.clients().get(who.mac)
            if known is not None and known.get("ip") in who.addresses:
                self._control.deauth(who.mac)
                if self._inside.pop(who.mac, None) is not None:
                    self._write()
                self._counted["revoked"] += 1
        yield {"ok": True}

    def _list(self, _asked: Answer) -> Iterator[Answer]:
        with self._lock:
            every = [
                [each["clientif"], mac, each["ip"], self._left(mac, each),
                 _number(each.get("upload_this_session")) * KILO, _number(each.get("download_this_session")) * KILO]
                for mac, each in self._control.clients().items()
                if each.get("state") == "Authenticated" and each.get("clientif") in self._interfaces
            ]  # fmt: skip
        for at in range(0, len(every) or 1, PART):
            yield {"ok": True, "admitted": every[at : at + PART], "more": at + PART < len(every)}

    def _left(self, mac: str, said: dict[str, Any]) -> int:
        held = self._inside.get(mac)
        if held is not None:
            return max(0, (held.until_ms - self._clock.now_ms()) // 1000)
        return max(0, int(_number(said.get("session_end")) - self._clock.now_ms() / 1000))

    def _counters(self, _asked: Answer) -> Iterator[Answer]:
        yield {"ok": True, "counters": dict(self._counted)}


def _number(said: object) -> int:
    """Return a number that openNDS says as text; `null` is 0."""
    return int(said) if isinstance(said, str) and said.isdecimal() else 0


def _four(who: Client) -> str:
    return next(each for each in who.addresses if ":" not in each)
