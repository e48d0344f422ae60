"""Why nobody was let in: what failed on this machine is no word about the device, and its own words are short."""

from __future__ import annotations

import errno
import os

import asyncssh
import pytest

from collectors.ssh.keys import Trusted
from collectors.ssh.login import Client, why
from collectors.ssh.transport import Login, Place
from netops.model import OURS, Reason

PLACE = Place(address="192.0.2.1", port=22, trusted=Trusted(()), login=Login(user="reader"))


def reason(error):
    return why(error, Client(PLACE), PLACE, within_s=1)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOBUFS, errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.EPERM])
def test_what_this_machine_could_not_do_goes_on_our_account(number):
    assert reason(OSError(number, os.strerror(number))).reason in OURS


@pytest.mark.parametrize("number", [errno.EHOSTUNREACH, errno.ECONNRESET, errno.ETIMEDOUT])
def test_what_the_way_to_it_or_the_device_did_not_do_is_its_silence(number):
    assert reason(OSError(number, os.strerror(number))).reason is Reason.NO_ANSWER


@pytest.mark.parametrize("kind", [asyncssh.DisconnectError, lambda _, said: asyncssh.PermissionDenied(said)])
def test_what_a_machine_says_as_it_hangs_up_is_cut_and_cleaned(kind):
    """It goes into the log and to terminals: a line of its own making, or of 100,000 characters, it does not get."""
    detail = reason(kind(2, "bye\n\x1b[31mroot logged in" + "A" * 100_000)).detail

    assert detail.isprintable()
    assert len(detail) < 300
    assert "bye" in detail
