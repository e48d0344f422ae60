"""The book of alerts: `<data dir>/alert.db` (apsw). The alert service writes it; pages and commands read it.

Incidents stand with all their members, notices with the digest of the token of their link: whoever reads the file can
take nothing on with what stands there.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Self

from netops import sqlite
from netops.alerts.incident import Incident, Member, Phase
from netops.errors import NetopsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from netops.config import Settings

NAME = "alert.db"
FORMS = (
    """
    CREATE TABLE incident (
        id TEXT PRIMARY KEY, rule TEXT NOT NULL, root TEXT NOT NULL, phase TEXT NOT NULL,
        since_ms INTEGER NOT NULL, opened_ms INTEGER, closed_ms INTEGER, body TEXT NOT NULL,
        stated TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID;
    CREATE INDEX incident_phase ON incident (phase, opened_ms);
    CREATE INDEX incident_root ON incident (root, opened_ms);
    CREATE TABLE notice (
        key TEXT PRIMARY KEY, incident TEXT NOT NULL, person TEXT NOT NULL, made_ms INTEGER NOT NULL,
        tried_ms INTEGER NOT NULL, sent_ms INTEGER, tries INTEGER NOT NULL, error TEXT NOT NULL DEFAULT '',
        token TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID;
    CREATE INDEX notice_incident ON notice (incident);
    CREATE INDEX notice_sent ON notice (sent_ms);
    CREATE INDEX notice_token ON notice (token) WHERE token != '';
    CREATE TABLE mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    """,
    # each reader of a message has a link of their own; `notice.token` is that of messages from before
    """
    CREATE TABLE link (
        token TEXT PRIMARY KEY, incident TEXT NOT NULL, person TEXT NOT NULL, made_ms INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX link_incident ON link (incident);
    """,
)
FIRST_MS, LONGEST_MS = 5_000, 300_000  # between two tries to tell somebody
LIVING = (Phase.WAITING.value, Phase.OPEN.value)


def path(settings: Settings) -> Path:
    """Return where the book lies."""
    return settings.room("alert") / NAME


class Reader:
    """The book, for whoever only reads it. NetopsError where there is none yet."""

    def __init__(self, at: Path) -> None:
        self._path = at
        self._held: sqlite.Connection | None = None

    def __enter__(self) -> Self:
        try:
            self._held = sqlite.readable(sqlite.reader(self._path), self._path, FORMS)
        except sqlite.CantOpenError:
            raise NetopsError(
                f"{self._path} is not there; `netops up` with `[alert] enabled = true` makes it"
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._held is not None:
            sqlite.close(self._held)
        self._held = None

    @property
    def _db(self) -> sqlite.Connection:
        assert self._held is not None, "used outside its `with`"
        return self._held

    def living(self) -> list[Incident]:
        """Return the incidents that are not over, the oldest first."""
        asked = "SELECT body FROM incident WHERE phase IN (?, ?) ORDER BY since_ms, id"
        return [_read(body) for (body,) in sqlite.rows(self._db, asked, LIVING)]

    def closed(self, *, since_ms: int, most: int = 500) -> list[Incident]:
        """Return those that closed since, the newest first; not those that nobody was told of."""
        asked = (
            "SELECT body FROM incident WHERE phase = 'closed' AND closed_ms >= ? ORDER BY closed_ms DESC, id LIMIT ?"
        )
        return [_read(body) for (body,) in sqlite.rows(self._db, asked, (since_ms, most))]

    def get(self, name: str) -> Incident | None:
        """Return one incident."""
        found = sqlite.rows(self._db, "SELECT body FROM incident WHERE id = ?", (name,))
        return _read(found[0][0]) if found else None

    def openings(self, *, since_ms: int) -> dict[str, dict[str, tuple[int, ...]]]:
        """Return by rule and root when incidents opened since, in order."""
        made: dict[str, dict[str, tuple[int, ...]]] = {}
        asked = "SELECT rule, root, opened_ms FROM incident WHERE opened_ms >= ? ORDER BY opened_ms"
        for rule, root, at in sqlite.rows(self._db, asked, (since_ms,)):
            roots = made.setdefault(rule, {})
            roots[root] = (*roots.get(root, ()), at)
        return made

    def told(self, incidents: Iterable[str]) -> set[str]:
        """Return the keys of the notices of these incidents that went out."""
        names = json.dumps(sorted(incidents))
        asked = "SELECT key FROM notice WHERE sent_ms IS NOT NULL AND incident IN (SELECT value FROM json_each(?))"
        return {key for (key,) in sqlite.rows(self._db, asked, (names,))}

    def notices(self, incident: str) -> list[dict[str, Any]]:
        """Return what was told of an incident, in order: key, person, made_ms, sent_ms, tries, error."""
        asked = (
            "SELECT key, person, made_ms, sent_ms, tries, error FROM notice WHERE incident = ? ORDER BY made_ms, key"
        )
        columns = ("key", "person", "made_ms", "sent_ms", "tries", "error")
        return [dict(zip(columns, row, strict=True)) for row in sqlite.rows(self._db, asked, (incident,))]

    def sent(self, *, since_ms: int) -> dict[str, int]:
        """Return how many messages each person got since; what went out in one message is one."""
        asked = "SELECT person, COUNT(DISTINCT sent_ms) FROM notice WHERE sent_ms >= ? GROUP BY person"
        return dict(sqlite.rows(self._db, asked, (since_ms,)))

    def by_token(self, token: str, *, since_ms: int) -> tuple[str, str] | None:
        """Return (incident, person) of the link whose token has this digest, made since then."""
        known = sqlite.rows(self._db, "SELECT 1 FROM sqlite_schema WHERE name = 'link'")
        asked = "SELECT incident, person FROM link WHERE token = ? AND made_ms >= ?"
        if known and (found := sqlite.rows(self._db, asked, (token, since_ms))):
            return found[0][0], found[0][1]
        asked = "SELECT incident, person FROM notice WHERE token = ? AND token != '' AND made_ms >= ?"
        found = sqlite.rows(self._db, asked, (token, since_ms))
        return (found[0][0], found[0][1]) if found else None


class Book(Reader):
    """The book, for its one writer."""

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._claim = sqlite.Claim(self._path)
        try:
            self._held = sqlite.writer(self._path)
            sqlite.upgrade(self._held, self._path, FORMS)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._claim.release()

    def number(self) -> int:
        """Return the next number of an incident; numbers are never given twice."""
        sql = (
            "INSERT INTO mark VALUES ('incident', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
        )
        return int(sqlite.rows(self._db, sql)[0][0])

    def mark(self, name: str) -> int:
        """Return a mark, 0 where it was never set."""
        found = sqlite.rows(self._db, "SELECT value FROM mark WHERE name = ?", (name,))
        return int(found[0][0]) if found else 0

    def set_mark(self, name: str, value: int) -> None:
        """Set a mark."""
        sqlite.rows(self._db, "INSERT OR REPLACE INTO mark VALUES (?, ?)", (name, value))

    def keep(self, incidents: Sequence[Incident]) -> None:
        """Keep incidents as they are now, durable on return; those that nobody was told of and that are gone go."""
        with self._db:
            for one in incidents:
                if one.phase is Phase.GONE and one.opened_ms is None:
                    sqlite.rows(self._db, "DELETE FROM incident WHERE id = ?", (one.id,))
                    continue
                sqlite.rows(
                    self._db,
                    "INSERT INTO incident (id, rule, root, phase, since_ms, opened_ms, closed_ms, body)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET phase = excluded.phase,"
                    " since_ms = excluded.since_ms, opened_ms = excluded.opened_ms, closed_ms = excluded.closed_ms,"
                    " body = excluded.body",
                    (
                        one.id,
                        one.rule,
                        one.root,
                        one.phase.value,
                        one.since_ms,
                        one.opened_ms,
                        one.closed_ms,
                        _text(one),
                    ),
                )

    def untold(self) -> list[Incident]:
        """Return the incidents whose opening or end is not yet a fact."""
        asked = (
            "SELECT body FROM incident WHERE (phase = 'open' AND stated = '')"
            " OR (phase IN ('closed', 'gone') AND stated != 'over') ORDER BY id LIMIT 1000"
        )
        return [_read(body) for (body,) in sqlite.rows(self._db, asked)]

    def stated(self, incidents: Iterable[Incident]) -> None:
        """Note that these are facts, as they stand."""
        with self._db:
            for one in incidents:
                said = "begun" if one.living else "over"
                sqlite.rows(self._db, "UPDATE incident SET stated = ? WHERE id = ?", (said, one.id))

    def begin(self, notices: Mapping[str, tuple[str, str]], token: str, *, now_ms: int) -> None:
        """Note notices (key → incident, person) that are about to go out in one message; each try counts."""
        with self._db:
            for key, (incident, person) in notices.items():
                sqlite.rows(
                    self._db,
                    "INSERT INTO notice (key, incident, person, made_ms, tried_ms, tries, token)"
                    " VALUES (?, ?, ?, ?, ?, 1, ?) ON CONFLICT (key) DO UPDATE SET tried_ms = excluded.tried_ms,"
                    " tries = tries + 1, token = excluded.token",
                    (key, incident, person, now_ms, now_ms, token),
                )

    def link(self, tokens: Mapping[str, tuple[str, str]], *, now_ms: int) -> None:
        """Keep whose links are about to go out: the digest of each token → (incident, person)."""
        with self._db:
            for token, (incident, person) in tokens.items():
                sqlite.rows(self._db, "INSERT INTO link VALUES (?, ?, ?, ?)", (token, incident, person, now_ms))

    def end(self, keys: Iterable[str], *, now_ms: int, error: str = "") -> None:
        """Note how they went: sent, or why not."""
        with self._db:
            for key in keys:
                sql = "UPDATE notice SET sent_ms = ?, error = ? WHERE key = ?"
                sqlite.rows(self._db, sql, (None if error else now_ms, error[:500], key))

    def waiting(self, *, now_ms: int) -> set[str]:
        """Return the keys of notices that failed so lately that the next try is not due: 5 s, 10 s … at most 5 min."""
        asked = "SELECT key, tried_ms, tries FROM notice WHERE sent_ms IS NULL AND error != ''"
        return {key for key, at, tries in sqlite.rows(self._db, asked) if now_ms < at + _pause_ms(tries)}

    def expire(self, *, before_ms: int) -> int:
        """Let go of what ended before; the facts of it stay in the ledger. Return how many."""
        with self._db:
            gone = sqlite.rows(
                self._db,
                "DELETE FROM incident WHERE phase IN ('closed', 'gone') AND closed_ms < ? AND stated = 'over'"
                " RETURNING id",
                (before_ms,),
            )
            names = json.dumps([name for (name,) in gone])
            sqlite.rows(self._db, "DELETE FROM notice WHERE incident IN (SELECT value FROM json_each(?))", (names,))
            sqlite.rows(self._db, "DELETE FROM link WHERE incident IN (SELECT value FROM json_each(?))", (names,))
        return len(gone)


def _pause_ms(tries: int) -> int:
    return min(LONGEST_MS, FIRST_MS << min(tries - 1, 16))


def _text(one: Incident) -> str:
    return json.dumps(asdict(one), ensure_ascii=False, separators=(",", ":"))


def _read(body: str) -> Incident:
    told = json.loads(body)
    told["phase"] = Phase(told["phase"])
    told["openings"] = tuple(told["openings"])
    told["members"] = {name: Member(**each) for name, each in told["members"].items()}
    return Incident(**told)
