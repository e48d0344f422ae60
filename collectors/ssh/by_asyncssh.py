"""Visits by asyncssh: hundreds at once in one event loop, in a thread of its own.

It is told everything and looks nowhere else: no configuration files, no known_hosts of a user, no agent, nothing
forwarded. The host key is judged by `keys.Trusted` before the first word about who we are.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from typing import TYPE_CHECKING, NamedTuple

import asyncssh

from collectors.snmp.ask import Failure
from collectors.ssh import ran
from collectors.ssh.channels import Run, Shell
from collectors.ssh.course import next_line
from collectors.ssh.login import Client, connect, leave, plain, private, why
from collectors.ssh.talk import Line, Output, State, Talk
from collectors.ssh.transport import Came
from netops.clock import SYSTEM
from netops.model import Reason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Sequence

    from collectors.ssh.course import Visited
    from collectors.ssh.transport import Errand
    from netops.clock import Clock

log = logging.getLogger(__name__)
_WIDE, _HIGH = 511, 1000  # a terminal in which no table is broken and few are paged
_BIG = 1 << 14  # octets of output from which on reading it is no work for the event loop


class Asyncssh:
    """The transport. Inert until started."""

    def __init__(self, *, sessions: int, clock: Clock = SYSTEM) -> None:
        self._sessions = sessions
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._room: asyncio.Semaphore | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Start the event loop in its thread."""
        asyncssh.set_log_level("WARNING")  # it tells of every login; what came of one comes back in its Came
        ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(self._loop, ready), name="ssh-loop", daemon=True)
        self._thread.start()
        ready.wait(10)

    def _run(self, loop: asyncio.AbstractEventLoop, ready: threading.Event) -> None:
        asyncio.set_event_loop(loop)
        self._room = asyncio.Semaphore(self._sessions)
        loop.call_soon(ready.set)
        loop.run_forever()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(loop), return_exceptions=True))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    def stop(self) -> None:
        """Break off what is under way; its errands are handed over as broken off."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
        self._loop = self._thread = None

    def carry(self, errands: Sequence[Errand], hand_over: Callable[[Came], None]) -> None:
        """Make the visits; at most `sessions` at once."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._begin, list(errands), hand_over)

    def _begin(self, errands: Sequence[Errand], hand_over: Callable[[Came], None]) -> None:
        for errand in errands:
            task = asyncio.ensure_future(self._carry(errand, hand_over))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _carry(self, errand: Errand, hand_over: Callable[[Came], None]) -> None:
        if self._room is None:
            return
        try:
            async with self._room:
                hand_over(await self._carried(errand))
        except asyncio.CancelledError:
            broken = Failure(Reason.NOT_RUNNING, "broken off")
            hand_over(Came(token=errand.token, at_ms=self._clock.now_ms(), failed=broken))
            raise

    async def _carried(self, errand: Errand) -> Came:
        at_ms, began = self._clock.now_ms(), self._clock.monotonic()
        trip = _Trip(rtt_ms=[])
        visited: Visited | None = None
        failed: Failure | None = None
        try:
            visited = await _visit(errand, trip, began, self._clock)
        except _RefusedError as error:
            failed = error.failure
        except Exception as error:  # a mistake of ours must not keep the door waiting for ever
            log.exception("visit failed")
            failed = Failure(Reason.NOT_RUNNING, f"our own mistake: {type(error).__name__}")
        took = (self._clock.monotonic() - began) * 1000
        rtt = trip.rtt_ms[0] if trip.rtt_ms else None
        return Came(token=errand.token, at_ms=at_ms, rtt_ms=rtt, took_ms=took, visited=visited, failed=failed)


class _Trip(NamedTuple):
    """What is learnt on the way."""

    rtt_ms: list[float]


