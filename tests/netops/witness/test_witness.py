"""A witness signs what only grew, keeps what it saw before it signs, and refuses everything else by its status."""

import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from netops.clock import Clock
from netops.config import Listener
from netops.errors import ConfigError, EvidenceError
from netops.evidence import checkpoint, note
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.sign import Signer
from netops.web.server import Server
from netops.witness import circle, listed
from netops.witness.circle import Circle
from netops.witness.desk import Desk, HeldError
from netops.witness.protocol import LARGEST, Ask, RefusedError, Seen
from netops.witness.service import Application

ORIGIN = "netops.invalid/town"
LOG = Signer(ORIGIN, bytes(32))
CARRIER = Signer("carrier.example/w", bytes(range(32)), algorithm=note.COSIGNATURE_V1)
AUDITOR = Signer("auditor.example/w", bytes(range(1, 33)), algorithm=note.COSIGNATURE_V1)


def fact(number, detail="x"):
    body = {"service": "core", "state": "started", "version": "1", "detail": detail}
    return LedgerEntry("core/1", number, Fact(kind="service_state", at_ms=number, body=body))


def grow(ledger, upto, detail="x"):
    ledger.append([fact(n, detail) for n in range(ledger.size + 1, upto + 1)], now_ms=1)
    ledger.checkpoint(now_ms=2)


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.db", origin=ORIGIN, signer=LOG) as made:
        grow(made, 5)
        yield made


@pytest.fixture
def desk(tmp_path):
    with Desk(tmp_path / "book", CARRIER, [LOG.vkey]) as made:
        yield made


def refused(desk, ask):
    with pytest.raises(RefusedError) as caught:
        desk.add(bytes(ask), now_s=9)
    return caught.value


def test_a_log_that_only_grows_is_co_signed_and_the_core_adopts_it(ledger, desk):
    for size in (5, 6, 13, 200):
        grow(ledger, size)
        known = desk.seen(ORIGIN)
        signed = desk.add(bytes(circle.request(ledger, old=known.size if known else 0)), now_s=1_790_000_000)
        ledger.adopt(signed, [CARRIER.vkey])

        held = checkpoint.trust(note.parse(ledger.latest().note), [LOG.vkey, CARRIER.vkey], quorum=1)
        assert held.checkpoint.size == size
        assert held.cosigners[0].time_s == 1_790_000_000
        assert desk.seen(ORIGIN) == Seen(ORIGIN, size, ledger.root())


def test_the_same_head_is_signed_again_for_whoever_lost_the_answer(ledger, desk):
    desk.add(bytes(circle.request(ledger, old=0)), now_s=1)

    again = desk.add(bytes(circle.request(ledger, old=5)), now_s=2)

    assert note.verify(note.parse(again), [CARRIER.vkey])[0].time_s == 2


def test_a_stale_size_is_answered_with_the_known_one(ledger, desk):
    desk.add(bytes(circle.request(ledger, old=0)), now_s=1)
    grow(ledger, 9)

    error = refused(desk, circle.request(ledger, old=0))

    assert (error.status, error.size) == (409, 5)
    assert desk.seen(ORIGIN).size == 5


def test_a_rollback_is_refused(ledger, desk, tmp_path):
    early = ledger.latest().note
    grow(ledger, 9)
    desk.add(bytes(circle.request(ledger, old=0)), now_s=1)

    assert refused(desk, Ask(9, (), early)).status == 400  # old > new
    error = refused(desk, Ask(0, (), early))
    assert (error.status, error.size) == (409, 9)
    assert desk.seen(ORIGIN).size == 9


@pytest.mark.parametrize("size", [5, 8])
def test_a_fork_is_refused_at_the_same_size_and_beyond(ledger, desk, tmp_path, size):
    desk.add(bytes(circle.request(ledger, old=0)), now_s=1)
    with Ledger(tmp_path / "other.db", origin=ORIGIN, signer=LOG) as other:
        grow(other, size, detail="forged")

        error = refused(desk, circle.request(other, old=5))

    assert error.status == (409 if size == 5 else 422)
    assert desk.seen(ORIGIN) == Seen(ORIGIN, 5, ledger.root())


def test_every_changed_proof_is_refused(ledger, desk):
    desk.add(bytes(circle.request(ledger, old=0)), now_s=1)
    grow(ledger, 13)
    true = circle.request(ledger, old=5)
    wrong = [(), true.proof[:-1], (*true.proof, bytes(32)), (bytes(32), *true.proof[1:]), true.proof[::-1]]

    assert [refused(desk, Ask(5, proof, true.checkpoint)).status for proof in wrong] == [422] * len(wrong)
    assert refused(desk, Ask(5, (b"short",), true.checkpoint)).status == 422
    desk.add(bytes(true), now_s=2)


def test_from_the_empty_log_no_proof_is_taken(ledger, desk):
    assert refused(desk, Ask(0, (bytes(32),), ledger.latest().note)).status == 422


