"""What a device checks of the portal's certificate before anybody is let in: its names, and whom it asks about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from netops.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Its host names, and the hosts that tell whether it was revoked (OCSP, CRL)."""

    names: tuple[str, ...]
    revocation: tuple[str, ...]


def read(path: Path) -> Certificate:
    """Read the first certificate of a PEM file; ConfigError when there is none."""
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
        return Certificate(names=_names(found), revocation=tuple(dict.fromkeys(_hosts(_asked(found)))))
    except (OSError, ValueError) as error:
        raise ConfigError(f"certificate {path} cannot be read ({error}); expected PEM") from None


def fits(certificate: Certificate, host: str) -> bool:
    """Whether the certificate is one for this host name; a wildcard stands for one label (RFC 6125 section 6.4.3)."""
    parent = host.partition(".")[2]
    return any(name.lower() in {host.lower(), f"*.{parent}".lower()} for name in certificate.names)


def _names(found: x509.Certificate) -> tuple[str, ...]:
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(names.get_values_for_type(x509.DNSName))


def _asked(found: x509.Certificate) -> Iterable[str]:
    for each in found.extensions:
        if isinstance(each.value, x509.AuthorityInformationAccess):
            for way in each.value:
                if way.access_method == AuthorityInformationAccessOID.OCSP:
                    yield way.access_location.value
        elif isinstance(each.value, x509.CRLDistributionPoints):
            for point in each.value:
                yield from (str(name.value) for name in point.full_name or ())


def _hosts(urls: Iterable[str]) -> Iterable[str]:
    return filter(None, (urlsplit(each).hostname for each in urls))
