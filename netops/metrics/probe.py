"""Metrics of active probes: what a path is worth to a citizen, measured from a vantage point.

`there` is from the vantage point to the target, `back` the other way. A lost packet is an infinite delay: a percentile
that falls among the lost has no value and the code `no_answer`.
"""

from __future__ import annotations

from netops.metrics.metric import Better, Metric, Standing, State, gauge, state, text

ANSWERED = "probe.packets.answered"
COUNTED = frozenset({ANSWERED})
"""What a contract promises packet by packet: `netops/sla/packets.py`."""
_LOWER, _HIGHER = Better.LOWER, Better.HIGHER
_SHARE, _FROM_0 = (0, 100), (0, None)


def _delays(name: str, zh: str, en: str, source: str, low: float | None) -> tuple[Metric, ...]:
    return tuple(
        gauge(
            f"{name}.p{rank}",
            "ms",
            f"{zh}（{rank} 百分位）",
            f"{en}, {rank}th percentile of the slot's packets (nearest rank)",
            source,
            better=_LOWER,
            bounds=(low, None),
        )
        for rank in (50, 95, 99)
    )


def _counted(name: str, zh: str, en: str, source: str) -> Metric:
    return gauge(name, "1", zh, en, source, better=_LOWER, bounds=_FROM_0)


def _time(name: str, zh: str, en: str, source: str) -> Metric:
    return gauge(name, "ms", zh, en, source, better=_LOWER, bounds=_FROM_0)


