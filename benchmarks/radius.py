"""Questions a second: our RADIUS server, FreeRADIUS asking us, and FreeRADIUS asking openwisp-radius.

    python benchmarks/radius.py                        our server: authorisation (PAP, CHAP, by MAC) and accounting
    python benchmarks/radius.py --freeradius           also Debian's FreeRADIUS 3.2 asking our API through rlm_rest
    python benchmarks/radius.py --openwisp PYTHON      also the same FreeRADIUS asking openwisp-radius, installed in
                                                       the virtual environment of that interpreter (with gunicorn)
    python benchmarks/radius.py --sessions 50000       restart with so many devices online, and a storm of them

Every question is another one: its own device, its own token, signed beforehand; only whole answers of the right kind
count. Processor time is that of the servers: on a busy machine the rate by processor second is what to compare.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import hmac
import json
import os
import secrets
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

from captive_portal import keys
from captive_portal.model import Bounds, Client
from captive_portal.radius import dictionary as d
from captive_portal.radius import freeradius, nas, packet
from captive_portal.radius.doors import Doors
from captive_portal.radius.keeping import Keeping
from captive_portal.radius.stay import Sojourn
from captive_portal.radius.tokens import Mint
from netops.config import load

ROOT = Path(__file__).resolve().parents[1]
HERE = Path(__file__).parent
SECRET = "a shared secret of the benchmark"
KEY = "the key of the API of the benchmark"
HOUR = Bounds(seconds=3600, idle_s=600, down_kbps=4000, up_kbps=1000)
WINDOW = 64
SILENT_S = 30.0


def free(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as at:
        at.bind(("127.0.0.1", 0))
        return int(at.getsockname()[1])


def settings(folder: Path) -> Path:
    file = folder / "netops.toml"
    udp, tcp = socket.SOCK_DGRAM, socket.SOCK_STREAM
    file.write_text(
        f'[city]\nrehearsal = true\n[data]\ndir = "{folder}"\n[portal]\ngateway = "none"\n'
        f'[portal.acs.ac-1]\naddress = "127.0.0.1"\nsite = "s"\nnetworks = "10.0.0.0/8"\nsecret = "plain:{SECRET}"\n'
        f'[radius]\nenabled = true\nlisten = "127.0.0.1"\nauth_port = {free(udp)}\nacct_port = {free(udp)}\n'
        f'rest_port = {free(tcp)}\nrest_key = "plain:{KEY}"\ntoken_key = "plain:{secrets.token_hex(32)}"\n',
        encoding="utf-8",
    )
    return file


def start(stack: contextlib.ExitStack, *words: str, ready: str, env: dict[str, str] | None = None) -> int:
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **(env or {})}
    )
    stack.callback(process.wait)
    stack.callback(process.terminate)
    assert process.stdout
    seen = []
    for line in process.stdout:
        seen.append(line)
        if ready in line:
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return process.pid
    raise SystemExit("".join(seen[-20:]))


def family(pid: int) -> list[int]:
    """Return a process and its children."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    below = [int(each) for task in tasks for each in task.read_text(encoding="ascii").split()]
    return [pid, *(more for child in below for more in family(child))]


def cpu_s(pids: list[int]) -> float:
    every = [each for pid in pids for each in family(pid)]
    fields = [Path(f"/proc/{each}/stat").read_text(encoding="ascii").rpartition(")")[2].split() for each in every]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


# ---- questions
def mac(n: int) -> str:
    return "02:" + n.to_bytes(5, "big").hex(":")


def signed(n: int, rest: bytes) -> bytes:
    """Return an Access-Request with its own authenticator, signed."""
    random = hashlib.md5(f"{n}".encode() + os.urandom(8)).digest()
    head = struct.pack(">BBH", 1, n % 256, 38 + len(rest)) + random
    return head + b"\x50\x12" + hmac.digest(SECRET.encode(), head + b"\x50\x12" + bytes(16) + rest, "md5") + rest


