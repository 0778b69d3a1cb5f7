//! Relations.

use proto::relation::RelType;
use spark_connect_proto as proto;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::FunctionCall;
use vonk_plan::relation::*;
use vonk_plan::{Command, Expr};

use super::{Converter, broken, not_set, origin};
use crate::wire;

mod joins;
mod operators;
mod sources;
mod statistics;

type Input = Option<Box<proto::Relation>>;

impl Converter {
    pub(crate) fn relation(&self, message: proto::Relation) -> SparkResult<Relation> {
        let (plan_id, at) = match message.common {
            Some(c) => (c.plan_id, origin(c.origin)),
            None => (None, None),
        };
        let kind = message.rel_type.ok_or_else(|| not_set("Relation", "RELTYPE_NOT_SET"))?;
        let kind = self.relation_kind(kind).map_err(|e| e.at(at.clone()))?;
        Ok(Relation { kind, plan_id, origin: at })
    }

    pub(super) fn required(&self, message: Option<proto::Relation>) -> SparkResult<Relation> {
        self.relation(message.unwrap_or_default())
    }

    fn input(&self, message: Input) -> SparkResult<Relation> {
        self.required(message.map(|m| *m))
    }

    fn boxed_input(&self, message: Input) -> SparkResult<Box<Relation>> {
        self.input(message).map(Box::new)
    }

