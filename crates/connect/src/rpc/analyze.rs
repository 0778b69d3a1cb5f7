//! `AnalyzePlan`: questions about plans, types and the server. What needs no engine is answered here.

use std::sync::Arc;

use bytes::Bytes;
use proto::analyze_plan_request::{Analyze as Ask, explain::ExplainMode as Mode};
use proto::analyze_plan_response::{self as p, Result as Answer};
use proto::plan::OpType;
use spark_connect_proto as proto;
use tonic::Status;
use vonk_common::planner::{self, Deep};
use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::ExplainMode;
use vonk_plan::{Relation, StructType};

use super::outside;
use crate::backend::{Analyze, Analyzed, StorageLevel};
use crate::convert::{Converter, not_set, schema_text, types};
use crate::operation::unpacked;
use crate::service::Shared;
use crate::session::Session;
use crate::wire;

/// What is to be done about a request.
enum Task {
    Answer(Answer),
    Ask(Deep<Analyze>),
    /// Draw the schema as a tree of so many levels.
    Tree(Deep<Analyze>, Option<i32>),
}

impl Shared {
    pub async fn analyze_plan(&self, bytes: Bytes) -> Result<proto::AnalyzePlanResponse, Status> {
        let decoded = planner::run(move || {
            let mut request: proto::AnalyzePlanRequest = wire::decode(bytes)?;
            let ask = Deep::new(request.analyze.take());
            Ok::<_, SparkError>((request, ask))
        });
        let (r, ask) = decoded.await.and_then(|d| d).map_err(outside)?;
        let session = self.session(r.user_context, r.session_id, r.client_observed_server_side_session_id).await?;
        let answer = self.answer(&session, ask).await.map_err(|e| session.status(e))?;
        session.touch();
        Ok(proto::AnalyzePlanResponse {
            session_id: session.key.id.clone(),
            server_side_session_id: session.server_id.clone(),
            result: Some(answer),
        })
    }

    async fn answer(&self, session: &Arc<Session>, ask: Deep<Option<Ask>>) -> SparkResult<Answer> {
        let converter = session.converter();
        let version = self.spark_version.clone();
        let task = planner::run(move || task(ask.into_inner().flatten(), &converter, version)).await??;
        let backend = Arc::clone(&session.backend);
        match task {
            Task::Answer(answer) => Ok(answer),
            Task::Tree(question, levels) => match backend.analyze(question).await? {
                Analyzed::Schema(schema) => {
                    let tree_string = schema_text::tree(&schema, levels.unwrap_or(0));
                    Ok(Answer::TreeString(p::TreeString { tree_string }))
                }
                _ => Err(SparkError::internal("no schema for a tree string")),
            },
            Task::Ask(question) => {
                let kind = question.get().map(Kind::of).ok_or_else(|| SparkError::internal("no question"))?;
                kind.answer(backend.analyze(question).await?)
            }
        }
    }
}

fn task(ask: Option<Ask>, converter: &Converter, version: String) -> SparkResult<Task> {
    let plan = |plan: Option<proto::Plan>| relation(plan.unwrap_or_default(), converter);
    let input = |relation: Option<proto::Relation>| converter.relation(relation.unwrap_or_default());
    let question = match ask {
        Some(Ask::Schema(m)) => Analyze::Schema(plan(m.plan)?),
        Some(Ask::Explain(m)) => Analyze::Explain { mode: explain_mode(m.explain_mode)?, input: plan(m.plan)? },
        Some(Ask::TreeString(m)) => return Ok(Task::Tree(Deep::new(Analyze::Schema(plan(m.plan)?)), m.level)),
        Some(Ask::IsLocal(m)) => Analyze::IsLocal(plan(m.plan)?),
        Some(Ask::IsStreaming(m)) => Analyze::IsStreaming(plan(m.plan)?),
        Some(Ask::InputFiles(m)) => Analyze::InputFiles(plan(m.plan)?),
        Some(Ask::SameSemantics(m)) => Analyze::SameSemantics(plan(m.target_plan)?, plan(m.other_plan)?),
        Some(Ask::SemanticHash(m)) => Analyze::SemanticHash(plan(m.plan)?),
        Some(Ask::Persist(m)) => Analyze::Persist(input(m.relation)?, m.storage_level.map(level_from_proto)),
        Some(Ask::Unpersist(m)) => {
            Analyze::Unpersist { input: input(m.relation)?, blocking: m.blocking.unwrap_or(false) }
        }
        Some(Ask::GetStorageLevel(m)) => Analyze::StorageLevel(input(m.relation)?),
        Some(Ask::SparkVersion(_)) => return Ok(Task::Answer(Answer::SparkVersion(p::SparkVersion { version }))),
        Some(Ask::DdlParse(m)) => {
            let parsed = Some(types::to_proto(&converter.text.type_or_schema(&m.ddl_string)?));
            return Ok(Task::Answer(Answer::DdlParse(p::DdlParse { parsed })));
        }
        Some(Ask::JsonToDdl(m)) => {
            let schema: StructType = vonk_plan::types::json::parse_struct(&m.json_string)?;
            let ddl_string = schema_text::ddl(&schema);
            return Ok(Task::Answer(Answer::JsonToDdl(p::JsonToDdl { ddl_string })));
        }
        None => {
            return Err(
                SparkError::new("CONNECT_INVALID_PLAN.UNKNOWN_ANALYZE_METHOD").param("other", "ANALYZE_NOT_SET")
            );
        }
    };
    Ok(Task::Ask(Deep::new(question)))
}

