"""The line between two of our processes on one machine: a UNIX socket, one JSON object a line, no stranger heard.

Which verbs there are says who listens (captive_portal/hatch.py, captive_portal/radius/line.py). Whatever is wrong with
a question is an answer, `error`, and never an exception: the caller is told, and the line stays. Who asks is known by
the user id of the process (SO_PEERCRED); the octets say nothing about it.
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
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from captive_portal.errors import AbsentError, GatewayError, LateError, PortalError, SilentError
from netops.clock import SYSTEM
from netops.errors import ConfigError, NetopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

LOG = logging.getLogger("netops.line")
PEER = struct.Struct("=iII")  # struct ucred: pid, uid, gid
Answer = dict[str, Any]
SILENCES: dict[str, type[SilentError]] = {"absent": AbsentError, "late": LateError}  # by their names on the line


class Group(Enum):
    """Whose group reaches a socket that is not ours alone, where the listener is not root (who gives it away)."""

    PEER = "peer"  # the peer's own: the directory is anybody's, and the listener must be in that group
    DIRECTORY = "directory"  # what the directory hands down (set-group-ID, as `netops init` makes it): it says who


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One kind of line, the same for both ends."""

    name: str  # of the service that listens
    setting: str  # where its socket's place is set
    longest: int  # octets of a line with its newline
    most: int  # connections at once; who comes then is refused
    group: Group


