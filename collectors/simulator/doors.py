"""The rehearsal's further doors: which device is read over SSH, which cell informs, which controller sends traps, and
what the vantage point behind the bought line probes. The settings of the services, the register's doors, the secrets.
"""  # noqa: D205

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncssh

from collectors.simulator import line
from collectors.simulator.command_line import USER
from inventory.model import Door
from netops.founding import write_secret

if TYPE_CHECKING:
    from pathlib import Path

    from collectors.simulator.city import Agent, City
    from netops.config import Settings

HOST = "127.26.0.1"  # where the rehearsal's own services listen for devices
SSH, CELLS = "rehearsal-ssh", "rehearsal-cells"
HOST_KEY, PASSWORD = "simulated_host_key", "simulated_password"
TEMPLATE = """
# ---- doors beside SNMP, each with a simulated partner on loopback
[credentials.{ssh}]
kind = "ssh"
user = "{user}"
password = "file:{data}/keys/{password}"

[credentials.{cells}]
kind = "cwmp"
password = "file:{data}/keys/{password}"

[ssh]
interval_s = 60

[acs]
enabled = true
interval_s = 60
arrange = false
call = false

[acs.listen]
host = "{host}"
port = {port}

[trap]
enabled = true
listen = "{host}"
port = {port}

[probe]
vantage = "{vantage}"
interval_s = {interval}
"""
TARGET = """
[probe.targets.{name}]
kind = "stamp"
address = "{address}"
port = {port}
service = "{service}"
anchor = {anchor}
timeout_s = 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The agents that have another door than SNMP."""

    by_ssh: Agent
    informs: Agent
    alarms: Agent


def chosen(city: City) -> Chosen:
    """Return who has which door: two controllers and a cell of which nothing else is told."""
    controllers = [each for each in city.agents if each.role == "wlan_controller"]
    cells = [each for each in city.agents if each.role == "small_cell"]
    return Chosen(by_ssh=controllers[0], alarms=controllers[2], informs=cells[3])


def stamp_port(port: int) -> int:
    """Return where the ends of the line answer test packets: on an anchor's address `port` is SNMP's."""
    return port + 1


def settings(*, data: Path, port: int, interval_s: int) -> str:
    """Return the settings of the services behind these doors; `netops demo` writes them when it founds a city."""
    head = TEMPLATE.format(
        ssh=SSH,
        cells=CELLS,
        user=USER,
        password=PASSWORD,
        data=data,
        host=HOST,
        port=port,
        vantage=line.VANTAGE,
        interval=interval_s,
    )
    targets = [
        TARGET.format(
            name=end.id,
            address=end.address,
            port=stamp_port(port),
            service=end.service,
            anchor="true" if end.anchor else "false",
        )
        for end in line.ENDS
    ]
    return head + "".join(targets)


def records(city: City, held: Settings, *, port: int) -> list[Door]:
    """Return the doors for the register, and make the secrets behind them."""
    keys = held.data.dir / "keys"
    who = chosen(city)
    key = asyncssh.generate_private_key("ssh-ed25519")
    write_secret(keys / HOST_KEY, key.export_private_key().decode().rstrip("\n"))
    write_secret(keys / PASSWORD, secrets.token_urlsafe(12))
    return [
        Door(
            id=f"{who.by_ssh.id}-ssh",
            device=who.by_ssh.id,
            kind="ssh",
            port=port,
            credential=SSH,
            dialect="huawei_vrp",
            keys=(key.get_fingerprint(),),
        ),
        Door(id=f"{who.informs.id}-cwmp", device=who.informs.id, kind="cwmp", port=7547, credential=CELLS),
    ]
