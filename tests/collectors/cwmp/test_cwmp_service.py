# ruff: noqa: E501  (some lines hold whole sentences)
"""The service against simulated CPEs over HTTP on loopback: who is let in, what is kept, what is never doubled."""

from __future__ import annotations

import http.client
import subprocess
import time
from collections import Counter

import pytest

from collectors.cwmp.explain import explain
from collectors.halts import Halt, place, write
from collectors.known_as import Names
from collectors.simulator.cpe import Cpe, envelope, ont, small_cell
from netops import clock
from netops import proposals as waiting
from netops.errors import SpoolError
from netops.model import ANSWERED, Observation
from netops.store import Outcome


def cell(house, serial="SN1", **words):
    return Cpe(house.port, serial, small_cell(serial), **words)


def raw_post(port, body, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/cwmp", body=body, headers=headers)
        reply = connection.getresponse()
        reply.read()
    except ConnectionError:  # it was told to stop and closed before it had sent all
        return 413
    finally:
        connection.close()
    return reply.status


def test_a_boot_is_read_stated_and_explained(house):
    home = house({"cell-1": "SN1"})
    cpe = cell(home)

    assert cpe.session(["1 BOOT"])

    (made,) = home.polls(1)
    rows = {str(row.subject): row for row in made.rows}
    assert (made.device, made.outcome, made.profile) == ("cell-1/cwmp", ANSWERED, "device_info+tr196_lte")
    assert rows["cell:sn:SN1"].values["lte.cell.oper"] == 1.0
    assert [each["event"] for each in home.events()] == ["boot"]
    assert cpe.parameters["Device.ManagementServer.PeriodicInformInterval"] == "2880"
    assert len(cpe.notified) == 3
    outcome = Outcome(device=made.device, slot_ms=made.slot_ms, at_ms=made.at_ms, outcome=ANSWERED, attempts=1, rtt_ms=1.0, lag_ms=0.0, profile=made.profile, digest=made.digest)  # fmt: skip
    said = {
        (str(o.subject), o.metric): o.value
        for o in explain(made.device, outcome, made.raw)
        if isinstance(o, Observation)
    }
    assert said["cell:sn:SN1", "lte.cell.pci"] == 17
    assert {metric for where, metric in said if where == "cell:sn:SN1"} == {
        *rows["cell:sn:SN1"].values,
        *rows["cell:sn:SN1"].texts,
    }


def test_a_cell_that_is_polled_by_snmp_too_is_one_cell_in_polls_events_and_their_explanation(house):
    home = house({"cell-1": "SN1"})
    assert Names(home.settings.data.dir).keep("cell-1", {"baicells_enb.": {"cell#": "cell-1/1"}}, None)
    cpe = cell(home)
    name = "Device.Services.FAPService.1.FAPControl.LTE.OpState"

    assert cpe.session(["1 BOOT", "4 VALUE CHANGE"], changed=name)

    (made,) = home.polls(1)
    cells = {str(row.subject) for row in made.rows if row.subject.kind == "cell"}
    assert cells == {"cell:cell-1/1"}
    assert {"kind": "cell", "id": "cell-1/1"} in [each["subject"] for each in home.events()]
    outcome = Outcome(device=made.device, slot_ms=made.slot_ms, at_ms=made.at_ms, outcome=ANSWERED, attempts=1, rtt_ms=1.0, lag_ms=0.0, profile=made.profile, digest=made.digest)  # fmt: skip
    assert {
        str(each.subject) for each in explain(made.device, outcome, made.raw) if each.subject.kind == "cell"
    } == cells


def test_a_second_session_of_a_slot_is_let_in_and_reads_nothing(house):
    home = house({"cell-1": "SN1"})
    cpe = cell(home)

    assert cpe.session()
    cpe.asked.clear()
    assert cpe.session()
    assert cpe.asked == []
    assert len(home.polls(2, seconds=1)) == 1


def test_a_changed_value_says_how_the_cell_stands(house):
    home = house({"cell-1": "SN1"})
    cpe = cell(home)
    name = "Device.Services.FAPService.1.FAPControl.LTE.OpState"
    for value in ("0", "1"):
        cpe.parameters[name] = value
        assert cpe.session(["4 VALUE CHANGE"], changed=name)

    found = [(each["event"], each["state"], each["severity"], each["subject"]) for each in home.events()]
    subject = {"kind": "cell", "id": "sn:SN1"}
    assert found == [("value_change", "down", "major", subject), ("value_change", "up", "info", subject)]


def test_an_ont_is_read(house):
    home = house({"ont-1": "HWTC01234567"})
    assert Cpe(home.port, "HWTC01234567", ont("HWTC01234567"), product_class="ONT").session()

    (made,) = home.polls(1)
    assert {str(row.subject) for row in made.rows} == {"device:ont-1", "onu:sn:HWTC01234567"}


@pytest.mark.parametrize("faults", [("sha256",), ("reconnect",), ("reconnect", "sha256")], ids="+".join)
def test_a_session_is_its_cookie_whatever_connections_carry_it(house, faults):
    home = house({"cell-1": "SN1"})

    assert cell(home, faults=frozenset(faults)).session()
    assert [made.outcome for made in home.polls(1)] == [ANSWERED]


# ---- what is broken


def test_a_session_that_breaks_off_becomes_the_slots_poll_at_its_end(house):
    home = house({"cell-1": "SN1"}, "acs.session_s=0.5")
    cpe = cell(home, faults=frozenset({"torn"}))

    assert not cpe.session()
    assert cpe.statuses[-1] == 400
    home.service.stop()
    (made,) = home.polls(1)
    assert made.outcome == ANSWERED


def test_a_cpe_that_leaves_after_its_inform_is_let_go(house):
    home = house({"cell-1": "SN1"}, "acs.session_s=0.3")

    assert not cell(home, faults=frozenset({"leave"})).session()
    until = time.monotonic() + 10
    while len(home.service._acs) and time.monotonic() < until:
        time.sleep(0.05)
    assert len(home.service._acs) == 0
    assert cell(home).session()
    assert [made.outcome for made in home.polls(1)] == [ANSWERED]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<not xml", 400),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", 400),
        (b"\x00" * 1000, 400),
        (envelope("<cwmp:GetParameterValuesResponse/>", "1"), 400),
        (b"", 204),
        (b"x" * (1 << 20), 413),
    ],
    ids=["no xml", "entity", "zeros", "an answer without a session", "nothing", "a megabyte"],
)
def test_what_a_login_sends_that_is_no_session(house, body, status):
    home = house({"cell-1": "SN1"})
    cpe = cell(home)
    cpe.post(b"")

    assert raw_post(home.port, body, Authorization=cpe.authorization()) == status
    assert cell(home).session()


