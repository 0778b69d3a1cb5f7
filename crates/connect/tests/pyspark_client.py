"""What a PySpark client expects of the service, against the fake engine of `fake/mod.rs`."""

import logging
import os
import sys
import threading
import time
import uuid
import zlib

import grpc
import pyspark.sql.connect.proto as pb
import pyspark.sql.connect.proto.base_pb2_grpc as pb_grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from pyspark.errors import ArithmeticException, AnalysisException, ParseException
from pyspark.errors.exceptions.connect import SparkConnectGrpcException
from pyspark.sql.connect import functions as F
from pyspark.sql.connect.session import SparkSession

logging.disable(logging.CRITICAL)
PORT, LOCKED = sys.argv[1], sys.argv[2]
spark = SparkSession.builder.remote(f"sc://127.0.0.1:{PORT}").create()
stub = pb_grpc.SparkConnectServiceStub(
    grpc.insecure_channel(f"127.0.0.1:{PORT}", options=[("grpc.max_send_message_length", -1)])
)
ME = pb.UserContext(user_id="me")
CASES = []


def case(f):
    CASES.append(f)
    return f


def new_id():
    return str(uuid.uuid4())


def plan(table):
    p = pb.Plan()
    p.root.read.named_table.unparsed_identifier = table
    return p


def request(session, table="slow", op=None, reattachable=True, tags=(), p=None):
    r = pb.ExecutePlanRequest(
        session_id=session, user_context=ME, plan=p or plan(table), operation_id=op or new_id(), tags=tags
    )
    if reattachable:
        r.request_options.add().reattach_options.reattachable = True
    return r


def error_class(f):
    """The error class a call ends with, or its gRPC code and message."""
    try:
        result = f()
        if hasattr(result, "__next__"):
            list(result)
    except grpc.RpcError as e:
        status = rpc_status.from_call(e)
        for detail in status.details if status else []:
            info = error_details_pb2.ErrorInfo()
            if detail.Unpack(info) and "errorClass" in info.metadata:
                return info.metadata["errorClass"]
        return f"{e.code().name}: {e.details()}"
    return "none"


def reattach(session, op, last=None):
    return stub.ReattachExecute(
        pb.ReattachExecuteRequest(session_id=session, user_context=ME, operation_id=op, last_response_id=last)
    )


def raises(kind, f):
    try:
        f()
    except kind as e:
        return e
    raise AssertionError(f"{kind.__name__} was not raised")


@case
def rows_and_schema():
    df = spark.range(3, 6)
    assert [r.id for r in df.collect()] == [3, 4, 5]
    assert df.schema.simpleString() == "struct<id:bigint>"
    assert df.isLocal() and spark.version == "4.3.0"
    tree = spark.client._analyze(method="tree_string", plan=df._plan.to_proto(spark.client)).tree_string
    assert tree == "root\n |-- id: long (nullable = false)\n", tree


@case
def sql_queries_and_commands():
    assert [r.id for r in spark.sql("SELECT * FROM slow").limit(1).collect()] == [0]
    assert len(spark.sql("SHOW TABLES").collect()) == 1
    e = raises(AnalysisException, lambda: spark.sql("SELECT * FROM missing"))
    assert e.getCondition() == "TABLE_OR_VIEW_NOT_FOUND" and e.getSqlState() == "42P01"
    assert e.getMessageParameters()["relationName"] == "`missing`"
    assert [(c.fragment(), c.startIndex(), c.stopIndex()) for c in e.getQueryContext()] == [("missing", 14, 20)]
    e = raises(ParseException, lambda: spark.sql("SELEC 1"))
    assert e.getCondition() == "PARSE_SYNTAX_ERROR"
    spark.sql("SELECT * FROM slow WHERE id > :low", args={"low": 3})
    spark.sql("SELECT * FROM {df}", df=spark.range(3))


@case
def data_frame_errors_name_the_call():
    e = raises(ArithmeticException, lambda: spark.table("fails").collect())
    assert e.getCondition() == "DIVIDE_BY_ZERO" and e.getSqlState() == "22012", e
    e = raises(SparkConnectGrpcException, lambda: spark.table("panics").collect())
    assert e.getCondition() == "INTERNAL_ERROR" and "ticket" in str(e), e


