"""Table functions. Every result goes back with the number of the input row it belongs to."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from pyspark.errors import PySparkTypeError, PySparkValueError
from pyspark.sql.functions import SkipRestOfInputTableException

from vonk.worker import handler, nulls
from vonk.worker import pickled as pickled_values
from vonk.worker import results as arrow_values
from vonk.worker.arrow import Input, Output, arrow_schema, enforce_schema, plain_schema
from vonk.worker.errors import pyspark_error
from vonk.worker.values import columns_of

ROW = pa.field("row", pa.int64())
# So many result rows make a batch.
ROWS = 8192


def _output(task):
    return Output(task.output, leading=[ROW])


def _iterable(result, name):
    if not isinstance(result, Iterable):
        raise pyspark_error("UDTF_RETURN_NOT_ITERABLE", type=type(result).__name__, func=name)
    return result


def _invoke(method, args):
    """The method's results; an error of the user's code names the method."""
    try:
        return method(*args)
    except SkipRestOfInputTableException:
        raise
    except Exception as e:
        raise pyspark_error("UDTF_EXEC_ERROR", method_name=method.__name__, error=str(e)) from e


class _Calls:
    """Calls `eval` for each row and `terminate` at the end; collects result rows and their input rows."""

    def __init__(self, task, frames, check, to_batch):
        self.task, self.frames, self.check, self.to_batch = task, frames, check, to_batch
        self.udtf = handler.make(task, arrow=False)
        self.source = Input(task.input, task.conf)
        self.rows, self.numbers, self.number = [], [], -1

    def take(self, method, args):
        result = _invoke(method, args)
        if result is None:
            return
        name, check, rows, before = method.__name__, self.check, self.rows, len(self.rows)
        for row in _iterable(result, name):
            rows.append(check(row, name))
        self.numbers.extend([self.number] * (len(rows) - before))

    def ready(self, least):
        if len(self.rows) >= least and self.rows:
            rows, numbers, self.rows, self.numbers = self.rows, self.numbers, [], []
            yield self.to_batch(rows, numbers)

    def run(self):
        function, conf = self.task.functions[0], self.task.conf
        method, columns = function.bind(self.udtf.eval), function.columns()
        method = _named(method, "eval")
        try:
            try:
                for parts in self.frames:
                    batch = self.source.batch(parts[0])
                    lists = columns_of(batch, self.source.fields, conf.binary_as_bytes)
                    args = [lists[i] for i in columns]
                    for row in zip(*args) if args else [()] * batch.num_rows:
                        self.number += 1
                        self.take(method, row)
                        yield from self.ready(ROWS)
            except SkipRestOfInputTableException:
                pass
            terminate = getattr(self.udtf, "terminate", None)
            if terminate is not None:
                self.take(terminate, ())
            yield from self.ready(1)
        finally:
            cleanup = getattr(self.udtf, "cleanup", None)
            if cleanup is not None:
                cleanup()


def _named(f, name):
    """`f` under that name, by which errors tell the method."""
    if getattr(f, "__name__", None) == name:
        return f

    def called(*args):
        return f(*args)

    called.__name__ = name
    return called


def rows(task, frames):
    """Row functions whose results the JVM would unpickle."""
    fields, out = task.output, _output(task)
    width, check_nulls = len(fields.fields), nulls.row_checker(task.output)
    kinds = [f.dataType for f in fields.fields]
    raw = [(pickled_values.raw_type(k), pickled_values.converter(k)) for k in kinds]

    def check(result, name):
        if result is not None:
            if hasattr(result, "__UDT__"):
                raise pyspark_error("UDTF_INVALID_OUTPUT_ROW_TYPE", type=type(result).__name__, func=name)
            if hasattr(result, "__len__") and len(result) != width:
                raise _wrong_width(width, len(result), name)
            if not (isinstance(result, (list, dict, tuple)) or hasattr(result, "__dict__")):
                raise pyspark_error("UDTF_INVALID_OUTPUT_ROW_TYPE", type=type(result).__name__, func=name)
            if check_nulls is not None:
                check_nulls(result)
        row = fields.toInternal(result)
        return (None,) * width if row is None else row

    def to_batch(taken, numbers):
        columns = [
            pa.array([None if r[i] is None else convert(r[i]) for r in taken], type=kind)
            for i, (kind, convert) in enumerate(raw)
        ]
        return out.batch([pa.array(numbers, pa.int64()), *columns], len(taken))

    yield from _Calls(task, frames, check, to_batch).run()


def _wrong_width(expected, actual, name):
    return pyspark_error("UDTF_RETURN_SCHEMA_MISMATCH", expected=str(expected), actual=str(actual), func=name)


def arrow_rows(task, frames):
    """Row functions whose results go to Arrow."""
    plain = arrow_values.dedup_type(plain_schema(task.output))
    names, width, out = task.output.names, len(plain.fields), _output(task)
    schema = arrow_schema(plain, "UTC", task.conf.large_types)
    convert = [arrow_values.converter(f.dataType, f.nullable) for f in task.output.fields]
    check_nulls = nulls.row_checker(task.output)

    def check(row, name):
        if not isinstance(row, tuple) and width == 1:
            row = (row,)
        if row is None:
            return (None,) * width
        if check_nulls is not None:
            check_nulls(row)
        if isinstance(row, dict):
            return tuple(row.get(n) for n in names)
        if not isinstance(row, tuple) and hasattr(row, "__dict__"):
            return tuple(row.__dict__.get(n) for n in names)
        if len(row) != width:
            raise _wrong_width(width, len(row), name)
        return tuple(row)

    def columns(taken):
        made = []
        for values, f, field in zip(zip(*taken), convert, schema):
            made.append(pa.array(values if f is None else [f(v) for v in values], type=field.type))
        return made

    def to_batch(taken, numbers):
        try:
            made = columns(taken)
        except Exception:
            _blame(taken, numbers, columns, task.output, schema)
            raise
        return out.batch([pa.array(numbers, pa.int64()), *made], len(taken))

    yield from _Calls(task, frames, check, to_batch).run()


def _blame(taken, numbers, columns, fields, schema):
    """Raises the conversion error of the first call whose results do not convert."""
    start = 0
    for stop in range(1, len(taken) + 1):
        if stop < len(taken) and numbers[stop] == numbers[start]:
            continue
        try:
            columns(taken[start:stop])
        except PySparkValueError as e:
            raise e
        except Exception as e:
            raise pyspark_error(
                "UDTF_ARROW_DATA_CONVERSION_ERROR",
                data=str(taken[start:stop]),
                schema=fields.simpleString(),
                arrow_schema=str(pa.struct(list(schema))),
            ) from e
        start = stop


def arrow(task, frames):
    """Functions from record batches and arrays to record batches and tables."""
    source, out, conf = Input(task.input, task.conf), _output(task), task.conf
    schema = arrow_schema(plain_schema(task.output), "UTC", conf.large_types)
    udtf, function, tables = handler.make(task, arrow=True), task.functions[0], set(task.table_args)
    number = -1

    def results(method, args):
        result = _invoke(method, args)
        for item in _iterable(result, method.__name__) if result is not None else ():
            if not isinstance(item, (pa.Table, pa.RecordBatch)):
                raise pyspark_error("UDTF_ARROW_TYPE_CONVERSION_ERROR")
            for batch in item.to_batches() if isinstance(item, pa.Table) else [item]:
                if batch.num_columns != len(schema):
                    raise _wrong_width(len(schema), batch.num_columns, method.__name__)
                made = enforce_schema(batch, schema)
                rows = pa.array(np.full(made.num_rows, number, dtype=np.int64))
                yield out.batch([rows, *made.columns], made.num_rows)

    try:
        try:
            method, columns = _named(function.bind(udtf.eval), "eval"), function.columns()
            for parts in frames:
                for batch in source.slices(parts[0], conf.batch_rows):
                    number += batch.num_rows
                    given = [_unwrap(batch.column(i)) if i in tables else batch.column(i) for i in columns]
                    yield from results(method, given)
        except SkipRestOfInputTableException:
            pass
        terminate = getattr(udtf, "terminate", None)
        if terminate is not None:
            yield from results(terminate, ())
    finally:
        cleanup = getattr(udtf, "cleanup", None)
        if cleanup is not None:
            cleanup()


def _unwrap(column):
    """A struct column as a record batch."""
    if not isinstance(column, pa.StructArray):
        raise PySparkTypeError(f"a TABLE argument is a struct, not {column.type}")
    return pa.RecordBatch.from_arrays(column.flatten(), schema=pa.schema(list(column.type)))
