//! Relations: one file per kind, one match over all.

use std::rc::Rc;

use vonk_common::{SparkError, SparkResult, wanted};
use vonk_plan::relation::{Aggregate, Grouping};
use vonk_plan::{Relation, RelationKind};

use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::node::Node;

pub mod aggregate;
pub mod alias;
pub mod checks;
pub mod columns;
pub mod deduplicate;
pub mod filter;
pub mod hint;
pub mod join;
pub mod join_hint;
pub mod json_table;
pub mod lateral_view;
pub mod limit;
pub mod local;
pub mod ml;
pub mod na;
pub mod nearest;
mod nullable_keys;
pub mod pipe;
pub mod pivot;
pub mod project;
pub mod python_map;
mod qualify;
pub mod range;
pub mod recursion;
pub mod repartition;
pub mod sample;
pub mod select;
pub mod set_operation;
pub mod show;
pub mod sort;
pub mod source;
pub mod statistics;
pub mod table_function;
mod time_window;
pub mod to_schema;
pub mod transpose;
pub mod udtf;
pub mod unpivot;
pub mod values;
pub mod with;
pub mod zip;

/// The query around a sub-query.
pub type Outer<'a> = Option<&'a Rc<Env>>;

impl Analyzer {
    /// Analyses a relation. What its columns are called is remembered under its plan id.
    pub fn relation(&self, r: &Relation, outer: Outer) -> SparkResult<Node> {
        wanted::check()?;
        let node = match (self.relation_kind(r, outer), self.resolver().cached(r)) {
            (Ok(node), Some(source)) => self.substitute(node, source)?,
            (Ok(mut node), None) => {
                self.check_recursion(r, &mut node).map_err(|e| e.at(r.origin.clone()))?;
                node
            }
            // Persisted rows outlive what they were computed from: files that are gone, for one.
            (Err(_), Some(source)) => self.source(source)?,
            (Err(e), None) => return Err(e.at(r.origin.clone())),
        };
        if let Some(id) = r.plan_id {
            self.register(id, &node.scope);
        }
        Ok(node)
    }

