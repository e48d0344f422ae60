"""The ACS as a table of sessions: one HTTP request in, one reply out. No socket and no clock of its own.

    Inform, authenticated, of a CPE of the register   its events are kept, then InformResponse and a session's cookie
    a CPE's own request                               answered, before we ask anything
    an empty POST, or the answer to our request       our next request; 204 when there is none

Checks come in the order of their price: who it is (digest), then the XML, then the register. A session belongs to the
login that began it and to one CPE; whoever else holds its cookie holds nothing. Each request is authenticated anew.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from zlib import crc32

from collectors.cwmp import soap, spoken
from collectors.cwmp.course import Course, Limits, root_of
from collectors.cwmp.events import BOOTED
from collectors.cwmp.logins import PATH, Logins
from collectors.cwmp.message import INTERNAL, INVALID_ARGUMENTS, METHOD_NOT_SUPPORTED, Asked, Inform
from collectors.cwmp.session import COOKIE, Asking, Reply, Session
from collectors.cwmp.under_way import RAW, RAW_OF_ALL, UnderWay
from collectors.errors import DecodeError
from netops.errors import SpoolError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from collectors.cwmp.course import Layout
    from collectors.cwmp.digest import Challenges
    from collectors.cwmp.doors import Known
    from collectors.cwmp.message import Body, DeviceId, Envelope
    from collectors.cwmp.model import Model

DAY_MS = 86_400_000
LASTS_S = 55.0  # a whole session; less than the grace of a slot
_XML = ("Content-Type", 'text/xml; charset="utf-8"')


class Acs:
    """Inert; `logins.doors` and `layouts` are set from outside. Safe to use from several threads.

    `tell(session, asked)` keeps a session's events, or a TransferComplete's, and raises SpoolError when it cannot;
    `wanted(known, at_ms)` returns (slot, cost classes) to read, or None; `ended(session, whole)` takes a session over.
    """

    def __init__(
        self,
        challenges: Challenges,
        models: Collection[Model],
        *,
        tell: Callable[[Session, Asked | None], None],
        wanted: Callable[[Known, int], tuple[int, frozenset[str] | None]],
        ended: Callable[[Session, bool], None],
        stranger: Callable[[DeviceId, str], None] = lambda _who, _address: None,
        turned_away: Callable[[Known, str], None] = lambda _known, _why: None,
        sessions: int = 2000,
        idle_s: float = 30.0,
        interval_s: int = 0,
        basic: bool = False,
        limits: Limits | None = None,
    ) -> None:
        self.counters: Counter[str] = Counter()
        self.logins = Logins(
            challenges,
            basic=basic,
            counters=self.counters,
            refused=lambda known: turned_away(known, "login"),
        )
        self.layouts: dict[str, tuple[str, Layout]] = {}
        self._models = models
        self._tell = tell
        self._wanted = wanted
        self._ended = ended
        self._stranger = stranger
        self._turned_away = turned_away
        self._idle_s = idle_s
        self._interval_s = interval_s
        self._limits = limits or Limits()
        self.under_way = UnderWay(most=sessions)

    def __len__(self) -> int:
        """Return how many sessions are under way."""
        return len(self.under_way)

    def take(self, asking: Asking, *, now_ms: int, now: float) -> Reply:
        """Answer one POST; `now` are monotonic seconds."""
        if asking.path != PATH:
            return Reply(404)
        refused, holds = self.logins.judge(asking, now_ms)
        if refused is not None:
            return refused
        session = self.under_way.of(asking.cookie)
        if session is not None and (not holds(session.known) or now - session.last > self._idle_s):
            session = None  # another's cookie, or an old one: as if it had none
        if not asking.body.strip():
            return self._empty(session, now)
        try:
            said = soap.read(asking.body)
        except soap.NotUnderstoodError:
            return self._said(spoken.not_understood(), spoken.PLAIN, "")
        except DecodeError as error:
            self.counters["undecodable"] += 1
            for known in self.logins.doors.own(self.logins.user(asking)):
                self._turned_away(known, "xml")
            self._break(session, f"undecodable: {error}")
            return Reply(400)
        if isinstance(said.body, Inform):
            return self._inform(said, said.body, asking, holds, now_ms=now_ms, now=now)
        if session is None:
            self.counters["without_session"] += 1
            return Reply(400)
        return self._within(session, said, asking.body, now)

    def sweep(self, now: float) -> None:
        """End the sessions whose CPE has gone."""
        for session in self.under_way.every():
            over = now - session.last > self._idle_s or now - session.began > LASTS_S
            if over and session.lock.acquire(blocking=False):  # one that is being answered is looked at again
                self._break(session, "the CPE did not go on")
                session.lock.release()

    def stop(self) -> None:
        """End all sessions."""
        for session in self.under_way.every():
            self._break(session, "we stopped")

    # ---- a session begins

    def _inform(
        self,
        said: Envelope,
        inform: Inform,
        asking: Asking,
        holds: Callable[[Known], bool],
        *,
        now_ms: int,
        now: float,
    ) -> Reply:
        known = self.logins.doors.find(inform.device)
        if known is None or not holds(known):
            self.counters["strangers" if known is None else "refused"] += 1
            if known is not None:
                why = f"it is not the login of '{known.device}', which it says it is"
                self.logins.say(asking, self.logins.user(asking), why, now_ms)
            if known is None and self.logins.doors.serials.isdisjoint(inform.device.names):
                self._stranger(inform.device, asking.address)
            return Reply(403)
        if self.under_way.too_often(known.device, now):
            self.counters["too_often"] += 1
            return Reply(503, (("Retry-After", "60"),))
        self._break(self.under_way.of_device(known.device), "the CPE began anew")
        slot_ms, costs = self._wanted(known, now_ms)
        session = Session(
            known=known,
            inform=inform,
            space=said.space,
            slot_ms=slot_ms,
            began_ms=now_ms,
            began=now,
            last=now,
            costs=costs or frozenset(),
            course=None,
            steps=None,
            raw=[asking.body],
            size=len(asking.body),
        )
        if costs is not None:
            session.course = self._course(session, costs)
            session.steps = session.course.run()
        token = self.under_way.enter(session)
        if not token:
            self.counters["full"] += 1
            self._turned_away(known, "full")
            return Reply(503, (("Retry-After", "60"),))
        try:
            self._tell(session, None)
        except SpoolError:
            self.under_way.leave(session)
            self._turned_away(known, "disk")
            return Reply(503, (("Retry-After", "60"),))
        self.counters["informs"] += 1
        reply = self._said(spoken.informed(), said.space, said.id, version=spoken.version(said.versions))
        secure = "; Secure" if asking.secure else ""
        cookie = ("Set-Cookie", f"{COOKIE}={token}; Path={PATH}; HttpOnly{secure}")
        return Reply(reply.status, (*reply.headers, cookie), reply.body)

    def _course(self, session: Session, costs: frozenset[str]) -> Course:
        inform = session.inform
        root = root_of(inform.parameters)
        held = self.layouts.get(session.known.device)
        booted = any(code in BOOTED for code, _ in inform.events)
        layout = held[1] if held is not None and held[0] == _mark(session, root) and not booted else None
        return Course(
            models=self._models,
            root=root,
            costs=costs,
            layout=layout,
            interval_s=self._interval_s,
            limits=self._limits,
        )

    # ---- a session goes on

    def _within(self, session: Session, said: Envelope, octets: bytes, now: float) -> Reply:
        if not session.lock.acquire(blocking=False):
            return Reply(400)  # one request of a session at a time (TR-069 section 3.4.2)
        try:
            session.last = now
            if isinstance(said.body, Asked):
                return self._answer(session, said, said.body)
            if not session.awaits or (said.id and said.id != session.awaits):
                self.counters["unexpected"] += 1
                self._break(session, "an answer to nothing that we asked")
                return Reply(400)
            if not self.under_way.grows(session, len(octets)):
                self._break(session, f"more than {RAW} octets, or {RAW_OF_ALL} of all sessions")
                return Reply(400)
            session.raw.append(octets)
            return self._next(session, said.body)
        finally:
            session.lock.release()

    def _answer(self, session: Session, said: Envelope, asked: Asked) -> Reply:
        body = spoken.answered(asked.method)
        if body is None or session.begun:
            self.counters["unsupported"] += 1
            code = METHOD_NOT_SUPPORTED if body is None else INVALID_ARGUMENTS
            return self._said(spoken.fault(code), said.space, said.id)
        if asked.method.endswith("TransferComplete"):
            try:
                self._tell(session, asked)
            except SpoolError:
                return self._said(spoken.fault(INTERNAL), said.space, said.id)
        return self._said(body, said.space, said.id)

    def _empty(self, session: Session | None, now: float) -> Reply:
        """Take our turn: the CPE has nothing more to say."""
        if session is None:
            return Reply(204)
        if not session.lock.acquire(blocking=False):
            return Reply(400)
        try:
            session.last = now
            if session.awaits:
                self._break(session, "an empty answer to our request")
                return Reply(204)
            return self._next(session, None)
        finally:
            session.lock.release()

    def _next(self, session: Session, answer: Body | None) -> Reply:
        """Send an answer into the course and ask what it wants next; at its end the session is over."""
        try:
            if session.steps is None:
                raise StopIteration  # noqa: TRY301
            asked = session.steps.send(answer) if session.begun and answer is not None else next(session.steps)
        except StopIteration:
            self._over(session, whole=True)
            return Reply(204)
        session.begun = True
        session.requests += 1
        session.awaits = f"{session.requests}"
        return self._said(spoken.request(asked), session.space, session.awaits)

    # ---- a session ends

    def _break(self, session: Session | None, why: str) -> None:
        if session is not None and self.under_way.leave(session):
            session.wrong = why
            self.counters["broken"] += 1
            self._ended(session, False)

    def _over(self, session: Session, *, whole: bool) -> None:
        if self.under_way.leave(session):
            course = session.course
            if course is not None and course.layout is not None:
                if course.stale:
                    self.layouts.pop(session.known.device, None)
                else:
                    self.layouts[session.known.device] = (_mark(session, course.root), course.layout)
            self.counters["sessions"] += 1
            self._ended(session, whole)

    @staticmethod
    def _said(body: str, space: str, name: str, *, version: str = "") -> Reply:
        return Reply(200, (_XML, ("SOAPAction", "")), spoken.envelope(body, space=space, name=name, version=version))


def _mark(session: Session, root: str) -> str:
    """Return what a layout holds for: this software, for a day that begins for each CPE at an instant of its own."""
    version = session.inform.parameters.get(f"{root}.DeviceInfo.SoftwareVersion", "")
    day = (session.began_ms + crc32(session.known.device.encode()) % DAY_MS) // DAY_MS
    return f"{root} {version} {day}"
