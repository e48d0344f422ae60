"""Signed papers: PAdES that poppler's pdfsig accepts, held against the bundle's paper; any change is found."""

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from netops import cli
from netops import papers as signing
from netops.errors import ConfigError, EvidenceError
from netops.evidence import bundle as bundles
from netops.report import pades
from netops.sign import Signer
from tests.netops.instances import founded

NOW = 1_790_784_000_000


@pytest.fixture(scope="module")
def paper():
    import typst

    return typst.compile(b"= Report\nwhat is owed: 200.00", pdf_standards="a-3b", timestamp=1)


@pytest.fixture(scope="module")
def signer():
    return Signer.new("netops.invalid/test")


def identity(signer):
    key = signer.paper_key()
    return pades.Identity(key=key, certificate=pades.own(key, signer.vkey.name, now_ms=NOW))


@pytest.fixture(scope="module")
def who(signer):
    return identity(signer)


@pytest.fixture(scope="module")
def signed(paper, who):
    return pades.sign(paper, who, reason="Issue")


def test_a_signed_paper_is_the_paper_with_a_signature_behind_it(paper, who, signed):
    assert signed.startswith(paper)

    looked = pades.look(signed, paper)

    assert (looked.digest, looked.wrong, looked.stamped) == (who.digest, "", "")
    assert looked.subject == "CN=netops.invalid/test"


def test_poppler_says_the_same(signed, tmp_path):
    if shutil.which("pdfsig") is None:
        pytest.skip("poppler-utils is not here")
    (tmp_path / "signed.pdf").write_bytes(signed)

    told = subprocess.run(["pdfsig", "-nocert", tmp_path / "signed.pdf"], capture_output=True, text=True, check=False)

    for line in ("ETSI.CAdES.detached", "Total document signed", "Signature is Valid", "netops.invalid/test"):
        assert line in told.stdout


def test_no_octet_of_it_can_be_changed(paper, signed):
    """Every 97th octet, in the paper, in the signature and behind it.

    A CMS has octets that nothing signs (its list of digests); there a change may pass that changes nothing said.
    """
    told = pades.look(signed, paper)
    room = range(signed.index(b"/Contents <"), signed.index(b">", signed.index(b"/Contents <")))
    for at in range(0, len(signed), 97):
        changed = signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :]
        try:
            looked = pades.look(changed, paper)
        except EvidenceError:
            continue
        assert looked.wrong or (at in room and looked == told), at


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7\n%%EOF", b"\x00" * 5000, b"%PDF-1.7\n" + b"[" * 100_000])
def test_what_is_no_signed_paper_is_said_to_be_none(paper, data):
    with pytest.raises(EvidenceError, match="no paper with a signature"):
        pades.look(data, paper)
    with pytest.raises(EvidenceError, match="no paper with a signature"):
        pades.look(paper, paper)


def test_another_page_under_a_good_signature_is_not_the_bundles_paper(paper, who):
    """The city holds the key: what it signs must be the paper that the bundle holds, and nothing laid over it."""
    import io

    from pyhanko.pdf_utils import generic
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(io.BytesIO(paper))
    page = writer.root["/Pages"]["/Kids"][0]
    content = generic.StreamObject(stream_data=b"BT ET")
    page["/Contents"] = writer.add_object(content)
    writer.update_container(page)
    over = io.BytesIO()
    writer.write(over)

    looked = pades.look(pades.sign(over.getvalue(), who, reason="Issue"), paper)
    other = pades.look(pades.sign(paper.replace(b"%PDF-1.7", b"%PDF-1.6"), who, reason="Issue"), paper)

    assert looked.wrong == "more than a signature was added to the bundle's paper"
    assert other.wrong == "what was signed is not the bundle's paper"


def test_the_key_is_the_ledgers_own_and_always_the_same(signer):
    again = Signer.parse(signer.private_line())

    assert again.paper_key().private_numbers() == signer.paper_key().private_numbers()
    assert Signer.new("x").paper_key().private_numbers() != signer.paper_key().private_numbers()


def test_a_rehearsals_certificate_says_so_however_long_the_name():
    key = ec.generate_private_key(ec.SECP256R1())
    made = pades.own(key, "netops.invalid/" + "x" * 80 + "/rehearsal", now_ms=NOW)

    assert made.subject.rfc4514_string().endswith("/rehearsal")


def pem(key, certificate):
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (private + certificate.public_bytes(serialization.Encoding.PEM)).decode()


def certified(key, subject="City of Test"):
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, subject)])
    at = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(7).not_valid_before(at).not_valid_after(at + timedelta(days=9000))
    return made.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def test_the_citys_own_certificate_goes_first(paper):
    key = rsa.generate_private_key(65537, 2048)
    who = pades.given(pem(key, certified(key)))

    assert pades.look(pades.sign(paper, who, reason="Issue"), paper).subject == "O=City of Test"


