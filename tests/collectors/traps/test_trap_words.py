"""A sender whose credential does not fit is told in words that help: whose it is, what came, what it would fit."""

from __future__ import annotations

import re

import pytest

from collectors.errors import SecurityError
from collectors.snmp.authority import Authority
from collectors.snmp.keys import AUTH
from collectors.snmp.pdu import Kind, Pdu, encode_pdu
from collectors.snmp.usm import User
from collectors.snmp.varbind import OBJECT_IDENTIFIER, TIME_TICKS, Varbind, Varbinds, parse
from collectors.snmp.wire import ForeignError
from collectors.traps.door import Door, Sender
from collectors.traps.own import OwnEngine

OWN, THEIRS = b"\x80\0\0\0\x05ours!", b"\x80\0\0\0\x05theirs"
HERE = "192.0.2.1"
TRAP = Varbinds.of(
    [
        Varbind(parse("1.3.6.1.2.1.1.3.0"), TIME_TICKS, 5),
        Varbind(parse("1.3.6.1.6.3.1.1.4.1.0"), OBJECT_IDENTIFIER, "1.3.6.1.6.3.1.1.5.3"),
    ]
)


def user(auth="SHA-256", priv="AES", *, key="a pass phrase", hidden="another phrase", name="poller"):
    return User(name=name, auth_protocol=auth, auth_key=key, priv_protocol=priv, priv_key=hidden)


def why(sent: User, *, ours: User | None = None, engine_id=THEIRS) -> str:
    """What is said of a trap of this user."""
    engine = Authority(sent, engine_id)
    engine.set_clock(3, 0, 0.0)
    door = Door(OwnEngine(OWN, 4, 0.0))
    door.admit({HERE: (Sender("cell-1", "", ours or user(), "v3"),)})
    kind = Kind.INFORM if engine_id == OWN else Kind.TRAP
    octets = engine.say(7, encode_pdu(Pdu(kind, 7, 0, 0, TRAP)), 0.0, flags=sent.level)
    with pytest.raises((SecurityError, ForeignError)) as told:
        door.hear(octets, HERE, 0.0)
    return str(told.value)


@pytest.mark.parametrize("engine_id", [THEIRS, OWN], ids=["trap", "inform"])
@pytest.mark.parametrize(
    ("sent", "ours", "words"),
    [
        (
            "SHA",
            "SHA-256",
            "a digest of 12 octets, as MD5 or SHA has it: set auth_protocol to that; ours is SHA-256 with 24",
        ),
        ("SHA-512", "SHA", "a digest of 48 octets, as SHA-512 has it: set auth_protocol to that; ours is SHA with 12"),
        ("MD5", "SHA", "the digest does not hold under SHA: another auth_key; or it is MD5, whose digests are as long"),
    ],
)
def test_another_protocol_is_told_by_what_it_would_fit(sent, ours, words, engine_id):
    assert why(user(sent), ours=user(ours), engine_id=engine_id) == f"user 'poller' (credentials.v3): {words}"


def test_every_other_pair_of_protocols_is_told_apart_by_length_or_as_twins():
    for sent in AUTH:
        for ours in AUTH:
            if sent != ours:
                assert re.search(rf"\b{re.escape(sent)}\b", why(user(sent), ours=user(ours)))


def test_another_key_user_or_level_is_told():
    assert why(user(key="not the phrase")).endswith("the digest does not hold under SHA-256: another auth_key")
    assert "another priv_key or priv_protocol" in why(user(hidden="not the phrase"))
    assert "another priv_key or priv_protocol" in why(user(priv="AES-256"))
    assert (
        why(user(name="po\x1bller"))
        == "SNMPv3 user 'po\N{REPLACEMENT CHARACTER}ller', which none of this source's devices has"
    )
    assert why(user(hidden="")).endswith("a message of security level authNoPriv; its user has authPriv")


def test_no_word_holds_a_secret():
    for sent in (user("MD5"), user(key="not the phrase"), user(hidden="not the phrase")):
        assert "phrase" not in why(sent)
