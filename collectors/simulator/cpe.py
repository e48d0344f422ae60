"""A simulated CPE that speaks TR-069. SYNTHETIC: written from the data models, no real device stands behind it.

It shares no code with the ACS: its own digest, its own XML. `Cpe.session` runs one session from Inform to the end;
what it refuses, forgets or breaks is told by its `faults`.
"""

from __future__ import annotations

import hashlib
import http.client
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Mapping, Sequence

SPACE = "urn:dslforum-org:cwmp-1-2"
_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_STEPS = 400


def small_cell(serial: str, *, oui: str = "00AA01", heard: int = 2, up: bool = True) -> dict[str, str]:
    """Return the parameters of an LTE small cell as TR-181 and TR-196 name them."""
    cell = "Device.Services.FAPService.1."
    ran = f"{cell}CellConfig.LTE.RAN."
    on = "1" if up else "0"
    found = {
        "Device.DeviceInfo.Manufacturer": "NetOps",
        "Device.DeviceInfo.ManufacturerOUI": oui,
        "Device.DeviceInfo.ModelName": "simulated small cell",
        "Device.DeviceInfo.SerialNumber": serial,
        "Device.DeviceInfo.SoftwareVersion": "1.0",
        "Device.DeviceInfo.UpTime": "86400",
        "Device.DeviceInfo.MemoryStatus.Total": "524288",
        "Device.DeviceInfo.MemoryStatus.Free": "262144",
        "Device.DeviceInfo.ProcessStatus.CPUUsage": "12",
        "Device.ManagementServer.PeriodicInformEnable": "false",
        "Device.ManagementServer.PeriodicInformInterval": "86400",
        "Device.ManagementServer.ConnectionRequestURL": "http://127.0.0.1:7547/call",
        f"{cell}FAPControl.LTE.OpState": on,
        f"{cell}FAPControl.LTE.RFTxStatus": on,
        f"{cell}FAPControl.LTE.AdminState": "true",
        f"{ran}RF.PhyCellID": "17",
        f"{ran}RF.EARFCNDL": "39650",
        f"{ran}RRC.Stats.AttConnEstab": "mo-Data=40,mt-Access=4,sum=44",
        f"{ran}RRC.Stats.SuccConnEstab": "mo-Data=39,mt-Access=4,sum=43",
        f"{ran}ERAB.Stats.EstabAttNbr": "1=2,9=50,sum=52",
        f"{ran}ERAB.Stats.EstabSuccNbr": "1=2,9=49,sum=51",
        f"{ran}RRU.Stats.PrbTotDl": "23",
        f"{ran}RRU.Stats.PrbTotUl": "7",
    }
    for at in range(1, heard + 1):
        rf = f"{cell}REM.LTE.Cell.{at}.RF."
        found[f"{rf}EUTRACarrierARFCN"] = "39650"
        found[f"{rf}PhyCellID"] = str(100 + at)
        found[f"{rf}RSRP"] = str(-90 - at)
        found[f"{rf}RSRQ"] = "-105"
        found[f"{rf}RSSI"] = "-70"
    return found


def ont(serial: str) -> dict[str, str]:
    """Return the parameters of an ONT as TR-181 names them; `serial` is a GPON serial number."""
    ani = "Device.XPON.ONU.1.ANI.1."
    return {
        "Device.DeviceInfo.ModelName": "simulated ONT",
        "Device.DeviceInfo.SerialNumber": serial,
        "Device.DeviceInfo.SoftwareVersion": "2.1",
        "Device.DeviceInfo.UpTime": "3600",
        "Device.ManagementServer.PeriodicInformEnable": "1",
        "Device.ManagementServer.PeriodicInformInterval": "300",
        "Device.XPON.ONU.1.Version": "A",
        "Device.XPON.ONU.1.EquipmentID": "SIM-ONT",
        f"{ani}TC.ONUActivation.ONUState": "O5",
        f"{ani}TC.ONUActivation.SerialNumber": serial,
        f"{ani}Transceiver.0.RxPower": "-213",
        f"{ani}Transceiver.0.TxPower": "24",
        f"{ani}Transceiver.0.Voltage": "3300",
        f"{ani}Transceiver.0.Bias": "12500",
        f"{ani}Transceiver.0.Temperature": "-274",
    }


