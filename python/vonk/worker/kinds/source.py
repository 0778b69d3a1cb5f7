"""Python data sources: reading partitions, writing rows."""

import itertools
from collections.abc import Iterator

import pyarrow as pa
from pyspark import cloudpickle
from pyspark.sql.types import Row

from vonk.worker import results as arrow_values
from vonk.worker.arrow import Input, Output, arrow_schema, plain_schema
from vonk.worker.errors import pyspark_error
from vonk.worker.values import columns_of, make_rows


def read(task, frames):
    """The rows of the partitions that come as pickled values; the command is the pair (reader, source's name)."""
    reader, name = task.functions[0].commands()[-1]
    source, out = Input(task.input, task.conf), Output(task.output)
    for parts in frames:
        for pickled in source.batch(parts[0]).column(0).to_pylist():
            rows = reader.read(cloudpickle.loads(pickled))
            if not isinstance(rows, Iterator):
                raise pyspark_error(
                    "DATA_SOURCE_INVALID_RETURN_TYPE", type=type(rows).__name__, name=name, supported_types="iterator"
                )
            yield from _batches(rows, task, out, name)


def _mismatch(expected, actual):
    return pyspark_error("DATA_SOURCE_RETURN_SCHEMA_MISMATCH", expected=str(expected), actual=str(actual))


def _batches(rows, task, out, name):
    first = next(rows, None)
    if first is None:
        return
    rows = itertools.chain([first], rows)
    schema = arrow_schema(plain_schema(task.output))
    if isinstance(first, pa.RecordBatch):
        _check_batch(first, schema)
        for batch in rows:
            yield out.batch(batch.columns, batch.num_rows)
        return
    convert = [arrow_values.converter(f.dataType) for f in task.output.fields]
    size = max(task.conf.batch_rows, 1)
    while taken := list(itertools.islice(rows, size)):
        table = [_values(r, task.output.names, name) for r in taken]
        columns = zip(*table) if schema.names else ()
        arrays = [
            pa.array(values if f is None else [f(v) for v in values], type=field.type)
            for values, f, field in zip(columns, convert, schema)
        ]
        yield out.batch(arrays, len(taken))


def _check_batch(batch, schema):
    if batch.num_columns != len(schema):
        raise _mismatch(len(schema), batch.num_columns)
    if any(n not in batch.schema.names for n in schema.names):
        raise _mismatch(schema.names, batch.schema.names)
    if not schema.equals(batch.schema):
        raise _mismatch(schema, batch.schema)


def _values(row, names, source):
    """The row's values in the order of the columns: a named Row's by name."""
    if hasattr(row, "__len__") and len(row) != len(names):
        raise _mismatch(len(names), len(row))
    if not isinstance(row, (list, tuple)):
        raise pyspark_error(
            "DATA_SOURCE_INVALID_RETURN_TYPE",
            type=type(row).__name__,
            name=source,
            supported_types="tuple, list, `pyspark.sql.types.Row`, `pyarrow.RecordBatch`",
        )
    if isinstance(row, Row) and hasattr(row, "__fields__"):
        if set(row.__fields__) != set(names):
            raise _mismatch(names, row.__fields__)
        return [row[n] for n in names]
    return row


def write(task, frames):
    """Hands all rows to the writer, and sends back its commit message."""
    from pyspark.sql import datasource

    writer = task.functions[0].commands()[-1]
    source, out, conf = Input(task.input, task.conf), Output(task.output), task.conf

    def batches():
        for parts in frames:
            yield from source.slices(parts[0], conf.batch_rows)

    def rows():
        names = source.fields.names
        for batch in batches():
            yield from make_rows(names, columns_of(batch, source.fields, conf.binary_as_bytes), batch.num_rows)

    arrow_writer = getattr(datasource, "DataSourceArrowWriter", ())
    message = writer.write(batches() if isinstance(writer, arrow_writer) else rows())
    if not isinstance(message, datasource.WriterCommitMessage):
        raise pyspark_error(
            "DATA_SOURCE_TYPE_MISMATCH",
            expected="'WriterCommitMessage' as the return type of the `write` method",
            actual=type(message).__name__,
        )
    yield out.batch([pa.array([cloudpickle.dumps(message)], pa.binary())], 1)
