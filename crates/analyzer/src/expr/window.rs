//! `function OVER (PARTITION BY … ORDER BY … frame)`.
//!
//! The function's builder gives an expression with aggregate or window calls in it; here each gets
//! the partitioning, order and frame. `crate::window` later takes them out of the expression.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    Expr as DfExpr, WindowFrame as DfFrame, WindowFrameBound as DfBound, WindowFrameUnits, WindowFunctionDefinition,
};
use vonk_common::error::quote_sql;
use vonk_common::{Origin, SparkError, SparkResult};
use vonk_expr::order::ordering_key;
use vonk_expr::{AggregateCall, Body, SqlText, TypedExpr, spark_error};
use vonk_plan::Expr;
use vonk_plan::expr::{CallSyntax, ExprKind, FrameBound, FunctionCall, WindowExpr, WindowFrame};
use vonk_plan::types::DataType;

use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::expr::call::as_shown;
use crate::expr::order::SortKey;
use crate::expr::sql_function::sql_function_in;
use crate::resolver::SessionFunction;
use crate::scope::column_id;

/// Functions that look at ranks: their frame is fixed.
const ROWS_TO_CURRENT: [&str; 6] = ["row_number", "rank", "dense_rank", "percent_rank", "ntile", "counter_diff"];

impl Analyzer {
    /// What is wrong with a call of no built-in function over a window.
    fn no_window_call(&self, call: &FunctionCall, at: Option<&Arc<Origin>>) -> SparkResult<SparkError> {
        Ok(match self.resolver().function(&call.name)? {
            Some(SessionFunction::Sql { columns: None, .. }) => sql_function_in(call, "Window").at(at.cloned()),
            _ => self.unresolved_routine(&call.name, at),
        })
    }

    pub fn window(&self, env: &Env, w: &WindowExpr, at: Option<&Arc<Origin>>) -> SparkResult<TypedExpr> {
        let laterals = env.laterals.borrow().len();
        let not_a_window =
            |sql: String| SparkError::new("UNSUPPORTED_EXPR_FOR_WINDOW").param("sqlExpr", sql).at(at.cloned());
        let at_function = w.function.origin.as_ref();
        let (call, spec) = match &w.function.kind {
            ExprKind::Function(call) => (Some(call), self.builtin(&call.name)),
            _ => (None, None),
        };
        let (Some(call), Some(spec)) = (call, spec) else {
            let mut composed = false;
            let function = match call {
                None => self.expr(env, &w.function)?,
                Some(call) => match (super::internal::meaning(call), self.registered_python(call)?) {
                    (Some(meaning), _) => {
                        composed = true;
                        self.expr(env, &meaning)?
                    }
                    (None, Some(udf)) => self.registered_udf(env, &udf, call, at_function)?,
                    (None, None) => return Err(self.no_window_call(call, at_function)?),
                },
            };
            if !composed && !matches!(function.expr, DfExpr::AggregateFunction(_)) {
                return Err(not_a_window(function.quoted_sql()));
            }
            let (partition, order) = self.window_keys(env, w)?;
            let frame = self.frame(env, w.frame.as_ref(), "", false, &order, 1)?;
            return over(function, &partition, &order, frame);
        };
        let name = call.name.last().map(|n| n.to_lowercase()).unwrap_or_default();
        let ctx = self.fn_context(&name, w.function.origin.as_ref());
        let is_window = matches!(spec.body, Body::Window(_));
        // How far `lead` and `lag` look.
        let mut offset = 1;
        let given;
        let function = match spec.body {
            Body::Aggregate(build) => {
                let ctx = as_shown(&ctx, call);
                let data = self.aggregate_data(env, spec, call)?;
                given = data.clone();
                if call.distinct {
                    let text = SqlText::call(&name, data.args.iter().map(|a| a.sql.clone()));
                    return Err(SparkError::new("DISTINCT_WINDOW_FUNCTION_UNSUPPORTED")
                        .param("windowExpr", quote_sql(text))
                        .at(at.cloned()));
                }
                let function = self.finish_aggregate(&ctx, data, build)?;
                self.aggregate_clauses(spec, call, &ctx)?;
                function
            }
            Body::Window(build) => {
                let data = self.aggregate_data(env, spec, call)?;
                let rows = data.args.get(1).filter(|a| a.foldable && a.data_type.is_integral());
                let rows = rows.map(|a| a.constant_i64(&name, "offset")).transpose()?.flatten().unwrap_or(1);
                offset = if name == "lag" { -rows } else { rows };
                given = data.clone();
                let function = build(&ctx, data)?;
                self.window_clauses(spec, call, &ctx)?;
                if w.order_by.is_empty() {
                    let shown = build(&ctx, qualified(env, given))?;
                    return Err(SparkError::new("WINDOW_FUNCTION_FRAME_NOT_ORDERED")
                        .param("wf_name", &name)
                        .param("wf_expr", shown.sql)
                        .at(at.cloned()));
                }
                function
            }
            _ => return Err(not_a_window(self.expr(env, &w.function)?.quoted_sql())),
        };
        let (partition, order) = self.window_keys(env, w)?;
        if is_window && let Some(frame) = &w.frame {
            self.required_frame(env, frame, &name, offset)?;
        }
        whole_partition(spec.name, &given, w, &order).map_err(|e| e.at(at.cloned()))?;
        let frame = self.frame(env, w.frame.as_ref(), &name, is_window, &order, offset)?;
        let frame_text = if w.frame.is_some() { frame.text.clone() } else { "unspecifiedframe$()".into() };
        let out = over(function, &partition, &order, frame)?;
        if let Some(alias) = env.laterals.borrow().get(laterals) {
            let written = SqlText::call(&name, given.args.iter().map(|a| a.sql.clone()));
            let text = SqlText::concat([written, over_text(&partition, &order, frame_text).into()]);
            env.postpone(
                SparkError::new("UNSUPPORTED_FEATURE.LATERAL_COLUMN_ALIAS_IN_WINDOW")
                    .param("lca", alias)
                    .param("windowExpr", quote_sql(text))
                    .at(at.cloned()),
            );
        }
        Ok(out)
    }

