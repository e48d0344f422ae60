"""The RADIUS server as a service: two ports, the line to the portal, the API for FreeRADIUS, and its housekeeping."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from captive_portal import keys, socket_line
from captive_portal.radius import alone as relief
from captive_portal.radius import line as lines
from captive_portal.radius import nas, rest, server
from captive_portal.radius.answering import Accounting, Authorising, Tally
from captive_portal.radius.authorise import Judge
from captive_portal.radius.coa import Caller
from captive_portal.radius.doors import Doors
from captive_portal.radius.keeping import Keeping
from captive_portal.radius.line import Verbs
from captive_portal.radius.reaching import Reaching
from captive_portal.radius.telling import Telling
from captive_portal.radius.tokens import Mint
from netops import drain
from netops.clock import SYSTEM
from netops.config import Listener
from netops.errors import ConfigError, NetopsError
from netops.spool import Spool
from netops.web import Server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from netops.clock import Clock
    from netops.config import Settings
    from netops.service import Service

LOG = logging.getLogger("netops.radius")
LOOK_S = 5.0
REST_THREADS = 32  # FreeRADIUS's pool of connections
PURGE_ROUNDS = 720  # of LOOK_S: an hour


def build(settings: Settings) -> Service:
    """Return the server of these settings, inert."""
    return RadiusService(settings)


def database(settings: Settings) -> Path:
    """Return where the server's memory lies."""
    return settings.room("radius") / "radius.db"


@dataclass(slots=True)
class Parts:
    """What a started server is made of."""

    doors: Doors
    keeping: Keeping
    caller: Caller
    reaching: Reaching
    judge: Judge
    known: nas.Known
    tally: Tally
    telling: Telling
    spool: Spool


