"""What devices are told before they are in: the announced API and its certificate, and the commands that say so."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID

from captive_portal import announce, certificate, commands, outward, policy_yaml
from captive_portal.policy import Brand, Policies
from netops.config import Listener, Settings
from netops.controllers import Controller
from netops.errors import ConfigError
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry

if TYPE_CHECKING:
    from pathlib import Path


def with_brand(settings, **brand) -> Policies:
    return Policies(default=replace(policy_yaml.built_in(settings), brand=Brand(**brand)))


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
