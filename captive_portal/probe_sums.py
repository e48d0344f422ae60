"""By which questions devices looked for the internet, summed over days from the ledger (`netops portal probes`).

A maker's new question shows up here by its host: a line for `captive_portal/probes.csv`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from netops.ledger_file import LedgerReader

if TYPE_CHECKING:
    from netops.config import Settings


def sums(settings: Settings, *, start_ms: int, end_ms: int) -> tuple[Counter[str], Counter[str], int]:
    """Return (known by maker, unknown by host, captured requests that were no probe) of a window."""
    known: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    others = 0
    path = settings.data.dir / "ledger.db"
    if not path.exists():
        return known, unknown, others
    with LedgerReader(path) as ledger:
        for leaf in ledger.find("portal_probes", start_ms=start_ms, end_ms=end_ms):
            body = leaf.fact.body
            for counter, name in ((known, "known"), (unknown, "unknown")):
                counts = body[name]
                assert isinstance(counts, dict)
                counter.update({host: int(str(count)) for host, count in counts.items()})
            others += int(str(body["others"]))
    return known, unknown, others
