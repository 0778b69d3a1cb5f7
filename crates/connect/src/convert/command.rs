//! Commands.

use std::sync::Arc;

use proto::command::CommandType;
use proto::expression::ExprType;
use spark_connect_proto as proto;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{
    Bucketing, Command, Merge, MergeAction, MergeKind, Name, SaveMode, Write, WriteTable, WriteTableMode, WriteTarget,
};
use vonk_plan::{Expr, ExprKind};

use super::{Converter, bad_enum, broken, not_set, options};

impl Converter {
    /// Any command but `SqlCommand`, which is not one until it is parsed.
    pub(crate) fn command(&self, message: CommandType) -> SparkResult<Command> {
        let unsupported = |name: &str| Ok(Command::Unsupported(name.into()));
        Ok(match message {
            CommandType::RegisterFunction(f) => Command::RegisterUdf(Box::new(self.udf(f)?)),
            CommandType::RegisterTableFunction(f) => Command::RegisterUdtf(Box::new(self.udtf(f)?)),
            CommandType::RegisterDataSource(d) => data_source(d)?,
            CommandType::WriteOperation(w) => self.write(w)?,
            CommandType::WriteOperationV2(w) => self.write_table(w)?,
            CommandType::CreateDataframeView(v) => Command::CreateDataFrameView {
                name: v.name,
                input: Box::new(self.required(v.input)?),
                global: v.is_global,
                replace: v.replace,
            },
            CommandType::GetResourcesCommand(_) => Command::GetResources,
            CommandType::CheckpointCommand(c) => {
                Command::Checkpoint { input: Box::new(self.required(c.relation)?), local: c.local, eager: c.eager }
            }
            CommandType::RemoveCachedRemoteRelationCommand(r) => {
                Command::RemoveCachedRemote { id: r.relation.unwrap_or_default().relation_id }
            }
            CommandType::MergeIntoTableCommand(m) => self.merge(m)?,
            CommandType::MlCommand(m) => Command::Ml(Box::new(self.ml_command(m)?)),
            CommandType::SqlCommand(_) => return Err(broken("SQL text stands inside of another command")),
            CommandType::WriteStreamOperationStart(_) => return unsupported("streaming writes"),
            CommandType::StreamingQueryCommand(_) | CommandType::StreamingQueryManagerCommand(_) => {
                return unsupported("streaming queries");
            }
            CommandType::StreamingQueryListenerBusCommand(_) => return unsupported("streaming query listeners"),
            CommandType::CreateResourceProfileCommand(_) => return unsupported("resource profiles"),
            CommandType::ExecuteExternalCommand(_) => return unsupported("external commands"),
            CommandType::PipelineCommand(_) => return unsupported("declarative pipelines"),
            CommandType::Extension(any) => {
                return Err(SparkError::new("CONNECT_INVALID_PLAN.NO_HANDLER_FOR_EXTENSION")
                    .param("extensionTypeUrl", any.type_url));
            }
        })
    }

    fn write(&self, w: proto::WriteOperation) -> SparkResult<Command> {
        use proto::write_operation::save_table::TableSaveMethod;
        use proto::write_operation::{SaveMode as Mode, SaveType};
        let target = match w.save_type {
            Some(SaveType::Path(p)) if p.is_empty() => WriteTarget::None,
            Some(SaveType::Path(p)) => WriteTarget::Path(p),
            Some(SaveType::Table(t)) => match TableSaveMethod::try_from(t.save_method) {
                Ok(TableSaveMethod::SaveAsTable) => WriteTarget::Table(t.table_name),
                Ok(TableSaveMethod::InsertInto) => WriteTarget::InsertInto(t.table_name),
                _ => {
                    let name = "WriteOperation.SaveTable.TableSaveMethod";
                    return Err(bad_enum(name, "save_method", t.save_method));
                }
            },
            None => WriteTarget::None,
        };
        let mode = match Mode::try_from(w.mode) {
            Ok(Mode::Unspecified) => SaveMode::Unspecified,
            Ok(Mode::Append) => SaveMode::Append,
            Ok(Mode::Overwrite) => SaveMode::Overwrite,
            Ok(Mode::ErrorIfExists) => SaveMode::ErrorIfExists,
            Ok(Mode::Ignore) => SaveMode::Ignore,
            Err(_) => return Err(bad_enum("WriteOperation.SaveMode", "mode", w.mode)),
        };
        Ok(Command::Write(Box::new(Write {
            input: self.required(w.input)?,
            format: w.source.filter(|s| !s.is_empty()),
            target,
            mode,
            partition_by: w.partitioning_columns,
            bucket_by: w.bucket_by.map(|b| Bucketing {
                columns: b.bucket_column_names,
                sort_columns: w.sort_column_names.clone(),
                buckets: b.num_buckets,
            }),
            sort_by: w.sort_column_names,
            cluster_by: w.clustering_columns,
            options: options(w.options),
        })))
    }

