"""Phone and code by SMS: who has the phone is let in, and is known to the law by its number.

Two steps. The number: counted, kept, then handed to the courier (`captive_portal/sms/`); the page waits a moment for
it, so that it can say when nothing could be sent. The code: judged in the portal's writer, a try at a time. In between
the device is known by its MAC alone: the browser that asked may be closed and forgotten when the code is typed.
"""

from __future__ import annotations

import queue
import secrets
from concurrent.futures import TimeoutError as NotYet
from dataclasses import replace
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from captive_portal.limits import Limit, Rate, Rates
from captive_portal.methods import Method
from captive_portal.model import Grant
from captive_portal.records import cipher
from captive_portal.sms import code, number, providers, reports
from captive_portal.sms.book import Book
from captive_portal.sms.budget import Denied
from captive_portal.sms.code import Handing, Judged, Pending
from captive_portal.sms.courier import Courier
from captive_portal.sms.number import Number
from captive_portal.sms.outbox import Outbox
from captive_portal.sms.providers import Message
from captive_portal.sms.telling import Deliveries
from captive_portal.verdict import Ask, Refusal, Why
from inventory.errors import SqlError
from netops.errors import NetopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flask import Blueprint

    from captive_portal.methods import Shown, Tools
    from captive_portal.policy import Policy
    from captive_portal.sms.courier import Delivered
    from captive_portal.sms.number import Country
    from captive_portal.verdict import Verdict
    from netops.facts import Fact

WAIT_S = 0.6  # for the courier, before the page is shown: a visitor reads at once that nothing could be sent
WAITERS = 8  # requests that may wait so at once; the others are shown the code field without
PURGE_MS = 60_000
ASKS = Rates(
    client=Rate(burst=6, every_ms=10_000),
    site=Rate(burst=200, every_ms=50),
    city=Rate(burst=2_000, every_ms=5),  # what a flood may cost the writer; the budgets of messages are far below
)


