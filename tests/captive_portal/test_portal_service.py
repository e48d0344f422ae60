"""The portal as a service: it starts without its gateway, says what is wrong, and lets go of everything."""

from __future__ import annotations

import http.client
import json
import socket
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from captive_portal import gate, service, upkeep
from captive_portal.adopting import NOTHING
from captive_portal.captured import host as host_of
from captive_portal.desk import Attempt
from captive_portal.gateways.simulated import Simulated
from captive_portal.model import Bounds, Client, Grant, Session, State
from inventory.errors import SqlBusyError
from netops.config import Listener
from netops.errors import ConfigError
from netops.service import running

if TYPE_CHECKING:
    from pathlib import Path


def ask(port: int, path: str) -> tuple[int, bytes]:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    link.request("GET", path, headers={"Host": "127.0.0.1"})
    answer = link.getresponse()
    body = answer.read()
    link.close()
    return answer.status, body


def test_it_serves_between_start_and_stop_and_may_be_stopped_twice(settings) -> None:
    portal = service.build(settings)
    assert portal.gauges() == {}
    with running([portal]):
        assert portal.health() == {}
        assert ask(portal.port, "/")[0] == 200
        assert ask(portal.port, "/readyz")[0] == 200
        assert b"netops_portal_sessions 0" in ask(portal.port, "/metrics")[1]
        assert b"netops_portal_spool_bytes 0" in ask(portal.port, "/metrics")[1]
    portal.stop()

    with pytest.raises(OSError, match="refused"):
        ask(portal.port, "/")


def test_a_gateway_that_is_away_is_said_and_the_pages_are_there(settings) -> None:
    away = replace(settings, portal=replace(settings.portal, gateway="nftables"))
    portal = service.build(away)
    with running([portal]):
        status, body = ask(portal.port, "/readyz")

    assert status == 503
    assert "is `gate` running?" in json.loads(body)["wrong"]["gateway"]


def test_it_stops_in_the_midst_of_a_mass_repair(settings, eventually, monkeypatch) -> None:
    """A gateway came back empty: who still waits for a door waits for the next start, and the stop for nobody."""
    monkeypatch.setattr(service, "FOLLOW_S", 0.05)
    portal = service.build(settings)
    with ExitStack() as stack:
        stack.enter_context(running([portal]))
        desk = portal.desk
        now_ms = portal.clock.now_ms()
        for number in range(200):
            own = Client(mac=f"02:00:00:00:00:{number:02x}", interface="simulated", addresses=(f"127.0.1.{number}",))
            grant = Grant(method="click_through", until_ms=now_ms + 3_600_000)
            desk.visits.hold(Session(id=f"{number:024x}", client=own, state=State.ONLINE, since_ms=0, grant=grant))
        (gateway,) = desk.gateway.parts()
        real, opened = gateway.allow, []

        def allow(client: Client, bounds: Bounds) -> None:
            time.sleep(0.1)
            opened.append(client)
            real(client, bounds)

        monkeypatch.setattr(gateway, "allow", allow)
        monkeypatch.setattr(gateway, "_born", "anew")
        eventually(lambda: len(opened) > 2)
        began = time.monotonic()
        portal.stop()

    assert time.monotonic() - began < 2.0
    assert len(opened) < 50


def test_a_dead_uplink_is_seen_on_the_page(settings, eventually, monkeypatch) -> None:
    monkeypatch.setattr(service, "UPLINK_S", 0.1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = free.getsockname()[1]  # bound and not listening: every connection is refused
        portal = service.build(replace(settings, portal=replace(settings.portal, anchors=f"127.0.0.1:{dead}")))
        with running([portal]):
            eventually(lambda: "uplink" in portal.health())
            assert "这里的网络断了".encode() in ask(portal.port, "/?lang=zh-CN")[1]


def test_one_device_cannot_hold_the_connections_of_all(settings, tmp_path, eventually) -> None:
    """Plain and over TLS: of what an address opens, no more than its share stays open, and nobody else is cut off."""
    secure = Listener(port=0, tls_certificate=_issued(tmp_path / "both.pem"), tls_key=tmp_path / "both.pem")
    portal = service.build(replace(settings, portal=replace(settings.portal, secure=secure)))
    with running([portal]), ExitStack() as stack:
        for port in (portal.port, portal.secure_port):
            greedy = [stack.enter_context(_opened(port)) for _ in range(service.PER_ADDRESS + 20)]
            eventually(lambda greedy=greedy: sum(map(_is_open, greedy)) == service.PER_ADDRESS)
        assert ask(portal.port, "/")[0] == 200


def _issued(path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "portal.test")])
    day = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 7, day, day + timedelta(days=90))
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(text + made.sign(key, SHA256()).public_bytes(Encoding.PEM))
    return path


