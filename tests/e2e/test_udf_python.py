"""Which Python runs a session's functions: the client's choice, and what is said when it does not fit."""

import os
import sys
import types

import pytest
from pyspark import cloudpickle
from pyspark.sql.connect.functions import udf
from pyspark.sql.types import IntegerType, StringType

# What the module defines travels with the queries.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


@udf(StringType())
def mark(x):
    return os.environ.get("MARK_OF_THE_WRAPPER")


@udf(IntegerType())
def plus(x):
    return x + 1


def interpreter(folder, text):
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_session_chooses_its_python(own_server, tmp_path):
    spark, other = own_server.session(), own_server.session()
    chosen = interpreter(tmp_path, f'MARK_OF_THE_WRAPPER=yes exec {sys.executable} "$@"')
    spark.conf.set("spark.pyspark.python", chosen)
    assert spark.range(1).select(mark("id")).first()[0] == "yes"
    assert other.range(1).select(mark("id")).first()[0] is None
    spark.conf.unset("spark.pyspark.python")
    assert spark.range(1).select(mark("id")).first()[0] is None
    spark.stop()
    other.stop()


@pytest.mark.parametrize(
    "text, told",
    [
        (None, "No such file"),
        ("exit 3", "it ended"),
        (f'exec {sys.executable} -S "$@"', "No module named"),
        ("echo a message for people >&2; exit 1", "a message for people"),
    ],
)
def test_a_python_that_does_not_fit(own_server, tmp_path, text, told):
    spark = own_server.session()
    chosen = interpreter(tmp_path, text) if text else str(tmp_path / "missing")
    spark.conf.set("spark.pyspark.python", chosen)
    with pytest.raises(Exception) as e:
        spark.range(1).select(plus("id")).collect()
    assert e.value.getCondition() == "PYTHON_WORKER_NOT_STARTED"
    assert chosen in str(e.value) and told in str(e.value)
    spark.conf.unset("spark.pyspark.python")
    assert spark.range(1).select(plus("id")).collect() == [(1,)]
    spark.stop()


def test_another_version_is_told(spark, monkeypatch):
    import pyspark.sql.connect.udf as connect_udf

    fake = types.SimpleNamespace(**vars(sys))
    fake.version_info = (3, 9, 1, "final", 0)
    monkeypatch.setattr(connect_udf, "sys", fake)
    with pytest.raises(Exception, match="PYTHON_VERSION_MISMATCH") as e:
        spark.range(1).select(udf(lambda x: x, "int")("id")).collect()
    assert "3.9" in str(e.value) and "%d.%d" % sys.version_info[:2] in str(e.value)


def test_variables_of_the_session(own_server, new_server):
    server = new_server("--conf", "spark.executorEnv.MARK_OF_THE_WRAPPER=set")
    spark = server.session()
    assert spark.range(1).select(mark("id")).first()[0] == "set"
    spark.stop()
