"""An account lets a device of a namespace in, through a kernel and a resolver that open the provider's page alone."""

from __future__ import annotations

import re
import shutil
import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from captive_portal import garden
from netops.clock import SYSTEM, utc
from netops.config import load

HERE = Path(__file__).parents[1]
NAME, ADDRESS, SECRET, PORTAL = "sso.test", "203.0.113.20", "of the client", "http://portal.test"
REAL = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.partner("nft", "ip", "curl", "dnsmasq"),
    pytest.mark.timeout(120),
]


def certify(folder: Path) -> tuple[Path, Path]:
    """Write a certificate of the provider's name, which is its own authority, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), utc(SYSTEM.now_ms())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now.replace(year=now.year - 1))
        .not_valid_after(now.replace(year=now.year + 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    written = folder / "sso.pem", folder / "sso.key"
    written[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    written[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return written


@pytest.fixture
def names(network):
    """Who is where, for the gateway's namespace alone: `ip netns exec` lays it over /etc."""
    folder = Path("/etc/netns") / network.gateway
    folder.mkdir(parents=True)
    (folder / "hosts").write_text(f"127.0.0.1 localhost\n{ADDRESS} {NAME}\n", encoding="utf-8")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def campus(network, names):
    """Gate, portal and resolver on the gateway; the provider in the internet, with TLS."""
    folder = network.folder
    certificate, key = certify(folder)
    (folder / "client.secret").write_text(SECRET, encoding="utf-8")
    policies = folder / "policies"
    policies.mkdir()
    policy = f"policy: campus\ntitle: Campus\nsites: [site-1]\nmethods: [oidc]\ngarden: [{NAME}]\n"
    (policies / "campus.yaml").write_text(policy, encoding="utf-8")
    text = network.settings_file.read_text(encoding="utf-8").replace(
        "[portal]\n", f'[portal]\npolicies = "{policies}"\n'
    )
    text += (
        f'[portal.oidc.city]\nissuer = "https://{NAME}"\nclient_id = "portal"\ntitle_en = "Staff account"\n'
        "private = true\n"
        f'client_secret = "file:{folder / "client.secret"}"\nca = "{certificate}"\n'
    )
    network.settings_file.write_text(text, encoding="utf-8")
    network.run(network.internet, "ip", "address", "add", f"{ADDRESS}/32", "dev", "eth0")
    words = [sys.executable, str(HERE / "run_provider.py"), PORTAL, SECRET, f"https://{NAME}", ADDRESS]
    network.start("provider", network.internet, *words, str(certificate), str(key), ready="443")
    web = ("-u", "-m", "http.server", "80", "--bind", "203.0.113.2", "--directory", str(policies))
    network.start("internet", network.internet, sys.executable, *web, ready="Serving")
    network.start_gate()
    network.start_portal()
    conf = folder / "dnsmasq.conf"
    lines = ["server=203.0.113.2", *garden.dnsmasq(load(network.settings_file, environ={}))]
    conf.write_text("\n".join(lines) + "\n", encoding="utf-8")
    dnsmasq = ("dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--user=root", "--log-facility=-")
    told = ("--conf-file=/dev/null", f"--address=/{NAME}/{ADDRESS}", "--local-ttl=60")
    network.start("upstream", network.internet, *dnsmasq, *told, ready="")
    network.start("resolver", network.gateway, *dnsmasq, f"--conf-file={conf}", ready="")
    yield network
    for name in ("resolver", "upstream", "provider"):
        network.stop(name, signal.SIGKILL)


def at_the_provider(network, *words: str) -> str:
    fixed = ("--cacert", str(network.folder / "sso.pem"), "--resolve", f"{NAME}:443:{ADDRESS}")
    return network.curl(*fixed, *words).stdout


class TestCampus:
    """One campus for each test."""

    pytestmark = REAL

    def test_a_device_signs_in_at_the_only_page_that_is_open_and_is_let_in(self, campus, eventually) -> None:
        assert campus.status(campus.internet_url(4)).startswith("302 http://portal.test/"), "captured"
        assert at_the_provider(campus, "-o", "/dev/null", "-w", "%{http_code}", f"https://{NAME}/keys") == "000"

        page = campus.curl(f"{PORTAL}/?lang=en").stdout
        token = re.search(r'name="token" value="([^"]+)"', page)
        assert token, page
        form = ("-d", f"token={token[1]}", "-d", "method=oidc", "-d", "provider=city")
        onward = campus.curl(*form, f"{PORTAL}/login?lang=en").stdout
        found = re.search(r'content="0;url=(https://sso\.test/[^"]+)"', onward)
        assert found, onward
        address = found[1].replace("&amp;", "&")
        lookup = (sys.executable, str(HERE / "run_lookup.py"), "10.77.0.1", NAME, "A")
        eventually(lambda: ADDRESS in campus.run(campus.client, *lookup, check=False).stdout)
        assert "Sign in" in at_the_provider(campus, address)
        assert not campus.status(campus.internet_url(4)).startswith("200"), "the provider is reached, and nothing else"

        back = at_the_provider(campus, "-d", "user=lin", "-d", "password=right", "-o", "/dev/null",
                               "-w", "%{redirect_url}", address)  # fmt: skip
        assert urlsplit(back).netloc == "portal.test"
        done = campus.curl("-L", back).stdout

        assert "You are online" in done
        assert campus.status(campus.internet_url(4)).startswith("200")
        token = re.search(r'name="token" value="([^"]+)"', done)
        assert token
        campus.curl("-d", f"token={token[1]}", f"{PORTAL}/logout")
        assert not campus.status(campus.internet_url(4)).startswith("200")
