"""SNMPv3 at one address: an engine in memory that restarts, drifts, is replaced, and one that tries every trick."""

import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.errors import DecodeError, SecurityError
from collectors.snmp import ber, usm
from collectors.snmp.aes import Cfb
from collectors.snmp.gather import Request
from collectors.snmp.keys import Authenticator, auth_of, localised, priv_of, privacy_key
from collectors.snmp.pdu import Kind, Pdu, encode_pdu, response
from collectors.snmp.session import Session
from collectors.snmp.template import Book
from collectors.snmp.usm import User
from collectors.snmp.varbind import COUNTER32, OCTET_STRING, Varbind, Varbinds
from collectors.snmp.wire import StrayError

ENGINE = bytes.fromhex("80001f8804746573742d656e67696e65")
NAME = (1, 3, 6, 1, 2, 1, 1, 5, 0)
ASKED = Request(Kind.GET, (NAME,), (0,))
PHRASE = "correct horse"
OTHER = "battery staple"


class Engine:
    """An SNMPv3 engine in memory, with every value it puts into a message open to change."""

    def __init__(self, user, *, boots=7, time=1_000, engine_id=ENGINE):
        self.user, self.boots, self.time, self.engine_id = user, boots, time, engine_id
        self.salt = 0

    def keys(self, engine_id=None):
        auth = auth_of(self.user.auth_protocol)
        engine_id = engine_id or self.engine_id
        mac = Authenticator(auth, localised(auth.digest, self.user.auth_key, engine_id))
        priv = priv_of(self.user.priv_protocol)
        return mac, Cfb(privacy_key(auth.digest, self.user.priv_key, engine_id, priv))

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
        mac, cipher = self.keys()
        payload = usm.scoped_pdu(self.engine_id, context, encode_pdu(pdu))
        self.salt += 1
        salt = self.salt.to_bytes(8, "big") if flags & usm.PRIVATE else b""
        if flags & usm.PRIVATE:
            payload = ber.tlv(OCTET_STRING, cipher.encrypt(self.boots << 96 | self.time << 64 | self.salt, payload))
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
    assert (session.engine.boots, session.engine.time) == (8, 3)

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
    assert session.silence() is None  # the next question asks anew who is there: who then is silent, is silent
    assert usm.read(session.seal(ASKED, 0x01000002, 0.0)).engine_id == b""

    session.open(ASKED, engine.report(0x01000002, usm.UNKNOWN_ENGINE), 0.0)
    session.open(ASKED, engine.write(0x01000003, said(ask(session, engine, 0x01000003))), 0.0)
    assert session.silence() is None


@given(st.binary(max_size=120))
@settings(deadline=None)
def test_noise_is_a_decode_error(octets):
    session = Session(User(name="poller", auth_key=PHRASE, priv_key=OTHER), Book())
    session.seal(ASKED, 1, 0.0)

    with pytest.raises(DecodeError):
        session.open(ASKED, octets, 0.0)


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


# ---- rumours: what an unauthentic Report may and may not do


def rumour(engine, number, engine_id, *, boots=3, time=50):
    other = Engine(engine.user, boots=boots, time=time, engine_id=engine_id)
    return other.report(number, usm.UNKNOWN_ENGINE)


def test_a_rumour_of_another_engine_takes_nothing_from_the_believed_one(met):
    """A forged Report costs at most one datagram: the engine that was believed is asked again, and heard at once."""
    session, engine = met
    session.open(ASKED, engine.write(0x01000002, said(ask(session, engine))), 0.0)
    pdu = ask(session, engine, 0x01000003)
    assert session.open(ASKED, rumour(engine, 0x01000003, b"forged-engine"), 0.0) is None

    header = usm.read(session.seal(ASKED, 0x01000004, 0.0))  # the rumour is followed up …
    assert header.engine_id == b"forged-engine"
    assert session.open(ASKED, engine.write(0x01000003, said(pdu)), 0.0).request_id == 0x01000003  # … and refuted
    assert session.engine.engine_id == ENGINE
    assert (session.engine.boots, session.engine.trusted) == (7, True)


def test_after_a_silent_rumour_the_believed_engine_is_asked_again(met):
    session, engine = met
    session.open(ASKED, engine.write(0x01000002, said(ask(session, engine))), 0.0)
    ask(session, engine, 0x01000003)
    session.open(ASKED, rumour(engine, 0x01000003, b"forged-engine"), 0.0)
    session.seal(ASKED, 0x01000004, 0.0)

    pdu = ask(session, engine, 0x01000005)

    assert session.open(ASKED, engine.write(0x01000005, said(pdu)), 0.0) is not None
    assert session.silence() is None


