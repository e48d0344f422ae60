# ruff: noqa: E501  (the tables hold whole messages)
"""Envelopes of CPEs: namespaces by URI, one message each, nothing twice."""

from __future__ import annotations

import pytest

from collectors.cwmp import soap, spoken
from collectors.cwmp.message import Asked, Fault, GetNames, GetValues, Inform, Names, SetInform, SetNotification, Values
from collectors.errors import DecodeError
from collectors.simulator.cpe import Cpe, envelope, fault, small_cell

S = soap.SOAP


def written(body, *, header="", space="urn:dslforum-org:cwmp-1-0", s="s", c="c"):
    return (
        f'<{s}:Envelope xmlns:{s}="{S}" xmlns:{c}="{space}">{header}<{s}:Body>{body}</{s}:Body></{s}:Envelope>'.encode()
    )


def test_an_inform_is_read_whole():
    said = soap.read(Cpe(0, "SN1", small_cell("SN1")).inform(["1 BOOT", "M Reboot"], retries=3))

    assert isinstance(said.body, Inform)
    assert (said.id, said.space) == ("inform", "urn:dslforum-org:cwmp-1-2")
    assert said.body.device.names == ("00AA01-SmallCell-SN1", "00AA01-SN1", "SN1")
    assert [code for code, _ in said.body.events] == ["1 BOOT", "M Reboot"]
    assert said.body.parameters["Device.DeviceInfo.SoftwareVersion"] == "1.0"
    assert said.body.retries == 3


@pytest.mark.parametrize("version", range(5))
@pytest.mark.parametrize(("s", "c"), [("soap-env", "cwmp"), ("SOAP", "x"), ("cwmp", "soap")])
def test_namespaces_count_by_their_uri_whatever_their_prefix(version, s, c):
    space = f"urn:dslforum-org:cwmp-1-{version}"
    said = soap.read(written(f"<{c}:GetRPCMethods/>", space=space, s=s, c=c))

    assert said.body == Asked(method="GetRPCMethods")
    assert said.space == space


@pytest.mark.parametrize(
    "octets",
    [
        written("<c:Inform/>", space="urn:dslforum-org:cwmp-1-5"),
        written("<c:Inform/>", space="urn:dslforum-org:cwmp-2-0"),
        written("<c:GetRPCMethods/>").replace(S.encode(), b"http://www.w3.org/2003/05/soap-envelope"),
        written("<c:GetRPCMethods/><c:GetRPCMethods/>"),
        written(""),
        written("<c:Inform/>"),
        written("<c:Inform><DeviceId><SerialNumber></SerialNumber></DeviceId><Event><E><EventCode>1 BOOT</EventCode></E></Event></c:Inform>"),
        written("<c:Inform><DeviceId><SerialNumber>1</SerialNumber></DeviceId><Event>" + "<E><EventCode>1 BOOT</EventCode></E>" * 65 + "</Event></c:Inform>"),
        written("<c:Inform><DeviceId><SerialNumber>1\n2</SerialNumber></DeviceId><Event><E><EventCode>1 BOOT</EventCode></E></Event></c:Inform>"),
        written("<c:GetParameterNamesResponse><ParameterList><P><Name>a b</Name></P></ParameterList></c:GetParameterNamesResponse>"),
        written("<c:GetParameterValuesResponse><ParameterList><P><Name>A</Name><Value>1</Value></P><P><Name>A</Name><Value>2</Value></P></ParameterList></c:GetParameterValuesResponse>"),
        b"<Envelope><Body/></Envelope>",
        written("<c:GetRPCMethods/>", header="<s:Header><c:ID>\x7f</c:ID></s:Header>"),
    ],
    ids=["1-5", "2-0", "SOAP 1.2", "two messages", "no message", "no device", "no serial", "many events", "a broken serial", "no name", "contradiction", "no namespace", "an id"],
)  # fmt: skip
def test_what_is_no_message_is_refused(octets):
    with pytest.raises(DecodeError):
        soap.read(octets)


def test_a_header_that_must_be_understood_and_is_not_is_told_apart():
    header = f'<s:Header><x:Y xmlns:x="urn:x" xmlns:e="{S}" e:mustUnderstand="1"/></s:Header>'

    with pytest.raises(soap.NotUnderstoodError):
        soap.read(written("<c:GetRPCMethods/>", header=header))


def test_faults_and_answers_are_read():
    names = "<c:GetParameterNamesResponse><ParameterList><P><Name>A.B</Name><Writable>0</Writable></P><P><Name>A.C.</Name></P></ParameterList></c:GetParameterNamesResponse>"
    values = "<c:GetParameterValuesResponse><ParameterList><P><Name>A.B</Name><Value>x &amp; y</Value></P><P><Name>A.C</Name><Value/></P></ParameterList></c:GetParameterValuesResponse>"

    assert soap.read(envelope(fault(9005, "no"), "7")).body == Fault(code=9005, text="no")
    assert soap.read(written("<s:Fault><faultcode>Client</faultcode></s:Fault>")).body == Fault(code=9002)
    assert soap.read(written(names)).body == Names(names=frozenset({"A.B", "A.C."}))
    assert soap.read(written(values)).body == Values(values={"A.B": "x & y", "A.C": ""})


@pytest.mark.parametrize(
    "body",
    [
        spoken.informed(),
        *(spoken.answered(name) for name in spoken.METHODS if name != "Inform"),
        spoken.fault(8000),
        spoken.request(GetNames("A.<&>.", next_level=True)),
        spoken.request(GetValues(("A.B", "A.<C>"))),
        spoken.request(SetInform("Device", 240)),
        spoken.request(SetNotification(("A.B",))),
    ],
)
def test_what_we_say_is_xml_whatever_goes_into_it(body):
    from collectors.cwmp import markup

    found = markup.read(spoken.envelope(body, space="urn:dslforum-org:cwmp-1-0", name="<&>"))

    assert [each.name for each in found.children] == ["Header", "Body"]
    assert found.children[0].said("ID") == "<&>"


def test_nothing_but_the_periodic_inform_can_be_set():
    names = [n for n in dir(spoken) if "set" in n.lower()]
    body = spoken.request(SetInform("Device", 240))

    assert body.count("<Name>") == 2
    assert "PeriodicInformEnable" in body
    assert "PeriodicInformInterval" in body
    assert names == ["SetInform"]
