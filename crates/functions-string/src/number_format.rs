//! `to_number`, `try_to_number`, `to_char`/`to_varchar`: numbers by patterns of `9 0 . , $ S MI PR`.

use datafusion::arrow::array::{BinaryArray, Decimal128Array, StringArray};
use datafusion::arrow::datatypes::Decimal128Type;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::collation::Collating;
use vonk_expr::columns::{primitive_rows, string_rows};
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, Want, not_null};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::base::BASE64;
use crate::charset::DECODE;
use crate::like::quoted_literal;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("to_number", "string_funcs", |c, a| build_number(c, a, false))
        .usage("The number in a text, by a pattern.")
        .kernels(&[&TO_NUMBER])
        .collating(Collating::LOOSE),
    FunctionSpec::scalar("try_to_number", "string_funcs", |c, a| build_number(c, a, true))
        .usage("As to_number, NULL where the text does not fit.")
        .kernels(&[&TO_NUMBER])
        .collating(Collating::LOOSE),
    FunctionSpec::scalar("to_char", "string_funcs", build_char)
        .aliases(&["to_varchar"])
        .usage("A number, a date or a binary value as text, by a pattern.")
        .kernels(&[&TO_CHAR, &HEX]),
];

static TO_NUMBER: Kernel = Kernel::new("to_number", to_number);
static TO_CHAR: Kernel = Kernel::new("to_char", to_char);
static HEX: Kernel = Kernel::new("to_char_hex", hex);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Sign {
    Plus,
    Minus,
    Brackets,
}

/// A run of digits: exactly so many if it begins with 0, at most if with 9.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Group {
    digits: usize,
    exact: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Format {
    leading: Option<Sign>,
    trailing: Option<Sign>,
    dollar: bool,
    groups: Vec<Group>,
    point: bool,
    fraction: usize,
}

fn invalid(sub_class: &str, format: &str) -> SparkError {
    SparkError::new(format!("INVALID_FORMAT.{sub_class}")).param("format", quoted_literal(format))
}

/// Takes one of the tokens off the front.
fn take(rest: &mut &str, tokens: &[&str]) -> bool {
    let after = tokens.iter().find_map(|t| rest.strip_prefix(t));
    *rest = after.unwrap_or(rest);
    after.is_some()
}

fn sign(rest: &mut &str, signs: &[(&str, Sign)]) -> Option<Sign> {
    signs.iter().find_map(|(token, sign)| take(rest, &[token]).then_some(*sign))
}

/// Takes a run of digits off the front.
fn digits<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let (run, after) = rest.split_at(rest.find(|c| c != '0' && c != '9').unwrap_or(rest.len()));
    *rest = after;
    (!run.is_empty()).then_some(run)
}

/// What stands before or beside the wrong thing, which Spark looks at before anything else.
fn check_order(text: &str) -> SparkResult<()> {
    if text.find(['0', '9']).is_some_and(|at| text[at..].contains('$')) {
        return Err(invalid("CUR_MUST_BEFORE_DIGIT", text));
    }
    let digit = |c: Option<char>| c.is_some_and(|c| c == '0' || c == '9');
    for (at, separator) in text.match_indices([',', 'G']) {
        let (before, behind) = (&text[..at], &text[at + separator.len()..]);
        if before.contains(['.', 'D']) {
            return Err(invalid("THOUSANDS_SEPS_MUST_BEFORE_DEC", text));
        }
        if !digit(before.chars().next_back()) || !digit(behind.chars().next()) {
            return Err(invalid("CONT_THOUSANDS_SEPS", text));
        }
    }
    Ok(())
}

