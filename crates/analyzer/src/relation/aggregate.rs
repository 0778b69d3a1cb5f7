//! GROUP BY: keys by name, position, alias or ALL; ROLLUP, CUBE and GROUPING SETS; and
//! `DataFrame.groupBy(…).agg(…)`.

use std::cell::RefCell;
use std::rc::Rc;

use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_plan::expr::{CallSyntax, ExprKind, FunctionCall, SortOrder};
use vonk_plan::relation::{Aggregate, Grouping};
use vonk_plan::{Expr, Literal};

use super::project::Item;
use super::select::{Clauses, has_aggregate};
use super::{Outer, checks};
use crate::aggregate::{Keys, contains_any_aggregate, missing_in};
use crate::analyzer::Analyzer;
use crate::env::{Env, LateralAlias};
use crate::names::is_lateral;
use crate::node::Node;

/// Most keys of a CUBE: it has 2 to that power sets.
const MAX_CUBE: usize = 16;

impl Analyzer {
    pub fn aggregate(&self, a: &Aggregate, order: &[SortOrder], outer: Outer) -> SparkResult<Node> {
        if let Some(a) = super::time_window::aggregate(a) {
            return self.aggregate(&a, order, outer);
        }
        let node = self.relation(&a.input, outer)?;
        checks::no_star(a)?;
        self.check_positions(a, &node, outer)?;
        if let Grouping::Pivot { by, column, values } = &a.grouping {
            let found;
            let values = match values.is_empty() {
                true => {
                    found = self.pivot_values(&a.input, column)?;
                    &found
                }
                false => values,
            };
            return self.pivot_dataframe(node, by, column, values, &a.aggregates, outer);
        }
        let env = self.with_nullable_keys(Env::of(&node, outer), Some(&a.grouping));
        // Aliases of the keys are in sight of the aggregates.
        let aliases = Rc::new(RefCell::new(vec![]));
        let list = Env { aliases: Some(aliases.clone()), ..env.clone() };
        let mut items = vec![];
        if a.with_grouping_columns {
            for e in grouping_exprs(&a.grouping) {
                no_star(&e)?;
                self.item(&list, &e, &aliases, &mut items)?;
            }
        }
        let keys =
            if a.with_grouping_columns { self.keys_of_items(&env, &items, &a.grouping)? } else { Keys::default() };
        for e in &a.aggregates {
            self.item(&list, e, &aliases, &mut items)?;
        }
        let keys = if a.with_grouping_columns { keys } else { self.keys(&env, &items, &a.grouping)? };
        let done = self.finish(node, &env, Some(keys), items, Clauses { order, ..Clauses::default() });
        env.settle(done)
    }

    /// The keys of a DataFrame's grouping, whose columns are the first items.
    fn keys_of_items(&self, env: &Env, items: &[Item], grouping: &Grouping) -> SparkResult<Keys> {
        match grouping {
            Grouping::By(_) => {
                let mut keys = Keys::default();
                for item in items {
                    if let Item::Generated { rows, .. } = item {
                        return Err(missing_in(&env.scope, rows));
                    }
                    keys.exprs.extend(item.typed());
                }
                Ok(keys)
            }
            other => self.keys(env, &[], other),
        }
    }

