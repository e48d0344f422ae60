"""A device that plays a Huawei AC over SSH, with every fault that a command line has: an asyncssh server in a thread.

It writes down who tried to log in and with what: a client that speaks to a key that nobody vouches for is seen here.
"""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

import asyncssh

PASSWORD = "correct horse"
PAGER = b"  ---- More ----"
ERASE = b"\x1b[16D" + b" " * 16 + b"\x1b[16D"


def aps(count: int) -> str:
    """What `display ap all` prints of so many access points."""
    rows = [
        f"{n:<5}60de-4476-{n:04x} ap_{n:<6} group1   10.23.{n // 250}.{n % 250 + 1:<6} "
        f"AP5030DN  nor   {n % 7:<3} 1D:2H:3M:{n % 60}S  -"
        for n in range(count)
    ]
    rule = "-" * 96
    head = [
        "Total AP information:",
        f"nor  : normal          [{count}]",
        "Extra information:",
        "P    : insufficient power supply",
        rule,
    ]
    head += [
        "ID   MAC            Name      Group    IP             Type      State STA Uptime          ExtraInfo",
        rule,
    ]
    return "\r\n".join([*head, *rows, rule, f"Total: {count}"]) + "\r\n"


@dataclass(slots=True)
class Device:
    """What it plays. `fault` is of the answer to its commands or of its greeting."""

    fault: str = ""
    count: int = 30
    prompt: str = "<ac-1>"
    answers: dict[str, str] = field(default_factory=dict)
    piece: int = 0  # octets at once; 0: all
    seed: int = 1
    asks: tuple[str, ...] = ()  # what it asks at login, by keyboard-interactive alone
    chatty: bool = False  # sends a long answer in a few pieces with pauses between them, as a busy device does
    tries: list[tuple[str, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def answer(self, command: str) -> str:
        if command == "display ap all":
            return aps(self.count)
        return self.answers.get(command, "")


class _Server(asyncssh.SSHServer):
    def __init__(self, device: Device, known: list) -> None:
        self._device = device
        self._known = known

    def connection_made(self, conn) -> None:
        self._known.append(conn)

    def begin_auth(self, username: str) -> bool:
        self._device.tries.append((username, ""))
        return True

    def password_auth_supported(self) -> bool:
        return not self._device.asks

    def kbdint_auth_supported(self) -> bool:
        return bool(self._device.asks)

    def get_kbdint_challenge(self, _username: str, _lang: str, _submethods: str):
        return "", "", "", [(each, False) for each in self._device.asks]

    def validate_kbdint_response(self, username: str, responses) -> bool:
        self._device.tries.append((username, *responses))
        return list(responses) == [PASSWORD]

    def validate_password(self, username: str, password: str) -> bool:
        self._device.tries.append((username, password))
        if self._device.fault == "new password at login":
            raise asyncssh.PasswordChangeRequired("choose a new one")
        return password == PASSWORD

    def session_requested(self) -> asyncssh.SSHServerSession:
        return _Session(self._device)


class _Session(asyncssh.SSHServerSession):
    def __init__(self, device: Device) -> None:
        self._device = device
        self._typed = bytearray()
        self._chan = None
        self._rest: list[bytes] = []
        self._task = None
        self._chance = random.Random(device.seed)
        self._command = None
        self._own = device.prompt

    def connection_made(self, chan) -> None:
        self._chan = chan

    def pty_requested(self, *_args) -> bool:
        return True

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str) -> bool:
        self._command = command
        return True

    def session_started(self) -> None:
        device = self._device
        if self._command is not None:
            self._run(self._command)
        elif device.fault == "silent":
            return
        elif device.fault == "new password":
            self._send(b"\r\nYour password has expired.\r\nEnter new password:")
        elif device.fault == "may refuse a new password":
            self._send(b"\r\nThe initial password poses risks.\r\nThe password needs to be changed. Change now? [Y/N]:")
        else:
            self._send(
                b"\r\nInfo: The max number of VTY users is 10.\r\nWarning>" + b" this is monitored\r\n" + self._prompt()
            )

    def _run(self, command: str) -> None:
        device = self._device
        device.said.append(command)
        main, _, rest = command.partition("; echo ")
        mark = rest.partition("$")[0]
        text = device.answer(main)
        if device.fault == "cut":
            text = text[: len(text) // 2]
            mark = ""
        self._chan.write((text + (f"{mark}0\n" if mark else "")).encode())
        self._chan.exit(0)

    def _prompt(self) -> bytes:
        return self._own.encode()

    def data_received(self, data: bytes, _datatype) -> None:
        if self._rest:  # a key for the pager
            self._page()
            return
        self._typed += data
        while b"\n" in self._typed:
            line, _, rest = bytes(self._typed).partition(b"\n")
            self._typed[:] = rest
            self._line(line.decode())

    def _line(self, line: str) -> None:
        device = self._device
        device.said.append(line)
        if line == "quit":
            self._chan.exit(0)
            return
        if line == "N" and device.fault == "may refuse a new password":
            device.fault = ""
            self._send(b"N\r\n" + self._prompt())
            return
        echo = b"" if device.fault == "no echo" and line else line.encode()
        text = device.answer(line)
        fault = device.fault if text else ""
        body = text.encode()
        if fault == "ansi":
            body = b"\x1b[32m" + body.replace(b"nor ", b" \x1b[1Dnor \x1b[0m\x07").replace(b"\r\n", b"\x1b[K\r\n")
        if fault == "error":
            body = b"          ^\r\nError: Unrecognized command found at '^' position.\r\n"
        if fault == "log":
            lines = body.split(b"\r\n")
            body = b"\r\n".join([*lines[:12], b"Nov 26 2026 18:00:00 ac-1 %%01WLAN/4/AP_DOWN(l): ap_3", *lines[12:]])
        if fault == "short":
            lines = body.split(b"\r\n")
            body = b"\r\n".join([*lines[:15], *lines[20:]])
        if fault == "rename":
            self._own = "<ac-2>"
        if fault == "page":
            self._paged(echo + b"\r\n", body)
            return
        if fault == "endless pager":
            self._rest = [b""] * 100_000
            self._send(echo + b"\r\n" + PAGER)
            return
        if fault == "flood":
            self._task = asyncio.ensure_future(self._flood(echo))
            return
        whole = echo + b"\r\n" + body + self._prompt()
        if fault in {"stall", "drop", "cut with a prompt", "lookalike"}:
            half = whole[: whole.rfind(b"\n", 0, len(whole) // 2) + 1]
            self._task = asyncio.ensure_future(self._broken(fault, half, whole[len(half) :]))
            return
        if device.chatty and text:
            self._task = asyncio.ensure_future(self._slowly(whole))
            return
        self._send(whole)

    async def _slowly(self, whole: bytes) -> None:
        step = len(whole) // 4 + 1
        for at in range(0, len(whole), step):
            self._chan.write(whole[at : at + step])
            await asyncio.sleep(self._chance.uniform(0, 0.05))

    def _paged(self, head: bytes, body: bytes) -> None:
        lines = body.split(b"\r\n")
        pages = [b"\r\n".join(lines[at : at + 10]) + b"\r\n" for at in range(0, len(lines), 10)]
        pages[-1] = pages[-1].removesuffix(b"\r\n") + self._prompt()
        self._rest = pages[1:]
        self._send(head + pages[0] + PAGER)

    def _page(self) -> None:
        page = self._rest.pop(0)
        self._send(ERASE + page + (PAGER if self._rest else b""))

    async def _broken(self, fault: str, half: bytes, rest: bytes) -> None:
        if fault == "lookalike":
            self._chan.write(half + self._prompt())
            await asyncio.sleep(0.05)
            with suppress(BrokenPipeError):
                self._chan.write(b" is a description\r\n" + rest)
            return
        self._chan.write(half)
        if fault == "drop":
            await asyncio.sleep(0.01)
            self._chan.get_extra_info("connection").abort()
        elif fault == "cut with a prompt":
            self._chan.write(self._prompt())

    async def _flood(self, echo: bytes) -> None:
        self._chan.write(echo + b"\r\n")
        for _ in range(200):
            self._chan.write(b"x" * 79 * 700 + b"\r\n")
            await asyncio.sleep(0)

    def _send(self, octets: bytes) -> None:
        if not self._device.piece:
            self._chan.write(octets)
            return
        at = 0
        while at < len(octets):
            size = self._chance.randint(1, self._device.piece)
            self._chan.write(octets[at : at + size])
            at += size

    def eof_received(self) -> bool:
        return False


class Site:
    """The devices of one test, each on a port of its own; all in one thread."""

    def __init__(self) -> None:
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.other = asyncssh.generate_private_key("ssh-ed25519")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._servers = []
        self._connections = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        async def close() -> None:
            for server in self._servers:
                server.close()
            for connection in self._connections:
                connection.abort()
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task():
                    task.cancel()
            for connection in self._connections:
                with suppress(TimeoutError):
                    await asyncio.wait_for(connection.wait_closed(), 5)
            await asyncio.sleep(0.05)

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def serve(self, device: Device, *, key: asyncssh.SSHKey | None = None, **options: object) -> int:
        """Put a device on a free port, with these options of asyncssh's server; return the port."""

        async def listen():
            return await asyncssh.create_server(
                lambda: _Server(device, self._connections),
                "127.0.0.1",
                0,
                server_host_keys=[key or self.key],
                encoding=None,
                line_editor=False,
                login_timeout=10,
                **options,
            )

        server = asyncio.run_coroutine_threadsafe(listen(), self._loop).result(10)
        self._servers.append(server)
        return server.get_port()

    @property
    def print(self) -> str:
        """The fingerprint of the key that its devices have."""
        return self.key.get_fingerprint()

    @property
    def line(self) -> str:
        """The public key line of it."""
        return " ".join(self.key.export_public_key().decode().split()[:2])
