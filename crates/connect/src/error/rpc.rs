//! The messages in which gRPC carries error details (`google.rpc.Status`, `google.rpc.ErrorInfo`).

use std::collections::BTreeMap;

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<prost_types::Any>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ErrorInfo {
    #[prost(string, tag = "1")]
    pub reason: String,
    #[prost(string, tag = "2")]
    pub domain: String,
    #[prost(btree_map = "string, string", tag = "3")]
    pub metadata: BTreeMap<String, String>,
}

impl ErrorInfo {
    pub fn to_any(&self) -> prost_types::Any {
        prost_types::Any { type_url: "type.googleapis.com/google.rpc.ErrorInfo".into(), value: self.encode_to_vec() }
    }
}
