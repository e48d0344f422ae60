"""RFC 8032: its vectors, agreement with a second implementation, and strictness where implementations differ."""

import os
import random
from collections import Counter

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from netops.evidence import ed25519

# RFC 8032 section 7.1: public key, message, signature. TEST 1, 2, 3 and SHA(abc).
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe2465"
            "5141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb0"
            "0d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc0"
            "27beceea1ec40a"
        ),
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        (
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a"
            "9ac94fa54ca49f"
        ),
        (
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9"
            "bef1177331a704"
        ),
    ),
]
# The eight points of small order in their canonical encodings, and encodings with y ≥ p.
SMALL = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
]
NOT_CANONICAL = [
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_the_vectors_of_the_rfc(public, message, signature):
    assert ed25519.verify(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_a_signature_whose_s_is_not_reduced_is_refused(public, message, signature):
    """RFC 8032 section 8.4: S + L would verify in a lax implementation, and one text would have two signatures."""
    blob = bytes.fromhex(signature)
    s = int.from_bytes(blob[32:], "little") + ed25519.L

    assert not ed25519.verify(bytes.fromhex(public), bytes.fromhex(message), blob[:32] + s.to_bytes(32, "little"))


@pytest.mark.parametrize("point", SMALL + NOT_CANONICAL)
def test_a_key_of_small_order_or_in_a_second_spelling_is_refused(point):
    """With such a key R = identity and S = 0 would "sign" every text."""
    key = bytes.fromhex(point)
    for commitment in SMALL:
        assert not ed25519.verify(key, b"anything", bytes.fromhex(commitment) + bytes(32))


def test_it_agrees_with_the_library_that_signs():
    for length in range(0, 200, 17):
        private = Ed25519PrivateKey.generate()
        public, message = private.public_key().public_bytes_raw(), os.urandom(length)
        signature = private.sign(message)

        assert ed25519.verify(public, message, signature)
        assert not ed25519.verify(public, message + b"\0", signature)


def test_every_flipped_bit_is_noticed():
    chance = random.Random(8032)
    public, message, signature = (bytes.fromhex(each) for each in VECTORS[3])
    for _ in range(40):
        broken = [bytearray(public), bytearray(message), bytearray(signature)]
        part = chance.choice(broken)
        part[chance.randrange(len(part))] ^= 1 << chance.randrange(8)

        assert not ed25519.verify(*map(bytes, broken))


@pytest.mark.parametrize(("key", "signature"), [(b"", b"\0" * 64), (b"\2" * 32, b""), (b"\2" * 33, b"\0" * 64)])
def test_a_wrong_length_is_no_signature(key, signature):
    assert not ed25519.verify(key, b"", signature)


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_one_verification_costs_a_bounded_number_of_point_operations(monkeypatch, public, message, signature):
    """Windows of four bits: 252 doublings and two additions a window, a table of 14, twice three doublings for order.

    Plain double-and-add would take some 380 additions. A count says what a time cannot on a busy machine.
    """
    done = Counter()

    def counted(name):
        operation = getattr(ed25519, name)

        def run(*points):
            done[name] += 1
            return operation(*points)

        monkeypatch.setattr(ed25519, name, run)

    counted("_double")
    counted("_add")
    assert ed25519.verify(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))

    assert 200 < done["_double"] <= 252 + 6
    assert 60 < done["_add"] <= 2 * 64 + 14
