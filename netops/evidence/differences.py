"""Where a report says something else than was recomputed, and instants as it writes them.

Part of the second implementation (`verifier.py`).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence import canonical
from netops.evidence.integrity import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netops.evidence.members import Bundle

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def differ(said: Any, found: Any, place: str) -> Iterator[Failure]:
    """Yield where the report says something else than was recomputed."""
    if said == found and type(said) is type(found):
        return
    if isinstance(said, dict) and isinstance(found, dict) and said.keys() == found.keys():
        for key in found:
            yield from differ(said[key], found[key], f"{place}.{key}")
    elif isinstance(said, list) and isinstance(found, list) and len(said) == len(found):
        for i, (one, other) in enumerate(zip(said, found, strict=True)):
            named = isinstance(other, list) and other and isinstance(other[0], str)
            yield from differ(one, other, f"{place}[{other[0] if named else i}]")
    else:
        yield Failure(place=place, what=f"says {short(said)}; recomputed {short(found)}")


def short(value: Any) -> str:
    """Return a value in at most 80 characters."""
    text = canonical.dumps(value).decode("utf-8", "replace")
    return text if len(text) <= 80 else f"{text[:80]}…"


def loads(bundle: Bundle, name: str) -> Any:
    """Read a member; that its bytes are the sealed ones, and canonical, is the integrity's question."""
    try:
        return json.loads(bundle.member(name))
    except (ValueError, RecursionError):
        raise EvidenceError(f"{name}: is not JSON") from None


def ms(at: datetime) -> int:
    """Return milliseconds since the epoch."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def iso(at_ms: int) -> str:
    """Return an instant in UTC, to the millisecond."""
    text = (EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