ENTRIES: tuple[Metric, ...] = (
    gauge(
        "probe.reached",
        "1",
        "探测可达",
        "1 when the target answered as it should, 0 when it did not",
        "RFC 2678",
        better=_HIGHER,
        bounds=(0, 1),
    ),
    text("probe.kind", "探测种类", "how the target is probed", "register"),
    text("probe.role", "探测角色", "anchor: independent of what is judged; target: what is probed", "register"),
    text("probe.service", "对应服务", "the register's service that this path serves", "register"),
    gauge("probe.sent", "1", "探测发包数", "packets sent in the slot", "RFC 7680", bounds=_FROM_0),
    _counted("probe.lost", "丢包数", "packets without an answer", "RFC 6673"),
    _counted("probe.lost_there", "去程丢包数", "packets lost on the way there", "RFC 7680, RFC 8762 4.3"),
    _counted("probe.lost_back", "回程丢包数", "answers lost on the way back", "RFC 7680, RFC 8762 4.3"),
    _counted("probe.lost_unplaced", "方向不明丢包数", "packets lost on an unknown way", "RFC 6673"),
    gauge("probe.loss", "%", "往返丢包率", "lost among sent", "RFC 6673", better=_LOWER, bounds=_SHARE),
    gauge(
        "probe.loss_there",
        "%",
        "去程丢包率",
        "lost on the way there among sent, without those lost on an unknown way",
        "RFC 7680",
        better=_LOWER,
        bounds=_SHARE,
    ),
    gauge(
        "probe.loss_back",
        "%",
        "回程丢包率",
        "lost on the way back among those that arrived there",
        "RFC 7680",
        better=_LOWER,
        bounds=_SHARE,
    ),
    gauge(
        ANSWERED,
        "1",
        "探测包应答率",
        "share of the packets sent that were answered, ratio of sums over the period",
        "RFC 6673",
        better=_HIGHER,
    ),
    *_delays("probe.rtt", "往返时延", "round-trip delay without the reflector's own time", "RFC 2681, RFC 8762", 0),
    *_delays("probe.delay_there", "去程时延", "one-way delay there; valid with good clocks only", "RFC 7679", None),
    *_delays("probe.delay_back", "回程时延", "one-way delay back; valid with good clocks only", "RFC 7679", None),
    _time(
        "probe.variation", "往返时延变化", "95th percentile of the absolute IPDV of the round trip", "RFC 3393, 5481"
    ),
    _time("probe.variation_there", "去程时延变化", "95th percentile of the absolute IPDV there", "RFC 3393, 5481 4.1"),
    _time("probe.variation_back", "回程时延变化", "95th percentile of the absolute IPDV back", "RFC 3393, 5481 4.1"),
    _counted("probe.duplicates", "重复包数", "answers beyond the first to the same packet", "RFC 5560"),
    _counted("probe.reordered", "乱序包数", "answers that came after one to a later packet", "RFC 4737 3.3"),
    _time("probe.clock.error", "时钟误差上界", "how far both clocks together may be off", "RFC 4656 4.1.2"),
    gauge(
        "probe.clock.synchronised",
        "1",
        "时钟已同步",
        "1 when every clock involved says that it is synchronised",
        "adjtimex(2), RFC 4656 4.1.2",
        better=_HIGHER,
        bounds=(0, 1),
    ),
    gauge(
        "probe.held",
        "ms",
        "反射器停留时长",
        "95th percentile of the time that the reflector says it held a packet; taken out of the round trip",
        "RFC 8762 4.3",
        better=_LOWER,
    ),
    text("probe.seen_as", "对端所见地址", "our address as the reflector sees it: a NAT shows", "RFC 8972 4.2"),
    _time("probe.connect", "连接时延", "time to a TCP connection", "RFC 9293 3.5"),
    _time("probe.tls", "TLS 握手时延", "time of the TLS handshake", "RFC 8446"),
    _time("probe.first_byte", "首字节时延", "time from the request to the first octet of the answer", "RFC 9112"),
    _time("probe.total", "页面总时延", "time from the start to the last octet", "RFC 9112"),
    gauge("probe.http.status", "1", "HTTP 状态码", "status of the answer", "RFC 9110 15", bounds=(100, 599)),
    gauge("probe.certificate.days", "d", "证书剩余天数", "days until the certificate expires", "RFC 5280 4.1.2.5"),
    gauge(
        "probe.certificate.trusted",
        "1",
        "证书可信",
        "1 when the certificate is valid for the name and its issuer is trusted",
        "RFC 9525",
        better=_HIGHER,
        bounds=(0, 1),
    ),
    text("probe.certificate.issuer", "证书颁发者", "who issued the certificate", "RFC 5280 4.1.2.4"),
    text("probe.certificate.digest", "证书指纹", "SHA-256 of the certificate", "RFC 5280"),
    _time("probe.dns.time", "域名解析时延", "time to the answer", "RFC 1035"),
    gauge("probe.dns.code", "1", "域名解析应答码", "response code, 0 is no error", "RFC 1035 4.1.1", bounds=(0, 4095)),
    gauge("probe.dns.answers", "1", "域名解析记录数", "records of the type asked for", "RFC 1035", bounds=_FROM_0),
    gauge(
        "probe.login.success",
        "1",
        "门户登录成功",
        "1 when the login as a citizen does it led online, 0 when it did not",
        "YD/T 3563-2019 接入连接建立成功率",
        better=_HIGHER,
        bounds=(0, 1),
    ),
    _time(
        "probe.login.time",
        "门户登录用时",
        "time from the first request until online",
        "YD/T 3563-2019 认证平均响应时间",
    ),
    state(
        "probe.login.stage",
        "门户登录阶段",
        "how far the login came",
        "RFC 8952",
        State(1, "online", "登录后已上网", Standing.UP),
        State(2, "already_online", "无需登录", Standing.UNKNOWN),
        State(3, "no_answer", "网络无应答", Standing.DOWN),
        State(4, "no_portal", "未跳转到门户", Standing.DOWN),
        State(5, "no_page", "门户页面打不开", Standing.DOWN),
        State(6, "no_form", "页面没有可用的登录方式", Standing.DOWN),
        State(7, "refused", "登录被拒绝", Standing.DOWN),
        State(8, "not_online", "登录后仍不能上网", Standing.DOWN),
    ),
    gauge(
        "probe.throughput",
        "bit/s",
        "下载速率",
        "octets of the answer's body over the time from its first to its last octet",
        "RFC 6349, YD/T 3563-2019 接入速率",
        better=_HIGHER,
        bounds=_FROM_0,
    ),
    gauge(
        "probe.throughput.mean",
        "bit/s",
        "平均接入速率",
        "mean of the rates measured, none above the contracted one",
        "YD/T 3563-2019 接入速率",
        better=_HIGHER,
        bounds=_FROM_0,
    ),
    gauge("probe.throughput.octets", "By", "下载字节数", "octets fetched for the rate", "RFC 6349", bounds=_FROM_0),
    gauge(
        "probe.air.points",
        "1",
        "可收到的自有接入点数",
        "access points heard with an SSID asked for",
        "IEEE 802.11 9.3.3.2",
        better=_HIGHER,
        bounds=_FROM_0,
    ),
    gauge(
        "probe.air.others",
        "1",
        "可收到的其他接入点数",
        "other access points heard",
        "IEEE 802.11 9.3.3.2",
        bounds=_FROM_0,
    ),
    text("probe.air.ssids", "可收到的网络名", "the SSIDs asked for that are on the air", "IEEE 802.11 9.4.2.2"),
    gauge(
        "probe.air.signal",
        "dBm",
        "最强信号",
        "loudest beacon of ours",
        "radiotap dBm_AntSignal",
        better=_HIGHER,
        bounds=(-110, -10),
    ),
    gauge(
        "probe.air.signal_median",
        "dBm",
        "信号中位数",
        "median of our beacons' signals",
        "radiotap dBm_AntSignal",
        better=_HIGHER,
        bounds=(-110, -10),
    ),
    gauge("probe.dhcp.servers", "1", "DHCP 服务器数", "servers that answer a DISCOVER", "RFC 2131 3.1", bounds=_FROM_0),
    gauge(
        "probe.dhcp.strangers",
        "1",
        "未登记 DHCP 服务器数",
        "servers that answer and are not on the list",
        "RFC 2131 3.1",
        better=_LOWER,
        bounds=_FROM_0,
    ),
    text("probe.dhcp.stranger", "未登记 DHCP 服务器", "addresses of servers that are not on the list", "RFC 2131 9.7"),
)
