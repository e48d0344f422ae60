"""The service `intake`: probes at sites hand in what they measured; each record goes into our own spool, once.

It answers after fsync. Who is not enrolled, or whose signature does not hold, learns nothing but that. The core drains
`spool/intake.db` like any other.
"""

from __future__ import annotations

import functools
import json
import logging
import threading
from collections import Counter
from contextlib import ExitStack
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from collectors.background import Background
from collectors.errors import DecodeError
from collectors.probes import handing, keys
from collectors.probes.intake import admit
from collectors.probes.intake.enrolled import Enrolled
from collectors.probes.intake.holders import Holders
from collectors.probes.intake.volume import Floods, Volumes
from netops.clock import SYSTEM
from netops.drain import drained
from netops.errors import AccessError, NetopsError, SpoolError
from netops.facts import submit
from netops.service import service_state
from netops.spool import Spool
from netops.web.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from collectors.probes.intake.enrolled import Member
    from netops.clock import Clock
    from netops.config import Settings

log = logging.getLogger(__name__)
SOURCE = "intake"
TRIM_S = 30.0
TOKEN_CHARACTERS = 200
JOIN_OCTETS = 4096
PER_ADDRESS = 64  # connections: a probe has one, and several may stand behind one address
SPOOLS = 1000  # of one vantage point, one after the other: what we remember of it is bounded
_DENIED = "not enrolled, or the signature does not hold"


