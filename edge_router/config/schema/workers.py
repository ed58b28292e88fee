"""What the workers run: components, embedded in a router or in containers, and guests, which are any programs.

Names are Crossbar's. What a worker is made of besides stands in `node`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from edge_router.config.schema.connecting import ClientAuth, ClientTransport
from edge_router.config.schema.section import Count, Flag, Section

Dotted = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*\.[A-Za-z_]\w*$",  # a file may have a hyphen in its name
        extra={"words": "a module and a name in it: mymodule.Name"},
    ),
]


class RouterOptions(Section):
    """Options of a router worker.

    pythonpath: where the modules of components are, before all other places; relative to the node directory.
    expose_shared: give all components of this worker one dict in common, `config.shared`. process: `own` gives the
    worker a process of its own, for another core or another fate; bridges join realms in the node's process only.
    disabled: leave this worker out; `${NAME}` is a variable of the environment.
    """

    pythonpath: list[str] = []
    expose_shared: bool = False
    process: Literal["node", "own"] = "node"
    disabled: Flag = False


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

# --- processes ---------------------------------------------------------------------------------------------------

Restart = Literal["restart-always", "restart-on-failed", "restart-never"]
CpuPercent = Annotated[int, Meta(ge=1, le=10_000)]
Size = Annotated[
    str, Meta(pattern="^[1-9][0-9]*[KMG]$", extra={"words": "a number with K, M or G (1024, 1024^2, 1024^3), as 64M"})
]


class Environment(Section):
    """The environment of a process.

    inherit: the node's variables: all (true), none (false), or those of a list. What systemd gives the node for itself
    ($NOTIFY_SOCKET, ...) is never inherited. vars: variables and their values.
    """

    inherit: bool | list[str] = True
    vars: dict[str, str] = {}


class JsonInput(Section, tag="json"):
    """What a guest reads from its standard input.

    value: sent as one line of JSON. close: whether that is the end of the input.
    """

    value: Any = None
    close: bool = True


class Watch(Section):
    """Directories that are watched, with all below them.

    directories: relative to the node directory. action: what happens when something in them changes. timeout: seconds
    without a change before it happens, so that a copy under way is let finish.
    """

    directories: Annotated[list[str], Meta(min_length=1)]
    action: Literal["restart"] = "restart"
    timeout: Annotated[float, Meta(ge=0, le=3600)] = 1


class GuestOptions(Section):
    """Options of a guest.

    workdir: where it runs, relative to the node directory. env: its environment. stdin: `close`, or JSON; left out, it
    is open and nothing comes, until the node ends. stdout, stderr: `log`, lines in the node's log (at most 4096 octets
    each and 200 a second; what is left out is counted); `drop` and `close`: thrown away. watch: restart it when
    files change. restart: `restart-on-failed`, when it ends with another status than 0; `restart-always`;
    `restart-never`. The delay is 1 s, doubled each time up to 60 s; what ran for a minute begins anew with 1 s.
    max_restarts: in a row, after which it is given up; left out, it never is. memory_limit: what each of its processes
    may allocate (RLIMIT_DATA), as 64M; over it, allocating fails. cpu_limit: CPU time for it and what it has started,
    in percent of a core; over it, it is stopped for a while (SIGSTOP). nice: how much it gives way to others, 0 to 19.
    disabled: leave this worker out.
    """

    workdir: str | None = None
    env: Environment = field(default_factory=Environment)
    stdin: Literal["close"] | JsonInput | None = None
    stdout: Literal["log", "drop", "close"] = "log"
    stderr: Literal["log", "drop", "close"] = "log"
    watch: Watch | None = None
    restart: Restart = "restart-on-failed"
    max_restarts: Count | None = None
    memory_limit: Size | None = None
    cpu_limit: CpuPercent | None = None
    nice: Annotated[int, Meta(ge=0, le=19)] = 0
    disabled: Flag = False


class GuestWorker(Section, tag="guest"):
    """Any program, as a process of its own.

    id: its name, in the log and in `status`. executable: the program, from `workdir` or on $PATH. arguments: for it.
    options: details.
    """

    executable: Annotated[str, Meta(min_length=1)]
    id: str | None = None
    arguments: list[str] = []
    options: GuestOptions = field(default_factory=GuestOptions)


# --- containers --------------------------------------------------------------------------------------------------


class ContainerClass(Section, tag="class"):
    """A component in a container: a subclass of autobahn's ApplicationSession, on Twisted or on asyncio.

    id: its name in logs. classname: `module.Class`. realm: where it joins. transport: how it connects to the router.
    auth: how it logs in; left out, as the class does it itself (`onConnect`, `onChallenge`), else as anonymous. extra:
    what the class gets as `config.extra`; if it is a mapping or left out, `cbdir`, the node directory, is added.
    """

    classname: Dotted
    realm: str
    transport: ClientTransport
    id: str | None = None
    auth: ClientAuth | None = None
    extra: Any = None


class ContainerFunction(Section, tag="function"):
    """A component in a container that consists of functions.

    id: its name in logs. callbacks: the functions. realm: where it joins. transport: how it connects to the router.
    auth: how it logs in; left out, as anonymous. extra: as for a class, in `session.config.extra`.
    """

    realm: str
    transport: ClientTransport
    callbacks: Callbacks = field(default_factory=Callbacks)
    id: str | None = None
    auth: ClientAuth | None = None
    extra: Any = None


ContainerComponent = ContainerClass | ContainerFunction


class ContainerOptions(Section):
    """Options of a container.

    pythonpath: where the modules of components are, before all other places; relative to the node directory. env: the
    environment. expose_shared: give all components of this container one dict in common, `config.shared`. restart:
    `restart-on-failed`, a component when it fails and the process when it crashes; `restart-always`, also a component
    that has left; `restart-never`. The delay is 1 s, doubled each time up to 60 s; what ran for a minute begins anew
    with 1 s. max_restarts: of the process in a row, after which it is given up; left out, it never is. shutdown: when
    the process ends by itself: never (`shutdown-manual`), or when components have stopped or failed; with status 1 if
    one has failed, and then `restart` counts. memory_limit: what the process may allocate (RLIMIT_DATA), as 64M.
    cpu_limit: CPU time for it and all that it has started, in percent of a core; over it, it is stopped for a while
    (SIGSTOP). nice: how much it gives way to others, 0 to 19. disabled: leave this worker out.
    """

    pythonpath: list[str] = []
    env: Environment = field(default_factory=Environment)
    expose_shared: bool = False
    restart: Restart = "restart-on-failed"
    max_restarts: Count | None = None
    shutdown: Literal[
        "shutdown-manual",
        "shutdown-on-last-component-stopped",
        "shutdown-on-any-component-stopped",
        "shutdown-on-any-component-failed",
    ] = "shutdown-manual"
    memory_limit: Size | None = None
    cpu_limit: CpuPercent | None = None
    nice: Annotated[int, Meta(ge=0, le=19)] = 0
    disabled: Flag = False


class ContainerWorker(Section, tag="container"):
    """Components in a process of their own, connected to a router like any client.

    id: its name, in the log and in `status`. components: what runs in it. options: details.
    """

    id: str | None = None
    components: list[ContainerComponent] = []
    options: ContainerOptions = field(default_factory=ContainerOptions)
