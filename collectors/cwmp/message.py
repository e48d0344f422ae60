"""What CPE and ACS say to one another, as far as we speak it: the messages of TR-069 Amendment 6, annex A. Frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Faults of an ACS (table 63) that we send.
METHOD_NOT_SUPPORTED, REQUEST_DENIED, INTERNAL, INVALID_ARGUMENTS, RESOURCES_EXCEEDED, RETRY = range(8000, 8006)

# Faults of a CPE (table 62) that mean something for what is asked next.
CPE_RESOURCES_EXCEEDED, CPE_INVALID_NAME = 9004, 9005


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceId:
    """Who a CPE says it is (table 5)."""

    manufacturer: str
    oui: str
    product_class: str
    serial: str

    @property
    def names(self) -> tuple[str, ...]:
        """What it may be called, the most telling first: also the user names of section 3.4.4."""
        whole = f"{self.oui}-{self.product_class}-{self.serial}"
        return (whole, f"{self.oui}-{self.serial}", self.serial) if self.serial else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inform:
    """A CPE begins a session: for which reasons, and some of its parameters."""

    device: DeviceId
    events: tuple[tuple[str, str], ...]  # event code, command key
    parameters: Mapping[str, str]
    retries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The answer to GetParameterNames: full names and partial paths (they end in a dot)."""

    names: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The answer to GetParameterValues."""

    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The answer to SetParameterValues or SetParameterAttributes."""

    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The CPE refuses: code 9xxx, and its words."""

    code: int
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A CPE's own request besides Inform: its method, and of a TransferComplete what became of the transfer."""

    method: str
    words: Mapping[str, str] = field(default_factory=dict)


Body = Inform | Names | Values | Done | Fault | Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One message with what its envelope says: the CWMP namespace and the id that an answer repeats."""

    space: str
    id: str
    body: Body
    versions: tuple[str, ...] = ()  # of CWMP that the CPE speaks, where it says so (from 1.4 on)


# ---- what we ask


@dataclass(frozen=True, slots=True)
class GetNames:
    """GetParameterNames of everything below a partial path, or of its next level alone."""

    path: str
    next_level: bool = False


@dataclass(frozen=True, slots=True)
class GetValues:
    """GetParameterValues of full names."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetInform:
    """SetParameterValues of the periodic Inform: whether, and every how many seconds. Nothing else is ever set."""

    root: str
    interval_s: int


@dataclass(frozen=True, slots=True)
class SetNotification:
    """SetParameterAttributes: the CPE is to tell at once when one of these parameters changes (notification 2)."""

    names: tuple[str, ...]


Request = GetNames | GetValues | SetInform | SetNotification