impl Format {
    fn parse(text: &str) -> SparkResult<Format> {
        let text = text.to_uppercase();
        if text.is_empty() {
            return Err(invalid("EMPTY", &text));
        }
        check_order(&text)?;
        if !text.contains(['0', '9']) {
            return Err(invalid("WRONG_NUM_DIGIT", &text));
        }
        for (count, token) in [
            (text.matches(['.', 'D']).count(), ". or D"),
            (text.matches('$').count(), "$"),
            (text.matches('S').count(), "S"),
            (text.matches("MI").count(), "MI"),
            (text.matches("PR").count(), "PR"),
        ] {
            if count > 1 {
                return Err(invalid("WRONG_NUM_TOKEN", &text).param("token", token));
            }
        }
        let mut rest = text.as_str();
        let leading = sign(&mut rest, &[("MI", Sign::Minus), ("S", Sign::Plus)]);
        let dollar = take(&mut rest, &["$"]);
        let mut groups = vec![];
        while let Some(run) = digits(&mut rest) {
            groups.push(Group { digits: run.len(), exact: run.starts_with('0') });
            take(&mut rest, &[",", "G"]);
        }
        let point = take(&mut rest, &[".", "D"]);
        let fraction = if point { digits(&mut rest).map_or(0, str::len) } else { 0 };
        let trailing = sign(&mut rest, &[("MI", Sign::Minus), ("S", Sign::Plus), ("PR", Sign::Brackets)]);
        if let Some(c) = rest.chars().next() {
            let token = match c {
                '0' | '9' => "digit sequence".to_string(),
                '.' | 'D' => ". or D".to_string(),
                _ => match ["MI", "PR", "S", "$"].into_iter().find(|t| rest.starts_with(t)) {
                    Some(token) => token.to_string(),
                    None => format!("character '{c}''"),
                },
            };
            return Err(invalid("UNEXPECTED_TOKEN", &text).param("token", token));
        }
        let f = Format { leading, trailing, dollar, groups, point, fraction };
        let precision = f.integral() + f.fraction;
        if precision > 38 {
            return Err(SparkError::new("DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION")
                .param("precision", precision)
                .param("maxPrecision", 38));
        }
        Ok(f)
    }

    fn integral(&self) -> usize {
        self.groups.iter().map(|g| g.digits).sum()
    }

    /// The number in the text at the format's scale.
    fn read(&self, text: &str) -> Option<i128> {
        let mut s = text.trim();
        let mut negative = false;
        if self.trailing == Some(Sign::Brackets)
            && let Some(inner) = s.strip_prefix('<').and_then(|s| s.strip_suffix('>'))
        {
            negative = true;
            s = inner;
        }
        match self.leading {
            Some(Sign::Plus) => {
                if let Some(rest) = s.strip_prefix(['+', '-']) {
                    negative = s.starts_with('-');
                    s = rest;
                }
            }
            Some(_) => {
                if let Some(rest) = s.strip_prefix('-') {
                    negative = true;
                    s = rest;
                }
            }
            None => {}
        }
        match self.trailing {
            Some(Sign::Plus) => {
                if let Some(rest) = s.strip_suffix(['+', '-']) {
                    negative = s.ends_with('-');
                    s = rest;
                }
            }
            Some(Sign::Minus) => {
                if let Some(rest) = s.strip_suffix('-') {
                    negative = true;
                    s = rest;
                }
            }
            _ => {}
        }
        if self.dollar {
            s = s.strip_prefix('$')?;
        }
        let (whole, fraction) = match s.split_once('.') {
            Some((w, f)) if self.point => (w, f),
            Some(_) => return None,
            None => (s, ""),
        };
        let parts: Vec<&str> = whole.split(',').collect();
        let missing = self.groups.len().checked_sub(parts.len().min(self.groups.len()))?;
        if parts.len() > self.groups.len().max(1) {
            return None;
        }
        if self.groups.iter().take(missing).any(|g| g.exact) {
            return None;
        }
        for (part, group) in parts.iter().zip(self.groups.iter().skip(missing)) {
            let fits = if group.exact { part.len() == group.digits } else { part.len() <= group.digits };
            if !fits {
                return None;
            }
        }
        if (self.groups.is_empty() && !whole.is_empty()) || fraction.len() > self.fraction {
            return None;
        }
        let digits: String = whole.chars().filter(|c| *c != ',').chain(fraction.chars()).collect();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let value = digits.parse::<i128>().ok()? * 10i128.pow((self.fraction - fraction.len()) as u32);
        Some(if negative { -value } else { value })
    }

