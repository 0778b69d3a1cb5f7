//! One client's session with the library: its commands, its models, and the relations they give.

use std::sync::Arc;

use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_plan::command::{MlCommand, MlOperatorKind};
use vonk_plan::relation::{MlArg, MlMethod, MlOperatorRef};
use vonk_plan::types::StructType;
use vonk_plan::{Literal, Relation};

use crate::cache::{Cache, Object};
use crate::error::not_allowed;
use crate::feature::string_indexer::{self, StringIndexerModel};
use crate::frame::Columns;
use crate::host::MlHost;
use crate::linalg::udt::string_array;
use crate::operator::{Fitted, Model, TransformOutput};
use crate::params::strings;
use crate::summary::{Answer, Summary};
use crate::{persist, registry};

/// The object that stands for functions without a model.
const HELPER: &str = "______ML_CONNECT_HELPER______";

#[derive(Default)]
pub struct MlSession {
    cache: Cache,
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq)]
pub enum MlAnswer {
    /// Nothing to tell.
    Done,
    Value(Literal),
    /// Id of a summary.
    Summary(String),
    Operator(OperatorInfo),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OperatorInfo {
    /// Id of a model that the session keeps.
    pub object: Option<String>,
    /// Class of an operator.
    pub name: Option<String>,
    pub uid: Option<String>,
    pub params: Vec<(String, Literal)>,
    pub warning: Option<String>,
}

impl MlAnswer {
    fn object(id: String) -> Self {
        MlAnswer::Operator(OperatorInfo { object: Some(id), ..OperatorInfo::default() })
    }
}

impl MlSession {
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a command.
    pub async fn execute(&self, host: &dyn MlHost, command: MlCommand) -> SparkResult<MlAnswer> {
        match command {
            MlCommand::Fit { estimator, uid, params, dataset } => {
                let (class, estimator) = registry::estimator(&estimator)?;
                let params = class.params(&uid).with(&params)?;
                let data = host.analyze(dataset.clone()).await?;
                let fit = estimator.fit(host, &params, &data).await?;
                let fitted = Fitted { params, model: fit.model };
                let id = Cache::fresh_id();
                let summary =
                    fit.training.map(|t| Arc::new(Summary::new(id.clone(), fitted.clone(), dataset, Some(t))));
                self.cache.put(host, id.clone(), Object::Model { fitted, summary })?;
                Ok(MlAnswer::object(id))
            }
            MlCommand::Fetch { object, methods } => self.fetch(host, &object, &methods).await,
            MlCommand::Delete { objects, evict_only } => {
                // What is put out of memory only must come back when asked for: it stays.
                let gone = if evict_only { objects.join(",") } else { self.cache.remove(&objects) };
                Ok(MlAnswer::object(gone))
            }
            MlCommand::Write { operator, params, path, overwrite, .. } => {
                let (class, params, data) = match operator {
                    MlOperatorRef::Model(id) => {
                        let fitted = self.cache.model(&id)?.with(&params)?;
                        let data = fitted.model.store();
                        (fitted.model.class(), fitted.params, Some(data))
                    }
                    MlOperatorRef::Operator { name, uid } => {
                        let class = registry::class(&name)?;
                        (class, class.params(&uid).with(&params)?, None)
                    }
                };
                persist::make_way(host, &path, overwrite).await?;
                persist::save(host, &path, class, &params, data).await?;
                Ok(MlAnswer::Done)
            }
            MlCommand::Read { class, kind, path } => {
                let loaded = persist::load(host, &path, &class).await?;
                let uid = loaded.params.uid.clone();
                let mut info =
                    OperatorInfo { uid: Some(uid), params: loaded.params.explicit(), ..OperatorInfo::default() };
                match (loaded.model, kind) {
                    (Some(model), MlOperatorKind::Model) => {
                        info.object = Some(self.keep(host, Fitted { params: loaded.params, model })?);
                    }
                    _ => info.name = Some(loaded.class.name.to_string()),
                }
                Ok(MlAnswer::Operator(info))
            }
            MlCommand::Evaluate { evaluator, uid, params, dataset } => {
                let (class, evaluator) = registry::evaluator(&evaluator)?;
                let params = class.params(&uid).with(&params)?;
                let data = host.analyze(dataset).await?;
                Ok(MlAnswer::Value(Literal::Double(evaluator.evaluate(host, &params, &data).await?)))
            }
            MlCommand::CleanCache => Ok(MlAnswer::Value(Literal::Int(self.cache.clear() as i32))),
            MlCommand::GetCacheInfo => Ok(MlAnswer::Value(string_array(&self.cache.list()))),
            MlCommand::GetModelSize { model } => {
                Ok(MlAnswer::Value(Literal::Long(self.cache.get(&model)?.size() as i64)))
            }
            MlCommand::CreateSummary { model, dataset } => {
                let fitted = self.cache.model(&model)?;
                let summary = Arc::new(Summary::new(model.clone(), fitted.clone(), dataset, None));
                self.cache.put(host, model, Object::Model { fitted, summary: Some(summary) })?;
                Ok(MlAnswer::Done)
            }
        }
    }

