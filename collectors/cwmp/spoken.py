"""Our messages as envelopes. Pure: whatever goes in is escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from collectors.cwmp.message import GetNames, GetValues, Request, SetInform
from collectors.cwmp.soap import SOAP

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

VERSIONS = ("1.4", "1.3", "1.2", "1.1", "1.0")
"""Of CWMP, the best first; 1.4 is that of Amendments 5 and 6."""
PLAIN = "urn:dslforum-org:cwmp-1-0"
METHODS = ("Inform", "GetRPCMethods", "TransferComplete", "AutonomousTransferComplete")
"""What an ACS of ours understands when a CPE asks (GetRPCMethods, annex A.3.1.1)."""

_ENCODING = "http://schemas.xmlsoap.org/soap/encoding/"
_WORDS = {
    8000: "Method not supported",
    8001: "Request denied",
    8002: "Internal error",
    8003: "Invalid arguments",
    8004: "Resources exceeded",
    8005: "Retry request",
}


def envelope(body: str, *, space: str, name: str, version: str = "") -> bytes:
    """Return an envelope in the CWMP namespace `space`, with the id `name` and the CWMP version when there are any."""
    words = {"ID": name, "UseCWMPVersion": version}
    said = (f'<cwmp:{k} soap:mustUnderstand="1">{escape(word)}</cwmp:{k}>' for k, word in words.items() if word)
    header = f"<soap:Header>{''.join(said)}</soap:Header>" if name or version else ""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<soap:Envelope xmlns:soap="{SOAP}" xmlns:enc="{_ENCODING}"'
        ' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f" xmlns:cwmp={quoteattr(space or PLAIN)}>{header}<soap:Body>{body}</soap:Body></soap:Envelope>"
    )
    return text.encode()


def informed() -> str:
    """Return the body of an InformResponse."""
    return "<cwmp:InformResponse><MaxEnvelopes>1</MaxEnvelopes></cwmp:InformResponse>"


def version(offered: Collection[str]) -> str:
    """Return the version that is used with a CPE that offers these; empty where it offers none of ours, or nothing."""
    return next((each for each in VERSIONS if each in offered), "")


def answered(method: str) -> str | None:
    """Return the body of our answer to a CPE's own request; None when we do not speak it."""
    if method == "GetRPCMethods":
        listed = _array("MethodList", "xsd:string", [f"<string>{name}</string>" for name in METHODS])
        return f"<cwmp:GetRPCMethodsResponse>{listed}</cwmp:GetRPCMethodsResponse>"
    if method in METHODS:
        return f"<cwmp:{method}Response/>"
    return None


def fault(code: int) -> str:
    """Return the body of a fault of ours (table 63)."""
    blame = "Client" if code in {8000, 8003} else "Server"
    return (
        f"<soap:Fault><faultcode>{blame}</faultcode><faultstring>CWMP fault</faultstring><detail><cwmp:Fault>"
        f"<FaultCode>{code}</FaultCode><FaultString>{_WORDS[code]}</FaultString>"
        "</cwmp:Fault></detail></soap:Fault>"
    )


def not_understood() -> str:
    """Return the body that refuses a header (SOAP 1.1 section 4.4.1)."""
    return (
        "<soap:Fault><faultcode>soap:MustUnderstand</faultcode>"
        "<faultstring>a header is not understood</faultstring></soap:Fault>"
    )


def request(asked: Request) -> str:
    """Return the body of a request of ours."""
    if isinstance(asked, GetNames):
        return (
            f"<cwmp:GetParameterNames><ParameterPath>{escape(asked.path)}</ParameterPath>"
            f"<NextLevel>{int(asked.next_level)}</NextLevel></cwmp:GetParameterNames>"
        )
    if isinstance(asked, GetValues):
        listed = _array("ParameterNames", "xsd:string", [f"<string>{escape(name)}</string>" for name in asked.names])
        return f"<cwmp:GetParameterValues>{listed}</cwmp:GetParameterValues>"
    if isinstance(asked, SetInform):
        place = f"{asked.root}.ManagementServer."
        values = [
            _value(f"{place}PeriodicInformEnable", "boolean", "1"),
            _value(f"{place}PeriodicInformInterval", "unsignedInt", str(asked.interval_s)),
        ]
        listed = _array("ParameterList", "cwmp:ParameterValueStruct", values)
        return f"<cwmp:SetParameterValues>{listed}<ParameterKey>netops</ParameterKey></cwmp:SetParameterValues>"
    each = [
        f"<SetParameterAttributesStruct><Name>{escape(name)}</Name><NotificationChange>1</NotificationChange>"
        "<Notification>2</Notification><AccessListChange>0</AccessListChange>"
        f"{_array('AccessList', 'xsd:string', [])}</SetParameterAttributesStruct>"
        for name in asked.names
    ]
    listed = _array("ParameterList", "cwmp:SetParameterAttributesStruct", each)
    return f"<cwmp:SetParameterAttributes>{listed}</cwmp:SetParameterAttributes>"


def _value(name: str, kind: str, value: str) -> str:
    return (
        f"<ParameterValueStruct><Name>{escape(name)}</Name>"
        f'<Value xsi:type="xsd:{kind}">{escape(value)}</Value></ParameterValueStruct>'
    )


def _array(name: str, kind: str, items: Sequence[str]) -> str:
    return f'<{name} enc:arrayType="{kind}[{len(items)}]">{"".join(items)}</{name}>'
