"""A worker's life: connect, then one task or call after the other until the server closes."""

import importlib
import json
import os
import sys
import time

import pyarrow as pa

from vonk.worker import errors, isolate, profile, segment
from vonk.worker.task import Conf, Task
from vonk.worker.wire import BATCH, CALL, DONE, END, ERROR, FRAME, HELLO, REPLY, TASK, Closed, connect

# Larger batches of results are sent in pieces.
MOST_BYTES = 32 << 20
# Results wait for each other until they have so many bytes, the oldest is so many seconds old, or there is nothing to do.
MESSAGE_BYTES = 512 << 10
MESSAGE_TIME = 0.02


def work(path, token):
    """Serves until the server closes the connection; the process's exit status."""
    pa.set_cpu_count(1)
    shared = segment.made()
    channel = connect(path, pa.allocate_buffer, shared)
    described = {} if shared is None else {"segment": shared.described}
    channel.write_json(HELLO, {"token": token, "pid": os.getpid(), **described})
    try:
        while True:
            kind, parts = channel.read()
            if kind == TASK:
                last = run_task(channel, parts)
            elif kind == CALL:
                last = run_call(channel, parts)
            else:
                return 1
            if last:
                return 0
    except Closed:
        return 0


class Frames:
    """The frames of one task, as they arrive, several in a message; each is its parts."""

    def __init__(self, channel, results):
        self._channel, self._results, self._open = channel, results, True
        self.sides = 1

    def __iter__(self):
        while self._open:
            self._results.flush()
            kind, parts = self._channel.read()
            if kind == FRAME:
                step = 2 * self.sides
                for at in range(0, len(parts), step):
                    yield parts[at : at + step]
            elif kind == END:
                self._open = False
            else:
                raise Closed()

    def drain(self):
        for _ in self:
            pass


class Results:
    """Batches on their way back."""

    def __init__(self, channel):
        self._channel = channel
        self._held, self._bytes, self._since = [], 0, 0.0

    def add(self, batch):
        now = time.monotonic()
        if not self._held:
            self._since = now
        for piece in pieces(batch):
            self._held.append(piece)
            self._bytes += len(piece)
            if self._bytes >= MESSAGE_BYTES:
                self.flush()
        if now - self._since >= MESSAGE_TIME:
            self.flush()

    def flush(self):
        if self._held:
            held, self._held, self._bytes = self._held, [], 0
            self._channel.write(BATCH, held)


def pieces(batch):
    """The batch as bytes, in pieces that the server can hold."""
    whole, rows = batch.serialize(), batch.num_rows
    if len(whole) <= MOST_BYTES or rows < 2:
        return [whole]
    step = max(1, rows * MOST_BYTES // len(whole))
    return [batch.slice(at, step).serialize() for at in range(0, rows, step)]


def run_task(channel, parts):
    """Whether the process must not be used again."""
    from vonk.worker.kinds import evaluate

    sent = Results(channel)
    frames, conf, last = Frames(channel, sent), Conf(), False
    try:
        conf = Conf(json.loads(bytes(parts[0]))["conf"])
        profile.begin()
        if isolate.has_files:
            importlib.invalidate_caches()
        task = Task(parts)
        frames.sides = 1 if task.right_input is None else 2
        results = evaluate(task, frames)
        try:
            for batch in results:
                sent.add(batch)
        finally:
            results.close()
        sent.flush()
        _flush()
        channel.write_json(DONE, {}, profile.updates())
    except Closed:
        raise
    except BaseException as e:
        sent.flush()
        last = _report(channel, e, conf)
    frames.drain()
    return last


def run_call(channel, parts):
    from vonk.worker.calls import answer

    conf, last = Conf(), False
    try:
        spec = json.loads(bytes(parts[0]))
        conf = Conf(spec["conf"])
        value, blobs = answer(spec["name"], spec["value"], [memoryview(p) if len(p) else b"" for p in parts[1:]], conf)
        _flush()
        channel.write_json(REPLY, value, blobs)
    except Closed:
        raise
    except BaseException as e:
        last = _report(channel, e, conf)
    return last


def _report(channel, e, conf):
    last = errors.is_last(e)
    message = errors.describe(e, conf)
    message["last"] = last
    _flush()
    channel.write_json(ERROR, message)
    return last


def _flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass
