"""What a carrier says, as a file that needs nobody's server: canonical JSON in a signed note, under its own key.

The text of the note is two lines, the name of this format and the JSON. The name keeps a signature that was given for
anything else (a checkpoint, say) from being read as a word in a dispute. The whole note becomes a part of the fact, so
that the ledger, and whoever has a bundle, can show later what the carrier signed. Reading is strict: what has a second
spelling is refused.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from netops import facts
from netops.access.approvals import names_somebody
from netops.dispute import codes
from netops.errors import EvidenceError, UsageError
from netops.evidence import canonical, note, receipt
from netops.facts import Fact
from netops.vocabulary import expected, instant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from netops.evidence.canonical import JSON
    from netops.sign import Signer

FORMAT: Final = "netops-dispute/1"
OBJECTION, ACCEPTANCE = "objection", "report_accepted"
MOST_BYTES: Final = 16_000
MOST_NOTE: Final = 4_000  # characters: what a fact's text may hold
MOST_REASON: Final = 1_500
MOST_REFUSAL: Final = 1_000
MOST_EVIDENCE: Final = 2**30  # bytes
_NEEDS: Final = {
    OBJECTION: (
        {"report", "manifest_digest", "made_ms", "code", "target", "reason"},
        {"evidence_digest", "asks", "start_ms", "end_ms"},
    ),
    ACCEPTANCE: ({"report", "manifest_digest", "made_ms"}, {"reason"}),
}
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_OF_THE_NOTE: Final = ("made_ms", "manifest_digest")  # what binds the word to one file at one time; not in the fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a note says, and whose it is. `key` is the name of the key that signed."""

    kind: str
    told: Mapping[str, Any]
    key: str
    text: str

    @property
    def name(self) -> str:
        """The objection's name: from what is signed, so that the same note is the same objection."""
        return f"o-{canonical.digest(canonical.dumps(dict(self.told) | {'by': self.key}))[:16]}"

    def __str__(self) -> str:
        """Return what it is, for a line of the command."""
        what = f"objection {self.name} to" if self.kind == OBJECTION else "acceptance of"
        return f"{what} {self.told['report']} by {self.key}"

    def fact(self, *, at_ms: int) -> Fact:
        """Return the fact of it, with the note inside."""
        body = {name: value for name, value in self.told.items() if name not in _OF_THE_NOTE}
        if self.kind == OBJECTION:
            body["objection"] = self.name
        return Fact(kind=self.kind, at_ms=at_ms, body={**body, "by": self.key, "note": self.text})


def write(kind: str, told: Mapping[str, JSON], key: Signer) -> bytes:
    """Return the signed note; UsageError when it says something that no dispute knows."""
    _check(kind, told)
    data = key.sign(f"{FORMAT} {kind}\n{canonical.dumps(dict(told)).decode()}\n")
    if len(data.decode()) > MOST_NOTE:
        raise UsageError(f"the note has {len(data.decode())} characters; expected at most {MOST_NOTE}: say it shorter")
    read(data, [key.vkey])
    return data


def read(data: bytes, keys: Sequence[note.VerifierKey]) -> Said:
    """Return what a note by one of these keys says; EvidenceError names what is off, UsageError what it may not say."""
    if len(data) > MOST_BYTES:
        raise EvidenceError(f"a note of {len(data)} bytes; expected at most {MOST_BYTES}")
    parsed = note.parse(data)
    text = bytes(parsed).decode()
    if text.encode() != data or len(text) > MOST_NOTE:
        raise EvidenceError(f"note: expected its one spelling, of at most {MOST_NOTE} characters")
    if not keys:
        raise EvidenceError(
            "note: the register has no key of this carrier; its line belongs to `keys` in carriers.yaml; apply it"
        )
    try:
        held = note.verify(parsed, [key for key in keys if key.algorithm == note.ED25519])
    except EvidenceError as error:
        if {each.name for each in parsed.signatures} <= {key.name for key in keys}:
            raise
        raise EvidenceError(
            f"{error}. If the carrier gave you this key's line, it belongs to `keys` in carriers.yaml; apply it"
        ) from None
    if len(parsed.signatures) != 1:
        raise EvidenceError(f"note: {len(parsed.signatures)} signatures; expected the carrier's alone")
    head, _, rest = parsed.text.partition("\n")
    kind = head.removeprefix(f"{FORMAT} ")
    if kind not in _NEEDS or head != f"{FORMAT} {kind}" or not rest.endswith("\n") or "\n" in rest[:-1]:
        raise EvidenceError(f"note: begins with {head[:60]!r}; expected '{FORMAT} objection' and one line of JSON")
    told = canonical.loads_exact(rest[:-1].encode())
    _check(kind, told)
    return Said(kind=kind, told=told, key=held[0].key.name, text=text)


