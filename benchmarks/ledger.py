"""How fast the ledger seals and proves: `python benchmarks/ledger.py [LEAVES]`. One JSON line of figures."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from netops.evidence import merkle, note
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry, LedgerReader
from netops.sign import Signer

BATCH = 2000
AUDIT = "--audit"


def entries(first: int, count: int) -> list[LedgerEntry]:
    made = []
    for n in range(first, first + count):
        body = {"vantage": "core", "slot_ms": n * 60_000, "polls": 1000, "answered": 998, "digest": f"{n:064x}"}
        made.append(LedgerEntry("collect/3f2a91bc", n, Fact(kind="poll_cycle", at_ms=n * 60_000, body=body)))
    return made


def main(leaves: int) -> None:
    signer = Signer.new("log.example/city")
    figures: dict[str, float] = {"leaves": leaves, "batch": BATCH}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "ledger.db"
        with Ledger(path, origin="log.example/city", signer=signer) as ledger:
            spent = cpu = 0.0
            for first in range(1, leaves + 1, BATCH):
                batch = entries(first, min(BATCH, leaves + 1 - first))
                start, busy = time.perf_counter(), time.process_time()
                ledger.append(batch, now_ms=first)
                spent += time.perf_counter() - start
                cpu += time.process_time() - busy
            figures["append_leaves_per_s"] = round(leaves / spent)
            figures["append_leaves_per_cpu_s"] = round(leaves / cpu)
            start = time.perf_counter()
            signed = ledger.checkpoint(now_ms=1)
            figures["checkpoint_ms"] = round((time.perf_counter() - start) * 1000, 2)
            start = time.perf_counter()
            proofs = [ledger.inclusion(index) for index in range(0, leaves, max(1, leaves // 1000))]
            figures["inclusion_proof_ms"] = round((time.perf_counter() - start) * 1000 / len(proofs), 3)
            start = time.perf_counter()
            path1 = ledger.consistency(leaves // 3)
            figures["consistency_proof_ms"] = round((time.perf_counter() - start) * 1000, 3)
            merkle.verify_consistency(leaves // 3, leaves, ledger.root(leaves // 3), ledger.root(), path1)
            figures["bytes_per_leaf"] = round(path.stat().st_size / leaves, 1)
        start = time.perf_counter()
        with Ledger(path, origin="log.example/city", signer=signer):
            figures["open_ms"] = round((time.perf_counter() - start) * 1000, 1)
        told = subprocess.run([sys.executable, __file__, AUDIT, str(path)], capture_output=True, check=True)
        spent, cpu = json.loads(told.stdout)
        figures["audit_s"], figures["audit_cpu_s"] = round(spent, 2), round(cpu, 2)
        figures["audit_leaves_per_s"] = round(leaves / spent)
        with LedgerReader(path) as reader:
            start = time.perf_counter()
            found = sum(1 for _ in reader.find("poll_cycle", start_ms=0))
            figures["find_leaves_per_s"] = round(found / (time.perf_counter() - start))
    given = note.parse(signed)
    start = time.perf_counter()
    for _ in range(50):
        note.verify(given, [signer.vkey])
    figures["ed25519_verify_ms"] = round((time.perf_counter() - start) * 1000 / 50, 2)
    print(json.dumps(figures))


def audit(path: Path) -> None:
    """Audit a ledger as an auditor does, in a process of its own; print the seconds it took, and those of CPU."""
    with LedgerReader(path) as reader:
        start, busy = time.perf_counter(), time.process_time()
        reader.audit()
        print(json.dumps([time.perf_counter() - start, time.process_time() - busy]))


if __name__ == "__main__":
    if sys.argv[1:2] == [AUDIT]:
        audit(Path(sys.argv[2]))
        sys.exit()
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
