"""What a poll takes in the spool: real replies of real devices, many devices in one `put`, as a poller brings them.

    .venv/bin/python benchmarks/spool_size.py ../shared/data/recordings [--minutes 3] [--only ap] [--alike 4]

Each recording is asked by its own profile once, and told again for some minutes with counters that go on. Printed:
values and bytes of replies a poll, and what it takes in a put of its own, in a put with all the others, and there
without its rows (which the core can read again from the replies). Recordings of controllers with thousands of rows are
large polls; `--most` leaves out what has more values. `--alike 4` has four devices of each model, whose large numbers
differ: a city buys more than one of a kind.
"""

from __future__ import annotations

import argparse
import random
import statistics
from dataclasses import replace
from pathlib import Path

from collectors import poll as polling
from collectors.profile_yaml import shipped
from collectors.recording import load
from collectors.replay import places
from collectors.snmp.agent import interview
from netops import blocks, wire
from netops.model import Row

MINUTE = 60_000


def polls_of(paths, profiles):
    """Return the poll of each recording that some profile knows."""
    wanted = places(profiles.values())
    for path in paths:
        agent = load(path, wanted=wanted).agent
        fitted = polling.fit(profiles, "", interview(agent, polling.question(profiles, "")))
        used = polling.Plans().of(fitted, frozenset({"cheap", "dear", "heavy"}))
        yield polling.polled(path.stem.lower().replace("_", "-"), 0, used, interview(agent, used.ask, at_ms=0))


def later(poll, minute, dice):
    """Return the poll of a later minute: large numbers have grown, in the rows and somewhere in the replies."""
    rows = []
    for row in poll.rows:
        values = {
            metric: value + dice.randrange(5000) if value is not None and value > 1000 else value
            for metric, value in row.values.items()
        }
        rows.append(Row(subject=row.subject, values=values, codes=row.codes, texts=row.texts))
    replies = bytearray(poll.raw)
    for _ in range(sum(len(row.values) for row in rows) // 3):
        replies[dice.randrange(len(replies))] = dice.randrange(256)
    at = minute * MINUTE + dice.randrange(40_000)
    return replace(poll, slot_ms=minute * MINUTE, at_ms=at, rows=tuple(rows), raw=bytes(replies))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--minutes", type=int, default=3)
    parser.add_argument("--only", default="*", help="ap, pon or lte")
    parser.add_argument("--alike", type=int, default=1, help="devices of each model")
    parser.add_argument("--most", type=int, default=1000, help="values of a poll")
    args = parser.parse_args()
    made = list(polls_of(sorted(args.recordings.glob(f"{args.only}/*.snmprec")), shipped()))
    made = [each for each in made if each.raw and sum(len(row.values) for row in each.rows) <= args.most]
    values = statistics.mean(sum(len(row.values) + len(row.texts) for row in each.rows) for each in made)
    replies = statistics.mean(len(each.raw) for each in made)
    print(f"{len(made)} devices: {values:.0f} values and {replies:.0f} bytes of replies a poll")
    dice = random.Random(1)
    for minute in range(args.minutes):
        more = [replace(each, device=f"{each.device}-{n}") for each in made for n in range(args.alike)]
        now = [later(each, minute, dice) for each in more]
        dice.shuffle(now)
        whole, thin = ([wire.encode(each) for each in some] for some in (now, [replace(each, rows=()) for each in now]))
        alone = sum(len(blocks.pack([each])) for each in whole)
        sizes = [sum(len(blocks.pack(each)) for each in blocks.split(some)) for some in (whole, thin)]
        told = [f"{size / len(now):.0f}" for size in (sum(map(len, whole)), alone, *sizes)]
        print("bytes a poll: {} as encoded, {} alone, {} together, {} together without rows".format(*told))


if __name__ == "__main__":
    main()
