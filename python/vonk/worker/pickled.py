"""What a pickled row function gave, as an Arrow column: with the rules of Spark's JVM.

There a value of a wrong type is NULL, not an error: a float for an INT, an int for a DOUBLE, a list
for a MAP. Only STRING takes everything, in the form that Java's `toString` gives it.
"""

import array as python_array
import datetime
import decimal
import math

import pyarrow as pa
from pyspark.errors import PySparkRuntimeError
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    ByteType,
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
    StructType,
    TimestampNTZType,
    TimestampType,
    UserDefinedType,
    VarcharType,
    VariantType,
)

from vonk.worker.arrow import arrow_schema
from vonk.worker.errors import Fault

_BITS = {ByteType: 8, ShortType: 16, IntegerType: 32, LongType: 64}
_INTEGERS = {8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}
_NONE = type(None)
# Columns of these Python types alone need no look at single values.
_FAST = {
    BooleanType: {bool, _NONE},
    ByteType: {int, _NONE},
    ShortType: {int, _NONE},
    IntegerType: {int, _NONE},
    LongType: {int, _NONE},
    FloatType: {float, _NONE},
    DoubleType: {float, _NONE},
    StringType: {str, _NONE},
    BinaryType: {bytes, _NONE},
}


def raw_type(t):
    """The Arrow type by which values of `t` are made: times are integers."""
    if isinstance(t, DateType) or type(t).__name__ == "YearMonthIntervalType":
        return pa.int32()
    if isinstance(t, (TimestampType, TimestampNTZType, DayTimeIntervalType)) or type(t).__name__ == "TimeType":
        return pa.int64()
    if isinstance(t, ArrayType):
        return pa.list_(pa.field("element", raw_type(t.elementType)))
    if isinstance(t, MapType):
        return pa.map_(raw_type(t.keyType), raw_type(t.valueType))
    if isinstance(t, StructType):
        return pa.struct([pa.field(str(i), raw_type(f.dataType)) for i, f in enumerate(t.fields)])
    if isinstance(t, UserDefinedType):
        return raw_type(t.sqlType())
    return arrow_schema(StructType().add("c", t)).field(0).type


def to_array(values, t, arrow_type, convert):
    """The column of what the functions returned."""
    if t.needConversion():
        internal = t.toInternal
        values = [internal(v) for v in values]
    fast = _FAST.get(type(t))
    if fast is not None and fast.issuperset(map(type, values)):
        try:
            return pa.array(values, type=arrow_type)
        except (pa.lib.ArrowInvalid, OverflowError):
            pass
    return pa.array([None if v is None else convert(v) for v in values], type=arrow_type)


def converter(t):
    """A function from an unpickled value, not None, to what Arrow takes."""
    if isinstance(t, BooleanType):
        return lambda v: v if isinstance(v, bool) else None
    if type(t) in _BITS:
        return _integer(_BITS[type(t)])
    if isinstance(t, (FloatType, DoubleType)):
        return _float
    if isinstance(t, DecimalType):
        return _decimal(t)
    if isinstance(t, (StringType, CharType, VarcharType)):
        return _text
    if isinstance(t, BinaryType):
        return _binary
    if isinstance(t, ArrayType):
        return _array(converter(t.elementType))
    if isinstance(t, MapType):
        return _map(converter(t.keyType), converter(t.valueType))
    if isinstance(t, StructType):
        return _struct([converter(f.dataType) for f in t.fields])
    if isinstance(t, UserDefinedType):
        return converter(t.sqlType())
    if isinstance(t, VariantType):
        return lambda v: v if isinstance(v, dict) else None
    if isinstance(t, NullType):
        return lambda v: None
    return _integer(32 if raw_type(t) == pa.int32() else 64)


def _float(v):
    _picklable(v)
    return v if isinstance(v, float) else None


def _integer(bits):
    half, full = 1 << (bits - 1), 1 << bits

    def convert(v):
        _picklable(v)
        if not isinstance(v, int) or isinstance(v, bool) or not -(1 << 63) <= v < 1 << 63:
            return None
        return (v + half) % full - half

    return convert


def _picklable(v):
    """NumPy's scalars are not known to the JVM's unpickler."""
    if type(v).__module__ == "numpy":
        raise PySparkRuntimeError(
            "PickleException: expected zero arguments for construction of ClassDict "
            f"(for numpy.{type(v).__name__}): a function must return Python's own types, not NumPy's"
        )


