"""The octets of Portal 2.0: vendors' own packets, a second implementation's, and everything that is none."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from captive_portal import checks
from captive_portal.portal2 import ac as controllers
from captive_portal.portal2 import exchange
from captive_portal.portal2.exchange import Answer, Code, Deaf, Done, Login, Send
from captive_portal.portal2.packet import (
    NO_SEAL,
    Attribute,
    Packet,
    PacketError,
    Type,
    addresses,
    chap_password,
    decode,
    encode,
    genuine,
    named,
)
from netops.config import load
from netops.errors import ConfigError

VECTORS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "portal2" / "vectors.json"
H3C_ASKS = "020900000ca2000002020202000000012395118b1c3347cfc51cde8bbd43b8240802"
H3C_SAYS = (
    "020a00000ca200000202020200000002dd645549eeb34c792aa49e7691869182"
    "081b415234392d34352d766c616e2d30302d3030303040766c616e0a0602020201"
)
USER = "10.77.0.10"


@pytest.fixture(scope="module")
def vectors():
    return json.loads(VECTORS.read_text(encoding="utf-8"))


def ac(**wanted) -> controllers.Ac:
    given = {"id": "ac-1", "address": "10.77.0.1", "networks": (), "secret": b"s3cret"}
    return controllers.Ac(**{**given, **wanted})


def octets(vectors, name: str) -> bytes:
    return bytes.fromhex(vectors["packets"][name])


def test_the_packets_of_h3cs_debug_manual_hold_and_read() -> None:
    asks, says = bytes.fromhex(H3C_ASKS), bytes.fromhex(H3C_SAYS)

    asked, said = decode(asks), decode(says)

    assert genuine(asks, b"portal")
    assert genuine(says, b"portal", asked.seal)
    assert not genuine(says, b"portal")
    assert (asked.type, asked.serial, asked.user) == (Type.REQ_INFO, 0x0CA2, "2.2.2.2")
    assert said.first(Attribute.PORT) == b"AR49-45-vlan-00-0000@vlan"
    assert said.first(Attribute.BAS_IP) == bytes([2, 2, 2, 1])
    assert encode(asked, b"portal") == asks
    assert encode(said, b"portal", asked.seal) == says


@pytest.mark.recordings
@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("REQ_CHALLENGE", ""),
        ("ACK_CHALLENGE", "REQ_CHALLENGE"),
        ("REQ_AUTH", ""),
        ("ACK_AUTH", "REQ_AUTH"),
        ("ACK_AUTH_reject", "REQ_AUTH"),
        ("AFF_ACK_AUTH", ""),
        ("REQ_LOGOUT", ""),
        ("ACK_LOGOUT", "REQ_LOGOUT"),
        ("REQ_LOGOUT_timeout", ""),
        ("NTF_LOGOUT", ""),
        ("ACK_NTF_LOGOUT", "NTF_LOGOUT"),
        ("NTF_HEARTBEAT", ""),
        ("REQ_AUTH_PAP", ""),
    ],
)
def test_the_vectors_read_write_and_hold(vectors, name: str, answers: str) -> None:
    raw, secret = octets(vectors, name), vectors["secret"].encode()
    over = decode(octets(vectors, answers)).seal if answers else NO_SEAL

    assert genuine(raw, secret, over)
    assert not genuine(raw, b"another", over)
    assert encode(decode(raw), secret, over) == raw


@pytest.mark.recordings
def test_the_course_of_a_chap_login_sends_the_vectors(vectors) -> None:
    course = Login(ac(), USER, serial=0x1234, name=vectors["user"], password=vectors["password"].encode())

    asked = course.begin()
    shown = course.heard(octets(vectors, "ACK_CHALLENGE"))
    done = course.heard(octets(vectors, "ACK_AUTH"))

    assert asked == Send(octets(vectors, "REQ_CHALLENGE"), 0.5)
    assert shown == Send(octets(vectors, "REQ_AUTH"), 0.5)
    assert done == Done(
        Answer(code=Code.OK, mac="02:11:22:33:44:55", request=0x56),
        octets(vectors, "AFF_ACK_AUTH"),
    )


@pytest.mark.recordings
def test_the_course_of_a_pap_login_sends_the_vector(vectors) -> None:
    profile = controllers.Profile(pap=True)
    course = Login(ac(profile=profile), USER, serial=0x1234, name=vectors["user"], password=b"902817")

    assert course.begin() == Send(octets(vectors, "REQ_AUTH_PAP"), 0.5)


@pytest.mark.recordings
def test_a_refusal_says_why_and_takes_the_attempt_back(vectors) -> None:
    course = Login(ac(), USER, serial=0x1234, name=vectors["user"], password=vectors["password"].encode())
    course.begin()
    course.heard(octets(vectors, "ACK_CHALLENGE"))

    done = course.heard(octets(vectors, "ACK_AUTH_reject"))

    assert isinstance(done, Done)
    assert (done.answer.code, done.answer.text) == (Code.REFUSED, "bad password")
    assert decode(done.last).type == Type.REQ_LOGOUT


@pytest.mark.recordings
def test_silence_is_three_sendings_and_then_the_logout_of_the_vectors(vectors) -> None:
    course = Login(ac(), USER, serial=0x1234, name=vectors["user"], password=vectors["password"].encode())
    course.begin()
    course.heard(octets(vectors, "ACK_CHALLENGE"))

    again = [course.silent() for _ in range(3)]

    assert [type(each) for each in again] == [Send, Send, Done]
    assert again[0].octets == again[1].octets == octets(vectors, "REQ_AUTH")
    assert again[2] == Done(Answer(code=Code.SILENT), octets(vectors, "REQ_LOGOUT_timeout"))


@pytest.mark.recordings
def test_a_logout_is_the_vectors(vectors) -> None:
    course = exchange.logout(ac(), USER, serial=0x1235)

    assert course.begin() == Send(octets(vectors, "REQ_LOGOUT"), 0.5)
    assert course.heard(octets(vectors, "ACK_LOGOUT")) == Done(Answer(code=Code.OK))


@pytest.mark.recordings
def test_version_one_and_version_two_without_authenticator_need_the_flag(vectors) -> None:
    one = octets(vectors, "v1_ACK_CHALLENGE")
    bare = bytes.fromhex(vectors["vendor"]["syler_v2_ACK_CHALLENGE_without_authenticator"])

    for raw in (one, bare):
        with pytest.raises(PacketError):
            decode(raw)
        assert len(decode(raw, unsigned=True).first(Attribute.CHALLENGE)) == 16
        assert decode(raw, unsigned=True).seal == b""
    assert encode(decode(one, unsigned=True)) == one


@pytest.mark.recordings
def test_the_course_of_version_one_sends_the_vectors(vectors) -> None:
    old = ac(unsigned=True, profile=controllers.Profile(version=1))
    course = Login(old, USER, serial=0x1234, name=vectors["user"], password=vectors["password"].encode())

    asked = course.begin()
    shown = course.heard(octets(vectors, "v1_ACK_CHALLENGE"))

    assert asked == Send(octets(vectors, "v1_REQ_CHALLENGE"), 0.5)
    assert isinstance(shown, Send)
    name = decode(octets(vectors, "v1_REQ_AUTH"), unsigned=True).attributes[0]
    proof = bytes.fromhex(vectors["packets"]["_chap_password"])
    assert decode(shown.octets, unsigned=True).attributes[:3] == (name, (3, bytes(range(16))), (4, proof))


@pytest.mark.recordings
def test_what_a_real_controller_of_another_make_said_holds(vectors) -> None:
    vendor = vectors["vendor"]
    raw = bytes.fromhex(vendor["syler_ACK_AUTH"])

    assert genuine(raw, vendor["syler_secret"].encode(), bytes.fromhex(vendor["syler_ACK_AUTH_request_authenticator"]))
    assert (decode(raw).error, decode(raw).mac) == (2, "b8:f6:b1:1c:8f:9b")


def test_the_chap_password_is_of_the_low_octet() -> None:
    expected = hashlib.md5(b"\x56" + b"902817" + bytes(range(16))).digest()

    assert chap_password(0x1256, b"902817", bytes(range(16))) == expected


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"", "0 octets"),
        (b"\x02" * 15, "15 octets"),
        (bytes(4097), "4097 octets"),
        (b"\x03\x01" + bytes(30), "version 3"),
        (b"\x01\x01" + bytes(14), "version 1"),
        (b"\x02\x01\x02" + bytes(29), "method 2"),
        (b"\x02\x01" + bytes(14), "expected an authenticator"),
        (b"\x02\x01" + bytes(13) + b"\x01" + bytes(16), "ends after 0 of 1"),
        (b"\x02\x01" + bytes(13) + b"\x01" + bytes(16) + b"\x05\x01", "says it has 1"),
        (b"\x02\x01" + bytes(13) + b"\x01" + bytes(16) + b"\x05\x09ab", "says it has 9"),
        (b"\x02\x01" + bytes(13) + b"\x00" + bytes(16) + b"\x05\x02", "beyond the 0 attributes"),
    ],
)
def test_what_is_no_packet_is_said_in_a_sentence(octets: bytes, why: str) -> None:
    with pytest.raises(PacketError, match=why):
        decode(octets)


def test_user_lists_of_several_attributes_are_read_whole() -> None:
    packet = Packet(
        type=Type.ACK_NTF_USER_HEARTBEAT,
        attributes=((0x0D, bytes([10, 0, 0, 1, 10, 0, 0, 2])), (0x0D, bytes([10, 0, 0, 3, 9]))),
    )

    assert addresses(decode(encode(packet, b"x"))) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]


def test_an_ipv6_visitor_stands_in_an_attribute() -> None:
    asked = exchange.info(ac(), "fd00::10", serial=7).begin()

    assert isinstance(asked, Send)
    assert decode(asked.octets).visitor == "fd00::10"
    assert decode(asked.octets).user == "0.0.0.0"


def test_a_controller_at_an_ipv6_address_is_named_by_an_attribute_of_its_own() -> None:
    course = exchange.logout(ac(address="fd00::1"), USER, serial=7)

    asked = course.begin()

    assert isinstance(asked, Send)
    assert decode(asked.octets).first(Attribute.BAS_IP) == bytes(4)
    assert decode(asked.octets).first(Attribute.BAS_IP6) == bytes.fromhex("fd" + "00" * 14 + "01")


def test_a_copy_that_is_in_progress_is_not_the_answer() -> None:
    course = Login(ac(profile=controllers.Profile(pap=True)), USER, serial=9, name="a", password=b"b")
    first = course.begin()
    assert isinstance(first, Send)
    asked = decode(first.octets)

    def says(error: int) -> bytes:
        answer = Packet(type=Type.ACK_AUTH, serial=9, request=4, user=USER, error=error)
        return encode(answer, b"s3cret", asked.seal)

    course.silent()

    assert isinstance(course.heard(says(3)), Deaf)
    done = course.heard(says(0))
    assert isinstance(done, Done)
    assert (done.answer.code, decode(done.last).request, decode(done.last).pap) == (Code.OK, 4, True)


@pytest.mark.parametrize(
    "change",
    [
        {"serial": 8},
        {"user": "10.77.0.11"},
        {"type": Type.ACK_CHALLENGE},
        {"version": 1},
    ],
    ids=str,
)
def test_an_answer_to_something_else_is_not_heard(change: dict) -> None:
    course = exchange.logout(ac(unsigned=True), USER, serial=7)
    asked = course.begin()
    assert isinstance(asked, Send)
    fields = {"type": Type.ACK_LOGOUT, "serial": 7, "user": USER, **change}

    assert isinstance(course.heard(encode(Packet(**fields), b"s3cret", decode(asked.octets).seal)), Deaf)


def test_types_have_names() -> None:
    assert named(0x0E) == "ACK_NTF_LOGOUT"
    assert named(0x2A) == "0x2a"


# ---- what a controller's settings may say
def controller(tmp_path, **lines) -> controllers.Ac:
    given = {
        "gateway": "portal2",
        "address": "10.6.10.77",
        "networks": "10.77.0.0/16, fd77::/64",
        "portal_secret": "plain:a-good-secret",
        **lines,
    }
    text = "\n".join(f"{key} = {json.dumps(value)}" for key, value in given.items())
    file = tmp_path / "netops.toml"
    file.write_text(f"[city]\nrehearsal = true\n[portal.acs.ac-1]\n{text}\n", encoding="utf-8")
    return controllers.read(load(file, environ={}))[0]


def test_a_controller_of_the_settings(tmp_path) -> None:
    made = controller(tmp_path, vendor="h3c", portal_auth="pap", portal_port=2001)

    assert (made.id, made.address, made.port, made.secret) == ("ac-1", "10.6.10.77", 2001, b"a-good-secret")
    assert made.profile.pap
    assert made.has("10.77.3.4")
    assert made.has("fd77::3")
    assert not made.has("10.78.0.1")
    assert not made.has("no address")


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ({"vendor": "h3"}, "did you mean 'h3c'"),
        ({"address": "ac.example"}, "numeric address"),
        ({"networks": ""}, "nobody is its visitor"),
        ({"networks": "10.1.0.1/8"}, "expected networks as"),
        ({"portal_secret": "plain:short"}, "at least 8"),
        ({"portal_version": 1}, "portal_unsigned = true"),
        ({"portal_version": 3}, "expected 1 or 2"),
        ({"portal_auth": "md5"}, "chap or pap"),
        ({"portal_port": 0}, "1 to 65535"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_controller_is_said_with_its_remedy(tmp_path, lines: dict, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        controller(tmp_path, **lines)


class Sites:
    """A register with one site."""

    at_ms = 0
    site = {"park": object()}  # noqa: RUF012
    sites = ()


def found(tmp_path, *tables: str) -> list[str]:
    file = tmp_path / "netops.toml"
    file.write_text("[city]\nrehearsal = true\n" + "\n".join(tables), encoding="utf-8")
    found = checks.check(load(file, environ={}), Sites())
    return [each for each in map(str, found) if "controller" in each or "portal.acs" in each or "portal2" in each]


WHOLE = """[portal.acs.ac-1]
gateway = "portal2"
address = "10.6.10.77"
networks = "10.77.0.0/16"
site = "park"
secret = "env:NOT_SET"
portal_secret = "env:NOT_SET"
"""
OURS = "[radius]\nenabled = true\n"


def test_a_controller_that_lacks_nothing_is_no_problem_and_its_secret_is_not_read(tmp_path) -> None:
    assert found(tmp_path, WHOLE, OURS) == []


@pytest.mark.parametrize(
    ("tables", "what"),
    [
        ((WHOLE,), "nobody would be let in"),
        ((WHOLE.replace('secret = "env:NOT_SET"\n', "", 1), OURS), "our RADIUS server does not answer it"),
        ((WHOLE.replace("park", "parc"), OURS), "did you mean 'park'"),
        ((WHOLE.replace('portal_secret = "env:NOT_SET"\n', ""), OURS), "'portal.acs.ac-1.portal_secret' is empty"),
        ((WHOLE + "portal_unsigned = true\n", OURS), "whoever can send from its address"),
        (
            (WHOLE, WHOLE.replace("ac-1", "ac-2").replace("10.77.0.0/16", "10.78.0.0/16"), OURS),
            "have the same address 10.6.10.77",
        ),
        (
            (WHOLE, WHOLE.replace("ac-1", "ac-2").replace("10.6.10.77", "10.6.10.78"), OURS),
            "both have the network 10.77.0.0/16",
        ),
        ((WHOLE, OURS, "[portal2]\nport = 70000\n"), "'portal2.port' is 70000"),
    ],
    ids=["no radius", "no secret", "site", "no portal secret", "unsigned", "one address", "one network", "port"],
)
def test_what_check_says_of_a_controller(tmp_path, tables: tuple[str, ...], what: str) -> None:
    problems = found(tmp_path, *tables)

    assert len(problems) == 1
    assert what in problems[0]
