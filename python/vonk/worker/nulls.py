"""NULL where a table function's result type has none is an error that names the column."""

from pyspark.sql.types import ArrayType, MapType, StructType

from vonk.worker.errors import pyspark_error


def row_checker(fields):
    """A function that checks a row (a tuple), or None when no column asks for it."""
    checks = [_checker(f.dataType, i) for i, f in enumerate(fields.fields)]
    nullable = [f.nullable for f in fields.fields]
    if all(nullable) and not any(checks):
        return None

    def check(row):
        if isinstance(row, tuple):
            for i, (value, inner, may) in enumerate(zip(row, checks, nullable)):
                _look(value, inner, may, i)

    return check


def _look(value, inner, may_be_null, column):
    if value is None:
        if not may_be_null:
            raise pyspark_error(
                "UDTF_EXEC_ERROR",
                method_name="eval' or 'terminate",
                error=f"Column {column} within a returned row had a value of None, either directly or within "
                "array/struct/map subfields, but the corresponding column type was declared as non-nullable; please "
                "update the UDTF to return a non-None value at this location or otherwise declare the column type as "
                "nullable.",
            )
    elif inner is not None:
        inner(value)


def _checker(t, column):
    """Checks inside a value of `t`; None when there is nothing to check."""
    if isinstance(t, ArrayType):
        inner = _checker(t.elementType, column)
        if inner is None and t.containsNull:
            return None

        def array(value):
            if isinstance(value, list):
                for e in value:
                    _look(e, inner, t.containsNull, column)

        return array
    if isinstance(t, MapType):
        key, item = _checker(t.keyType, column), _checker(t.valueType, column)

        def entries(value):
            if isinstance(value, dict):
                for k, v in value.items():
                    _look(k, key, False, column)
                    _look(v, item, t.valueContainsNull, column)

        return entries
    if isinstance(t, StructType):
        fields = [(_checker(f.dataType, column), f.nullable) for f in t.fields]
        if all(inner is None and may for inner, may in fields):
            return None

        def struct(value):
            if isinstance(value, tuple):
                for v, (inner, may) in zip(value, fields):
                    _look(v, inner, may, column)

        return struct
    return None
