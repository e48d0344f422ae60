"""CPEs that write otherwise than the book says, where it costs no safety: blanks, a mark, GB18030, no event."""

from __future__ import annotations

import time

import pytest

from collectors.cwmp import markup, soap, spoken
from collectors.errors import DecodeError
from collectors.simulator.cpe import Cpe, small_cell

INFORM = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:c="urn:dslforum-org:cwmp-1-2">'
    "<s:Header>{header}</s:Header><s:Body><c:Inform><DeviceId><Manufacturer>{maker}</Manufacturer>"
    "<SerialNumber>SN1</SerialNumber></DeviceId><Event>{events}</Event></c:Inform></s:Body></s:Envelope>"
)
EVENT = "<E><EventCode>1 BOOT</EventCode></E>"
MARK = b"\xef\xbb\xbf"


def inform(header="", maker="m", events=EVENT):
    return INFORM.format(header=header, maker=maker, events=events)


def declared(encoding, text=None, *, codec="gb18030"):
    return f'<?xml version="1.0" encoding="{encoding}"?>'.encode() + (text or inform(maker="华为")).encode(codec)


@pytest.mark.parametrize("before", [b"", b"\n", b"\r\n \t", MARK, MARK + b"\r\n", b"\n" + MARK])
def test_blanks_and_a_mark_before_the_declaration_harm_nothing(before):
    octets = before + b'<?xml version="1.0" encoding="utf-8"?>' + inform(maker="华为").encode()

    assert soap.read(octets).body.device.manufacturer == "华为"


@pytest.mark.parametrize("encoding", ["GB2312", "gb18030", "GBK", "cp936"])
def test_chinese_character_sets_are_read(encoding):
    assert soap.read(declared(encoding)).body.device.manufacturer == "华为"
    assert soap.read(b"\n" + declared(encoding).replace(b'"', b"'", 4)).body.device.manufacturer == "华为"
    assert soap.read(declared("gb18030", inform(maker="\U00020087"))).body.device.manufacturer == "\U00020087"


@pytest.mark.parametrize(
    "octets",
    [
        declared("GB2312", codec="utf-8")[:-30] + b"\xff\xff",
        declared("big5", inform(), codec="big5"),
        declared("GB18030", "<!DOCTYPE l [<!ENTITY a 'x'>]><l>&a;</l>"),
        declared("GB18030", "<a>" * 100_000),
        declared("GB18030", '<a b="' + "中" * 400_000),
        declared("GB18030", "<a>" + "中" * 400_000 + "</a>"),
        b'<?xml version="1.0" ' + b" " * 500_000 + b"?><a/>",
        b'<?xml version="1.0" encoding="gb2312" ' * 10_000,
    ],
    ids=["not what it declares", "another", "entities", "nested", "endless", "text", "a long declaration", "many"],
)
def test_what_is_refused_is_refused_in_every_character_set_and_as_soon(octets):
    began = time.thread_time()
    with pytest.raises(DecodeError):
        markup.read(octets)

    assert time.thread_time() - began < 0.03


def test_the_bounds_hold_in_every_character_set():
    with pytest.raises(DecodeError, match="expected at most"):
        markup.read(declared("GB18030", "<a>" + " " * markup.OCTETS + "</a>"))


@pytest.mark.parametrize("events", ["", "<E><EventCode></EventCode></E>"])
def test_an_inform_without_an_event_is_a_poll(events):
    assert soap.read(inform(events=events).encode()).body.events == ()


@pytest.mark.parametrize(
    ("offered", "used"),
    [
        ("1.0,1.1,1.2,1.3,1.4", "1.4"),
        (" 1.0 , 1.2", "1.2"),
        ("1.4,1.5", "1.4"),
        ("2.0", ""),
        ("", ""),
        ("x&lt;y," * 900, ""),
    ],
)
def test_a_cpe_that_lists_its_versions_is_told_which_is_used(offered, used):
    header = f"<c:ID>7</c:ID><c:SupportedCWMPVersions>{offered}</c:SupportedCWMPVersions>"
    said = soap.read(inform(header=header).encode())

    assert (said.id, spoken.version(said.versions)) == ("7", used)
    told = spoken.envelope(spoken.informed(), space=said.space, name=said.id, version=spoken.version(said.versions))
    answer = markup.read(told).children[0]
    assert [(each.name, each.text) for each in answer.children][1:] == ([("UseCWMPVersion", used)] if used else [])
    assert {each.attributes[f"{soap.SOAP} mustUnderstand"] for each in answer.children} == {"1"}


class Careless(Cpe):
    """Begins with a blank line, writes GB2312, tells no event, and lists its versions."""

    told = b""

    def inform(self, events=(), **words):
        text = super().inform(events, **words).decode()
        text = text.partition("?>")[2] if text.startswith("<?xml") else text
        text = text.replace("</cwmp:ID>", "</cwmp:ID><cwmp:SupportedCWMPVersions>1.3,1.4</cwmp:SupportedCWMPVersions>")
        return b"\r\n" + declared("GB2312", text.replace("simulated", "模拟"))

    def post(self, body):
        status, said = super().post(body)
        self.told += said
        return status, said


def test_a_careless_cpe_has_its_whole_session(house):
    home = house({"cell-1": "SN1"})
    cpe = Careless(home.port, "SN1", small_cell("SN1"))

    assert cpe.session([])
    assert b'<cwmp:UseCWMPVersion soap:mustUnderstand="1">1.4</cwmp:UseCWMPVersion>' in cpe.told
    assert cpe.told.count(b"UseCWMPVersion") == 2, "in the answer to the Inform alone"
    assert home.polls(1)[0].outcome == "answered"
    assert home.events() == []
