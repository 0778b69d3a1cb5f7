"""A first run of every common kind of function, in the fork server.

Libraries do much on first use: modules are imported, converters made, dispatch tables filled. Once
done here it is done in every worker, and the first function of a session takes as long as any other.
Nothing may be left running: a thread would not be there after a fork.
"""

import json
import sys

import pyarrow as pa
from pyspark import cloudpickle
from pyspark.sql.types import DoubleType, LongType, StringType, StructType

from vonk.worker.errors import warn
from vonk.worker.kinds import evaluate
from vonk.worker.task import Task

_ROWS = StructType().add("a", LongType()).add("b", DoubleType()).add("c", StringType())
_BATCH = {"a": [1, None, 3], "b": [1.0, 2.0, None], "c": ["x", None, "z"]}


def _scalar(eval_type, f):
    """One function of each column, of the column's type."""
    return eval_type, [(f, t.dataType, [i]) for i, t in enumerate(_ROWS.fields)], _ROWS


def _table(eval_type, f):
    return eval_type, [(f, _ROWS, [0, 1, 2])], _ROWS


def _value(eval_type, f):
    return eval_type, [(f, LongType(), [0])], StructType().add("n", LongType())


_ALL = (
    _scalar(100, lambda x: x),
    _scalar(101, lambda x: x),
    _scalar(200, lambda s: s),
    _scalar(250, lambda a: a),
    _table(205, lambda it: it),
    _table(207, lambda it: it),
    _table(201, lambda frame: frame),
    _table(209, lambda table: table),
    _value(202, len),
)


def rehearse(version):
    """Runs them all; what fails here is for the user's own run to tell."""
    pa.set_cpu_count(1)
    columns = [pa.array(_BATCH[f.name], t) for f, t in zip(_ROWS.fields, (pa.int64(), pa.float64(), pa.string()))]
    rows = pa.RecordBatch.from_arrays(columns, names=_ROWS.names).serialize()
    ends = (3).to_bytes(4, sys.byteorder)
    for eval_type, functions, output in _ALL:
        try:
            blobs = [cloudpickle.dumps((f, kind)) for f, kind, _ in functions]
            specs = [
                {"chain": [i], "args": [[None, c] for c in columns], "name": "", "python_version": version}
                for i, (_, _, columns) in enumerate(functions)
            ]
            task = {
                "eval_type": eval_type,
                "functions": specs,
                "input": _ROWS.jsonValue(),
                "output": output.jsonValue(),
                "keys": [],
                "conf": {},
            }
            for batch in evaluate(Task([json.dumps(task).encode(), *blobs]), [[rows, ends]]):
                batch.serialize()
        except Exception as e:
            warn(f"kind {eval_type} was not rehearsed: {type(e).__name__}: {e}")
