"""SNMP speed: our engine, pysnmp, net-snmp and the Prometheus exporter against the same agents in the same run.

    .venv/bin/python benchmarks/snmp/run.py [--seconds 3] [--rounds 3] [--gufo PYTHON] [--json FILE]

Builds the responder (1,000 agents on loopback), the blaster (the machine's limit: it decodes nothing) and net-snmp's
C client with gcc; takes the best of the rounds of each, since other work on the machine only ever adds. The figure to
compare is CPU seconds per 10,000 varbinds. Needs root (the responder binds to the loopback device).
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

from load import AGENTS, CELLS, SCALARS, WARM_S, cpu_of

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FAST = any((ROOT / "collectors" / "snmp").glob("_fast*.so"))  # the compiled hot path, where setup.py could build it
IN_PYTHON, COMPILED = {"NETOPS_NO_C": "1"}, {"NETOPS_NO_C": "0"}


def free_port(kind: int = socket.SOCK_DGRAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("0.0.0.0", 0))
        return probe.getsockname()[1]


@contextmanager
def running(words: list[str], *, ready: float = 0.5, **options):
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        time.sleep(ready)
        if child.poll() is not None:
            sys.exit(f"{words[0]} ended at once with {child.returncode}; is this root, and is the port free?")
        yield child
    finally:
        child.terminate()
        child.wait()


def build(directory: Path) -> dict[str, Path]:
    made = {}
    for name, more in {"responder": [], "blaster": [], "netsnmp_async": ["-lnetsnmp"]}.items():
        words = ["gcc", "-O2", "-march=native", "-w", "-o", str(directory / name), str(HERE / f"{name}.c"), *more]
        if subprocess.run(words, stderr=subprocess.DEVNULL, check=False).returncode == 0:
            made[name] = directory / name
        else:
            print(f"left out: {name} (gcc or libsnmp-dev is missing)", file=sys.stderr)
    return made


def client(who: str, mode: str, port: int, concurrency: int, seconds: float, **environment: str) -> dict | None:
    words = [sys.executable, str(HERE / "clients.py"), who, mode, str(port), str(concurrency), str(seconds)]
    return _line(words, {**os.environ, "PYTHONPATH": str(ROOT), **environment})


def _line(words: list[str], environment: dict | None = None) -> dict | None:
    done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=600, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        print(f"no result from {' '.join(words)}: {done.stderr[-500:]}", file=sys.stderr)
        return None
    return json.loads(lines[-1])


def compiled(program: Path, mode: str, port: int, concurrency: int, seconds: float) -> dict | None:
    """Run one of the C clients and put its line into our words."""
    if program.name == "blaster":
        kind = {"get": "get", "walk": "bulk"}[mode]
        words = [str(program), str(port), kind, str(AGENTS), str(concurrency), str(seconds), "0", "64"]
    else:
        words = [str(program), str(port), mode, str(AGENTS), str(concurrency), str(seconds), "25"]
    said = _line(words)
    if said is None:
        return None
    name = "blaster (decodes nothing)" if program.name == "blaster" else "net-snmp C, asynchronous"
    return {
        "client": name,
        "mode": mode,
        "requests_s": said["rps"],
        "varbinds_s": said["vbps"],
        "cpu_s_per_10k": said["cpu_s_per_10k_vb"],
        "errors": said.get("err", said.get("lost", 0)),
    }


def best(results: list[dict | None]) -> dict | None:
    """Return the round with the least CPU; errors of all rounds count."""
    had = [result for result in results if result and result["cpu_s_per_10k"]]
    if not had:
        return None
    return {**min(had, key=lambda r: r["cpu_s_per_10k"]), "errors": sum(r["errors"] for r in had)}


def gufo(python: str, mode: str, port: int, seconds: float) -> dict | None:
    """Run gufo-snmp's asyncio client, which lives in an environment of its own."""
    words = [python, str(HERE / "gufo_async.py"), mode, str(port), "100", str(seconds)]
    return _line(words, {**os.environ, "PYTHONPATH": str(ROOT)})


def against_responder(made: dict[str, Path], seconds: float, rounds: int, python_with_gufo: str = "") -> list[dict]:
    port = free_port()
    found = []
    with ExitStack() as stack:
        stack.enter_context(running([str(made["responder"]), str(port)]))
        environment = {}
        if shutil.which("prometheus-snmp-exporter"):
            at = free_port(socket.SOCK_STREAM)
            config = f"--config.file={HERE / 'snmp_exporter.yml'}"
            words = ["prometheus-snmp-exporter", config, f"--web.listen-address=127.0.0.1:{at}", "--log.level=error"]
            child = stack.enter_context(running(words, ready=1.5))
            environment = {"EXPORTER_PID": str(child.pid), "EXPORTER_PORT": str(at)}
        for mode in ("get", "walk"):
            jobs = {
                "ours": lambda m=mode: client("ours", m, port, 100, seconds, **IN_PYTHON),
                "general": lambda m=mode: client("general", m, port, 100, seconds, **IN_PYTHON),
                "pysnmp": lambda m=mode: client("pysnmp", m, port, 20, seconds),
                "commands": lambda m=mode: client("commands", m, port, 2, seconds) if shutil.which("snmpget") else None,
            }
            if mode == "get":
                jobs["pysnmp_first"] = lambda m=mode: client("pysnmp_first", m, port, 20, seconds)
            if FAST:
                jobs["fast"] = lambda m=mode: client("ours", m, port, 100, seconds, **COMPILED)
            if python_with_gufo:
                jobs["gufo"] = lambda m=mode: gufo(python_with_gufo, m, port, seconds)
            if environment:
                jobs["exporter"] = lambda m=mode: client("exporter", m, port, 20, seconds, **environment)
            for name in ("netsnmp_async", "blaster"):
                if name in made:
                    jobs[name] = lambda m=mode, p=made[name]: compiled(p, m, port, 100, seconds)
            turns = [{name: job() for name, job in jobs.items()} for _ in range(rounds)]
            found += [one for name in jobs if (one := best([turn[name] for turn in turns])) is not None]
        for way in (IN_PYTHON, COMPILED) if FAST else (IN_PYTHON,):
            thousand = best([client("ours", "get", port, 1000, seconds, **way) for _ in range(rounds)])
            if thousand:
                found.append({**thousand, "client": f"{thousand['client']}, 1,000 in flight"})
            poll = best([client("ours", "poll", port, 500, seconds, **way) for _ in range(rounds)])
            if poll:
                found.append(poll)
    return found