    /// PARTITION BY and ORDER BY of a window.
    fn window_keys(&self, env: &Env, w: &WindowExpr) -> SparkResult<(Vec<TypedExpr>, Vec<SortKey>)> {
        let partition = self.exprs(env, &w.partition_by)?;
        let order: SparkResult<Vec<_>> =
            w.order_by.iter().map(|o| SortKey::new(self.expr(env, &o.child)?, o)).collect();
        Ok((partition, order?))
    }

    /// Error: the frame is another than the one that the function looks at.
    fn required_frame(&self, env: &Env, w: &WindowFrame, name: &str, offset: i64) -> SparkResult<()> {
        if matches!(name, "lag" | "lead") {
            let same = w.rows && self.is_offset(env, &w.lower, offset)? && self.is_offset(env, &w.upper, offset)?;
            return match same {
                true => Ok(()),
                false => Err(SparkError::new("_LEGACY_ERROR_TEMP_1035").param("prettyName", name)),
            };
        }
        let rows = ROWS_TO_CURRENT.contains(&name);
        let to_current = w.lower == FrameBound::UnboundedPreceding && w.upper == FrameBound::CurrentRow;
        if name == "nth_value" || rows == w.rows && to_current {
            return Ok(());
        }
        let kind = |rows: bool| if rows { "RowFrame" } else { "RangeFrame" };
        let (lower, upper) = (self.bound_in_plan(env, &w.lower)?, self.bound_in_plan(env, &w.upper)?);
        Err(SparkError::new("_LEGACY_ERROR_TEMP_1036")
            .param("wf", format!("specifiedwindowframe({}, {lower}, {upper})", kind(w.rows)))
            .param("required", format!("specifiedwindowframe({}, unboundedpreceding$(), currentrow$())", kind(rows))))
    }

    /// Is the bound that many rows away, and written so?
    fn is_offset(&self, env: &Env, b: &FrameBound, offset: i64) -> SparkResult<bool> {
        let FrameBound::Value(e) = b else { return Ok(false) };
        if negated_part(e).is_some() {
            return Ok(false);
        }
        let value = self.expr(env, e)?;
        let constant = value.foldable && value.data_type.is_integral();
        Ok(constant && value.constant_i64("window frame", "bound")? == Some(offset))
    }

