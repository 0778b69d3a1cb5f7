//! Operators over one input that need more than a line.

use std::sync::Arc;

use spark_connect_proto as proto;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::DataType;
use vonk_plan::expr::UserCode;
use vonk_plan::relation::*;

use crate::convert::{Converter, bad_enum, broken, not_set, options};

impl Converter {
    pub(super) fn aggregate(&self, a: proto::Aggregate) -> SparkResult<RelationKind> {
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

    pub(super) fn deduplicate(&self, d: proto::Deduplicate) -> SparkResult<RelationKind> {
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

    pub(super) fn with_columns(&self, w: proto::WithColumns) -> SparkResult<RelationKind> {
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

    pub(super) fn group_map(&self, g: proto::GroupMap) -> SparkResult<RelationKind> {
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

    pub(super) fn parse(&self, p: proto::Parse) -> SparkResult<RelationKind> {
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

    pub(in crate::convert) fn udtf(&self, f: proto::CommonInlineUserDefinedTableFunction) -> SparkResult<UdtfCall> {
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

    #[allow(deprecated)] // Clients up to 3.5 send a map.
    pub(super) fn renames(&self, w: proto::WithColumnsRenamed) -> SparkResult<RelationKind> {
        let renames = if w.renames.is_empty() {
            w.rename_columns_map.into_iter().collect()
        } else {
            w.renames.into_iter().map(|r| (r.col_name, r.new_col_name)).collect()
        };
        Ok(RelationKind::RenameColumns { input: self.boxed_input(w.input)?, renames })
    }
}