def against_snmpd(directory: Path, seconds: float, rounds: int) -> list[dict]:
    program = shutil.which("snmpd") or "/usr/sbin/snmpd"
    if not Path(program).exists():
        print("left out: SNMPv3 (snmpd is missing)", file=sys.stderr)
        return []
    port = free_port()
    config = directory / "snmpd.conf"
    user = 'createUser bench SHA-256 "bench phrase" AES "other phrase"'
    config.write_text(f"agentAddress udp:0.0.0.0:{port}\n{user}\nrouser bench priv\n")
    state = directory / "state"
    state.mkdir()
    environment = {**os.environ, "SNMP_PERSISTENT_DIR": str(state), "MIBS": ""}
    words = [program, "-f", "-LE", "3", "-C", "-c", str(config)]
    with running(words, ready=2.5, env=environment) as agent:
        results, theirs, used = [], [], 0.0
        for _ in range(rounds):
            before = cpu_of(agent.pid)
            results.append(client("ours", "v3", port, 100, seconds, **IN_PYTHON))
            used += cpu_of(agent.pid) - before
            theirs.append(client("pysnmp", "v3", port, 20, seconds))
    one, other = best(results), best(theirs)
    # The agent also answers the round that makes the engines known (two requests each) and the warm-up.
    total = sum(r["requests_s"] * (seconds + WARM_S) + 2 * AGENTS for r in results if r)
    found = [{**one, "agent_us": used / total * 1e6}] if one else []
    return [*found, other] if other else found


def show(results: list[dict]) -> None:
    print(f"{'client':32} {'mode':5} {'requests/s':>11} {'varbinds/s':>11} {'CPU-s/10k vb':>13} {'errors':>7}")
    for r in results:
        words = (r["client"], r["mode"], r["requests_s"], r["varbinds_s"], r["cpu_s_per_10k"], r["errors"])
        print("{:32} {:5} {:>11,.0f} {:>11,.0f} {:>13.4f} {:>7}".format(*words))
    by = {(r["client"], r["mode"]): r for r in results}
    for way in ("netops", "netops compiled"):
        print(f"\nper CPU second, {way} against")
        for mode in ("get", "walk", "v3"):
            mine = by.get((way, mode))
            for r in results:
                if mine and r["mode"] == mode and r is not mine and not r["client"].startswith("netops"):
                    ratio, rate = r["cpu_s_per_10k"] / mine["cpu_s_per_10k"], mine["varbinds_s"] / r["varbinds_s"]
                    print(f"  {r['client']:32} {mode:5} {ratio:8.2f} ×  ({rate:.2f} × its varbinds/s)")
        thousand, poll = by.get((f"{way}, 1,000 in flight", "get")), by.get((way, "poll"))
        if thousand:
            print(f"\nfalse time-outs, retries and drops at 1,000 in flight: {thousand['errors']} (level: 0)")
        if poll:
            share = poll["cpu_s_per_10k"] / 10_000 * (len(SCALARS) + CELLS) * 10_000 / 60
            load = f"10,000 devices × ({len(SCALARS)} scalars + 32 × 10 table) every 60 s"
            print(f"{load}: {share:.0%} of one core (level: 100 %)")
    v3 = by.get(("netops", "v3"))
    if v3:
        own = 1e6 / v3["cpu_us_per_request"]
        print(f"SNMPv3 authPriv (SHA-256, AES): {v3['requests_s']:,} requests/s beside snmpd on this machine;")
        print(
            f"  {v3['cpu_us_per_request']:.0f} µs of our CPU each, {own:,.0f}/s for one core (level: 15,000);", end=""
        )
        print(f" snmpd needs {v3['agent_us']:.0f} µs each")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--seconds", type=float, default=3.0, help="measured per client and round")
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--gufo", default="", metavar="PYTHON", help="an interpreter that has gufo-snmp")
    words.add_argument("--json", type=Path, help="write the results here as well")
    said = words.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        made = build(Path(scratch))
        if "responder" not in made:
            sys.exit("the responder cannot be built; install gcc")
        if not FAST:
            print("left out: netops compiled (collectors/snmp/fast.c was not built: install again)", file=sys.stderr)
        results = against_responder(made, said.seconds, said.rounds, said.gufo)
        results += against_snmpd(Path(scratch), said.seconds, said.rounds)
    show(results)
    if said.json:
        said.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
