"""What devices meet before they are in: colours, the announced API and its certificate, where else WiFi works."""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import json
import re
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
from hypothesis import given
from hypothesis import strategies as some

from captive_portal import announce, capport, certificate, commands, look, nearby, outward, policy_yaml, service
from captive_portal.model import Admitted, Bounds, Client, Grant, Session, State
from captive_portal.nearby import Hotspot, Venue
from captive_portal.policy import Brand, Policies
from captive_portal.probes import Probes
from netops import hotspots
from netops.config import Listener, Settings
from netops.controllers import Controller
from netops.errors import ConfigError
from netops.facts import Fact, decode, encode
from netops.ledger import Ledger, LedgerEntry
from netops.service import running
from netops.situation import ServiceNow, Situation
from netops.situation import State as Up

if TYPE_CHECKING:
    from pathlib import Path

COLOURS = some.tuples(*[some.integers(0, 255)] * 3).map(lambda parts: "#" + "".join(f"{each:02x}" for each in parts))


# ---- colours
@pytest.mark.parametrize(
    ("one", "other", "ratio"), [("#000000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48), ("#0b6e4f", "#ffffff", 6.3)]
)
def test_contrast_is_that_of_wcag(one, other, ratio) -> None:
    assert look.contrast(one, other) == look.contrast(other, one) == pytest.approx(ratio, abs=0.06)


@given(COLOURS)
def test_whatever_colour_is_chosen_every_text_can_be_read(colour) -> None:
    for grounds in (look.LIGHT, look.DARK):
        shown = look.readable(colour, grounds)
        assert look.worst(shown, grounds) >= look.AA
        assert look.contrast(shown, look.on(shown)) >= look.AA
        assert shown == colour or look.worst(colour, grounds) < look.AA, "a colour that can be read is left as it is"


def test_the_grounds_are_those_of_the_style() -> None:
    light, dark = re.findall(r"--paper:(#\w+);--ground:(#\w+)", look.STYLE)

    assert tuple("#ffffff" if each == "#fff" else each for each in light) == look.LIGHT
    assert dark == look.DARK


def test_the_citys_own_colours_can_be_read() -> None:
    named = [dict(re.findall(r"--([\w-]+):(#[0-9a-f]+)", part)) for part in look.STYLE.split("@media")[:2]]
    for words in named:
        colours = {
            name: value if len(value) == 7 else "#" + "".join(2 * each for each in value[1:])
            for name, value in words.items()
        }
        for text, ground in itertools.product(("ink", "soft", "act", "good", "bad"), ("paper", "ground")):
            assert look.contrast(colours[text], colours[ground]) >= look.AA, (text, ground)
        assert look.contrast(colours["on-act"], colours["act"]) >= look.AA
        assert look.contrast(colours["ink"], colours["note"]) >= look.AA


def with_brand(settings, **brand) -> Policies:
    return Policies(default=replace(policy_yaml.built_in(settings), brand=Brand(**brand)))


def test_a_colour_that_cannot_be_read_is_told_with_one_that_can() -> None:
    (problem,) = outward.problems(Settings(), with_brand(Settings(), colour="#ffcc00"))

    assert "1.3:1" in problem.what
    said = re.search(r"#[0-9a-f]{6}", problem.remedy)
    assert said
    assert outward.problems(Settings(), with_brand(Settings(), colour=said[0])) == []


# ---- what is announced
@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("https://portal.city.example/capport/api", ""),
        ("http://portal.city.example/capport/api", "not https"),
        ("https://192.0.2.1/capport/api", "an address"),
        ("https://[2001:db8::1]/capport/api", "an address"),
        ("https://3221225985/capport/api", "an address"),
        ("https:///capport/api", "no host"),
        ("https://portal.example/a,b", "character"),
        ('https://portal.example/"x', "character"),
        ("https://portal.example/\n", "character"),
        ("https://[portal/", "no URI"),
        ("https://portal.example/" + "a" * 233, "longer than 255"),
    ],
)
def test_only_an_https_uri_with_a_name_is_announced(uri, told) -> None:
    assert told in announce.fault(uri)
    assert bool(announce.fault(uri)) == bool(told)


def announced(**portal) -> Settings:
    return Settings(portal=replace(Settings().portal, **portal))


def test_all_three_announcements_say_the_same(settings) -> None:
    made = announce.snippets(announced(public_url="https://portal.example/", visitors={"vlan7": "site-1"}))

    assert set(re.findall(r'https:[^"]+', made)) == {"https://portal.example/capport/api"}
    for words in ("tag:vlan7,114,", "tag:vlan7,option6:103,", '"code": 114', '"code": 103', "AdvCaptivePortalAPI"):
        assert words in made
    kea = json.loads(announce.snippets(announced(api_url="https://api.example/x"), "kea"))
    assert [(each["code"], each["data"]) for server in kea.values() for each in server["option-data"]] == [
        (114, "https://api.example/x"),
        (103, "https://api.example/x"),
    ]


