"""The papers of issued reports, signed once and kept: `reports/<name>.<language>.pdf` beside each bundle.

The core signs, for it alone holds a key. The paper inside the bundle stays unsigned: a bundle is a function of its
inputs, a signature is made once. `reports/paper.crt` is the certificate; the ledger holds its digest (`paper_signer`).
What lies in `reports/` may be anybody's: only a paper that the sealed manifest of its report names is signed (ADR 34).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding

from netops.clock import SYSTEM
from netops.errors import EvidenceError
from netops.evidence import bundle, canonical, files
from netops.evidence.members import MANIFEST
from netops.facts import Fact
from netops.ledger import LedgerEntry
from netops.report import issue, pades, pdf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from netops.clock import Clock
    from netops.config import Settings
    from netops.ledger_file import LedgerReader
    from netops.report.pades import Identity, Stamp
    from netops.report.words import Language
    from netops.sign import Signer

log = logging.getLogger(__name__)
CERTIFICATE = "paper.crt"
TURN_S = 10.0  # then the core's other jobs have theirs: an authority may think for long over each paper
REASONS: dict[Language, str] = {"zh": "服务水平报告签发", "en": "Issue of the service level report"}


def identity(settings: Settings, signer: Signer, *, now_ms: int) -> Identity:
    """Return who signs papers, with the certificate published beside the reports; ConfigError says what is off.

    The city's own key goes first. Else the key is derived from the ledger's, under a certificate of its own, made once.
    """
    path = issue.shelf(settings) / CERTIFICATE
    if settings.evidence.paper_key is not None:
        who = pades.given(settings.evidence.paper_key.read())
    else:
        key = signer.paper_key()
        found = pades.certificates(path.read_bytes())[:1] if path.is_file() else ()
        mine = [each for each in found if each.public_key() == key.public_key()]
        made = mine[0] if mine else pades.own(key, str(signer.vkey.name), now_ms=now_ms)
        who = pades.Identity(key=key, certificate=made)
    told = b"".join(each.public_bytes(Encoding.PEM) for each in (who.certificate, *who.above))
    if not path.is_file() or path.read_bytes() != told:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace(path, told)
    return who


def stated(who: Identity) -> LedgerEntry:
    """Return the fact that this certificate signs papers; stated again at every start, it is the same fact."""
    at_ms = int(who.certificate.not_valid_before_utc.timestamp()) * 1000
    body = {"certificate": who.digest, "subject": who.certificate.subject.rfc4514_string()[:200], "by": "core"}
    return LedgerEntry(f"paper:{who.digest}", 0, Fact(kind="paper_signer", at_ms=at_ms, body=body))


def manifest_of(ledger: LedgerReader, report: str) -> str:
    """Return the digest of the manifest that a report was sealed with, by its first leaf; empty: it was never."""
    found = [leaf for leaf in ledger.find("report_issued") if leaf.fact.body["report"] == report]
    first = min(found, key=lambda leaf: leaf.index, default=None)
    return "" if first is None else str(first.fact.body["manifest_digest"])


class Papers:
    """Signs the papers of every sealed bundle that has none yet.

    `sealed` is the digest of the manifest that a report was sealed with, by its name; empty: of no such report.
    `refused` says of each file in the directory that is no sealed bundle why its papers are not signed.
    """

    def __init__(
        self,
        settings: Settings,
        who: Identity,
        *,
        sealed: Callable[[str], str],
        stamp: Stamp | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        self.refused: dict[str, str] = {}
        self._sealed = sealed
        self._reports = issue.shelf(settings)
        self._who = who
        self._stamp = stamp
        self._clock = clock
        self._away = False  # the authority gave nothing when it was asked last
        self._bare: set[Path] = set()  # bundles that have no paper

    def step(self) -> list[Path]:
        """Sign what is to be signed; return what was written. What fails holds up no other, and is tried again.

        It ends early when the authority gives nothing, for it gives the next paper nothing either, and after a while.
        """
        made = []
        self.refused = {}
        until, self._away = self._clock.monotonic() + TURN_S, False
        for path, language in self._unsigned():
            if self._away or self._clock.monotonic() > until:
                break
            try:
                paper = self._paper(path, pdf.MEMBERS[language])
                if paper is None:
                    self._bare.add(path)
                    continue
                stamp = self._stamped if self._stamp is not None else None
                signed = pades.sign(paper, self._who, reason=REASONS[language], stamp=stamp)
            except (EvidenceError, OSError) as error:
                self.refused = {**self.refused, f"paper {path.name}": str(error)}  # another thread reads it
                log.warning("paper not signed", extra={"bundle": path.name, "why": str(error)})
                continue
            files.replace(signed_at(path, language), signed)
            made.append(signed_at(path, language))
        return made

    def _paper(self, path: Path, member: str) -> bytes | None:
        """Return a paper as its report was sealed, or None where it has none; EvidenceError: it is not the sealed one.

        A name that another report was sealed under, or an old revision under a new one's, is no sealed bundle either.
        """
        report = path.name.removesuffix(".zip")
        sealed = self._sealed(report)
        if not sealed:
            raise EvidenceError(f"{path.name}: the ledger sealed no report '{report}'; take the file out of reports/")
        held = bundle.open_bundle(path)
        if (digest := canonical.digest(held.member(MANIFEST))) != sealed:
            raise EvidenceError(
                f"{path.name}: its manifest is {digest}; the ledger sealed '{report}' with {sealed}: take the file out"
                " of reports/, and the core puts the sealed bundle there again"
            )
        paper, named = held.members.get(member), held.manifest()["members"].get(member)
        if (None if paper is None else canonical.digest(paper)) != named:
            raise EvidenceError(
                f"{path.name}: {member} is not the paper that the sealed manifest names; take the file out of reports/,"
                " and the core puts the sealed bundle there again"
            )
        return paper

    def _stamped(self, query: bytes) -> bytes:
        assert self._stamp is not None
        self._away = True
        answer = self._stamp(query)
        self._away = False
        return answer

    def _unsigned(self) -> Iterator[tuple[Path, Language]]:
        for path in sorted(self._reports.glob("*.zip")):
            for language in pdf.MEMBERS:
                if path not in self._bare and not signed_at(path, language).exists():
                    yield path, language


def signed_at(path: Path, language: Language) -> Path:
    """Return where the signed paper of a bundle lies."""
    return path.with_name(f"{path.name.removesuffix('.zip')}.{language}.pdf")