def signer(data: bytes, keys: Sequence[note.VerifierKey]) -> str:
    """Return whose of these keys signed the bytes, whatever they say; the empty string when none did."""
    try:
        held = note.verify(note.parse(data), [key for key in keys if key.algorithm == note.ED25519])
    except EvidenceError:
        return ""
    return held[0].key.name


def arrival(data: bytes, *, by: str, report: str, at_ms: int) -> Fact:
    """Return the fact that the desk has a note by this key, whatever it says; `report` is a known one, or empty."""
    body: dict[str, JSON] = {"digest": canonical.digest(data), "by": by}
    return Fact(kind=receipt.RECEIVED, at_ms=at_ms, body=body | ({"report": report} if report else {}))


def refusal(data: bytes, *, by: str, why: str, report: str, at_ms: int) -> Fact:
    """Return the fact that a note by this key was not taken: its digest, never its text, which may name somebody.

    `report` is a name that the ledger knows, or empty.
    """
    reason = why[:MOST_REFUSAL] if not names_somebody(why) else "it is refused for what it says, which names somebody"
    body: dict[str, JSON] = {"digest": canonical.digest(data), "by": by, "reason": reason}
    return Fact(kind=receipt.REFUSED, at_ms=at_ms, body=body | ({"report": report} if report else {}))


def open_file(path: Path, *, most: int = MOST_BYTES, what: str = "a carrier's note") -> bytes:
    """Return the bytes of a small file; UsageError when it is no plain file or longer than `most` bytes."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe of others must not hold us up
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); expected {what}") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UsageError(f"{path}: expected a plain file, {what}")
    with os.fdopen(handle, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise UsageError(f"{path}: longer than {most} bytes; expected {what}")
    return data


def evidence(path: Path) -> str:
    """Return the SHA-256 of a file of evidence; UsageError when it is no plain file, or too long."""
    try:
        if not path.exists():
            raise UsageError(f"{path}: there is no such file")
        if not path.is_file() or path.stat().st_size > MOST_EVIDENCE:
            raise UsageError(f"{path}: expected a plain file of at most {MOST_EVIDENCE} bytes")
        return canonical.digest(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None


def report_of(data: bytes) -> str:
    """Return the report that a note says to be about, before anything in it is believed: whose keys to ask for."""
    line = note.parse(data[: MOST_BYTES + 1]).text.partition("\n")[2]
    told = canonical.loads(line.encode())
    name = told.get("report") if isinstance(told, dict) else None
    if not isinstance(name, str) or not 0 < len(name) <= 200 or not name.isprintable():
        raise EvidenceError("note: names no report")
    return name


def _check(kind: str, told: Any) -> None:
    """Raise UsageError unless the words are those of the kind, each of its form."""
    needed, optional = _NEEDS[kind]
    if type(told) is not dict or not needed <= set(told) <= needed | optional:
        raise UsageError(f"{kind}: expected {', '.join(sorted(needed))}, and nothing beyond them but {optional}")
    if not instant(told["made_ms"]):
        raise UsageError(f"{kind}: 'made_ms' is no instant; expected {expected(instant)}")
    if not (isinstance(told["manifest_digest"], str) and _DIGEST.fullmatch(told["manifest_digest"])):
        raise UsageError(f"{kind}: 'manifest_digest' is no SHA-256 in 64 lower-case hex digits")
    body = {name: value for name, value in told.items() if name not in _OF_THE_NOTE}
    body |= {"by": "x"} | ({"objection": "x"} if kind == OBJECTION else {})
    try:
        facts.check(Fact(kind=kind, at_ms=0, body=body))
    except EvidenceError as error:
        raise UsageError(f"{kind}: {error}") from None
    check_reason(told.get("reason", ""), needed=kind == OBJECTION)
    if kind == OBJECTION:
        codes.asked(told)


def check_reason(reason: str, *, needed: bool = True) -> None:
    """Raise UsageError unless a reason may stand in the ledger: there, short enough, and naming nobody."""
    if needed and not reason.strip():
        raise UsageError("a reason is needed: it stands in the report")
    if len(reason) > MOST_REASON:
        raise UsageError(f"the reason has {len(reason)} characters; expected at most {MOST_REASON}")
    if names_somebody(reason):
        raise UsageError("the reason names somebody; the ledger cannot forget: give the number of the case instead")
