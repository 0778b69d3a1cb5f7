"""Arrow columns as pandas Series, and Series and DataFrames as Arrow columns, with Spark's rules.

Types of one value each go through NumPy; nested ones, strings and decimals through PySpark's own
converters.
"""

import functools
import inspect

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.errors import PySparkTypeError, PySparkValueError
from pyspark.sql.pandas import types as pandas_types
from pyspark.sql.types import (
    BinaryType,
    BooleanType,
    ByteType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    NullType,
    ShortType,
    StringType,
    StructType,
    TimestampNTZType,
    TimestampType,
    UserDefinedType,
    VariantType,
    VariantVal,
)

from vonk.worker.arrow import arrow_schema
from vonk.worker.errors import pyspark_error

_EXTENSION = {ByteType: "Int8", ShortType: "Int16", IntegerType: "Int32", LongType: "Int64"}
_NUMBERS = (*_EXTENSION, FloatType, DoubleType)
_DIRECT = (*_EXTENSION, FloatType, DoubleType, BooleanType, BinaryType, NullType, DateType)
_NUMPY = (*_DIRECT, TimestampType, TimestampNTZType, UserDefinedType, VariantType)


def _known(f, options):
    """The options that this PySpark's function has."""
    names = inspect.signature(f).parameters
    return {k: v for k, v in options.items() if k in names}


def is_numpy(t):
    return isinstance(t, _NUMPY) or type(t).__name__ == "TimeType"


class ToPandas:
    """Series (or DataFrames, for structs) of columns. `structs` is how a struct inside one looks."""

    def __init__(self, fields, conf, frames_of_structs=False, structs="dict", lists=False):
        self.fields, self.conf = fields, conf
        self.frames_of_structs, self.structs, self.lists = frames_of_structs, structs, lists

    def all(self, batch):
        """One Series a column of a batch or table."""
        return [self.one(c, f.dataType, f.name) for c, f in zip(batch.columns, self.fields.fields)]

    def pick(self, batch, columns):
        fields = self.fields.fields
        return [self.one(batch.column(i), fields[i].dataType, fields[i].name) for i in columns]

    def one(self, array, t, name):
        if self.frames_of_structs and isinstance(t, StructType):
            return self.frame(array, t)
        return self.series(array, t, name)

    def frame(self, array, t):
        """A struct column as a DataFrame."""
        parts = array.flatten()
        if not parts:
            return pd.DataFrame(index=range(len(array)))
        if all(is_numpy(f.dataType) for f in t.fields):
            series = [self.series(a, f.dataType, f.name) for a, f in zip(parts, t.fields)]
        else:
            series = [self._converted(a, f.dataType) for a, f in zip(parts, t.fields)]
        out = pd.concat(series, axis=1)
        out.columns = t.names
        return out

    def series(self, array, t, name):
        if type(t) in _EXTENSION and self.conf.extension_ints:
            return array.to_pandas(types_mapper=pd.ArrowDtype).astype(_EXTENSION[type(t)]).rename(name)
        if isinstance(t, _NUMBERS) and not array.null_count and isinstance(array, pa.Array):
            return pd.Series(array.to_numpy(), name=name, copy=False)
        if isinstance(t, _DIRECT):
            return _named(array.to_pandas(), name)
        if isinstance(t, (TimestampType, TimestampNTZType)):
            if array.type.tz is not None:
                array = pc.local_timestamp(array)
            return _named(array.cast(pa.timestamp("ns")).to_pandas(), name)
        if isinstance(t, UserDefinedType):
            return self._converted(array, t).rename(name)
        if isinstance(t, VariantType):
            made = array.to_pandas().map(lambda v: None if v is None else VariantVal(v["value"], v["metadata"]))
            return made.rename(name)
        if is_numpy(t):
            return _named(array.to_pandas(), name)
        if isinstance(t, StringType):
            return _named(array.to_pandas(), name)
        return self._converted(array, t).rename(name)

    def _converted(self, array, t):
        made = array.to_pandas(date_as_object=True, coerce_temporal_nanoseconds=True, integer_object_nulls=True)
        return self._converter(t)(made)

    @functools.cache
    def _converter(self, t):
        options = {
            "timezone": self.conf.zone,
            "struct_in_pandas": self.structs,
            "error_on_duplicated_field_names": True,
            "ndarray_as_list": self.lists,
            "integer_object_nulls": True,
        }
        make = pandas_types._create_converter_to_pandas
        return make(t, True, **_known(make, options))


def _named(series, name):
    series.name = name
    return series


def value_frame(series):
    """The columns side by side, each of them writable."""
    if not series:
        return pd.DataFrame()
    return pd.concat(series, axis=1)


