//! The collation in which the arguments of a function meet.
//!
//! A COLLATE clause beats a column, a column a literal. Two different clauses are an error; columns of
//! two collations make a string whose collation is indeterminate: it can be shown but not compared.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::Literal;
use vonk_plan::types::DataType;
use vonk_plan::types::collation::INDETERMINATE;

use crate::context::FnContext;
use crate::sql_text::SqlText;
use crate::typed::TypedExpr;

/// How firmly an expression holds its collation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Strength {
    /// Literals, and what is made of them.
    #[default]
    Default,
    /// Columns, and what is made of them.
    Implicit,
    /// COLLATE, and what is made of it.
    Explicit,
}

/// What a function does with the collations of its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collating {
    which: Which,
    /// The result, too, has the collation they meet in.
    result: bool,
    /// An argument may be indeterminate, and so may the result.
    indeterminate: bool,
    /// A literal's collation is not shown in names.
    silent: bool,
}

/// The arguments that meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    None,
    All,
    First(usize),
    /// `when`: every second, and the last.
    Branches,
    From(usize),
    /// `map`: the keys among themselves, and the values.
    Pairs,
}

impl Collating {
    const fn new(which: Which, result: bool, indeterminate: bool) -> Self {
        Collating { which, result, indeterminate, silent: false }
    }

    /// Every argument has its own collation.
    pub const APART: Self = Self::new(Which::None, false, true);
    /// The arguments are compared with each other.
    pub const COMPARED: Self = Self::new(Which::All, false, false);
    /// They are compared, and the result is made of them.
    pub const COMPARED_RESULT: Self = Self::new(Which::All, true, false);
    /// The result is made of them.
    pub const JOINED: Self = Self::new(Which::All, true, true);
    /// They get one collation that has no part in what is computed.
    pub const LOOSE: Self = Self::new(Which::All, false, true);
    /// The result has the collation of the first argument.
    pub const FIRST: Self = Self::new(Which::First(1), true, true);
    /// The same, and what is computed depends on it.
    pub const FIRST_KNOWN: Self = Self::new(Which::First(1), true, false);
    pub const BRANCHES: Self = Self::new(Which::Branches, true, true);
    pub const AFTER_FIRST: Self = Self::new(Which::From(1), true, true);
    pub const AFTER_SECOND: Self = Self::new(Which::From(2), true, true);
    pub const PAIRS: Self = Self::new(Which::Pairs, false, true);

    pub const fn silent(mut self) -> Self {
        self.silent = true;
        self
    }

    /// The positions of each group of arguments that meet.
    fn groups(self, n: usize) -> Vec<Vec<usize>> {
        match self.which {
            Which::None => vec![],
            Which::All => vec![(0..n).collect()],
            Which::First(k) => vec![(0..n.min(k)).collect()],
            Which::From(k) => vec![(k..n).collect()],
            Which::Branches => vec![(0..n).filter(|i| i % 2 == 1 || (i + 1 == n && n % 2 == 1)).collect()],
            Which::Pairs => (0..2).map(|first| (first..n).step_by(2).collect()).collect(),
        }
    }

    /// Brings the arguments to the collations they meet in; gives that of the result, if it has one.
    pub fn meet(self, ctx: &FnContext, args: &mut [TypedExpr]) -> SparkResult<Option<DataType>> {
        if !args.iter().any(|a| a.data_type.is_collated()) {
            return Ok(None);
        }
        let mut result = None;
        for group in self.groups(args.len()) {
            let members: Vec<&TypedExpr> = group.iter().filter_map(|i| args.get(*i)).collect();
            let found = common(&members).map_err(|e| e.at(ctx.origin.clone()))?;
            let Some(found) = found else { continue };
            let unknown = !self.indeterminate && found.iter().any(|n| n.as_deref() == Some(INDETERMINATE));
            for i in &group {
                if let Some(arg) = args.get_mut(*i) {
                    give(arg, &found, self.silent || unknown);
                }
            }
            if let ([one], true) = (found.as_slice(), self.result) {
                result = Some(DataType::String(one.clone()));
            }
        }
        Ok(result)
    }

    /// Builds a function's result over arguments that have met.
    pub fn build(
        self,
        ctx: &FnContext,
        mut args: Vec<TypedExpr>,
        build: impl FnOnce(&FnContext, Vec<TypedExpr>) -> SparkResult<TypedExpr>,
    ) -> SparkResult<TypedExpr> {
        let result = self.meet(ctx, &mut args)?;
        let strength = args.iter().filter(|a| a.data_type.has_string()).map(|a| a.strength).max().unwrap_or_default();
        let unknown = !self.indeterminate && args.iter().any(|a| a.data_type.is_indeterminate());
        let text = unknown.then(|| SqlText::call(&ctx.name, args.iter().map(|a| a.sql.clone())));
        let built = build(ctx, args);
        if let Some(text) = text {
            let text = built.map(|b| b.sql).unwrap_or(text);
            return Err(SparkError::new("INDETERMINATE_COLLATION_IN_EXPRESSION")
                .param("expr", quote_sql(text))
                .at(ctx.origin.clone()));
        }
        let mut out = built?;
        if let Some(result) = result {
            out.data_type = out.data_type.map_strings(&mut |c| match c {
                Some(_) => DataType::String(c.clone()),
                None => result.clone(),
            });
        }
        out.strength = out.strength.max(strength);
        Ok(out)
    }
}

