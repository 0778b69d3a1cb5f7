//! `Column.withField` and `Column.dropFields`.

use vonk_common::SparkResult;
use vonk_expr::{SqlText, TypedExpr};
use vonk_plan::Expr;

use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::expr::split_name;

impl Analyzer {
    pub fn update_field(&self, env: &Env, child: &Expr, field: &str, value: Option<&Expr>) -> SparkResult<TypedExpr> {
        let child = self.expr(env, child)?;
        let path = split_name(field)?;
        let text = child.sql.clone();
        let (mut out, operation) = match value {
            Some(v) => {
                let v = self.expr(env, v)?;
                let operation = SqlText::call("WithField", [v.sql.clone()]);
                (self.with_field(child, &path, v)?, operation)
            }
            None => (self.drop_field(child, &path)?, "dropfield()".into()),
        };
        out.sql = SqlText::call("update_fields", [text, operation]);
        out.name = None;
        Ok(out)
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
