"""A command that ran in a channel of its own: whether its output is whole. Pure.

Its proof is the mark: a word of this visit that the device prints behind the output, with the status of the command.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from collectors.snmp.ask import Failure
from collectors.ssh import screen
from collectors.ssh.talk import Output, patterns
from netops.model import Reason

if TYPE_CHECKING:
    from collectors.ssh.dialect import Dialect
    from collectors.ssh.talk import Limits

_STDERR = 400  # characters of what it complains about that are shown


def wrapped(dialect: Dialect, command: str, mark: str) -> str:
    """Return the command as it is run: with the mark behind it."""
    return dialect.wrapped.replace("{command}", command).replace("{mark}", mark)


def finished(
    dialect: Dialect, limits: Limits, raw: bytes, *, command: str, mark: str, why: str = "the channel closed"
) -> Output:
    """Return the output of a command whose channel is at its end; `why` says what ended it."""
    lines = [each for each in screen.shown(raw) if not patterns(dialect).noise.fullmatch(each)]
    while lines and not lines[-1]:
        lines.pop()
    found = re.fullmatch(rf"(.*?){re.escape(mark)}(\d{{1,3}})", lines[-1]) if lines else None
    failed: Failure | None = None
    if len(raw) > limits.octets or len(lines) > limits.lines:
        failed = Failure(Reason.PROTOCOL_FAULT, f"more than {limits.octets} octets or {limits.lines} lines of output")
        lines = []
    elif found is None:
        wrong = next((each for each in lines if patterns(dialect).errors.fullmatch(each)), "")
        failed = (
            Failure(Reason.ERROR_STATUS, wrong.strip()[:200])
            if wrong
            else Failure(Reason.TORN, f"{why} after {len(raw)} octets and without the mark behind the output")
        )
        lines = []
    else:
        lines = [*lines[:-1], found[1]] if found[1] else lines[:-1]
        wrong = next((each for each in lines if patterns(dialect).errors.fullmatch(each)), "")
        if found[2] != "0" or wrong:
            detail = wrong.strip() or f"it ended with status {found[2]}: {' '.join(lines)}"
            failed = Failure(Reason.ERROR_STATUS, detail[:_STDERR])
    return Output(command=command, lines=tuple(lines), raw=raw, prompt=mark, failed=failed)
