"""`netops check`: the credential of traps is one that exists and fits; `health` says when nobody could be heard."""

from types import SimpleNamespace

import pytest

from collectors.checks import check
from netops import config

SNAPSHOT = SimpleNamespace(devices=[], doors=[])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), []),
        (("trap.enabled=true",), []),
        (("trap.enabled=true", "trap.credential=traps"), []),
        (("trap.credential=nobody",), []),  # the service does not run
        (
            ("trap.enabled=true", "trap.credential=trap"),
            ["trap.credential names credential 'trap', which is none; did you mean 'traps'?"],
        ),
        (
            ("trap.enabled=true", "trap.credential=shell"),
            ["trap.credential names credential 'shell', which is of kind ssh; name one of kind snmp"],
        ),
    ],
)
def test_the_credential_of_traps(words, told):
    known = ("credentials.traps.community=env:T", "credentials.shell.kind=ssh", "credentials.shell.user=u")
    settings = config.load(None, environ={}, overrides=(*known, *words))

    found = [str(problem) for problem in check(settings, SNAPSHOT)]

    assert len(found) == len(told)
    assert all(line in each for line, each in zip(told, found, strict=True))
