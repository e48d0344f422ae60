"""Whatever one witness, a file or a line of the list does, the core goes on, the others sign, and health says it."""

import os
import socket
import ssl
import threading
from contextlib import contextmanager
from http.client import HTTPException

import pytest

from netops import checks, config
from netops.clock import SYSTEM
from netops.config import Listener
from netops.errors import ConfigError, EvidenceError
from netops.evidence import note
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.sign import Signer
from netops.web.server import Server
from netops.witness import circle, exchange, listed, policy
from netops.witness.circle import Circle
from netops.witness.desk import Desk
from netops.witness.service import Application

FACT = Fact(kind="service_state", at_ms=3, body={"service": "core", "state": "started", "version": "1"})
LOG = Signer("netops.invalid/town", bytes(32))
CARRIER = Signer("carrier.example/w", bytes(range(32)), algorithm=note.COSIGNATURE_V1)
AUDITOR = Signer("auditor.example/w", bytes(range(1, 33)), algorithm=note.COSIGNATURE_V1)


@pytest.fixture
def ledger(tmp_path):
    body = {"service": "core", "state": "started", "version": "1", "detail": "x"}
    with Ledger(tmp_path / "ledger.db", origin="netops.invalid/town", signer=LOG) as made:
        made.append([LedgerEntry("core/1", 1, Fact(kind="service_state", at_ms=1, body=body))], now_ms=1)
        made.checkpoint(now_ms=2)
        yield made


@pytest.fixture
def desk(tmp_path):
    with Desk(tmp_path / "book", CARRIER, [LOG.vkey]) as made:
        yield made


@pytest.fixture
def served(desk):
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    server = Server(Application(desk, name=CARRIER.vkey.name, clock=SYSTEM), Listener(port=port), clear=True)
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@contextmanager
def hostile(first, again):
    """A server that says `first` to whoever connects, then `again` every 50 ms until it is hung up."""
    gone = threading.Event()

    def talk(link):
        with link:
            link.settimeout(0.05)
            try:
                link.sendall(first)
                while not gone.is_set():
                    link.sendall(again)
                    gone.wait(0.05)
            except OSError:
                return

    def serve():
        while True:
            try:
                link, _ = door.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(link,), daemon=True).start()

    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{door.getsockname()[1]}"
        gone.set()
        door.shutdown(socket.SHUT_RDWR)