    /// The bound as Spark's plans show it.
    fn bound_in_plan(&self, env: &Env, b: &FrameBound) -> SparkResult<String> {
        Ok(match b {
            FrameBound::UnboundedPreceding => "unboundedpreceding$()".into(),
            FrameBound::UnboundedFollowing => "unboundedfollowing$()".into(),
            FrameBound::CurrentRow => "currentrow$()".into(),
            FrameBound::Value(e) => match negated_part(e) {
                Some(part) => format!("-{}", self.expr(env, part)?.sql),
                None => self.expr(env, e)?.sql.to_string(),
            },
        })
    }

    fn frame(
        &self,
        env: &Env,
        given: Option<&WindowFrame>,
        name: &str,
        is_window: bool,
        order: &[SortKey],
        offset: i64,
    ) -> SparkResult<Frame> {
        let unbounded = |rows: bool, to_end: bool| {
            let units = if rows { WindowFrameUnits::Rows } else { WindowFrameUnits::Range };
            let end = if to_end { following(ScalarValue::UInt64(None)) } else { DfBound::CurrentRow };
            Frame {
                frame: DfFrame::new_bounds(units, preceding(ScalarValue::UInt64(None)), end),
                text: format!(
                    "{} BETWEEN UNBOUNDED PRECEDING AND {}",
                    if rows { "ROWS" } else { "RANGE" },
                    if to_end { "UNBOUNDED FOLLOWING" } else { "CURRENT ROW" }
                ),
                key: None,
            }
        };
        if ROWS_TO_CURRENT.contains(&name) {
            return Ok(unbounded(true, false));
        }
        let Some(w) = given else {
            return Ok(match name {
                "cume_dist" => unbounded(false, false),
                "lead" | "lag" if is_window => Frame {
                    text: format!("ROWS BETWEEN {offset} FOLLOWING AND {offset} FOLLOWING"),
                    ..unbounded(true, true)
                },
                _ if order.is_empty() => unbounded(true, true),
                _ => unbounded(false, false),
            });
        };
        if !w.rows && order.is_empty() && !is_unbounded(w) {
            return Err(
                SparkError::new("DATATYPE_MISMATCH.RANGE_FRAME_WITHOUT_ORDER").param("sqlExpr", quote_sql(name))
            );
        }
        let offsets = [&w.lower, &w.upper].into_iter().any(|b| matches!(b, FrameBound::Value(_)));
        if !w.rows && offsets && order.len() > 1 {
            return Err(SparkError::new("DATATYPE_MISMATCH.RANGE_FRAME_MULTI_ORDER")
                .param("sqlExpr", quote_sql(name))
                .param("orderSpec", order.iter().map(SortKey::text).collect::<Vec<_>>().join(", ")));
        }
        let (start, start_text) = self.bound(env, &w.lower, w.rows, order)?;
        let (end, end_text) = self.bound(env, &w.upper, w.rows, order)?;
        let units = if w.rows { WindowFrameUnits::Rows } else { WindowFrameUnits::Range };
        let text = format!("{} BETWEEN {start_text} AND {end_text}", if w.rows { "ROWS" } else { "RANGE" });
        if w.lower == FrameBound::UnboundedFollowing || w.upper == FrameBound::UnboundedPreceding {
            return Err(SparkError::new("DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_INVALID_BOUND")
                .param("sqlExpr", quote_sql(text))
                .param("lower", self.bound_sql(env, &w.lower)?)
                .param("upper", self.bound_sql(env, &w.upper)?));
        }
        let ends_early = place(&start) > place(&end);
        let frame = match (&start, &end) {
            // Beyond all rows: an empty one.
            (DfBound::CurrentRow, _) | (_, DfBound::CurrentRow) if ends_early => {
                let beyond = || following(ScalarValue::UInt64(Some(1 << 40)));
                DfFrame::new_bounds(WindowFrameUnits::Rows, beyond(), beyond())
            }
            _ if ends_early => {
                return Err(SparkError::new("DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_WRONG_COMPARISON")
                    .param("sqlExpr", quote_sql(text))
                    .param("comparison", "less than or equal"));
            }
            _ => DfFrame::new_bounds(units, start, end),
        };
        Ok(Frame { frame, text, key: self.checked_key(env, w, order)? })
    }

