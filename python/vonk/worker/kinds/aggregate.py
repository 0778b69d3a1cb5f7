"""Grouped aggregates: one value of each group, as a pandas or an Arrow function gives it."""

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql.types import DoubleType, IntegerType, LongType, StringType, StructType

from vonk.worker.arrow import Input, Output, arrow_schema, enforce_schema, plain_schema
from vonk.worker.frames import FromPandas, ToPandas
from vonk.worker.functions import load_all
from vonk.worker.kinds.groups import groups, series_of, whole

# So many groups' values make a batch.
GROUPS = 4096
_PLAIN = {
    DoubleType: ({float, np.float64}, pa.float64()),
    LongType: ({int, np.int64}, pa.int64()),
    IntegerType: ({int, np.int32}, pa.int32()),
    StringType: ({str}, pa.string()),
}


def result_fields(functions):
    out = StructType()
    for i, f in enumerate(functions):
        out.add(f"_{i}", f.kind)
    return plain_schema(out)


def names(fields):
    return [f"_{i}" for i in range(len(fields.fields))]


class PandasValues:
    """Single values as a column: each is converted as a Series of its own would be."""

    def __init__(self, fields, conf):
        self._fields, self._conf = fields, conf
        self._from = [FromPandas(StructType([f]), conf) for f in fields.fields]

    def column(self, i, values):
        plain = _PLAIN.get(type(self._fields.fields[i].dataType))
        if plain and plain[0].issuperset(map(type, values)) and not self._conf.large_types:
            try:
                return pa.array(values, type=plain[1], from_pandas=True)
            except (pa.lib.ArrowInvalid, OverflowError):
                pass
        convert = self._from[i].columns
        return pa.concat_arrays([convert([pd.Series([v])])[0] for v in values])


class ArrowValues:
    """Single values as a column: Arrow finds each one's type, then it is cast."""

    def __init__(self, fields, conf):
        self._schema = arrow_schema(fields, "UTC", conf.large_types)

    def column(self, i, values):
        schema = pa.schema([self._schema.field(i)])

        def cast(array):
            return enforce_schema(pa.RecordBatch.from_arrays([array], schema.names), schema).column(0)

        kinds = {v.type if isinstance(v, pa.Scalar) else type(v) for v in values}
        if len(kinds) == 1:
            return cast(pa.array(values))
        return pa.concat_arrays([cast(pa.array([v])) for v in values])


def _aggregate(task, frames, functions, values_of, call):
    """Calls every function on every group, and makes columns of their values."""
    out = Output(task.output)
    make = values_of(result_fields(functions), task.conf)
    held = [[] for _ in functions]

    def flush():
        columns = [make.column(i, values) for i, values in enumerate(held)]
        rows = len(held[0])
        for values in held:
            values.clear()
        return out.batch(columns, rows)

    for group in groups(frames, call.source):
        for values, value in zip(held, call(group)):
            values.append(value)
        if len(held[0]) >= GROUPS:
            yield flush()
    if held and held[0]:
        yield flush()


class _Pandas:
    def __init__(self, task, functions):
        self.source = Input(task.input, task.conf, names(task.input))
        self._to_pandas = ToPandas(self.source.fields, task.conf)
        self._calls = [(f.bound(), f.columns) for f in functions]
        self._used = sorted({i for _, columns in self._calls for i in columns})

    def __call__(self, group):
        piece = whole(group)
        series = dict(zip(self._used, series_of(piece, self._to_pandas, self._used)))
        return [f(*[series[i] for i in columns]) for f, columns in self._calls]


class _Arrow:
    def __init__(self, task, functions):
        self.source = Input(task.input, task.conf, names(task.input))
        self._functions = functions

    def __call__(self, group):
        columns = whole(group).batch().columns
        return [
            f.f(*[columns[i] for i in f.positional], **{k: columns[i] for k, i in f.named.items()})
            for f in self._functions
        ]


class _Iterating:
    """The only function takes the group's batches one by one."""

    def __init__(self, task, functions, columns_of):
        self.source = Input(task.input, task.conf, names(task.input))
        self._rows, self._function = task.conf.batch_rows, functions[0]
        self._columns_of = columns_of(self.source.fields, task.conf)

    def __call__(self, group):
        def arguments():
            for batch in group.batches(self._rows):
                args = tuple(self._columns_of(batch, self._function.positional))
                yield args[0] if len(args) == 1 else args

        return [self._function.f(arguments())]


def pandas(task, frames):
    functions = load_all(task)
    yield from _aggregate(task, frames, functions, PandasValues, _Pandas(task, functions))


def pandas_iter(task, frames):
    functions = load_all(task)
    call = _Iterating(task, functions, lambda fields, conf: ToPandas(fields, conf).pick)
    yield from _aggregate(task, frames, functions, PandasValues, call)


def arrow(task, frames):
    functions = load_all(task)
    yield from _aggregate(task, frames, functions, ArrowValues, _Arrow(task, functions))


def arrow_iter(task, frames):
    functions = load_all(task)
    call = _Iterating(task, functions, lambda *_: lambda batch, columns: [batch.column(i) for i in columns])
    yield from _aggregate(task, frames, functions, ArrowValues, call)
