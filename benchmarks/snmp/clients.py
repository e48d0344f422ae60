"""One client, one mode, one JSON line: `clients.py CLIENT MODE PORT CONCURRENCY SECONDS`."""

import asyncio
import http.client
import itertools
import os
import subprocess
import sys
import threading
import time
import warnings
from functools import partial

from load import (
    AGENTS,
    CELLS,
    CHECKED,
    COLUMNS,
    GET,
    ROWS,
    SCALARS,
    TABLE,
    WARM_S,
    Span,
    agent,
    as_number,
    cpu,
    cpu_of,
    told,
)

from collectors.snmp import compiled
from collectors.snmp.ask import Ask, Community, Target
from collectors.snmp.engine import Engine
from collectors.snmp.flight import Job
from collectors.snmp.template import Template
from collectors.snmp.usm import User
from collectors.snmp.varbind import parse


def ours(mode: str, port: int, concurrency: int, seconds: float, *, general: bool = False) -> None:
    """Ask with the engine. `general` switches the recognition of known replies off: the decoder reads every octet."""
    if general:
        Template.learn = lambda *_: None
    names = tuple(map(parse, GET))
    columns = tuple(map(parse, COLUMNS))
    credential = Community(b"public")
    ask = {
        "get": Ask(gets=names),
        "walk": Ask(walks=(columns,)),
        "poll": Ask(gets=tuple(map(parse, SCALARS)), walks=(columns,)),
        "v3": Ask(gets=(names[2], names[4])),
    }[mode]
    if mode == "v3":
        credential = User(name="bench", auth_protocol="SHA-256", auth_key="bench phrase", priv_key="other phrase")
    targets = [Target(address=agent(n), port=port, credential=credential, timeout_s=2.0) for n in range(AGENTS)]
    jobs = [Job(target, ask, as_number(n)) for n, target in enumerate(targets)]  # a poller knows whom it asks
    turn = itertools.cycle(jobs)
    sums = {"asks": 0, "errors": 0}
    going = True

    def wrong(answer) -> bool:
        if answer.failed is not None:
            return True
        if mode == "v3":
            return len(answer.got[0][1]) != 2
        return answer.walks[0].failed is not None or any(len(column) != ROWS for column in answer.walks[0].columns)

    with Engine(window=concurrency) as engine:

        def more(count: int) -> None:
            engine.submit(itertools.islice(turn, count), taken)

        def taken(batch) -> None:
            sums["asks"] += len(batch)
            if not going:
                return
            more(len(batch))
            if mode == "get":  # in line: a call for each would be a good part of what is measured
                for answer in batch:
                    if answer.failed is not None or answer.got[0][1].values[CHECKED] != answer.token:
                        sums["errors"] += 1
            else:
                sums["errors"] += sum(map(wrong, batch))

        for _ in engine.run(jobs):  # routes, plans, SNMPv3 engines are known now
            pass
        more(2 * concurrency)
        time.sleep(WARM_S)
        before, sent, span = dict(sums), engine.counters.sent, Span()
        time.sleep(seconds)
        wall, used = span.over()
        asks, requests = sums["asks"] - before["asks"], engine.counters.sent - sent
        going = False
        time.sleep(0.2)
        errors = sums["errors"] + engine.counters.retried + engine.counters.socket_drops
    each = {"get": len(GET), "walk": CELLS, "poll": len(SCALARS) + CELLS, "v3": 2}[mode]
    name = "netops" if compiled.fast() is None else "netops compiled"
    name = f"{name}, general decoder only" if general else name
    told(name, mode, requests=requests, varbinds=asks * each, seconds=wall, cpu_s=used, errors=errors)


def general(mode: str, port: int, concurrency: int, seconds: float) -> None:
    ours(mode, port, concurrency, seconds, general=True)


