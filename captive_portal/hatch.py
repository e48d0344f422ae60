"""The hatch: a UNIX socket at which a process with a privilege hears five typed verbs, and nothing else.

One JSON object a line, at most 4 KiB, from a peer whose user id is known (SO_PEERCRED). What the verbs do says who is
behind it: captive_portal/gate.py (nftables), captive_portal/nds.py (openNDS).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pwd
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any

from captive_portal.errors import PortalError
from netops.errors import ConfigError, NetopsError

if TYPE_CHECKING:
    from pathlib import Path

    from netops.config import Settings

LOG = logging.getLogger("netops.gate")
LARGEST_LINE = 4096
PART = 32  # elements a line of `list`: a line stays below LARGEST_LINE
PEERS = 16
PEER = struct.Struct("=iII")  # struct ucred: pid, uid, gid
VERBS = ("ready", "allow", "revoke", "list", "counters")
Answer = dict[str, Any]


def socket_path(settings: Settings) -> Path:
    """Return where the gate listens."""
    return settings.portal.gate_socket or settings.data.dir / "gate.sock"


def peers(user: str) -> frozenset[int]:
    """Return the user ids that are heard: our own, and the named user's."""
    own = frozenset({os.getuid()})
    if not user:
        return own
    try:
        return own | {pwd.getpwnam(user).pw_uid}
    except KeyError:
        raise ConfigError(f"'portal.gate_user' is '{user}'; expected a user of this machine") from None


class Hatch:
    """Listens for the portal; who inherits it answers `_ready`, `_allow`, `_revoke`, `_list` and `_counters`."""

    def __init__(self, path: Path, *, peers: frozenset[int]) -> None:
        self.path = path
        self.peers = peers
        self.refused = 0
        self._listener: socket.socket | None = None
        self._links: set[socket.socket] = set()

    def open(self) -> None:
        """Listen, and answer from now on."""
        self._listener = self._listen()
        threading.Thread(target=self._accept, args=(self._listener,), name="gate", daemon=True).start()

    def close(self) -> bool:
        """Stop listening; return whether it did listen."""
        if self._listener is None:
            return False
        listener, self._listener = self._listener, None
        for link in [listener, *self._links]:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
        listener.close()
        self.path.unlink(missing_ok=True)
        return True

    def _listen(self) -> socket.socket:
        if not self.path.parent.exists():
            self.path.parent.mkdir(parents=True)
            self.path.parent.chmod(0o755)  # the portal's user goes through it; the socket itself is what is guarded
        _clear(self.path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            listener.bind(str(self.path))
        finally:
            os.umask(before)
        for other in self.peers - {os.getuid()}:
            _share(self.path, other)
        listener.listen(PEERS)
        return listener

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            _pid, uid, _gid = PEER.unpack(link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
            if uid not in self.peers or len(self._links) >= PEERS:
                self.refused += 1
                link.close()
                continue
            self._links.add(link)
            threading.Thread(target=self._serve, args=(link,), name="gate-peer", daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        try:
            with link, link.makefile("rb") as lines:
                while line := lines.readline(LARGEST_LINE):
                    if not line.endswith(b"\n"):
                        link.sendall(
                            _line({"error": f"a line is at most {LARGEST_LINE - 1} octets and ends in a newline"})
                        )
                        return
                    link.sendall(b"".join(map(_line, self.answer(line))))
        except OSError:
            pass
        finally:
            self._links.discard(link)

    def answer(self, line: bytes) -> list[Answer]:
        """Return the answers to one line; whatever is wrong with it is an answer, never an exception."""
        try:
            asked = json.loads(line)
            if not isinstance(asked, dict) or asked.get("verb") not in VERBS:
                raise PortalError(f"expected an object with 'verb', one of {', '.join(VERBS)}")
            return list(getattr(self, f"_{asked['verb']}")(asked))
        except NetopsError as error:
            return [{"error": str(error)}]
        except (ValueError, RecursionError):
            return [{"error": "not JSON; expected one object a line"}]


def _share(path: Path, user: int) -> None:
    """Let another user reach the socket: root gives it away, a user of its own opens it to a group that both are in."""
    if os.getuid() == 0:
        os.chown(path, user, -1)
        return
    try:
        group = pwd.getpwuid(user).pw_gid
        if path.stat().st_gid != group:
            os.chown(path, -1, group)
        path.chmod(0o660)
    except KeyError:
        LOG.warning("no user %s on this machine; the socket stays closed to it", user)
    except PermissionError:
        who = f"user {os.getuid()} in the group of user {user}"
        raise PortalError(f"gate socket {path} cannot be opened to user {user}; expected {who}") from None


def _line(answer: Answer) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode() + b"\n"


def _clear(path: Path) -> None:
    """Remove the socket of a gate that died; ConfigError when one lives there."""
    if not path.exists():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise ConfigError(f"gate {path}: another gate answers there; stop it or set 'portal.gate_socket'")
