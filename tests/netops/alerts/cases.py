"""What the tests of alerts are about: situations, made of few words."""

from __future__ import annotations

from fractions import Fraction

from netops.alerts import incident, roots, signs
from netops.alerts.policy import Duty, Policy, Route, Rule, Step
from netops.situation import ServiceNow, Situation, State

NOW = 1_795_000_000_000
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
OUTAGE = Rule(id="outage", on="state", route="network", grace_s=20, clear_s=60)


def service(name, state="up", *, area="110108001", carrier="cmcc", kind="wifi", cause="", since_ms=NOW, because=""):
    return ServiceNow(
        service=name,
        device=name,
        area=area,
        carrier=carrier,
        contract="c",
        kind=kind,
        state=State(state),
        since_ms=since_ms,
        cause=cause or (f"carrier:{carrier}" if state == "down" else ""),
        because=because or ("no_answer" if state == "down" else ""),
    )


def situation(*services, at_ms=NOW):
    return Situation(at_ms=at_ms, services=tuple(services))


def policy(*rules, steps=((0, ("first",)),), duties=(), most=12):
    route = Route(id="network", steps=tuple(Step(after_s=s, to=to) for s, to in steps), most_in_10_min=most)
    return Policy(
        rules={each.id: each for each in rules or (OUTAGE,)},
        routes={"network": route},
        duties={each.id: each for each in duties},
    )


def duty(*turns, from_ms=NOW, every_h=168, swaps=()):
    return Duty(id="d", timezone="Asia/Shanghai", turns=turns, from_ms=from_ms, every_h=every_h, swaps=tuple(swaps))


class Course:
    """The incidents of one rule over time."""

    def __init__(self, rule=OUTAGE, *, parents=None, silent=()):
        self.rule, self.parents, self.silent = rule, parents or {}, frozenset(silent)
        self.all = {}
        self.count = 0

    def name(self):
        self.count += 1
        return f"i{self.count}"

    def look(self, now_ms, *services):
        """Look at services (none: at nothing at all); return what changed."""
        seen = signs.outages(self.rule, situation(*services, at_ms=now_ms))
        rooted = roots.of(self.rule, seen, parents=self.parents, silent=self.silent)
        before = {}
        for each in self.all.values():
            if each.opened_ms is not None:
                before[each.root] = (*before.get(each.root, ()), each.opened_ms)
        made = incident.advance(
            self.rule, self.all.values(), seen, rooted, now_ms=now_ms, name=self.name, before=before
        )
        self.all |= {each.id: each for each in made}
        return made

    def open(self):
        return [each for each in self.all.values() if each.phase is incident.Phase.OPEN]


HALF = Fraction(1, 2)
