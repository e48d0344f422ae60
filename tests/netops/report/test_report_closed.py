"""A member of a bundle is shown where its bytes are those that were sealed; all else is refused by name."""

import struct
import zipfile

import pytest

from netops.errors import EvidenceError
from netops.evidence import canonical
from netops.report import closed

DATA = b'{"a":1}'
DIGEST = canonical.digest(DATA)


@pytest.fixture
def bundle(tmp_path):
    def made(data=DATA, compression=zipfile.ZIP_STORED):
        path = tmp_path / "c1-2026-10-r1.zip"
        with zipfile.ZipFile(path, "w", compression) as file:
            file.writestr("report.json", data)
        return path

    return made


def encrypted(path):
    """Set the flag of an encrypted member, in its own head and in the directory."""
    data = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        struct.pack_into("<H", data, data.index(mark) + at, 1)
    path.write_bytes(data)


def test_a_member_is_the_bytes_that_were_sealed(bundle):
    assert closed.member(bundle(), "report.json", DIGEST) == DATA


def test_an_encrypted_member_is_refused_by_name(bundle):
    path = bundle()
    encrypted(path)

    with pytest.raises(EvidenceError, match=r"c1-2026-10-r1.zip: report.json cannot be read .*encrypted"):
        closed.member(path, "report.json", DIGEST)


def test_another_member_is_refused_with_both_digests(bundle):
    with pytest.raises(EvidenceError, match=f"not what was sealed: .* names {DIGEST}"):
        closed.member(bundle(b"{}"), "report.json", DIGEST)


def test_a_compressed_member_and_one_that_is_not_there_are_refused(bundle):
    path = bundle(compression=zipfile.ZIP_DEFLATED)

    with pytest.raises(EvidenceError, match="is not stored as bundles are"):
        closed.member(path, "report.json", DIGEST)
    with pytest.raises(EvidenceError, match=r"days\.json cannot be read"):
        closed.member(path, "days.json", DIGEST)


def test_a_manifest_that_names_another_report_than_the_seal_is_refused(tmp_path):
    manifest = canonical.dumps({"members": {"report.json": DIGEST}})
    path = tmp_path / "c1-2026-10-r1.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("manifest.json", manifest)
    sealed = canonical.digest(manifest)

    assert closed.members(path, "c1", manifest=sealed, report=DIGEST) == {"report.json": DIGEST}
    with pytest.raises(EvidenceError, match=r"its manifest names another report\.json than the seal of 'c1'"):
        closed.members(path, "c1", manifest=sealed, report="0" * 64)