    /// The integer that a RANGE frame goes by, which fails where a bound of the frame is beyond its type.
    fn checked_key(&self, env: &Env, w: &WindowFrame, order: &[SortKey]) -> SparkResult<Option<DfExpr>> {
        let Some(SortKey { value: key, ascending, .. }) = order.first() else { return Ok(None) };
        if w.rows || !key.data_type.is_integral() || !self.facts().conf.ansi() {
            return Ok(None);
        }
        let mut args = vec![key.clone()];
        // Spark comes to the upper one first.
        for bound in [&w.upper, &w.lower] {
            let FrameBound::Value(offset) = bound else { continue };
            let mut offset = vonk_expr::cast::cast(self.facts(), self.expr(env, offset)?, &key.data_type)?;
            if !ascending {
                offset = self.call_builtin(env, "negative", vec![offset], None)?;
            }
            args.push(self.call_builtin(env, "+", vec![key.clone(), offset], None)?);
        }
        match args.len() {
            1 => Ok(None),
            _ => Ok(Some(self.call_builtin(env, "$checked", args, None)?.expr)),
        }
    }

    fn bound_sql(&self, env: &Env, b: &FrameBound) -> SparkResult<String> {
        Ok(match b {
            FrameBound::UnboundedPreceding => quote_sql("UNBOUNDED PRECEDING"),
            FrameBound::UnboundedFollowing => quote_sql("UNBOUNDED FOLLOWING"),
            FrameBound::CurrentRow => quote_sql("CURRENT ROW"),
            FrameBound::Value(e) => self.expr(env, e)?.quoted_sql(),
        })
    }

    fn bound(&self, env: &Env, b: &FrameBound, rows: bool, order: &[SortKey]) -> SparkResult<(DfBound, String)> {
        Ok(match b {
            FrameBound::UnboundedPreceding => (preceding(ScalarValue::UInt64(None)), "UNBOUNDED PRECEDING".into()),
            FrameBound::UnboundedFollowing => (following(ScalarValue::UInt64(None)), "UNBOUNDED FOLLOWING".into()),
            FrameBound::CurrentRow => (DfBound::CurrentRow, "CURRENT ROW".into()),
            FrameBound::Value(e) => {
                let value = self.expr(env, e)?;
                // `1 PRECEDING` is the negated 1, and says so where it is cast to the type of the key.
                let key_type = order.first().map(|k| &k.value.data_type);
                let cast = !rows && key_type.is_some_and(|t| t.is_numeric() && *t != value.data_type);
                let text = match negated_part(e) {
                    Some(part) if !cast => format!("{} PRECEDING", self.expr(env, part)?.sql),
                    _ => format!("{} FOLLOWING", value.sql),
                };
                if !value.foldable {
                    return Err(SparkError::new("DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_WITHOUT_FOLDABLE")
                        .param("sqlExpr", value.quoted_sql())
                        .param("location", "lower")
                        .param("expression", value.quoted_sql()));
                }
                let shown = if rows { DataType::Int } else { DataType::STRING };
                if rows && !value.data_type.is_integral() || !rows && value.data_type.is_string() {
                    return Err(unaccepted(&value, &shown));
                }
                if rows {
                    let n = value.constant_i64("window frame", "bound")?.unwrap_or(0);
                    let offset = ScalarValue::UInt64(Some(n.unsigned_abs()));
                    return Ok(match n {
                        0 => (DfBound::CurrentRow, text),
                        n if n < 0 => (preceding(offset), text),
                        _ => (following(offset), text),
                    });
                }
                let Some(key) = order.first() else { return Err(SparkError::internal("range frame without order")) };
                let negative = self.is_negative(&value)?;
                let size = if negative { self.negated(value)? } else { value };
                let offset = self.range_offset(size, &key.value.data_type)?;
                (if negative { preceding(offset) } else { following(offset) }, text)
            }
        })
    }