class RadiusService:
    """Answers controllers on `radius.auth_port` and `radius.acct_port`."""

    name = "radius"

    def __init__(self, settings: Settings, clock: Clock = SYSTEM) -> None:
        self.settings = settings
        self.clock = clock
        self.parts: Parts | None = None
        self.auth_port = settings.radius.auth_port
        self.acct_port = settings.radius.acct_port
        self._wrong: dict[str, str] = {}
        self._stopping = threading.Event()
        self._stack = ExitStack()

    def start(self) -> None:
        """Take up what was known, then answer."""
        settings, radius = self.settings, self.settings.radius
        with ExitStack() as stack:
            known = nas.known(settings)
            if not known.by_id:
                LOG.warning("no controller is known; name one in [portal.acs.<id>] with a secret")
            settings.data.dir.mkdir(parents=True, exist_ok=True)
            key = keys.token_key(settings)
            keeping = stack.enter_context(Keeping(database(settings)))
            now_ms = self.clock.now_ms()
            doors = Doors(born_ms=now_ms, before=keeping.known(now_ms))
            caller = stack.enter_context(Caller(self.clock, timeout_ms=radius.coa_timeout_ms, tries=radius.coa_tries))
            mint, tally = Mint(key), Tally()
            spool = stack.enter_context(Spool(settings.data.dir / "spool" / "radius.db", source=self.name))
            telling = Telling(self.clock, device=settings.portal.device, controllers=known.by_id)
            reaching = Reaching(
                doors=doors,
                keeping=keeping,
                caller=caller,
                known=known,
                mint=mint,
                device_key=key,
                interim_s=radius.interim_s,
                clock=self.clock,
                telling=telling,
            )
            alone = relief.build(settings, settings.room("radius") / "let-in.jsonl", doors=doors, clock=self.clock)
            alone.open()
            stack.callback(alone.close)
            judge = Judge(mint, doors, alone)
            self.parts = Parts(doors, keeping, caller, reaching, judge, known, tally, telling, spool)
            stack.callback(self._last_words)
            self._answer(stack, self.parts)
            self._serve(stack, self.parts)
            verbs = Verbs(reaching, keeping.born, self._counts, alone)
            line = socket_line.Listener(lines.LINE, verbs.answer, peers=lines.peers(settings))
            line.open(lines.socket_path(settings))
            stack.callback(line.close)
            self._stopping.clear()
            looking = threading.Thread(target=self._look, name="radius-look", daemon=True)
            looking.start()
            stack.callback(looking.join, 10.0)
            stack.callback(self._stopping.set)
            self._stack = stack.pop_all()

    def stop(self) -> None:
        """Stop answering and let go. Safe to call twice."""
        self._stack.close()

    def health(self) -> dict[str, str]:
        """Return what is wrong, by subject."""
        alone = self.parts.judge.alone if self.parts is not None else None
        return self._wrong | ({"fail-open": alone.wrong} if alone is not None and alone.wrong else {})

    def gauges(self) -> dict[str, float]:
        """Return the server's own numbers."""
        return {f"netops_radius_{name}": float(n) for name, n in self._counts().items()}

    def _answer(self, stack: ExitStack, parts: Parts) -> None:
        radius = self.settings.radius
        auth = Authorising(parts.judge, parts.known, radius.interim_s, tally=parts.tally)
        acct = Accounting(parts.doors, parts.known, tally=parts.tally)
        for name, port, work in (
            ("auth", radius.auth_port, server.authorise(auth, parts.keeping, self.clock, parts.telling)),
            ("acct", radius.acct_port, server.account(acct, parts.keeping, self.clock, parts.telling)),
        ):
            sockets = server.listening(radius.listen, port)
            at = server.Port(name, sockets, work)
            stack.callback(at.stop)
            at.start()
            setattr(self, f"{name}_port", sockets[0].getsockname()[1])

    def _serve(self, stack: ExitStack, parts: Parts) -> None:
        """Serve the API for FreeRADIUS, where the settings have it."""
        radius = self.settings.radius
        if not radius.rest_port:
            return
        key = radius.rest_key.read() if radius.rest_key is not None else ""
        if len(key) < rest.LEAST_KEY:
            raise ConfigError(f"'radius.rest_key' has {len(key)} characters; expected at least {rest.LEAST_KEY}")
        api = rest.Api(
            judge=parts.judge,
            keeping=parts.keeping,
            known=parts.known,
            tally=parts.tally,
            key=key.encode(),
            interim_s=radius.interim_s,
            clock=self.clock,
            telling=parts.telling,
        )
        at = Server(api, Listener(host=radius.rest_host, port=radius.rest_port), threads=REST_THREADS)
        at.start()
        stack.callback(at.stop)

    def _counts(self) -> dict[str, int]:
        parts = self.parts
        if parts is None:
            return {}
        calls = {f"calls_{word}": n for word, n in parts.caller.counts.items()}
        return {**parts.tally.counts, **calls, **parts.doors.counts}

    # ---- housekeeping
    def _look(self) -> None:
        rounds = 0
        while not self._stopping.wait(LOOK_S):
            rounds += 1
            self._try("records", self._tidy)
            self._try("fail-open", self._stand_in)
            self._try("facts", self._state)
            if rounds % PURGE_ROUNDS == 1:
                self._try("retention", self._purge)

    def _tidy(self) -> None:
        assert self.parts
        now_ms, doors = self.clock.now_ms(), self.parts.doors
        self.parts.keeping.keep([*doors.expire(now_ms), *doors.silent(now_ms, self.settings.radius.interim_s)])

    def _state(self) -> None:
        """State the minutes that are over, and let go of what the core has taken."""
        assert self.parts
        self.parts.telling.flush(self.parts.spool, self.clock.now_ms())
        if self.parts.spool.backlog():
            self.parts.spool.trim(drain.drained(self.settings, self.name))

    def _last_words(self) -> None:
        assert self.parts
        try:
            self.parts.telling.flush(self.parts.spool, self.clock.now_ms(), everything=True)
        except NetopsError as error:
            LOG.warning("last minute not stated error=%s", error)

    def _stand_in(self) -> None:
        assert self.parts
        if self.parts.judge.alone is not None:
            self.parts.judge.alone.look(self.parts.reaching)

    def _purge(self) -> None:
        assert self.parts
        self.parts.keeping.purge(self.clock.now_ms(), days=self.settings.retention.session_days)

    def _try(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
            self._wrong.pop(name, None)
        except NetopsError as error:
            self._wrong[name] = str(error)
            LOG.warning("chore failed chore=%s error=%s", name, error)
        except Exception:
            self._wrong[name] = "failed for a reason that the log tells"
            LOG.exception("chore failed chore=%s", name)
