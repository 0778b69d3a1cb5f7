//! `na.fill`, `na.drop`, `na.replace`.

use datafusion::logical_expr::{Case, Expr as DfExpr, Operator, binary_expr, lit};
use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_expr::cast::cast;
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::expr::split_name;
use crate::names::Named;
use crate::node::Node;
use crate::scope::{Scope, ScopeColumn, column_expr};

impl Analyzer {
    /// What a name with back quotes and dots means in a DataFrame: a column, or a field of one.
    pub fn quoted_name(&self, node: &Node, name: &str) -> SparkResult<Named> {
        let parts = split_name(name)?;
        match self.find(&node.scope, &parts, None)? {
            Some((column, [])) => Ok(Named::Column(column.clone())),
            Some((column, fields)) => self.fields_of(column.typed(), fields, None).map(Named::Value),
            None => Err(not_among_columns(&parts, &node.scope)),
        }
    }

    /// The columns to fill, each with its place in the list of names. Fields of structs are not filled, and a star
    /// stands for no column.
    fn filled(&self, node: &Node, names: &[String]) -> SparkResult<Vec<(usize, ScopeColumn)>> {
        if names.is_empty() {
            return Ok(node.scope.columns.iter().map(|c| (0, c.clone())).collect());
        }
        let mut out = vec![];
        for (i, name) in names.iter().enumerate().filter(|(_, name)| *name != "*") {
            if let Named::Column(c) = self.quoted_name(node, name)? {
                out.push((i, c));
            }
        }
        Ok(out)
    }

    /// The columns to replace in. Error: a field of a struct.
    fn replaceable(&self, node: &Node, names: &[String]) -> SparkResult<Vec<ScopeColumn>> {
        if names.is_empty() {
            return Ok(node.scope.columns.clone());
        }
        let column = |name: &String| match self.quoted_name(node, name)? {
            Named::Column(c) => Ok(c),
            Named::Value(_) => Err(SparkError::new("UNSUPPORTED_FEATURE.REPLACE_NESTED_COLUMN")
                .param("colName", quote_id(split_name(name)?))),
        };
        names.iter().map(column).collect()
    }

    /// The values of those names, or of all columns.
    fn values_of(&self, node: &Node, names: &[String]) -> SparkResult<Vec<TypedExpr>> {
        match names {
            [] => Ok(node.scope.columns.iter().map(ScopeColumn::typed).collect()),
            names => names.iter().map(|name| self.quoted_name(node, name).map(Named::typed)).collect(),
        }
    }

    /// New values for some columns, under their names and in their places.
    fn replaced(&self, mut node: Node, new: Vec<(ScopeColumn, TypedExpr)>) -> SparkResult<Node> {
        let mut columns = node.scope.columns.clone();
        let mut computed = vec![];
        for (old, value) in new {
            let id = self.fresh();
            for c in columns.iter_mut().filter(|c| c.id == old.id) {
                *c = ScopeColumn {
                    id,
                    slot: id,
                    data_type: value.data_type.clone(),
                    nullable: value.nullable,
                    ..c.clone()
                };
            }
            computed.push((id, value.expr, value.data_type));
        }
        node.compute(computed)?;
        let hidden = node.scope.hidden.clone();
        Ok(node.projected(Scope::with_hidden(columns, hidden)))
    }

    pub fn fill_na(&self, node: Node, names: &[String], values: &[Literal]) -> SparkResult<Node> {
        let columns = self.filled(&node, names)?;
        let mut new = vec![];
        for (i, c) in &columns {
            let value = if values.len() > 1 { values.get(*i) } else { values.first() };
            let Some(value) = value else { continue };
            let fits = match value {
                Literal::String(_) => c.data_type.is_string(),
                Literal::Boolean(_) => c.data_type == DataType::Boolean,
                v if v.data_type().is_numeric() => c.data_type.is_numeric(),
                _ => false,
            };
            if !fits {
                continue;
            }
            let fill = cast(self.facts(), TypedExpr::literal(value)?, &c.data_type)?;
            let own = column_expr(c.slot);
            let mut test = own.clone().is_not_null();
            if matches!(c.data_type, DataType::Float | DataType::Double) {
                let nan = match c.data_type {
                    DataType::Float => lit(f32::NAN),
                    _ => lit(f64::NAN),
                };
                test = test.and(binary_expr(own.clone(), Operator::NotEq, nan));
            }
            let e = Case::new(None, vec![(Box::new(test), Box::new(own))], Some(Box::new(fill.expr.clone())));
            new.push((c.clone(), TypedExpr::new(DfExpr::Case(e), c.data_type.clone(), fill.nullable, "")));
        }
        self.replaced(node, new)
    }

