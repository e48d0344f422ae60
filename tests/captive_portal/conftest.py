"""What the portal's tests share: a clock that stands still, a desk on a simulated gateway, three network namespaces."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from captive_portal import keys, methods, policy_yaml, tables
from captive_portal.desk import Desk
from captive_portal.gateways.simulated import Simulated
from captive_portal.premises import Premises
from captive_portal.records import tables as person_tables
from captive_portal.records.persons import Persons
from captive_portal.store import Store
from captive_portal.telling import Telling
from captive_portal.visits import Visits
from inventory import sql
from inventory.times import zone
from netops.config import City, Data, Listener, PortalAt, Settings
from netops.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
START_MS = 1_790_000_000_000


class Standing:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.at_ms = START_MS

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic(self) -> float:
        return self.at_ms / 1000

    def forward(self, seconds: float) -> None:
        self.at_ms += int(seconds * 1000)


@pytest.fixture
def clock() -> Standing:
    return Standing()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portal database as the migrations make it, once: the tests begin with a copy."""
    file = tmp_path_factory.mktemp("migrated") / "portal.db"
    sql.upgrade(tables.MIGRATIONS, f"sqlite:///{file}")
    sql.upgrade(person_tables.MIGRATIONS, f"sqlite:///{file.with_name('persons.db')}")
    return file


@pytest.fixture(scope="session")
def city_settings(migrated: Path) -> Callable[[Path], Settings]:
    """Return what makes a rehearsal city's settings in a folder, its database already there."""

    def make(folder: Path) -> Settings:
        for name in ("portal.db", "persons.db"):
            shutil.copy(migrated.with_name(name), folder / name)
        portal = PortalAt(
            listen=Listener(port=0),
            public_url="http://portal.test",
            visitors={"simulated": "site-1"},
            session_minutes=60,
            venue_info_url="https://venue.example/",
        )
        return Settings(city=City(rehearsal=True), data=Data(dir=folder), portal=portal)

    return make


@pytest.fixture
def settings(tmp_path: Path, city_settings: Callable[[Path], Settings]) -> Settings:
    return city_settings(tmp_path)


@pytest.fixture(scope="session")
def standing() -> type[Standing]:
    return Standing


@dataclass
class House:
    """A desk with everything behind it, and what a restart needs."""

    settings: Settings
    clock: Standing
    gateway: Any
    stack: ExitStack = field(default_factory=ExitStack)

    def open(self) -> Desk:
        folder = self.settings.data.dir
        persons = self.stack.enter_context(Persons(self.settings, self.clock))
        store = self.stack.enter_context(Store(tables.url(self.settings), persons))
        tools = methods.Tools(settings=self.settings, store=store, persons=persons)
        spool = self.stack.enter_context(Spool(folder / "spool" / "portal.db", source="portal"))
        policies = policy_yaml.read(self.settings)
        wanted = [*methods.names(self.settings), *(name for each in policies.every for name in each.ways)]
        premises = Premises(
            identity_key=keys.identity_key(self.settings),
            sites=self.settings.portal.visitors,
            policies=policies,
            zone=zone(self.settings.city.timezone),
        )
        telling = Telling(spool)
        visits = Visits(store=store, gateway=self.gateway, telling=telling, clock=self.clock, premises=premises)
        desk = Desk(visits, methods.make(tools, wanted))
        desk.visits.take_up()
        return desk

    def restart(self) -> Desk:
        """Let go of everything but the gateway, as after a crash, and begin anew."""
        self.stack.close()
        return self.open()


@pytest.fixture(scope="session")
def house_of() -> Callable[[Settings, Standing], Any]:
    @contextmanager
    def made(settings: Settings, clock: Standing) -> Iterator[House]:
        with ExitStack() as stack:
            yield House(settings, clock, Simulated(settings.portal, clock), stack)

    return made


@pytest.fixture
def house(settings: Settings, clock: Standing, house_of: Callable[[Settings, Standing], Any]) -> Iterator[House]:
    with house_of(settings, clock) as made:
        yield made


@pytest.fixture
def desk(house: House) -> Desk:
    return house.open()


@pytest.fixture(scope="session")
def portal2_worlds() -> Any:
    """What makes a controller that speaks Portal 2.0 and our gateway to it."""
    return loaded("portal2_world", HERE)


@pytest.fixture(scope="session")
def city_of() -> Callable[[str], Any]:
    """What makes a city for the staff's pages, by its name, as the dashboards' tests load it."""
    return lambda name: loaded(name, HERE.parent / "dashboards")


