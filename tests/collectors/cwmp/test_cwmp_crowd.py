# ruff: noqa: E501  (some lines hold whole sentences)
"""Many CPEs at once, slow ones, greedy ones and mad ones: each good one is stored once."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import socket
import ssl
import threading
import time
from collections import Counter

import pytest

from collectors.simulator.cpe import Cpe, small_cell


def cell(house, serial="SN1", **words):
    return Cpe(house.port, serial, small_cell(serial), **words)


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
    try:
        connection.settimeout(0.05)  # of one that ended in its handshake nothing is left to ask
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
