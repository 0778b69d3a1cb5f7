//! The runner of an operation: decodes its plan, lets the engine execute it and turns what comes into
//! responses. A panic ends this operation only.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use prost::Message;
use proto::plan::OpType;
use spark_connect_proto as proto;
use spark_connect_proto::command::CommandType;
use tokio::time::{MissedTickBehavior, interval_at};
use vonk_common::limits::PROGRESS_INTERVAL;
use vonk_common::planner::{self, Deep, panic_message};
use vonk_common::{SparkError, SparkResult};

use super::Operation;
use super::response::{self, Chunking, Responder};
use crate::backend::{Execution, Progress};
use crate::convert::{Converter, not_set};
use crate::session::Session;
use crate::wire;

/// Runs the operation to its end, whatever that is.
pub async fn run(session: Arc<Session>, operation: Arc<Operation>, plan: Deep<proto::Plan>, chunking: Chunking) {
    let context = Arc::clone(&operation.context);
    let work = AssertUnwindSafe(produce(&session, &operation, plan, chunking)).catch_unwind();
    // An interruption has ended the operation already: here it only stops the work.
    let outcome = tokio::select! {
        outcome = work => outcome,
        () = context.cancelled() => return,
    };
    let error = match outcome {
        Ok(Ok(())) => return operation.complete(),
        Ok(Err(error)) => error,
        Err(panic) => SparkError::internal(panic_message(panic.as_ref())),
    };
    operation.fail(session.keep(error));
}

async fn produce(
    session: &Arc<Session>,
    operation: &Operation,
    plan: Deep<proto::Plan>,
    chunking: Chunking,
) -> SparkResult<()> {
    let converter = session.converter();
    let planned = planner::run(move || {
        let plan = plan.into_inner().unwrap_or_default();
        let (execution, sql) = execution(plan, &converter)?;
        Ok::<_, SparkError>((Deep::new(execution), sql))
    });
    let (execution, sql) = planned.await??;
    let blank = proto::ExecutePlanResponse {
        session_id: session.key.id.clone(),
        server_side_session_id: session.server_id.clone(),
        operation_id: operation.id().to_string(),
        ..Default::default()
    };
    let mut responder = Responder::new(blank, chunking, sql);
    let mut reported = Progress::default();
    let start = tokio::time::Instant::now() + PROGRESS_INTERVAL;
    let mut ticks = interval_at(start, PROGRESS_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);

    let mut executing = Arc::clone(&session.backend).execute(execution, Arc::clone(&operation.context));
    let mut results = loop {
        tokio::select! {
            results = &mut executing => break results?,
            _ = ticks.tick() => report(operation, &responder, &mut reported),
        }
    };
    loop {
        let item = tokio::select! {
            item = results.next() => item,
            _ = ticks.tick() => {
                report(operation, &responder, &mut reported);
                continue;
            }
        };
        let Some(item) = item else { break };
        for response in responder.item(item?) {
            operation.push(response).await;
        }
    }
    // A query that was too quick to report has no need to.
    if reported != Progress::default() {
        report(operation, &responder, &mut reported);
    }
    match operation.reattachable {
        true => operation.push_now(responder.complete()),
        false => responder.rest().into_iter().for_each(|rest| operation.push_now(rest)),
    }
    Ok(())
}

/// Sends the progress if there is something new to tell.
fn report(operation: &Operation, responder: &Responder, reported: &mut Progress) {
    let progress = operation.context.progress();
    if progress != *reported && operation.has_room() {
        operation.push_now(responder.progress(&progress));
        *reported = progress;
    }
}

/// What a plan asks for; for SQL text also the answer to give if it is a query, encoded here because
/// the text may refer to DataFrames that nest deeply.
fn execution(plan: proto::Plan, converter: &Converter) -> SparkResult<(Execution, Option<Bytes>)> {
    match unpacked(plan)? {
        OpType::Root(relation) => Ok((Execution::Relation(converter.relation(relation)?), None)),
        OpType::Command(command) => {
            match command.command_type.ok_or_else(|| not_set("Command", "COMMANDTYPE_NOT_SET"))? {
                CommandType::SqlCommand(sql) => {
                    let relation = sql_relation(sql);
                    let answer = response::sql_query(relation.clone()).encode_to_vec();
                    Ok((Execution::Sql(converter.sql_command(relation)?), Some(answer.into())))
                }
                other => Ok((Execution::Command(converter.command(other)?), None)),
            }
        }
        OpType::CompressedOperation(_) => Err(wire::cannot_parse("a compressed plan inside of a compressed plan")),
    }
}

#[allow(deprecated)] // Clients up to 3.5 send the text in the command itself.
fn sql_relation(sql: proto::SqlCommand) -> proto::Relation {
    sql.input.unwrap_or_else(|| proto::Relation {
        common: None,
        rel_type: Some(proto::relation::RelType::Sql(proto::Sql {
            query: sql.sql,
            args: sql.args,
            pos_args: sql.pos_args,
            named_arguments: sql.named_arguments,
            pos_arguments: sql.pos_arguments,
        })),
    })
}

/// The operation of a plan, decompressed.
pub fn unpacked(plan: proto::Plan) -> SparkResult<OpType> {
    use proto::plan::compressed_operation::OpType as Packed;
    match plan.op_type.ok_or_else(|| not_set("Plan", "OPTYPE_NOT_SET"))? {
        OpType::CompressedOperation(c) => {
            if c.compression_codec != proto::CompressionCodec::Zstd as i32 {
                return Err(wire::cannot_parse("unknown compression codec"));
            }
            let bytes = wire::decompress(&c.data)?;
            match Packed::try_from(c.op_type) {
                Ok(Packed::Relation) => Ok(OpType::Root(wire::decode(bytes)?)),
                Ok(Packed::Command) => Ok(OpType::Command(wire::decode(bytes)?)),
                _ => Err(wire::cannot_parse("unknown kind of compressed operation")),
            }
        }
        other => Ok(other),
    }
}
