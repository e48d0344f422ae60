"""S1: every parser of the collectors' room, 10^4 damaged inputs each; 10^6 by `make soak ROW=S1`."""

from __future__ import annotations

import bz2
import csv
import importlib.util
import io
import ipaddress
import json
import struct
from pathlib import Path
from types import SimpleNamespace

import pytest

from collectors import halts, profile_yaml, recording
from collectors.cwmp import digest as cwmp_digest
from collectors.cwmp import markup, model_yaml, soap
from collectors.discovery import proposals, sweep
from collectors.discovery.finding import Found
from collectors.errors import CollectorError, DecodeError
from collectors.explain import explain
from collectors.probes import dns, handing, icmp, login
from collectors.probes.intake import admit
from collectors.probes.radio import figures as radio_figures
from collectors.probes.radio import listening
from collectors.probes.stamp import packet, tlv
from collectors.probes.web import Page
from collectors.profile_yaml import ProfileError
from collectors.recording import RecordingError
from collectors.snmp import ber, pdu, usm
from collectors.snmp.ask import Community
from collectors.snmp.gather import Request
from collectors.snmp.pdu import Kind, Message, Pdu
from collectors.snmp.session import Session
from collectors.snmp.template import Book
from collectors.snmp.usm import User
from collectors.snmp.varbind import COUNTER32, OBJECT_IDENTIFIER, OCTET_STRING, TIME_TICKS, Varbind, Varbinds
from collectors.ssh import archive as ssh_archive
from collectors.ssh import dialects, read_yaml, rows, screen
from collectors.ssh.talk import Limits as TalkLimits
from collectors.ssh.talk import Line, State, Talk
from collectors.traps.door import Door, Sender
from collectors.traps.own import OwnEngine
from netops import config, facts, wire
from netops.errors import ConfigError, NetopsError, StoreError, UsageError
from netops.facts import Fact
from netops.model import Poll, Reason, Row, Subject
from netops.raw import frame
from netops.store import Outcome

HERE = Path(__file__).resolve().parent
_spec = importlib.util.spec_from_file_location("fuzzing", HERE / "fuzzing.py")
fuzzing = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fuzzing)
Parser = fuzzing.Parser
NOW = 1_790_000_000_000
ROOM = HERE.parents[1] / "collectors"
UNPACKED_S = 0.030  # one block of bzip2, 900 kB, takes 10 ms to unpack before its first octet is there
WRITTEN_S = 0.030  # a file that a contributor writes: its wrong words are sought in the whole catalogue
TRAP_OID = (1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0)
LINK_DOWN = "1.3.6.1.6.3.1.1.5.3"


def messages():
    said = [
        Varbind((1, 3, 6, 1, 2, 1, 1, 3, 0), TIME_TICKS, 4711),
        Varbind(TRAP_OID, OBJECT_IDENTIFIER, LINK_DOWN),
        Varbind((1, 3, 6, 1, 2, 1, 2, 2, 1, 10, 7), COUNTER32, 1 << 31),
        Varbind((1, 3, 6, 1, 2, 1, 1, 5, 0), OCTET_STRING, "中文".encode()),
    ]
    for kind in (Kind.RESPONSE, Kind.TRAP, Kind.INFORM, Kind.GET_BULK):
        yield pdu.encode(Message(b"public", Pdu(kind, 7, 0, 0, Varbinds.of(said))))


def trap_v1():
    inner = ber.tlv(OBJECT_IDENTIFIER, ber.oid_octets((1, 3, 6, 1, 4, 1, 9))) + ber.tlv(0x40, b"\x0a\0\0\1")
    inner += ber.tlv(2, ber.integer(6)[2:]) + ber.tlv(2, ber.integer(3)[2:]) + ber.tlv(TIME_TICKS, b"\x05")
    inner += ber.varbind_list([Varbind((1, 3, 6, 1, 4, 1, 9, 1), COUNTER32, 5)])
    body = ber.tlv(2, b"\0") + ber.tlv(4, b"public") + ber.tlv(0xA4, inner)
    return ber.tlv(0x30, body)


