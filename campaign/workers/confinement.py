"""Takes from a process what it does not need: files, network, new processes, new rights.

In: the paths it may read.  Out: nothing.  Touches: this process, for good.

The sandbox of the templates is the first wall; this is the second, where Linux offers it
(Landlock, https://docs.kernel.org/userspace-api/landlock.html).  An older kernel builds it as far
as it can.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import stat
import struct
import sys
from collections.abc import Collection, Iterable, Iterator

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_ASK_VERSION = 1
_PATH_BENEATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many the version knows; 5: all since
_TCP = 0b11  # to bind, to connect; since version 4
_SCOPES = 0b11  # abstract sockets of others, signals to others; since version 6
# Letter of `ulimit`, limit, what a worker is comfortable with, the unit of `ulimit`.
_NEEDED = (
    ("v", resource.RLIMIT_AS, 600_000_000, 1024),
    ("t", resource.RLIMIT_CPU, 60, 1),
    ("f", resource.RLIMIT_FSIZE, 4_000_000, 1024),
    ("n", resource.RLIMIT_NOFILE, 64, 1),
    ("u", resource.RLIMIT_NPROC, 64, 1),
)
_STREAM_MAX = 1_000_000  # bytes that may be written into any file (stderr is one)

# Where Python and its libraries find their parts.
_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache",
           "/etc/localtime", "/usr/share/zoneinfo", "/dev/null", "/dev/urandom")  # fmt: skip


def end_with_parent() -> None:
    """Be killed when the parent dies; ignore what the terminal and service managers send."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def hide_memory() -> None:
    """Let nobody but root look into this process through /proc or a debugger; leave no core.

    Where a kernel has no Landlock, this keeps others of the same user from its environment and
    its memory (PR_SET_DUMPABLE in prctl(2)).
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def limit(memory_bytes: int) -> None:
    """So much address space; no core, no large file, no new process (root may still).

    Where whoever started us allows less, it stays at that.
    """
    _limit(resource.RLIMIT_AS, memory_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, _STREAM_MAX)
    _limit(resource.RLIMIT_NPROC, 0)


def _limit(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    least = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (least, least))


def allow_cpu(seconds: int) -> None:
    """Move the soft limit: what was used so far, and `seconds` more; then SIGXCPU kills."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime) + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = used + seconds
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def limits_remedy() -> str:
    """What to raise, where whoever started us allows less than a worker needs; else ""."""
    found = []
    for name, kind, enough, unit in _NEEDED:
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY and hard < enough:
            found.append(f"`ulimit -{name}` allows {hard // unit}")
    if not found:
        return ""
    return f"{' and '.join(found)}, which may be too little for a render worker: raise it"


def read_only(paths: Iterable[str], hidden: Collection[str] = ()) -> bool:
    """From now on read these paths and Python's own parts, write no file, open no connection.

    The files `hidden`, absolute and without symlinks, are not read though they lie there; in a
    folder with one of them new files are not read either.

    Returns False where the kernel has no Landlock; new rights are out of reach there too.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    version = landlock_version()
    if not version:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    rights = (1 << _FILE_RIGHTS[min(version, 5)]) - 1
    fields = [rights, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0]
    used = fields[: 1 if version < 4 else 2 if version < 6 else 3]
    attributes = struct.pack(f"={len(used)}Q", *used)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    for path in {*paths, *_python()}:
        _allow_but(libc, ruleset, path, hidden)
    done = libc.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return bool(done == 0)


def refuse_files(hidden: Collection[str]) -> None:
    """Let Python open none of these files, absolute and without symlinks.

    The wall of a kernel without Landlock: it holds templates and names of attachments back, not
    machine code that was brought in.
    """

    def look(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and isinstance(path := arguments[0], str | bytes):
            real = os.path.realpath(os.fsdecode(path))
            if real in hidden:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), real)

    sys.addaudithook(look)


def landlock_version() -> int:
    """What the kernel offers; 0 where it has none."""
    if sys.platform != "linux":
        return 0
    answer: int = ctypes.CDLL(None).syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)
    return max(0, answer)


def _python() -> Iterator[str]:
    yield from _SYSTEM
    yield sys.prefix
    yield sys.base_prefix
    yield from (path for path in sys.path if path)


def _allow_but(libc: ctypes.CDLL, ruleset: int, path: str, hidden: Collection[str]) -> None:
    """Landlock knows no exceptions: where something is hidden, each of its neighbours is allowed.

    A symlink is not followed then; it may lead to what is hidden.
    """
    real = os.path.realpath(path)
    inside = [each for each in hidden if each == real or each.startswith(real.rstrip("/") + "/")]
    if not inside:
        _allow(libc, ruleset, path, _READ_FILE | _READ_DIR)
    elif real not in inside:
        _allow(libc, ruleset, real, _READ_DIR)
        try:
            names = os.listdir(real)
        except OSError:
            return
        for entry in (os.path.join(real, name) for name in names):
            if not os.path.islink(entry):
                _allow_but(libc, ruleset, entry, inside)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there cannot be read
    if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
        rights &= _READ_FILE
    rule = struct.pack("=Qi", rights, descriptor)
    libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    os.close(descriptor)
