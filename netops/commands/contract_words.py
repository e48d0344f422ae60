"""A contract in sentences, in the two languages of the city's pages: what each of its fields will do."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from inventory import codec, times
from netops.commands.contract_said import BOUND, CHOSEN, NAMED, SAID
from netops.coverage import said
from netops.metrics import lte, portal, probe
from netops.report import agreed, because
from netops.report.words import WORDS
from netops.sla import derived, pieces, pitfalls, streams
from netops.sla.month import MOST_STRETCHES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inventory.model import Contract, Credits, ExclusionClass, Objective, Rules, ServiceItem
    from netops.sla.foretold import Answer, Area, Foretold, Owed


def _minutes(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02d}" if seconds % 60 else str(seconds // 60)


def _money(amount: Decimal) -> str:
    """Return an amount as people read it: `4,800.00`; no digit is lost."""
    return f"{amount:,.2f}" if amount == round(amount, 2) else f"{amount:,}"


class Speaker:
    """Says a contract in one language, `zh_CN` or `en`."""

    def __init__(self, language: str) -> None:
        self._at = 1 if language == "zh_CN" else 0

    def say(self, name: str, /, **given: object) -> str:
        """Return one sentence."""
        return SAID[name][self._at].format(**given)

    def contract(self, held: Contract) -> Iterator[str]:
        """Yield the contract line by line, indented by what belongs to what."""
        tz = times.zone(held.timezone)
        yield self.say("head", contract=held.id, version=held.version, title=held.title, carrier=held.carrier)
        start = times.shown(held.valid_from_ms, tz)
        line = self.say("from", start=start, zone=held.timezone, currency=held.currency)
        end = "" if held.ends_ms is None else self.say("until", end=times.shown(held.ends_ms, tz))
        yield f"  {line}{end}"
        if held.calendar:
            yield "  " + self.say("calendar", calendar=held.calendar)
        if held.credit_cap_percent:
            yield "  " + self.say("cap", cap=held.credit_cap_percent)
        if held.late_samples == "correct":
            yield "  " + self.say("correct_late")
        days = held.dispute
        yield "  " + self.say(
            "dispute", objection=days.objection_days, rebuttal=days.rebuttal_days, ruling=days.ruling_days
        )
        for item in held.items:
            yield from self._item(held, item)

    def _item(self, held: Contract, item: ServiceItem) -> Iterator[str]:
        yield self.say("item", item=item.id, kind=self._named(item.kind), fee=item.fee, currency=held.currency)
        chosen = [(name, getattr(item.select, name)) for name in ("carriers", "areas", "roles", "tags")]
        what = "; ".join(
            f"{CHOSEN[name][self._at]} {', '.join(map(self._named, names) if name == 'roles' else names)}"
            for name, names in chosen
            if names
        )
        yield "  " + (self.say("select", what=what) if what else self.say("everything"))
        if len(item.objectives) + len(item.coverage) > 1:
            yield "  " + self.say(item.double_credit)
        for each in item.objectives:
            yield "  " + self._promise(held, each)
            yield from (f"    {line}" for line in (*self._rules(held, each.rules), *self._credits(each.credits)))
        for given in item.coverage:
            head, *rest = said.lines(codec.plain(given), chinese=bool(self._at))
            owed = () if Fraction(given.area_percent) and not given.credits.tiers else self._credits(given.credits)
            yield f"  {head}"
            yield from (f"    {line}" for line in (*rest, *owed))

    def _promise(self, held: Contract, each: Objective) -> str:
        stream = streams.stream(each)
        metric = because.indicator(each.indicator) if self._at else each.indicator
        figure = (
            self.say("availability") if stream is None else f"{metric} {because.limit(each.indicator, stream.good)}"
        )
        name = "counted" if stream is not None and stream.counted else "promise"
        figure += self.say("kept") if stream is not None and name == "promise" else ""
        if each.indicator in derived.ALL | lte.COUNTED | probe.COUNTED | portal.MEANS.keys():
            name, figure = each.indicator, ""
        sign = "≥" if each.comparison == "at_least" else "≤"
        named = {"objective": each.id, "figure": figure, "threshold": each.threshold, "slot": each.rules.check_every_s}
        named["mean"] = pitfalls.plain(100 - Fraction(each.target))  # one percent is a second
        return self.say(name, **named, sign=sign, target=each.target, zone=held.timezone)

    def _rules(self, held: Contract, rules: Rules) -> Iterator[str]:
        if rules.hours:
            yield self.say("hours", zone=held.timezone, hours="; ".join(self._hours(rules)))
        else:
            yield self.say("always")
        for name in (
            "exclusion_mode",
            "unknown_mode",
            "degraded_mode",
            "undetermined_mode",
            "empty_history",
            "outage_edge",
            "parent_failure",
            "aggregation",
        ):
            yield self._does(name, rules)
            if name == "aggregation" and rules.aggregation == "weighted":
                yield self._does("weight", rules)
            if name == "exclusion_mode":
                yield from (self._excluded(each) for each in rules.exclusions)
            if name == "unknown_mode":
                yield self.say("unknown_limit", limit=pitfalls.plain(Fraction(rules.max_unknown_ratio) * 100))
        if rules.repair_from == derived.REPORT:
            yield self._does("repair_from", rules)
        if rules.min_outage_s:
            yield self.say("short", seconds=rules.min_outage_s)
        if rules.window_intervals:
            yield self.say("window", n=rules.window_intervals, p=rules.consecutive_high_loss)
        yield self.say("samples", every=rules.check_every_s, slice=rules.slice_s, least=rules.min_samples_per_slice)

    def _does(self, name: str, rules: Rules) -> str:
        """Return what a word of the rules does, as the reports say it."""
        return agreed.DOES[name, getattr(rules, name)][1 - self._at]

    def _hours(self, rules: Rules) -> Iterator[str]:
        for each in rules.hours:
            named = self._days(each.days)
            days = ",".join(named + [agreed.KINDS[kind][1 - self._at] for kind in each.kinds])
            times_ = (each.start_minute, (each.end_minute - 1) % 1440 + 1)
            start, end = (f"{at // 60:02d}:{at % 60:02d}" for at in times_)
            yield f"{days} {start}-{end}"

    def _days(self, days: Sequence[int]) -> list[str]:
        """Return days of the week (1: Monday) by name, three and more in a row as a span."""
        rows: list[list[int]] = []
        for day in days:
            if rows and rows[-1][-1] + 1 == day:
                rows[-1].append(day)
            else:
                rows.append([day])
        made = []
        for row in rows:
            names = [agreed.DAYS[day - 1][1 - self._at] for day in row]
            made += [(f"{names[0]}-{names[-1]}", f"{names[0]}至{names[-1]}")[self._at]] if len(row) > 2 else names
        return made

    def _named(self, token: str) -> str:
        """Return a word of the contract file; in Chinese as the reports say it, with the word beside it."""
        word = NAMED.get(token) or WORDS.get(token, ("",))[0]
        return f"{word}（{token}）" if self._at and word else token

    def _excluded(self, each: ExclusionClass) -> str:
        cap = self.say("capped_s", cap=_minutes(each.cap_s)) if each.cap_s else self.say("uncapped")
        how = self.say("claimed", notice=each.notice_h, approver=self._named(each.approver), cap=cap)
        how = how if each.approver else self.say("no_claim")
        name = f"{each.title}（{each.id}）" if self._at and each.title != each.id else each.id
        return self.say("excluded", name=name, cause=self._named(each.cause), how=how)

    def _credits(self, held: Credits) -> Iterator[str]:
        if not held.tiers:
            yield self.say("no_tier")
            return
        for each in held.tiers:
            bounds = [f"{sign} {getattr(each, name)} %" for name, sign in BOUND.items() if getattr(each, name)]
            yield self.say("tier", tier=", ".join(bounds), percent=each.percent)
        if held.per == "object":
            yield self.say("per_object")
        for name in ("object_cap", "period_cap"):
            if cap := getattr(held, f"{name}_percent"):
                yield self.say(name, cap=cap)
        if held.escalate_after:
            yield self.say("escalates", count=held.escalate_after, factor=held.escalate_factor)

    def changes(self, held: Contract, services: int) -> Iterator[str]:
        """Yield how much change of state a month's report has room for, where so many services could pass it."""
        given = pieces.of(held, dict.fromkeys((each.id for each in held.items), services))
        if given.most > MOST_STRETCHES >= given.sure:
            yield "  " + self.say("changes", services=services, bound=f"{MOST_STRETCHES:,}", room=f"{given.room:,}")

    def foretold(self, held: Contract, found: Foretold, *, services: int, before: int) -> Iterator[str]:
        """Yield what would be owed."""
        yield self.say("foretold", services=services, before=before)
        for each in found.answers:
            yield "  " + self._answer(each)
            yield from ("    " + self._area(each, area) for area in each.areas)
        for item in found.items:
            yield "  " + self._owed(held, item)
        amount = self._range(_money(found.least), _money(found.most))
        total = self.say(
            "total", amount=amount, currency=held.currency, fees=_money(Decimal(pitfalls.plain(found.fees)))
        )
        yield "  " + total + (self.say("total_capped") if found.capped else "")

    def _area(self, each: Answer, area: Area) -> str:
        told = {"area": area.area, "value": pitfalls.plain(area.value), "minimum": pitfalls.plain(area.minimum)}
        name = "area_missed" if area.missed else "area_kept"
        return self.say(name, **told, percent=pitfalls.plain(each.area_percent))

    def _answer(self, each: Answer) -> str:
        name = "met" if each.met else "missed" if each.tier else "by_areas" if each.areas_missed else "untiered"
        line = self.say(
            name,
            name=f"{each.item}/{each.objective}",
            value=pitfalls.plain(each.value),
            tier=each.tier,
            percent=pitfalls.plain(each.percent),
        )
        return line + (self.say("escalated") if each.escalated else "")

    def _owed(self, held: Contract, each: Owed) -> str:
        return self.say(
            "owed",
            item=each.item,
            percent=self._range(pitfalls.plain(each.least), pitfalls.plain(each.most)),
            fee=_money(Decimal(pitfalls.plain(each.fee))),
            amount=self._range(_money(each.least_amount), _money(each.most_amount)),
            currency=held.currency,
        )

    def _range(self, least: str, most: str) -> str:
        return least if least == most else self.say("to", least=least, most=most)
