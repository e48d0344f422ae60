"""Informs and whole sessions a second of the ACS on one core, memory of a session, and what hostile XML costs.

    python benchmarks/cwmp.py [--cpes 400] [--seconds 10]

The ACS runs in a process of its own, bound to one core where there are several; the simulated CPEs speak HTTP on
loopback from the other. The figure to trust is processor time of the ACS per Inform: the machine may be busy. Each CPE
logs in by digest, is discovered and read once, and then informs again and again: Informs alone are not read, a CPE of a
new slot is. At the end the spool is counted: it must hold one poll of each CPE that came to its end, and no more.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from collectors.cwmp import markup, soap, spoken  # noqa: E402
from collectors.cwmp.message import GetValues  # noqa: E402
from collectors.errors import DecodeError  # noqa: E402
from collectors.simulator.cpe import Cpe, small_cell  # noqa: E402
from inventory import sql  # noqa: E402
from inventory.city import city_of  # noqa: E402
from inventory.model import Area, Carrier, Device, Door, Site  # noqa: E402
from inventory.register import Register  # noqa: E402
from inventory.tables import MIGRATIONS  # noqa: E402
from netops import clock, config, wire  # noqa: E402
from netops.spool import Reader  # noqa: E402

SERVE = (
    "import os,signal,sys,threading; from pathlib import Path\n"
    "from netops.config import load; from collectors.cwmp.service import AcsService\n"
    "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    "s = AcsService(load(Path(sys.argv[1]), environ={})); e = threading.Event()\n"
    "signal.signal(signal.SIGTERM, lambda *_: e.set()); s.start(); print(s.port, flush=True); e.wait(); s.stop()\n"
)


def instance(folder: Path, count: int) -> Path:
    """Write settings and a register of so many small cells."""
    file = folder / "netops.toml"
    file.write_text(
        f'[city]\nrehearsal = true\n[data]\ndir = "{folder}"\n'
        "[acs]\nenabled = true\ninterval_s = 86400\ncall = false\nper_address = 0\nsessions = 20000\nsession_s = 600\n"
        "[acs.listen]\nport = 0\n"
        '[credentials.fleet]\nkind = "cwmp"\npassword = "plain:secret"\n',
        encoding="utf-8",
    )
    settings = config.load(file, environ={})
    area = Area(id="110108001", name="万寿路街道", name_en="Wanshoulu", col=0, row=0)
    records = [area, Site(id="s", name="s", area=area.id), Carrier(id="a", name="甲")]
    for n in range(count):
        records += [
            Device(id=f"cell-{n}", site="s", carrier="a", role="small_cell", serial=f"SN{n}"),
            Door(id=f"cell-{n}-cwmp", device=f"cell-{n}", kind="cwmp", port=7547, credential="fleet"),
        ]
    sql.upgrade(MIGRATIONS, settings.register_url)
    with Register(settings.register_url, rehearsal=True) as register:
        register.apply(city_of(records), at_ms=0, now_ms=clock.SYSTEM.now_ms())
    return file


def used_s(pid: int) -> float:
    """Return the processor time of a process, seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kb(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(text.partition("VmRSS:")[2].split()[0])


def crowd(work, threads: int) -> None:
    each = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    for thread in each:
        thread.start()
    for thread in each:
        thread.join()


def timed(pid: int, name: str, work, threads: int) -> None:
    """Run `work(n)` in so many threads; it returns how much it did."""
    done: list[int] = []
    cpu, began = used_s(pid), time.perf_counter()
    crowd(lambda n: done.append(work(n)), threads)
    wall, cpu = time.perf_counter() - began, used_s(pid) - cpu
    total = sum(done)
    print(
        f"{name:<44}{total:>8}{total / wall:>12.0f}/s wall{total / max(cpu, 1e-9):>12.0f}/s of a core"
        f"{1000 * cpu / max(total, 1):>10.2f} ms each"
    )


def hostile() -> None:
    many = 100_000
    laughs = b"".join(b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 10))
    cases = {
        "billion laughs": b'<!DOCTYPE l [<!ENTITY a0 "ha">' + laughs + b"]><l>&a9;</l>",
        "100,000 levels": b"<a>" * many + b"</a>" * many,
        "80,000 attributes in one tag": b"<a " + b" ".join(b'a%d="1"' % i for i in range(80_000)) + b"/>",
        "a megabyte of elements": b"<a>" + b"<b/>" * 200_000 + b"</a>",
        "a megabyte of text": b"<a>" + b"x" * 1_000_000 + b"</a>",
    }
    for name, octets in cases.items():
        began = time.thread_time()
        with contextlib.suppress(DecodeError):
            markup.read(octets)
        print(f"  {name:<42}{1000 * (time.thread_time() - began):>10.2f} ms until it is refused")
    cell = Cpe(0, "SN1", small_cell("SN1"))
    for name, octets in {
        "an Inform": cell.inform(["2 PERIODIC"]),
        "the values of a small cell": cell.answer(
            spoken.envelope(spoken.request(GetValues(("Device.",))), space="", name="1")
        ),
    }.items():
        began = time.thread_time()
        for _ in range(1000):
            soap.read(octets)
        print(f"  {name:<42}{time.thread_time() - began:>10.3f} ms to read ({len(octets)} octets)")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--cpes", type=int, default=400)
    words.add_argument("--seconds", type=float, default=10)
    words.add_argument("--threads", type=int, default=8)
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as made, contextlib.ExitStack() as stack:
        folder = Path(made)
        file = instance(folder, given.cpes)
        command = [sys.executable, "-c", SERVE, str(file)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        stack.callback(process.wait)
        stack.callback(process.terminate)
        assert process.stdout
        port = int(process.stdout.readline())
        cpes = [Cpe(port, f"SN{n}", small_cell(f"SN{n}")) for n in range(given.cpes)]
        share = [cpes[n :: given.threads] for n in range(given.threads)]
        ended: Counter[str] = Counter()

        def whole(n: int) -> int:
            for cpe in share[n]:
                ended[cpe.serial] += cpe.session(["1 BOOT"])
            return len(share[n])

        def informs(n: int) -> int:
            until, count = time.perf_counter() + given.seconds, 0
            while time.perf_counter() < until:
                cpe = share[n][count % len(share[n])]
                status, _ = cpe.post(cpe.inform(["2 PERIODIC"]))
                count += status == 200
            return count

        before = resident_kb(process.pid)
        for cpe in cpes:
            cpe.post(cpe.inform(["2 PERIODIC"]))
            cpe.post(b"")
        held = resident_kb(process.pid) - before
        print(f"{given.cpes} sessions under way, connections open: {held} KiB, {held / given.cpes:.1f} KiB each")
        for cpe in cpes:
            cpe.close()
        timed(process.pid, "first sessions: discovered, read, arranged", whole, given.threads)
        timed(process.pid, "Informs, logged in by digest", informs, given.threads)
        time.sleep(1.5)
        with Reader(folder / "spool" / "acs.db") as reader:
            polls = Counter(wire.decode(each.payload).device for each in reader.read(after=0, limit=10**6, kind="poll"))
        assert set(polls.values()) == {1}, polls.most_common(3)
        assert len(polls) == sum(1 for count in ended.values() if count), (len(polls), len(ended))
        print(f"stored: {len(polls)} polls of {given.cpes} CPEs, each once")
    hostile()


if __name__ == "__main__":
    main()
