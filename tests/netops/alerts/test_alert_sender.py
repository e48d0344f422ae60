"""The process that speaks to messengers: a real one hears it, nobody else is ever connected to (S18)."""

from __future__ import annotations

import time

import pytest

from netops.alerts import notify, sender
from netops.alerts.notify import Message
from netops.config import Alert
from tests.netops.alerts.messenger import messenger


def test_a_messenger_hears_title_and_body_as_they_are():
    with messenger() as one:
        why = notify.send([Message(one.url, "【紧急】海淀", "一行\n两行 <b>")], Alert(private=True))

    assert why == [""]
    assert [(each["title"], each["message"]) for each in one.heard] == [("【紧急】海淀", "一行\n两行 <b>")]


def test_an_inner_address_is_spoken_to_only_where_the_settings_say_so():
    with messenger() as one:
        (why,) = notify.send([Message(one.url, "t", "b")], Alert())

    assert "private = true" in why
    assert one.heard == []


def test_a_redirect_to_another_host_is_not_followed():
    with messenger() as one, messenger() as other:
        one.status, one.location = 307, f"http://localhost:{other.server_address[1]}/x"
        (why,) = notify.send([Message(one.url, "t", "b")], Alert(private=True))

    assert why
    assert other.heard == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("json://169.254.169.254/latest", "no address that may be spoken to"),
        ("syslog://", "no kind of address"),
        ("windows://", "no kind of address"),
        ("mailto://user:password@example.invalid?smtp=169.254.169.254", ""),
        ("wecombot://", ""),
        ("", "no kind of address"),
        ("json://[", ""),
    ],
)
def test_what_no_message_may_reach(url, expected):
    (why,) = notify.send([Message(url, "t", "b")], Alert(private=True))

    assert why
    assert expected in why


def test_a_refusal_says_why_and_nothing_of_the_address():
    with messenger() as one:
        one.status = 403
        (why,) = notify.send([Message(one.url, "t", "b")], Alert(private=True))

    assert "403" in why
    assert "a-secret-of-its-own" not in why


def test_one_that_hangs_holds_up_no_other():
    with messenger() as slow, messenger() as quick:
        slow.sleep_s = 20.0
        began = time.monotonic()
        why = notify.send([Message(slow.url, "t", "b"), Message(quick.url, "t", "b")], Alert(private=True))
        slow.sleep_s = 0.0

    assert [bool(each) for each in why] == [True, False]
    assert time.monotonic() - began < 15


def test_who_is_not_done_in_time_is_said_to_be_so():
    with messenger() as one:
        assert notify.send([Message(one.url, "t", "b")], Alert(private=True), patience_s=0.01) == [
            "it did not answer within 0.01 s"
        ]


def test_whom_an_address_speaks_to():
    assert sender.hosts("wecombot://key", frozenset()) == {"key", "qyapi.weixin.qq.com"}
    assert "smtp.example.cn" in sender.hosts("mailtos://u:p@example.cn", frozenset())
    assert "relay.example.cn" in sender.hosts("mailtos://u:p@example.cn?smtp=relay.example.cn", frozenset())
