"""Who may hand in: one small file a vantage point below `<data dir>/vantages`, replaced whole, never half written.

`netops probe enrol` writes a token's digest; a probe that shows the token once becomes the key of that vantage point.
A token is used up by renaming its file, so that of two who show it one alone succeeds.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from collectors.probes import handing, keys
from collectors.probes.intake.volume import EVERY_S, PATHS, Schedule
from netops.errors import AccessError, UsageError
from netops.evidence import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

TOKEN_OCTETS = 20  # 160 bits
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A vantage point that has joined. `services` are those of the register that it may tell of; empty: any."""

    vantage: str
    public: str
    joined_ms: int
    services: frozenset[str] = frozenset()
    schedule: Schedule = field(default_factory=Schedule)


class Enrolled:
    """The directory of vantage points."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def invite(
        self,
        vantage: str,
        *,
        now_ms: int,
        hours: int = 24,
        services: Iterable[str] = (),
        schedule: Schedule | None = None,
    ) -> str:
        """Return a token that lets one probe join as `vantage`, to tell of these services; an earlier one is void.

        `schedule` is what it may hand in.
        """
        if not handing.VANTAGE.fullmatch(vantage):
            raise UsageError(f"vantage '{vantage}': expected an id like 'site-7', [a-z0-9_.-], at most 64 characters")
        token = secrets.token_urlsafe(TOKEN_OCTETS)
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o750)
        until_ms = now_ms + hours * HOUR_MS
        told = {"sha256": digest(token), "until_ms": until_ms, "services": sorted(set(services))}
        self._write(f"{vantage}.token", told | asdict(schedule or Schedule()))
        return token

    def join(self, vantage: str, *, token: str, public: str, signature: bytes, now_ms: int) -> Member:
        """Make the key that of the vantage point; AccessError, always the same, unless all is as it should be."""
        refused = AccessError("the token is not valid: used, expired, or of another vantage point; ask for a new one")
        if not handing.VANTAGE.fullmatch(vantage) or not keys.is_public(public):
            raise refused
        path = self._directory / f"{vantage}.token"
        told = self._read(path)
        is_it = hmac.compare_digest(str((told or {}).get("sha256", "")), digest(token))
        if told is None or not is_it or now_ms >= int(told.get("until_ms", 0)):
            raise refused
        said = handing.joining(vantage=vantage, public=public, token_sha256=digest(token))
        if not keys.holds(public, said, signature):
            raise refused
        try:
            path.rename(path.with_suffix(".used"))
        except FileNotFoundError:
            raise refused from None
        services = _services(told)
        schedule = _schedule(told)
        kept = {"public": public, "joined_ms": now_ms, "services": sorted(services)}
        self._write(f"{vantage}.key", kept | asdict(schedule))
        return Member(vantage=vantage, public=public, joined_ms=now_ms, services=services, schedule=schedule)

    def member(self, vantage: str) -> Member | None:
        """Return the vantage point, None when nobody has joined as it (or it was put out)."""
        if not handing.VANTAGE.fullmatch(vantage):
            return None
        told = self._read(self._directory / f"{vantage}.key")
        if told is None:
            return None
        return Member(
            vantage=vantage,
            public=str(told.get("public", "")),
            joined_ms=int(told.get("joined_ms", 0)),
            services=_services(told),
            schedule=_schedule(told),
        )

    def members(self) -> list[Member]:
        """Return all that have joined."""
        names = sorted(path.stem for path in self._directory.glob("*.key")) if self._directory.is_dir() else []
        return [found for name in names if (found := self.member(name)) is not None]

    def put_out(self, vantage: str) -> bool:
        """Let the vantage point in no more; whether it was one."""
        was = False
        for suffix in ("key", "token"):
            path = self._directory / f"{vantage}.{suffix}"
            if handing.VANTAGE.fullmatch(vantage) and path.exists():
                path.unlink()
                was = True
        return was

    def _write(self, name: str, told: dict[str, Any]) -> None:
        beside = self._directory / f".{name}.{secrets.token_hex(4)}"
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o640)  # whatever the umask: the intake and the command line are of one group
            json.dump(told, file)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(self._directory / name)
        files.settle(self._directory)

    @staticmethod
    def _read(path: Path) -> dict[str, Any] | None:
        try:
            told = json.loads(path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None
        return told if isinstance(told, dict) else None


def _services(told: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(map(str, told.get("services", ())))


def _schedule(told: Mapping[str, Any]) -> Schedule:
    """Return what it was enrolled for; the usual for who was enrolled before there was a limit."""
    return Schedule(every_s=max(1, int(told.get("every_s", EVERY_S))), paths=max(1, int(told.get("paths", PATHS))))


def digest(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
