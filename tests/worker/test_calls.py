"""Questions to a worker: `analyze` of table functions, data sources; and how errors look."""

import json

import pyarrow as pa
import pytest
from conftest import Failed, as_struct
from pyspark import cloudpickle
from pyspark.sql.datasource import DataSource, DataSourceReader, DataSourceWriter, InputPartition, WriterCommitMessage
from pyspark.sql.functions import OrderingColumn, PartitioningColumn
from pyspark.sql.types import StructType
from pyspark.sql.udtf import AnalyzeResult


def analyzed():
    class Grow:
        @staticmethod
        def analyze(table, times):
            schema = StructType()
            for field in table.dataType:
                schema.add(field.name, field.dataType)
            assert times.isConstantExpression and table.isTable
            return AnalyzeResult(
                schema=schema.add("n", "integer" and schema.fields[0].dataType),
                partitionBy=[PartitioningColumn("k")],
                orderBy=[OrderingColumn("v", ascending=False)] if times.value > 1 else [],
            )

    return Grow


def test_analyze(worker):
    constant = pa.RecordBatch.from_arrays([pa.array([2], pa.int32())], ["c"]).serialize()
    arguments = [
        {"type": as_struct("k int, v int").jsonValue(), "table": True},
        {"type": "integer", "constant": True, "name": "times", "value": 1},
    ]
    told, blobs = worker.call(
        "analyze_udtf", {"name": "grow", "arguments": arguments}, [cloudpickle.dumps(analyzed()), constant]
    )
    assert [f["name"] for f in told["schema"]["fields"]] == ["k", "v", "n"]
    assert told["partition_by"] == ["k"]
    assert told["order_by"] == [{"name": "v", "ascending": False, "nulls_first": None}]
    assert not told["single_partition"] and len(blobs) == 1
    with pytest.raises(Failed, match="did not match the expected signature"):
        worker.call("analyze_udtf", {"name": "grow", "arguments": []}, [cloudpickle.dumps(analyzed())])


def source():
    class Reader(DataSourceReader):
        def __init__(self, rows):
            self.rows = rows

        def partitions(self):
            return [InputPartition(i) for i in range(2)]

        def read(self, partition):
            for i in range(self.rows):
                yield partition.value, f"row {i}"

    class Message(WriterCommitMessage):
        def __init__(self, rows):
            self.rows = rows

    class Writer(DataSourceWriter):
        def __init__(self, path):
            self.path = path

        def write(self, rows):
            return Message([tuple(r) for r in rows])

        def commit(self, messages):
            with open(self.path, "w") as f:
                json.dump([m and m.rows for m in messages], f)

        def abort(self, messages):
            with open(self.path, "w") as f:
                f.write("aborted")

    class Numbers(DataSource):
        @classmethod
        def name(cls):
            return "numbers"

        def schema(self):
            return "p int, s string"

        def reader(self, schema):
            return Reader(int(self.options["Rows"]))

        def writer(self, schema, overwrite):
            return Writer(self.options["path"])

    return cloudpickle.dumps(Numbers)


def test_a_data_source_is_read(worker):
    value = {"provider": "Numbers", "options": {"rows": "2"}}
    told, (made,) = worker.call("create_source", value, [source()])
    assert told == {"ddl": "p int, s string"}
    schema = "p int, s string"
    told, blobs = worker.call("plan_read", {"schema": as_struct(schema).jsonValue()}, [made])
    assert told == {"partitions": 2, "pushed": None}
    out = worker.run(900, blobs[0], None, [("binary", blobs[1:])], schema)
    assert out == [(0, "row 0"), (0, "row 1"), (1, "row 0"), (1, "row 1")]
    with pytest.raises(Failed, match="DATA_SOURCE_RETURN_SCHEMA_MISMATCH"):
        worker.run(900, blobs[0], None, [("binary", blobs[1:])], "p int")
    with pytest.raises(Failed, match="provider with name"):
        worker.call("create_source", {"provider": "other", "options": {}}, [source()])


def test_a_data_source_is_written(worker, tmp_path):
    path = str(tmp_path / "out")
    columns = [("int", [1, 2], "p"), ("string", ["a", "b"], "s")]
    value = {"provider": "numbers", "options": {"path": path}, "overwrite": True}
    value["schema"] = as_struct("p int, s string").jsonValue()
    _, (writer,) = worker.call("plan_write", value, [source()])
    ((message,),) = worker.run(901, writer, None, columns, "message binary")
    worker.call("end_write", {"abort": False}, [writer, message, b""])
    with open(path) as f:
        assert json.load(f) == [[[1, "a"], [2, "b"]], None]
    worker.call("end_write", {"abort": True}, [writer])
    with open(path) as f:
        assert f.read() == "aborted"


def test_profiles_come_back(worker):
    conf = {"spark.sql.pyspark.udf.profiler": "perf"}
    function = {"result_id": 7}
    assert worker.run(101, lambda x: x + 1, "long", [("long", [1, 2])], conf=conf, function=function) == [(2,), (3,)]
    reported = dict(cloudpickle.loads(bytes(u)) for u in worker.updates)
    assert 7 in reported[-1]
    worker.run(101, lambda x: x, "long", [("long", [1])])
    assert worker.updates == []


def test_tracebacks(worker):
    def f(x):
        return 1 // x

    with pytest.raises(Failed) as e:
        worker.run(101, f, "long", [("long", [0])])
    lines = e.value.told["traceback"].splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "test_calls.py" in lines[1] and "vonk/worker/kinds" not in e.value.told["traceback"]
    assert lines[-1] == "ZeroDivisionError: integer division or modulo by zero"
    conf = {"spark.sql.execution.pyspark.udf.hideTraceback.enabled": "true"}
    with pytest.raises(Failed) as e:
        worker.run(101, f, "long", [("long", [0])], conf=conf)
    assert e.value.told["traceback"] == "ZeroDivisionError: integer division or modulo by zero\n"
    conf = {"spark.sql.execution.pyspark.udf.simplifiedTraceback.enabled": "false"}
    with pytest.raises(Failed, match="vonk/worker/kinds"):
        worker.run(101, f, "long", [("long", [0])], conf=conf)
