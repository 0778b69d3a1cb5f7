"""Hostile Python functions: each ends its own query with an error, and nothing else.

After every one of them the server is the same process, another session's query has gone on, and the
next Python function works at once.
"""

import json
import os
import sys
import threading
import time
import zipfile

import pytest
from pyspark import cloudpickle
from pyspark.sql.connect.functions import col, udf
from pyspark.sql.connect.session import SparkSession
from pyspark.sql.types import IntegerType, StringType

from harness import eventually

# What the module defines travels with the queries.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


@udf(IntegerType())
def plus(x):
    return x + 1


def exits(x):
    os._exit(3)


def leaves(x):
    raise SystemExit(4)


def crashes(x):
    import ctypes

    return ctypes.string_at(0)


def raises(x):
    raise ValueError("of the user")


def kills_itself(x):
    import signal

    os.kill(os.getpid(), signal.SIGKILL)


def breaks_the_stack(x):
    return breaks_the_stack(x)


def returns_the_wrong(x):
    return object()


def closes_everything(x):
    os.closerange(0, 4096)
    return x


def descriptors(pid):
    """What each descriptor of a process is, without the one that looks."""

    def target(d):
        try:
            return os.readlink(f"/proc/{pid}/fd/{d}")
        except OSError:
            return None

    return {d: t for d in os.listdir(f"/proc/{pid}/fd") if (t := target(d))}


@pytest.fixture
def unharmed(own_server):
    """What has to hold after each of these tests."""
    pid = own_server.pid
    other = own_server.session()
    slow = other.range(0, 2_000_000, 1, 2).select((col("id") % 7).alias("k")).groupBy("k").count()
    result = []
    thread = threading.Thread(target=lambda: result.append(len(slow.collect())), daemon=True)
    thread.start()
    yield
    thread.join(60)
    assert result == [7]
    assert own_server.alive and own_server.pid == pid
    other.range(1).select(plus(col("id").cast("int"))).collect()
    begun = time.monotonic()
    assert other.range(1).select(plus(col("id").cast("int"))).collect() == [(1,)]
    assert time.monotonic() - begun < 1
    other.stop()


@pytest.mark.parametrize(
    "function, message",
    [
        (exits, "PYTHON_WORKER_CRASHED"),
        (leaves, "SystemExit"),
        (crashes, "PYTHON_WORKER_CRASHED"),
        (raises, "ValueError: of the user"),
        (kills_itself, "PYTHON_WORKER_CRASHED"),
        (breaks_the_stack, "RecursionError"),
        (returns_the_wrong, "PYTHON_EXCEPTION"),
        (closes_everything, "PYTHON_WORKER_CRASHED"),
    ],
)
def test_ends(spark, unharmed, function, message):
    with pytest.raises(Exception, match=message):
        spark.range(10).select(udf(function, IntegerType())("id")).collect()


def test_loops_for_ever(spark, unharmed):
    def loops(x):
        while True:
            pass

    failed = []

    def run():
        try:
            spark.range(2).select(udf(loops, IntegerType())("id")).collect()
        except Exception as e:
            failed.append((e, time.monotonic()))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    time.sleep(1.5)
    begun = time.monotonic()
    spark.interruptAll()
    thread.join(10)
    assert failed and failed[0][0].getCondition() == "OPERATION_CANCELED"
    assert failed[0][1] - begun < 0.5


def test_allocates_without_end(new_server):
    server = new_server("--conf", "spark.executor.pyspark.memory=1g")
    spark = server.session()

    def allocates(x):
        held = []
        while True:
            held.append(bytearray(64 << 20))

    with pytest.raises(Exception, match="MemoryError|PYTHON_WORKER_CRASHED"):
        spark.range(1).select(udf(allocates, IntegerType())("id")).collect()
    assert server.alive
    assert spark.range(1).select(plus(col("id").cast("int"))).collect() == [(1,)]
    spark.stop()


def test_prints_and_reads(spark, unharmed):
    def prints(x):
        import sys

        print("x" * 100_000)
        sys.stderr.write("y" * 100_000)
        os.write(1, b"z" * 100_000)
        return sys.stdin.read() + os.read(0, 1000).decode() + sys.__stdin__.read() + open("/dev/stdin").read()

    assert spark.range(3).select(udf(prints, StringType())("id").alias("n")).collect() == [("",)] * 3


def test_forks(spark, unharmed):
    def forks(x):
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        return x + 1

    assert [r[0] for r in spark.range(3).select(udf(forks, IntegerType())("id")).collect()] == [1, 2, 3]


def test_forks_that_go_on_take_no_part(spark, unharmed):
    def forks(x):
        os.fork()
        return x + 1

    for _ in range(3):
        assert [r[0] for r in spark.range(3).select(udf(forks, IntegerType())("id")).collect()] == [1, 2, 3]


