"""A bundle waits for its co-signatures, goes out without when they do not come, and is completed when they do."""

import json
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from contextlib import ExitStack, contextmanager
from io import BytesIO

import pytest

from netops import founding, placing
from netops.clock import SYSTEM
from netops.config import Listener
from netops.errors import EvidenceError, NetopsError
from netops.evidence import note
from netops.evidence import told as audit
from netops.journal import Journal
from netops.placing import due
from netops.report import issue
from netops.sign import Signer
from netops.sla import calendar
from netops.web.server import Server
from netops.witness import circle, listed
from netops.witness.circle import Circle
from netops.witness.desk import Desk
from netops.witness.service import Application
from tests.netops.months import HOUR, NOW, SHANGHAI, bundles, closing, house_of, opened, told

JULY = "wifi-2026-2026-07-r1.zip"
ONLY_JULY = calendar.month("2026-08", SHANGHAI)[0]
KEPT = {"report.json", "seal.json", "manifest.json", "leaves.jsonl.gz", "proofs/tallies.jsonl", "proofs/heads.jsonl"}
NAMES = ("auditor.example/w", "carrier.example/w", "manager.example/w")
AUDITOR, CARRIER, MANAGER = (
    Signer(name, bytes([number]) * 32, algorithm=note.COSIGNATURE_V1) for number, name in enumerate(NAMES, 1)
)


@pytest.fixture(autouse=True)
def fonts(monkeypatch):
    """Set no papers: Typst takes its time."""
    monkeypatch.setattr("netops.report.fonts.found", lambda: None)


@pytest.fixture
def house(tmp_path):
    return house_of(tmp_path)


@contextmanager
def serving(house, folder, *signers):
    """Let witnesses answer over HTTP; yield their lines for `witnesses.txt`."""
    with ExitStack() as stack:
        lines = []
        for signer in signers:
            desk = stack.enter_context(desk_of(house, folder, signer))
            with socket.socket() as found:
                found.bind(("127.0.0.1", 0))
                port = found.getsockname()[1]
            server = Server(Application(desk, name=signer.vkey.name, clock=SYSTEM), Listener(port=port), clear=True)
            server.start()
            stack.callback(server.stop)
            lines.append(f"{signer.vkey} http://127.0.0.1:{port}")
        yield lines


def desk_of(house, folder, signer):
    return Desk(folder / signer.vkey.name.partition(".")[0], signer, [founding.signer(house.settings).vkey])


def name(house, *lines):
    (house.settings.data.dir / listed.FILE).write_text("".join(f"{line}\n" for line in lines))


class Hand:
    """The core's hand: the ledger, its circle, its closing, at a time of one's own."""

    def __init__(self, house, stack):
        self.house = house
        self.ledger = stack.enter_context(opened(house.settings))
        self.journal = stack.enter_context(Journal(house.settings.data.dir / "states.db"))
        self.circle = Circle(house.settings.data.dir, self.ledger, threading.RLock())
        self.circle.state()
        self.core = self.begun()

    def begun(self, *, now=NOW, ripe=ONLY_JULY):
        self.core = closing(self.house.settings, self.ledger, self.journal, now=now, ripe=ripe)
        return self.core

    def close(self):
        self.core.report([self.house.contract])
        return bundles(self.house)


@pytest.fixture
def hand(house):
    """Give a hand once the list is written; it is put away at the end."""
    with ExitStack() as stack:
        yield lambda: Hand(house, stack)


def verified(house, *signers, quorum=None, as_json=False, which=JULY):
    """Verify a bundle in its place by the keys of the log and of some witnesses; return the exit code and the words."""
    path, said = house.settings.data.dir / "reports" / which, []
    keys = path.with_name("trusted")
    keys.write_text("".join(f"{key}\n" for key in (issue.vkey(house.settings), *(each.vkey for each in signers))))
    code = audit.run(path, vkey=keys, rehearsal=False, quorum=quorum, as_json=as_json, say=said.append)
    keys.unlink()
    return code, "\n".join(said)


def waiting(house):
    return sorted(path.name for path in house.settings.data.dir.glob("reports/waiting/*"))


def opened_zip(data):
    with zipfile.ZipFile(BytesIO(data)) as file:
        return {each: file.read(each) for each in file.namelist()}


