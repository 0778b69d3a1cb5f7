"""What sets a worker apart from the server and from other workers.

A process group of its own, death with its parent, no core files, a memory limit, first in line when
memory runs out, a folder of its own for temporary files, and only the environment it was given.
"""

import ctypes
import faulthandler
import os
import resource
import signal
import sys
import tempfile

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# Loaded before the fork: a worker with little memory could not.
_LIBC = ctypes.CDLL(None, use_errno=True)
_FAULTS = "faults"
# Libraries alone reserve more address space than a small machine has memory.
_LEAST_LIMIT = 4 << 30
# So much of a fault's report is passed on.
_REPORT_BYTES = 8192
_fault_file = None
# Whether the session has files, which may grow in number between tasks.
has_files = False


def adopt():
    """What this process's descendants leave behind becomes its child: nothing escapes by forking twice."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)


def children():
    """The processes whose parent this one is; none where the system does not tell."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as f:
            return [int(pid) for pid in f.read().split()]
    except OSError:
        return []


def folder_of(base, pid):
    return os.path.join(base, f"worker-{pid}")


def enter(request, parent, base):
    """Turns a fork of the fork server into a worker."""
    global _fault_file, has_files
    os.setsid()
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    adopt()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    own = folder_of(base, os.getpid())
    os.mkdir(own, 0o700)
    os.environ.update(request.get("variables", {}))
    os.environ["TMPDIR"] = own
    tempfile.tempdir = None
    files = request.get("files")
    has_files = bool(files)
    os.chdir(files if files and os.path.isdir(files) else own)
    for entry in reversed([p for p in (files, *request.get("python_path", [])) if p]):
        if entry not in sys.path:
            sys.path.insert(1, entry)
    _files_root(files or own)

    _close_input()
    _fault_file = open(os.path.join(own, _FAULTS), "w")
    faulthandler.enable(_fault_file)
    sys.stdout.reconfigure(line_buffering=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _first_to_go()
    limit = request.get("memory_limit") or _default_limit()
    if limit:
        try:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        except (OSError, ValueError) as e:
            print(f"no memory limit: {e}", file=sys.stderr)


def _close_input():
    """Standard input is the end of a pipe that nobody writes to: whatever is done with it, there is nothing to read."""
    end, writer = os.pipe()
    os.close(writer)
    os.dup2(end, 0)
    if end:
        os.close(end)
    sys.stdin = open(0, closefd=False)


def _default_limit():
    """Four fifths of the machine's (or container's) memory: a runaway ends before the server does."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
    try:
        with open("/sys/fs/cgroup/memory.max") as f:
            total = min(total, int(f.read()))
    except (OSError, ValueError):
        pass
    return max(total * 4 // 5, _LEAST_LIMIT)


class _SparkFiles:
    """`pyspark.SparkFiles` where the package is the client alone, which has none."""

    _root_directory = None
    _is_running_on_worker = True

    @classmethod
    def get(cls, filename):
        return os.path.abspath(os.path.join(cls.getRootDirectory(), filename))

    @classmethod
    def getRootDirectory(cls):
        return cls._root_directory


def _files_root(folder):
    """Where `SparkFiles.get` looks."""
    import pyspark

    try:
        from pyspark.core.files import SparkFiles
    except ImportError:
        SparkFiles = pyspark.SparkFiles = _SparkFiles
    SparkFiles._root_directory = folder
    SparkFiles._is_running_on_worker = True


def _first_to_go():
    """When the machine runs out of memory, a worker is killed before the server."""
    try:
        with open("/proc/self/oom_score_adj", "w") as f:
            f.write("1000")
    except OSError:
        pass


def leave(status):
    """Ends the worker without the exit handlers of the fork server."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass
    os._exit(status)


def last_words(base, pid):
    """What the fault handler wrote when the worker crashed, down to the last frame of the user's code."""
    try:
        with open(os.path.join(folder_of(base, pid), _FAULTS), errors="replace") as f:
            lines = f.read(_REPORT_BYTES).splitlines()
    except OSError:
        return ""
    own = os.path.dirname(__file__)
    end = next((i for i, line in enumerate(lines) if own in line or line.startswith("Extension modules")), len(lines))
    return "\n".join(lines[:end])
