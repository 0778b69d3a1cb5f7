//! `*`, `t.*`, `s.*`, `* EXCEPT (…)` and columns by regular expression.

use std::sync::Arc;

use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_functions::java_regex;
use vonk_plan::Expr;
use vonk_plan::expr::ExprKind;
use vonk_plan::types::DataType;

use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::names::{At, Named, outer_column, qualifies};
use crate::row_ids::INPUT_FILE;
use crate::scope::{ColumnId, Scope, ScopeColumn};

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
                if except.is_empty() { Ok(all) } else { self.without(all, except, e.origin.as_ref()) }
            }
            ExprKind::Regex { pattern, target, plan_id } => self.by_regex(env, pattern, target.as_deref(), *plan_id),
            _ => Ok(vec![Named::Value(self.expr(env, e)?)]),
        }
    }

    /// The same as names, for arguments of functions.
    pub fn expand_star_exprs(&self, env: &Env, e: &Expr) -> SparkResult<Vec<Expr>> {
        let mut out = vec![];
        for (i, item) in self.expand_star(env, e)?.into_iter().enumerate() {
            let named = match item {
                Named::Column(c) if unique(env, &c, self.case_sensitive()) => Expr::column(&*c.name),
                Named::Column(c) => self.exactly(c)?,
                Named::Value(v) => match (&e.kind, &v.name) {
                    (ExprKind::Star { target: Some(t), .. }, Some(n)) => {
                        let path = t.iter().cloned().chain([n.to_string()]).collect();
                        Expr::attribute(path).alias(&**n)
                    }
                    (ExprKind::Star { target: None, .. }, Some(n)) => {
                        let whole = env.scope.named(n, self.case_sensitive()).map(|(_, c)| c.data_type.clone()).next();
                        kept_fields(&[n.to_string()], whole.as_ref(), &v.data_type).alias(&**n)
                    }
                    _ => return Err(SparkError::internal(format!("star item {i}"))),
                },
            };
            out.push(named.at(e.origin.clone()));
        }
        Ok(out)
    }

    /// A reference to that very column, whatever else has its name: as a column of a DataFrame of its own.
    fn exactly(&self, c: ScopeColumn) -> SparkResult<Expr> {
        let plan_id = i64::try_from(self.fresh()).map_err(SparkError::internal)?;
        let name = vec![c.name.to_string()];
        // Those of the client count from 0.
        self.register(-plan_id, &Arc::new(Scope::new(vec![c])));
        Ok(Expr::new(ExprKind::Attribute { name, plan_id: Some(-plan_id), metadata_column: false }))
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
        let matches =
            |c: &&ScopeColumn| &*c.name != INPUT_FILE && !c.is_file_metadata() && qualifies(&c.qualifier, target, case);
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
        // The columns of the query around.
        let around = env.outer.iter().filter(|o| !o.without_stars).flat_map(|o| &o.scope.columns);
        let around: Vec<_> = around.filter(matches).map(|c| Named::Value(outer_column(c))).collect();
        if !around.is_empty() {
            return Ok(around);
        }
        let missing = || {
            let untold = env.outer.as_ref().is_some_and(|o| o.without_stars);
            let told = env.scope.columns.iter().filter(|_| !untold).map(|c| quote_id([&*c.name]));
            SparkError::new("CANNOT_RESOLVE_STAR_EXPAND")
                .param("targetString", quote_id(target))
                .param("columns", told.collect::<Vec<_>>().join(", "))
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

    /// `EXCEPT (a, s.b)`: whole columns go, and fields of structs go from their struct. Names are those of the star's
    /// own columns, and no two of them may mean the same.
    fn without(&self, all: Vec<Named>, except: &[Vec<String>], at: At) -> SparkResult<Vec<Named>> {
        // Columns of a scope of their own, by their place in the star.
        let columns = (0..).zip(&all).map(|(slot, named)| match named {
            Named::Column(c) => ScopeColumn { slot, ..c.clone() },
            Named::Value(v) => ScopeColumn { slot, ..ScopeColumn::of(ColumnId::MAX - slot, v) },
        });
        let scope = Scope::new(columns.collect());
        let mut gone: Vec<(ColumnId, Vec<String>)> = vec![];
        for name in except {
            let Some((column, fields)) = self.find(&scope, name, at)? else {
                return Err(self.unresolved_column(&scope, name, at));
            };
            self.fields_of(column.typed(), fields, at)?;
            gone.push((column.slot, fields.to_vec()));
        }
        no_overlap(&gone, except, at)?;
        let mut out = Vec::with_capacity(all.len());
        for (i, named) in (0..).zip(all) {
            let mut paths = gone.iter().filter(|(slot, _)| *slot == i).map(|(_, path)| path).peekable();
            match paths.peek() {
                None => out.push(named),
                Some(path) if path.is_empty() => {}
                Some(_) => {
                    let value = named.typed();
                    let name = value.name.clone();
                    let mut less = paths.try_fold(value, |value, path| self.drop_field(value, path))?;
                    less.name = name;
                    out.push(Named::Value(less));
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
            regex.is_match(&c.name).unwrap_or(false) && target.is_none_or(|t| qualifies(&c.qualifier, t, case))
        });
        Ok(named.cloned().map(Named::Column).collect())
    }
}

/// A struct of the fields that are left of the column or field of that path.
fn kept_fields(path: &[String], whole: Option<&DataType>, left: &DataType) -> Expr {
    let (Some(DataType::Struct(all)), DataType::Struct(some)) = (whole, left) else {
        return Expr::attribute(path.to_vec());
    };
    let mut args = vec![];
    for f in some.fields.iter() {
        let own = all.fields.iter().find(|g| g.name == f.name).map(|g| &g.data_type);
        let path: Vec<String> = path.iter().cloned().chain([f.name.clone()]).collect();
        let own = own.filter(|own| **own != f.data_type);
        args.push(Expr::string(f.name.as_str()));
        args.push(kept_fields(&path, own, &f.data_type).alias(f.name.as_str()));
    }
    Expr::call("named_struct", args)
}

/// Error: one of the columns and fields that go is part of another. As in Spark, names of one column that are written
/// in different ways are not compared.
fn no_overlap(gone: &[(ColumnId, Vec<String>)], except: &[Vec<String>], at: At) -> SparkResult<()> {
    let paths = gone.iter().zip(except).map(|((slot, fields), name)| {
        let qualifiers = name.len().saturating_sub(fields.len() + 1);
        (slot, name.get(qualifiers..).unwrap_or_default())
    });
    let paths: Vec<_> = paths.collect();
    let clash = |(i, a): (usize, &(&ColumnId, &[String]))| {
        paths.iter().skip(i + 1).any(|b| a.0 == b.0 && (a.1.starts_with(b.1) || b.1.starts_with(a.1)))
    };
    if !paths.iter().enumerate().any(clash) {
        return Ok(());
    }
    let columns: Vec<_> = except.iter().map(|name| name.join(".")).collect();
    Err(SparkError::new("EXCEPT_OVERLAPPING_COLUMNS").param("columns", columns.join(", ")).at(at.cloned()))
}

fn unique(env: &Env, c: &ScopeColumn, case: bool) -> bool {
    env.scope.named(&c.name, case).filter(|(_, x)| x.id != c.id).count() == 0
}
