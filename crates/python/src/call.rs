//! Work without rows: one question, one answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::Environment;

/// A question to a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// What is asked; the Python side (`vonk/worker/calls.py`) lists the names.
    pub name: String,
    pub value: Value,
    pub blobs: Vec<Arc<[u8]>>,
    pub conf: BTreeMap<String, String>,
    pub environment: Arc<Environment>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub value: Value,
    pub blobs: Vec<Arc<[u8]>>,
}