@case
def settings():
    spark.conf.set("spark.sql.shuffle.partitions", "7")
    assert spark.conf.get("spark.sql.shuffle.partitions") == "7"
    assert spark.conf.get("nope", "x") == "x"
    e = raises(SparkConnectGrpcException, lambda: spark.conf.get("nope"))
    assert e.getCondition() == "SQL_CONF_NOT_FOUND"
    assert spark.conf.isModifiable("spark.sql.shuffle.partitions")
    assert not spark.conf.isModifiable("nope")
    spark.conf.unset("spark.sql.shuffle.partitions")


@case
def deep_plans_run_and_bottomless_ones_are_refused():
    df = spark.range(5)
    for i in range(510):
        df = df.filter(F.col("id") > -i)
    assert len(df.collect()) == 5
    # As deep as is allowed: 2,000 relations, and expressions of 1,300 calls.
    condition = pb.Expression(literal=pb.Expression.Literal(boolean=True)).SerializeToString()
    for _ in range(1300):
        condition = field(1, b"not") + field(2, condition)
        condition = field(3, condition)
    relation = plan("slow").root.SerializeToString()
    for i in range(2000):
        relation = field(1, relation) + field(2, condition if i == 1999 else b"\x0a\x02\x18\x01")
        relation = field(4, relation)
    body = field(1, new_id().encode()) + field(2, b"\x0a\x02me") + field(3, field(1, relation))
    rows = [pb.ExecutePlanResponse.FromString(x) for x in stub_raw("ExecutePlan")(body)]
    assert len(rows) == 50, len(rows)
    # 100,000 levels, built from the inside as raw bytes.
    parts, length = [], 0
    for _ in range(100_000):
        header = b"\x0a" + varint(length)
        parts.append(header)
        length += len(header)
    message = b"".join(reversed(parts))
    body = b"\x0a\x24" + new_id().encode() + b"\x1a" + varint(len(message)) + message
    call = stub_raw("ExecutePlan")
    assert error_class(lambda: call(body)) == "CONNECT_INVALID_PLAN.CANNOT_PARSE"
    assert len(spark.range(2).collect()) == 2


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, value):
    """A length-delimited field of a message."""
    return bytes([number << 3 | 2]) + varint(len(value)) + value


def stub_raw(method):
    channel = grpc.insecure_channel(f"127.0.0.1:{PORT}", options=[("grpc.max_send_message_length", -1)])
    return channel.unary_stream(f"/spark.connect.SparkConnectService/{method}")


@case
def interrupts_end_the_stream_at_once():
    for how in ("all", "tag", "operation"):
        ended = []
        session, op = new_id(), new_id()

        def run():
            ended.append((error_class(lambda: stub.ExecutePlan(request(session, "sleep", op, tags=["t"]))), time.time()))

        thread = threading.Thread(target=run)
        thread.start()
        time.sleep(0.3)
        r = pb.InterruptRequest(session_id=session, user_context=ME)
        if how == "all":
            r.interrupt_type = 1
        elif how == "tag":
            r.interrupt_type, r.operation_tag = 2, "t"
        else:
            r.interrupt_type, r.operation_id = 3, op
        start = time.time()
        assert list(stub.Interrupt(r).interrupted_ids) == [op]
        thread.join(5)
        assert ended[0][0] == "OPERATION_CANCELED" and ended[0][1] - start < 0.5
        assert error_class(lambda: reattach(session, op)) == "OPERATION_CANCELED"
        assert list(stub.Interrupt(r).interrupted_ids) == []


@case
def progress_is_reported():
    session, op = new_id(), new_id()
    stream = stub.ExecutePlan(request(session, "sleep", op))
    first = next(stream)
    assert first.execution_progress.stages[0].num_tasks == 2
    stub.ReleaseExecute(release(session, op))


def release(session, op, until=None):
    r = pb.ReleaseExecuteRequest(session_id=session, user_context=ME, operation_id=op)
    if until:
        r.release_until.response_id = until
    else:
        r.release_all.SetInParent()
    return r