class FromPandas:
    """Arrow columns of what a function gave for `fields`."""

    def __init__(self, fields, conf, by_name=None):
        self.fields, self.conf = fields, conf
        self.by_name = conf.by_name if by_name is None else by_name
        self._types = [f.type for f in arrow_schema(fields, conf.zone, conf.large_types)]

    def columns(self, values):
        """One array a field, of as many Series or DataFrames."""
        return [self._column(v, f, t) for v, f, t in zip(values, self.fields.fields, self._types)]

    def table(self, frame):
        """One array a field, of a DataFrame with these columns."""
        if len(frame.columns) == 0 and len(self.fields.fields):
            return [pa.nulls(len(frame), t) for t in self._types]
        if self.by_name and any(isinstance(c, str) for c in frame.columns):
            frame = frame[self.fields.names]
        return self.columns([frame.iloc[:, i] for i in range(len(self.fields.fields))])

    def _column(self, value, field, kind):
        if isinstance(value, pd.DataFrame):
            inner = FromPandas(field.dataType, self.conf, self.by_name)
            arrays = inner.table(value)
            if not arrays:
                return pa.array([{}] * len(value), kind)
            return pa.StructArray.from_arrays(arrays, fields=[kind.field(i) for i in range(kind.num_fields)])
        return self._series(value, field, kind)

    def _series(self, series, field, kind):
        dtype = series.dtype
        if isinstance(dtype, np.dtype) and dtype.kind in "iufb" and _same_numbers(dtype, kind):
            values = series.to_numpy()
            # Only a NaN becomes NULL; without one the values are taken as they lie.
            has_nulls = dtype.kind == "f" and np.isnan(values).any()
            return pa.array(values, type=kind, from_pandas=bool(has_nulls))
        if isinstance(dtype, pd.CategoricalDtype):
            series = series.astype(dtype.categories.dtype)
        series = _from_converter(field.dataType, self.conf.zone, self.conf.int_to_decimal)(series)
        mask = None if hasattr(series.array, "__arrow_array__") else series.isnull()
        safe = self.conf.safe_cast
        try:
            try:
                return pa.Array.from_pandas(series, mask=mask, type=kind, safe=safe)
            except pa.lib.ArrowInvalid:
                return pa.Array.from_pandas(series, mask=mask).cast(target_type=kind, safe=safe)
        except TypeError as e:
            raise PySparkTypeError(
                f"Cannot convert the output value of the column '{field.name}' with type '{series.dtype}' to the "
                f"specified return type of the column: '{kind}'. Please check if the data types match and try again."
            ) from e
        except ValueError as e:
            told = (
                f"Failed to convert the value of the column '{field.name}' with type '{series.dtype}' "
                f"to Arrow type '{kind}'."
            )
            if safe:
                told += (
                    " It can be caused by overflows or other unsafe conversions warned by Arrow. Arrow safe type check "
                    "can be disabled by using SQL config `spark.sql.execution.pandas.convertToArrowArraySafely`."
                )
            raise PySparkValueError(told) from e


def _same_numbers(dtype, kind):
    try:
        return kind.equals(pa.from_numpy_dtype(dtype))
    except (pa.ArrowNotImplementedError, TypeError):
        return False


@functools.cache
def _from_converter(t, zone, int_to_decimal):
    if isinstance(t, DecimalType) and int_to_decimal:
        from decimal import Decimal

        def exact(series):
            if not pd.api.types.is_integer_dtype(series):
                return series
            return series.apply(lambda x: Decimal(x) if pd.notna(x) else None)

        return exact
    make = pandas_types._create_converter_from_pandas
    options = {"timezone": zone, "error_on_duplicated_field_names": False}
    return make(t, **_known(make, options))


def check_frame(result, t, by_name, truncate):
    """Raises unless `result` can be taken as a value of `t`: a DataFrame for a struct, else a Series."""
    if not isinstance(t, StructType):
        check_type(result, pd.Series, "pandas.Series")
        return
    check_type(result, pd.DataFrame, "pandas.DataFrame")
    if result.empty and len(result.columns) == 0:
        return
    names = list(result.columns[: len(t.names)] if truncate else result.columns)
    if by_name and any(isinstance(n, str) for n in result.columns):
        from vonk.worker.arrow import check_names

        try:
            check_names(names, t.names)
        except TypeError:
            check_names([str(n) for n in names], t.names)
    elif len(names) != len(t.names):
        raise pyspark_error("RESULT_COLUMN_SCHEMA_MISMATCH", expected=str(len(t.names)), actual=str(len(names)))


def check_type(value, kind, label):
    if not isinstance(value, kind):
        raise pyspark_error("UDF_RETURN_TYPE", PySparkTypeError, expected=label, actual=type(value).__name__)
