//! Expressions: one match over their kinds. What needs no scope is a function of the registry.

use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::{explicit_cast, is_field};
use vonk_expr::collation::Strength;
use vonk_expr::{SqlText, TypedExpr};
use vonk_plan::expr::{ExprKind, SortOrder};
use vonk_plan::types::DataType;
use vonk_plan::{Expr, Literal};

use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::names::Named;
use crate::relation::checks::{is_star, star_in};
use crate::scope::{Scope, ScopeColumn};

pub mod call;
mod char_columns;
pub mod internal;
pub mod named_arguments;
pub mod order;
pub mod shelf;
pub mod sql_function;
pub mod star;
pub mod subquery;
pub mod udf;
pub mod update_field;
mod void;
pub mod window;

impl Analyzer {
    /// Resolves an expression that stands for one value.
    pub fn expr(&self, env: &Env, e: &Expr) -> SparkResult<TypedExpr> {
        let at = e.origin.as_ref();
        let typed = match &e.kind {
            ExprKind::Literal(value) => TypedExpr::literal_in(value, self.facts().conf.time_zone()),
            ExprKind::Attribute { name, plan_id, .. } => self.name(env, name, *plan_id, at).map(|n| n.typed()),
            ExprKind::Function(call) => self.call(env, call, at),
            ExprKind::Alias { child, .. } if is_star(child) => Err(star_in("expression `alias`")),
            ExprKind::Alias { child, names, metadata } => {
                let mut value = self.expr(env, child)?;
                let name = names.first().map(String::as_str).unwrap_or_default();
                let shown = vonk_plan::types::quote_if_needed(name);
                value.sql = SqlText::concat([value.sql, format!(" AS {shown}").into()]);
                value.name = Some(name.into());
                value.below_cast = false;
                value.strength = Strength::Implicit;
                if metadata.is_some() {
                    value.metadata = metadata.as_deref().map(Into::into);
                }
                Ok(value)
            }
            ExprKind::Cast { child, to, mode } => {
                let value = self.expr(env, child)?;
                // A variable is called by its name only where it stands alone.
                let name = value.name.clone().filter(|_| !value.sql.begins_with("variablereference("));
                let metadata = value.metadata.clone();
                let field = is_field(&value.expr) && matches!(child.kind, ExprKind::Attribute { .. });
                let mut out = explicit_cast(self.facts(), value.at(e.origin.clone()), to, *mode)?;
                // A cast of a plain column keeps the column's name.
                if !field && matches!(child.kind, ExprKind::Attribute { .. } | ExprKind::Alias { .. }) {
                    out.below_cast = name.is_some();
                    out.name = name;
                    out.metadata = metadata;
                }
                Ok(out)
            }
            ExprKind::Extract { child, extraction } => {
                // Of a generator, whose value would be the array of its rows, a wrong field is told first.
                let rows = match env.aliases {
                    Some(_) => self.generator(env, child)?.map(|generator| generator.rows),
                    None => None,
                };
                if let Some(rows) = rows {
                    vonk_expr::extract::extract(self.facts(), rows, self.expr(env, extraction)?)?;
                }
                let child = self.expr(env, child)?;
                let written = matches!(extraction.kind, ExprKind::Literal(_));
                let mut extraction = self.expr(env, extraction)?;
                // The name of a field is written; that of a key may be computed.
                extraction.foldable &= written || !has_fields(&child.data_type);
                let of_null = child.data_type == DataType::Null;
                let mut out = vonk_expr::extract::extract(self.facts(), child, extraction)?;
                out.name = out.name.filter(|_| of_null);
                Ok(out)
            }
            ExprKind::UpdateField { child, field, value } => self.update_field(env, child, field, value.as_deref()),
            ExprKind::Window(window) => self.window(env, window, at),
            ExprKind::Subquery(query) => self.subquery(env, query, at),
            ExprKind::Udf(udf) => self.udf(env, udf, at),
            ExprKind::LambdaVariable { name } => self.name(env, name, None, at).map(|n| n.typed()),
            ExprKind::NamedArgument { value, .. } => self.expr(env, value),
            ExprKind::Identifier(inner) => {
                let parts = self.identifier_among(env, inner)?;
                // A field or a variable that is named so has no name of its own.
                let named = self.name(env, &parts, None, at);
                named.map(|n| match n {
                    Named::Column(c) => c.typed(),
                    Named::Value(value) => TypedExpr { name: None, ..value },
                })
            }
            ExprKind::Collate { child, collation } => {
                let name = collation.last().map(String::as_str).unwrap_or_default();
                let args = vec![self.expr(env, child)?, TypedExpr::literal(&Literal::string(name))?];
                self.call_builtin(env, "collate", args, at)
            }
            ExprKind::Sort(order) => self.expr(env, &order.child),
            ExprKind::PartitionId(inner) => self.expr(env, inner),
            ExprKind::Star { .. } | ExprKind::Regex { .. } => Err(star_in("expression")),
            ExprKind::Lambda { .. } => {
                Err(SparkError::new("INVALID_LAMBDA_FUNCTION_CALL.NON_HIGHER_ORDER_FUNCTION").param("class", "lambda"))
            }
            ExprKind::Parameter(p) => Err(SparkError::new("UNBOUND_SQL_PARAMETER").param("name", p.name())),
            ExprKind::Default => Err(SparkError::new("DEFAULT_PLACEMENT_INVALID")),
            ExprKind::SqlText(text) => Err(SparkError::internal(format!("unparsed text {text}"))),
        };
        typed.map(|t| t.at(e.origin.clone())).map_err(|e2| e2.at(e.origin.clone()))
    }

