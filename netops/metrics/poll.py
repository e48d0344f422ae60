"""Metrics of our own asking: whether, how fast and with what lag a device answered."""

from __future__ import annotations

from netops.metrics.metric import Better, Metric, gauge

ENTRIES: tuple[Metric, ...] = (
    gauge(
        "poll.answered",
        "1",
        "轮询应答",
        "1 when the device answered the poll, 0 when it did not",
        "RFC 3416 4.2",
        better=Better.HIGHER,
        bounds=(0, 1),
    ),
    gauge(
        "poll.rtt",
        "ms",
        "轮询往返时延",
        "time from a request to its reply",
        "measured",
        better=Better.LOWER,
        bounds=(0, None),
    ),
    gauge(
        "poll.attempts",
        "1",
        "轮询尝试次数",
        "requests sent until the first was answered",
        "measured",
        better=Better.LOWER,
        bounds=(0, None),
    ),
    gauge(
        "poll.lag",
        "ms",
        "轮询滞后",
        "how late the poller was against its schedule",
        "measured",
        better=Better.LOWER,
        bounds=(0, None),
    ),
    gauge(
        "poll.datagrams",
        "1",
        "轮询发包数",
        "datagrams sent to the device for this poll, repeats included, and since the poll before it",
        "measured",
        better=Better.LOWER,
        bounds=(0, None),
    ),
    gauge(
        "poll.varbinds",
        "1",
        "轮询变量数",
        "objects that the device's replies to this poll carried",
        "measured",
        better=Better.LOWER,
        bounds=(0, None),
    ),
    gauge(
        "poll.octets",
        "By",
        "轮询应答字节数",
        "octets of the device's replies to this poll, without the headers of IP and UDP",
        "measured",
        better=Better.LOWER,
        bounds=(0, None),
    ),
)
