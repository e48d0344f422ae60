"""SNMPv3: the RFC's key vectors, AES against the library's own CFB, and an agent in memory that tries every trick."""

import hmac
import os
import random
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.errors import CollectorError, DecodeError, SecurityError
from collectors.snmp import usm
from collectors.snmp.aes import Cfb
from collectors.snmp.gather import Request
from collectors.snmp.keys import AUTH, Authenticator, auth_of, lengthened, localised, master
from collectors.snmp.pdu import Kind, Pdu, encode_pdu, response
from collectors.snmp.session import Session
from collectors.snmp.template import Book
from collectors.snmp.usm import User
from collectors.snmp.varbind import COUNTER32, OCTET_STRING, Varbind, Varbinds

RFC_ENGINE = bytes(11) + b"\x02"
ENGINE = bytes.fromhex("80001f8804746573742d656e67696e65")
NAME = (1, 3, 6, 1, 2, 1, 1, 5, 0)
ASKED = Request(Kind.GET, (NAME,), (0,))
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

    assert Cfb(key).encrypt(vector, plain) == secret
    assert Cfb(key).decrypt(vector, secret) == plain


class Engine:
    """An SNMPv3 engine in memory, with every value it puts into a message open to change."""

    def __init__(self, user, *, boots=7, time=1_000, engine_id=ENGINE):
        self.user, self.boots, self.time, self.engine_id = user, boots, time, engine_id
        self.salt = 0

    def keys(self, engine_id=None):
        auth = auth_of(self.user.auth_protocol)
        engine_id = engine_id or self.engine_id
        mac = Authenticator(auth, localised(auth.digest, self.user.auth_key, engine_id))
        key = lengthened(auth.digest, localised(auth.digest, self.user.priv_key, engine_id), 16)
        return mac, Cfb(key)

    def read(self, octets):
        header = usm.read(octets)
        if not header.engine_id:
            return header, None
        mac, cipher = self.keys()
        zeroed = octets[: header.mac_at] + bytes(mac.size) + octets[header.mac_at + mac.size :]
        assert mac.holds(zeroed, header.mac)
        vector = header.boots.to_bytes(4, "big") + header.time.to_bytes(4, "big") + header.salt
        return header, usm.scoped(cipher.decrypt(vector, header.payload))

    def write(self, message_id, pdu, *, flags=usm.LEVEL, name=None, context=b"", break_mac=False):
        from collectors.snmp import ber

        mac, cipher = self.keys()
        payload = usm.scoped_pdu(self.engine_id, context, encode_pdu(pdu))
        self.salt += 1
        salt = self.salt.to_bytes(8, "big") if flags & usm.PRIVATE else b""
        if flags & usm.PRIVATE:
            vector = self.boots.to_bytes(4, "big") + self.time.to_bytes(4, "big") + salt
            payload = ber.tlv(OCTET_STRING, cipher.encrypt(vector, payload))
        size = mac.size if flags & usm.AUTHENTIC else 0
        name = self.user.name.encode() if name is None else name
        octets, at = usm.write(message_id, flags, (self.engine_id, self.boots, self.time, name, size, salt), payload)
        if not size:
            return octets
        digest = bytes(size) if break_mac else mac.mac(octets)
        return octets[:at] + digest + octets[at + size :]

    def report(self, message_id, number, *, flags=0):
        row = Varbind((1, 3, 6, 1, 6, 3, 15, 1, 1, number, 0), COUNTER32, 1)
        pdu = Pdu(Kind.REPORT, message_id, 0, 0, Varbinds.of([row]))
        return self.write(message_id, pdu, flags=flags, name=b"" if not flags else None)


@pytest.fixture(params=["SHA-256", "MD5", "SHA-512"])
def user(request):
    return User(name="poller", auth_protocol=request.param, auth_key=PHRASE, priv_key=OTHER)


@pytest.fixture
def met(user):
    """A session that knows its engine, and the engine."""
    engine = Engine(user)
    session = Session(user, Book())
    header, _ = engine.read(session.seal(ASKED, 0x01000001, 0.0))
    assert header.engine_id == b""
    assert session.open(ASKED, engine.report(0x01000001, usm.UNKNOWN_ENGINE), 0.0) is None
    return session, engine


def said(pdu, text=b"ap-1"):
    return response(pdu, [Varbind(NAME, OCTET_STRING, text)])


def ask(session, engine, number=0x01000002, now=0.0):
    header, pdu = engine.read(session.seal(ASKED, number, now))
    assert header.message_id == number
    assert header.flags == usm.LEVEL | usm.REPORTABLE
    return pdu


