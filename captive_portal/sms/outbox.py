"""A provider of a rehearsal: each message is a file, and a page shows the newest. Nobody's phone rings."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from captive_portal.sms.providers import Answer, Came, Provider

if TYPE_CHECKING:
    from pathlib import Path

    from captive_portal.sms.providers import Message

KEPT = 200
SHOWN = 20


class Outbox(Provider):
    """A folder; a message is whole or not there, and only the newest are kept."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder

    def hand(self, message: Message) -> Answer:
        """Write the message into a file of its own."""
        content = {"at_ms": message.at_ms, "phone": message.phone, "text": message.text, "code": message.code}
        file = self.folder / f"{message.at_ms:015d}-{message.id}.json"
        unfinished = file.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
                json.dump(content, opened, ensure_ascii=False)
            unfinished.rename(file)
            for old in sorted(self.folder.glob("*.json"))[:-KEPT]:
                old.unlink(missing_ok=True)
        except OSError as error:
            return Answer(came=Came.AWAY, said=str(error.strerror))
        return Answer(came=Came.TAKEN, receipt=message.id, said="file")

    def newest(self) -> list[dict[str, Any]]:
        """Return the newest messages, the last first."""
        files = sorted(self.folder.glob("*.json"), reverse=True)[:SHOWN]
        return [json.loads(each.read_text(encoding="utf-8")) for each in files if each.exists()]