@pytest.mark.parametrize(
    ("count", "carried", "overdue", "expected"),
    [
        (0, None, False, False),
        (1, None, False, False),
        (2, None, False, True),
        (3, None, False, True),
        (0, None, True, True),
        (0, 0, True, False),
        (1, 0, True, True),
        (1, 1, True, False),
        (2, 1, False, True),
    ],
)
def test_when_a_bundle_is_put_in_place(count, carried, overdue, expected):
    assert due(count, carried=carried, quorum=2, overdue=overdue) is expected


def test_a_bundle_waits_until_as_many_have_signed_as_its_policy_asks_for(house, hand, tmp_path):
    """Two of three over HTTP; the third hangs, and holds up neither the round nor the bundle."""
    with serving(house, tmp_path, CARRIER, AUDITOR) as lines, socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        name(house, "quorum 2", *lines, f"{MANAGER.vkey} http://127.0.0.1:{mute.getsockname()[1]}")
        core = hand()
        assert core.close() == {}
        assert waiting(house) == [JULY]
        assert told(house) == ["wifi-2026-2026-07-r1"]

        core.circle.step()
        for who, turn in core.circle._turns.items():
            if who is None or who.key != MANAGER.vkey:
                turn.join()
        made = core.close()
        link, _ = mute.accept()
        link.close()
        core.circle.stop()

    assert (sorted(made), waiting(house)) == ([JULY], [])
    assert core.close() == made  # built twice, the same
    code, said = verified(house, CARRIER, AUDITOR)
    assert code == 0
    assert "co-signed by auditor.example/w+" in said
    assert "of the 3 witnesses that the city named; its sealed policy asks for 2; not seen: manager.example/w+" in said
    assert core.core.short == {}


def test_the_keys_that_count_are_the_readers_never_those_inside(house, hand, tmp_path):
    with serving(house, tmp_path, CARRIER, AUDITOR) as lines:
        name(house, "quorum 2", *lines)
        core = hand()
        core.close()
        core.circle.round()
        core.close()

    assert verified(house, CARRIER, AUDITOR)[0] == 0
    code, said = verified(house, CARRIER)
    assert code == 5
    assert said.startswith("WHOLE")
    assert "its sealed policy asks for 2; not seen: auditor.example/w+" in said
    assert "give the witnesses' keys too, each from its owner" in said
    code, said = verified(house, CARRIER, quorum=0)
    assert code == 0
    assert "NOTE    co-signed by carrier.example/w+" in said
    assert verified(house, CARRIER, quorum=1)[0] == 0
    assert verified(house, CARRIER, quorum=2)[0] == 4
    plain = json.loads(verified(house, CARRIER, as_json=True)[1])
    assert plain["outcome"] == "whole"
    assert [plain["witnesses"]["quorum"], len(plain["witnesses"]["signed"])] == [2, 1]


def test_a_bare_python_counts_the_co_signatures_too(house, hand, tmp_path):
    with serving(house, tmp_path, CARRIER) as lines:
        name(house, "quorum 1", *lines)
        core = hand()
        core.close()
        core.circle.round()
        made = core.close()
    (tmp_path / "verify.py").write_bytes(opened_zip(made[JULY])["verify.py"])
    path, keys = house.settings.data.dir / "reports" / JULY, tmp_path / "keys"

    def ask(*given):
        command = [sys.executable, "-I", tmp_path / "verify.py", path, "--vkey", keys, *given]
        ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        return ended.returncode, ended.stdout

    keys.write_text(f"{issue.vkey(house.settings)}\n")
    code, said = ask()
    assert code == 5
    assert "co-signed by nobody of the 1 witnesses that the city named; its sealed policy asks for 1" in said
    assert ask("--quorum", "0")[0] == 0
    assert ask("--quorum", "-1")[0] == 2
    keys.write_text(f"{issue.vkey(house.settings)}\n{CARRIER.vkey}\n")
    assert ask()[0] == 0


