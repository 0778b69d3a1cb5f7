//! Time windows as keys: `GROUP BY window(time, …)` and `session_window(time, …)`.
//!
//! The plan is rewritten before it is analysed: the windows become a column of the input (several
//! rows where they overlap, merged ones for sessions), and the calls become that column. Sessions
//! of one group are merged with window functions over the other keys.

use std::borrow::Cow;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr as DfExpr, Filter, LogicalPlan};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::spark_error;
use vonk_plan::expr::{ExprKind, FrameBound, SortOrder, WindowExpr, WindowFrame};
use vonk_plan::relation::{Aggregate, Grouping, Relation, Select};
use vonk_plan::{Expr, Literal};

use super::project::Item;
use crate::node::Node;

/// Columns of the rewritten input that carry sessions before they are merged.
const SESSION: &str = "__session";
const STARTS: &str = "__session_starts";
const NUMBER: &str = "__session_number";

/// The call of a time window among the keys, and the other keys.
fn window_key(grouping: &Grouping) -> Option<(&Expr, Vec<Expr>)> {
    let Grouping::By(keys) = grouping else { return None };
    let at = keys.iter().position(|k| name_of(k).is_some())?;
    let others = keys.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, k)| k.clone()).collect();
    Some((keys.get(at)?, others))
}

/// The column a call of a time window stands for.
fn name_of(e: &Expr) -> Option<&'static str> {
    let ExprKind::Function(call) = &unaliased(e).kind else { return None };
    let name = call.name.last()?;
    // `window` over a struct column is no time window of a timestamp.
    ["window", "session_window"].into_iter().find(|w| name.eq_ignore_ascii_case(w) && call.args.len() >= 2)
}

fn unaliased(e: &Expr) -> &Expr {
    match &e.kind {
        ExprKind::Alias { child, .. } => unaliased(child),
        _ => e,
    }
}

/// A SELECT whose GROUP BY has a time window, with the window as a column.
pub fn select(s: &Select) -> Option<Select> {
    let (key, others) = match &s.group_by {
        Some(grouping) => window_key(grouping)?,
        None => (overlapping(&s.projection)?, vec![]),
    };
    let mut from = s.from.clone();
    if let Some(condition) = &s.filter {
        from = from.filter(condition.clone());
    }
    let replace = |e: &Expr| replaced(e, unaliased(key));
    let mut out = s.clone();
    out.from = windowed(from, unaliased(key), &others)?;
    out.filter = None;
    out.projection = s.projection.iter().map(replace).collect();
    out.group_by = s.group_by.as_ref().map(|g| keys(g, unaliased(key)));
    out.having = s.having.as_ref().map(replace);
    Some(out)
}

/// A list without grouping that has a window which overlaps others: its rows multiply.
pub fn project(input: &Relation, exprs: &[Expr]) -> Option<(Relation, Vec<Expr>)> {
    let call = unaliased(overlapping(exprs)?);
    let input = windowed(input.clone(), call, &[])?;
    Some((input, exprs.iter().map(|e| replaced(e, call)).collect()))
}

