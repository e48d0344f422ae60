"""The service `alert`: looks every two seconds, and tells people. It writes `alert.db` and its own spool, nothing else.

What stands in the book is durable before anybody is told; what was told is noted afterwards. So a kill between the two
tells somebody twice, and never nobody. What people do (take an incident on, mute) comes to it through the ledger, where
it is a fact for ever.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from collections import Counter
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

from netops.alerts import incident, notify, policy, roots, telling, wording
from netops.alerts.book import Book, Reader, path
from netops.alerts.burning import Burning
from netops.alerts.eyes import Eyes
from netops.alerts.heartbeat import Heartbeat
from netops.alerts.incident import Phase
from netops.alerts.telling import Mute
from netops.clock import SYSTEM, utc
from netops.drain import drained
from netops.errors import ConfigError, NetopsError
from netops.facts import Fact, submit
from netops.ledger_file import LedgerReader, NoLedgerError
from netops.measures import Told
from netops.report import issue
from netops.service import go_round, service_state
from netops.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from netops.alerts.incident import Incident
    from netops.alerts.notify import Message
    from netops.alerts.policy import Policy
    from netops.alerts.telling import Notice
    from netops.clock import Clock
    from netops.config import Person, Settings
    from netops.evidence.canonical import JSON
    from netops.report.words import Language

log = logging.getLogger(__name__)
SOURCE: Final = "alert"
EVERYBODY: Final = "everybody"
HEARD_MS: Final = 8 * 86_400_000  # how far back people's words are read: a mute lasts a week at most
UPKEEP_MS: Final = 60_000
LINK_MS: Final = 86_400_000  # for how long the link of a message takes an incident on


class Alerts:
    """Inert until started."""

    name = SOURCE

    def __init__(self, settings: Settings, *, clock: Clock = SYSTEM) -> None:
        self._settings, self._clock = settings, clock
        self._policy = policy.read(settings.alert.policy or policy.OWN)
        self._stack = ExitStack()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._wrong: dict[str, str] = {}
        self._mutes: tuple[Mute, ...] = ()
        self._kept_ms = 0

    def start(self) -> None:
        """Open the book and the spool, and look."""
        settings, now = self._settings, self._clock.now_ms()
        _reachable(settings, self._policy)
        spool = Spool(
            settings.data.dir / "spool" / f"{SOURCE}.db", source=SOURCE, cap_bytes=settings.alert.spool_cap_mb << 20
        )
        self._spool = self._stack.enter_context(spool)
        self._book = self._stack.enter_context(Book(path(settings)))
        self._eyes = Eyes(settings, self._policy, now_ms=now)
        self._burning = Burning(settings, clock=self._clock)
        self._heartbeat = Heartbeat(settings.alert.heartbeat)
        submit(self._spool, service_state(SOURCE, "started", now_ms=now))
        if any(rule.on == "burn" for rule in self._policy.rules.values()):
            self._burning.start()
            self._stack.callback(self._burning.stop)
        self._thread = threading.Thread(target=self._run, name=SOURCE, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop looking; safe to call twice."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=notify.PATIENCE_S + 5)
            submit(self._spool, service_state(SOURCE, "stopped", now_ms=self._clock.now_ms()))
        self._thread = None
        self._stack.close()

    def health(self) -> dict[str, str]:
        """Return what is wrong, by subject."""
        wrong = dict(self._wrong)
        if self._thread is not None and self._burning.wrong:
            wrong["burn"] = self._burning.wrong
        return wrong

    def measures(self) -> Iterator[Told]:
        """Yield what Prometheus is told: how many incidents are open."""
        with Reader(path(self._settings)) as held:
            counts = Counter(each.severity for each in held.living() if each.opened_ms is not None)
        for severity in policy.SEVERITIES:
            yield Told("netops_incidents_open", counts[severity], (severity,))

    def _run(self) -> None:
        go_round(self.once, stopping=self._stopping, health=self._wrong, every_s=self._settings.alert.tick_s)

    def once(self) -> None:
        """Look once, and tell what is to be told."""
        now = self._clock.now_ms()
        self._hear(now)
        self._see(now)
        self._state_facts(now)
        self._tell(now)
        if now - self._kept_ms >= UPKEEP_MS:
            self._kept_ms = now
            self._heartbeat.beat(self._wrong)
            self._spool.trim(drained(self._settings, SOURCE))
            self._book.expire(before_ms=now - self._settings.alert.keep_days * 86_400_000)

    # ---- what people did

    def _hear(self, now_ms: int) -> None:
        """Take over what people said lately: who took what on, and what is muted."""
        try:
            with LedgerReader(issue.ledger_path(self._settings)) as ledger:
                since = now_ms - HEARD_MS
                taken = [leaf.fact for leaf in ledger.find("incident_taken", start_ms=since)]
                muted = [leaf.fact for leaf in ledger.find("alerts_muted", start_ms=since)]
        except NoLedgerError:
            return
        latest = {str(fact.body["root"]): Mute(str(fact.body["root"]), _whole(fact.body["until_ms"])) for fact in muted}
        self._mutes = tuple(latest.values())
        living = {each.id: each for each in self._book.living()}
        changed = {}
        for fact in taken:
            one = living.get(str(fact.body["incident"]))
            if one is not None and not one.taken_by and one.id not in changed:
                by, link = (str(fact.body.get(name, "")) for name in ("by", "link"))
                changed[one.id] = incident.take(one, by=by, link=link, now_ms=fact.at_ms)
        self._book.keep(list(changed.values()))

    # ---- what is wrong

    def _see(self, now_ms: int) -> None:
        try:
            self._eyes.look(now_ms)
        except NetopsError as error:  # what was seen stays, and grows old: then nothing is said of it
            self._wrong["sight"] = str(error)
        else:
            self._wrong.pop("sight", None)
        living = self._book.living()
        told = frozenset(name for each in living if each.phase is Phase.OPEN for name in each.bad)
        # a rule that the policy has no more sees nothing: what it began would stay open for ever
        changed = [incident.drop(each, now_ms=now_ms) for each in living if each.rule not in self._policy.rules]
        sight = self._eyes.sight
        longest_s = max((each.flap_s for each in self._policy.rules.values()), default=0)
        openings = self._book.openings(since_ms=now_ms - longest_s * 1000)
        for rule in self._policy.rules.values():
            seen = self._eyes.seen(rule, self._burning.now, told=told, now_ms=now_ms)
            rooted = roots.of(rule, seen, parents=sight.parents, silent=sight.silent)
            changed += incident.advance(
                rule,
                [each for each in living if each.rule == rule.id],
                seen,
                rooted,
                now_ms=now_ms,
                name=lambda: f"{utc(now_ms):%Y%m%d}-{self._book.number():05d}",
                before=openings.get(rule.id, {}),
            )
        self._book.keep(changed)

    def _state_facts(self, now_ms: int) -> None:
        """State what began and what is over. A kill before it is noted states it twice: readers take the first."""
        while ones := self._book.untold():
            submit(self._spool, *(_fact(each, now_ms) for each in ones))
            self._book.stated(ones)

    # ---- who is told

    def _tell(self, now_ms: int) -> None:
        if not self._settings.alert.people:
            return  # a city that tells nobody yet still sees its incidents
        since = now_ms - LINK_MS
        ones = {each.id: each for each in (*self._book.living(), *self._book.closed(since_ms=since))}
        told = self._book.told(ones)
        notices = telling.due(self._policy, ones.values(), told=told, mutes=self._mutes, now_ms=now_ms)
        waiting = self._book.waiting(now_ms=now_ms)
        ready = [each for each in notices if each.key not in waiting]
        recent = self._book.sent(since_ms=now_ms - telling.WINDOW_MS)
        groups = telling.grouped(self._policy, ready, ones, recent)
        if not groups:
            return
        tokens: list[dict[str, str]] = []
        for person, theirs in groups:
            self._book.begin({each.key: (each.incident, person) for each in theirs}, "", now_ms=now_ms)
            tokens.append({who: secrets.token_urlsafe(18) for who in _readers(self._settings, person)})
            if len(theirs) == 1 and theirs[0].what == telling.BEGUN:
                links = {digest(token): (theirs[0].incident, who) for who, token in tokens[-1].items()}
                self._book.link(links, now_ms=now_ms)
        self._send(groups, tokens, ones, now_ms)

    def _send(
        self,
        groups: Sequence[tuple[str, list[Notice]]],
        tokens: Sequence[Mapping[str, str]],
        ones: Mapping[str, Incident],
        now_ms: int,
    ) -> None:
        settings = self._settings
        messages: list[tuple[int, Message]] = []
        unknown: dict[int, str] = {}
        for number, (person, theirs) in enumerate(groups):
            about = [ones[each.incident] for each in theirs]
            try:
                for name, who in readers(settings, person).items():
                    title, body = self.worded(about, language(settings, who), tokens[number][name], now_ms=now_ms)
                    urls = who.urls.read().split() if who.urls else []
                    messages += [(number, notify.Message(url, title, body)) for url in urls]
            except ConfigError as said:
                unknown[number] = str(said)
        why = notify.send([each for _, each in messages], settings.alert)
        after = self._clock.now_ms()
        for number, (person, theirs) in enumerate(groups):
            results = [text for (at, _), text in zip(messages, why, strict=True) if at == number]
            nobody = unknown.get(number) or f"there is no address of {person}; set [alert.people.{person}] urls"
            # By one of several ways is told: who has a phone and a mailbox is not told twice for the mailbox's sake.
            error = "" if "" in results else "; ".join(dict.fromkeys(results)) or nobody
            self._book.end([each.key for each in theirs], now_ms=after, error=error)
            subject = f"telling {person}"
            self._wrong.pop(subject, None)
            if error:
                self._wrong[subject] = error
                log.warning("nobody was told", extra={"person": person, "why": error})

    def worded(self, about: Sequence[Incident], language: Language, token: str, *, now_ms: int) -> tuple[str, str]:
        """Return title and body of one message."""
        settings, names = self._settings, self._eyes.sight.names
        words, base = wording.WORDS[language], settings.alert.url.rstrip("/")
        if len(about) > 1:
            title, lines = wording.many(about, names, language, rehearsal=settings.city.rehearsal)
            link = [f"{words['see']}: {base}/incidents"] if base else []
            return title, "\n".join(lines + link)
        one = about[0]
        title = wording.title(one, names, language, rehearsal=settings.city.rehearsal)
        lines = wording.body(one, names, language, settings.city.timezone, now_ms=now_ms)
        if base:
            lines.append(f"{words['see']}: {base}/incidents/{one.id}")
            if one.phase is Phase.OPEN and not one.taken_by:
                lines.append(f"{words['take']}: {base}/take/{token}")
        return title, "\n".join(lines)


def digest(token: str) -> str:
    """Return what the book keeps of a link's token."""
    return hashlib.sha256(token.encode()).hexdigest()


