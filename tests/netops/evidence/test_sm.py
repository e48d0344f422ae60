"""SM3 and SM2 against the standards' own examples and against OpenSSL, and what is refused."""

import hashlib
import random
import shutil
import subprocess

import pytest

from netops.errors import EvidenceError
from netops.evidence import note, sm2, sm3
from netops.sign_sm2 import Sm2Key

# GB/T 32918.5-2017 appendix A.2: private key, public key, signature of "message digest" by 1234567812345678.
D = 0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8
PUBLIC = bytes.fromhex(
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
DIGEST = "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640"
SIGNATURE = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
MESSAGE = b"message digest"
openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="the partner is OpenSSL's command")


def der(signature):
    """Return r || s as the ASN.1 of GB/T 35275, which OpenSSL reads."""
    parts = b""
    for number in (signature[:32], signature[32:]):
        value = number.lstrip(b"\0")
        value = (b"\0" if value[0] & 0x80 else b"") + value
        parts += bytes([2, len(value)]) + value
    return bytes([0x30, len(parts)]) + parts


def spki(public):
    """Return x || y as a SubjectPublicKeyInfo (id-ecPublicKey, SM2)."""
    return bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d03420004") + public


def raw(signature):
    """Return r || s of an ASN.1 signature."""
    size = signature[3]
    first, second = signature[4 : 4 + size], signature[6 + size :]
    return b"".join(each.lstrip(b"\0").rjust(32, b"\0") for each in (first, second))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ],
)
def test_the_examples_of_the_standard_have_their_sm3_digests(data, expected):
    """GB/T 32905-2016 appendix A."""
    assert (sm3.pure(data).hex(), sm3.digest(data).hex()) == (expected, expected)


def test_the_pure_digest_is_that_of_openssl_at_every_length_of_padding():
    if not sm3.is_fast():
        pytest.skip("this Python's OpenSSL has no SM3")
    data = random.Random(3).randbytes(200)

    assert [sm3.pure(data[:at]) for at in range(200)] == [hashlib.new("sm3", data[:at]).digest() for at in range(200)]


def test_the_example_of_the_standard_verifies():
    assert sm2.digest(PUBLIC, MESSAGE).hex() == DIGEST
    assert sm2.verify(PUBLIC, MESSAGE, SIGNATURE)
    assert Sm2Key(D).public == PUBLIC


def test_what_a_bare_python_verifies_without_openssls_sm3_is_the_same(monkeypatch):
    monkeypatch.setattr(sm3, "is_fast", lambda: False)

    assert sm2.verify(PUBLIC, MESSAGE, SIGNATURE)


@pytest.mark.parametrize("at", [0, 31, 32, 63])
@pytest.mark.parametrize("bit", [1, 128])
def test_no_bit_of_key_message_or_signature_may_change(at, bit):
    def changed(data, at):
        return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]

    assert not sm2.verify(PUBLIC, MESSAGE, changed(SIGNATURE, at))
    assert not sm2.verify(changed(PUBLIC, at), MESSAGE, SIGNATURE)
    assert not sm2.verify(PUBLIC, changed(MESSAGE, at % len(MESSAGE)), SIGNATURE)


R, S = int.from_bytes(SIGNATURE[:32], "big"), int.from_bytes(SIGNATURE[32:], "big")


@pytest.mark.parametrize(
    ("r", "s"), [(0, S), (R, 0), (R, S + sm2.N), (sm2.N, S), (R, sm2.N - R), (2**256 - 1, 2**256 - 1)]
)
def test_numbers_out_of_their_range_are_no_signature(r, s):
    """S + n would be a second spelling of the same signature."""
    blob = (
        (r.to_bytes(33, "big") + s.to_bytes(33, "big"))
        if s >= 2**256
        else r.to_bytes(32, "big") + s.to_bytes(32, "big")
    )

    assert not sm2.verify(PUBLIC, MESSAGE, blob)