def test_an_answer_that_was_not_asked_ends_the_session(house):
    home = house({"cell-1": "SN1"})
    cpe = cell(home)
    cpe.post(cpe.inform(["2 PERIODIC"]))

    assert cpe.post(envelope("<cwmp:GetParameterValuesResponse/>", "1"))[0] == 400
    assert cpe.post(b"")[0] == 204
    cpe.close()


def test_its_own_requests_are_answered_before_we_ask(house):
    home = house({"cell-1": "SN1"})
    cpe = cell(home)
    cpe.post(cpe.inform(["7 TRANSFER COMPLETE"]))
    said = [cpe.post(envelope(f"<cwmp:{name}/>", "own"))[1].decode() for name in ("GetRPCMethods", "RequestDownload")]
    failed = "<FaultStruct><FaultCode>9010</FaultCode><FaultString>File</FaultString></FaultStruct>"
    said.append(cpe.post(envelope(f"<cwmp:TransferComplete>{failed}</cwmp:TransferComplete>", "t"))[1].decode())
    cpe.close()

    assert "<string>TransferComplete</string>" in said[0]
    assert "<FaultCode>8000</FaultCode>" in said[1]
    assert "TransferCompleteResponse" in said[2]
    assert [each["event"] for each in home.events()] == ["transfer_complete", "transfer_failed"]


def test_a_chunked_body_is_read_and_a_get_is_not_answered(house):
    home = house({"cell-1": "SN1"})
    cpe = cell(home)
    cpe.post(b"")
    body = cpe.inform(["1 BOOT"])
    connection = http.client.HTTPConnection("127.0.0.1", home.port, timeout=10)
    pieces = iter([body[:100], body[100:]])
    connection.request(
        "POST", "/cwmp", body=pieces, headers={"Authorization": cpe.authorization()}, encode_chunked=True
    )

    assert connection.getresponse().status == 200
    connection.close()
    for method, path in (("GET", "/cwmp"), ("POST", "/other")):
        connection = http.client.HTTPConnection("127.0.0.1", home.port, timeout=10)
        connection.request(method, path)
        assert connection.getresponse().status in {404, 405}
        connection.close()


def test_what_the_disk_does_not_take_is_not_acknowledged(house, monkeypatch):
    home = house({"cell-1": "SN1"})
    put = home.service._spool.put

    def full(_kind, _payloads):
        raise SpoolError("no space")

    monkeypatch.setattr(home.service._spool, "put", full)
    cpe = cell(home)
    assert not cpe.session(["1 BOOT"])
    assert cpe.statuses[-1] == 503
    monkeypatch.setattr(home.service._spool, "put", put)
    assert cpe.session(["1 BOOT"])
    assert [each["event"] for each in home.events()] == ["boot"]


def test_a_halted_cpe_is_let_in_and_not_read(house):
    home = house({"cell-1": "SN1"})
    write(place(home.settings), [Halt(device="cell-1", by="ops", reason="it is ill", at_ms=0)])
    time.sleep(0.1)
    cpe = cell(home)
    until = time.monotonic() + 5
    while cpe.session() and cpe.asked and time.monotonic() < until:
        cpe.asked.clear()
        time.sleep(0.2)

    assert cpe.asked == []


class Moved:
    """A clock that runs ahead by what it is told; it begins early in a slot of 20 s, so that only we cross its border."""

    def __init__(self):
        self.ahead_ms = (3_000 - clock.SYSTEM.now_ms()) % 20_000

    def now_ms(self):
        return clock.SYSTEM.now_ms() + self.ahead_ms

    def monotonic(self):
        return clock.SYSTEM.monotonic() + self.ahead_ms / 1000


def next_slot(home, moment):
    """Go on to the next slot, and wait until the service's own thread has looked at the clock there."""
    moment.ahead_ms += 20_000
    there, until = moment.now_ms(), time.monotonic() + 10
    while home.service._heard_ms < there:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_who_is_silent_all_through_a_slot_did_not_answer(house):
    moment = Moved()
    home = house({"cell-1": "SN1", "cell-2": "SN2"}, "acs.interval_s=20", moment=moment)
    assert cell(home).session()
    for _ in range(7):
        next_slot(home, moment)
        cpe = cell(home)
        assert cpe.session()
    found = Counter((made.device, made.outcome) for made in home.polls(8))

    assert found["cell-1/cwmp", ANSWERED] >= 7
    assert found["cell-1/cwmp", "no_answer"] == 0
    assert found["cell-2/cwmp", "no_answer"] >= 3


def test_who_came_and_was_not_understood_was_not_silent(house):
    """A wrong password and broken XML are no silence; nobody's else's silence is touched by them."""
    moment = Moved()
    home = house({"cell-1": "SN1", "cell-2": "SN2", "cell-3": "SN3"}, "acs.interval_s=20", moment=moment)
    for _ in range(6):
        next_slot(home, moment)
        cell(home, password="other").session()
        torn = cell(home, "SN2")
        torn.post(b"<torn")
        torn.close()
    moment.ahead_ms += 20_000  # the third slot is over as well: nine polls are told, and no slot is waited for
    found = {}
    for made in home.polls(9):
        found.setdefault(made.device, set()).add(made.outcome)

    assert found["cell-1/cwmp"] == {"authentication_failed"}
    assert found["cell-2/cwmp"] == {"answered_undecodably"}
    assert found["cell-3/cwmp"] == {"no_answer"}


def test_a_device_of_the_register_that_is_kept_out_is_no_stranger(house):
    home = house({"cell-1": "SN1", "cell-2": "SN1"}, credential="shared")
    cpe = cell(home, user="cpe")

    assert not cpe.session(["1 BOOT"])
    assert cpe.statuses == [401, 401, 401] or cpe.statuses[-1] == 403
    time.sleep(0.5)
    assert not waiting.place(home.settings).exists()


def test_a_pause_of_ours_is_no_silence_of_theirs(house):
    moment = Moved()
    home = house({"cell-1": "SN1"}, "acs.interval_s=20", moment=moment)
    moment.ahead_ms += 200_000

    found = {made.outcome for made in home.polls(5)}
    assert found == {"missed_slot"}


# ---- others than our own simulation


@pytest.mark.partner("curl")
@pytest.mark.parametrize("digests", ["SHA-256,MD5", "MD5,SHA-256", "MD5", "SHA-256"])
def test_curl_is_let_in_by_digest(house, tmp_path, digests):
    home = house({"cell-1": "SN1"}, f"acs.digests={digests}")
    body = tmp_path / "inform.xml"
    # over 1,024 octets curl waits for 100 Continue, as CPEs built upon it do
    body.write_bytes(cell(home).inform(["1 BOOT"]).replace(b"<Event>", b"<Event>" + b" " * 2000))
    jar = tmp_path / "jar"
    told = ["curl", "-s", "--digest", "-u", "00AA01-SmallCell-SN1:secret", "-c", jar, "-b", jar]
    url = f"http://127.0.0.1:{home.port}/cwmp"
    done = subprocess.run(
        [*told, "--data-binary", f"@{body}", url], capture_output=True, text=True, timeout=30, check=True
    )
    then = subprocess.run([*told, "-X", "POST", "-d", "", url], capture_output=True, text=True, timeout=30, check=True)

    assert "InformResponse" in done.stdout
    assert "GetParameterNames" in then.stdout
    assert [each["event"] for each in home.events()] == ["boot"]