def _opened(port: int) -> socket.socket:
    opened = socket.create_connection(("127.0.0.1", port), 5, source_address=("127.0.66.6", 0))
    opened.setblocking(False)
    return opened


def _is_open(link: socket.socket) -> bool:
    try:
        return bool(link.recv(1))
    except BlockingIOError:
        return True
    except OSError:
        return False


def test_an_address_that_is_taken_is_refused_and_nothing_is_left_open(settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        at = replace(settings, portal=replace(settings.portal, listen=Listener(port=taken.getsockname()[1])))
        with pytest.raises(ConfigError, match="cannot listen"):
            service.build(at).start()

    with running([service.build(settings)]):
        pass


def test_wrong_anchors_and_unknown_users_stop_the_start_with_a_sentence(settings) -> None:
    with pytest.raises(ConfigError, match="expected host:port"):
        service.build(replace(settings, portal=replace(settings.portal, anchors="x"))).start()
    with pytest.raises(ConfigError, match="expected a user of this machine"):
        gate.build(replace(settings, portal=replace(settings.portal, gate_user="no-such-user")))


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://portal.test", "portal.test"),
        ("http://Portal.test:80", "portal.test"),
        ("http://portal.test:8081", "portal.test:8081"),
        ("https://portal.test:443", "portal.test"),
        ("https://portal.test:80", "portal.test:80"),
        ("http://[fd00::80]:8080", "[fd00::80]:8080"),
    ],
)
def test_a_browser_leaves_out_the_port_that_the_scheme_implies(url: str, host: str) -> None:
    assert host_of(url) == host


def test_a_policy_that_is_written_anew_is_in_force_soon_and_a_broken_one_is_told_by_health(
    settings, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(service, "POST_S", 0.05)
    folder = tmp_path / "policies"
    folder.mkdir()
    text = "policy: p\ntitle: P\ndefault: yes\nmethods: [click_through]\nsession_minutes: {minutes}\n"
    (folder / "p.yaml").write_text(text.format(minutes=30), encoding="utf-8")
    portal = service.build(replace(settings, portal=replace(settings.portal, policies=folder)))

    def until(holds) -> None:
        end = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < end, "not in time"
            time.sleep(0.02)

    with running([portal]):
        assert b"30" in ask(portal.port, "/?lang=en")[1]
        (folder / "p.yaml").write_text(text.format(minutes=77), encoding="utf-8")
        until(lambda: b"77" in ask(portal.port, "/?lang=en")[1])
        (folder / "p.yaml").write_text(text.format(minutes="many"), encoding="utf-8")
        until(lambda: "what was in force stays" in portal.health().get("policies", ""))
        assert b"77" in ask(portal.port, "/?lang=en")[1]
        (folder / "p.yaml").write_text(text.format(minutes=77), encoding="utf-8")
        until(lambda: "policies" not in portal.health())


def test_a_start_that_nobody_wants_any_more_repairs_nothing_further_and_the_next_one_does(
    settings, monkeypatch
) -> None:
    """A gateway came back empty, and the portal too: a stop waited for a door for each of those who were in."""
    portal = service.build(settings)
    with running([portal]):
        desk = portal.desk
        for number in range(200):
            own = Client(mac=f"02:00:00:00:00:{number:02x}", interface="simulated", addresses=(f"127.0.1.{number}",))
            desk.login(Attempt(client=own, method="click_through", fields={}, consent=NOTHING))
    opened, real = [], Simulated.allow

    def allow(gateway: Simulated, client: Client, bounds: Bounds) -> None:
        opened.append(client)
        portal.leave()
        return real(gateway, client, bounds)

    monkeypatch.setattr(Simulated, "allow", allow)
    with running([portal]):
        assert 0 < len(opened) <= upkeep.SLICE * Simulated.at_once
    monkeypatch.undo()
    with running([portal]):
        assert len(portal.desk.gateway.admitted()) == 200


def test_a_database_that_is_held_is_one_line_of_the_log_and_no_fault_of_ours(settings, caplog) -> None:
    portal = service.build(settings)

    def held() -> int:
        raise SqlBusyError("portal.db: cannot be used now; try again")

    portal._try("sessions", held)

    assert portal.health()["sessions"] == "portal.db: cannot be used now; try again"
    assert [(each.levelname, each.exc_info) for each in caplog.records] == [("WARNING", None)]
