//! Relations.

use std::sync::Arc;

use proto::relation::RelType;
use spark_connect_proto as proto;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::{FunctionCall, UserCode};
use vonk_plan::relation::*;
use vonk_plan::{Command, DataType, Expr};

use super::{Converter, bad_enum, broken, not_set, options, origin};
use crate::wire;

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
                kind: join_kind(j.join_type)?,
                condition: self.on(j.join_condition)?,
                lateral: true,
            })),
            RelType::AsOfJoin(j) => self.as_of_join(*j)?,
            RelType::NearestByJoin(j) => K::NearestByJoin(Box::new(NearestByJoin {
                left: self.input(j.left)?,
                right: self.input(j.right)?,
                ranking: self.expr_required(j.ranking_expression)?,
                num_results: j.num_results,
                kind: join_kind_by_name(&j.join_type)?,
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
            RelType::WithColumnsRenamed(mut w) => renames(self.boxed_input(w.input.take())?, *w),
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

    /// Presentation, missing values and statistics.
    fn statistics(&self, message: RelType) -> SparkResult<RelationKind> {
        use RelationKind as K;
        Ok(match message {
            RelType::ShowString(s) => K::ShowString {
                input: self.boxed_input(s.input)?,
                rows: s.num_rows,
                truncate: s.truncate,
                vertical: s.vertical,
            },
            RelType::HtmlString(h) => {
                K::HtmlString { input: self.boxed_input(h.input)?, rows: h.num_rows, truncate: h.truncate }
            }
            RelType::FillNa(f) => {
                if f.values.is_empty() {
                    return Err(SparkError::new("CONNECT_INVALID_PLAN.NA_FILL_VALUES_EMPTY"));
                }
                if f.values.len() > 1 && f.values.len() != f.cols.len() {
                    return Err(SparkError::new("CONNECT_INVALID_PLAN.NA_FILL_VALUES_LENGTH_MISMATCH"));
                }
                let values = f.values.into_iter().map(|l| self.literal(l)).collect::<SparkResult<_>>()?;
                K::FillNa { input: self.boxed_input(f.input)?, columns: f.cols, values }
            }
            RelType::DropNa(d) => {
                K::DropNa { input: self.boxed_input(d.input)?, columns: d.cols, min_non_nulls: d.min_non_nulls }
            }
            RelType::Replace(r) => K::Replace {
                input: self.boxed_input(r.input)?,
                columns: r.cols,
                replacements: r
                    .replacements
                    .into_iter()
                    .map(|r| {
                        let old = self.literal(r.old_value.unwrap_or_default())?;
                        Ok((old, self.literal(r.new_value.unwrap_or_default())?))
                    })
                    .collect::<SparkResult<_>>()?,
            },
            RelType::Summary(s) => K::Summary { input: self.boxed_input(s.input)?, statistics: s.statistics },
            RelType::Describe(d) => K::Describe { input: self.boxed_input(d.input)?, columns: d.cols },
            RelType::Crosstab(c) => K::Crosstab { input: self.boxed_input(c.input)?, left: c.col1, right: c.col2 },
            RelType::Cov(c) => K::Cov { input: self.boxed_input(c.input)?, left: c.col1, right: c.col2 },
            RelType::Corr(c) => {
                K::Corr { input: self.boxed_input(c.input)?, left: c.col1, right: c.col2, method: c.method }
            }
            RelType::ApproxQuantile(a) => K::ApproxQuantile {
                input: self.boxed_input(a.input)?,
                columns: a.cols,
                probabilities: a.probabilities,
                relative_error: a.relative_error,
            },
            RelType::FreqItems(f) => {
                K::FreqItems { input: self.boxed_input(f.input)?, columns: f.cols, support: f.support }
            }
            RelType::SampleBy(s) => K::SampleBy {
                input: self.boxed_input(s.input)?,
                column: self.expr_required(s.col)?,
                fractions: s
                    .fractions
                    .into_iter()
                    .map(|f| Ok((self.literal(f.stratum.unwrap_or_default())?, f.fraction)))
                    .collect::<SparkResult<_>>()?,
                seed: s.seed,
            },
            _ => return Err(not_set("Relation", "UNKNOWN")),
        })
    }

    fn on(&self, condition: Option<proto::Expression>) -> SparkResult<JoinCondition> {
        condition.map_or(Ok(JoinCondition::None), |c| Ok(JoinCondition::On(self.expr(c)?)))
    }

    fn condition(&self, on: Option<proto::Expression>, using: Vec<String>) -> SparkResult<JoinCondition> {
        match (on, using.is_empty()) {
            (Some(_), false) => {
                Err(SparkError::new("CONNECT_INVALID_PLAN.USING_COLUMNS_OR_JOIN_CONDITION_SET_IN_JOIN"))
            }
            (None, false) => Ok(JoinCondition::Using(using)),
            (on, true) => self.on(on),
        }
    }

    fn join(&self, j: proto::Join) -> SparkResult<RelationKind> {
        if j.join_data_type.is_some() {
            return Ok(RelationKind::Unsupported("joinWith".into()));
        }
        let condition = self.condition(j.join_condition, j.using_columns)?;
        let (left, right) = (self.input(j.left)?, self.input(j.right)?);
        Ok(RelationKind::Join(Box::new(Join { left, right, kind: join_kind(j.join_type)?, condition, lateral: false })))
    }

    fn as_of_join(&self, j: proto::AsOfJoin) -> SparkResult<RelationKind> {
        Ok(RelationKind::AsOfJoin(Box::new(AsOfJoin {
            left: self.input(j.left)?,
            right: self.input(j.right)?,
            left_as_of: self.expr_required(j.left_as_of)?,
            right_as_of: self.expr_required(j.right_as_of)?,
            condition: self.condition(j.join_expr, j.using_columns)?,
            kind: join_kind_by_name(&j.join_type)?,
            tolerance: j.tolerance.map(|t| self.expr(t)).transpose()?,
            allow_exact_matches: j.allow_exact_matches,
            direction: j.direction,
        })))
    }

    /// A set operation; the left spine of a chain of unions becomes one node.
    fn set_operation(&self, s: proto::SetOperation) -> SparkResult<RelationKind> {
        use proto::set_operation::SetOpType;
        let (all, by_name) = (s.is_all.unwrap_or(false), s.by_name.unwrap_or(false));
        let missing = s.allow_missing_columns.unwrap_or(false);
        let refuse = |class: &str| Err(SparkError::new(format!("CONNECT_INVALID_PLAN.{class}")));
        let kind = match SetOpType::try_from(s.set_op_type) {
            Ok(SetOpType::Union) if missing && !by_name => {
                return refuse("UNION_BY_NAME_ALLOW_MISSING_COL_REQUIRES_BY_NAME");
            }
            Ok(SetOpType::Union) => SetKind::Union,
            Ok(SetOpType::Intersect) if by_name => return refuse("INTERSECT_DOES_NOT_SUPPORT_UNION_BY_NAME"),
            Ok(SetOpType::Intersect) => SetKind::Intersect,
            Ok(SetOpType::Except) if by_name => return refuse("EXCEPT_DOES_NOT_SUPPORT_UNION_BY_NAME"),
            Ok(SetOpType::Except) => SetKind::Except,
            _ => return Err(bad_enum("SetOperation.SetOpType", "set_op_type", s.set_op_type)),
        };
        let (Some(left), Some(right)) = (s.left_input, s.right_input) else {
            return refuse("SET_OPERATION_MUST_HAVE_TWO_INPUTS");
        };
        let mut rights = vec![*right];
        let mut left = *left;
        if kind == SetKind::Union && all {
            while let Some(RelType::SetOp(inner)) = &mut left.rel_type {
                let alike = inner.set_op_type == s.set_op_type
                    && inner.is_all == s.is_all
                    && inner.by_name.unwrap_or(false) == by_name
                    && inner.allow_missing_columns.unwrap_or(false) == missing;
                if !alike {
                    break;
                }
                let (Some(l), Some(r)) = (inner.left_input.take(), inner.right_input.take()) else {
                    return refuse("SET_OPERATION_MUST_HAVE_TWO_INPUTS");
                };
                rights.push(*r);
                left = *l;
            }
        }
        let inputs = std::iter::once(left).chain(rights.into_iter().rev()).map(|r| self.relation(r));
        Ok(RelationKind::SetOperation(SetOperation {
            kind,
            inputs: inputs.collect::<SparkResult<_>>()?,
            all,
            by_name,
            allow_missing_columns: missing,
        }))
    }

    fn aggregate(&self, a: proto::Aggregate) -> SparkResult<RelationKind> {
        use proto::aggregate::GroupType;
        if a.input.is_none() {
            return Err(SparkError::new("CONNECT_INVALID_PLAN.AGGREGATE_NEEDS_PLAN_INPUT"));
        }
        let by = self.exprs(a.grouping_expressions)?;
        let grouping = match GroupType::try_from(a.group_type) {
            Ok(GroupType::Groupby) => Grouping::By(by),
            Ok(GroupType::Rollup) => Grouping::Rollup(by),
            Ok(GroupType::Cube) => Grouping::Cube(by),
            Ok(GroupType::GroupingSets) => Grouping::Sets {
                exprs: by,
                sets: a.grouping_sets.into_iter().map(|s| self.exprs(s.grouping_set)).collect::<SparkResult<_>>()?,
            },
            Ok(GroupType::Pivot) => {
                let pivot = a
                    .pivot
                    .ok_or_else(|| SparkError::new("CONNECT_INVALID_PLAN.AGGREGATE_WITH_PIVOT_REQUIRES_PIVOT"))?;
                Grouping::Pivot {
                    by,
                    column: Box::new(self.expr_required(pivot.col)?),
                    values: pivot.values.into_iter().map(|l| self.literal(l)).collect::<SparkResult<_>>()?,
                }
            }
            _ => return Err(bad_enum("Aggregate.GroupType", "group_type", a.group_type)),
        };
        Ok(RelationKind::Aggregate(Box::new(Aggregate {
            input: self.input(a.input)?,
            grouping,
            aggregates: self.exprs(a.aggregate_expressions)?,
            with_grouping_columns: true,
        })))
    }

    fn deduplicate(&self, d: proto::Deduplicate) -> SparkResult<RelationKind> {
        if d.input.is_none() {
            return Err(SparkError::new("CONNECT_INVALID_PLAN.DEDUPLICATE_NEEDS_INPUT"));
        }
        let columns = match (d.all_columns_as_keys.unwrap_or(false), d.column_names.is_empty()) {
            (true, false) => {
                return Err(SparkError::new("CONNECT_INVALID_PLAN.DEDUPLICATE_ALL_COLUMNS_AND_SUBSET"));
            }
            (false, true) => {
                return Err(SparkError::new("CONNECT_INVALID_PLAN.DEDUPLICATE_REQUIRES_COLUMNS_OR_ALL"));
            }
            (true, true) => None,
            (false, false) => Some(d.column_names),
        };
        let within_watermark = d.within_watermark.unwrap_or(false);
        Ok(RelationKind::Deduplicate { input: self.boxed_input(d.input)?, columns, within_watermark })
    }

    fn with_columns(&self, w: proto::WithColumns) -> SparkResult<RelationKind> {
        let mut columns = Vec::with_capacity(w.aliases.len());
        for alias in w.aliases {
            if alias.name.len() != 1 {
                return Err(SparkError::new("CONNECT_INVALID_PLAN.WITH_COLUMNS_REQUIRE_SINGLE_NAME_PART")
                    .param("got", alias.name.join(".")));
            }
            let expr_type = Some(proto::expression::ExprType::Alias(Box::new(alias)));
            columns.push(self.expr(proto::Expression { common: None, expr_type })?);
        }
        Ok(RelationKind::WithColumns { input: self.boxed_input(w.input)?, columns })
    }

    fn group_map(&self, g: proto::GroupMap) -> SparkResult<RelationKind> {
        let stateful = match (&g.transform_with_state_info, g.is_map_groups_with_state) {
            (Some(_), _) => Some("transformWithState".to_string()),
            (None, Some(_)) => Some("mapGroupsWithState".to_string()),
            (None, None) => None,
        };
        let sorting = self.exprs(g.sorting_expressions)?.into_iter().map(vonk_plan::expr::SortOrder::asc).collect();
        Ok(RelationKind::GroupMap(Box::new(GroupMap {
            input: self.input(g.input)?,
            grouping: self.exprs(g.grouping_expressions)?,
            function: self.udf(g.func.ok_or_else(|| broken("a group map needs a function"))?)?,
            sorting,
            stateful,
        })))
    }

    fn parse(&self, p: proto::Parse) -> SparkResult<RelationKind> {
        use proto::parse::ParseFormat;
        let format = match ParseFormat::try_from(p.format) {
            Ok(ParseFormat::Csv) => "csv",
            Ok(ParseFormat::Json) => "json",
            Ok(ParseFormat::Xml) => "xml",
            _ => return Err(bad_enum("Parse.ParseFormat", "format", p.format)),
        };
        Ok(RelationKind::Parse {
            input: self.boxed_input(p.input)?,
            format: format.into(),
            schema: p.schema.as_ref().map(|t| self.schema(t)).transpose()?,
            options: options(p.options),
        })
    }

    pub(super) fn udtf(&self, f: proto::CommonInlineUserDefinedTableFunction) -> SparkResult<UdtfCall> {
        use proto::common_inline_user_defined_table_function::Function;
        let Some(Function::PythonUdtf(code)) = f.function else {
            return Err(not_set("CommonInlineUserDefinedTableFunction", "FUNCTION_NOT_SET"));
        };
        let return_type = code.return_type.as_ref().map(|t| self.data_type(t)).transpose()?;
        Ok(UdtfCall {
            name: f.function_name,
            args: self.exprs(f.arguments)?,
            deterministic: f.deterministic,
            return_type: return_type.clone(),
            code: UserCode::Python {
                output_type: return_type.unwrap_or(DataType::Null),
                eval_type: code.eval_type,
                command: Arc::from(&code.command[..]),
                python_version: code.python_ver,
            },
        })
    }

    /// Local data sent earlier in pieces, each an Arrow stream of its own.
    fn chunked(&self, c: proto::ChunkedCachedLocalRelation) -> SparkResult<RelationKind> {
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

    fn read(&self, r: proto::Read) -> SparkResult<RelationKind> {
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

    fn local(&self, l: proto::LocalRelation) -> SparkResult<RelationKind> {
        let schema = l.schema.filter(|s| !s.is_empty()).map(|s| self.text.schema(&s)).transpose()?;
        if l.data.is_none() && schema.is_none() {
            return Err(SparkError::new("CONNECT_INVALID_PLAN.SCHEMA_REQUIRED_FOR_LOCAL_RELATION"));
        }
        Ok(RelationKind::Local { data: l.data.map(|d| Arc::from(&d[..])), schema })
    }
}

#[allow(deprecated)] // Clients up to 3.5 send a map.
fn renames(input: Box<Relation>, w: proto::WithColumnsRenamed) -> RelationKind {
    let renames = if w.renames.is_empty() {
        w.rename_columns_map.into_iter().collect()
    } else {
        w.renames.into_iter().map(|r| (r.col_name, r.new_col_name)).collect()
    };
    RelationKind::RenameColumns { input, renames }
}

fn join_kind(number: i32) -> SparkResult<JoinKind> {
    use proto::join::JoinType;
    Ok(match JoinType::try_from(number) {
        Ok(JoinType::Inner) => JoinKind::Inner,
        Ok(JoinType::LeftOuter) => JoinKind::Left,
        Ok(JoinType::RightOuter) => JoinKind::Right,
        Ok(JoinType::FullOuter) => JoinKind::Full,
        Ok(JoinType::LeftSemi) => JoinKind::LeftSemi,
        Ok(JoinType::LeftAnti) => JoinKind::LeftAnti,
        Ok(JoinType::Cross) => JoinKind::Cross,
        _ => return Err(bad_enum("Join.JoinType", "join_type", number)),
    })
}

/// Join types by the names that Spark's API accepts.
fn join_kind_by_name(name: &str) -> SparkResult<JoinKind> {
    Ok(match name.to_lowercase().replace('_', "").as_str() {
        "inner" => JoinKind::Inner,
        "outer" | "full" | "fullouter" => JoinKind::Full,
        "leftouter" | "left" => JoinKind::Left,
        "rightouter" | "right" => JoinKind::Right,
        "leftsemi" | "semi" => JoinKind::LeftSemi,
        "leftanti" | "anti" => JoinKind::LeftAnti,
        "cross" => JoinKind::Cross,
        _ => {
            return Err(SparkError::new("UNSUPPORTED_JOIN_TYPE").param("typ", name).param(
                "supported",
                "'inner', 'outer', 'full', 'fullouter', 'full_outer', 'leftouter', 'left', 'left_outer', \
                 'rightouter', 'right', 'right_outer', 'leftsemi', 'left_semi', 'semi', 'leftanti', 'left_anti', \
                 'anti', 'cross'",
            ));
        }
    })
}