def pap(mint: Mint, n: int, *, chap: bool = False) -> bytes:
    client = Client(mac=mac(n), interface="ac-1", addresses=("10.0.0.1",))
    token = mint.issue(client, HOUR, time.time_ns() // 1_000_000)  # noqa: TID251
    said = [d.USER_NAME.pair(token.user), d.CALLING_STATION_ID.pair(mac(n)), d.NAS_IP_ADDRESS.pair("127.0.0.1")]
    rest = b"".join(bytes((kind, len(value) + 2)) + value for kind, value in said)
    random = os.urandom(16)
    if chap:
        answer = packet.chap(1, token.password.encode(), random)
        rest += bytes((3, 19, 1)) + answer + bytes((60, 18)) + random
        return signed(n, rest)
    hidden = packet.hide(token.password.encode(), random, SECRET.encode())
    rest += bytes((2, len(hidden) + 2)) + hidden
    head = struct.pack(">BBH", 1, n % 256, 38 + len(rest)) + random
    return head + b"\x50\x12" + hmac.digest(SECRET.encode(), head + b"\x50\x12" + bytes(16) + rest, "md5") + rest


def by_mac(n: int) -> bytes:
    name = mac(n).encode()
    return signed(n, b"".join(bytes((kind, 19)) + name for kind in (1, 31)))


def report(n: int, status: int) -> bytes:
    address = (10 << 24) + 256 + n
    said = [
        d.ACCT_STATUS_TYPE.pair(status),
        d.ACCT_SESSION_ID.pair(f"s-{n}"),
        d.CALLING_STATION_ID.pair(mac(n)),
        (d.FRAMED_IP_ADDRESS.number, address.to_bytes(4, "big")),
        d.CLASS.pair(b"netops-benchmark"),
        d.ACCT_INPUT_OCTETS.pair(n),
        d.EVENT_TIMESTAMP.pair(time.time_ns() // 1_000_000_000),  # noqa: TID251
    ]
    rest = b"".join(bytes((kind, len(value) + 2)) + value for kind, value in said)
    head = struct.pack(">BBH", 4, n % 256, 20 + len(rest))
    return head + hashlib.md5(head + bytes(16) + rest + SECRET.encode()).digest() + rest


def fire(questions: list[bytes], port: int, expected: int, *, window: int = WINDOW) -> tuple[int, float, list[float]]:
    """Ask with so many in flight; return how many right answers came, how long it took, and each one's time.

    A question in flight has a socket of its own: the identifier alone tells only 256 apart.
    """
    sockets = []
    for _ in range(window):
        at = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        at.connect(("127.0.0.1", port))
        at.setblocking(False)
        sockets.append(at)
    poll = select.epoll()
    by_number = {each.fileno(): each for each in sockets}
    sent: dict[int, float] = {}
    following, right, times = iter(questions), 0, []
    began = time.perf_counter()
    for number, at in by_number.items():
        poll.register(number, select.EPOLLIN)
        question = next(following, None)
        if question is not None:
            at.send(question)
            sent[number] = time.perf_counter()
    while sent:
        events = poll.poll(SILENT_S)
        if not events:
            break
        for number, _ in events:
            answer = by_number[number].recv(4096)
            now = time.perf_counter()
            right += answer[0] == expected
            times.append(now - sent.pop(number, now))
            question = next(following, None)
            if question is not None:
                by_number[number].send(question)
                sent[number] = now
    took = time.perf_counter() - began
    for at in sockets:
        at.close()
    poll.close()
    return right, took, sorted(times)


def told(what: str, asked: int, fired: tuple[int, float, list[float]], used_s: float) -> float:
    right, took, times = fired
    p50, p99 = (times[len(times) * p // 100] * 1000 for p in (50, 99)) if times else (0.0, 0.0)
    rate, by_cpu = right / took, right / used_s if used_s else 0.0
    shares = f"{rate:9,.0f}/s  {by_cpu:9,.0f}/CPU-s"
    print(f"{what:46} {right:6d} of {asked:<6d} {shares}  p50 {p50:7.1f} ms  p99 {p99:7.1f} ms", flush=True)
    return by_cpu


def measure(what: str, questions: list[bytes], at: tuple[int, int], pids: list[int], window: int = WINDOW) -> float:
    """Ask; `at` is the port and the code of a right answer. Return right answers by processor second."""
    before = cpu_s(pids)
    fired = fire(questions, *at, window=window)
    return told(what, len(questions), fired, cpu_s(pids) - before)


def serve(stack: contextlib.ExitStack, file: Path) -> int:
    """Start our server as it is started in a city; return its process."""
    words = ("-m", "netops.run", "radius", "--config", str(file))
    return start(stack, sys.executable, *words, ready="ready", env={"PYTHONPATH": str(ROOT)})


def ours(stack: contextlib.ExitStack, file: Path, count: int) -> tuple[int, Mint]:
    read = load(file, environ={})
    pid = serve(stack, file)
    mint = Mint(keys.token_key(read))
    auth, acct = read.radius.auth_port, read.radius.acct_port
    measure("our server, token, PAP", [pap(mint, n) for n in range(count)], (auth, 2), [pid])
    measure("our server, token, CHAP", [pap(mint, n, chap=True) for n in range(count)], (auth, 2), [pid])
    measure("our server, by MAC", [by_mac(n) for n in range(count)], (auth, 2), [pid])
    measure("our server, a MAC that it does not know", [by_mac(n + 2**32) for n in range(count)], (auth, 3), [pid])
    for name, status in (("Start", 1), ("Interim-Update", 3), ("Stop", 2)):
        measure(f"our server, accounting, {name}, durable", [report(n, status) for n in range(count)], (acct, 5), [pid])
    return pid, mint


def front(stack: contextlib.ExitStack, folder: Path, text: dict[str, str]) -> tuple[int, int]:
    """Start FreeRADIUS with these files; return its process and its port."""
    for name, content in text.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    pid = start(stack, "freeradius", "-d", str(folder), "-f", "-l", "stdout", ready="Ready to process")
    return pid, next(int(line.split("=")[1]) for line in text["sites-enabled/netops"].splitlines() if "port =" in line)


def files(file: Path, folder: Path) -> dict[str, str]:
    read = load(file, environ={})
    radius = replace(read.radius, auth_port=free(socket.SOCK_DGRAM), acct_port=free(socket.SOCK_DGRAM))
    return freeradius.files(replace(read, radius=radius), nas.known(read), folder=str(folder), host="127.0.0.1")


def many(folder: Path, count: int) -> None:
    """A server with so many devices online: how long its restart takes, and until all are back after a storm."""
    file = settings(folder)
    read = load(file, environ={})
    now_ms = time.time_ns() // 1_000_000  # noqa: TID251
    with Keeping(read.room("radius") / "radius.db") as keeping:
        doors, rows = Doors(born_ms=now_ms), []
        for n in range(count):
            address = socket.inet_ntoa(((10 << 24) + 256 + n).to_bytes(4, "big"))
            door, more = doors.open(Client(mac=mac(n), interface="ac-1", addresses=(address,)), HOUR, now_ms)
            rows += more
            there = {"place": "ac-1", "session": f"s-{n}", "mac": mac(n), "calling": mac(n), "user": "x"}
            rows.append(Sojourn(**there, addresses=(address,), since_ms=now_ms, seen_ms=now_ms, mark=door.mark))
        keeping.keep(rows)
    with contextlib.ExitStack() as stack:
        began = time.perf_counter()
        pid = serve(stack, file)
        took = time.perf_counter() - began
        print(f"restart with {count:,} devices online: ready after {took:.1f} s, {cpu_s([pid]):.1f} CPU-s")
        questions = [by_mac(n) for n in range(count)]
        measure(f"{count:,} known devices come back", questions, (read.radius.auth_port, 2), [pid])
        crowd = [each for n in range(count) for each in (by_mac(n), by_mac(n + 2**32))]
        measure(f"a storm of {2 * count:,}, every second known", crowd, (read.radius.auth_port, 2), [pid])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--freeradius", action="store_true")
    parser.add_argument("--openwisp", metavar="PYTHON")
    parser.add_argument("--sessions", type=int, default=0)
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        file = settings(folder)
        pid, mint = ours(stack, file, args.count)
        by_cpu = 0.0
        if args.freeradius or args.openwisp:
            freed, port = front(stack, folder / "raddb", files(file, folder / "raddb"))
            questions = [pap(mint, n) for n in range(args.count // 4)]
            by_cpu = measure("FreeRADIUS asking us, token, PAP", questions, (port, 2), [pid, freed], 32)
        if args.openwisp:
            theirs = openwisp(stack, args.openwisp, folder, file)
            times = f"{by_cpu / theirs:,.0f} times as many as" if theirs else "more than"
            print(f"by processor second we answer {times} openwisp-radius")
        if args.sessions:
            (folder / "many").mkdir()
            many(folder / "many", args.sessions)


def awake(port: int) -> None:
    """Wait until a web server answers, whatever it says."""
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=60) as at:
            at.sendall(b"GET / HTTP/1.0\r\n\r\n")
            if at.recv(1):
                return
        time.sleep(0.1)
    raise SystemExit("openwisp-radius does not answer")


def openwisp(stack: contextlib.ExitStack, python: str, folder: Path, file: Path) -> float:
    """The same FreeRADIUS asking openwisp-radius, whose project is made by benchmarks/openwisp_project.py."""
    port = free(socket.SOCK_STREAM)
    made = subprocess.run(
        [python, str(HERE / "openwisp_project.py"), str(folder / "openwisp"), "24"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = json.loads(made.stdout.splitlines()[-1])
    words = ["-m", "gunicorn", "-w", "2", "-b", f"127.0.0.1:{port}", "--chdir", str(folder / "openwisp"), "wsgi"]
    env = {"DJANGO_SETTINGS_MODULE": "settings"}
    pid = start(stack, python, *words, ready="Listening at", env=env)
    awake(port)
    text = files(file, folder / "raddb2")
    module = (
        f'rest netops {{\n\tconnect_uri = "http://127.0.0.1:{port}/api/v1/freeradius"\n\tauthorize {{\n'
        f'\t\turi = "${{..connect_uri}}/authorize/?uuid={said["uuid"]}&token={said["token"]}"\n\t\tmethod = "post"\n'
        '\t\tbody = "json"\n\t\tdata = \'{"username": "%{User-Name}", "password": "%{User-Password}"}\'\n'
        "\t\ttimeout = 20.0\n\t}\n\tpool {\n\t\tstart = 0\n\t\tmax = 32\n\t}\n}\n"
    )
    whole = text["radiusd.conf"].replace("max_request_time = 5", "max_request_time = 60")
    text |= {"mods-enabled/netops": module, "radiusd.conf": whole}
    freed, at = front(stack, folder / "raddb2", text)
    questions = []
    for n, (user, password) in enumerate(said["users"]):
        random = os.urandom(16)
        hidden = packet.hide(password.encode(), random, SECRET.encode())
        pairs = [d.USER_NAME.pair(user), (2, hidden), d.CALLING_STATION_ID.pair(mac(n))]
        rest = b"".join(bytes((kind, len(value) + 2)) + value for kind, value in pairs)
        head = struct.pack(">BBH", 1, n % 256, 38 + len(rest)) + random
        seal = hmac.digest(SECRET.encode(), head + b"\x50\x12" + bytes(16) + rest, "md5")
        questions.append(head + b"\x50\x12" + seal + rest)
    return measure("FreeRADIUS asking openwisp-radius, token", questions, (at, 2), [pid, freed], 4)


if __name__ == "__main__":
    main()
