//! `trim`, `ltrim`, `rtrim` and `btrim`: of spaces, or of a set of characters.
//!
//! `trim`, `ltrim` and `rtrim` take the set first, `btrim` last, as SQL and Spark have them.

use datafusion::arrow::array::StringArray;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::collation::{Collating, Collator};
use vonk_expr::columns::{slice_rows, string_rows};
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, Want, exec_err, not_null};
use vonk_plan::types::DataType;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("trim", "string_funcs", |c, a| build(c, a, &TRIM, "BOTH"))
        .usage("The string without leading and trailing characters of a set, spaces by default.")
        .kernels(&[&TRIM])
        .collating(Collating::COMPARED_RESULT),
    FunctionSpec::scalar("ltrim", "string_funcs", |c, a| build(c, a, &LTRIM, "LEADING"))
        .usage("The string without leading characters of a set, spaces by default.")
        .kernels(&[&LTRIM])
        .collating(Collating::COMPARED_RESULT),
    FunctionSpec::scalar("rtrim", "string_funcs", |c, a| build(c, a, &RTRIM, "TRAILING"))
        .usage("The string without trailing characters of a set, spaces by default.")
        .kernels(&[&RTRIM])
        .collating(Collating::COMPARED_RESULT),
    FunctionSpec::scalar("btrim", "string_funcs", build_btrim)
        .usage("The string without leading and trailing characters of a set, spaces by default.")
        .kernels(&[&TRIM])
        .collating(Collating::COMPARED_RESULT.silent()),
];

static TRIM: Kernel = Kernel::total("trim", |c, a, n| trims(c, a, n, true, true));
static LTRIM: Kernel = Kernel::total("ltrim", |c, a, n| trims(c, a, n, true, false));
static RTRIM: Kernel = Kernel::total("rtrim", |c, a, n| trims(c, a, n, false, true));

fn build(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel, side: &str) -> SparkResult<TypedExpr> {
    let mut args = ctx.coerce(args, 1, &[Want::Searched, Want::Searched])?;
    args.reverse();
    let sql = match &args[..] {
        [text, set] => Some(SqlText::concat([
            format!("TRIM({side} ").into(),
            set.sql.clone(),
            " FROM ".into(),
            text.sql.clone(),
            ")".into(),
        ])),
        _ => None,
    };
    let mut out = ctx.call(kernel, args, DataType::STRING, Nullability::Args);
    if let Some(sql) = sql {
        out.sql = sql;
    }
    Ok(out)
}

fn build_btrim(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::Searched, Want::Searched])?;
    Ok(ctx.call(&TRIM, args, DataType::STRING, Nullability::Args))
}

fn trims(call: &Call, args: &[ColumnarValue], rows: usize, left: bool, right: bool) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let bytes = text.array().value_data().len();
    if args.len() == 1 {
        return slice_rows(rows, bytes, |i| {
            let mut s = not_null!(text.get(i));
            if left {
                s = s.trim_start_matches(' ');
            }
            if right {
                s = s.trim_end_matches(' ');
            }
            Ok(Some(s))
        });
    }
    let set = Col::<StringArray>::new(args, 1)?;
    let collator = Collator::of(&call.arg_types).map_err(exec_err)?;
    if !collator.is_binary() {
        return string_rows(rows, bytes, |i, out| {
            let (s, set) = not_null!(text.get(i), set.get(i));
            trim_letters(&collator, s, set, (left, right), out);
            Ok(Some(()))
        });
    }
    slice_rows(rows, bytes, |i| {
        let (mut s, set) = not_null!(text.get(i), set.get(i));
        if left {
            s = s.trim_start_matches(|c| set.contains(c));
        }
        if right {
            s = s.trim_end_matches(|c| set.contains(c));
        }
        Ok(Some(s))
    })
}

/// Without the characters that are equal to one of the set. Spaces at the end that do not count stay.
fn trim_letters(collator: &Collator, s: &str, set: &str, (left, right): (bool, bool), out: &mut String) {
    let plain = Collator { trims: false, ..collator.clone() };
    let keys: Vec<String> = set.chars().map(|c| plain.key(c.encode_utf8(&mut [0; 4]))).collect();
    let within = |c: char| keys.contains(&plain.key(c.encode_utf8(&mut [0; 4])));
    let (mut part, mut end) = (s, "");
    if right && collator.trims && !set.contains(' ') {
        (part, end) = s.split_at(s.trim_end_matches(' ').len());
    }
    if left {
        part = part.trim_start_matches(within);
    }
    if right {
        part = part.trim_end_matches(within);
    }
    out.push_str(part);
    out.push_str(end);
}
