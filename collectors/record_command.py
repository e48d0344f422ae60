"""`netops record HOST`: walk a device gently and write what it said, with pseudonyms unless told otherwise."""

from __future__ import annotations

import bz2
import ipaddress
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from collectors.anonymise.walk import anonymise
from collectors.discovery import sweep
from collectors.profile_yaml import shipped
from collectors.recording import load, written
from collectors.snmp.ask import Ask, Community, Limits, Target
from collectors.snmp.credential import spoken
from collectors.snmp.engine import Engine
from collectors.snmp.varbind import parse
from netops.errors import UsageError, nearest
from netops.model import Reason

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from collectors.snmp.varbind import Varbind
    from netops.config import Settings

SUMMARY = "record a device's answers as a test, with pseudonyms"
PARTIAL = 5
ROOTS = ((1, 3, 6, 1), (1, 0, 8802))
MOST = 5_000_000  # objects
LONGEST_S = 4 * 3600.0
PATIENCE_S, RETRIES = 3.0, 4  # a walk is lost with one question: asked five times, each waited for


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "host", metavar="HOST", help="a numeric address within discover.networks, or a recording's file"
    )
    parser.add_argument("--credential", metavar="NAME", help="how the device is asked")
    parser.add_argument("--port", type=int, default=161, help="UDP port (default 161)")
    parser.add_argument(
        "--rate", type=int, default=200, help="objects a second (default 200): a walk can hurt a device"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help=".snmprec or .snmprec.bz2")
    parser.add_argument("--anonymise", action="store_true", help="pseudonyms for people, places, addresses (always so)")
    parser.add_argument("--as-it-is", action="store_true", help="write everything as it came: not to be given away")
    parser.add_argument("--keep", action="append", default=[], metavar="OID", help="texts of this column may stay")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Record; exit code 5 when the walk did not come to its end: what came is written all the same."""
    if args.anonymise and args.as_it_is:
        raise UsageError("--anonymise and --as-it-is exclude each other")
    if args.output.exists():
        raise UsageError(f"{args.output} exists; give another name, a recording is not written over")
    if not args.output.name.endswith((".snmprec", ".snmprec.bz2")):
        raise UsageError(f"{args.output} is no name of a recording; expected one that ends in .snmprec or .snmprec.bz2")
    if not args.output.parent.is_dir():  # said before the walk, which may take hours
        raise UsageError(f"{args.output.parent} is no directory; make it first, then record")
    keep = [parse(word) for word in args.keep]
    source = Path(args.host)
    torn = ""
    if source.suffix in (".snmprec", ".bz2"):
        walk: Sequence[Varbind] = list(load(source, wanted=ROOTS).agent.objects.values())
    else:
        walk, torn = _walked(args, settings)
    if not args.as_it_is:
        before = len(walk)
        never = _secrets(args, settings)
        walk = anonymise(walk, shipped().values(), key=secrets.token_bytes(32), keep=keep, never=never)
        hidden = sum(isinstance(each.value, bytes) and each.value.startswith(b"text-") for each in walk)
        sys.stderr.write(
            f"{before} objects, {before - len(walk)} left out, {len(walk)} kept, {hidden} of them texts that are hidden"
            " (text-…); where words are missing that a profile needs, --keep names their column\n"
            "read the file before you give it away\n"
        )
    _write(args.output, walk)
    sys.stderr.write(f"{args.output}: {len(walk)} objects{f'; {torn}' if torn else ''}\n")
    return PARTIAL if torn else 0


def _secrets(args: argparse.Namespace, settings: Settings) -> set[bytes]:
    """Return what we are let in by: some agents tell it in tables of their own. What every device has is no secret."""
    given = settings.credentials.get(args.credential or "")
    if given is None:
        return set()
    key = spoken(args.credential, given)
    words = (
        {key.octets}
        if isinstance(key, Community)
        else {key.name.encode(), key.auth_key.encode(), key.priv_key.encode()}
    )
    return {word for word in words if len(word) >= 4} - {b"public", b"private"}


def _walked(args: argparse.Namespace, settings: Settings) -> tuple[Sequence[Varbind], str]:
    try:
        host = ipaddress.ip_address(args.host)
    except ValueError:
        raise UsageError(f"'{args.host}' is no numeric address and no .snmprec file") from None
    sweep.addresses([str(host)], sweep.allowed(settings.discover.networks))
    if not args.credential:
        raise UsageError(f"--credential is missing; the settings have {', '.join(settings.credentials) or 'none'}")
    if args.credential not in settings.credentials:
        raise UsageError(f"no credential '{args.credential}'{nearest(args.credential, settings.credentials)}")
    if not 0 < args.port < 1 << 16:
        raise UsageError(f"--port is {args.port}; expected 1 to 65535")
    if args.rate < 1:
        raise UsageError(f"--rate is {args.rate}; expected at least 1 object a second")
    target = Target(
        address=str(host),
        credential=spoken(args.credential, settings.credentials[args.credential]),
        port=args.port,
        timeout_s=PATIENCE_S,
        retries=RETRIES,
        deadline_s=LONGEST_S,
        varbinds_per_s=args.rate,
    )
    limits = Limits(walk_varbinds=MOST, walk_s=LONGEST_S, octets=1 << 30, bulk_varbinds=min(40, args.rate))
    with Engine(window=8) as engine:
        answer = engine.ask(target, Ask(walks=tuple((root,) for root in ROOTS), limits=limits))
    if not answer.answered:
        raise UsageError(f"{host}: {_silence(answer.outcome, args.port)}")
    found = [each for walked in answer.walks for column in walked.columns for each in column]
    failed = answer.failed or next((walked.failed for walked in answer.walks if walked.failed), None)
    return found, f"the walk ended early: {failed.reason.value} {failed.detail}" if failed else ""


def _silence(outcome: str, port: int) -> str:
    if outcome == Reason.REFUSED.value:
        return f"nothing listens at UDP port {port}; --port names another one"
    return f"{outcome} at UDP port {port}; is the credential right, and is SNMP open for this machine?"


def _write(path: Path, walk: Sequence[Varbind]) -> None:
    content = b"".join(map(written, walk))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(bz2.compress(content) if path.suffix == ".bz2" else content)
