"""The fork server: imports once, forks workers on demand, ends with the server.

The server's control channel is standard input. When it closes, however the server ended, every
worker is killed with its process group and their folder is removed. A worker that the fork server
leaves behind (because somebody killed it) is killed by the kernel.
"""

import gc
import json
import os
import select
import shutil
import signal
import socket
import sys
import time

from vonk.worker import isolate
from vonk.worker.wire import EXIT, FORK, HELLO, KILL, Channel, Closed

# How long the end of killed processes is waited for.
_END_SECONDS = 5.0


def _imports():
    """What every task needs; in the workers it is there at no cost."""
    import numpy  # noqa: F401
    import pandas  # noqa: F401
    import pyarrow.compute  # noqa: F401
    import pyspark.cloudpickle  # noqa: F401
    import pyspark.sql.types  # noqa: F401

    import vonk.worker.calls  # noqa: F401
    import vonk.worker.loop  # noqa: F401
    from vonk.worker.rehearsal import rehearse

    rehearse("%d.%d" % sys.version_info[:2])


class Launcher:
    def __init__(self, control, path, folder):
        self.control, self.path, self.folder = control, path, folder
        self.workers = {}  # process -> the token it was asked for with

    def run(self):
        wake_in, wake_out = socket.socketpair()
        for end in (wake_in, wake_out):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_out.fileno(), warn_on_full_buffer=False)
        # An interrupt at the terminal is for the server, which then closes the channel.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            while True:
                ready, _, _ = select.select([self.control, wake_in], [], [], 5.0)
                if wake_in in ready:
                    try:
                        wake_in.recv(4096)
                    except BlockingIOError:
                        pass
                self.reap()
                if self.control in ready:
                    kind, parts = self.control.read()
                    request = json.loads(bytes(parts[0]))
                    if kind == FORK:
                        self.fork(request, (wake_in, wake_out))
                    elif kind == KILL and request["pid"] in self.workers:
                        self.kill(request["pid"])
        except Closed:
            pass
        finally:
            self.end()

    def end(self):
        """Ends the workers, and what comes to us from them as they end."""
        for pid in self.workers:
            self.kill(pid)
        limit = time.monotonic() + _END_SECONDS
        while (left := isolate.children()) and time.monotonic() < limit:
            for pid in left:
                self.kill(pid)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                break
            time.sleep(0.005)
        shutil.rmtree(self.folder, ignore_errors=True)

    def fork(self, request, wake):
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                signal.set_wakeup_fd(-1)
                for end in wake:
                    end.close()
                self.control.close()
                isolate.enter(request, parent, self.folder)
                from vonk.worker.loop import work

                status = work(self.path, request["token"])
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                isolate.leave(status)
        self.workers[pid] = request["token"]

    def kill(self, pid):
        """The worker and what it forked; the worker itself also when it has no group yet."""
        for send in (os.killpg, os.kill):
            try:
                send(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            token = self.workers.pop(pid, None)
            self.sweep(pid)
            if token is None:
                continue
            report = isolate.last_words(self.folder, pid)
            shutil.rmtree(isolate.folder_of(self.folder, pid), ignore_errors=True)
            status = os.waitstatus_to_exitcode(status)
            self.control.write_json(EXIT, {"pid": pid, "token": token, "status": status, "report": report})

    def sweep(self, pid):
        """What a worker that has ended left in its group, and what left the group and came to us."""
        orphans = [child for child in isolate.children() if child not in self.workers]
        for send, to in ((os.killpg, pid), *((os.kill, child) for child in orphans)):
            try:
                send(to, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass


def main(path, folder):
    # Descriptors: the channel moves away from standard input, standard output joins standard error.
    control = Channel(socket.socket(fileno=os.dup(0)))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    try:
        _imports()
        import pyspark

        version = tuple(int(n) for n in pyspark.__version__.split(".")[:2])
        if version < (4, 0):
            raise ImportError(f"PySpark 4.0 or later is needed, this is {pyspark.__version__}")
    except BaseException as e:
        control.write_json(HELLO, {"error": f"{type(e).__name__}: {e}"})
        sys.exit(1)
    isolate.adopt()
    gc.collect()
    gc.freeze()
    control.write_json(HELLO, {"python": "%d.%d" % sys.version_info[:2], "pyspark": pyspark.__version__})
    Launcher(control, path, folder).run()
