"""Spark's types as Arrow types, batches as they come from and go to the server.

The server sends and expects the plain form of a type: no large strings, timestamps in UTC. What a
user's function sees may differ in names and zones, and those live in the schema alone, so a batch is
read with the schema that the user is to see.
"""

import pyarrow as pa
from pyspark.errors import PySparkTypeError
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    ByteType,
    CalendarIntervalType,
    CharType,
    DateType,
    DayTimeIntervalType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    NullType,
    ShortType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
    UserDefinedType,
    VarcharType,
    VariantType,
)

from vonk.worker.errors import pyspark_error


def plain_type(t):
    """The type with CHAR and VARCHAR as strings."""
    if isinstance(t, (CharType, VarcharType)):
        return StringType()
    if isinstance(t, ArrayType):
        return ArrayType(plain_type(t.elementType), t.containsNull)
    if isinstance(t, MapType):
        return MapType(plain_type(t.keyType), plain_type(t.valueType), t.valueContainsNull)
    if isinstance(t, StructType):
        return StructType([StructField(f.name, plain_type(f.dataType), f.nullable, f.metadata) for f in t.fields])
    return t


def plain_schema(fields, names=None):
    """`fields` (a StructType) with plain types, and other names if given."""
    names = names or fields.names
    return StructType([StructField(n, plain_type(f.dataType), f.nullable) for n, f in zip(names, fields.fields)])


_ATOMIC = {
    NullType: pa.null(),
    BooleanType: pa.bool_(),
    ByteType: pa.int8(),
    ShortType: pa.int16(),
    IntegerType: pa.int32(),
    LongType: pa.int64(),
    FloatType: pa.float32(),
    DoubleType: pa.float64(),
    DateType: pa.date32(),
    TimestampNTZType: pa.timestamp("us"),
    DayTimeIntervalType: pa.duration("us"),
    CalendarIntervalType: pa.month_day_nano_interval(),
}


def _field(name, kind, nullable):
    """A field; one of nothing is always nullable."""
    return pa.field(name, kind, nullable or pa.types.is_null(kind))


def to_arrow_type(t, zone="UTC", large=False):
    """The Arrow type of a Spark type: timestamps in `zone`, strings with large offsets if asked for."""
    atomic = _ATOMIC.get(type(t))
    if atomic is not None:
        return atomic
    if isinstance(t, (StringType, CharType, VarcharType)):
        return pa.large_string() if large else pa.string()
    if isinstance(t, BinaryType):
        return pa.large_binary() if large else pa.binary()
    if isinstance(t, TimestampType):
        return pa.timestamp("us", tz=zone)
    if isinstance(t, DecimalType):
        return pa.decimal128(t.precision, t.scale)
    if isinstance(t, ArrayType):
        return pa.list_(_field("element", to_arrow_type(t.elementType, zone, large), t.containsNull))
    if isinstance(t, MapType):
        key = pa.field("key", to_arrow_type(t.keyType, zone, large), False)
        return pa.map_(key, _field("value", to_arrow_type(t.valueType, zone, large), t.valueContainsNull))
    if isinstance(t, StructType):
        return pa.struct([_field(f.name, to_arrow_type(f.dataType, zone, large), f.nullable) for f in t.fields])
    if isinstance(t, UserDefinedType):
        return to_arrow_type(t.sqlType(), zone, large)
    if isinstance(t, VariantType):
        marked = {b"variant": b"true"}
        return pa.struct(
            [pa.field("value", pa.binary(), False), pa.field("metadata", pa.binary(), False, metadata=marked)]
        )
    if type(t).__name__ == "TimeType":
        return pa.time64("ns")
    raise pyspark_error(
        "UNSUPPORTED_DATA_TYPE_FOR_ARROW_CONVERSION", PySparkTypeError, data_type=str(t)
    )


def arrow_schema(fields, zone="UTC", large=False):
    """The Arrow schema of a StructType; names may repeat."""
    kinds = [to_arrow_type(f.dataType, zone, large) for f in fields.fields]
    return pa.schema([_field(f.name, t, f.nullable) for f, t in zip(fields.fields, kinds)])


class Input:
    """Reads the batches of one side of a task's input."""

    def __init__(self, fields, conf, names=None):
        self.fields = plain_schema(fields, names)
        self._read = arrow_schema(self.fields, conf.zone)
        self._seen = arrow_schema(self.fields, conf.zone, True) if conf.large_types else self._read

    def batch(self, part):
        """The batch in one part of a frame."""
        batch = pa.ipc.read_record_batch(part, self._read)
        if self._seen is not self._read:
            columns = [c.cast(f.type) for c, f in zip(batch.columns, self._seen)]
            batch = pa.RecordBatch.from_arrays(columns, schema=self._seen)
        return batch

    def slices(self, part, rows):
        """The batch in pieces of at most `rows` rows."""
        batch = self.batch(part)
        if batch.num_rows <= rows:
            return [batch] if batch.num_rows else []
        return [batch.slice(at, rows) for at in range(0, batch.num_rows, rows)]