    fn relation_kind(&self, r: &Relation, outer: Outer) -> SparkResult<Node> {
        match &r.kind {
            RelationKind::OneRow => self.one_row(),
            RelationKind::Table { name, options, time_travel, .. } => {
                self.table(name, options, time_travel.as_ref(), outer)
            }
            RelationKind::TableIdentifier { name, options } => {
                let name = self.identifier(name)?;
                self.table(&name, options, None, outer)
            }
            RelationKind::DataSource(source) => self.source(self.resolver().data_source(source)?),
            RelationKind::Local { data, schema } => self.local(data.as_deref(), schema.as_ref()),
            RelationKind::CachedLocal { .. } => Err(SparkError::internal("an artifact was not put in place")),
            RelationKind::CachedRemote { id } => self.source(self.resolver().cached_remote(id)?),
            RelationKind::Values(rows) => self.values(rows, outer),
            RelationKind::Range { start, end, step, partitions } => self.range(*start, *end, *step, *partitions),
            RelationKind::TableFunction(call) => self.table_function(call, r.origin.as_ref(), outer),
            RelationKind::JsonTable(table) => self.json_table(table, r.origin.as_ref(), outer),
            RelationKind::Udtf(call) => self.udtf(call, &call.args, r.origin.as_ref(), outer),
            RelationKind::Command(command) => self.command_rows(command),
            RelationKind::Sql { .. } => Err(SparkError::internal("SQL text was not parsed")),

            RelationKind::Project { input, exprs } => match time_window::project(input, exprs) {
                Some((input, exprs)) => self.project(self.relation(&input, outer)?, &exprs, outer),
                None => self.project(self.relation(input, outer)?, exprs, outer),
            },
            RelationKind::Filter { condition, .. } if checks::is_star(condition) => Err(checks::star_in("Filter")),
            RelationKind::Filter { input, condition } => self.filter(self.relation(input, outer)?, condition, outer),
            RelationKind::Aggregate(a) => self.aggregate(a, &[], outer),
            RelationKind::Select(s) => self.select(s, &[], outer),
            RelationKind::Sort { order, .. } if order.is_empty() => {
                Err(SparkError::new("CONNECT_INVALID_PLAN.ASSERTION_FAILURE")
                    .param("message", "'order' must be present and contain elements."))
            }
            RelationKind::Sort { order, .. } if order.iter().any(|o| checks::is_star(&o.child)) => {
                Err(checks::star_in("Sort"))
            }
            RelationKind::Sort { input, order, global } => self.sort(input, order, *global, outer),
            RelationKind::SortAll { input, ascending, nulls_first } => {
                self.sort_all(input, *ascending, *nulls_first, outer)
            }
            RelationKind::Limit { input, limit } => {
                self.check_limit_over_offset(input, limit)?;
                self.limit(self.relation(input, outer)?, limit)
            }
            RelationKind::Offset { input, offset } => self.offset(self.relation(input, outer)?, offset),
            RelationKind::Tail { input, limit } => self.tail(self.relation(input, outer)?, *limit),
            RelationKind::Distinct { input } => self.distinct(self.relation(input, outer)?),
            RelationKind::Deduplicate { within_watermark: true, .. } => Err(SparkError::new("_LEGACY_ERROR_TEMP_3102")
                .param("msg", "dropDuplicatesWithinWatermark is not supported with batch DataFrames/DataSets")),
            RelationKind::Deduplicate { input, columns, .. } => {
                self.deduplicate(self.relation(input, outer)?, columns.as_deref())
            }
            RelationKind::Sample(s) => self.sample(s, outer),
            RelationKind::Alias { input, columns, .. } if matches!(&input.kind, RelationKind::Values(rows) if !columns.is_empty() && rows.iter().any(|r| values::flat(r).len() != columns.len())) =>
            {
                let given = self.relation(input, outer)?.scope.columns.len();
                Err(SparkError::new("INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH")
                    .param("expectedNumCols", columns.len())
                    .param("actualNumCols", given)
                    .param("rowIndex", 0))
            }
            RelationKind::Alias { input, alias, qualifier, columns } => {
                let node = self.relation(input, outer).map_err(|e| match &input.kind {
                    RelationKind::Values(_) => values::named(e, columns),
                    _ => e,
                })?;
                if let RelationKind::TableFunction(call) = &input.kind
                    && !columns.is_empty()
                    && columns.len() != node.scope.columns.len()
                {
                    let (given, own) = (columns.len(), node.scope.columns.len());
                    return Err(udtf::alias_mismatch(&call.name, given, own, input.origin.as_ref()));
                }
                self.alias(node, alias, qualifier, columns)
            }
            RelationKind::Repartition { input, partitions, shuffle } => {
                self.repartition(self.relation(input, outer)?, *partitions, *shuffle)
            }
            RelationKind::RepartitionBy { input, exprs, partitions } => {
                self.repartition_by(self.relation(input, outer)?, exprs, *partitions, outer)
            }
            RelationKind::ToDf { input, names } => self.to_df(self.relation(input, outer)?, names),
            RelationKind::RenameColumns { input, renames } => {
                self.rename_columns(self.relation(input, outer)?, renames)
            }
            RelationKind::WithColumns { input, columns } => {
                self.with_columns(self.relation(input, outer)?, columns, outer)
            }
            RelationKind::Drop { input, columns, names } => {
                self.drop_columns(self.relation(input, outer)?, columns, names)
            }
            RelationKind::ToSchema { input, schema } => self.to_schema(self.relation(input, outer)?, schema),
            RelationKind::Hint { input, name, parameters } => {
                let hint = (name.clone(), parameters.clone());
                let node = self.relation(&*self.with_join_hints(input, std::slice::from_ref(&hint))?, outer)?;
                self.hint(node, name, parameters, outer)
            }
            RelationKind::Unpivot(u) => self.unpivot(u, outer),
            RelationKind::Pivot(p) => self.pivot(p, outer),
            RelationKind::LateralView { input, generator, outer: keep, alias, columns } => {
                let input = self.relation(input, outer)?;
                self.lateral_view(input, generator, *keep, alias.as_deref(), columns, outer)
            }
            RelationKind::CollectMetrics { input, name, metrics } => {
                if name.is_empty() {
                    let message = "requirement failed: The name of the metrics should not be empty";
                    return Err(SparkError::new("java.lang.IllegalArgumentException").param("message", message));
                }
                let node = self.relation(input, outer)?;
                self.check_metrics(&node, metrics, outer)?;
                self.note_metrics(name, r.plan_id)?;
                let grouping = Grouping::By(vec![]);
                let aggregates = metrics.clone();
                let totals = Aggregate { input: (**input).clone(), grouping, aggregates, with_grouping_columns: false };
                let totals = Relation::new(RelationKind::Aggregate(Box::new(totals)));
                self.relation(&totals, outer)?;
                self.resolver().observe(name, r.plan_id, totals);
                Ok(node)
            }
            RelationKind::AsOfJoin(j) => self.as_of_join(j, outer),
            RelationKind::NearestByJoin(j) => self.nearest_by_join(j, outer),
            RelationKind::Zip { left, right } => self.zip(left, right, outer),
            RelationKind::Transpose { input, index_columns } => self.transpose(input, index_columns, outer),
            RelationKind::Parse { input, format, schema, options } => {
                let (_, lines) = self.resolver().collect(input)?;
                self.source(self.resolver().parse(format, lines, schema.as_ref(), options)?)
            }
            RelationKind::WithWatermark { input, .. } => self.relation(input, outer),

            RelationKind::Join(j) => self.join(j, outer),
            RelationKind::SetOperation(s) => self.set_operation(s, outer),
            RelationKind::WithRelations { root, references } => self.with_relations(root, references, outer),
            RelationKind::With { ctes, recursive, body } => self.with(ctes, *recursive, body, outer),
            RelationKind::Pipe { input, operator } => self.pipe(input, operator, outer),

            RelationKind::FillNa { input, columns, values } => {
                self.fill_na(self.relation(input, outer)?, columns, values)
            }
            RelationKind::DropNa { input, columns, min_non_nulls } => {
                self.drop_na(self.relation(input, outer)?, columns, *min_non_nulls)
            }
            RelationKind::Replace { input, columns, replacements } => {
                self.replace(self.relation(input, outer)?, columns, replacements)
            }
            RelationKind::ShowString { input, rows, truncate, vertical } => {
                self.show_string(input, *rows, *truncate, *vertical)
            }
            RelationKind::HtmlString { input, rows, truncate } => self.html_string(input, *rows, *truncate),
            RelationKind::Describe { input, columns } => self.describe(input, columns, outer),
            RelationKind::Summary { input, statistics } => self.summary(input, statistics, outer),
            RelationKind::Cov { input, left, right } => self.covariance(input, left, right, outer),
            RelationKind::Corr { input, left, right, method } => {
                self.correlation(input, left, right, method.as_deref(), outer)
            }
            RelationKind::ApproxQuantile { input, columns, probabilities, relative_error } => {
                self.approx_quantile(input, columns, probabilities, *relative_error, outer)
            }
            RelationKind::FreqItems { input, columns, support } => {
                self.freq_items(input, columns, support.unwrap_or(0.01), outer)
            }
            RelationKind::SampleBy { input, column, fractions, seed } => {
                self.sample_by(input, column, fractions, *seed, outer)
            }
            RelationKind::Crosstab { input, left, right } => self.crosstab(input, left, right, outer),
            RelationKind::Ml(m) => self.ml(m, outer),
            RelationKind::MapPartitions { input, function, barrier } => {
                self.map_partitions(self.relation(input, outer)?, function, *barrier)
            }
            RelationKind::GroupMap(g) => self.group_map(g, outer),
            RelationKind::CoGroupMap(g) => self.cogroup_map(g, outer),
            RelationKind::Unsupported(name) => Err(SparkError::unsupported(name)),
        }
    }
}
