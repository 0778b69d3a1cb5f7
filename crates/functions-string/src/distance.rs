//! How alike two strings are: `levenshtein`, `jaro_winkler_similarity`, `soundex`; `luhn_check`.

use datafusion::arrow::array::{Int32Array, StringArray};
use datafusion::arrow::datatypes::{Float64Type, Int32Type};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::collation::Collating;
use vonk_expr::columns::{boolean_rows, primitive_rows, string_rows};
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::types::DataType;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("levenshtein", "string_funcs", build_levenshtein)
        .usage("Number of edits from one string to the other, -1 when above a threshold.")
        .kernels(&[&LEVENSHTEIN])
        .collating(Collating::LOOSE),
    FunctionSpec::scalar("jaro_winkler_similarity", "string_funcs", build_similarity)
        .usage("Jaro-Winkler similarity of two strings, from 0 to 1.")
        .kernels(&[&JARO_WINKLER]),
    FunctionSpec::scalar("soundex", "string_funcs", build_soundex)
        .usage("The Soundex code of a string.")
        .kernels(&[&SOUNDEX]),
    FunctionSpec::scalar("luhn_check", "string_funcs", build_luhn)
        .usage("Whether the string of digits has a right Luhn check digit.")
        .kernels(&[&LUHN]),
];

static LEVENSHTEIN: Kernel = Kernel::total("levenshtein", levenshtein).until_null_of(2);
static JARO_WINKLER: Kernel = Kernel::new("jaro_winkler_similarity", jaro_winkler);
static SOUNDEX: Kernel = Kernel::total("soundex", soundex);
static LUHN: Kernel = Kernel::new("luhn_check", luhn);

fn build_levenshtein(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 2, &[Want::Str, Want::Str, Want::INT])?;
    Ok(ctx.call(&LEVENSHTEIN, args, DataType::Int, Nullability::Args))
}

fn build_similarity(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 2, &[Want::Str, Want::Str])?;
    Ok(ctx.call(&JARO_WINKLER, args, DataType::Double, Nullability::Always))
}

fn build_soundex(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.expect(args, 1, &[Want::Str])?;
    Ok(ctx.call(&SOUNDEX, args, DataType::STRING, Nullability::Args))
}

fn build_luhn(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::Str])?;
    Ok(ctx.call(&LUHN, args, DataType::Boolean, Nullability::Always))
}

