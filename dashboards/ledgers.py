"""The ledger as an auditor looks at it: its head, who co-signed when, what is not sealed yet, any leaf with proof.

The page believes no file: the newest checkpoint, the stamped ones and those that came in are held against the leaves at
every look. One that the leaves do not lead to is a split view, or a rollback, and stands above everything else.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.utils import secure_filename

from dashboards.frame import bound, frame
from netops.access import guard
from netops.access.record import ledger_path
from netops.errors import EvidenceError
from netops.evidence import canonical, merkle, note
from netops.evidence.checkpoint import Checkpoint
from netops.ledger_file import LedgerReader
from netops.report.issue import VKEY
from netops.web.language import gettext as _
from netops.witness import policy
from netops.witness.circle import INBOX
from netops.witness.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from werkzeug.wrappers import Response as AnyResponse

    from dashboards.desk import Desk
    from netops.config import Settings
    from netops.evidence.note import VerifierKey
    from netops.ledger_file import Leaf, Sealed

CHECKPOINTS = 15  # on a page
AMONG = 20_000  # of the newest checkpoints in which a witness's last line is looked for: two weeks of one a minute
STAMPS = 31
LEAVES = 25  # that are not sealed yet
HELD = 60  # checkpoints of others that are held against the leaves at every look
LONGEST = 20_000  # characters of a leaf on the page; the download has all
STAMP_KINDS = {".tsr": "application/timestamp-reply", ".note": "text/plain"}


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    add, index = blueprint.add_url_rule, "<int(max=9007199254740991):index>"
    add("/ledger", "ledger", bound(ledger, desk))
    add("/ledger/find", "leaf_find", bound(leaf_find, desk))
    add(f"/ledger/leaf/{index}", "leaf", bound(leaf, desk))
    add(f"/ledger/leaf/{index}/proof", "leaf_proof", bound(leaf_proof, desk))
    add(f"/ledger/leaf/{index}/data", "leaf_data", bound(leaf_data, desk))
    add("/ledger/checkpoint/<int(max=9007199254740991):size>", "checkpoint", bound(checkpoint, desk))
    add("/ledger/stamp/<name>", "stamp", bound(stamp, desk))


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """A witness: the newest checkpoint that it signed, when it says so, and how far that lies behind the newest one."""

    name: str
    key_id: str
    size: int | None
    signed_ms: int | None
    behind: int
    holds: bool


def ledger(desk: Desk, error: str = "") -> str:
    """Show the head, the checkpoints, the witnesses, the stamps, and what no checkpoint seals yet."""
    path = ledger_path(desk.settings)
    about: dict[str, Any] = {"there": False}
    if path.exists():
        with LedgerReader(path) as held:
            about = _about(desk, held)
    return render_template(
        "dashboards/ledger.html",
        **frame(desk, desk.queries.city()),
        **about,
        error=error,
        query=None,
        asked=request.args.get("q", ""),
        vkey=_vkey(desk.settings),
        every_s=desk.settings.evidence.checkpoint_s,
    )


def _about(desk: Desk, held: LedgerReader) -> dict[str, Any]:
    size, latest = held.size, held.latest()
    below = request.args.get("below", canonical.MAX_INTEGER, type=int)
    asked = _policy(held)
    shown = held.checkpoints(below=max(min(below, canonical.MAX_INTEGER), 0), most=CHECKPOINTS + 1)
    sealed = latest.size if latest is not None else 0
    shows = guard.scope().whole  # leaves name things all over the city; heads and signatures name none
    unsealed = held.entries(max(sealed, size - LEAVES), size) if shows else ()
    return {
        "there": True,
        "origin": held.origin,
        "size": size,
        "root": base64.b64encode(held.root(size)).decode() if size else "",
        "latest": latest,
        "sealed": sealed,
        "unsealed": unsealed[::-1],
        "shows_leaves": shows,
        "unsealed_count": size - sealed,
        "alarms": alarms(desk.settings, held),
        "policy": asked,
        "policies": policy.told(held)[-LEAVES:][::-1],
        "witnesses": [_witnessed(held, key, sealed) for key in asked.keys],
        "checkpoints": [_line(each, asked) for each in shown[:CHECKPOINTS]],
        "older": shown[CHECKPOINTS - 1].size if len(shown) > CHECKPOINTS else 0,
        "stamps": _stamps(desk.settings),
    }


def _policy(held: LedgerReader) -> Policy:
    told = policy.told(held)
    return told[-1][1] if told else Policy()


def _line(each: Sealed, asked: Policy) -> dict[str, Any]:
    """Return a checkpoint as a line: what it is over, when it was signed, by which of the witnesses."""
    signers = _signers(each.note, asked)
    return {
        "size": each.size,
        "at_ms": each.at_ms,
        "signers": [key.name for key, _time_s in signers],
        "met": len(signers) >= asked.quorum,
    }


@lru_cache(maxsize=1024)
def _signers(signed: bytes, asked: Policy) -> tuple[tuple[VerifierKey, int], ...]:
    """Return which of the witnesses signed a checkpoint, and when they say so; kept, for checking it takes long."""
    try:
        found = note.verify(note.parse(signed), asked.keys)
    except EvidenceError:
        return ()
    return tuple((each.key, each.time_s or 0) for each in found)


def _witnessed(held: LedgerReader, key: VerifierKey, newest: int) -> Witnessed:
    """Return how far a witness has come; a line of its name that does not hold is told as such."""
    found = held.last_signed(key.name, among=AMONG)
    signed = _signers(found.note, Policy(1, (key,))) if found is not None else ()
    return Witnessed(
        name=key.name,
        key_id=key.id.hex(),
        size=found.size if found is not None and signed else None,
        signed_ms=signed[0][1] * 1000 if signed else None,
        behind=newest - (found.size if found is not None and signed else 0),
        holds=found is None or bool(signed),
    )


# ---- a second view of the ledger


def alarms(settings: Settings, held: LedgerReader) -> list[str]:
    """Return each checkpoint that our key signed and our leaves do not lead to: two views of one ledger, or a rollback.

    Looked at are the one beside the ledger, those that an authority stamped, and those that witnesses sent by file.
    """
    made = []
    try:
        held.check_beside()
    except EvidenceError as error:
        made.append(str(error))
    for path in _of_others(settings):
        try:
            head = Checkpoint.parse(note.parse(path.read_bytes()).text)
            if head.origin == held.origin:
                held.check_head(head, f"{path.parent.name}/{path.name}")
        except EvidenceError as error:
            made.append(str(error))
        except OSError:
            continue  # it was taken in, or put aside, this very moment
    return made


def _of_others(settings: Settings) -> Iterator[Path]:
    """Yield the checkpoints that came from elsewhere, the newest first."""
    inbox = [path for kind in ("*.note", "*.refused") for path in (settings.data.dir / INBOX).glob(kind)]
    yield from sorted(inbox)[-HELD:]
    yield from sorted((settings.data.dir / "stamps").glob("*.note"))[-HELD:]


def _stamps(settings: Settings) -> list[dict[str, Any]]:
    """Return the days on which an authority stamped a checkpoint, the newest first."""
    made = []
    for path in sorted((settings.data.dir / "stamps").glob("*.tsr"))[-STAMPS:][::-1]:
        beside = path.with_suffix(".note")
        day, _dash, size = path.stem.rpartition("-")
        made.append({"name": path.name, "note": beside.name if beside.is_file() else "", "day": day, "size": size})
    return made


def stamped(settings: Settings, index: int) -> str:
    """Return the name of the first time-stamp over a leaf: of a checkpoint with more leaves; empty without one."""
    found = [(path.stem.rpartition("-")[2], path.name) for path in (settings.data.dir / "stamps").glob("*.tsr")]
    over = sorted((int(size), name) for size, name in found if size.isdecimal() and int(size) > index)
    return over[0][1] if over else ""


# ---- one leaf


def leaf_find(desk: Desk) -> AnyResponse | tuple[str, int]:
    """Lead to a leaf by its number, or by its hash as the tree has it: in hex or base64."""
    asked = request.args.get("q", "").strip().removeprefix("#")
    if asked.isascii() and asked.isdigit() and len(asked) < 16:
        return redirect(url_for("dashboards.leaf", index=int(asked)), code=303)
    digest = _hash(asked)
    if digest is None:
        said = _("“%(asked)s”既不是条目编号，也不是 SHA-256（64 位十六进制或 base64）。", asked=asked[:80])
        return ledger(desk, error=said), 400
    path = ledger_path(desk.settings)
    if path.exists():
        with LedgerReader(path) as held:
            index = held.place_of(digest)
        if index is not None:
            return redirect(url_for("dashboards.leaf", index=index), code=303)
    return ledger(desk, error=_("账本中没有哈希为 %(asked)s 的条目。", asked=asked[:80])), 404


def _hash(text: str) -> bytes | None:
    try:
        found = bytes.fromhex(text) if len(text) == 2 * merkle.HASH_SIZE else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return found if len(found) == merkle.HASH_SIZE else None


def _leaf(held: LedgerReader, index: int) -> Leaf:
    found: Sequence[Leaf] = held.entries(index, index + 1) or abort(404)
    return found[0]


def leaf(desk: Desk, index: int) -> str:
    """Show a leaf: what it states, by whom, when it was recorded, under which checkpoint, and its proof to take."""
    path = ledger_path(desk.settings)
    if not path.exists():
        abort(404)
    with LedgerReader(path) as held:
        one, asked = _leaf(held, index), _policy(held)
        covering, latest, size = held.covering(index), held.latest(), held.size
        path_of = held.inclusion(index, latest.size) if latest is not None and latest.size > index else []
    text = json.dumps(json.loads(one.data), ensure_ascii=False, indent=1)
    return render_template(
        "dashboards/leaf.html",
        **frame(desk, desk.queries.city()),
        one=one,
        size=size,
        text=text[:LONGEST],
        cut=len(text) > LONGEST,
        digest=merkle.leaf_hash(one.data).hex(),
        covering=covering,
        signers=[key.name for key, _time_s in _signers(covering.note, asked)] if covering is not None else [],
        latest=latest,
        steps=[base64.b64encode(each).decode() for each in path_of],
    )


def leaf_proof(desk: Desk, index: int) -> Response:
    """Give the inclusion proof of a leaf against the newest checkpoint: one C2SP `tlog-proof@v1` text."""
    path = ledger_path(desk.settings)
    if not path.exists():
        abort(404)
    with LedgerReader(path) as held:
        _leaf(held, index)
        latest = held.latest()
        if latest is None or latest.size <= index:
            abort(404)
        made = held.proof(index)
    return _file(made, f"leaf-{index}.tlog-proof", "text/plain")


def leaf_data(desk: Desk, index: int) -> Response:
    """Give the bytes of a leaf: what its hash is over, after one octet 0x00."""
    path = ledger_path(desk.settings)
    if not path.exists():
        abort(404)
    with LedgerReader(path) as held:
        return _file(_leaf(held, index).data, f"leaf-{index}.json", "application/json")


def checkpoint(desk: Desk, size: int) -> Response:
    """Give a signed checkpoint as it is kept, with all its signature lines."""
    path = ledger_path(desk.settings)
    if not path.exists():
        abort(404)
    with LedgerReader(path) as held:
        found = held.checkpoint_of(size)
    if found is None:
        abort(404)
    return _file(found.note, f"checkpoint-{size}.note", "text/plain")


def stamp(desk: Desk, name: str) -> Response:
    """Give a time-stamp token, or the checkpoint that it is on."""
    known = {path.name: path for path in (desk.settings.data.dir / "stamps").glob("*")}
    path: Path = known.get(name) or abort(404)
    kind: str = STAMP_KINDS.get(path.suffix) or abort(404)
    return _file(path.read_bytes(), name, kind)


def _file(data: bytes, name: str, kind: str) -> Response:
    head = {"Content-Disposition": f'attachment; filename="{secure_filename(name)}"'}
    return Response(data, mimetype=kind, headers=head)


def _vkey(settings: Settings) -> str:
    """Return the ledger's public key, where it is published; the private one is read by nobody but the core."""
    path = settings.data.dir / "keys" / VKEY
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