@pytest.mark.parametrize("forged_first", [True, False])
def test_a_race_at_discovery_is_won_by_who_can_prove_it(user, forged_first):
    engine, session = Engine(user), Session(user, Book())
    session.seal(ASKED, 0x01000001, 0.0)
    told = [rumour(engine, 0x01000001, b"forged-engine"), engine.report(0x01000001, usm.UNKNOWN_ENGINE)]
    for octets in told if forged_first else reversed(told):
        assert session.open(ASKED, octets, 0.0) is None

    for number in range(0x01000002, 0x01000005):  # a silence each, until the true one is asked
        octets = session.seal(ASKED, number, 0.0)
        if usm.read(octets).engine_id == ENGINE:
            pdu = engine.read(octets)[1]
            assert session.open(ASKED, engine.write(number, said(pdu)), 0.0) is not None
            break

    assert session.engine.trusted
    assert session.engine.engine_id == ENGINE


@pytest.mark.parametrize("known", [False, True], ids=["before discovery", "after"])
@pytest.mark.parametrize("what", [usm.UNKNOWN_ENGINE, usm.NOT_IN_TIME_WINDOW, usm.WRONG_DIGEST])
def test_reports_of_who_has_not_seen_our_question_change_nothing(user, known, what):
    """Off the path: the engine's id and its address can be had, the message id cannot."""
    session, engine = Session(user, Book()), Engine(user)
    session.seal(ASKED, 0x01000001, 0.0)
    if known:
        session.open(ASKED, engine.report(0x01000001, usm.UNKNOWN_ENGINE), 0.0)
        session.open(ASKED, engine.write(0x01000002, said(ask(session, engine))), 0.0)
    for number in (0x01000000, 0x01000003, 0, 0x7FFF_FFFF):
        for engine_id in (ENGINE, b"forged-engine"):
            forged = Engine(user, boots=2**31 - 1, time=2**31 - 1, engine_id=engine_id).report(number, what)
            with pytest.raises(StrayError):
                session.open(ASKED, forged, 0.0)

    assert (session.engine is not None) == known
    if known:
        assert (session.engine.engine_id, session.engine.boots, session.engine.trusted) == (ENGINE, 7, True)
    else:
        assert session.open(ASKED, engine.report(0x01000001, usm.UNKNOWN_ENGINE), 0.0) is None
        assert session.engine.boots == 7


@pytest.mark.parametrize(("boots", "time"), [(2**31 - 1, 2**31 - 1), (2**31 - 1, 0), (900, 2**31 - 1), (0, 0)])
def test_whatever_clock_a_discovery_was_told_the_engines_own_word_corrects_it(user, boots, time):
    """Even on the path a forger only costs one datagram: boots and time of a discovery are a hint."""
    session, engine = Session(user, Book()), Engine(user)
    session.seal(ASKED, 0x01000001, 0.0)
    session.open(ASKED, Engine(user, boots=boots, time=time).report(0x01000001, usm.UNKNOWN_ENGINE), 0.0)
    ask(session, engine, 0x01000002)
    report = engine.report(0x01000002, usm.NOT_IN_TIME_WINDOW, flags=usm.AUTHENTIC)
    assert session.open(ASKED, report, 0.0) is None

    pdu = ask(session, engine, 0x01000003)

    assert (session.engine.boots, session.engine.time) == (7, 1_000)
    assert session.open(ASKED, engine.write(0x01000003, said(pdu)), 0.0).request_id == 0x01000003


def test_rumours_are_bounded_and_never_push_out_the_believed_engine(met):
    session, engine = met
    session.open(ASKED, engine.write(0x01000002, said(ask(session, engine))), 0.0)
    pdu = ask(session, engine, 0x01000003)
    for n in range(50):
        assert session.open(ASKED, rumour(engine, 0x01000003, b"forged-%04d" % n), 0.0) is None
        assert len(session._engines) <= 4

    assert session.open(ASKED, engine.write(0x01000003, said(pdu)), 0.0) is not None
    assert [each.engine_id for each in session._engines] == [ENGINE]


