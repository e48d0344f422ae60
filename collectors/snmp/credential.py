"""From a configured credential to what the engine speaks with; secrets are read here and nowhere else."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from collectors.errors import CollectorError
from collectors.snmp.ask import Community
from collectors.snmp.usm import User
from netops.errors import ConfigError, nearest

if TYPE_CHECKING:
    from netops.config import Credential, Settings

_VERSIONS = ("v2c", "v3")


def spoken(name: str, credential: Credential) -> Community | User:
    """Return the community or user of credential `name`; CollectorError or ConfigError says what is missing."""
    if credential.kind != "snmp":
        raise CollectorError(f"credential '{name}' is of kind {credential.kind}; a device is asked by one of kind snmp")
    if credential.version == "v2c":
        if credential.community is None:
            raise CollectorError(f"credential '{name}' is v2c and has no community; set credentials.{name}.community")
        return Community(credential.community.read().encode())
    if credential.version != "v3":
        hint = nearest(credential.version, _VERSIONS)
        raise CollectorError(f"credential '{name}' has version '{credential.version}'; expected v2c or v3{hint}")
    if not credential.user:
        raise CollectorError(f"credential '{name}' is v3 and has no user; set credentials.{name}.user")
    return User(
        name=credential.user,
        auth_protocol=credential.auth_protocol,
        auth_key=credential.auth_key.read() if credential.auth_key else "",
        priv_protocol=credential.priv_protocol,
        priv_key=credential.priv_key.read() if credential.priv_key else "",
        context=credential.context,
    )


def readable(settings: Settings) -> dict[str, Community | User]:
    """Return the credentials whose secrets can be read now; one that cannot bars its devices, not the others."""
    keys: dict[str, Community | User] = {}
    for name, given in settings.credentials.items():
        with suppress(ConfigError, CollectorError):
            keys[name] = spoken(name, given)
    return keys
