"""The alarm about what arrives at our sockets: raised by a minute of many, taken back by a minute of few."""

from types import SimpleNamespace

from collectors.alarm import Alarm
from collectors.service import SOURCE, Collector
from netops import config
from netops.facts import check
from netops.speakers import may_state

MINUTE = 60_000


def looked(*counts):
    alarm = Alarm("core", "the SNMP socket")
    told = []
    for n, counted in enumerate(counts, 1):
        facts = alarm.look(counted, n * MINUTE)
        for fact in facts:
            check(fact)
        told.append([(fact.body["state"], fact.body["start_ms"]) for fact in facts])
    return told


def test_forged_replies_are_stated_once_and_taken_back_once():
    told = looked({}, {"wrong_id": 150}, {"wrong_id": 900}, {"wrong_id": 930}, {"wrong_id": 930})

    assert told == [[], [("degraded", MINUTE)], [], [("ok", MINUTE)], []]


def test_every_drop_of_our_own_kernel_is_stated():
    assert looked({}, {"socket_drops": 1}) == [[], [("degraded", MINUTE)]]


def test_a_few_stray_datagrams_are_no_alarm():
    assert looked({}, {"wrong_source": 100}, {"wrong_source": 200}) == [[], [], []]


def test_the_fact_says_what_was_rejected():
    alarm = Alarm("core", "the SNMP socket")
    alarm.look({}, MINUTE)

    (fact,) = alarm.look({"security": 300, "foreign": 2, "sent": 9_999}, 2 * MINUTE)

    assert fact.body["detail"] == "rejected at the SNMP socket: foreign 2, security 300"


def test_it_looks_once_a_minute():
    alarm = Alarm("core", "the SNMP socket")
    alarm.look({}, MINUTE)

    assert alarm.look({"wrong_id": 5_000}, MINUTE + 59_999) == []
    assert len(alarm.look({"wrong_id": 5_000}, 2 * MINUTE)) == 1


def test_the_collector_states_what_its_sockets_reject(tmp_path):
    settings = config.load(None, environ={}, overrides=[f"data.dir={tmp_path}", "collect.vantage=north"])
    service = Collector(settings)
    kept = []
    service._outbox = SimpleNamespace(state=lambda *facts: kept.extend(facts))
    service._sound_alarm(MINUTE)
    service._engine.counters.wrong_source = 5_000
    service._sound_alarm(2 * MINUTE)

    assert [(fact.kind, fact.body["vantage"], fact.body["state"]) for fact in kept] == [
        ("monitor_health", "north", "degraded")
    ]
    assert may_state(SOURCE, kept[0].kind, rehearsal=False)
