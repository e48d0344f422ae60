"""Visits by netmiko, whose dialects know how to log in where a device is odd: few at once, a thread each.

netmiko accepts any host key unless told otherwise. Here it is strict, and its policy is ours: `keys.Trusted` judges
before paramiko says who we are. Reading is not netmiko's either: `talk.Talk` holds the conversation and proves its end.
"""

from __future__ import annotations

import io
import logging
import secrets
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import netmiko
import paramiko

from collectors.snmp.ask import Failure
from collectors.ssh import ran
from collectors.ssh.course import next_line
from collectors.ssh.keys import HostKeyError
from collectors.ssh.login import is_ours, plain
from collectors.ssh.talk import LIVELY_S, Line, Output, State, Talk
from collectors.ssh.transport import Came
from netops.clock import SYSTEM
from netops.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from collectors.ssh.course import Visited
    from collectors.ssh.keys import Trusted
    from collectors.ssh.transport import Errand, Login
    from netops.clock import Clock

MOST_THREADS = 50
_PIECE = 1 << 16

for _name in ("paramiko", "netmiko"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # what they say of a session comes back as its failure


class _Policy(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]  # paramiko has no types
    """Judges the host key. paramiko asks for no other: it is given no known hosts at all."""

    def __init__(self, trusted: Trusted) -> None:
        self._trusted = trusted
        self.refused: HostKeyError | None = None

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        del client, hostname
        if not self._trusted.has(key.asbytes()):
            self.refused = self._trusted.refuse(key.get_name(), key.asbytes())
            raise self.refused


class Netmiko:
    """The transport. Inert until started."""

    def __init__(self, *, threads: int, clock: Clock = SYSTEM) -> None:
        self._threads = min(threads, MOST_THREADS)
        self._clock = clock
        self._pool: ThreadPoolExecutor | None = None
        self._stopping = False

    def start(self) -> None:
        """Have threads."""
        self._stopping = False
        self._pool = ThreadPoolExecutor(max_workers=self._threads, thread_name_prefix="ssh")

    def stop(self) -> None:
        """Break off what is under way; what waits is handed over as broken off."""
        self._stopping = True
        if self._pool is not None:
            self._pool.shutdown(wait=True)
        self._pool = None

    def carry(self, errands: Sequence[Errand], hand_over: Callable[[Came], None]) -> None:
        """Make the visits; at most `threads` at once."""
        if self._pool is not None:
            for errand in errands:
                self._pool.submit(self._carry, errand, hand_over)

    def _carry(self, errand: Errand, hand_over: Callable[[Came], None]) -> None:
        at_ms, began = self._clock.now_ms(), self._clock.monotonic()
        if self._stopping:
            hand_over(Came(token=errand.token, at_ms=at_ms, failed=Failure(Reason.NOT_RUNNING, "broken off")))
            return
        visited: Visited | None = None
        failed: Failure | None = None
        rtt: float | None = None
        policy, heard = _Policy(errand.place.trusted), io.BytesIO()
        connection: Any = None
        try:
            connection = _handler(errand, heard)
            connection.key_policy = policy
            connection.establish_connection(width=511, height=1000)
            rtt = (self._clock.monotonic() - began) * 1000
            visited, failed = self._visit(connection, errand, began + errand.limits.deadline_s)
        except Exception as error:  # noqa: BLE001  (whatever a device makes of netmiko is this visit's failure, no other's)
            failed = _why(error, policy, errand, heard.getvalue())
        finally:
            if connection is not None:
                connection.paramiko_cleanup()
        took = (self._clock.monotonic() - began) * 1000
        hand_over(Came(token=errand.token, at_ms=at_ms, rtt_ms=rtt, took_ms=took, visited=visited, failed=failed))

    def _visit(self, connection: Any, errand: Errand, until: float) -> tuple[Visited | None, Failure | None]:
        limits, login = errand.limits, errand.place.login
        mark = secrets.token_hex(8)
        talk = Talk(errand.dialect, limits, words={"user": login.user, "password": login.password}, woken=True)
        channel = connection.remote_conn
        if errand.dialect.mode == "shell":
            self._settle(talk, channel, limits.connect_s, "no prompt")
            if talk.state is State.OVER:
                return None, talk.failed
        course = errand.course()
        made = next_line(course, None)
        while isinstance(made, Line):
            left = min(limits.read_s, until - self._clock.monotonic())
            if errand.dialect.mode == "shell":
                short = left < limits.read_s  # the visit's own time is: on our account
                output = self._said(talk, channel, made, left, Reason.DEADLINE if short else Reason.TORN)
            else:
                output = self._ran(connection.remote_conn_pre, errand, made, mark, left)
            made = next_line(course, output)
        return made, None

    def _said(self, talk: Talk, channel: paramiko.Channel, line: Line, left: float, reason: Reason) -> Output:
        if left <= 0:
            talk.expire(Reason.DEADLINE, "the visit took too long")
        if talk.state is State.OVER:
            return Output(command=line.text, failed=talk.failed)
        talk.ask(line)
        self._settle(talk, channel, left, "no end of the output", reason)
        return talk.output or Output(command=line.text, failed=talk.failed)

    def _settle(
        self, talk: Talk, channel: paramiko.Channel, seconds: float, detail: str, reason: Reason = Reason.TORN
    ) -> None:
        heard = self._clock.monotonic()
        until = heard + seconds
        while True:
            said = talk.outgoing()
            if said:
                channel.sendall(said)
            left = until - self._clock.monotonic()
            if talk.settled:
                return
            if left <= 0 or self._stopping:
                lively = reason is Reason.TORN and self._clock.monotonic() - heard < LIVELY_S
                talk.expire(reason, f"{detail} within {seconds:g} s", lively=lively)
                return
            channel.settimeout(min(left, 0.5))
            try:
                came = channel.recv(_PIECE)
            except TimeoutError:
                continue
            if came:
                heard = self._clock.monotonic()
                talk.take(came)
            else:
                talk.expire(Reason.TORN, "the device closed the session")

    def _ran(self, client: paramiko.SSHClient, errand: Errand, line: Line, mark: str, left: float) -> Output:
        limits, dialect = errand.limits, errand.dialect
        if left <= 0:
            return Output(command=line.text, failed=Failure(Reason.DEADLINE, "the visit took too long"))
        transport = client.get_transport()
        if transport is None:
            return Output(command=line.text, failed=Failure(Reason.TORN, "the connection was lost"))
        until = self._clock.monotonic() + left
        came = bytearray()
        why = "the channel closed"
        channel = transport.open_session(timeout=left)
        try:
            channel.exec_command(ran.wrapped(dialect, line.text, mark))
            while len(came) <= limits.octets:
                if self._clock.monotonic() > until:
                    raise TimeoutError  # noqa: TRY301
                channel.settimeout(max(until - self._clock.monotonic(), 0.01))
                piece = channel.recv(_PIECE)
                if not piece:
                    break
                came += piece
        except TimeoutError:
            why = f"no end of the output within {left:g} s,"
        finally:
            channel.close()
        return ran.finished(dialect, limits, bytes(came), command=line.text, mark=mark, why=why)


def _handler(errand: Errand, heard: io.BytesIO) -> Any:
    """Return netmiko's connection, not yet opened."""
    place, limits = errand.place, errand.limits
    return netmiko.ConnectHandler(
        device_type=errand.dialect.netmiko,
        host=place.address,
        port=place.port,
        username=place.login.user,
        password=place.login.password or None,
        pkey=_key(place.login),
        ssh_strict=True,
        system_host_keys=False,
        alt_host_keys=False,
        use_keys=False,
        allow_agent=False,
        disabled_algorithms=_disabled(place.trusted),
        conn_timeout=limits.connect_s,
        banner_timeout=limits.connect_s,
        auth_timeout=limits.connect_s,
        read_timeout_override=limits.connect_s,
        session_log=heard,
        auto_connect=False,
    )


def _key(login: Login) -> paramiko.PKey | None:
    return _private(login.key, login.passphrase) if login.key else None


@lru_cache(maxsize=64)
def _private(key: str, passphrase: str) -> paramiko.PKey:
    """Return a private key; opening one with a passphrase is slow on purpose (seconds), so it is done once."""
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(key), passphrase or None)
        except (paramiko.SSHException, ValueError):
            continue
    raise HostKeyError("the private key is none of Ed25519, ECDSA, RSA, or its passphrase is wrong")