def test_a_request_is_answered_after_discovery(met):
    session, engine = met
    for number in range(0x01000002, 0x01000006):  # the last are read by their shape
        pdu = ask(session, engine, number)

        reply = session.open(ASKED, engine.write(number, said(pdu)), 0.0)

        assert reply.request_id == number
        assert list(reply.varbinds) == [Varbind(NAME, OCTET_STRING, b"ap-1")]
        assert usm.scoped(reply.octets).varbinds == reply.varbinds


@pytest.mark.parametrize("seen", [0, 3], ids=["first message", "known shape"])
@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda e, n, p: e.write(n, said(p), break_mac=True), id="no digest"),
        pytest.param(lambda e, n, p: e.write(n, said(p), flags=0), id="downgraded to nothing"),
        pytest.param(lambda e, n, p: e.write(n, said(p), flags=usm.AUTHENTIC), id="downgraded to authNoPriv"),
        pytest.param(lambda e, n, p: e.write(n, said(p), name=b"other"), id="another user"),
        pytest.param(lambda e, n, p: e.write(n, said(p), context=b"other"), id="another context"),
        pytest.param(lambda e, n, p: e.report(n, usm.NOT_IN_TIME_WINDOW), id="time without digest"),
        pytest.param(lambda e, n, p: e.report(n, usm.WRONG_DIGEST), id="wrong digest"),
        pytest.param(lambda e, n, p: e.report(n, usm.UNKNOWN_ENGINE), id="does not know itself"),
    ],
)
def test_what_is_not_wholly_right_is_refused(met, forge, seen):
    session, engine = met
    for number in range(0x01000010, 0x01000010 + seen):
        session.open(ASKED, engine.write(number, said(ask(session, engine, number))), 0.0)
    pdu = ask(session, engine)

    with pytest.raises(DecodeError):
        session.open(ASKED, forge(engine, 0x01000002, pdu), 0.0)

    assert session.open(ASKED, engine.write(0x01000002, said(pdu)), 0.0) is not None


def test_every_changed_bit_is_refused(met):
    session, engine = met
    pdu = ask(session, engine)
    octets = engine.write(0x01000002, said(pdu))
    session.open(ASKED, octets, 0.0)

    for at in range(len(octets)):
        changed = bytearray(octets)
        changed[at] ^= 0x10
        try:
            reply = session.open(ASKED, bytes(changed), 0.0)
        except DecodeError:
            continue
        assert reply.request_id != 0x01000002  # another message id: no request of ours


def test_a_replayed_reply_never_answers_a_later_request(met):
    session, engine = met
    old = engine.write(0x01000002, said(ask(session, engine)))
    session.open(ASKED, old, 0.0)
    ask(session, engine, 0x01000003)

    assert session.open(ASKED, old, 0.0).request_id == 0x01000002


def test_a_message_outside_the_time_window_is_refused(met):
    session, engine = met
    session.open(ASKED, engine.write(0x01000002, said(ask(session, engine))), 0.0)
    pdu = ask(session, engine, 0x01000003, now=400.0)
    engine.time = 1_000 + 400 - 151

    with pytest.raises(SecurityError, match="time window"):
        session.open(ASKED, engine.write(0x01000003, said(pdu)), 400.0)


def test_a_reboot_is_followed_and_never_backwards(met):
    session, engine = met
    session.open(ASKED, engine.write(0x01000002, said(ask(session, engine))), 0.0)
    pdu = ask(session, engine, 0x01000003)
    engine.boots, engine.time = 8, 3
    assert session.open(ASKED, engine.write(0x01000003, said(pdu)), 0.0) is not None
    assert (session.boots, session.time) == (8, 3)

    pdu = ask(session, engine, 0x01000004)
    engine.boots, engine.time = 7, 5_000
    with pytest.raises(SecurityError):
        session.open(ASKED, engine.write(0x01000004, said(pdu)), 0.0)


def test_an_authentic_time_report_sets_the_clock_and_the_request_goes_again(met):
    session, engine = met
    ask(session, engine)
    engine.boots, engine.time = 9, 77

    assert session.open(ASKED, engine.report(0x01000002, usm.NOT_IN_TIME_WINDOW, flags=usm.AUTHENTIC), 0.0) is None

    header, _ = engine.read(session.seal(ASKED, 0x01000003, 10.0))
    assert (header.boots, header.time) == (9, 87)


def test_a_replaced_engine_is_met_anew(met):
    session, engine = met
    session.open(ASKED, engine.write(0x01000002, said(ask(session, engine))), 0.0)
    ask(session, engine, 0x01000003)
    engine.engine_id = ENGINE[::-1]

    assert session.open(ASKED, engine.report(0x01000003, usm.UNKNOWN_ENGINE), 0.0) is None

    pdu = ask(session, engine, 0x01000004)
    assert session.open(ASKED, engine.write(0x01000004, said(pdu)), 0.0).request_id == 0x01000004


