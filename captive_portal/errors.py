"""The portal's errors: subject, expectation and remedy; none carries a MAC, a code or a token."""

from __future__ import annotations

from netops.errors import NetopsError


class PortalError(NetopsError):
    """Anything the portal says on purpose."""


class OrderError(PortalError):
    """An order of staff (vouchers, the end of a visit) asks for what cannot be; nothing was made or done."""

    exit_code = 2


class SessionError(PortalError):
    """An event came in a state that does not know it: a fault of our own, never of the visitor."""


class BusyError(PortalError):
    """Another request of the same device is under way; nothing was done for this one."""

    exit_code = 75


class CrowdError(BusyError):
    """Enough pages behind controllers are under way; `theirs`: those of this controller, and it is slow."""

    def __init__(self, message: str, *, theirs: bool) -> None:
        super().__init__(message)
        self.theirs = theirs


class GatewayError(PortalError):
    """The gateway refused or did not answer; nobody was let in by this request."""

    exit_code = 75


class SilentError(GatewayError):
    """The gateway did not answer in time: what was asked of it may have been done or not."""


class LateError(SilentError):
    """What was asked came too late to be done: nobody waits for it any more. It was not done."""


class AbsentError(SilentError):
    """Our own helper, server or way to a controller is not there: what fails then is our account, no carrier's."""


class GoneError(PortalError):
    """The thread that does our work one after the other is not running; nothing more is done by it."""


class KernelError(PortalError):
    """The kernel refused a netlink or nftables request; the message is the kernel's own."""


class RecordsError(PortalError):
    """The records of the law cannot be kept, read or trusted; who cannot be recorded is not let in."""
