"""HTTP and TCP: times, certificates, and servers that drip, lie and stall."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import threading
import time
from datetime import UTC, datetime

import pytest

from collectors.probes import figures, looks, tcp, throughput, web
from netops.probing import Target

LOCAL = web.Way(timeout_s=2, local=True)


def told(record, **more):
    observations, gaps = figures.read(record | more, device="site-7/probe", vantage="site-7")
    return {each.metric: each.value for each in observations}, {each.metric: each.reason.value for each in gaps}


def look(target, tmp_path, good_clock):
    return looks.look("t", target, account=tmp_path / "octets.json", clock=good_clock)


def test_a_page_is_timed_step_by_step(web_server, tmp_path, good_clock):
    with web_server({("GET", "/"): (200, {}, b"welcome to the city")}) as server:
        url = f"http://127.0.0.1:{server.server_port}/"
        record = look(Target(kind="http", url=url, expect="200 the city"), tmp_path, good_clock)
    values, gaps = told(record)

    assert (values["probe.reached"], values["probe.http.status"]) == (1, 200)
    assert 0 < values["probe.connect"] < values["probe.total"]
    assert values["probe.first_byte"] < values["probe.total"]
    assert gaps == {}


@pytest.mark.parametrize("expect", ["204", "200 nothing of the kind"])
def test_another_page_than_expected_is_not_reached(web_server, tmp_path, good_clock, expect):
    with web_server({("GET", "/"): (200, {}, b"welcome")}) as server:
        url = f"http://127.0.0.1:{server.server_port}/"
        values, _ = told(look(Target(kind="http", url=url, expect=expect), tmp_path, good_clock))

    assert (values["probe.reached"], values["probe.http.status"]) == (0, 200)


def test_a_trusted_certificate_is_told_with_its_end(web_server, certificate, tmp_path, good_clock):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    with web_server({("GET", "/"): (200, {}, b"sealed")}, tls=tls) as server:
        url = f"https://127.0.0.1:{server.server_port}/"
        trusted = look(Target(kind="http", url=url, ca=certificate / "cert.pem"), tmp_path, good_clock)
        stranger = look(Target(kind="http", url=url), tmp_path, good_clock)
        asked = list(server.asked)
    values, gaps = told(trusted, at_ms=int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1000))
    untrusted, missed = told(stranger)

    assert (values["probe.reached"], values["probe.certificate.trusted"]) == (1, 1)
    assert values["probe.certificate.days"] == 3650
    assert values["probe.certificate.issuer"] == "CN=city test"
    assert values["probe.tls"] > 0
    assert gaps == {}
    assert (untrusted["probe.reached"], untrusted["probe.certificate.trusted"]) == (0, 0)
    assert untrusted["probe.certificate.digest"] == values["probe.certificate.digest"]
    assert missed["probe.http.status"] == "protocol_fault"
    assert len(asked) == 1  # to the untrusted one nothing was sent


def stalling(act, *, first=True):
    """Serve one connection with `act`, after its first octets; return the socket that listens."""
    listening = socket.create_server(("127.0.0.1", 0))

    def run():
        connection, _ = listening.accept()
        with connection:
            if first:
                connection.recv(65_536)
            try:
                act(connection)
            except OSError:
                return

    threading.Thread(target=run, daemon=True).start()
    return listening


def drip_head(connection):
    for _ in range(400):
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: " if _ == 0 else b"a")
        time.sleep(0.02)


def drip_body(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(400):
        connection.sendall(b"a")
        time.sleep(0.02)


def drip_without_length(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(400):
        connection.sendall(b"a")
        time.sleep(0.02)


def drip_chunks(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(400):
        connection.sendall(b"1\r\na\r\n")
        time.sleep(0.02)


def say_nothing(connection):
    time.sleep(3)


@pytest.mark.parametrize("act", [drip_head, drip_body, drip_without_length, drip_chunks, say_nothing])
def test_a_server_that_drips_costs_no_more_than_the_time_out(act):
    with stalling(act) as listening:
        began = time.monotonic()
        page = web.fetch(f"http://127.0.0.1:{listening.getsockname()[1]}/", web.Way(timeout_s=0.5, local=True))

    assert page.failed == "no_answer"
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("act", [drip_body, say_nothing])
def test_nor_does_one_that_drips_under_tls(act, certificate):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")

    def sealed(connection):
        with tls.wrap_socket(connection, server_side=True) as inner:
            inner.recv(65_536)
            act(inner)

    with stalling(sealed, first=False) as listening:
        began = time.monotonic()
        way = web.Way(timeout_s=0.6, local=True, ca=certificate / "cert.pem")
        page = web.fetch(f"https://127.0.0.1:{listening.getsockname()[1]}/", way)

    assert page.failed == "no_answer", page
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "octets",
    [b"\0\1\2\3" * 100, b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n"],
    ids=["noise", "no status", "500 headers"],
)
def test_what_is_no_http_is_a_protocol_fault(octets):
    with stalling(lambda connection: connection.sendall(octets)) as listening:
        page = web.fetch(f"http://127.0.0.1:{listening.getsockname()[1]}/", LOCAL)

    assert page.failed == "protocol_fault"


def test_a_connection_that_is_reset_within_the_answer_is_a_protocol_fault():
    def reset(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with stalling(reset) as listening:
        page = web.fetch(f"http://127.0.0.1:{listening.getsockname()[1]}/", LOCAL)

    assert page.failed == "protocol_fault"


def test_a_page_without_end_is_cut_at_its_limit(web_server):
    with web_server({("GET", "/"): (200, {}, os.urandom(3 << 20))}) as server:
        page = web.fetch(f"http://127.0.0.1:{server.server_port}/", LOCAL)

    assert (page.octets, len(page.body), page.cut) == (web.LIMIT, web.LIMIT, True)


def test_nobody_is_led_to_this_machine_itself():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        page = web.fetch(f"http://127.0.0.1:{listening.getsockname()[1]}/", web.Way(timeout_s=1))
        with pytest.raises(TimeoutError):
            listening.accept()

    assert "not a machine of the network" in page.detail


def test_a_connection_is_timed_and_a_closed_port_refuses(good_clock):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        made = tcp.run("127.0.0.1", port, timeout_s=1, clock=good_clock)
    refused = tcp.run("127.0.0.1", port, timeout_s=1, clock=good_clock)

    assert 0 < made["connect_ns"] < 1_000_000_000
    assert refused["failed"] == "refused"
    assert told(refused | {"kind": "tcp", "target": "t"}) == (
        {"probe.reached": 0, "probe.kind": "tcp", "probe.role": "target"},
        {"probe.connect": "refused"},
    )


def test_throughput_stays_within_its_run_and_its_day(web_server, tmp_path, good_clock):
    body = os.urandom(1 << 20)
    with web_server({("GET", "/file"): (200, {}, body)}) as server:
        url = f"http://127.0.0.1:{server.server_port}/file"
        target = Target(kind="throughput", url=url, bytes_per_run=400_000, bytes_per_day=900_000)
        records = [look(target, tmp_path, good_clock) for _ in range(4)]
    values = [told(record)[0] for record in records]

    assert [record.get("octets", 0) for record in records] == [400_000, 400_000, 100_000, 0]
    assert all(each["probe.throughput"] > 1e6 for each in values[:3])
    assert told(records[3])[1]["probe.throughput"] == "budget"
    assert "probe.reached" not in values[3]


@pytest.mark.parametrize("act", [drip_body, drip_without_length, drip_chunks])
def test_a_slow_line_has_a_rate_and_what_came_over_it_is_spent(act, tmp_path, good_clock):
    """A file that does not come whole in time is a slow line, not a silent one; its octets were paid for."""
    with stalling(act) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/file"
        target = Target(kind="throughput", url=url, timeout_s=2.5, bytes_per_run=100_000, bytes_per_day=900_000)
        record = look(target, tmp_path, good_clock)
    values, _ = told(record)

    assert (values["probe.reached"], record["cut"]) == (1, True)
    assert 5 <= record["octets"] <= 130
    assert values["probe.throughput"] < 2000
    assert throughput.read(tmp_path / "octets.json").spent == {"t": record["octets"]}


def test_what_came_before_a_fetch_failed_is_spent_too(tmp_path, good_clock):
    def half(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\nno chunk\r\n")

    with stalling(half) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/file"
        target = Target(kind="throughput", url=url, bytes_per_run=100_000, bytes_per_day=900_000)
        record = look(target, tmp_path, good_clock)

    assert (record["failed"], record["octets"]) == ("protocol_fault", 6)
    assert throughput.read(tmp_path / "octets.json").spent == {"t": 6}


def test_without_an_account_nothing_is_fetched_and_nobody_blamed(tmp_path, good_clock):
    (tmp_path / "file").touch()
    target = Target(kind="throughput", url="http://127.0.0.1:9/", bytes_per_run=100_000, bytes_per_day=900_000)
    record = looks.look("t", target, account=tmp_path / "file" / "octets.json", clock=good_clock)
    values, gaps = told(record)

    assert "probe.reached" not in values
    assert gaps["probe.throughput"] == "disk_full"


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOBUFS, errno.EACCES])
def test_what_this_machine_cannot_ask_is_no_silence_of_the_target(number, good_clock, monkeypatch):
    def refuse(*_args, **_more):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tcp.socket, "socket", refuse)
    values, gaps = told(tcp.run("127.0.0.1", 9, timeout_s=1, clock=good_clock) | {"kind": "tcp", "target": "t"})

    assert "probe.reached" not in values
    assert gaps["probe.reached"] == "collector_not_running"


def test_a_run_that_was_killed_has_spent_its_allowance(tmp_path):
    path = tmp_path / "octets.json"
    account, granted = throughput.read(path).grant("t", now_ms=86_400_000 * 5, run=300_000, daily=500_000)
    throughput.write(path, account)  # and then nothing more

    again = throughput.read(path).grant("t", now_ms=86_400_000 * 5 + 1, run=300_000, daily=500_000)[1]
    tomorrow = throughput.read(path).grant("t", now_ms=86_400_000 * 6, run=300_000, daily=500_000)[1]

    assert (granted, again, tomorrow) == (300_000, 200_000, 300_000)
