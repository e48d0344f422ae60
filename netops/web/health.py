"""`/healthz`, `/readyz` and `/metrics`: whether the process lives, whether it can serve, and what it counts.

Reasons and counters are told to callers on the same machine only; a stranger learns `ready` or `not ready`.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from flask import Blueprint, Response, current_app, g, jsonify, request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Flask

    from netops.clock import Clock

COUNTERS = "netops.counters"  # where an application keeps its own, for what answers before it
BOUNDS_S = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # 0.3 s is the promise for a page


@dataclass(slots=True)
class Counters:
    """Requests by endpoint and status, and a histogram of their time. Bounded: endpoints are ours, not the caller's."""

    requests: dict[tuple[str, int], int] = field(default_factory=dict)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    seconds: float = 0.0
    lock: Lock = field(default_factory=Lock)

    def add(self, endpoint: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        bucket = next((at for at, bound in enumerate(BOUNDS_S) if seconds <= bound), len(BOUNDS_S))
        with self.lock:
            self.requests[endpoint, status] = self.requests.get((endpoint, status), 0) + 1
            self.buckets[bucket] += 1
            self.seconds += seconds

    def lines(self, name: str) -> list[str]:
        """Return the counters in the Prometheus text format."""
        with self.lock:
            requests, buckets, seconds = dict(self.requests), list(self.buckets), self.seconds
        out = ["# TYPE netops_web_requests_total counter"]
        out += [
            f'netops_web_requests_total{{app="{name}",endpoint="{endpoint}",status="{status}"}} {count}'
            for (endpoint, status), count in sorted(requests.items())
        ]
        out.append("# TYPE netops_web_request_seconds histogram")
        total = 0
        for bound, count in zip([*map(str, BOUNDS_S), "+Inf"], buckets, strict=True):
            total += count
            out.append(f'netops_web_request_seconds_bucket{{app="{name}",le="{bound}"}} {total}')
        out.append(f'netops_web_request_seconds_sum{{app="{name}"}} {seconds:.6f}')
        out.append(f'netops_web_request_seconds_count{{app="{name}"}} {total}')
        return out


def near(address: str | None) -> bool:
    """Whether the caller is on this machine."""
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


def install(
    app: Flask,
    clock: Clock,
    *,
    ready: Callable[[], Mapping[str, str]],
    gauges: Callable[[], Mapping[str, float]],
) -> None:
    """Serve the three addresses. `ready` returns what is wrong by subject; `gauges` a number by metric name."""
    counters = app.extensions[COUNTERS] = Counters()
    health = Blueprint("health", __name__)

    @health.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @health.get("/readyz")
    def readyz() -> tuple[Response, int]:
        wrong = dict(ready())
        shown = wrong if near(request.remote_addr) else {}
        return jsonify(ready=not wrong, wrong=shown), 503 if wrong else 200

    @health.get("/metrics")
    def metrics() -> Response:
        if not near(request.remote_addr):
            return Response("metrics are told to callers on this machine only\n", status=403, mimetype="text/plain")
        lines = counters.lines(current_app.name)
        for name, value in sorted(gauges().items()):
            lines += [f"# TYPE {name} gauge", f"{name} {value:g}"]
        return Response("\n".join(lines) + "\n", mimetype="text/plain; version=0.0.4")

    app.register_blueprint(health)

    @app.before_request
    def _begin() -> None:
        g.began = clock.monotonic()

    @app.after_request
    def _count(response: Response) -> Response:
        counters.add(
            request.endpoint or "none", response.status_code, clock.monotonic() - g.get("began", clock.monotonic())
        )
        return response
