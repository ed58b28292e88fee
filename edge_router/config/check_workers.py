"""Rules about workers: what their components name must be there. See `check`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path as FilePath
from typing import Any

from edge_router.config import schema
from edge_router.config.problems import Path, Problem
from edge_router.config.whole import TRUSTED, Found, Whole, of

NO_AUTOBAHN = (
    "components need autobahn, which is not installed: `pip install 'edge-router[components]'` or "
    "`apt install python3-autobahn`"
)


def router(worker: schema.RouterWorker, path: Path, whole: Whole) -> Found:
    """A router's components join its own realms."""
    if worker.options.disabled:
        return
    realms = {realm.name: realm for realm in worker.realms}
    for place, component in enumerate(worker.components):
        at = (*path, "components", place)
        yield from _component(component, at)
        if not whole.names_known:
            continue
        realm = realms.get(component.realm)
        if realm is None:
            yield Problem((*at, "realm"), f"this worker has no realm {component.realm!r}{of(component.realm, realms)}")
            continue
        roles = [TRUSTED, *(role.name for role in realm.roles)]
        if component.role not in roles:
            hint = of(component.role, roles)
            yield Problem((*at, "role"), f"realm {realm.name!r} has no role {component.role!r}{hint}")
    if worker.components:
        yield from pythonpath(worker.options.pythonpath, (*path, "options", "pythonpath"), whole)
        yield from autobahn(path)


def _component(component: Any, path: Path) -> Found:
    callbacks = getattr(component, "callbacks", None)
    if callbacks is not None and not any(getattr(callbacks, name) for name in callbacks.__struct_fields__):
        known = ", ".join(callbacks.__struct_fields__)
        yield Problem((*path, "callbacks"), f"nothing is called; give at least one of {known}")


def pythonpath(directories: list[str], path: Path, whole: Whole) -> Found:
    """Directories that are not there do no harm, but are hardly meant."""
    for place, name in enumerate(directories):
        full: FilePath = whole.directory / name
        if not full.exists():
            whole.notices.append(Problem((*path, place), f"there is no directory {str(full)!r}"))
    yield from ()


def autobahn(path: Path) -> Found:
    """What hosts components is installed."""
    if find_spec("autobahn") is None:
        yield Problem((*path, "components"), NO_AUTOBAHN)