    fn write(&self, unscaled: i128, scale: u32, out: &mut String) {
        let negative = unscaled < 0;
        let power = 10u128.pow(scale.min(38));
        let (whole, part) = (unscaled.unsigned_abs() / power, unscaled.unsigned_abs() % power);
        let whole = if whole == 0 { String::new() } else { whole.to_string() };
        let fraction = if scale == 0 { String::new() } else { format!("{part:0width$}", width = scale as usize) };
        let fraction = fraction.trim_end_matches('0');
        let total = self.integral();
        let overflow = whole.len() > total || fraction.len() > self.fraction;
        let mark = |sign: Sign| match (sign, negative) {
            (Sign::Plus, false) => "+",
            (Sign::Minus, false) => " ",
            (Sign::Brackets, false) => "",
            (Sign::Brackets, true) => "<",
            (_, true) => "-",
        };
        if let Some(sign) = self.leading {
            out.push_str(mark(sign));
        }
        if self.trailing == Some(Sign::Brackets) && negative {
            out.push('<');
        }
        if self.dollar {
            out.push('$');
        }
        let mut at = 0;
        for (n, group) in self.groups.iter().enumerate() {
            if n > 0 {
                let digit = out.chars().next_back().is_some_and(|c| c.is_ascii_digit());
                blank(out, if digit { ',' } else { ' ' });
            }
            for _ in 0..group.digits {
                let digit = (at + whole.len()).checked_sub(total).and_then(|i| whole.as_bytes().get(i));
                match (overflow, digit) {
                    (true, _) => out.push('#'),
                    (_, Some(d)) => out.push(char::from(*d)),
                    (_, None) if group.exact => out.push('0'),
                    (_, None) => blank(out, ' '),
                }
                at += 1;
            }
        }
        if self.point {
            if out.ends_with(' ') && total > 0 {
                out.pop();
                out.push('0');
            }
            if self.fraction > 0 {
                out.push('.');
            }
            for i in 0..self.fraction {
                out.push(if overflow { '#' } else { fraction.as_bytes().get(i).map_or('0', |b| char::from(*b)) });
            }
        }
        match self.trailing {
            Some(Sign::Brackets) => out.push_str(if negative { ">" } else { "  " }),
            Some(sign) => out.push_str(mark(sign)),
            None => {}
        }
        if self.point && self.fraction == 0 {
            out.push(' '); // for the point that nothing follows
        }
    }
}

/// Appends a blank before a sign that stands last, so that the sign touches the digits.
fn blank(out: &mut String, c: char) {
    match out.chars().next_back() {
        Some(sign @ ('+' | '-' | '<')) if c == ' ' => {
            out.pop();
            out.push(c);
            out.push(sign);
        }
        _ => out.push(c),
    }
}

/// The constant format: `None` when it is NULL.
fn constant_format(ctx: &FnContext, args: &[TypedExpr]) -> SparkResult<Option<String>> {
    let Some(format) = args.get(1) else { return Err(SparkError::internal("no format")) };
    if !format.foldable {
        let name = if format.name.is_some() { "attributereference" } else { "format" };
        return Err(ctx.non_foldable(&ctx.sql(args), name, "\"STRING\"", format));
    }
    format.constant_str(&ctx.name, "format")
}

fn build_number(ctx: &FnContext, args: Vec<TypedExpr>, tolerant: bool) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 2, &[Want::Str, Want::Str])?;
    let Some(text) = constant_format(ctx, &args)? else {
        let mut out = TypedExpr::null(DataType::USER_DEFAULT_DECIMAL)?.at(ctx.origin.clone());
        out.sql = ctx.sql(&args);
        return Ok(out);
    };
    let format = Format::parse(&text).map_err(|e| e.at(ctx.origin.clone()))?;
    let ty = DataType::Decimal((format.integral() + format.fraction) as u8, format.fraction as i8);
    let nulls = if tolerant { Nullability::Always } else { Nullability::Args };
    Ok(ctx.call_with(&TO_NUMBER, args, ty, nulls, vec![text, tolerant.to_string()]))
}

fn build_char(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    match args.first().map(|a| a.data_type.clone()) {
        Some(t) if t.is_moment() => {
            let named = FnContext { name: "date_format".into(), ..ctx.clone() };
            vonk_functions_datetime::format::date_format(&named, args)
        }
        Some(DataType::Binary) => binary_char(ctx, args),
        _ => {
            let named = FnContext { name: "to_char".into(), ..ctx.clone() };
            let args = named.coerce(args, 2, &[Want::Decimal, Want::Str])?;
            let text = constant_format(&named, &args)?;
            let sql = named.sql(&args);
            let Some(text) = text else {
                let mut out = TypedExpr::null(DataType::STRING)?.at(ctx.origin.clone());
                out.sql = sql;
                return Ok(out);
            };
            Format::parse(&text).map_err(|e| e.at(ctx.origin.clone()))?;
            Ok(named.call_with(&TO_CHAR, args, DataType::STRING, Nullability::Args, vec![text]))
        }
    }
}