@pytest.mark.parametrize("what", usm.STATS)
@pytest.mark.parametrize("flags", [0, usm.AUTHENTIC], ids=["unauthentic", "authentic"])
def test_no_report_but_these_two_changes_what_is_believed(met, what, flags):
    """RFC 3414 section 3.2: the clock by an authentic notInTimeWindows; a rumour by an unauthentic unknownEngineIDs."""
    session, engine = met
    session.open(ASKED, engine.write(0x01000002, said(ask(session, engine))), 0.0)
    before = (session.engine.boots, session.engine.time, session.engine.engine_id)
    ask(session, engine, 0x01000003)
    engine.boots, engine.time = 90, 9_000

    if (what, flags) == (usm.NOT_IN_TIME_WINDOW, usm.AUTHENTIC):
        assert session.open(ASKED, engine.report(0x01000003, what, flags=flags), 0.0) is None
        assert (session.engine.boots, session.engine.time) == (90, 9_000)
        return
    with pytest.raises(SecurityError, match=r"usmStats|own engine id"):
        session.open(ASKED, engine.report(0x01000003, what, flags=flags), 0.0)
    assert (session.engine.boots, session.engine.time, session.engine.engine_id) == before


def test_an_authentic_time_report_counts_once(met):
    """Replayed it is no answer to anything: its message id is spent."""
    session, engine = met
    ask(session, engine)
    engine.boots, engine.time = 9, 77
    report = engine.report(0x01000002, usm.NOT_IN_TIME_WINDOW, flags=usm.AUTHENTIC)
    assert session.open(ASKED, report, 0.0) is None
    session.seal(ASKED, 0x01000003, 40.0)

    with pytest.raises(StrayError) as stray:
        session.open(ASKED, report, 40.0)
    assert stray.value.number == 0x01000002
    assert session.engine.time_now(40.0) == 117


def test_a_lost_boot_count_is_believed_backwards_when_fresh_and_authentic(met):
    session, engine = met
    session.open(ASKED, engine.write(0x01000002, said(ask(session, engine))), 0.0)
    ask(session, engine, 0x01000003)
    engine.boots, engine.time = 1, 4

    assert session.open(ASKED, engine.report(0x01000003, usm.NOT_IN_TIME_WINDOW, flags=usm.AUTHENTIC), 0.0) is None

    pdu = ask(session, engine, 0x01000004)
    assert session.open(ASKED, engine.write(0x01000004, said(pdu)), 0.0).request_id == 0x01000004


@pytest.mark.parametrize(
    ("drift", "refused"),
    [(+10_000, False), (+151, False), (0, False), (-149, False), (-152, True), (-10_000, True)],
)
def test_a_clock_that_drifts_or_jumps_is_followed_forward_only(met, drift, refused):
    session, engine = met
    session.open(ASKED, engine.write(0x01000002, said(ask(session, engine))), 0.0)
    pdu = ask(session, engine, 0x01000003, now=20_000.0)
    engine.time = 1_000 + 20_000 + drift
    octets = engine.write(0x01000003, said(pdu))
    if refused:
        with pytest.raises(SecurityError, match="time window"):
            session.open(ASKED, octets, 20_000.0)
    else:
        assert session.open(ASKED, octets, 20_000.0) is not None
    assert session.engine.time_now(20_000.0) == 21_000 + (max(0, drift))


@pytest.mark.parametrize(("boots", "time"), [(0x7FFF_FFFF, 5), (-1, 5), (7, -1), (7, 0x8000_0000)])
def test_an_engine_whose_counts_are_used_up_is_refused(met, boots, time):
    session, engine = met
    pdu = ask(session, engine)
    octets = engine.write(0x01000002, said(pdu))
    engine.boots, engine.time = boots, time
    with pytest.raises(DecodeError):
        session.open(ASKED, engine.write(0x01000002, said(pdu), flags=usm.AUTHENTIC), 0.0)
    assert session.open(ASKED, octets, 0.0) is not None


def test_an_empty_ciphertext_is_a_decode_error(met):
    """Authentic, private, and nothing in it: an agent's fault, not ours."""
    session, engine = met
    ask(session, engine)
    mac, _ = engine.keys()
    security = (ENGINE, engine.boots, engine.time, b"poller", mac.size, bytes(8))
    octets, at = usm.write(0x01000002, usm.LEVEL, security, ber.tlv(OCTET_STRING, b""))
    octets = octets[:at] + mac.mac(octets) + octets[at + mac.size :]

    with pytest.raises(DecodeError):
        session.open(ASKED, octets, 0.0)


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

    for _ in range(3_334 * int(os.environ.get("NETOPS_ROUNDS", "3"))):
        true = chance.choice(seeds)
        octets = bytearray(true)
        for _ in range(chance.randint(1, 5)):
            at = chance.randrange(len(octets))
            octets[at : at + chance.choice((0, 1, 1, 1, 3))] = chance.randbytes(chance.choice((0, 1, 1, 1, 3)))
        changed = bytes(octets[: len(true)] if chance.random() < 0.5 else octets)
        if changed[: len(true)] == true:
            continue
        try:
            reply = session.open(ASKED, changed, 0.0)
        except DecodeError:
            continue
        assert reply is None or reply.request_id != last