    pub fn exprs(&self, env: &Env, all: &[Expr]) -> SparkResult<Vec<TypedExpr>> {
        all.iter().map(|e| self.expr(env, e)).collect()
    }

    /// A condition: BOOLEAN, or `DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN`.
    pub fn condition(&self, env: &Env, e: &Expr) -> SparkResult<TypedExpr> {
        let typed = self.expr(env, e)?;
        self.boolean(typed)
    }

    pub fn boolean(&self, typed: TypedExpr) -> SparkResult<TypedExpr> {
        use vonk_plan::types::DataType;
        match &typed.data_type {
            DataType::Boolean => Ok(typed),
            t => Err(SparkError::new("DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN")
                .param("sqlExpr", typed.quoted_sql())
                .param("filter", typed.quoted_sql())
                .param("type", quote_sql(t.sql()))
                .at(typed.origin.clone())),
        }
    }

    /// The condition of HAVING, which Spark casts to BOOLEAN where it is something else.
    pub fn having(&self, env: &Env, e: &Expr) -> SparkResult<TypedExpr> {
        let typed = self.expr(env, e).map_err(|error| match (&e.kind, &env.first) {
            // Where nothing is read, what is shown is near.
            (ExprKind::Attribute { name, .. }, Some(first))
                if error.class() == "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION" =>
            {
                let columns = first.iter().map(|a| ScopeColumn::of(self.fresh(), &a.value)).collect();
                self.unresolved_column(&Scope::new(columns), name, e.origin.as_ref())
            }
            _ => error,
        })?;
        let (sql, name) = (typed.sql.clone(), typed.name.clone());
        let mut out = vonk_expr::cast::cast(self.facts(), typed, &vonk_plan::types::DataType::Boolean)?;
        (out.sql, out.name) = (sql, name);
        Ok(out)
    }

    /// The constant string of `IDENTIFIER(…)`, in parts, where a column is no unknown name but no constant.
    fn identifier_among(&self, env: &Env, e: &Expr) -> SparkResult<Vec<String>> {
        let unknown = match self.identifier(e) {
            Err(unknown) if unknown.class().starts_with("UNRESOLVED_COLUMN") => unknown,
            other => return other,
        };
        let shown = match &e.kind {
            ExprKind::Attribute { name, plan_id, .. } => match self.name(env, name, *plan_id, None) {
                Ok(Named::Column(c)) => c.full_name().join("."),
                Ok(Named::Value(v)) => v.sql.to_string(),
                Err(_) => return Err(unknown),
            },
            _ => match self.expr(env, e) {
                Ok(v) => v.sql.to_string(),
                Err(_) => return Err(unknown),
            },
        };
        let error = SparkError::new("NOT_A_CONSTANT_STRING.NOT_CONSTANT").param("name", "IDENTIFIER");
        Err(error.param("expr", shown).at(e.origin.clone()))
    }

    /// The constant string of `IDENTIFIER(…)`, in parts.
    pub fn identifier(&self, e: &Expr) -> SparkResult<Vec<String>> {
        let value = self.expr(&Env::default(), e)?;
        let not = |name: &str| {
            SparkError::new(format!("NOT_A_CONSTANT_STRING.{name}"))
                .param("name", "IDENTIFIER")
                .param("expr", &value.sql)
                .at(e.origin.clone())
        };
        if !value.foldable {
            return Err(not("NOT_CONSTANT"));
        }
        if !value.data_type.is_string() {
            return Err(not("WRONG_TYPE").param("dataType", value.data_type.to_string()));
        }
        let text = value.constant_str("IDENTIFIER", "identifier")?.ok_or_else(|| not("NULL"))?;
        split_name(&text)
    }

    /// An item with no meaning beyond its value, for `ORDER BY` lists in expressions.
    pub fn order_child(&self, env: &Env, order: &SortOrder) -> SparkResult<TypedExpr> {
        self.expr(env, &order.child)
    }
}

/// `` a.`b.c` `` in parts.
pub fn split_name(text: &str) -> SparkResult<Vec<String>> {
    let bad = || SparkError::new("INVALID_ATTRIBUTE_NAME_SYNTAX").param("name", text);
    let mut parts = vec![];
    let mut part = String::new();
    let mut chars = text.chars().peekable();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        match c {
            '`' if quoted && chars.peek() == Some(&'`') => {
                chars.next();
                part.push('`');
            }
            '`' if quoted => {
                quoted = false;
                if !matches!(chars.peek(), None | Some('.')) {
                    return Err(bad());
                }
            }
            '`' if part.is_empty() => quoted = true,
            '`' => return Err(bad()),
            '.' if !quoted => parts.push(std::mem::take(&mut part)),
            c => part.push(c),
        }
    }
    if quoted {
        return Err(bad());
    }
    parts.push(part);
    Ok(parts)
}

/// Is a string within brackets the name of a field?
fn has_fields(t: &DataType) -> bool {
    match t {
        DataType::Struct(_) => true,
        DataType::Array(item, _) => matches!(**item, DataType::Struct(_)),
        _ => false,
    }
}