class _RefusedError(Exception):
    """Nobody was let in."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


async def _visit(errand: Errand, trip: _Trip, began: float, clock: Clock) -> Visited:
    client, login = Client(errand.place), errand.place.login
    try:
        if login.key:
            await asyncio.get_running_loop().run_in_executor(None, private, login.key, login.passphrase)
        async with asyncio.timeout(errand.limits.connect_s):
            connection = await connect(errand.place, client)
    except (TimeoutError, OSError, asyncssh.Error, ValueError) as error:
        raise _RefusedError(why(error, client, errand.place, within_s=errand.limits.connect_s)) from None
    trip.rtt_ms.append((clock.monotonic() - began) * 1000)
    try:
        talk = _shell if errand.dialect.mode == "shell" else _runs
        return await talk(connection, errand, _Watch(clock, began + errand.limits.deadline_s))
    except (OSError, asyncssh.Error) as error:
        raise _RefusedError(Failure(Reason.PROTOCOL_FAULT, f"the session broke: {plain(str(error))}")) from None
    finally:
        await leave(connection)


class _Watch(NamedTuple):
    """How much time a visit has left."""

    clock: Clock
    until: float

    def left(self, seconds: float) -> float:
        """Return how long to wait, of `seconds` that one thing may take."""
        return min(seconds, self.until - self.clock.monotonic())

    def reason(self, seconds: float) -> Reason:
        """Return on whose account it goes when that is not enough: the visit's own time being short is ours."""
        return Reason.TORN if self.left(seconds) >= seconds else Reason.DEADLINE


async def _shell(connection: asyncssh.SSHClientConnection, errand: Errand, watch: _Watch) -> Visited:
    limits, login = errand.limits, errand.place.login
    talk = Talk(errand.dialect, limits, words={"user": login.user, "password": login.password})
    shell = Shell(talk)
    await connection.create_session(
        lambda: shell, request_pty="force", term_type="vt100", term_size=(_WIDE, _HIGH), encoding=None
    )
    await shell.settle(limits.connect_s, "no prompt")
    if talk.state is State.OVER:
        raise _RefusedError(talk.failed or Failure(Reason.TORN, "no prompt came"))

    async def say(line: Line) -> Output:
        left = watch.left(limits.read_s)
        if left <= 0:
            talk.expire(Reason.DEADLINE, f"the visit took more than {limits.deadline_s:g} s")
        if talk.state is State.OVER:
            return Output(command=line.text, failed=talk.failed)
        reason = watch.reason(limits.read_s)
        talk.ask(line)
        shell.say()
        await shell.settle(left, "no end of the output", reason)
        return talk.output or Output(command=line.text, failed=talk.failed)

    return await _drive(errand.course(), say)


async def _runs(connection: asyncssh.SSHClientConnection, errand: Errand, watch: _Watch) -> Visited:
    limits, dialect = errand.limits, errand.dialect
    mark = secrets.token_hex(8)

    async def say(line: Line) -> Output:
        left = watch.left(limits.read_s)
        if left <= 0:
            detail = f"the visit took more than {limits.deadline_s:g} s"
            return Output(command=line.text, failed=Failure(Reason.DEADLINE, detail))
        running = Run(limits.octets)
        try:
            async with asyncio.timeout(left):
                await connection.create_session(lambda: running, ran.wrapped(dialect, line.text, mark), encoding=None)
                await running.over
        except TimeoutError:
            running.why = f"no end of the output within {left:g} s,"
        except (OSError, asyncssh.Error) as error:
            running.why = f"no channel ({plain(str(error))})"
        return ran.finished(dialect, limits, bytes(running.came), command=line.text, mark=mark, why=running.why)

    return await _drive(errand.course(), say)


async def _drive(course: Generator[Line, Output, Visited], say: Callable[[Line], Awaitable[Output]]) -> Visited:
    """Go through a course; understanding a long output must not hold up the other visits."""
    made = next_line(course, None)
    loop = asyncio.get_running_loop()
    while isinstance(made, Line):
        output = await say(made)
        long = len(output.raw) >= _BIG
        made = await loop.run_in_executor(None, next_line, course, output) if long else next_line(course, output)
    return made
