"""Devices to speak with: scripted ones and a real sshd, on loopback."""

from __future__ import annotations

import importlib.util
import queue
import sys
from pathlib import Path

import pytest

from collectors.ssh.course import visit
from collectors.ssh.dialects import DIALECTS
from collectors.ssh.keys import Trusted
from collectors.ssh.read_yaml import shipped
from collectors.ssh.talk import Limits
from collectors.ssh.transport import Errand, Login, Place

_spec = importlib.util.spec_from_file_location("ssh_device", Path(__file__).with_name("ssh_device.py"))
ssh_device = importlib.util.module_from_spec(_spec)
sys.modules["ssh_device"] = ssh_device
_spec.loader.exec_module(ssh_device)

CALM = Limits(connect_s=20, read_s=20, deadline_s=60)


@pytest.fixture
def site():
    """A place where devices can be put up."""
    with ssh_device.Site() as made:
        yield made


@pytest.fixture
def errand():
    """A function that makes a visit to a port: by default `display ap all` of a Huawei AC."""

    def make(
        port, *keys, dialect="huawei_vrp", reads=("vrp_aps",), limits=CALM, token=None, enable="", old=False, **login
    ):
        chosen = [shipped()[name] for name in reads]
        said = {"user": "ops", "password": ssh_device.PASSWORD} | login
        return Errand(
            place=Place(address="127.0.0.1", port=port, trusted=Trusted(keys), login=Login(**said), old_algorithms=old),
            dialect=DIALECTS[dialect],
            course=lambda: visit(DIALECTS[dialect], chosen, limits, enable=enable),
            limits=limits,
            token=token,
        )

    return make


@pytest.fixture
def carried():
    """A function that has errands carried and returns what came of them, in the order of the errands."""

    def carry(transport, *errands, seconds=60):
        came = queue.Queue()
        transport.carry(errands, came.put)
        found = [came.get(timeout=seconds) for _ in errands]
        return sorted(found, key=lambda each: [e.token for e in errands].index(each.token))

    return carry
