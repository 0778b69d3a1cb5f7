"""`applyInPandas`, `applyInArrow`, and both for two tables: a table of each group."""

import pandas as pd
import pyarrow as pa
from pyspark.sql.types import StructType

from vonk.worker.arrow import Input, Output, arrow_schema, enforce_schema, plain_schema
from vonk.worker.frames import FromPandas, ToPandas, check_frame, check_type, value_frame
from vonk.worker.functions import check_iterator, load
from vonk.worker.kinds.groups import Piece, _Frame, ends_of, gathered, groups, series_of, whole


def _kind(task, loaded):
    return plain_schema(loaded.kind if isinstance(loaded.kind, StructType) else task.output)


def _value_frame(piece, to_pandas, columns):
    """The group as the DataFrame that the user sees."""
    return value_frame(series_of(piece, to_pandas, columns))


def _pandas_key(piece, to_pandas, columns):
    first = Piece(piece.frame, piece.start, min(piece.start + 1, piece.stop), True)
    return tuple(s.iloc[0] for s in series_of(first, to_pandas, columns))


def _arrow_key(batch, columns):
    return tuple(batch.column(i)[0] for i in columns)


def _select(batch, columns):
    names = batch.schema.names
    return pa.RecordBatch.from_arrays([batch.column(i) for i in columns], [names[i] for i in columns])


def _pandas_out(task, loaded):
    """What turns a DataFrame of the user into a batch."""
    kind, conf, out = _kind(task, loaded), task.conf, Output(task.output)
    from_pandas = FromPandas(kind, conf)

    def convert(result):
        check_frame(result, kind, conf.by_name, False)
        return out.batch(from_pandas.table(result), len(result))

    return convert


def _arrow_out(task, loaded):
    """What turns a table or batch of the user into batches."""
    schema = arrow_schema(_kind(task, loaded), "UTC", task.conf.large_types)
    out, by_name = Output(task.output), task.conf.by_name

    def convert(result):
        made = enforce_schema(result, schema, cast=False, by_name=by_name)
        for batch in made.to_batches() if isinstance(made, pa.Table) else [made]:
            if batch.num_columns or not len(schema):
                yield out.batch(batch.columns, batch.num_rows)

    return convert


def pandas(task, frames):
    source, loaded = Input(task.input, task.conf), load(task)
    to_pandas, convert = ToPandas(source.fields, task.conf), _pandas_out(task, loaded)
    keyed = loaded.count_of_arguments() != 1

    def batches():
        for group in groups(frames, source):
            piece = whole(group)
            frame = _value_frame(piece, to_pandas, loaded.positional)
            args = (_pandas_key(piece, to_pandas, task.keys), frame) if keyed else (frame,)
            yield convert(loaded.f(*args))

    yield from gathered(batches())


def pandas_iter(task, frames):
    source, loaded, conf = Input(task.input, task.conf), load(task), task.conf
    to_pandas, convert = ToPandas(source.fields, conf), _pandas_out(task, loaded)
    keyed = loaded.count_of_arguments() != 1

    def piece_of(batch):
        return Piece(_Frame(batch), 0, batch.num_rows, True)

    for group in groups(frames, source):
        batches = group.batches(conf.batch_rows)
        first = next(batches, None)
        if first is None:
            continue

        def data_frames():
            yield _value_frame(piece_of(first), to_pandas, loaded.positional)
            for batch in batches:
                yield _value_frame(piece_of(batch), to_pandas, loaded.positional)

        args = (data_frames(),)
        if keyed:
            args = (_pandas_key(piece_of(first), to_pandas, task.keys), *args)
        for result in loaded.f(*args):
            yield convert(result)


def arrow(task, frames):
    source, loaded, conf = Input(task.input, task.conf), load(task), task.conf
    convert, keyed = _arrow_out(task, loaded), loaded.count_of_arguments() != 1

    def batches():
        for group in groups(frames, source):
            taken = list(group.batches(conf.batch_rows))
            table = pa.Table.from_batches([_select(b, loaded.positional) for b in taken])
            result = loaded.f(_arrow_key(taken[0], task.keys), table) if keyed else loaded.f(table)
            check_type(result, pa.Table, "pyarrow.Table")
            yield from convert(result)

    yield from gathered(batches())


def arrow_iter(task, frames):
    source, loaded, conf = Input(task.input, task.conf), load(task), task.conf
    convert, keyed = _arrow_out(task, loaded), loaded.count_of_arguments() != 1
    for group in groups(frames, source):
        batches = group.batches(conf.batch_rows)
        first = next(batches, None)
        if first is None:
            continue

        def values():
            yield _select(first, loaded.positional)
            for batch in batches:
                yield _select(batch, loaded.positional)

        given = (_arrow_key(first, task.keys), values()) if keyed else (values(),)
        for result in check_iterator(loaded.f(*given), pa.RecordBatch, "pyarrow.RecordBatch"):
            yield from convert(result)


def _pairs(task, frames):
    """The groups of both sides, pair by pair, as pieces."""
    left, right = Input(task.input, task.conf), Input(task.right_input, task.conf)
    for parts in frames:
        sides = [(_Frame(left.batch(parts[0])), ends_of(parts[1])), (_Frame(right.batch(parts[2])), ends_of(parts[3]))]
        starts = [0, 0]
        for ends in zip(sides[0][1], sides[1][1]):
            yield tuple(Piece(side[0], start, end, True) for side, start, end in zip(sides, starts, ends))
            starts = ends


def cogrouped_pandas(task, frames):
    loaded, conf = load(task), task.conf
    left, right = ToPandas(plain_schema(task.input), conf), ToPandas(plain_schema(task.right_input), conf)
    convert, keyed = _pandas_out(task, loaded), loaded.count_of_arguments() != 2

    def batches():
        for a, b in _pairs(task, frames):
            given = (_value_frame(a, left, loaded.positional), _value_frame(b, right, task.right_values))
            if keyed:
                side, to_pandas, keys = (a, left, task.keys) if a.stop > a.start else (b, right, task.right_keys)
                given = (_pandas_key(side, to_pandas, keys), *given)
            yield convert(loaded.f(*given))

    yield from gathered(batches())


def cogrouped_arrow(task, frames):
    loaded = load(task)
    convert, keyed = _arrow_out(task, loaded), loaded.count_of_arguments() != 2

    def batches():
        for a, b in _pairs(task, frames):
            left, right = a.batch(), b.batch()
            given = (
                pa.Table.from_batches([_select(left, loaded.positional)]),
                pa.Table.from_batches([_select(right, task.right_values)]),
            )
            if keyed:
                side, keys = (left, task.keys) if left.num_rows else (right, task.right_keys)
                given = (_arrow_key(side, keys), *given)
            result = loaded.f(*given)
            check_type(result, pa.Table, "pyarrow.Table")
            yield from convert(result)

    yield from gathered(batches())
