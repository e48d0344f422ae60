"""Who is let in: by its own name, by a fleet's, never as another; over TLS; no request twice."""

from __future__ import annotations

import http.client
import ssl
import time
from collections import Counter

import pytest

from collectors.cwmp.digest import Challenges
from collectors.cwmp.logins import Logins
from collectors.cwmp.message import DeviceId
from collectors.cwmp.session import Asking
from collectors.cwmp.strangers import Strangers
from collectors.discovery import proposals
from collectors.simulator.cpe import Cpe, small_cell
from netops import config
from netops import proposals as waiting


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


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"password": "wrong"}, "another password, address or algorithm"),
        ({"user": "nobody"}, "nobody of the register has this name"),
    ],
)
def test_who_is_refused_is_told_to_the_log_with_the_reason(house, caplog, words, why):
    cpe = cell(house({"cell-1": "SN1"}), **words)
    cpe.session(["1 BOOT"])

    told = next(each for each in caplog.records if each.message == "login refused")
    assert (told.user, told.why) == (words.get("user", "00AA01-SmallCell-SN1"), why)


def test_nobody_fills_the_log(caplog):
    challenges = Challenges(realm="r", key=b"k", chance=lambda: "c")
    logins = Logins(challenges, basic=False, counters=Counter(), refused=lambda _: None)
    header = 'Digest username="a\x07b", realm="r", nonce="n", uri="/cwmp", response="0"'
    for at_ms in (*range(0, 1000, 10), 1000):
        logins.judge(Asking(address="192.0.2.1", path="/cwmp", header=header, cookie="", body=b""), at_ms)

    assert [each.user for each in caplog.records] == ["a\N{REPLACEMENT CHARACTER}b"] * 2


def test_one_cpe_cannot_speak_for_another(house, caplog):
    home = house({"cell-1": "SN1", "cell-2": "SN2"})
    liar = Cpe(home.port, "SN2", small_cell("SN2"), user="00AA01-SmallCell-SN1")

    assert not liar.session(["1 BOOT"])
    assert liar.statuses == [401, 403]
    assert home.events() == []
    assert home.polls(1, seconds=0.5) == []
    (told,) = [each for each in caplog.records if each.message == "login refused"]
    assert (told.user, "not the login of 'cell-2'" in told.why) == ("00AA01-SmallCell-SN1", True)


def test_a_stranger_with_a_fleets_password_is_proposed_not_stored(house):
    home = house({"cell-1": "SN1"}, credential="shared")
    known, stranger = cell(home, user="cpe"), cell(home, "SN9", user="cpe")

    assert known.session()
    assert not stranger.session(["1 BOOT"])
    until = time.monotonic() + 10
    path = waiting.place(home.settings)
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.05)
    (found,) = proposals.read(path)
    assert (found.serial, found.standing, found.name) == ("SN9", "new", "00AA01-SmallCell-SN9")
    assert home.events() == []
    assert {made.device for made in home.polls(1)} == {"cell-1/cwmp"}


def test_strangers_behind_one_address_are_each_proposed_until_they_are_in_the_register(tmp_path):
    place = tmp_path / waiting.NAME
    strangers = Strangers(config.load(None, environ={}, overrides=[f"data.dir={tmp_path}"]))
    for serial in ("SN1", "SN2", "SN3"):
        who = DeviceId(manufacturer="M", oui="00AA01", product_class="Cell", serial=serial)
        strangers.seen(who, "198.51.100.7")
    strangers.keep(1)
    assert {each.serial for each in proposals.read(place)} == {"SN1", "SN2", "SN3"}

    strangers.forget({"SN1", "00AA01-SN2", "another"})
    assert [each.serial for each in proposals.read(place)] == ["SN3"]


def test_a_stranger_without_a_password_leaves_no_trace(house):
    home = house({"cell-1": "SN1"})
    cell(home, "SN9").session(["1 BOOT"])

    assert home.service.figures()["refused"] > 0
    assert not waiting.place(home.settings).exists()


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