class Output:
    """Makes the batches that the server expects."""

    def __init__(self, fields, leading=()):
        fields = plain_schema(fields)
        schema = arrow_schema(fields)
        self.schema = pa.schema([*leading, *(f.with_nullable(True) for f in schema)])
        self.types = self.schema.types
        self._fits = {}
        self._made = None, None

    def column(self, i, array):
        """`array` with the layout of output column `i`."""
        kind = self.schema.field(i).type
        key = (i, array.type)
        fits = self._fits.get(key)
        if fits is None:
            fits = self._fits[key] = same_layout(array.type, kind)
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
        return array if fits else array.cast(kind)

    def batch(self, columns, rows):
        """The batch of these columns."""
        if not columns:
            return pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))
        arrays = [self.column(i, c) for i, c in enumerate(columns)]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema_of([a.type for a in arrays]))

    def _schema_of(self, kinds):
        """The schema with these types, which are those of the batch before but for the first."""
        if self._made[0] != kinds:
            self._made = kinds, pa.schema([pa.field(f.name, t) for f, t in zip(self.schema, kinds)])
        return self._made[1]


_INT32, _INT64 = (pa.int32().id,), (pa.int64().id,)
_TIME_BITS = {
    pa.date32().id: _INT32,
    pa.timestamp("us").id: _INT64,
    pa.duration("us").id: _INT64,
    pa.time64("ns").id: _INT64,
}


def same_layout(a, b):
    """Whether arrays of type `a` have the buffers of `b`: names, nullability and zones aside, times also as integers."""
    if a.equals(b) or a.id in _TIME_BITS.get(b.id, ()):
        return True
    if pa.types.is_timestamp(a) and pa.types.is_timestamp(b):
        return a.unit == b.unit
    if pa.types.is_struct(a) and pa.types.is_struct(b):
        pairs = zip((a.field(i).type for i in range(a.num_fields)), (b.field(i).type for i in range(b.num_fields)))
        return a.num_fields == b.num_fields and all(same_layout(x, y) for x, y in pairs)
    if pa.types.is_map(a) and pa.types.is_map(b):
        return same_layout(a.key_type, b.key_type) and same_layout(a.item_type, b.item_type)
    if pa.types.is_list(a) and pa.types.is_list(b):
        return same_layout(a.value_type, b.value_type)
    return False


def enforce_schema(batch, schema, *, cast=True, safe=True, by_name=True):
    """A batch or table with the columns of `schema`, found by name or position, and cast to its types."""
    if batch.num_columns == 0 or len(schema) == 0 or batch.schema.equals(schema, check_metadata=False):
        return batch
    names = batch.schema.names
    if by_name:
        check_names(names, schema.names)
        columns, out = [batch.column(n) for n in schema.names], schema.names
    else:
        if len(names) != len(schema):
            raise pyspark_error("RESULT_COLUMN_SCHEMA_MISMATCH", expected=str(len(schema)), actual=str(len(names)))
        columns, out = batch.columns, names
    wrong, cooked = [], []
    for field, column in zip(schema, columns):
        if column.type != field.type:
            try:
                if not cast:
                    raise pa.ArrowTypeError()
                column = column.cast(target_type=field.type, safe=safe)
            except (pa.ArrowInvalid, pa.ArrowTypeError):
                wrong.append(f"column '{field.name}' (expected {field.type}, actual {column.type})")
        cooked.append(column)
    if wrong:
        raise pyspark_error("RESULT_COLUMN_TYPES_MISMATCH", mismatch=", ".join(wrong))
    return type(batch).from_arrays(cooked, names=out)


def check_names(actual, expected):
    """Raises when the names differ as sets."""
    missing, extra = sorted(set(expected) - set(actual)), sorted(set(actual) - set(expected))
    if missing or extra:
        raise pyspark_error(
            "RESULT_COLUMN_NAMES_MISMATCH",
            missing=f" Missing: {', '.join(missing)}." if missing else "",
            extra=f" Unexpected: {', '.join(extra)}." if extra else "",
        )


def storage(t):
    """The type that values of `t` are stored as."""
    return storage(t.sqlType()) if isinstance(t, UserDefinedType) else t