def _decimal(t):
    unit = decimal.Decimal(1).scaleb(-t.scale)
    context = decimal.Context(prec=76, rounding=decimal.ROUND_HALF_UP)

    def convert(v):
        if not isinstance(v, decimal.Decimal) or not v.is_finite():
            return None
        out = v.quantize(unit, context=context)
        if out and out.adjusted() + 1 + t.scale > t.precision:
            raise Fault(
                "NUMERIC_VALUE_OUT_OF_RANGE.WITHOUT_SUGGESTION",
                roundedValue=str(out),
                originalValue=str(v),
                precision=t.precision,
                scale=t.scale,
            )
        return out

    return convert


def _binary(v):
    if isinstance(v, str):
        return v.encode()
    return bytes(v) if isinstance(v, (bytes, bytearray)) else None


def _array(element):
    def convert(v):
        _picklable(v)
        if isinstance(v, (bytes, bytearray)):
            v = [(b ^ 0x80) - 0x80 for b in v]  # Java's bytes have a sign
        elif not isinstance(v, (list, tuple, python_array.array)):
            return None
        return [None if e is None else element(e) for e in v]

    return convert


def _map(key, item):
    def convert(v):
        if not isinstance(v, dict):
            return None
        return [(None if k is None else key(k), None if i is None else item(i)) for k, i in v.items()]

    return convert


def _struct(fields):
    names = [str(i) for i in range(len(fields))]

    def convert(v):
        if not isinstance(v, (tuple, list)):
            return None
        if len(v) != len(fields):
            raise Fault("STRUCT_ARRAY_LENGTH_MISMATCH", expected=len(fields), actual=len(v))
        return {n: None if e is None else f(e) for n, f, e in zip(names, fields, v)}

    return convert


def _text(v):
    _picklable(v)
    return java_string(v)


def java_string(v):
    """The value's text in Java."""
    if isinstance(v, str):
        return v
    if v is None:
        return "null"
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, float):
        return _java_double(v)
    if isinstance(v, list):
        return "[" + ", ".join(map(java_string, v)) + "]"
    if isinstance(v, dict):
        return "{" + ", ".join(f"{java_string(k)}={java_string(i)}" for k, i in v.items()) + "}"
    if isinstance(v, tuple):
        return f"[Ljava.lang.Object;@{id(v) & 0xFFFFFFFF:x}"
    if isinstance(v, (bytes, bytearray)):
        return f"[B@{id(v) & 0xFFFFFFFF:x}"
    if type(v) is datetime.date:
        return _CALENDAR.format(year=v.year, month=v.month - 1, day=v.day, **_MIDNIGHT)
    if type(v) is datetime.datetime:
        clock = {"pm": v.hour // 12, "half": v.hour % 12, "hour": v.hour, "minute": v.minute, "second": v.second}
        milli = v.microsecond // 1000
        return _CALENDAR.format(year=v.year, month=v.month - 1, day=v.day, milli=milli, **clock)
    if type(v) is datetime.timedelta:
        total = v.total_seconds()
        total = int(total) if total.is_integer() else total
        return f"Timedelta: {v.days} days, {v.seconds} seconds, {v.microseconds} microseconds (total: {total} seconds)"
    _picklable(v)
    return str(v)


_MIDNIGHT = {"pm": 0, "half": 0, "hour": 0, "minute": 0, "second": 0, "milli": "?"}
# A date becomes a calendar in the JVM, and this is its text there.
_CALENDAR = (
    "java.util.GregorianCalendar[time=?,areFieldsSet=false,areAllFieldsSet=false,lenient=true,"
    'zone=sun.util.calendar.ZoneInfo[id="Etc/UTC",offset=0,dstSavings=0,useDaylight=false,transitions=0,lastRule=null],'
    "firstDayOfWeek=1,minimalDaysInFirstWeek=1,ERA=?,YEAR={year},MONTH={month},WEEK_OF_YEAR=?,WEEK_OF_MONTH=?,"
    "DAY_OF_MONTH={day},DAY_OF_YEAR=?,DAY_OF_WEEK=?,DAY_OF_WEEK_IN_MONTH=?,AM_PM={pm},HOUR={half},HOUR_OF_DAY={hour},"
    "MINUTE={minute},SECOND={second},MILLISECOND={milli},ZONE_OFFSET=?,DST_OFFSET=?]"
)


def _java_double(v):
    if math.isnan(v):
        return "NaN"
    if math.isinf(v):
        return "Infinity" if v > 0 else "-Infinity"
    if v == 0 or 1e-3 <= abs(v) < 1e7:
        text = repr(v)
        return format(decimal.Decimal(text), "f") if "e" in text else text
    digits, exponent = f"{decimal.Decimal(repr(v)).normalize():E}".split("E")
    return f"{digits if '.' in digits else digits + '.0'}E{int(exponent)}"
