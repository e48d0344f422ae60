"""Settings: one typed tree, read from TOML files, `NETOPS_*` variables and flags, in that order.

Defaults < /etc/netops/netops.toml (or --config) < conf.d/*.toml beside it < NETOPS_SECTION__KEY
< --set section.key=value. An unknown key is an error with the nearest match. Secrets are named by reference (`file:`,
`env:`, `credential:`).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inventory.times import zone
from netops import settings_tree
from netops.controllers import GATEWAYS_OF_CONTROLLERS, Controller, Portal2, Radius
from netops.entering import Access
from netops.errors import ConfigError, nearest
from netops.probing import Probe
from netops.provider import Provider  # noqa: TC001  (a word of the settings; read at run time)
from netops.secret import Secret as Secret  # noqa: PLC0414, TC001  (a word of the settings; read at run time)
from netops.texting import Sms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEFAULT_FILE = Path("/etc/netops/netops.toml")
PREFIX = "NETOPS_"


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """Whose instance this is."""

    name: str = "city"  # short name; it names the ledger
    title: str = "NetOps"  # what pages and reports are headed with
    timezone: str = "Asia/Shanghai"  # IANA zone of pages; each contract has its own
    map: Path | None = None  # GeoJSON of the subdistricts, `properties.id` being the code; empty: the schematic tiles
    language: str = "zh_CN"  # of pages until a visitor chooses: zh_CN or en
    rehearsal: bool = False  # everything is simulated and says so in signed bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Where the files live."""

    dir: Path = Path("/var/lib/netops")  # all files of this instance, owned by its user
    users: str = ""  # `netops`: services run as netops-core, netops-web …, the command line as netops; empty: one user


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterAt:
    """Where the register is: empty means `<data dir>/register.db`; a PostgreSQL URL works too."""

    url: str = ""  # SQLAlchemy URL


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAt:
    """Which telemetry store, and where."""

    kind: str = "embedded"  # embedded | influxdb | victoriametrics
    url: str = ""  # of the server
    dialect: str = "v2"  # influxdb: v2 (influxdb-client) | v1 (plain HTTP)
    database: str = "netops"  # InfluxDB 1 database, or the DBRP mapping of a 2.x bucket
    org: str = "netops"  # InfluxDB 2 organisation
    bucket: str = "netops"  # InfluxDB 2 bucket
    token: Secret | None = None  # InfluxDB 2 token
    timeout_s: float = 10.0  # seconds for one request to the server
    hot_hours: int = 26  # hours that stay in SQLite before they are sealed as Parquet


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A web listener. Only loopback may be plain HTTP in production."""

    host: str = "127.0.0.1"  # address to listen on
    port: int = 8080  # TCP port
    tls_certificate: Path | None = None  # PEM file; needed off loopback
    tls_key: Path | None = None  # PEM file
    trusted_proxy: str = ""  # address of a reverse proxy whose forwarded headers count


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """How a device is asked. SNMP v2c needs `community`, v3 `user` and the keys; SSH `user` and `password` or `key`.

    A CPE presents `user` and `password` to us (cwmp); we present `call_user` and `call_password` when we call it.
    """

    kind: str = "snmp"  # snmp, ssh or cwmp
    version: str = "v2c"  # snmp: v2c or v3
    community: Secret | None = None  # v2c: the community
    user: str = ""  # v3 and ssh: the user; cwmp: the CPE's, empty: each its own `OUI-ProductClass-SerialNumber`
    auth_protocol: str = "SHA-256"  # MD5, SHA, SHA-224, SHA-256, SHA-384, SHA-512
    auth_key: Secret | None = None  # v3: authentication pass phrase
    priv_protocol: str = "AES"  # AES (128), AES-192, AES-256; AES-192-C, AES-256-C: keys lengthened as Cisco does
    priv_key: Secret | None = None  # v3: privacy pass phrase
    context: str = ""  # v3: context name
    password: Secret | None = None  # ssh, cwmp: the password
    key: Secret | None = None  # ssh: the private key, in OpenSSH's or PEM form
    passphrase: Secret | None = None  # ssh: of the private key
    enable: Secret | None = None  # ssh: the password of the privileged mode, where the dialect needs one
    old_algorithms: bool = False  # ssh: SHA-1 and CBC, at the doors that name this credential
    call_user: str = ""  # cwmp: our user in a connection request
    call_password: Secret | None = None  # cwmp: our password in a connection request


@dataclass(frozen=True, slots=True, kw_only=True)
class Collect:
    """How the poller works."""

    vantage: str = "core"  # this vantage point's name in facts
    interval_s: int = 60  # seconds between two polls of a device
    timeout_s: float = 1.0  # seconds to wait for one datagram
    retries: int = 2  # further datagrams for one request
    deadline_s: float = 20.0  # seconds for all of one device's poll
    window: int = 1000  # requests in flight, capped by the receive buffer
    varbinds_per_s: int = 2000  # per device
    poll_varbinds: int = 20_000  # one poll of one device; more is no answer but a fault. A profile may say otherwise
    breaker_after: int = 3  # unanswered slots in a row; then one cheap question a slot
    device_cpu_percent: int = 85  # a device busier than this is spared its dear and heavy columns; 0: never
    hurry_s: int = 10  # seconds between two polls of a device that just fell silent or came back; 0: as always
    pulse_s: int = 15  # seconds between two looks whether a device still answers, between its polls; 0: none
    spool_cap_mb: int = 18_432  # disk that the spool may take while the core is away: 72 hours of 2,000 APs


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssh:
    """How devices are read over SSH. The service runs when `interval_s` is set."""

    interval_s: int = 0  # seconds between two visits of a door, such as 300; 0: nobody is visited
    transport: str = "asyncssh"  # asyncssh | netmiko: which library carries a session
    sessions: int = 50  # devices visited at once by asyncssh
    threads: int = 16  # devices visited at once by netmiko, at most 50
    connect_s: float = 10.0  # seconds until connected and logged in
    read_s: float = 30.0  # seconds for one command
    deadline_s: float = 120.0  # seconds for a whole visit
    read_kb: int = 1024  # KiB of output of one command; more is a fault of the device
    read_lines: int = 20_000  # lines of output of one command
    commands: int = 256  # commands in one visit
    breaker_after: int = 3  # failed visits in a row; then only a login is tried
    old_algorithms: bool = False  # SHA-1 and CBC at every door; better at one, by its credential
    spool_cap_mb: int = 1024  # disk that the spool may take while the core is away


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap:
    """How traps and informs are heard. The service runs when `enabled`."""

    enabled: bool = False  # whether devices are listened to
    listen: str = "any"  # addresses to listen on, comma between them; any: all of this machine
    port: int = 162  # UDP port; below 1024 the service needs CAP_NET_BIND_SERVICE
    credential: str = ""  # of traps, where it is another than the device is asked with; v3: the level it has
    window_s: int = 60  # the same event of the same subject is stated once in so many seconds
    events_per_minute: int = 60  # events of one device that are stated singly; what is beyond is counted
    spool_cap_mb: int = 256  # disk that the spool may take while the core is away


@dataclass(frozen=True, slots=True, kw_only=True)
class Acs:
    """How small cells and ONTs are taken in by TR-069 (CWMP). The service runs when `enabled`."""

    enabled: bool = False  # whether CPEs are let in
    listen: Listener = field(default_factory=lambda: Listener(port=7547))
    plain: bool = False  # HTTP without TLS off loopback too: passwords stay secret by digest, values can be forged
    interval_s: int = 300  # seconds of a slot; a CPE is told to inform every four fifths of it
    digests: str = "SHA-256,MD5"  # what is offered, the first one best; many CPEs know MD5 alone
    basic: bool = False  # also take passwords in clear, over TLS only
    nonce_s: int = 300  # seconds that a challenge holds
    arrange: bool = True  # set a CPE's periodic Inform and notifications; nothing else is ever set
    call: bool = True  # ask a CPE that has not come in its slot to connect (connection request)
    sessions: int = 2000  # sessions at once
    per_address: int = 64  # connections that one address may hold at once; 0: no bound, for CPEs behind one NAT
    session_s: float = 30.0  # seconds between two requests of a session, before it is over
    spool_cap_mb: int = 1024  # disk that the spool may take while the core is away


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """The door through which probes at sites hand in what they measured. The service runs when `enabled`."""

    enabled: bool = False  # whether probes at sites are let in
    listen: Listener = field(default_factory=lambda: Listener(port=8443))
    spool_cap_mb: int = 4096  # disk that the spool may take while the core is away


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who is told of trouble."""

    urls: Secret | None = None  # where messages reach them: URLs of Apprise, a space between two
    name: str = ""  # as colleagues call them; empty: the id
    language: str = ""  # of what they are told, zh_CN or en; empty: the city's
    group: bool = False  # several read what is sent there: a message's link asks who of them takes the incident on


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Who is told when something is wrong. The service runs when `enabled`."""

    enabled: bool = False  # whether anybody is told
    policy: Path | None = None  # YAML of rules, routes and duties; empty: the program's own, which tells everybody
    people: dict[str, Person] = field(default_factory=dict)  # id → whom
    carriers: dict[str, Person] = field(default_factory=dict)  # id of a carrier → its desk, for tickets
    url: str = ""  # where the dashboards are found by who gets a message; empty: no links
    hosts: str = ""  # further hosts that messengers stand at, comma between them
    private: bool = False  # messengers may stand in this network, on inner addresses
    heartbeat: Secret | None = None  # URL that is asked every minute while all is well: a dead-man's switch elsewhere
    tick_s: float = 2.0  # seconds between two looks
    keep_days: int = 400  # days for which what is over can be looked up
    spool_cap_mb: int = 64  # disk that the spool may take while the core is away


@dataclass(frozen=True, slots=True, kw_only=True)
class Discover:
    """Where `netops discover` may look for devices."""

    networks: str = ""  # CIDR,… that may be searched; empty: none


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalAt:
    """The captive portal."""

    listen: Listener = field(default_factory=lambda: Listener(port=8081))
    gateway: str = "simulated"  # simulated | nftables | opennds | none: that of this machine; controllers are in `acs`
    gate_socket: Path | None = None  # UNIX socket of the gate; empty: <data dir>/gate.sock
    gate_folder: Path | None = None  # whom the gate has let in by itself; empty: <data dir>/gate
    nds_socket: Path | None = None  # UNIX socket of openNDS; empty: /tmp/ndsctl.sock
    gate_user: str = ""  # who may speak to the gate besides its own user
    device: str = "portal"  # id of this portal in the register: services of role `portal` hang on it
    visitors: dict[str, str] = field(default_factory=dict)  # visitor interface → id of the site behind it
    uplinks: str = ""  # interfaces towards the internet, comma between them: where what visitors send is bounded
    acs: dict[str, Controller] = field(default_factory=dict)  # id → a carrier's access controller
    public_url: str = ""  # where visitors find the portal; empty: http://<host>:<port> of the listener
    secure: Listener = field(default_factory=lambda: Listener(port=8443))  # the same over TLS, with a certificate
    api_url: str = ""  # RFC 8908 over HTTPS, as DHCP option 114 announces it; empty: `public_url` + /capport/api
    venue_info_url: str = ""  # RFC 8908 venue-info-url: a page about the place; `{site}` in it is the id of the site
    methods: str = "click_through,voucher"  # in the order of the page, where no policy says otherwise
    terms: Path | None = None  # folder of the city's own terms, `<version>.<language>.txt`; empty: those of the program
    policies: Path | None = None  # folder of site policies, a YAML file each; empty: one policy of these settings
    oidc: dict[str, Provider] = field(default_factory=dict)  # providers of accounts, each by a name of our own
    anchors: str = ""  # host:port,… beyond the uplink; when none accepts, the uplink is down; empty: not known
    session_minutes: int = 120  # how long a session lasts where no policy says otherwise
    voucher_key: Secret | None = None  # key of the vouchers' hashes; empty: <data dir>/keys/portal-voucher.key
    identity_key: Secret | None = None  # key of visitors' pseudonyms; empty: <data dir>/keys/portal-identity.key
    nat_log: Path | None = None  # folder of the NAT log's files, a day (2026-11-27) in each name; for inspections
    person_key: Secret | None = None  # key of numbers' and accounts' hashes; empty: <data dir>/keys/portal-person.key

    @property
    def places(self) -> dict[str, str]:
        """Where visitors come from: interfaces and controllers → the id of the site behind."""
        return {**self.visitors, **{name: each.site for name, each in self.acs.items()}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The public status page, plain files that any server serves. Written each minute when `directory` is set."""

    directory: Path | None = None  # where the web service writes index.html, index.en.html, status.json; empty: nowhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What each service tells of itself for Prometheus, on a loopback port of its own (docs/reference/measures.md)."""

    port: int = 0  # the first of the loopback ports, one a service; 0: none


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The ledger's name and signing key. An empty key means `<data dir>/keys/evidence.key`, made by `netops init`."""

    origin: str = ""  # the ledger's name; empty: netops.invalid/<city name>
    key: Secret | None = None  # signing key; only the core reads it
    sm2: bool = False  # the core also signs checkpoints by SM2, over an SM3 root (commercial cryptography)
    checkpoint_s: int = 60  # seconds between signed checkpoints
    cosign_wait_s: int = 3600  # seconds a bundle waits for the co-signatures its policy asks for; a day at most
    paper_key: Secret | None = None  # PEM: key and certificate that sign reports' PDFs; empty: derived from `key`
    stamps: str = ""  # URL of a time-stamp authority (RFC 3161), asked once a day; empty: none


