"""What a probe hands in at a core whose clock stands: polls and facts, batches of them, and who signs."""

from __future__ import annotations

from collectors.probes import calling, handing
from collectors.probes.intake.enrolled import digest
from netops import facts
from netops.facts import Fact
from netops.model import ANSWERED, Poll, Row, Subject
from netops.spool import read

NOW = 1_795_719_388_000


class Standing:
    """A clock that stands at NOW: what a core takes depends on how far from its own time it is."""

    def now_ms(self):
        return NOW

    def monotonic(self):
        return 0.0


def poll(after_ms, *, vantage="site-7", subject=None, metric="probe.rtt.p50"):
    row = Row(subject=subject or Subject("path", f"{vantage}/a"), values={metric: 1.5})
    slot_ms = NOW + after_ms
    return Poll(device=f"{vantage}/probe", slot_ms=slot_ms, at_ms=slot_ms, outcome=ANSWERED, rows=(row,))


def health(vantage="site-7", *, at_ms=NOW):
    body = {"vantage": vantage, "state": "ok", "anchors": 2, "reachable": 2}
    return facts.encode(Fact(kind="monitor_health", at_ms=at_ms, body=body))


def join(enrolled, key, vantage="site-7", *, now_ms=NOW, token=None, hours=1):
    token = token or enrolled.invite(vantage, now_ms=NOW, hours=hours)
    said = handing.joining(vantage=vantage, public=key.public, token_sha256=digest(token))
    return enrolled.join(vantage, token=token, public=key.public, signature=key.sign(said), now_ms=now_ms)


def taken(core):
    """What the intake has put into its spool, without its own facts."""
    entries = read(core._settings.data.dir / "spool" / "intake.db", after=0, limit=100_000)
    own = b'"service":"intake"'
    return [each for each in entries if own not in each.payload]


def post(core, batch, signature, **headers):
    told = handing.headers(batch, signature) | headers
    return calling.post(f"http://127.0.0.1:{core.port}", handing.PATH, batch.body(), headers=told)


def batch(*records, kind="poll", vantage="site-7", source="probe/0a0b0c0d"):
    return handing.Batch(vantage=vantage, source=source, kind=kind, records=records)


def signed(key, made):
    said = handing.statement(vantage=made.vantage, source=made.source, kind=made.kind, body=made.body())
    return key.sign(said)
