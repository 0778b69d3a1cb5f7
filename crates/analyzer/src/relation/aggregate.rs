//! GROUP BY: keys by name, position, alias or ALL; ROLLUP, CUBE and GROUPING SETS; and
//! `DataFrame.groupBy(…).agg(…)`.

use std::rc::Rc;

use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_plan::expr::{ExprKind, SortOrder};
use vonk_plan::relation::{Aggregate, Grouping};
use vonk_plan::{Expr, Literal};

use super::Outer;
use super::project::Item;
use super::select::{Clauses, has_aggregate};
use crate::aggregate::Keys;
use crate::analyzer::Analyzer;
use crate::env::{Env, LateralAlias};
use crate::node::Node;

/// Most keys of a CUBE: it has 2 to that power sets.
const MAX_CUBE: usize = 16;

impl Analyzer {
    pub fn aggregate(&self, a: &Aggregate, order: &[SortOrder], outer: Outer) -> SparkResult<Node> {
        if let Some(a) = super::time_window::aggregate(a) {
            return self.aggregate(&a, order, outer);
        }
        let node = self.relation(&a.input, outer)?;
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
        let mut items = vec![];
        if a.with_grouping_columns {
            items = self.items(env.clone(), &grouping_exprs(&a.grouping))?;
        }
        let keys =
            if a.with_grouping_columns { self.keys_of_items(&env, &items, &a.grouping)? } else { Keys::default() };
        let own = self.items(env.clone(), &a.aggregates)?;
        items.extend(own);
        let keys = if a.with_grouping_columns { keys } else { self.keys(&env, &items, &a.grouping)? };
        self.finish(node, &env, Some(keys), items, Clauses { order, ..Clauses::default() })
    }

    /// The keys of a DataFrame's grouping, whose columns are the first items.
    fn keys_of_items(&self, env: &Env, items: &[Item], grouping: &Grouping) -> SparkResult<Keys> {
        match grouping {
            Grouping::By(_) => {
                let mut keys = Keys::default();
                for item in items {
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
            for item in items.iter().filter(|i| !has_aggregate(i)) {
                if let Some(key) = item.typed() {
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
                    ExprKind::Function(call) if matches!(call.name.as_slice(), [n] if n == "struct") => {
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
            Grouping::By(exprs) => vec![flat(&list(exprs, keys)?)],
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
                list(exprs, keys)?;
                let mut out = vec![];
                for set in sets {
                    out.push(flat(&list(set, keys)?));
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

    /// One item of GROUP BY: a position in the list, or an expression; a star gives several keys.
    fn key(&self, env: &Env, items: &[Item], e: &Expr) -> SparkResult<Vec<TypedExpr>> {
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
                Ok(vec![typed])
            }
            ExprKind::Star { .. } => Ok(self.expand_star(env, e)?.into_iter().map(|n| n.typed()).collect()),
            _ => Ok(vec![self.expr(env, e)?]),
        }
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
