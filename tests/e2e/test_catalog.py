"""Views, databases and tables; what of them survives a restart."""

import pytest
from pyspark.errors import AnalysisException, ParseException

from harness import files_under


def test_temp_views(spark):
    spark.range(3).createTempView("v")
    with pytest.raises(AnalysisException) as e:
        spark.range(4).createTempView("v")
    assert e.value.getCondition() == "TEMP_TABLE_OR_VIEW_ALREADY_EXISTS"
    spark.range(4).createOrReplaceTempView("v")
    assert spark.table("v").count() == 4
    assert spark.catalog.dropTempView("v") and not spark.catalog.dropTempView("v")


def test_global_temp_views_are_shared(server, spark):
    spark.range(5).createOrReplaceGlobalTempView("shared_numbers")
    other = server.session()
    assert other.sql("SELECT count(*) FROM global_temp.shared_numbers").first()[0] == 5
    other.stop()
    assert spark.catalog.dropGlobalTempView("shared_numbers")


def test_a_view_of_a_view_keeps_its_meaning(spark):
    spark.range(3).createOrReplaceTempView("a")
    spark.sql("SELECT id * 10 AS ten FROM a").createOrReplaceTempView("b")
    spark.range(100).createOrReplaceTempView("a")
    assert spark.table("b").count() == 3


def test_databases(spark, database):
    assert database in [d.name for d in spark.catalog.listDatabases()]
    spark.catalog.setCurrentDatabase(database)
    assert spark.catalog.currentDatabase() == database
    assert spark.sql("SELECT current_database()").first()[0] == database
    spark.catalog.setCurrentDatabase("default")
    with pytest.raises(AnalysisException) as e:
        spark.sql(f"CREATE DATABASE {database}")
    assert e.value.getCondition() == "SCHEMA_ALREADY_EXISTS"


def test_managed_tables(spark, database):
    spark.sql(f"CREATE TABLE {database}.t (id INT, name STRING) USING parquet")
    spark.sql(f"INSERT INTO {database}.t VALUES (1, 'one'), (2, 'two')")
    spark.sql(f"INSERT INTO {database}.t (name, id) VALUES ('three', 3)")
    assert [tuple(r) for r in spark.table(f"{database}.t").orderBy("id").collect()] == [(1, "one"), (2, "two"), (3, "three")]
    assert [t.name for t in spark.catalog.listTables(database)] == ["t"]
    assert [c.name for c in spark.catalog.listColumns(f"{database}.t")] == ["id", "name"]
    spark.sql(f"INSERT OVERWRITE {database}.t VALUES (9, 'nine')")
    assert spark.table(f"{database}.t").count() == 1
    spark.sql(f"DROP TABLE {database}.t")
    assert not spark.catalog.tableExists(f"{database}.t")


def test_dropping_a_managed_table_removes_its_files(spark, own_server, database):
    spark.range(10).write.saveAsTable(f"{database}.gone")
    assert [f for f in files_under(own_server.warehouse) if "/gone/" in f]
    spark.sql(f"DROP TABLE {database}.gone")
    assert not [f for f in files_under(own_server.warehouse) if "/gone/" in f]


def test_a_full_database_is_not_dropped_by_mistake(spark, database):
    spark.range(1).write.saveAsTable(f"{database}.t")
    with pytest.raises(AnalysisException) as e:
        spark.sql(f"DROP DATABASE {database}")
    assert e.value.getCondition() == "SCHEMA_NOT_EMPTY"


def test_create_table_as_select_and_show(spark, database):
    spark.sql(f"CREATE TABLE {database}.c USING parquet AS SELECT id, id % 2 AS odd FROM range(6)")
    assert [r.tableName for r in spark.sql(f"SHOW TABLES IN {database}").collect()] == ["c"]
    described = {r.col_name: r.data_type for r in spark.sql(f"DESCRIBE {database}.c").collect()}
    assert described == {"id": "bigint", "odd": "bigint"}


def test_views_in_the_catalog(spark, database):
    spark.range(4).write.saveAsTable(f"{database}.t")
    spark.sql(f"CREATE VIEW {database}.evens AS SELECT id FROM {database}.t WHERE id % 2 = 0")
    assert spark.table(f"{database}.evens").count() == 2
    spark.sql(f"INSERT INTO {database}.t VALUES (10)")
    assert spark.table(f"{database}.evens").count() == 3


def test_the_catalog_survives_a_restart(new_server, tmp_path):
    first = new_server(warehouse=tmp_path / "w")
    spark = first.session()
    spark.sql("CREATE DATABASE kept")
    spark.range(7).write.saveAsTable("kept.numbers")
    spark.sql("CREATE VIEW kept.big AS SELECT * FROM kept.numbers WHERE id > 3")
    spark.range(1).createOrReplaceTempView("fleeting")
    spark.stop()
    first.stop()
    second = new_server(warehouse=tmp_path / "w")
    spark = second.session()
    assert spark.table("kept.numbers").count() == 7
    assert spark.table("kept.big").count() == 3
    assert not spark.catalog.tableExists("fleeting")
    spark.stop()


def test_the_catalog_survives_a_kill(new_server, tmp_path):
    first = new_server(warehouse=tmp_path / "w")
    spark = first.session()
    spark.range(7).write.saveAsTable("numbers")
    first.process.kill()
    first.process.wait(10)
    spark = new_server(warehouse=tmp_path / "w").session()
    assert spark.table("numbers").count() == 7
    spark.stop()


def test_partitions_in_folders_are_found_by_repair(spark, tmp_path):
    spark.range(3).selectExpr("id AS key", "id * 2 AS value").write.partitionBy("key").csv(str(tmp_path / "p"))
    spark.sql(
        f"CREATE TABLE found (key LONG, value LONG) USING csv OPTIONS (path '{tmp_path}/p') PARTITIONED BY (key)"
    )
    assert spark.table("found").count() == 0
    spark.catalog.recoverPartitions("found")
    assert sorted(spark.table("found").collect()) == [(0, 0), (2, 1), (4, 2)]
    assert spark.sql("SHOW PARTITIONS found").count() == 3
    for f in (tmp_path / "p" / "key=1").iterdir():
        f.unlink()
    spark.sql("MSCK REPAIR TABLE found DROP PARTITIONS")
    assert spark.sql("SHOW PARTITIONS found").count() == 2
    spark.sql("DROP TABLE found")