@case
def replay_goes_on_behind_the_last_response():
    session, op = new_id(), new_id()
    r = request(session, "slow", op)
    stream = stub.ExecutePlan(r)
    got = [next(stream) for _ in range(5)]
    stream.cancel()
    rest = list(reattach(session, op, got[-1].response_id))
    ids = [x.response_id for x in got + rest]
    assert len(set(ids)) == len(ids) == 51 and rest[-1].HasField("result_complete")
    assert [x.response_id for x in reattach(session, op)] == ids
    # The same request again is the same operation; another one is refused.
    assert [x.response_id for x in stub.ExecutePlan(r)] == ids
    assert error_class(lambda: stub.ExecutePlan(request(session, "big", op))) == "INVALID_HANDLE.OPERATION_ALREADY_EXISTS"
    assert error_class(lambda: reattach(session, op, new_id())) == "INVALID_CURSOR.POSITION_NOT_FOUND"
    stub.ReleaseExecute(release(session, op, ids[3]))
    assert error_class(lambda: reattach(session, op)) == "INVALID_CURSOR.POSITION_NOT_AVAILABLE"
    assert [x.response_id for x in reattach(session, op, ids[3])] == ids[4:]
    assert stub.ReleaseExecute(release(session, op)).operation_id == op
    assert stub.ReleaseExecute(release(session, op)).operation_id == ""
    assert error_class(lambda: reattach(session, op)) == "INVALID_HANDLE.OPERATION_NOT_FOUND"
    assert error_class(lambda: stub.ExecutePlan(r)) == "INVALID_HANDLE.OPERATION_ABANDONED"


@case
def a_second_stream_takes_over():
    session, op = new_id(), new_id()
    first = stub.ExecutePlan(request(session, "slow", op))
    next(first)
    second = reattach(session, op)
    next(second)
    assert error_class(lambda: iter(first)) == "INVALID_CURSOR.DISCONNECTED"
    assert len(list(second)) == 50


@case
def a_big_result_waits_for_its_client():
    session = new_id()
    stream = stub.ExecutePlan(request(session, "big"))
    total = sum(x.arrow_batch.row_count for x in stream)
    assert total == 6_400_000
    chunked = request(session, "big")
    o = chunked.request_options.add().result_chunking_options
    o.allow_arrow_batch_chunking, o.preferred_arrow_chunk_size = True, 100_000
    batches = [x.arrow_batch for x in stub.ExecutePlan(chunked) if x.HasField("arrow_batch")]
    assert max(len(b.data) for b in batches) == 100_000
    assert batches[0].num_chunks_in_batch == 9 and [b.chunk_index for b in batches[:10]] == [*range(9), 0]


@case
def a_client_that_vanishes_stops_the_work():
    session, op = new_id(), new_id()
    stream = stub.ExecutePlan(request(session, "sleep", op, reattachable=False))
    next(stream)
    stream.cancel()
    ask = pb.GetStatusRequest(session_id=session, user_context=ME)
    ask.operation_status.operation_ids.append(op)
    deadline = time.time() + 2
    while time.time() < deadline:
        state = stub.GetStatus(ask).operation_statuses[0].state
        if state == pb.GetStatusResponse.OperationStatus.OPERATION_STATE_CANCELLED:
            return
        time.sleep(0.05)
    raise AssertionError(f"still {state}")


@case
def handles_are_checked():
    session = new_id()
    assert error_class(lambda: stub.ExecutePlan(request("xx"))) == "INVALID_HANDLE.FORMAT"
    assert error_class(lambda: stub.ExecutePlan(request(session, op="xx"))) == "INVALID_HANDLE.FORMAT"
    assert error_class(lambda: reattach(new_id(), new_id())) == "INVALID_HANDLE.SESSION_NOT_FOUND"
    assert error_class(lambda: reattach(session, new_id())) == "INVALID_HANDLE.OPERATION_NOT_FOUND"
    r = request(session)
    r.client_observed_server_side_session_id = new_id()
    assert error_class(lambda: stub.ExecutePlan(r)) == "INVALID_HANDLE.SESSION_CHANGED"
    assert error_class(lambda: stub.ExecutePlan(request(session, p=pb.Plan()))).endswith("INVALID_ONE_OF_FIELD_NOT_SET")
    stub.ReleaseSession(pb.ReleaseSessionRequest(session_id=session, user_context=ME))
    assert error_class(lambda: stub.ExecutePlan(request(session))) == "INVALID_HANDLE.SESSION_CLOSED"
    other = new_id()
    stub.Config(config(other))
    stub.ReleaseSession(pb.ReleaseSessionRequest(session_id=other, user_context=ME, allow_reconnect=True))
    stub.Config(config(other))


