"""The rehearsal's visitors: devices on loopback that come by at the portal, log in by a tap, and leave.

They do what a phone's sheet does, over HTTP and nothing else: they know the portal's form as a page, not as code. Some
press the button with a page that is too old, some type a voucher that there is not: they are refused, as people are.
"""

from __future__ import annotations

import http.client
import logging
import random
import re
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from netops.config import Settings

LOG = logging.getLogger(__name__)
EVERY_S = 20.0
DEVICES = 60  # 127.9.1.1 and so on
ADDRESS = "127.9.1.{}"
TIMEOUT_S = 10.0
TOKEN = re.compile(r'name="token" value="([^"]+)"')
WRONG = 12  # one in so many types a voucher that there is not


class Visitors:
    """Come by one after the other; a portal that is away is tried again by the next one."""

    def __init__(self, settings: Settings, *, seed: int = 1, every_s: float = EVERY_S) -> None:
        at = settings.portal.listen
        self._host, self._port = at.host, at.port
        self._dice = random.Random(seed)  # noqa: S311  (who comes by when is no secret)
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.came = 0

    def start(self) -> None:
        """Begin."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="visitors", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(TIMEOUT_S * 4)
            self._thread = None

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            address = ADDRESS.format(self._dice.randint(1, DEVICES))
            try:
                self.visit(address, wrong=self._dice.randrange(WRONG) == 0)
            except (OSError, http.client.HTTPException) as error:
                LOG.info("no visit address=%s error=%s", address, error)

    def visit(self, address: str, *, wrong: bool = False) -> int:
        """Log in, or out who is in; return the status of the answer to the form."""
        page = self._ask(address, "GET", "/")[1]
        token = TOKEN.search(page)
        if token is None:
            return 0
        form = {"token": token[1], "agree": "1", "method": "click_through"}
        form |= {"method": "voucher", "code": "AAAAA-AAAAA-AAAAA"} if wrong else {}
        path = "/logout" if 'action="/logout' in page else "/login"
        self.came += 1
        return self._ask(address, "POST", path, urlencode(form))[0]

    def _ask(self, address: str, method: str, path: str, form: str = "") -> tuple[int, str]:
        link = http.client.HTTPConnection(self._host, self._port, source_address=(address, 0), timeout=TIMEOUT_S)
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        try:
            link.request(method, path, form or None, headers)
            answer = link.getresponse()
            return answer.status, answer.read(65_536).decode("utf-8", "replace")
        finally:
            link.close()