HOSTILE = {
    "continue for ever": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "an octet now and then": (b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b"x"),
    "the same, without an end": (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"x"),
    "a header for ever": (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
}


def until_over(core, who):
    turn = next(each for key, each in core._turns.items() if key is not None and key.key == who.vkey)
    turn.join()
    return turn


@pytest.mark.parametrize("what", HOSTILE)
def test_a_question_is_over_when_its_time_is(what):
    with hostile(*HOSTILE[what]) as place:
        began_s = SYSTEM.monotonic()

        with pytest.raises(TimeoutError, match=r"longer than 0\.3 s"):
            exchange.post(f"http://{place}/x", b"", timeout_s=0.3, most=1000)

        assert SYSTEM.monotonic() - began_s < 3


def test_a_flood_is_not_read_on():
    flood = b"HTTP/1.1 100 Continue\r\n\r\n" * 1000
    with hostile(flood * 20, flood) as place:
        began_s = SYSTEM.monotonic()

        with pytest.raises(HTTPException, match="said more than 524288 bytes"):
            exchange.post(f"http://{place}/x", b"", timeout_s=20, most=1000)

        assert SYSTEM.monotonic() - began_s < 10


def test_a_handshake_that_drips_is_cut_too():
    record = bytes([22, 3, 3, 64, 0])  # a TLS record of 16 KiB that comes octet by octet
    with hostile(record, b"\x02") as place:
        began_s = SYSTEM.monotonic()

        with pytest.raises((TimeoutError, ssl.SSLError)):
            exchange.post(f"https://{place}/x", b"", timeout_s=0.3, most=1000)

        assert SYSTEM.monotonic() - began_s < 3


def test_a_hostile_witness_holds_no_other_up_and_is_told_of(ledger, served, tmp_path, monkeypatch):
    with hostile(*HOSTILE["continue for ever"]) as place:
        (tmp_path / listed.FILE).write_text(f"{AUDITOR.vkey} http://{place}\n{CARRIER.vkey} {served}\n")
        core = Circle(tmp_path, ledger, threading.RLock())
        core.step()
        until_over(core, CARRIER)

        assert len(note.parse(ledger.latest().note).signatures) == 2
        (going,) = (turn for turn in core._turns.values() if turn.going)
        for _ in range(5):  # who still goes is not asked again
            core.step()
            until_over(core, CARRIER)
        assert going in core._turns.values()
        monkeypatch.setattr(circle, "LATE_S", 0.0)
        with pytest.raises(EvidenceError, match=r"witness auditor\.example/w: its turn has lasted 0 s"):
            core.step()
    monkeypatch.undo()
    until_over(core, AUDITOR)
    with pytest.raises(EvidenceError, match=r"witness auditor\.example/w: does not answer"):
        core.step()


def test_what_went_wrong_is_told_while_the_next_turn_goes(ledger, tmp_path, monkeypatch):
    free = threading.Event()

    def post(*_, **__):
        if free.is_set():
            return 200, b""
        raise OSError("the first")

    (tmp_path / listed.FILE).write_text(f"{AUDITOR.vkey} http://127.0.0.1:1\n")
    monkeypatch.setattr(exchange, "post", post)
    core = Circle(tmp_path, ledger, threading.RLock())
    core.step()
    until_over(core, AUDITOR)
    monkeypatch.setattr(exchange, "post", lambda *_, **__: free.wait() and post())
    for _ in range(2):  # at the second step the second turn still goes
        with pytest.raises(EvidenceError, match="the first"):
            core.step()
    free.set()
    until_over(core, AUDITOR)
    with pytest.raises(EvidenceError, match=r"no signature|signature by a trusted key"):
        core.step()
    (tmp_path / listed.FILE).write_text("")
    until_over(core, AUDITOR)
    with pytest.raises(EvidenceError, match="trusted key"):
        core.step()
    core.step()  # who is no longer in the list is no longer spoken of


def test_a_fault_that_nobody_thought_of_is_told(ledger, tmp_path, monkeypatch):
    (tmp_path / listed.FILE).write_text(f"{AUDITOR.vkey} http://127.0.0.1:1\n")
    monkeypatch.setattr(exchange, "post", lambda *_, **__: {}["of ours"])

    with pytest.raises(EvidenceError, match=r"witness auditor\.example/w: 'of ours'"):
        Circle(tmp_path, ledger, threading.RLock()).round()


# ---- by file


def test_a_pipe_among_the_files_holds_nobody_up(ledger, desk, tmp_path):
    (tmp_path / listed.FILE).write_text(f"{CARRIER.vkey}\n")
    inbox = tmp_path / circle.INBOX
    inbox.mkdir()
    os.mkfifo(inbox / "a.note")
    (inbox / "b.note").write_bytes(b"x" * (note.MAX_NOTE + 1))
    (inbox / "c.note").symlink_to("/dev/zero")
    (inbox / "d.note").write_bytes(desk.add(bytes(circle.request(ledger, old=0)), now_s=1))
    acting = threading.RLock()
    core = Circle(tmp_path, ledger, acting)

    core.step()

    core._turns[None]._thread.join(timeout=10)
    assert acting.acquire(timeout=1)
    assert len(note.parse(ledger.latest().note).signatures) == 2
    assert sorted(each.name for each in inbox.iterdir()) == ["a.refused", "b.refused", "c.refused"]
    with pytest.raises(EvidenceError, match=r"a\.note: no plain file.*b\.note: longer than.*c\.note: no plain file"):
        core.step()
    core._turns[None].join()


def test_a_file_that_cannot_be_opened_stays_and_is_told(ledger, tmp_path):
    inbox = tmp_path / circle.INBOX
    inbox.mkdir()
    (inbox / "a.note").symlink_to("a.note")

    with pytest.raises(EvidenceError, match=r"a\.note: Too many levels"):
        Circle(tmp_path, ledger, threading.RLock()).round()

    assert [each.name for each in inbox.iterdir()] == ["a.note"]


# ---- the list


@pytest.mark.parametrize(
    "address",
    [
        "http://h:99999",
        "http://h:8x",
        "http://h:0",
        "http://" + "a" * 64 + ".example",
        "http://" + ".".join(["a" * 60] * 5),
        "http://a..example",
        "http://h/é",
        "http://é.example",
        "http://h/\x7f",
        "http://h\x00",
        "http://[::1",
        "http://[h]",
        "http://[::1]x:80",
        "http://somebody@h",
        "http://h/?a",
        "http://h#a",
    ],
)
def test_an_address_that_cannot_be_asked_is_refused_with_its_line(tmp_path, address):
    (tmp_path / listed.FILE).write_text(f"# first\n{CARRIER.vkey} {address}\n")

    with pytest.raises(ConfigError, match=r"witnesses\.txt:2: .*is no address; expected http"):
        listed.read(tmp_path / listed.FILE)


@pytest.mark.parametrize(
    "address",
    ["http://h", "https://H.example.:8390/a/%C3%A9", "http://[::1]:80", "http://[fe80::1%25a]", "http://10.0.0.1"],
)
def test_an_address_that_can_be_asked_is_taken(tmp_path, address):
    (tmp_path / listed.FILE).write_text(f"{CARRIER.vkey} {address}/\n")

    assert listed.read(tmp_path / listed.FILE).witnesses[0].url == address


def test_a_list_that_is_a_pipe_is_told(ledger, tmp_path):
    os.mkfifo(tmp_path / listed.FILE)

    with pytest.raises(ConfigError, match="no plain file; expected a list of witnesses"):
        Circle(tmp_path, ledger, threading.RLock()).step()


# ---- how many must sign


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["quorum", "K"], r"witnesses\.txt:1: 'quorum ': expected how many"),
        (["K", "quorum two"], r"witnesses\.txt:2: 'quorum two': expected how many"),
        (["quorum -1", "K"], "expected how many of the witnesses must co-sign, such as 2"),
        (["quorum 1 2", "K"], "expected how many"),
        (["quorum 1", "quorum 0", "K"], r"witnesses\.txt:2: a second 'quorum'; the first stands in line 1"),
        (["K", "# all", "quorum 2"], r"witnesses\.txt:3: asks for 2 co-signatures and names 1 witnesses"),
        (["K", "K http://h"], r"witnesses\.txt:2: key carrier\.example/w is named twice"),
    ],
)
def test_a_list_that_asks_for_what_cannot_be_is_refused_by_its_line(tmp_path, lines, said):
    (tmp_path / listed.FILE).write_text("\n".join(lines).replace("K", str(CARRIER.vkey)))

    with pytest.raises(ConfigError, match=said):
        listed.read(tmp_path / listed.FILE)


