"""Gateways that enforce by a kernel: visitor, gateway and internet in namespaces; the portal has a clock of its own."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from captive_portal import garden
from netops.clock import SYSTEM
from netops.config import load

HERE = Path(__file__).parent
NAME, PROVIDER = "sso.test", "203.0.113.20"
GATEWAY4, INTERNET4, FLOW = "10.77.0.1", "203.0.113.2", 7000
SMS = '[sms.providers.outbox]\nkind = "outbox"\n'


class ByNftables:
    """The portal beside the gate on one machine, nftables in its kernel, dnsmasq for the garden."""

    name, gateway = "nftables", "nftables"
    tells = False
    left_s = 6  # seconds of a visit that is to end while one looks at it

    def __init__(self, folder: Path, parts: Any) -> None:
        self.folder, self.parts = folder, parts
        self.stack = contextlib.ExitStack()
        self.portal, self.home = parts.walks.PORTAL, f"{parts.walks.PORTAL}/"
        self._numbers = itertools.count(16)
        self.worn: Any = None
        self.ahead_ms = 0

    # ---- its life
    def begin(self) -> None:
        n = self.network = self.stack.enter_context(self.parts.network(self.folder))
        self.stack.callback(self._stop)
        policies = self.folder / "policies"
        policies.mkdir()
        (policies / "park.yaml").write_text(self.policy(), encoding="utf-8")
        (self.folder / "client.secret").write_text(self.parts.walks.SECRET, encoding="utf-8")
        certificate, key = self.parts.oidc_city.certify(self.folder)
        head = f'[portal]\npolicies = "{policies}"\nuplinks = "{n.uplink}"\n'
        text = n.settings_file.read_text(encoding="utf-8").replace("[portal]\n", head)
        text += (
            f'[portal.oidc.city]\nissuer = "https://{NAME}"\nclient_id = "portal"\ntitle_en = "Staff account"\n'
            f'private = true\nclient_secret = "file:{self.folder / "client.secret"}"\nca = "{certificate}"\n{SMS}'
        )
        n.settings_file.write_text(self.settled(text), encoding="utf-8")
        self.settings = load(n.settings_file, environ={})
        n.run(n.internet, "ip", "address", "add", f"{PROVIDER}/32", "dev", "eth0")
        words = (str(HERE.parent / "run_provider.py"), self.portal, self.parts.walks.SECRET, f"https://{NAME}")
        n.start("provider", n.internet, sys.executable, *words, PROVIDER, str(certificate), str(key), ready="443")
        n.start("internet", n.internet, sys.executable, str(HERE.parent / "run_internet.py"), "--no-443")
        n.start("flow", n.internet, sys.executable, str(HERE.parent / "run_flow.py"), "serve", str(FLOW))
        self._hosts(n.gateway)
        self.servers()

    def policy(self) -> str:
        return f"{self.parts.walks.POLICY}garden: [{NAME}]\n"

    def settled(self, text: str) -> str:
        return text

    def servers(self) -> None:
        n = self.network
        n.start_gate()
        self.start_portal(n.gateway, "setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
        conf = self.folder / "dnsmasq.conf"
        conf.write_text("\n".join(["server=203.0.113.2", *garden.dnsmasq(self.settings)]) + "\n", encoding="utf-8")
        dnsmasq = ("dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--user=root", "--log-facility=-")
        told = ("--conf-file=/dev/null", f"--address=/{NAME}/{PROVIDER}", "--local-ttl=60")
        n.start("upstream", n.internet, *dnsmasq, *told, ready="")
        n.start("resolver", n.gateway, *dnsmasq, f"--conf-file={conf}", ready="")

    def start_portal(self, where: str, *before: str) -> None:
        words = (sys.executable, str(HERE / "run_ahead.py"), str(self.network.settings_file))
        self.network.start("portal", where, *before, *words)

    def end(self) -> None:
        self.stack.close()

    def _stop(self) -> None:
        for name in ("resolver", "upstream", "flow", "provider", "portal", "gate", "opennds", "internet"):
            if name in self.network._running:
                self.network.stop(name, signal.SIGTERM if name in {"portal", "gate"} else signal.SIGKILL)

    def _hosts(self, space: str) -> None:
        """Say who is where, for one namespace alone: `ip netns exec` lays it over /etc."""
        folder = Path("/etc/netns") / space
        folder.mkdir(parents=True)
        self.stack.callback(shutil.rmtree, folder)
        (folder / "hosts").write_text(f"127.0.0.1 localhost\n{PROVIDER} {NAME}\n", encoding="utf-8")

    # ---- what a walk needs
    def device(self) -> Any:
        number = next(self._numbers)
        address, mac = f"10.77.0.{number}", f"02:11:22:33:77:{number:02x}"
        made = self.parts.walks.Device(self.parts.mini_browser.MiniBrowser(self._send, self.home), address, mac)
        self.wear(made)
        made.sheet.open()
        return made

    def wear(self, device: Any) -> None:
        """Be this device from now on: its MAC, its address."""
        n = self.network
        if self.worn is not device:
            for words in (
                ("-4", "address", "flush", "dev", "eth0"),
                ("-6", "address", "flush", "dev", "eth0", "scope", "global"),
                ("link", "set", "eth0", "address", device.mac),
                ("address", "add", f"{device.address}/24", "dev", "eth0"),
                ("route", "replace", "default", "via", GATEWAY4),
            ):
                n.run(n.client, "ip", *words)
            n.run(n.gateway, "ip", "neigh", "flush", "dev", n.visitor)
        self.worn = device

    def _send(self, method: str, url: str, form: dict[str, str] | None, headers: dict[str, str]) -> Any:
        words = ["-sS", "--max-time", "30", "-4", "-D", "-", "--resolve", f"{NAME}:443:{PROVIDER}"]
        words += ["--resolve", f"portal.test:80:{GATEWAY4}", "--cacert", str(self.authorities())]
        words += [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
        if form is not None:
            words += ["--data-binary", urlencode(form)]
        said = self.network.run(self.network.client, "curl", *words, url).stdout
        head, _, text = said.partition("\n\n")
        status, *lines = head.splitlines()
        found = dict(line.split(": ", 1) for line in lines if ": " in line)
        return int(status.split()[1]), {name.title(): value for name, value in found.items()}, text

    def authorities(self) -> Path:
        return self.folder / "sso.pem"

    def opens_provider(self, _device: Any) -> None:
        """The device asks its resolver for the provider's name, as any browser does: that opens the way there."""
        words = (sys.executable, str(HERE.parent / "run_lookup.py"), GATEWAY4, NAME, "A")
        until = time.monotonic() + 15
        while PROVIDER not in self.network.run(self.network.client, *words, check=False).stdout:
            assert time.monotonic() < until
            time.sleep(0.1)

    def now_ms(self) -> int:
        return SYSTEM.now_ms() + self.ahead_ms

    def _say(self, line: str) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(60)
            link.connect(str(self.folder / "ahead.sock"))
            with link.makefile("rw") as said:
                said.write(f"{line}\n")
                said.flush()
                assert said.readline() == "done\n"

    def forward(self, seconds: float) -> None:
        self.ahead_ms += int(seconds * 1000)
        self._say(f"forward {seconds}")

    def round(self) -> None:
        self._say("round")

    def over(self, _device: Any) -> None:
        self.round()

    def offers(self) -> Any:
        return self.parts.walks.offered(self.parts.gateways.make(self.settings, SYSTEM), self.settings)

    def method(self, device: Any) -> str:
        return str(self.parts.walks.method(self.settings, device))

    # ---- what is enforced
    def online(self, device: Any) -> bool:
        """Whether a page of the internet comes, and not ours or nothing."""
        self.wear(device)
        words = ("-sS", "--max-time", "4", "-4", f"http://{INTERNET4}/")
        return self.network.run(self.network.client, "curl", *words, check=False).stdout.startswith("internet")

    def _came(self) -> int:
        told = self.network.run(self.network.client, "ip", "-s", "-j", "link", "show", "eth0").stdout
        return int(json.loads(told)[0]["stats64"]["rx"]["bytes"])

    def rate_kbps(self, _device: Any) -> float:
        """Return what arrives while 12 Mbit/s are sent; too long a time rather than too short a one."""
        program = ("ip", "netns", "exec", self.network.client, sys.executable, str(HERE.parent / "run_flow.py"))
        with subprocess.Popen([*program, "udp-down", INTERNET4, str(FLOW), "2.0"]) as flow:
            time.sleep(0.8)  # a class's burst is over
            began, before = time.monotonic(), self._came()
            time.sleep(1.0)
            after, took = self._came(), time.monotonic() - began
            flow.wait(30)
        return (after - before) * 8 / took / 1000

    def carries(self, _device: Any, octets: int) -> None:
        """Load a page that comes at 200 kB/s at most, well below the rate: what a class drops is counted, too."""
        before = self._came()
        for _ in range(12):
            seconds = f"{octets / 180_000:.1f}"
            words = ("-s", "-o", "/dev/null", "--max-time", seconds, f"http://{INTERNET4}/endless")
            self.network.run(self.network.client, "curl", *words, check=False)
            if self._came() - before > octets:
                return
        raise AssertionError("the octets do not come through")

    def idles(self, _device: Any, seconds: int) -> None:
        self.round()  # what has moved until now
        self.forward(seconds + 1)
        self.round()