@pytest.mark.parametrize(
    ("settings_", "told"),
    [
        ({"api_url": "https://p.example/x"}, ["the page that it names is not https"]),
        ({"api_url": "https://p.example/x", "public_url": "http://p.example"}, ["the page that it names is not https"]),
        ({"api_url": "https://p.example/x", "public_url": "https://p.example"}, []),
        ({"venue_info_url": "http://v.example"}, ["'http://v.example' is not https"]),
        ({"venue_info_url": "https://v.example/{site}"}, []),
        ({}, []),
    ],
)
def test_what_the_api_names_is_over_tls(settings_, told) -> None:
    settings = announced(**settings_)

    said = [each.what for each in outward.problems(settings, with_brand(settings))]

    assert len(said) == len(told)
    assert all(words in each for words, each in zip(told, said, strict=True))


def test_the_page_is_called_by_its_secure_name_where_there_is_one() -> None:
    plain, api = "http://p.example", "https://p.example/capport/api"

    assert announce.page(plain, api, secure=True) == "https://p.example/"
    assert announce.page(plain, api, secure=False) == "http://p.example/"
    assert announce.page("https://w.example", api, secure=True) == "https://w.example/"
    assert announce.page(plain, f"{plain}/capport/api", secure=True) == "http://p.example/"


def test_a_portal_without_tls_has_nothing_to_announce() -> None:
    with pytest.raises(ConfigError, match="not https"):
        announce.snippets(announced(public_url="http://portal.example"))


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


def test_the_certificate_must_fit_and_who_answers_for_it_be_reachable_before_login(tmp_path) -> None:
    path = issued(tmp_path, "*.city.example", ocsp="http://ocsp.ca.example/x", crl="http://crl.ca.example/y.crl")
    secure = Listener(tls_certificate=path, tls_key=path)
    settings = announced(
        secure=secure,
        api_url="https://portal.other.example/capport/api",
        public_url="https://portal.city.example",
        gateway="nftables",
        visitors={"vlan7": "site-1"},
        acs={"ac-1": Controller(site="station", vendor="cisco")},  # it lets no name through before login
    )
    policies = with_brand(settings)

    said = [each.what for each in outward.problems(settings, policies)]

    assert said == [
        "the certificate is not for 'portal.other.example'",
        (
            "policy 'default': before login no device can ask crl.ca.example, ocsp.ca.example about the certificate "
            "at site 'site-1': gateway 'nftables' of 'vlan7'"
        ),
    ]
    fitting = replace(settings, portal=replace(settings.portal, api_url=""))
    opened = Policies(default=replace(policies.default, garden=("crl.ca.example", "ocsp.ca.example")))
    assert outward.problems(fitting, opened) == []


def test_a_wildcard_stands_for_one_label(tmp_path) -> None:
    found = certificate.read(issued(tmp_path, "*.city.example"))

    assert certificate.fits(found, "portal.city.example")
    assert not certificate.fits(found, "a.portal.city.example")
    assert not certificate.fits(found, "city.example")


def test_what_is_no_certificate_is_told(tmp_path) -> None:
    (tmp_path / "x.pem").write_text("nothing")
    settings = announced(secure=Listener(tls_certificate=tmp_path / "x.pem", tls_key=tmp_path / "x.pem"))

    (problem,) = outward.problems(settings, with_brand(settings))

    assert "cannot be read" in problem.what


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


# ---- where else
HERE = Venue(id="here", name="here", at=(39.9600, 116.2980))
PLACES = [
    HERE,
    Venue(id="park", name="海淀公园", address="新建宫门路", at=(39.9638, 116.2980)),
    Venue(id="near", name="near", at=(39.9610, 116.2980)),
    Venue(id="far", name="far", at=(40.1000, 116.2980)),
    Venue(id="nowhere", name="nowhere"),
]


@pytest.mark.parametrize(
    ("working", "closed", "found"),
    [
        ({"park", "near", "far", "nowhere"}, (), "near"),
        ({"park", "far"}, (), "海淀公园"),
        ({"park", "near"}, ("near",), "海淀公园"),
        ({"far", "nowhere", "here"}, (), None),
        (set(), (), None),
    ],
)
def test_the_nearest_that_works_and_is_open_within_a_walk(working, closed, found) -> None:
    told = nearby.nearest("here", PLACES, working=working, open_now=lambda site: site not in closed)

    assert (told.name if told else None) == found


def test_the_way_is_told_in_what_a_walker_needs() -> None:
    told = nearby.nearest("here", PLACES, working={"park"}, open_now=lambda _: True)

    assert told == Hotspot(name="海淀公园", address="新建宫门路", metres=400, wind=0)


def test_without_an_own_place_nothing_is_near() -> None:
    for lost in ("nowhere", "unassigned"):
        assert nearby.nearest(lost, PLACES, working={"park"}, open_now=lambda _: True) is None


