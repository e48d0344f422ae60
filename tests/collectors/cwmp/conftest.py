"""What the tests of the ACS share: settings, a register of CPEs, the service on a free port."""

from __future__ import annotations

import ipaddress
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from collectors.cwmp.service import AcsService
from inventory import sql
from inventory.city import city_of
from inventory.model import Area, Carrier, Device, Door, Site
from inventory.register import Register
from inventory.tables import MIGRATIONS
from netops import clock, config, facts, wire
from netops.spool import Reader

AREA = Area(id="110108001", name="万寿路街道", name_en="Wanshoulu", col=0, row=0)


def records(serials, *, credential="fleet", role="small_cell"):
    """The register's records of CPEs: device id → serial number."""
    site = Site(id="s", name="s", area=AREA.id)
    devices = [Device(id=name, site="s", carrier="a", role=role, serial=serial) for name, serial in serials.items()]
    doors = [
        Door(id=f"{name}-cwmp", device=name, kind="cwmp", address="127.0.0.1", port=7547, credential=credential)
        for name in serials
    ]
    return [AREA, site, Carrier(id="a", name="甲"), *devices, *doors]


@pytest.fixture
def records_of():
    return records


class House:
    """The service with its settings, and what it has spooled."""

    def __init__(self, service, settings):
        self.service, self.settings = service, settings

    @property
    def port(self):
        return self.service.port

    def entries(self, kind):
        with Reader(self.settings.data.dir / "spool" / "acs.db") as reader:
            return [each.payload for each in reader.read(after=0, limit=100_000, kind=kind)]

    def polls(self, count=0, seconds=20):
        """The polls in the spool, once there are so many."""
        until = time.monotonic() + seconds
        while True:
            found = [wire.decode(each) for each in self.entries("poll")]
            if len(found) >= count or time.monotonic() > until:
                return found
            time.sleep(0.05)

    def events(self):
        found = [facts.decode(each) for each in self.entries("fact")]
        return [each.body for each in found if each.kind == "device_event"]


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Make a running service: house({device: serial}, *settings)."""
    monkeypatch.setenv("TEST_PASSWORD", "secret")
    made = []

    def build(serials, *words, credential="fleet", moment=clock.SYSTEM):
        settings = config.load(
            None,
            environ={},
            overrides=[
                f"data.dir={tmp_path}",
                "city.rehearsal=true",
                "acs.enabled=true",
                "acs.listen.port=0",
                "acs.interval_s=3600",
                "acs.call=false",
                "acs.per_address=0",
                "credentials.fleet.kind=cwmp",
                "credentials.fleet.password=env:TEST_PASSWORD",
                "credentials.shared.kind=cwmp",
                "credentials.shared.user=cpe",
                "credentials.shared.password=env:TEST_PASSWORD",
                *words,
            ],
        )
        sql.upgrade(MIGRATIONS, settings.register_url)
        with Register(settings.register_url, rehearsal=True) as register:
            register.apply(city_of(records(serials, credential=credential)), at_ms=0, now_ms=clock.SYSTEM.now_ms())
        service = AcsService(settings, clock=moment)
        service.start()
        made.append(service)
        return House(service, settings)

    yield build
    for service in made:
        service.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1, its own authority, with its key: a folder with cert.pem and key.pem."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "acs test")])
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return folder
