"""The settings of the active probes: this vantage point, what it looks at, and to whom it reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003  (the settings are built from these hints at run time)

from netops.secret import Secret  # noqa: TC001  (likewise)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One thing that is probed. Which settings count depends on `kind`."""

    kind: str = "icmp"  # icmp | tcp | dns | http | stamp | login | throughput | air | dhcp
    address: str = ""  # numeric address; of the resolver for dns, http, login, throughput (empty: the machine's)
    interface: str = ""  # network interface through which it is probed; empty: by the routes of the machine
    port: int = 0  # tcp: the port; stamp: 862 when not said; dns: 53
    url: str = ""  # http, throughput: what is fetched; login: what tells a device whether it is online; air: a capture
    name: str = ""  # dns: the name asked for
    type: str = "A"  # dns: A, AAAA, CNAME, NS, MX, TXT or SOA
    expect: str = ""  # http, login: the right status, and a text of the page (`200 Success`); air: SSIDs; dhcp: servers
    service: str = ""  # id of the register's service that this path serves
    anchor: bool = False  # independent of what is judged: when all anchors are silent, this vantage point is blind
    count: int = 0  # icmp, stamp: packets a slot; 0: 5 and 20
    spacing_ms: float = 50.0  # icmp, stamp: between two packets
    timeout_s: float = 2.0  # for a packet, a connection, a whole page
    every_s: int = 0  # seconds between two looks, a multiple of `probe.interval_s`; 0: every slot
    dscp: int = 0  # icmp, stamp: the DSCP of the packets
    key: Secret | None = None  # stamp: the key of the authenticated mode
    stateful: bool = True  # stamp: the reflector counts by itself, so losses can be placed on their way
    ask: bool = False  # stamp: ask by TLV how packets arrive (a NAT shows), with what DSCP, by what clock
    padding: int = 0  # stamp: octets of Extra Padding in each packet
    clock_error_ms: float = 1.0  # stamp: beyond this error of both clocks a one-way delay is not valid
    ca: Path | None = None  # http, login: PEM file of the authority that is trusted; empty: the machine's
    voucher: Secret | None = None  # login: the code to type in; empty: click-through
    bytes_per_run: int = 0  # throughput: at most so many bytes are fetched; 0: nothing is
    bytes_per_day: int = 0  # throughput: and so many a day


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Active probes from this vantage point. The service runs when there are targets or a reflector."""

    vantage: str = ""  # this vantage point's id; empty: collect.vantage
    interval_s: int = 60  # seconds of a slot
    targets: dict[str, Target] = field(default_factory=dict)
    reflect_host: str = ""  # address on which STAMP packets are answered; empty: nobody is answered
    reflect_port: int = 862  # UDP port of the reflector
    reflect_allow: str = ""  # networks that are answered, `192.0.2.0/24,2001:db8::/32`; empty: nobody
    reflect_key: Secret | None = None  # key of the authenticated mode; empty: unauthenticated
    reflect_dscp: bool = False  # let an answer leave with the DSCP that a sender asks for by TLV; else with none
    reflect_stateful: bool = True  # count packets by session, so that senders can place a loss
    reflect_per_s: int = 1000  # packets a second of one source address; what is beyond looks like loss to its sender
    core_url: str = ""  # of the core's intake, `https://core.example:8443`; empty: the core runs on this machine
    core_ca: Path | None = None  # PEM file of the authority that is trusted for it; empty: the machine's
    spool_cap_mb: int = 1024  # disk for what waits; beyond it the oldest is dropped, and that is a fact

    @property
    def used(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.targets or self.reflect_host)