def loaded(name: str, folder: Path) -> Any:
    """Return a module of a folder by its bare name, loaded once."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
        assert spec
        assert spec.loader
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


# ---- three namespaces: client, gateway, internet
MAC, OTHER_MAC = "02:11:22:33:44:55", "02:11:22:33:44:66"
CLIENT4, CLIENT6 = "10.77.0.10", "fd77::10"
GATEWAY4, GATEWAY6 = "10.77.0.1", "fd77::1"
INTERNET4, INTERNET6 = "203.0.113.2", "2001:db8:113::2"
PORTAL = "http://portal.test"


class Network:
    """Client, gateway and internet, each a namespace of its own; every name carries the run's mark."""

    def __init__(self, folder: Path) -> None:
        mark = secrets.token_hex(3)
        self.folder = folder
        self.client, self.gateway, self.internet = (f"np{mark}{part}" for part in ("c", "g", "i"))
        self.visitor, self.uplink = f"v{mark}", f"w{mark}"
        self.settings_file = folder / "netops.toml"
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for name in (self.client, self.gateway, self.internet):
                _ip("netns", "add", name)
                stack.callback(_ip, "netns", "del", name)
                _ip("-n", name, "link", "set", "lo", "up")
            stack.callback(self._stop_all)
            self._wire()
            self.settings_file.write_text(self._settings(), encoding="utf-8")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _wire(self) -> None:
        g, c, i = self.gateway, self.client, self.internet
        _ip("link", "add", self.visitor, "netns", g, "type", "veth", "peer", "name", "eth0", "netns", c)
        _ip("link", "add", self.uplink, "netns", g, "type", "veth", "peer", "name", "eth0", "netns", i)
        _ip("-n", c, "link", "set", "eth0", "address", MAC)
        for name, link in ((g, self.visitor), (g, self.uplink), (c, "eth0"), (i, "eth0")):
            _ip("-n", name, "link", "set", link, "up")
        for name, link, four, six in (
            (g, self.visitor, f"{GATEWAY4}/24", f"{GATEWAY6}/64"),
            (g, self.uplink, "203.0.113.1/24", "2001:db8:113::1/64"),
            (c, "eth0", f"{CLIENT4}/24", f"{CLIENT6}/64"),
            (i, "eth0", f"{INTERNET4}/24", f"{INTERNET6}/64"),
        ):
            _ip("-n", name, "address", "add", four, "dev", link)
            _ip("-n", name, "-6", "address", "add", six, "dev", link, "nodad")
        self.route_client()
        for name, four, six in ((g, INTERNET4, INTERNET6), (i, "203.0.113.1", "2001:db8:113::1")):
            _ip("-n", name, "route", "add", "default", "via", four)
            _ip("-n", name, "-6", "route", "add", "default", "via", six)
        forwarding = ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        self.run(g, "sysctl", "-qw", *forwarding)

    def route_client(self) -> None:
        _ip("-n", self.client, "route", "replace", "default", "via", GATEWAY4)
        _ip("-n", self.client, "-6", "route", "replace", "default", "via", GATEWAY6)

    def _settings(self) -> str:
        return (
            f'[city]\nrehearsal = true\n[data]\ndir = "{self.folder}"\n'
            f'[portal]\ngateway = "nftables"\npublic_url = "{PORTAL}"\ngate_socket = "{self.folder}/gate.sock"\n'
            f'session_minutes = 30\n[portal.listen]\nhost = "::"\nport = 8081\n'
            f'[portal.visitors]\n{self.visitor} = "site-1"\n'
        )

    # ---- processes
    def start(self, name: str, where: str, *command: str, ready: str = "READY") -> None:
        """Start a process in a namespace and wait until it says that it is ready."""
        errors = (self.folder / f"{name}.log").open("a", encoding="utf-8")
        process = subprocess.Popen(
            ["ip", "netns", "exec", where, *command],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        errors.close()
        self._running[name] = process
        assert process.stdout
        if ready and ready not in (line := process.stdout.readline()):
            pytest.fail(f"{name} said {line!r}: {(self.folder / f'{name}.log').read_text()[-2000:]}")

    def start_gate(self) -> None:
        self.start("gate", self.gateway, sys.executable, str(HERE / "run_service.py"), "gate", str(self.settings_file))

    def start_portal(self) -> None:
        """The portal runs without a single capability: only the gate can touch the firewall."""
        bare = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
        service = (sys.executable, str(HERE / "run_service.py"), "portal", str(self.settings_file))
        self.start("portal", self.gateway, *bare, *service)

    def start_internet(self) -> None:
        self.start("internet", self.internet, sys.executable, str(HERE / "run_internet.py"))

    def start_resolver(self) -> None:
        words = ("--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--log-facility=-")
        names = [f"--address=/portal.test/{each}" for each in (GATEWAY4, GATEWAY6)]
        names += [f"--address=/#/{each}" for each in (INTERNET4, INTERNET6)]
        self.start("resolver", self.gateway, "dnsmasq", *words, *names, ready="")

    def begin(self) -> None:
        """Start what does not run."""
        every = (
            ("internet", self.start_internet),
            ("resolver", self.start_resolver),
            ("gate", self.start_gate),
            ("portal", self.start_portal),
        )
        for name, start in every:
            if name not in self._running:
                start()

    def forget(self) -> None:
        """Bring the visitor back to where a test begins: own MAC, two addresses, offline, no questions counted."""
        if "other" in self._running:
            self.stop("other", signal.SIGKILL)
        _ip("-n", self.client, "link", "set", "eth0", "address", MAC)
        _ip("-n", self.client, "-6", "address", "flush", "dev", "eth0", "scope", "global")
        _ip("-n", self.client, "-6", "address", "add", f"{CLIENT6}/64", "dev", "eth0", "nodad")
        self.route_client()
        _ip("-n", self.gateway, "neigh", "flush", "dev", self.visitor)
        self.nft("flush", "set", "inet", "netops_portal", "asking")
        page = self.curl(f"{PORTAL}/").stdout
        if "/logout" in page:
            token = page.partition('name="token" value="')[2].partition('"')[0]
            self.curl("-o", "/dev/null", "-d", f"token={token}", f"{PORTAL}/logout")

    def stop(self, name: str, sign: int = signal.SIGTERM) -> None:
        """End one process that this network started."""
        process = self._running.pop(name)
        process.send_signal(sign)
        process.wait(20)
        assert process.stdout
        process.stdout.close()

    def _stop_all(self) -> None:
        for name in list(self._running)[::-1]:
            self.stop(name, signal.SIGKILL if name in {"internet", "resolver"} else signal.SIGTERM)

    # ---- what is done in them
    def run(self, where: str, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["ip", "netns", "exec", where, *command], capture_output=True, text=True, timeout=60, check=False
        )
        if check and done.returncode:
            pytest.fail(f"{command}: exit {done.returncode} {done.stdout} {done.stderr}")
        return done

    def curl(self, *words: str, version: int = 4) -> subprocess.CompletedProcess[str]:
        at = GATEWAY4 if version == 4 else f"[{GATEWAY6}]"
        fixed = ("-sS", "--max-time", "5", f"-{version}", "--resolve", f"portal.test:80:{at}")
        return self.run(self.client, "curl", *fixed, *words, check=False)

    def status(self, url: str, *, version: int = 4) -> str:
        """Return `code location` of a GET, or `exit N` when there was no answer."""
        done = self.curl("-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", url, version=version)
        return done.stdout.strip() if done.returncode == 0 else f"exit {done.returncode}"

    def internet_url(self, version: int, path: str = "/") -> str:
        return f"http://{INTERNET4 if version == 4 else f'[{INTERNET6}]'}{path}"

    def login(self, *, version: int = 4) -> subprocess.CompletedProcess[str]:
        """Do what a browser without JavaScript and cookies does: get the page, press the button."""
        page = self.curl(f"{PORTAL}/", version=version).stdout
        token = re.search(r'name="token" value="([^"]+)"', page)
        assert token, page
        answer = ("-o", "/dev/null", "-w", "%{http_code} %{redirect_url}")
        form = ("-d", f"token={token[1]}", "-d", "method=click_through")
        return self.curl(*answer, *form, f"{PORTAL}/login", version=version)

    def ask_resolver(self, host: str, seconds: float) -> dict[str, int]:
        done = self.run(self.client, sys.executable, str(HERE / "run_questions.py"), host, str(seconds))
        return dict(json.loads(done.stdout))

    def nft(self, *words: str) -> str:
        return self.run(self.gateway, "nft", *words).stdout


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"ip {' '.join(words)}: {done.stderr}")


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    with Network(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def whole_city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with Network(tmp_path_factory.mktemp("city")) as made:
        made.begin()
        yield made


@pytest.fixture
def city(whole_city: Network) -> Iterator[Network]:
    """Everything running: internet, resolver, gate, portal; and nobody online."""
    yield whole_city
    whole_city.begin()
    whole_city.forget()


def wait_until(holds: Callable[[], bool], within_s: float = 8.0) -> float:
    """Wait until something holds; return how long it took, fail when it does not in time."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > within_s:
            pytest.fail(f"not within {within_s} s")
        time.sleep(0.05)
    return time.monotonic() - began


@pytest.fixture
def eventually() -> Callable[..., float]:
    return wait_until