@dataclass(frozen=True, slots=True, kw_only=True)
class Objections:
    """What the files that come with notes may take on the disk; what is full is refused, and nothing is deleted."""

    file_mb: int = 50  # one file; above 1 MB it comes in parts, which the page's script makes
    carrier_mb: int = 2_000  # all files of one carrier, and of the city's own answers
    total_mb: int = 10_000  # all files; a fifth of it is kept free for the city's own answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long each kind of data lives; expiry is itself a fact."""

    telemetry_days: int = 400  # days of sealed telemetry
    raw_days: int = 7  # days of raw replies that bear on no objective
    raw_evidence_days: int = 396  # days of raw replies that do: until the dispute window ends
    raw_budget_mb: int = 20_000  # disk for raw replies; evidence is never deleted for it
    session_days: int = 200  # days of portal sessions and of who they were; between the next two
    law_days: int = 184  # days before which no record of a visitor is erased (Cybersecurity Law art. 21: six months)
    privacy_days: int = 366  # days after which none is left (PIPL art. 19: no longer than the purpose needs)
    min_free_mb: int = 200  # below this much free disk the instance says so


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole tree."""

    city: City = field(default_factory=City)
    data: Data = field(default_factory=Data)
    register: RegisterAt = field(default_factory=RegisterAt)
    store: StoreAt = field(default_factory=StoreAt)
    web: Listener = field(default_factory=Listener)
    access: Access = field(default_factory=Access)
    portal: PortalAt = field(default_factory=PortalAt)
    sms: Sms = field(default_factory=Sms)
    radius: Radius = field(default_factory=Radius)
    portal2: Portal2 = field(default_factory=Portal2)
    collect: Collect = field(default_factory=Collect)
    alert: Alert = field(default_factory=Alert)
    discover: Discover = field(default_factory=Discover)
    ssh: Ssh = field(default_factory=Ssh)
    probe: Probe = field(default_factory=Probe)
    trap: Trap = field(default_factory=Trap)
    acs: Acs = field(default_factory=Acs)
    intake: Intake = field(default_factory=Intake)
    status: Status = field(default_factory=Status)
    measures: Measures = field(default_factory=Measures)
    evidence: Evidence = field(default_factory=Evidence)
    objections: Objections = field(default_factory=Objections)
    retention: Retention = field(default_factory=Retention)
    credentials: dict[str, Credential] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict, compare=False)  # dotted key → where it was set
    file: Path | None = field(default=None, compare=False)  # the main file it was read from
    given: tuple[str, ...] = field(default=(), compare=False)  # `section.key=value` words that laid over the files

    @property
    def register_url(self) -> str:
        """The SQLAlchemy URL of the register."""
        return self.register.url or f"sqlite:///{self.room('register') / 'register.db'}"

    def room(self, name: str) -> Path:
        """Return the directory of a database: its own where services have users of their own (privilege.py)."""
        return self.data.dir / name if self.data.users else self.data.dir

    @property
    def ledger_origin(self) -> str:
        """The checkpoint origin; a rehearsal's ends in `/rehearsal`, in signed bytes."""
        base = self.evidence.origin or f"netops.invalid/{self.city.name}"
        return f"{base}/rehearsal" if self.city.rehearsal and not base.endswith("/rehearsal") else base


