"""The settings of carriers' access controllers: which of them may speak to the portal, and how each is spoken to."""

from __future__ import annotations

from dataclasses import dataclass

from netops.secret import Secret  # noqa: TC001  (the settings are built from these hints at run time)

GATEWAYS_OF_CONTROLLERS = ("radius", "portal2", "fas")


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """An access controller (AC), `[portal.acs.<id>]`. Its id, at most 15 characters, is the place of its visitors."""

    address: str = ""  # where its packets come from, and where ours go
    site: str = ""  # id of the site behind it
    gateway: str = "radius"  # radius | portal2 | fas: by which protocol visitors are let in there
    networks: str = ""  # CIDR,… of the visitors behind it: nobody else is believed to be its visitor
    vendor: str = "standard"  # whose attributes it reads: standard, chillispot, cisco, h3c, huawei, mikrotik, ruijie …
    secret: Secret | None = None  # RADIUS: the shared secret, at least 16 characters
    entry: str = "mac"  # RADIUS: mac (it asks about each MAC, we call it) | uam (the browser brings it a token)
    entry_url: str = ""  # uam: its own login page; {user}, {password} and {back} are filled in
    coa_port: int = 3799  # RADIUS: where it takes Disconnect and CoA (RFC 5176)
    unsigned: bool = False  # RADIUS: takes requests without Message-Authenticator (BlastRADIUS); only for an old AC
    untimed: bool = False  # RADIUS: takes accounting without Event-Timestamp, or by a clock that is not ours
    portal_secret: Secret | None = None  # portal2: the shared secret of Portal 2.0, which is not the one of RADIUS
    portal_port: int = 2000  # portal2: UDP port that it is spoken to at
    portal_version: int = 0  # portal2: 1 (no integrity at all) or 2; 0: as its vendor's profile says
    portal_auth: str = ""  # portal2: chap | pap; empty: as its vendor's profile says
    portal_unsigned: bool = False  # portal2: packets without an authenticator are taken; only for an old AC
    portal_binding: bool = False  # portal2: it asks us about each new MAC (0x30), and devices we know come in so
    fas_key: Secret | None = None  # fas: `faskey` of an openNDS far away (level 3), at least 16 characters
    fas_name: str = ""  # fas: its `gatewayname`, as it says it itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Radius:
    """The RADIUS server that controllers ask. The service runs when `enabled`."""

    enabled: bool = False  # whether controllers are answered
    listen: str = "any"  # addresses to listen on, comma between them; any: all of this machine
    auth_port: int = 1812  # UDP port of authorisation
    acct_port: int = 1813  # UDP port of accounting
    interim_s: int = 300  # seconds between two accounting reports that a controller is asked for
    rest_host: str = "127.0.0.1"  # address of the API for FreeRADIUS (rlm_rest)
    rest_port: int = 0  # TCP port of that API; 0: there is none
    rest_key: Secret | None = None  # what FreeRADIUS shows there; needed where the API is on
    token_key: Secret | None = None  # key of one-time tokens; empty: <data dir>/keys/portal-token.key
    line: str = ""  # UNIX socket between portal and server; empty: radius.sock beside radius.db
    portal_user: str = ""  # who may speak there besides the server's own user; empty: the portal's, by `data.users`
    coa_timeout_ms: int = 1000  # until a Disconnect or CoA is sent again, with the same identifier
    coa_tries: int = 3  # how often it is sent in all


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal2:
    """Where controllers that speak Portal 2.0 tell us things, and how much of what is said is kept as evidence."""

    host: str = ""  # numeric address for their notifications; empty: every address of this machine
    port: int = 50100  # UDP port for their notifications
    packets_mb: int = 256  # disk for the packets; the oldest go first, and those beyond retention.session_days
