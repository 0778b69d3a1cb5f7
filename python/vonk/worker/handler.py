"""The class of a table function: made, checked, and wrapped for partitions.

With PARTITION BY the server sends rows in order of partition, with the partitioning values among the
TABLE argument's columns: a new instance is made where they change, and the user does not see them.
"""

import dataclasses
import inspect

import pyarrow as pa
from pyspark import cloudpickle
from pyspark.errors import PySparkRuntimeError
from pyspark.sql.functions import SkipRestOfInputTableException
from pyspark.sql.types import Row

from vonk.worker.errors import pyspark_error


def make(task, arrow):
    """The instance for a task, with `eval` and perhaps `terminate` and `cleanup`."""
    function = task.functions[0]
    function.check_python()
    cls = function.commands()[-1]
    if isinstance(cls, tuple):
        cls = cls[0]
    if not isinstance(cls, type):
        raise PySparkRuntimeError(
            "Invalid UDTF handler type. Expected a class (type 'type'), but "
            f"got an instance of {type(cls).__name__}."
        )
    create = _constructor(task, cls, function.name)
    try:
        if task.partition_columns:
            wrapper = ArrowPartitions if arrow else RowPartitions
            udtf = wrapper(create, task.partition_columns)
        else:
            udtf = create()
    except Exception as e:
        raise pyspark_error("UDTF_EXEC_ERROR", method_name="__init__", error=str(e)) from e
    if not hasattr(udtf, "eval"):
        raise PySparkRuntimeError(
            "Failed to execute the user defined table function because it has not "
            "implemented the 'eval' method. Please add the 'eval' method and try the query again."
        )
    try:
        inspect.signature(udtf.eval).bind(*function.positional, **function.named)
    except TypeError as e:
        raise pyspark_error(
            "UDTF_EVAL_METHOD_ARGUMENTS_DO_NOT_MATCH_SIGNATURE", name=function.name, reason=str(e)
        ) from None
    return udtf


def _constructor(task, cls, name):
    arguments = len(inspect.getfullargspec(cls).args)
    if task.analyze_result is None:
        if arguments > 1:
            raise pyspark_error("UDTF_CONSTRUCTOR_INVALID_NO_ANALYZE_METHOD", name=name)
        return cls
    if arguments > 2:
        raise pyspark_error("UDTF_CONSTRUCTOR_INVALID_IMPLEMENTS_ANALYZE_METHOD", name=name)
    if arguments < 2:
        return cls
    analyzed = cloudpickle.loads(task.analyze_result)
    return lambda: cls(dataclasses.replace(analyzed))


class _Partitions:
    def __init__(self, create, columns):
        self._create, self._columns, self._hidden = create, columns, set(columns)
        self._udtf = create()
        self._key, self._skip = None, False

    def terminate(self):
        if hasattr(self._udtf, "terminate"):
            return self._udtf.terminate()
        return iter(())

    def cleanup(self):
        if hasattr(self._udtf, "cleanup"):
            self._udtf.cleanup()

    def _enter(self, key):
        """The results of the partition before, if this key begins a new one."""
        if self._key is not None and any(a != b for a, b in zip(self._key, key)):
            if hasattr(self._udtf, "terminate"):
                result = self._udtf.terminate()
                if result is not None:
                    yield from result
            self._udtf, self._skip = self._create(), False
        self._key = key

    def _call(self, args, kwargs):
        if self._skip:
            return
        try:
            result = self._udtf.eval(*args, **kwargs)
            if result is not None:
                yield from result
        except SkipRestOfInputTableException:
            self._skip = True


class RowPartitions(_Partitions):
    """Rows, one call each."""

    def eval(self, *args, **kwargs):
        table = next(a for a in (*args, *kwargs.values()) if type(a) is Row)
        yield from self._enter([table[i] for i in self._columns])
        shown = [self._visible(a) for a in args]
        yield from self._call(shown, {k: self._visible(a) for k, a in kwargs.items()})

    def _visible(self, arg):
        if not isinstance(arg, Row):
            return arg
        kept = [i for i in range(len(arg)) if i not in self._hidden]
        row = tuple.__new__(Row, [arg[i] for i in kept])
        row.__fields__ = [arg.__fields__[i] for i in kept]
        return row


class ArrowPartitions(_Partitions):
    """Record batches, one call for each partition's part of one."""

    def eval(self, *args, **kwargs):
        table = next((a for a in (*args, *kwargs.values()) if isinstance(a, pa.RecordBatch)), None)
        if table is None:
            raise pyspark_error("INVALID_ARROW_UDTF_TABLE_ARGUMENT", actual_type="None")
        keys = list(zip(*[table.column(i).to_pylist() for i in self._columns]))
        start = 0
        for stop in range(1, len(keys) + 1):
            if stop < len(keys) and keys[stop] == keys[start]:
                continue
            yield from self._enter(keys[start])
            part = [self._visible(a, start, stop) for a in args]
            yield from self._call(part, {k: self._visible(a, start, stop) for k, a in kwargs.items()})
            start = stop

    def _visible(self, arg, start, stop):
        if not isinstance(arg, pa.RecordBatch):
            return arg
        kept = [i for i in range(arg.num_columns) if i not in self._hidden]
        part = arg.slice(start, stop - start)
        if not kept:
            return pa.RecordBatch.from_struct_array(pa.array([{}] * part.num_rows, pa.struct([])))
        names = arg.schema.names
        return pa.RecordBatch.from_arrays([part.column(i) for i in kept], names=[names[i] for i in kept])
