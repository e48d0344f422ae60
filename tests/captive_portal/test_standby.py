"""The gate without its portal, on a kernel that writes down what it is told: the log first, then the sets."""

from __future__ import annotations

import errno
import os

import pytest

from captive_portal import ruleset, standby
from captive_portal.ajar import SILENT_S, Rule
from captive_portal.errors import KernelError, PortalError
from captive_portal.model import Bounds
from captive_portal.standby import KNOCKS, LEASE_S, Standby
from netops import fail_open
from netops.fail_open import Order, Orders
from netops.sign import Signer

ORIGIN = "netops.invalid/city/rehearsal"
SIGNER = Signer.new(ORIGIN)
NOW = 1_790_000_000_000  # where the standing clock begins
ORDER = Order(request="req-1", leaf=7, sites=("park",), start_ms=NOW, end_ms=NOW + 3_600_000)
RULES = ruleset.Ruleset(interfaces=("vlan0", "vlan1"), port=8081, standby=("vlan0",))
MAC = "02:11:22:33:44:55"


def note(*orders: Order, leaves: int = 8) -> bytes:
    return fail_open.signed(Orders(origin=ORIGIN, leaves=leaves, orders=orders), SIGNER)


class Kernel:
    """What the gate lends."""

    def __init__(self, standby: Standby) -> None:
        self.rules = RULES
        self.standby = standby
        self.did: list[str] = []
        self.at_the_door: list[tuple[str, str, str]] = []
        self.has: dict[str, str] = {}  # whose an address is, where it is not theirs who knocks by it
        self.ways_down: set[str] = set()
        self.refuses = False

    def run(self, commands: str) -> None:
        if commands.startswith("create element"):
            if any(f" . {each} }}" in commands for each in self.ways_down):
                raise KernelError("nftables: Error: Could not process rule: File exists")
            return
        self.did.append(commands)

    def neighbour(self, interface: str, address: str) -> str:
        knocking = {each[2]: each[1] for each in self.at_the_door if each[0] == interface}
        return self.has.get(address, knocking.get(address, ""))

    def ask(self, command: str) -> list[dict]:
        six = command.endswith("6")
        found = [list(each) for each in self.at_the_door if (":" in each[2]) is six]
        return [{"set": {"elem": [{"elem": {"val": {"concat": each}}} for each in found]}}]

    def let_in(self, admissions) -> None:
        ((who, bounds),) = admissions
        logged = [each.mac for each in self.standby._ajar.log.entries]
        assert who.mac in logged, "nobody is in without a record"
        if self.refuses:
            raise KernelError("nftables: no buffer space")
        self.did.append(f"in {who.mac} {who.addresses[0]} {bounds.seconds} {bounds.down_kbps}")

    def put_out(self, who) -> None:
        self.did.append(f"out {who.mac} {','.join(who.addresses)}")


@pytest.fixture
def gate(tmp_path, clock):
    told = {"note": b""}
    made = Standby(
        {"vlan0": Rule(site="park", bounds=Bounds(seconds=3600, down_kbps=2000))},
        SIGNER.vkey,
        tmp_path / "gate",
        clock,
        told=lambda: told["note"],
    )
    made.open()
    made.told = told
    made.kernel = Kernel(made)
    yield made
    made.close()


def test_who_knocks_at_an_open_place_is_in_one_round_later_and_a_heartbeat_closes_it(gate, clock) -> None:
    kernel = gate.kernel
    assert gate.heard({"note": note(ORDER).decode()}, kernel) == {"unrecorded": 0}
    clock.forward(SILENT_S)
    kernel.at_the_door = [("vlan0", MAC, "10.0.0.7"), ("vlan0", MAC, "fd00::7"), ("vlan1", MAC, "10.1.0.7")]
    gate.round(kernel)

    assert kernel.did[0].endswith(f'ajar {{ "vlan0" timeout {LEASE_S}s }}')
    assert kernel.did[1:3] == [f"in {MAC} 10.0.0.7 600 2000", f"in {MAC} fd00::7 600 2000"]
    assert "knocking4" in kernel.did[3]
    assert "vlan1" not in "".join(kernel.did)

    kernel.did.clear()
    assert gate.heard({"note": note(ORDER).decode()}, kernel) == {"unrecorded": 4}
    assert kernel.did == [
        'add element inet netops_portal ajar { "vlan0" }\ndelete element inet netops_portal ajar { "vlan0" }'
    ]
    gate.round(kernel)
    assert len(kernel.did) == 1, "nobody is let in any more"
    (part,) = gate.entries()
    assert [each["what"] for each in part["entries"]] == ["begun", "in", "in", "ended"]
    assert gate.heard({"recorded": 4}, kernel) == {"unrecorded": 0}


