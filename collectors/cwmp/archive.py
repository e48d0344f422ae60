"""What the archive keeps of a session: a line that says whose, then each of the CPE's envelopes as it came."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from collectors.cwmp import soap
from collectors.cwmp.course import root_of
from collectors.cwmp.decode import Heard
from collectors.cwmp.message import Inform, Values
from collectors.errors import DecodeError
from netops.raw import frame, unframe

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEAD = b'{"door":"cwmp"'


def kept(serial: str, envelopes: Sequence[bytes]) -> bytes:
    """Return a session as one frame."""
    head = json.dumps({"door": "cwmp", "serial": serial}, separators=(",", ":")).encode("ascii")
    return frame([head, *envelopes])


def heard_in(raw: bytes) -> Heard | None:
    """Return what the envelopes of a frame say, read again; None when the frame is of another door."""
    head, *envelopes = unframe(raw) or [b""]
    if not head.startswith(_HEAD):
        return None
    told: dict[str, str] = {}
    values: dict[str, str] = {}
    for each in envelopes:
        try:
            body = soap.read(each).body
        except DecodeError:
            continue  # the page shows its octets
        if isinstance(body, Inform):
            told |= body.parameters
        elif isinstance(body, Values):
            values |= body.values
    return Heard(root=root_of(told), serial=str(json.loads(head)["serial"]), values={**told, **values})
