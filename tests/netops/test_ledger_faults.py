"""The ledger on a disk that fails: nothing acknowledged is lost, nothing is doubled, and it goes on afterwards."""

import contextlib
import os
import subprocess

import apsw
import pytest

from netops import sqlite
from netops.errors import EvidenceError
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.sign import Signer

ORIGIN = "log.example/city"
SIGNER = Signer(ORIGIN, bytes(32))
ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "8"))


def told(first, last):
    body = {"action": "a", "subject": "s", "by": "b", "detail": "x" * 200}
    return [LedgerEntry("web/1", n, Fact(kind="staff_action", at_ms=n, body=body)) for n in range(first, last + 1)]


class FailingFile(apsw.VFSFile):
    """A file whose N-th write or fsync fails, once."""

    def __init__(self, vfs, name, flags):
        super().__init__("", name, flags)
        self._disk = vfs

    def xWrite(self, data, offset):  # noqa: N802
        self._disk.count("write")
        super().xWrite(data, offset)

    def xSync(self, flags):  # noqa: N802
        self._disk.count("fsync")
        super().xSync(flags)

    def xTruncate(self, size):  # noqa: N802
        self._disk.count("truncate")
        super().xTruncate(size)


class FailingDisk(apsw.VFS):
    """The machine's disk, but for one operation."""

    def __init__(self, name):
        super().__init__(name, "")
        self.left = None
        self.seen = 0

    def xOpen(self, name, flags):  # noqa: N802
        return FailingFile(self, name, flags)

    def count(self, what):
        self.seen += 1
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                self.left = None
                raise apsw.IOError(f"the {what} failed")


@pytest.fixture
def disk(monkeypatch):
    made = FailingDisk("failing-ledger")
    plain = sqlite.writer
    monkeypatch.setattr(sqlite, "writer", lambda path: plain(path, vfs="failing-ledger"))
    yield made
    made.unregister()


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.filterwarnings("ignore")
def test_whatever_operation_fails_what_was_acknowledged_stays_and_the_rest_can_be_told_again(tmp_path, disk):
    """Row R6, for every N up to a bound that grows with the rounds."""
    for nth in range(1, 1 + ROUNDS * 10):
        path = tmp_path / f"{nth}.db"
        acknowledged, refused = 0, 0
        with Ledger(path, origin=ORIGIN, signer=SIGNER, wait_s=0.0) as ledger:
            disk.left = nth
            for first in range(1, 60, 20):
                try:
                    ledger.append(told(first, first + 19), now_ms=1)
                    acknowledged = first + 19
                    ledger.checkpoint(now_ms=2)
                except EvidenceError:
                    refused += 1
                with contextlib.suppress(EvidenceError):
                    ledger.append(told(first, first + 19), now_ms=1)
            assert refused or nth > 5, nth
            disk.left = None
        with Ledger(path, origin=ORIGIN, signer=SIGNER, wait_s=0.0) as ledger:
            held = {leaf.sequence for leaf in ledger.entries(0, ledger.size)}

            assert set(range(1, acknowledged + 1)) <= held, nth
            ledger.append(told(1, 60), now_ms=3)
            assert ledger.size == 60
            assert sorted(leaf.sequence for leaf in ledger.entries(0, 60)) == list(range(1, 61))
            assert ledger.audit() == 60


@pytest.mark.root
@pytest.mark.slow
def test_a_full_disk_refuses_and_a_freed_one_goes_on(tmp_path):
    """Row R7."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", place], check=True)
    try:
        ballast = place / "ballast"
        ballast.write_bytes(bytes(400_000))
        sequence = 0
        with Ledger(place / "ledger.db", origin=ORIGIN, signer=SIGNER, wait_s=0.0) as ledger:
            with contextlib.suppress(EvidenceError):
                while sequence < 100_000:
                    ledger.append(told(sequence + 1, sequence + 20), now_ms=1)
                    sequence += 20
            assert sequence < 100_000
            assert sequence > 0
            with pytest.raises(EvidenceError, match=r"is the disk full|free the disk"):
                ledger.append(told(sequence + 1, sequence + 400), now_ms=1)

            ballast.unlink()

            assert ledger.append(told(1, sequence + 20), now_ms=1).duplicates == sequence
            ledger.checkpoint(now_ms=2)
            assert ledger.audit() == sequence + 20
    finally:
        subprocess.run(["umount", place], check=True)
