"""The files of controllers (radius.db, packets.db): of a program before, of a newer one, and what is not written."""

from __future__ import annotations

import pytest

from captive_portal.gateways.portal2 import Portal2
from captive_portal.portal2 import journal
from captive_portal.portal2.journal import Journal, User
from captive_portal.radius import keeping
from captive_portal.radius.keeping import Keeping
from netops import sqlite
from netops.errors import NetopsError


def written(path, *statements: str) -> None:
    db = sqlite.writer(path)
    for each in statements:
        db.execute(each).fetchall()
    sqlite.close(db)


def kept(path, clock) -> Journal:
    return Journal(path, clock, cap_bytes=1 << 20, days=30)


def test_a_chain_of_before_forms_were_numbered_goes_on(tmp_path, clock) -> None:
    path = tmp_path / "packets.db"
    with kept(path, clock) as first:
        first.packet("ac-1", "in", "10.0.0.1", b"octets")
        first.user("ac-1", "10.0.0.9", User(address="10.0.0.9", mac="m", name="n", request=1, since_ms=1, until_ms=2))
    written(path, "PRAGMA user_version = 0")
    with kept(path, clock) as again:
        assert [each.mac for each in again.users("ac-1")] == ["m"]
        again.packet("ac-1", "out", "10.0.0.1", b"more")

    checked = journal.check(path)
    assert (checked.packets, checked.broken) == (2, None)


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
def test_a_file_of_a_newer_program_is_refused_at_the_start_by_its_name(tmp_path, clock, which) -> None:
    """Not at the first packet, by an error of the database that names a column."""
    path = tmp_path / f"{which}.db"
    with kept(path, clock) if which == "packets" else Keeping(path):
        pass
    written(path, "PRAGMA user_version = 9")

    with (
        pytest.raises(NetopsError, match=rf"{which}\.db: it has form 9, .*install that version or a newer one"),
        kept(path, clock) if which == "packets" else Keeping(path),
    ):
        pass
    with pytest.raises(NetopsError, match="install that version"):
        _ = journal.check(path) if which == "packets" else keeping.outcomes(path)
    written(path, "PRAGMA user_version = 1")
    with kept(path, clock) if which == "packets" else Keeping(path):
        pass  # the refusal held no lock on it


def test_evidence_that_is_not_written_is_told_and_keeps_nobody_out(settings, clock) -> None:
    """`Journal.wrong` was set and read by nobody: a full disk ended the evidence without a word."""
    gateway = Portal2(settings, clock)
    with gateway:
        assert gateway.amiss() == {}
        gateway.journal.wrong = "packets.db: packets are not kept now (full); is the disk full?"

        assert "is the disk full" in gateway.amiss()["packets"]
        assert gateway.ready().wrong == {}