    fn relation_kind(&self, message: RelType) -> SparkResult<RelationKind> {
        use RelationKind as K;
        Ok(match message {
            RelType::Read(r) => self.read(r)?,
            RelType::Project(p) => K::Project {
                input: match p.input {
                    Some(input) => Box::new(self.relation(*input)?),
                    None => Box::new(Relation::new(K::OneRow)),
                },
                exprs: self.exprs(p.expressions)?,
            },
            RelType::Filter(f) => {
                let condition = f.condition.ok_or_else(|| broken(""))?;
                K::Filter { input: self.boxed_input(f.input)?, condition: self.expr(condition)? }
            }
            RelType::Join(j) => self.join(*j)?,
            RelType::LateralJoin(j) => K::Join(Box::new(Join {
                left: self.input(j.left)?,
                right: self.input(j.right)?,
                kind: joins::join_kind(j.join_type)?,
                condition: self.on(j.join_condition)?,
                lateral: true,
            })),
            RelType::AsOfJoin(j) => self.as_of_join(*j)?,
            RelType::NearestByJoin(j) => K::NearestByJoin(Box::new(NearestByJoin {
                left: self.input(j.left)?,
                right: self.input(j.right)?,
                ranking: self.expr_required(j.ranking_expression)?,
                num_results: j.num_results,
                kind: joins::join_kind_by_name(&j.join_type)?,
                mode: j.mode,
                direction: j.direction,
            })),
            RelType::SetOp(s) => self.set_operation(*s)?,
            RelType::Zip(z) => K::Zip { left: self.boxed_input(z.left)?, right: self.boxed_input(z.right)? },
            RelType::Sort(s) => K::Sort {
                input: self.boxed_input(s.input)?,
                order: self.sort_orders(s.order)?,
                global: s.is_global.unwrap_or(true),
            },
            RelType::Limit(l) => {
                K::Limit { input: self.boxed_input(l.input)?, limit: Expr::literal(vonk_plan::Literal::Int(l.limit)) }
            }
            RelType::Offset(o) => K::Offset {
                input: self.boxed_input(o.input)?,
                offset: Expr::literal(vonk_plan::Literal::Int(o.offset)),
            },
            RelType::Tail(t) => K::Tail { input: self.boxed_input(t.input)?, limit: t.limit.into() },
            RelType::Aggregate(a) => self.aggregate(*a)?,
            RelType::Sql(s) => self.sql_relation(s)?,
            RelType::LocalRelation(l) => self.local(l)?,
            RelType::CachedLocalRelation(c) => {
                let message: proto::LocalRelation = wire::decode(self.cached(&c.hash)?)?;
                self.local(message)?
            }
            RelType::ChunkedCachedLocalRelation(c) => self.chunked(c)?,
            RelType::CachedRemoteRelation(c) => K::CachedRemote { id: c.relation_id },
            RelType::Sample(s) => K::Sample(Sample {
                input: self.boxed_input(s.input)?,
                method: SampleMethod::Fraction { lower: s.lower_bound, upper: s.upper_bound },
                with_replacement: s.with_replacement.unwrap_or(false),
                seed: s.seed,
                deterministic_order: s.deterministic_order,
            }),
            RelType::Deduplicate(d) => self.deduplicate(*d)?,
            RelType::Range(r) => {
                K::Range { start: r.start.unwrap_or(0), end: r.end, step: r.step, partitions: r.num_partitions }
            }
            RelType::SubqueryAlias(a) => {
                K::Alias { input: self.boxed_input(a.input)?, alias: a.alias, qualifier: a.qualifier, columns: vec![] }
            }
            RelType::Repartition(r) => K::Repartition {
                input: self.boxed_input(r.input)?,
                partitions: r.num_partitions,
                shuffle: r.shuffle.unwrap_or(false),
            },
            RelType::RepartitionByExpression(r) => K::RepartitionBy {
                input: self.boxed_input(r.input)?,
                exprs: self.exprs(r.partition_exprs)?,
                partitions: r.num_partitions,
            },
            RelType::ToDf(t) => K::ToDf { input: self.boxed_input(t.input)?, names: t.column_names },
            RelType::WithColumnsRenamed(w) => self.renames(*w)?,
            RelType::WithColumns(w) => self.with_columns(*w)?,
            RelType::Drop(d) => {
                K::Drop { input: self.boxed_input(d.input)?, columns: self.exprs(d.columns)?, names: d.column_names }
            }
            RelType::ToSchema(t) => {
                K::ToSchema { input: self.boxed_input(t.input)?, schema: self.schema(&t.schema.unwrap_or_default())? }
            }
            RelType::Hint(h) => {
                K::Hint { input: self.boxed_input(h.input)?, name: h.name, parameters: self.exprs(h.parameters)? }
            }
            RelType::Unpivot(u) => {
                K::Unpivot(Box::new(Unpivot {
                    input: self.input(u.input)?,
                    ids: Some(self.exprs(u.ids)?),
                    values: u.values.map(|v| self.exprs(v.values)).transpose()?.map(|values| {
                        values.into_iter().map(|v| UnpivotValue { columns: vec![v], alias: None }).collect()
                    }),
                    variable: u.variable_column_name,
                    value_names: vec![u.value_column_name],
                    include_nulls: true,
                }))
            }
            RelType::Transpose(t) => {
                K::Transpose { input: self.boxed_input(t.input)?, index_columns: self.exprs(t.index_columns)? }
            }
            RelType::UnresolvedTableValuedFunction(f) => {
                K::TableFunction(FunctionCall::new(self.text.name(&f.function_name)?, self.exprs(f.arguments)?))
            }
            RelType::CommonInlineUserDefinedTableFunction(f) => K::Udtf(Box::new(self.udtf(f)?)),
            RelType::CommonInlineUserDefinedDataSource(_) => K::Unsupported("an inline data source".into()),
            RelType::MapPartitions(m) => K::MapPartitions {
                input: self.boxed_input(m.input)?,
                function: self.udf(m.func.ok_or_else(|| broken("mapPartitions needs a function"))?)?,
                barrier: m.is_barrier.unwrap_or(false),
            },
            RelType::GroupMap(g) => self.group_map(*g)?,
            RelType::CoGroupMap(c) => K::CoGroupMap(Box::new(CoGroupMap {
                left: self.input(c.input)?,
                left_grouping: self.exprs(c.input_grouping_expressions)?,
                right: self.input(c.other)?,
                right_grouping: self.exprs(c.other_grouping_expressions)?,
                function: self.udf(c.func.ok_or_else(|| broken("cogroup needs a function"))?)?,
            })),
            RelType::ApplyInPandasWithState(a) => K::GroupMap(Box::new(GroupMap {
                input: self.input(a.input)?,
                grouping: self.exprs(a.grouping_expressions)?,
                function: self.udf(a.func.ok_or_else(|| broken("applyInPandasWithState needs a function"))?)?,
                sorting: vec![],
                stateful: Some("applyInPandasWithState".into()),
            })),
            RelType::CollectMetrics(c) => {
                K::CollectMetrics { input: self.boxed_input(c.input)?, name: c.name, metrics: self.exprs(c.metrics)? }
            }
            RelType::Parse(p) => self.parse(*p)?,
            RelType::WithWatermark(w) => K::WithWatermark {
                input: self.boxed_input(w.input)?,
                event_time: w.event_time,
                delay: w.delay_threshold,
            },
            RelType::WithRelations(w) => match w.root.map(|r| *r) {
                // SQL text over DataFrames given by name.
                Some(root) => K::WithRelations {
                    root: Box::new(self.relation(root)?),
                    references: w.references.into_iter().map(|r| self.relation(r)).collect::<SparkResult<_>>()?,
                },
                None => return Err(not_set("Relation", "RELTYPE_NOT_SET")),
            },
            RelType::RelationChanges(_) => K::Unsupported("changes of a table".into()),
            RelType::Catalog(c) => K::Command(Box::new(Command::Catalog(self.catalog(c)?))),
            RelType::MlRelation(m) => K::Ml(Box::new(self.ml_relation(*m)?)),
            RelType::Extension(any) => {
                return Err(SparkError::new("CONNECT_INVALID_PLAN.NO_HANDLER_FOR_EXTENSION")
                    .param("extensionTypeUrl", any.type_url));
            }
            RelType::Unknown(_) => return Err(not_set("Relation", "UNKNOWN")),
            other => return self.statistics(other),
        })
    }
}
