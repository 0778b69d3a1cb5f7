"""Vonk: Apache Spark's job without the JVM.

    import vonk
    spark = vonk.session()          # a plain PySpark session on an embedded server

The server is the `vonk` binary of this package, started on a free port of the loopback
interface; it ends with this process.
"""

import atexit
import os
import subprocess
import sys
import threading

from vonk._binary import find_binary

__all__ = ["session", "start_server", "EmbeddedServer", "find_binary"]
__version__ = "0.1.0"

_lock = threading.Lock()
_server = None


class EmbeddedServer:
    """A `vonk server` that lives as long as this object's process, or until `stop()`."""

    def __init__(self, *args):
        command = [find_binary(), "server", "--port", "0", "--until-stdin-closes", *args]
        # Python functions run in this interpreter, unless the user wants another.
        env = {"VONK_PYTHON": sys.executable, **os.environ}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        line = self._process.stdout.readline()
        if not line.startswith("sc://"):
            self._process.wait(timeout=10)
            raise RuntimeError(f"the server did not start (exit status {self._process.returncode}): {line.strip()}")
        self.url = line.strip()

    @property
    def alive(self):
        return self._process.poll() is None

    def stop(self):
        """Closes the server's standard input, which ends it, and waits for that."""
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()


def start_server(*args):
    """Starts the embedded server, or gives the one that runs. `args` go to `vonk server`."""
    global _server
    with _lock:
        if _server is None or not _server.alive:
            _server = EmbeddedServer(*args)
            atexit.register(_server.stop)
        return _server


def _session_class():
    """PySpark's session class. Under `python -c`, where the main module has no file, PySpark's
    Connect modules think that their own tests run: for the import it is given one."""
    main = sys.modules["__main__"]
    nameless = not hasattr(main, "__file__") and not hasattr(sys, "ps1")
    if nameless:
        main.__file__ = "<vonk>"
    try:
        import pyspark.sql.connect.session  # noqa: F401
        from pyspark.sql import SparkSession
    finally:
        if nameless:
            del main.__file__
    return SparkSession


def session(config=None):
    """A PySpark session on the embedded server.

    `config` is a dict of settings for the session's builder.
    """
    builder = _session_class().builder.remote(start_server().url)
    for key, value in (config or {}).items():
        builder = builder.config(key, value)
    return builder.getOrCreate()
