"""Input that means harm, or a program that writes too much: an answer or a Spark error, and a server that goes on.

After each test the pid is the same and a query answers (the fixture `spark` asks the former, `goes_on` both).
"""

import random
import time
import uuid

import grpc
import pyspark.sql.connect.proto as pb
import pytest
from pyspark.errors.exceptions.base import PySparkException
from pyspark.sql.connect import functions as F

pytestmark = pytest.mark.timeout(240)  # a bound for what never ends; a debug build on a busy machine takes a minute


@pytest.fixture(autouse=True)
def goes_on(own_server):
    yield
    session = own_server.session()
    begun = time.monotonic()
    assert session.range(3).count() == 3, "the server does not answer any more"
    assert time.monotonic() - begun < 5
    session.stop()


def answers(action):
    """The result, or the condition of Spark's error; anything else fails the test."""
    try:
        return action()
    except PySparkException as e:
        if "Exception deserializing response" in str(e):
            return "CLIENT_TOO_COMPLEX"  # protobuf in Python reads 100 levels of a type
        assert e.getCondition() and e.getCondition() != "INTERNAL_ERROR", str(e)[:500]
        return e.getCondition()


def test_510_chained_operators_run(spark):
    df = spark.range(5)
    for n in range(510):
        df = df.filter(F.col("id") > -n - 1)
    assert df.count() == 5


def test_510_chained_columns_run(spark):
    df = spark.range(5)
    for n in range(510):
        df = df.withColumn("x", F.col("id") + n)
    assert [r.x for r in df.collect()] == [509 + n for n in range(5)]


def test_a_deep_expression_runs(spark):
    """As deep as protobuf in Python goes; deeper ones come by wire (connect/tests/pyspark_client.py) and as text."""
    column = F.col("id")
    for _ in range(40):
        column = column + 1
    assert spark.range(1).select(column).first()[0] == 40


@pytest.mark.parametrize(
    "call",
    [
        "stack(2147483647, 1, 2)",
        "explode(array_repeat(1, 2147483000))",
        "explode(array_insert(array(1), 2147483000, 2))",
        "explode(sequence(1, 2147483000))",
    ],
)
def test_rows_made_of_nothing(spark, own_server, call):
    got = answers(lambda: spark.sql(f"SELECT count(*) FROM (SELECT {call})").first()[0])
    assert got == "UNABLE_TO_ACQUIRE_MEMORY"
    assert own_server.rss_mib("VmHWM") < 6_000


@pytest.mark.parametrize("levels", [200, 2_000, 100_000])
def test_parentheses(spark, levels):
    got = answers(lambda: spark.sql("SELECT " + "(" * levels + "1" + ")" * levels).first()[0])
    assert got == 1 or "COMPLEX" in got


@pytest.mark.parametrize("terms", [1_000, 10_000, 100_000])
@pytest.mark.parametrize("shape", ["sum", "or", "and", "union", "case", "concat"])
def test_long_chains(spark, shape, terms):
    text = {
        "sum": lambda n: "SELECT " + " + ".join(["1"] * n),
        "or": lambda n: "SELECT count(*) FROM range(10) WHERE " + " OR ".join(f"id = {i}" for i in range(n)),
        "and": lambda n: "SELECT count(*) FROM range(10) WHERE " + " AND ".join(f"id <> {i + 10}" for i in range(n)),
        "union": lambda n: " UNION ALL ".join(["SELECT 1"] * n),
        "case": lambda n: "SELECT CASE id " + " ".join(f"WHEN {i} THEN {i}" for i in range(n)) + " END FROM range(3)",
        "concat": lambda n: "SELECT length(" + " || ".join(["'a'"] * n) + ")",
    }[shape](terms)
    got = answers(lambda: len(spark.sql(text).collect()))
    if terms <= 1_000:
        assert isinstance(got, int), got


@pytest.mark.parametrize("opening, closing", [("array(", ")"), ("named_struct('a', ", ")"), ("(SELECT ", ")"), ("abs(", ")"), ("- ", "")])
@pytest.mark.parametrize("levels", [100, 20_000])
def test_nested_text(spark, opening, closing, levels):
    answers(lambda: spark.sql("SELECT " + opening * levels + "1" + closing * levels).collect())


@pytest.mark.parametrize("levels", [50, 5_000, 100_000])
def test_nested_types(spark, levels):
    ddl = "a " + "ARRAY<" * levels + "INT" + ">" * levels
    answers(lambda: spark.sql(f"SELECT from_json('[]', '{ddl}')").collect())
    answers(lambda: spark.sql(f"CREATE TEMPORARY VIEW v ({ddl}) USING json").collect())


