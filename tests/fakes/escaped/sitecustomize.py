"""What a template could do that broke out of its sandbox: it looks for a private key everywhere.

Python imports this module before anything else, in every process that has its folder on PYTHONPATH.
In a render worker it waits until letters are asked for, and so until all walls are up; what it has
found is then the reason why no letter can be made.

NO_LANDLOCK in PYTHONPATH's last entry stands for a kernel without it.
"""

import ctypes
import glob
import os
import re
import sys

# An Ed25519 key in PEM.  This very text does not match.
KEY = re.compile(rb"MC4CAQAwBQYDK2VwBCIEI[A-Za-z0-9+/]{30}")
_PTRACE_ATTACH, _PTRACE_DETACH = 16, 17
_PLACES = ["/proc/[0-9]*/environ", "/proc/[0-9]*/cmdline", "/proc/[0-9]*/fd/*", "/proc/[0-9]*/maps"]


def found(folder, memory):
    """Where a key can be read; `memory` is our own, opened when nothing was forbidden yet."""
    places = [os.path.join(folder, "**", "*"), *_PLACES]
    names = [name for place in places for name in glob.glob(place, recursive=True)]
    hits = [name for name in names if _is_in(name)]
    hits += [name for name, value in os.environ.items() if KEY.search(value.encode())]
    hits += [f"memory of {os.getpid()}"] * bool(_is_in_memory(*memory))
    for pid in _others():
        hits += [f"ptrace {pid}"] * _can_trace(pid)
        try:
            with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as theirs:
                hits += [f"memory of {pid}"] * bool(_is_in_memory(maps.read(), theirs))
        except OSError:
            pass
    return hits


def _others():
    """Whoever started us, and all whom it started, as far as we can know."""
    parent = os.getppid()
    try:
        with open(f"/proc/{parent}/task/{parent}/children") as file:
            return {parent, *map(int, file.read().split())} - {os.getpid()}
    except OSError:
        return {parent}


def _can_trace(pid):
    libc = ctypes.CDLL(None)
    if libc.ptrace(_PTRACE_ATTACH, pid, None, None):
        return False
    os.waitpid(pid, 0)
    libc.ptrace(_PTRACE_DETACH, pid, None, None)
    return True


def _is_in(name):
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return bool(KEY.search(os.pread(descriptor, 1_000_000, 0)))
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _is_in_memory(maps, memory):
    for line in maps.splitlines():
        span, rights = line.split()[:2]
        if not rights.startswith("rw"):
            continue
        start, end = (int(part, 16) for part in span.split("-"))
        try:
            memory.seek(start)
            if KEY.search(memory.read(end - start)):
                return True
        except (OSError, ValueError, OverflowError):
            continue
    return False


def own_memory():
    with open("/proc/self/maps") as maps:
        return maps.read(), open("/proc/self/mem", "rb", 0)


def _break_out():
    """Wait in the renderer."""
    from campaign.rendering import render
    from campaign.rendering.draft import Draft
    from campaign.workers import confinement

    if any(path.endswith("NO_LANDLOCK") for path in sys.path):
        confinement.read_only = lambda paths, hidden=(): False
    memory = own_memory()[1]

    def drafts(self, jobs):
        maps = "\n".join(_regions())
        problem = " ".join(["looked", *found(self._spec.folder, (maps, memory))])
        return [Draft(job.row, [], 0, False, problem) for job in jobs]

    render.Renderer.drafts = drafts


def _regions():
    """Our memory as /proc/self/maps would list it, which cannot be opened any more."""
    step = 1 << 20
    import gc

    starts = {id(each) // step * step for each in gc.get_objects()}
    return [f"{start:x}-{start + step:x} rw" for start in starts]


if "campaign.workers.worker" in sys.orig_argv:
    _break_out()
