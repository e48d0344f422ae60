"""What comes after its hour was sealed, and the hours that are stated again."""

import contextlib
from dataclasses import replace

import pytest
from argon2 import PasswordHasher

from inventory import sql
from netops import cli, facts
from netops.access import tables
from netops.access.passwords import Passwords
from netops.access.staff import Staff
from netops.errors import NetopsError
from netops.facts import Fact
from netops.spool import Spool
from tests.netops.core import pieces
from tests.netops.core.pieces import HOUR, START, KilledError, M, hours, killed, silent, stated, until


@pytest.fixture
def late(house, monkeypatch):
    """An hour of which a half came only after it was sealed, and people who may say something about it."""
    made, spool, _, settings = house
    with sql.Database(tables.url(settings)) as database:
        staff = Staff(database, Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)))
        for name, role in (("li.na", "operator"), ("zhao", "contract_manager")):
            once = staff.add(name, role=role, by="t", now_ms=START - M)
            staff.change(name, old=once, new="correct horse battery", address="::1", now_ms=START - M)
    spool.put("poll", silent(range(30)))
    made._clock.at_ms = START + HOUR + 10 * M
    until(lambda: made._taken["polls"] == 30 and made._ripe_until() >= START + HOUR)
    made._seal_hours(0)
    spool.put("poll", silent(range(30, 60)))
    until(lambda: made._taken["polls"] == 60)
    made._show()
    monkeypatch.setenv("NETOPS_TEST_WORD", "correct horse battery")
    monkeypatch.setattr("netops.commands.sla_correct.SYSTEM", made._clock)
    monkeypatch.setattr("netops.commands.approve.SYSTEM", made._clock)
    return house


def correct(settings, person="zhao", hour="2026-10-01T00:00"):
    config = settings.data.dir.parent / "netops.toml"
    words = ["sla", "correct", "--contract", "wifi-2026", "--hour", hour, "--reason", "polls came late"]
    return cli.main(["--config", str(config), *words, "--as", person, "--password", "env:NETOPS_TEST_WORD"])


def test_an_hour_is_stated_again_from_what_came_late_and_the_first_statement_stays(late):
    made, _, _, settings = late
    (before,) = hours(settings)
    assert before["usual"] == [[0, 30, "DOWN", "carrier", "parent:ac-1"]]
    assert "1 hours have samples that came after they were sealed" in made.health()["late samples"]

    assert correct(settings) == 0
    until(lambda: stated(settings, "correction"))
    made._correct()
    made._correct()
    made._show()

    (asked,) = stated(settings, "correction")
    first, again = hours(settings)
    assert first == before
    assert again == {**before, "usual": [[0, 60, "DOWN", "carrier", "parent:ac-1"]], "correction": asked.index}
    assert "late samples" not in made.health()


@pytest.mark.parametrize(("room", "step"), [("_journal", "restated"), ("_ledger", "append")])
def test_killed_between_a_correction_and_its_hour_the_core_states_it_once(late, monkeypatch, room, step):
    """Neither the hour is lost then, nor its sums for the pages, nor is it said for ever that it has late samples."""
    made, _, _, settings = late
    assert correct(settings) == 0
    until(lambda: stated(settings, "correction"))
    with made._acting, monkeypatch.context() as patch:
        patch.setattr(getattr(made, room), step, killed)
        with pytest.raises(KilledError):
            made._correct()
    made._correct()
    made._show()

    assert len(hours(settings)) == 2
    assert "late samples" not in made.health()


def test_the_ledger_is_told_what_came_late_whether_or_not_anybody_corrects_it(late):
    """Who picks the hours that are corrected could else pass over those that do not suit the city."""
    made, _, _, settings = late
    made._report(0)
    made._report(0)
    (told,) = stated(settings, "late_samples")
    body = told.fact.body
    vantage = made._settings.collect.vantage

    assert (body["contract"], body["start_ms"], body["services"]) == ("wifi-2026", START, len(hours_services(settings)))
    assert body["vantages"] == {vantage: body["samples"]}
    assert body["samples"] == 30 * body["services"]

    assert correct(settings) == 0
    until(lambda: stated(settings, "correction"))
    made._correct()
    made._report(0)
    assert len(stated(settings, "late_samples")) == 1
    assert stated(settings, "availability_hour")[-1].index > told.index


def test_killed_before_the_journal_notes_it_the_ledger_is_told_once_what_came_late(late, monkeypatch):
    made, _, _, settings = late
    with made._acting, monkeypatch.context() as patch:
        patch.setattr(made._journal, "told_late", killed)
        with pytest.raises(KilledError):
            made._hours.tell_late()
    made._clock.at_ms += M
    made._report(0)

    assert len(stated(settings, "late_samples")) == 1
    assert not stated(settings, "source_conflict")


def test_a_correction_takes_in_what_came_late_before_anybody_was_told(late):
    made, _, _, settings = late
    assert correct(settings) == 0
    until(lambda: stated(settings, "correction"))
    made._correct()

    (told,) = stated(settings, "late_samples")
    assert told.index < stated(settings, "availability_hour")[-1].index


def hours_services(settings):
    (body,) = [leaf.fact.body for leaf in stated(settings, "availability_roster")]
    return body["services"]