def test_a_gate_that_begins_anew_knows_the_decision_and_waits_as_long_again(gate, clock, tmp_path) -> None:
    gate.heard({"note": note(ORDER).decode()}, gate.kernel)
    again = Standby({"vlan0": Rule(site="park", bounds=Bounds(seconds=3600))}, SIGNER.vkey, tmp_path / "gate", clock)
    again.open()
    kernel = Kernel(again)
    again.round(kernel)
    assert kernel.did == []
    clock.forward(SILENT_S)
    again.round(kernel)
    again.close()

    assert "ajar" in kernel.did[0]


def test_what_is_taken_back_is_heard_while_the_portal_is_dead(gate, clock) -> None:
    kernel = gate.kernel
    gate.told["note"] = note(ORDER)
    gate.round(kernel)
    clock.forward(SILENT_S)
    kernel.at_the_door = [("vlan0", MAC, "10.0.0.7")]
    gate.round(kernel)
    kernel.did.clear()
    gate.told["note"] = note(leaves=9)
    gate.round(kernel)

    assert kernel.did[0] == f"out {MAC} 10.0.0.7"
    assert "delete element inet netops_portal ajar" in kernel.did[1]


def test_a_kernel_that_refuses_one_does_not_end_the_round(gate, clock) -> None:
    kernel = gate.kernel
    gate.heard({"note": note(ORDER).decode()}, kernel)
    clock.forward(SILENT_S)
    kernel.at_the_door = [("vlan0", MAC, "10.0.0.7")]
    kernel.refuses = True
    gate.round(kernel)
    kernel.refuses = False
    gate.round(kernel)

    assert kernel.did[-2] == f"in {MAC} 10.0.0.7 600 2000", "it knocks again, and has its one record"
    assert len(gate._ajar.log.entries) == 2


def test_a_round_lets_in_so_many_and_nobody_by_an_address_that_is_none(gate, clock) -> None:
    kernel = gate.kernel
    gate.heard({"note": note(ORDER).decode()}, kernel)
    clock.forward(SILENT_S)
    many = [("vlan0", f"02:00:00:00:{n >> 8:02x}:{n & 255:02x}", f"10.0.{n >> 8}.{n & 255 or 1}") for n in range(300)]
    kernel.at_the_door = [("vlan0", "01:00:5e:00:00:01", "10.0.0.9"), ("vlan0", MAC, "224.0.0.1"), *many]
    gate.round(kernel)

    assert sum(each.startswith("in ") for each in kernel.did) == KNOCKS
    assert "01:00:5e" not in "".join(kernel.did)


@pytest.mark.parametrize(
    "wrong", [{"note": 7}, {"note": None}, {"recorded": "1"}, {"recorded": -1}, {"recorded": True}, {"recorded": 1.5}]
)
def test_nonsense_in_a_heartbeat_is_refused(gate, wrong) -> None:
    with pytest.raises(PortalError, match="expected a signed note"):
        gate.heard(wrong, gate.kernel)


def test_a_note_that_nobody_signed_is_said_and_changes_nothing(gate, clock) -> None:
    gate.heard({"note": "nonsense"}, gate.kernel)
    clock.forward(SILENT_S)
    gate.round(gate.kernel)

    assert gate.wrong
    assert gate.kernel.did == []


def _full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_keeps_nobody_in_whose_decision_was_taken_back(gate, clock, tmp_path, monkeypatch) -> None:
    kernel, kept = gate.kernel, tmp_path / "gate" / fail_open.NAME
    gate.heard({"note": note(ORDER).decode()}, kernel)
    clock.forward(SILENT_S)
    kernel.at_the_door = [("vlan0", MAC, "10.0.0.7")]
    gate.round(kernel)
    kernel.did.clear()
    gate.told["note"] = note(leaves=9)
    with monkeypatch.context() as broken:
        broken.setattr(standby.files, "replace", _full)
        gate.round(kernel)
        assert kernel.did[0] == f"out {MAC} 10.0.0.7"
        assert "would not know the decision" in gate.wrong
    gate.round(kernel)

    assert gate.wrong == ""
    assert kept.read_bytes() == note(leaves=9)


def test_a_kernel_that_refuses_to_put_somebody_out_is_asked_again(gate, clock, monkeypatch) -> None:
    kernel = gate.kernel
    gate.heard({"note": note(ORDER).decode()}, kernel)
    clock.forward(SILENT_S)
    kernel.at_the_door = [("vlan0", MAC, "10.0.0.7")]
    gate.round(kernel)
    gate.told["note"] = note(leaves=9)
    with monkeypatch.context() as broken:
        broken.setattr(kernel, "put_out", _refused)
        gate.round(kernel)
    kernel.did.clear()
    gate.round(kernel)

    assert kernel.did == [f"out {MAC} 10.0.0.7"]