type Name = Option<Arc<str>>;

/// Brings values that are compared outside of a function to one collation; `sql` is their text in errors.
pub fn compared(values: &mut [TypedExpr], sql: impl Into<SqlText>) -> SparkResult<()> {
    if !values.iter().any(|v| v.data_type.is_collated()) {
        return Ok(());
    }
    if let Some(found) = common(&values.iter().collect::<Vec<_>>())? {
        values.iter_mut().for_each(|v| give(v, &found, true));
    }
    match values.iter().any(|v| v.data_type.is_indeterminate()) {
        true => Err(SparkError::new("INDETERMINATE_COLLATION_IN_EXPRESSION").param("expr", quote_sql(sql.into()))),
        false => Ok(()),
    }
}

/// The collations of the strings in a type, in order.
fn names(t: &DataType) -> Vec<Name> {
    let mut out = vec![];
    if t.has_string() {
        t.map_strings(&mut |c| {
            out.push(c.clone());
            DataType::STRING
        });
    }
    out
}

/// The collations that the values meet in, string by string where they have as many strings each;
/// else one for all strings. `None` where there is nothing to do.
pub fn common(values: &[&TypedExpr]) -> SparkResult<Option<Vec<Name>>> {
    let all: Vec<(Vec<Name>, Strength)> =
        values.iter().map(|v| (names(&v.data_type), v.strength)).filter(|(n, _)| !n.is_empty()).collect();
    let Some(width) = all.iter().map(|(n, _)| n.len()).min() else { return Ok(None) };
    let width = if all.iter().all(|(n, _)| n.len() == width) { width } else { 1 };
    (0..width)
        .map(|i| winner(all.iter().filter_map(|(n, s)| Some((n.get(i)?, *s)))))
        .collect::<SparkResult<_>>()
        .map(Some)
}

fn winner<'a>(candidates: impl Iterator<Item = (&'a Name, Strength)>) -> SparkResult<Name> {
    let mut best: Option<(&Name, Strength)> = None;
    let mut clash = false;
    for (name, strength) in candidates {
        match best {
            Some((_, s)) if strength < s => {}
            Some((b, s)) if strength == s => {
                if b != name {
                    if strength == Strength::Explicit {
                        let shown = [b, name].map(|n| quote_sql(DataType::String(n.clone()).sql()));
                        let shown =
                            shown.map(|s| if s == "\"STRING\"" { "\"STRING COLLATE UTF8_BINARY\"".into() } else { s });
                        return Err(
                            SparkError::new("COLLATION_MISMATCH.EXPLICIT").param("explicitTypes", shown.join(", "))
                        );
                    }
                    clash |= strength == Strength::Implicit;
                    // Of two literals the one with a collation of its own counts.
                    if b.is_none() {
                        best = Some((name, s));
                    }
                }
            }
            _ => {
                best = Some((name, strength));
                clash = false;
            }
        }
    }
    let indeterminate = clash && best.is_some_and(|(_, s)| s == Strength::Implicit);
    Ok(if indeterminate { Some(INDETERMINATE.into()) } else { best.and_then(|(n, _)| n.clone()) })
}

/// A literal that stands for an argument left out, in the collation that the others met in.
pub fn literal_beside(args: &[TypedExpr], value: &Literal) -> SparkResult<TypedExpr> {
    let mut out = TypedExpr::literal(value)?;
    let first = args.iter().flat_map(|a| names(&a.data_type)).find(Option::is_some);
    if let (Some(name), true) = (first, out.data_type.has_string()) {
        give(&mut out, &[name], false);
    }
    Ok(out)
}

/// Gives the value the collations; a literal says so in its text.
fn give(value: &mut TypedExpr, found: &[Name], silent: bool) {
    let mut rest = found.iter();
    let mut last: Name = None;
    let wanted = value.data_type.map_strings(&mut |_| {
        if let Some(next) = rest.next() {
            last = next.clone();
        }
        DataType::String(last.clone())
    });
    if wanted == value.data_type {
        return;
    }
    if !silent
        && value.strength == Strength::Default
        && value.name.is_none()
        && let (DataType::String(Some(name)), Some(ScalarValue::Utf8(text))) = (&wanted, value.as_literal())
    {
        let Some(text) = text else {
            value.sql = "NULL".into();
            value.data_type = wanted;
            return;
        };
        if value.sql.to_string() != *text {
            value.data_type = wanted;
            return;
        }
        let escaped = text.replace('\\', "\\\\").replace('\'', "\\'");
        value.sql = format!("'{escaped}' collate {name}").into();
    }
    value.data_type = wanted;
}