fn binary_char(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let format = constant_format(ctx, &args)?;
    let Some(value) = args.first().cloned() else { return Err(SparkError::internal("to_char")) };
    let own = &*ctx.name == "to_varchar";
    let renamed = |mut out: TypedExpr, name: &str, args: Vec<SqlText>| {
        out.sql = SqlText::call(if own { "to_varchar" } else { name }, args);
        out
    };
    let sql = value.sql.clone();
    match format.as_deref().map(str::to_lowercase).as_deref() {
        Some("base64") => {
            Ok(renamed(ctx.call(&BASE64, vec![value], DataType::STRING, Nullability::Args), "base64", vec![sql]))
        }
        Some("hex") => Ok(renamed(ctx.call(&HEX, vec![value], DataType::STRING, Nullability::Args), "hex", vec![sql])),
        Some("utf-8") => {
            let charset = TypedExpr::literal(&Literal::string("utf-8"))?;
            let texts = vec![sql, charset.sql.clone()];
            Ok(renamed(ctx.call(&DECODE, vec![value, charset], DataType::STRING, Nullability::Always), "decode", texts))
        }
        None => {
            let mut out = TypedExpr::null(DataType::STRING)?;
            out.sql = ctx.sql(&args);
            Ok(out)
        }
        Some(_) => Err(SparkError::new("INVALID_PARAMETER_VALUE.BINARY_FORMAT")
            .param("functionName", quote_id([&*ctx.name]))
            .param("parameter", quote_id(["format"]))
            .param("invalidFormat", quoted_literal(&format.unwrap_or_default()))
            .at(ctx.origin.clone())),
    }
}

fn to_number(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let format = Format::parse(call.param(0)).map_err(|e| call.error(e))?;
    let tolerant = call.param(1) == "true";
    primitive_rows::<Decimal128Type>(call, rows, |i| {
        let s = not_null!(text.get(i));
        match format.read(s) {
            Some(v) => Ok(Some(v)),
            None if tolerant => Ok(None),
            None => Err(call.error(
                SparkError::new("INVALID_FORMAT.MISMATCH_INPUT")
                    .param("inputType", "\"STRING\"")
                    .param("input", s)
                    .param("format", call.param(0)),
            )),
        }
    })
}

fn to_char(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let number = Col::<Decimal128Array>::new(args, 0)?;
    let scale = match call.arg_types.first() {
        Some(DataType::Decimal(_, s)) => u32::try_from(*s).unwrap_or(0),
        _ => 0,
    };
    let format = Format::parse(call.param(0)).map_err(|e| call.error(e))?;
    string_rows(rows, rows * 8, |i, out| {
        format.write(not_null!(number.get(i)), scale, out);
        Ok(Some(()))
    })
}

fn hex(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let bytes = Col::<BinaryArray>::new(args, 0)?;
    string_rows(rows, bytes.array().value_data().len() * 2, |i, out| {
        for b in not_null!(bytes.get(i)) {
            out.extend([b >> 4, b & 15].map(|d| char::from(b"0123456789ABCDEF"[usize::from(d)])));
        }
        Ok(Some(()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_by_patterns() {
        for (value, scale, format, want) in [
            (454, 0, "999", "454"),
            (45400, 2, "000D00", "454.00"),
            (12454, 0, "99G999", "12,454"),
            (7812, 2, "$99.99", "$78.12"),
            (-124548, 1, "99G999D9S", "12,454.8-"),
            (5, 0, "9,999", "    5"),
            (5, 0, "0,999", "0,  5"),
            (0, 0, "999", "   "),
            (0, 0, "9.9", "0.0"),
            (-5, 1, "S9.9", " -.5"),
            (5, 0, "999PR", "  5  "),
            (-5, 0, "999PR", "  <5>"),
            (5, 0, "S999", "  +5"),
            (-5, 0, "999", "  5"),
            (1234567, 0, "9G999", "# ###"),
            (-123, 0, "S99", "-##"),
            (1200, 2, "$9,999.99", "$   12.00"),
        ] {
            let mut out = String::new();
            if let Ok(f) = Format::parse(format) {
                f.write(value, scale, &mut out);
            }
            assert_eq!(out, want, "{value} {format}");
        }
    }

    #[test]
    fn numbers_are_read_by_patterns() {
        for (text, format, want) in [
            ("454.00", "000.00", Some(45400)),
            ("12,454.8-", "99,999.9S", Some(-124548)),
            ("12", "000", None),
            ("1,2", "9,999", Some(12)),
            ("1,234", "9999", None),
            ("<12>", "99PR", Some(-12)),
            ("-12", "99", None),
            (".5", "9.9", Some(5)),
            ("12", "$99", None),
            ("abc", "999", None),
        ] {
            assert_eq!(Format::parse(format).ok().and_then(|f| f.read(text)), want, "{text} {format}");
        }
    }
}