def load(
    file: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    overrides: Iterable[str] = (),
) -> Settings:
    """Read the settings. `overrides` are `section.key=value` strings; ConfigError names file and key."""
    tree: dict[str, Any] = {}
    origin: dict[str, str] = {}
    paths = _files(file)
    for path in paths:
        settings_tree.merge(tree, settings_tree.read(path), origin, str(path))
    overrides = tuple(overrides)
    env = os.environ if environ is None else environ
    for name, value in sorted(env.items()):
        if name.startswith(PREFIX) and "__" in name:
            key = name.removeprefix(PREFIX).lower().replace("__", ".")
            settings_tree.merge(tree, settings_tree.nest(key, value), origin, f"environment {name}")
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise ConfigError(f"--set {override}: expected section.key=value")
        settings_tree.merge(tree, settings_tree.nest(key.strip(), value), origin, f"--set {key.strip()}")
    settings = settings_tree.build(Settings, tree, "", origin)
    object.__setattr__(settings, "origin", origin)
    object.__setattr__(settings, "file", file or (DEFAULT_FILE if DEFAULT_FILE in paths else None))
    object.__setattr__(settings, "given", tuple(overrides))
    _sane(settings)
    return settings


def _files(file: Path | None) -> list[Path]:
    main = file or DEFAULT_FILE
    more = main.parent / "conf.d"
    try:
        if file is not None and not file.exists():
            raise ConfigError(f"{file}: no such configuration file; `netops init` writes one")
        parts = sorted(each for each in more.iterdir() if each.suffix == ".toml") if more.is_dir() else []
        return ([main] if main.exists() else []) + parts
    except PermissionError as error:
        remedy = "run as the instance's user (`sudo -u netops netops …`) or name another file with --config"
        raise ConfigError(f"{error.filename}: not yours to read; {remedy}") from None


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_USER = re.compile(r"[a-z][a-z0-9_-]{0,22}")  # with `-collect` it is still a user's name
_LAST_PORT = 65_535
DAY_S = 86_400


