"""gufo-snmp's asyncio client over the same agents: `gufo_async.py MODE PORT CONCURRENCY SECONDS`, one JSON line.

Run by `run.py --gufo PYTHON` with an interpreter whose environment has gufo-snmp; it is no dependency of the project.
"""

import asyncio
import itertools
import sys
import time

from gufo.snmp.aio import SnmpSession
from load import AGENTS, CELLS, CHECKED, GET, TABLE, WARM_S, Span, agent, as_number, told

REPETITIONS = 25


async def main(mode: str, port: int, concurrency: int, seconds: float) -> None:
    sums = {"requests": 0, "varbinds": 0, "errors": 0}
    sessions = [SnmpSession(agent(n), port=port, community="public", timeout=5) for n in range(AGENTS)]
    turn = itertools.cycle(range(AGENTS))

    async def get(n: int) -> None:
        found = await sessions[n].get_many(GET)
        sums["errors"] += found.get(GET[CHECKED]) != as_number(n)
        sums["requests"] += 1
        sums["varbinds"] += len(found)

    async def walk(n: int) -> None:
        cells = 0
        async for _ in sessions[n].getbulk(TABLE, max_repetitions=REPETITIONS):
            cells += 1
        sums["errors"] += cells != CELLS
        sums["requests"] += cells // REPETITIONS + 1
        sums["varbinds"] += cells

    ask = {"get": get, "walk": walk}[mode]
    began = time.perf_counter()

    async def worker() -> None:
        while time.perf_counter() - began < WARM_S + seconds:
            await ask(next(turn))

    workers = [asyncio.create_task(worker()) for _ in range(concurrency)]
    await asyncio.sleep(WARM_S)
    sums.update(requests=0, varbinds=0)
    span = Span()
    await asyncio.gather(*workers)
    wall, used = span.over()
    told("gufo-snmp, asyncio", mode, seconds=wall, cpu_s=used, **sums)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
