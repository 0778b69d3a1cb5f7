//! From text or an unresolved plan to rows: the session's entry points.

use std::sync::Arc;

use tokio::runtime::Handle;
use vonk_analyzer::{Analyzed, Analyzer};
use vonk_common::planner::{self, Deep};
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_expr::context::QueryFacts;
use vonk_expr::literal::from_scalar;
use vonk_plan::command::Statement;
use vonk_plan::types::{DataType, StructType};
use vonk_plan::{Command, Expr, Literal, Relation, RelationKind};
use vonk_sql::ParseOptions;

use crate::command::{self, Rows};
use crate::query::{Prepared, ResultStream};
use crate::resolver::{NamedView, Observation, SessionResolver};
use crate::session::Session;

/// The version of Spark that Vonk answers as.
pub const SPARK_VERSION: &str = "4.3.0";

impl Session {
    /// What a query may ask of its surroundings, fixed at its start.
    pub fn facts(&self) -> Arc<QueryFacts> {
        let names = self.names.read();
        Arc::new(QueryFacts {
            conf: Arc::new(self.conf()),
            now: chrono::Utc::now().timestamp_micros(),
            user: self.acts_as.clone(),
            current_catalog: names.current_catalog.as_str().into(),
            current_database: names.current_database.as_str().into(),
            version: SPARK_VERSION,
        })
    }

    /// Parses one statement.
    pub async fn parse(self: &Arc<Self>, text: &str) -> SparkResult<Statement> {
        let (conf, text) = (self.conf(), text.to_string());
        planner::run(move || vonk_sql::parse_statement(&text, &ParseOptions::new(&conf))).await?
    }

    /// Analyses a query: schema and logical plan.
    pub async fn analyze(self: &Arc<Self>, relation: impl Into<Deep<Relation>>) -> SparkResult<Analyzed> {
        self.analyze_building(relation, vec![]).await
    }

    /// The same while the rows of the persisted relations of these ids are being computed.
    pub(crate) async fn analyze_building(
        self: &Arc<Self>,
        relation: impl Into<Deep<Relation>>,
        building: Vec<u64>,
    ) -> SparkResult<Analyzed> {
        Ok(self.analyze_observing(relation, building).await?.0)
    }

    /// The same, with what `df.observe` wants to know.
    async fn analyze_observing(
        self: &Arc<Self>,
        relation: impl Into<Deep<Relation>>,
        building: Vec<u64>,
    ) -> SparkResult<(Analyzed, Vec<Observation>)> {
        let relation = relation.into();
        let facts = self.facts();
        let resolver = Arc::new(SessionResolver::new(self.clone(), facts.conf.clone(), Handle::current(), building));
        let observed = resolver.observations();
        let work = planner::run(move || {
            let relation = relation.into_inner().ok_or_else(|| SparkError::internal("a plan was taken twice"))?;
            Analyzer::new(resolver, facts).analyze(&relation)
        });
        let analyzed = work.await??;
        check_nanos(&self.conf(), &analyzed.schema)?;
        let observed = std::mem::take(&mut *observed.lock());
        Ok((analyzed, observed))
    }

    /// Analyses a query and tells the views that it is made of.
    pub(crate) async fn views_of(self: &Arc<Self>, relation: Relation) -> SparkResult<Vec<NamedView>> {
        let relation = Deep::new(relation);
        let facts = self.facts();
        let resolver = Arc::new(SessionResolver::new(self.clone(), facts.conf.clone(), Handle::current(), vec![]));
        let views = resolver.views();
        let work = planner::run(move || {
            let relation = relation.into_inner().ok_or_else(|| SparkError::internal("a plan was taken twice"))?;
            Analyzer::new(resolver, facts).analyze(&relation).map(|_| ())
        });
        work.await??;
        let views = std::mem::take(&mut *views.lock());
        Ok(views)
    }

