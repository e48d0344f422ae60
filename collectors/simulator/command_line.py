"""The command line of a simulated WLAN controller over SSH, in the layout of Huawei VRP: what it prints; the server.

What it prints comes from the same values as its SNMP tables. While the controller is down nobody is let in.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import threading
from typing import TYPE_CHECKING

import asyncssh

from collectors.errors import CollectorError
from collectors.simulator import wlan
from collectors.simulator.load import load
from collectors.simulator.noise import between, pick

if TYPE_CHECKING:
    from pathlib import Path

    from collectors.simulator.city import Agent
    from collectors.simulator.world import World
    from netops.clock import Clock

USER = "netops"
RULE = "-" * 96
MAX_LINE = 1000
UNKNOWN = "          ^\r\nError: Unrecognized command found at '^' position.\r\n"
QUIET = frozenset({"", "screen-length 0 temporary", "undo terminal monitor"})


def answer(command: str, agent: Agent, world: World, at_ms: int) -> str:
    """Return what a command prints, lines ended by CR LF."""
    if command in QUIET:
        return ""
    printed = {"display ap all": _points, "display radio all": _radios, "display version": _version}.get(command)
    if printed is None:
        return UNKNOWN
    return "".join(f"{line}\r\n" for line in printed(agent, world, at_ms))


def _points(agent: Agent, world: World, at_ms: int) -> list[str]:
    rows = []
    for child in agent.children:
        life = world.life(child.id, at_ms)
        mac, busy = child.ident, wlan.clients(child, world, at_ms)
        uptime = _duration(at_ms - life.boot_ms) if life.up else "-"
        state, address = ("nor", f"10.139.0.{child.number}") if life.up else ("fault", "-")
        rows.append(
            f"{child.number:<4} {mac[:4]}-{mac[4:8]}-{mac[8:]} {child.id:<26} default {address:<15} "
            f"AP4050DN {state:<6} {busy:<3} {uptime:<15} -"
        )
    head = f"ID   MAC            {'Name':<26} Group   {'IP':<15} Type     State  STA {'Uptime':<15} ExtraInfo"
    return [
        "Total AP information:",
        "nor  : normal",
        "fault: fault",
        RULE,
        head,
        RULE,
        *rows,
        RULE,
        f"Total: {len(rows)}",
    ]


def _radios(agent: Agent, world: World, at_ms: int) -> list[str]:
    rows = []
    for child in agent.children:
        up, busy = world.life(child.id, at_ms).up, wlan.clients(child, world, at_ms)
        for radio, band in ((0, "2.4G"), (1, "5G  ")):
            channels = wlan.CHANNELS[radio]
            channel, share = channels[pick(len(channels), child.id)], busy // 3 if radio == 0 else busy - busy // 3
            used = min(100, int(load(at_ms / 1000) * between(4, 40, child.id, radio)))
            shown = f"{channel}/20M", f"{15 + 3 * radio}/27", str(share), f"{used}%"
            shown = shown if up else ("-/-", "-/-", "-", "-")
            row = f"{child.number:<5} {child.id:<26} {radio}    {band} {'bgn' if radio == 0 else 'an11ac':<6} "
            rows.append(row + f"{'on' if up else 'off':<6} {shown[0]:<8} {shown[1]:<5} {shown[2]:<3} {shown[3]}")
    legend = ["CH/BW:Channel/Bandwidth", "CE/ME:Current EIRP (dBm)/Max EIRP (dBm)", "CU:Channel utilization"]
    head = f"AP ID {'Name':<26} RfID Band Type   Status {'CH/BW':<8} {'CE/ME':<5} STA CU"
    return [*legend, RULE, head, RULE, *rows, RULE, f"Total:{len(rows)}"]


def _version(agent: Agent, world: World, at_ms: int) -> list[str]:
    minutes = (at_ms - world.life(agent.id, at_ms).boot_ms) // 60_000
    days, hours = minutes // 1440, minutes // 60 % 24
    since = f"{days // 7} weeks, {days % 7} days, {hours} hours, {minutes % 60} minutes"
    return [
        "Huawei Versatile Routing Platform Software",
        "VRP (R) software, Version 5.170 (AC6605 V200R019C10SPC300)",
        f"Huawei AC6605 uptime is {since}",
    ]


def _duration(length_ms: int) -> str:
    seconds = max(0, length_ms // 1000)
    return f"{seconds // 86400}D:{seconds // 3600 % 24}H:{seconds // 60 % 60}M:{seconds % 60}S"


class CommandLine:
    """The SSH server of one agent, in a thread of its own. Inert until started."""

    def __init__(self, agent: Agent, world: World, *, port: int, key: Path, password: str, clock: Clock) -> None:
        if not ipaddress.ip_address(agent.address).is_loopback:
            raise CollectorError(f"simulated command line on {agent.address}: expected a loopback address")
        self.agent, self.world, self.clock, self.password = agent, world, clock, password
        self._port, self._key = port, key
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None
        self._server: asyncssh.SSHAcceptor | None = None

    def start(self) -> None:
        """Listen."""
        logging.getLogger("asyncssh").setLevel(logging.WARNING)  # it tells of every channel
        self._thread = threading.Thread(target=self._loop.run_forever, name="command line", daemon=True)
        self._thread.start()
        try:
            self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        except OSError as error:
            self.stop()
            raise CollectorError(
                f"simulated command line on {self.agent.address}:{self._port}: cannot listen ({error.strerror}); "
                "is another rehearsal running?"
            ) from None

    @property
    def port(self) -> int:
        """Where it listens; of use when it was asked for any port."""
        return self._server.get_port() if self._server is not None else self._port

    async def _listen(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            lambda: _Server(self),
            self.agent.address,
            self._port,
            server_host_keys=[str(self._key)],
            encoding=None,
            line_editor=False,
            login_timeout=10,
        )

    def stop(self) -> None:
        """Close every session and the port."""
        if self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._thread = None
        self._loop.close()

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.sleep(0)


class _Server(asyncssh.SSHServer):
    def __init__(self, line: CommandLine) -> None:
        self._line = line

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        if not self._line.world.answers(self._line.agent, self._line.clock.now_ms()):
            conn.abort()

    def begin_auth(self, username: str) -> bool:
        del username
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return username == USER and hmac.compare_digest(password.encode(), self._line.password.encode())

    def session_requested(self) -> asyncssh.SSHServerSession[bytes]:
        return _Session(self._line)


class _Session(asyncssh.SSHServerSession[bytes]):
    def __init__(self, line: CommandLine) -> None:
        self._line = line
        self._prompt = f"<{line.agent.id}>".encode()
        self._typed = b""
        self._chan: asyncssh.SSHServerChannel[bytes] | None = None

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._chan = chan

    def pty_requested(self, term_type: str, term_size: object, term_modes: object) -> bool:
        del term_type, term_size, term_modes
        return True

    def shell_requested(self) -> bool:
        return True

    def session_started(self) -> None:
        self._write(b"\r\nNetOps rehearsal: everything here is simulated.\r\n" + self._prompt)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        del datatype
        self._typed += data
        while b"\n" in self._typed:
            typed, _, self._typed = self._typed.partition(b"\n")
            self._said(typed.rstrip(b"\r"))
        if len(self._typed) > MAX_LINE and self._chan is not None:
            self._chan.exit(1)

    def _said(self, typed: bytes) -> None:
        command = typed.decode(errors="replace")
        if command in {"quit", "return"} and self._chan is not None:
            self._chan.exit(0)
            return
        line = self._line
        printed = answer(command, line.agent, line.world, line.clock.now_ms())
        self._write(typed + b"\r\n" + printed.encode() + self._prompt)

    def _write(self, octets: bytes) -> None:
        if self._chan is not None:
            self._chan.write(octets)
