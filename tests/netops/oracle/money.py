"""What an objective and an item owe, to the cent. Part of the judge by brute force."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction


def lowers(rules):
    """Return the buckets whose minutes lower the figure."""
    names = ["down", "unknown"] if rules["unknown_mode"] == "as_down" else ["down"]
    return names + [f"excluded_{n}" for n in names if rules["exclusion_mode"] == "not_excluded"]


def owed(city, objective, name, made):
    """Return what an objective owes by itself, in percent of the item's fee."""
    credits_ = objective["credits"]

    def of(value, before):
        percent = next((Fraction(t["percent"]) for t in credits_["tiers"] if holds(t, value * 100)), Fraction(0))
        if credits_["escalate_after"] and before >= credits_["escalate_after"]:
            percent *= Fraction(credits_["escalate_factor"])
        return capped(percent, credits_["object_cap_percent"])

    percent = Fraction(0)
    if credits_.get("per", "item") == "object":
        if made["verdict"] != "not_determinable" and sum(made["minutes"].values()):
            shares = Fraction(0)
            for service, own in made["alone"].items():
                if own["verdict"] == "missed":
                    shares += of(own["value"], breaches(city, name, service)) * made["minutes"][service]
            percent = shares / sum(made["minutes"].values())
    elif made["verdict"] == "missed":
        percent = of(made["value"], breaches(city, name))
    return capped(percent, credits_["period_cap_percent"])


def holds(tier, percent):
    return (
        (not tier["at_least"] or percent >= Fraction(tier["at_least"]))
        and (not tier["above"] or percent > Fraction(tier["above"]))
        and (not tier["below"] or percent < Fraction(tier["below"]))
        and (not tier["at_most"] or percent <= Fraction(tier["at_most"]))
    )


def capped(percent, cap):
    return min(percent, Fraction(cap)) if cap else percent


def breaches(city, name, service=""):
    """Return how many calendar months in a row before the period had a part that was missed, by their last report.

    With a service: that it missed by itself.
    """
    count, at = 0, city.start
    while True:
        local = datetime.fromtimestamp((at - 1) / 1000, city.zone)
        first = datetime(local.year, local.month, 1, tzinfo=city.zone)
        after = datetime(local.year + local.month // 12, local.month % 12 + 1, 1, tzinfo=city.zone)
        low, high = (int(each.timestamp()) * 1000 for each in (first, after))
        told = [b for b in city.bodies("verdict") if low <= b["start_ms"] and b["end_ms"] <= high]
        last = [b for b in told if b["inputs_digest"] == told[-1]["inputs_digest"]]
        mine = [b for b in last if b["objective"] == name]
        if service:
            breached = any(service in b.get("services_missed", []) for b in mine)
        else:
            breached = any(b["outcome"] == "missed" for b in mine)
        if not breached:
            return count
        count, at = count + 1, low


def item_percent(item, judged):
    """Return what an item owes of its fee: by its dearest objective, or each by minutes that no dearer one took."""
    claims_ = [each for each in judged if each["credit_percent"]]
    if item.get("double_credit", "dearest") == "dearest":
        return max((each["credit_percent"] for each in claims_), default=Fraction(0))
    taken, sum_ = set(), Fraction(0)
    for each in sorted(claims_, key=lambda one: -one["credit_percent"]):
        fresh = each["against"] - taken
        share = Fraction(len(fresh), len(each["against"])) if each["against"] else 1
        sum_, taken = min(sum_ + each["credit_percent"] * share, Fraction(100)), taken | fresh
    return sum_


def cents(amount):
    """Round half up to the hundredth."""
    return Fraction((amount * 200 + 1) // 2, 100)
