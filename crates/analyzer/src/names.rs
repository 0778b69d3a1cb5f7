//! What a name refers to: a column, a field of a column, an outer column, a lambda parameter, a
//! variable; and the errors when it refers to nothing or to several things.

use std::rc::Rc;
use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::Expr;
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{Origin, SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::cast::zone::Zone;
use vonk_expr::literal_source::literal_source;
use vonk_expr::{SqlText, TypedExpr};
use vonk_plan::Literal;
use vonk_plan::expr::FunctionCall;

use crate::analyzer::Analyzer;
use crate::env::{Env, LateralAlias};
use crate::scope::{Scope, ScopeColumn, column_name, same_name};

/// Functions that may be written without parentheses.
const LITERAL_FUNCTIONS: [&str; 10] = [
    "current_date",
    "current_timestamp",
    "current_time",
    "localtimestamp",
    "current_user",
    "session_user",
    "user",
    "current_catalog",
    "current_database",
    "current_schema",
];

/// What Hive calls `grouping_id()`: a name that means it where it means nothing else.
const GROUPING_ID: &str = "grouping__id";

/// What stands around a name in the text where it is an alias further left in the list.
const LATERAL: &str = "lateralAliasReference";

/// Is an alias further left in the list part of the expression?
pub fn is_lateral(e: &TypedExpr) -> bool {
    e.sql.to_string().contains(LATERAL)
}

/// What a name was found to be.
pub enum Named {
    Column(ScopeColumn),
    Value(TypedExpr),
}

impl Named {
    pub fn typed(self) -> TypedExpr {
        match self {
            Named::Column(c) => c.typed(),
            Named::Value(v) => v,
        }
    }
}

pub type At<'a> = Option<&'a Arc<Origin>>;

impl Analyzer {
    /// Resolves a name in parts, `plan_id` naming the DataFrame it belongs to.
    pub fn name(&self, env: &Env, parts: &[String], plan_id: Option<i64>, at: At) -> SparkResult<Named> {
        match (self.meaning(env, parts, plan_id, at), &env.shown) {
            (Err(e), Some(shown)) if plan_id.is_none() && is_unclear(&e) => {
                Err(self.unresolved_column(shown, parts, at))
            }
            (found, _) => found,
        }
    }

    fn meaning(&self, env: &Env, parts: &[String], plan_id: Option<i64>, at: At) -> SparkResult<Named> {
        if let Some(found) = self.lambda_variable(env, parts)? {
            return Ok(Named::Value(found));
        }
        if plan_id.is_none()
            && let Some(value) = self.first_name(env, parts, at)?
        {
            return Ok(Named::Value(value));
        }
        if let Some(plan_id) = plan_id {
            return self.dataframe_column(env, parts, plan_id, at);
        }
        if let Some(found) = self.name_within(env, parts, at)? {
            return Ok(found);
        }
        if let Some((name, fields)) = parts.split_first()
            && let Some(value) = self.lateral_alias(env, name)?
        {
            let mut value = self.fields_of(value, fields, at)?;
            // What is made of it is called after it so.
            value.sql = SqlText::call(LATERAL, [SqlText::new(parts.last().unwrap_or(name).clone())]);
            env.laterals.borrow_mut().push(quote_id(parts));
            return Ok(Named::Value(value));
        }
        if let Some(value) = self.parameter(env, parts, at)? {
            return Ok(Named::Value(value));
        }
        if let Some(value) = self.outer_name(env, parts, at)? {
            return Ok(Named::Value(value));
        }
        if let [name] = parts
            && LITERAL_FUNCTIONS.contains(&name.to_lowercase().as_str())
        {
            return self.call_builtin(env, &name.to_lowercase(), vec![], at).map(Named::Value);
        }
        if let [name] = parts
            && name.eq_ignore_ascii_case(GROUPING_ID)
        {
            let call = FunctionCall::new(vec!["grouping_id".into()], vec![]);
            if let Some(mut id) = self.grouping_call(env, &call)? {
                id.name = Some(GROUPING_ID.into());
                return Ok(Named::Value(id));
            }
        }
        if let Some(value) = self.variable(parts, at)? {
            return Ok(Named::Value(value));
        }
        Err(self.unresolved_column(&env.scope, parts, at))
    }

    /// The name in the scope itself, or among what projections below left out.
    fn name_within(&self, env: &Env, parts: &[String], at: At) -> SparkResult<Option<Named>> {
        let found = match self.find(&env.scope, parts, at) {
            // An ORDER BY that the list itself does not answer.
            Err(e) if env.first.is_some() && env.reach.is_some() && e.class() == "AMBIGUOUS_REFERENCE" => None,
            found => found?,
        };
        if let Some((column, fields)) = found {
            return self.with_fields(as_written(column, parts, fields), fields, at).map(Some);
        }
        let Some(node) = &env.reach else { return Ok(None) };
        let mut below = node.below.as_ref();
        while let Some(layer) = below {
            if let Some((column, fields)) = self.find(&layer.scope, parts, at)?
                && node.has(column.slot)
            {
                return self.with_fields(as_written(column, parts, fields), fields, at).map(Some);
            }
            below = layer.below.as_ref();
        }
        Ok(None)
    }

    /// A variable, or a field of one.
    fn variable(&self, parts: &[String], at: At) -> SparkResult<Option<TypedExpr>> {
        for n in (1..=parts.len()).rev() {
            let (name, fields) = parts.split_at(n);
            let found = (self.resolver().variable(name)?, name.last());
            let (Some((value, data_type, home)), Some(own)) = found else { continue };
            let mut typed = TypedExpr::literal(&value)?;
            let text = match &value {
                Literal::Null(_) => format!("CAST(NULL AS {})", data_type.sql()),
                other => literal_source(other, &Zone::named(self.facts().conf.time_zone())?),
            };
            typed.data_type = data_type;
            typed.sql = format!("variablereference({home}.{own}={text})").into();
            typed.name = Some(own.as_str().into());
            return self.fields_of(typed, fields, at).map(Some);
        }
        Ok(None)
    }

    fn with_fields(&self, column: ScopeColumn, fields: &[String], at: At) -> SparkResult<Named> {
        if fields.is_empty() {
            return Ok(Named::Column(column));
        }
        self.fields_of(column.typed(), fields, at).map(Named::Value)
    }

    /// `value.a.b`.
    pub fn fields_of(&self, value: TypedExpr, fields: &[String], at: At) -> SparkResult<TypedExpr> {
        fields.iter().try_fold(value, |value, field| {
            let key = TypedExpr::literal(&vonk_plan::Literal::string(field.as_str()))?;
            let mut out = vonk_expr::extract::extract(self.facts(), value, key).map_err(|e| e.at(at.cloned()))?;
            out.name = Some(field.as_str().into());
            Ok(out)
        })
    }

    /// The column that a name means in a scope, and the parts of the name that are fields of it.
    pub fn find<'s, 'p>(
        &self,
        scope: &'s Scope,
        parts: &'p [String],
        at: At,
    ) -> SparkResult<Option<(&'s ScopeColumn, &'p [String])>> {
        let case = self.case_sensitive();
        for hidden in [false, true] {
            if hidden && scope.hidden.is_empty() {
                break;
            }
            for qualifiers in (0..parts.len().min(4)).rev() {
                let (qualifier, rest) = parts.split_at(qualifiers);
                let Some((name, fields)) = rest.split_first() else { continue };
                let mut found: Vec<&ScopeColumn> = vec![];
                for (is_hidden, c) in scope.named(name, case) {
                    if is_hidden == hidden
                        && qualifies(&c.qualifier, qualifier, case)
                        && !found.iter().any(|f| f.id == c.id)
                    {
                        found.push(c);
                    }
                }
                match found.as_slice() {
                    [] => {}
                    [one] => return Ok(Some((one, fields))),
                    several => return Err(ambiguous(parts, several, at)),
                }
            }
        }
        Ok(None)
    }

    fn lambda_variable(&self, env: &Env, parts: &[String]) -> SparkResult<Option<TypedExpr>> {
        let Some((name, fields)) = parts.split_first() else { return Ok(None) };
        let case = self.case_sensitive();
        let Some(hit) = env.lambdas.iter().rev().find(|v| same_name(&v.0, name, case)) else { return Ok(None) };
        let mut value = hit.1.typed();
        value.sql = "namedlambdavariable()".into();
        self.fields_of(value, fields, None).map(Some)
    }

    /// An output column of the SELECT that this is the HAVING or ORDER BY of.
    fn first_name(&self, env: &Env, parts: &[String], at: At) -> SparkResult<Option<TypedExpr>> {
        let (Some(first), Some((name, fields))) = (&env.first, parts.split_first()) else { return Ok(None) };
        let case = self.case_sensitive();
        let mut hits: Vec<&TypedExpr> = vec![];
        for alias in first.iter().filter(|a| same_name(&a.name, name, case)) {
            if !hits.iter().any(|h| h.expr == alias.value.expr) {
                hits.push(&alias.value);
            }
        }
        match hits.as_slice() {
            [] => Ok(None),
            [one] if fields.is_empty() => Ok(Some((*one).clone())),
            // `t.a` rather than field `a` of an output column `t`, unless there is no `t.a`.
            [one] => match self.find(&env.scope, parts, at)? {
                Some(_) => Ok(None),
                None => self.fields_of((*one).clone(), fields, at).map(Some),
            },
            several => Err(SparkError::new("AMBIGUOUS_REFERENCE")
                .param("name", quote_id(parts))
                .param("referenceNames", format!("[{}]", vec![quote_id([name]); several.len()].join(", ")))
                .at(at.cloned())),
        }
    }

    fn lateral_alias(&self, env: &Env, name: &str) -> SparkResult<Option<TypedExpr>> {
        let Some(aliases) = &env.aliases else { return Ok(None) };
        let aliases = aliases.borrow();
        let case = self.case_sensitive();
        let mut hits = aliases.iter().filter(|a| same_name(&a.name, name, case));
        match (hits.next(), hits.count()) {
            (None, _) => Ok(None),
            (Some(one), 0) => Ok(Some(one.value.clone())),
            (Some(_), n) => {
                Err(SparkError::new("AMBIGUOUS_LATERAL_COLUMN_ALIAS").param("name", quote_id([name])).param("n", n + 1))
            }
        }
    }

    /// A column of a query around this one, as DataFusion's reference to it.
    fn outer_name(&self, env: &Env, parts: &[String], at: At) -> SparkResult<Option<TypedExpr>> {
        // Columns are found in the query right around, parameters of a function further out, too.
        let (mut outer, mut near) = (env.outer.as_ref(), true);
        while let Some(around) = outer {
            if near && let Some(value) = self.lambda_variable(around, parts)? {
                return Ok(Some(value));
            }
            if near
                && let Some((column, fields)) = match self.find(&around.scope, parts, at) {
                    Err(e) if around.shown.is_some() && is_unclear(&e) => None,
                    found => found?,
                }
            {
                return self.fields_of(outer_column(column), fields, at).map(Some);
            }
            near = false;
            if let Some(value) = self.parameter(around, parts, at)? {
                return as_outer(value).map(Some);
            }
            outer = around.outer.as_ref();
        }
        Ok(None)
    }

    /// A parameter of the SQL function around, which may be qualified by the function's name.
    fn parameter(&self, env: &Env, parts: &[String], at: At) -> SparkResult<Option<TypedExpr>> {
        let Some(parameters) = &env.parameters else { return Ok(None) };
        let case = self.case_sensitive();
        let qualified = || match (parts.split_first(), &env.function) {
            (Some((name, rest)), Some(function)) if same_name(name, function, case) => {
                parameter_of(parameters, rest, case)
            }
            _ => None,
        };
        match parameter_of(parameters, parts, case).or_else(qualified) {
            Some((value, fields)) => self.fields_of(value, fields, at).map(Some),
            None => Ok(None),
        }
    }

    /// `df["x"]`: the name in the scope of that DataFrame, which must still be within reach here.
    fn dataframe_column(&self, env: &Env, parts: &[String], plan_id: i64, at: At) -> SparkResult<Named> {
        let mut found: Vec<Named> = vec![];
        let mut ids = vec![];
        for scope in self.scopes_of(plan_id) {
            let Some((column, fields)) = self.find(&scope, parts, at)? else { continue };
            let current = match env.scope.find(column.id) {
                Some(current) => Some(current.clone()),
                None => env.reach.as_ref().filter(|n| n.has(column.slot)).map(|_| column.clone()),
            };
            if let Some(current) = current {
                if !ids.contains(&column.id) {
                    ids.push(column.id);
                    found.push(self.with_fields(as_written(&current, parts, fields), fields, at)?);
                }
            } else if let Some(value) = self.outer_dataframe_column(env, column, fields, at)?
                && !ids.contains(&column.id)
            {
                ids.push(column.id);
                found.push(Named::Value(value));
            }
        }
        let name = || quote_sql(parts.join("."));
        match (found.len(), found.pop()) {
            (1, Some(one)) => Ok(one),
            (0, _) => Err(SparkError::new("CANNOT_RESOLVE_DATAFRAME_COLUMN").param("name", name()).at(at.cloned())),
            _ => Err(SparkError::new("AMBIGUOUS_COLUMN_REFERENCE").param("name", name()).at(at.cloned())),
        }
    }

    fn outer_dataframe_column(
        &self,
        env: &Env,
        column: &ScopeColumn,
        fields: &[String],
        at: At,
    ) -> SparkResult<Option<TypedExpr>> {
        let mut outer: Option<&Rc<Env>> = env.outer.as_ref();
        while let Some(around) = outer {
            if let Some(current) = around.scope.find(column.id) {
                return self.fields_of(outer_column(current), fields, at).map(Some);
            }
            outer = around.outer.as_ref();
        }
        Ok(None)
    }

    /// `UNRESOLVED_COLUMN` with the names that come nearest.
    pub fn unresolved_column(&self, scope: &Scope, parts: &[String], at: At) -> SparkError {
        let error = |class: &'static str| SparkError::new(class).param("objectName", quote_id(parts)).at(at.cloned());
        if scope.columns.is_empty() {
            return error("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION");
        }
        // As Spark does it: columns by name, then by how far their quoted names are from the plain one.
        let mut columns: Vec<&ScopeColumn> = scope.columns.iter().collect();
        columns.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
        let all: Vec<Vec<String>> = columns.into_iter().map(ScopeColumn::full_name).collect();
        let shown = |last: usize| -> Option<usize> {
            let head = |n: &'_ Vec<String>| n.get(..n.len().saturating_sub(last)).map(<[String]>::to_vec);
            (parts.len() <= last && all.windows(2).all(|w| matches!(w, [a, b] if head(a) == head(b)))).then_some(last)
        };
        let shown = shown(1).or_else(|| shown(2)).unwrap_or(usize::MAX);
        let wanted = parts.join(".");
        let mut names: Vec<(usize, String)> = all
            .iter()
            .map(|n| {
                let name = quote_id(n.iter().skip(n.len().saturating_sub(shown)));
                (edit_distance(&wanted, &name), name)
            })
            .collect();
        names.sort_by_key(|(d, _)| *d);
        let names: Vec<_> = names.into_iter().take(5).map(|(_, n)| n).collect();
        error("UNRESOLVED_COLUMN.WITH_SUGGESTION").param("proposal", names.join(", "))
    }
}

/// A column of the query around: DataFusion takes such references out when it decorrelates.
pub fn outer_column(c: &ScopeColumn) -> TypedExpr {
    let name = column_name(c.slot);
    let field = Field::new(&name, to_arrow(&c.data_type), true);
    let mut out = c.typed();
    out.expr = Expr::OuterReferenceColumn(Arc::new(field), Column::new_unqualified(name));
    let named: Vec<&str> = c.qualifier.iter().map(String::as_str).chain([&*c.name]).collect();
    out.sql = format!("outer({})", named.join(".")).into();
    out
}

/// The value with its columns as those of the query around.
fn as_outer(mut value: TypedExpr) -> SparkResult<TypedExpr> {
    let field = |name: &str, t: &vonk_plan::DataType| Arc::new(Field::new(name, to_arrow(t), true));
    let data_type = value.data_type.clone();
    let whole = matches!(value.expr, Expr::Column(_));
    let changed = value.expr.transform(|e| {
        Ok(match e {
            Expr::Column(c) if whole => {
                let field = field(&c.name, &data_type);
                Transformed::yes(Expr::OuterReferenceColumn(field, c))
            }
            other => Transformed::no(other),
        })
    });
    value.expr = changed.map_err(vonk_expr::spark_error)?.data;
    Ok(value)
}

/// The column under the name that the user wrote: the case may differ.
fn as_written(c: &ScopeColumn, parts: &[String], fields: &[String]) -> ScopeColumn {
    let written = parts.len().checked_sub(fields.len() + 1).and_then(|i| parts.get(i));
    let mut out = c.clone();
    if let Some(name) = written.filter(|n| n.as_str() != &*c.name) {
        out.name = name.as_str().into();
    }
    out
}

/// Is `wanted` the end of the qualifier?
pub fn qualifies(qualifier: &[String], wanted: &[String], case_sensitive: bool) -> bool {
    let Some(start) = qualifier.len().checked_sub(wanted.len()) else { return false };
    qualifier.iter().skip(start).zip(wanted).all(|(q, w)| same_name(q, w, case_sensitive))
}

/// Does a name fit several things, or a thing without such a field, or nothing?
fn is_unclear(e: &SparkError) -> bool {
    matches!(
        e.class(),
        "AMBIGUOUS_REFERENCE"
            | "FIELD_NOT_FOUND"
            | "UNRESOLVED_COLUMN.WITH_SUGGESTION"
            | "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION"
    )
}

fn ambiguous(parts: &[String], found: &[&ScopeColumn], at: At) -> SparkError {
    let mut names: Vec<_> = found.iter().map(|c| quote_id(c.full_name())).collect();
    names.sort();
    SparkError::new("AMBIGUOUS_REFERENCE")
        .param("name", quote_id(parts))
        .param("referenceNames", format!("[{}]", names.join(", ")))
        .at(at.cloned())
}

/// Levenshtein's distance, for suggestions.
pub fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(256).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(256).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, cb) in row.iter_mut().skip(1).zip(&b) {
            let value = (diagonal + usize::from(ca != *cb)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = value;
            left = value;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// The parameter that the first part names, and the fields of it that the other parts name.
fn parameter_of<'p>(parameters: &[LateralAlias], parts: &'p [String], case: bool) -> Option<(TypedExpr, &'p [String])> {
    let (name, fields) = parts.split_first()?;
    let parameter = parameters.iter().find(|p| same_name(&p.name, name, case))?;
    Some((parameter.value.clone(), fields))
}
