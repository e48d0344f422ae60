"""`netops witness` by file, from the key to the checkpoint that the core adopts; and `serve` until stopped."""

import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from netops.cli import main
from netops.evidence import checkpoint, note
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.sign import Signer
from netops.witness import circle, listed
from netops.witness.circle import Circle

ORIGIN = "netops.invalid/town"
LOG = Signer(ORIGIN, bytes(32))


@pytest.fixture
def ledger(tmp_path):
    body = {"service": "core", "state": "started", "version": "1"}
    with Ledger(tmp_path / "ledger.db", origin=ORIGIN, signer=LOG) as made:
        facts = [Fact(kind="service_state", at_ms=n, body=body) for n in (1, 2)]
        made.append([LedgerEntry("core/1", fact.at_ms, fact) for fact in facts], now_ms=1)
        made.checkpoint(now_ms=2)
        yield made


@pytest.fixture
def key(tmp_path, capsys):
    (tmp_path / "logs").write_text(f"{LOG.vkey}\n")
    assert main(["witness", "key", "auditor.example/w", "--out", str(tmp_path / "key")]) == 0
    return note.VerifierKey.parse(capsys.readouterr().out.strip())


def witness(town, *words):
    base = ["--set", f"data.dir={town}", "--set", "city.rehearsal=false", "--set", "city.name=town", "witness"]
    return main([*base, *map(str, words)])


def test_a_checkpoint_goes_to_the_witness_and_back_by_file(ledger, key, tmp_path, capsys):
    book = ["--key", tmp_path / "key", "--book", tmp_path / "book", "--logs", tmp_path / "logs"]
    assert witness(tmp_path, "ask", "--out", tmp_path / "request") == 0
    assert witness(tmp_path, "sign", tmp_path / "request", *book, "--out", tmp_path / "signed") == 0
    assert witness(tmp_path, "add", tmp_path / "signed") == 2  # nobody is trusted yet
    assert "names no witness" in capsys.readouterr().err
    (tmp_path / listed.FILE).write_text(f"{key}\n")
    assert witness(tmp_path, "add", tmp_path / "signed") == 0

    Circle(tmp_path, ledger, threading.RLock()).round()

    assert checkpoint.trust(note.parse(ledger.latest().note), [LOG.vkey, key], quorum=1).cosigners
    assert witness(tmp_path, "sign", tmp_path / "request", *book, "--out", tmp_path / "again") == 4
    assert "this witness saw 2: ask the city for a request by `netops witness ask --old 2`" in capsys.readouterr().err


def test_what_cannot_be_handed_in_is_refused(ledger, key, tmp_path, capsys):
    (tmp_path / listed.FILE).write_text(f"{key}\n")
    (tmp_path / "other").write_bytes(ledger.latest().note)

    assert witness(tmp_path, "add", tmp_path / "other") == 4
    assert "no signature by a trusted key" in capsys.readouterr().err
    assert witness(tmp_path, "ask", "--old", "9", "--out", tmp_path / "request") == 4
    assert witness(tmp_path, "ask", "--old", "-1", "--out", tmp_path / "request") == 2
    assert witness(tmp_path, "key", "x", "--out", tmp_path / "key") == 4
    assert "never overwritten" in capsys.readouterr().err


def test_no_file_of_anybody_is_written_over(ledger, key, tmp_path, capsys):
    (tmp_path / "mine").write_text("mine")
    book = ["--key", tmp_path / "key", "--book", tmp_path / "book", "--logs", tmp_path / "logs"]
    assert witness(tmp_path, "ask", "--out", tmp_path / "request") == 0

    assert witness(tmp_path, "ask", "--out", tmp_path / "mine") == 2
    assert witness(tmp_path, "sign", tmp_path / "request", *book, "--out", tmp_path / "mine") == 2

    assert capsys.readouterr().err.count("mine: exists; move it away, or name another with --out") == 2
    assert (tmp_path / "mine").read_text() == "mine"
    assert not (tmp_path / "book").exists()


def test_a_key_that_is_no_witness_s_is_told_with_what_makes_one(ledger, key, tmp_path, capsys):
    Signer.generate(tmp_path / "disputes.key", "carrier-a/disputes")
    book = ["--book", tmp_path / "book", "--logs", tmp_path / "logs", "--out", tmp_path / "signed"]

    assert witness(tmp_path, "sign", tmp_path / "request", "--key", tmp_path / "disputes.key", *book) == 4
    assert "no witness's key (type 0x01); make one with `netops witness key`" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["99999", "0", "-1", "http", "٣", "1" * 5000])
def test_what_is_no_port_is_told_by_the_parser(port, capsys):
    with pytest.raises(SystemExit):
        main(["witness", "serve", "--key", "k", "--book", "b", "--logs", "l", f"--port={port}"])

    assert "is no TCP port; expected 1 to 65535" in capsys.readouterr().err


def test_a_private_key_where_a_public_one_belongs_is_never_shown(ledger, key, tmp_path, capsys):
    private = (tmp_path / "key").read_text()
    book = ["--key", tmp_path / "key", "--book", tmp_path / "book"]
    assert witness(tmp_path, "ask", "--out", tmp_path / "request") == 0
    assert witness(tmp_path, "sign", tmp_path / "request", *book, "--logs", tmp_path / "key", "--out", "no") == 4
    for line in (private, f"{key} {private}"):
        (tmp_path / listed.FILE).write_text(line)
        assert witness(tmp_path, "add", tmp_path / "request") == 2

    said = capsys.readouterr().err
    assert said.count("holds a private key, which must not leave its owner") == 3
    assert private.strip()[-12:] not in said


def test_it_serves_until_it_is_stopped(ledger, key, tmp_path):
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    book = ["--key", tmp_path / "key", "--book", tmp_path / "book", "--logs", tmp_path / "logs", "--port", str(port)]
    code = "import sys; from netops.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "witness", "serve", *map(str, book)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[3], stderr=subprocess.PIPE, text=True) as process:
        try:
            assert "signs at" in process.stderr.readline()
            deadline = time.monotonic() + 10
            signed, size = circle.ask(
                listed.Witness(key, f"http://127.0.0.1:{port}"), lambda old: circle.request(ledger, old=old), old=0
            )
            assert time.monotonic() < deadline
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    assert size == 2
    assert note.verify(note.parse(signed), [key])