def _refused(_who: object) -> None:
    raise KernelError("nftables: no buffer space")


@pytest.mark.parametrize("owner", [{"10.0.0.7": "02:66:66:66:66:66"}, {"10.0.0.7": ""}])
def test_a_packet_that_claims_anothers_address_changes_nothing_and_leaves_no_record(gate, clock, owner) -> None:
    kernel = gate.kernel
    gate.heard({"note": note(ORDER).decode()}, kernel)
    clock.forward(SILENT_S)
    kernel.has = owner
    kernel.at_the_door = [("vlan0", MAC, "10.0.0.7"), ("vlan0", MAC, "10.0.0.8")]
    gate.round(kernel)

    assert [each for each in kernel.did if each.startswith("in ")] == [f"in {MAC} 10.0.0.8 600 2000"]
    assert [each.addresses for each in gate._ajar.log.entries] == [(), ("10.0.0.8",)]
    assert "10.0.0.7" in kernel.did[-1], "its knock is forgotten"


def test_the_way_down_of_somebody_who_is_in_is_not_taken_even_by_who_answers_for_the_address(gate, clock) -> None:
    kernel = gate.kernel
    gate.heard({"note": note(ORDER).decode()}, kernel)
    clock.forward(SILENT_S)
    kernel.ways_down = {"10.0.0.7"}
    kernel.at_the_door = [("vlan0", MAC, "10.0.0.7")]
    gate.round(kernel)

    assert not any(each.startswith("in ") for each in kernel.did)
    assert len(gate._ajar.log.entries) == 1


def test_a_crowd_of_claims_keeps_nobody_waiting(gate, clock) -> None:
    kernel = gate.kernel
    gate.heard({"note": note(ORDER).decode()}, kernel)
    clock.forward(SILENT_S)
    kernel.at_the_door = [("vlan0", "02:66:66:66:66:66", f"10.0.1.{n}") for n in range(1, 255)]
    kernel.has = {each[2]: "" for each in kernel.at_the_door}
    kernel.at_the_door.append(("vlan0", MAC, "10.0.0.7"))
    gate.round(kernel)

    assert f"in {MAC} 10.0.0.7 600 2000" in kernel.did


def test_a_gate_that_begins_anew_puts_out_whom_a_decision_let_in_that_is_taken_back(gate, clock, tmp_path) -> None:
    gate.heard({"note": note(ORDER).decode()}, gate.kernel)
    clock.forward(SILENT_S)
    gate.kernel.at_the_door = [("vlan0", MAC, "10.0.0.7")]
    gate.round(gate.kernel)
    gate.close()
    again = Standby({"vlan0": Rule(site="park", bounds=Bounds(seconds=3600))}, SIGNER.vkey, tmp_path / "gate", clock)
    again.open()
    kernel = Kernel(again)
    again.round(kernel)
    assert kernel.did == []
    again.heard({"note": note(leaves=9).decode()}, kernel)
    again.close()

    assert kernel.did == [f"out {MAC} 10.0.0.7"]
    assert [each.what for each in again._ajar.log.entries] == ["begun", "in", "ended", "out"]


def test_a_gate_whose_places_stay_shut_from_now_on_still_tells_whom_it_let_in_before(gate, clock, tmp_path) -> None:
    gate.heard({"note": note(ORDER).decode()}, gate.kernel)
    clock.forward(SILENT_S)
    gate.kernel.at_the_door = [("vlan0", MAC, "10.0.0.7")]
    gate.round(gate.kernel)
    gate.close()
    again = Standby({}, None, tmp_path / "gate", clock)
    again.open()
    kernel = Kernel(again)
    waits = again.heard({}, kernel)
    (part,) = again.entries()
    empty = again.heard({"recorded": 4}, kernel)
    again.close()

    assert kernel.did == [f"out {MAC} 10.0.0.7"], "no policy wants it"
    assert (waits, empty) == ({"unrecorded": 4}, {"unrecorded": 0})
    assert [each["what"] for each in part["entries"]] == ["begun", "in", "ended", "out"]


def test_a_gate_that_never_let_anybody_in_and_may_not_keeps_nothing(clock, tmp_path) -> None:
    made = Standby({}, None, tmp_path / "gate", clock)
    made.open()
    made.round(Kernel(made))

    assert made.heard({}, Kernel(made)) == {}
    assert not (tmp_path / "gate").exists()