def readers(settings: Settings, person: str) -> dict[str, Person]:
    """Return whose addresses a name stands for, by their own names; ConfigError for nobody's."""
    alert = settings.alert
    if person == EVERYBODY:
        return dict(alert.people)
    kind, _, name = person.rpartition(":")
    held = (alert.carriers if kind == telling.CARRIER else alert.people).get(name)
    if held is None:
        table = "carriers" if kind else "people"
        raise ConfigError(f"nobody is called '{name}'; set [alert.{table}.{name}] urls")
    return {person: held}


def reached(settings: Settings, person: str) -> list[Person]:
    """Return whose addresses a name stands for; ConfigError for nobody's."""
    return list(readers(settings, person).values())


def is_group(settings: Settings, person: str) -> bool:
    """Whether several read what is sent to this name: then it says nobody in particular."""
    held = settings.alert.people.get(person)
    return person == EVERYBODY or (held is not None and held.group)


def _readers(settings: Settings, person: str) -> dict[str, Person]:
    """Return what `readers` does; nobody where the settings know nobody, which is told when it is sent."""
    with suppress(ConfigError):
        return readers(settings, person)
    return {}


def _reachable(settings: Settings, held: Policy) -> None:
    """Raise ConfigError where the policy names somebody whom the settings do not know: not only when it burns."""
    for person in sorted(held.people()):
        reached(settings, person)


def language(settings: Settings, who: Person) -> Language:
    """Return in which words somebody is told."""
    asked = who.language or settings.city.language
    return "en" if asked == "en" else "zh"


def _fact(one: Incident, now_ms: int) -> Fact:
    told: dict[str, JSON] = {
        "incident": one.id,
        "root": one.root[:200],
        "since_ms": one.since_ms,
        "subjects": len(one.members),
    }
    if one.living:
        told |= {"rule": one.rule, "severity": one.severity}
        return Fact(kind="incident_begun", at_ms=one.opened_ms or now_ms, body=told)
    told |= {"into": one.into} if one.into else {}
    return Fact(kind="incident_over", at_ms=one.closed_ms or now_ms, body=told)


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def build(settings: Settings) -> Alerts:
    """Return the service of this instance."""
    return Alerts(settings)
