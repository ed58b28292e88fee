"""What a reload changes in one router, in steps that the node takes for all its routers before the next one.

Sessions that a change does not concern are never touched. What cannot be done is told and left as it was, where there
is something to be left; everything else is done all the same.
"""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger

from edge_router import registry
from edge_router.config.schema import Auth, SecretPlace
from edge_router.config.secret import Missing
from edge_router.config.sections import all_of
from edge_router.node.changes import RouterPlan, address, affects, differing
from edge_router.node.doors import Door, Way
from edge_router.node.lean import let_in_openssl
from edge_router.node.logins import Unusable
from edge_router.node.needs import speaks_tls
from edge_router.node.record import Record
from edge_router.node.router import RouterWorker
from edge_router.transports.listen import CannotListen
from edge_router.wamp.errors import CLOSE_KILLED, CLOSE_SYSTEM_SHUTDOWN

#: told to sessions that end
_CLOSED = "this transport was taken out of the configuration"
_CHANGED = "this transport was changed; connect again"
_REALM_CLOSED = "this realm was taken out of the configuration"
_REALM_CHANGED = "this realm was changed; join again"
_LOGIN_GONE = "this login was taken out of the configuration, or was changed"


class RouterReload:
    """The changes of one router.

    worker: the router. plan: what is different. record: takes what was done. leaving: what transports are about to
    leave, in any router: their addresses. closing: the realms that are about to close, in any router.
    """

    log = Logger(namespace="edge_router.node.reload")

    def __init__(
        self, worker: RouterWorker, plan: RouterPlan, record: Record, leaving: set[Any], closing: set[str]
    ) -> None:
        self._worker = worker
        self._doors = worker.doors
        self._plan = plan
        self._record = record
        self._leaving = leaving
        #: realms that another router is to close first
        self._moving = [realm for realm in plan.realms.added if realm.name in closing]
        #: new sections that wait for an address to be left -> the door that leaves, if it is the same transport
        self._later: list[tuple[Any, Door | None]] = []
        #: doors that are about to be closed
        self._closing: list[Door] = []

    # --- first: what disturbs nobody ---------------------------------------------------------------------------

    async def begin(self) -> None:
        """Open realms, give roles, change logins, open ports that nobody has."""
        worker, plan = self._worker, self._plan
        worker.follow(plan.new)
        self._open_realms([realm for realm in plan.realms.added if realm not in self._moving])
        for old, new in plan.realms.changed:
            worker.router.realms[new.name].follow(new)
            keys = [key for key in differing(old, new) if key != "roles"]
            if keys:
                self._record.done(f"realm {new.name}: changed ({', '.join(keys)})")
        for name, role in plan.roles:
            worker.router.realms[name].roles.set(role)
            self._record.done(f"realm {name}: role {role.name} set")
        for entry in plan.entries:
            await self._change_logins(self._door(entry.old), entry.new, entry.auths)
        await self._read_secrets()
        for old, new in plan.transports.changed:
            await self._open_or_wait(new, self._door(old))
        for section in plan.transports.added:
            await self._open_or_wait(section, None)
        self._closing += [self._door(section) for section in plan.transports.removed]

    def _open_realms(self, sections: list[Any]) -> None:
        for section in sections:
            self._worker.add_realm(section)
            self._record.done(f"realm {section.name}: opened")

    def _door(self, section: Any) -> Door:
        return next(door for door in self._doors.all if door.section is section)

    async def _open_or_wait(self, section: Any, before: Door | None) -> None:
        """Open what can be opened now. If the port is no good, the one before it is not even closed."""
        if address(section) in self._leaving:
            self._later.append((section, before))
            if before is not None:
                self._closing.append(before)
            return
        door, why = await self._opened(section)
        if door is not None:
            if before is not None:
                self._closing.append(before)
            self._told_open(door, before)
        elif before is not None:
            self._record.failed(f"{why}; {named(before)} stays as it was")
        else:
            self._record.failed(f"{why}; `edge-router reload` tries it again")

    async def _opened(self, section: Any) -> tuple[Door | None, str]:
        """An open transport; or None, and why not."""
        if speaks_tls(section):
            let_in_openssl()
        try:
            door = self._doors.made(section)
            await self._worker.logins.start()
            await self._doors.open(door)
        except (CannotListen, Unusable, Missing) as problem:
            return None, f"transport {type_and_id(section)}: {problem}"
        except Exception as problem:  # noqa: BLE001 - the rest is to be done all the same
            self.log.failure("a transport cannot be opened")
            return None, f"transport {type_and_id(section)}: {type(problem).__name__}: {problem}"
        return door, ""

    def _told_open(self, door: Door, before: Door | None) -> None:
        if before is None:
            self._record.done(f"transport {named(door)}: opened")
        else:
            keys = ", ".join(differing(before.section, door.section))
            self._record.done(f"transport {named(door)}: closed and opened again, since it was changed ({keys})")

    # --- logins ------------------------------------------------------------------------------------------------

    async def _change_logins(self, door: Door, section: Any, auths: list[tuple[Auth, Auth | None]]) -> None:
        """Have other logins count at a door. Who could not come in by them like that any more leaves."""
        told = 0
        for old, new in auths:
            for way in [way for way in door.ways.values() if way.auth is old]:
                if not await self._give(way, new):
                    return
                for session in self._doors.sessions([door]):
                    if session.came_by is way and affects(old, new, session.authmethod, session.authid):
                        session.goodbye(CLOSE_KILLED, _LOGIN_GONE)
                        told += 1
        door.section = section
        self._record.done(f"transport {named(door)}: other logins" + (f"; {told} session(s) ended" if told else ""))

    async def _give(self, way: Way, auth: Auth | None) -> bool:
        """Have other methods count for all who come, and for those who are at it. Result: whether that worked."""
        try:
            methods = self._worker.logins.methods(auth)
            await self._worker.logins.start()
        except (Missing, Unusable, OSError) as problem:
            self._record.failed(f"transport {named(way.door)}: the logins of before stay: {problem}")
            return False
        way.auth = auth
        way.methods.clear()
        way.methods.update(methods)
        return True

    async def _read_secrets(self) -> None:
        """Read the files of secrets again, where the sections are the same."""
        for section, _ in self._plan.transports.kept:
            for way in list(self._door(section).ways.values()):
                if way.auth is not None and _has_places(way.auth) and await self._give(way, way.auth):
                    self._record.done(f"transport {named(way.door)}: secrets were read again")

    # --- then: what ends ---------------------------------------------------------------------------------------

    def components_to_stop(self) -> list[Any]:
        """The components that end, or start again."""
        ending = [*self._plan.components.removed, *(old for old, _ in self._plan.components.changed)]
        return [each for each in self._worker.components if any(each.section is section for section in ending)]

    def forget_components(self, stopped: list[Any]) -> None:
        """They have ended."""
        self._worker.components = [each for each in self._worker.components if each not in stopped]

    async def say_goodbye(self) -> None:
        """Tell the sessions of what closes, and wait until they have answered. Realms close, or change."""
        plan, told = self._plan, []
        removed = plan.transports.removed
        for door in self._closing:
            text = _CLOSED if any(door.section is section for section in removed) else _CHANGED
            for session in self._doors.sessions([door]):
                session.goodbye(CLOSE_SYSTEM_SHUTDOWN, text)
                told.append(session)
        for realm in plan.realms.removed:
            told += self._worker.close_realm(realm.name, _REALM_CLOSED)
            self._record.done(f"realm {realm.name}: closed")
        for old, new in plan.reopened:
            told += self._worker.reopen_realm(new, _REALM_CHANGED)
            keys = ", ".join(differing(old, new))
            self._record.done(f"realm {new.name}: closed and opened again, since it was changed ({keys})")
        for name, role in plan.lost_roles:
            self._worker.router.realms[name].roles.remove(role)
            self._record.done(f"realm {name}: role {role} removed")
        await self._worker.farewell(told)

    async def close(self) -> None:
        """Close transports. Who has come in the meantime is told, too."""
        for session in self._doors.sessions(self._closing):
            session.goodbye(CLOSE_SYSTEM_SHUTDOWN, _CHANGED)
        await self._doors.close(self._closing)
        self._worker.logins.keep_jars([door.section for door in self._doors.all])
        for section in self._plan.transports.removed:
            door = next(door for door in self._closing if door.section is section)
            self._record.done(f"transport {named(door)}: closed")

    # --- last: what begins -------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open what others have left: realms and ports."""
        self._open_realms(self._moving)
        for section, before in self._later:
            door, why = await self._opened(section)
            if door is not None:
                self._told_open(door, before)
            elif before is None:
                self._record.failed(f"{why}; `edge-router reload` tries it again")
            else:
                again, worse = await self._opened(before.section)
                self._record.failed(f"{why}; " + ("it is open as it was before" if again else f"now closed: {worse}"))

    def start_components(self) -> None:
        """Start those that are new, or were stopped to start again."""
        plan = self._plan.components
        for section in [*plan.added, *(new for _, new in plan.changed)]:
            self._worker.add_component(section)
        for verb, sections in _components(self._plan):
            for section in sections:
                self._record.done(f"component {section.id or _what_runs(section)}: {verb}")

    def read_certificates(self) -> None:
        """Read certificates and keys again, of transports that stay. Sessions stay, too."""
        kept = [section for section, _ in self._plan.transports.kept]
        for door in self._doors.all:
            if not door.transport.reloads or not any(door.section is section for section in kept):
                continue
            try:
                door.transport.reload()
            except CannotListen as error:
                self._record.failed(f"transport {named(door)}: the certificate in use stays: {error}")
            else:
                self._record.done(f"transport {named(door)}: certificate and key were read again")


def _components(plan: RouterPlan) -> list[tuple[str, list[Any]]]:
    changed = [new for _, new in plan.components.changed]
    return [("stopped", plan.components.removed), ("started again", changed), ("started", plan.components.added)]


def _what_runs(component: Any) -> str:
    return getattr(component, "classname", None) or registry.type_name(component)


def named(door: Door) -> str:
    """A transport for the operator: `rawsocket main (tcp4:*:8080)`."""
    return f"{type_and_id(door.section)} ({door.place})" if door.place else type_and_id(door.section)


def type_and_id(section: Any) -> str:
    """A transport by its section: `rawsocket main`."""
    return registry.type_name(section) + (f" {section.id}" if section.id else "")


def _has_places(auth: Auth) -> bool:
    """Whether a secret of a section stands in a file or in a credential of systemd."""
    return any(place.env is None for place in all_of(SecretPlace, auth))
