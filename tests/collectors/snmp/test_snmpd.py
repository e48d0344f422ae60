"""A real agent: net-snmp's snmpd on a free port, over SNMPv2c and SNMPv3, and net-snmp's own client as witness."""

import contextlib
import os
import shutil
import socket
import subprocess
import time

import pytest

from collectors.snmp.ask import Ask, Community, Target
from collectors.snmp.credential import spoken
from collectors.snmp.engine import Engine
from collectors.snmp.keys import AUTH, PRIV
from collectors.snmp.usm import User
from collectors.snmp.varbind import COUNTER32, OCTET_STRING, parse
from netops.config import Credential, Secret
from netops.model import Reason

pytestmark = pytest.mark.partner("snmpd", "snmp")

DESCRIPTION = parse("1.3.6.1.2.1.1.1.0")
CONTACT = parse("1.3.6.1.2.1.1.4.0")
OBJECT_ID = parse("1.3.6.1.2.1.1.2.0")
INTERFACES = (parse("1.3.6.1.2.1.2.2.1.2"), parse("1.3.6.1.2.1.2.2.1.10"))
ASK = Ask(gets=(CONTACT, OBJECT_ID, parse("1.3.6.1.9.9.9.0")), walks=(INTERFACES,), uptime=True)

AUTHS, PRIVS = tuple(AUTH), tuple(PRIV)  # Debian's snmpd has them all, both ways of lengthening AES keys included
USERS = {f"{auth}-{priv}".lower(): (auth, priv, "priv") for auth in AUTHS for priv in PRIVS}
USERS |= {f"{auth}-auth".lower(): (auth, "", "auth") for auth in AUTHS}
PHRASE, OTHER = "one phrase for it", "and another one"


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def config(port):
    yield f"agentAddress udp:127.0.0.1:{port},udp6:[::1]:{port}"
    yield "rocommunity public 127.0.0.1"
    yield "rocommunity6 public ::1"
    yield "sysContact noc@example.net"
    for name, (auth, priv, level) in USERS.items():
        tail = f' {priv} "{OTHER}"' if priv else ""
        yield f'createUser {name} {auth} "{PHRASE}"{tail}'
        yield f"rouser {name} {level}"


class Snmpd:
    """One private snmpd; its state lies in a directory of its own."""

    def __init__(self, directory):
        self.port = free_port()
        self.state = directory / "state"
        self.state.mkdir()
        self.config = directory / "snmpd.conf"
        self.config.write_text("\n".join(config(self.port)) + "\n")
        self.log = directory / "log"
        self.child = None

    def start(self):
        environment = {**os.environ, "SNMP_PERSISTENT_DIR": str(self.state), "MIBS": ""}
        program = shutil.which("snmpd") or "/usr/sbin/snmpd"
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                [program, "-f", "-Lo", "-C", "-c", str(self.config)], env=environment, stdout=log, stderr=log
            )
        with Engine() as engine:
            for _ in range(100):
                if engine.ask(
                    self.target(Community(b"public"), timeout_s=0.1, retries=0), Ask(gets=(CONTACT,))
                ).answered:
                    return self
                time.sleep(0.05)
        self.stop()
        raise AssertionError(self.log.read_text())

    def stop(self):
        self.child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.child.wait(5)
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def target(self, credential, **words):
        words = {"address": "127.0.0.1", "timeout_s": 1.0, **words}
        return Target(port=self.port, credential=credential, **words)


@pytest.fixture(scope="module")
def snmpd(tmp_path_factory):
    agent = Snmpd(tmp_path_factory.mktemp("snmpd")).start()
    yield agent
    agent.stop()


@pytest.fixture
def engine():
    with Engine() as running:
        yield running


def user(name, **words):
    auth, priv, _ = USERS[name]
    keys = {"auth_key": PHRASE, "priv_key": OTHER if priv else "", **words}
    return User(**{"name": name, "auth_protocol": auth, "priv_protocol": priv or "AES", **keys})