def config(session):
    operation = pb.ConfigRequest.Operation(get_all=pb.ConfigRequest.GetAll())
    return pb.ConfigRequest(session_id=session, user_context=ME, operation=operation)


@case
def sessions_are_cloned():
    session = new_id()
    r = config(session)
    r.operation.set.pairs.add(key="spark.sql.shuffle.partitions", value="9")
    stub.Config(r)
    clone = stub.CloneSession(pb.CloneSessionRequest(session_id=session, user_context=ME)).new_session_id
    pairs = {p.key: p.value for p in stub.Config(config(clone)).pairs}
    assert pairs["spark.sql.shuffle.partitions"] == "9"
    again = pb.CloneSessionRequest(session_id=session, user_context=ME, new_session_id=clone)
    assert error_class(lambda: stub.CloneSession(again)).endswith("TARGET_SESSION_ID_ALREADY_EXISTS")


@case
def artifacts_are_kept():
    session = new_id()

    def add(name, data=b"abc", crc=None):
        r = pb.AddArtifactsRequest(session_id=session, user_context=ME)
        a = r.batch.artifacts.add()
        a.name, a.data.data, a.data.crc = name, data, zlib.crc32(data) if crc is None else crc
        return stub.AddArtifacts(iter([r]))

    assert add("cache/h").artifacts[0].is_crc_successful
    assert not add("files/b", crc=7).artifacts[0].is_crc_successful
    assert error_class(lambda: add("../x")) == "INVALID_ARTIFACT_PATH"
    add("files/a")
    assert error_class(lambda: add("files/a", b"other")) == "ARTIFACT_ALREADY_EXISTS"
    ask = pb.ArtifactStatusesRequest(session_id=session, user_context=ME, names=["cache/h", "cache/z"])
    statuses = stub.ArtifactStatus(ask).statuses
    assert statuses["cache/h"].exists and not statuses["cache/z"].exists
    p = pb.Plan()
    p.root.cached_local_relation.hash = "nope"
    got = error_class(lambda: stub.ExecutePlan(request(session, p=p)))
    assert got == "CONNECT_INVALID_PLAN.CANNOT_FIND_CACHED_LOCAL_RELATION", got
    with open(__file__, "rb") as f:
        big = f.read() * 10
    spark.client.cache_artifact(big)
    assert spark.client._artifact_manager.is_cached_artifact(__import__("hashlib").sha256(big).hexdigest())


@case
def the_token_is_asked_for():
    channel = grpc.insecure_channel(f"127.0.0.1:{LOCKED}")
    locked = pb_grpc.SparkConnectServiceStub(channel)
    call = lambda token: locked.Config(config(new_id()), metadata=[("authorization", f"Bearer {token}")] if token else [])
    assert error_class(lambda: call(None)) == "UNAUTHENTICATED: No authentication token provided"
    assert error_class(lambda: call("wrong")) == "UNAUTHENTICATED: Invalid authentication token"
    assert error_class(lambda: call("secret")) == "none"


if __name__ == "__main__":
    failed = 0
    for test in CASES:
        start = time.time()
        try:
            test()
            print(f"ok   {test.__name__} ({time.time() - start:.2f} s)", flush=True)
        except BaseException:  # noqa: BLE001
            import traceback

            failed += 1
            print(f"FAIL {test.__name__}", flush=True)
            traceback.print_exc()
    sys.stdout.flush()
    os._exit(1 if failed else 0)