def small(folder, ending, most=6, octets=4_000):
    found = sorted((path for path in folder.glob(f"*{ending}")), key=lambda path: path.stat().st_size)
    return [path.read_bytes()[:octets] for path in found[:most]]


def text(parse, source="x.yaml"):
    return lambda octets: parse(octets.decode("utf-8", "replace"), source)


def in_file(tmp_path, name, read):
    path = tmp_path / name

    def call(octets):
        path.write_bytes(octets)
        return read(path)

    return call


def explained(octets):
    outcome = Outcome(
        device="d", slot_ms=NOW, at_ms=NOW, outcome="answered", attempts=1, rtt_ms=1.0, lag_ms=0.0, profile="standard"
    )
    return explain("d", outcome, frame([octets]))


def screens():
    reads = read_yaml.shipped()

    def call(octets):
        lines = screen.shown(octets)
        screen.last(octets)
        names = sorted(reads)
        rows.rows(reads[names[len(octets) % len(names)]], lines)

    return call, [path.read_bytes()[:1_500] for path in sorted((HERE / "ssh" / "captures").glob("*.txt"))]


def conversations():
    reads = read_yaml.shipped()
    seeds = []
    for name, path in [(path.stem, path) for path in sorted((HERE / "ssh" / "captures").glob("*.txt"))]:
        if name in reads:
            command = reads[name].command
            said = command.encode() + b"\r\n" + path.read_bytes()[:1_000] + b"\r\nhost#"
            head = {"read": name, "command": command, "values": {}, "prompt": "host#", "cuts": [20, 40]}
            seeds.append(frame([json.dumps(head).encode() + b"\n" + said]))

    def call(octets):
        ssh_archive.taken_of(ssh_archive.heard_in(octets, reads), reads)

    return call, seeds


def reflected(octets):
    four = ipaddress.ip_address("192.0.2.1")
    seen = tlv.Seen(source=four, source_port=1, destination=four, destination_port=2)
    assert len(tlv.answer(octets, seen, asked=1, told=1, key=None)) == len(octets)
    tlv.parse(octets)
    tlv.read(octets)


def inform():
    return b"""<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:cwmp="urn:dslforum-org:cwmp-1-2"><soap:Header><cwmp:ID soap:mustUnderstand="1">7</cwmp:ID></soap:Header>
<soap:Body><cwmp:Inform><DeviceId><Manufacturer>M</Manufacturer><OUI>00259E</OUI><ProductClass>C</ProductClass>
<SerialNumber>S1</SerialNumber></DeviceId><Event><EventStruct><EventCode>2 PERIODIC</EventCode><CommandKey/>
</EventStruct></Event><MaxEnvelopes>1</MaxEnvelopes><CurrentTime>2026-10-01T00:00:00Z</CurrentTime><RetryCount>0
</RetryCount><ParameterList><ParameterValueStruct><Name>Device.DeviceInfo.UpTime</Name><Value>7</Value>
</ParameterValueStruct></ParameterList></cwmp:Inform></soap:Body></soap:Envelope>"""


def found(octets):
    """A discovered device says of itself whatever it likes; the proposals are kept, read again and shown as a line."""
    said = octets.decode("latin-1")
    device = Found(address="192.0.2.1", port=161, credential="c", family="generic", because=said[:20], name=said,
                   description=said, serial=said[:40])  # fmt: skip
    (made,) = proposals.weigh([device], (), now_ms=NOW)
    header = ("id", "name", "address", "serial")
    line = proposals.line(header, {"name": made.name, "address": made.address, "serial": made.serial})
    assert len(list(csv.reader(io.StringIO(line, newline="")))) == 1


def page(octets):
    made = Page(url="http://192.0.2.1/", times={}, status=200, headers=(("Content-Type", "text/html"),), body=octets)
    return login.step(login.begin("http://192.0.2.1/generate_204", voucher="code"), made)


def trap(door):
    return lambda octets: door.hear(octets, "192.0.2.1", 0.0)


def handed(octets):
    given = {"vantage": "site-7", "source": "probe/0a0b0c0d", "kind": "poll", "signature": "A" * 86 + "=="}
    return handing.read(given, octets)