class Intake:
    """Inert until started."""

    name = SOURCE

    def __init__(self, settings: Settings, *, clock: Clock = SYSTEM) -> None:
        self._settings = settings
        self._clock = clock
        self._enrolled = Enrolled(place(settings))
        self._taking = threading.Lock()
        self._stack = ExitStack()
        self._spool: Spool | None = None
        self._server: Server | None = None
        self._background = Background(SOURCE, self._trim)
        self._refused = ""
        self._holders = Holders()
        self._doubled: set[str] = set()  # vantage points whose key two machines have
        self._volumes = Volumes()
        self._floods = Floods()
        self.counters: Counter[str] = Counter()

    def start(self) -> None:
        """Open the spool and listen."""
        settings = self._settings
        spool = Spool(
            settings.data.dir / "spool" / f"{SOURCE}.db", source=SOURCE, cap_bytes=settings.intake.spool_cap_mb << 20
        )
        self._spool = self._stack.enter_context(spool)
        submit(spool, service_state(SOURCE, "started", now_ms=self._clock.now_ms()))
        self._server = Server(self, settings.intake.listen, rehearsal=settings.city.rehearsal, per_address=PER_ADDRESS)
        self._server.start()
        self._stack.callback(self._server.stop)
        self._background.start()

    def stop(self) -> None:
        """Stop listening, then close the spool; safe to call twice."""
        self._background.stop()
        if self._server is not None:
            self._server.stop()
        self._server = None
        if self._spool is not None:
            submit(self._spool, service_state(SOURCE, "stopped", now_ms=self._clock.now_ms()))
        self._spool = None
        self._stack.close()

    def health(self) -> dict[str, str]:
        """Return what is wrong, by subject."""
        wrong = {"spool": self._refused} if self._refused else {}
        for name in sorted(self._doubled):
            wrong[f"vantage {name}"] = (
                f"two machines hand in with its key; `netops probe dismiss {name}`, then enrol the right one anew"
            )
        for name in sorted(self._floods.now):
            wrong.setdefault(
                f"vantage {name}",
                "it hands in more than it was enrolled for, and waits; `netops probe members` tells for what. "
                f"Ours: enrol it anew with --paths and --every. Not ours: `netops probe dismiss {name}`",
            )
        return wrong

    @property
    def port(self) -> int:
        """The port it listens on, 0 when it does not."""
        return self._server.port if self._server is not None else 0

    # ---- one request

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request (WSGI, PEP 3333): two addresses, everything else is not there."""
        status, told = self._answer(environ)
        self.counters[str(status.value)] += 1
        body = json.dumps(told).encode("ascii")
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]

    def _answer(self, environ: dict[str, Any]) -> tuple[HTTPStatus, dict[str, Any]]:
        acts = {handing.PATH: self._batch, handing.JOIN_PATH: self._join}
        act = acts.get(environ.get("PATH_INFO", ""))
        if act is None:
            return HTTPStatus.NOT_FOUND, {"error": "nothing is here"}
        if environ.get("REQUEST_METHOD") != "POST":
            return HTTPStatus.METHOD_NOT_ALLOWED, {"error": "POST is what is taken here"}
        try:
            return act(environ)
        except DecodeError as error:
            return HTTPStatus.BAD_REQUEST, {"error": str(error)}
        except AccessError as error:
            return HTTPStatus.FORBIDDEN, {"error": str(error)}
        except SpoolError as error:
            self._refused = str(error)
            return HTTPStatus.SERVICE_UNAVAILABLE, {"error": "nothing can be kept now; try again later"}
        except Exception:
            log.exception("request failed")
            return HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "our own fault; try again later"}

    def _batch(self, environ: dict[str, Any]) -> tuple[HTTPStatus, dict[str, Any]]:
        given = {name: str(environ.get(f"HTTP_NETOPS_{name.upper()}", "")) for name in handing.HEADERS}
        member = self._enrolled.member(given["vantage"])
        if member is None:
            raise AccessError(_DENIED)
        body = _body(environ, handing.BODY_OCTETS + 4 * handing.RECORDS)
        signature = handing.unbase64(given["signature"])
        said = handing.statement(vantage=given["vantage"], source=given["source"], kind=given["kind"], body=body)
        if not keys.holds(member.public, said, signature):
            raise AccessError(_DENIED)
        batch, _ = handing.read(given, body)
        return self._take(batch, member)

    def _take(self, batch: handing.Batch, member: Member) -> tuple[HTTPStatus, dict[str, Any]]:
        """Keep what is new and sound in one step with how far we have come; return what the probe may let go of."""
        spool = self._spool
        if spool is None:
            raise SpoolError("the intake is closed")
        name = f"{batch.vantage} {batch.source}"
        now = self._clock.now_ms()
        with self._taking:
            self._watch_key(batch)
            known = spool.marked(name)
            if not known and sum(each.startswith(f"{batch.vantage} ") for each in spool.marks()) >= SPOOLS:
                raise AccessError(f"'{batch.vantage}' has come with {SPOOLS} spools; let it join under another id")
            if why := self._volumes.over(batch.vantage, member.schedule, now_s=self._clock.monotonic()):
                self._floods.seen(batch.vantage, why, now, tell=functools.partial(submit, spool))
                return HTTPStatus.TOO_MANY_REQUESTS, {"error": why}
            kept: list[bytes] = []
            rows = 0
            refused: list[list[Any]] = []
            for sequence, payload in batch.records:
                if sequence <= known:
                    continue
                why, count = admit.judged(
                    batch.kind, payload, vantage=batch.vantage, now_ms=now, services=member.services
                )
                if why:
                    refused.append([sequence, why])
                else:
                    kept.append(payload)
                    rows += count
            if batch.upto > known:
                spool.put(batch.kind, kept, mark=(name, batch.upto))
            used = {f"{batch.kind}s": len(kept), "rows": rows, "octets": sum(map(len, kept))}
            self._volumes.charge(batch.vantage, member.schedule, used, now_s=self._clock.monotonic())
        self._refused = ""
        self.counters["kept"] += len(kept)
        self.counters["refused"] += len(refused)
        if refused:
            log.warning(
                "records refused", extra={"vantage": batch.vantage, "count": len(refused), "why": refused[0][1]}
            )
        return HTTPStatus.OK, {"upto": batch.upto, "refused": refused}

    def _watch_key(self, batch: handing.Batch) -> None:
        if self._holders.doubled(batch) and batch.vantage not in self._doubled:
            self._doubled.add(batch.vantage)
            log.warning("two machines hand in with one key", extra={"vantage": batch.vantage, "spool": batch.source})

    def _join(self, environ: dict[str, Any]) -> tuple[HTTPStatus, dict[str, Any]]:
        try:
            told = json.loads(_body(environ, JOIN_OCTETS))
            words = {name: told[name] for name in ("vantage", "token", "public", "signature")}
        except (ValueError, TypeError, KeyError, RecursionError):
            raise DecodeError("expected a JSON object of vantage, token, public and signature") from None
        if not all(isinstance(each, str) and len(each) <= TOKEN_CHARACTERS for each in words.values()):
            raise DecodeError("expected short texts")
        member = self._enrolled.join(
            words["vantage"],
            token=words["token"],
            public=words["public"],
            signature=handing.unbase64(words["signature"]),
            now_ms=self._clock.now_ms(),
        )
        with self._taking:
            self._doubled.discard(member.vantage)
            self._volumes.forget(member.vantage)
        log.info("vantage point joined", extra={"vantage": member.vantage, "public": member.public})
        return HTTPStatus.OK, {"vantage": member.vantage}

    # ---- beside it

    def _trim(self) -> None:
        while not self._background.stopping.wait(TRIM_S):
            try:
                if self._spool is not None:
                    self._spool.trim(drained(self._settings, SOURCE))
                    with self._taking:
                        self._floods.settle(self._clock.now_ms(), tell=functools.partial(submit, self._spool))
            except NetopsError as error:
                self._refused = str(error)


def _body(environ: dict[str, Any], most: int) -> bytes:
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        length = 0
    if not 0 < length <= most:
        raise DecodeError(f"expected a body of 1 to {most} octets with its Content-Length")
    body: bytes = environ["wsgi.input"].read(length)
    if len(body) != length:
        raise DecodeError("the body is shorter than announced")
    return body


def place(settings: Settings) -> Path:
    """Return the directory of the vantage points."""
    return settings.data.dir / "vantages"


def build(settings: Settings) -> Intake:
    """Return the service, inert."""
    return Intake(settings)
