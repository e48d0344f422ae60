"""A recorded controller of thousands of access points as a live agent: what a poll of all its tables takes.

    .venv/bin/python benchmarks/snmp/largest.py ../shared/data/recordings/ap_full/huawei-acu2.snmprec.bz2

The recording (2.33 million objects) answers over UDP on loopback from a process of its own; the poller asks what it
asks of any device: first how it is laid out, then what is cheap, then everything. What is decoded is compared with
the same recording replayed without a wire. The agent is in Python and slow: the poller's own CPU is the figure.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from load import cpu
from run import free_port

from collectors import poll
from collectors.columns import Known
from collectors.decode import decode
from collectors.plan import plan
from collectors.profile_yaml import shipped
from collectors.recording import load
from collectors.simulator.udp import Responder
from collectors.snmp.agent import interview
from collectors.snmp.ask import Community, Limits, Target
from collectors.snmp.engine import Engine
from netops import wire

LIMITS = Limits(walk_varbinds=500_000, walk_s=300.0, octets=256 << 20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    agent = load(args.recording, wanted=((1, 3, 6, 1),)).agent
    if args.serve:
        Responder({"127.0.0.1": agent}, port=args.serve, community=b"public").start()
        print("ready", flush=True)
        sys.stdin.read()
        return
    port = free_port()
    words = [sys.executable, __file__, str(args.recording), "--serve", str(port)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        server.stdout.readline()
        target = Target(
            address="127.0.0.1", credential=Community(b"public"), port=port, timeout_s=5.0, deadline_s=600.0
        )
        with Engine(window=8) as engine:
            first = engine.ask(target, poll.question(shipped(), ""))
            fitted = poll.fit(shipped(), "", first)
            print(f"{len(agent.objects)} objects; family {'+'.join(each.profile.name for each in fitted.chosen)}")
            for costs in (("cheap",), ("cheap", "dear", "heavy")):
                print(json.dumps(measured(engine, target, fitted, costs, agent), indent=1))
        server.stdin.close()


def measured(engine: Engine, target: Target, fitted: poll.Fitted, costs: tuple[str, ...], agent: object) -> dict:
    todo = plan(fitted.chosen, costs=costs, limits=LIMITS)
    begun, used = time.perf_counter(), cpu()
    answer = engine.ask(target, todo.ask)
    asked_s, asked_cpu = time.perf_counter() - begun, cpu() - used
    used = cpu()
    made = poll.polled("d", 0, todo, answer, Known())
    decoded_cpu = cpu() - used
    varbinds = sum(len(column) for walked in answer.walks for column in walked.columns)
    still = interview(agent, todo.ask, at_ms=0)
    same = decode(todo, still, device="d", at_ms=answer.at_ms) == decode(todo, answer, device="d", at_ms=answer.at_ms)
    kinds: dict[str, int] = {}
    for row in made.rows:
        kinds[row.subject.kind] = kinds.get(row.subject.kind, 0) + 1
    return {
        "asked": "+".join(costs),
        "outcome": made.outcome,
        "subjects": kinds,
        "varbinds": varbinds,
        "datagrams": answer.sent,
        "wall_s": round(asked_s, 2),
        "engine_cpu_s": round(asked_cpu, 2),
        "decode_cpu_s": round(decoded_cpu, 2),
        "bytes_in_the_spool": len(wire.encode(made)),
        "as_without_a_wire": same,
    }


if __name__ == "__main__":
    main()