def leaves_processes(x):
    """A child, and a process that has left its parent and its session; both would go on for a minute."""
    import subprocess

    child = subprocess.Popen(["sleep", "61"])
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        pid = os.fork()
        if pid:
            os.write(writer, str(pid).encode())
            os._exit(0)
        os.execvp("sleep", ["sleep", "62"])
    return f"{os.getpid()} {child.pid} {os.read(reader, 20).decode()}"


def forget(session):
    """Its server is gone or soon will be: it would be asked again and again."""
    session.client._closed = True
    SparkSession._default_session = SparkSession._active_session.session = None


def gone(pids):
    """Whether none of them runs; one that ended and was not waited for counts as gone."""

    def runs(pid):
        try:
            with open(f"/proc/{pid}/stat") as f:
                return f.read().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    return not any(map(runs, pids))


@pytest.mark.parametrize("how", ["worker", "server", "kill"])
def test_nothing_is_left_behind(new_server, how):
    server = new_server()
    spark = server.session()
    pids = spark.range(1).select(udf(leaves_processes, StringType())("id")).first()[0].split()
    assert not gone(pids)
    if how == "worker":
        os.kill(int(pids[0]), 9)
    elif how == "server":
        server.stop()
    else:
        server.process.kill()
    forget(spark)
    assert eventually(lambda: gone(pids), 10)


def test_ends_with_its_session(own_server, tmp_path):
    spark = own_server.session()
    (tmp_path / "a.txt").write_text("a")
    spark.addArtifact(str(tmp_path / "a.txt"), file=True)
    where = udf(lambda x: f"{os.getpid()} {os.getcwd()} {os.environ['TMPDIR']}", StringType())
    pid, files, temporary = spark.range(1).select(where("id")).first()[0].split()
    assert os.path.exists(f"{files}/a.txt") and os.path.isdir(temporary)
    spark.stop()
    assert eventually(lambda: gone([pid]) and not os.path.exists(files) and not os.path.exists(temporary), 10)


def test_results_without_measure(spark, unharmed):
    """Much more at once than one message holds: it arrives in pieces."""
    long = udf(lambda x: "x" * 1_000_000, StringType())
    assert spark.range(300).select(long("id").alias("s")).selectExpr("sum(length(s))").first()[0] == 300_000_000


def test_sees_no_secrets_and_no_descriptors(new_server):
    server = new_server(env={"VONK_SECRET_OF_THE_SERVER": "s3cret", "AWS_SECRET_ACCESS_KEY": "s3cret"})
    spark = server.session()

    @udf(StringType())
    def looks(x):
        secrets = [v for v in os.environ.values() if "s3cret" in v]
        return json.dumps([secrets, list(descriptors(os.getpid()).values())])

    secrets, held = json.loads(spark.range(1).select(looks("id")).first()[0])
    assert secrets == []
    # An input without a writer, the log twice, the file for last words, the connection and its shared memory.
    assert sorted(t.partition(":")[0].rpartition("/")[2] for t in held) == ["faults", "memfd", "pipe", "pipe", "pipe", "socket"]
    shared = set(held) & set(descriptors(server.pid).values())
    # The log, and the memory that the two share.
    assert sorted(t.partition(":")[0] for t in shared) == ["/memfd", "pipe"]
    spark.stop()


def test_workers_end_with_the_server(new_server):
    server = new_server()
    spark = server.session()
    pids = [r[0] for r in spark.range(2).select(udf(lambda x: os.getpid(), IntegerType())("id")).collect()]
    server.process.kill()
    server.process.wait(10)
    forget(spark)
    assert eventually(lambda: not any(os.path.exists(f"/proc/{p}") for p in pids), 10)


def test_artifacts_belong_to_their_session(own_server, spark, tmp_path):
    module = tmp_path / "only_here.py"
    module.write_text("def value():\n    return 'module'\n")
    data = tmp_path / "data.txt"
    data.write_text("file")
    packed = tmp_path / "things.zip"
    with zipfile.ZipFile(packed, "w") as z:
        z.writestr("inside.txt", "archive")
    spark.addArtifact(str(module), pyfile=True)
    spark.addArtifact(str(data), file=True)
    spark.addArtifact(f"{packed}#things", archive=True)

    @udf(StringType())
    def reads(x):
        from pyspark import SparkFiles

        try:
            import only_here
        except ImportError:
            return "nothing"
        root = SparkFiles.getRootDirectory()
        with open(SparkFiles.get("data.txt")) as a, open(f"{root}/things/inside.txt") as b:
            return f"{only_here.value()} {a.read()} {b.read()}"

    assert spark.range(1).select(reads("id")).first()[0] == "module file archive"
    other = own_server.session()
    assert other.range(1).select(reads("id")).first()[0] == "nothing"
    other.stop()


def test_profiles(spark):
    spark.conf.set("spark.sql.pyspark.udf.profiler", "perf")
    spark.range(10).select(plus(col("id").cast("int"))).collect()
    assert spark._profiler_collector._perf_profile_results