@pytest.mark.parametrize("size", [0, 4, 33])
def test_an_engine_id_of_an_impossible_size_is_refused(user, size):
    session = Session(user, Book())
    session.seal(ASKED, 0x01000001, 0.0)

    with pytest.raises(DecodeError):
        session.open(ASKED, Engine(user, engine_id=bytes(size)).report(0x01000001, usm.UNKNOWN_ENGINE), 0.0)


def test_salts_never_repeat(met):
    session, _ = met
    salts = {usm.read(session.seal(ASKED, 0x01000002 + n, 0.0)).salt for n in range(100)}

    assert len(salts) == 100


def test_silence_after_discovery_is_a_doubt_about_the_keys(met):
    session, engine = met
    assert "privacy key" in session.silence().detail

    session.open(ASKED, engine.write(0x01000002, said(ask(session, engine))), 0.0)
    assert session.silence() is None


@given(st.binary(max_size=120))
@settings(deadline=None)
def test_noise_is_a_decode_error(octets):
    session = Session(User(name="poller", auth_key=PHRASE, priv_key=OTHER), Book())
    session.seal(ASKED, 1, 0.0)

    with pytest.raises(DecodeError):
        session.open(ASKED, octets, 0.0)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"auth_key": "short"}, "fewer than 8"),
        ({"priv_key": PHRASE}, "no authentication key"),
        ({"auth_key": PHRASE, "auth_protocol": "SHA256"}, "did you mean 'SHA-256'"),
        ({"auth_key": PHRASE, "priv_key": PHRASE, "priv_protocol": "DES"}, "AES-192"),
    ],
)
def test_a_user_that_cannot_work_is_refused_when_configured(words, told):
    with pytest.raises(CollectorError, match=told):
        User(name="poller", **words)


def test_a_user_never_shows_its_phrases():
    shown = repr(User(name="poller", auth_key=PHRASE, priv_key=OTHER))

    assert PHRASE not in shown
    assert OTHER not in shown


def test_a_user_without_keys_is_heard_at_its_own_level():
    session = Session(User(name="open"), Book())
    session.seal(ASKED, 1 << 24, 0.0)
    keys = User(name="open", auth_key=PHRASE, priv_key=OTHER)
    assert session.open(ASKED, Engine(keys).report(1 << 24, usm.UNKNOWN_ENGINE), 0.0) is None

    for number in range(0x01000002, 0x01000006):
        header = usm.read(session.seal(ASKED, number, 0.0))
        assert (header.flags, header.user, header.mac) == (usm.REPORTABLE, b"open", b"")
        pdu = usm.scoped(header.payload)
        assert pdu.varbinds.oids == ASKED.oids

        assert session.open(ASKED, Engine(keys).write(number, said(pdu), flags=0), 0.0).request_id == number

    with pytest.raises(SecurityError):
        session.open(ASKED, Engine(keys).write(0x01000005, said(pdu)), 0.0)


@pytest.mark.slow
def test_ten_thousand_changed_messages_are_never_believed():
    """S1, S3: whatever is changed in authentic replies and reports, nothing is taken and only DecodeError escapes."""
    chance = random.Random(20_261_003)
    user = User(name="poller", auth_key=PHRASE, priv_key=OTHER)
    engine, session = Engine(user), Session(user, Book())
    session.seal(ASKED, 0x01000001, 0.0)
    session.open(ASKED, engine.report(0x01000001, usm.UNKNOWN_ENGINE), 0.0)
    seeds = []
    for number in range(0x01000002, 0x01000006):
        seeds.append(engine.write(number, said(ask(session, engine, number))))
        session.open(ASKED, seeds[-1], 0.0)
    last = 0x01000005
    seeds += [engine.report(last, what, flags=flags) for what in usm.STATS for flags in (0, usm.AUTHENTIC, usm.LEVEL)]

    for _ in range(int(os.environ.get("NETOPS_ROUNDS", "10000"))):
        true = chance.choice(seeds)
        octets = bytearray(true)
        for _ in range(chance.randint(1, 5)):
            at = chance.randrange(len(octets))
            octets[at : at + chance.choice((0, 1, 1, 1, 3))] = chance.randbytes(chance.choice((0, 1, 1, 1, 3)))
        changed = bytes(octets[: len(true)] if chance.random() < 0.5 else octets)
        if changed[: len(true)] == true:
            continue
        session.engine_id = ENGINE  # an unauthentic Report may have made it be met anew
        try:
            reply = session.open(ASKED, changed, 0.0)
        except DecodeError:
            continue
        assert reply is None or reply.request_id != last