/// Leaves out the rows without the time that a window in the list is of. Error: windows that differ.
pub fn only_with_times(node: &mut Node, items: &[Item]) -> SparkResult<()> {
    let mut windows: Vec<ScalarFunction> = vec![];
    for item in items.iter().filter_map(Item::typed) {
        let seen = item.expr.apply(|e| {
            if let DfExpr::ScalarFunction(call) = e
                && matches!(call.name(), "window" | "gap_window")
                && !windows.contains(call)
            {
                windows.push(call.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        });
        seen.map_err(spark_error)?;
    }
    if windows.len() > 1 {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1039"));
    }
    for time in windows.into_iter().flat_map(|w| w.args.into_iter().next()) {
        let predicate = DfExpr::IsNotNull(Box::new(time));
        node.over(|plan| Ok(LogicalPlan::Filter(Filter::try_new(predicate, plan)?)))?;
    }
    Ok(())
}

fn overlapping(exprs: &[Expr]) -> Option<&Expr> {
    let star = exprs.iter().any(|e| matches!(e.kind, ExprKind::Star { .. }));
    let overlaps = |e: &&Expr| match &unaliased(e).kind {
        ExprKind::Function(f) => name_of(e) == Some("window") && f.args.len() > 2,
        _ => false,
    };
    exprs.iter().find(overlaps).filter(|_| !star)
}

/// `groupBy(window(…))` of a DataFrame, likewise.
pub fn aggregate(a: &Aggregate) -> Option<Aggregate> {
    let (key, others) = window_key(&a.grouping)?;
    Some(Aggregate {
        input: windowed(a.input.clone(), unaliased(key), &others)?,
        grouping: keys(&a.grouping, unaliased(key)),
        aggregates: a.aggregates.iter().map(|e| replaced(e, unaliased(key))).collect(),
        with_grouping_columns: a.with_grouping_columns,
    })
}

fn keys(grouping: &Grouping, call: &Expr) -> Grouping {
    match grouping {
        Grouping::By(keys) => Grouping::By(keys.iter().map(|k| replaced(k, call)).collect()),
        other => other.clone(),
    }
}

/// The expression with every call equal to `call` replaced by the column it became.
fn replaced(e: &Expr, call: &Expr) -> Expr {
    if e.kind == call.kind
        || matches!((&e.kind, &call.kind), (ExprKind::Function(a), ExprKind::Function(b)) if same_call(a, b))
    {
        return Expr::column(name_of(call).unwrap_or_default()).at(e.origin.clone());
    }
    let one = |e: &Expr| Box::new(replaced(e, call));
    let kind = match &e.kind {
        ExprKind::Function(f) => {
            let mut f = f.clone();
            f.args = f.args.iter().map(|a| replaced(a, call)).collect();
            ExprKind::Function(f)
        }
        ExprKind::Alias { child, names, metadata } => {
            ExprKind::Alias { child: one(child), names: names.clone(), metadata: metadata.clone() }
        }
        ExprKind::Cast { child, to, mode } => ExprKind::Cast { child: one(child), to: to.clone(), mode: *mode },
        ExprKind::Extract { child, extraction } => {
            ExprKind::Extract { child: one(child), extraction: extraction.clone() }
        }
        other => other.clone(),
    };
    Expr { kind, origin: e.origin.clone() }
}

/// The same function of the same arguments, wherever they stand in the text.
fn same_call(a: &vonk_plan::expr::FunctionCall, b: &vonk_plan::expr::FunctionCall) -> bool {
    let plain = |e: &Expr| -> Cow<'_, str> { format!("{:?}", e.kind).into() };
    a.name.last().zip(b.name.last()).is_some_and(|(x, y)| x.eq_ignore_ascii_case(y))
        && a.args.len() == b.args.len()
        && a.args.iter().zip(&b.args).all(|(x, y)| plain(x) == plain(y))
}

/// The input with the window as a column; rows without a time are left out.
fn windowed(input: Relation, call: &Expr, others: &[Expr]) -> Option<Relation> {
    let ExprKind::Function(f) = &call.kind else { return None };
    let time = f.args.first()?.clone();
    let column = name_of(call)?;
    let input = input.filter(Expr::call("isNotNull", vec![time]));
    if column == "window" {
        let slides = f.args.len() > 2;
        let name = if slides { "window_rows" } else { "window" };
        let rows = Expr::call(name, f.args.clone()).at(call.origin.clone());
        return Some(input.project(vec![Expr::star(), if slides { rows } else { rows.alias(column) }]));
    }
    let part = |name: &str| Expr::attribute(vec![SESSION.to_string(), name.to_string()]);
    let input = input.project(vec![Expr::star(), call.clone().alias(SESSION)]);
    let input = input.filter(Expr::call(">", vec![part("end"), part("start")]));
    // A session begins where the time is past the end of all sessions before.
    let end_before = over(Expr::call("max", vec![part("end")]), others, true, Some(-1));
    let goes_on = Expr::call("<=", vec![part("start"), end_before]);
    let starts = Expr::call("when", vec![goes_on, number(0), number(1)]);
    let input = input.project(vec![Expr::star(), starts.alias(STARTS)]);
    let count = over(Expr::call("sum", vec![Expr::column(STARTS)]), others, true, Some(0));
    let input = input.project(vec![Expr::star(), count.alias(NUMBER)]);
    let mut keys = others.to_vec();
    keys.push(Expr::column(NUMBER));
    let whole = |f: &str, name: &str| over(Expr::call(f, vec![part(name)]), &keys, false, None);
    let merged = Expr::call(
        "named_struct",
        vec![Expr::string("start"), whole("min", "start"), Expr::string("end"), whole("max", "end")],
    );
    Some(input.project(vec![Expr::star(), merged.alias(column)]))
}

fn number(n: i32) -> Expr {
    Expr::literal(Literal::Int(n))
}

/// A window function over rows of the same keys, up to a row counted from the current one.
fn over(function: Expr, keys: &[Expr], ordered: bool, upper: Option<i32>) -> Expr {
    let order = SortOrder::asc(Expr::attribute(vec![SESSION.to_string(), "start".to_string()]));
    let upper = match upper {
        Some(0) => Some(FrameBound::CurrentRow),
        Some(n) => Some(FrameBound::Value(Box::new(number(n)))),
        None => None,
    };
    let frame = upper.map(|upper| WindowFrame { rows: true, lower: FrameBound::UnboundedPreceding, upper });
    Expr::new(ExprKind::Window(Box::new(WindowExpr {
        function,
        partition_by: keys.to_vec(),
        order_by: if ordered { vec![order] } else { vec![] },
        frame,
        name: None,
    })))
}
