"""What the workers run: components, embedded in a router.

Names are Crossbar's. What a worker is made of besides stands in `node`.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from edge_router.config.schema.section import Section

Dotted = Annotated[
    str, Meta(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$", extra={"words": "a module and a name in it: mymodule.Name"})
]


class RouterOptions(Section):
    """Options of a router worker.

    pythonpath: where the modules of components are, before all other places; relative to the node directory.
    expose_shared: give all components of this worker one dict in common, `config.shared`. disabled: leave this worker
    out.
    """

    pythonpath: list[str] = []
    expose_shared: bool = False
    disabled: bool = False


class Callbacks(Section):
    """Functions that a session calls, each `module.function`; plain, with Deferreds or coroutines.

    join: (session, details), once it has joined. leave: (session, details). connect: (session, transport), once it is
    connected. ready: (session), after all that `join` began. disconnect: (session, was_clean). main: (reactor,
    session), once it has joined; when it is done, the session leaves.
    """

    join: Dotted | None = None
    leave: Dotted | None = None
    connect: Dotted | None = None
    ready: Dotted | None = None
    disconnect: Dotted | None = None
    main: Dotted | None = None


class ClassComponent(Section, tag="class"):
    """A component in the router's process: a subclass of autobahn's ApplicationSession (on Twisted).

    id: its name in logs, and its authid. classname: `module.Class`. realm: where it joins, without a login; a realm of
    this worker. role: whose permissions apply; `trusted` may do everything. extra: what the class gets as
    `config.extra`; if it is a mapping or left out, `cbdir`, the node directory, is added.
    """

    classname: Dotted
    realm: str
    id: str | None = None
    role: str = "anonymous"
    extra: Any = None


class FunctionComponent(Section, tag="function"):
    """A component in the router's process that consists of functions.

    id: its name in logs, and its authid. callbacks: the functions. realm: where it joins, without a login; a realm of
    this worker. role: whose permissions apply; `trusted` may do everything. extra: as for a class, in
    `session.config.extra`.
    """

    realm: str
    callbacks: Callbacks = field(default_factory=Callbacks)
    id: str | None = None
    role: str = "anonymous"
    extra: Any = None


Component = ClassComponent | FunctionComponent