    /// Keeps rows with at least `min` values that are neither NULL nor NaN; all of them if none is
    /// given.
    pub fn drop_na(&self, mut node: Node, names: &[String], min: Option<i32>) -> SparkResult<Node> {
        let columns = self.values_of(&node, names)?;
        let present = columns.iter().map(|c| {
            let own = c.expr.clone();
            match c.data_type {
                DataType::Float => own.clone().is_not_null().and(binary_expr(own, Operator::NotEq, lit(f32::NAN))),
                DataType::Double => own.clone().is_not_null().and(binary_expr(own, Operator::NotEq, lit(f64::NAN))),
                _ => own.is_not_null(),
            }
        });
        let min = min.unwrap_or_else(|| i32::try_from(columns.len()).unwrap_or(i32::MAX));
        let condition = if usize::try_from(min).is_ok_and(|m| m == columns.len()) {
            present.reduce(DfExpr::and)
        } else {
            let counted = present.map(|p| {
                DfExpr::Case(Case::new(None, vec![(Box::new(p), Box::new(lit(1i32)))], Some(Box::new(lit(0i32)))))
            });
            counted.reduce(|a, b| binary_expr(a, Operator::Plus, b)).map(|n| n.gt_eq(lit(min)))
        };
        if let Some(condition) = condition {
            node = self.keep(node, TypedExpr::new(condition, DataType::Boolean, false, ""))?;
        }
        Ok(node)
    }

    pub fn replace(&self, node: Node, names: &[String], pairs: &[(Literal, Literal)]) -> SparkResult<Node> {
        let columns = self.replaceable(&node, names)?;
        let Some((first, _)) = pairs.iter().find(|(from, _)| !from.is_null()) else { return Ok(node) };
        let fits = |t: &DataType| match first {
            Literal::String(_) => t.is_string(),
            Literal::Boolean(_) => *t == DataType::Boolean,
            v => v.data_type().is_numeric() && t.is_numeric(),
        };
        let mut new = vec![];
        for c in columns.iter().filter(|c| fits(&c.data_type)) {
            let own = column_expr(c.slot);
            let mut arms = vec![];
            let mut nullable = c.nullable;
            for (from, to) in pairs {
                let to = match to {
                    Literal::Null(_) => TypedExpr::null(c.data_type.clone())?,
                    to => cast(self.facts(), self.replacement(to)?, &c.data_type)?,
                };
                nullable |= to.nullable;
                let same = vec![c.typed(), self.replacement(from)?];
                let same = self.call_builtin(&Env::default(), "=", same, None)?;
                arms.push((Box::new(same.expr), Box::new(to.expr)));
            }
            let e = DfExpr::Case(Case::new(None, arms, Some(Box::new(own))));
            new.push((c.clone(), TypedExpr::new(e, c.data_type.clone(), nullable, "")));
        }
        self.replaced(node, new)
    }

    /// A value to be replaced, or to be put in its place: all numbers are doubles there.
    fn replacement(&self, value: &Literal) -> SparkResult<TypedExpr> {
        let typed = TypedExpr::literal(value)?;
        match typed.data_type.is_numeric() {
            true => cast(self.facts(), typed, &DataType::Double),
            false => Ok(typed),
        }
    }
}

/// `UNRESOLVED_COLUMN` with all columns in their order, as Spark's `DataFrame.apply` tells it.
fn not_among_columns(parts: &[String], scope: &Scope) -> SparkError {
    let shown = |c: &ScopeColumn| quote_id(split_name(&c.name).unwrap_or_else(|_| vec![c.name.to_string()]));
    let all: Vec<String> = scope.columns.iter().map(shown).collect();
    SparkError::new("UNRESOLVED_COLUMN.WITH_SUGGESTION")
        .param("objectName", quote_id(parts))
        .param("proposal", all.join(", "))
}
