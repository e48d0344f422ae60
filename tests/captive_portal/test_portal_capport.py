"""RFC 8908: what the API tells, under which names, in one piece or in many, over TLS."""

from __future__ import annotations

import datetime as dt
import json
import socket
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID

from captive_portal import capport, service
from captive_portal.model import Admitted, Bounds, Client, Grant, Session, State
from netops.config import Listener
from netops.service import running

if TYPE_CHECKING:
    from pathlib import Path


def issued(folder: Path, *names: str, ocsp: str = "", crl: str = "") -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    began = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=began,
        not_valid_after=began + dt.timedelta(days=1),
    ).add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=True)
    if ocsp:
        way = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp))
        made = made.add_extension(x509.AuthorityInformationAccess([way]), critical=False)
    if crl:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl)], None, None, None)
        made = made.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "portal.key").write_bytes(key.private_bytes(*form))
    path = folder / "portal.pem"
    path.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return path


# ---- RFC 8908
VISITOR = Client(mac="02:00:00:00:00:01", interface="simulated", addresses=("127.0.0.1",))


def test_the_api_tells_what_is_left_and_never_more_than_a_phone_reads() -> None:
    grant = Grant(method="click_through", until_ms=90_500, bounds=Bounds(seconds=60, octets=10**15))
    session = Session(id="x", client=VISITOR, state=State.ONLINE, grant=grant)
    longest = "https://" + "a" * 247

    told = capport.answer(session, portal_url=longest, venue_url=longest * 8, now_ms=30_000, octets_left=10**15)

    assert len(told) <= capport.LARGEST
    assert json.loads(told) == {
        "captive": False,
        "user-portal-url": longest,
        "venue-info-url": longest * 8,
        "can-extend-session": False,
        "seconds-remaining": 60,
        "bytes-remaining": 10**15,
    }


def door(**environ: str) -> tuple[str, dict[str, str], bytes]:
    """Ask the door with nobody behind it but a page that says so."""
    said: list[tuple[str, dict[str, str]]] = []

    class Desks:
        tell = staticmethod(lambda address: b"told " + address.encode())

    def pages(_environ, start_response):
        start_response("404 Not Found", [])
        return [b"pages"]

    made = capport.Fork(pages, Desks(), frozenset({"portal.test"}), rehearsal=True)
    asked = {"PATH_INFO": capport.PATH, "REQUEST_METHOD": "GET", "HTTP_HOST": "Portal.Test", "REMOTE_ADDR": "192.0.2.7"}
    body = b"".join(made({**asked, **environ}, lambda status, head: said.append((status, dict(head)))))
    return (*said[0], body)


def test_the_door_answers_the_api_alone_and_under_our_names_alone() -> None:
    status, told, body = door()

    assert (status, body) == ("200 OK", b"told 192.0.2.7")
    assert told["Content-Type"] == "application/captive+json"
    assert told["Cache-Control"] == "private"
    assert told["X-NetOps-Rehearsal"] == "true"
    assert told["Content-Length"] == "14"
    assert door(REQUEST_METHOD="HEAD")[2] == b""
    for other in (
        {"REQUEST_METHOD": "POST"},
        {"PATH_INFO": "/"},
        {"HTTP_HOST": "captive.apple.com"},
        {"HTTP_HOST": ""},
    ):
        assert door(**other)[2] == b"pages"


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /capport/api HTTP/1.1\r\nHost: portal.test\r\n",
        b"GET /capport/api HTTP/1.1\r\nHost: captive.apple.com\r\n\r\n",
        b"GET /capport/api HTTP/1.1\r\nX-Host: portal.test\r\n\r\n",
        b"GET /capport/api HTTP/1.1\r\n\r\n",
        b"GET /capport/api?x HTTP/1.1\r\nHost: portal.test\r\n\r\n",
        b"POST /capport/api HTTP/1.1\r\nHost: portal.test\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: portal.test\r\n\r\n",
        b"\xff\x00",
        b"",
    ],
)
def test_the_shortcut_leaves_everything_but_the_one_question_to_the_pages(request_) -> None:
    made = capport.Fork(lambda *_: [], object(), frozenset({"portal.test"}), rehearsal=False)

    assert made.shortcut(request_, "192.0.2.7") is None


@pytest.fixture
def over_tls(settings, tmp_path):
    """A running portal with a certificate; return what asks it over TLS, the request in the pieces given."""
    path = issued(tmp_path, "portal.test")
    secure = Listener(port=0, tls_certificate=path, tls_key=tmp_path / "portal.key")
    portal = service.build(replace(settings, portal=replace(settings.portal, secure=secure)))
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE  # the certificate has long expired

    def ask(*pieces: bytes) -> tuple[bytes, bytes]:
        link = socket.create_connection(("127.0.0.1", portal.secure_port), 10)
        with trusting.wrap_socket(link, server_hostname="portal.test") as secured:
            for piece in pieces:
                secured.sendall(piece)
            answer = b""
            while part := secured.recv(65_536):
                answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        return head, body

    with running([portal]):
        yield ask


@pytest.mark.parametrize("cut", [0, 10], ids=["whole", "in pieces"])
def test_over_tls_the_same_api_and_the_same_pages_are_there(over_tls, cut) -> None:
    end = b" HTTP/1.1\r\nHost: portal.test\r\nConnection: close\r\n\r\n"
    question, page = b"GET /capport/api" + end, b"GET /?lang=en" + end

    head, body = over_tls(*(filter(None, (question[:cut], question[cut:]))))
    told = json.loads(body)
    assert (told["captive"], told["user-portal-url"]) == (True, "http://portal.test/")
    assert b"Cache-Control: private" in head
    assert b"Strict-Transport-Security" in head

    head, body = over_tls(*(filter(None, (page[:cut], page[cut:]))))
    assert head.startswith(b"HTTP/1.1 200")
    assert b"Accept terms and go online" in body


def test_the_octets_that_are_left_are_those_of_the_sites_bound(house) -> None:
    desk = house.open()
    grant = Grant(method="click_through", until_ms=1, bounds=Bounds(seconds=1, octets=1000))
    session = Session(id="x", client=VISITOR, grant=grant)
    counted = Admitted(client=VISITOR, seconds=1, octets_up=100, octets_down=200)

    assert desk.octets_left(session) == 1000
    desk.visits.meters.read([counted], 0)
    assert desk.octets_left(session) == 700
    desk.visits.meters.read([replace(counted, octets_down=5000)], 0)
    assert desk.octets_left(session) == 0
    assert desk.octets_left(replace(session, grant=replace(grant, bounds=Bounds(seconds=1)))) is None


def test_a_page_about_the_place_is_that_of_the_visitors_site(house) -> None:
    api = capport.Api(house.open(), portal_url="https://p.example/", venue_url="https://v.example/{site}")

    assert json.loads(api.tell("127.0.0.9"))["venue-info-url"] == "https://v.example/site-1"
    assert "venue-info-url" not in json.loads(api.tell("203.0.113.9")), "nobody knows where a stranger is"


def test_what_nobody_bounds_is_not_told() -> None:
    assert b"bytes" not in capport.answer(None, portal_url="p", venue_url="", now_ms=0)
