"""Every part a configuration can name: kind -> name -> where its configuration and its code are, as import strings.

Nothing is imported until it is named, so a node pays only for what it uses; a configuration struct never imports
Twisted, the part behind it may. Other packages add parts with two entry points of the group `edge_router.<kind>`:

    [project.entry-points."edge_router.bridge"]
    lora = "mypackage.lora:LoraBridge"
    "lora.config" = "mypackage.config:LoraConfig"
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any, NamedTuple


class Part(NamedTuple):
    """Where a part is. config: its configuration struct. part: its class. Both as `module:attribute`."""

    config: str
    part: str


_SCHEMA = "edge_router.config.schema"
_WEBREALM = f"{_SCHEMA}.webrealm"
_WEBSERVE = f"{_SCHEMA}.webserve"
_WEBCODE = f"{_SCHEMA}.webcode"
_I2C = "bridges.i2c.drivers"

PARTS: dict[str, dict[str, Part]] = {
    "worker": {
        "router": Part(f"{_SCHEMA}:RouterWorker", "edge_router.node.router:RouterWorker"),
        "container": Part(f"{_SCHEMA}:ContainerWorker", "edge_router.node.container:ContainerWorker"),
        "guest": Part(f"{_SCHEMA}:GuestWorker", "edge_router.node.guest:GuestWorker"),
    },
    "transport": {
        "rawsocket": Part(f"{_SCHEMA}:RawSocket", "edge_router.transports.rawsocket:RawSocketTransport"),
        "websocket": Part(f"{_SCHEMA}:WebSocket", "edge_router.transports.websocket:WebSocketTransport"),
        "web": Part(f"{_SCHEMA}:Web", "edge_router.web.site:WebTransport"),
        "universal": Part(f"{_SCHEMA}:Universal", "edge_router.transports.universal:UniversalTransport"),
    },
    "webservice": {
        "websocket": Part(f"{_SCHEMA}:WebSocketPath", "edge_router.web.websocket:WebSocketService"),
        "static": Part(f"{_SCHEMA}:StaticPath", "edge_router.web.static:StaticService"),
        "nodeinfo": Part(f"{_SCHEMA}:NodeInfoPath", "edge_router.web.nodeinfo:NodeInfoService"),
        "path": Part(f"{_SCHEMA}:NestedPath", "edge_router.web.path:NestedService"),
        "publisher": Part(f"{_WEBREALM}:PublisherPath", "edge_router.web.publisher:PublisherService"),
        "caller": Part(f"{_WEBREALM}:CallerPath", "edge_router.web.caller:CallerService"),
        "webhook": Part(f"{_WEBREALM}:WebhookPath", "edge_router.web.webhook:WebhookService"),
        "longpoll": Part(f"{_WEBREALM}:LongPollPath", "edge_router.web.longpoll:LongPollService"),
        "upload": Part(f"{_SCHEMA}.webupload:UploadPath", "edge_router.web.upload:UploadService"),
        "json": Part(f"{_WEBSERVE}:JsonPath", "edge_router.web.json:JsonService"),
        "redirect": Part(f"{_WEBSERVE}:RedirectPath", "edge_router.web.redirect:RedirectService"),
        "metrics": Part(f"{_WEBSERVE}:MetricsPath", "edge_router.web.metrics:MetricsService"),
        "health": Part(f"{_WEBSERVE}:HealthPath", "edge_router.web.health:HealthService"),
        "reverseproxy": Part(f"{_WEBSERVE}:ReverseProxyPath", "edge_router.web.reverseproxy:ReverseProxyService"),
        "archive": Part(f"{_WEBSERVE}:ArchivePath", "edge_router.web.archive:ArchiveService"),
        "resource": Part(f"{_WEBCODE}:ResourcePath", "edge_router.web.resource:ResourceService"),
        "wsgi": Part(f"{_WEBCODE}:WsgiPath", "edge_router.web.wsgi:WsgiService"),
        "cgi": Part(f"{_WEBCODE}:CgiPath", "edge_router.web.cgi:CgiService"),
    },
    "auth": {
        "anonymous": Part(f"{_SCHEMA}:AnonymousAuth", "edge_router.auth.anonymous:Anonymous"),
        "ticket": Part(f"{_SCHEMA}:TicketAuth", "edge_router.auth.ticket:Ticket"),
        "wampcra": Part(f"{_SCHEMA}:WampCraAuth", "edge_router.auth.wampcra:WampCra"),
        "cryptosign": Part(f"{_SCHEMA}:CryptosignAuth", "edge_router.auth.cryptosign:Cryptosign"),
        "tls": Part(f"{_SCHEMA}:TlsAuth", "edge_router.auth.tls:TlsCertificate"),
        "peercred": Part(f"{_SCHEMA}:PeerCredentialsAuth", "edge_router.auth.peercred:PeerCredentials"),
        "scram": Part(f"{_SCHEMA}:ScramAuth", "edge_router.auth.scram:Scram"),
    },
    "cookies": {
        "file": Part(f"{_SCHEMA}:FileCookies", "edge_router.store.cookiefile:CookieFile"),
        "sqlite": Part(f"{_SCHEMA}:SqliteCookies", "edge_router.store.cookiesqlite:CookieDatabase"),
    },
    "store": {
        "sqlite": Part(f"{_SCHEMA}:SqliteStore", "edge_router.store.sqlite:SqliteStore"),
    },
    "outputs": {
        "gpio": Part("bridges.gpio.config:GpioConfig", "bridges.gpio.stopping:StoppedOutputs"),
        "firmata": Part("bridges.firmata.config:FirmataConfig", "bridges.firmata.stopping:StoppedOutputs"),
    },
    "bridge": {
        "serial": Part("bridges.serial.config:SerialConfig", "bridges.serial.bridge:SerialBridge"),
        "onewire": Part("bridges.onewire.config:OneWireConfig", "bridges.onewire.bridge:OneWireBridge"),
        "spi": Part("bridges.spi.config:SpiConfig", "bridges.spi.bridge:SpiBridge"),
        "i2c": Part("bridges.i2c.config:I2cConfig", "bridges.i2c.bridge:I2cBridge"),
        "camera": Part("bridges.camera.config:CameraConfig", "bridges.camera.bridge:CameraBridge"),
        "board": Part("bridges.board.config:BoardConfig", "bridges.board.bridge:BoardBridge"),
        "gpio": Part("bridges.gpio.config:GpioConfig", "bridges.gpio.bridge:GpioBridge"),
        "firmata": Part("bridges.firmata.config:FirmataConfig", "bridges.firmata.bridge:FirmataBridge"),
        "modbus": Part("bridges.modbus.config:ModbusConfig", "bridges.modbus.bridge:ModbusBridge"),
    },
    "i2c_driver": {
        "bme280": Part(f"{_I2C}.bme280:Bme280Config", f"{_I2C}.bme280:Bme280"),
        "sht3x": Part(f"{_I2C}.sht3x:Sht3xConfig", f"{_I2C}.sht3x:Sht3x"),
        "ads1115": Part(f"{_I2C}.ads1115:Ads1115Config", f"{_I2C}.ads1115:Ads1115"),
        "bh1750": Part(f"{_I2C}.bh1750:Bh1750Config", f"{_I2C}.bh1750:Bh1750"),
        "ina219": Part(f"{_I2C}.ina219:Ina219Config", f"{_I2C}.ina219:Ina219"),
    },
    "spi_driver": {
        "mcp3008": Part("bridges.spi.drivers.mcp3008:Mcp3008Config", "bridges.spi.drivers.mcp3008:Mcp3008"),
    },
}


class UnknownPart(LookupError):
    """Neither the table nor an installed package has a part of this name."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"unknown {kind} {name!r}; one of {', '.join(names(kind))}")
        self.kind = kind
        self.name = name