    /// The columns that a transformer or model adds to its input.
    pub fn transform(
        &self,
        operator: &MlOperatorRef,
        params: &[(String, Literal)],
        _input: &StructType,
        columns: &[TypedExpr],
    ) -> SparkResult<TransformOutput> {
        match operator {
            MlOperatorRef::Model(id) => self.cache.model(id)?.with(params)?.transform(Columns(columns)),
            MlOperatorRef::Operator { name, uid } => {
                let (class, transformer) = registry::transformer(name)?;
                transformer.transform(&class.params(uid).with(params)?, Columns(columns))
            }
        }
    }

    /// The rows of an attribute that is a DataFrame: never [`Answer::Value`].
    pub async fn relation(
        &self,
        host: &dyn MlHost,
        object: &str,
        methods: &[MlMethod],
        summary_dataset: Option<&Relation>,
    ) -> SparkResult<Answer> {
        if object == HELPER {
            return Err(not_allowed(HELPER_CLASS, &names(methods)));
        }
        let (object, methods) = split(object, methods);
        let found = match (self.cache.get(object)?, methods) {
            (Object::Summary(summary), [method]) => ask(host, &summary, method).await?,
            (Object::Model { fitted, summary }, [first, method]) if first.name == "summary" => {
                let summary = match (summary, summary_dataset) {
                    (Some(summary), _) => summary,
                    (None, Some(dataset)) => Arc::new(Summary::new(object.to_string(), fitted, dataset.clone(), None)),
                    (None, None) => return Err(lost(object)),
                };
                ask(host, &summary, method).await?
            }
            (Object::Model { fitted, .. }, _) => {
                return Err(not_allowed(fitted.model.class().name, &names(methods)));
            }
            _ => return Err(not_allowed("Summary", &names(methods))),
        };
        match found {
            Answer::Value(_) => Err(SparkError::internal(format!("{} is no DataFrame", names(methods)))),
            rows => Ok(rows),
        }
    }

    fn keep(&self, host: &dyn MlHost, fitted: Fitted) -> SparkResult<String> {
        let id = Cache::fresh_id();
        self.cache.put(host, id.clone(), Object::Model { fitted, summary: None })?;
        Ok(id)
    }