def test_strangers_and_forgers_are_refused(ledger, desk):
    text = note.parse(ledger.latest().note).text
    other = Signer("netops.invalid/else", bytes(32))
    unknown = other.sign(text.replace(ORIGIN, "netops.invalid/else"))

    assert refused(desk, Ask(0, (), unknown)).status == 404
    assert refused(desk, Ask(0, (), Signer(ORIGIN, bytes([7] * 32)).sign(text))).status == 403
    assert refused(desk, Ask(0, (), ledger.latest().note.replace(b"\n5\n", b"\n6\n"))).status == 403
    assert refused(desk, Ask(0, (), CARRIER.cosign(other.sign(text), now_s=1))).status == 403


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"\n\n",
        b"old 0",
        b"old 0\n\n",
        b"old 00\n\nx",
        b"old -1\n\nx",
        b"old " + b"9" * 5000 + b"\n\nx",
        b"old 0\nnot base64\n\nx",
        b"old 0\n" + b"AA==\n" * 64 + b"\nx",
        b"\xff",
        b"old 0\n\n\xff\xff",
        b"old 0\n\nnetops.invalid/town\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n",
        b"a" * (LARGEST + 1),
    ],
)
def test_junk_is_refused_as_malformed(desk, request_):
    with pytest.raises(RefusedError) as caught:
        desk.add(request_, now_s=1)
    assert caught.value.status == 400


def test_an_empty_log_is_not_witnessed(desk):
    empty = checkpoint.Checkpoint(origin=ORIGIN, size=0, root=checkpoint.merkle.EMPTY_ROOT)

    assert refused(desk, Ask(0, (), LOG.sign_checkpoint(empty))).status == 400


def test_a_book_that_cannot_be_read_or_written_signs_nothing(ledger, desk, tmp_path):
    desk.add(bytes(circle.request(ledger, old=0)), now_s=1)
    (page,) = (tmp_path / "book").glob("*.json")
    page.write_text("{")
    with pytest.raises(EvidenceError, match="restore it from the backup"):
        desk.add(bytes(circle.request(ledger, old=5)), now_s=1)
    page.unlink()
    page.with_name(page.name + ".new").mkdir()
    with pytest.raises(EvidenceError, match="nothing signed"):
        desk.add(bytes(circle.request(ledger, old=0)), now_s=1)


def test_one_book_has_one_writer(desk, tmp_path):
    with pytest.raises(HeldError, match="another process") as held, Desk(tmp_path / "book", CARRIER, [LOG.vkey]):
        pass

    assert held.value.exit_code == 75  # try again: it is no evidence against anybody


def test_a_log_key_is_no_witness(tmp_path):
    with pytest.raises(EvidenceError, match=r"type 0x01\); make one with `netops witness key`"):
        Desk(tmp_path, LOG, [LOG.vkey])


_KILLED = """
import os, signal, sys
from pathlib import Path
from netops.evidence import note
from netops.sign import Signer
from netops.witness.desk import Desk

class Dying(Signer):
    def cosign(self, signed, *, now_s):
        os.kill(os.getpid(), signal.SIGKILL)

signer = Dying({name!r}, bytes(range(32)), algorithm=note.COSIGNATURE_V1)
with Desk(Path({book!r}), signer, [note.VerifierKey.parse({log!r})]) as desk:
    desk.add(Path({request!r}).read_bytes(), now_s=1)
"""


