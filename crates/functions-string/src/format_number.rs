//! `format_number`: thousands separators and a number of decimals, or a pattern of
//! `java.text.DecimalFormat`. Rounds half to even.

use datafusion::arrow::array::{Array, ArrayRef, Float32Array, Float64Array, Int32Array, StringArray};
use datafusion::arrow::compute::cast as arrow_cast;
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_common::limits::MAX_STRING_BYTES;
use vonk_expr::cast::text::number::write_decimal;
use vonk_expr::columns::string_rows;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::types::DataType;

use crate::repeat::too_long;

pub static SPECS: &[FunctionSpec] = &[FunctionSpec::scalar("format_number", "string_funcs", build)
    .usage("The number with thousands separators and a number of decimals, or by a pattern.")
    .kernels(&[&FORMAT_NUMBER])];

static FORMAT_NUMBER: Kernel = Kernel::new("format_number", format_number);

fn build(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.expect(args, 2, &[Want::Numeric, Want::OneOf(vec![Want::INT, Want::Str])])?;
    Ok(ctx.call(&FORMAT_NUMBER, args, DataType::STRING, Nullability::Always))
}

/// A pattern of `DecimalFormat`, without exponents.
#[derive(Debug, Clone, PartialEq)]
struct Pattern {
    prefix: String,
    suffix: String,
    negative: Option<(String, String)>,
    min_whole: usize,
    min_fraction: usize,
    max_fraction: usize,
    /// Digits between separators; 0 for none.
    group: usize,
    percent: bool,
    /// The point is written though nothing follows it.
    point: bool,
}

impl Pattern {
    fn decimals(n: usize) -> Self {
        Pattern {
            prefix: String::new(),
            suffix: String::new(),
            negative: None,
            min_whole: 1,
            min_fraction: n,
            max_fraction: n,
            group: 3,
            percent: false,
            point: false,
        }
    }

    fn parse(text: &str) -> Self {
        if text.is_empty() {
            return Pattern { min_whole: 1, ..Pattern::decimals(0) };
        }
        let mut halves = text.splitn(2, ';');
        let split = |s: &str| {
            let from = s.find(['#', '0', ',', '.']).unwrap_or(s.len());
            let to = s.rfind(['#', '0', ',', '.']).map_or(from, |i| i + 1);
            (s[..from].replace('\'', ""), s[from..to].to_string(), s[to..].replace('\'', ""))
        };
        let (prefix, body, suffix) = split(halves.next().unwrap_or_default());
        let negative = halves.next().map(|s| {
            let (p, _, s) = split(s);
            (p, s)
        });
        let (whole, fraction) = body.split_once('.').unwrap_or((&body, ""));
        let count = |s: &str, c: char| s.matches(c).count();
        // Where no digit has to be there, one beside the point has to.
        let optional = body.contains('.') && !body.contains('0') && body.contains('#');
        let (before, behind) = (optional && whole.contains('#'), optional && !whole.contains('#'));
        Pattern {
            percent: suffix.contains('%') || prefix.contains('%'),
            prefix,
            suffix,
            negative,
            min_whole: count(whole, '0').max(before.into()),
            min_fraction: count(fraction, '0').max(behind.into()),
            max_fraction: count(fraction, '0') + count(fraction, '#'),
            group: whole.rsplit_once(',').map_or(0, |(_, last)| last.len()),
            point: body.contains('.') && (whole.is_empty() || fraction.is_empty()),
        }
    }

    /// `digits` is a plain decimal text, `-12.5`.
    fn write(&self, digits: &str, out: &mut String) {
        let (negative, digits) = match digits.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, digits),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let (mut whole, mut fraction) = (whole.to_string(), fraction.to_string());
        if self.percent {
            while fraction.len() < 2 {
                fraction.push('0');
            }
            whole.push_str(&fraction[..2]);
            fraction.drain(..2);
        }
        round_half_even(&mut whole, &mut fraction, self.max_fraction);
        while fraction.len() > self.min_fraction && fraction.ends_with('0') {
            fraction.pop();
        }
        fraction.push_str(&"0".repeat(self.min_fraction.saturating_sub(fraction.len())));
        let whole = whole.trim_start_matches('0');
        let least = self.min_whole.max((fraction.is_empty() && whole.is_empty()).into());
        let zeros = least.saturating_sub(whole.len());
        match (&self.negative, negative) {
            (Some((p, _)), true) => out.push_str(p),
            (None, true) => {
                out.push('-');
                out.push_str(&self.prefix);
            }
            _ => out.push_str(&self.prefix),
        }
        let all: String = std::iter::repeat_n('0', zeros).chain(whole.chars()).collect();
        for (i, c) in all.chars().enumerate() {
            if i > 0 && self.group > 0 && (all.len() - i).is_multiple_of(self.group) {
                out.push(',');
            }
            out.push(c);
        }
        if !fraction.is_empty() || self.point {
            out.push('.');
            out.push_str(&fraction);
        }
        match (&self.negative, negative) {
            (Some((_, s)), true) => out.push_str(s),
            _ => out.push_str(&self.suffix),
        }
    }
}

