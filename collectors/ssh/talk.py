"""One conversation with a command line, octets in and octets out: what was said, what came back, whether it is whole.

    GREETING --a prompt--> READY --ask()--> ASKING --the same prompt again--> READY
        any state --a fault--> OVER

An output is whole when the command was echoed, nothing stood before the echo, and the session's own prompt came back as
an unfinished last line with no pager waiting. All else is a Failure with what was missing; never a shorter table. No
socket and no clock here: who carries the octets also says when the time is up (`expire`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from collectors.snmp.ask import Failure
from collectors.ssh import screen
from netops.model import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from collectors.ssh.dialect import Dialect

TAIL = 1024  # octets of an unfinished line in which a prompt, a pager or a question is looked for
PAGES = 5000
LIVELY_S = 1.0  # who sent something within this time was still sending
QUESTIONS = 20


class State(Enum):
    """Where a conversation is."""

    GREETING = "greeting"
    READY = "ready"
    ASKING = "asking"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one command may cost: octets, lines and seconds of output; commands of a visit, seconds of all of it."""

    octets: int = 1 << 20
    lines: int = 20_000
    read_s: float = 30.0
    connect_s: float = 10.0
    commands: int = 256
    deadline_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Something to say. `answers` are questions that it may raise, with what is said then (a password, never kept)."""

    text: str
    answers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What one command gave: its lines without echo and prompt, the octets as they came, and what is wrong with it."""

    command: str
    lines: tuple[str, ...] = ()
    raw: bytes = b""
    cuts: tuple[int, ...] = ()  # where in them the device waited for a key or an answer
    prompt: str = ""
    failed: Failure | None = None
    stray: bool = False  # something stood before the echo: what was read before this is not to be believed either


class _Patterns(NamedTuple):
    prompt: re.Pattern[str]
    pager: re.Pattern[str]
    refuses: re.Pattern[str]
    errors: re.Pattern[str]
    noise: re.Pattern[str]
    asks: tuple[tuple[re.Pattern[str], str], ...]


_NEVER = r"(?!)"


@lru_cache(maxsize=64)
def patterns(dialect: Dialect) -> _Patterns:
    """Return a dialect's expressions, compiled."""

    def any_of(given: tuple[str, ...]) -> re.Pattern[str]:
        return re.compile("|".join(f"(?:{each})" for each in given) if given else _NEVER, re.ASCII)

    def folded(given: tuple[str, ...]) -> re.Pattern[str]:
        return re.compile("|".join(f"(?:{each.removeprefix('(?i)')})" for each in given) or _NEVER, re.IGNORECASE)

    asks = tuple((re.compile(pattern), answer) for pattern, answer in dialect.asks)
    return _Patterns(
        re.compile(dialect.prompt or _NEVER),
        folded(dialect.pager),
        folded(dialect.refuses),
        any_of(dialect.errors),
        any_of(dialect.noise),
        asks,
    )