def load(where: str) -> Any:
    """Import what an import string names.

    where: `module:attribute`. Result: the attribute. Raises ImportError or AttributeError as Python does.
    """
    module, _, attribute = where.partition(":")
    return getattr(import_module(module), attribute)


def names(kind: str) -> list[str]:
    """The names a configuration may use for `kind`, ours first, then those of other packages."""
    return [*PARTS[kind], *_others(kind)]


def find(kind: str, name: str) -> Part:
    """Where a part is; nothing is imported. Raises UnknownPart."""
    part = PARTS[kind].get(name) or _others(kind).get(name)
    if part is None:
        raise UnknownPart(kind, name)
    return part


def config_class(kind: str, name: str) -> Any:
    """The configuration struct of a part, imported. Raises UnknownPart."""
    return load(find(kind, name).config)


def part_class(kind: str, config: Any) -> Any:
    """The class that a piece of loaded configuration asks for, imported.

    config: a section with a `type`, such as an item of `transports`. Raises UnknownPart.
    """
    return load(find(kind, type_name(config)).part)


def type_name(config: Any) -> str:
    """The `type` of a loaded section, as the file says it."""
    tag = config.__struct_config__.tag
    return str(config.type if tag is None else tag)


@cache
def _others(kind: str) -> dict[str, Part]:
    """Parts of other packages. Asked only for names that are not in the table: reading the metadata is slow."""
    points = {p.name: p.value for p in load("importlib.metadata:entry_points")(group=f"edge_router.{kind}")}
    return {
        name: Part(points[f"{name}.config"], where) for name, where in points.items() if f"{name}.config" in points
    }