def poll_record():
    row = Row(subject=Subject("path", "site-7/a"), values={"probe.rtt_p50": 1.0})
    return wire.encode(
        Poll(device="site-7/probe", slot_ms=NOW, at_ms=NOW, outcome="answered", rows=(row,), raw=frame([b"x"]))
    )


def fact_record():
    return facts.encode(
        Fact(kind="clock_state", at_ms=NOW, body={"vantage": "site-7", "state": "stepped", "step_ms": 5})
    )


def talked():
    """A whole visit, dialect by dialect: login, prompt, a command with pages, its end; in pieces as they come."""
    names = sorted(dialects.DIALECTS)
    seen = b"\r\nWARNING: only for staff\r\nUser name:\r\nPassword:\r\n<host-1>\r\n"
    table = b"display ap all\r\n ID  MAC        State\r\n 1 0a0b-0c0d-0e0f nor\r\n  ---- More ----\x1b[16D    \x1b[16D"
    seeds = [
        seen + table + b" 2 idle\r\n" + prompt for prompt in (b"<host-1>", b"host-1#", b"host-1>enable", b"[a@b] > ")
    ]

    def call(octets):
        dialect = dialects.DIALECTS[names[len(octets) % len(names)]]
        talk = Talk(dialect, TalkLimits(octets=8_192, lines=500), words={"user": "u", "password": "p"})
        for at in range(0, len(octets), 64):
            talk.take(octets[at : at + 64])
            if talk.state is State.READY:
                talk.ask(Line(text="display ap all"))
            talk.outgoing()
        talk.expire(Reason.DEADLINE, "its time is up")

    return call, seeds


def v3():
    """An answer at the level without keys: whatever it holds is decoded, which behind a digest it is not."""
    user = User(name="open")
    asked = Request(Kind.GET, ((1, 3, 6, 1, 2, 1, 1, 5, 0),), (0,))
    engine = b"\x80\0\0\0\x05agent"
    said = Pdu(Kind.RESPONSE, 1 << 24, 0, 0, Varbinds.of([Varbind(asked.oids[0], OCTET_STRING, b"ap")]))
    report = Pdu(Kind.REPORT, 1 << 24, 0, 0, Varbinds.of([Varbind((1, 3, 6, 1, 6, 3, 15, 1, 1, 4, 0), COUNTER32, 1)]))

    def written(made):
        scoped = usm.scoped_pdu(engine, b"", pdu.encode_pdu(made))
        return usm.write(1 << 24, usm.REPORTABLE, (engine, 7, 9, b"open", 0, b""), scoped)[0]

    def call(octets):
        session = Session(user, Book())
        session.seal(asked, 1 << 24, 0.0)
        session.open(asked, written(report), 0.0)
        session.open(asked, octets, 0.0)

    return call, [written(said), written(report)]


def v3_trap():
    said = [Varbind((1, 3, 6, 1, 2, 1, 1, 3, 0), TIME_TICKS, 1), Varbind(TRAP_OID, OBJECT_IDENTIFIER, LINK_DOWN)]
    scoped = usm.scoped_pdu(b"\x80\0\0\0\x05agent", b"", pdu.encode_pdu(Pdu(Kind.TRAP, 7, 0, 0, Varbinds.of(said))))
    return usm.write(7, 0, (b"\x80\0\0\0\x05agent", 7, 9, b"open", 0, b""), scoped)[0]


def searched(octets):
    """What an operator types after `netops discover`, and what the settings allow: nothing outside is in the list."""
    inside, _, words = octets.decode("utf-8", "replace").partition("|")
    allowed = sweep.allowed(inside)
    found = sweep.addresses(words.split(), allowed, most=1_024)
    assert all(any(ipaddress.ip_address(each) in network for network in allowed) for each in found)


def heard_on_air(octets):
    """Lines of the program that listens: it decodes what anybody sends, so its word is no better than theirs."""
    record = {"kind": "air", "at_ms": NOW, "heard": listening._lines(octets), "clock": {}}
    ours = radio_figures.only_ours(record, "city")
    radio_figures.beacons(ours, SimpleNamespace(say=lambda *_: None, miss=lambda *_: None))
    radio_figures.dhcp(record | {"asked": ["192.0.2.1"]}, SimpleNamespace(say=lambda *_: None, miss=lambda *_: None))