@dataclass(slots=True)
class Cpe:
    """One CPE. `faults` are words of what it does wrong: see `session`."""

    port: int
    serial: str
    parameters: dict[str, str]
    user: str = ""
    password: str = "secret"  # noqa: S105  (of a simulation)
    host: str = "127.0.0.1"
    oui: str = "00AA01"
    product_class: str = "SmallCell"
    faults: frozenset[str] = frozenset()
    notified: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    cookie: str = ""
    challenge: dict[str, str] = field(default_factory=dict)
    count: int = 0
    connection: http.client.HTTPConnection | None = None
    tls: ssl.SSLContext | None = None  # whom it believes, over HTTPS

    @property
    def name(self) -> str:
        """Its user name, by default as TR-069 section 3.4.4 recommends."""
        return self.user or f"{self.oui}-{self.product_class}-{self.serial}"

    def session(self, events: Sequence[str] = ("2 PERIODIC",), *, first: Iterable[str] = (), changed: str = "") -> bool:
        """Run one session; whether it came to its end. `first` are requests of its own, `changed` a parameter to tell.

        Faults: `refuse:<name>` a parameter is unknown when read; `leave` it goes after the Inform; `reconnect` each
        request comes over a connection of its own; `torn` it answers with half an envelope; `anonymous` no login.
        """
        self.cookie = ""
        try:
            status, _ = self.post(self.inform(events, changed=changed))
            if status != http.client.OK:
                return False
            for request in first:
                self.post(envelope(f"<cwmp:{request}/>", "own"))
            if "leave" in self.faults:
                return False
            status, said = self.post(b"")
            for _ in range(_STEPS):
                if status != http.client.OK:
                    return status == http.client.NO_CONTENT
                answer = self.answer(said)
                status, said = self.post(answer[: len(answer) // 2] if "torn" in self.faults else answer)
            return False
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection."""
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def post(self, body: bytes) -> tuple[int, bytes]:
        """Send one request, with an answer to the challenge once there was one."""
        for _ in range(3):
            status, said, challenges = self._send(body)
            self.statuses.append(status)
            if status != http.client.UNAUTHORIZED or "anonymous" in self.faults:
                break
            self._take(challenges)
        return status, said

    def _send(self, body: bytes) -> tuple[int, bytes, list[str]]:
        if self.connection is None or "reconnect" in self.faults:
            self.close()
            self.connection = (
                http.client.HTTPSConnection(self.host, self.port, timeout=30, context=self.tls)
                if self.tls is not None
                else http.client.HTTPConnection(self.host, self.port, timeout=30)
            )
        headers = {"Content-Type": "text/xml", "SOAPAction": ""}
        if self.cookie:
            headers["Cookie"] = self.cookie
        if self.challenge:
            headers["Authorization"] = self.authorization()
        self.connection.request("POST", "/cwmp", body=body, headers=headers)
        reply = self.connection.getresponse()
        said = reply.read()
        given = reply.headers.get("Set-Cookie")
        if given:
            self.cookie = given.partition(";")[0]
        return reply.status, said, reply.headers.get_all("WWW-Authenticate") or []

    def _take(self, challenges: Sequence[str]) -> None:
        """Take the challenge it knows: MD5, as most CPEs do, unless it is told otherwise."""
        best = "SHA-256" if "sha256" in self.faults else "MD5"
        for each in challenges:
            said = dict(re.findall(r'(\w+)="?([^",]+)"?', each))
            if said.get("algorithm", "MD5") == best:
                self.challenge, self.count = said, 0

    def authorization(self) -> str:
        """Return the answer to the challenge, by RFC 7616."""
        said, name = self.challenge, self.name
        algorithm = said.get("algorithm", "MD5")
        self.count += 1

        def hashed(text: str) -> str:
            return _HASHES[algorithm](text.encode()).hexdigest()

        count, chance = f"{self.count:08x}", f"{self.serial}{self.count}"
        inner = hashed(f"{name}:{said['realm']}:{self.password}")
        outer = hashed("POST:/cwmp")
        right = hashed(f"{inner}:{said['nonce']}:{count}:{chance}:auth:{outer}")
        return (
            f'Digest username="{name}", realm="{said["realm"]}", nonce="{said["nonce"]}", uri="/cwmp", '
            f'response="{right}", algorithm={algorithm}, qop=auth, nc={count}, cnonce="{chance}"'
        )

    # ---- what it says

    def inform(self, events: Sequence[str], *, changed: str = "", retries: int = 0) -> bytes:
        """Return an Inform with the parameters that every Inform has (TR-069 section 3.7.1.2), and a changed one."""
        names = ["Device.DeviceInfo.SoftwareVersion", "Device.ManagementServer.ConnectionRequestURL"]
        told = {name: self.parameters[name] for name in [*names, changed] if name in self.parameters}
        listed = "".join(f"<EventStruct><EventCode>{e}</EventCode><CommandKey/></EventStruct>" for e in events)
        who = (
            f"<Manufacturer>NetOps</Manufacturer><OUI>{self.oui}</OUI><ProductClass>{self.product_class}</ProductClass>"
            f"<SerialNumber>{escape(self.serial)}</SerialNumber>"
        )
        return envelope(
            f"<cwmp:Inform><DeviceId>{who}</DeviceId><Event>{listed}</Event><MaxEnvelopes>1</MaxEnvelopes>"
            f"<CurrentTime>2026-11-26T12:00:00Z</CurrentTime><RetryCount>{retries}</RetryCount>{_values(told)}"
            "</cwmp:Inform>",
            "inform",
        )

    def answer(self, said: bytes) -> bytes:
        """Return what it answers to a request of the ACS."""
        text = said.decode()
        name = _first(r"<cwmp:ID[^>]*>([^<]*)<", text)
        method = _first(r"<soap:Body><cwmp:(\w+)", text)
        self.asked.append(method)
        if method == "GetParameterNames":
            return envelope(self._names(_first(r"<ParameterPath>([^<]*)<", text), "<NextLevel>1" in text), name)
        if method == "GetParameterValues":
            return envelope(self._read(re.findall(r"<string>([^<]*)</string>", text)), name)
        if method == "SetParameterValues":
            self.parameters |= dict(re.findall(r"<Name>([^<]*)</Name><Value[^>]*>([^<]*)<", text))
            return envelope(
                "<cwmp:SetParameterValuesResponse><Status>0</Status></cwmp:SetParameterValuesResponse>", name
            )
        if method == "SetParameterAttributes":
            self.notified = re.findall(r"<Name>([^<]*)</Name>", text)
            return envelope("<cwmp:SetParameterAttributesResponse/>", name)
        return envelope(fault(9000, "Method not supported"), name)

    def _names(self, path: str, next_level: bool) -> str:  # noqa: FBT001  (the wire's own flag)
        below = [name for name in self.parameters if name.startswith(path)]
        if not below:
            return fault(9005, "Invalid parameter name")
        if next_level:
            cut = {name: name[len(path) :].partition(".") for name in below}
            below = list(dict.fromkeys(f"{path}{head}{dot}" for head, dot, _ in cut.values()))
        listed = "".join(
            f"<ParameterInfoStruct><Name>{name}</Name><Writable>0</Writable></ParameterInfoStruct>" for name in below
        )
        return (
            f"<cwmp:GetParameterNamesResponse><ParameterList>{listed}</ParameterList></cwmp:GetParameterNamesResponse>"
        )

    def _read(self, names: Sequence[str]) -> str:
        found: dict[str, str] = {}
        for name in names:
            mine = {n: v for n, v in self.parameters.items() if n == name or (name[-1:] == "." and n.startswith(name))}
            if not mine or f"refuse:{name}" in self.faults:
                return fault(9005, "Invalid parameter name")
            found |= mine
        return f"<cwmp:GetParameterValuesResponse>{_values(found)}</cwmp:GetParameterValuesResponse>"


def envelope(body: str, name: str) -> bytes:
    """Return an envelope as a CPE writes it."""
    head = f'<S:Header><cwmp:ID S:mustUnderstand="1">{name}</cwmp:ID></S:Header>'
    return f'<S:Envelope xmlns:S="{_SOAP}" xmlns:cwmp="{SPACE}">{head}<S:Body>{body}</S:Body></S:Envelope>'.encode()


def fault(code: int, text: str) -> str:
    """Return a fault as a CPE writes it."""
    inner = f"<cwmp:Fault><FaultCode>{code}</FaultCode><FaultString>{text}</FaultString></cwmp:Fault>"
    return (
        f"<S:Fault><faultcode>Client</faultcode><faultstring>CWMP fault</faultstring><detail>{inner}</detail></S:Fault>"
    )


def _values(told: Mapping[str, str]) -> str:
    each = "".join(
        f"<ParameterValueStruct><Name>{n}</Name><Value>{escape(v)}</Value></ParameterValueStruct>"
        for n, v in told.items()
    )
    return f"<ParameterList>{each}</ParameterList>"


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""
