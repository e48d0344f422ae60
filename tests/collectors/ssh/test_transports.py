"""Both transports against a scripted device: whole tables or reasons, and no password to a stranger."""

import socket
import threading

import asyncssh
import pytest
import ssh_device

from collectors.ssh.by_asyncssh import Asyncssh
from collectors.ssh.by_netmiko import Netmiko
from collectors.ssh.talk import Limits
from netops.model import Reason

QUICK = Limits(connect_s=20, read_s=3, deadline_s=60)
CALM = Limits(connect_s=20, read_s=20, deadline_s=60)


@pytest.fixture(params=["asyncssh", "netmiko"])
def transport(request):
    made = Asyncssh(sessions=20) if request.param == "asyncssh" else Netmiko(threads=12)
    made.start()
    yield made
    made.stop()


@pytest.mark.parametrize("piece", [0, 40])
@pytest.mark.parametrize("fault", ["", "page", "ansi", "may refuse a new password"])
def test_a_table_is_read_whole(  # noqa: PLR0917
    site, errand, carried, transport, fault, piece
):
    port = site.serve(ssh_device.Device(fault=fault, piece=piece))
    (came,) = carried(transport, errand(port, site.print))

    assert came.failed is None
    (taken,) = came.visited.taken
    assert taken.failed is None
    assert [row["ID"] for row in taken.rows] == [str(n) for n in range(30)]


TORN = ("drop", "stall", "no echo", "rename", "short", "lookalike", "cut with a prompt")
NOT_WHOLE = {
    **dict.fromkeys(TORN, Reason.TORN),
    "log": Reason.UNREADABLE,
    "flood": Reason.PROTOCOL_FAULT,
    "endless pager": Reason.PROTOCOL_FAULT,
    "error": Reason.ERROR_STATUS,
}
WAITS = {"stall", "no echo", "rename", "endless pager"}


def test_a_table_that_is_not_whole_is_a_gap(site, errand, carried, transport):
    errands = [
        errand(
            site.serve(ssh_device.Device(fault=fault)),
            site.print,
            limits=QUICK if fault in WAITS else CALM,
            token=fault,
        )
        for fault in NOT_WHOLE
    ]
    found = {came.token: came.visited.taken[0] for came in carried(transport, *errands)}

    assert {fault: taken.failed.reason for fault, taken in found.items()} == NOT_WHOLE
    assert not any(taken.rows for taken in found.values())


def test_who_is_not_let_in_knows_why(site, errand, carried, transport):
    expected = {
        "new password": Reason.AUTH_FAILED,
        "new password at login": Reason.AUTH_FAILED,
        "silent": Reason.TORN,
    }
    limits = Limits(connect_s=3, read_s=3, deadline_s=9)
    errands = [
        errand(site.serve(ssh_device.Device(fault=fault)), site.print, limits=limits, token=fault) for fault in expected
    ]
    found = carried(transport, *errands)

    assert {came.token: came.failed.reason for came in found} == expected
    assert not any(came.visited for came in found)


@pytest.mark.parametrize("known", ["another", "none", "another line"])
def test_no_password_goes_to_a_key_that_nobody_vouches_for(site, errand, carried, transport, known):
    device = ssh_device.Device()
    port = site.serve(device, key=site.other)
    keys = {"another": [site.print], "none": [], "another line": [site.line]}[known]
    (came,) = carried(transport, errand(port, *keys))

    assert (came.visited, came.failed.reason) == (None, Reason.HOST_KEY)
    assert device.tries == []


def test_a_key_that_changes_between_two_visits_is_refused_at_the_second(site, errand, carried, transport):
    before, after = ssh_device.Device(), ssh_device.Device()
    (first,) = carried(transport, errand(site.serve(before), site.line))
    (second,) = carried(transport, errand(site.serve(after, key=site.other), site.line))

    assert first.failed is None
    assert second.failed.reason is Reason.HOST_KEY
    assert before.tries[-1] == ("ops", ssh_device.PASSWORD)
    assert after.tries == []


def test_a_wrong_password_is_told_apart(site, errand, carried, transport):
    (came,) = carried(transport, errand(site.serve(ssh_device.Device()), site.print, password="wrong"))

    assert came.failed.reason is Reason.AUTH_FAILED
    assert "wrong" not in came.failed.detail


def test_a_device_that_asks_by_keyboard_interactive_is_answered(site, errand, carried):
    """By asyncssh: paramiko asks for the service a second time then, which this device's library breaks off."""
    device = ssh_device.Device(asks=("Password: ",))
    transport = Asyncssh(sessions=5)
    transport.start()
    (came,) = carried(transport, errand(site.serve(device), site.print))
    transport.stop()

    assert came.failed is None
    assert device.tries[-1] == ("ops", ssh_device.PASSWORD)