class Talk:
    """One conversation. Feed it with `take`, send what `outgoing` gives."""

    def __init__(self, dialect: Dialect, limits: Limits, *, words: Mapping[str, str], woken: bool = False) -> None:
        """`words` stand for `{user}` and `{password}`; `woken`: somebody else logged in, ask for the prompt again."""
        self._dialect = dialect
        self._seen = patterns(dialect)
        self._limits = limits
        self._words = words
        self._send = bytearray(b"\n" if woken else b"")
        self._came = bytearray()
        self._kept = bytearray()  # what came, without the pager's words
        self._line = Line(text="")
        self._from = 0  # an unfinished line is looked at from here on: what was answered is not answered again
        self._pages = self._questions = self._feeds = 0
        self._told: set[str] = set()
        self._cuts: list[int] = []
        self.state = State.GREETING
        self.prompt = ""
        self.failed: Failure | None = None
        self.output: Output | None = None

    def outgoing(self) -> bytes:
        """Return what is to be sent now."""
        sent = bytes(self._send)
        self._send.clear()
        return sent

    @property
    def settled(self) -> bool:
        """Whether there is nothing to wait for: it is ready for a command, or over."""
        return self.state in {State.READY, State.OVER}

    def ask(self, line: Line) -> None:
        """Say a command. What has come since the last prompt stays and stands before its echo."""
        if self.state is not State.READY:
            raise RuntimeError(f"a command while {self.state.value}; expected to be ready")
        self._line = line
        self._pages = self._questions = 0
        self._told = set()
        self.output = None
        self._send += line.text.encode() + b"\n"
        self.state = State.ASKING

    def take(self, octets: bytes) -> None:
        """Take what came."""
        if self.state is State.OVER:
            return
        self._came += octets
        self._kept += octets
        self._feeds += octets.count(b"\n")
        if len(self._came) > self._limits.octets:
            self._over(Failure(Reason.PROTOCOL_FAULT, f"more than {self._limits.octets} octets of output"))
        elif self._feeds > self._limits.lines:
            self._over(Failure(Reason.PROTOCOL_FAULT, f"more than {self._limits.lines} lines of output"))
        elif self.state is not State.READY:
            self._look()

    def _look(self) -> None:
        start = max(self._kept.rfind(b"\n") + 1, self._from)
        if len(self._kept) - start > TAIL:
            return
        bare = screen.last(bytes(self._kept[start:])).strip()
        if not bare:
            return
        if self._seen.pager.fullmatch(bare):
            self._page(start)
        elif (found := self._seen.prompt.fullmatch(bare)) is not None:
            self._prompted(found, start)
        elif not self._question(bare) and self._seen.refuses.fullmatch(bare):
            self._over(Failure(Reason.AUTH_FAILED, f"the device asks what only a person may answer: {bare[:80]!r}"))

    def _page(self, start: int) -> None:
        self._pages += 1
        if self._pages > PAGES:
            self._over(Failure(Reason.PROTOCOL_FAULT, f"more than {PAGES} pages"))
            return
        del self._kept[start:]
        self._from = len(self._kept)
        self._cuts.append(len(self._came))
        self._send += self._dialect.key.encode()

    def _question(self, tail: str) -> bool:
        """Answer what may be answered. The credential is said at login only, and once: a table could ask for it too."""
        for pattern, answer in (*_compiled(self._line.answers), *self._seen.asks):
            if not pattern.fullmatch(tail):
                continue
            word = self._words.get(answer.strip("{}"), "") if answer.startswith("{") else None
            if word is not None and self.state is not State.GREETING:
                continue
            self._questions += 1
            again = pattern.pattern in self._told and (word is not None or pattern.pattern in dict(self._line.answers))
            if again or self._questions > QUESTIONS:
                self._over(Failure(Reason.AUTH_FAILED, "the device asks again for what it was given"))
                return True
            self._told.add(pattern.pattern)
            self._from = len(self._kept)
            self._cuts.append(len(self._came))
            self._send += (answer if word is None else word).encode() + b"\n"
            return True
        return False

    def _prompted(self, found: re.Match[str], start: int) -> None:
        if self.state is State.GREETING:
            self._greeted(found["name"])
        elif found["name"] == self.prompt:
            self._finish(bytes(self._kept[:start]))

    def _greeted(self, name: str) -> None:
        """Believe a prompt that comes twice: a banner may hold a line that looks like one."""
        if name == self.prompt:
            self._clear()
            self.state = State.READY
            return
        self.prompt = name
        self._questions += 1
        if self._questions > QUESTIONS:
            self._over(Failure(Reason.PROTOCOL_FAULT, f"no two prompts are alike; the last is {name!r}"))
            return
        self._from = len(self._kept)
        self._send += b"\n"

    def _finish(self, kept: bytes) -> None:
        """End the command, if it was echoed; a prompt before that is the one at which it was said."""
        lines = [each for each in screen.shown(kept) if not self._seen.noise.fullmatch(each)]
        while lines and not lines[-1]:
            lines.pop()
        said = [at for at, each in enumerate(lines) if each]
        command = self._line.text
        echo = next((at for at in said if _echoes(lines[at], command, self.prompt, self._seen.prompt)), -1)
        if echo < 0 if command else b"\n" not in kept:
            return
        stray = lines[said[0]] if said and said[0] != echo else ""
        seen = self._seen.prompt
        answer = tuple(each for each in lines[echo + 1 :] if not _echoes(each, command, self.prompt, seen))
        failed: Failure | None = None
        if stray:
            failed = Failure(Reason.TORN, f"{stray[:60]!r} stood before the echo of the command")
        elif wrong := next((each for each in answer if self._seen.errors.fullmatch(each)), ""):
            failed = Failure(Reason.ERROR_STATUS, wrong.strip()[:200])
        self.output = Output(
            command=command,
            lines=answer,
            raw=bytes(self._came),
            cuts=tuple(self._cuts),
            prompt=self.prompt,
            failed=failed,
            stray=bool(stray),
        )
        self._clear()
        self.state = State.READY

    def _clear(self) -> None:
        self._came.clear()
        self._kept.clear()
        self._cuts.clear()
        self._from = self._feeds = 0

    def expire(self, reason: Reason, detail: str, *, lively: bool = False) -> None:
        """End the conversation: the time is up, or the connection is gone.

        Who is still sending (`lively`) when the time is up does not end: a fault of the device, no silence.
        """
        if self.state is State.OVER:
            return
        if lively and self.state is State.ASKING:
            self._over(Failure(Reason.PROTOCOL_FAULT, f"{detail} and still sending, {len(self._came)} octets so far"))
            return
        if self.state is State.ASKING:
            detail = f"{detail}, after {len(self._came)} octets without echo and prompt"
        elif self.state is State.GREETING:
            detail = f"{detail} before a prompt"
        self._over(Failure(reason, detail))

    def _over(self, failure: Failure) -> None:
        self.failed = failure
        if self.state is State.ASKING:
            self.output = Output(command=self._line.text, raw=bytes(self._came), cuts=tuple(self._cuts), failed=failure)
        self.state = State.OVER


def reread(raw: bytes, dialect: Dialect, limits: Limits, *, command: str, prompt: str, cuts: Sequence[int]) -> Output:
    """Return the output that archived octets hold, by the same rules as when they came."""
    talk = Talk(dialect, limits, words={})
    talk.state, talk.prompt = State.READY, prompt
    talk.ask(Line(text=command))
    for start, end in pairwise([0, *cuts, len(raw)]):
        talk.take(raw[start:end])
    if talk.output is None:
        talk.expire(Reason.TORN, "the octets end")
    return talk.output or Output(command=command, raw=raw, failed=talk.failed)


@lru_cache(maxsize=64)
def _compiled(answers: tuple[tuple[str, str], ...]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern), answer) for pattern, answer in answers)


def _echoes(line: str, command: str, name: str, prompt: re.Pattern[str]) -> bool:
    """Whether a line is the command's echo: the command alone, or behind the session's own prompt."""
    if not command:
        return False
    bare, wanted = "".join(line.split()), "".join(command.split())
    if bare == wanted:
        return True
    if not bare.endswith(wanted) or command not in line:
        return False
    head = prompt.fullmatch(line[: line.rfind(command)].strip())
    return head is not None and head["name"] == name
