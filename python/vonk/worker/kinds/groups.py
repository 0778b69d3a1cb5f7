"""Groups of rows out of frames: a frame says where groups end in it, a group may go on in the next."""

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql.types import BooleanType, ByteType, IntegerType, LongType, ShortType

from vonk.worker.functions import concat

_CHANGED_BY_NULLS = (ByteType, ShortType, IntegerType, LongType, BooleanType)


class Piece:
    """Rows of one group in one frame. Whole columns of the frame are converted once for all its groups."""

    __slots__ = ("frame", "start", "stop", "last")

    def __init__(self, frame, start, stop, last):
        self.frame, self.start, self.stop, self.last = frame, start, stop, last

    def batch(self):
        return self.frame.batch.slice(self.start, self.stop - self.start)


class _Frame:
    """A batch and its columns as pandas has them."""

    __slots__ = ("batch", "_series")

    def __init__(self, batch):
        self.batch, self._series = batch, {}

    def series(self, to_pandas, i):
        """The column's values for slicing, or None when nulls elsewhere in it would change a group's type."""
        if i not in self._series:
            column, field = self.batch.column(i), to_pandas.fields.fields[i]
            if column.null_count and isinstance(field.dataType, _CHANGED_BY_NULLS) and not to_pandas.conf.extension_ints:
                self._series[i] = None
            else:
                made = to_pandas.one(column, field.dataType, field.name)
                self._series[i] = made.values if isinstance(made.dtype, np.dtype) else made.array
        return self._series[i]


def ends_of(part):
    return memoryview(part).cast("B").cast("I").tolist() if len(part) else []


def pieces(frames, source):
    """The pieces of all groups in order; the last of a group is marked."""
    for parts in frames:
        frame, start = _Frame(source.batch(parts[0])), 0
        for end in ends_of(parts[1]):
            yield Piece(frame, start, end, True)
            start = end
        if start < frame.batch.num_rows:
            yield Piece(frame, start, frame.batch.num_rows, False)


class Group:
    """The pieces of one group, taken as they are asked for."""

    def __init__(self, source):
        self._source, self._open = source, True

    def pieces(self):
        while self._open:
            piece = next(self._source, None)
            if piece is None:
                self._open = False
                return
            self._open = not piece.last
            yield piece

    def batches(self, rows):
        """Record batches of at most `rows` rows, none of them empty."""
        for piece in self.pieces():
            whole = piece.batch()
            for at in range(0, whole.num_rows, rows):
                yield whole.slice(at, rows)

    def drain(self):
        for _ in self.pieces():
            pass


def groups(frames, source):
    """The groups, one after the other. What a caller leaves of a group is skipped."""
    stream = pieces(frames, source)
    while True:
        first = next(stream, None)
        if first is None:
            return
        if first.last and first.start == first.stop:
            continue
        group = Group(_Rejoined(first, stream))
        yield group
        group.drain()


class _Rejoined:
    """An iterator with its first element put back."""

    def __init__(self, first, rest):
        self._first, self._rest = first, rest

    def __iter__(self):
        return self

    def __next__(self):
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return next(self._rest)


def whole(group):
    """All of a group: its only piece, or one of the pieces' rows together."""
    taken = list(group.pieces())
    if len(taken) == 1:
        return taken[0]
    batch = concat([p.batch() for p in taken])
    return Piece(_Frame(batch), 0, batch.num_rows, True)


def series_of(piece, to_pandas, columns):
    """The group's columns as Series with an index of their own."""
    out, fields = [], to_pandas.fields.fields
    for i in columns:
        values = piece.frame.series(to_pandas, i)
        if values is None:
            column = piece.frame.batch.column(i).slice(piece.start, piece.stop - piece.start)
            out.append(to_pandas.one(column, fields[i].dataType, fields[i].name))
        else:
            out.append(pd.Series(values[piece.start : piece.stop], name=fields[i].name, copy=False))
    return out


class Gather:
    """Puts small batches together, so that a group does not cost a message."""

    def __init__(self, rows=8192, count=256):
        self._rows, self._count, self._held, self._height = rows, count, [], 0

    def add(self, batch):
        """A batch to send when there is enough, or None."""
        if batch.num_rows == 0:
            return None
        self._held.append(batch)
        self._height += batch.num_rows
        return self.rest() if self._height >= self._rows or len(self._held) >= self._count else None

    def rest(self):
        held, self._held, self._height = self._held, [], 0
        if not held:
            return None
        if len(held) == 1 or held[0].num_columns == 0:
            return concat(held) if len(held) == 1 else _bare(held)
        return concat(held)


def _bare(batches):
    rows = sum(b.num_rows for b in batches)
    return pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))


def gathered(batches):
    """The same rows in fewer batches."""
    gather = Gather()
    for batch in batches:
        ready = gather.add(batch)
        if ready is not None:
            yield ready
    ready = gather.rest()
    if ready is not None:
        yield ready
