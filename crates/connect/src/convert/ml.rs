//! Messages of `pyspark.ml`.

use proto::ml_command::{Command as C, write};
use proto::ml_relation::{MlType, transform};
use spark_connect_proto as proto;
use vonk_common::SparkResult;
use vonk_plan::Literal;
use vonk_plan::command::{MlCommand, MlOperatorKind};
use vonk_plan::relation::{MlArg, MlMethod, MlOperatorRef, MlRelation};

use super::{Converter, bad_enum, not_set};

type Params = Vec<(String, Literal)>;

impl Converter {
    pub(super) fn ml_command(&self, message: proto::MlCommand) -> SparkResult<MlCommand> {
        Ok(match message.command.ok_or_else(|| not_set("MlCommand", "COMMAND_NOT_SET"))? {
            C::Fit(m) => {
                let estimator = m.estimator.unwrap_or_default();
                MlCommand::Fit {
                    estimator: estimator.name,
                    uid: estimator.uid,
                    params: self.params(m.params)?,
                    dataset: self.required(m.dataset)?,
                }
            }
            C::Fetch(m) => MlCommand::Fetch { object: id(m.obj_ref), methods: self.methods(m.methods)? },
            C::Delete(m) => MlCommand::Delete {
                objects: m.obj_refs.into_iter().map(|o| o.id).collect(),
                evict_only: m.evict_only.unwrap_or(false),
            },
            C::Write(m) => MlCommand::Write {
                operator: match m.r#type.ok_or_else(|| not_set("MlCommand.Write", "TYPE_NOT_SET"))? {
                    write::Type::Operator(o) => MlOperatorRef::Operator { name: o.name, uid: o.uid },
                    write::Type::ObjRef(o) => MlOperatorRef::Model(o.id),
                },
                params: self.params(m.params)?,
                path: m.path,
                overwrite: m.should_overwrite.unwrap_or(false),
                options: super::options(m.options),
            },
            C::Read(m) => {
                let operator = m.operator.unwrap_or_default();
                MlCommand::Read { kind: kind(operator.r#type)?, class: operator.name, path: m.path }
            }
            C::Evaluate(m) => {
                let evaluator = m.evaluator.unwrap_or_default();
                MlCommand::Evaluate {
                    evaluator: evaluator.name,
                    uid: evaluator.uid,
                    params: self.params(m.params)?,
                    dataset: self.required(m.dataset)?,
                }
            }
            C::CleanCache(_) => MlCommand::CleanCache,
            C::GetCacheInfo(_) => MlCommand::GetCacheInfo,
            C::CreateSummary(m) => {
                MlCommand::CreateSummary { model: id(m.model_ref), dataset: self.required(m.dataset)? }
            }
            C::GetModelSize(m) => MlCommand::GetModelSize { model: id(m.model_ref) },
        })
    }

    pub(super) fn ml_relation(&self, message: proto::MlRelation) -> SparkResult<MlRelation> {
        Ok(match message.ml_type.ok_or_else(|| not_set("MlRelation", "MLTYPE_NOT_SET"))? {
            MlType::Transform(m) => MlRelation::Transform {
                operator: match m.operator.ok_or_else(|| not_set("MlRelation.Transform", "OPERATOR_NOT_SET"))? {
                    transform::Operator::ObjRef(o) => MlOperatorRef::Model(o.id),
                    transform::Operator::Transformer(o) => MlOperatorRef::Operator { name: o.name, uid: o.uid },
                },
                input: self.required(m.input.map(|i| *i))?,
                params: self.params(m.params)?,
            },
            MlType::Fetch(m) => MlRelation::Fetch {
                object: id(m.obj_ref),
                methods: self.methods(m.methods)?,
                summary_dataset: message.model_summary_dataset.map(|d| self.relation(*d)).transpose()?,
            },
        })
    }

    fn methods(&self, messages: Vec<proto::fetch::Method>) -> SparkResult<Vec<MlMethod>> {
        use proto::fetch::method::args::ArgsType;
        let arg = |a: proto::fetch::method::Args| {
            Ok(match a.args_type.ok_or_else(|| not_set("Fetch.Method.Args", "ARGSTYPE_NOT_SET"))? {
                ArgsType::Param(l) => MlArg::Param(self.literal(l)?),
                ArgsType::Input(r) => MlArg::Input(Box::new(self.relation(r)?)),
            })
        };
        let method = |m: proto::fetch::Method| {
            Ok(MlMethod { name: m.method, args: m.args.into_iter().map(arg).collect::<SparkResult<_>>()? })
        };
        messages.into_iter().map(method).collect()
    }

    /// Parameters by name, ordered.
    fn params(&self, message: Option<proto::MlParams>) -> SparkResult<Params> {
        let pairs = message.unwrap_or_default().params.into_iter();
        let mut params: Params = pairs.map(|(k, v)| Ok((k, self.literal(v)?))).collect::<SparkResult<_>>()?;
        params.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(params)
    }
}

fn id(message: Option<proto::ObjectRef>) -> String {
    message.unwrap_or_default().id
}

fn kind(number: i32) -> SparkResult<MlOperatorKind> {
    use proto::ml_operator::OperatorType;
    Ok(match OperatorType::try_from(number) {
        Ok(OperatorType::Estimator) => MlOperatorKind::Estimator,
        Ok(OperatorType::Transformer) => MlOperatorKind::Transformer,
        Ok(OperatorType::Evaluator) => MlOperatorKind::Evaluator,
        Ok(OperatorType::Model) => MlOperatorKind::Model,
        _ => return Err(bad_enum("MlOperator.OperatorType", "type", number)),
    })
}
