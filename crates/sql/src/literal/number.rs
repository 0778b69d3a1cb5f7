//! Number literals: the type by suffix and size, with Spark's range checks.

use std::str::FromStr;

use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::{Expr, ExprKind};
use vonk_plan::literal::Literal;
use vonk_plan::types::DataType;

use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    /// `[-] digits…` with its suffix.
    pub fn number(&mut self) -> SparkResult<Expr> {
        let start = self.pos;
        let negative = self.eat_sym("-");
        let word = self.word(0);
        self.next();
        let sign = if negative { "-" } else { "" };
        let literal = self.number_value(sign, word).map_err(|e| self.error(e, start));
        Ok(self.literal_or_defer(literal, start))
    }

    /// A literal; a value that does not fit is told after the syntax has been checked.
    pub fn literal_or_defer(&mut self, literal: SparkResult<Literal>, start: usize) -> Expr {
        let literal = literal.unwrap_or_else(|e| {
            self.defer(e);
            Literal::Null(DataType::Null)
        });
        self.make(ExprKind::Literal(literal), start)
    }

    fn number_value(&self, sign: &str, word: &str) -> SparkResult<Literal> {
        let upper = word.to_ascii_uppercase();
        let strip = |n: usize| format!("{sign}{}", word.get(..word.len() - n).unwrap_or_default());
        if upper.ends_with("BD") {
            return decimal(&strip(2));
        }
        match upper.as_bytes().last() {
            Some(b'L') => integral(&strip(1), DataType::Long, i64::MIN, i64::MAX).map(Literal::Long),
            Some(b'S') => integral(&strip(1), DataType::Short, i16::MIN, i16::MAX).map(Literal::Short),
            Some(b'Y') => integral(&strip(1), DataType::Byte, i8::MIN, i8::MAX).map(Literal::Byte),
            Some(b'F') => float(&strip(1)).map(Literal::Float),
            Some(b'D') => double(&strip(1)).map(Literal::Double),
            _ if upper.contains('E') => {
                if self.opts.conf.bool("spark.sql.legacy.exponentLiteralAsDecimal.enabled") {
                    decimal(&strip(0))
                } else {
                    double(&strip(0)).map(Literal::Double)
                }
            }
            _ if upper.contains('.') => decimal(&strip(0)),
            _ => {
                let text = strip(0);
                let int = text.parse().map(Literal::Int);
                int.or_else(|_| text.parse().map(Literal::Long)).or_else(|_| decimal(&text))
            }
        }
    }

    /// An integer without sign and suffix where the grammar wants one.
    pub fn integer<T: FromStr>(&mut self) -> SparkResult<T> {
        if self.kind(0) != Kind::Number {
            return self.fail();
        }
        match self.word(0).parse() {
            Ok(n) => {
                self.next();
                Ok(n)
            }
            Err(_) => self.fail(),
        }
    }
}

fn out_of_range(text: &str, min: &str, max: &str, type_name: &str) -> SparkError {
    SparkError::new("INVALID_NUMERIC_LITERAL_RANGE")
        .param("rawStrippedQualifier", text)
        .param("minValue", min)
        .param("maxValue", max)
        .param("typeName", type_name)
}

fn integral<T: FromStr + ToString>(text: &str, t: DataType, min: T, max: T) -> SparkResult<T> {
    text.parse().map_err(|_| out_of_range(text, &min.to_string(), &max.to_string(), &t.to_string()))
}

/// The text must lie within the exact decimal form of the largest float, which `3.4028235E38` does not.
fn float(text: &str) -> SparkResult<f32> {
    let max = "3.4028234663852886E+38";
    let value: f64 = text.parse().unwrap_or(f64::INFINITY);
    if value.abs() > f64::from(f32::MAX) {
        return Err(out_of_range(text, &format!("-{max}"), max, "float"));
    }
    Ok(text.parse().unwrap_or_default())
}

fn double(text: &str) -> SparkResult<f64> {
    let max = "1.7976931348623157E+308";
    match text.parse::<f64>() {
        Ok(v) if v.is_finite() => Ok(v),
        _ => Err(out_of_range(text, &format!("-{max}"), max, "double")),
    }
}

/// A decimal as written: all digits count, and trailing zeros of the fraction too.
pub(crate) fn decimal(text: &str) -> SparkResult<Literal> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((m, e)) => (m, e.parse::<i64>().unwrap_or(i64::MAX / 2)),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let joined = format!("{whole}{fraction}");
    let significant = joined.trim_start_matches('0');
    let mut scale = fraction.len() as i64 - exponent;
    let mut precision = significant.len().max(1) as i64;
    let mut zeros = 0;
    if scale < 0 {
        // Spark has no negative scale: the zeros are written out.
        zeros = -scale;
        precision = if significant.is_empty() { 1 } else { precision + zeros };
        scale = 0;
    }
    precision = precision.max(scale);
    if precision > 38 {
        return Err(SparkError::new("DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION")
            .param("precision", precision)
            .param("maxPrecision", 38));
    }
    let mut value: i128 = if significant.is_empty() { 0 } else { significant.parse().unwrap_or_default() };
    for _ in 0..zeros.min(38) {
        value = value.saturating_mul(10);
    }
    Ok(Literal::Decimal(if negative { -value } else { value }, precision as u8, scale as i8))
}