    /// Analyses and plans a query that may have `df.observe` in it.
    pub async fn query_observing(
        self: &Arc<Self>,
        relation: impl Into<Deep<Relation>>,
    ) -> SparkResult<(Prepared, Vec<Observation>)> {
        let (analyzed, observed) = self.analyze_observing(relation, vec![]).await?;
        Ok((self.prepare(analyzed.plan, analyzed.schema).await?, observed))
    }

    /// What the `df.observe`s of a relation that is written somewhere want to know.
    pub async fn observations(self: &Arc<Self>, relation: &Relation) -> SparkResult<Vec<Observation>> {
        match observes(relation) {
            true => Ok(self.analyze_observing(relation.clone(), vec![]).await?.1),
            false => Ok(vec![]),
        }
    }

    /// The names and values of an observation's metrics.
    pub async fn observe(self: &Arc<Self>, observation: &Observation) -> SparkResult<Vec<(String, Literal)>> {
        let totals = observation.totals.get().cloned();
        let totals = totals.ok_or_else(|| SparkError::internal("an observation is gone"))?;
        let names: Vec<String> =
            self.analyze(totals.clone()).await?.schema.fields.iter().map(|f| f.name.clone()).collect();
        let values = self.single_row(totals, &[]).await?;
        Ok(names.into_iter().zip(values).collect())
    }

    /// Runs `work` with an analyzer of this session on a planner thread.
    pub async fn with_analyzer<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Analyzer) -> SparkResult<T> + Send + 'static,
    ) -> SparkResult<T> {
        self.with_analyzer_and_views(work).await.map(|(out, _)| out)
    }

    /// The same, with the views and the session's functions that it met.
    pub(crate) async fn with_analyzer_and_views<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Analyzer) -> SparkResult<T> + Send + 'static,
    ) -> SparkResult<(T, Vec<NamedView>)> {
        let facts = self.facts();
        let resolver = Arc::new(SessionResolver::new(self.clone(), facts.conf.clone(), Handle::current(), vec![]));
        let views = resolver.views();
        let out = planner::run(move || work(&Analyzer::new(resolver, facts))).await??;
        let views = std::mem::take(&mut *views.lock());
        Ok((out, views))
    }

    /// Analyses and plans a query.
    pub async fn query(self: &Arc<Self>, relation: impl Into<Deep<Relation>>) -> SparkResult<Prepared> {
        let analyzed = self.analyze(relation).await?;
        self.prepare(analyzed.plan, analyzed.schema).await
    }

    /// Runs a query.
    pub async fn execute(self: &Arc<Self>, relation: impl Into<Deep<Relation>>) -> SparkResult<ResultStream> {
        self.query(relation).await?.run()
    }

    /// Runs a statement that is no query.
    pub async fn run_command(self: &Arc<Self>, command: Command) -> SparkResult<Rows> {
        Box::pin(command::run(self, command)).await
    }

    /// The value of an expression without columns; sub-queries are allowed.
    pub async fn constant(self: &Arc<Self>, expr: Expr) -> SparkResult<Literal> {
        let query = Relation::new(RelationKind::OneRow).project(vec![expr]);
        let mut values = self.first_row(query, None).await?;
        values.pop().ok_or_else(|| SparkError::internal("an expression without a value"))
    }

    /// The only row of a query, cast to the given types; NULLs when there is no row.
    /// Error `ROW_SUBQUERY_TOO_MANY_ROWS`.
    pub async fn single_row(self: &Arc<Self>, query: Relation, types: &[DataType]) -> SparkResult<Vec<Literal>> {
        self.first_row(query, Some(types)).await
    }

    async fn first_row(self: &Arc<Self>, query: Relation, types: Option<&[DataType]>) -> SparkResult<Vec<Literal>> {
        let rows = self.execute(query).await?;
        let schema = rows.schema.clone();
        let batches = rows.collect().await?;
        let count: usize = batches.iter().map(|b| b.num_rows()).sum();
        if count > 1 {
            return Err(SparkError::new("ROW_SUBQUERY_TOO_MANY_ROWS"));
        }
        let batch = batches.iter().find(|b| b.num_rows() > 0);
        let mut out = Vec::with_capacity(schema.len());
        for (i, f) in schema.fields.iter().enumerate() {
            let value = match batch {
                Some(b) => {
                    datafusion::common::ScalarValue::try_from_array(b.column(i), 0).map_err(vonk_expr::spark_error)?
                }
                None => {
                    out.push(Literal::Null(f.data_type.clone()));
                    continue;
                }
            };
            let literal = from_scalar(&value, &f.data_type)?;
            out.push(match types.and_then(|t| t.get(i)) {
                Some(t) if !f.data_type.same_type(t) => {
                    Box::pin(self.constant(Expr::literal(literal).cast(t.clone()))).await?
                }
                _ => literal,
            });
        }
        Ok(out)
    }
}

