//! Leaves: tables, files, and rows that the client sends.

use std::sync::Arc;

use spark_connect_proto as proto;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::relation::*;

use crate::convert::{Converter, not_set, options};

impl Converter {
    /// Local data sent earlier in pieces, each an Arrow stream of its own.
    pub(super) fn chunked(&self, c: proto::ChunkedCachedLocalRelation) -> SparkResult<RelationKind> {
        let schema = match c.schema_hash {
            Some(hash) => {
                let bytes = self.cached(&hash)?;
                Some(self.text.schema(&String::from_utf8_lossy(&bytes))?)
            }
            None => None,
        };
        let mut chunks = vec![];
        for hash in c.data_hashes {
            let data: Arc<[u8]> = Arc::from(&self.cached(&hash)?[..]);
            chunks.push(Relation::new(RelationKind::Local { data: Some(data), schema: schema.clone() }));
        }
        match chunks.len() {
            0 if schema.is_some() => Ok(RelationKind::Local { data: None, schema }),
            0 => Err(SparkError::new("CONNECT_INVALID_PLAN.CHUNKED_CACHED_LOCAL_RELATION_WITHOUT_DATA")),
            1 => Ok(chunks.swap_remove(0).kind),
            _ => Ok(RelationKind::SetOperation(SetOperation {
                kind: SetKind::Union,
                inputs: chunks,
                all: true,
                by_name: false,
                allow_missing_columns: false,
            })),
        }
    }

    pub(super) fn read(&self, r: proto::Read) -> SparkResult<RelationKind> {
        use proto::read::ReadType;
        Ok(match r.read_type {
            Some(ReadType::NamedTable(t)) => RelationKind::Table {
                name: self.text.name(&t.unparsed_identifier)?,
                options: options(t.options),
                streaming: r.is_streaming,
                time_travel: None,
            },
            Some(ReadType::DataSource(d)) => RelationKind::DataSource(DataSource {
                format: d.format.filter(|f| !f.is_empty()),
                schema: d.schema.filter(|s| !s.is_empty()).map(|s| self.text.schema(&s)).transpose()?,
                options: options(d.options),
                paths: d.paths,
                predicates: d.predicates,
                streaming: r.is_streaming,
            }),
            None => return Err(not_set("Read", "READTYPE_NOT_SET")),
        })
    }

    pub(super) fn local(&self, l: proto::LocalRelation) -> SparkResult<RelationKind> {
        let schema = l.schema.filter(|s| !s.is_empty()).map(|s| self.text.schema(&s)).transpose()?;
        if l.data.is_none() && schema.is_none() {
            return Err(SparkError::new("CONNECT_INVALID_PLAN.SCHEMA_REQUIRED_FOR_LOCAL_RELATION"));
        }
        Ok(RelationKind::Local { data: l.data.map(|d| Arc::from(&d[..])), schema })
    }
}
