"""How a command line speaks, as data: what a prompt looks like, what makes it talk to a program, what it pages with.

`collectors/ssh/dialects.py` lists them; `talk.py` holds the conversation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["shell", "exec"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One family of command lines. All patterns are regular expressions over one shown line.

    `prompt` must match the whole line; what its group `name` holds stays the same for a session, whatever the view.
    `setup` lines are said once; a refusal of one is borne. `pager` is answered with `key`. `asks` are questions with
    their answers (`{user}` and `{password}` stand for the credential's), `refuses` are questions that only a person may
    answer: the visit ends. `errors` begin a line that says that a command was not carried out; `noise` are log lines
    that the device mixes in. A dialect of mode `exec` runs each command in a channel of its own, as `wrapped`, which
    prints the mark behind it.
    """

    name: str
    zh: str
    en: str
    netmiko: str = ""
    mode: Mode = "shell"
    prompt: str = ""
    setup: tuple[str, ...] = ()
    pager: tuple[str, ...] = ()
    key: str = " "
    asks: tuple[tuple[str, str], ...] = ()
    refuses: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
    enable: str = ""  # said after login where the credential has the password of the privileged mode
    wrapped: str = ""  # exec: `{command}; echo {mark}$?`
