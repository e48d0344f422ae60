"""Which sites may be open without a login while their way in is broken: decided by two persons, told on by the core.

What is in force follows from the ledger alone: a request and its approval, both sealed, not taken back, not over.
The core writes it to `<data dir>/decisions/fail-open.note`, signed with the ledger's key, for those who may not read
the ledger: the portal, and what acts when the portal is dead. It names sites, times and leaves, and nobody.

Who reads it believes the key it knows, and no clock alone: `Watch` counts a decision's time on the monotonic clock too,
from the first sight of it. A clock that steps opens nothing before its time and nothing again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from netops.access import approvals
from netops.errors import EvidenceError, UsageError
from netops.evidence import canonical, files
from netops.evidence import note as notes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from netops.access.approvals import Approval
    from netops.config import Settings
    from netops.evidence.note import VerifierKey
    from netops.ledger_file import Leaf, LedgerReader
    from netops.sign import Signer

NAME = "fail-open.note"
KIND = "netops fail-open 1"  # a note's first line: never the origin of a log, so no checkpoint reads as one of these
LARGEST = 256 * 1024
ACTION = "fail_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A decision in force: these sites, in `[start_ms, end_ms)`. `leaf` is where its approval stands in the ledger."""

    request: str
    leaf: int
    sites: tuple[str, ...]
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What is in force by the first `leaves` leaves of the ledger, counted up to the last that says so."""

    origin: str
    leaves: int = 0
    orders: tuple[Order, ...] = ()


def of(ledger: LedgerReader, *, now_ms: int) -> Orders:
    """Return the decisions of a ledger that are in force now or later."""
    kinds = ("approval_request", "approval_decision")
    leaves = sorted((leaf for kind in kinds for leaf in ledger.find(kind)), key=lambda leaf: leaf.index)
    held = approvals.fold((leaf.fact, True) for leaf in leaves)
    orders = tuple(_order(each, leaves) for each in held.values() if _allowed(each) and _ends(each) > now_ms)
    last = leaves[-1].index + 1 if leaves else 0
    return Orders(origin=ledger.origin, leaves=last, orders=orders)


def _allowed(approval: Approval) -> bool:
    """Whether it is one of ours, allowed and not taken back, in terms that can be carried out."""
    if approval.request.action != ACTION or approval.state != approvals.APPROVED:
        return False
    try:
        approvals.check(ACTION, approval.request.terms)
    except UsageError:  # as an earlier version asked for it: nothing carried that out
        return False
    return True


def _ends(approval: Approval) -> int:
    """Return the end of what was allowed; never later than the action allows, whatever its terms say."""
    terms: Any = approval.request.terms
    return min(int(terms["end_ms"]), int(terms["start_ms"]) + approvals.ACTIONS[ACTION].longest_ms)


def _order(approval: Approval, leaves: Iterable[Leaf]) -> Order:
    terms: Any = approval.request.terms
    decided = next(
        leaf.index
        for leaf in leaves
        if leaf.fact.kind == "approval_decision" and approvals.decision(leaf.fact) == approval.decision
    )
    return Order(
        request=approval.request.id,
        leaf=decided,
        sites=tuple(sorted(terms["sites"])),
        start_ms=int(terms["start_ms"]),
        end_ms=_ends(approval),
    )


# ---- the note
def signed(orders: Orders, signer: Signer) -> bytes:
    """Return the signed note."""
    body = {"leaves": orders.leaves, "orders": [{**asdict(each), "sites": list(each.sites)} for each in orders.orders]}
    return signer.sign(f"{KIND}\n{orders.origin}\n{canonical.dumps(body).decode()}\n")


def opened(data: bytes, key: VerifierKey) -> Orders:
    """Return what a note says that this key has signed; EvidenceError for anything else, another city's included."""
    if len(data) > LARGEST:
        raise EvidenceError(f"{NAME}: more than {LARGEST} octets")
    told = notes.parse(data)
    notes.verify(told, [key])
    kind, _, rest = told.text.partition("\n")
    origin, _, text = rest.partition("\n")
    if kind != KIND or origin != key.name:
        raise EvidenceError(f"{NAME}: it is '{kind}' of '{origin}'; expected '{KIND}' of '{key.name}'")
    return _read(origin, canonical.loads_exact(text.removesuffix("\n").encode()))