    /// The keys of a GROUP BY clause over the list `items`.
    pub fn keys(&self, env: &Env, items: &[Item], grouping: &Grouping) -> SparkResult<Keys> {
        let aliases = items.iter().filter_map(Item::typed).map(|v| LateralAlias { name: v.output_name(), value: v });
        let mut env = env.clone();
        if self.facts().conf.bool("spark.sql.groupByAliases") {
            env.aliases = Some(Rc::new(std::cell::RefCell::new(aliases.collect())));
        }
        let mut keys = Keys::default();
        if let Grouping::By(exprs) = grouping {
            for e in exprs {
                for key in self.key(&env, items, e)? {
                    keys.add(key);
                }
            }
            return Ok(keys);
        }
        if let Grouping::All = grouping {
            for item in items {
                let key = match item {
                    Item::Column(c) => c.typed(),
                    // A generator stands above the groups of what it is given.
                    Item::Value(_, v) | Item::Generated { rows: v, .. } => v.clone(),
                };
                if !contains_any_aggregate(&key.expr) {
                    no_lateral(&key)?;
                    keys.add(key);
                }
            }
            return Ok(keys);
        }
        let sets = self.sets(&env, items, grouping, &mut keys)?;
        if !matches!(grouping, Grouping::Mixed(all) if all.iter().all(|g| matches!(g, Grouping::By(_)))) {
            keys.sets = Some(sets);
        }
        Ok(keys)
    }

    /// The grouping sets, each as positions in `keys`.
    fn sets(&self, env: &Env, items: &[Item], grouping: &Grouping, keys: &mut Keys) -> SparkResult<Vec<Vec<usize>>> {
        let list = |exprs: &[Expr], keys: &mut Keys| -> SparkResult<Vec<Vec<usize>>> {
            let mut out = vec![];
            for e in exprs {
                let mut all = vec![];
                match &e.kind {
                    // A list in parentheses is one key of several columns.
                    ExprKind::Function(call) if is_tuple(call) => {
                        for part in &call.args {
                            all.extend(self.key(env, items, part)?);
                        }
                    }
                    _ => all = self.key(env, items, e)?,
                }
                out.push(all.into_iter().map(|k| keys.add(k)).collect());
            }
            Ok(out)
        };
        // A row is one key where no list of columns is expected.
        let single = |exprs: &[Expr], keys: &mut Keys| -> SparkResult<Vec<Vec<usize>>> {
            let mut out = vec![];
            for e in exprs {
                out.push(self.key(env, items, e)?.into_iter().map(|k| keys.add(k)).collect());
            }
            Ok(out)
        };
        let flat = |parts: &[Vec<usize>]| -> Vec<usize> {
            let mut out = vec![];
            for i in parts.iter().flatten() {
                if !out.contains(i) {
                    out.push(*i);
                }
            }
            out
        };
        Ok(match grouping {
            Grouping::By(exprs) => vec![flat(&single(exprs, keys)?)],
            Grouping::Rollup(exprs) => {
                let parts = list(exprs, keys)?;
                (0..=parts.len()).rev().map(|n| flat(parts.get(..n).unwrap_or_default())).collect()
            }
            Grouping::Cube(exprs) => {
                let parts = list(exprs, keys)?;
                if parts.len() > MAX_CUBE {
                    return Err(SparkError::new("GROUPING_SIZE_LIMIT_EXCEEDED").param("maxSize", MAX_CUBE));
                }
                (0..1usize << parts.len())
                    .map(|left_out| {
                        let kept: Vec<_> = parts
                            .iter()
                            .enumerate()
                            .filter(|(i, _)| left_out & (1 << (parts.len() - 1 - i)) == 0)
                            .map(|(_, p)| p.clone())
                            .collect();
                        flat(&kept)
                    })
                    .collect()
            }
            Grouping::Sets { exprs, sets } => {
                single(exprs, keys)?;
                let mut out = vec![];
                for set in sets {
                    out.push(flat(&single(set, keys)?));
                }
                out
            }
            Grouping::Mixed(parts) => {
                let mut out: Vec<Vec<usize>> = vec![vec![]];
                for part in parts {
                    let next = self.sets(env, items, part, keys)?;
                    out = out
                        .iter()
                        .flat_map(|a| next.iter().map(|b| flat(&[a.clone(), b.clone()])).collect::<Vec<_>>())
                        .collect();
                }
                out
            }
            Grouping::All | Grouping::Pivot { .. } => return Err(SparkError::internal("grouping")),
        })
    }