    async fn fetch(&self, host: &dyn MlHost, object: &str, methods: &[MlMethod]) -> SparkResult<MlAnswer> {
        if object == HELPER {
            return self.help(host, methods).await;
        }
        let (object, methods) = split(object, methods);
        let answer = match (self.cache.get(object)?, methods) {
            (Object::Summary(summary), [method]) => ask(host, &summary, method).await?,
            (Object::Model { fitted, summary }, [first, rest @ ..]) => match (first.name.as_str(), rest) {
                ("toString", []) => Literal::string(fitted.model.describe(&fitted.params)).into(),
                ("hasSummary", []) if fitted.model.summarize().is_some() => Literal::Boolean(summary.is_some()).into(),
                ("summary", []) if fitted.model.summarize().is_some() => {
                    summary.ok_or_else(|| lost(object))?;
                    return Ok(MlAnswer::Summary(object.to_string()));
                }
                ("summary", [method]) if fitted.model.summarize().is_some() => {
                    ask(host, &*summary.ok_or_else(|| lost(object))?, method).await?
                }
                ("evaluate", []) if can_evaluate(&*fitted.model) => {
                    let [MlArg::Input(dataset)] = first.args.as_slice() else {
                        return Err(SparkError::internal("evaluate takes a DataFrame"));
                    };
                    let summary = Summary::new(object.to_string(), fitted, (**dataset).clone(), None);
                    let id = Cache::fresh_id();
                    self.cache.put(host, id.clone(), Object::Summary(Arc::new(summary)))?;
                    return Ok(MlAnswer::Summary(id));
                }
                (name, []) => match fitted.model.attribute(&fitted.params, name, &first.args)? {
                    Some(value) => value.into(),
                    None => return Err(not_allowed(fitted.model.class().name, name)),
                },
                _ => return Err(not_allowed(fitted.model.class().name, &names(methods))),
            },
            (Object::Summary(_), _) => return Err(not_allowed("Summary", &names(methods))),
            (Object::Model { fitted, .. }, []) => return Err(not_allowed(fitted.model.class().name, "")),
        };
        match answer {
            Answer::Value(value) => Ok(MlAnswer::Value(value)),
            _ => Err(SparkError::internal(format!("{} is a DataFrame", names(methods)))),
        }
    }

    async fn help(&self, host: &dyn MlHost, methods: &[MlMethod]) -> SparkResult<MlAnswer> {
        let [method] = methods else { return Err(not_allowed(HELPER_CLASS, &names(methods))) };
        let args: Vec<&Literal> = method
            .args
            .iter()
            .filter_map(|a| match a {
                MlArg::Param(v) => Some(v),
                MlArg::Input(_) => None,
            })
            .collect();
        match (method.name.as_str(), args.as_slice()) {
            ("handleOverwrite", [Literal::String(path), Literal::Boolean(overwrite)]) => {
                persist::make_way(host, path, *overwrite).await?;
                Ok(MlAnswer::Value(Literal::Boolean(true)))
            }
            ("stringIndexerModelFromLabels", [Literal::String(uid), labels]) => {
                self.indexer(host, uid, vec![strings(labels).unwrap_or_default()])
            }
            ("stringIndexerModelFromLabelsArray", [Literal::String(uid), Literal::Array(_, columns)]) => {
                self.indexer(host, uid, columns.iter().map(|c| strings(c).unwrap_or_default()).collect())
            }
            ("stopWordsRemoverGetDefaultOrUS", []) => Ok(MlAnswer::Value(Literal::string("en_US"))),
            (name, _) => Err(not_allowed(HELPER_CLASS, name)),
        }
    }

    fn indexer(&self, host: &dyn MlHost, uid: &str, labels: Vec<Vec<String>>) -> SparkResult<MlAnswer> {
        let model = StringIndexerModel { labels: labels.into_iter().map(Arc::from).collect() };
        let params = string_indexer::MODEL.params(uid);
        Ok(MlAnswer::object(self.keep(host, Fitted { params, model: Arc::new(model) })?))
    }
}

const HELPER_CLASS: &str = "org.apache.spark.ml.util.ConnectHelper";

/// KMeans has a training summary and no `evaluate`.
fn can_evaluate(model: &dyn Model) -> bool {
    model.summarize().is_some() && !model.class().name.contains(".clustering.")
}

/// `id.summary` stands for the id and a first method `summary`, which clients send apart.
fn split<'a>(object: &'a str, methods: &'a [MlMethod]) -> (&'a str, &'a [MlMethod]) {
    (object.split('.').next().unwrap_or(object), methods)
}

fn names(methods: &[MlMethod]) -> String {
    methods.iter().map(|m| m.name.as_str()).collect::<Vec<_>>().join(".")
}

fn lost(object: &str) -> SparkError {
    SparkError::new("CONNECT_ML.MODEL_SUMMARY_LOST").param("objectName", object)
}

async fn ask(host: &dyn MlHost, summary: &Summary, method: &MlMethod) -> SparkResult<Answer> {
    let model = summary.fitted.model.clone();
    let found = match model.summarize() {
        Some(s) => s.summarize(host, summary, &method.name, &method.args).await?,
        None => None,
    };
    found.ok_or_else(|| not_allowed(&format!("{}.summary", model.class().name), &method.name))
}
