"""The course of a visit: what is said in which order, and what becomes of it. A generator without I/O.

    course = visit(dialect, reads, …)
    line = next(course)                      # a Line to say
    line = course.send(output)               # its Output in, the next Line out
    ... StopIteration.value                  # a Visited

Who carries it (`by_asyncssh.py`, `by_netmiko.py`) knows neither reads nor templates; this knows no socket.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from collectors.snmp.ask import Failure
from collectors.ssh.decode import Taken
from collectors.ssh.read import spoken
from collectors.ssh.rows import rows, widened
from collectors.ssh.talk import Line, Output
from netops.model import Reason

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from collectors.ssh.dialect import Dialect
    from collectors.ssh.read import Read
    from collectors.ssh.rows import Row
    from collectors.ssh.talk import Limits

Course = "Generator[Line, Output, Visited]"
_OVER = frozenset({Reason.PROTOCOL_FAULT, Reason.TORN, Reason.DEADLINE, Reason.NO_ANSWER, Reason.AUTH_FAILED})
"""After these a conversation cannot be trusted to be where we think it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An output with what it was for: what the archive keeps."""

    read: str
    values: Mapping[str, str]
    output: Output


@dataclass(frozen=True, slots=True, kw_only=True)
class Visited:
    """What a visit gave."""

    taken: tuple[Taken, ...]
    heard: tuple[Heard, ...] = ()


class _Visit:
    """Collects while the course runs; never leaves `visit`."""

    def __init__(self, limits: Limits) -> None:
        self.left = limits.commands
        self.most = limits.commands
        self.taken: list[Taken] = []
        self.heard: list[Heard] = []
        self.rows: dict[str, list[Row]] = {}
        self.stopped: Failure | None = None
        self.last: list[int] = []  # which of `taken` rest on the output before this one


def visit(
    dialect: Dialect, reads: Sequence[Read], limits: Limits, *, enable: str = ""
) -> Generator[Line, Output, Visited]:
    """Say the set-up, then each read (those it rests on come before it), then prove that nothing more was coming."""
    state = _Visit(limits)
    for text in dialect.setup if dialect.mode == "shell" else ():
        output = yield Line(text=text)
        if output.failed is not None and (output.stray or output.failed.reason in _OVER):
            state.stopped = output.failed
            break
    if state.stopped is None and enable and dialect.enable:
        output = yield Line(text=dialect.enable, answers=((r"(?i).{0,40}password: ?", enable),))
        state.stopped = output.failed
    for read in reads:
        yield from _read(state, read)
    if state.stopped is None and state.last and dialect.mode == "shell":
        output = yield Line(text="")
        _doubt(state, output)
    return Visited(taken=tuple(state.taken), heard=tuple(state.heard))


def next_line(course: Generator[Line, Output, Visited], output: Output | None) -> Line | Visited:
    """Give a course what came of its last line (None at its beginning); return its next line, or what it brought."""
    try:
        return next(course) if output is None else course.send(output)
    except StopIteration as end:
        visited: Visited = end.value
        return visited


def _read(state: _Visit, read: Read) -> Generator[Line, Output, None]:
    """Do one read, once or once for each combination of another's values."""
    for values in _turns(state, read):
        command = spoken(read.command, values)
        lines = [spoken(text, values) for text in read.enter]
        if command is None or None in lines:
            detail = f"the device gave {dict(values)!r:.80}; nothing that may stand in a command"
            state.taken.append(Taken(read=read, command=read.command, failed=Failure(Reason.UNREADABLE, detail)))
            continue
        if state.left <= 0 and state.stopped is None:
            failure = Failure(Reason.BUDGET, f"more than {state.most} commands in one visit")
            state.taken.append(Taken(read=read, command=command, failed=failure))
            continue
        failed = yield from _say(state, [line for line in lines if line])
        if failed is None:
            output = yield from _ask(state, command)
            _keep(state, read, values, output)
            yield from _say(state, read.leave)
        else:
            state.taken.append(Taken(read=read, command=command, failed=failed))


def _turns(state: _Visit, read: Read) -> list[dict[str, str]]:
    if read.each is None:
        return [{}]
    found = state.rows.get(read.each.read)
    if found is None:
        failed = state.stopped or Failure(Reason.NO_SUCH_OBJECT, f"'{read.each.read}' gave no rows to go by")
        state.taken.append(Taken(read=read, command=read.command, failed=failed))
        return []
    return [dict(pairs) for pairs in dict.fromkeys(tuple((n, r.get(n, "")) for n in read.each.values) for r in found)]


def _say(state: _Visit, lines: Sequence[str]) -> Generator[Line, Output, Failure | None]:
    for text in lines:
        output = yield from _ask(state, text)
        if output.failed is not None:
            return output.failed
    return None


def _ask(state: _Visit, text: str) -> Generator[Line, Output, Output]:
    if state.stopped is not None:
        return Output(command=text, failed=state.stopped)
    state.left -= 1
    output = yield Line(text=text)
    _doubt(state, output)
    if output.failed is not None and (output.stray or output.failed.reason in _OVER):
        state.stopped = output.failed
    return output


def _doubt(state: _Visit, output: Output) -> None:
    """Take back what the output before this one gave, when its end came after its prompt."""
    if output.stray:
        for at in state.last:
            detail = "more of it came after a prompt that seemed to end it"
            state.taken[at] = replace(state.taken[at], rows=(), failed=Failure(Reason.TORN, detail))
            state.rows.pop(state.taken[at].read.name, None)
    state.last = []


def _keep(state: _Visit, read: Read, values: Mapping[str, str], output: Output) -> None:
    if output.raw:
        state.heard.append(Heard(read=read.name, values=values, output=output))
    state.taken.append(understood(read, values, output, state.rows))
    made = state.taken[-1]
    state.last = [len(state.taken) - 1]
    if made.failed is None:
        state.rows.setdefault(read.name, []).extend(made.rows)


def understood(read: Read, values: Mapping[str, str], output: Output, known: Mapping[str, Sequence[Row]]) -> Taken:
    """Return what one output comes to; `known` are the rows of the reads before it."""
    if output.failed is not None and not _nothing(read, output):
        return Taken(read=read, command=output.command, failed=output.failed)
    found = rows(read, output.lines)
    if isinstance(found, Failure):
        return Taken(read=read, command=output.command, failed=found)
    made: list[Row] = [{**row, **values} for row in found]
    if read.join is not None:
        made = widened(made, known.get(read.join.read, ()), read.join.values)
    return Taken(read=read, command=output.command, rows=tuple(made))


def _nothing(read: Read, output: Output) -> bool:
    """Whether what looks like an error only says that there is nothing to show."""
    failed = output.failed
    return failed is not None and failed.reason is Reason.ERROR_STATUS and rows(read, output.lines) == []
