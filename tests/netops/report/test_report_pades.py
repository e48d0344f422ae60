"""Signed papers: PAdES that poppler's pdfsig accepts, held against the bundle's paper; any change is found."""

import io
import json
import shutil
import subprocess
import zlib
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils import generic, incremental_writer

from netops import cli
from netops import papers as signing
from netops.errors import ConfigError, EvidenceError
from netops.evidence import bundle as bundles
from netops.evidence import canonical
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


def box(*numbers):
    return generic.ArrayObject(map(generic.NumberObject, numbers))


def first_page(writer):
    return writer.root["/Pages"]["/Kids"][0]


def noted(writer, note):
    """Put an annotation on the first page."""
    first_page(writer)["/Annots"] = generic.ArrayObject([note])
    writer.update_container(first_page(writer))


def other_content(writer):
    """Write the page's text anew, as many octets long as it was."""
    ref = first_page(writer).raw_get("/Contents")
    was = ref.get_object()
    data = zlib.compress(b"q 0 0 100 100 re f Q").ljust(len(was.encoded_data), b"\0")
    writer.objects[0, ref.idnum] = generic.StreamObject({key: was.raw_get(key) for key in was}, encoded_data=data)


def note_within_the_page(writer):
    made = {generic.pdf_name("/Subtype"): generic.pdf_name("/FreeText"), generic.pdf_name("/Rect"): box(0, 0, 600, 800)}
    made[generic.pdf_name("/Contents")] = generic.TextStringObject("what is owed: 0.00")
    noted(writer, generic.DictionaryObject(made))


def frame_without_a_type(writer):
    made = {generic.pdf_name("/Subtype"): generic.pdf_name("/Square"), generic.pdf_name("/Rect"): box(0, 0, 600, 800)}
    noted(writer, writer.add_object(generic.DictionaryObject(made)))


def stamp_that_says_it_is_a_signature(writer):
    sort, rest = generic.pdf_name("/Type"), box(0, 0, 600, 800)
    drawn = {sort: generic.pdf_name("/Sig"), generic.pdf_name("/BBox"): rest}
    ref = writer.add_object(generic.StreamObject(drawn, stream_data=b"0 0 100 100 re f"))
    made = {sort: generic.pdf_name("/Sig"), generic.pdf_name("/Rect"): rest}
    made[generic.pdf_name("/AP")] = generic.DictionaryObject({generic.pdf_name("/N"): ref})
    noted(writer, writer.add_object(generic.DictionaryObject(made)))


def form_within_the_catalog(writer):
    made = {generic.pdf_name("/Fields"): generic.ArrayObject()}
    made[generic.pdf_name("/NeedAppearances")] = generic.BooleanObject(True)
    writer.root["/AcroForm"] = generic.DictionaryObject(made)
    writer.update_root()


def page_without_content(writer):
    writer.objects[0, first_page(writer).raw_get("/Contents").idnum] = generic.NullObject()


