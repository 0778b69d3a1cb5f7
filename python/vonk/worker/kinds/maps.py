"""`mapInPandas` and `mapInArrow`: a function from all batches to any batches."""

import pandas as pd
import pyarrow as pa
from pyspark.errors import PySparkTypeError
from pyspark.sql.types import StructType

from vonk.worker.arrow import Input, Output
from vonk.worker.errors import pyspark_error
from vonk.worker.frames import FromPandas, ToPandas, check_frame
from vonk.worker.functions import as_iterator, check_iterator, load


def _batches(frames, source, conf):
    for frame in frames:
        yield from source.slices(frame[0], conf.batch_rows)


def arrow(task, frames):
    """Iterator of record batches to iterator of record batches; columns are taken by position."""
    source, out, conf = Input(task.input, task.conf), Output(task.output), task.conf
    loaded = load(task)
    result = as_iterator(loaded.f(_batches(frames, source, conf)), conf)
    fits = None
    for batch in check_iterator(result, pa.RecordBatch, "pyarrow.RecordBatch"):
        # Batches mostly look like the one before.
        if fits is not None and batch.schema.equals(fits):
            yield batch
            continue
        fitting = positional(batch, out)
        fits = batch.schema if fitting is batch else None
        yield fitting


def positional(batch, out):
    """The batch's first columns as the output's; fewer or other types are an error."""
    if batch.schema.types == out.types and batch.num_columns:
        return batch
    n = len(out.schema)
    if batch.num_columns < n:
        raise pyspark_error("RESULT_COLUMN_SCHEMA_MISMATCH", expected=str(n), actual=str(batch.num_columns))
    wrong = [
        f"column '{f.name}' (expected {f.type}, actual {c.type})"
        for f, c in zip(out.schema, batch.columns)
        if not takes(c.type, f.type)
    ]
    if wrong:
        raise pyspark_error("RESULT_COLUMN_TYPES_MISMATCH", mismatch=", ".join(wrong))
    return out.batch(batch.columns[:n], batch.num_rows)


def takes(actual, expected):
    """Whether Spark's reader of `expected` can read a column of `actual`."""
    from vonk.worker.arrow import same_layout

    if same_layout(actual, expected):
        return True
    t = pa.types
    for small, large in ((t.is_string, t.is_large_string), (t.is_binary, t.is_large_binary)):
        if small(expected) and large(actual):
            return True
    if t.is_list(expected) and (t.is_list(actual) or t.is_large_list(actual)):
        return takes(actual.value_type, expected.value_type)
    if t.is_struct(expected) and t.is_struct(actual) and expected.num_fields == actual.num_fields:
        return all(takes(actual.field(i).type, expected.field(i).type) for i in range(expected.num_fields))
    if t.is_map(expected) and t.is_map(actual):
        return takes(actual.key_type, expected.key_type) and takes(actual.item_type, expected.item_type)
    return False


def pandas(task, frames):
    """Iterator of DataFrames to iterator of DataFrames."""
    source, out, conf = Input(task.input, task.conf), Output(task.output), task.conf
    loaded = load(task)
    kind = loaded.kind if isinstance(loaded.kind, StructType) else task.output
    to_pandas, from_pandas = ToPandas(source.fields, conf), FromPandas(kind, conf)

    def data_frames():
        for batch in _batches(frames, source, conf):
            frame = pd.concat(to_pandas.all(batch), axis=1) if batch.num_columns else pd.DataFrame(
                index=range(batch.num_rows)
            )
            frame.columns = source.fields.names
            yield frame

    result = as_iterator(loaded.f(data_frames()), conf)
    if not hasattr(result, "__next__"):
        raise pyspark_error(
            "UDF_RETURN_TYPE", PySparkTypeError, expected="iterator of pandas.DataFrame", actual=type(result).__name__
        )
    for frame in result:
        if not isinstance(frame, pd.DataFrame):
            actual = f"iterator of {type(frame).__name__}"
            raise pyspark_error(
                "UDF_RETURN_TYPE", PySparkTypeError, expected="iterator of pandas.DataFrame", actual=actual
            )
        check_frame(frame, kind, True, True)
        yield out.batch(from_pandas.table(frame), len(frame))