class Listener:
    """Answers on a socket; inert until `open`."""

    def __init__(self, line: Line, answer: Callable[[bytes], Iterable[Answer]], *, peers: frozenset[int]) -> None:
        self.line = line
        self.answer = answer
        self.peers = peers
        self.refused = 0
        self._path: Path | None = None
        self._listener: socket.socket | None = None
        self._links: set[socket.socket] = set()

    def open(self, path: Path) -> None:
        """Listen, and answer from now on. What a process that died has left is taken over; ConfigError if one lives."""
        _clear(self.line, path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._bind(listener, path)
        except BaseException:
            listener.close()
            raise
        self._listener, self._path = listener, path
        threading.Thread(target=self._accept, args=(listener,), name=f"{self.line.name}-line", daemon=True).start()

    def close(self) -> bool:
        """Stop answering; return whether it did answer."""
        if self._listener is None or self._path is None:
            return False
        listener, self._listener = self._listener, None
        for link in (listener, *self._links):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
        listener.close()
        self._path.unlink(missing_ok=True)
        return True

    def _bind(self, listener: socket.socket, path: Path) -> None:
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        except OSError as error:
            why = error.strerror or error  # a path of more than 107 octets has no errno
            raise ConfigError(f"{self.line.name} {path}: cannot be made ({why}); see '{self.line.setting}'") from None
        finally:
            os.umask(before)
        for other in self.peers - {os.getuid()}:
            _share(self.line, path, other)
        listener.listen(self.line.most)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            _pid, uid, _gid = PEER.unpack(link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
            if uid not in self.peers or len(self._links) >= self.line.most:
                self.refused += 1
                link.close()
                continue
            self._links.add(link)
            threading.Thread(target=self._serve, args=(link,), name=f"{self.line.name}-peer", daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        longest = self.line.longest
        try:
            with link, link.makefile("rb") as lines:
                while line := lines.readline(longest):
                    if not line.endswith(b"\n"):
                        link.sendall(packed({"error": f"a line is at most {longest - 1} octets and ends in a newline"}))
                        return
                    for each in self.answer(line):
                        link.sendall(packed(each))
        except OSError:
            pass
        finally:
            self._links.discard(link)


def answers(line: bytes, verbs: Mapping[str, Callable[[Answer], Iterable[Answer]]]) -> Iterator[Answer]:
    """Yield the answers to one line; whatever is wrong with it is the last of them, never an exception."""
    try:
        asked = json.loads(line)
        verb = verbs.get(asked["verb"]) if isinstance(asked, dict) and isinstance(asked.get("verb"), str) else None
        if verb is None:
            raise PortalError(f"expected an object with 'verb', one of {', '.join(verbs)}")
        yield from verb(asked)
    except SilentError as error:
        kind = next((name for name, kind in SILENCES.items() if isinstance(error, kind)), "")
        yield {"error": str(error), "silent": True, **({kind: True} if kind else {})}
    except NetopsError as error:
        yield {"error": str(error)}
    except (ValueError, RecursionError):
        yield {"error": "not JSON; expected one object a line"}


def packed(answer: Mapping[str, object]) -> bytes:
    """Return an object as one line."""
    return json.dumps(answer, separators=(",", ":")).encode() + b"\n"


def peers(user: str, setting: str) -> frozenset[int]:
    """Return the user ids that are heard: our own, and the named user's."""
    own = frozenset({os.getuid()})
    if not user:
        return own
    try:
        return own | {pwd.getpwnam(user).pw_uid}
    except KeyError:
        raise ConfigError(f"'{setting}' is '{user}'; expected a user of this machine") from None


def _share(line: Line, path: Path, user: int) -> None:
    """Let another user reach the socket: root gives it away, a user of its own opens it to a group (`Group`)."""
    if os.getuid() == 0:
        os.chown(path, user, -1)
        return
    try:
        known = pwd.getpwuid(user)
        if line.group is Group.PEER and path.stat().st_gid != known.pw_gid:
            os.chown(path, -1, known.pw_gid)
        path.chmod(0o660)
    except KeyError:
        LOG.warning("no user %s on this machine; the socket stays closed to it", user)
    except PermissionError:
        who = f"user {os.getuid()} in the group of user {user}"
        raise PortalError(f"{line.name} socket {path} cannot be opened to user {user}; expected {who}") from None


def _clear(line: Line, path: Path) -> None:
    if not path.exists():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise ConfigError(f"{line.name} {path}: another {line.name} answers there; stop it or set '{line.setting}'")


class Caller:
    """Asks on a line, `at_once` questions at most; safe from several threads. Inert until the first question."""

    def __init__(self, line: Line, path: Path, *, timeout_s: float, at_once: int) -> None:
        self.path = path
        self._line = line
        self._timeout_s = timeout_s
        self._turn = threading.BoundedSemaphore(at_once)
        self._free: list[Any] = []
        self._lock = threading.Lock()

    def ask(self, verb: str, **asked: object) -> Answer:
        """Return the one answer."""
        return self.every(verb, **asked)[0]

    def every(self, verb: str, **asked: object) -> list[Answer]:
        """Return all answers; GatewayError when the other side refused or is away.

        A connection that was kept may be one from before the other's restart: then the question is said once more, on
        a new one. Every verb may be said twice.

        What says `by`, in seconds of the monotonic clock, is not to be done later: nor when we wait no longer for the
        answer, so that goes out with it.
        """
        name = self._line.name
        with self._turn:
            with contextlib.suppress(OSError, ValueError):
                kept = self._kept()
                if kept is not None:
                    return self._answers(kept, self._line_of(verb, asked))
            try:
                return self._answers(self._made(), self._line_of(verb, asked))
            except (OSError, ValueError) as error:
                what = f"no answer to '{verb}' ({error}); is `{name}` running?"
                raise AbsentError(f"{name} {self.path}: {what}") from None

    def close(self) -> None:
        """Let go of every connection that nobody uses."""
        with self._lock:
            free, self._free = self._free, []
        for each in free:
            with contextlib.suppress(OSError):
                each.close()

    def _line_of(self, verb: str, asked: Mapping[str, Any]) -> bytes:
        by = {"by": min(asked["by"], SYSTEM.monotonic() + self._timeout_s)} if "by" in asked else {}
        return packed({"verb": verb, **asked, **by})

    def _kept(self) -> Any:
        with self._lock:
            return self._free.pop() if self._free else None

    def _made(self) -> Any:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(self._timeout_s)
        try:
            link.connect(str(self.path))
            return link.makefile("rwb")
        finally:
            link.close()  # the file keeps the descriptor, or nothing does

    def _answers(self, file: Any, line: bytes) -> list[Answer]:
        try:
            said = self._said(file, line)
        except (OSError, ValueError):
            with contextlib.suppress(OSError):
                file.close()
            raise
        with self._lock:
            self._free.append(file)
        if "error" in said[-1]:
            silent = next((kind for name, kind in SILENCES.items() if said[-1].get(name)), SilentError)
            kind = silent if said[-1].get("silent") else GatewayError
            raise kind(f"{self._line.name} refused: {said[-1]['error']}")
        return said

    def _said(self, file: Any, line: bytes) -> list[Answer]:
        file.write(line)
        file.flush()
        said: list[Answer] = []
        while not said or said[-1].get("more"):
            came: bytes = file.readline(self._line.longest)
            if not came.endswith(b"\n"):
                raise OSError("connection closed")
            said.append(json.loads(came))
        return said
