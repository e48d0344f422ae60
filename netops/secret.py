"""A secret by reference: it is named in the settings, and read only where it is used."""

from __future__ import annotations

import os
from pathlib import Path

from netops.errors import ConfigError


class Secret:
    """A reference to a secret; prints `***` and is read only where it is used.

    `file:/path` (one trailing newline is cut), `env:NAME`, `credential:NAME` (systemd's credentials directory), or
    `plain:…`, which only a rehearsal may use.
    """

    __slots__ = ("reference",)

    def __init__(self, reference: str) -> None:
        self.reference = reference

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reference == self.reference

    def __hash__(self) -> int:
        return hash(self.reference)

    def read(self) -> str:
        """Return the secret itself; ConfigError names the reference, never the content."""
        scheme, _, rest = self.reference.partition(":")
        try:
            if scheme == "file":
                return Path(rest).read_text(encoding="utf-8").removesuffix("\n")
            if scheme == "env":
                return os.environ[rest]
            if scheme == "credential":
                return (Path(os.environ["CREDENTIALS_DIRECTORY"]) / rest).read_text(encoding="utf-8").removesuffix("\n")
            if scheme == "plain":
                return rest
        except KeyError as error:
            raise ConfigError(f"secret {scheme}:{rest}: the variable {error} is not set") from None
        except OSError as error:
            raise ConfigError(f"secret {scheme}:{rest}: cannot be read ({error.strerror})") from None
        except UnicodeDecodeError:
            raise ConfigError(f"secret {scheme}:{rest}: is no UTF-8 text; expected one line") from None
        # What stands there may well be the secret itself, written out by mistake: it is not repeated.
        raise ConfigError("a secret is no reference; expected file:PATH, env:NAME, credential:NAME or plain:TEXT")
