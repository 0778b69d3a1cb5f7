"""One result for every row: row functions, pandas functions and Arrow functions."""

from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pyarrow as pa
from pyspark.errors import PySparkTypeError, PySparkValueError
from pyspark.sql.types import StructType

from vonk.worker import pickled as pickled_values
from vonk.worker import results as arrow_values
from vonk.worker.arrow import Input, Output, arrow_schema, enforce_schema, plain_schema
from vonk.worker.errors import pyspark_error
from vonk.worker.frames import FromPandas, ToPandas, check_frame
from vonk.worker.functions import (
    Count,
    check_exhausted,
    check_iterator,
    check_rows,
    load,
    load_all,
    stopped,
)
from vonk.worker.values import to_list


def _names(fields):
    return [f"_{i}" for i in range(len(fields.fields))]


def _result_fields(functions):
    out = StructType()
    for i, f in enumerate(functions):
        out.add(f"_{i}", f.kind)
    return plain_schema(out)


class _Rows:
    """A row function with what turns its results into a column."""

    def __init__(self, loaded, to_array, kind, convert, threads):
        self.call, self.columns = loaded.bound(), loaded.columns
        self.to_array, self.kind, self.convert, self.threads = to_array, kind, convert, threads

    def run(self, columns, count):
        """The function on every row; the columns are lists."""
        f = self.call
        args = [columns[i] for i in self.columns]
        try:
            if self.threads > 0:
                rows = zip(*args) if args else ((),) * count
                with ThreadPoolExecutor(max_workers=self.threads) as pool:
                    return list(pool.map(lambda row: f(*row), rows))
            if len(args) == 1:
                return [f(a) for a in args[0]]
            if len(args) == 2:
                return [f(a, b) for a, b in zip(*args)]
            if not args:
                return [f() for _ in range(count)]
            return [f(*row) for row in zip(*args)]
        except StopIteration as e:
            raise stopped(e) from e


def _row_functions(task, frames, make):
    source, out = Input(task.input, task.conf, _names(task.input)), Output(task.output)
    threads = task.conf.number("spark.sql.execution.pythonUDF.arrow.concurrency.level", -1)
    functions = [make(f, threads) for f in load_all(task, stop_is_error=False)]
    used = sorted({i for f in functions for i in f.columns})
    fields, as_bytes = source.fields.fields, task.conf.binary_as_bytes
    for frame in frames:
        batch = source.batch(frame[0])
        count = batch.num_rows
        columns = {i: to_list(batch.column(i), fields[i].dataType, as_bytes) for i in used}
        arrays = []
        for f in functions:
            values = f.run(columns, count)
            check_rows(len(values), count)
            arrays.append(f.to_array(values))
        yield out.batch(arrays, count)


def pickled(task, frames):
    """Row functions whose results the JVM would unpickle."""

    def make(loaded, threads):
        kind, arrow_type = loaded.kind, pickled_values.raw_type(loaded.kind)
        convert = pickled_values.converter(kind)
        return _Rows(loaded, lambda v: pickled_values.to_array(v, kind, arrow_type, convert), kind, convert, 0)

    return _row_functions(task, frames, make)


def arrow_batched(task, frames):
    """Row functions whose results go to Arrow."""
    conf = task.conf
    if conf.flag("spark.sql.legacy.execution.pythonUDF.pandas.conversion.enabled", False):
        return _legacy(task, frames)

    def make(loaded, threads):
        kind = arrow_values.dedup_type(plain_schema(StructType().add("c", loaded.kind)).fields[0].dataType)
        arrow_type = arrow_schema(StructType().add("c", kind), "UTC", conf.large_types).field(0).type
        convert = arrow_values.converter(loaded.kind, int_to_decimal=conf.int_to_decimal)
        safe = conf.safe_cast
        return _Rows(
            loaded, lambda v: arrow_values.to_array(v, kind, arrow_type, convert, safe), kind, convert, threads
        )

    return _row_functions(task, frames, make)


def _legacy(task, frames):
    """The older way of Arrow-optimised row functions: by pandas."""
    from pyspark.sql.types import BinaryType, StringType

    source, out, conf = Input(task.input, task.conf, _names(task.input)), Output(task.output), task.conf
    functions = load_all(task, stop_is_error=False)
    fields = _result_fields(functions)
    to_pandas = ToPandas(source.fields, conf, structs="row", lists=True)
    from_pandas = FromPandas(fields, conf)
    runs = [_Rows(f, None, f.kind, None, 0) for f in functions]
    for frame in frames:
        for batch in source.slices(frame[0], conf.batch_rows):
            columns = [s.tolist() for s in to_pandas.all(batch)]
            series = []
            for run in runs:
                values = run.run(columns, batch.num_rows)
                make = {StringType: str, BinaryType: bytes}.get(type(run.kind))
                if make:
                    values = [None if v is None else make(v) for v in values]
                series.append(pd.Series(values))
            yield out.batch(from_pandas.columns(series), batch.num_rows)


