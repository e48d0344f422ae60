"""What a carrier can do about a note that was refused: a word for each kind of reason. Pure.

The reason itself is one sentence in English, as the ledger has it for ever; pages say the remedy in their language.
"""

from __future__ import annotations

import re
from typing import Final

LATE, KEY, FILE, UNKNOWN, TARGET, PERSON, TWICE, FORM = (
    *("late", "key", "file", "unknown"),
    *("target", "person", "twice", "form"),
)
KINDS: Final = {
    PERSON: ("names somebody",),
    LATE: ("it is late", "an objection is late"),
    KEY: ("no signature by a trusted key", "has no key of this carrier", "the carrier's alone", "did not speak for"),
    FILE: ("signed over another file", "was replaced by", "signed before objection"),
    UNKNOWN: ("there is no report",),
    TWICE: (
        "the same objection was",
        "there is an objection",
        "accepted already",
        "no place there",
        "objection .* open",
    ),
    TARGET: (
        *("has no outage", "judges no service", "rests on no survey", "has no claim", "there is no leaf"),
        *("does not lie in", "does not begin in", "ends later", "reaches out of"),
    ),
}


def of(reason: str) -> str:
    """Return the kind of remedy for a reason; `FORM` where the note is not as it is to be."""
    return next((kind for kind, told in KINDS.items() if re.search("|".join(told), reason)), FORM)