def test_a_point_off_the_curve_or_in_another_spelling_is_no_key():
    x, y = int.from_bytes(PUBLIC[:32], "big"), int.from_bytes(PUBLIC[32:], "big")
    off = PUBLIC[:32] + ((y + 1) % sm2.P).to_bytes(32, "big")

    assert sm2.is_key(PUBLIC)
    assert not any(
        map(sm2.is_key, (off, b"", PUBLIC[:-1], b"\xff" * 64, bytes(64), x.to_bytes(32, "big") + b"\xff" * 32))
    )


def test_the_same_text_is_signed_the_same_and_its_key_is_not_shown():
    key = Sm2Key.derived(b"s" * 32)

    assert key.sign(b"a") == key.sign(b"a") != key.sign(b"b")
    assert f"{key._d:x}" not in repr(key)
    assert Sm2Key.derived(b"t" * 32).public != key.public


@pytest.mark.parametrize("d", [0, -1, sm2.N - 1, sm2.N])
def test_a_number_that_is_no_key_is_refused(d):
    with pytest.raises(EvidenceError, match="expected a number from 1 to n - 2"):
        Sm2Key(d)


def test_a_signature_that_does_not_hold_never_leaves(monkeypatch):
    """One made by a fault, beside a sound one under the same nonce, would give the key away."""
    monkeypatch.setattr("netops.sign_sm2._times", lambda _: (1, 2, 3))
    key = Sm2Key(D)

    with pytest.raises(EvidenceError, match="nothing was signed"):
        key.sign(MESSAGE)


@openssl
def test_openssl_verifies_what_we_sign_and_we_what_it_signs(tmp_path):
    (tmp_path / "m").write_bytes(MESSAGE)
    identity = ("-sigopt", "distid:1234567812345678")
    for seed in range(3):
        key = Sm2Key.derived(bytes([seed]) * 32)
        (tmp_path / "ours.der").write_bytes(der(key.sign(MESSAGE)))
        (tmp_path / "key.der").write_bytes(spki(key.public))
        check = [
            "openssl",
            "dgst",
            "-sm3",
            *identity,
            "-keyform",
            "DER",
            "-verify",
            "key.der",
            "-signature",
            "ours.der",
            "m",
        ]
        assert b"Verified OK" in subprocess.run(check, cwd=tmp_path, capture_output=True, check=True).stdout
        subprocess.run(
            ["openssl", "genpkey", "-algorithm", "SM2", "-out", "k"], cwd=tmp_path, capture_output=True, check=True
        )
        sign = ["openssl", "dgst", "-sm3", *identity, "-sign", "k", "m"]
        theirs = subprocess.run(sign, cwd=tmp_path, capture_output=True, check=True).stdout
        told = ["openssl", "pkey", "-in", "k", "-pubout", "-outform", "DER"]
        public = subprocess.run(told, cwd=tmp_path, capture_output=True, check=True).stdout[-64:]
        assert sm2.verify(public, MESSAGE, raw(theirs))


def test_only_the_readers_own_error_escapes_a_mangled_key_or_note():
    key = note.VerifierKey(name="city.example/sm2", algorithm=note.SM2, public=PUBLIC)
    line = note.Signature(name=key.name, key_id=key.id, blob=SIGNATURE)
    signed = bytes(note.Note(text="message\n", signatures=(line,)))
    chance = random.Random(36)
    assert note.VerifierKey.parse(str(key)) == key
    for _ in range(300):
        for whole, read in ((str(key).encode(), _key), (signed, lambda data: note.verify(note.parse(data), [key]))):
            data = bytearray(whole)
            for _ in range(chance.randint(1, 3)):
                at = chance.randrange(len(data))
                data[at : at + chance.randint(0, 2)] = chance.randbytes(chance.randint(0, 2))
            if bytes(data) != whole:
                with pytest.raises(EvidenceError):
                    read(bytes(data))


def _key(data):
    return note.VerifierKey.parse(data.decode("utf-8", "replace"))
