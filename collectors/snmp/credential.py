"""From a configured credential to what the engine speaks with; secrets are read here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors.errors import CollectorError
from collectors.snmp.ask import Community
from collectors.snmp.usm import User
from netops.errors import nearest

if TYPE_CHECKING:
    from netops.config import Credential

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