    fn is_negative(&self, value: &TypedExpr) -> SparkResult<bool> {
        Ok(value.constant()?.is_some_and(|v| match v {
            ScalarValue::IntervalYearMonth(Some(m)) => m < 0,
            ScalarValue::DurationMicrosecond(Some(d)) => d < 0,
            ScalarValue::IntervalMonthDayNano(Some(i)) => i.months < 0 || i.days < 0 || i.nanoseconds < 0,
            v => v.to_string().starts_with('-'),
        }))
    }

    fn negated(&self, value: TypedExpr) -> SparkResult<TypedExpr> {
        let v = value.constant()?.ok_or_else(|| SparkError::internal("frame bound"))?;
        let mut out = value;
        let negated = match v {
            ScalarValue::DurationMicrosecond(Some(d)) => ScalarValue::DurationMicrosecond(Some(d.saturating_neg())),
            v => v.arithmetic_negate().map_err(spark_error)?,
        };
        out.expr = DfExpr::Literal(negated, None);
        Ok(out)
    }

    /// The offset in a type that DataFusion can add to the ordering key.
    fn range_offset(&self, size: TypedExpr, key: &DataType) -> SparkResult<ScalarValue> {
        let constant = |e: TypedExpr| e.constant()?.ok_or_else(|| SparkError::internal("frame bound"));
        match (key, &size.data_type) {
            (k, s) if k.is_numeric() && s.is_numeric() => constant(vonk_expr::cast::cast(self.facts(), size, k)?),
            (DataType::Date, s) if s.is_integral() => {
                let days = size.constant_i64("window frame", "bound")?.unwrap_or(0);
                let days = i32::try_from(days).map_err(|_| SparkError::internal("frame of too many days"))?;
                Ok(ScalarValue::new_interval_mdn(0, days, 0))
            }
            (k, s) if k.is_datetime() && (s.is_ansi_interval() || *s == DataType::CalendarInterval) => {
                Ok(match constant(size)? {
                    ScalarValue::IntervalYearMonth(Some(m)) => ScalarValue::new_interval_mdn(m, 0, 0),
                    ScalarValue::DurationMicrosecond(Some(d)) => {
                        ScalarValue::new_interval_mdn(0, 0, d.saturating_mul(1000))
                    }
                    other => other,
                })
            }
            (DataType::String(_), _) => Err(unaccepted(&size, key)),
            (k, s) => Err(SparkError::new("DATATYPE_MISMATCH.RANGE_FRAME_INVALID_TYPE")
                .param("sqlExpr", size.quoted_sql())
                .param("orderSpecType", quote_sql(k.sql()))
                .param("valueBoundaryType", quote_sql(s.sql()))),
        }
    }
}

struct Frame {
    frame: DfFrame,
    text: String,
    /// What takes the place of the key of the order.
    key: Option<DfExpr>,
}

/// The calls of the function's expression over the window.
fn over(function: TypedExpr, partition: &[TypedExpr], order: &[SortKey], frame: Frame) -> SparkResult<TypedExpr> {
    let partition_by: Vec<DfExpr> = partition.iter().map(|p| ordering_key(p.expr.clone(), &p.data_type)).collect();
    let mut order_by: Vec<_> = order.iter().map(SortKey::sort).collect();
    if let (Some(key), Some(first)) = (frame.key, order_by.first_mut()) {
        first.expr = key;
    }
    let over = |mut f: WindowFunction| {
        f.params.partition_by = partition_by.clone();
        f.params.order_by = order_by.clone();
        f.params.window_frame = frame.frame.clone();
        Transformed::new(DfExpr::WindowFunction(Box::new(f)), true, TreeNodeRecursion::Jump)
    };
    let expr = function
        .expr
        .clone()
        .transform_down(|e| {
            Ok(match e {
                DfExpr::AggregateFunction(a) => {
                    let fun = WindowFunctionDefinition::AggregateUDF(a.func);
                    let mut f = WindowFunction::new(fun, a.params.args);
                    f.params.filter = a.params.filter;
                    f.params.null_treatment = a.params.null_treatment;
                    over(f)
                }
                DfExpr::WindowFunction(f) => over(*f),
                other => Transformed::no(other),
            })
        })
        .map_err(spark_error)?
        .data;
    let mut out = function;
    out.expr = expr;
    out.foldable = false;
    out.sql = SqlText::concat([out.sql.clone(), over_text(partition, order, frame.text).into()]);
    out.name = None;
    Ok(out)
}

