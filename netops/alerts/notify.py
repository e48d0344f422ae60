"""Messages go out: a process of its own speaks to the messengers (netops/alerts/sender.py), and has so much time."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netops.config import Alert

PATIENCE_S: Final = 25.0


@dataclass(frozen=True, slots=True)
class Message:
    """What goes to one address. The address is a secret: it is never logged, and stands in no list of processes."""

    url: str
    title: str
    body: str


def send(messages: Sequence[Message], settings: Alert, *, patience_s: float = PATIENCE_S) -> list[str]:
    """Send the messages side by side, to whom the settings allow; return for each why it did not go out, or nothing.

    A messenger that does not answer in time is said to be so; whether the message arrived nobody knows then.
    """
    if not messages:
        return []
    allowed = sorted({each.strip() for each in settings.hosts.split(",") if each.strip()})
    told = json.dumps(
        [
            {"url": each.url, "title": each.title, "body": each.body, "hosts": allowed, "private": settings.private}
            for each in messages
        ]
    )
    with subprocess.Popen(
        [sys.executable, "-m", "netops.alerts.sender"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        try:
            said, _ = child.communicate(told, timeout=patience_s)
        except subprocess.TimeoutExpired:
            child.kill()
            said, _ = child.communicate()
    late = f"it did not answer within {patience_s:g} s"
    why = dict.fromkeys(range(len(messages)), late if child.returncode else "the sender ended before its turn")
    for line in said.splitlines():
        with suppress(ValueError, KeyError, TypeError):  # the last line of a process that was ended
            one = json.loads(line)
            why[int(one["number"])] = str(one["why"])
    return [why[number] for number in range(len(messages))]
