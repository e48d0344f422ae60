"""From the settings' credentials to what the engine speaks with, and addresses as the kernel writes them."""

import socket

import pytest

from collectors.errors import CollectorError
from collectors.snmp.ask import Community
from collectors.snmp.credential import spoken
from collectors.snmp.sockets import resolve
from collectors.snmp.usm import AUTHENTIC, PRIVATE, User
from netops.config import Credential, Secret


@pytest.fixture(autouse=True)
def phrases(monkeypatch):
    monkeypatch.setenv("ONE", "first phrase")
    monkeypatch.setenv("TWO", "second phrase")


def test_a_community_is_read_and_never_shown():
    community = spoken("core", Credential(community=Secret("env:ONE")))

    assert community == Community(b"first phrase")
    assert "first" not in repr(community)


@pytest.mark.parametrize(
    ("keys", "level"),
    [
        ({}, 0),
        ({"auth_key": Secret("env:ONE")}, AUTHENTIC),
        ({"auth_key": Secret("env:ONE"), "priv_key": Secret("env:TWO")}, AUTHENTIC | PRIVATE),
    ],
    ids=["noAuthNoPriv", "authNoPriv", "authPriv"],
)
def test_a_user_has_the_level_of_its_keys(keys, level):
    user = spoken("core", Credential(version="v3", user="poller", context="wlan", **keys))

    assert isinstance(user, User)
    assert (user.level, user.context) == (level, "wlan")


@pytest.mark.parametrize(
    ("credential", "told"),
    [
        (Credential(), "set credentials.core.community"),
        (Credential(version="v3"), "set credentials.core.user"),
        (Credential(kind="ssh", user="ops"), "is of kind ssh; a device is asked by one of kind snmp"),
        (Credential(version="2c", community=Secret("env:ONE")), "expected v2c or v3; did you mean 'v2c'"),
    ],
)
def test_what_is_missing_is_named(credential, told):
    with pytest.raises(CollectorError, match=told):
        spoken("core", credential)


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("192.0.2.7", (socket.AF_INET, ("192.0.2.7", 161))),
        ("2001:DB8:0:0:0:0:0:1", (socket.AF_INET6, ("2001:db8::1", 161, 0, 0))),
        ("fe80::1%lo", (socket.AF_INET6, ("fe80::1", 161, 0, socket.if_nametoindex("lo")))),
        ("fe80::1%7", (socket.AF_INET6, ("fe80::1", 161, 0, 7))),
        ("ap.example.net", None),
        ("010.0.0.1", None),
    ],
)
def test_addresses_are_numbers_only(address, found):
    assert resolve(address, 161) == found


@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_ports_are_ports(port):
    assert resolve("192.0.2.7", port) is None