@given(some.floats(-60, 60), some.floats(-179, 179), some.integers(0, 7))
def test_winds_are_where_one_would_walk(latitude, longitude, wind) -> None:
    north = (1, 1, 0, -1, -1, -1, 0, 1)[wind] * 0.001
    east = (0, 1, 1, 1, 0, -1, -1, -1)[wind] * 0.001 / max(0.4, nearby.math.cos(nearby.math.radians(latitude)))

    assert nearby.wind((latitude, longitude), (latitude + north, longitude + east)) == wind
    assert nearby.distance((latitude, longitude), (latitude, longitude)) == 0


def delivered(name: str, state: Up, kind: str = "wifi") -> ServiceNow:
    return ServiceNow(service=name, device="d", area="a", carrier="c", contract="k", kind=kind, state=state, since_ms=0)


def test_a_site_works_when_most_of_its_wifi_is_up() -> None:
    services = (
        delivered("a1", Up.UP),
        delivered("a2", Up.DOWN),
        delivered("b1", Up.UP),
        delivered("b2", Up.UP),
        delivered("b3", Up.UNKNOWN),
    )
    situation = Situation(at_ms=7, services=(*services, delivered("c1", Up.UP, "fiber")))
    sites = {"a1": "a", "a2": "a", "b1": "b", "b2": "b", "b3": "b", "c1": "c"}

    assert hotspots.of(situation, sites) == hotspots.Working(at_ms=7, sites=frozenset({"b"}))


def test_what_the_core_said_is_believed_while_it_is_fresh(settings) -> None:
    hotspots.write(settings, hotspots.Working(at_ms=1_000_000_000, sites=frozenset({"b", "a"})))

    assert hotspots.read(settings, 1_000_000_000) == {"a", "b"}
    assert hotspots.read(settings, 1_000_000_000 + hotspots.FRESH_MS + 1) == frozenset()
    assert (settings.data.dir / hotspots.NAME).stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "written", [b"", b"{}", b"[]", b'{"format":2}', b'{"format":1,"at_ms":"x"}', b"\xff", b"[" * 5000]
)
def test_what_is_no_word_of_the_core_says_nothing(settings, written) -> None:
    (settings.data.dir / hotspots.NAME).write_bytes(written)

    assert hotspots.read(settings, 0) == frozenset()


# ---- probes as facts
def test_unknown_probes_are_stated_once_and_a_single_devices_not_at_all() -> None:
    probes = Probes()
    for _ in range(4):
        probes.count("probe.new.example", "/generate_204")
    probes.count("rare.example", "/generate_204")
    probes.count("captive.apple.com", "/hotspot-detect.html")
    probes.count("private.example", "/diary")

    body, kept = probes.told(0, 1)
    again, _ = probes.told(0, 1)
    kept()
    later, _ = probes.told(1, 2)

    expected = {"start_ms": 0, "end_ms": 1, "known": {"apple": 1}, "unknown": {"probe.new.example": 4}, "others": 1}
    assert body == again == expected
    assert (later["known"], later["unknown"], later["others"]) == ({}, {}, 0)
    fact = Fact(kind="portal_probes", at_ms=1, body=body)
    assert decode(encode(fact)) == fact


def command(settings, *words: str) -> int:
    parser = argparse.ArgumentParser()
    commands.arguments(parser)
    args = parser.parse_args(words)
    args.now_ms = 10 * commands.vouchers.DAY_MS
    return commands.run(args, settings)


def test_operators_read_what_devices_ask_and_which_questions_nobody_knows(settings, capsys) -> None:
    def said(day: int, sequence: int) -> LedgerEntry:
        body = {"start_ms": 0, "end_ms": 1, "known": {"apple": day}, "unknown": {"new.example": 3}, "others": 1}
        fact = Fact(kind="portal_probes", at_ms=day * commands.vouchers.DAY_MS, body=body)
        return LedgerEntry(source="portal/x", sequence=sequence, fact=fact)

    assert command(settings, "probes") == 0
    assert "no probe was counted yet" in capsys.readouterr().err
    with Ledger(settings.data.dir / "ledger.db", origin=settings.ledger_origin, rehearsal=True) as ledger:
        ledger.append([said(2, 1), said(8, 2), said(9, 3)], now_ms=1)

    assert command(settings, "probes", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"days": 7, "known": {"apple": 17}, "unknown": {"new.example": 6}, "others": 2}
    command(settings, "probes")
    shown = capsys.readouterr()
    assert "new.example  unknown" in shown.out
    assert "captive_portal/probes.csv" in shown.err


def test_the_snippets_are_printed_as_they_go_into_a_file(settings, capsys) -> None:
    secure = replace(settings, portal=replace(settings.portal, public_url="https://wifi.city.example"))

    assert command(secure, "dhcp-snippets", "--for", "dnsmasq") == 0

    assert capsys.readouterr().out == announce.snippets(secure, "dnsmasq")
