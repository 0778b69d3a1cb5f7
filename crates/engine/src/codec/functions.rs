//! Functions as bytes: a letter for the kind, then what the call holds besides its name.
//!
//! DataFusion's own functions have no bytes: they are found by name. Bodies of lambdas and sealed
//! expressions are DataFusion's protobuf form of expressions, with this codec for the functions in
//! them.

use std::any::Any;
use std::io::Cursor;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use datafusion::catalog::TableProvider;
use datafusion::common::{Result, TableReference};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{AggregateUDF, Expr, Extension, LogicalPlan, ScalarUDF};
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::logical_plan::from_proto::parse_expr;
use datafusion_proto::logical_plan::to_proto::serialize_expr;
use datafusion_proto::protobuf::LogicalExprNode;
use prost::Message;
use serde::{Deserialize, Serialize};
use vonk_expr::in_set::InSet;
use vonk_expr::sealed::Sealed;
use vonk_expr::{KernelUdf, exec_err};
use vonk_functions_collection::lambda::udf::{self as lambda, LambdaBody, LambdaUdf};

use super::bad;

const KERNEL: u8 = b'k';
const LAMBDA: u8 = b'l';
const SEALED: u8 = b's';
const SET: u8 = b'i';
const MODEL: u8 = b'm';
const AGGREGATE: u8 = b'a';

