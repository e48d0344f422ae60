"""What the portal asks of the RADIUS server, done: open a door, close it, and tell the controller.

A door is durable before a controller hears of it. Whether one has to be told depends on where the device stands:

| the device | on opening | on closing |
|---|---|---|
| is there by our word already | CoA with the new time and bounds, if they differ | Disconnect |
| is there, not let in (`mac`) | the controller is made to ask again, and gets a yes | nothing: the door is gone |
| is not there as far as we know (`mac`) | the same, by its MAC | nothing |
| must bring a token (`uam`) | the browser is sent to the controller with one | Disconnect |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from captive_portal.errors import AbsentError, GatewayError, SilentError
from captive_portal.keys import derived
from captive_portal.radius import dictionary as d
from captive_portal.radius import packet
from captive_portal.radius.coa import Caller, Outcome, Word
from captive_portal.radius.keeping import Kept
from captive_portal.radius.profiles import granted

if TYPE_CHECKING:
    from captive_portal.model import Bounds, Client
    from captive_portal.radius.dictionary import Said
    from captive_portal.radius.doors import Doors
    from captive_portal.radius.keeping import Keeping
    from captive_portal.radius.nas import Known, Nas
    from captive_portal.radius.stay import Door, Sojourn
    from captive_portal.radius.telling import Telling
    from captive_portal.radius.tokens import Mint
    from netops.clock import Clock

SLACK_MS = 5_000  # a time that differs by less is the same
AGAIN = "subscriber:command=reauthenticate"


@dataclass(slots=True)
class Reaching:
    """Doors, file and controllers together."""

    doors: Doors
    keeping: Keeping
    caller: Caller
    known: Known
    mint: Mint
    device_key: bytes
    interim_s: int
    clock: Clock
    telling: Telling | None = None

    def nas(self, place: str) -> Nas:
        """Return a place's controller; GatewayError when the settings have none."""
        found = self.known.by_id.get(place)
        if found is None:
            raise GatewayError(f"no controller '{place}'; is it still in [portal.acs], with a secret?")
        return found

    def allow(self, client: Client, bounds: Bounds, back: str = "") -> str:
        """Open the door; return where the browser must go, or the empty string when it is open."""
        nas, now_ms = self.nas(client.interface), self.clock.now_ms()
        before = self.doors.door(client.interface, client.mac)
        inside = self.doors.inside(client.key)
        if nas.entry == "uam" and not inside:
            token = self.mint.issue(client, bounds, now_ms)
            return nas.entry_url.format(user=quote(token.user), password=quote(token.password), back=quote(back, ""))
        door, rows = self.doors.open(client, bounds, now_ms)
        self.keeping.keep(rows)
        if before is not None and inside and _alike(before, door):
            return ""
        outcome = self._changed(nas, door, now_ms) if inside else self._again(nas, door)
        if outcome.word is not Word.ACK:
            raise _error(outcome)(f"controller '{nas.id}': {outcome}; nobody was let in by this request")
        return ""

    def revoke(self, client: Client) -> None:
        """Close the door, and end the device's sessions there; GatewayError when one is not known to be over."""
        nas = self.nas(client.interface)
        here = [each for each in self.doors.sojourns(client.key) if each.admitted]
        door, rows = self.doors.close(client)
        self.keeping.keep(rows)
        if door is None and self.doors.door(client.interface, client.mac) is not None:
            return  # it keeps other addresses
        failed = [outcome for each in here if not (outcome := self._end(nas, each)).gone]
        if failed:
            raise _error(failed[0])(f"controller '{nas.id}': {failed[0]}; the device may still be online there")

    def _end(self, nas: Nas, sojourn: Sojourn) -> Outcome:
        outcome = self._call(nas, packet.DISCONNECT_REQUEST, _named(sojourn), sojourn.mac)
        if outcome.gone:
            self.keeping.keep(self.doors.gone(sojourn.place, sojourn.session, self.clock.now_ms()))
        return outcome

    def _changed(self, nas: Nas, door: Door, now_ms: int) -> Outcome:
        said = granted(nas.profile, door.left(now_ms), interim_s=self.interim_s)
        return self._call(nas, packet.COA_REQUEST, [*self._who(door), *said], door.mac)

    def _who(self, door: Door) -> list[Said]:
        """Return what names a device to its controller: a session there if one was reported, else its MAC."""
        here = self.doors.sojourns(door.key)
        here = [each for each in here if each.admitted] or here
        return _named(here[-1]) if here else [(d.CALLING_STATION_ID, door.mac.replace(":", "-").upper())]

    def _again(self, nas: Nas, door: Door) -> Outcome:
        """Make a controller ask anew about a device that it has not let in."""
        who = self._who(door)
        if nas.profile.again == "cisco":
            return self._call(nas, packet.COA_REQUEST, [*who, (d.CISCO_AVPAIR, AGAIN)], door.mac)
        return self._call(nas, packet.DISCONNECT_REQUEST, who, door.mac)

    def _call(self, nas: Nas, code: int, said: list[Said], mac: str) -> Outcome:
        outcome = self.caller.call(nas, code, said)
        if self.telling is not None:
            self.telling.changed(nas.id, outcome)
        asked = "disconnect" if code == packet.DISCONNECT_REQUEST else "coa"
        device = derived(self.device_key, b"radius-device", mac.encode()).hex()[:16]
        kept = Kept(
            at_ms=self.clock.now_ms(),
            place=nas.id,
            device=device,
            asked=asked,
            word=str(outcome.word),
            cause=outcome.cause,
            sent=outcome.sent,
            took_ms=outcome.took_ms,
        )
        self.keeping.put([kept])
        return outcome


def _named(sojourn: Sojourn) -> list[Said]:
    """Return what names a session to its controller: RFC 5176 section 3, in the controller's own words."""
    named: list[Said] = [(d.ACCT_SESSION_ID, sojourn.session), (d.CALLING_STATION_ID, sojourn.calling)]
    if sojourn.user:
        named.append((d.USER_NAME, sojourn.user))
    address = next((each for each in sojourn.addresses if "." in each), None)
    return [*named, (d.FRAMED_IP_ADDRESS, address)] if address else named


def _error(outcome: Outcome) -> type[GatewayError]:
    if outcome.word is Word.UNSENT:
        return AbsentError  # our own way to the controller, on no carrier's account
    return SilentError if outcome.word is Word.SILENT else GatewayError


def _alike(before: Door, after: Door) -> bool:
    rates = [(each.bounds.down_kbps, each.bounds.up_kbps) for each in (before, after)]
    return abs(before.until_ms - after.until_ms) <= SLACK_MS and rates[0] == rates[1]