/// Questions about a plan that need no run.
impl Session {
    /// Whether the client could compute the rows itself: local data, or a command's result.
    pub fn is_local(&self, relation: &Relation) -> bool {
        match &relation.kind {
            RelationKind::Local { .. } | RelationKind::Command(_) => true,
            RelationKind::Project { input, .. }
            | RelationKind::ToDf { input, .. }
            | RelationKind::Alias { input, .. }
            | RelationKind::Limit { input, .. } => {
                matches!(input.kind, RelationKind::Local { .. } | RelationKind::Command(_))
            }
            _ => false,
        }
    }

    /// The files that the query reads, as URIs, each once.
    pub async fn input_files(self: &Arc<Self>, relation: Relation) -> SparkResult<Vec<String>> {
        use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
        use datafusion::datasource::source_as_provider;
        use datafusion::logical_expr::LogicalPlan;
        let analyzed = self.analyze(relation).await?;
        let mut files = vec![];
        let found = analyzed.plan.apply(|node| {
            if let LogicalPlan::TableScan(scan) = node {
                let provider = source_as_provider(&scan.source)?;
                if let Some(table) =
                    (provider.as_ref() as &dyn std::any::Any).downcast_ref::<crate::source::FileTable>()
                {
                    files.extend(table.input_files());
                }
            }
            Ok(TreeNodeRecursion::Continue)
        });
        found.map_err(vonk_expr::spark_error)?;
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// Whether two relations are the same query.
    pub fn same_semantics(&self, a: &Relation, b: &Relation) -> bool {
        meaning(a) == meaning(b)
    }

    /// A hash that is equal for relations of the same semantics.
    pub fn semantic_hash(&self, relation: &Relation) -> i32 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        meaning(relation).hash(&mut hasher);
        hasher.finish() as i32
    }
}

/// Is there a `df.observe` along the relation's only input?
fn observes(mut relation: &Relation) -> bool {
    use RelationKind as K;
    loop {
        relation = match &relation.kind {
            K::CollectMetrics { .. } => return true,
            K::Project { input, .. }
            | K::Filter { input, .. }
            | K::Sort { input, .. }
            | K::Limit { input, .. }
            | K::Distinct { input }
            | K::Drop { input, .. }
            | K::WithColumns { input, .. }
            | K::RenameColumns { input, .. }
            | K::Repartition { input, .. }
            | K::RepartitionBy { input, .. }
            | K::Alias { input, .. } => input,
            K::Aggregate(a) => &a.input,
            _ => return false,
        };
    }
}

/// The relation as text, without the client's ids and the names it gives to columns.
fn meaning(relation: &Relation) -> String {
    let text = format!("{:?}", relation.kind);
    let text = without(&text, "plan_id: Some(", ')');
    without(&text, "names: [", ']')
}

/// The text with what stands between `start` and the next `end` left out.
fn without(text: &str, start: &str, end: char) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(start) {
        let (before, after) = rest.split_at(at + start.len());
        out.push_str(before);
        rest = after.find(end).and_then(|e| after.get(e..)).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// Timestamps of nanoseconds do not leave a query unless the session has them.
fn check_nanos(conf: &SessionConf, schema: &StructType) -> SparkResult<()> {
    match schema.fields.iter().any(|f| f.data_type.has_nanos()) {
        true => conf.check_timestamp_nanos(),
        false => Ok(()),
    }
}