def test_a_bundle_goes_out_without_when_nobody_comes_and_is_completed_later(house, hand, tmp_path):
    name(house, "quorum 2", CARRIER.vkey, AUDITOR.vkey)
    core = hand()
    core.close()
    core.begun(now=NOW + HOUR - 1)
    assert core.close() == {}
    core.begun(now=NOW + HOUR)
    out = core.close()

    assert (sorted(out), waiting(house)) == ([JULY], [])
    assert core.core.short == {
        "bundle wifi-2026-2026-07-r1": "went out with 0 of the 2 co-signatures that its policy asks for; it is "
        "completed once they come (docs/how-to/witness-a-ledger.md)"
    }
    code, said = verified(house, CARRIER, AUDITOR)
    assert code == 5
    assert "co-signed by nobody of the 2 witnesses that the city named; its sealed policy asks for 2" in said

    request = bytes(circle.request(core.ledger, old=0))  # by file, days later, both the same checkpoint
    inbox = house.settings.data.dir / circle.INBOX
    inbox.mkdir()
    for number, signer in enumerate((CARRIER, AUDITOR)):
        with desk_of(house, tmp_path, signer) as desk:
            (inbox / f"{number}.note").write_bytes(desk.add(request, now_s=number + 1))
        core.circle.round()
        later = core.close()
        assert core.core.short == ({} if number else {"bundle wifi-2026-2026-07-r1": core.core.short.popitem()[1]})

    assert verified(house, CARRIER, AUDITOR)[0] == 0
    before, after = opened_zip(out[JULY]), opened_zip(later[JULY])
    assert {each: before[each] for each in KEPT} == {each: after[each] for each in KEPT}
    assert set(before) == set(after)
    assert before["checkpoint"] != after["checkpoint"]
    assert told(house) == ["wifi-2026-2026-07-r1"]
    core.begun(now=NOW + 9 * HOUR)  # a core that began anew changes nothing
    assert core.close() == later


def test_a_part_of_the_signatures_is_carried_and_counted(house, hand, tmp_path):
    with serving(house, tmp_path, CARRIER) as lines:
        name(house, "quorum 2", *lines, AUDITOR.vkey)
        core = hand()
        core.close()
        core.circle.round()
        core.begun(now=NOW + HOUR)
        core.close()

    assert "went out with 1 of the 2" in core.core.short["bundle wifi-2026-2026-07-r1"]
    assert verified(house, CARRIER, AUDITOR)[0] == 5
    assert verified(house, CARRIER, AUDITOR, quorum=1)[0] == 0


def test_who_lowers_the_policy_afterwards_changes_no_report_and_is_seen_in_the_next(house, hand, tmp_path):
    name(house, "quorum 2", CARRIER.vkey, AUDITOR.vkey)
    core = hand()
    core.close()
    name(house, "quorum 0", CARRIER.vkey)
    core.circle.state()
    core.begun()
    assert core.close() == {}  # July stands under the policy before it
    core.begun(now=NOW + HOUR)
    core.close()
    assert verified(house, CARRIER, AUDITOR)[0] == 5

    core.begun(now=NOW + HOUR, ripe=NOW)
    august = opened_zip(core.close()["wifi-2026-2026-08-r1.zip"])
    assert verified(house, which="wifi-2026-2026-08-r1.zip")[0] == 0
    content = json.loads(august["report.json"])["witnessing"]
    assert (content["quorum"], len(content["witnesses"])) == (0, 1)
    assert [row[2:] for row in content["earlier"]["rows"]] == [[2, 2]]
    assert core.ledger.audit() == core.ledger.size
    page = august["report.html"].decode()
    assert "不要求联署" in page
    assert "Before: 2 of 2 since" in page


def test_a_witness_that_came_after_the_report_leaves_no_line_that_nobody_knows(house, hand, tmp_path):
    """Such a line would make the whole bundle fail: neither the reader nor `vkeys.txt` knows its key."""
    core = hand()
    (made,) = core.close().values()
    size = core.ledger.covering(core.ledger.holds("report:wifi-2026-2026-07-r1", 0)).size
    with desk_of(house, tmp_path, CARRIER) as desk:
        core.ledger.adopt(desk.add(bytes(circle.request(core.ledger, old=0, size=size)), now_s=1), [CARRIER.vkey])
    (house.settings.data.dir / "reports" / JULY).unlink()
    core.begun()

    assert core.close() == {JULY: made}
    assert verified(house)[0] == 0


