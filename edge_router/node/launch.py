"""The first thing that the process of a guest runs: what must be set before its program, then the program itself.

    python -I -S launch.py MEMORY NICE WORKDIR PROGRAM [ARGUMENT ...]

MEMORY: octets of RLIMIT_DATA, 0: no limit. NICE: added to the priority. It imports nothing that is not needed, and is
gone as soon as the program is there (execve(2)). Exit status 126 or 127 if the program cannot be run, as in shells; a
line on stderr says why.
"""

from __future__ import annotations

import os
import resource
import signal
import sys

#: what the kernel shall end before the node when memory runs out (proc(5), oom_score_adj; -1000 to 1000)
OOM_SCORE = "300"
#: open files, as every program expects; it may raise that itself
FILES = 1024
NOT_EXECUTABLE, NOT_FOUND = 126, 127


def main(memory: str, nice: str, workdir: str, program: str, *arguments: str) -> None:
    """Never returns. Arguments as above."""
    os.setsid()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and what is ignored is inherited
    try:
        os.chdir(workdir)
        if int(memory):
            resource.setrlimit(resource.RLIMIT_DATA, (int(memory), int(memory)))
        os.nice(int(nice))
        _few_files()
        _volunteer()
        os.execv(_found(program), [program, *arguments])
    except FileNotFoundError as problem:
        _fail(problem, NOT_FOUND)
    except (OSError, ValueError) as problem:
        _fail(problem, NOT_EXECUTABLE)


def _few_files() -> None:
    """The node allows itself as many files as it may; programs that use select(2) must not have that many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard > FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))


def _volunteer() -> None:
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib is not loaded
            file.write(OOM_SCORE)
    except OSError:
        pass  # without /proc


def _found(program: str) -> str:
    """As Crossbar looks for it: from the working directory first, then on $PATH."""
    if os.access(program, os.X_OK) and not os.path.isdir(program):  # noqa: PTH112
        return program
    if "/" not in program:
        for directory in os.get_exec_path():
            place = os.path.join(directory, program)  # noqa: PTH118
            if os.access(place, os.X_OK) and not os.path.isdir(place):  # noqa: PTH112
                return place
    if os.path.exists(program):  # noqa: PTH110
        raise PermissionError(13, "it is no program that may be run", program)
    raise FileNotFoundError(2, "there is no such program, neither here nor on $PATH", program)


def _fail(problem: Exception, status: int) -> None:
    sys.stderr.write(f"cannot be run: {problem}\n")
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
