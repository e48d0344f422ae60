"""Places with something under them are found in few questions, and in no fewer than an odd agent needs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.detect import questions
from collectors.profile_yaml import shipped
from collectors.snmp.agent import Listing, interview
from collectors.snmp.ask import Ask
from collectors.snmp.glance import ABREAST, enterprise
from collectors.snmp.pdu import ErrorStatus, response
from collectors.snmp.varbind import (
    END_OF_MIB_VIEW,
    INTEGER,
    NO_SUCH_OBJECT,
    OBJECT_IDENTIFIER,
    SYS_OBJECT_ID,
    Varbind,
)

MAKERS = (1, 3, 6, 1, 4, 1)
PLACES = tuple((*MAKERS, maker, table, 1) for maker in range(1, 41) for table in range(1, 6))
ASK = Ask(gets=(SYS_OBJECT_ID,), walks=(PLACES,), glance=True)
OWN = 17


def objects(*places):
    return [Varbind((*place, 4, row), INTEGER, row) for place in places for row in (1, 2)]


def who(maker=OWN):
    return Varbind(SYS_OBJECT_ID, OBJECT_IDENTIFIER, ".".join(map(str, (*MAKERS, maker, 1, 9))))


class Agent:
    """An agent that counts, and whose replies `odd` may change: (asked, told) → told."""

    def __init__(self, *held, odd=lambda _, told: told):
        self.listing, self.odd, self.requests, self.asked = Listing([who(), *held]), odd, 0, []

    def respond(self, pdu):
        self.requests += 1
        said = self.listing.respond(pdu)
        if not pdu.error_index:  # a Get
            return said
        self.asked += pdu.varbinds.oids
        return response(pdu, [self.odd(a, t) for a, t in zip(pdu.varbinds.oids, said.varbinds, strict=True)])


def found(agent, ask=ASK, **how):
    answer = interview(agent, ask, **how)
    assert answer.failed is None
    (walked,) = answer.walks
    for place, column in zip(walked.roots, walked.columns, strict=True):
        assert all(oid[: len(place)] == place for oid in column.oids)
    return {place for place, column in zip(walked.roots, walked.columns, strict=True) if column.oids}


@settings(max_examples=60, deadline=None)
@given(st.sets(st.sampled_from(PLACES), max_size=12), st.permutations(PLACES[:60]))
def test_what_is_found_is_what_is_there(held, some):
    assert found(Agent(*objects(*held))) == held
    shuffled = Ask(gets=(SYS_OBJECT_ID,), walks=(tuple(some),), glance=True)
    assert found(Agent(*objects(*held)), shuffled) == held & set(some)


@pytest.mark.parametrize("maker", [1, OWN, 40])
def test_a_device_with_the_trees_of_one_maker_is_asked_a_handful_of_times(maker):
    held = {(*MAKERS, maker, table, 1) for table in (2, 3, 5)}
    agent = Agent(*objects(*held))

    assert found(agent) == held
    assert agent.requests <= 5
    assert len(agent.asked) <= len(PLACES) / 4
    assert len(set(agent.asked)) == len(agent.asked), "no place is asked twice"


def test_the_shipped_families_are_told_apart_in_a_handful_of_questions():
    ask = questions(shipped().values())
    agent = Agent(Varbind((1, 3, 6, 1, 2, 1, 2, 2, 1, 1, 1), INTEGER, 1))
    interview(agent, ask)

    assert len(ask.walks[0]) > 300
    assert agent.requests <= 5


def test_the_makers_own_places_are_asked_whatever_other_replies_say():
    agent = Agent()

    assert found(agent) == set()
    own = {place for place in PLACES if place[len(MAKERS)] == OWN}
    assert own <= set(agent.asked)


def test_an_agent_that_ends_its_view_where_it_has_nothing_is_caught_and_asked_everything():
    """Such an agent says endOfMibView for each place that is empty, though more follows."""
    held = {(*MAKERS, OWN, 3, 1), (*MAKERS, 39, 2, 1)}

    def ends(asked, told):
        return told if told.oid[: len(asked)] == asked else Varbind(asked, END_OF_MIB_VIEW, None)

    agent = Agent(*objects(*held), odd=ends)

    assert found(agent) == held
    assert set(agent.asked) == set(PLACES)


def test_an_agent_that_jumps_over_what_it_has_is_caught():
    """It leaves one maker's tree out unless asked right there."""
    held = {(*MAKERS, OWN, 3, 1), (*MAKERS, 20, 2, 1), (*MAKERS, 40, 1, 1)}
    behind = Varbind((*MAKERS, 40, 1, 1, 4, 1), INTEGER, 1)

    def jumps(asked, told):
        inside = told.oid[: len(asked)] == asked
        return told if inside or told.oid[len(MAKERS)] == 40 or told.tag == END_OF_MIB_VIEW else behind

    assert found(Agent(*objects(*held), odd=jumps)) == held