def pysnmp(mode: str, port: int, concurrency: int, seconds: float, *, first: bool = False) -> None:
    """Ask with pysnmp 7.1's v3arch; at most 20 at once, it reports time-outs beyond.

    Every agent is asked once before time counts, as ours are: an agent's first question costs pysnmp more than twice
    what later ones do, and grows with the agents that it knows. `first`: those first questions are what is measured.
    """
    warnings.simplefilter("ignore")
    from pysnmp.hlapi.v3arch import asyncio as api  # noqa: PLC0415  (its import is no part of the other clients)

    engine, context = api.SnmpEngine(), api.ContextData()
    community = api.CommunityData("public")
    if mode == "v3":
        protocols = {"authProtocol": api.usmHMAC192SHA256AuthProtocol, "privProtocol": api.usmAesCfb128Protocol}
        community = api.UsmUserData("bench", "bench phrase", "other phrase", **protocols)
    sums = {"requests": 0, "varbinds": 0, "errors": 0}

    async def target(n):
        return await api.UdpTransportTarget.create((agent(n), port), timeout=5, retries=1)

    async def get(n):
        names = [api.ObjectType(api.ObjectIdentity(oid)) for oid in GET]
        error, status, _, rows = await api.get_cmd(engine, community, await target(n), context, *names, lookupMib=False)
        sums["errors"] += bool(error or status) or int(rows[CHECKED][1]) != as_number(n)
        sums["requests"] += 1
        sums["varbinds"] += len(rows)

    async def v3(n):
        names = [api.ObjectType(api.ObjectIdentity(oid)) for oid in (GET[2], GET[4])]
        error, status, _, rows = await api.get_cmd(engine, community, await target(n), context, *names, lookupMib=False)
        sums["errors"] += bool(error or status) or len(rows) != 2
        sums["requests"] += 1
        sums["varbinds"] += len(rows)

    async def walk(n):
        cursors, cells = list(COLUMNS), 0
        while cells < CELLS:
            names = [api.ObjectType(api.ObjectIdentity(oid)) for oid in cursors]
            error, status, _, rows = await api.bulk_cmd(
                engine, community, await target(n), context, 0, 8, *names, lookupMib=False
            )
            if error or status:
                sums["errors"] += 1
                return
            sums["requests"] += 1
            cells += len(rows)
            cursors = [str(row[0]) for row in rows[-len(COLUMNS) :]]
        sums["varbinds"] += cells

    async def main():
        ask = {"get": get, "walk": walk, "v3": v3}[mode]
        at_once = range(min(concurrency, 20))
        fresh, span = iter(range(AGENTS)), Span()

        async def meet():
            for n in fresh:
                await (v3 if mode == "v3" else get)(n)

        await asyncio.gather(*[meet() for _ in at_once])
        if first:
            wall, used = span.over()
            told("pysnmp 7.1, first questions", mode, seconds=wall, cpu_s=used, **sums)
            return
        sums.update(requests=0, varbinds=0)
        turn, span = itertools.cycle(range(AGENTS)), Span()
        until = time.perf_counter() + seconds

        async def worker():
            while time.perf_counter() < until:
                await ask(next(turn))

        await asyncio.gather(*[worker() for _ in at_once])
        wall, used = span.over()
        told("pysnmp 7.1", mode, seconds=wall, cpu_s=used, **sums)

    asyncio.run(main())


def commands(mode: str, port: int, concurrency: int, seconds: float) -> None:
    """Ask with a net-snmp process per device, as scripts and small pollers do; a few at a time."""
    common = ["-v2c", "-c", "public", "-On", "-Oq", "-t", "5"]
    environment = {**os.environ, "MIBS": ""}
    turn = itertools.cycle(range(AGENTS))
    sums = {"requests": 0, "varbinds": 0, "errors": 0}
    until = time.perf_counter() + seconds

    def one(n: int) -> None:
        at = f"{agent(n)}:{port}"
        words = ["snmpget", *common, at, *GET] if mode == "get" else ["snmpbulkwalk", *common, "-Cr25", at, TABLE]
        done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
        lines = done.stdout.count("\n")
        sums["errors"] += done.returncode != 0 or lines != (len(GET) if mode == "get" else CELLS)
        sums["requests"] += 1 if mode == "get" else 13
        sums["varbinds"] += lines

    def worker() -> None:
        while time.perf_counter() < until:
            one(next(turn))

    started, used = time.perf_counter(), cpu(children=True)
    workers = [threading.Thread(target=worker) for _ in range(concurrency)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    wall, used = time.perf_counter() - started, cpu(children=True) - used
    name = "net-snmp snmpget" if mode == "get" else "net-snmp snmpbulkwalk"
    told(f"{name}, a process each", mode, seconds=wall, cpu_s=used, **sums)


def exporter(mode: str, port: int, concurrency: int, seconds: float) -> None:
    """Ask through Debian's prometheus-snmp-exporter, which listens on the next port."""
    pid, at = int(os.environ["EXPORTER_PID"]), int(os.environ["EXPORTER_PORT"])
    wanted = b"m1_3_6_1_2_1_11_1 " if mode == "get" else b"col16"
    sums = {"asks": 0, "errors": 0}
    going = [True]

    def worker(first: int) -> None:
        link = http.client.HTTPConnection("127.0.0.1", at)
        for n in itertools.count(first, concurrency):
            if not going[0]:
                return
            link.request("GET", f"/snmp?target={agent(n % AGENTS)}:{port}&module=sim{mode}")
            said = link.getresponse()
            body = said.read()
            sums["errors"] += said.status != 200 or wanted not in body
            sums["asks"] += 1

    workers = [threading.Thread(target=worker, args=(n,), daemon=True) for n in range(concurrency)]
    for each in workers:
        each.start()
    time.sleep(WARM_S)
    asks, used, started = sums["asks"], cpu_of(pid), time.perf_counter()
    time.sleep(seconds)
    asks, used, wall = sums["asks"] - asks, cpu_of(pid) - used, time.perf_counter() - started
    going[0] = False
    each, requests = (len(GET), 1) if mode == "get" else (CELLS, 13)
    told(
        "prometheus-snmp-exporter",
        mode,
        requests=asks * requests,
        varbinds=asks * each,
        seconds=wall,
        cpu_s=used,
        errors=sums["errors"],
    )


CLIENTS = {
    "ours": ours,
    "general": general,
    "pysnmp": pysnmp,
    "pysnmp_first": partial(pysnmp, first=True),
    "commands": commands,
    "exporter": exporter,
}

if __name__ == "__main__":
    _, who, mode, port, concurrency, seconds = sys.argv
    CLIENTS[who](mode, int(port), int(concurrency), float(seconds))