CHANGES = (
    *(other_content, note_within_the_page, frame_without_a_type, stamp_that_says_it_is_a_signature),
    *(form_within_the_catalog, page_without_content),
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_nothing_comes_with_the_signature_that_is_drawn(paper, who, monkeypatch, change):
    """The city holds the key: what it signs must be the paper that the bundle holds, and nothing laid over it."""

    class Changed(incremental_writer.IncrementalPdfFileWriter):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            change(self)

    monkeypatch.setattr(incremental_writer, "IncrementalPdfFileWriter", Changed)

    looked = pades.look(pades.sign(paper, who, reason="Issue"), paper)

    assert looked.wrong == "more than a signature was added to the bundle's paper"


def test_another_page_under_a_good_signature_is_not_the_bundles_paper(paper, who):
    writer = incremental_writer.IncrementalPdfFileWriter(io.BytesIO(paper))
    first_page(writer)["/Contents"] = writer.add_object(generic.StreamObject(stream_data=b"BT ET"))
    writer.update_container(first_page(writer))
    over = io.BytesIO()
    writer.write(over)

    looked = pades.look(pades.sign(over.getvalue(), who, reason="Issue"), paper)
    other = pades.look(pades.sign(paper.replace(b"%PDF-1.7", b"%PDF-1.6"), who, reason="Issue"), paper)

    assert looked.wrong == "more than a signature was added to the bundle's paper"
    assert other.wrong == "what was signed is not the bundle's paper"


def test_a_table_of_its_own_behind_the_paper_is_not_the_papers(paper, who):
    """The octets of the paper stand in front, and a reader of PDF never looks at them."""
    reader = incremental_writer.IncrementalPdfFileWriter(io.BytesIO(paper)).prev
    number = reader.root["/Pages"]["/Kids"][0].raw_get("/Contents").idnum
    start = int(paper.rsplit(b"startxref", 1)[1].split()[0])
    table = bytearray(paper[start : paper.rindex(b"startxref")])
    at = table.index(b"65535 f") - 11 + 20 * number
    table[at : at + 10] = b"%010d" % len(paper)
    behind = b"%d 0 obj\n<</Length 5>>stream\nBT ET\nendstream\nendobj\n" % number
    over = paper + behind + table + b"startxref\n%d\n%%%%EOF\n" % (len(paper) + len(behind))

    looked = pades.look(pades.sign(over, who, reason="Issue"), paper)

    assert looked.wrong == "more than a signature was added to the bundle's paper"


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
    """An instance with one issued bundle, and what its ledger sealed."""
    settings = founded(tmp_path)
    draft, members = october.issue(signer)
    place = settings.data.dir / "reports" / f"{draft.name.replace('/', '_')}.zip"
    place.parent.mkdir()
    bundles.write(place, members)
    body = {"report": place.name.removesuffix(".zip"), "manifest_digest": canonical.digest(draft.manifest)}
    (leaf,) = october.ledger.find("report_issued")
    october.state("report_issued", {**leaf.fact.body, **body})
    return settings, place


@pytest.fixture
def signs(desk, signer, october):
    """Make the one who signs papers by the ledger of the issued bundle."""

    def made(now_ms=NOW, **given):
        who = signing.identity(desk[0], signer, now_ms=now_ms)
        return signing.Papers(desk[0], who, sealed=partial(signing.manifest_of, october.ledger), **given)

    return made


@pytest.mark.usefixtures("papers")
def test_each_bundle_gets_its_papers_signed_once(desk, signer, signs):
    settings, place = desk
    who = signing.identity(settings, signer, now_ms=NOW)
    made = signs().step()

    assert made == [signing.signed_at(place, "zh"), signing.signed_at(place, "en")]
    kept = [each.read_bytes() for each in made]
    assert signs(NOW + 10**9).step() == []
    assert [each.read_bytes() for each in made] == kept
    assert signing.identity(settings, signer, now_ms=NOW + 10**9).digest == who.digest
    assert signing.stated(who) == signing.stated(signing.identity(settings, signer, now_ms=NOW + 5))
    made[0].unlink()
    assert signs().step() == [made[0]]
    assert place.exists()


@pytest.mark.usefixtures("papers")
def test_a_bundle_that_cannot_be_opened_holds_up_no_other(desk, signs):
    _, place = desk
    place.with_name("a.zip").write_bytes(b"PK no bundle")

    made = signs().step()

    assert len(made) == 2


def with_manifest(members, **changed):
    """Return the members with other ones in their place, and a manifest that names those."""
    made = {**members, **changed}
    manifest = canonical.loads(members["manifest.json"])
    manifest["members"] |= {name: canonical.digest(data) for name, data in changed.items()}
    return {**made, "manifest.json": canonical.dumps(manifest)}


FORGED = [
    pytest.param(lambda held, paper: {**held, "report.zh.pdf": paper}, "is not the paper", id="paper"),
    pytest.param(lambda held, paper: with_manifest(held, **{"report.zh.pdf": paper}), "its manifest is", id="both"),
    pytest.param(
        lambda held, _: {name: data for name, data in held.items() if name != "report.zh.pdf"},
        "is not the paper",
        id="dropped",
    ),
    pytest.param(lambda held, _: {**held, "report.zh.pdf": held["report.en.pdf"]}, "is not the paper", id="swapped"),
]


@pytest.mark.usefixtures("papers")
@pytest.mark.parametrize(("forge", "why"), FORGED)
def test_a_bundle_that_is_not_the_sealed_one_gets_no_signature_and_is_named(desk, signs, paper, forge, why):
    """Who can write into reports/ would else have the city's own signature under any sum."""
    _, place = desk
    bundles.write(place, forge(dict(bundles.open_bundle(place).members), paper))
    mine = signs()

    assert signing.signed_at(place, "zh") not in mine.step()
    assert why in mine.refused[f"paper {place.name}"]
    assert not signing.signed_at(place, "zh").exists()


@pytest.mark.usefixtures("papers")
def test_a_sealed_bundle_under_a_name_that_was_never_sealed_is_not_signed(desk, signs):
    _, place = desk
    place.rename(place.with_name("c1-2026-10-r9.zip"))
    mine = signs()

    assert mine.step() == []
    assert "sealed no report 'c1-2026-10-r9'" in mine.refused["paper c1-2026-10-r9.zip"]
    place.with_name("c1-2026-10-r9.zip").unlink()
    assert (mine.step(), mine.refused) == ([], {})


@pytest.mark.usefixtures("papers")
def test_an_authority_that_is_away_is_asked_once_in_a_step(desk, signs):
    """One thread does all jobs of the core: twenty seconds for each paper would leave nobody to hear objections."""
    _, place = desk
    asked = []

    def away(query):
        asked.append(query)
        raise EvidenceError("no answer in 20 s")

    mine = signs(stamp=away)

    assert (mine.step(), len(asked)) == ([], 1)
    assert (mine.step(), len(asked)) == ([], 2)
    assert not signing.signed_at(place, "zh").exists()


class SlowClock:
    """Each look at it finds six seconds gone."""

    def __init__(self):
        self.at = 0.0

    def now_ms(self):
        return NOW

    def monotonic(self):
        self.at += 6
        return self.at


@pytest.mark.usefixtures("papers")
def test_signing_leaves_the_other_jobs_their_time(signs):
    mine = signs(clock=SlowClock())

    assert [len(mine.step()) for _ in range(3)] == [1, 1, 0]


@pytest.mark.usefixtures("papers")
def test_an_outsider_holds_a_paper_against_the_bundle_and_the_certificate(desk, signs, capsys, tmp_path):
    _, place = desk
    signs().step()
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
