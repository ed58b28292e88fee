"""Rules about workers: what their components name must be there. See `check`."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path as FilePath
from typing import Any

from edge_router import registry
from edge_router.config import schema
from edge_router.config.places import is_directory, is_file, nothing
from edge_router.config.problems import Path, Problem
from edge_router.config.whole import Found, Whole, of

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
        yield from whole.has_role(realm, component.role, at)
    if worker.components:
        yield from present(worker.options.pythonpath, (*path, "options", "pythonpath"), whole)
        yield from autobahn(path)


def _component(component: Any, path: Path) -> Found:
    callbacks = getattr(component, "callbacks", None)
    if callbacks is not None and not any(getattr(callbacks, name) for name in callbacks.__struct_fields__):
        known = ", ".join(callbacks.__struct_fields__)
        yield Problem((*path, "callbacks"), f"nothing is called; give at least one of {known}")


def container(worker: schema.ContainerWorker, path: Path, whole: Whole) -> Found:
    """A container's components may join other routers, so realms are not looked at."""
    if worker.options.disabled:
        return
    for place, component in enumerate(worker.components):
        yield from _component(component, (*path, "components", place))
    if not worker.components:
        yield Problem((*path, "components"), "nothing runs here; add a component, or take the container out")
        return
    yield from present(worker.options.pythonpath, (*path, "options", "pythonpath"), whole)
    yield from autobahn(path)


def guest(worker: schema.GuestWorker, path: Path, whole: Whole) -> Found:
    """What a guest names may be made before the node starts, or under another $PATH; so it is told, not refused."""
    options = worker.options
    if options.disabled:
        return
    workdir = whole.directory / (options.workdir or ".")
    if not is_directory(workdir):
        whole.notices.append(Problem((*path, "options", "workdir"), nothing(workdir, "directory")))
    elif _program(worker.executable, workdir) is None:
        text = f"there is no program {worker.executable!r}, neither in {str(workdir)!r} nor on $PATH"
        if "/" in worker.executable:
            text = nothing(workdir / worker.executable, "program")
        if "/" not in worker.executable or not os.access(workdir / worker.executable, os.X_OK):
            whole.notices.append(Problem((*path, "executable"), text))
    if options.watch is not None:
        yield from present(options.watch.directories, (*path, "options", "watch", "directories"), whole)


def present(directories: list[str], path: Path, whole: Whole) -> Found:
    """Directories that are not there do no harm, but are hardly meant."""
    for place, name in enumerate(directories):
        full: FilePath = whole.directory / name
        if not is_directory(full) and not is_file(full):
            whole.notices.append(Problem((*path, place), nothing(full, "directory")))
    yield from ()


def autobahn(path: Path) -> Found:
    """What hosts components is installed."""
    if find_spec("autobahn") is None:
        yield Problem((*path, "components"), NO_AUTOBAHN)


def _program(name: str, workdir: FilePath) -> object:
    """The program that a guest's process would find; shutil is loaded for guests only, with bz2 and lzma 0.6 MB."""
    return registry.load("shutil:which")(name, path=os.pathsep.join([str(workdir), *os.get_exec_path()]))