fn edits(a: &[char], b: &[char]) -> i32 {
    let mut row: Vec<i32> = (0..=b.len() as i32).collect();
    for (i, x) in a.iter().enumerate() {
        let mut corner = i as i32;
        if let Some(first) = row.first_mut() {
            *first = i as i32 + 1;
        }
        for (j, y) in b.iter().enumerate() {
            let best = (row[j] + 1).min(row[j + 1] + 1).min(corner + i32::from(x != y));
            corner = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row.last().copied().unwrap_or(0)
}

fn levenshtein(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let left = Col::<StringArray>::new(args, 0)?;
    let right = Col::<StringArray>::new(args, 1)?;
    let threshold = if args.len() > 2 { Some(Col::<Int32Array>::new(args, 2)?) } else { None };
    // Spark computes with constants as its interpreter does, with columns as its generated code does.
    let constant = args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
    primitive_rows::<Int32Type>(call, rows, |i| {
        let (a, b) = not_null!(left.get(i), right.get(i));
        let limit = match &threshold {
            Some(t) if constant => Some(not_null!(t.get(i))),
            // In generated code, no limit where there should be one counts as 0.
            Some(t) => Some(t.get(i).unwrap_or(0)),
            None => None,
        };
        let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
        let distance = match limit {
            Some(limit) if a.len().abs_diff(b.len()) as i64 > i64::from(limit) => -1,
            limit => {
                let n = edits(&a, &b);
                if limit.is_some_and(|l| n > l) { -1 } else { n }
            }
        };
        Ok(Some(distance))
    })
}

fn similarity(a: &[char], b: &[char]) -> f64 {
    if a.is_empty() && b.is_empty() {
        return 1.0;
    }
    let window = (a.len().max(b.len()) / 2).saturating_sub(1);
    let mut taken = vec![false; b.len()];
    let mut matched = vec![];
    for (i, x) in a.iter().enumerate() {
        let from = i.saturating_sub(window);
        let to = (i + window + 1).min(b.len());
        if let Some(j) = (from..to).find(|j| !taken[*j] && b[*j] == *x) {
            taken[j] = true;
            matched.push(*x);
        }
    }
    if matched.is_empty() {
        return 0.0;
    }
    let others = b.iter().zip(&taken).filter(|(_, t)| **t).map(|(c, _)| c);
    let transposed = matched.iter().zip(others).filter(|(x, y)| x != y).count() as f64 / 2.0;
    let m = matched.len() as f64;
    let jaro = (m / a.len() as f64 + m / b.len() as f64 + (m - transposed) / m) / 3.0;
    let prefix = a.iter().zip(b).take(4).take_while(|(x, y)| x == y).count() as f64;
    jaro + prefix * 0.1 * (1.0 - jaro)
}

fn jaro_winkler(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let left = Col::<StringArray>::new(args, 0)?;
    let right = Col::<StringArray>::new(args, 1)?;
    primitive_rows::<Float64Type>(call, rows, |i| {
        let (a, b) = not_null!(left.get(i), right.get(i));
        let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
        Ok(Some(similarity(&a, &b)))
    })
}

/// Codes of A to Z; 7 for H and W, which do not part equal codes.
const CODES: &[u8; 26] = b"01230127022455012623017202";

fn write_soundex(s: &str, out: &mut String) {
    let code = |c: u8| match c.to_ascii_uppercase() {
        b @ b'A'..=b'Z' => Some(CODES[usize::from(b - b'A')]),
        _ => None,
    };
    let bytes = s.as_bytes();
    let Some(mut last) = bytes.first().and_then(|b| code(*b)) else {
        out.push_str(s);
        return;
    };
    out.push(char::from(bytes[0].to_ascii_uppercase()));
    let mut digits = 1;
    for b in &bytes[1..] {
        if digits == 4 {
            break;
        }
        match code(*b) {
            None => last = b'0',
            Some(b'7') => {}
            Some(c) => {
                if c != b'0' && c != last {
                    out.push(char::from(c));
                    digits += 1;
                }
                last = c;
            }
        }
    }
    (digits..4).for_each(|_| out.push('0'));
}

fn soundex(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    string_rows(rows, rows * 4, |i, out| {
        write_soundex(not_null!(text.get(i)), out);
        Ok(Some(()))
    })
}

fn luhn(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    boolean_rows(rows, |i| {
        let s = not_null!(text.get(i));
        let mut sum = 0;
        for (n, b) in s.bytes().rev().enumerate() {
            if !b.is_ascii_digit() {
                return Ok(Some(false));
            }
            let digit = u32::from(b - b'0') * if n % 2 == 1 { 2 } else { 1 };
            sum += digit / 10 + digit % 10;
        }
        Ok(Some(!s.is_empty() && sum % 10 == 0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_codes_and_distances() {
        for (word, want) in [
            ("Miller", "M460"),
            ("Robert", "R163"),
            ("Tymczak", "T522"),
            ("Pfister", "P236"),
            ("Ashcraft", "A261"),
            ("Honeyman", "H555"),
            ("", ""),
            ("3a", "3a"),
            ("a-b", "A100"),
        ] {
            let mut out = String::new();
            write_soundex(word, &mut out);
            assert_eq!(out, want, "{word}");
        }
        let chars = |s: &str| s.chars().collect::<Vec<_>>();
        assert_eq!(edits(&chars("kitten"), &chars("sitting")), 3);
        for (a, b, want) in [
            ("MARTHA", "MARHTA", 0.9611111111111111),
            ("kitten", "sitting", 0.746031746031746),
            ("DWAYNE", "DUANE", 0.8400000000000001),
            ("DIXON", "DICKSONX", 0.8133333333333332),
            ("ABC", "XYZ", 0.0),
        ] {
            assert!((similarity(&chars(a), &chars(b)) - want).abs() < 1e-12, "{a} {b}");
        }
    }
}
