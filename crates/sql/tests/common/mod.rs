//! Plans as short text, so that cases can be data: `(+ 1 (* a 2))`, `project[a, (sum b) AS s](t)`.
#![allow(dead_code)]

use vonk_plan::expr::{CastMode, Expr, ExprKind, FrameBound, SortOrder, SubqueryExpr, SubqueryKind, SubqueryPlan};
use vonk_plan::literal::Literal;
use vonk_plan::relation::{Grouping, JoinCondition, PipeOperator, Relation, RelationKind};

pub fn list<T>(items: &[T], f: impl Fn(&T) -> String) -> String {
    items.iter().map(f).collect::<Vec<_>>().join(", ")
}

pub fn expr(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Literal(l) => literal(l),
        ExprKind::Attribute { name, .. } => name.join("."),
        ExprKind::Star { target, except, .. } => {
            let target = target.as_ref().map(|t| t.join(".") + ".").unwrap_or_default();
            let except =
                if except.is_empty() { String::new() } else { format!(" EXCEPT ({})", list(except, |n| n.join("."))) };
            format!("{target}*{except}")
        }
        ExprKind::Function(call) => {
            let mut out = format!("({}", call.name.join("."));
            if call.distinct {
                out.push_str(" DISTINCT");
            }
            call.args.iter().for_each(|a| out.push_str(&format!(" {}", expr(a))));
            if let Some(f) = &call.filter {
                out.push_str(&format!(" FILTER {}", expr(f)));
            }
            if !call.within_group.is_empty() {
                out.push_str(&format!(" WITHIN {}", list(&call.within_group, sort)));
            }
            if let Some(i) = call.ignore_nulls {
                out.push_str(if i { " IGNORE NULLS" } else { " RESPECT NULLS" });
            }
            out + ")"
        }
        ExprKind::Alias { child, names, .. } => format!("{} AS {}", expr(child), names.join("/")),
        ExprKind::Cast { child, to, mode } => {
            let name = if *mode == CastMode::Try { "try_cast" } else { "cast" };
            format!("({name} {} {to})", expr(child))
        }
        ExprKind::Extract { child, extraction } => format!("{}[{}]", expr(child), expr(extraction)),
        ExprKind::Lambda { parameters, body } => format!("{{{} -> {}}}", parameters.join(" "), expr(body)),
        ExprKind::LambdaVariable { name } => format!("${}", name.join(".")),
        ExprKind::NamedArgument { name, value } => format!("{name} => {}", expr(value)),
        ExprKind::Parameter(p) => format!("{p:?}"),
        ExprKind::Default => "DEFAULT".into(),
        ExprKind::Collate { child, collation } => format!("(collate {} {})", expr(child), collation.join(".")),
        ExprKind::Identifier(e) => format!("(identifier {})", expr(e)),
        ExprKind::Subquery(s) => subquery(s),
        ExprKind::Window(w) => {
            let mut out = format!("({} OVER", expr(&w.function));
            if let Some(n) = &w.name {
                out.push_str(&format!(" {n}"));
            }
            if !w.partition_by.is_empty() {
                out.push_str(&format!(" BY {}", list(&w.partition_by, expr)));
            }
            if !w.order_by.is_empty() {
                out.push_str(&format!(" ORDER {}", list(&w.order_by, sort)));
            }
            if let Some(f) = &w.frame {
                let kind = if f.rows { "ROWS" } else { "RANGE" };
                out.push_str(&format!(" {kind} {}..{}", bound(&f.lower), bound(&f.upper)));
            }
            out + ")"
        }
        other => format!("{other:?}"),
    }
}

fn bound(b: &FrameBound) -> String {
    match b {
        FrameBound::UnboundedPreceding => "-inf".into(),
        FrameBound::UnboundedFollowing => "inf".into(),
        FrameBound::CurrentRow => "0".into(),
        FrameBound::Value(e) => expr(e),
    }
}

fn literal(l: &Literal) -> String {
    match l {
        Literal::Null(_) => "null".into(),
        Literal::Int(v) => v.to_string(),
        Literal::Boolean(v) => v.to_string(),
        Literal::String(s) => format!("'{s}'"),
        Literal::Long(v) => format!("{v}L"),
        Literal::Double(v) => format!("{v:?}D"),
        Literal::Decimal(v, p, s) => format!("dec({v},{p},{s})"),
        other => format!("{other:?}").replace(' ', ""),
    }
}

pub fn sort(s: &SortOrder) -> String {
    let direction = if s.ascending { "asc" } else { "desc" };
    let nulls = if s.nulls_first { "first" } else { "last" };
    format!("{} {direction} {nulls}", expr(&s.child))
}

fn subquery(s: &SubqueryExpr) -> String {
    let plan = match &s.plan {
        SubqueryPlan::Inline(r) => relation(r),
        SubqueryPlan::PlanId(i) => i.to_string(),
    };
    match &s.kind {
        SubqueryKind::Scalar => format!("(scalar {plan})"),
        SubqueryKind::Exists => format!("(exists {plan})"),
        SubqueryKind::In(values) => format!("(in [{}] {plan})", list(values, expr)),
        SubqueryKind::Table { partition_by, order_by, single_partition } => {
            format!(
                "(table {plan} by [{}] order [{}] {single_partition})",
                list(partition_by, expr),
                list(order_by, sort)
            )
        }
    }
}

fn grouping(g: &Grouping) -> String {
    match g {
        Grouping::By(e) => format!("by {}", list(e, expr)),
        Grouping::Rollup(e) => format!("rollup({})", list(e, expr)),
        Grouping::Cube(e) => format!("cube({})", list(e, expr)),
        Grouping::Sets { exprs, sets } => {
            format!("sets[{}]({})", list(exprs, expr), list(sets, |s| format!("({})", list(s, expr))))
        }
        Grouping::Mixed(all) => format!("mixed({})", list(all, grouping)),
        Grouping::All => "all".into(),
        other => format!("{other:?}"),
    }
}