class Sms(Method):
    """A number, then a code."""

    name = "sms"
    template = "portal/sms.html"

    def __init__(self, tools: Tools) -> None:
        settings = tools.settings
        self._caps = settings.sms
        self._clock = tools.clock
        self._key = code.own_key(settings)
        self._persons = tools.persons
        self._book = Book(tools.store, settings.sms)
        self._courier = Courier(providers.make(settings), workers=settings.sms.workers, clock=tools.clock)
        self._said = settings.sms.providers
        self._waiters = BoundedSemaphore(WAITERS)
        self._purged_ms = 0
        self.deliveries = Deliveries()
        self.limit = Limit(ASKS)

    # ---- the two steps
    def consult(self, shown: Shown, now_ms: int) -> Verdict | None:
        """Send a code; the client's turn is not held up by it."""
        return None if "otp" in shown.fields else self._asked(shown, now_ms)

    def prove(self, shown: Shown, now_ms: int) -> Verdict:
        """Judge a code; what became of sending one was decided before."""
        if "otp" in shown.fields:
            return self._tried(shown, now_ms)
        return shown.answer or Refusal(why=Why.BAD_NUMBER)

    def resume(self, shown: Shown, now_ms: int) -> Ask | None:
        """Lead a device back to the code it was sent."""
        pending = self._book.pending(shown.identity, now_ms)
        if pending is None:
            return None
        return self._ask(pending, now_ms, wait_ms=self._book.next_ms(pending, now_ms))

    def _asked(self, shown: Shown, now_ms: int) -> Verdict:
        wait_ms = self.limit.take(shown.identity, shown.site, now_ms)
        if wait_ms:
            return Refusal(why=Why.TOO_OFTEN, wait_ms=wait_ms)
        again = "again" in shown.fields
        meant = self._meant(shown, now_ms, again=again)
        if not isinstance(meant, Number):
            return Refusal(why=meant)
        wanted, digits = self._wanted(shown, meant, now_ms)
        reserved = self._book.reserve(wanted, now_ms)
        if not isinstance(reserved, Denied):
            return self._sent(wanted, self._message(meant, wanted, digits), reserved, now_ms)
        held = self._book.pending(shown.identity, now_ms)  # the other of two presses of one button may have sent it
        if held is None or held.number != wanted.number:
            return Refusal(why=reserved.why, wait_ms=reserved.wait_ms)
        wrong = reserved.why if again or reserved.why is not Why.TOO_OFTEN else None
        return self._ask(held, now_ms, wait_ms=self._book.next_ms(held, now_ms), wrong=wrong)

    def _meant(self, shown: Shown, now_ms: int, *, again: bool) -> Number | Why:
        served = shown.policy.texting.countries
        if not again:
            return number.read(shown.fields.get("phone", ""), shown.fields.get("country", ""), served)
        held = self._book.pending(shown.identity, now_ms)
        if held is None:
            return Why.CODE_OVER
        return number.read(self._opened(held), "", served)

    def _wanted(self, shown: Shown, meant: Number, now_ms: int) -> tuple[Pending, str]:
        """Return the record of a new code, and the code itself, which stands in no record."""
        id_, digits = secrets.token_hex(8), code.fresh(shown.policy.texting.digits)
        return Pending(
            id=id_,
            identity=shown.identity,
            number=code.addressee(self._key, meant.e164),
            masked=meant.masked,
            sealed=cipher.seal(self._key, meant.e164, id_.encode()),
            site=shown.site,
            carrier=meant.carrier,
            hash=code.hashed(self._key, id_, shown.identity, digits),
            digits=len(digits),
            asked_ms=now_ms,
        ), digits

    def _message(self, meant: Number, wanted: Pending, digits: str) -> Message:
        text = self._caps.text.replace("{code}", digits).replace("{minutes}", str(code.LIFE_MS // 60_000))
        return Message(
            id=wanted.id, phone=meant.e164, prefix=meant.prefix, code=digits, text=text, at_ms=wanted.asked_ms
        )

    def _sent(self, wanted: Pending, message: Message, wait_ms: int, now_ms: int) -> Verdict:
        self.deliveries.count("asked", wanted, now_ms)
        try:
            future = self._courier.put(
                message,
                further=lambda part: self._book.further(wanted, part, self._clock.now_ms()),
                done=lambda delivered: self._done(wanted, delivered),
            )
        except queue.Full:
            self._book.give_back(wanted)
            return self._unsent(wanted, now_ms)
        delivered = self._waited(future.result)
        if delivered is not None and delivered.nowhere:
            return self._unsent(wanted, now_ms, counted=True)
        handing = Handing.ASKED if delivered is None else Handing.HANDED if delivered.taken else Handing.UNSENT
        return self._ask(replace(wanted, handing=handing), now_ms, wait_ms=wait_ms)

    def _waited(self, result: Callable[[float], Delivered]) -> Delivered | None:
        """Return what became of a message if that is known soon, and if not too many wait already."""
        if not self._waiters.acquire(blocking=False):
            return None
        try:
            return result(WAIT_S)
        except NotYet:
            return None
        finally:
            self._waiters.release()

    def _unsent(self, wanted: Pending, now_ms: int, *, counted: bool = False) -> Refusal:
        if not counted:
            self.deliveries.count("unsent", wanted, now_ms)
        self._book.forget(wanted)
        return Refusal(why=Why.UNSENT)

    def _done(self, sent: Pending, delivered: Delivered) -> None:
        """Keep what became of a message; in the courier's thread."""
        now_ms = self._clock.now_ms()
        if delivered.taken:
            self.deliveries.expect(delivered.provider, (delivered.receipt, sent.id), sent)
            self.deliveries.count("handed", sent, now_ms)
            self._book.note(sent, Handing.HANDED)
            return
        self.deliveries.count("unsent", sent, now_ms)
        if delivered.nowhere:
            self._book.give_back(sent)
        else:
            self._book.note(sent, Handing.UNSENT)

    def _tried(self, shown: Shown, now_ms: int) -> Verdict:
        tried = self._book.attempt(shown.identity, self._key, code.typed(shown.fields["otp"]), now_ms)
        pending = tried.pending
        if pending is None or not pending.open(now_ms):
            return Refusal(why=Why.CODE_OVER)
        if tried.judged is not Judged.RIGHT:
            over = tried.judged is Judged.OVER or not pending.good(now_ms)
            return self._ask(pending, now_ms, wait_ms=tried.wait_ms, wrong=Why.CODE_OVER if over else Why.WRONG_CODE)
        try:
            person = self._persons.keep("phone", self._opened(pending))
        except (NetopsError, SqlError):
            self._book.put_back(pending)  # nobody is let in whom the law could not know; the code was not the fault
            raise
        self.deliveries.count("proved", pending, now_ms)
        return Grant(method=self.name, until_ms=now_ms + shown.bounds.seconds * 1000, person=person)

    def _opened(self, pending: Pending) -> str:
        return cipher.unseal(self._key, pending.sealed, pending.id.encode())

    def _ask(self, pending: Pending, now_ms: int, *, wait_ms: int, wrong: Why | None = None) -> Ask:
        values = {
            "masked": pending.masked,
            "digits": str(pending.digits),
            "left": str(code.TRIES - pending.tries),
            "good": "yes" if pending.good(now_ms) else "",
            "handing": str(pending.handing),
            "again_s": str(-(-wait_ms // 1000)),
            "outbox": "yes" if any(isinstance(each, Outbox) for each in self._courier.providers) else "",
        }
        until_ms = pending.asked_ms + code.RESUME_MS
        return Ask(template="portal/sms_code.html", values=values, until_ms=until_ms, wrong=wrong)

    # ---- what the page shows
    def typed(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """Return the number and its country; a code is never shown again."""
        return {"phone": fields.get("phone", "")[:32], "country": fields.get("country", "")[:8]}

    def countries(self, policy: Policy) -> Sequence[Country]:
        """Return the countries whose numbers a site serves, the one that is meant without a prefix first."""
        return [number.countries()[each] for each in policy.texting.countries]

    # ---- beside the page
    def begin(self) -> None:
        """Start the courier."""
        self._courier.begin()

    def close(self) -> None:
        """Hand over what waits, and stop."""
        self._courier.close()

    def tend(self, tell: Callable[[Sequence[Fact]], None], now_ms: int, *, last: bool = False) -> None:
        """State what became of messages; delete what is past."""
        self.deliveries.flush(tell, now_ms, everything=last)
        if not 0 <= now_ms - self._purged_ms < PURGE_MS:
            self._purged_ms = now_ms
            self._book.purge(now_ms)

    def pages(self) -> Sequence[Blueprint]:
        """Return where providers report delivery, and a rehearsal's outbox."""
        return (reports.pages(self._said, self._courier.providers, self.deliveries, self._clock),)

    def health(self) -> Mapping[str, str]:
        """Return which providers are away."""
        if not self._courier.providers:
            return {"sms": "no provider delivers codes; add [sms.providers.NAME]"}
        return self._courier.wrong()

    def away(self, policy: Policy, now_ms: int) -> bool:  # noqa: ARG002  (the protocol's)
        """Whether no provider takes a message."""
        return self._courier.away()

    def gauges(self) -> Mapping[str, float]:
        """Return what became of messages since the start, and how many wait."""
        counts = {f"netops_portal_sms_{name}": float(count) for name, count in self.deliveries.totals.items()}
        return {**counts, "netops_portal_sms_waiting": self._courier.waiting}
