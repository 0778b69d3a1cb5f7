"""Data sources written in Python: read, pruned, written, committed and given up."""

import sys
import pytest
from pyspark import cloudpickle
from pyspark.errors import AnalysisException, PythonException
from pyspark.sql import Row
from pyspark.sql.connect.functions import col, udf
from pyspark.sql.datasource import (
    DataSource,
    DataSourceReader,
    DataSourceWriter,
    EqualTo,
    InputPartition,
    WriterCommitMessage,
)
from pyspark.sql.types import IntegerType

# What the module defines travels with the queries.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Reader(DataSourceReader):
    def __init__(self, options):
        self.options = options

    def partitions(self):
        return [InputPartition(i) for i in range(int(self.options.get("n", 2)))]

    def read(self, partition):
        yield partition.value, "a"
        yield Row(id=partition.value, s=None)


class Message(WriterCommitMessage):
    def __init__(self, rows):
        self.rows = rows


class Writer(DataSourceWriter):
    def __init__(self, options, overwrite):
        self.out, self.mode = options["out"], "overwrite" if overwrite else "append"

    def write(self, rows):
        return Message(sum(1 for _ in rows))

    def _tell(self, what, messages):
        with open(self.out, "a") as f:
            f.write(f"{what} {sum(m.rows for m in messages if m)}\n")

    def commit(self, messages):
        self._tell(f"commit {self.mode}", messages)

    def abort(self, messages):
        self._tell("abort", messages)


class Source(DataSource):
    @classmethod
    def name(cls):
        return "mine"

    def schema(self):
        return "id int, s string"

    def reader(self, schema):
        return Reader(self.options)

    def writer(self, schema, overwrite):
        return Writer(self.options, overwrite)


class Bare(DataSource):
    pass


@pytest.fixture
def sources(spark):
    spark.dataSource.register(Source)
    spark.dataSource.register(Bare)
    return spark


def test_read(sources):
    df = sources.read.format("mine").load()
    assert df.schema.simpleString() == "struct<id:int,s:string>"
    assert [tuple(r) for r in df.collect()] == [(0, "a"), (0, None), (1, "a"), (1, None)]
    some = sources.read.format("MINE").option("N", "3").load().where("id > 1").select("s", "id")
    assert [tuple(r) for r in some.collect()] == [("a", 2), (None, 2)]
    assert sources.read.format("mine").load().count() == 4
    sources.sql("CREATE TEMPORARY VIEW v USING mine OPTIONS (n '1')")
    assert sources.table("v").count() == 2


def test_write(sources, tmp_path):
    out = tmp_path / "out.txt"
    df = sources.range(0, 10, 1, 2)
    write = lambda df, mode: df.write.format("mine").option("out", str(out)).mode(mode).save()  # noqa: E731
    write(df, "append")
    write(df, "overwrite")
    for mode in ("error", "ignore"):
        with pytest.raises(AnalysisException) as e:
            write(df, mode)
        assert e.value.getCondition() == "UNSUPPORTED_DATA_SOURCE_SAVE_MODE"
    broken = udf(lambda x: 1 // (x - 7), IntegerType())
    with pytest.raises(PythonException, match="ZeroDivisionError"):
        write(df.select(broken("id")), "append")
    assert out.read_text().splitlines()[:2] == ["commit append 10", "commit overwrite 10"]
    assert out.read_text().splitlines()[2].startswith("abort")


def test_errors(sources):
    with pytest.raises(AnalysisException) as e:
        sources.read.format("Bare").load().collect()
    assert e.value.getCondition() == "PYTHON_DATA_SOURCE_ERROR"
    with pytest.raises(Exception) as e:
        sources.read.format("nothing_of_the_kind").load().collect()
    assert e.value.getCondition() == "DATA_SOURCE_NOT_FOUND"

    class Parquet(DataSource):
        @classmethod
        def name(cls):
            return "parquet"

    with pytest.raises(AnalysisException) as e:
        sources.dataSource.register(Parquet)
    assert e.value.getCondition() == "DATA_SOURCE_ALREADY_EXISTS"
    assert sources.read.format("mine").load().where(col("id") == 1).count() == 2


class Choosy(DataSourceReader):
    """Applies what it is told to be equal, says what that was, and leaves the rest."""

    def __init__(self):
        self.pushed = []

    def pushFilters(self, filters):
        for f in filters:
            if isinstance(f, EqualTo):
                self.pushed.append(repr(f))
            else:
                yield f

    def read(self, partition):
        yield 1, str(self.pushed)
        yield 1, "other"


class ChoosySource(DataSource):
    @classmethod
    def name(cls):
        return "choosy"

    def schema(self):
        return "id int, s string"

    def reader(self, schema):
        return Choosy()


def test_filters_are_offered(sources):
    sources.dataSource.register(ChoosySource)
    df = sources.read.format("choosy").load().where("id = 1 AND s <> 'other'")
    with pytest.raises(Exception, match="DATA_SOURCE_PUSHDOWN_DISABLED"):
        df.collect()
    sources.conf.set("spark.sql.python.filterPushdown.enabled", "true")
    assert [tuple(r) for r in df.collect()] == [(1, "[\"EqualTo(attribute=('id',), value=1)\"]")]


def test_a_table_over_a_source(sources, database):
    sources.sql(f"CREATE TABLE {database}.t USING mine OPTIONS (n '1')")
    assert [tuple(r) for r in sources.table(f"{database}.t").collect()] == [(0, "a"), (0, None)]
    assert sources.sql(f"SELECT s FROM {database}.t WHERE s IS NOT NULL").first().s == "a"
    sources.sql(f"DROP TABLE {database}.t")


class Uncommitted(Writer):
    def commit(self, messages):
        raise ValueError("no")


class UncommittedSource(Source):
    @classmethod
    def name(cls):
        return "uncommitted"

    def writer(self, schema, overwrite):
        return Uncommitted(self.options, overwrite)


def test_what_cannot_be_committed_is_given_up(sources, tmp_path):
    sources.dataSource.register(UncommittedSource)
    out = tmp_path / "out.txt"
    with pytest.raises(AnalysisException) as e:
        sources.range(0, 4, 1, 2).write.format("uncommitted").option("out", str(out)).mode("append").save()
    assert e.value.getCondition() == "PYTHON_DATA_SOURCE_ERROR"
    parameters = e.value.getMessageParameters()
    assert (parameters["action"], parameters["type"]) == ("commit or abort", "write")
    assert out.read_text() == "abort 4\n"
