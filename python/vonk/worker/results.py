"""What a row function gave, as an Arrow column: with Arrow's rules.

These are the rules of Arrow-optimised functions and of table functions: a value is checked or
converted by its type, then Arrow takes it. Columns of the right Python type go to Arrow as they are.
The rules of pickled functions are in `pickled`.
"""

import array as python_array
import datetime
import decimal

import pyarrow as pa
from pyspark.errors import PySparkValueError
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    CharType,
    DecimalType,
    MapType,
    NullType,
    StringType,
    StructType,
    TimestampNTZType,
    TimestampType,
    UserDefinedType,
    VarcharType,
    VariantType,
    VariantVal,
)

_AS_IS = {StringType: {str, type(None)}, BinaryType: {bytes, type(None)}}


def dedup_names(names):
    """Names that occur more than once get a number each."""
    if len(set(names)) == len(names):
        return list(names)
    seen, out = {}, []
    for name in names:
        if names.count(name) > 1:
            out.append(f"{name}_{seen.get(name, 0)}")
            seen[name] = seen.get(name, 0) + 1
        else:
            out.append(name)
    return out


def dedup_type(t):
    """The type with the names of its structs made different."""
    from pyspark.sql.types import StructField

    if isinstance(t, StructType):
        names = dedup_names(t.names)
        return StructType([StructField(n, dedup_type(f.dataType), f.nullable) for n, f in zip(names, t.fields)])
    if isinstance(t, ArrayType):
        return ArrayType(dedup_type(t.elementType), t.containsNull)
    if isinstance(t, MapType):
        return MapType(dedup_type(t.keyType), dedup_type(t.valueType), t.valueContainsNull)
    return t


def to_array(values, kind, arrow_type, convert, safe):
    """The column; `convert` is the type's converter or None."""
    if convert is not None:
        plain = _AS_IS.get(type(kind))
        if plain is None or not plain.issuperset(map(type, values)):
            values = [convert(v) for v in values]
    try:
        return pa.array(values, type=arrow_type)
    except pa.lib.ArrowInvalid:
        return pa.array(values).cast(target_type=arrow_type, safe=safe)


def converter(t, nullable=True, int_to_decimal=False):
    """A function from what the user returned to what Arrow takes; None when that is the same."""
    convert = _converter(t, int_to_decimal)
    if convert is None and nullable:
        return None

    def checked(value):
        if value is None:
            if not nullable:
                raise PySparkValueError(f"input for {t} must not be None")
            return None
        return value if convert is None else convert(value)

    return checked


def _converter(t, int_to_decimal):
    """For values that are not None."""
    if isinstance(t, NullType):

        def null(value):
            raise PySparkValueError(f"input for {t} must be None, but got {value}")

        return null
    if isinstance(t, (StringType, CharType, VarcharType)):
        return _string
    if isinstance(t, BinaryType):
        return _binary
    if isinstance(t, TimestampType):
        return _timestamp
    if isinstance(t, TimestampNTZType):
        return _timestamp_ntz
    if isinstance(t, DecimalType):
        return _decimal(t, int_to_decimal)
    if isinstance(t, ArrayType):
        return _array(t, int_to_decimal)
    if isinstance(t, MapType):
        return _map(t, int_to_decimal)
    if isinstance(t, StructType):
        return _struct(t, int_to_decimal)
    if isinstance(t, UserDefinedType):
        stored = _converter(t.sqlType(), int_to_decimal)
        return t.serialize if stored is None else lambda value: stored(t.serialize(value))
    if isinstance(t, VariantType):
        return _variant
    if type(t).__name__ in ("GeographyType", "GeometryType"):
        return t.toInternal
    return None


def _string(value):
    if value is True:
        return "true"
    return "false" if value is False else str(value)


def _binary(value):
    assert isinstance(value, (bytes, bytearray))
    return bytes(value)


def _timestamp(value):
    assert isinstance(value, datetime.datetime)
    return value.astimezone(datetime.timezone.utc)


def _timestamp_ntz(value):
    assert isinstance(value, datetime.datetime) and value.tzinfo is None
    return value


def _variant(value):
    if not isinstance(value, VariantVal):
        raise PySparkValueError(errorClass="MALFORMED_VARIANT", messageParameters={})
    return VariantType().toInternal(value)


def _decimal(t, int_to_decimal):
    unit = decimal.Decimal(f"1E-{t.scale}")
    context = decimal.Context(prec=t.precision, rounding=decimal.ROUND_HALF_EVEN)

    def convert(value):
        if int_to_decimal and isinstance(value, int):
            value = decimal.Decimal(value)
        assert isinstance(value, decimal.Decimal)
        return None if value.is_nan() else value.quantize(unit, context=context)

    return convert


def _array(t, int_to_decimal):
    element = converter(t.elementType, t.containsNull, int_to_decimal)
    if element is None:
        return None  # whatever Arrow takes for a list: tuples and NumPy's arrays, too

    def convert(value):
        assert isinstance(value, (list, python_array.array))
        return [element(v) for v in value]

    return convert


def _map(t, int_to_decimal):
    key = converter(t.keyType, False, int_to_decimal)
    item = converter(t.valueType, t.valueContainsNull, int_to_decimal)

    def convert(value):
        assert isinstance(value, dict)
        return [(key(k), v if item is None else item(v)) for k, v in value.items()]

    return convert


def _struct(t, int_to_decimal):
    names, out = t.names, dedup_names(t.names)
    fields = [converter(f.dataType, f.nullable, int_to_decimal) for f in t.fields]

    def convert(value):
        if isinstance(value, tuple):
            if len(value) != len(names):
                raise PySparkValueError(
                    errorClass="AXIS_LENGTH_MISMATCH",
                    messageParameters={"expected_length": str(len(names)), "actual_length": str(len(value))},
                )
        else:
            if not isinstance(value, dict):
                assert hasattr(value, "__dict__"), f"{type(value)} {value}"
                value = value.__dict__
            value = [value.get(n) for n in names]
        return {n: v if f is None else f(v) for n, f, v in zip(out, fields, value)}

    return convert
