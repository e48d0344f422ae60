"""openNDS 9.10, unmodified, in namespaces: it captures and enforces, the portal lets in; FAS levels 1 to 3."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import re
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from captive_portal.gateways.opennds import Opennds
from captive_portal.model import Bounds
from netops.clock import SYSTEM, utc
from netops.config import load

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.partner("nft", "ip", "curl", "opennds"),
    pytest.mark.timeout(240),
]
MAC, GATEWAY4, CLIENT4, INTERNET4 = "02:11:22:33:44:55", "10.77.0.1", "10.77.0.10", "203.0.113.2"
CONFIG = """GatewayInterface {visitor}
gatewayname Park
enable_serial_number_suffix 0
gatewayport 2050
fasport {port}
fasremoteip {gateway}
faspath /
fas_secure_enabled {level}
faskey 0123456789abcdef0123456789abcdef
checkinterval 2
dhcp_default_url_enable 0
debuglevel 1
FirewallRuleSet authenticated-users {{
    FirewallRule allow all
}}
FirewallRuleSet users-to-router {{
    FirewallRule allow udp port 53
    FirewallRule allow tcp port 8081
    FirewallRule allow tcp port 8443
}}
"""


class Opened:
    """openNDS, gate and portal on one machine, a visitor before it and the internet behind."""

    portal = GATEWAY4

    def __init__(self, network, level: int) -> None:
        self.network, self.level = network, level
        self.at = f"http://{GATEWAY4}:8081" if level < 3 else f"https://{GATEWAY4}:8443"

    def begin(self) -> None:
        n = self.network
        certificate(n.folder, self.portal)
        text = n.settings_file.read_text("utf-8").replace('"nftables"', '"opennds"')
        text = re.sub(r'public_url = ".*"', f'public_url = "{self.at}"', text)
        secure = (
            f'[portal.secure]\nhost = "::"\nport = 8443\ntls_certificate = "{n.folder}/ca.pem"\n'
            f'tls_key = "{n.folder}/key.pem"\n'
        )
        text = text.replace("[portal.visitors]", secure + "[portal.visitors]")
        n.settings_file.write_text(self.settings(text), "utf-8")
        words = {"visitor": n.visitor, "gateway": self.portal, "port": self.at.rpartition(":")[2], "level": self.level}
        (n.folder / "opennds.conf").write_text(CONFIG.format(**words), "utf-8")
        (n.folder / "bin").mkdir()
        shutil.copy(HERE / "run_iptables.sh", n.folder / "bin" / "iptables")
        n.start_internet()
        n.start(
            "opennds", n.gateway, "unshare", "-m", str(HERE / "run_opennds.sh"), str(n.folder), str(HERE.parents[1])
        )
        inside = ("nsenter", "-t", str(n._running["opennds"].pid), "-m")
        self.inside = inside
        lease = f"1999999999 {MAC} {CLIENT4} phone *"
        n.run(n.gateway, *inside, "sh", "-c", f"echo '{lease}' > /tmp/dhcp.leases")
        self.start_portal()

    def settings(self, text: str) -> str:
        return text

    def start_portal(self) -> None:
        n = self.network
        service = (sys.executable, str(HERE / "run_service.py"))
        n.start("gate", n.gateway, *self.inside, *service, "gate", str(n.settings_file))
        n.start("portal", n.gateway, *service, "portal", str(n.settings_file))

    def curl(self, *words: str) -> str:
        fixed = ("-sS", "--max-time", "20", "-4", "--cacert", str(self.network.folder / "ca.pem"))
        return str(self.network.run(self.network.client, "curl", *fixed, *words, check=False).stdout)

    def online(self) -> bool:
        return self.curl(f"http://{INTERNET4}/").startswith("internet")

    def captured(self) -> str:
        """Return where openNDS sends a visitor who asks for a page."""
        return self.curl("-o", "/dev/null", "-w", "%{redirect_url}", f"http://{INTERNET4}/page")

    def press(self, page: str, where: str, **fields: str) -> str:
        token = page.partition('name="token" value="')[2].partition('"')[0]
        sent = [word for name, value in {"token": token, **fields}.items() for word in ("-d", f"{name}={value}")]
        return self.curl("-o", "/dev/null", "-w", "%{http_code}", *sent, f"{self.at}/{where}")

    def login(self) -> None:
        page = self.curl("-L", self.captured())
        assert 'name="token"' in page, page
        assert self.press(page, "login", method="click_through") == "303"

    def said(self) -> dict[str, dict[str, str]]:
        """Return what openNDS says of its devices; ndsctl is one at a time, and the gate uses it too."""
        for _ in range(10):
            told = self.network.run(self.network.gateway, *self.inside, "ndsctl", "json", check=False).stdout
            if "{" in told:
                return dict(json.loads(told[told.index("{") :])["clients"])
        return {}


class Far(Opened):
    """A router at a site, and the portal somewhere on the internet: what they say to each other is FAS level 3."""

    portal = INTERNET4

    def __init__(self, network) -> None:
        super().__init__(network, 3)
        self.at = f"https://{self.portal}:8443"

    def settings(self, text: str) -> str:
        key = self.network.folder / "fas.key"
        key.write_text("0123456789abcdef0123456789abcdef")
        router = (
            f'[portal.acs.park]\naddress = "203.0.113.1"\nsite = "site-1"\ngateway = "fas"\n'
            f'networks = "10.77.0.0/24"\nfas_key = "file:{key}"\nfas_name = "Park"\n'
        )
        return text.replace('"opennds"', '"none"').partition("[portal.visitors]")[0] + router

    def start_portal(self) -> None:
        n = self.network
        service = (sys.executable, str(HERE / "run_service.py"))
        n.start("portal", n.internet, *service, "portal", str(n.settings_file))


def certificate(folder: Path, host: str) -> None:
    """Make a certificate of our own for an address, as an authority that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "portal.test")])
    now = utc(SYSTEM.now_ms())
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    plain = serialization.NoEncryption()
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )


@pytest.fixture(params=[1, 2, 3], ids=["level 1", "level 2", "level 3"])
def opened(request, network, eventually) -> Iterator[Opened]:
    if request.param > 1 and shutil.which("php") is None:
        pytest.skip("openNDS needs php-cli for levels 2 and 3")
    made = Opened(network, request.param)
    made.begin()
    eventually(lambda: "fas=" in made.captured(), 25)
    yield made
    for name in ("portal", "gate", "opennds"):
        if name in network._running:
            network.stop(name, signal.SIGKILL if name == "opennds" else signal.SIGTERM)


def test_a_visitor_is_captured_lets_itself_in_and_logs_out(opened, eventually) -> None:
    assert opened.captured().startswith(f"{opened.at}/?fas=")
    assert not opened.online()

    opened.login()

    assert opened.online()
    assert opened.said()[MAC]["state"] == "Authenticated"
    page = opened.curl(f"{opened.at}/")
    assert "您已上网" in page

    assert opened.press(page, "logout") == "303"
    assert not opened.online()
    assert opened.said()[MAC]["state"] == "Preauthenticated"


def test_a_router_far_away_lets_in_whom_the_portal_names_and_nobody_else(network, eventually) -> None:
    if shutil.which("php") is None:
        pytest.skip("openNDS needs php-cli for level 3")
    far = Far(network)
    far.begin()
    eventually(lambda: "fas=" in far.captured(), 25)
    assert not far.online()
    assert 'name="token"' not in far.curl(f"{far.at}/"), "who was not sent by the router is not known"

    began = SYSTEM.monotonic()
    far.login()
    assert 'http-equiv="refresh"' in far.curl(f"{far.at}/"), "no thread of the pages waits for authmon"
    eventually(lambda: "您已上网" in far.curl(f"{far.at}/"), 30)
    print(f"let in by authmon after {SYSTEM.monotonic() - began:.1f} s")

    assert far.online()
    said = far.said()[MAC]
    assert said["state"] == "Authenticated"
    assert 28 * 60 <= int(said["session_end"]) - int(said["session_start"]) <= 31 * 60, "the bounds have come along"
    page = far.curl(f"{far.at}/")
    assert "您已上网" in page
    assert "/logout" not in page, "FAS cannot put anybody out"
    assert far.press(page, "logout") == "303"
    assert "您已上网" in far.curl(f"{far.at}/"), "so the record goes on as the router does"
    assert far.online()
    for name in ("portal", "opennds"):
        network.stop(name, signal.SIGKILL)


@pytest.mark.parametrize("opened", [1], indirect=True, ids=["level 1"])
class TestLimits:
    """What does not depend on how the browser was sent."""

    def test_the_gate_ends_a_visit_at_its_second_and_rates_are_handed_over(self, opened, eventually) -> None:
        opened.login()
        with Opennds(load(opened.network.settings_file, environ={}), SYSTEM) as gateway:
            (inside,) = gateway.admitted()
            assert inside.client.mac == MAC
            assert 1700 < inside.seconds <= 1800
            gateway.revoke(inside.client)
            assert not opened.online(), "and openNDS has captured it again"
            gateway.allow(inside.client, Bounds(seconds=600, down_kbps=800, up_kbps=300))
            said = opened.said()[MAC]
            assert (said["download_rate_limit_threshold"], said["upload_rate_limit_threshold"]) == ("800", "300")
            gateway.allow(inside.client, Bounds(seconds=4, down_kbps=800, up_kbps=300))
            eventually(lambda: gateway.admitted() == [], 8)
        assert not opened.online()

    def test_a_killed_portal_and_gate_throw_nobody_out(self, opened, eventually) -> None:
        opened.login()
        n = opened.network
        for name in ("portal", "gate"):
            n.stop(name, signal.SIGKILL)
        assert opened.online()
        opened.start_portal()

        assert opened.online()
        page = opened.curl(f"{opened.at}/")
        assert "您已上网" in page
        assert opened.press(page, "logout") == "303"
        assert not opened.online()
