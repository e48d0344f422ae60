"""What an ask's values promise to those who hold them."""

import pytest

from collectors.snmp.ask import Answer, Ask, Community, Failure, Limits, Reply, Target
from collectors.snmp.exchange import Exchange
from collectors.snmp.template import Template
from collectors.snmp.varbind import EMPTY, INTEGER, UNREADABLE, Varbind, Varbinds
from netops.model import Reason

NAME = (1, 3, 6, 1, 2, 1, 1, 5, 0)


def test_an_answer_has_a_value_in_every_field_however_it_is_made():
    made = Exchange(Ask(gets=(NAME,))).answer("token", 1, 2.0, 3.0)

    assert len(made) == len(Answer._fields)
    assert (made.token, made.at_ms, made.rtt_ms, made.lag_ms) == ("token", 1, 2.0, 3.0)
    assert (made.uptime_first, made.uptime_last, made.raw) == (None, None, ())


def test_a_recognised_reply_has_every_field():
    from collectors.snmp.gather import Request
    from collectors.snmp.pdu import Kind, Message, Pdu, encode, frame

    rows = Varbinds.of([Varbind(NAME, INTEGER, 1)])
    octets = encode(Message(b"c", Pdu(Kind.RESPONSE, 0x12345678, 0, 0, rows)))
    template = Template(Request(Kind.GET, (NAME,), (0,)), b"c")
    for _ in range(2):
        template.learn(octets, frame(octets)[1], (NAME,))

    reply = template.recognise(octets)

    assert reply == Reply(0x12345678, rows, octets, known=True)
    assert len(reply) == len(Reply._fields)


def test_equal_asks_and_targets_are_one_key():
    assert len({Ask(gets=(NAME,)), Ask(gets=(NAME,)), Ask(gets=(NAME,), limits=Limits(octets=1))}) == 2
    first, second = (Target(address="192.0.2.1", credential=Community(b"c"), retries=n) for n in (1, 2))
    assert len({first, second, Target(address="192.0.2.1", credential=Community(b"c"), retries=1)}) == 2


def test_a_target_does_not_show_its_community():
    assert "hunter2" not in repr(Target(address="192.0.2.1", credential=Community(b"hunter2")))


def test_an_unreadable_value_of_a_get_is_a_failure_and_spoils_no_other():
    rows = Varbinds.of([Varbind(NAME, UNREADABLE, b"\1\2"), Varbind(NAME, INTEGER, 5)])
    exchange = Exchange(Ask(gets=(NAME, NAME)))
    request = exchange.want()
    exchange.feed(Reply(1, Varbinds(request.oids, rows.tags, rows.values), b"raw"))

    first, second = exchange.answer().gets

    assert first.reason is Reason.UNREADABLE
    assert second == Varbind(NAME, INTEGER, 5)


def test_varbinds_are_a_sequence():
    rows = [Varbind((1, 3, n), INTEGER, n) for n in range(5)]
    varbinds = Varbinds.of(rows)

    assert (len(varbinds), list(varbinds), varbinds[2], varbinds[-1]) == (5, rows, rows[2], rows[4])
    assert varbinds[1:3] == Varbinds.of(rows[1:3])
    assert hash(varbinds) == hash(Varbinds.of(rows))
    assert varbinds != rows
    assert list(EMPTY) == []
    assert "(1, 3, 4)" in repr(varbinds)


@pytest.mark.parametrize("failed", [None, Failure(Reason.NO_ANSWER)])
def test_the_outcome_is_answered_or_the_reason(failed):
    assert Answer(failed=failed).outcome == ("answered" if failed is None else "no_answer")
    assert Answer(failed=failed, raw=(b"x",)).outcome == "answered"
