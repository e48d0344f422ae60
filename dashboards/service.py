"""The `web` process: the staff listener with the dashboards' pages and those of every other package.

It writes `staff.db`, its own spool and, where the settings name a directory, the public status page; everything that it
shows it reads.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from flask import request

from dashboards.pages import TRANSLATIONS
from dashboards.queries import Queries
from inventory import sql
from netops import drain, facts, situation
from netops.access import permissions, record, tables
from netops.access.guard import Guard
from netops.access.sealed import Seal, staff_key
from netops.access.sessions import Sessions
from netops.access.tokens import Tokens
from netops.clock import SYSTEM
from netops.errors import NetopsError
from netops.spool import Spool
from netops.status.writing import Keeper
from netops.web import Context, Server, create_app, pages
from netops.web.navigation import navigation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from flask import Flask

    from netops.clock import Clock
    from netops.config import Settings
    from netops.facts import Fact
    from netops.web import Pages
    from netops.web.navigation import Navigation

LOG = logging.getLogger("netops.web")


class Web:
    """The service; inert until started."""

    name = "web"

    def __init__(self, settings: Settings, clock: Clock = SYSTEM) -> None:
        self.settings = settings
        self.clock = clock
        self._stack = ExitStack()
        self._server: Server | None = None
        self._keeper: Keeper | None = None
        self._queries = Queries(settings, clock)

    @property
    def port(self) -> int:
        """Where it listens; of use when the settings say 0."""
        return self._server.port if self._server is not None else self.settings.web.port

    def start(self) -> None:
        """Bring `staff.db` to this version, open the spool, make the application and listen."""
        self.settings.data.dir.mkdir(parents=True, exist_ok=True)
        sql.upgrade(tables.MIGRATIONS, tables.url(self.settings))
        with ExitStack() as stack:
            app = application(self.settings, self.clock, stack, live=True)
            for name in app.jinja_env.list_templates(extensions=["html"]):
                app.jinja_env.get_template(name)  # compiled now: the first visitor of a page does not wait for it
            if self.settings.status.directory is not None:
                keeper = Keeper(self.settings, self.settings.status.directory, self.clock)
                stack.callback(keeper.stop)
                keeper.start()
                self._keeper = keeper
            server = Server(app, self.settings.web, rehearsal=self.settings.city.rehearsal)
            stack.callback(server.stop)
            server.start()
            self._server = server
            self._stack = stack.pop_all()

    def stop(self) -> None:
        """End requests, then let go of files; safe to call twice."""
        self._stack.close()
        self._queries.close()
        self._server = None

    def health(self) -> dict[str, str]:
        """Return what is wrong: what `/readyz` says."""
        wrong = self._keeper.wrong if self._keeper is not None else {}
        return self._queries.wrong() | {f"status {name}": why for name, why in wrong.items()}


def application(settings: Settings, clock: Clock, stack: ExitStack, *, live: bool = False) -> Flask:
    """Return the staff application; what it opens it enters into `stack`."""
    spool = stack.enter_context(Spool(record.spool_path(settings, "web"), source="web"))
    submit = _submitter(settings, spool)
    context = Context(settings=settings, clock=clock, submit=submit, live=live, stack=stack)
    mounted = pages.load(context)
    database = stack.enter_context(sql.Database(tables.url(settings)))
    queries = Queries(settings, clock)
    stack.callback(queries.close)
    tokens = Tokens(database, Seal(staff_key(settings)))
    declared, rehearsal = permissions.table(mounted), settings.city.rehearsal
    guard = Guard(
        Sessions(database),
        declared,
        clock,
        rehearsal=rehearsal,
        tokens=tokens,
        narrowed=frozenset().union(*(each.narrowed for each in mounted)),
        visited=next((each.visited for each in mounted if each.visited is not None), frozenset),
    )
    app = create_app(
        "staff",
        settings,
        blueprints=[each.blueprint for each in mounted],
        guard=guard,
        translations=[TRANSLATIONS, *_catalogues(mounted)],
        cookies=True,
        uploads={name: most for each in mounted for name, most in each.uploads.items()},
        ready=queries.wrong,
        gauges=lambda: _gauges(settings, clock, spool),
        clock=clock,
    )
    menu = [link for each in mounted for link in each.menu]
    closing = [each.closed for each in mounted if each.closed is not None]

    def closed(sites: Iterable[str]) -> tuple[str, ...]:
        """Return of these sites those that stay closed, whatever two persons decide."""
        return tuple(dict.fromkeys(site for each in closing for site in each(sites)))

    def here(allowed: Callable[[str], bool]) -> Navigation:
        """Return the menu of whoever sends this request."""
        return navigation(menu, request.endpoint or "", allowed)

    app.context_processor(lambda: {"navigation": here, "stays_closed": closed})
    return app


def _submitter(settings: Settings, spool: Spool) -> pages.Submit:
    def submit(made: Sequence[Fact]) -> None:
        facts.submit(spool, *made)
        try:
            spool.trim(drain.drained(settings, "web"))
        except NetopsError as error:  # the facts are safe; the spool only stays longer
            LOG.warning("spool not trimmed error=%s", error)

    return submit


def _catalogues(mounted: Sequence[Pages]) -> list[Path]:
    roots = [Path(each.blueprint.root_path) / "translations" for each in mounted]
    return [root for root in dict.fromkeys(roots) if root != TRANSLATIONS and root.is_dir()]


def _gauges(settings: Settings, clock: Clock, spool: Spool) -> dict[str, float]:
    seen = situation.read(settings)
    age = clock.now_ms() - seen.at_ms if seen is not None else -1
    return {"netops_situation_age_seconds": age / 1000, "netops_web_spool_records": float(spool.backlog())}


def build(settings: Settings) -> Web:
    """Return the service of these settings, not yet started."""
    return Web(settings)