def test_killed_between_state_and_signature_it_knows_the_head_and_signs_no_other(ledger, tmp_path):
    request, book = tmp_path / "request", tmp_path / "book"
    request.write_bytes(bytes(circle.request(ledger, old=0)))
    text = _KILLED.format(name=CARRIER.vkey.name, book=str(book), log=str(LOG.vkey), request=str(request))
    done = subprocess.run([sys.executable, "-c", text], cwd=Path(__file__).parents[3], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL

    with Desk(book, CARRIER, [LOG.vkey]) as desk:
        assert desk.seen(ORIGIN) == Seen(ORIGIN, 5, ledger.root())
        with Ledger(tmp_path / "other.db", origin=ORIGIN, signer=LOG) as other:
            grow(other, 5, detail="forged")
            assert refused(desk, circle.request(other, old=5)).status == 409
        assert refused(desk, circle.request(ledger, old=0)).size == 5
        assert note.verify(note.parse(desk.add(bytes(circle.request(ledger, old=5)), now_s=2)), [CARRIER.vkey])


# ---- over HTTP


class Still(Clock):
    def now_ms(self):
        return 1_790_000_000_000


@pytest.fixture
def served(desk):
    port = free_port()
    server = Server(Application(desk, name=CARRIER.vkey.name, clock=Still()), Listener(port=port), clear=True)
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def over(core):
    for turn in core._turns.values():
        turn.join()


def test_the_core_asks_over_http_and_learns_the_size_from_the_refusal(ledger, desk, served, tmp_path):
    (tmp_path / listed.FILE).write_text(f"# the carrier\n{CARRIER.vkey} {served}/\n")
    Circle(tmp_path, ledger, threading.RLock()).round()
    grow(ledger, 40)

    again = Circle(tmp_path, ledger, threading.RLock())  # a core that began anew knows no size
    again.round()
    again.round()

    held = checkpoint.trust(note.parse(ledger.latest().note), [LOG.vkey, CARRIER.vkey], quorum=1)
    assert (held.checkpoint.size, held.cosigners[0].time_s) == (40, 1_790_000_000)
    assert desk.seen(ORIGIN).size == 40
    assert (tmp_path / "ledger.db.checkpoint").read_bytes() == ledger.latest().note


def test_one_witness_that_fails_does_not_keep_the_others_from_signing(ledger, served, tmp_path):
    (tmp_path / listed.FILE).write_text(f"{AUDITOR.vkey} http://127.0.0.1:1\n{CARRIER.vkey} {served}\n")

    with pytest.raises(EvidenceError, match="does not answer"):
        Circle(tmp_path, ledger, threading.RLock()).round()

    assert checkpoint.trust(note.parse(ledger.latest().note), [LOG.vkey, CARRIER.vkey], quorum=1)


def test_a_witness_that_hangs_holds_nobody_up_and_is_told_of(ledger, tmp_path):
    acting = threading.RLock()
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        (tmp_path / listed.FILE).write_text(f"{CARRIER.vkey} http://127.0.0.1:{mute.getsockname()[1]}\n")
        core = Circle(tmp_path, ledger, acting)
        core.step()
        link, _ = mute.accept()
        core.step()  # the first one still goes
        assert acting.acquire(timeout=1)
        grow(ledger, 9)
        acting.release()
        core.stop()
        link.close()
    over(core)

    with pytest.raises(EvidenceError, match="does not answer"):
        core.step()
    over(core)
    with pytest.raises(EvidenceError, match="the core is stopping"):
        core.step()
    assert len(note.parse(ledger.latest().note).signatures) == 1


def test_a_signature_by_another_key_is_not_adopted(ledger, served, tmp_path):
    (tmp_path / listed.FILE).write_text(f"{AUDITOR.vkey} {served}\n")
    before = ledger.latest().note

    with pytest.raises(EvidenceError, match="no signature by a trusted key"):
        Circle(tmp_path, ledger, threading.RLock()).round()

    assert ledger.latest().note == before


def test_http_refusals_have_their_status(ledger, desk, served):
    witness = listed.Witness(CARRIER.vkey, served)
    desk.add(bytes(circle.request(ledger, old=0)), now_s=1)

    assert circle._post(witness, circle.request(ledger, old=0))[:2] == (409, b"5\n")
    assert circle._post(witness, Ask(5, (), b"junk"))[0] == 400
    assert circle._post(listed.Witness(CARRIER.vkey, f"{served}/else"), Ask(5, (), b""))[0] == 404


# ---- by file


def test_a_file_that_was_handed_in_is_adopted_and_a_bad_one_is_put_aside(ledger, desk, tmp_path):
    (tmp_path / listed.FILE).write_text(f"{CARRIER.vkey}\n")
    inbox = tmp_path / circle.INBOX
    inbox.mkdir()
    (inbox / "a.note").write_bytes(desk.add(bytes(circle.request(ledger, old=0)), now_s=1))
    (inbox / "b.note").write_bytes(AUDITOR.cosign(ledger.latest().note, now_s=1))

    with pytest.raises(EvidenceError, match=r"b\.note"):
        Circle(tmp_path, ledger, threading.RLock()).round()

    assert [each.name for each in inbox.iterdir()] == ["b.refused"]
    stopping = Circle(tmp_path, ledger, threading.RLock())
    stopping.stop()
    (inbox / "b.refused").rename(inbox / "b.note")
    with pytest.raises(EvidenceError, match="the core is stopping"):
        stopping.round()
    assert [each.name for each in inbox.iterdir()] == ["b.note"]
    (inbox / "b.note").unlink()
    assert checkpoint.trust(note.parse(ledger.latest().note), [LOG.vkey, CARRIER.vkey], quorum=1)
    Circle(tmp_path, ledger, threading.RLock()).round()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("junk", "expected <name>"),
        (str(LOG.vkey), "type 0x01"),
        (f"{CARRIER.vkey} ftp://x", "no address"),
        (f"{CARRIER.vkey} http://x more", "no address"),
    ],
)
def test_a_list_of_witnesses_that_is_off_is_refused_with_its_line(tmp_path, line, says):
    (tmp_path / listed.FILE).write_text(f"# first\n{line}\n")

    with pytest.raises(ConfigError, match=rf"witnesses\.txt:2: .*{says}"):
        listed.read(tmp_path / listed.FILE)


def test_without_a_list_nobody_is_asked(ledger, tmp_path):
    Circle(tmp_path, ledger, threading.RLock()).round()

    assert listed.read(tmp_path / listed.FILE) == listed.Listed()