_CHOICES = {
    "city.language": ("zh_CN", "en"),
    "store.kind": ("embedded", "influxdb", "victoriametrics"),
    "store.dialect": ("v1", "v2"),
    "portal.gateway": ("simulated", "nftables", "opennds", "none"),
    "ssh.transport": ("asyncssh", "netmiko"),
}


def _sane(settings: Settings) -> None:
    for dotted, allowed in _CHOICES.items():
        section, key = dotted.split(".")
        value = getattr(getattr(settings, section), key)
        if value not in allowed:
            where = settings.origin.get(dotted, "settings")
            raise ConfigError(
                f"{where}: '{dotted}' is '{value}'; expected one of {', '.join(allowed)}{nearest(value, allowed)}"
            )
    if settings.collect.interval_s < 1:
        raise ConfigError(f"'collect.interval_s' is {settings.collect.interval_s}; expected at least 1 second")
    for dotted, every_s in (("hurry_s", settings.collect.hurry_s), ("pulse_s", settings.collect.pulse_s)):
        if every_s < 0:
            where = settings.origin.get(f"collect.{dotted}", "settings")
            raise ConfigError(f"{where}: 'collect.{dotted}' is {every_s}; expected seconds, or 0 for never")
    if not 0 <= settings.evidence.cosign_wait_s <= DAY_S:
        where = settings.origin.get("evidence.cosign_wait_s", "settings")
        raise ConfigError(
            f"{where}: 'evidence.cosign_wait_s' is {settings.evidence.cosign_wait_s}; expected 0 to {DAY_S}: the days "
            "to object run from the seal, not from when the bundle goes out"
        )
    for dotted, port in (("web.port", settings.web.port), ("portal.listen.port", settings.portal.listen.port)):
        if not 0 <= port <= _LAST_PORT:
            where = settings.origin.get(dotted, "settings")
            raise ConfigError(f"{where}: '{dotted}' is {port}; expected 0 (any that is free) to {_LAST_PORT}")
    _sane_city(settings)
    _sane_controllers(settings)
    if settings.data.users and not _USER.fullmatch(settings.data.users):
        where = settings.origin.get("data.users", "settings")
        raise ConfigError(f"{where}: 'data.users' is {settings.data.users!r}; expected a user's name, as 'netops'")


