"""The portal as a service: desk, pages and housekeeping, in one process without any privilege."""

from __future__ import annotations

import logging
import re
import resource
import threading
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from captive_portal import (
    asker,
    board,
    capport,
    figures,
    gateways,
    keys,
    methods,
    places,
    policy_yaml,
    straight,
    tables,
    upkeep,
    uplink,
    views,
)
from captive_portal.arrivals import Arrivals
from captive_portal.board import Board
from captive_portal.desk import Desk
from captive_portal.errors import GatewayError
from captive_portal.fault_book import FaultBook
from captive_portal.methods.oidc import Oidc
from captive_portal.own_records import Office
from captive_portal.premises import Premises
from captive_portal.probes import Probes
from captive_portal.records import subject
from captive_portal.records.keeper import Keeper
from captive_portal.records.persons import Persons
from captive_portal.staff.obeying import Obeying
from captive_portal.store import Store
from captive_portal.telling import Telling
from captive_portal.venues import Venues
from captive_portal.visits import Visits
from inventory.errors import SqlError
from inventory.times import zone
from netops import drain, wire
from netops.clock import SYSTEM
from netops.errors import NetopsError
from netops.facts import Fact, submit
from netops.spool import Spool
from netops.web import Server, create_app
from netops.web.health import COUNTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from captive_portal.gateways import Gateway
    from netops.clock import Clock
    from netops.config import Settings
    from netops.service import Service

LOG = logging.getLogger("netops.portal")
QUEUE_LOG = logging.getLogger(
    "waitress.queue"
)  # a line for each request that waits: a flood of logins would flood the log
THREADS = 32  # each login waits for the shared fsync: as many as wait together are acknowledged together
PER_ADDRESS = 64  # connections: a visitor is one address, also behind a router, and no browser opens half as many
DESCRIPTORS = 8192
FOLLOW_S = 3.0
REPAIR_S = 30.0
STAFF_S = 1.0  # who ends a visit looks at the page until it is so
UPLINK_S = 10.0
PURGE_S = 3600.0
POST_S = 5.0
VENUES_S = 600.0
PROBES_S = 3600.0


def build(settings: Settings) -> Service:
    """Return the portal of these settings, inert."""
    return PortalService(settings)


