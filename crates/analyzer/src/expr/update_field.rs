//! `Column.withField` and `Column.dropFields`.

use vonk_common::SparkResult;
use vonk_expr::{SqlText, TypedExpr};
use vonk_plan::{Expr, ExprKind};

use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::expr::split_name;
use crate::scope::same_name;

/// Updates of one struct in a row.
struct Updates {
    value: TypedExpr,
    /// The text of the struct itself.
    base: SqlText,
    /// For each update the field that it adds or replaces, and its text.
    operations: Vec<(Option<String>, SqlText)>,
}

/// The text of an update at a path within the value of that text.
fn operation(value: SqlText, path: &[String], last: SqlText) -> SqlText {
    match path {
        [name, rest @ ..] if !rest.is_empty() => {
            let inner = SqlText::wrap("", value, &format!(".{name}"));
            let update = operation(inner.clone(), rest, last);
            SqlText::call("WithField", [SqlText::call("update_fields", [inner, update])])
        }
        _ => last,
    }
}

/// Where no field is dropped, there is one update of each field, the last, in the place of its first.
fn only_last(operations: &[(Option<String>, SqlText)], case: bool) -> Vec<SqlText> {
    let mut kept: Vec<(&str, SqlText)> = vec![];
    for (name, text) in operations {
        let Some(name) = name else { return operations.iter().map(|(_, text)| text.clone()).collect() };
        match kept.iter_mut().find(|(known, _)| same_name(known, name, case)) {
            Some((_, first)) => *first = text.clone(),
            None => kept.push((name.as_str(), text.clone())),
        }
    }
    kept.into_iter().map(|(_, text)| text).collect()
}

impl Analyzer {
    pub fn update_field(&self, env: &Env, child: &Expr, field: &str, value: Option<&Expr>) -> SparkResult<TypedExpr> {
        self.updates(env, child, field, value).map(|updates| updates.value)
    }

    /// The value after an update. What it updates may be an update itself: Spark has one operator for all in a row.
    fn updates(&self, env: &Env, child: &Expr, field: &str, value: Option<&Expr>) -> SparkResult<Updates> {
        let mut all = match &child.kind {
            ExprKind::UpdateField { child, field, value } => self.updates(env, child, field, value.as_deref())?,
            _ => {
                let value = self.expr(env, child)?;
                Updates { base: value.sql.clone(), operations: vec![], value }
            }
        };
        let path = split_name(field)?;
        let text = all.value.sql.clone();
        let (mut out, last) = match value {
            Some(v) => {
                let v = self.expr(env, v)?;
                let last = SqlText::call("WithField", [v.sql.clone()]);
                (self.with_field(all.value, &path, v)?, last)
            }
            None => (self.drop_field(all.value, &path)?, "dropfield()".into()),
        };
        let added = (path.len() > 1 || value.is_some()).then(|| path.first().cloned().unwrap_or_default());
        all.operations.push((added, operation(text, &path, last)));
        let operations = only_last(&all.operations, self.case_sensitive());
        out.sql = SqlText::call("update_fields", std::iter::once(all.base.clone()).chain(operations));
        out.name = None;
        Ok(Updates { value: out, base: all.base, operations: all.operations })
    }

    fn with_field(&self, value: TypedExpr, path: &[String], new: TypedExpr) -> SparkResult<TypedExpr> {
        let Some((name, rest)) = path.split_first() else { return Ok(new) };
        let new = match rest {
            [] => new,
            rest => {
                let inner = self.fields_of(value.clone(), std::slice::from_ref(name), None)?;
                self.with_field(inner, rest, new)?
            }
        };
        vonk_expr::extract::update_field(self.facts(), value, name, Some(new))
    }

    pub fn drop_field(&self, value: TypedExpr, path: &[String]) -> SparkResult<TypedExpr> {
        let Some((name, rest)) = path.split_first() else { return Ok(value) };
        match rest {
            [] => vonk_expr::extract::update_field(self.facts(), value, name, None),
            rest => {
                let inner = self.fields_of(value.clone(), std::slice::from_ref(name), None)?;
                let inner = self.drop_field(inner, rest)?;
                vonk_expr::extract::update_field(self.facts(), value, name, Some(inner))
            }
        }
    }
}