pub fn relation(r: &Relation) -> String {
    use RelationKind as K;
    match &r.kind {
        K::OneRow => "one".into(),
        K::Table { name, time_travel, options, streaming } => {
            let mut out = name.join(".");
            if *streaming {
                out.push_str(" stream");
            }
            if let Some(t) = time_travel {
                out.push_str(match t {
                    vonk_plan::relation::TimeTravel::Version(_) => "@version",
                    vonk_plan::relation::TimeTravel::Timestamp(_) => "@timestamp",
                });
            }
            if !options.is_empty() {
                out.push_str(&format!("{options:?}"));
            }
            out
        }
        K::TableIdentifier { name, .. } => format!("identifier({})", expr(name)),
        K::Values(rows) => format!("values({})", list(rows, |r| format!("({})", list(r, expr)))),
        K::TableFunction(call) => format!("{}({})", call.name.join("."), list(&call.args, expr)),
        K::Project { input, exprs } => format!("project[{}]({})", list(exprs, expr), relation(input)),
        K::Filter { input, condition } => format!("filter[{}]({})", expr(condition), relation(input)),
        K::Select(s) => {
            let mut out = String::from("select");
            if s.distinct {
                out.push_str(" distinct");
            }
            out.push_str(&format!("[{}]", list(&s.projection, expr)));
            for (name, e) in [("where", &s.filter), ("having", &s.having), ("qualify", &s.qualify)] {
                if let Some(e) = e {
                    out.push_str(&format!(" {name} {}", expr(e)));
                }
            }
            if let Some(g) = &s.group_by {
                out.push_str(&format!(" group {}", grouping(g)));
            }
            for (name, params) in &s.hints {
                out.push_str(&format!(" hint {name}({})", list(params, expr)));
            }
            match &s.from.kind {
                K::OneRow => out,
                _ => format!("{out} from {}", relation(&s.from)),
            }
        }
        K::Sort { input, order, global } => {
            format!("{}[{}]({})", if *global { "order" } else { "sort" }, list(order, sort), relation(input))
        }
        K::SortAll { input, ascending, nulls_first } => {
            format!("order all {ascending} {nulls_first}({})", relation(input))
        }
        K::Limit { input, limit } => format!("limit {}({})", expr(limit), relation(input)),
        K::Offset { input, offset } => format!("offset {}({})", expr(offset), relation(input)),
        K::Alias { input, alias, columns, .. } => {
            let columns = if columns.is_empty() { String::new() } else { format!("({})", columns.join(", ")) };
            format!("{} as {alias}{columns}", relation(input))
        }
        K::RepartitionBy { input, exprs, .. } => format!("distribute[{}]({})", list(exprs, expr), relation(input)),
        K::Sample(s) => format!("sample[{:?} {:?}]({})", s.method, s.seed, relation(&s.input)),
        K::LateralView { input, generator, outer, alias, columns } => {
            let alias = alias.clone().unwrap_or_default();
            format!("view[{} outer={outer} {alias}({})]({})", expr(generator), columns.join(", "), relation(input))
        }
        K::Join(j) => {
            let condition = match &j.condition {
                JoinCondition::None => String::new(),
                JoinCondition::On(e) => format!(" on {}", expr(e)),
                JoinCondition::Using(c) => format!(" using {}", c.join(", ")),
                JoinCondition::Natural => " natural".into(),
            };
            let lateral = if j.lateral { " lateral" } else { "" };
            format!("join[{:?}{lateral}{condition}]({}, {})", j.kind, relation(&j.left), relation(&j.right))
        }
        K::SetOperation(op) => {
            let all = if op.all { " all" } else { "" };
            format!("{:?}{all}({})", op.kind, list(&op.inputs, relation)).to_lowercase()
        }
        K::With { ctes, recursive, body } => {
            let ctes = list(ctes, |c| {
                format!("{}({}) = {} {:?}", c.name, c.columns.join(", "), relation(&c.query), c.max_recursion)
            });
            format!("with recursive={recursive} {ctes} in {}", relation(body))
        }
        K::Pivot(p) => format!(
            "pivot[{} for {} in {}]({})",
            list(&p.aggregates, expr),
            list(&p.columns, expr),
            list(&p.values, expr),
            relation(&p.input)
        ),
        K::Unpivot(u) => {
            let values = list(u.values.as_deref().unwrap_or_default(), |v| {
                format!("({}) {:?}", list(&v.columns, expr), v.alias)
            });
            format!(
                "unpivot[{} for {} in {values} {}]({})",
                u.value_names.join(", "),
                u.variable,
                u.include_nulls,
                relation(&u.input)
            )
        }
        K::Pipe { input, operator: PipeOperator::Output } => relation(input),
        K::Pipe { input, operator } => {
            let operator = match operator {
                PipeOperator::Output => String::new(),
                PipeOperator::Extend(e) => format!("extend {}", list(e, expr)),
                PipeOperator::Set(p) => format!("set {}", list(p, |(n, e)| format!("{n} = {}", expr(e)))),
                PipeOperator::Drop(n) => format!("drop {}", list(n, |n| n.join("."))),
                PipeOperator::Aggregate { aggregates, grouping } => {
                    format!("aggregate {} by {}", list(aggregates, expr), list(grouping, expr))
                }
            };
            format!("pipe[{operator}]({})", relation(input))
        }
        other => format!("{other:?}"),
    }
}
