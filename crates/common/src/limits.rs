//! Every limit of the server in one place. Where Spark has the same limit, the value is Spark's
//! default and the configuration key is named.

use std::time::Duration;

/// Largest gRPC message taken in (`spark.connect.grpc.maxInboundMessageSize`).
pub const MAX_INBOUND_MESSAGE_BYTES: usize = 128 * 1024 * 1024;
/// Largest plan after decompression (`spark.connect.maxPlanSize`).
pub const MAX_DECOMPRESSED_PLAN_BYTES: usize = 512 * 1024 * 1024;
/// Most bytes that one byte of a compressed plan may become.
pub const MAX_PLAN_COMPRESSION_RATIO: usize = 10_000;
/// Deepest nesting of protobuf messages in a request (`spark.connect.grpc.marshallerRecursionLimit`).
pub const MAX_MESSAGE_DEPTH: usize = 1024 * 4;
/// Deepest nesting of an expression or a relation after parsing. Flat chains of `AND`, `OR` and
/// `UNION` do not count: they are kept as lists.
pub const MAX_PLAN_DEPTH: usize = 4_000;
/// Deepest expression that the optimizer sees: what is deeper becomes a function of its columns.
pub const MAX_OPEN_DEPTH: usize = 64;
/// Largest argument of a call that the optimizer sees, in nodes.
pub const MAX_OPEN_NODES: usize = 4_096;
/// Most operands of one `AND` or `OR`, and items of one `IN`, that stay native operators.
pub const MAX_NATIVE_OPERANDS: usize = 256;
/// Levels of sub-queries in sub-queries that are planned together: what is deeper is planned by itself.
pub const MAX_OPEN_SUBQUERIES: usize = 4;
/// Plans with more nodes (of relations and expressions) than this are optimised by the rules they
/// cannot do without, in one pass.
pub const MAX_OPTIMISED_NODES: usize = 10_000;
/// Most footers of Parquet files that are read to estimate how large a table is.
pub const MAX_FOOTERS: usize = 32;
/// Stack of a thread that decodes, analyses, optimises and drops plans. Reserved, not committed.
pub const PLANNER_STACK_BYTES: usize = 1024 * 1024 * 1024;
/// Most threads with such a stack at one time.
pub const MAX_PLANNER_THREADS: usize = 64;
/// Stack of a thread that computes: deep expressions are evaluated level by level. Reserved, not committed.
pub const WORKER_STACK_BYTES: usize = 64 * 1024 * 1024;
/// Target size of one Arrow batch in a response (`spark.connect.grpc.arrow.maxBatchSize`).
pub const ARROW_BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Responses kept for a client that may reattach
/// (`spark.connect.execute.reattachable.observerRetryBufferSize`).
pub const REPLAY_BUFFER_BYTES: usize = 10 * 1024 * 1024;
/// How long one response stream runs before the client has to reattach
/// (`spark.connect.execute.reattachable.senderMaxStreamDuration`).
pub const STREAM_DURATION: Duration = Duration::from_secs(120);
/// How much one response stream carries before the client has to reattach
/// (`spark.connect.execute.reattachable.senderMaxStreamSize`).
pub const STREAM_BYTES: usize = 1024 * 1024 * 1024;
/// How long an operation without a client is kept (`spark.connect.execute.manager.detachedTimeout`).
pub const DETACHED_OPERATION: Duration = Duration::from_secs(5 * 60);
/// Ended operations remembered so that a late client is told (`…abandonedTombstonesSize`).
pub const OPERATION_TOMBSTONES: usize = 10_000;
/// Idle time after which a session ends (`spark.connect.session.manager.defaultSessionTimeout`).
pub const SESSION_IDLE: Duration = Duration::from_secs(60 * 60);
/// Ended sessions remembered (`spark.connect.session.manager.closedSessionsTombstonesSize`).
pub const SESSION_TOMBSTONES: usize = 1_000;
/// Sessions alive at one time. Spark has no such limit.
pub const MAX_SESSIONS: usize = 10_000;
/// Operations of one session that run at one time. Spark has no such limit.
pub const MAX_OPERATIONS_PER_SESSION: usize = 1_000;
/// Bytes of all artifacts of one session.
pub const MAX_ARTIFACT_BYTES: usize = 4 * 1024 * 1024 * 1024;
/// How often progress is reported (`spark.connect.progress.reportInterval`).
pub const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);
/// Longest metadata value put into error details (`spark.connect.grpc.maxMetadataSize`).
pub const MAX_ERROR_METADATA_BYTES: usize = 1024;
/// Largest trained model (`…mlCache.memoryControl.maxModelSize`).
pub const MAX_MODEL_BYTES: usize = 1024 * 1024 * 1024;
/// Largest total of a session's models (`…mlCache.memoryControl.maxStorageSize`).
pub const MAX_MODEL_CACHE_BYTES: usize = 10 * 1024 * 1024 * 1024;
/// Most elements one array may be given (`ByteArrayMethods.MAX_ROUNDED_ARRAY_LENGTH`).
pub const MAX_ARRAY_LENGTH: usize = i32::MAX as usize - 15;
/// Most bytes one string or binary value may be given by `repeat`, `space`, `lpad` and the like.
pub const MAX_STRING_BYTES: usize = i32::MAX as usize - 15;
/// Bytes of the streams of one stripe of an ORC file that are held at one time. Spark's stripes have 64 MiB.
pub const ORC_STRIPE_BYTES: usize = 1 << 30;
/// Levels of types in an ORC file.
pub const ORC_TYPE_DEPTH: usize = 100;
