"""A real browser, spoken to over two pipes: NUL-terminated JSON (`--remote-debugging-pipe`), no port and no library."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
PATIENCE_S = 60
AXE = Path(__file__).resolve().parents[2] / "partners" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Chromium:
    """One browser with one page; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._rest = b""
        self._events: list[dict[str, Any]] = []
        self._session = ""
        self._holds = False
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        theirs, self._down = os.pipe()
        self._up, theirs_up = os.pipe()
        words = ["chromium", *FLAGS, f"--user-data-dir={self._folder}", "about:blank"]
        with (self._folder / "chromium.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["bash", "-c", f'exec "$@" 3<&{theirs} 4>&{theirs_up}', "bash", *words],
                pass_fds=(theirs, theirs_up),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        os.close(theirs)
        os.close(theirs_up)
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(20)
        os.close(self._down)
        os.close(self._up)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Do one thing and return what came of it."""
        number = self._tell(method, **params)
        for answer in self._read():
            if answer.get("id") == number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return dict(answer["result"])
            self._events.append(answer)
        raise AssertionError("the browser has gone")

    def _tell(self, method: str, **params: Any) -> int:
        """Have one thing done; return the number that its answer will carry."""
        self._number += 1
        said: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            said["sessionId"] = self._session
        os.write(self._down, json.dumps(said).encode() + b"\0")
        return self._number

    def open(self, url: str) -> None:
        """Go there and wait until everything is loaded."""
        self._events.clear()
        self.ask("Page.navigate", url=url)
        self.wait("Page.loadEventFired")

    def wait(self, event: str) -> dict[str, Any]:
        """Wait for an event; return it."""
        for known in self._events:
            if known.get("method") == event:
                return dict(known["params"])
        for answer in self._read():
            self._events.append(answer)
            if answer.get("method") == event:
                return dict(answer["params"])
        raise AssertionError("the browser has gone")

    def told(self, event: str) -> list[dict[str, Any]]:
        """Return the events of a kind since the page was opened."""
        return [each["params"] for each in self._events if each.get("method") == event]

    def evaluate(self, expression: str) -> Any:
        """Return what an expression comes to in the page; a promise is waited for."""
        done = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            raise AssertionError(str(done["exceptionDetails"])[:500])
        return done["result"].get("value")

    def size(self, width: int, height: int, scale: float = 1) -> None:
        """Be as large as a phone."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=True)

    def too_small(self) -> list[str]:
        """Return what can be pressed and is smaller than 24 by 24 (WCAG 2.2, 2.5.8); a link within a text may be."""
        found = self.evaluate(
            "[...document.querySelectorAll('button,a,input:not([type=hidden]),select,summary')]"
            ".filter(e=>e.checkVisibility())"
            ".map(e=>[e.textContent.trim()||e.name,e.getBoundingClientRect()]).filter(([t,r])=>r.width<24||r.height<24)"
            ".map(([t,r])=>t+' '+r.width+'x'+r.height)"
        )
        return list(found)

    def axe(self, scheme: str) -> dict[str, Any]:
        """Return what axe finds in the page in a colour scheme, with every fold open."""
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.evaluate("document.querySelectorAll('details').forEach(e=>e.open=true)")
        if not self.evaluate("'axe' in window"):
            self.evaluate(AXE.read_text(encoding="utf-8") + ";0")
        found = self.evaluate(
            f"axe.run(document,{{runOnly:{json.dumps(RULES)}}}).then(r=>JSON.stringify({{rules:r.passes.length,"
            "wrong:r.violations.map(v=>[v.id,v.nodes.map(n=>n.html+' '+n.failureSummary)]),"
            "unsure:r.incomplete.map(v=>[v.id,v.nodes.map(n=>n.html)])}))"
        )
        return dict(json.loads(found))

    def hold(self, pattern: str) -> None:
        """Answer every request whose URL fits with nothing: a page that leads on by itself stays to be looked at."""
        self._holds = True
        self.ask("Fetch.enable", patterns=[{"urlPattern": pattern}])

    def let_go(self) -> None:
        """Leave the page, and what was held with it."""
        if self._holds:
            self.open("about:blank")
            self.ask("Fetch.disable")
            self._holds = False

    def picture(self, path: Path) -> None:
        """Write the whole page as PNG."""
        made = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(made["data"]))

    def _read(self) -> Iterator[dict[str, Any]]:
        until = time.monotonic() + PATIENCE_S
        while True:
            while b"\0" in self._rest:
                one, _, self._rest = self._rest.partition(b"\0")
                said = json.loads(one)
                if said.get("method") == "Fetch.requestPaused":
                    self._tell("Fetch.fulfillRequest", requestId=said["params"]["requestId"], responseCode=204)
                yield said
            if not select.select([self._up], [], [], max(0.0, until - time.monotonic()))[0]:
                raise AssertionError(f"no answer of the browser within {PATIENCE_S} s")
            part = os.read(self._up, 1 << 20)
            if not part:
                return
            self._rest += part
