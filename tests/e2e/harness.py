"""Servers as processes of their own, and what the tests ask of them.

Every server listens on the loopback interface, on a port it chose itself, and ends with its
standard input: no test run, however it ends, leaves one behind. Every wait has a limit.
"""

import os
import pathlib
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_SECONDS = 30
STOP_SECONDS = 20


def binary():
    """The executable under test: `$VONK_BIN`, else the debug build."""
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    path = pathlib.Path(os.environ.get("VONK_BIN", f"{target}/debug/vonk"))
    if not path.is_file():
        raise FileNotFoundError(f"{path}: build it with `cargo build -p vonk-cli`, or set VONK_BIN")
    return str(path)


class Server:
    """A `vonk server` with a warehouse of its own."""

    def __init__(self, warehouse, *args, env=None, port=0):
        options = ["--port", str(port), "--until-stdin-closes", "--warehouse", str(warehouse)]
        self.warehouse = warehouse
        self.process = subprocess.Popen(
            [binary(), "server", *options, *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, **(env or {})},
        )
        self.log = []
        self._drain = threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True)
        self._drain.start()
        first = []
        reader = threading.Thread(target=lambda: first.append(self.process.stdout.readline()), daemon=True)
        reader.start()
        reader.join(START_SECONDS)
        if not first or not first[0].startswith("sc://"):
            self.stop()
            raise RuntimeError(f"the server did not start: {first} {''.join(self.log)[-2000:]}")
        self.url = first[0].strip()
        self.port = int(self.url.rpartition(":")[2])

    @property
    def pid(self):
        return self.process.pid

    @property
    def alive(self):
        return self.process.poll() is None

    def rss_mib(self, key="VmRSS"):
        """Memory of the process as the kernel counts it; `VmHWM` is the most it ever had."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) / 1024
        raise RuntimeError(f"no {key} for {self.pid}")

    def session(self, url=None):
        from pyspark.sql.connect.session import SparkSession

        session = SparkSession.builder.remote(url or self.url).create()
        # PySpark asks the first session it was given about Python functions, also when its server is gone.
        SparkSession._default_session = SparkSession._active_session.session = session
        return session

    def stop(self):
        if self.process.stdin and not self.process.stdin.closed:
            try:
                self.process.stdin.close()
            except OSError:
                pass
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_SECONDS)
        self.process.stdout.close()


def vonk(*args, timeout=60, **kwargs):
    """Runs the binary to its end; standard output and error as text."""
    return subprocess.run([binary(), *map(str, args)], capture_output=True, text=True, timeout=timeout, **kwargs)


def eventually(check, seconds=5.0, step=0.05):
    """Waits until `check()` is true; its last value."""
    end = time.monotonic() + seconds
    while not (value := check()) and time.monotonic() < end:
        time.sleep(step)
    return value


def files_under(folder, suffix=""):
    """Every file below a folder, relative, sorted."""
    folder = pathlib.Path(folder)
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*" + suffix) if p.is_file())