fn round_half_even(whole: &mut String, fraction: &mut String, keep: usize) {
    if fraction.len() <= keep {
        return;
    }
    let cut = fraction.split_off(keep);
    let first = cut.as_bytes().first().copied().unwrap_or(b'0');
    let more = cut.bytes().skip(1).any(|b| b != b'0');
    let last = fraction.bytes().next_back().or(whole.bytes().next_back()).unwrap_or(b'0');
    let up = first > b'5' || (first == b'5' && (more || (last - b'0') % 2 == 1));
    if up {
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let mut i = digits.len();
        loop {
            if i == 0 {
                digits.insert(0, b'1');
                break;
            }
            i -= 1;
            if digits[i] == b'9' {
                digits[i] = b'0';
            } else {
                digits[i] += 1;
                break;
            }
        }
        let text: String = digits.into_iter().map(char::from).collect();
        let split = text.len() - fraction.len();
        *fraction = text[split..].to_string();
        *whole = text[..split].to_string();
    }
}

/// Most digits after the point that are asked for: a whole part has some hundred, with its separators.
const MAX_DECIMALS: usize = MAX_STRING_BYTES - 1000;

/// Digits after the point of a binary fraction that is written exactly.
const EXACT: usize = 60;

/// The number as plain decimal text. Binary fractions have the digits that Java prints, or all of theirs where
/// fewer are `kept`, so that ties are true.
fn plain(array: &ArrayRef, i: usize, kept: usize) -> Option<String> {
    if array.is_null(i) {
        return None;
    }
    let any = array.as_any();
    let float = any
        .downcast_ref::<Float64Array>()
        .map(|a| a.value(i))
        .or_else(|| any.downcast_ref::<Float32Array>().map(|a| f64::from(a.value(i))));
    if let Some(v) = float {
        return Some(if v.is_nan() {
            "NaN".into()
        } else if v.is_infinite() {
            if v > 0.0 { "∞".into() } else { "-∞".into() }
        } else {
            let printed = v.to_string();
            let fraction = printed.split_once('.').map_or(0, |(_, fraction)| fraction.len());
            if fraction <= kept { printed } else { format!("{v:.EXACT$}") }
        });
    }
    if let Some(a) = any.downcast_ref::<datafusion::arrow::array::Decimal128Array>() {
        let mut out = String::new();
        write_decimal(&mut out, a.value(i), a.scale());
        return Some(out);
    }
    let longs = arrow_cast(&array.slice(i, 1), &Arrow::Int64).ok()?;
    longs.as_any().downcast_ref::<datafusion::arrow::array::Int64Array>().map(|a| a.value(0).to_string())
}

fn format_number(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let numbers = array_arg(args, 0, rows)?;
    let by_count = matches!(call.arg_types.get(1), Some(DataType::Int));
    let counts = if by_count { Some(Col::<Int32Array>::new(args, 1)?) } else { None };
    let patterns = if by_count { None } else { Some(Col::<StringArray>::new(args, 1)?) };
    let mut last: Option<(String, Pattern)> = None;
    string_rows(rows, rows * 12, |i, out| {
        let pattern = match (&counts, &patterns) {
            (Some(counts), _) => match usize::try_from(not_null!(counts.get(i))) {
                Ok(n) if n > MAX_DECIMALS => return Err(call.error(too_long(n, "format_number", "d"))),
                Ok(n) => Pattern::decimals(n),
                Err(_) => return Ok(None),
            },
            (_, Some(patterns)) => {
                let text = not_null!(patterns.get(i));
                if last.as_ref().is_none_or(|(t, _)| t != text) {
                    last = Some((text.to_string(), Pattern::parse(text)));
                }
                not_null!(last.as_ref().map(|(_, p)| p.clone()))
            }
            _ => return Ok(None),
        };
        let text = not_null!(plain(&numbers, i, pattern.max_fraction + if pattern.percent { 2 } else { 0 }));
        match text.contains(|c: char| c.is_ascii_digit()) {
            true => pattern.write(&text, out),
            false => out.push_str(&text),
        }
        Ok(Some(()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_decimal_format() {
        for (digits, pattern, want) in [
            ("12332.123456", "##################.###", "12332.123"),
            ("1234567.891", "#,###.##", "1,234,567.89"),
            ("0.5", "0.000", "0.500"),
            ("1234.5", "$#,##0.00", "$1,234.50"),
            ("0.256", "#.##%", "25.6%"),
            ("5", "000", "005"),
            ("-5", "#,##0.0;(#,##0.0)", "(5.0)"),
            ("2.5", "0", "2"),
            ("3.5", "0", "4"),
            ("999.5", "0", "1000"),
        ] {
            let mut out = String::new();
            Pattern::parse(pattern).write(digits, &mut out);
            assert_eq!(out, want, "{digits} {pattern}");
        }
    }
}
