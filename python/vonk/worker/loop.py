"""A worker's life: connect, then one task or call after the other until the server closes."""

import importlib
import json
import os
import sys

import pyarrow as pa

from vonk.worker import errors, isolate, profile
from vonk.worker.task import Conf, Task
from vonk.worker.wire import BATCH, CALL, DONE, END, ERROR, FRAME, HELLO, REPLY, TASK, Closed, connect

# Larger batches of results are sent in pieces.
MESSAGE_BYTES = 32 << 20


def work(path, token):
    """Serves until the server closes the connection; the process's exit status."""
    pa.set_cpu_count(1)
    channel = connect(path, pa.allocate_buffer)
    channel.write_json(HELLO, {"token": token, "pid": os.getpid()})
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
    """The frames of one task, as they arrive; each is its parts."""

    def __init__(self, channel):
        self._channel, self._open = channel, True

    def __iter__(self):
        while self._open:
            kind, parts = self._channel.read()
            if kind == FRAME:
                yield parts
            elif kind == END:
                self._open = False
            else:
                raise Closed()

    def drain(self):
        for _ in self:
            pass


def pieces(batch):
    """The batch in messages that the server can hold."""
    rows, size = batch.num_rows, batch.nbytes
    if size <= MESSAGE_BYTES or rows < 2:
        return [batch]
    step = max(1, rows * MESSAGE_BYTES // size)
    return [batch.slice(at, step) for at in range(0, rows, step)]


def run_task(channel, parts):
    """Whether the process must not be used again."""
    from vonk.worker.kinds import evaluate

    frames, conf, last = Frames(channel), Conf(), False
    try:
        conf = Conf(json.loads(bytes(parts[0]))["conf"])
        profile.begin()
        if isolate.has_files:
            importlib.invalidate_caches()
        task = Task(parts)
        results = evaluate(task, frames)
        try:
            for batch in results:
                for piece in pieces(batch):
                    channel.write(BATCH, [piece.serialize()])
        finally:
            results.close()
        _flush()
        channel.write_json(DONE, {}, profile.updates())
    except Closed:
        raise
    except BaseException as e:
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
