# ruff: noqa: E501  (some lines hold whole sentences)
"""The service against simulated CPEs over HTTP on loopback: who is let in, what is kept, what is never doubled."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter

import pytest

from collectors.cwmp.explain import explain
from collectors.discovery import proposals
from collectors.halts import Halt, place, write
from collectors.simulator.cpe import Cpe, envelope, ont, small_cell
from netops import clock
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


@pytest.mark.parametrize("faults", [{"sha256"}, {"reconnect"}, {"reconnect", "sha256"}], ids=str)
def test_a_session_is_its_cookie_whatever_connections_carry_it(house, faults):
    home = house({"cell-1": "SN1"})

    assert cell(home, faults=frozenset(faults)).session()
    assert [made.outcome for made in home.polls(1)] == [ANSWERED]


# ---- who is let in


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ({"password": "other"}, 401),
        ({"faults": frozenset({"anonymous"})}, 401),
        ({"user": "00AA01-SmallCell-SN2"}, 401),
        ({"user": "SN1"}, 204),
        ({"user": "00AA01-SN1"}, 204),
    ],
)
def test_who_it_must_be(house, words, status):
    home = house({"cell-1": "SN1"})
    cpe = cell(home, **words)
    cpe.session(["1 BOOT"])

    assert cpe.statuses[-1] == status
    assert len(home.events()) == (status == 204)


def test_one_cpe_cannot_speak_for_another(house):
    home = house({"cell-1": "SN1", "cell-2": "SN2"})
    liar = Cpe(home.port, "SN2", small_cell("SN2"), user="00AA01-SmallCell-SN1")

    assert not liar.session(["1 BOOT"])
    assert liar.statuses == [401, 403]
    assert home.events() == []
    assert home.polls(1, seconds=0.5) == []


def test_a_stranger_with_a_fleets_password_is_proposed_not_stored(house):
    home = house({"cell-1": "SN1"}, credential="shared")
    known, stranger = cell(home, user="cpe"), cell(home, "SN9", user="cpe")

    assert known.session()
    assert not stranger.session(["1 BOOT"])
    until = time.monotonic() + 10
    path = proposals.place(home.settings)
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.05)
    (found,) = proposals.read(path)
    assert (found.serial, found.standing, found.name) == ("SN9", "new", "00AA01-SmallCell-SN9")
    assert home.events() == []
    assert {made.device for made in home.polls(1)} == {"cell-1/cwmp"}


def test_a_stranger_without_a_password_leaves_no_trace(house):
    home = house({"cell-1": "SN1"})
    cell(home, "SN9").session(["1 BOOT"])

    assert home.service.figures()["refused"] > 0
    assert not proposals.place(home.settings).exists()


def test_a_replayed_request_is_challenged_anew(house):
    home = house({"cell-1": "SN1"})
    cpe = cell(home)
    assert cpe.session(["1 BOOT"])
    body = cpe.inform(["M Reboot"])
    header = cpe.authorization()

    assert raw_post(home.port, body, Authorization=header) == 200
    assert raw_post(home.port, body, Authorization=header) == 401
    assert home.service.figures()["stale"] == 1
    assert [each["event"] for each in home.events()] == ["boot", "reboot_by_manager"]


def test_anothers_cookie_opens_no_session(house):
    home = house({"cell-1": "SN1", "cell-2": "SN2"})
    one, other = cell(home), cell(home, "SN2")
    assert one.post(one.inform(["2 PERIODIC"]))[0] == 200
    other.post(other.inform(["2 PERIODIC"]))
    other.cookie = one.cookie

    assert other.post(b"")[0] == 204
    assert one.post(b"")[0] == 200
    one.close()
    other.close()


def test_basic_is_taken_over_tls_alone_and_only_if_allowed(house):
    home = house({"cell-1": "SN1"}, "acs.basic=true")
    cpe = cell(home)
    basic = "Basic MDBBQTAxLVNtYWxsQ2VsbC1TTjE6c2VjcmV0"  # 00AA01-SmallCell-SN1:secret

    assert raw_post(home.port, cpe.inform(["1 BOOT"]), Authorization=basic) == 401


@pytest.mark.parametrize(("allowed", "status"), [("true", 200), ("false", 401)])
def test_over_tls_digest_works_and_basic_where_it_is_allowed(house, certificate, allowed, status):
    tls = [f"acs.listen.tls_certificate={certificate / 'cert.pem'}", f"acs.listen.tls_key={certificate / 'key.pem'}"]
    home = house({"cell-1": "SN1"}, f"acs.basic={allowed}", *tls)
    trusted = ssl.create_default_context(cafile=certificate / "cert.pem")
    cpe = cell(home, tls=trusted)
    assert cpe.session(["1 BOOT"])
    connection = http.client.HTTPSConnection("127.0.0.1", home.port, timeout=10, context=trusted)
    basic = "Basic MDBBQTAxLVNtYWxsQ2VsbC1TTjE6c2VjcmV0"  # 00AA01-SmallCell-SN1:secret
    wrong = "Basic MDBBQTAxLVNtYWxsQ2VsbC1TTjE6c2VjcmVU"
    found = []
    for header in (basic, wrong, "Basic !", "Basic /w=="):
        connection.request("POST", "/cwmp", body=cpe.inform(["2 PERIODIC"]), headers={"Authorization": header})
        reply = connection.getresponse()
        reply.read()
        found.append(reply.status)
    connection.close()

    assert found == [status, 401, 401, 401]


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
    """A clock that runs ahead by what it is told."""

    def __init__(self):
        self.ahead_ms = 0

    def now_ms(self):
        return clock.SYSTEM.now_ms() + self.ahead_ms

    def monotonic(self):
        return clock.SYSTEM.monotonic() + self.ahead_ms / 1000


def test_who_is_silent_all_through_a_slot_did_not_answer(house):
    moment = Moved()
    home = house({"cell-1": "SN1", "cell-2": "SN2"}, "acs.interval_s=20", moment=moment)
    assert cell(home).session()
    for _ in range(7):
        moment.ahead_ms += 20_000
        time.sleep(0.4)
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
        moment.ahead_ms += 20_000
        time.sleep(0.4)
        cell(home, password="other").session()
        torn = cell(home, "SN2")
        torn.post(b"<torn")
        torn.close()
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
    assert not proposals.place(home.settings).exists()


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


# ---- many at once


def run_all(cpes, run, threads=200):
    """Run one session of each, so many at a time; return the CPEs whose session came to its end."""
    waiting, done = list(cpes), []
    lock = threading.Lock()

    def work():
        while True:
            with lock:
                if not waiting:
                    return
                cpe = waiting.pop()
            ended = run(cpe)
            with lock:
                done.extend([cpe] if ended else [])

    crowd = [threading.Thread(target=work) for _ in range(threads)]
    for each in crowd:
        each.start()
    for each in crowd:
        each.join()
    return done


def trying(cpe, tries=3):
    for _ in range(tries):
        try:
            if cpe.session(["1 BOOT"]):
                return True
        except (OSError, http.client.HTTPException):
            cpe.close()
    return False


@pytest.mark.slow
def test_a_thousand_cpes_at_once_are_each_stored_once(house):
    count = 1000
    home = house({f"cell-{n}": f"SN{n}" for n in range(count)})
    cpes = [cell(home, f"SN{n}") for n in range(count)]
    ended = run_all(cpes, trying)
    time.sleep(1)

    stored = Counter(made.device for made in home.polls(len(ended)))
    booted = Counter(each["device"] for each in home.events())
    assert len(ended) == count
    assert stored == {f"cell-{n}/cwmp": 1 for n in range(count)}
    assert booted == {f"cell-{n}": 1 for n in range(count)}


def test_forty_cpes_at_once_with_strangers_and_broken_ones_among_them(house):
    home = house({f"cell-{n}": f"SN{n}" for n in range(40)})
    good = [cell(home, f"SN{n}") for n in range(0, 40, 2)]
    broken = [cell(home, f"SN{n}", faults=frozenset({"torn"})) for n in range(1, 40, 4)]
    wrong = [cell(home, f"SN{n}", password="no") for n in range(3, 40, 4)]
    ended = run_all([*good, *broken, *wrong], lambda cpe: cpe.session(), threads=40)
    time.sleep(0.5)

    assert {cpe.serial for cpe in ended} == {cpe.serial for cpe in good}
    assert Counter(made.device for made in home.polls(20)) == {f"cell-{n}/cwmp": 1 for n in range(0, 40, 2)}


def test_more_sessions_than_there_is_room_for_are_told_to_come_again(house):
    home = house({f"cell-{n}": f"SN{n}" for n in range(6)}, "acs.sessions=3")
    cpes = [cell(home, f"SN{n}") for n in range(6)]
    statuses = [cpe.post(cpe.inform(["2 PERIODIC"]))[0] for cpe in cpes]
    for cpe in cpes:
        cpe.close()

    assert statuses == [200] * 3 + [503] * 3
    assert len(home.service._acs) == 3


def test_a_cpe_that_begins_again_and_again_is_told_to_wait(house):
    home = house({"cell-1": "SN1", "cell-2": "SN2"})
    mad = cell(home)
    statuses = [mad.post(mad.inform(["1 BOOT"]))[0] for _ in range(70)]
    mad.close()

    assert statuses == [200] * 60 + [503] * 10
    assert cell(home, "SN2").session()
    assert len(home.events()) == 1


@pytest.mark.slow
def test_slow_clients_keep_nobody_out(house):
    home = house({"cell-1": "SN1"})
    slow = []
    for _ in range(300):
        made = socket.create_connection(("127.0.0.1", home.port))
        made.sendall(b"POST /cwmp HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n<")
        slow.append(made)

    assert cell(home).session()
    for each in slow:
        each.close()


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_one_address_cannot_take_the_place_of_the_others(house, certificate, secure):
    """A client that holds its connections open is bounded; another address is let in all the while."""
    tls = [f"acs.listen.tls_certificate={certificate / 'cert.pem'}", f"acs.listen.tls_key={certificate / 'key.pem'}"]
    home = house({"cell-1": "SN1"}, "acs.per_address=8", "acs.listen.host=0.0.0.0", *(tls if secure else []))
    trusted = ssl.create_default_context(cafile=certificate / "cert.pem") if secure else None
    with contextlib.ExitStack() as stack:
        greedy = [stack.enter_context(_held_open(home.port, trusted)) for _ in range(30)]
        time.sleep(0.5)

        assert cell(home, tls=trusted).session()
        assert 1 <= sum(map(_is_open, greedy)) <= 8


def _held_open(port, trusted):
    """A connection from another address of this machine, with half a request."""
    made = socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0), timeout=5)
    with contextlib.suppress(OSError):
        if trusted is not None:
            made = trusted.wrap_socket(made, server_hostname="127.0.0.1")
        made.sendall(b"POST /cwmp HTTP/1.1\r\n")
    return made


def _is_open(connection):
    connection.settimeout(0.05)
    try:
        return bool(connection.recv(1))
    except TimeoutError:
        return True
    except OSError:
        return False


@pytest.mark.slow
def test_whatever_a_login_sends_the_house_stands(house):
    """Mutated sessions of a CPE that knows its password: no 500, no wrong row, and the next good one is stored."""
    chance = random.Random(11)
    home = house({"cell-1": "SN1", "cell-2": "SN2"}, "acs.session_s=5")

    class Mad(Cpe):
        def answer(self, said):
            octets = bytearray(super().answer(said))
            if chance.random() < 0.2:
                at = chance.randrange(len(octets))
                octets[at : at + chance.randint(0, 20)] = bytes(
                    chance.randrange(256) for _ in range(chance.randint(0, 20))
                )
            return bytes(octets)

    statuses = Counter()
    for _ in range(60 * int(os.environ.get("NETOPS_ROUNDS", "1"))):
        mad = Mad(home.port, "SN2", small_cell("SN2"))
        mad.session(["1 BOOT"])
        statuses.update(mad.statuses)

    assert 500 not in statuses
    assert cell(home).session()
    assert {row.subject.id for made in home.polls(1) for row in made.rows if row.subject.kind == "cell"} <= {"sn:SN1", "sn:SN2"}  # fmt: skip