def _sane_controllers(settings: Settings) -> None:
    for name, each in settings.portal.acs.items():
        if each.gateway not in GATEWAYS_OF_CONTROLLERS:
            where = settings.origin.get(f"portal.acs.{name}.gateway", "settings")
            raise ConfigError(
                f"{where}: 'portal.acs.{name}.gateway' is '{each.gateway}'; expected one of "
                f"{', '.join(GATEWAYS_OF_CONTROLLERS)}{nearest(each.gateway, GATEWAYS_OF_CONTROLLERS)}"
            )


def _sane_city(settings: Settings) -> None:
    name = settings.city.name
    if not _NAME.fullmatch(name):  # it stands in the ledger's key names, where a space or '+' would end it
        where = settings.origin.get("city.name", "settings")
        raise ConfigError(f"{where}: 'city.name' is {name!r}; expected at most 64 letters (a-z), digits, '_', '.', '-'")
    try:
        zone(settings.city.timezone)
    except ValueError as error:
        raise ConfigError(f"{settings.origin.get('city.timezone', 'settings')}: 'city.timezone': {error}") from None


def as_table(settings: Settings) -> list[tuple[str, str, str]]:
    """Return (dotted key, shown value, origin) of every setting, secrets hidden."""
    return list(settings_tree.walk(settings, "", settings.origin))