def test_a_device_that_asks_for_more_than_a_password_is_a_reason(site, errand, carried, transport):
    device = ssh_device.Device(asks=("Password: ", "Code from your token: "))
    (came,) = carried(transport, errand(site.serve(device), site.print))

    assert came.failed.reason is Reason.AUTH_FAILED


def test_a_stranger_that_asks_by_keyboard_interactive_is_told_nothing(site, errand, carried, transport):
    device = ssh_device.Device(asks=("Password: ",))
    (came,) = carried(transport, errand(site.serve(device, key=site.other), site.print))

    assert came.failed.reason is Reason.HOST_KEY
    assert device.tries == []


def test_a_closed_port_is_told_apart(errand, carried, transport):
    (came,) = carried(transport, errand(1, "SHA256:" + "a" * 43))

    assert came.failed.reason is Reason.REFUSED


def test_the_last_visits_are_broken_off_when_the_transport_stops(site, errand):
    port = site.serve(ssh_device.Device(fault="stall"))
    made = Asyncssh(sessions=5)
    came = []
    made.start()
    made.carry([errand(port, site.print)], came.append)
    made.stop()

    assert [each.failed.reason for each in came] in ([], [Reason.NOT_RUNNING])


@pytest.fixture
def home(tmp_path, monkeypatch, site):
    """A home that would lead us astray: a configuration, a known stranger, an agent that writes down who asks it."""
    place = tmp_path / ".ssh"
    place.mkdir()
    (place / "config").write_text("Host *\n  User intruder\n  ProxyCommand false\n  ForwardAgent yes\n")
    stranger = " ".join(site.other.export_public_key().decode().split()[:2])
    (place / "known_hosts").write_text("".join(f"{host} {stranger}\n" for host in ("127.0.0.1", "*")))
    site.other.write_private_key(str(place / "id_ed25519"))
    (place / "id_ed25519").chmod(0o600)
    agent = socket.socket(socket.AF_UNIX)
    agent.bind(str(tmp_path / "agent"))
    agent.listen()
    agent.settimeout(0.2)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    yield agent
    agent.close()


def test_nothing_of_a_users_home_is_used(site, errand, carried, transport, home):
    stranger, known = ssh_device.Device(), ssh_device.Device()
    (refused,) = carried(transport, errand(site.serve(stranger, key=site.other), site.print))
    (came,) = carried(transport, errand(site.serve(known), site.print))

    assert refused.failed.reason is Reason.HOST_KEY
    assert stranger.tries == []
    assert came.failed is None
    assert {user for user, _ in known.tries} == {"ops"}
    with pytest.raises(TimeoutError):
        home.accept()


@pytest.mark.filterwarnings("ignore:Diffie-Hellman over finite fields")
def test_old_equipment_is_spoken_to_when_the_settings_say_so(site, errand, carried):
    """Its key is pinned all the same, and without the setting the reason names it."""
    key = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
    port = site.serve(
        ssh_device.Device(),
        key=key,
        kex_algs=["diffie-hellman-group14-sha1"],
        encryption_algs=["aes128-cbc"],
        mac_algs=["hmac-sha1"],
        signature_algs=["ssh-rsa"],
    )
    transport = Asyncssh(sessions=5)
    transport.start()
    (new,) = carried(transport, errand(port, key.get_fingerprint()))
    (old,) = carried(transport, errand(port, key.get_fingerprint(), old=True))
    (stranger,) = carried(transport, errand(port, site.print, old=True))
    transport.stop()

    assert (new.failed.reason, "`old_algorithms` of its credential" in new.failed.detail) == (
        Reason.PROTOCOL_FAULT,
        True,
    )
    assert old.failed is None
    assert stranger.failed.reason is Reason.HOST_KEY


def test_a_device_that_hangs_up_before_it_shows_a_key_may_be_an_old_one(site, errand, carried):
    """What it said last is lost when its end of the line is closed before we have read it."""
    with socket.create_server(("127.0.0.1", 0)) as device:

        def hang_up() -> None:
            link, _ = device.accept()
            with link:
                link.sendall(b"SSH-2.0-old\r\n")
                while (part := link.recv(65_536)) and b"curve25519" not in part:  # what it offers
                    pass

        thread = threading.Thread(target=hang_up)
        thread.start()
        transport = Asyncssh(sessions=5)
        transport.start()
        (came,) = carried(transport, errand(device.getsockname()[1], site.print))
        transport.stop()
        thread.join(10)

    assert came.failed.reason is Reason.PROTOCOL_FAULT
    assert "`old_algorithms` of its credential" in came.failed.detail


def test_a_private_key_that_cannot_be_read_is_our_own_fault(site, errand, carried, transport):
    device = ssh_device.Device()
    (came,) = carried(transport, errand(site.serve(device), site.print, password="", key="no key"))

    assert came.failed.reason is Reason.NO_CREDENTIAL
    assert device.tries == []
