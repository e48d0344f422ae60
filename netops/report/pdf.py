"""The report on paper: PDF/A-3b in each language, with `report.json` and the contract attached. The door of Typst here.

All that varies reaches Typst as JSON and is set as text: markup in a title is printed, not obeyed; no file of the
machine and no address is read. The bytes depend on the content, on Typst, and on the font that `papers.json` names.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netops.errors import NetopsError
from netops.evidence import canonical
from netops.report import fonts, paper, parties
from netops.report.words import LANGUAGES, say

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from netops.report.fonts import Face
    from netops.report.parties import Parties
    from netops.report.words import Language

TEMPLATE = Path(__file__).parent / "templates" / "report.typ"
MEMBERS = {language: f"report.{language}.pdf" for language in LANGUAGES}
PAPERS = "papers.json"


class PaperError(NetopsError):
    """A paper cannot be set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What pages and papers are made of: the bytes of these members of the bundle, and its zone."""

    report: bytes
    days: bytes
    contract: bytes
    register: bytes
    vkeys: bytes
    tz: ZoneInfo

    def parties(self) -> Parties:
        """Return who the report is between."""
        return parties.read(
            canonical.loads(self.report), contract=self.contract, register=self.register, vkeys=self.vkeys
        )


def papers(given: Source) -> dict[str, bytes]:
    """Return the papers by member name and `papers.json`, which names their font or says why there is none."""
    face = fonts.found()
    if face is None:
        return {PAPERS: canonical.dumps({"missing": fonts.MISSING})}
    try:
        made = {name: paper_of(given, language, face) for language, name in MEMBERS.items()}
    except PaperError as error:  # a month's report must not fail for its paper
        return {PAPERS: canonical.dumps({"missing": str(error)})}
    return {**made, PAPERS: canonical.dumps({"family": face.family, "font": face.digest, "typst": _release()})}


def paper_of(given: Source, language: Language, face: Face) -> bytes:
    """Return one paper; PaperError when Typst refuses it."""
    report = canonical.loads(given.report)
    it = paper.content(report, canonical.loads(given.days), given.tz, language, parties=given.parties())
    it["end"]["digests"].append([f"{say('font', language)} {face.family}", face.digest])
    it["fonts"] = [face.family, fonts.MONO]
    attached = [
        {"name": "report.json", "about": say("attached", language), "data": given.report.decode()},
        {"name": "contract.json", "about": say("attached_contract", language), "data": given.contract.decode()},
    ]
    inputs = {"it": json.dumps(settable(it, face)), "attached": json.dumps(attached)}
    return compiled(TEMPLATE, inputs, face, at_s=report["period"]["end_ms"] // 1000, name=MEMBERS[language])


def compiled(template: Path, inputs: dict[str, str], face: Face, *, at_s: int, name: str) -> bytes:
    """Return the PDF/A-3b of a template and its inputs, dated `at_s`; PaperError names the paper that Typst refuses."""
    import typst  # noqa: PLC0415  (30 MB that only papers need)

    try:
        made = typst.compile(
            template.read_bytes(),
            font_paths=fonts.collection(face),
            sys_inputs=inputs,
            pdf_standards="a-3b",
            timestamp=at_s,
        )
    except RuntimeError as error:  # typst.TypstError
        raise PaperError(f"the paper {name} cannot be set: {error}") from None
    assert isinstance(made, bytes)
    return made


def settable(value: Any, face: Face) -> Any:
    """Return the content with every text as the font can set it."""
    if isinstance(value, str):
        return face.text(value)
    if isinstance(value, (list, tuple)):
        return [settable(each, face) for each in value]
    if isinstance(value, dict):
        return {name: settable(each, face) for name, each in value.items()}
    return value


def _release() -> str:
    from importlib.metadata import version  # noqa: PLC0415

    return version("typst")
