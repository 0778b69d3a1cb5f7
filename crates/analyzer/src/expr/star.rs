//! `*`, `t.*`, `s.*`, `* EXCEPT (…)` and columns by regular expression.

use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_functions::java_regex;
use vonk_plan::Expr;
use vonk_plan::expr::ExprKind;
use vonk_plan::types::DataType;

use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::names::Named;
use crate::row_ids::INPUT_FILE;
use crate::scope::{ScopeColumn, same_name};

impl Analyzer {
    /// The columns and fields that a star or regex stands for.
    pub fn expand_star(&self, env: &Env, e: &Expr) -> SparkResult<Vec<Named>> {
        match &e.kind {
            ExprKind::Star { target, plan_id, except } => {
                let all = match (target, plan_id) {
                    (None, Some(id)) => self.dataframe_star(env, *id),
                    (None, None) => env.scope.columns.iter().cloned().map(Named::Column).collect(),
                    (Some(target), _) => self.qualified_star(env, target, e)?,
                };
                if except.is_empty() { Ok(all) } else { self.without(env, all, except) }
            }
            ExprKind::Regex { pattern, target, plan_id } => self.by_regex(env, pattern, target.as_deref(), *plan_id),
            _ => Ok(vec![Named::Value(self.expr(env, e)?)]),
        }
    }

    /// The same as names, for arguments of functions.
    pub fn expand_star_exprs(&self, env: &Env, e: &Expr) -> SparkResult<Vec<Expr>> {
        let mut out = vec![];
        for (i, item) in self.expand_star(env, e)?.into_iter().enumerate() {
            let name = match item {
                Named::Column(c) if unique(env, &c, self.case_sensitive()) => vec![c.name.to_string()],
                Named::Column(c) => c.full_name(),
                Named::Value(v) => match (&e.kind, &v.name) {
                    (ExprKind::Star { target: Some(t), .. }, Some(n)) => {
                        t.iter().cloned().chain([n.to_string()]).collect()
                    }
                    _ => return Err(SparkError::internal(format!("star item {i}"))),
                },
            };
            out.push(Expr::attribute(name).at(e.origin.clone()));
        }
        Ok(out)
    }

    fn dataframe_star(&self, env: &Env, plan_id: i64) -> Vec<Named> {
        let scopes = self.scopes_of(plan_id);
        let own = scopes.iter().find(|s| s.columns.iter().all(|c| env.scope.find(c.id).is_some()));
        match own {
            Some(scope) => {
                scope.columns.iter().filter_map(|c| env.scope.find(c.id).cloned()).map(Named::Column).collect()
            }
            None => env.scope.columns.iter().cloned().map(Named::Column).collect(),
        }
    }

    fn qualified_star(&self, env: &Env, target: &[String], e: &Expr) -> SparkResult<Vec<Named>> {
        let case = self.case_sensitive();
        let matches = |c: &&ScopeColumn| {
            &*c.name != INPUT_FILE
                && c.qualifier.len() >= target.len()
                && c.qualifier.iter().rev().zip(target.iter().rev()).all(|(a, b)| same_name(a, b, case))
        };
        let own: Vec<_> = env.scope.columns.iter().filter(matches).cloned().collect();
        if !own.is_empty() {
            // Keys of USING joins are shown once, but belong to both sides.
            let hidden = env.scope.hidden.iter().filter(matches).cloned();
            let mut all: Vec<ScopeColumn> = hidden.chain(own).collect();
            all.sort_by_key(|c| c.id);
            return Ok(all.into_iter().map(Named::Column).collect());
        }
        let hidden: Vec<_> = env.scope.hidden.iter().filter(matches).cloned().map(Named::Column).collect();
        if !hidden.is_empty() {
            return Ok(hidden);
        }
        let missing = || {
            let columns: Vec<_> = env.scope.columns.iter().map(|c| quote_id([&*c.name])).collect();
            SparkError::new("CANNOT_RESOLVE_STAR_EXPAND")
                .param("targetString", quote_id(target))
                .param("columns", columns.join(", "))
                .at(e.origin.clone())
        };
        let value = match self.name(env, target, None, e.origin.as_ref()) {
            Ok(value) => value.typed(),
            Err(err) if err.class().starts_with("UNRESOLVED") => return Err(missing()),
            Err(err) => return Err(err),
        };
        let DataType::Struct(s) = &value.data_type else {
            let class = "_LEGACY_ERROR_TEMP_1050";
            return Err(SparkError::new(class).param("attributes", value.sql.to_string()).at(e.origin.clone()));
        };
        let fields = s
            .fields
            .iter()
            .map(|f| self.fields_of(value.clone(), std::slice::from_ref(&f.name), e.origin.as_ref()).map(Named::Value));
        fields.collect()
    }

