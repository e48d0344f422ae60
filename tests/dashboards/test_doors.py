"""A visit over SSH has a page of its own: when, how it went, what was read and the octets as they came."""

from __future__ import annotations

import pytest

from dashboards.queries import decoder
from netops import raw
from netops.model import ANSWERED, Poll, Row, Subject
from netops.store import open_store

SLOT = 1_789_999_980_000
HEAD = b'{"command":"display ap all","cuts":[],"prompt":"ac-1","read":"vrp_aps","values":{}}\n'
SAID = (
    b"display ap all\r\nTotal AP information:\r\nnor  : normal          [1]\r\n"
    b"ID   MAC            Name   Group     IP            Type            State STA Uptime      ExtraInfo\r\n"
    b"0    60de-4476-e360 hall_1 ap-group1 10.23.100.254 AP5030DN        nor   7   10S         -\r\nTotal: 1\r\n<ac-1>"
)


@pytest.fixture(scope="module")
def visited(sites, tmp_path_factory):
    """The small city, in which a controller was visited over SSH as well."""
    made = sites(tmp_path_factory.mktemp("doors"))
    poll = Poll(
        device="wlan-controller-0/ssh",
        slot_ms=SLOT,
        at_ms=SLOT + 40,
        outcome=ANSWERED,
        profile="vrp_aps",
        digest="3f2a" * 16,
        attempts=1,
        rtt_ms=31.0,
        rows=(Row(subject=Subject("ap", "mac:60de4476e360"), values={"wlan.ap.clients": 7.0}),),
        raw=raw.frame([HEAD + SAID]),
    )
    with open_store(made.settings, writing=True) as store:
        store.write([poll])
    with raw.build(made.settings, writing=True) as archive:
        archive.keep("ssh/1", [(1, poll)])
    return made


def test_the_page_of_a_visit_reads_its_octets_again(visited):
    browser = visited.browser("auditor")
    page = browser.get(f"/reading/wlan-controller-0/ssh/{SLOT}").get_data(as_text=True)
    octets = browser.get(f"/reading/wlan-controller-0/ssh/{SLOT}/raw")

    assert "wlan-controller-0/ssh@1789999980000" in page
    assert "ap:mac:60de4476e360" in page
    assert "display ap all#CLIENTS" in page
    assert raw.unframe(octets.data) == [HEAD + SAID]


@pytest.mark.parametrize("path", ["wlan-controller-0/cwmp", "nobody/ssh", "wlan-controller-0/ssh/x"])
def test_a_visit_that_was_not_made_is_not_found(visited, path):
    assert visited.browser("auditor").get(f"/reading/{path}/{SLOT}").status_code == 404


def test_each_door_has_its_own_decoder():
    assert decoder().__module__ == "collectors.explain"
    assert decoder("ssh").__module__ == "collectors.ssh.explain"
    assert decoder("window") is None
