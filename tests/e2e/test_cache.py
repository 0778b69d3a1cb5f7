"""`cache`, `persist` and `unpersist` keep and drop data, not only flags."""

from pyspark import StorageLevel
from pyspark.sql.connect import functions as F


def test_cached_rows_outlive_their_files(spark, tmp_path):
    path = str(tmp_path / "t")
    spark.range(5).write.parquet(path)
    kept = spark.read.parquet(path).cache()
    assert kept.count() == 5
    for f in (tmp_path / "t").glob("*.parquet"):
        f.unlink()
    assert kept.count() == 5 and kept.where("id > 2").count() == 2
    kept.unpersist()


def test_a_cached_random_number_stays_the_same(spark):
    df = spark.range(5).select(F.rand().alias("r")).cache()
    assert df.collect() == df.collect()
    df.unpersist()


def test_storage_levels(spark):
    df = spark.range(3)
    assert df.storageLevel == StorageLevel.NONE
    df.persist(StorageLevel.MEMORY_ONLY)
    assert df.storageLevel == StorageLevel.MEMORY_ONLY
    df.unpersist()
    assert df.storageLevel == StorageLevel.NONE


def test_tables_in_the_cache(spark):
    spark.range(3).createOrReplaceTempView("v")
    spark.catalog.cacheTable("v")
    assert spark.catalog.isCached("v")
    spark.catalog.uncacheTable("v")
    assert not spark.catalog.isCached("v")
    spark.sql("CACHE TABLE w AS SELECT id FROM range(4)")
    assert spark.catalog.isCached("w") and spark.table("w").count() == 4
    spark.catalog.clearCache()
    assert not spark.catalog.isCached("w")


def test_a_cached_table_is_found_by_its_full_name_and_refreshed(spark, tmp_path):
    spark.sql(f"CREATE TABLE kept_lines (line STRING) USING text LOCATION '{tmp_path}/kept'")
    spark.sql("INSERT INTO kept_lines SELECT 'abc'")
    spark.catalog.cacheTable("kept_lines")
    assert spark.catalog.isCached("spark_catalog.default.kept_lines")
    assert spark.table("default.kept_lines").count() == 1
    for f in (tmp_path / "kept").glob("part-*"):
        f.unlink()
    assert spark.table("kept_lines").count() == 1
    spark.catalog.refreshTable("default.kept_lines")
    assert spark.table("kept_lines").count() == 0
    spark.catalog.uncacheTable("spark_catalog.default.kept_lines")
    assert not spark.catalog.isCached("kept_lines")
    spark.sql("DROP TABLE kept_lines")