def parsers(tmp_path):
    said, v1 = list(messages()), trap_v1()
    profiles = small(ROOM / "profiles", ".yaml", octets=2_500)
    captures = [each[: each.rfind(b"\n") + 1] for each in small(HERE / "captures", ".snmprec", octets=2_000)]
    places = [(1, 3, 6, 1, 2, 1), (1, 3, 6, 1, 4, 1)]
    load = lambda path: recording.load(path, wanted=places)  # noqa: E731
    show, screens_seen = screens()
    talk, talks = conversations()
    halted = json.dumps({"halts": [{"by": "a", "reason": "r", "at_ms": 1, "device": "d"}]}).encode()
    proposal = dict.fromkeys(proposals.Proposal.__annotations__, "x") | {"port": 1, "seen_ms": 1}
    waiting = json.dumps({"proposals": [proposal]}).encode()
    told = dns.query(7, "www.example.com", "A")
    answer = told[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0) + told[12:]
    answer += struct.pack(">HHHIH", 0xC00C, 1, 1, 60, 4) + b"\1\2\3\4"
    area = tlv.location() + tlv.timestamp() + tlv.service(10) + tlv.padding(20)
    asked = packet.encode_asked(packet.Asked(1, 2, 3), tlvs=area)
    records = frame([struct.pack(">Q", 1) + poll_record(), struct.pack(">Q", 2) + poll_record()])
    header = (
        b'Digest username="u", realm="r", nonce="n", uri="/", qop=auth, nc=00000001, cnonce="c", response="'
        + b"a" * 32
        + b'", algorithm=MD5'
    )
    door = Door(OwnEngine(b"\x80\0\0\0\x05netops", 1, 0.0))
    door.admit({"192.0.2.1": (Sender(device="d", profile="", credential=Community(b"public")),)})
    talks_seen, greetings = talked()
    answered_v3, answers_v3 = v3()
    open_door = Door(OwnEngine(b"\x80\0\0\0\x05netops", 1, 0.0))
    open_door.admit({"192.0.2.1": (Sender(device="d", profile="", credential=User(name="open")),)})
    settings = b'[city]\nname = "t"\nrehearsal = true\n[collect]\ninterval_s = 60\n[credentials.main]\n'
    settings += b'community = "plain:public"\n[ssh]\ninterval_s = 300\n[discover]\nnetworks = "10.0.0.0/8"\n'
    air = json.dumps({"bssid": "0a", "ssid": b"city".hex(), "channel": 6, "beacons": 1, "signals": [-60]}).encode()
    made = [
        Parser("v3 replies", answers_v3, answered_v3, (DecodeError,)),
        Parser("v3 traps", [v3_trap()], trap(open_door), (DecodeError,)),
        Parser("talk", greetings, talks_seen),
        Parser("ranges", [b"10.0.0.0/8 2001:db8::/32|10.1.2.0/28 2001:db8::/124"], searched, (ConfigError, UsageError)),
        Parser(
            "settings",
            [settings],
            in_file(tmp_path, "netops.toml", lambda p: config.load(p, environ={})),
            (ConfigError,),
        ),
        Parser("radio lines", [air + b"\n" + b'{"server": "192.0.2.9"}\n{"unreadable": 0}\n'], heard_on_air),
        Parser("pdu", said, pdu.decode, (DecodeError,)),
        Parser("replies", said, explained, (StoreError,), cpu_s=0.05),
        Parser("usm", [usm.discovery(7)], usm.read, (DecodeError,)),
        Parser(
            "scoped",
            [usm.scoped_pdu(b"\x80\0\0\0\1", b"", pdu.encode_pdu(pdu.decode(said[0]).pdu))],
            usm.scoped,
            (DecodeError,),
        ),
        Parser("traps", [*said[1:3], v1], trap(door), (DecodeError,)),
        Parser("profile", profiles, text(profile_yaml.parse), (ProfileError,), cpu_s=WRITTEN_S),
        Parser(
            "read",
            small(ROOM / "ssh" / "reads", ".yaml", octets=2_500),
            text(read_yaml.parse),
            (read_yaml.ReadError,),
            cpu_s=WRITTEN_S,
        ),
        Parser(
            "model",
            small(ROOM / "cwmp" / "models", ".yaml", octets=1_200),
            text(model_yaml.parse),
            (model_yaml.ModelError,),
            cpu_s=WRITTEN_S,
        ),
        Parser("recording", captures, in_file(tmp_path, "x.snmprec", load), (RecordingError,)),
        Parser(
            "recording.bz2",
            [bz2.compress(each) for each in captures],
            in_file(tmp_path, "x.snmprec.bz2", load),
            (RecordingError,),
            cpu_s=UNPACKED_S,
        ),
        Parser("screen", screens_seen, show),
        Parser("conversation", talks, talk, (StoreError,)),
        Parser("stamp asked", [asked], packet.decode_asked, (DecodeError,)),
        Parser("stamp told", [asked], packet.decode_told, (DecodeError,)),
        Parser("stamp tlvs", [area], reflected, (DecodeError,)),
        Parser("dns", [answer], dns.decode, (DecodeError,)),
        Parser(
            "icmp",
            [icmp.request(six=False, identity=1, sequence=2, token=b"t" * 8)],
            lambda octets: icmp.answered(octets, six=False, token=b"t" * 8),
        ),
        Parser("xml", [inform()], markup.read, (DecodeError,)),
        Parser("soap", [inform()], soap.read, (DecodeError,)),
        Parser("digest", [header], lambda octets: cwmp_digest.read(octets.decode("latin-1"))),
        Parser("halts", [halted], in_file(tmp_path, "halts.json", halts.read), (CollectorError,)),
        Parser("proposals", [waiting], in_file(tmp_path, "proposals.json", proposals.read), (NetopsError,)),
        Parser("discovered", [b"H3C WX3010, \r\nVersion 5", "=cmd|' /C calc'!A0,中文".encode()], found),
        Parser(
            "portal page",
            [b'<form method=post action="/go"><input name=code><input type=hidden name=a value=b></form>'],
            page,
        ),
        Parser("handed in", [records], handed, (DecodeError,)),
        Parser("admitted polls", [poll_record()], lambda o: admit.refusal("poll", o, vantage="site-7", now_ms=NOW)),
        Parser("admitted facts", [fact_record()], lambda o: admit.refusal("fact", o, vantage="site-7", now_ms=NOW)),
    ]
    return {each.name: each for each in made}


