"""The register's devices as the poller can ask them: target, profile, and why one cannot be asked. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collectors.snmp.ask import Target
from collectors.snmp.credential import readable
from netops.model import Reason
from netops.verify import ANCHOR

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from collectors.profile import Profile
    from collectors.snmp.ask import Community
    from collectors.snmp.usm import User
    from inventory.model import Device
    from inventory.snapshot import Snapshot
    from netops.config import Collect, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A device that can be asked."""

    id: str
    profile: str
    target: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """Who is asked, and who would be but cannot be, with the reason: a gap of ours in every slot."""

    asked: Mapping[str, Asked]
    barred: Mapping[str, Reason]


def roll(snapshot: Snapshot, settings: Settings, *, profiles: Mapping[str, Profile]) -> Roll:
    """Return the devices of the register that are polled. One without address and profile is only known, not polled."""
    asked: dict[str, Asked] = {}
    barred: dict[str, Reason] = {}
    keys = readable(settings)
    for device in snapshot.devices:
        if not device.address and not device.profile:
            continue
        reason = _barred(device, keys, profiles)
        if reason is not None:
            barred[device.id] = reason
        else:
            asked[device.id] = Asked(
                id=device.id,
                profile=device.profile,
                target=_target(device, keys[device.credential], settings.collect, _rate(device, profiles, settings)),
            )
    return Roll(asked=asked, barred=barred)


def bearing(snapshot: Snapshot) -> frozenset[str]:
    """Return the devices whose polls bear on a contract: services hang on them, or our sight is judged by them."""
    return frozenset(
        {service.device for service in snapshot.services}
        | {device.id for device in snapshot.devices if device.role == ANCHOR}
    )


def _barred(device: Device, keys: Mapping[str, object], profiles: Collection[str]) -> Reason | None:
    if not _numeric(device.address):
        return Reason.NO_ADDRESS
    if device.credential not in keys:
        return Reason.NO_CREDENTIAL
    if device.profile and device.profile not in profiles:
        return Reason.NO_PROFILE
    return None


def _numeric(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


def _rate(device: Device, profiles: Mapping[str, Profile], settings: Settings) -> int:
    """Return how many varbinds a second the device may be asked: what the settings allow, and what its family bears."""
    borne = profiles[device.profile].varbinds_per_s if device.profile else 0
    return min(borne, settings.collect.varbinds_per_s) if borne else settings.collect.varbinds_per_s


def _target(device: Device, key: Community | User, collect: Collect, rate: int) -> Target:
    return Target(
        address=device.address,
        port=device.port,
        credential=key,
        timeout_s=collect.timeout_s,
        retries=collect.retries,
        deadline_s=collect.deadline_s,
        varbinds_per_s=rate,
    )
