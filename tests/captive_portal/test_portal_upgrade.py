"""An upgrade with visitors inside: databases of every older version, with rows, go on and are verified."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext

from captive_portal import agreement, keys, tables
from captive_portal.code import check
from captive_portal.desk import Attempt
from captive_portal.model import Consent, Session
from captive_portal.records import verify
from captive_portal.redeeming import hashed
from captive_portal.tables import CONSENT, RECORD, SESSION, VOUCHER
from inventory import sql

if TYPE_CHECKING:
    from pathlib import Path

    from alembic.script import ScriptDirectory

MINUTE, HOUR = 60_000, 3_600_000


def older() -> list[str]:
    """Return every version but the newest."""
    script = sql._script(tables.MIGRATIONS)
    found = [each.revision for each in script.walk_revisions()]
    return sorted(found)[:-1]


def migrated_to(revision: str, url: str) -> None:
    """Bring a new database to an older version."""
    script: ScriptDirectory = sql._script(tables.MIGRATIONS)

    def steps(at, _context):
        return script._upgrade_revs(revision, at)

    with sql.Database(url) as database, database.write(lock=tables.MIGRATIONS.version_table) as connection:
        environment = EnvironmentContext(Config(), script, fn=steps, destination_rev=revision)
        environment.configure(
            connection=connection, version_table=tables.MIGRATIONS.version_table, transactional_ddl=True
        )
        with environment:
            environment.run_migrations()


CODE = "ABCDEFGHJKMNPQ" + check("ABCDEFGHJKMNPQ")


@pytest.fixture
def people(house):
    """Two devices of the simulated gateway, and the keyed hash of a voucher."""
    one, two = (house.gateway.identify(f"127.0.0.{number}") for number in (7, 8))
    return one, two


def fill(url: str, settings, people, now_ms: int) -> bytes:
    """Write what a portal of that version had: one online, one long gone, and a voucher in use."""
    one, two = people
    key, text = keys.identity_key(settings), agreement.terms("zh_CN")
    voucher = hashed(keys.voucher_key(settings), CODE)
    live = ("a" * 24, keys.identity(key, one), one.interface, one.mac, "site-1", "voucher", voucher)
    gone = ("b" * 24, keys.identity(key, two), two.interface, None, "site-1", "click_through", None)
    columns = 'id, identity, interface, mac, site, method, voucher, since_ms, until_ms, online_ms, ended_ms, "end"'
    session = f"INSERT INTO portal_session ({columns}) VALUES ({', '.join('?' * 12)})"
    agreed = ("2", "zh_CN", text.digest, "portal")
    with sa.create_engine(url).begin() as connection:

        def write(statement: str, *rows: tuple[object, ...]) -> None:
            for row in rows:
                connection.exec_driver_sql(statement, row)

        write(session, (*live, now_ms - MINUTE, now_ms + HOUR, now_ms - MINUTE, None, None),
              (*gone, now_ms - 2 * HOUR, now_ms - HOUR, now_ms - 2 * HOUR, now_ms - HOUR, "expired"))  # fmt: skip
        write("INSERT INTO portal_address VALUES (?, ?, ?)", (live[0], one.addresses[0], now_ms - MINUTE),
              (gone[0], two.addresses[0], now_ms - 2 * HOUR))  # fmt: skip
        write("INSERT INTO portal_consent VALUES (?, ?, ?, ?, ?, ?)",
              (live[0], now_ms - MINUTE, *agreed), (gone[0], now_ms - 2 * HOUR, *agreed))  # fmt: skip
        write("INSERT INTO portal_voucher_batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
              ("batch-1", "", now_ms - HOUR, "op", 120, 3, False, now_ms + 24 * HOUR, None))  # fmt: skip
        write("INSERT INTO portal_voucher VALUES (?, ?, ?, ?)", (voucher, "batch-1", now_ms - MINUTE, now_ms + HOUR))
        write("INSERT INTO portal_voucher_device VALUES (?, ?, ?)", (voucher, live[1], now_ms - MINUTE))
    return voucher


OLDER = older()


@pytest.mark.parametrize("revision", [OLDER[0], *(pytest.param(each, marks=pytest.mark.slow) for each in OLDER[1:])])
def test_who_was_in_before_the_upgrade_is_in_after_it_and_everything_is_verified(
    house, clock, people, tmp_path: Path, revision: str
) -> None:
    url = tables.url(house.settings)
    (tmp_path / "portal.db").unlink()
    migrated_to(revision, url)
    voucher = fill(url, house.settings, people, clock.now_ms())

    desk = house.open()

    one, two = people
    assert sql.current(tables.MIGRATIONS, url)[0] == sql.current(tables.MIGRATIONS, url)[1]
    session = desk.current(one)
    assert isinstance(session, Session)
    assert (session.id, session.grant.voucher) == ("a" * 24, voucher)
    assert desk.current(two) is None
    desk.upkeep.repair()
    assert [each.client.mac for each in house.gateway.admitted()] == [one.mac]

    consent = Consent(terms="2", language="zh_CN", digest=agreement.terms("zh_CN").digest, channel="portal")
    came = desk.login(Attempt(client=two, method="voucher", fields={"code": CODE}, consent=consent))
    assert isinstance(came, Session), "a voucher of before lets a second device in"
    assert desk.logout(one)

    rows = {row.id: row for row in desk.store.read(lambda connection: list(connection.execute(sa.select(SESSION))))}
    assert (rows["a" * 24].end, rows["a" * 24].mac, rows["b" * 24].end) == ("logout", None, "expired")
    assert len(desk.store.read(lambda connection: list(connection.execute(sa.select(CONSENT))))) == 3
    assert len(desk.store.read(lambda connection: list(connection.execute(sa.select(VOUCHER))))) == 1
    found = desk.store.read(lambda connection: verify.verify(connection, {}, now_ms=clock.now_ms()))
    assert found.problems == []
    entries = desk.store.read(lambda connection: list(connection.execute(sa.select(RECORD))))
    assert len(entries) >= 2, "the chain begins with what happens from the upgrade on"


def test_a_database_of_a_newer_version_is_refused_and_left_alone(house, tmp_path: Path) -> None:
    url = tables.url(house.settings)
    with sa.create_engine(url).begin() as connection:
        connection.exec_driver_sql(f"UPDATE {tables.MIGRATIONS.version_table} SET version_num = '9999'")
    before = hashlib.sha256((tmp_path / "portal.db").read_bytes()).hexdigest()

    with pytest.raises(Exception, match="install that version or a newer one"):
        house.open()

    assert hashlib.sha256((tmp_path / "portal.db").read_bytes()).hexdigest() == before