    /// `EXCEPT (a, s.b)`: whole columns go, and fields of structs go from their struct.
    fn without(&self, env: &Env, all: Vec<Named>, except: &[Vec<String>]) -> SparkResult<Vec<Named>> {
        let case = self.case_sensitive();
        let mut out = all;
        for name in except {
            let scope_env = Env { scope: env.scope.clone(), ..Env::default() };
            let whole = match self.name(&scope_env, name, None, None) {
                Ok(Named::Column(c)) => Some(c),
                Ok(Named::Value(_)) => None,
                Err(e) => match name.as_slice() {
                    // A field of a struct that was expanded.
                    [field] if out.iter().any(|n| same_name(&label(n), field, case)) => {
                        out.retain(|n| !same_name(&label(n), field, case));
                        continue;
                    }
                    _ => return Err(e),
                },
            };
            match whole {
                Some(c) => out.retain(|n| !matches!(n, Named::Column(x) if x.id == c.id)),
                None => {
                    let Some((column, path)) =
                        out.iter().position(|n| name.iter().any(|p| same_name(&label(n), p, case))).and_then(|i| {
                            let at =
                                name.iter().position(|p| out.get(i).is_some_and(|n| same_name(&label(n), p, case)))?;
                            Some((i, name.iter().skip(at + 1).cloned().collect::<Vec<_>>()))
                        })
                    else {
                        continue;
                    };
                    if let Some(slot) = out.get_mut(column) {
                        let value = std::mem::replace(slot, Named::Value(TypedExpr::null(DataType::Null)?)).typed();
                        let own_name = value.name.clone();
                        let mut less = self.drop_field(value, &path)?;
                        less.name = own_name;
                        *slot = Named::Value(less);
                    }
                }
            }
        }
        Ok(out)
    }

    fn by_regex(
        &self,
        env: &Env,
        pattern: &str,
        target: Option<&[String]>,
        plan_id: Option<i64>,
    ) -> SparkResult<Vec<Named>> {
        let case = self.case_sensitive();
        let flags = if case { "" } else { "(?i)" };
        let regex = java_regex::compile(&format!("{flags}\\A(?:{pattern})\\z")).ok_or_else(|| {
            SparkError::new("INVALID_PARAMETER_VALUE.PATTERN")
                .param("parameter", "`regex`")
                .param("functionName", "`colRegex`")
                .param("value", format!("'{pattern}'"))
        })?;
        let _ = plan_id;
        let named = env.scope.columns.iter().filter(|c| {
            regex.is_match(&c.name).unwrap_or(false)
                && target.is_none_or(|t| {
                    c.qualifier.len() >= t.len()
                        && c.qualifier.iter().rev().zip(t.iter().rev()).all(|(a, b)| same_name(a, b, case))
                })
        });
        Ok(named.cloned().map(Named::Column).collect())
    }
}

fn label(n: &Named) -> String {
    match n {
        Named::Column(c) => c.name.to_string(),
        Named::Value(v) => v.output_name(),
    }
}

fn unique(env: &Env, c: &ScopeColumn, case: bool) -> bool {
    env.scope.named(&c.name, case).filter(|(_, x)| x.id != c.id).count() == 0
}
