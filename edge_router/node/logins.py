"""The ways to log in that transports offer, made from their `auth` sections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.logger import Logger

from edge_router import registry
from edge_router.config.schema import AnonymousAuth, Auth, Cookie, MemoryCookies
from edge_router.config.sections import all_of
from edge_router.router.interfaces import Authenticator, Clock, Inquirer
from edge_router.transports.tally import Tally

#: authmethods that clients know by two names: Crossbar's, and the spec's
OTHER_NAMES = {"scram": "wamp-scram"}


class Unusable(Exception):
    """A function that cannot be had. The text says which, and why."""


class Logins:
    """The ways to log in of one router.

    directory: the node directory. clock: the reactor. inquirer: asks procedures.
    """

    log = Logger()

    def __init__(self, directory: Path, clock: Clock, inquirer: Inquirer) -> None:
        self._directory = directory
        self._clock = clock
        self._inquirer = inquirer
        #: functions that have not been loaded yet
        self._functions: list[Any] = []
        self._jars: dict[Path, Any] = {}

    async def start(self) -> None:
        """Have all functions and files ready. Raises Unusable. To be called again when there are new ones."""
        for jar in self._jars.values():
            jar.open()
        while self._functions:
            await self._functions.pop(0).load()

    def methods(self, auth: Auth | None) -> dict[str, Authenticator]:
        """By authmethod. auth: the section; without one, everybody may join."""
        auth = auth or Auth(anonymous=AnonymousAuth())
        found: dict[str, Authenticator] = {}
        for name in registry.names("auth"):
            config = getattr(auth, name, None)
            if config is not None:
                found[name] = self._method(name, config)
        if "peercred" in found:
            or_anonymous = registry.load("edge_router.auth.peercred:OrAnonymous")
            found["anonymous"] = or_anonymous(found["peercred"], found.get("anonymous"))
        for name, other in OTHER_NAMES.items():
            if name in found:
                found[other] = found[name]
        if found.keys() - {"anonymous"} or (auth.anonymous is not None and auth.anonymous.type != "static"):
            found = registry.load("edge_router.auth.guard:guarded")(found, auth.failed_logins, self._clock)
        if auth.cookie is not None:
            found = registry.load("edge_router.auth.cookie:with_cookies")(found, auth, self._directory)
        return found

    def jar(self, config: Cookie) -> Any:
        """The `auth.jar.Jar` of a transport's `cookie`. Those with the same file share one."""
        make = registry.load("edge_router.auth.jar:Jar")
        if isinstance(config.store, MemoryCookies):
            return make(config)
        store = registry.part_class("cookies", config.store)(config.store, self._directory, self._complain)
        place = store.path.absolute()
        if place not in self._jars:
            self._jars[place] = make(config, store)
        self._jars[place].config = config
        return self._jars[place]

    def keep_jars(self, sections: list[Any]) -> None:
        """Close the files of cookies that nobody uses any more. sections: of all transports that are open."""
        stores = [cookie.store for cookie in all_of(Cookie, sections)]
        places = {(self._directory / store.path).absolute() for store in stores if not isinstance(store, MemoryCookies)}
        for place in self._jars.keys() - places:
            self._jars.pop(place).close()

    def stop(self) -> None:
        """Close all files. Idempotent."""
        while self._jars:
            self._jars.popitem()[1].close()

    def _complain(self, sentence: str) -> None:
        self.log.error("{sentence}", sentence=sentence)

    def _method(self, name: str, config: Any) -> Authenticator:
        part = registry.find("auth", name).part
        if config.type == "static":
            method: Authenticator = registry.load(part)(config, self._directory)
            return method
        if config.type == "dynamic":
            procedure = registry.load("edge_router.auth.procedure:procedure")
            source, ask = config.authenticator, procedure(
                self._inquirer, config.authenticator, config.authenticator_realm
            )  # fmt: skip
        else:
            function = registry.load("edge_router.node.functions:Function")
            source, made = config.create, function(config.create, config.config, self._directory)
            self._functions.append(made)
            ask = made.ask
        steps = registry.load(f"{part.partition(':')[0]}:asked")
        asked: Authenticator = registry.load("edge_router.auth.asked:Asked")(
            steps, ask, config.type, config.default_role, self._report(name, source)
        )
        return asked

    def _report(self, method: str, source: str) -> Any:
        """What the operator is told when nobody could decide, however often that happens."""

        def report(count: int, last: str) -> None:
            self.log.error(
                "nobody could decide about {count} login(s) by {method}: {source}: {last}",
                count=count, method=method, source=source, last=last,
            )  # fmt: skip

        return Tally(self._clock, report).add


def authenticators(auth: Auth | None, directory: Path, clock: Clock, inquirer: Any = None) -> dict[str, Authenticator]:
    """The ways to log in of one `auth` section, by authmethod. Arguments: as of `Logins`."""
    return Logins(directory, clock, inquirer).methods(auth)
