"""Interrupts by tag, by operation and all: the query ends at once, and its memory comes back."""

import threading
import time

import pytest
from pyspark.sql.connect import functions as F

from harness import eventually

LIMIT_SECONDS = 0.5


def long_query(spark):
    """Hours of work in any build: a product of three ranges that no rule can shorten."""
    a, b, c = (spark.range(200_000).select((F.rand() + F.col("id")).alias(n)) for n in "abc")
    return a.join(b, F.col("a") * 3 < F.col("b")).join(c, F.col("b") + F.col("c") > F.col("a")).agg(F.sum("a"))


class Running(threading.Thread):
    """A query on its way; `error` and `ended` when it is over."""

    def __init__(self, df, *tags):
        super().__init__(daemon=True)
        self.df, self.tags, self.error, self.ended = df, tags, None, None
        self.start()

    def run(self):
        try:
            for tag in self.tags:  # a thread has its own
                self.df.sparkSession.addTag(tag)
            self.df.collect()
        except Exception as e:
            self.error = e
        self.ended = time.monotonic()


def interrupted(running, begun):
    running.join(10)
    assert running.ended, "the query went on"
    assert running.error.getCondition() == "OPERATION_CANCELED"
    assert running.ended - begun < LIMIT_SECONDS


def test_interrupt_all(own_server, spark):
    running = Running(long_query(spark))
    time.sleep(1)
    begun = time.monotonic()
    assert len(spark.interruptAll()) == 1
    interrupted(running, begun)
    assert spark.range(3).count() == 3


def test_interrupt_by_tag_leaves_others_alone(own_server, spark):
    other = own_server.session()
    running = Running(long_query(spark), "first")
    time.sleep(1)
    assert spark.interruptTag("second") == [] and other.interruptTag("first") == []
    begun = time.monotonic()
    assert len(spark.interruptTag("first")) == 1
    interrupted(running, begun)
    other.stop()


def test_interrupt_by_operation(own_server, spark):
    running = Running(long_query(spark))
    time.sleep(1)
    (operation,) = spark.interruptTag("none") or spark.interruptAll()
    running.join(10)
    assert spark.interruptOperation(operation) == []
    running = Running(long_query(spark))
    assert spark.interruptOperation("00112233-4455-6677-8899-aabbccddeeff") == []
    spark.interruptAll()
    running.join(10)


def test_interrupt_while_planning(own_server, spark):
    """A plan that takes a while to analyse and optimise: the answer does not wait for it."""
    df = spark.range(10)
    for n in range(300):
        df = df.withColumn(f"c{n}", F.col("id") + n)
    for n in range(150):
        df = df.filter(F.col("c7") > -n)
    running = Running(df)
    eventually(lambda: spark.interruptAll(), seconds=5, step=0.01)
    begun = time.monotonic()
    running.join(10)
    assert running.ended and running.ended - begun < LIMIT_SECONDS
    assert running.error is None or running.error.getCondition() == "OPERATION_CANCELED"
    assert eventually(lambda: idle(own_server.pid), seconds=20), "the planning goes on for nobody"


def test_a_join_that_finds_nothing_stops(own_server, spark):
    """It never comes to a row, nor to any other point where it could give way."""
    pairs = "range(3000000) a JOIN range(3000000) b"
    plain = "SELECT count(*) FROM {}"
    read_twice = "WITH t AS (SELECT a.id FROM {}) SELECT count(id) FROM t UNION ALL SELECT max(id) FROM t"
    nothing, nothing_by_key = "a.id * b.id = -1", "a.id % 3 = b.id % 3 AND a.id + b.id < -1"
    for query, condition in [(plain, nothing), (plain, nothing_by_key), (read_twice, nothing)]:
        running = Running(spark.sql(query.format(f"{pairs} ON {condition}")))
        time.sleep(2)
        begun = time.monotonic()
        assert eventually(lambda: spark.interruptAll(), seconds=5)
        interrupted(running, begun)
        assert eventually(lambda: idle(own_server.pid), seconds=20), "the join goes on for nobody"


def test_a_client_that_vanishes_stops_the_work(own_server, tmp_path):
    """Without reattach the server sees the end of the connection and stops."""
    import subprocess
    import sys

    script = tmp_path / "client.py"
    script.write_text(
        "import sys\nfrom pyspark.sql.connect.session import SparkSession\n"
        f"s = SparkSession.builder.remote('{own_server.url}').create()\n"
        "s.client.disable_reattachable_execute()\nprint('ready', flush=True)\n"
        "s.sql('SELECT sum(a.id * b.id % 97) FROM range(1000000) a JOIN range(1000000) b ON a.id + b.id > 3').collect()\n"
    )
    client = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert client.stdout.readline() == "ready\n"
    begun = cpu_seconds(own_server.pid)
    assert eventually(lambda: cpu_seconds(own_server.pid) > begun + 0.5, seconds=20), "the query did not start"
    client.kill()
    client.wait(10)
    client.stdout.close()
    assert eventually(lambda: idle(own_server.pid), seconds=20), "the server still works for a client that is gone"


def idle(pid):
    """Does the process use less than a third of a core for a second?"""
    before = cpu_seconds(pid)
    time.sleep(1)
    return cpu_seconds(pid) - before < 0.3


def cpu_seconds(pid):
    import os

    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.timeout(120)
def test_memory_returns_after_an_interrupt(new_server):
    server = new_server("--memory", "1g")
    session = server.session()
    session.range(1000).count()
    before = server.rss_mib()
    for _ in range(3):
        big = session.range(0, 20_000_000, 1, 4).select(F.concat(F.lit("x" * 20), F.col("id")).alias("s")).orderBy("s")
        running = Running(big.agg(F.max("s")).join(big, F.lit(True)).agg(F.count("*")))
        time.sleep(2)
        session.interruptAll()
        running.join(10)
    assert eventually(lambda: server.rss_mib() < before + 300, seconds=20), f"{before:.0f} -> {server.rss_mib():.0f} MiB"
    session.stop()
