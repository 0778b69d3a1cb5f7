//! Messages of the client to plans, and types and literals back. One module for each kind of
//! message; all of it recurses over the message and belongs on a planner thread.
//!
//! Nothing is looked up here but what the client itself sent before (cached data), and nothing is
//! refused that only the analyzer can judge. What Vonk has no node for becomes `Unsupported`.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use spark_connect_proto as proto;
use vonk_common::{Origin, SessionConf, SparkError, SparkResult};
use vonk_plan::relation::Options;
use vonk_plan::{DataType, Literal, StructType};

use crate::text::TextReader;

mod catalog;
mod command;
mod expression;
pub mod literal;
mod ml;
mod relation;
pub(crate) mod schema_text;
mod sql;
pub mod types;

/// Finds a block of data that the client has cached, by hash.
pub type CacheLookup = Arc<dyn Fn(&str) -> Option<Bytes> + Send + Sync>;

/// Converts the messages of one request.
pub struct Converter {
    cache: CacheLookup,
    pub(crate) text: TextReader,
}

impl Converter {
    /// Reads text with these settings.
    pub fn new(conf: SessionConf, cache: CacheLookup) -> Self {
        Converter { cache, text: TextReader::new(conf) }
    }

    fn data_type(&self, message: &proto::DataType) -> SparkResult<DataType> {
        types::from_proto(message, &self.text)
    }

    fn schema(&self, message: &proto::DataType) -> SparkResult<StructType> {
        types::schema_from_proto(message, &self.text)
    }

    fn literal(&self, message: proto::expression::Literal) -> SparkResult<Literal> {
        literal::from_proto(message, &self.text)
    }

    fn cached(&self, hash: &str) -> SparkResult<Bytes> {
        (self.cache)(hash).ok_or_else(|| {
            SparkError::new("CONNECT_INVALID_PLAN.CANNOT_FIND_CACHED_LOCAL_RELATION").param("hash", hash)
        })
    }
}

/// A message whose choice is empty.
pub(crate) fn not_set(message: &str, choice: &str) -> SparkError {
    SparkError::new("CONNECT_INVALID_PLAN.INVALID_ONE_OF_FIELD_NOT_SET")
        .param("fullName", format!("spark.connect.{message}"))
        .param("name", choice)
}

/// What Spark says where a message breaks a rule that has no class of its own.
fn broken(reason: &str) -> SparkError {
    SparkError::new("CONNECT_INVALID_PLAN.ASSERTION_FAILURE").param("message", reason)
}

fn bad_enum(message: &str, name: &str, number: i32) -> SparkError {
    SparkError::new("CONNECT_INVALID_PLAN.INVALID_ENUM")
        .param("fullName", format!("spark.connect.{message}"))
        .param("name", name)
        .param("number", number)
}

/// Options with their keys in lower case.
fn options(map: HashMap<String, String>) -> Options {
    map.into_iter().map(|(k, v)| (k.to_lowercase(), v)).collect()
}

/// The call site a client reports.
fn origin(message: Option<proto::Origin>) -> Option<Arc<Origin>> {
    match message?.function? {
        proto::origin::Function::PythonOrigin(o) => {
            Some(Arc::new(Origin::DataFrame { fragment: o.fragment, call_site: o.call_site }))
        }
        proto::origin::Function::JvmOrigin(_) => None,
    }
}

#[cfg(test)]
pub(crate) fn test_converter() -> Converter {
    Converter::new(SessionConf::new(), Arc::new(|_| None))
}