def test_a_reply_that_is_no_answer_settles_its_own_place_alone():
    held = {(*MAKERS, 30, 2, 1)}

    def odd(asked, told):
        if told.oid[: len(asked)] == asked and told.tag != END_OF_MIB_VIEW:
            return told
        return Varbind(asked, NO_SUCH_OBJECT, None) if asked[-2] % 2 else Varbind((1, 3, 6, 1, 1), INTEGER, 1)

    agent = Agent(*objects(*held), odd=odd)

    assert found(agent) == held
    assert set(agent.asked) == set(PLACES)


def test_replies_cut_short_are_asked_for_again():
    held = {(*MAKERS, OWN, 3, 1), (*MAKERS, 39, 2, 1)}
    listing = Listing([who(), *objects(*held)])

    class Short:
        def respond(self, pdu):
            said = listing.respond(pdu)
            return response(pdu, list(said.varbinds)[:3])

    assert found(Short()) == held


@pytest.mark.parametrize("status", [ErrorStatus.TOO_BIG, ErrorStatus.GEN_ERR, ErrorStatus.NO_SUCH_NAME])
def test_errors_end_no_more_than_what_they_are_about(status):
    """An agent that takes one object at a time, cannot read one, or speaks version 1 in a message of version 2."""
    held = {(*MAKERS, OWN, 3, 1), (*MAKERS, 39, 2, 1)}
    listing = Listing([who(), *objects(*held)])
    bad = (*MAKERS, 20, 1, 1)

    class Odd:
        requests = 0

        def respond(self, pdu):
            self.requests += 1
            assert self.requests < 2 * len(PLACES), "no end"
            if pdu.error_index and status == ErrorStatus.TOO_BIG and len(pdu.varbinds) > 1:
                return response(pdu, [], error_status=status)
            if pdu.error_index and status == ErrorStatus.GEN_ERR and bad in pdu.varbinds.oids:
                return response(
                    pdu, list(pdu.varbinds), error_status=status, error_index=pdu.varbinds.oids.index(bad) + 1
                )
            told = listing.respond(pdu)
            ends = [at for at, each in enumerate(told.varbinds, 1) if each.tag == END_OF_MIB_VIEW]
            if status == ErrorStatus.NO_SUCH_NAME and pdu.error_index and ends:
                return response(pdu, list(pdu.varbinds), error_status=status, error_index=ends[0])
            return told

    assert found(Odd()) == held


def test_an_agent_that_answers_nothing_is_given_up():
    class Silent:
        def respond(self, pdu):
            return None

    answer = interview(Silent(), ASK)

    assert answer.failed is not None
    assert answer.sent == 1


def test_the_makers_tree_of_a_sys_object_id():
    assert enterprise("1.3.6.1.4.1.17.1.9") == (*MAKERS, 17)
    for other in ("1.3.6.1.4.1", "1.3.6.1.2.1.1", "0.0", "", "no oid", b"1.3.6.1.4.1.17", None):
        assert enterprise(other) == ()


def test_a_question_is_no_wider_than_a_datagram():
    agent = Agent()
    widths = []
    inner = agent.respond

    def respond(pdu):
        widths.append(len(pdu.varbinds))
        return inner(pdu)

    agent.respond = respond
    found(agent)

    assert max(widths) == ABREAST
