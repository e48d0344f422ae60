"""Real partners: radclient, FreeRADIUS asking us through rlm_rest, eapol_test, FreeRADIUS as a controller."""

from __future__ import annotations

import datetime as dt
import signal
import socket
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from captive_portal.errors import GatewayError
from captive_portal.model import Bounds, Client
from captive_portal.radius import freeradius, nas
from captive_portal.radius.service import RadiusService
from netops.clock import SYSTEM
from netops.config import City, Data, PortalAt, Settings
from netops.controllers import Controller, Radius
from netops.errors import ConfigError
from netops.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = 'a "shared" %{secret} #1'  # what FreeRADIUS must be told in quotes
KEY = "the key of the API"
MAC, SAID, IP = "02:11:22:33:44:55", "02-11-22-33-44-55", "10.8.0.9"
HOUR = Bounds(seconds=3600, idle_s=600, down_kbps=4000, up_kbps=1000)
pytestmark = [pytest.mark.partner("freeradius", "radclient"), pytest.mark.xdist_group("freeradius")]


def free(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as at:
        at.bind(("127.0.0.1", 0))
        return int(at.getsockname()[1])


@dataclass
class Both:
    """Our server, and FreeRADIUS in front of it."""

    folder: Path
    settings: Settings
    fronted: Settings
    service: RadiusService

    @property
    def doors(self) -> Any:
        return self.service.parts.doors

    def token(self, mac: str = MAC) -> Any:
        client = Client(mac=mac, interface="ac-1", addresses=(IP,))
        return self.service.parts.reaching.mint.issue(client, HOUR, SYSTEM.now_ms())

    def port(self, kind: str, *, fronted: bool) -> int:
        radius = (self.fronted if fronted else self.settings).radius
        return radius.auth_port if kind in {"auth", "status"} else radius.acct_port

    def ask(self, kind: str, *pairs: str, fronted: bool, signed: bool = True, wait_s: int = 3) -> tuple[int, str]:
        """Return radclient's exit code and what it prints."""
        said = [*pairs, *(["Message-Authenticator=0x00"] if signed and kind != "acct" else [])]
        words = ["radclient", "-x", "-r", "1", "-t", str(wait_s), f"127.0.0.1:{self.port(kind, fronted=fronted)}", kind]
        secret = self.folder / "secret"
        secret.write_text(SECRET + "\n", encoding="utf-8")
        done = subprocess.run(
            [*words[:-2], "-S", str(secret), *words[-2:]],
            input="\n".join(said) + "\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("radius")
    ac = Controller(address="127.0.0.1", secret=Secret(f"plain:{SECRET}"), networks="10.8.0.0/16", site="site-1")
    radius = Radius(
        enabled=True,
        listen="127.0.0.1",
        auth_port=free(socket.SOCK_DGRAM),
        acct_port=free(socket.SOCK_DGRAM),
        rest_port=free(socket.SOCK_STREAM),
        rest_key=Secret(f"plain:{KEY}"),
        coa_timeout_ms=300,
    )
    portal = PortalAt(gateway="none", acs={"ac-1": replace(ac, coa_port=free(socket.SOCK_DGRAM))})
    settings = Settings(city=City(rehearsal=True), data=Data(dir=folder), portal=portal, radius=radius)
    own = replace(radius, auth_port=free(socket.SOCK_DGRAM), acct_port=free(socket.SOCK_DGRAM))
    fronted = replace(settings, radius=own)
    raddb = folder / "raddb"
    for name, text in freeradius.files(fronted, nas.known(fronted), folder=str(raddb), host="127.0.0.1").items():
        (raddb / name).parent.mkdir(parents=True, exist_ok=True)
        (raddb / name).write_text(text, encoding="utf-8")
    _eap(raddb)
    _fake(raddb, portal.acs["ac-1"].coa_port)
    with ExitStack() as stack:
        stack.enter_context(_running(raddb, own.auth_port))  # it starts while we are away
        service = RadiusService(settings)
        service.start()
        stack.callback(service.stop)
        yield Both(folder, settings, fronted, service)


class _running:  # noqa: N801  (a context, as a word)
    def __init__(self, raddb: Path, port: int) -> None:
        self.raddb, self.port = raddb, port

    def __enter__(self) -> None:
        words = ["freeradius", "-d", str(self.raddb), "-f", "-l", "stdout"]
        with (self.raddb / "log").open("w", encoding="utf-8") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT)
        began = SYSTEM.monotonic()
        while "Ready to process requests" not in (self.raddb / "log").read_text(encoding="utf-8"):
            assert self.process.poll() is None, (self.raddb / "log").read_text(encoding="utf-8")
            assert SYSTEM.monotonic() - began < 30
            self.process_wait()

    def process_wait(self) -> None:
        try:
            self.process.wait(0.05)
        except subprocess.TimeoutExpired:
            return

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


def _eap(raddb: Path) -> None:
    """Let FreeRADIUS end TTLS and ask us about what is inside."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "radius.test")])
    now = dt.datetime.fromtimestamp(SYSTEM.now_ms() / 1000, tz=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (raddb / "server.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (raddb / "server.key").write_bytes(private)
    (raddb / "mods-enabled" / "eap").write_text(
        "eap {\n\tdefault_eap_type = ttls\n\ttls-config tls-common {\n"
        f"\t\tprivate_key_file = {raddb}/server.key\n\t\tcertificate_file = {raddb}/server.pem\n"
        f"\t\tca_file = {raddb}/server.pem\n\t\ttls_min_version = '1.2'\n\t\ttls_max_version = '1.2'\n\t}}\n"
        "\tttls {\n\t\ttls = tls-common\n\t\tcopy_request_to_tunnel = yes\n\t\tuse_tunneled_reply = yes\n"
        "\t\tvirtual_server = netops-inner\n\t}\n}\n",
        encoding="utf-8",
    )


def _fake(raddb: Path, port: int) -> None:
    """Let FreeRADIUS be a controller too: one session it knows, one it cannot remove, no others are there."""
    text = Path(__file__).with_name("freeradius_as_controller.conf").read_text(encoding="utf-8")
    (raddb / "sites-enabled" / "fake").write_text(text.replace("PORT", str(port)), encoding="utf-8")
    always = "".join(f"always {each} {{\n\trcode = {each}\n}}\n" for each in ("ok", "reject"))
    (raddb / "mods-enabled" / "always").write_text(always, encoding="utf-8")


FRONT = pytest.mark.parametrize("fronted", [False, True], ids=["our server", "FreeRADIUS asking us"])


@FRONT
@pytest.mark.parametrize("proof", ["User-Password", "CHAP-Password"])
def test_radclient_is_let_in_with_a_token_once(both, fronted, proof):
    token = both.token()
    pairs = [f'User-Name="{token.user}"', f'{proof}="{token.password}"', f'Calling-Station-Id="{SAID}"']
    code, said = both.ask("auth", *pairs, fronted=fronted)

    assert code == 0, said
    for each in ("Access-Accept", "Idle-Timeout = 600", "WISPr-Bandwidth-Max-Down = 4000000"):
        assert each in said
    assert 3590 <= int(said.rpartition("Session-Timeout = ")[2].split()[0]) <= 3600
    assert said.count("Message-Authenticator = 0x") == 2  # ours came, and it held

    code, said = both.ask("auth", *pairs, fronted=fronted)
    assert (code, 'Reply-Message = "token already used"' in said) == (1, True)


@FRONT
def test_who_does_not_sign_is_not_answered(both, fronted):
    token = both.token()
    pairs = [f'User-Name="{token.user}"', f'User-Password="{token.password}"', f'Calling-Station-Id="{SAID}"']
    code, said = both.ask("auth", *pairs, fronted=fronted, signed=False, wait_s=1)

    assert (code, "No reply from server" in said) == (1, True)


@FRONT
@pytest.mark.parametrize("chap", [False, True], ids=["bare", "CHAP"])
def test_a_question_that_is_played_again_moves_no_address(both, wire, fronted, chap):
    """FreeRADIUS forgets a packet within seconds; its authenticator comes to us, and we do not forget it."""

    def asked(octets: bytes) -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as at:  # each time from another port
            at.bind(("127.0.0.1", 0))
            at.settimeout(3)
            at.sendto(octets, ("127.0.0.1", both.port("auth", fronted=fronted)))
            return at.recv(5000)[0]

    def question(mac: str) -> bytes:
        rest = wire.attribute(1, mac) + wire.attribute(31, mac) + wire.attribute(8, socket.inet_aton("10.8.0.77"))
        proof = wire.attribute(3, b"\x07" + bytes(16)) if chap else b""
        return wire.access(1, rest + proof, SECRET.encode())

    first, other = "02-11-22-33-55-01", "02-11-22-33-55-02"
    old = question(first)
    assert [asked(old), asked(question(other)), asked(old)] == [3, 3, 3]
    assert both.doors.who("10.8.0.77", SYSTEM.now_ms()) == ("ac-1", other.replace("-", ":"))


@FRONT
def test_accounting_with_gigawords_arrives(both, fronted):
    session = f"giga-{fronted}"
    pairs = [
        f'Acct-Session-Id="{session}"',
        f'Calling-Station-Id="{SAID}"',
        'User-Name="中文 <x>"',
        f"Framed-IP-Address={IP}",
        f'Event-Timestamp="{SYSTEM.now_ms() // 1000}"',
        "Class=0x6e65746f707330",
    ]
    for status in ("Start", "Interim-Update"):
        octets = ["Acct-Input-Octets=5", "Acct-Input-Gigawords=2", "Acct-Output-Octets=7", "Acct-Output-Gigawords=1"]
        code, said = both.ask("acct", f"Acct-Status-Type={status}", *pairs, *octets, fronted=fronted)
        assert code == 0, said
    (there,) = [each for each in both.doors.sojourns(("ac-1", MAC)) if each.session == session]

    assert (there.up, there.down) == (2 * 2**32 + 5, 2**32 + 7)
    assert (there.mark, there.addresses, there.user) == (b"netops0", (IP,), "中文 <x>")

    code, said = both.ask("acct", "Acct-Status-Type=Stop", *pairs, "Acct-Terminate-Cause=Idle-Timeout", fronted=fronted)
    assert code == 0, said
    assert [each for each in both.doors.sojourns(("ac-1", MAC)) if each.session == session] == []


@FRONT
def test_an_old_report_is_not_taken(both, fronted):
    pairs = ["Acct-Status-Type=Start", 'Acct-Session-Id="old"', f'Calling-Station-Id="{SAID}"']
    code, _ = both.ask("acct", *pairs, f'Event-Timestamp="{SYSTEM.now_ms() // 1000 - 4000}"', fronted=fronted, wait_s=1)

    assert code == 1
    assert "old" not in {each.session for each in both.doors.sojourns(("ac-1", MAC))}


def test_radclient_finds_our_server_alive(both):
    code, said = both.ask("status", fronted=False)

    assert (code, "Access-Accept" in said) == (0, True)


def _eapol(*words: str) -> str:
    line = ["eapol_test", *words, "-s", SECRET, "-M", MAC, "-t", "8"]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=20).stdout


@pytest.mark.partner("eapol_test")
@pytest.mark.parametrize("phase2", ["PAP", "CHAP"])
def test_a_device_with_a_profile_gets_in_by_ttls(both, phase2):
    """802.1X: what a phone does with a Passpoint profile, eapol_test does; FreeRADIUS ends the tunnel and asks us."""
    token = both.token()
    (both.folder / "peer.conf").write_text(
        'network={\n\tkey_mgmt=WPA-EAP\n\teap=TTLS\n\tanonymous_identity="anonymous"\n'
        f'\tidentity="{token.user}"\n\tpassword="{token.password}"\n\tphase2="auth={phase2}"\n'
        f'\tca_cert="{both.folder}/raddb/server.pem"\n}}\n',
        encoding="utf-8",
    )
    words = ["-c", str(both.folder / "peer.conf"), "-a", "127.0.0.1", "-p", str(both.fronted.radius.auth_port)]
    done = subprocess.run(
        ["eapol_test", *words, "-s", SECRET, "-M", MAC, "-t", "10"],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )

    assert done.stdout.rstrip().endswith("SUCCESS"), done.stdout[-2000:]
    assert both.doors.inside(("ac-1", MAC))


@pytest.mark.partner("eapol_test")
def test_eap_at_our_own_server_ends_in_a_failure_and_not_in_silence(both):
    (both.folder / "md5.conf").write_text(
        'network={\n\tkey_mgmt=IEEE8021X\n\teap=MD5\n\tidentity="bob"\n\tpassword="x"\n}\n', encoding="utf-8"
    )
    words = ["-c", str(both.folder / "md5.conf"), "-a", "127.0.0.1", "-p", str(both.settings.radius.auth_port)]
    done = subprocess.run(
        ["eapol_test", *words, "-s", SECRET, "-M", MAC, "-t", "5"],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )

    assert "EAP: Received EAP-Failure" in done.stdout
    assert "RADIUS packet matching with station" in done.stdout


def test_freeradius_as_a_controller_is_disconnected_with_every_outcome(both, eventually):
    """Debian's own server takes our Disconnect and CoA: yes, not there, cannot be removed, and silence."""
    reaching, client = both.service.parts.reaching, Client(mac="02:11:22:33:44:99", interface="ac-1", addresses=(IP,))
    for session, word in (("known", ""), ("nobody's", ""), ("stuck", "session context not removable")):
        pairs = [f'Acct-Session-Id="{session}"', 'Calling-Station-Id="02-11-22-33-44-99"', "Class=0x6e65746f707330"]
        stamp = f'Event-Timestamp="{SYSTEM.now_ms() // 1000}"'
        code, said = both.ask("acct", "Acct-Status-Type=Start", *pairs, stamp, fronted=False)
        assert code == 0, said
        if word:
            with pytest.raises(GatewayError, match=word):
                reaching.revoke(client)
        else:
            reaching.revoke(client)
            assert both.doors.sojourns(client.key) == []

    assert dict(both.service.parts.caller.counts) == {"ack": 1, "nak": 2}


def test_a_secret_that_freeradius_would_read_otherwise_is_refused(both):
    settings = replace(
        both.settings, radius=replace(both.settings.radius, rest_key=Secret("plain:${prefix} is expanded"))
    )

    with pytest.raises(ConfigError, match=r"'radius.rest_key'; expected printable ASCII"):
        freeradius.files(settings, nas.known(settings), folder="x")
