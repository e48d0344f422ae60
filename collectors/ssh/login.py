"""Logging in by asyncssh: told everything, looking nowhere else, the host key judged before the first word of ours."""

from __future__ import annotations

import asyncio
import errno
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import asyncssh

from collectors.snmp.ask import Failure
from netops.model import Reason

if TYPE_CHECKING:
    from collectors.ssh.keys import HostKeyError
    from collectors.ssh.transport import Place

_KEYS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
_RSA = ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")
# AES-GCM first: OpenSSL does a packet in one call, ChaCha20 takes a handful of them
_CIPHERS = (
    "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr"
)
_OLD: dict[str, Any] = {  # what equipment of the years before 2015 speaks; the host key is pinned all the same
    "kex_algs": "+diffie-hellman-group14-sha1,diffie-hellman-group1-sha1,diffie-hellman-group-exchange-sha1",
    "encryption_algs": f"{_CIPHERS},aes128-cbc,aes192-cbc,aes256-cbc,3des-cbc",
    "mac_algs": "+hmac-sha1",
}
_GOING_S = 1.0
_SHOWN = 200  # characters of what a machine or a library says of a refusal
_OUR_OWN = {  # this machine could not even try: no word about the device
    *(errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EADDRINUSE),
    *(errno.ENETDOWN, errno.ENETUNREACH, errno.EACCES, errno.EPERM, errno.EAFNOSUPPORT),
}


class Client(asyncssh.SSHClient):
    """One connection's judge of its host key."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.refused: HostKeyError | None = None
        self.shown = False  # whether the device has got as far as showing a key

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Judge; asyncssh knows no hosts itself, so it asks about every key."""
        del host, addr, port
        self.shown = True
        blob = key.public_data
        if self._place.trusted.has(blob):
            return True
        self.refused = self._place.trusted.refuse(key.get_algorithm(), blob)
        return False


async def leave(connection: asyncssh.SSHClientConnection) -> None:
    """Say that we go: a terminal line that a device takes for used is one less for its operators."""
    connection.close()
    try:
        async with asyncio.timeout(_GOING_S):
            await connection.wait_closed()
    except TimeoutError:
        connection.abort()


@lru_cache(maxsize=64)
def private(key: str, passphrase: str) -> asyncssh.SSHKey:
    """Return a private key; opening one with a passphrase is slow on purpose (seconds), so it is done once."""
    return asyncssh.import_private_key(key, passphrase or None)


async def connect(place: Place, client: Client) -> asyncssh.SSHClientConnection:
    """Return a connection that is logged in."""
    login = place.login
    kinds = place.trusted.kinds()
    wanted = (
        [each for kind in sorted(kinds) for each in (_RSA if kind == "ssh-rsa" else (kind,))] if kinds else [*_KEYS]
    )
    if place.old_algorithms and not kinds:
        wanted += ["ssh-rsa"]
    elif not place.old_algorithms:
        wanted = [each for each in wanted if each != "ssh-rsa"]
    keys = [private(login.key, login.passphrase)] if login.key else None
    methods = ["publickey"] * bool(keys) + ["keyboard-interactive", "password"] * bool(login.password)
    return await asyncssh.connect(
        place.address,
        place.port,
        client_factory=lambda: client,
        config=[],
        known_hosts=([], [], []),
        server_host_key_algs=wanted,
        username=login.user,
        password=login.password or None,
        client_keys=keys,
        preferred_auth=methods,
        agent_path=None,
        agent_forwarding=False,
        x509_trusted_certs=None,
        gss_host=None,
        gss_kex=False,
        gss_auth=False,
        compression_algs=["none"],
        **(_OLD if place.old_algorithms else {"encryption_algs": _CIPHERS}),
    )


def is_ours(error: BaseException | None) -> bool:
    """Whether a connection failed on this machine's own account."""
    return isinstance(error, OSError) and error.errno in _OUR_OWN


def plain(said: str) -> str:
    """Return what a machine says of itself as part of a line of ours: short, and nothing that moves a cursor."""
    shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in said[:_SHOWN])
    return shown if len(said) <= _SHOWN else f"{shown}…"


def why(error: Exception, client: Client, place: Place, *, within_s: float) -> Failure:
    """Return why nobody was let in."""
    hint = "" if place.old_algorithms else "; `old_algorithms` of its credential allows those of old equipment"
    match error:
        case _ if client.refused is not None:
            return Failure(Reason.HOST_KEY, str(client.refused))
        case TimeoutError():
            return Failure(Reason.NO_ANSWER, f"no login within {within_s:g} s")
        case ConnectionRefusedError():
            return Failure(Reason.REFUSED, "the port is closed")
        case asyncssh.PermissionDenied():
            return Failure(Reason.AUTH_FAILED, f"user '{place.login.user}' was not let in: {plain(error.reason)}")
        case asyncssh.PasswordChangeRequired():
            return Failure(Reason.AUTH_FAILED, f"user '{place.login.user}' is to choose a new password")
        case asyncssh.KeyExchangeFailed():
            return Failure(Reason.PROTOCOL_FAULT, f"no common algorithm{hint}")
        case asyncssh.ConnectionLost() if not client.shown:  # it may hang up before it was read that nothing is common
            return Failure(Reason.PROTOCOL_FAULT, f"the device hung up before it showed a key{hint}")
        case asyncssh.HostKeyNotVerifiable():
            return Failure(Reason.HOST_KEY, f"{error.reason}; nothing was sent")
        case asyncssh.KeyImportError():
            return Failure(Reason.NO_CREDENTIAL, f"the private key cannot be read: {error}")
        case OSError() if is_ours(error):
            return Failure(Reason.ANCHORS_LOST, f"this machine would not connect: {error.strerror or error}")
        case OSError():
            return Failure(Reason.NO_ANSWER, f"{error.strerror or error}")
        case _:
            return Failure(Reason.PROTOCOL_FAULT, f"no SSH login: {plain(str(error))}")