def lose_samples(made):
    """A journal from a backup knows less than was sealed: what was seen to be down would become unknown."""
    made._journal._open().execute("DELETE FROM sample WHERE slot_ms >= ?", (START + 29 * M,))
    return "fewer samples of 2026-09-30T16:00"


def lose_contract(made):
    seen = made._hours._register_at(START)
    made._hours._was = made._hours._was[0], replace(seen, contracts=())
    return "contract wifi-2026 is not in the register of 2026-09-30T16:00"


def lose_hour(made):
    made._clock.at_ms = START + 40 * 24 * HOUR
    return "the samples of 2026-09-30T16:00"


@pytest.mark.parametrize("lose", [lose_samples, lose_contract, lose_hour])
def test_a_correction_that_can_never_be_stated_is_refused_once_and_the_hour_stands(late, lose):
    """Its job had failed for ever, and every later correction with it."""
    made, _, _, settings = late
    assert correct(settings) == 0
    until(lambda: stated(settings, "correction"))
    why = lose(made)

    for _ in range(2):
        made._correct()
    (asked,), (refused,) = stated(settings, "correction"), stated(settings, "correction_refused")
    assert refused.fact.body["correction"] == asked.index
    assert refused.fact.body["reason"].startswith(why)
    assert refused.fact.body["reason"].endswith("stands as it was stated")
    assert len(hours(settings)) == 1


def test_who_may_not_correct_and_what_cannot_be_corrected_moves_nothing(late, capsys):
    made, _, _, settings = late
    assert correct(settings, person="li.na") != 0
    assert correct(settings, hour="2026-10-01T05:00") != 0
    assert correct(settings, hour="2026-10-01T00:30") != 0
    told = capsys.readouterr().err
    for why in ("the role 'operator' may not", "has no sealed hour at", "begins no hour"):
        assert why in told

    (hour,) = stated(settings, "availability_hour")
    made._journal.prune(START + HOUR)
    with Spool(settings.data.dir / "spool" / "cli.db", source="cli") as spool:
        for leaf, by in ((0, "zhao"), (10**6, "zhao"), (hour.index, "zhao"), (hour.index, "li.na")):
            body = {"corrects": leaf, "by": by, "reason": "r"}
            facts.submit(spool, Fact(kind="correction", at_ms=made._clock.at_ms, body=body))
    until(lambda: made._taken["isolated"] == 4)
    made._correct()

    assert correct(settings) == 1
    assert "the core refused the correction: the samples of that hour are not here any more" in capsys.readouterr().err
    assert not stated(settings, "correction")
    why = [leaf.fact.body["reason"] for leaf in stated(settings, "fact_refused")]
    assert [each[:30] for each in why] == [
        "leaf 0 is a service_state; exp",
        "there is no leaf 1000000",
        *["the samples of that hour are n"] * 3,
    ]
    assert len(hours(settings)) == 1


@pytest.fixture
def strict(monkeypatch):
    """The how-to's city, where the contract asks that late samples are taken in."""

    _city = pieces.how_to_city

    def city(folder):
        made = _city(folder)
        (path,) = (each for each in made.rglob("*.yaml") if each.read_text().startswith("contract:"))
        path.write_text(f"{path.read_text()}late_samples: correct\n")
        return made

    monkeypatch.setattr(pieces, "how_to_city", city)


@pytest.mark.usefixtures("strict")
def test_what_comes_late_after_its_month_is_closed_is_stated_again_and_a_revision_rests_on_it(house):
    """From the spool to the sealed revision, by a core that runs: nobody chooses which late samples count."""
    made, spool, _, settings = house
    over, first = START + 31 * 24 * HOUR, 31 * 24 * 60 - 60  # the end of the month, the slots of its last hour
    spool.put("poll", silent(range(first, first + 30)))
    made._clock.at_ms = over + 10 * M
    until(lambda: made._taken["polls"] == 30 and made._ripe_until() >= over)
    made._seal_hours(0)
    made._report(0)
    assert [leaf.fact.body["revision"] for leaf in stated(settings, "report_issued")] == [1]

    spool.put("poll", silent(range(first + 30, first + 60)))
    until(lambda: made._taken["polls"] == 60)
    made._report(0)  # it tells the ledger what came late
    made._clock.at_ms += M
    with Spool(settings.data.dir / "spool" / "cli.db", source="cli") as cli:
        asked = {"contract": "wifi-2026", "month": "2026-10"}
        facts.submit(cli, Fact(kind="report_asked", at_ms=made._clock.at_ms, body=asked))
    until(lambda: stated(settings, "report_asked"))
    with contextlib.suppress(NetopsError):  # it waits for the hour
        made._answer(0)
    assert [leaf.fact.body["revision"] for leaf in stated(settings, "report_issued")] == [1]
    made._correct()
    made._answer(0)

    (told,), (correction,) = stated(settings, "late_samples"), stated(settings, "correction")
    assert (correction.fact.body["by"], correction.index > told.index) == ("contract", True)
    assert [len(body["usual"]) and body["usual"][0][1] for body in hours(settings)] == [30, 60]
    assert [leaf.fact.body["revision"] for leaf in stated(settings, "report_issued")] == [1, 2]
