"""`netops collect once [DEVICE …]`: ask the register's devices now and print what they say. Nothing is stored."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from collectors import halts, poll
from collectors.decode import Decoded, decode
from collectors.detect import Detected, whole
from collectors.devices import Roll, roll
from collectors.errors import CollectorError
from collectors.halts import Halted
from collectors.plan import plan
from collectors.profile import COST_S
from collectors.profile_yaml import shipped
from collectors.replay import Replayed
from collectors.replay_command import json_lines, table
from collectors.snmp.engine import Engine
from collectors.snmp.flight import Job
from inventory.register import Register
from inventory.snapshot import snapshot
from netops.errors import nearest
from netops.model import Gap, Reason, Subject

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Mapping

    from collectors.devices import Asked
    from collectors.profile import Profile
    from collectors.snmp.ask import Answer
    from netops.config import Settings

SUMMARY = "ask the register's devices now and print what they say; nothing is stored"
PARTIAL = 5
NOTHING_HELD = Halted()


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("device", nargs="*", metavar="DEVICE", help="only these devices of the register")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Ask; exit code 5 when some device could not be asked or did not answer."""
    profiles = shipped()
    with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
        seen = snapshot(register, at_ms=args.now_ms)
    held = halts.read(halts.place(settings))
    wanted = without_halted(_chosen(roll(seen, settings, profiles=profiles), args.device), args.device, held)
    if not wanted.asked and not wanted.barred:
        sys.stderr.write("no device is asked: the register has none with an address, or all are stopped\n")
    silent = 0
    with Engine(window=settings.collect.window) as engine:
        for device, result in ask(engine, wanted, profiles, now_ms=args.now_ms, held=held):
            silent += any(gap.metric == "poll.answered" for gap in result.decoded.gaps)
            if args.json:
                sys.stdout.writelines(f"{line}\n" for line in json_lines(result))
            else:
                sys.stdout.write(f"== {device}\n")
                table(result, sys.stdout)
    return PARTIAL if silent else 0


def without_halted(known: Roll, named: Iterable[str], held: Halted) -> Roll:
    """Leave out what `netops collect halt` stopped; a device that is named is asked all the same, and that is said."""
    stopped = {name for name, each in known.asked.items() if held.device(name, each.profile)}
    chosen = set(named)
    for name in sorted(set(known.asked) - stopped):
        for cost in sorted(held.costs(name, known.asked[name].profile)):
            sys.stderr.write(f"{name}: its {cost} columns are stopped by `netops collect halt` and not asked\n")
    for name in sorted(stopped):
        what = "asked all the same, for you named it" if name in chosen else "not asked; name it to ask it all the same"
        sys.stderr.write(f"{name} is stopped by `netops collect halt`: {what}\n")
    asked = {name: each for name, each in known.asked.items() if name not in stopped - chosen}
    return Roll(asked=asked, barred=known.barred)


def _chosen(known: Roll, names: Iterable[str]) -> Roll:
    chosen = set(names)
    every = {**known.asked, **known.barred}
    for name in sorted(chosen - set(every)):
        raise CollectorError(f"device '{name}' is not one that the register has us ask{nearest(name, every)}")
    if not chosen:
        return known
    return Roll(
        asked={name: each for name, each in known.asked.items() if name in chosen},
        barred={name: why for name, why in known.barred.items() if name in chosen},
    )


def ask(
    engine: Engine, wanted: Roll, profiles: Mapping[str, Profile], *, now_ms: int, held: Halted = NOTHING_HELD
) -> Iterator[tuple[str, Replayed]]:
    """Yield (device, result): first how each device's tree is laid out, then all of it but the halted costs."""
    for device, reason in wanted.barred.items():
        yield device, _nothing(device, reason, now_ms)
    first = [Job(each.target, poll.question(profiles, each.profile), each) for each in wanted.asked.values()]
    second = []
    for answer in engine.run(first):
        asked: Asked = answer.token
        if not answer.answered:
            yield asked.id, _nothing(asked.id, Reason(poll.outcome(answer)), now_ms, family=asked.profile)
            continue
        fitted = poll.fit(profiles, asked.profile, answer)
        stopped = held.costs(asked.id, asked.profile)
        used = plan(fitted.chosen, costs=tuple(cost for cost in COST_S if cost not in stopped))
        second.append(Job(asked.target, used.ask, (asked, fitted, used)))
    for answer in engine.run(second):
        yield answer.token[0].id, _result(answer)


def _result(answer: Answer) -> Replayed:
    asked, fitted, used = answer.token
    decoded = decode(used, answer, device=asked.id, at_ms=answer.at_ms)
    return Replayed(device=asked.id, detected=Detected(chosen=fitted.chosen, because={}), decoded=decoded)


REMEDIES = {
    Reason.NO_CREDENTIAL: "its credential is not in the settings, or the secret cannot be read; `netops check`",
    Reason.NO_ADDRESS: "the register states no numeric address",
    Reason.NO_PROFILE: "the register names a profile that is not installed; `netops check`",
    Reason.NO_ANSWER: "address, port, community or user, or a firewall between",
}


def _nothing(device: str, reason: Reason, now_ms: int, *, family: str = "") -> Replayed:
    subject = Subject("device", device)
    detail = REMEDIES.get(reason, "")
    gap = Gap(metric="poll.answered", subject=subject, device=device, at_ms=now_ms, reason=reason, detail=detail)
    known = shipped()
    chosen = tuple(whole(each) for each in poll.named(known, family).values()) if family in known else ()
    return Replayed(
        device=device,
        detected=Detected(chosen=chosen, because={}),
        decoded=Decoded(observations=(), gaps=(gap,)),
    )