    fn write_table(&self, w: proto::WriteOperationV2) -> SparkResult<Command> {
        use proto::write_operation_v2::Mode;
        let mode = match Mode::try_from(w.mode) {
            Ok(Mode::Create) => WriteTableMode::Create,
            Ok(Mode::Overwrite) => WriteTableMode::Overwrite,
            Ok(Mode::OverwritePartitions) => WriteTableMode::OverwritePartitions,
            Ok(Mode::Append) => WriteTableMode::Append,
            Ok(Mode::Replace) => WriteTableMode::Replace,
            Ok(Mode::CreateOrReplace) => WriteTableMode::CreateOrReplace,
            _ => return Err(bad_enum("WriteOperationV2.Mode", "mode", w.mode)),
        };
        Ok(Command::WriteTable(Box::new(WriteTable {
            input: self.required(w.input)?,
            table: w.table_name,
            provider: w.provider,
            partition_by: self.exprs(w.partitioning_columns)?,
            cluster_by: w.clustering_columns,
            options: options(w.options),
            properties: w.table_properties.into_iter().collect(),
            mode,
            overwrite_condition: w.overwrite_condition.map(|c| self.expr(c)).transpose()?,
        })))
    }

    fn merge(&self, m: proto::MergeIntoTableCommand) -> SparkResult<Command> {
        Ok(Command::Merge(Box::new(Merge {
            target: self.text.name(&m.target_table_name)?,
            target_alias: None,
            source: self.required(m.source_table_plan)?,
            condition: self.expr_required(m.merge_condition)?,
            matched: self.merge_actions(m.match_actions)?,
            not_matched: self.merge_actions(m.not_matched_actions)?,
            not_matched_by_source: self.merge_actions(m.not_matched_by_source_actions)?,
            schema_evolution: m.with_schema_evolution,
        })))
    }

    fn merge_actions(&self, messages: Vec<proto::Expression>) -> SparkResult<Vec<MergeAction>> {
        messages.into_iter().map(|m| self.merge_action(m)).collect()
    }

    fn merge_action(&self, message: proto::Expression) -> SparkResult<MergeAction> {
        use proto::merge_action::ActionType;
        let Some(ExprType::MergeAction(m)) = message.expr_type else {
            return Err(broken("MERGE holds something that is no merge action"));
        };
        let assignments = |messages: Vec<proto::merge_action::Assignment>| -> SparkResult<Vec<(Name, Expr)>> {
            let pair = |a: proto::merge_action::Assignment| {
                let key = self.expr_required(a.key)?;
                let ExprKind::Attribute { name, .. } = key.kind else {
                    return Err(broken("MERGE assigns to something that is no column"));
                };
                Ok((name, self.expr_required(a.value)?))
            };
            messages.into_iter().map(pair).collect()
        };
        let action = match ActionType::try_from(m.action_type) {
            Ok(ActionType::Delete) => MergeKind::Delete,
            Ok(ActionType::Insert) => MergeKind::Insert(assignments(m.assignments)?),
            Ok(ActionType::InsertStar) => MergeKind::InsertAll,
            Ok(ActionType::Update) => MergeKind::Update(assignments(m.assignments)?),
            Ok(ActionType::UpdateStar) => MergeKind::UpdateAll,
            _ => return Err(bad_enum("MergeAction.ActionType", "action_type", m.action_type)),
        };
        Ok(MergeAction { condition: m.condition.map(|c| self.expr(*c)).transpose()?, action })
    }
}

fn data_source(d: proto::CommonInlineUserDefinedDataSource) -> SparkResult<Command> {
    use proto::common_inline_user_defined_data_source::DataSource;
    match d.data_source {
        Some(DataSource::PythonDataSource(p)) => Ok(Command::RegisterDataSource {
            name: d.name,
            command: Arc::from(&p.command[..]),
            python_version: p.python_ver,
        }),
        None => Err(not_set("CommonInlineUserDefinedDataSource", "DATASOURCE_NOT_SET")),
    }
}
