"""Arrow columns as lists of Python values: what a row function's arguments are.

Whole columns at a time: numbers, dates and strings through NumPy, lists and structs by their
flattened children.
"""

import time
from datetime import timezone

import numpy as np
import pyarrow as pa
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    ByteType,
    DateType,
    DayTimeIntervalType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    NullType,
    Row,
    ShortType,
    StringType,
    StructType,
    TimestampNTZType,
    TimestampType,
    UserDefinedType,
    VariantType,
    VariantVal,
)

_NUMBERS = (LongType, IntegerType, ShortType, ByteType, DoubleType, FloatType, BooleanType)
_OBJECTS = (StringType, BinaryType, DateType, TimestampNTZType, DayTimeIntervalType, DecimalType)


def to_list(array, kind, binary_as_bytes=True):
    """The column's values as Spark gives them to a row function."""
    if isinstance(array, pa.ChunkedArray):
        return [v for chunk in array.chunks for v in to_list(chunk, kind, binary_as_bytes)]
    if isinstance(kind, _NUMBERS):
        return _numbers(array)
    if isinstance(kind, NullType):
        return [None] * len(array)
    if isinstance(kind, BinaryType) and not binary_as_bytes:
        return [None if v is None else bytearray(v) for v in _objects(array)]
    if isinstance(kind, _OBJECTS):
        return _objects(array)
    if isinstance(kind, TimestampType):
        return _local(_objects(array.cast(pa.timestamp("us"))))
    if isinstance(kind, ArrayType):
        return _with_nulls(array, _lists(array, kind, binary_as_bytes))
    if isinstance(kind, MapType):
        return _with_nulls(array, _maps(array, kind, binary_as_bytes))
    if isinstance(kind, StructType):
        return _with_nulls(array, _rows(array, kind, binary_as_bytes))
    if isinstance(kind, UserDefinedType):
        stored = to_list(array, kind.sqlType(), binary_as_bytes)
        return [None if v is None else kind.deserialize(v) for v in stored]
    if isinstance(kind, VariantType):
        pairs = zip(array.field(0).to_pylist(), array.field(1).to_pylist())
        return _with_nulls(array, [None if v is None else VariantVal(v, m) for v, m in pairs])
    return array.to_pylist()


def _numbers(array):
    if array.null_count == 0:
        return array.to_numpy(zero_copy_only=False).tolist()
    zero = False if pa.types.is_boolean(array.type) else 0
    values = array.fill_null(zero).to_numpy(zero_copy_only=False).tolist()
    return _with_nulls(array, values)


def _with_nulls(array, values):
    """`values` with None where `array` is null."""
    if array.null_count:
        for i in np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False)).tolist():
            values[i] = None
    return values


def _objects(array):
    # Dates and timestamps beyond what datetime has make NumPy give integers; Arrow raises.
    values = array.to_numpy(zero_copy_only=False).tolist()
    if pa.types.is_temporal(array.type) and any(type(v) is int for v in values):
        return array.to_pylist()
    return values


def _local(values):
    """Times in UTC without a zone as times of the process's zone without one."""
    if time.timezone == 0 and not time.daylight:
        return values
    utc = timezone.utc
    return [None if v is None else v.replace(tzinfo=utc).astimezone().replace(tzinfo=None) for v in values]


def _lists(array, kind, binary_as_bytes):
    at = array.offsets.to_numpy().tolist()
    start = at[0] if at else 0
    flat = to_list(array.values.slice(start, at[-1] - start if at else 0), kind.elementType, binary_as_bytes)
    return [flat[a - start : b - start] for a, b in zip(at, at[1:])]


def _maps(array, kind, binary_as_bytes):
    at = array.offsets.to_numpy().tolist()
    start = at[0] if at else 0
    length = at[-1] - start if at else 0
    keys = to_list(array.keys.slice(start, length), kind.keyType, binary_as_bytes)
    items = to_list(array.items.slice(start, length), kind.valueType, binary_as_bytes)
    pairs = list(zip(keys, items))
    return [dict(pairs[a - start : b - start]) for a, b in zip(at, at[1:])]


def _rows(array, kind, binary_as_bytes):
    fields = [to_list(array.field(i), f.dataType, binary_as_bytes) for i, f in enumerate(kind.fields)]
    return make_rows(kind.names, fields, len(array))


def make_rows(names, columns, count):
    """Rows of these columns, with the names that may repeat."""
    out = []
    new, row, append = tuple.__new__, Row, out.append
    for values in zip(*columns) if columns else [()] * count:
        r = new(row, values)
        r.__fields__ = names
        append(r)
    return out


def columns_of(batch, fields, binary_as_bytes=True):
    """Every column of the batch as a list."""
    return [to_list(c, f.dataType, binary_as_bytes) for c, f in zip(batch.columns, fields.fields)]
