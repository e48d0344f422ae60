"""The way to a telemetry server over HTTP, in two dialects of writing.

`v1` posts line protocol to `/write`; `v2` goes through `influxdb-client`, synchronously: its batching writer would drop
a failed batch after a while. Whatever goes wrong is a StoreError (try again; the backlog is in the spool) or, when the
server answers that it will never take this record, a RefusedError.
"""

from __future__ import annotations

import base64
import http.client
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlencode, urlsplit

from influxdb_client import InfluxDBClient
from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from netops.errors import ConfigError, RefusedError, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netops.config import Secret

BODY_BYTES: Final = 4 << 20  # of one write: InfluxDB refuses more than 25 MB
ANSWER_BYTES: Final = 1 << 30
_NEVER: Final = frozenset({400, 413, 422})
_REMEDY: Final = {
    401: "check store.token",
    403: "check the rights of store.token",
    404: "check store.url, store.database and store.bucket",
    429: "the server asks for patience",
}


class Door:
    """One keep-alive connection to a server; opened when needed, thrown away after any error."""

    def __init__(self, url: str, *, timeout_s: float, authorization: str = "") -> None:
        parsed = urlsplit(url)
        if parsed.scheme not in ("http", "https") or not parsed.hostname:
            raise ConfigError(f"'store.url' is '{url}'; expected an address such as http://127.0.0.1:8086")
        self.url = url.rstrip("/")
        self._kind = http.client.HTTPSConnection if parsed.scheme == "https" else http.client.HTTPConnection
        self._host = parsed.hostname
        self._port = parsed.port
        self._base = parsed.path.rstrip("/")
        self._timeout_s = timeout_s
        self._headers = {"Authorization": authorization} if authorization else {}
        self._connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def ask(self, path: str, query: Mapping[str, str | Sequence[str]], *, body: bytes | None = None) -> bytes:
        """GET, or POST when there is a body; a question is put once more when a kept connection had gone stale."""
        fresh = self._connection is None
        try:
            return self._ask(path, query, body)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            if fresh:
                raise StoreError(f"store {self.url}{path}: no answer ({error})") from None
        try:
            return self._ask(path, query, body)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            raise StoreError(f"store {self.url}{path}: no answer ({error})") from None

    def _ask(self, path: str, query: Mapping[str, str | Sequence[str]], body: bytes | None) -> bytes:
        if self._connection is None:
            self._connection = self._kind(self._host, self._port, timeout=self._timeout_s)
        target = f"{self._base}{path}?{urlencode(query, doseq=True)}" if query else self._base + path
        try:
            self._connection.request("GET" if body is None else "POST", target, body=body, headers=self._headers)
            answer = self._connection.getresponse()
            content = answer.read(ANSWER_BYTES + 1)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self.close()
            raise
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise StoreError(f"store {self.url}{path}: {error or type(error).__name__}; is it running?") from None
        if answer.status >= 300:
            self.close()
            raise refusal(f"{self.url}{path}", answer.status, content)
        if len(content) > ANSWER_BYTES:
            self.close()
            raise StoreError(f"store {self.url}{path}: an answer over {ANSWER_BYTES} bytes; ask for a shorter window")
        return content

    def json(self, path: str, query: Mapping[str, str | Sequence[str]], *, body: bytes | None = None) -> Any:
        """Return the answer as JSON."""
        content = self.ask(path, query, body=body)
        try:
            return json.loads(content)
        except ValueError as error:
            raise StoreError(f"store {self.url}{path}: the answer is no JSON ({error})") from None


def refusal(where: str, status: int, content: bytes) -> StoreError:
    """Return the error that a status means: patience, a wrong setting, or a record that will never be taken."""
    said = content[:200].decode("utf-8", "replace").strip()
    kind = RefusedError if status in _NEVER else StoreError
    return kind(f"store {where}: HTTP {status} {said}; {_REMEDY.get(status, 'what was to be written is in the spool')}")


class Writer(Protocol):
    """One dialect of writing."""

    def write(self, body: str) -> None:
        """Send lines; return when the server has taken them all."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class PlainWriter:
    """Dialect `v1`: POST /write, precision ms."""

    def __init__(self, door: Door, *, database: str) -> None:
        self._door = door
        self._query = {"db": database, "precision": "ms"}

    def write(self, body: str) -> None:
        """Send lines."""
        self._door.ask("/write", self._query, body=body.encode())

    def close(self) -> None:
        """Leave the door to whom it belongs."""


class ClientWriter:
    """Dialect `v2`: /api/v2/write through `influxdb-client`, synchronous and without its retries."""

    def __init__(self, url: str, *, token: str, org: str, bucket: str, timeout_s: float) -> None:
        self._url = url.rstrip("/")
        self._bucket = bucket
        self._client = InfluxDBClient(
            url=self._url, token=token or "none", org=org, timeout=int(timeout_s * 1000), retries=False
        )
        self._api = self._client.write_api(write_options=SYNCHRONOUS)

    def write(self, body: str) -> None:
        """Send lines."""
        try:
            self._api.write(bucket=self._bucket, record=body, write_precision="ms")
        except ApiException as error:
            content = (
                (error.body or error.reason or "").encode() if isinstance(error.body, (str, type(None))) else error.body
            )
            if not error.status:
                raise StoreError(f"store {self._url}: no answer ({error.reason})") from None
            raise refusal(f"{self._url}/api/v2/write", error.status, content) from None
        except (InfluxDBError, HTTPError, OSError, http.client.HTTPException) as error:
            raise StoreError(f"store {self._url}: {error or type(error).__name__}; is it running?") from None

    def close(self) -> None:
        """Let go of the connections."""
        with suppress(HTTPError, OSError):
            self._api.close()
            self._client.close()


def writer(
    door: Door, *, dialect: str, token: Secret | None, org: str, bucket: str, database: str, timeout_s: float
) -> Writer:
    """Return the writer of a dialect; `v1` goes through the door of the questions."""
    if dialect == "v1":
        return PlainWriter(door, database=database)
    return ClientWriter(
        door.url, token="" if token is None else token.read(), org=org, bucket=bucket, timeout_s=timeout_s
    )


def authorization(token: Secret | None) -> str:
    """Return the header: `user:password` as Basic, which InfluxDB 1 knows, anything else as a Token."""
    if token is None:
        return ""
    secret = token.read()
    return f"Basic {base64.b64encode(secret.encode()).decode()}" if ":" in secret else f"Token {secret}"