def _disabled(trusted: Trusted) -> dict[str, list[str]] | None:
    """Ask only for the kinds of keys that the register has lines of; a fingerprint does not say its kind."""
    kinds = trusted.kinds()
    if not kinds:
        return None
    wanted = kinds | ({"rsa-sha2-512", "rsa-sha2-256"} if "ssh-rsa" in kinds else set())
    every = (
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "rsa-sha2-512",
        "rsa-sha2-256",
    )
    return {"keys": [each for each in every if each not in wanted]}


def _why(error: Exception, policy: _Policy, errand: Errand, heard: bytes) -> Failure:
    """Return why nobody was let in, or what broke the session."""
    if policy.refused is not None:
        return Failure(Reason.HOST_KEY, str(policy.refused))
    cause: BaseException | None = error.__context__ or error
    tried = cause.errors.values() if isinstance(cause, paramiko.ssh_exception.NoValidConnectionsError) else [cause]
    if any(isinstance(each, ConnectionRefusedError) for each in tried):
        return Failure(Reason.REFUSED, "the port is closed")
    if isinstance(error, (netmiko.NetmikoAuthenticationException, paramiko.AuthenticationException)):
        return Failure(Reason.AUTH_FAILED, f"user '{errand.place.login.user}' was not let in")
    if "Illegal info request" in str(error):  # RFC 4252 section 8: message 60 is SSH_MSG_USERAUTH_PASSWD_CHANGEREQ
        return Failure(Reason.AUTH_FAILED, f"user '{errand.place.login.user}' is to choose a new password")
    if isinstance(error, netmiko.NetmikoTimeoutException):
        tcp = isinstance(cause, (OSError, socket.timeout))
        if any(map(is_ours, tried)):
            return Failure(Reason.ANCHORS_LOST, f"this machine would not connect: {plain(str(cause))}")
        said = "no connection" if tcp else "no SSH login"
        return Failure(Reason.NO_ANSWER if tcp else Reason.PROTOCOL_FAULT, f"{said}: {plain(str(cause))}")
    if heard:  # logged in, and netmiko found no prompt: what asks is ours to name
        talk = Talk(errand.dialect, errand.limits, words={})
        talk.take(heard)
        talk.expire(Reason.TORN, f"no prompt within {errand.limits.connect_s:g} s,")
        return talk.failed or Failure(Reason.TORN, "no prompt came")
    if isinstance(error, HostKeyError):
        return Failure(Reason.NO_CREDENTIAL, str(error))
    return Failure(Reason.TORN, f"no prompt came ({type(error).__name__})")