def test_a_bundle_that_was_damaged_holds_up_no_other_and_is_named(house, hand):
    name(house, "quorum 1", CARRIER.vkey)
    core = hand()
    core.begun(ripe=NOW)
    core.close()
    place = house.settings.data.dir / "reports" / JULY
    place.write_bytes(b"not a zip")
    core.begun(now=NOW + HOUR, ripe=NOW)

    with pytest.raises(EvidenceError, match=rf"{JULY}: cannot be read .*move it away"):
        core.close()
    assert len(bundles(house)) == 3
    place.unlink()
    core.close()
    assert verified(house, quorum=0)[0] == 0


def test_the_core_is_not_held_up_while_a_bundle_is_looked_at_and_put_in_place(house, hand, tmp_path, monkeypatch):
    free = []

    def looked(given):
        def act(*args):
            acting = core.core._acting
            other = threading.Thread(target=lambda: free.append(acting.acquire(timeout=2) and not acting.release()))
            other.start()
            other.join()
            return given(*args)

        return act

    with serving(house, tmp_path, CARRIER) as lines:
        name(house, "quorum 1", *lines)
        core = hand()
        core.close()
        core.circle.round()
        for each in ("chosen", "completed"):
            monkeypatch.setattr(placing.witnessed, each, looked(getattr(placing.witnessed, each)))
        made = core.close()

    assert (sorted(made), free) == ([JULY], [True] * 3)


def test_a_fault_of_ours_over_one_bundle_holds_no_other(house, hand, tmp_path, monkeypatch):
    name(house, "quorum 1", CARRIER.vkey)
    core = hand()
    core.begun(ripe=NOW)
    core.close()
    completed = placing.witnessed.completed
    first = []

    def frail(*args):
        if not first:
            first.append(1)
            raise ZeroDivisionError("of ours")
        return completed(*args)

    monkeypatch.setattr(placing.witnessed, "completed", frail)
    core.begun(now=NOW + HOUR, ripe=NOW)
    with pytest.raises(NetopsError, match=r"bundle wifi-2026-2026-07-r1: cannot be put in place \(of ours\)"):
        core.close()
    assert len(bundles(house)) == 2
    assert len(core.close()) == 3


CHILD = """
import os, sys, threading
from types import SimpleNamespace
from pathlib import Path
sys.dont_write_bytecode = True
from inventory.register import Register
from netops import config, founding, placing
from netops.closing import Closing
from netops.journal import Journal
from netops.ledger import Ledger
from netops.report import fonts, issue

fonts.found = lambda: None
file, now, where = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
settings = config.load(file, environ={})
def killed(*_, **__):
    os.kill(os.getpid(), 9)
if where == "unlink":
    Path.unlink = killed
else:
    setattr(placing.witnessed if where == "completed" else placing.bundles, where, killed)
with Register(settings.register_url, rehearsal=False, readonly=True) as register:
    contracts = [each.record for each in register.spells("contract", start_ms=now - 1, end_ms=now)]
path, signer = issue.ledger_path(settings), founding.signer(settings)
ledger = Ledger(path, origin=settings.ledger_origin, rehearsal=False, signer=signer)
with ledger, Journal(settings.data.dir / "states.db") as journal:
    Closing(settings, SimpleNamespace(now_ms=lambda: now), ledger=ledger, journal=journal, acting=threading.RLock(),
        ripe_until=lambda: 0).report(contracts)
"""


@pytest.mark.parametrize(("where", "placed"), [("completed", 0), ("write", 0), ("unlink", 1)])
def test_placing_goes_on_after_kill_9(house, tmp_path, where, placed):
    """Killed before the bundle is in its place, it still waits; killed after, what waits is taken away."""
    with ExitStack() as stack, serving(house, tmp_path, CARRIER) as lines:
        name(house, "quorum 1", *lines)
        core = Hand(house, stack)
        core.close()
        core.circle.round()
    ended = subprocess.run([sys.executable, "-c", CHILD, str(house.file), str(NOW), where], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert (len(bundles(house)), waiting(house)) == (placed, [JULY])

    with ExitStack() as stack:
        core = Hand(house, stack)
        assert sorted(core.close()) == [JULY]
    assert waiting(house) == []
    assert verified(house, CARRIER)[0] == 0
