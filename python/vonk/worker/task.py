"""A task as the server describes it: functions, columns, settings."""

import base64
import json

from pyspark import cloudpickle
from pyspark.sql.types import StructType, UserDefinedType

from vonk.worker.errors import pyspark_error

_imported_udt = UserDefinedType.fromJson


def _udt(json_value):
    """A user's type, also where its class is in no module here: then it came along."""
    try:
        return _imported_udt(json_value)
    except Exception:
        if "serializedClass" not in json_value:
            raise
        return cloudpickle.loads(base64.b64decode(json_value["serializedClass"]))()


# Types are read by PySpark's own parser, which asks this class.
UserDefinedType.fromJson = staticmethod(_udt)


class Conf:
    """The session's settings, with Spark's defaults for what was not sent."""

    def __init__(self, values=None):
        self._values = values or {}

    def get(self, key, default=None):
        return self._values.get(key, default)

    def flag(self, key, default):
        return str(self._values.get(key, default)).lower() == "true"

    def number(self, key, default):
        try:
            return int(self._values.get(key, default))
        except ValueError:
            return default

    @property
    def zone(self):
        return self.get("spark.sql.session.timeZone") or "UTC"

    @property
    def batch_rows(self):
        n = self.number("spark.sql.execution.arrow.maxRecordsPerBatch", 10000)
        return n if n > 0 else 2**31 - 1

    @property
    def large_types(self):
        return self.flag("spark.sql.execution.arrow.useLargeVarTypes", False)

    @property
    def by_name(self):
        return self.flag("spark.sql.legacy.execution.pandas.groupedMap.assignColumnsByName", True)

    @property
    def safe_cast(self):
        return self.flag("spark.sql.execution.pandas.convertToArrowArraySafely", False)

    @property
    def int_to_decimal(self):
        return self.flag("spark.sql.execution.pythonUDF.pandas.intToDecimalCoercionEnabled", False)

    @property
    def extension_ints(self):
        return self.flag("spark.sql.execution.pythonUDF.pandas.preferIntExtensionDtype", False)

    @property
    def any_iterable(self):
        return self.flag("spark.sql.execution.pythonUDF.mapInBatch.legacy.acceptAnyIterable.enabled", True)

    @property
    def binary_as_bytes(self):
        return self.flag("spark.sql.execution.pyspark.binaryAsBytes", True)


class Function:
    """One function of the user and where its arguments are."""

    def __init__(self, spec, blobs):
        self.name = spec["name"]
        self.window = spec.get("window")
        self.result_id = spec.get("result_id")
        self.positional = [i for name, i in spec["args"] if name is None]
        self.named = {name: i for name, i in spec["args"] if name is not None}
        self._spec, self._blobs = spec, blobs

    def check_python(self):
        import sys

        wanted, have = self._spec.get("python_version"), "%d.%d" % sys.version_info[:2]
        if wanted and ".".join(wanted.split(".")[:2]) != have:
            raise pyspark_error("PYTHON_VERSION_MISMATCH", worker_version=have, driver_version=wanted)

    def commands(self):
        """What was pickled, innermost first."""
        self.check_python()
        return [cloudpickle.loads(self._blobs[i]) for i in self._spec["chain"]]

    def columns(self):
        """Input columns in the order in which `bind`ed functions take them."""
        return self.positional + list(self.named.values())

    def bind(self, f):
        """`f` for positional arguments alone, in the order of `columns`."""
        if not self.named:
            return f
        names, n = list(self.named), len(self.positional)
        return lambda *a: f(*a[:n], **dict(zip(names, a[n:])))


class Task:
    def __init__(self, parts):
        spec = json.loads(bytes(parts[0]))
        blobs = [memoryview(p) if len(p) else b"" for p in parts[1:]]
        self.conf = Conf(spec["conf"])
        self.eval_type = spec["eval_type"]
        self.functions = [Function(f, blobs) for f in spec["functions"]]
        self.input = StructType.fromJson(spec["input"])
        self.output = StructType.fromJson(spec["output"])
        self.keys = spec["keys"]
        right = spec.get("right")
        self.right_input = StructType.fromJson(right["input"]) if right else None
        self.right_keys = right["keys"] if right else []
        self.right_values = right["values"] if right else []
        table = spec.get("table") or {}
        self.partition_columns = table.get("partition_columns", [])
        self.table_args = table.get("table_args", [])
        analyzed = table.get("analyze_result")
        self.analyze_result = None if analyzed is None else blobs[analyzed]