#[derive(Serialize, Deserialize)]
struct LambdaMessage {
    call: Vec<u8>,
    lambdas: Vec<(Vec<String>, Vec<u8>)>,
    captured: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct SealedMessage {
    body: Vec<u8>,
    columns: Vec<String>,
    /// An Arrow schema of one field, as an empty stream.
    returns: Vec<u8>,
    forgiving: bool,
}

pub fn encode_scalar(node: &ScalarUDF, buf: &mut Vec<u8>) -> Result<()> {
    let any: &dyn Any = node.inner().as_ref();
    if let Some(udf) = any.downcast_ref::<KernelUdf>() {
        buf.push(KERNEL);
        buf.extend(vonk_expr::codec::encode(&udf.call));
    } else if let Some(udf) = any.downcast_ref::<LambdaUdf>() {
        let lambdas = udf.lambdas.iter().map(|l| Ok((l.parameters.clone(), encode_expr(l.body.expr())?)));
        let message = LambdaMessage {
            call: vonk_expr::codec::encode(&udf.call),
            lambdas: lambdas.collect::<Result<_>>()?,
            captured: udf.captured.clone(),
        };
        buf.push(LAMBDA);
        serde_json::to_writer(buf, &message).map_err(bad)?;
    } else if let Some(udf) = any.downcast_ref::<Sealed>() {
        let message = SealedMessage {
            body: encode_expr(udf.body.expr())?,
            columns: udf.columns.clone(),
            returns: to_ipc(&arrow::array::new_empty_array(&udf.return_type))?,
            forgiving: udf.forgiving,
        };
        buf.push(SEALED);
        serde_json::to_writer(buf, &message).map_err(bad)?;
    } else if let Some(udf) = any.downcast_ref::<InSet>() {
        buf.push(SET);
        buf.extend(to_ipc(&udf.values)?);
    } else if let Some((_, bytes)) = vonk_ml::function::encode_udf(node) {
        buf.push(MODEL);
        buf.extend(bytes);
    }
    Ok(())
}

pub fn decode_scalar(name: &str, buf: &[u8]) -> Result<Arc<ScalarUDF>> {
    let missing = || bad(format!("there is no function {name}"));
    let (kind, bytes) = buf.split_first().ok_or_else(missing)?;
    Ok(Arc::new(match *kind {
        KERNEL => {
            let kernel = vonk_functions::kernel(name).ok_or_else(missing)?;
            KernelUdf::new(vonk_expr::codec::decode(kernel, bytes).map_err(exec_err)?).into()
        }
        LAMBDA => {
            let message: LambdaMessage = serde_json::from_slice(bytes).map_err(bad)?;
            let function = vonk_functions_collection::lambda::higher_order(name).ok_or_else(missing)?;
            let call = vonk_expr::codec::decode(&lambda::NO_KERNEL, &message.call).map_err(exec_err)?;
            let body = |(parameters, body): (_, Vec<u8>)| Ok(LambdaBody::new(parameters, decode_expr(&body)?));
            let lambdas = message.lambdas.into_iter().map(body).collect::<Result<_>>()?;
            LambdaUdf::new(function, call, lambdas, message.captured).into()
        }
        SEALED => {
            let message: SealedMessage = serde_json::from_slice(bytes).map_err(bad)?;
            let returns = from_ipc(&message.returns)?.data_type().clone();
            let sealed = Sealed::new(decode_expr(&message.body)?, message.columns, returns);
            if message.forgiving { sealed.forgiving().into() } else { sealed.into() }
        }
        SET => InSet::new(from_ipc(bytes)?).into(),
        MODEL => vonk_ml::function::decode_udf(name, bytes).map_err(exec_err)?.ok_or_else(missing)?,
        _ => return Err(missing()),
    }))
}

pub fn encode_aggregate(node: &AggregateUDF, buf: &mut Vec<u8>) {
    if let Some(bytes) = vonk_functions_aggregate::codec::encode(node) {
        buf.push(AGGREGATE);
        buf.extend(bytes);
    } else if let Some((_, bytes)) = vonk_ml::aggregate::encode_udaf(node) {
        buf.push(MODEL);
        buf.extend(bytes);
    }
}

pub fn decode_aggregate(name: &str, buf: &[u8]) -> Result<Arc<AggregateUDF>> {
    let missing = || bad(format!("there is no aggregate {name}"));
    let (kind, bytes) = buf.split_first().ok_or_else(missing)?;
    match *kind {
        AGGREGATE => vonk_functions_aggregate::codec::decode(bytes).map_err(exec_err),
        _ => vonk_ml::aggregate::decode_udaf(name, bytes).map_err(exec_err)?.map(Arc::new).ok_or_else(missing),
    }
}

fn encode_expr(e: &Expr) -> Result<Vec<u8>> {
    Ok(serialize_expr(e, &Functions).map_err(bad)?.encode_to_vec())
}

fn decode_expr(bytes: &[u8]) -> Result<Expr> {
    let message = LogicalExprNode::decode(bytes).map_err(bad)?;
    parse_expr(&message, &TaskContext::default(), &Functions).map_err(bad)
}

fn to_ipc(array: &ArrayRef) -> Result<Vec<u8>> {
    let schema = Arc::new(Schema::new(vec![Field::new("value", array.data_type().clone(), true)]));
    let mut writer = StreamWriter::try_new(vec![], &schema)?;
    writer.write(&RecordBatch::try_new(schema, vec![Arc::clone(array)])?)?;
    Ok(writer.into_inner()?)
}

fn from_ipc(bytes: &[u8]) -> Result<ArrayRef> {
    let mut reader = StreamReader::try_new(Cursor::new(bytes), None)?;
    let batch = reader.next().ok_or_else(|| bad("no values"))??;
    batch.columns().first().cloned().ok_or_else(|| bad("no column of values"))
}

/// The functions in logical expressions; expressions here hold no plans.
#[derive(Debug)]
struct Functions;

impl LogicalExtensionCodec for Functions {
    fn try_decode(&self, _: &[u8], _: &[LogicalPlan], _: &TaskContext) -> Result<Extension> {
        Err(bad("a plan in an expression"))
    }

    fn try_encode(&self, _: &Extension, _: &mut Vec<u8>) -> Result<()> {
        Err(bad("a plan in an expression"))
    }

    fn try_decode_table_provider(
        &self,
        _: &[u8],
        _: &TableReference,
        _: arrow::datatypes::SchemaRef,
        _: &TaskContext,
    ) -> Result<Arc<dyn TableProvider>> {
        Err(bad("a table in an expression"))
    }

    fn try_encode_table_provider(&self, _: &TableReference, _: Arc<dyn TableProvider>, _: &mut Vec<u8>) -> Result<()> {
        Err(bad("a table in an expression"))
    }

    fn try_encode_udf(&self, node: &ScalarUDF, buf: &mut Vec<u8>) -> Result<()> {
        encode_scalar(node, buf)
    }

    fn try_decode_udf(&self, name: &str, buf: &[u8]) -> Result<Arc<ScalarUDF>> {
        decode_scalar(name, buf)
    }
}