def test_a_big_literal(spark):
    text = random.Random(20).randbytes(32 * 1024 * 1024).hex()
    assert answers(lambda: spark.sql(f"SELECT length('{text}')").first()[0]) == len(text)


def test_a_plan_that_grows_when_unpacked_is_refused(spark):
    """64 MiB of one letter: a few KiB on the wire, more than a plan may grow."""
    text = "x" * (64 * 1024 * 1024)
    assert answers(lambda: spark.sql(f"SELECT length('{text}')").first()[0]) in (len(text), "CONNECT_INVALID_PLAN.PLAN_SIZE_LARGER_THAN_MAX")


@pytest.mark.parametrize("items", [100_000, 1_000_000])
def test_a_long_in_list(spark, items):
    listed = ",".join(map(str, range(items)))
    assert answers(lambda: spark.sql(f"SELECT count(*) FROM range({items * 2}) WHERE id IN ({listed})").first()[0]) == items


def test_many_columns(spark):
    text = "SELECT " + ", ".join(f"{i} AS c{i}" for i in range(5_000))
    assert len(spark.sql(text).first()) == 5_000


def test_planning_time_is_close_to_linear(spark):
    def seconds(n):
        text = "SELECT " + " + ".join(["id"] * n) + " FROM range(1)"
        begun = time.monotonic()
        spark.sql(text).collect()
        return time.monotonic() - begun

    seconds(100)
    small, large = min(seconds(500) for _ in range(3)), min(seconds(1_000) for _ in range(3))
    assert large < 3 * small + 0.1, f"{small:.3f} s, then {large:.3f} s for twice the plan"


def raw(server, body, method="ExecutePlan"):
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        rpc = channel.unary_stream(f"/spark.connect.SparkConnectService/{method}")
        try:
            return [len(list(rpc(body, timeout=30)))]
        except grpc.RpcError as e:
            assert e.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED), e.details()
            return e.code()


def test_random_bytes_as_a_plan(own_server):
    random.seed(20)
    good = pb.ExecutePlanRequest(session_id=str(uuid.uuid4()), user_context=pb.UserContext(user_id="me"))
    good.plan.root.project.expressions.add().unresolved_function.function_name = "rand"
    good.plan.root.project.input.range.end = 10
    good = good.SerializeToString()
    for n in range(300):
        if n % 2:
            body = random.randbytes(random.randrange(1, 2000))
        else:
            mutated = bytearray(good)
            for _ in range(random.randrange(1, 6)):
                mutated[random.randrange(len(mutated))] = random.randrange(256)
            body = bytes(mutated)
        raw(own_server, body)


def wrapped(levels):
    """A plan of `levels` filters over a range, made as bytes: the client's own encoder stops earlier."""

    def varint(n):
        out = bytearray()
        while n > 127:
            out.append(n & 127 | 128)
            n >>= 7
        return bytes([*out, n])

    body = pb.Relation(range=pb.Range(end=5, step=1)).SerializeToString()
    true = pb.Expression(literal=pb.Expression.Literal(boolean=True)).SerializeToString()
    condition = b"\x12" + varint(len(true)) + true
    parts, length = [], len(body)
    for _ in range(levels):
        inner = b"\x0a" + varint(length)
        filter_length = len(inner) + length + len(condition)
        parts.append((b"\x22" + varint(filter_length) + inner, condition))
        length = len(parts[-1][0]) + length + len(condition)
    message = b"".join(head for head, _ in reversed(parts)) + body + b"".join(tail for _, tail in parts)
    plan = b"\x0a" + varint(len(message)) + message
    session = str(uuid.uuid4()).encode()
    return b"\x0a" + varint(len(session)) + session + b"\x12\x04\x0a\x02me" + b"\x1a" + varint(len(plan)) + plan


@pytest.mark.parametrize("levels", [100, 746, 100_000])
def test_deep_plans_by_wire(own_server, levels):
    begun = time.monotonic()
    got = raw(own_server, wrapped(levels))
    assert time.monotonic() - begun < 20
    if levels <= 746:
        assert isinstance(got, list), got


def test_memory_comes_back(own_server, spark):
    """The tests of this file have asked for gigabytes by now."""
    del spark
    time.sleep(1)
    assert own_server.rss_mib() < 2_500
