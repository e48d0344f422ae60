"""What a site with SMS lacks is told with its line; each message comes to one end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from captive_portal import figures, policy_yaml
from captive_portal.sms import checks
from captive_portal.sms.telling import Deliveries, Expected
from inventory.model import Objective, Rules
from netops.model import Subject
from netops.sla import counted, streams
from netops.sla.intervals import State
from netops.sla.measured import Look
from netops.texting import SmsProvider

SECRET = "0123456789abcdef0123"


def test_check_names_what_a_site_with_sms_lacks(settings) -> None:
    real = replace(
        settings, portal=replace(settings.portal, methods="sms"), city=replace(settings.city, rehearsal=False)
    )
    policies = policy_yaml.read(real)
    good = SmsProvider(url="https://sms.example/")

    def told(**words) -> list[str]:
        sms = replace(real.sms, **{"providers": {"one": good}, **words})
        return [f"{each.what}; {each.remedy}" for each in checks.problems(replace(real, sms=sms), policies)]

    assert told() == []
    assert told(providers={}) == ["no provider delivers codes; add [sms.providers.NAME]"]
    assert "plain HTTP" in told(providers={"one": SmsProvider(url="http://sms.example/")})[0]
    assert told(text="验证码 {code} " + "长" * 60)[0].startswith("a message is 73 characters long; beyond 70")
    assert told(text="欢迎") == ["'sms.text' has no {code}; say where the code stands"]
    assert told(site_per_hour=0) == ["'sms.site_per_hour' is less than 1; nobody gets a code"]
    elsewhere = policy_yaml.read(replace(real, portal=replace(real.portal, methods="voucher")))
    assert checks.problems(real, elsewhere) == [], "who offers none needs none"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("sms: {digits: 7}", "expected 8 or 6"),
        ("sms: {digits: 4}", "6 to 8"),
        ("sms: {countries: [999]}", "'999'"),
        ("sms: {country: [86]}", "did you mean"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_told_with_its_line(settings, tmp_path, line, told) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "a.yaml").write_text(f"policy: a\ntitle: a\nsites: [s]\nmethods: [sms]\n{line}\n", encoding="utf-8")
    with pytest.raises(policy_yaml.PolicyError, match=r"a\.yaml:5") as refused:
        policy_yaml.read(replace(settings, portal=replace(settings.portal, policies=folder)))

    assert told in str(refused.value)


def test_a_policy_names_digits_and_countries(settings, tmp_path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    words = "policy: a\ntitle: a\nsites: [s]\nmethods: [sms]\nsms: {digits: 6, countries: ['+86', 852]}\n"
    (folder / "a.yaml").write_text(words, encoding="utf-8")
    read = policy_yaml.read(replace(settings, portal=replace(settings.portal, policies=folder))).at("s")

    assert (read.texting.digits, read.texting.countries) == (6, ("86", "852"))


def test_each_message_comes_to_one_end_and_one_of_which_nothing_is_heard_proves_nothing() -> None:
    deliveries, told = Deliveries(), []
    ends = {
        "typed": ("handed", "proved"),
        "lost": ("handed", "undelivered"),
        "unheard": ("handed",),
        "refused": ("unsent",),
    }
    ends["only reported"] = ("handed", "delivered")  # the provider's own word, and nobody typed the code
    ends["doubtful"] = ("unsent", "proved")  # no provider said that it took it, and its code was typed in
    for name, course in ends.items():
        sent = Expected(site="s", carrier="c", asked_ms=0, id=name)
        for after_ms, what in enumerate(("asked", *course)):
            deliveries.count(what, sent, after_ms * 9_000)
    deliveries.count("proved", Expected(site="s", carrier="c", asked_ms=0, id="typed"), 20_000)
    deliveries.flush(told.extend, 240_000)
    deliveries.flush(told.extend, 300_000, everything=True)
    last = told[-1].body

    (first,) = told[:-1]
    assert (first.body["delivery_timed"], first.body["delivery_within"]["10000"]) == (2, 0)
    assert (last["lost"], last["unproved"], last["unheard"]) == (2, 1, 1)
    rows = {row.subject: row.values for each in figures.of_messages("portal/portal", told) for row in each.rows}
    assert rows[Subject("sms", "s/c")]["portal.sms.lost"] == rows[Subject("sms", "c")]["portal.sms.lost"] == 2


def test_a_provider_that_reports_everything_at_once_proves_nothing_of_what_nobody_typed() -> None:
    deliveries, told = Deliveries(), []
    for number in range(20):
        sent = Expected(site="s", carrier="c", asked_ms=0, id=f"m{number}")
        for after_ms, what in ((0, "asked"), (50, "handed"), (300, "delivered")):
            deliveries.count(what, sent, after_ms)
        if number < 3:
            deliveries.count("proved", sent, 25_000)
    deliveries.flush(told.extend, 360_000, everything=True)
    every = [each.body for each in told]

    assert sum(each.get("delivery_timed", 0) for each in every) == 3
    assert [each["delivery_ms_p95"] for each in every if "delivery_ms_p95" in each] == [300], (
        "typed, and reported sooner"
    )
    assert [sum(each[name] for each in every) for name in ("lost", "unproved", "unheard")] == [0, 17, 0]
    polls = figures.of_messages("portal/portal", told)
    looks = [
        Look(slot_ms=0, at_ms=0, source="portal/portal", metric=name, value=value)
        for each in polls
        for row in each.rows
        if row.subject == Subject("sms", "c")
        for name, value in row.values.items()
        if value
    ]
    rules = Rules(check_every_s=900)
    promise = Objective(id="m", indicator="portal.sms.time", threshold="10000", target="95", rules=rules)
    judged = {each.because: (each.count, each.state) for each in counted.runs(streams.stream(promise), looks)}
    assert judged == {"": (3, State.UP), "unproved": (17, State.UNKNOWN)}
