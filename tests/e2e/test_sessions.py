"""Sessions: settings, tags, clones, what they share and what they do not."""

import pytest
from pyspark.errors import AnalysisException


def test_the_server_answers_as_spark_4_3(spark):
    assert spark.version.startswith("4.3.")
    assert spark.sql("SELECT version()").first()[0].startswith("4.3.")


def test_defaults_that_clients_read(spark):
    assert spark.conf.get("spark.sql.session.timeZone")
    assert spark.conf.get("spark.sql.ansi.enabled") == "true"
    assert int(spark.conf.get("spark.sql.shuffle.partitions")) > 0
    assert spark.conf.get("spark.sql.execution.arrow.maxRecordsPerBatch") == "10000"


def test_settings_are_set_unset_and_shown(spark):
    spark.conf.set("spark.sql.shuffle.partitions", 7)
    assert spark.conf.get("spark.sql.shuffle.partitions") == "7"
    assert spark.sql("SET spark.sql.shuffle.partitions").first().value == "7"
    spark.conf.unset("spark.sql.shuffle.partitions")
    assert spark.conf.get("spark.sql.shuffle.partitions") == "200"
    spark.sql("SET my.own.key = some value")
    assert spark.conf.get("my.own.key") == "some value"


def test_a_setting_changes_the_next_query(spark):
    spark.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    assert spark.sql("SELECT current_timezone()").first()[0] == "Asia/Tokyo"
    spark.conf.set("spark.sql.ansi.enabled", "false")
    assert spark.sql("SELECT CAST('x' AS INT)").first()[0] is None


def test_a_value_that_is_no_number_is_refused(spark):
    with pytest.raises(Exception) as e:
        spark.conf.set("spark.sql.shuffle.partitions", "many")
    assert "spark.sql.shuffle.partitions" in str(e.value)
    assert spark.range(1).count() == 1


def test_sessions_do_not_see_each_others_views_and_settings(server, spark):
    other = server.session()
    spark.range(3).createOrReplaceTempView("mine")
    spark.conf.set("spark.sql.shuffle.partitions", 11)
    with pytest.raises(AnalysisException) as e:
        other.table("mine").collect()
    assert e.value.getCondition() == "TABLE_OR_VIEW_NOT_FOUND"
    assert other.conf.get("spark.sql.shuffle.partitions") != "11"
    other.stop()


def test_a_clone_takes_views_and_settings_along(server, spark):
    spark.range(3).createOrReplaceTempView("mine")
    spark.conf.set("spark.sql.shuffle.partitions", 3)
    clone = spark.cloneSession()
    clone.release_session_on_close = True  # forgotten by the client 4.2.0
    assert clone.table("mine").count() == 3 and clone.conf.get("spark.sql.shuffle.partitions") == "3"
    clone.range(1).createOrReplaceTempView("yours")
    assert not spark.catalog.tableExists("yours")
    clone.stop()


def test_a_released_session_is_gone(server):
    session = server.session()
    assert session.range(1).count() == 1
    session.client.release_session()
    with pytest.raises(Exception) as e:
        session.range(1).count()
    assert "SESSION_CLOSED" in str(e.value)
    session.stop()


def test_a_restarted_server_is_noticed(new_server, tmp_path):
    """The server's own id of a session tells a client that its state is gone."""
    first = new_server(warehouse=tmp_path / "w")
    session = first.session()
    session.range(1).count()
    port = first.port
    first.stop()
    second = new_server(warehouse=tmp_path / "w", port=port)
    assert second.port == port
    with pytest.raises(Exception) as e:
        session.range(1).count()
    assert "SESSION_CHANGED" in str(e.value)


def test_many_sessions_at_a_time(server):
    import concurrent.futures

    def work(n):
        session = server.session()
        session.range(n).createOrReplaceTempView("v")
        out = [session.sql("SELECT count(*), sum(id) FROM v").first() for _ in range(5)]
        session.stop()
        return n, out

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for n, rows in pool.map(work, range(1, 25)):
            assert [tuple(r) for r in rows] == [(n, n * (n - 1) // 2)] * 5
