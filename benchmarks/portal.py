"""Logins a second, from the form's POST to the open firewall, and what else the portal answers.

    python benchmarks/portal.py                       the simulated gateway
    sudo python benchmarks/portal.py --gateway nftables   a real kernel: portal, gate and visitors in namespaces

Each login is another device with its own MAC: a form token is fetched first (not timed as a login), then the POST is
timed until its 303, which is sent only after the record is on disk and the firewall has acknowledged. At the end the
firewall and the database are counted: they must hold exactly the acknowledged logins.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import secrets
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOKEN = re.compile(rb'name="token" value="([^"]+)"')


def settings(folder: Path, gateway: str, interface: str, host: str) -> Path:
    file = folder / "netops.toml"
    file.write_text(
        f'[city]\nrehearsal = true\n[data]\ndir = "{folder}"\n[portal]\ngateway = "{gateway}"\n'
        f'public_url = "http://portal.test"\n[portal.listen]\nhost = "{host}"\nport = 8081\n'
        f'[portal.visitors]\n{interface} = "bench"\n[portal.secure]\nhost = "{host}"\nport = 8443\n'
        f'tls_certificate = "{folder}/portal.pem"\ntls_key = "{folder}/portal.key"\n',
        encoding="utf-8",
    )
    return file


def certificate(folder: Path) -> None:
    """Make a certificate of portal.test: ECDSA P-256, as public authorities issue by default."""
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=portal.test", "-addext", "subjectAltName=DNS:portal.test"]
    words += ["-keyout", str(folder / "portal.key"), "-out", str(folder / "portal.pem")]
    subprocess.run(words, check=True, capture_output=True)


def start(stack: contextlib.ExitStack, where: str, service: str, file: Path) -> int:
    prefix = ["ip", "netns", "exec", where] if where else []
    process = subprocess.Popen(
        [*prefix, sys.executable, "-m", "netops.run", service, "--config", str(file)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    stack.callback(process.wait)
    stack.callback(process.terminate)
    assert process.stdout
    assert "ready" in process.stdout.readline()
    return process.pid


def cpu_s(processes: list[int]) -> float:
    """Return the processor time that the processes have used: what a rate is worth on a busy machine."""
    fields = [Path(f"/proc/{each}/stat").read_text(encoding="ascii").rpartition(")")[2].split() for each in processes]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def namespaces(stack: contextlib.ExitStack, clients: int) -> tuple[str, str, str]:
    """Make a gateway and a client namespace; every visitor has an address and a MAC of its own."""
    mark = secrets.token_hex(3)
    gateway, client, link = f"nb{mark}g", f"nb{mark}c", f"v{mark}"
    for name in (gateway, client):
        ip("netns", "add", name)
        stack.callback(ip, "netns", "del", name)
        ip("-n", name, "link", "set", "lo", "up")
    ip("link", "add", link, "netns", gateway, "type", "veth", "peer", "name", "eth0", "netns", client)
    ip("-n", gateway, "address", "add", "10.77.0.1/16", "dev", link)
    ip("-n", gateway, "link", "set", link, "up")
    ip("-n", client, "link", "set", "eth0", "up")
    visitors = [visitor(number, "nftables") for number in range(clients)]
    batch = "\n".join(f"address add {each}/16 dev eth0" for each in visitors)
    subprocess.run(["ip", "-n", client, "-batch", "-"], input=batch, text=True, check=True)
    batch = "\n".join(
        f"neigh replace {each} lladdr {mac(n)} nud permanent dev {link}" for n, each in enumerate(visitors)
    )
    subprocess.run(["ip", "-n", gateway, "-batch", "-"], input=batch, text=True, check=True)
    own = ", ".join(f"{each} : {mac(n)}" for n, each in enumerate(visitors))
    rules = (
        f"table netdev bench {{\nmap own {{ type ipv4_addr : ether_addr; elements = {{ {own} }}\n}}\n"
        "chain entry { type filter hook ingress device eth0 priority 0\nmeta pkttype set host\n}\n"
        "chain leave { type filter hook egress device eth0 priority 0\nether saddr set ip saddr map @own\n}\n}\n"
    )
    subprocess.run(["ip", "netns", "exec", client, "nft", "-f", "-"], input=rules, text=True, check=True)
    return gateway, client, link


def visitor(number: int, gateway: str) -> str:
    return (
        f"10.77.{16 + (number >> 8)}.{number & 255}" if gateway == "nftables" else f"127.1.{number >> 8}.{number & 255}"
    )


def mac(number: int) -> str:
    return f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}"


def ask(source: str, host: str, request: bytes, secure: ssl.SSLContext | None = None) -> bytes:
    link = socket.create_connection((host, 8443 if secure else 8081), 30, source_address=(source, 0))
    with secure.wrap_socket(link, server_hostname="portal.test") if secure else link as link:
        link.sendall(request)
        answer = b""
        while part := link.recv(65_536):
            answer += part
            head, found, body = answer.partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            if found and length and len(body) >= int(length[1]):
                return answer
        return answer


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: portal.test\r\nConnection: close\r\n\r\n".encode()


def post(token: bytes) -> bytes:
    form = b"token=" + token + b"&method=click_through"
    kind = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}"
    return f"POST /login HTTP/1.1\r\nHost: portal.test\r\nConnection: close\r\n{kind}\r\n\r\n".encode() + form


def load(arguments: argparse.Namespace) -> None:
    """Be the visitors: runs inside the client namespace."""
    sources = [visitor(number, arguments.gateway) for number in range(arguments.clients)]
    slow = threading.local()

    def timed(source: str, request: bytes, secure: ssl.SSLContext | None = None) -> tuple[float, bytes]:
        slow.began = time.perf_counter()
        answer = ask(source, arguments.host, request, secure)
        return time.perf_counter() - slow.began, answer

    with ThreadPoolExecutor(arguments.threads) as pool:
        told = {}
        began = time.perf_counter()
        pages = list(pool.map(lambda source: timed(source, get("/")), sources))
        told["forms"] = figures(pages, began)
        posts = [post(TOKEN.search(page)[1]) for _, page in pages]  # type: ignore[index]
        began = time.perf_counter()
        used = cpu_s(arguments.processes)
        logins = list(pool.map(timed, sources, posts))
        told["logins"] = figures(logins, began)
        told["logins"]["server_cpu_ms_each"] = round((cpu_s(arguments.processes) - used) * 1000 / len(logins), 2)
        told["acknowledged"] = sum(answer.startswith(b"HTTP/1.1 303") for _, answer in logins)
        for name, request in (("rfc8908", get("/capport/api")), ("rfc8908_tls", get("/capport/api"))):
            if name == "rfc8908_tls" and not arguments.certificate:
                continue
            secure = ssl.create_default_context(cafile=arguments.certificate) if name == "rfc8908_tls" else None
            began, used = time.perf_counter(), cpu_s(arguments.processes)
            answers = list(pool.map(lambda source: timed(source, request, secure), sources * arguments.rounds))  # noqa: B023
            told[name] = figures(answers, began)
            each_ms = (cpu_s(arguments.processes) - used) * 1000 / len(answers)
            told[name] |= {"server_cpu_ms_each": round(each_ms, 3), "per_s_of_a_core": round(1000 / each_ms)}
            told[name]["answered"] = sum(b'"captive":false' in answer for _, answer in answers)
    print(json.dumps(told))


def figures(timings: list[tuple[float, bytes]], began: float) -> dict[str, float]:
    took = sorted(seconds for seconds, _ in timings)
    return {
        "per_s": round(len(took) / (time.perf_counter() - began)),
        "p50_ms": round(took[len(took) // 2] * 1000, 1),
        "p99_ms": round(took[len(took) * 99 // 100] * 1000, 1),
    }


def measure(arguments: argparse.Namespace) -> None:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        gateway = client = ""
        interface, host = "simulated", "127.0.0.1"
        if arguments.gateway == "nftables":
            gateway, client, interface = namespaces(stack, arguments.clients)
            host = "10.77.0.1"
        certificate(folder)
        file = settings(folder, arguments.gateway, interface, host)
        processes = [start(stack, gateway, "gate", file)] if gateway else []
        processes.append(start(stack, gateway, "portal", file))
        words = ["--load", "--host", host, "--clients", str(arguments.clients), "--threads", str(arguments.threads)]
        prefix = ["ip", "netns", "exec", client] if client else []
        words += ["--rounds", str(arguments.rounds), "--certificate", str(folder / "portal.pem")]
        words += ["--processes", ",".join(map(str, processes)), "--gateway", arguments.gateway]
        command = [*prefix, sys.executable, __file__, *words]
        told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
        with contextlib.closing(sqlite3.connect(folder / "portal.db")) as database:
            told["recorded"] = database.execute(
                "SELECT count(*) FROM portal_session WHERE ended_ms IS NULL"
            ).fetchone()[0]
        if gateway:
            listed = subprocess.run(
                ["ip", "netns", "exec", gateway, "nft", "-j", "list", "set", "inet", "netops_portal", "auth4"],
                capture_output=True,
                text=True,
                check=True,
            )
            told["enforced"] = len(json.loads(listed.stdout)["nftables"][1]["set"].get("elem", []))
        told |= {"gateway": arguments.gateway, "clients": arguments.clients, "threads": arguments.threads}
        told["load_average"] = os.getloadavg()[0]
        print(json.dumps(told, indent=1))
        counts = {told["acknowledged"], told["recorded"], told.get("enforced", told["recorded"])}
        if len(counts) != 1:
            sys.exit("acknowledged, recorded and enforced differ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gateway", choices=("simulated", "nftables"), default="simulated")
    parser.add_argument("--clients", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3, help="RFC 8908 questions of each visitor")
    parser.add_argument("--certificate", default="", help=argparse.SUPPRESS)
    parser.add_argument("--host", default="127.0.0.1", help=argparse.SUPPRESS)
    parser.add_argument(
        "--processes", type=lambda text: [int(each) for each in text.split(",")], help=argparse.SUPPRESS
    )
    parser.add_argument("--load", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    (load if arguments.load else measure)(arguments)


if __name__ == "__main__":
    main()
