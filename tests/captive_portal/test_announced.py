"""RFC 8910 with a real DHCP server and client: what dnsmasq announces leads a device to the API, over TLS.

The visitor's namespace has no address until dhclient gets one; the certificate is one that the device trusts by name.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from captive_portal import announce
from netops.clock import SYSTEM, utc
from netops.config import load

if TYPE_CHECKING:
    from pathlib import Path

API = "https://portal.test/capport/api"
LEASES = """interface={interface}
bind-interfaces
no-resolv
no-hosts
dhcp-authoritative
dhcp-leasefile={folder}/leases
dhcp-range=10.77.0.100,10.77.0.200,10m
dhcp-range=fd77::100,fd77::1ff,64,10m
address=/portal.test/10.77.0.1
address=/portal.test/fd77::1
{snippet}"""
ASK = """option dhcp6.capport code 103 = text;
request subnet-mask, routers, default-url;
also request dhcp6.capport;
"""
SCRIPT = """#!/bin/sh
case $reason in
  PREINIT*) ip link set "$interface" up ;;
  BOUND) ip address replace "$new_ip_address/24" dev "$interface"
         ip route replace default via "$new_routers"
         printf '%s' "$new_default_url" > {folder}/told4 ;;
  BOUND6) ip -6 address replace "$new_ip6_address/64" dev "$interface" nodad
          printf '%s' "$new_dhcp6_capport" > {folder}/told6 ;;
esac
"""


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of portal.test that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "portal.test")])
    now, day = utc(SYSTEM.now_ms()), dt.timedelta(days=1)  # curl asks the machine's own clock
    number = x509.random_serial_number()
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), number, now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("portal.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "portal.pem", folder / "portal.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    secret.write_bytes(key.private_bytes(*form))
    return pem, secret


@pytest.fixture
def announced(network):
    """A portal that speaks TLS, and dnsmasq with what `netops portal dhcp-snippets` printed."""
    pem, secret = certificate(network.folder)
    text = network.settings_file.read_text(encoding="utf-8")
    secure = f'[portal.secure]\nhost = "::"\nport = 8443\ntls_certificate = "{pem}"\ntls_key = "{secret}"\n'
    text = text.replace("[portal]\n", f'[portal]\napi_url = "{API}"\n') + secure
    network.settings_file.write_text(text, encoding="utf-8")
    snippet = announce.snippets(load(network.settings_file, environ={}), "dnsmasq")
    conf = network.folder / "dnsmasq.conf"
    conf.write_text(LEASES.format(interface=network.visitor, folder=network.folder, snippet=snippet), encoding="utf-8")
    network.start_internet()
    network.start_gate()
    network.start_portal()
    words = ("--keep-in-foreground", f"--conf-file={conf}", "--user=root", "--log-facility=-")
    network.start("resolver", network.gateway, "dnsmasq", *words, ready="")
    network.run(network.client, "ip", "address", "flush", "dev", "eth0", "scope", "global")
    return network


def lease(network, eventually, version: int) -> str:
    """Let dhclient ask; return what it was told about the portal.

    In the foreground: a dhclient that goes to the background may write its pid file after its parent has ended.
    """
    folder = network.folder
    (folder / "ask.conf").write_text(ASK, encoding="utf-8")
    script = folder / "script"
    script.write_text(SCRIPT.format(folder=folder), encoding="utf-8")
    script.chmod(0o755)
    files = ("-cf", folder / "ask.conf", "-sf", script, "-lf", folder / f"lease{version}", "-pf", folder / "pid")
    words = ("dhclient", "-d", f"-{version}", "-1", *map(str, files), "eth0")
    told = folder / f"told{version}"
    network.start("dhclient", network.client, *words, ready="")
    eventually(lambda: told.exists() and told.read_text(encoding="utf-8") != "", 30)
    network.stop("dhclient", signal.SIGKILL)
    return told.read_text(encoding="utf-8")


def ask_api(network, uri: str, version: int) -> tuple[str, dict[str, object]]:
    at = "10.77.0.1" if version == 4 else "[fd77::1]"
    words = ("-sS", "-i", "--max-time", "10", f"-{version}", "--cacert", str(network.folder / "portal.pem"))
    done = network.run(network.client, "curl", *words, "--resolve", f"portal.test:443:{at}", uri)
    head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
    return head.lower(), json.loads(body)


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.partner("nft", "ip", "curl", "dnsmasq", "dhclient")
@pytest.mark.timeout(120)
def test_what_dhcp_announces_leads_to_the_api_before_and_after_the_login(announced, eventually) -> None:
    told = lease(announced, eventually, 4)
    assert told == API
    head, before = ask_api(announced, told, 4)
    assert head.startswith("http/1.1 200")
    assert "content-type: application/captive+json" in head
    assert "cache-control: private" in head
    assert before == {"captive": True, "user-portal-url": "https://portal.test/"}

    page = announced.run(
        announced.client,
        *("curl", "-sS", "--cacert", str(announced.folder / "portal.pem")),
        *("--resolve", "portal.test:443:10.77.0.1", "https://portal.test/?lang=en"),
    )
    assert "Accept terms and go online" in page.stdout

    assert lease(announced, eventually, 6) == API
    assert ask_api(announced, API, 6)[1]["captive"] is True
    announced.login()

    for version in (4, 6):
        after = ask_api(announced, API, version)[1]
        assert after["captive"] is False
        assert 1700 < int(str(after["seconds-remaining"])) <= 1800
        assert after["can-extend-session"] is False
    foreign = announced.run(announced.client, "curl", "-sS", "--max-time", "5", "https://203.0.113.2/", check=False)
    assert foreign.returncode != 0, "443 of others is never answered by us"


KEA = {
    "Dhcp4": {"subnet4": [{"subnet": "10.77.0.0/24", "pools": [{"pool": "10.77.0.100 - 10.77.0.200"}]}]},
    "Dhcp6": {"subnet6": [{"subnet": "fd77::/64", "pools": [{"pool": "fd77::100 - fd77::1ff"}]}]},
}


@pytest.mark.partner("kea")
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(("spoilt", "fine"), [(False, True), (True, False)], ids=["as printed", "wrong code"])
def test_kea_takes_what_is_printed(tmp_path, version, spoilt, fine) -> None:
    name = f"Dhcp{version}"
    server = {"lease-database": {"type": "memfile", "persist": False}, **KEA[name], **announce.kea_data(API)[name]}
    if spoilt:
        server["option-data"][0]["code"] += 1
    file = tmp_path / "kea.json"
    file.write_text(json.dumps({name: server}), encoding="utf-8")
    env = {**os.environ, "KEA_PIDFILE_DIR": str(tmp_path), "KEA_LOCKFILE_DIR": "none"}

    done = subprocess.run(
        [f"kea-dhcp{version}", "-t", str(file)], capture_output=True, text=True, timeout=60, check=False, env=env
    )

    assert (done.returncode == 0) is fine, done.stdout + done.stderr
