"""One poll a slot; whose silence is whose; what is stated once; where a CPE is called."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from contextlib import suppress

import pytest

from collectors.cwmp.call import Call, call_of, make
from collectors.cwmp.callers import Callers
from collectors.cwmp.doors import Known, Login
from collectors.cwmp.said import PER_MINUTE, Said
from collectors.cwmp.slots import GRACE_MS, Slots
from collectors.device_event import Event
from collectors.poll import unpolled
from netops.model import ANSWERED, Poll, Reason, Subject

EVERY = 300_000
T = 1_790_000_100_000 // EVERY * EVERY


def poll(at_ms, device="cell-1/cwmp", **words):
    return Poll(device=device, slot_ms=at_ms // EVERY * EVERY, at_ms=at_ms, outcome=ANSWERED, **words)


@pytest.fixture
def slots():
    made = Slots(interval_s=300)
    made.expect(["cell-1/cwmp"], T - 1000)
    return made


def closed(slots, now_ms):
    return [(each.slot_ms, each.outcome) for each in slots.close(now_ms, unpolled=unpolled)]


def test_the_first_whole_session_is_the_slots_poll(slots):
    assert slots.wanted("cell-1/cwmp", T + 5)
    assert slots.take(poll(T + 5), whole=True) is not None
    assert slots.take(poll(T + 9), whole=True) is None
    assert not slots.wanted("cell-1/cwmp", T + 9)
    assert slots.wanted("cell-1/cwmp", T + EVERY)
    assert closed(slots, T + EVERY + GRACE_MS) == []


def test_a_broken_session_waits_for_a_better_one(slots):
    assert slots.take(poll(T + 5, profile="broken"), whole=False) is None
    assert slots.wanted("cell-1/cwmp", T + 6)
    whole = slots.take(poll(T + 9), whole=True)

    assert whole is not None
    assert closed(slots, T + EVERY + GRACE_MS) == []


def test_a_broken_session_is_the_poll_when_nothing_better_came(slots):
    slots.take(poll(T + 5), whole=False)
    slots.take(poll(T + 7), whole=False)

    assert closed(slots, T + EVERY + GRACE_MS - 1) == []
    assert closed(slots, T + EVERY + GRACE_MS) == [(T, ANSWERED)]
    assert closed(slots, T + EVERY + GRACE_MS + 1) == []


def test_a_slot_in_which_nobody_came_is_no_answer_and_told_once(slots):
    now = T + 3 * EVERY + GRACE_MS

    assert closed(slots, now) == [(T + n * EVERY, "no_answer") for n in range(3)]
    assert closed(slots, now + 1) == []


def test_the_slot_in_which_we_began_says_nothing():
    slots = Slots(interval_s=300)
    slots.expect(["cell-1/cwmp"], T + 1)

    assert closed(slots, T + EVERY + GRACE_MS) == []
    assert closed(slots, T + 2 * EVERY + GRACE_MS) == [(T + EVERY, "no_answer")]


def test_silence_is_ours_when_we_turned_it_away_or_did_not_listen(slots):
    slots.turned_away("cell-1/cwmp", T + 5, Reason.DISK_FULL)
    slots.blind(T + EVERY + 10, T + EVERY + 60_000)

    assert closed(slots, T + 3 * EVERY + GRACE_MS) == [
        (T, "disk_full"),
        (T + EVERY, "missed_slot"),
        (T + 2 * EVERY, "no_answer"),
    ]


def test_a_wrong_password_after_a_full_disk_does_not_make_it_theirs(slots):
    slots.turned_away("cell-1/cwmp", T + 5, Reason.DISK_FULL)
    slots.turned_away("cell-1/cwmp", T + 6, Reason.AUTH_FAILED)
    slots.turned_away("cell-1/cwmp", T + EVERY, Reason.AUTH_FAILED)
    slots.turned_away("cell-1/cwmp", T + EVERY, Reason.DISK_FULL)

    assert closed(slots, T + 2 * EVERY + GRACE_MS) == [(T, "disk_full"), (T + EVERY, "disk_full")]


def test_who_cannot_be_let_in_is_a_gap_of_ours_in_every_slot(slots):
    slots.bar({"cell-2/cwmp": Reason.NO_CREDENTIAL})
    slots.take(poll(T + 5), whole=True)
    closed(slots, T + GRACE_MS)

    assert (T, "no_credential") in closed(slots, T + EVERY + GRACE_MS)
    assert closed(slots, T + EVERY + GRACE_MS + 5) == []


def test_who_left_the_register_is_waited_for_no_more(slots):
    slots.take(poll(T + 5), whole=False)
    slots.expect([], T + 10)

    assert slots.take(poll(T + 20), whole=True) is None
    assert closed(slots, T + 5 * EVERY) == []


def test_a_month_of_silence_is_not_told_slot_by_slot(slots):
    assert len(closed(slots, T + 9000 * EVERY)) == 60


def test_who_has_not_come_late_in_its_slot_is_to_be_called(slots):
    assert slots.silent(T + EVERY // 2, share=0.9) == []
    assert slots.silent(T + int(EVERY * 0.95), share=0.9) == ["cell-1/cwmp"]
    slots.take(poll(T + 5), whole=True)
    assert slots.silent(T + int(EVERY * 0.95), share=0.9) == []


# ---- events


def event(word="boot", state="", **values):
    told = values | ({"state": state} if state else {})
    return Event(event=word, trap="1 BOOT", subject=Subject("device", "cell-1"), values=told)


def news(said, now, *events):
    found = said.news("cell-1", events, now)
    said.stated("cell-1", [each for each, _ in found], now)
    return [again for _, again in found]


def test_an_event_that_is_sent_again_is_counted_and_stated_later():
    said = Said()

    assert [news(said, now, event()) for now in (0, 1, 59, 61)] == [[0], [], [], [2]]


def test_down_up_and_down_are_three_events():
    said = Said()
    states = ["down", "up", "down", "down"]

    found = [news(said, at, event("value_change", state, parameter="X")) for at, state in enumerate(states)]

    assert found == [[0], [0], [0], []]


def test_what_the_disk_did_not_take_is_still_news():
    said = Said()

    assert len(said.news("cell-1", [event()], 0)) == 1
    assert len(said.news("cell-1", [event()], 1)) == 1


def test_one_cpe_states_so_many_events_a_minute():
    said = Said()
    counts = [len(news(said, 1, event(command_key=str(n)))) for n in range(200)]

    assert sum(counts) == PER_MINUTE
    assert said.beyond(2) == []
    assert said.beyond(61) == [("cell-1", 140)]
    assert said.beyond(62) == []
    assert news(said, 100, event(command_key="x")) == [0]


# ---- calls


def known(**words):
    login = Login(user="", password="secret", call_user="acs", call_password="call")
    given = {"device": "cell-1", "serial": "SN1", "address": "127.0.0.1", "port": 7547, "login": login} | words
    return Known(**given)


@pytest.mark.parametrize(
    "told",
    [
        "http://192.0.2.1:7547/x",
        "http://127.0.0.1:22/x",
        "http://127.0.0.1/x",
        "https://127.0.0.1:7547/x",
        "ftp://127.0.0.1:7547/x",
        "http://127.0.0.1:7547/x?y=1",
        "http://127.0.0.1:7547/x\r\nX-Y: z",
        "http://127.0.0.1:7547/x y",
        "http://user@127.0.0.1:7547/x",
        "http://127.0.0.1.example:7547/x",
        "http://[127.0.0.1:7547/x",
        "http://127.0.0.1:99999/x",
        "//127.0.0.1:7547/x",
        "",
    ],
)
def test_a_cpe_cannot_send_us_elsewhere(told):
    assert isinstance(call_of(known(), told), str)


def test_a_cpe_is_called_where_the_register_says():
    call = call_of(known(), "http://127.0.0.1:7547/a/b")

    assert isinstance(call, Call)
    assert (call.host, call.port, call.path) == ("127.0.0.1", 7547, "/a/b")
    assert isinstance(call_of(known(address=""), "http://127.0.0.1:7547/a"), str)
    assert "call" not in repr(call).replace("Call(", "").replace("/call", "")


class _Cpe(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Authorization", "")))
        if not self.headers.get("Authorization"):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Digest realm="cpe", nonce="n1", qop="auth"')
        else:
            self.send_response(self.server.then)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        return


@pytest.fixture
def cpe():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Cpe)
    server.asked, server.then, server.daemon_threads = [], 200, True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_call_answers_the_cpes_challenge(cpe):
    port = cpe.server_address[1]
    call = call_of(known(port=port), f"http://127.0.0.1:{port}/come")

    assert isinstance(call, Call)
    assert make(call) == ""
    assert [path for path, _ in cpe.asked] == ["/come", "/come"]
    assert 'username="acs"' in cpe.asked[1][1]


def test_no_redirect_is_followed_and_a_refusal_is_told(cpe):
    port = cpe.server_address[1]
    call = call_of(known(port=port), f"http://127.0.0.1:{port}/come")
    cpe.then = 302

    assert isinstance(call, Call)
    assert make(call) == "it answers 302"
    assert len(cpe.asked) == 2


def test_a_cpe_that_is_away_is_no_error():
    call = call_of(known(port=9), "http://127.0.0.1:9/come")

    assert isinstance(call, Call)
    assert "refused" in make(call, wait_s=1).lower()


@pytest.mark.parametrize(
    "said", [b"", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 2000 x\r\n\r\n", b"HTTP/1.1 401 x\r\n\r\n", b"a" * 20_000, None]
)
def test_a_cpe_that_answers_with_something_else_or_drips_holds_nobody_up(said):
    """None: one octet now and then, for ever."""
    ending = threading.Event()

    def play(server):
        with suppress(OSError):
            while True:
                made, _ = server.accept()
                with made:
                    made.recv(4096)
                    if said is not None:
                        made.sendall(said)
                    while said is None and not ending.wait(0.05):
                        made.sendall(b"H")

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        thread = threading.Thread(target=play, args=(server,))
        thread.start()
        began = time.monotonic()
        wrong = make(Call(door="d", host="127.0.0.1", port=port, path="/", user="u", password="p"), wait_s=0.5)
        took = time.monotonic() - began
        ending.set()
        server.shutdown(socket.SHUT_RDWR)
        thread.join()

    assert wrong
    assert took < 5


def test_each_is_called_once_a_slot_and_only_so_many_wait():
    made = Callers(calling=lambda _call: "")
    calls = [Call(door=f"d{n}", host="h", port=1, path="/", user="", password="") for n in range(300)]
    placed = [made.call(each, T) for each in calls]

    assert placed.count(True) == 256
    assert not made.due("d0", T)
    assert made.due("d0", T + EVERY)
    assert made.due("d299", T)