NAMES = (
    "v3 replies", "v3 traps", "talk", "ranges", "settings", "radio lines",
    "pdu", "replies", "usm", "scoped", "traps", "profile", "read", "model", "recording", "recording.bz2", "screen",
    "conversation", "stamp asked", "stamp told", "stamp tlvs", "dns", "icmp", "xml", "soap", "digest", "halts",
    "proposals", "discovered", "portal page", "handed in", "admitted polls", "admitted facts",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", NAMES)
def test_fuzz(tmp_path, name):
    # an archived reply is explained on a page, by a whole interview: a tenth of the inputs, and not within 10 ms
    told = fuzzing.fuzz(parsers(tmp_path)[name], inputs=fuzzing.INPUTS // (10 if name == "replies" else 1))
    print(f"fuzz {name}: {told}")

    assert told["refused"] < told["inputs"]


def test_every_parser_is_named(tmp_path):
    assert set(parsers(tmp_path)) == set(NAMES)


def test_the_harness_notices(tmp_path):
    """A harness that lets everything pass proves nothing."""

    def breaks(octets):
        if b"\xff" in octets:
            raise KeyError

    for call, why in (
        (breaks, "escaped"),
        (lambda o: bytes(20 << 20), "bytes for"),
        (lambda o: sum(range(2_000_000)), "ms of CPU"),
    ):
        with pytest.raises(AssertionError, match=why):
            fuzzing.fuzz(Parser("x", [b"a good input"], call), inputs=2_000)