fn relation(plan: proto::Plan, converter: &Converter) -> SparkResult<Relation> {
    match unpacked(plan)? {
        OpType::Root(relation) => converter.relation(relation),
        _ => Err(not_set("Plan", "COMMAND")),
    }
}

fn explain_mode(number: i32) -> SparkResult<ExplainMode> {
    Ok(match Mode::try_from(number) {
        Ok(Mode::Simple) => ExplainMode::Simple,
        Ok(Mode::Extended) => ExplainMode::Extended,
        Ok(Mode::Codegen) => ExplainMode::Codegen,
        Ok(Mode::Cost) => ExplainMode::Cost,
        Ok(Mode::Formatted) => ExplainMode::Formatted,
        _ => {
            let message = format!("Unknown Explain Mode {number}!");
            return Err(crate::error::plain("java.lang.UnsupportedOperationException", message));
        }
    })
}

/// Which question was asked: the answer of the engine alone does not tell.
enum Kind {
    Schema,
    Explain,
    IsLocal,
    IsStreaming,
    InputFiles,
    SameSemantics,
    SemanticHash,
    Persist,
    Unpersist,
    StorageLevel,
}

impl Kind {
    fn of(question: &Analyze) -> Kind {
        match question {
            Analyze::Schema(_) => Kind::Schema,
            Analyze::Explain { .. } => Kind::Explain,
            Analyze::IsLocal(_) => Kind::IsLocal,
            Analyze::IsStreaming(_) => Kind::IsStreaming,
            Analyze::InputFiles(_) => Kind::InputFiles,
            Analyze::SameSemantics(..) => Kind::SameSemantics,
            Analyze::SemanticHash(_) => Kind::SemanticHash,
            Analyze::Persist(..) => Kind::Persist,
            Analyze::Unpersist { .. } => Kind::Unpersist,
            Analyze::StorageLevel(_) => Kind::StorageLevel,
        }
    }

    fn answer(self, analyzed: Analyzed) -> SparkResult<Answer> {
        Ok(match (self, analyzed) {
            (Kind::Schema, Analyzed::Schema(s)) => {
                Answer::Schema(p::Schema { schema: Some(types::schema_to_proto(&s)) })
            }
            (Kind::Explain, Analyzed::Text(explain_string)) => Answer::Explain(p::Explain { explain_string }),
            (Kind::IsLocal, Analyzed::Flag(is_local)) => Answer::IsLocal(p::IsLocal { is_local }),
            (Kind::IsStreaming, Analyzed::Flag(is_streaming)) => Answer::IsStreaming(p::IsStreaming { is_streaming }),
            (Kind::InputFiles, Analyzed::Files(files)) => Answer::InputFiles(p::InputFiles { files }),
            (Kind::SameSemantics, Analyzed::Flag(result)) => Answer::SameSemantics(p::SameSemantics { result }),
            (Kind::SemanticHash, Analyzed::Hash(result)) => Answer::SemanticHash(p::SemanticHash { result }),
            (Kind::Persist, Analyzed::Done) => Answer::Persist(p::Persist {}),
            (Kind::Unpersist, Analyzed::Done) => Answer::Unpersist(p::Unpersist {}),
            (Kind::StorageLevel, Analyzed::StorageLevel(l)) => {
                Answer::GetStorageLevel(p::GetStorageLevel { storage_level: Some(level_to_proto(l)) })
            }
            _ => return Err(SparkError::internal("the engine answered another question")),
        })
    }
}

fn level_from_proto(l: proto::StorageLevel) -> StorageLevel {
    StorageLevel {
        disk: l.use_disk,
        memory: l.use_memory,
        off_heap: l.use_off_heap,
        deserialized: l.deserialized,
        replication: l.replication,
    }
}

fn level_to_proto(l: StorageLevel) -> proto::StorageLevel {
    proto::StorageLevel {
        use_disk: l.disk,
        use_memory: l.memory,
        use_off_heap: l.off_heap,
        deserialized: l.deserialized,
        replication: l.replication,
    }
}