def test_the_check_of_the_city_names_the_line_of_the_list_that_is_off(tmp_path):
    settings = config.load(None, environ={}, overrides=[f"data.dir={tmp_path}"])
    (tmp_path / listed.FILE).write_text(f"{CARRIER.vkey}\nquorum 2\n")
    load = checks.installed()["witnesses"]

    (problem,) = checks.run(settings, None, {"witnesses": load})
    assert "witnesses.txt:2: asks for 2 co-signatures and names 1 witnesses" in str(problem)
    (tmp_path / listed.FILE).unlink()
    assert checks.run(settings, None, {"witnesses": load}) == []


def test_the_policy_is_sealed_when_it_changes_and_stays_while_the_list_is_off(ledger, tmp_path):
    core = Circle(tmp_path, ledger, threading.RLock())
    lists = [
        "",
        f"{AUDITOR.vkey}\n{CARRIER.vkey}\nquorum 1\n",
        f"# another order, and an address\nquorum 1\n{CARRIER.vkey} http://h\n{AUDITOR.vkey}\n",
        "quorum 3\n",
        f"quorum 2\n{CARRIER.vkey}\n{AUDITOR.vkey}\n",
    ]
    for text in lists:
        (tmp_path / listed.FILE).write_text(text)
        try:
            core.state()
        except ConfigError:
            continue
    (tmp_path / listed.FILE).unlink()
    core.state()

    keys = sorted(map(str, (AUDITOR.vkey, CARRIER.vkey)))
    told = [leaf.fact.body for leaf in ledger.find(policy.KIND)]
    assert sorted((each["quorum"], each["witnesses"]) for each in told) == [(0, []), (1, keys), (2, keys)]
    assert [each.quorum for _, each in policy.told(ledger)] == [1, 2, 0]
    assert policy.before(ledger, 1) == policy.Policy()


def test_all_that_answer_in_one_round_sign_one_checkpoint(ledger, served, tmp_path, monkeypatch):
    """The ledger grows while the first is asked; the second is still asked about the same checkpoint."""
    with Desk(tmp_path / "other", AUDITOR, [LOG.vkey]) as desk, socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
        found.close()
        server = Server(Application(desk, name=AUDITOR.vkey.name, clock=SYSTEM), Listener(port=port), clear=True)
        server.start()
        (tmp_path / listed.FILE).write_text(f"{AUDITOR.vkey} http://127.0.0.1:{port}\n{CARRIER.vkey} {served}\n")
        acting, ask, begun = threading.RLock(), circle.ask, threading.Event()

        def after_the_first(witness, made, *, old):
            if witness.key == AUDITOR.vkey:
                assert begun.wait(10)
                return ask(witness, made, old=old)
            answer = ask(witness, made, old=old)
            with acting:
                ledger.append([LedgerEntry("core/1", ledger.size + 9, FACT)], now_ms=3)
                ledger.checkpoint(now_ms=3)
            begun.set()
            return answer

        monkeypatch.setattr(circle, "ask", after_the_first)
        Circle(tmp_path, ledger, acting).round()
        server.stop()

    (one,) = ledger.cosigned(0, [AUDITOR.vkey.name, CARRIER.vkey.name], least=1)
    assert one.size < ledger.latest().size
    assert len(note.parse(one.note).signatures) == 3
