"""What the archive keeps of a session: a line of JSON, then each of the CPE's envelopes as it came.

The line says what the envelopes do not: whose session it was, what was asked, and why some of it did not come. With it
the session can be read again to the same values and gaps.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from collectors.cwmp import soap
from collectors.cwmp.course import root_of
from collectors.cwmp.decode import Heard
from collectors.cwmp.message import Inform, Values
from collectors.errors import DecodeError
from collectors.snmp.ask import Failure
from netops.model import Reason
from netops.raw import frame, unframe

if TYPE_CHECKING:
    from collections.abc import Sequence


def kept(heard: Heard, envelopes: Sequence[bytes]) -> bytes:
    """Return a session as one frame."""
    told = {
        "door": "cwmp",
        "serial": heard.serial,
        "known_as": dict(heard.known_as),
        "asked": sorted(heard.asked),
        "wholes": list(heard.wholes),
        "failed": {name: [why.reason.value, why.detail] for name, why in heard.failed.items()},
        "absent": sorted(map(list, heard.absent)),
    }
    return frame([json.dumps(told, separators=(",", ":")).encode("ascii"), *envelopes])


def heard_in(raw: bytes) -> Heard | None:
    """Return what a frame says, read again; None when it is of another door."""
    head, *envelopes = unframe(raw) or [b""]
    try:
        about: dict[str, Any] = json.loads(head)
        asked, wholes = frozenset(map(str, about["asked"])), tuple(map(str, about["wholes"]))
        failed = {str(name): Failure(Reason(why), str(detail)) for name, (why, detail) in about["failed"].items()}
        absent = frozenset((str(table), str(column)) for table, column in about["absent"])
        serial = str(about["serial"])
        known_as = {str(kind): str(name) for kind, name in about.get("known_as", {}).items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
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
            values |= {n: v for n, v in body.values.items() if n in asked or n.startswith(wholes)}
    return Heard(
        root=root_of(told),
        serial=serial,
        known_as=known_as,
        values={**told, **values},
        asked=asked,
        wholes=wholes,
        absent=absent,
        failed=failed,
    )
