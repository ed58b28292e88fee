"""What every section of the file is, the simplest types, and the places for parts that the registry knows.

A part is any section whose `type` the registry resolves: a transport, a web service, a bridge.
"""

from __future__ import annotations

from typing import Annotated, Protocol, runtime_checkable

from msgspec import Meta, Struct

Port = Annotated[int, Meta(ge=0, le=65535, extra={"variable": "port"}, extra_json_schema={"variable": True})]
Flag = Annotated[bool, Meta(extra={"variable": "flag"})]
SocketPath = Annotated[str, Meta(extra={"variable": "path"})]
Count = Annotated[int, Meta(ge=1)]
Millis = Annotated[int, Meta(ge=0)]
Mode = Annotated[str, Meta(pattern="^0?[0-7]{3}$", extra={"words": 'three octal digits in quotes, as "660"'})]


class Section(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every section of the file is: keys that are declared, and no others."""


# --- parts -------------------------------------------------------------------------------------------------------
# What a `type` names is found in the registry, so that parts of other packages fit in and nothing unnamed is loaded.


@runtime_checkable
class Transport(Protocol):
    """One item of `transports`; its class is the one that the registry has for its `type`."""

    @property
    def id(self) -> str | None: ...


@runtime_checkable
class WebPath(Protocol):
    """What is served at one path; its class is the one that the registry has for its `type`."""


@runtime_checkable
class Bridge(Protocol):
    """One item of `bridges`; its class is the one that the registry has for its `type`.

    id: unique on the node, also the default name of its topics. realm, role: where it joins, and whose permissions
    apply.
    """

    @property
    def id(self) -> str: ...
    @property
    def realm(self) -> str: ...
    @property
    def role(self) -> str: ...


@runtime_checkable
class I2cDevice(Protocol):
    """One item of an I2C bridge's `devices`; its class is the one that the registry has for its `type`."""

    @property
    def id(self) -> str: ...
    @property
    def address(self) -> int: ...


@runtime_checkable
class SpiDevice(Protocol):
    """One item of an SPI bridge's `devices`; its class is the one that the registry has for its `type`."""

    @property
    def id(self) -> str: ...
    @property
    def select(self) -> int: ...


PART_KINDS: dict[type, str] = {
    Transport: "transport",
    WebPath: "webservice",
    Bridge: "bridge",
    I2cDevice: "i2c_driver",
    SpiDevice: "spi_driver",
}
