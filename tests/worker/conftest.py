"""A worker as the server sees it: the tests speak its protocol and need no binary.

`python -m vonk.worker` is started as the server starts it; `worker.run(…)` sends a task and frames of
columns, and gives back the rows of the result.
"""

import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import uuid

import pyarrow as pa
import pytest
from pyspark import cloudpickle
from pyspark.sql.types import ArrayType, MapType, StructType, _parse_datatype_json_value

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))

from vonk.worker import wire  # noqa: E402
from vonk.worker.arrow import arrow_schema, plain_schema  # noqa: E402


class Failed(Exception):
    """The worker's error, as it was sent."""

    def __init__(self, told):
        super().__init__(told.get("traceback") or str(told))
        self.told = told


class Worker:
    def __init__(self, folder):
        self.folder = folder
        self.listener = socket.socket(socket.AF_UNIX)
        path = str(folder / "s")
        self.listener.bind(path)
        self.listener.listen()
        self.listener.settimeout(30)
        ours, theirs = socket.socketpair()
        ours.settimeout(60)
        env = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
        command = [sys.executable, "-m", "vonk.worker", path, str(folder)]
        self.process = subprocess.Popen(command, stdin=theirs, env=env)
        theirs.close()
        self.control = wire.Channel(ours)
        assert self.control.read()[0] == wire.HELLO
        self.channel = None

    def fork(self):
        token = uuid.uuid4().hex
        self.control.write_json(wire.FORK, {"token": token})
        sock, _ = self.listener.accept()
        sock.settimeout(60)
        self.channel = wire.Channel(sock, pa.allocate_buffer)
        hello = json.loads(bytes(self.channel.read()[1][0]))
        assert hello["token"] == token

    def run(self, kind, f, returns, columns, output=None, *, args=None, ends=(), right=None, conf=None, **more):
        """Columns are pairs (type in DDL form or DataType, values); the result is a list of rows."""
        if self.channel is None:
            self.fork()
        fields, batch = table(columns)
        blobs = [f if isinstance(f, bytes) else cloudpickle.dumps((f, as_type(returns)))]
        if output is None:
            output = StructType().add("r", as_type(returns))
        function = {"chain": [0], "args": [[None, i] for i in range(len(columns))] if args is None else args, "name": "f"}
        function.update(more.pop("function", {}))
        spec = {
            "eval_type": kind,
            "functions": [function],
            "input": fields.jsonValue(),
            "output": as_struct(output).jsonValue(),
            "keys": more.pop("keys", []),
            "conf": {"spark.sql.session.timeZone": "UTC", **(conf or {})},
            "right": None,
            "table": more.pop("table", None),
        }
        frame = [batch.serialize(), pack(ends)]
        if right is not None:
            right_columns, right_ends, side = right
            right_fields, right_batch = table(right_columns)
            spec["right"] = {"input": right_fields.jsonValue(), **side}
            frame += [right_batch.serialize(), pack(right_ends)]
        assert not more, more
        self.channel.write(wire.TASK, [json.dumps(spec).encode(), *blobs])
        self.channel.write(wire.FRAME, frame)
        self.channel.write(wire.END)
        schema = arrow_schema(plain_schema(as_struct(output)))
        if kind in (300, 301, 302):
            schema = pa.schema([pa.field("row", pa.int64()), *schema])
        return list(self.results(schema))

    def results(self, schema):
        while True:
            kind, parts = self.channel.read()
            if kind == wire.BATCH:
                for part in parts:
                    batch = pa.ipc.read_record_batch(part, schema)
                    batch.validate(full=True)
                    columns = [c.to_pylist() for c in batch.columns]
                    yield from zip(*columns) if columns else [()] * batch.num_rows
            elif kind == wire.DONE:
                self.updates = parts[1:]
                return
            else:
                told = json.loads(bytes(parts[0]))
                if told.get("last"):
                    self.channel = None
                raise Failed(told)

    def call(self, name, value, blobs=(), conf=None):
        if self.channel is None:
            self.fork()
        spec = {"name": name, "value": value, "conf": conf or {}}
        self.channel.write(wire.CALL, [json.dumps(spec).encode(), *blobs])
        kind, parts = self.channel.read()
        told = json.loads(bytes(parts[0]))
        if kind != wire.REPLY:
            raise Failed(told)
        return told, [bytes(p) for p in parts[1:]]

    def stop(self):
        self.control.close()
        self.process.wait(10)
        self.listener.close()


def split(text):
    """The pieces between commas that are in no brackets."""
    out, depth = [""], 0
    for c in text:
        depth += (c in "<(") - (c in ">)")
        if c == "," and depth == 0:
            out.append("")
        else:
            out[-1] += c
    return [p.strip() for p in out]


def as_type(t):
    """The type of a short DDL text; PySpark's own parser asks a server."""
    if not isinstance(t, str):
        return t
    if re.match(r"\w+ \w+.*", t) and not t.startswith("interval"):
        return as_struct(t)
    head, _, rest = t.partition("<")
    inner = split(rest[:-1])
    if head == "array":
        return ArrayType(as_type(inner[0]))
    if head == "map":
        return MapType(as_type(inner[0]), as_type(inner[1]))
    if head == "struct":
        return as_struct(rest[:-1])
    return _parse_datatype_json_value({"int": "integer"}.get(t, t))


def as_struct(t):
    if isinstance(t, StructType):
        return t
    out = StructType()
    for field in split(t):
        name, kind = re.split("[: ]", field, maxsplit=1)
        out.add(name, as_type(kind))
    return out


def pack(ends):
    import array

    return array.array("I", ends).tobytes()


def table(columns):
    """The fields c0, c1, … (or the given names) and the batch of columns (type, values[, name])."""
    fields = StructType()
    for i, column in enumerate(columns):
        fields.add(column[2] if len(column) > 2 else f"c{i}", as_type(column[0]))
    schema = arrow_schema(plain_schema(fields))
    if not columns:
        return fields, pa.RecordBatch.from_struct_array(pa.array([{}] * 2, pa.struct([])))
    arrays = [pa.array(c[1], type=f.type) for c, f in zip(columns, schema)]
    return fields, pa.RecordBatch.from_arrays(arrays, schema=schema)


@pytest.fixture(scope="session")
def worker(tmp_path_factory):
    w = Worker(tmp_path_factory.mktemp("w"))
    yield w
    w.stop()
