"""Who a report is between, and how the carrier may answer it: of a bundle's own members, so that anybody can redo it.

The carrier's name is the register's, or its id where the register does not know it. The days to object are those of the
contract version that stands last.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inventory.model import Dispute
from netops.evidence import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netops.report.words import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """The carrier's id and names (Chinese, English), its working days to object, name and id of the ledger's keys.

    `areas` are names by code, where the register has them.
    """

    carrier: str
    names: tuple[str, ...]
    objection_days: int
    keys: tuple[str, ...]
    areas: Mapping[str, str] = field(default_factory=dict)

    def area(self, code: str) -> str:
        """Return an area's name with its code, or the code alone."""
        return f"{self.areas[code]} ({code})" if code in self.areas else code

    def named(self, language: Language | None = None) -> str:
        """Return the carrier in a language or in both, its id behind; the id alone where it has no name."""
        names = (self.names[language == "en"],) if language and self.names else self.names
        name = " ".join(each for each in dict.fromkeys(names) if each != self.carrier)
        return f"{name} ({self.carrier})" if name else self.carrier


def read(report: Mapping[str, Any], *, contract: bytes, register: bytes, vkeys: bytes) -> Parties:
    """Return the parties, of a report's content and of the bytes of `contract.json`, `register.json`, `vkeys.txt`.

    EvidenceError, LookupError, TypeError or ValueError when these are not what a bundle holds.
    """
    carrier = report["carrier"]
    known = canonical.loads(register)
    held = [each for each in known.get("carriers", []) if each["id"] == carrier]
    names = (held[0]["name"], held[0].get("name_en") or held[0]["name"]) if held else ()
    witnesses = report.get("witnessing", {}).get("witnesses", ())
    lines = [line for line in vkeys.decode().splitlines() if line and line not in witnesses]
    days = canonical.loads(contract)[-1].get("dispute", {})  # not written where it is the default
    return Parties(
        carrier=carrier,
        names=names,
        objection_days=days.get("objection_days", Dispute().objection_days),
        keys=tuple("+".join(line.split("+", 2)[:2]) for line in lines),
        areas={each["id"]: each["name"] for each in known.get("areas", [])},
    )
