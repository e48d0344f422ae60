"""The policy of co-signing that a report stands under, and the checkpoint that fulfils it.

The policy is the last one sealed before the report; all since the ledger began are told, so that who lowered it is
seen. `chosen` finds the checkpoint, `completed` puts an issued bundle under it: the same report, the same seal.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence import bundle as bundles
from netops.evidence import canonical, note
from netops.evidence.checkpoint import Checkpoint
from netops.evidence.members import CHECKPOINT, KEYS, PROOFS, SM3_PROOFS
from netops.evidence.note import VerifierKey
from netops.witness import policy

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from netops.evidence.members import Bundle
    from netops.ledger_file import LedgerReader
    from netops.report.leaves import Leaves
    from netops.witness.policy import Policy

EARLIER = ("leaf", "since_ms", "quorum", "witnesses")


@dataclass(frozen=True, slots=True)
class Under:
    """The checkpoint that a bundle stands under: its size, the signed note, how many of the witnesses signed it."""

    size: int
    note: bytes
    count: int


def tell(leaves: Leaves) -> dict[str, Any]:
    """Return what report.json says of the policy; nothing while none was ever sealed."""
    found = leaves.of(policy.KIND)
    if not found:
        return {}
    last = found[-1]
    rows = [[each.index, each.known_ms, each.body["quorum"], len(each.body["witnesses"])] for each in found[:-1]]
    told = {"leaf": last.index, "since_ms": last.known_ms, "quorum": last.body["quorum"]}
    earlier = {"columns": list(EARLIER), "rows": rows}
    named = {name: list(last.body[name]) for name in ("witnesses", "sm2") if name in last.body}
    return {"witnessing": {**told, **named, "earlier": earlier}}


def keys(leaves: Leaves) -> list[str]:
    """Return the verifier keys of the witnesses whom the policy names, those by SM2 too."""
    found = leaves.of(policy.KIND)
    return [*found[-1].body["witnesses"], *found[-1].body.get("sm2", ())] if found else []


def chosen(ledger: LedgerReader, seal: int, asked: Policy) -> Under:
    """Return the first checkpoint over the seal that as many witnesses signed as the policy asks for.

    While there is none, the first that most of them signed. EvidenceError while no checkpoint seals the leaf.
    """
    names = [key.name for key in asked.keys]
    for least in range(asked.quorum, 0, -1):
        for sealed in ledger.cosigned(seal, names, least=least):
            count = len(asked.signers(sealed.note))
            if count >= least:
                return Under(sealed.size, sealed.note, count)
    first = ledger.covering(seal)
    if first is None:
        raise EvidenceError(f"ledger {ledger.path}: leaf {seal} is under no checkpoint yet; ask again later")
    return Under(first.size, first.note, len(asked.signers(first.note)))


def shown(signed: bytes, vkeys: bytes) -> bytes:
    """Return a checkpoint with the lines of those alone whom `vkeys.txt` names: no line is outside the check."""
    held = note.parse(signed)
    named = [VerifierKey.parse(line) for line in vkeys.decode().splitlines() if line]
    known = {(key.name, key.id) for key in named}
    lines = tuple(each for each in held.signatures if (each.name, each.key_id) in known)
    return bytes(note.Note(text=held.text, signatures=lines))


def sm3_paths(ledger: LedgerReader, indexes: Iterable[int], under: Under) -> dict[int, list[bytes]] | None:
    """Return the audit paths under the SM3 root of the checkpoint; None where it names none."""
    head = Checkpoint.parse(note.parse(under.note).text)
    return None if head.sm3_root is None else ledger.sm3_inclusions(indexes, head)


def completed(ledger: LedgerReader, bundle: Bundle, under: Under) -> dict[str, bytes]:
    """Return the members of an issued bundle under another checkpoint: its proofs and its checkpoint are new."""
    indexes = [canonical.loads(line)["index"] for line in bundle.lines(PROOFS)]
    commercial = sm3_paths(ledger, indexes, under)
    return {
        **{name: data for name, data in bundle.members.items() if name != SM3_PROOFS},
        PROOFS: bundles.proofs({index: ledger.inclusion(index, under.size) for index in indexes}),
        **({} if commercial is None else {SM3_PROOFS: bundles.proofs(commercial)}),
        CHECKPOINT: bundles.signed(shown(under.note, bundle.member(KEYS))),
    }


def carried(path: Path, asked: Policy) -> int:
    """Return how many of the witnesses signed the checkpoint of a bundle of ours, without opening the rest of it."""
    try:
        with zipfile.ZipFile(path) as file:
            return len(asked.signers(file.read(CHECKPOINT)))
    except (zipfile.BadZipFile, KeyError) as error:
        raise EvidenceError(
            f"bundle {path}: cannot be read ({error}); move it away, and the core composes it anew"
        ) from None
