"""Octets of a channel of asyncssh to whoever reads them: a shell's to its conversation, a command's to a heap."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncssh

from collectors.ssh.talk import LIVELY_S, State
from netops.model import Reason

if TYPE_CHECKING:
    from collectors.ssh.talk import Talk


class Shell(asyncssh.SSHClientSession[bytes]):
    """Octets of a shell to its conversation, and word of it to who waits."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.channel: asyncssh.SSHClientChannel[bytes] | None = None
        self.waiting: asyncio.Future[None] | None = None
        self._heard_at = 0.0

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """Keep the channel."""
        self.channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Hand octets to the conversation."""
        del datatype
        self._heard_at = asyncio.get_running_loop().time()
        self.talk.take(data)
        if self.talk.state is State.OVER and self.channel is not None:
            self.channel.pause_reading()  # what a flood still sends is not even deciphered
        self.say()

    def eof_received(self) -> bool:
        """End the conversation: the device said that it is over."""
        self.talk.expire(Reason.TORN, "the device closed the session")
        self.wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """End the conversation: nobody is there any more."""
        del exc
        self.talk.expire(Reason.TORN, "the connection was lost")
        self.wake()

    def say(self) -> None:
        """Send what the conversation has to say."""
        said = self.talk.outgoing()
        if said and self.channel is not None and not self.channel.is_closing():
            self.channel.write(said)
        if self.talk.settled:
            self.wake()

    def wake(self) -> None:
        """Say to who waits that there is news."""
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(None)

    async def settle(self, seconds: float, detail: str, reason: Reason = Reason.TORN) -> None:
        """Wait until the conversation is ready for a command or over; make it over when the time is up."""
        if self.talk.settled:
            return
        loop = asyncio.get_running_loop()
        self.waiting = loop.create_future()
        late = loop.call_later(seconds, self.wake)
        try:
            await self.waiting
        finally:
            late.cancel()
            self.waiting = None
        if not self.talk.settled:
            lively = reason is Reason.TORN and loop.time() - self._heard_at < LIVELY_S
            self.talk.expire(reason, f"{detail} within {seconds:g} s", lively=lively)


class Run(asyncssh.SSHClientSession[bytes]):
    """The output of one command that runs in a channel of its own."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self.came = bytearray()
        self.why = "the channel closed"
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """Keep the channel."""
        self._channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Heap octets up, to the bound."""
        del datatype
        self.came += data
        if len(self.came) > self._most and self._channel is not None:
            self._channel.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Say that nothing more comes."""
        if exc is not None:
            self.why = "the connection was lost"
        if not self.over.done():
            self.over.set_result(None)