    /// One item of GROUP BY: a position in the list, or an expression.
    fn key(&self, env: &Env, items: &[Item], e: &Expr) -> SparkResult<Vec<TypedExpr>> {
        no_star(e)?;
        match &e.kind {
            ExprKind::Literal(Literal::Int(position))
                if self.facts().conf.bool("spark.sql.groupByOrdinal") && !items.is_empty() =>
            {
                let item = usize::try_from(*position).ok().and_then(|p| items.get(p.checked_sub(1)?));
                let Some(typed) = item.and_then(Item::typed) else {
                    return Err(SparkError::new("GROUP_BY_POS_OUT_OF_RANGE")
                        .param("index", position)
                        .param("size", items.len())
                        .at(e.origin.clone()));
                };
                if item.is_some_and(has_aggregate) {
                    return Err(SparkError::new("GROUP_BY_POS_AGGREGATE")
                        .param("index", position)
                        .param("aggExpr", typed.sql.to_string())
                        .at(e.origin.clone()));
                }
                no_lateral(&typed)?;
                Ok(vec![typed])
            }
            ExprKind::Function(call) if self.generator(env, e)?.is_some() => {
                let args: Vec<_> = self.exprs(env, &call.args)?.iter().map(|a| a.sql.to_string()).collect();
                let name = call.name.last().map(|n| n.to_lowercase()).unwrap_or_default();
                let shown = quote_sql(format!("{name}({})", args.join(", ")));
                Err(checks::not_in("Aggregate", shown).at(e.origin.clone()))
            }
            ExprKind::Attribute { name, .. } => {
                let key = self.expr(env, e)?;
                // An alias of the list, which must not be made of other aliases.
                if let ([name], true) = (name.as_slice(), is_lateral(&key)) {
                    let case = self.case_sensitive();
                    let meant = |i: &TypedExpr| crate::scope::same_name(&i.output_name(), name, case);
                    items.iter().filter_map(Item::typed).filter(meant).try_for_each(|i| no_lateral(&i))?;
                }
                Ok(vec![key])
            }
            _ => Ok(vec![self.expr(env, e)?]),
        }
    }
}

/// `(a, b)`, rather than a call of `struct`.
pub fn is_tuple(call: &FunctionCall) -> bool {
    call.syntax == CallSyntax::Operator && matches!(call.name.as_slice(), [n] if n == "struct")
}

/// Error: the key is an item of the list that names another one's alias.
fn no_lateral(key: &TypedExpr) -> SparkResult<()> {
    match is_lateral(key) {
        true => Err(SparkError::new("UNSUPPORTED_FEATURE.LATERAL_COLUMN_ALIAS_IN_GROUP_BY").at(key.origin.clone())),
        false => Ok(()),
    }
}

/// Error: there is a star in a key.
fn no_star(key: &Expr) -> SparkResult<()> {
    let starred = match &key.kind {
        ExprKind::Star { .. } => true,
        ExprKind::Function(call) if !matches!(call.name.as_slice(), [n] if n.eq_ignore_ascii_case("count")) => {
            return call.args.iter().try_for_each(no_star);
        }
        _ => false,
    };
    match starred {
        true => Err(checks::star_in("Aggregate").at(key.origin.clone())),
        false => Ok(()),
    }
}

fn grouping_exprs(g: &Grouping) -> Vec<Expr> {
    match g {
        Grouping::By(e) | Grouping::Rollup(e) | Grouping::Cube(e) => e.clone(),
        // The DataFrame API names the columns apart from the sets.
        Grouping::Sets { exprs, .. } if !exprs.is_empty() => exprs.clone(),
        Grouping::Sets { sets, .. } => sets.iter().flatten().cloned().collect(),
        Grouping::Mixed(all) => all.iter().flat_map(grouping_exprs).collect(),
        Grouping::All => vec![],
        Grouping::Pivot { by, .. } => by.clone(),
    }
}