def pandas(task, frames):
    """Series to Series."""
    source, out, conf = Input(task.input, task.conf, _names(task.input)), Output(task.output), task.conf
    functions = load_all(task)
    calls = [(f.bound(), f.columns, f.kind) for f in functions]
    to_pandas = ToPandas(source.fields, conf, frames_of_structs=True)
    from_pandas = FromPandas(_result_fields(functions), conf)
    used = sorted({i for _, columns, _ in calls for i in columns})
    for frame in frames:
        for batch in source.slices(frame[0], conf.batch_rows):
            count = batch.num_rows
            series = dict(zip(used, to_pandas.pick(batch, used)))
            values = []
            for f, columns, kind in calls:
                value = f(*[series[i] for i in columns])
                _check_series(value, kind, count)
                values.append(value)
            yield out.batch(from_pandas.columns(values), count)


def _check_series(value, kind, count):
    if not hasattr(value, "__len__"):
        expected = "pandas.DataFrame" if isinstance(kind, StructType) else "pandas.Series"
        raise pyspark_error("UDF_RETURN_TYPE", PySparkTypeError, expected=expected, actual=type(value).__name__)
    check_rows(len(value), count)
    if isinstance(kind, StructType) and not isinstance(value, pd.DataFrame):
        raise PySparkValueError(
            "Invalid return type. Please make sure that the UDF returns a "
            "pandas.DataFrame when the specified return type is StructType."
        )


def _arguments(frames, source, conf, columns, convert, count):
    """The batches' arguments one after the other, as an iterator function takes them."""
    for frame in frames:
        for batch in source.slices(frame[0], conf.batch_rows):
            count.rows += batch.num_rows
            args = tuple(convert(batch, columns))
            yield args[0] if len(args) == 1 else args


def pandas_iter(task, frames):
    """An iterator of Series to an iterator of Series."""
    source, out, conf = Input(task.input, task.conf, _names(task.input)), Output(task.output), task.conf
    loaded, count = load(task, stop_is_error=False), Count()
    to_pandas = ToPandas(source.fields, conf, frames_of_structs=True)
    from_pandas = FromPandas(_result_fields([loaded]), conf)
    args = _arguments(frames, source, conf, loaded.positional, to_pandas.pick, count)
    framed = isinstance(loaded.kind, StructType)
    element, label = (pd.DataFrame, "pandas.DataFrame") if framed else (pd.Series, "pandas.Series")

    def arrays():
        for value in check_iterator(loaded.f(args), element, label):
            check_frame(value, loaded.kind, True, True)
            yield from_pandas.columns([value])[0]

    for array in count.limited(arrays()):
        yield out.batch([array], len(array))
    check_exhausted(args)


def arrow(task, frames):
    """Arrow arrays to an Arrow array."""
    source, out, conf = Input(task.input, task.conf, _names(task.input)), Output(task.output), task.conf
    functions = load_all(task)
    schema = arrow_schema(_result_fields(functions), "UTC", conf.large_types)
    for frame in frames:
        for batch in source.slices(frame[0], conf.batch_rows):
            columns = batch.columns
            arrays = [
                f.f(*[columns[i] for i in f.positional], **{k: columns[i] for k, i in f.named.items()})
                for f in functions
            ]
            made = enforce_schema(pa.RecordBatch.from_arrays(arrays, schema.names), schema)
            check_rows(made.num_rows, batch.num_rows)
            yield out.batch(made.columns, batch.num_rows)


def arrow_iter(task, frames):
    """An iterator of Arrow arrays to an iterator of Arrow arrays."""
    source, out, conf = Input(task.input, task.conf, _names(task.input)), Output(task.output), task.conf
    loaded, count = load(task), Count()
    schema = arrow_schema(_result_fields([loaded]), "UTC", conf.large_types)

    def pick(batch, columns):
        return [batch.column(i) for i in columns]

    args = _arguments(frames, source, conf, loaded.positional, pick, count)

    def arrays():
        for value in check_iterator(loaded.f(args), pa.Array, "pyarrow.Array"):
            yield enforce_schema(pa.RecordBatch.from_arrays([value], ["_0"]), schema).column(0)

    for array in count.limited(arrays()):
        yield out.batch([array], len(array))
    check_exhausted(args)
