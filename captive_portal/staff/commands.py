"""`netops portal end` and `extend`: what staff ask of one visit, from the command line, and what came of it.

Whoever has the machine's account acts here as `cli:<user>`, as with vouchers; the fact says so.
"""

from __future__ import annotations

import os
import pwd
import sys
import time
from typing import TYPE_CHECKING, Any

from captive_portal.staff import directives
from captive_portal.staff.directives import DONE, MOST_MINUTES, REASONS, Act, Outcome
from inventory import times
from netops.access import record
from netops.clock import SYSTEM

if TYPE_CHECKING:
    import argparse

    from captive_portal.staff.directives import Directive
    from netops.config import Settings

VERBS = frozenset(Act)
WAIT_S = 15.0  # a controller over RADIUS may take nine
LOOK_S = 0.2
FAILED, LATER = 1, 75

WORDS = {
    Outcome.REFUSED: "the gateway did not do it",
    Outcome.SILENT: "the gateway did not answer",
    Outcome.BOUND: "this gateway can neither put out early nor lengthen",
    Outcome.OVER: "it had ended by then",
    Outcome.NOTHING: "it lasts as long as its site allows already; nothing was changed",
    Outcome.VOID: "the portal did not take it within ten minutes; it is void",
    Outcome.UNSURE: "the portal was interrupted, the outcome is unknown",
}


def arguments(verbs: Any) -> None:
    """Declare end and extend."""
    for act, what in (
        (Act.END, "end a visit now"),
        (Act.EXTEND, "let a visit last longer, up to what its site allows"),
    ):
        asked = verbs.add_parser(str(act), help=f"{what}; who and why goes into the ledger first")
        asked.add_argument("session", help="its id, as `netops portal sessions` prints it")
        asked.add_argument("--because", required=True, choices=[str(each) for each in REASONS[act]], help="the reason")
        asked.add_argument(
            "--words",
            default="",
            help="more of it; no names, no phone numbers (the ledger cannot forget): the case's number",
        )
        if act is Act.EXTEND:
            asked.add_argument("--minutes", type=int, required=True, metavar="N", help=f"1 to {MOST_MINUTES}")
        asked.add_argument("--wait", type=float, default=WAIT_S, metavar="S", help="how long to wait for the outcome")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Ask, and wait for what comes of it."""
    wanted = directives.wanted(
        Act(args.verb),
        args.session.strip().lower(),
        by=_who(),
        because=args.because,
        words=args.words,
        minutes=getattr(args, "minutes", 0),
        now_ms=args.now_ms,
    )
    given = directives.give(settings, wanted, lambda made: record.state(settings, made))
    if given.id != wanted.id:
        print(f"{given.by} has asked for the same already: {given.id}", file=sys.stderr)
    done = _waited(settings, given, args.wait)
    if done.outcome is None:
        late = "the portal has not said what came of it yet; is it running?"
        print(f"{done.id}: {late} What it has not taken within ten minutes is void", file=sys.stderr)
        return LATER
    print(f"{done.id}: {_told(done, settings)}")
    return 0 if done.outcome in DONE else FAILED


def _waited(settings: Settings, given: Directive, wait_s: float) -> Directive:
    until = SYSTEM.monotonic() + max(0.0, wait_s)
    while True:
        found = next((each for each in directives.of(settings, given.session) if each.id == given.id), given)
        if found.outcome is not None or SYSTEM.monotonic() >= until:
            return found
        time.sleep(LOOK_S)


def _told(done: Directive, settings: Settings) -> str:
    """Return the outcome in words."""
    if done.outcome is Outcome.ENFORCED and done.act is Act.END:
        return "put out; it can come back by a login only"
    if done.outcome in {Outcome.ENFORCED, Outcome.NOTHING} and done.told.isdecimal():
        until = times.shown(int(done.told), times.zone(settings.city.timezone))
        return f"lasts until {until}" if done.outcome is Outcome.ENFORCED else f"{WORDS[done.outcome]} (until {until})"
    assert done.outcome is not None
    return WORDS[done.outcome] + (f": {done.told}" if done.told else "")


def _who() -> str:
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"cli:{os.getuid()}"