def check(answer):
    assert answer.failed is None
    contact, object_id, missing = answer.gets
    assert (contact.tag, contact.value) == (OCTET_STRING, b"noc@example.net")
    assert object_id.value.startswith("1.3.6.1.4.1.8072.3.2.")
    assert missing.reason in (Reason.NO_SUCH_OBJECT, Reason.NO_SUCH_INSTANCE)
    names, octets = answer.walks[0].columns
    assert b"lo" in names.values
    assert set(octets.tags) == {COUNTER32}
    assert len(names) == len(octets)
    assert answer.uptime_first <= answer.uptime_last


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_version_2c(engine, snmpd, address):
    check(engine.ask(snmpd.target(Community(b"public"), address=address), ASK))


@pytest.mark.parametrize("name", USERS)
def test_version_3(engine, snmpd, name):
    for _ in range(3):
        check(engine.ask(snmpd.target(user(name)), ASK))
    assert engine.counters.security == 0
    assert engine.counters.recognised > 0


@pytest.mark.parametrize(("name", "other"), [("sha-aes-256", "AES-256-C"), ("md5-aes-192-c", "AES-192")])
def test_the_other_way_of_lengthening_a_key_is_another_key(engine, snmpd, name, other):
    answer = engine.ask(snmpd.target(user(name, priv_protocol=other), timeout_s=0.15), ASK)

    assert answer.outcome == Reason.AUTH_FAILED


def test_a_configured_credential_is_spoken(engine, snmpd, monkeypatch):
    monkeypatch.setenv("A_KEY", PHRASE)
    monkeypatch.setenv("B_KEY", OTHER)
    written = Credential(version="v3", user="sha-256-aes", auth_key=Secret("env:A_KEY"), priv_key=Secret("env:B_KEY"))

    check(engine.ask(snmpd.target(spoken("core", written)), ASK))


@pytest.mark.parametrize(
    ("who", "told"),
    [
        (lambda: User(name="nobody", auth_key=PHRASE, priv_key=OTHER), "usmStatsUnknownUserNames"),
        (lambda: user("sha-256-aes", auth_key="not the phrase"), "usmStatsWrongDigests"),
        (lambda: user("sha-256-aes", priv_key="not the phrase"), "is the privacy key right?"),
        (lambda: user("sha-auth", priv_key=OTHER), "usmStats"),
    ],
    ids=["user", "authentication", "privacy", "level"],
)
def test_wrong_keys_are_told_from_silence(engine, snmpd, who, told):
    answer = engine.ask(snmpd.target(who(), timeout_s=0.15), ASK)

    assert answer.outcome == Reason.AUTH_FAILED
    assert told in answer.failed.detail


def test_a_wrong_community_is_silence(engine, snmpd):
    assert engine.ask(snmpd.target(Community(b"secret"), timeout_s=0.1), ASK).outcome == Reason.NO_ANSWER


def test_snmpbulkwalk_sees_the_same_table(engine, snmpd):
    column = parse("1.3.6.1.2.1.2.2.1.3")
    ours = engine.ask(snmpd.target(Community(b"public")), Ask(walks=((column,),))).walks[0].columns[0]

    told = subprocess.run(
        ["snmpbulkwalk", "-v2c", "-c", "public", "-On", "-Oe", "-Oq", f"127.0.0.1:{snmpd.port}", "1.3.6.1.2.1.2.2.1.3"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "MIBS": ""},
    )

    theirs = [line.split(" ") for line in told.stdout.splitlines()]
    assert [(parse(oid), int(value)) for oid, value in theirs] == list(zip(ours.oids, ours.values, strict=True))


def test_a_restarted_agent_is_followed(engine, tmp_path):
    """Its boot count rises and its clock begins anew: one authentic report, one more datagram, no failure."""
    agent = Snmpd(tmp_path).start()
    target = agent.target(user("sha-256-aes"), timeout_s=2.0)
    uptime = Ask(uptime=True, gets=(DESCRIPTION,))
    try:
        first = engine.ask(target, uptime)
        time.sleep(1.1)
        agent.stop()
        agent.start()
        second = engine.ask(target, uptime)
    finally:
        agent.stop()

    assert first.failed is None
    assert second.failed is None
    assert second.attempts == 1
    assert second.uptime_first < first.uptime_first + 300  # hundredths: its clock began anew
