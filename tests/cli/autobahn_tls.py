"""autobahn-python as a client over TLS: joins, calls itself, prints the answer. FRAMEWORK KIND PORT CAFILE [CLIENT]."""

from __future__ import annotations

import ssl
import sys
from typing import Any

import txaio

FRAMEWORK, KIND, PORT, AUTHORITY, *CLIENT = sys.argv[1:]
if FRAMEWORK == "twisted":
    txaio.use_twisted()
    from autobahn.twisted.component import Component, run

    tls: Any = {"hostname": "localhost", "trust_root": AUTHORITY}
else:
    txaio.use_asyncio()
    from autobahn.asyncio.component import Component, run

    tls = ssl.create_default_context(cafile=AUTHORITY)
    if CLIENT:
        tls.load_cert_chain(f"{CLIENT[0]}.crt", f"{CLIENT[0]}.key")

transport: dict[str, Any] = {
    "type": KIND,
    "url": f"wss://localhost:{PORT}/ws" if KIND == "websocket" else f"rss://localhost:{PORT}",
    "endpoint": {"type": "tcp", "host": "localhost", "port": int(PORT), "tls": tls},
    "max_retries": 0,
}
transport["serializer" if KIND == "rawsocket" else "serializers"] = "json" if KIND == "rawsocket" else ["json"]
component = Component(transports=[transport], realm="realm1")


@component.on_join
async def on_join(session: Any, details: Any) -> None:
    """Register, call, leave."""

    def double(text: str) -> str:
        return text + text

    await session.register(double, "com.example.double")
    answer = await session.call("com.example.double", "x" * 40_000)
    print("answer:", len(answer), file=sys.__stdout__, flush=True)  # sys.stdout is the log's by now
    session.leave()


run([component], log_level="error")
