//! Columns of type CHAR(n) where they are compared: the shorter side is filled up with spaces.
//!
//! A table's column is CHAR as long as it is the column itself, under whatever name: what a function makes
//! of it is a string. The other side is a constant, or another such column (Spark's
//! `ApplyCharTypePaddingHelper`). `IN` takes constants only, or columns only.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr as DfExpr;
use vonk_common::SparkResult;
use vonk_expr::TypedExpr;
use vonk_plan::Literal;
use vonk_plan::types::limited::char_length;

use crate::analyzer::Analyzer;
use crate::env::Env;

/// What a side of a comparison is.
enum Side {
    Column(usize),
    Constant(String),
    Other,
}

impl Analyzer {
    /// Fills up the arguments of a comparison.
    pub(super) fn pad_char_columns(&self, function: &str, args: &mut [TypedExpr]) -> SparkResult<()> {
        if !args.iter().any(|a| column_length(a).is_some()) {
            return Ok(());
        }
        match function {
            "=" | "==" | "<=>" | "<" | "<=" | ">" | ">=" | "!=" | "<>" | "in" => self.pad_together(args),
            "between" => {
                let [value, low, high] = args else { return Ok(()) };
                for bound in [low, high] {
                    self.pad_second(value, bound)?;
                }
                Ok(())
            }
            // decode(value, search, result, …, default)
            "decode" => {
                let Some((value, rest)) = args.split_first_mut() else { return Ok(()) };
                for pair in rest.chunks_exact_mut(2) {
                    if let [search, _] = pair {
                        self.pad_second(value, search)?;
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Fills up what a column is compared with; the column itself is used elsewhere, and stays.
    fn pad_second(&self, value: &TypedExpr, other: &mut TypedExpr) -> SparkResult<()> {
        let mut both = [value.clone(), other.clone()];
        self.pad_together(&mut both)?;
        let [_, filled] = both;
        *other = filled;
        Ok(())
    }

    fn pad_together(&self, args: &mut [TypedExpr]) -> SparkResult<()> {
        let sides = args.iter().map(side).collect::<SparkResult<Vec<_>>>()?;
        let constants = sides.iter().filter(|s| matches!(s, Side::Constant(_))).count();
        let first_is_column = matches!(sides.first(), Some(Side::Column(_)));
        let mixed = sides.iter().any(|s| matches!(s, Side::Other))
            || constants > 0 && constants + 1 != sides.len()
            || sides.len() > 2 && !first_is_column;
        if mixed {
            return Ok(());
        }
        let lengths = sides.iter().map(|s| match s {
            Side::Column(n) => *n,
            Side::Constant(text) => text.chars().count(),
            Side::Other => 0,
        });
        let lengths: Vec<usize> = lengths.collect();
        let longest = lengths.iter().copied().max().unwrap_or_default();
        for ((arg, side), length) in args.iter_mut().zip(sides).zip(lengths).filter(|(_, length)| *length < longest) {
            arg.expr = match side {
                Side::Constant(text) => {
                    DfExpr::Literal(ScalarValue::Utf8(Some(text + &" ".repeat(longest - length))), None)
                }
                _ => self.padded(arg.clone(), longest)?.expr,
            };
        }
        Ok(())
    }

    /// The string filled up with spaces to a length.
    pub(crate) fn padded(&self, e: TypedExpr, length: usize) -> SparkResult<TypedExpr> {
        let length = Literal::Int(i32::try_from(length).unwrap_or(i32::MAX));
        self.call_builtin(&Env::default(), "$pad", vec![e, TypedExpr::literal(&length)?], None)
    }
}

fn side(e: &TypedExpr) -> SparkResult<Side> {
    if let Some(length) = column_length(e) {
        return Ok(Side::Column(length));
    }
    if !e.data_type.is_string() {
        return Ok(Side::Other);
    }
    Ok(match e.constant()? {
        Some(ScalarValue::Utf8(Some(text))) => Side::Constant(text),
        _ => Side::Other,
    })
}

/// The length of a column of type CHAR(n), of this query or of one around it.
fn column_length(e: &TypedExpr) -> Option<usize> {
    match e.expr {
        DfExpr::Column(_) | DfExpr::OuterReferenceColumn(..) if !e.below_cast => char_length(e.metadata.as_deref()),
        _ => None,
    }
}
