"""Sends one SNMPv3 notification with pysnmp: `pysnmp_sender.py PORT SOURCE trap|inform AUTH PRIV`. Run by a test."""

import asyncio
import sys
import warnings

warnings.simplefilter("ignore")
from pysnmp.hlapi.v3arch import asyncio as api  # noqa: E402  (its import warns)


async def main() -> None:
    port, source, kind, auth, priv = sys.argv[1:]
    protocols = {"authProtocol": api.usmHMAC192SHA256AuthProtocol, "privProtocol": api.usmAesCfb128Protocol}
    engine = api.SnmpEngine()
    target = await api.UdpTransportTarget.create(("127.0.0.1", int(port)), timeout=5, retries=0)
    target.iface = (source, 0)
    name = "1.3.6.1.6.3.1.1.5.1" if kind == "trap" else "1.3.6.1.6.3.1.1.5.2"
    error, *_ = await api.send_notification(
        engine,
        api.UsmUserData("poller", auth, priv, **protocols),
        target,
        api.ContextData(),
        kind,
        api.NotificationType(api.ObjectIdentity(name)),
    )
    if error:
        sys.exit(str(error))


asyncio.run(main())