def _read(origin: str, body: Any) -> Orders:
    try:
        orders = tuple(
            Order(
                request=str(each["request"]),
                leaf=int(each["leaf"]),
                sites=tuple(map(str, each["sites"])),
                start_ms=int(each["start_ms"]),
                end_ms=min(int(each["end_ms"]), int(each["start_ms"]) + approvals.ACTIONS[ACTION].longest_ms),
            )
            for each in body["orders"]
        )
        return Orders(origin=origin, leaves=int(body["leaves"]), orders=orders)
    except (KeyError, TypeError, ValueError) as error:
        raise EvidenceError(f"{NAME}: its content is not what such a note says ({error})") from None


def publish(settings: Settings, ledger: LedgerReader, signer: Signer, *, now_ms: int) -> None:
    """Write what is in force, where it differs from what is written."""
    data = signed(of(ledger, now_ms=now_ms), signer)
    if read(settings) != data:
        path(settings).parent.mkdir(exist_ok=True)
        path(settings).parent.chmod(0o755)  # whatever the unit's umask is
        files.replace(path(settings), data, mode=0o644)


def path(settings: Settings) -> Path:
    """Return where the core writes it: in a directory of its own, that a process may see and nothing else of us."""
    return settings.data.dir / "decisions" / NAME


def read(settings: Settings) -> bytes:
    """Return the note as it lies there, unchecked; nothing where none can be read."""
    try:
        with path(settings).open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError:
        return b""


def key(settings: Settings) -> VerifierKey:
    """Return the ledger's public key as this machine has it; EvidenceError where there is none."""
    at = settings.data.dir / "keys" / "evidence.vkey"
    try:
        return notes.VerifierKey.parse(at.read_text(encoding="ascii").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise EvidenceError(f"{at}: cannot be read ({error}); `netops init` makes it") from None


# ---- what a reader believes
class Watch:
    """What a process knows of decisions, and since when, by both clocks. Not shared between threads."""

    def __init__(self, known: VerifierKey) -> None:
        self._key = known
        self._orders = Orders(origin=known.name)
        self._data = b""
        self._terms: dict[tuple[int, int, int], tuple[float, float]] = {}

    @property
    def note(self) -> bytes:
        """The note that is believed now."""
        return self._data

    def take(self, data: bytes, *, now_ms: int, monotonic: float) -> bool:
        """Believe a note; return whether it is another one. EvidenceError when it is forged, foreign or older."""
        if data == self._data or not data:
            return False
        orders = opened(data, self._key)
        if orders.leaves < self._orders.leaves:
            raise EvidenceError(f"{NAME}: it knows {orders.leaves} leaves, and one of {self._orders.leaves} was seen")
        self._orders, self._data = orders, data
        for each in orders.orders:
            begins, ends = (monotonic + (at_ms - now_ms) / 1000 for at_ms in (each.start_ms, each.end_ms))
            self._terms.setdefault(_term(each), (begins, ends))
        return True

    def order(self, site: str, *, now_ms: int, monotonic: float) -> Order | None:
        """Return the decision by which a site may be open now, the one that lasts longest; None: it may not."""
        found = [each for each in self._orders.orders if site in each.sites and self._left(each, now_ms, monotonic) > 0]
        return max(found, key=lambda each: each.end_ms, default=None)

    def named(self, request: str, leaf: int) -> Order | None:
        """Return the decision that somebody was let in by, if it is among those that are believed."""
        return next((each for each in self._orders.orders if (each.request, each.leaf) == (request, leaf)), None)

    def left_s(self, order: Order, *, now_ms: int, monotonic: float) -> int:
        """Return for how many whole seconds a decision is still in force, by the clock that says less."""
        return max(0, int(self._left(order, now_ms, monotonic)))

    def _left(self, order: Order, now_ms: int, monotonic: float) -> float:
        begins, ends = self._terms.get(_term(order), (0.0, 0.0))
        if order not in self._orders.orders or not (order.start_ms <= now_ms < order.end_ms and begins <= monotonic):
            return 0.0
        return min(ends - monotonic, (order.end_ms - now_ms) / 1000)


def _term(order: Order) -> tuple[int, int, int]:
    return order.leaf, order.start_ms, order.end_ms
