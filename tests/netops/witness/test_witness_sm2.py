"""A witness that signs by SM2 as well: two lines, one witness; whoever knows its SM2 key asks for both."""

import argparse
import socket
import threading

import pytest

from netops.clock import SYSTEM
from netops.commands import witness as command
from netops.config import Listener
from netops.errors import ConfigError, EvidenceError
from netops.evidence import note
from netops.evidence.checkpoint import Checkpoint, trust
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.sign import Signer
from netops.web.server import Server
from netops.witness import circle, listed, policy
from netops.witness.circle import Circle
from netops.witness.desk import Desk
from netops.witness.service import Application

LOG = Signer("netops.invalid/town", bytes(32))
PLAIN = Signer("carrier.example/w", bytes(range(32)), algorithm=note.COSIGNATURE_V1)
BOTH = PLAIN.with_sm2()
HEAD = Checkpoint(origin=LOG.vkey.name, size=9, root=bytes(32))


def cosigned(by):
    return note.parse(by.cosign(LOG.sign_checkpoint(HEAD), now_s=77))


@pytest.fixture
def ledger(tmp_path):
    body = {"service": "core", "state": "started", "version": "1"}
    with Ledger(tmp_path / "ledger.db", origin="netops.invalid/town", signer=LOG) as made:
        made.append([LedgerEntry("core/1", 1, Fact(kind="service_state", at_ms=1, body=body))], now_ms=1)
        made.checkpoint(now_ms=2)
        yield made


def line(by, url=""):
    return f"quorum 1\n{by.vkey}{f' {by.sm2_vkey}' if by.sm2_vkey else ''} {url}\n"


def test_its_sm2_line_is_over_the_same_message_and_says_when_it_signed():
    held = note.verify(cosigned(BOTH), [BOTH.vkey, BOTH.sm2_vkey])

    assert [(each.key.name, each.time_s) for each in held] == [("carrier.example/w", 77), ("carrier.example/w/sm2", 77)]
    assert note.VerifierKey.parse(str(BOTH.sm2_vkey)) == BOTH.sm2_vkey
    assert BOTH.sm2_vkey.algorithm == note.SM2_COSIGNATURE


def test_two_lines_are_one_witness_and_who_knows_the_first_key_alone_passes_over_the_second():
    for keys in ([LOG.vkey, BOTH.vkey], [LOG.vkey, BOTH.vkey, BOTH.sm2_vkey]):
        assert len(trust(cosigned(BOTH), keys, quorum=1).cosigners) == 1
    with pytest.raises(EvidenceError, match="1 of the 2 co-signatures"):
        trust(cosigned(BOTH), [LOG.vkey, BOTH.vkey, BOTH.sm2_vkey], quorum=2)


def test_an_sm2_line_that_was_stripped_or_changed_is_named():
    keys = [LOG.vkey, BOTH.vkey, BOTH.sm2_vkey]
    with pytest.raises(EvidenceError, match=r"co-signed by carrier\.example/w without its SM2 key carrier"):
        trust(cosigned(PLAIN), keys)

    signed = cosigned(BOTH)
    last = signed.signatures[-1]
    changed = note.Signature(name=last.name, key_id=last.key_id, blob=last.blob[:7] + b"\x4e" + last.blob[8:])
    forged = note.Note(text=signed.text, signatures=(*signed.signatures[:-1], changed))
    with pytest.raises(EvidenceError, match=r"the signature of carrier\.example/w/sm2.* does not hold"):
        trust(forged, keys)


def test_a_key_of_the_one_kind_is_none_of_the_other():
    """A log's SM2 signature is over the text, a witness's over the text and its time."""
    key = BOTH.sm2_vkey
    other = note.VerifierKey(name=key.name, algorithm=note.SM2, public=key.public)

    assert other.id != key.id
    assert note.VerifierKey.parse(str(other)).algorithm == note.SM2


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"{PLAIN.vkey} {LOG.with_sm2().sm2_vkey}", "is not the SM2 key of carrier.example/w"),
        (f"{PLAIN.vkey} {Signer('x', b'x' * 32, algorithm=4).with_sm2().sm2_vkey}", "is not the SM2 key of carrier"),
        (f"{BOTH.sm2_vkey}", "is no witness's"),
        (f"{BOTH.vkey} {BOTH.sm2_vkey} ftp://x", "is no address"),
    ],
    ids=["the log's", "another's", "alone", "an address behind it"],
)
def test_a_line_of_the_list_with_another_sm2_key_is_refused(tmp_path, text, what):
    (tmp_path / listed.FILE).write_text(text + "\n")

    with pytest.raises(ConfigError, match=what):
        listed.read(tmp_path / listed.FILE)


@pytest.mark.parametrize("by", [BOTH, PLAIN], ids=["both", "ed25519 alone"])
def test_the_core_takes_both_lines_or_says_what_is_lacking(tmp_path, ledger, by):
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    (tmp_path / listed.FILE).write_text(line(BOTH, f"http://127.0.0.1:{port}"))
    core = Circle(tmp_path, ledger, threading.RLock())
    with Desk(tmp_path / "book", by, [LOG.vkey]) as desk:
        server = Server(Application(desk, name=by.vkey.name, clock=SYSTEM), Listener(port=port), clear=True)
        server.start()
        try:
            if by is BOTH:
                core.round()
            else:
                with pytest.raises(EvidenceError, match="without its SM2 key"):
                    core.round()
        finally:
            server.stop()
    sealed = policy.before(ledger, ledger.size)

    assert sealed.sm2 == (BOTH.sm2_vkey,)
    assert len(sealed.signers(ledger.latest().note)) == (by is BOTH)
    assert ("carrier.example/w/sm2" in ledger.latest().note.decode()) == (by is BOTH)


def test_a_policy_that_names_an_sm2_key_counts_a_witness_by_both_lines():
    asked = policy.Policy(1, (BOTH.vkey,), (BOTH.sm2_vkey,))

    assert asked.signers(bytes(cosigned(BOTH))) == (BOTH.vkey,)
    assert asked.signers(bytes(cosigned(PLAIN))) == ()
    assert policy.Policy(1, (BOTH.vkey,)).signers(bytes(cosigned(BOTH))) == (BOTH.vkey,)


def test_the_command_tells_both_keys_and_signs_a_file_by_both(tmp_path, ledger, capsys):
    parser = argparse.ArgumentParser()
    command.arguments(parser)

    def run(*words):
        return command.run(parser.parse_args([str(each) for each in words]), None)

    assert run("key", "w", "--out", tmp_path / "w.key", "--sm2") == 0
    told = capsys.readouterr().out.split()
    keys = [note.VerifierKey.parse(each) for each in told]
    (tmp_path / "request").write_bytes(bytes(circle.request(ledger, old=0)))
    (tmp_path / "logs").write_text(f"{LOG.vkey}\n")
    rest = ("--key", tmp_path / "w.key", "--book", tmp_path / "book", "--logs", tmp_path / "logs")
    assert run("sign", tmp_path / "request", *rest, "--out", tmp_path / "signed", "--sm2") == 0

    assert [each.name for each in keys] == ["w", "w/sm2"]
    assert f"co-signed by {told[0]} {told[1]}" in capsys.readouterr().out
    assert len(note.verify(note.parse((tmp_path / "signed").read_bytes()), keys)) == 2
