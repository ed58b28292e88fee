"""How an emulated board is configured: a sensor on its UART, a button on a pin, the page, and what is kept on the disk.

Two uplinks that never come up keep events for later, one with each write on the disk, one as it is by default.
"""

from __future__ import annotations

from typing import Final

#: the emulated UART: 16550 on PCI
TTY: Final = "/dev/ttyS0"
CONFIG: Final = """\
version: 2
workers:
  - type: router
    realms:
      - name: realm1
        store:
          type: sqlite
          path: events.sqlite
          sync: true
          event-history: [{uri: com.example.sensor, limit: 10000, max_bytes: 16777216}]
        roles:
          - name: anonymous
            permissions:
              - {uri: "", match: prefix, allow: {subscribe: true, call: true}}
    transports:
      - type: web
        endpoint: {type: tcp, port: 8080}
        paths:
          /: {type: static, package: edge_router, resource: page}
          ws: {type: websocket}
          info: {type: nodeinfo}
          metrics: {type: metrics}
bridges:
  - {type: serial, id: com.example.sensor, realm: realm1, device: /dev/ttyS0, baudrate: 115200, decode: json}
  - {type: board, id: com.example.board, realm: realm1}
  - type: gpio
    id: com.example.pins
    realm: realm1
    chip: 9030000.pl061
    inputs: {button: {line: 3}}
uplinks:
  - &hq
    id: hq
    realm: realm1
    transport: {type: rawsocket, url: "rs://127.0.0.1:9"}
    rules: [{uri: com.example.sensor, buffer: all}]
    store: {sync: true}
  - {<<: *hq, id: spare, store: {}}
"""
