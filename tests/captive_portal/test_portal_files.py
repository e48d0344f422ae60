"""The files of controllers (radius.db, packets.db): of a program before, of a newer one, and what is not written."""

from __future__ import annotations

import pytest

from captive_portal.gateways.portal2 import Portal2
from captive_portal.portal2 import packets
from captive_portal.portal2.journal import Journal
from captive_portal.portal2.vault import Vault
from captive_portal.radius import keeping
from captive_portal.radius.keeping import Keeping
from netops import sqlite
from netops.errors import NetopsError


def written(path, *statements: str) -> None:
    db = sqlite.writer(path)
    for each in statements:
        db.execute(each).fetchall()
    sqlite.close(db)


@pytest.fixture
def kept(settings, clock):
    """Make the journal of a file."""
    vault = Vault.of(settings)
    return lambda path: Journal(path, clock, vault=vault, cap_bytes=1 << 20, days=30)


def test_a_chain_of_before_forms_were_numbered_goes_on(tmp_path, kept) -> None:
    path = tmp_path / "packets.db"
    user = "INSERT INTO user VALUES ('ac-1', '10.0.0.9', 'm', 'n', 1, 1, 2)"
    written(path, packets.FORMS[0], user)
    with kept(path) as again:
        assert [each.mac for each in again.users("ac-1")] == ["m"]
        again.packet("ac-1", "out", "10.0.0.1", b"more")

    checked = packets.check(path)
    assert (checked.packets, checked.broken) == (1, None)


def test_doors_of_before_forms_were_numbered_stay_open(tmp_path) -> None:
    path = tmp_path / "radius.db"
    with Keeping(path) as first:
        born = first.born
    written(
        path,
        "PRAGMA user_version = 0",
        "INSERT INTO door VALUES ('ac-1', '02:00:00:00:00:01', 2000, '[60, 0, 0, 0, 0]', '[\"10.0.0.9\"]', x'6e')",
    )
    with Keeping(path) as again:
        (found,) = again.known(1_000).doors

        assert again.born == born
    assert (found.key, found.addresses) == (("ac-1", "02:00:00:00:00:01"), ("10.0.0.9",))
    assert found.bounds.seconds == 60


@pytest.mark.parametrize("which", ["packets", "radius"])
def test_a_file_of_a_newer_program_is_refused_at_the_start_by_its_name(tmp_path, kept, which) -> None:
    """Not at the first packet, by an error of the database that names a column."""
    path = tmp_path / f"{which}.db"
    with kept(path) if which == "packets" else Keeping(path):
        pass
    written(path, "PRAGMA user_version = 9")

    with (
        pytest.raises(NetopsError, match=rf"{which}\.db: it has form 9, .*install that version or a newer one"),
        kept(path) if which == "packets" else Keeping(path),
    ):
        pass
    with pytest.raises(NetopsError, match="install that version"):
        _ = packets.check(path) if which == "packets" else keeping.outcomes(path)
    own = packets.FORMS if which == "packets" else keeping.FORMS
    written(path, f"PRAGMA user_version = {len(own)}")
    with kept(path) if which == "packets" else Keeping(path):
        pass  # the refusal held no lock on it


def test_evidence_that_is_not_written_is_told_and_keeps_nobody_out(settings, clock) -> None:
    """`Journal.wrong` was set and read by nobody: a full disk ended the evidence without a word."""
    gateway = Portal2(settings, clock)
    with gateway:
        assert gateway.amiss() == {}
        gateway.journal.wrong = "packets.db: packets are not kept now (full); is the disk full?"

        assert "is the disk full" in gateway.amiss()["packets"]
        assert gateway.ready().wrong == {}
