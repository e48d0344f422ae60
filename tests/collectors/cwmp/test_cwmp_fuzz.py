"""S1 at the ACS's door: whole HTTP requests, damaged, through waitress's own parser into the application; and cut off.

The harness knows the password: wherever `@A@`, `@C@`, `@I@` and `@L@` survive the damage they become a right answer to
a challenge, the cookie of a session under way, the id of what it asked, and the length of the body. So the damage
lands behind the login too.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import random
import re
import socket
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser
from waitress.task import WSGITask

from collectors.cwmp import digest, model_yaml
from collectors.cwmp.acs import Acs
from collectors.cwmp.app import App
from collectors.cwmp.digest import Challenges
from collectors.cwmp.doors import Doors, Known, Login
from collectors.simulator.cpe import Cpe, small_cell
from netops.web.server import LARGEST_BODY, LARGEST_HEADER

_spec = importlib.util.spec_from_file_location("fuzzing", Path(__file__).resolve().parents[1] / "fuzzing.py")
fuzzing = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fuzzing)

ADJUSTMENTS = Adjustments(max_request_header_size=LARGEST_HEADER, max_request_body_size=LARGEST_BODY)
KNOWN = Known(device="cell-1", serial="SN1", address="127.0.0.1", port=7547, login=Login(user="", password="secret"))
USER = "00AA01-SN1"
SOAP = (
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:cwmp="urn:dslforum-org:cwmp-1-2"><s:Header><cwmp:ID s:mustUnderstand="1">{id}</cwmp:ID></s:Header>'
    "<s:Body>{body}</s:Body></s:Envelope>"
)
INFORM = (
    "<cwmp:Inform><DeviceId><Manufacturer>M</Manufacturer><OUI>00AA01</OUI><ProductClass/>"
    "<SerialNumber>SN1</SerialNumber></DeviceId><Event><EventStruct><EventCode>2 PERIODIC</EventCode><CommandKey/>"
    "</EventStruct></Event><MaxEnvelopes>1</MaxEnvelopes><CurrentTime>2026-10-01T00:00:00Z</CurrentTime><RetryCount>0"
    "</RetryCount><ParameterList><ParameterValueStruct><Name>Device.DeviceInfo.UpTime</Name><Value>7</Value>"
    "</ParameterValueStruct></ParameterList></cwmp:Inform>"
)
NAMES = (
    "<cwmp:GetParameterNamesResponse><ParameterList><ParameterInfoStruct><Name>Device.Services.FAPService.1.</Name>"
    "<Writable>0</Writable></ParameterInfoStruct></ParameterList></cwmp:GetParameterNamesResponse>"
)
VALUES = (
    "<cwmp:GetParameterValuesResponse><ParameterList><ParameterValueStruct><Name>Device.DeviceInfo.UpTime</Name>"
    "<Value>8</Value></ParameterValueStruct></ParameterList></cwmp:GetParameterValuesResponse>"
)
FAULT = (
    "<s:Fault><faultcode>Client</faultcode><faultstring>CWMP fault</faultstring><detail><cwmp:Fault><FaultCode>9005"
    "</FaultCode><FaultString>no such parameter</FaultString></cwmp:Fault></detail></s:Fault>"
)
DONE = "<cwmp:TransferComplete><CommandKey/><FaultStruct><FaultCode>0</FaultCode></FaultStruct></cwmp:TransferComplete>"
BOMB = '<!DOCTYPE b [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><s:Envelope xmlns:s="x">&b;</s:Envelope>'


def request(body, *, head="", length="Content-Length: @L@", first="POST /cwmp HTTP/1.1"):
    lines = [
        first,
        "Host: acs:7547",
        "Authorization: @A@",
        "Cookie: netops-acs=@C@",
        'Content-Type: text/xml; charset="utf-8"',
    ]
    return "\r\n".join([*lines, *([head] if head else []), *([length] if length else []), "", body]).encode()


def chunked(body):
    cut = len(body) // 2
    parts = "".join(f"{len(each):x}\r\n{each}\r\n" for each in (body[:cut], body[cut:]))
    return request(f"{parts}0\r\n\r\n", length="Transfer-Encoding: chunked")


def seeds():
    inform = SOAP.format(id="1", body=INFORM)
    spelt = (
        'Authorization: Digest username="00AA01-SN1", realm="@R@", nonce="@N@", uri="/cwmp", qop=auth, nc=00000001, '
    )
    spelt += 'cnonce="0a", response="@P@", algorithm=SHA-256, opaque="x"'
    return [
        request(inform),
        request(""),
        *(request(SOAP.format(id="@I@", body=body)) for body in (NAMES, VALUES, FAULT, DONE, "<cwmp:GetRPCMethods/>")),
        chunked(inform),
        request(inform).replace(b"Authorization: @A@", spelt.encode()),
        request(inform).replace(b"@A@", b"Basic MDBBQTAxLVNOMTpzZWNyZXQ="),
        request(inform, head='Expect: 100-continue\r\nContent-Encoding: identity\r\nSOAPAction: ""'),
        request(inform, head="X-Forwarded-For: 10.0.0.1\r\nConnection: close"),
        request("") + request(""),
        request(BOMB),
        request("<a>" * 15 + "</a>" * 15),
        request("", first="GET /cwmp?x=%41 HTTP/1.0"),
    ]


class Bench:
    """The ACS as the service makes it, behind the parser of its web door. Time passes by a second a request."""

    def __init__(self):
        self.now, self.statuses = 0.0, {}
        self.challenges = Challenges(realm="netops", key=b"k" * 32, chance=lambda: "c" * 24)
        self.acs = Acs(
            self.challenges,
            tuple(model_yaml.shipped().values()),
            tell=lambda session, asked: None,
            wanted=lambda known, at_ms: (at_ms // 300_000 * 300_000, frozenset({"cheap", "dear", "heavy"})),
            ended=lambda session, whole: None,
            sessions=20,
        )
        self.acs.logins.doors = Doors(known={"SN1": KNOWN}, barred={}, by_user={}, serials=frozenset({"SN1"}))
        self.app = App(self.acs, self)
        self.server = SimpleNamespace(adj=ADJUSTMENTS, effective_port=7547, server_name="acs")

    def now_ms(self):
        return int(self.now * 1000) + 1_790_000_000_000

    def monotonic(self):
        return self.now

    def answer(self):
        nonce = self.challenges.nonce(self.now_ms()).replace("c" * 24, os.urandom(4).hex(), 1)
        told = nonce.rpartition(".")[0]
        nonce = f"{told}.{self.challenges._mac(told)}"
        made = digest.Answer(
            user=USER, realm="netops", nonce=nonce, uri="/cwmp", response="", algorithm="SHA-256", qop="auth",
            count="00000001", cnonce="0a",
        )  # fmt: skip
        return nonce, digest.response(made, method="POST", password="secret")

    def filled(self, octets):
        """Put what only a CPE of ours knows where the damage has left room for it."""
        if b"@" not in octets:
            return octets
        token = next(iter(self.acs.under_way._sessions), "none")
        session = self.acs.under_way.of(token)
        nonce, right = self.answer()
        whole = f'Digest username="{USER}", realm="netops", nonce="{nonce}", uri="/cwmp", qop=auth, nc=00000001, '
        whole += f'cnonce="0a", response="{right}", algorithm=SHA-256'
        words = {"A": whole, "C": token, "R": "netops", "N": nonce, "P": right, "I": session.awaits if session else "1"}
        for mark, word in words.items():
            octets = octets.replace(f"@{mark}@".encode(), word.encode())
        length = len(octets.partition(b"\r\n\r\n")[2])
        return octets.replace(b"@L@", str(length).encode())

    def __call__(self, octets):
        self.now += 1.0
        self.acs.sweep(self.now)
        octets, at = self.filled(octets), 0
        while at < len(octets):
            parser = HTTPRequestParser(ADJUSTMENTS)
            while at < len(octets) and not parser.completed:
                at += parser.received(octets[at : at + 8192])
            if not parser.completed or parser.error is not None or parser.empty:
                self.count(parser.error.code if parser.error is not None else "cut off")
                if parser.error is not None:
                    return
                continue
            channel = SimpleNamespace(addr=("192.0.2.1", 5), server=self.server, check_client_disconnected=bool)
            body = self.app(WSGITask(channel, parser).get_environment(), self.began)
            status, headers = self.told
            assert not any("\r" in part or "\n" in part for header in headers for part in header)
            assert b"".join(body) is not None
            assert not status.startswith("500"), "a fault of ours"
            self.count(int(status[:3]))

    def began(self, status, headers):
        self.told = status, headers

    def count(self, what):
        self.statuses[what] = self.statuses.get(what, 0) + 1


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.CRITICAL)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_fuzz_the_acs_over_http():
    bench = Bench()

    told = fuzzing.fuzz(fuzzing.Parser("acs over http", seeds(), bench))

    print(f"fuzz acs over http: {told}, {bench.statuses}, {dict(bench.acs.counters)}")
    share = {each: bench.statuses.get(each, 0) / told["inputs"] for each in (200, 204, 400, 401, "cut off")}
    assert min(share.values()) > 0.003, "the damage does not reach every part"
    assert bench.acs.counters["informs"] > told["inputs"] / 50
    assert len(bench.acs) <= 20
    assert bench.acs.under_way.held < 1 << 20


def test_every_seed_says_what_it_should():
    """Undamaged, in the order of a session: what the harness fills in is right."""
    bench, told = Bench(), []
    inform, empty, names, *_ = seeds()
    for octets in (inform, empty, names, chunked(SOAP.format(id="1", body=INFORM)), request(BOMB), seeds()[-1]):
        before = dict(bench.statuses)
        bench(octets)
        told += [status for status, count in bench.statuses.items() if count > before.get(status, 0)]

    assert told == [200, 200, 200, 200, 400, 405]
    assert bench.acs.counters["informs"] == 2


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (request("", head="X: " + "y" * LARGEST_HEADER), 431),
        (request("", length=f"Content-Length: {LARGEST_BODY + 1}"), 413),
        (request("", length="Content-Length: 99999999999999999999"), 413),
        (request("", length="Content-Length: -1"), 400),
        (request("", length="Content-Length: 0\r\nContent-Length: 5"), 400),
        (request("0\r\n\r\n", length="Transfer-Encoding: chunked\r\nContent-Length: 3"), None),
        (request("0\r\n\r\n", length="Transfer-Encoding: gzip, chunked"), 501),
        (request("ffffffffffffffff\r\n", length="Transfer-Encoding: chunked"), None),
        (request("zz\r\n", length="Transfer-Encoding: chunked"), 400),
        (request("", head="Content-Encoding: gzip"), 415),
        (request("", first="POST //cwmp HTTP/1.1"), 204),
        (request("", first="POST /cwmp/../staff HTTP/1.1"), 404),
        (request("", first="BREW /cwmp HTTP/1.1"), 405),
        (request("", head='Cookie: netops-acs="; x=y; netops-acs'), 204),
        (request("", head="Authorization: Digest " + "a=b," * 900), 401),
    ],
)
def test_odd_requests_have_an_answer_of_their_own(octets, status):
    bench = Bench()

    bench(octets)

    if status is not None:
        assert next(iter(bench.statuses)) == status
    assert 500 not in bench.statuses


@pytest.mark.slow
def test_fuzz_connections_that_are_cut_off_cost_the_others_nothing(house):
    """Over real sockets: requests damaged, cut anywhere, closed or reset; CPEs in between are served as ever."""
    serials = [f"SN{n}" for n in range(1, 41)]  # a CPE may begin 60 sessions a minute
    home = house({f"cell-{serial}": serial for serial in serials})
    dice = random.Random(f"{fuzzing.SEED} cut off")
    before = threading.active_count()
    plain = [re.sub(rb"@[A-Z]@", b"x", each) for each in seeds()]
    rounds = 300 if "NETOPS_SOAK" not in os.environ else 1_000 * int(os.environ["NETOPS_ROUNDS"])
    for number in range(rounds):
        with socket.create_connection(("127.0.0.1", home.port), timeout=5) as client:
            octets = fuzzing.damaged(dice, plain)
            client.sendall(octets[: dice.randrange(len(octets) + 1)])
            if dice.random() < 0.3:  # a reset instead of an end
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if number % 60 == 0:
            serial = serials[number // 60 % len(serials)]
            assert Cpe(home.port, serial, small_cell(serial)).session(["2 PERIODIC"])

    assert threading.active_count() <= before
    assert home.service.health().keys() <= {"spool"}
