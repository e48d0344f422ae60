"""One door to each library and each wire: who else comes to use one is seen here, and reads what the door does."""

from __future__ import annotations

import re
from pathlib import Path

import captive_portal

ROOT = Path(captive_portal.__file__).parent
DOORS = {
    "apsw": set(),  # netops/sqlite.py
    "sqlite3": set(),
    "ssl": set(),  # netops/outgoing.py
    "http": {"sms/http.py"},  # for its errors and statuses; the door is netops/question.py
    "cryptography": {"records/cipher.py", "certificate.py", "fas.py"},  # at rest; X.509; openNDS's own CBC
    "authlib": set(),  # netops/oidc/token.py
    "joserfc": set(),
}
IMPORT = re.compile(r"^(?:import|from) (\w+)", re.MULTILINE)  # at the margin: what is of types only stands further in


def test_a_library_has_one_door_and_a_unix_socket_is_a_line() -> None:
    users: dict[str, set[str]] = {library: set() for library in DOORS}
    sockets = set()
    for path in ROOT.rglob("*.py"):
        text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
        for library in set(IMPORT.findall(text)) & set(DOORS):
            users[library].add(name)
        if "socket.AF_UNIX" in text:
            sockets.add(name)

    assert users == DOORS
    assert sockets == {"socket_line.py"}
