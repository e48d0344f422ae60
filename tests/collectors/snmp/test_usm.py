"""SNMPv3 keys, digests, privacy and users: the RFC's vectors, the drafts' two ways, the libraries' own as witnesses."""

import hashlib
import hmac
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.errors import CollectorError
from collectors.snmp.aes import Cfb
from collectors.snmp.keys import AUTH, PRIV, Authenticator, auth_of, localised, master, priv_of, privacy_key
from collectors.snmp.usm import User

RFC_ENGINE = bytes(11) + b"\x02"
ENGINE = bytes.fromhex("80001f8804746573742d656e67696e65")
PHRASE = "correct horse"
OTHER = "battery staple"


@pytest.mark.parametrize(
    ("digest", "key", "local"),
    [  # RFC 3414 A.3.1 and A.3.2
        ("md5", "9faf3283884e92834ebc9847d8edd963", "526f5eed9fcce26f8964c2930787d82b"),
        ("sha1", "9fb5cc0381497b3793528939ff788d5d79145211", "6695febc9288e36282235fc7151f128497b38f3f"),
    ],
)
def test_keys_are_those_of_the_rfc(digest, key, local):
    assert master(digest, "maplesyrup").hex() == key
    assert localised(digest, "maplesyrup", RFC_ENGINE).hex() == local


@pytest.mark.parametrize("name", AUTH)
@given(octets=st.binary(max_size=300))
@settings(max_examples=20, deadline=None)
def test_digests_are_the_standard_hmac_truncated(name, octets):
    auth = auth_of(name)
    key = localised(auth.digest, PHRASE, ENGINE)

    assert Authenticator(auth, key).mac(octets) == hmac.digest(key, octets, auth.digest)[: auth.size]


@given(st.sampled_from((16, 24, 32)).flatmap(lambda n: st.binary(min_size=n, max_size=n)), st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_privacy_is_cfb128_as_the_library_has_it(key, plain):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from cryptography.hazmat.decrepit.ciphers.modes import CFB
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

        vector = bytes(range(16))
        theirs = Cipher(algorithms.AES(key), CFB(vector)).encryptor()
        secret = theirs.update(plain) + theirs.finalize()

    one = Cfb(key)
    assert [one.encrypt(int.from_bytes(vector, "big"), plain) for _ in range(3)] == [secret] * 3
    assert Cfb(key).decrypt(vector, secret) == plain


def test_reeder_lengthens_as_his_draft_has_it():
    """The worked example of draft-reeder-snmpv3-usm-3desede-00 section 2.1: MD5, "maplesyrup"."""
    key = privacy_key("md5", "maplesyrup", RFC_ENGINE, priv_of("AES-256-C"))

    assert key.hex() == "526f5eed9fcce26f8964c2930787d82b" + "79eff44a90650ee0a3a40abfac5acc12"


@pytest.mark.parametrize("auth", AUTH)
@pytest.mark.parametrize("priv", PRIV)
def test_a_key_is_lengthened_only_where_the_digest_is_shorter(auth, priv):
    digest, size = auth_of(auth).digest, priv_of(priv).size
    key = localised(digest, PHRASE, ENGINE)
    found = privacy_key(digest, PHRASE, ENGINE, priv_of(priv))

    assert len(found) == size
    assert found[: len(key)] == key[:size]
    if not priv_of(priv).reeder and size > len(key):
        assert found[len(key) :] == hashlib.new(digest, key).digest()[: size - len(key)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"auth_key": "short"}, "fewer than 8"),
        ({"priv_key": PHRASE}, "no authentication key"),
        ({"auth_key": PHRASE, "auth_protocol": "SHA256"}, "did you mean 'SHA-256'"),
        ({"auth_key": PHRASE, "priv_key": PHRASE, "priv_protocol": "DES"}, "refused: 56-bit DES"),
        ({"auth_key": PHRASE, "priv_key": PHRASE, "priv_protocol": "3DES"}, "set the device's user to AES"),
        ({"auth_key": PHRASE, "priv_key": PHRASE, "priv_protocol": "AES256"}, "did you mean 'AES-256'"),
    ],
)
def test_a_user_that_cannot_work_is_refused_when_configured(words, told):
    with pytest.raises(CollectorError, match=told):
        User(name="poller", **words)


def test_a_user_never_shows_its_phrases():
    shown = repr(User(name="poller", auth_key=PHRASE, priv_key=OTHER))

    assert PHRASE not in shown
    assert OTHER not in shown
