"""The work that every client does: which agents, which objects, how it is measured."""

import json
import os
import resource
import time
from pathlib import Path

AGENTS = 1_000
WARM_S = 0.7
GET = [f"1.3.6.1.2.1.1.{n}.0" for n in range(1, 8)]
GET += ["1.3.6.1.2.1.2.1.0"] + [f"1.3.6.1.2.1.11.{n}.0" for n in range(1, 5)]
CHECKED = 8  # this object's value is the agent's address as a number: every answer can be checked
COLUMNS = [f"1.3.6.1.2.1.2.2.1.{n}" for n in (1, 2, 3, 5, 8, 10, 13, 14, 16, 20)]
TABLE = "1.3.6.1.2.1.2.2.1"
ROWS = 32
CELLS = ROWS * len(COLUMNS)
SCALARS = [f"1.3.6.1.2.1.1.{n}.0" for n in range(1, 8)] + [f"1.3.6.1.2.1.11.{n}.0" for n in range(8, 21)]


def agent(n: int) -> str:
    return f"127.1.{n // 250}.{n % 250 + 1}"


def as_number(n: int) -> int:
    return 0x7F010000 + (n // 250) * 256 + n % 250 + 1


def cpu(*, children: bool = False) -> float:
    """Return the CPU seconds of this process, or of its children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of another process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def told(client: str, mode: str, *, requests: int, varbinds: int, seconds: float, cpu_s: float, errors: int) -> None:
    """Print a client's result as one JSON line."""
    print(
        json.dumps(
            {
                "client": client,
                "mode": mode,
                "requests_s": round(requests / seconds),
                "varbinds_s": round(varbinds / seconds),
                "cpu_s_per_10k": cpu_s / varbinds * 10_000 if varbinds else None,
                "cpu_us_per_request": cpu_s / requests * 1e6 if requests else None,
                "cores": round(cpu_s / seconds, 2),
                "errors": errors,
            }
        ),
        flush=True,
    )


class Span:
    """A measured span of wall and CPU seconds."""

    def __init__(self) -> None:
        self.wall, self.used = time.perf_counter(), cpu()

    def over(self) -> tuple[float, float]:
        return time.perf_counter() - self.wall, cpu() - self.used