class PortalService:
    """Listens for visitors on `portal.listen`."""

    name = "portal"

    def __init__(self, settings: Settings, clock: Clock = SYSTEM) -> None:
        self.settings = settings
        self.clock = clock
        self.desk: Desk | None = None
        self.probes = Probes()
        self.port = settings.portal.listen.port
        self.secure_port = 0  # of the same pages over TLS; 0: there is no certificate
        self._uplink = uplink.Uplink()
        self._api: capport.Api | None = None
        self._venues = Venues(settings, clock)
        self._probed_ms = 0
        self._wrong: dict[str, str] = {}
        self._keeper: Keeper | None = None
        self._board: Board | None = None
        self._stack = ExitStack()
        self._stopping = threading.Event()
        self._leaving = threading.Event()
        self._reports = FaultBook()
        self._told: dict[str, Mapping[str, object]] = {}  # kind of fact → what was stated last

    def start(self) -> None:
        """Take up the sessions of before, then listen. A gateway that is away is retried, and said in `health`."""
        with ExitStack() as stack:
            settings, folder = self.settings, self.settings.data.dir
            folder.mkdir(parents=True, exist_ok=True)
            anchors = uplink.anchors(settings.portal.anchors)
            spool = stack.enter_context(Spool(folder / "spool" / "portal.db", source=self.name))
            persons = stack.enter_context(Persons(settings, self.clock))
            store = stack.enter_context(Store(tables.url(settings), persons))
            self._keeper = Keeper(settings=settings, store=store, persons=persons, spool=spool)
            gateway = stack.enter_context(gateways.make(settings, self.clock))
            key = keys.identity_key(settings)
            seen = board.mark(settings)
            policies = policy_yaml.read(settings)
            wanted = [name for each in policies.every for name in each.ways]
            tools = methods.Tools(settings=settings, store=store, clock=self.clock, persons=persons)
            visits = Visits(
                store=store,
                gateway=gateway,
                telling=Telling(
                    spool,
                    device=settings.portal.device,
                    sites=frozenset(settings.portal.places.values()) - {""},
                ),
                clock=self.clock,
                premises=Premises(
                    identity_key=key,
                    sites=settings.portal.places,
                    policies=policies,
                    zone=zone(settings.city.timezone),
                    networks=places.networks(settings),
                ),
            )
            self.desk = Desk(visits, methods.make(tools, wanted))
            self.desk.relief.begin(settings)
            self._board = Board(settings, store, tuple(self.desk.methods))
            self._board.begin(policies, seen, self.clock.now_ms())
            stack.callback(self._last_words)
            for method in self.desk.methods.values():
                method.begin()
                stack.callback(method.close)
            self.desk.visits.take_up()
            self._try("retention", self._state_records)  # what was recorded since the last life's last words
            gateway.tell(Arrivals(self.desk))
            if not self._leaving.is_set():
                self._try("gateway", self.desk.upkeep.repair)
            self._venues.look()
            QUEUE_LOG.setLevel(logging.ERROR)
            _raise_descriptors()
            app = self._app(key)
            bounded = partial(Server, app, threads=THREADS, per_address=PER_ADDRESS)
            server = bounded(settings.portal.listen, rehearsal=True)
            server.start()
            stack.callback(server.stop)
            self.port = server.port
            if settings.portal.secure.tls_certificate is not None:
                secure = bounded(settings.portal.secure, shortcut=app.shortcut)
                secure.start()
                stack.callback(secure.stop)
                self.secure_port = secure.port
            self._stopping.clear()
            for work in self._chores(anchors):
                work.start()
                stack.callback(work.join, 10.0)
            stack.callback(self.desk.upkeep.stop)
            stack.callback(self._stopping.set)
            self._stack = stack.pop_all()

    def leave(self) -> None:
        """Take up nothing more of what a start has to repair: the next one does."""
        self._leaving.set()
        if self.desk is not None:
            self.desk.upkeep.stop()

    def stop(self) -> None:
        """Stop listening and let go; nobody is thrown out. Safe to call twice."""
        self._stack.close()
        self._leaving.clear()

    def health(self) -> dict[str, str]:
        """Return what is wrong, by subject."""
        wrong = dict(self._wrong)
        if self._uplink.word == "down":
            wrong["uplink"] = "no anchor beyond the gateway accepts a connection"
        if self.desk is not None:
            wrong.update(self.desk.gateway.amiss())
            for method in self.desk.methods.values():
                wrong.update(method.health())
        return wrong

    def gauges(self) -> dict[str, float]:
        """Return the portal's own numbers."""
        desk = self.desk
        if desk is None:
            return {}
        batches, records = desk.store.batches
        return {
            "netops_portal_sessions": desk.live,
            "netops_portal_record_batches": batches,
            "netops_portal_records": records,
            "netops_portal_spool_bytes": desk.telling.spool.held_bytes,
            **{f"netops_portal_logins_{name}": count for name, count in desk.telling.totals.items()},
            **{f"netops_portal_probes_{name.replace('-', '_')}": n for name, n in self.probes.known().items()},
            "netops_portal_probes_unknown": sum(self.probes.unknown().values()),
            "netops_portal_captured_others": self.probes.others,
            "netops_portal_api_questions": self._api.asked if self._api else 0,
            **_counted(desk.gateway),
            **{name: value for each in desk.methods.values() for name, value in each.gauges().items()},
        }

    def _app(self, key: bytes) -> capport.Fork:
        assert self.desk
        portal = asker.Portal(
            desk=self.desk,
            settings=self.settings,
            probes=self.probes,
            uplink=lambda: self._uplink.word,
            venues=self._venues.name,
            hotspot=partial(self._venues.hotspot, self.desk.premises),
            form_key=key,
            base_url=places.base_url(self.settings),
            reports=self._reports,
            own=self._office(),
        )
        self._api, own = views.api(portal), views.own_hosts(portal)
        pages = create_app(
            "portal",
            self.settings,
            blueprints=[
                views.blueprint(portal),
                *(page for each in self.desk.methods.values() for page in each.pages()),
            ],
            translations=[views.TRANSLATIONS],
            languages=views.languages(portal),
            inline_styles=[views.STYLE],
            error_template="portal/error.html",
            ready=self.health,
            gauges=self.gauges,
            clock=self.clock,
        )
        door = straight.Straight(pages, portal, own, pages.extensions[COUNTERS])
        return capport.Fork(door, self._api, own, rehearsal=portal.rehearsal)

    def _office(self) -> Office | None:
        """Return what shows people their own records; None where nobody comes by an account."""
        assert self.desk
        assert self._keeper
        accounts = self.desk.methods.get("oidc")
        if not isinstance(accounts, Oidc):
            return None
        return Office(
            settings=self.settings,
            store=self.desk.store,
            persons=self._keeper.persons,
            providers=accounts.providers,
            back=accounts.back,
        )

    # ---- housekeeping
    def _chores(self, anchors: list[tuple[str, int]]) -> list[threading.Thread]:
        desk = self.desk
        assert desk

        def watch() -> int:
            self._uplink = uplink.judge(self._uplink, uplink.ask(anchors))
            return 0

        def look_after() -> int:
            return desk.upkeep.expire() + desk.upkeep.follow()

        def post() -> int:
            assert self._board
            changed = self._board.look(desk.premises, self.clock.now_ms())
            desk.upkeep.agree()
            return changed

        chores = [
            ("policies", POST_S, post),
            ("sessions", FOLLOW_S, look_after),
            ("gateway", FOLLOW_S, desk.upkeep.look_in),
            ("records", REPAIR_S, desk.upkeep.repair),
            ("facts", FOLLOW_S, self._state),
            ("methods", FOLLOW_S, self._tend),
            ("fail-open", FOLLOW_S, desk.relief.look),
            *((f"heartbeat of {part.name}", FOLLOW_S, partial(upkeep.beat, part)) for part in desk.gateway.parts()),
            ("staff", STAFF_S, Obeying(desk.visits).round),
            ("retention", PURGE_S, self._purge),
            ("venues", VENUES_S, self._venues.look),
            ("probes", PROBES_S, self._state_probes),
            ("evidence", PROBES_S, self._state_evidence),
            *([("uplink", UPLINK_S, watch)] if anchors else []),
        ]
        return [
            threading.Thread(target=self._repeat, args=chore, name=f"portal-{chore[0]}", daemon=True)
            for chore in chores
        ]

    def _repeat(self, name: str, every_s: float, work: Callable[[], int]) -> None:
        """Do the work every `every_s`; sooner while it fails, so that a gate that comes back is met at once."""
        self._try(name, work) if name == "uplink" else None
        while not self._stopping.wait(min(every_s, 2.0) if name in self._wrong else every_s):
            self._try(name, work)

    def _try(self, name: str, work: Callable[[], int]) -> None:
        try:
            work()
            self._wrong.pop(name, None)
        except upkeep.ON_PURPOSE as error:
            self._wrong[name] = str(error)
            LOG.warning("chore failed chore=%s error=%s", name, error)
        except Exception:
            self._wrong[name] = "failed for a reason that the log tells"
            LOG.exception("chore failed chore=%s", name)

    def _state_probes(self) -> int:
        """State by which questions devices looked for the internet in the last hour."""
        assert self.desk
        now_ms = self.clock.now_ms()
        body, kept = self.probes.told(self._probed_ms or now_ms - int(PROBES_S * 1000), now_ms)
        submit(self.desk.telling.spool, Fact(kind="portal_probes", at_ms=now_ms, body=body))
        kept()
        self._probed_ms = now_ms
        return 1

    def _state_evidence(self) -> int:
        """State how what the gateways keep stands, where it has changed (I5)."""
        assert self.desk
        for fact in self.desk.gateway.facts(self.clock.now_ms()):
            if fact.body != self._told.get(fact.kind):
                submit(self.desk.telling.spool, fact)
                self._told[fact.kind] = fact.body
        return 0

    def _state(self) -> int:
        """State the minutes that are over, and let go of what the core has taken."""
        assert self.desk
        self.desk.visits.outcomes.settle()
        self._reports.flush(self.desk.telling, self.clock.now_ms())
        stated = self.desk.telling.flush(self.clock.now_ms())
        if self.desk.telling.spool.backlog():
            self.desk.telling.spool.trim(drain.drained(self.settings, self.name))
        return stated

    def _purge(self) -> int:
        assert self._keeper
        assert self.desk
        self.desk.gateway.forget(subject.trails(self._keeper.store, self._keeper.persons))  # by visits that go next
        return self._keeper.round(self.clock.now_ms())

    def _state_records(self) -> int:
        assert self._keeper
        self._keeper.state(self.clock.now_ms())
        return 0

    def _tend(self, *, last: bool = False) -> int:
        assert self.desk
        desk = self.desk
        for method in desk.methods.values():
            method.tend(lambda facts: _submit(desk, facts, last=last), self.clock.now_ms(), last=last)
        return 0

    def _last_words(self) -> None:
        assert self.desk
        try:
            self.desk.visits.outcomes.close()
            self.desk.telling.flush(self.clock.now_ms(), everything=True)
            self._reports.flush(self.desk.telling, self.clock.now_ms(), everything=True)
            if self._keeper is not None:
                self._keeper.state(self.clock.now_ms())
            self._tend(last=True)
            self.desk.relief.close()
        except (NetopsError, GatewayError, SqlError) as error:
            LOG.warning("last minute not stated error=%s", error)


def _submit(desk: Desk, facts: Sequence[Fact], *, last: bool) -> None:
    polls = figures.of_messages(desk.telling.device, facts, last=last)
    if polls:
        desk.telling.spool.put("poll", [wire.encode(each) for each in polls])
    submit(desk.telling.spool, *facts)


def _counted(gateway: Gateway) -> dict[str, float]:
    """Return what the gateways have counted; nothing while one of them cannot be asked, which `health` says."""
    try:
        return {f"netops_portal_gateway_{re.sub('[^a-z0-9_]', '_', name)}": n for name, n in gateway.counters().items()}
    except GatewayError:
        return {}


def _raise_descriptors() -> None:
    """Make room for every connection that the server accepts; the usual soft limit of 1,024 ends far below."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