class ByOpennds(ByNftables):
    """openNDS 9.10 enforces beside the gate (FAS level 1)."""

    name, gateway, level = "opennds", "opennds", 1
    left_s = 40  # a login takes some calls of `ndsctl`, each a second or more
    at = GATEWAY4

    def __init__(self, folder: Path, parts: Any) -> None:
        super().__init__(folder, parts)
        self.portal = f"http://{self.at}:8081" if self.level < 3 else f"https://{self.at}:8443"
        self.home = f"http://{INTERNET4}/page"

    def policy(self) -> str:
        return str(self.parts.walks.POLICY)

    def settled(self, text: str) -> str:
        text = re.sub(r'public_url = ".*"', f'public_url = "{self.portal}"', text).replace('"nftables"', '"opennds"')
        return re.sub(r"uplinks = .*\n", "", text)

    def servers(self) -> None:
        n = self.network
        self.parts.opennds.certificate(self.folder, self.at)
        both = (self.folder / "ca.pem").read_text("ascii") + (self.folder / "sso.pem").read_text("ascii")
        (self.folder / "both.pem").write_text(both, "ascii")
        words = {
            "visitor": n.visitor, "gateway": self.at, "port": self.portal.rpartition(":")[2], "level": self.level
        }  # fmt: skip
        opened = f"FirewallRuleSet preauthenticated-users {{\n    FirewallRule allow tcp port 443 to {PROVIDER}\n}}\n"
        (self.folder / "opennds.conf").write_text(self.parts.opennds.CONFIG.format(**words) + opened, "utf-8")
        (self.folder / "authmon.conf").write_text("nat_traversal_poll_interval 1\n", "utf-8")  # seconds; ten by itself
        (self.folder / "bin").mkdir()
        shutil.copy(HERE.parent / "run_iptables.sh", self.folder / "bin" / "iptables")
        run = str(HERE.parent / "run_opennds.sh")
        n.start("opennds", n.gateway, "unshare", "-m", run, str(self.folder), str(HERE.parents[2]))
        self.inside = ("nsenter", "-t", str(n._running["opennds"].pid), "-m")
        self.pages()
        until = time.monotonic() + 40
        self.wear(self.parts.walks.Device(None, "10.77.0.9", "02:11:22:33:77:09"))
        ask = ("-sS", "--max-time", "5", "-4", "-o", "/dev/null", "-w", "%{redirect_url}", self.home)
        while "fas=" not in n.run(n.client, "curl", *ask, check=False).stdout:
            assert time.monotonic() < until, (self.folder / "opennds.log").read_text("utf-8")[-2000:]
            time.sleep(0.2)

    def pages(self) -> None:
        n = self.network
        gate = (sys.executable, str(HERE.parent / "run_service.py"), "gate", str(n.settings_file))
        n.start("gate", n.gateway, *self.inside, *gate)
        self.start_portal(n.gateway)

    def authorities(self) -> Path:
        return self.folder / "both.pem"

    def opens_provider(self, _device: Any) -> None:
        """openNDS opens the provider's address, whatever its name."""

    def wear(self, device: Any) -> None:
        if self.worn is not device:
            n, lease = self.network, f"1999999999 {device.mac} {device.address} phone *"
            n.run(n.gateway, *self.inside, "sh", "-c", f"echo '{lease}' >> /tmp/dhcp.leases")
        super().wear(device)

    def ndsctl(self, *words: str) -> str:
        """Ask openNDS; `ndsctl` is one at a time, and the gate uses it too."""
        for _ in range(40):
            done = self.network.run(self.network.gateway, *self.inside, "ndsctl", *words, check=False)
            if done.returncode == 0 and "locked" not in done.stdout:
                return str(done.stdout)
            time.sleep(0.25)
        raise AssertionError(done.stdout + done.stderr)

    def said(self, device: Any) -> dict[str, str]:
        told = self.ndsctl("json")
        return dict(json.loads(told[told.index("{") :])["clients"][device.mac])

    def rate_kbps(self, device: Any) -> float:
        """Return what openNDS was told: it holds rates by averages of minutes."""
        return float(self.said(device)["download_rate_limit_threshold"])


class ByFas(ByOpennds):
    """openNDS 9.10 at a site, the portal somewhere in the internet (FAS level 3)."""

    name, gateway, level = "opennds far away", "fas", 3
    at = INTERNET4

    def settled(self, text: str) -> str:
        key = self.folder / "fas.key"
        key.write_text("0123456789abcdef0123456789abcdef", "ascii")
        secure = (
            f'[portal.secure]\nhost = "::"\nport = 8443\ntls_certificate = "{self.folder}/ca.pem"\n'
            f'tls_key = "{self.folder}/key.pem"\n'
        )
        router = (
            f'[portal.acs.park]\naddress = "203.0.113.1"\nsite = "site-1"\ngateway = "fas"\n'
            f'networks = "10.77.0.0/24"\nfas_key = "file:{key}"\nfas_name = "Park"\n'
        )
        text = super().settled(text).replace('"opennds"', '"none"')
        return re.sub(r"\[portal.visitors\]\n.*\n", secure + router, text)

    def pages(self) -> None:
        self._hosts(self.network.internet)
        self.start_portal(self.network.internet)

    def over(self, device: Any) -> None:
        """The router's own minutes are over too: its clock was not set forward with the portal's."""
        self.ndsctl("deauth", device.mac)
        self.round()