/// ` OVER (…)`.
fn over_text(partition: &[TypedExpr], order: &[SortKey], frame: String) -> String {
    let mut text = vec![];
    if !partition.is_empty() {
        let names: Vec<_> = partition.iter().map(|p| p.sql.to_string()).collect();
        text.push(format!("PARTITION BY {}", names.join(", ")));
    }
    if !order.is_empty() {
        let keys: Vec<_> = order.iter().map(SortKey::text).collect();
        text.push(format!("ORDER BY {}", keys.join(", ")));
    }
    text.push(frame);
    format!(" OVER ({})", text.join(" "))
}

/// The call with its columns under their qualified names.
fn qualified(env: &Env, mut call: AggregateCall) -> AggregateCall {
    for arg in &mut call.args {
        let DfExpr::Column(column) = &arg.expr else { continue };
        let slot = column_id(&column.name);
        if let Some(c) = env.scope.columns.iter().find(|c| Some(c.slot) == slot) {
            arg.sql = c.full_name().join(".").into();
        }
    }
    call
}

/// Error: an aggregate of sorted values goes by an order or a frame of its window; it takes the whole partition.
fn whole_partition(name: &str, call: &AggregateCall, w: &WindowExpr, order: &[SortKey]) -> SparkResult<()> {
    let sorts = matches!(name, "percentile_cont" | "percentile_disc" | "median");
    let whole = w.frame.as_ref().is_none_or(|f| f.rows && is_unbounded(f));
    let limited = sorts || name == "listagg" && !call.within_group.is_empty();
    if !limited || order.is_empty() && whole {
        return Ok(());
    }
    let args = call.args.iter().map(|a| a.sql.to_string());
    let shown: Vec<String> = match sorts {
        true => call.within_group.iter().map(|(key, _)| key.sql.to_string()).chain(args).collect(),
        false => {
            let delimiter = (call.args.len() == 1).then(|| "NULL".to_string());
            let keys = call.within_group.iter().map(|(key, sort)| {
                SortKey { value: key.clone(), ascending: sort.asc, nulls_first: sort.nulls_first }.text()
            });
            args.chain(delimiter).chain(keys).collect()
        }
    };
    Err(SparkError::new("INVALID_WINDOW_SPEC_FOR_AGGREGATION_FUNC")
        .param("aggFunc", quote_sql(format!("{name}({})", shown.join(", ")))))
}

fn preceding(v: ScalarValue) -> DfBound {
    DfBound::Preceding(v)
}

fn following(v: ScalarValue) -> DfBound {
    DfBound::Following(v)
}

fn is_unbounded(w: &WindowFrame) -> bool {
    matches!(w.lower, FrameBound::UnboundedPreceding) && matches!(w.upper, FrameBound::UnboundedFollowing)
}

/// Where a bound of a frame lies, for comparing its two.
fn place(b: &DfBound) -> f64 {
    let size = |v: &ScalarValue| match v {
        ScalarValue::UInt64(None) => f64::INFINITY,
        ScalarValue::IntervalMonthDayNano(Some(i)) => {
            f64::from(i.months) * 31.0 + f64::from(i.days) + i.nanoseconds as f64 / 86_400e9
        }
        v => v.to_string().parse().unwrap_or(0.0),
    };
    match b {
        DfBound::Preceding(v) => -size(v),
        DfBound::CurrentRow => 0.0,
        DfBound::Following(v) => size(v),
    }
}

fn unaccepted(value: &TypedExpr, expected: &DataType) -> SparkError {
    SparkError::new("DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_UNACCEPTED_TYPE")
        .param("sqlExpr", value.quoted_sql())
        .param("location", "lower")
        .param("exprType", quote_sql(value.data_type.sql()))
        .param("expectedType", quote_sql(expected.sql()))
}

/// What the bound negates, as the grammar writes `x PRECEDING`.
fn negated_part(e: &Expr) -> Option<&Expr> {
    match &e.kind {
        ExprKind::Function(call) if call.syntax == CallSyntax::Operator && call.name.as_slice() == ["negative"] => {
            call.args.first()
        }
        _ => None,
    }
}