def test_a_key_that_cannot_sign_papers_is_refused_by_name():
    one, two, young = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    odd = ed25519.Ed25519PrivateKey.generate()

    for text, why in (
        ("", "expected a private key"),
        (pem(one, certified(one)).partition("-----BEGIN CERT")[0], "expected a private key"),
        (pem(one, certified(two)), "is not that of the key"),
        (pem(odd, certified(odd)), "expected an EC or RSA key"),
    ):
        with pytest.raises(ConfigError, match=why):
            pades.given(text)
    assert pades.given(pem(young, certified(young)))


# ---- beside the bundles


@pytest.fixture
def desk(tmp_path, october, signer):
    """An instance with one issued bundle."""
    settings = founded(tmp_path)
    _, members = october.issue(signer)
    place = settings.data.dir / "reports" / "c1-x-r1.zip"
    place.parent.mkdir()
    bundles.write(place, members)
    return settings, place


@pytest.mark.usefixtures("papers")
def test_each_bundle_gets_its_papers_signed_once(desk, signer):
    settings, place = desk
    who = signing.identity(settings, signer, now_ms=NOW)
    made = signing.Papers(settings, who).step()

    assert [each.name for each in made] == ["c1-x-r1.zh.pdf", "c1-x-r1.en.pdf"]
    kept = [each.read_bytes() for each in made]
    assert signing.Papers(settings, signing.identity(settings, signer, now_ms=NOW + 10**9)).step() == []
    assert [each.read_bytes() for each in made] == kept
    assert signing.identity(settings, signer, now_ms=NOW + 10**9).digest == who.digest
    assert signing.stated(who) == signing.stated(signing.identity(settings, signer, now_ms=NOW + 5))
    made[0].unlink()
    assert signing.Papers(settings, who).step() == [made[0]]
    assert place.exists()


@pytest.mark.usefixtures("papers")
def test_a_bundle_that_cannot_be_opened_holds_up_no_other(desk, signer):
    settings, place = desk
    place.with_name("a.zip").write_bytes(b"PK no bundle")

    made = signing.Papers(settings, signing.identity(settings, signer, now_ms=NOW)).step()

    assert len(made) == 2


@pytest.mark.usefixtures("papers")
def test_an_outsider_holds_a_paper_against_the_bundle_and_the_certificate(desk, signer, capsys, tmp_path):
    settings, place = desk
    signing.Papers(settings, signing.identity(settings, signer, now_ms=NOW)).step()
    paper = signing.signed_at(place, "zh")
    mine = ["--certificate", str(place.with_name(signing.CERTIFICATE))]
    stranger = tmp_path / "other.crt"
    stranger.write_bytes(identity(Signer.new("x")).certificate.public_bytes(serialization.Encoding.PEM))
    unsigned = tmp_path / "unsigned.pdf"
    unsigned.write_bytes(bundles.open_bundle(place).member("report.zh.pdf"))

    def audit(*args):
        code = cli.main(["audit", "paper", *map(str, args), "--bundle", str(place), "--json"])
        return code, json.loads(capsys.readouterr().out)["said"]

    assert audit(paper, *mine)[0] == 0
    assert audit(paper)[0] == 5
    assert audit(paper, "--certificate", stranger)[0] == 4
    assert audit(unsigned, *mine) == (4, "no paper with a signature that can be read: ValueError")
    paper.write_bytes(paper.read_bytes() + b"\n% more")
    assert audit(paper, *mine) == (4, "something was added after it was signed")
