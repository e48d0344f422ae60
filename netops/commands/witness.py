"""`netops witness`: co-sign the checkpoints of a city's ledger, and bring co-signatures to it.

`key`, `serve` and `sign` are a witness's (carrier, manager, auditor): they need a key, a book and the key of the log,
and no instance of ours. `ask` and `add` are the log's. `docs/how-to/witness-a-ledger.md` walks through both.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from netops import sqlite
from netops.clock import SYSTEM
from netops.config import Listener
from netops.errors import EvidenceError, UsageError
from netops.evidence import files, note, told
from netops.evidence.checkpoint import Checkpoint
from netops.ledger_file import LedgerReader
from netops.sign import Signer
from netops.web.server import LAST_PORT, Server
from netops.witness import circle, listed
from netops.witness.desk import Desk
from netops.witness.service import Application

if TYPE_CHECKING:
    from netops.config import Settings
    from netops.evidence.note import VerifierKey

SUMMARY = "Co-sign a ledger's checkpoints; bring co-signatures to it."
OK = 0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    below = parser.add_subparsers(dest="what", required=True)
    key = below.add_parser("key", help="make a witness's key and tell its verifier key")
    key.add_argument("name", help="the witness's name, such as carrier.example/witness")
    key.add_argument("--out", type=Path, required=True, help="the key's file; never overwritten")
    key.add_argument("--sm2", action="store_true", help="also tell the SM2 key that is derived from it")
    serve = below.add_parser("serve", help="answer requests over HTTP until stopped")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    serve.add_argument("--port", type=_port, default=8390, help="TCP port (%(default)s)")
    sign = below.add_parser("sign", help="sign one request that came as a file")
    sign.add_argument("request", type=Path, help="the file that `netops witness ask` wrote")
    sign.add_argument("--out", type=Path, required=True, help="where to write the co-signed checkpoint")
    for each in (serve, sign):
        each.add_argument("--sm2", action="store_true", help="co-sign by the derived SM2 key as well, and tell it")
        each.add_argument("--key", type=Path, required=True, help="the witness's key, made by `netops witness key`")
        each.add_argument("--book", type=Path, required=True, help="the directory of what was seen; never roll it back")
        each.add_argument("--logs", type=Path, required=True, help="the verifier keys of the logs to watch, one a line")
    ask = below.add_parser("ask", help="write a request over the newest checkpoint, for a witness without HTTP")
    ask.add_argument("--old", type=int, default=0, metavar="SIZE", help="what the witness saw last (%(default)s)")
    ask.add_argument("--size", type=int, metavar="SIZE", help="the checkpoint of so many leaves (default: the newest)")
    ask.add_argument("--out", type=Path, required=True, help="where to write the request")
    add = below.add_parser("add", help="hand a co-signed checkpoint to the core")
    add.add_argument("note", type=Path, help="the file that `netops witness sign` wrote")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and 0 < int(text) <= LAST_PORT):
        raise argparse.ArgumentTypeError(f"'{text}' is no TCP port; expected 1 to {LAST_PORT}")
    return int(text)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do what was asked."""
    if args.what == "key":
        made = Signer.generate(args.out, args.name, algorithm=note.COSIGNATURE_V1)
        print("\n".join(map(str, _keys(made.with_sm2() if args.sm2 else made))))
        return OK
    if args.what in {"sign", "ask"} and args.out.exists():
        raise UsageError(f"{args.out}: exists; move it away, or name another with --out")
    if args.what in {"serve", "sign"}:
        loaded = Signer.load(args.key)
        signer = loaded.with_sm2() if args.sm2 else loaded
        with Desk(args.book, signer, told.read_keys(_bytes(args.logs), str(args.logs))) as desk:
            return _serve(args, desk, signer) if args.what == "serve" else _sign(args, desk, signer)
    return _ask(args, settings) if args.what == "ask" else _add(args, settings)


def _serve(args: argparse.Namespace, desk: Desk, signer: Signer) -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    app = Application(desk, name=signer.vkey.name, clock=SYSTEM)
    # plain HTTP over a network is right here: what travels is public, and signed by both sides
    server = Server(app, Listener(host=args.host, port=args.port), clear=True)
    server.start()
    print(f"{' '.join(map(str, _keys(signer)))} signs at http://{args.host}:{args.port}", file=sys.stderr, flush=True)
    try:
        stop.wait()
    finally:
        server.stop()
    return OK


def _keys(signer: Signer) -> list[VerifierKey]:
    """Return the verifier keys of a witness, as the city writes them into `witnesses.txt`: one behind the other."""
    return [signer.vkey, *([signer.sm2_vkey] if signer.sm2_vkey else [])]


def _sign(args: argparse.Namespace, desk: Desk, signer: Signer) -> int:
    signed = desk.add(_bytes(args.request), now_s=SYSTEM.now_ms() // 1000)
    _write(args.out, signed)
    by = " ".join(str(key) for key in _keys(signer))
    print(f"{args.out}: co-signed by {by}; hand it back, for `netops witness add`")
    return OK


def _ask(args: argparse.Namespace, settings: Settings) -> int:
    if args.old < 0:
        raise UsageError(f"--old {args.old}: expected the size that the witness saw last, or 0")
    with LedgerReader(settings.data.dir / "ledger.db") as ledger:
        made = circle.request(ledger, old=args.old, size=args.size)
    _write(args.out, bytes(made))
    size = Checkpoint.parse(note.parse(made.checkpoint).text).size
    print(f"{args.out}: hand it to the witness, for `netops witness sign`")
    print(f"{size} leaves; for another witness of the same checkpoint: --size {size}")
    return OK


def _add(args: argparse.Namespace, settings: Settings) -> int:
    data = _bytes(args.note)
    witnesses = listed.read(settings.data.dir / listed.FILE).witnesses
    if not witnesses:
        raise UsageError(f"{settings.data.dir / listed.FILE}: names no witness; expected a verifier key a line")
    try:
        signers = note.verify(note.parse(data), [key for each in witnesses for key in each.keys])
    except EvidenceError as error:
        raise EvidenceError(f"{args.note}: {error}") from None
    inbox = settings.data.dir / circle.INBOX
    path = inbox / f"{sha256(data).hexdigest()[:32]}.note"
    try:
        inbox.mkdir(exist_ok=True)
        sqlite.inherit(inbox)
        files.replace(path, data, mode=0o640)
        sqlite.inherit(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from None
    print(f"co-signed by {', '.join(each.key.name for each in signers)}; the core takes it within a minute")
    return OK


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None


def _write(path: Path, data: bytes) -> None:
    try:
        files.replace(path, data)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from None
