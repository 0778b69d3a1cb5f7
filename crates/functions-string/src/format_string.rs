//! `format_string`/`printf`: the conversions of `java.util.Formatter`.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::{
    DataType as Arrow, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, IntervalYearMonthType, TimeUnit, TimestampMicrosecondType,
    TimestampNanosecondType,
};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::cast;
use vonk_expr::cast::text::number::{write_decimal_scientific, write_f32, write_f64};
use vonk_expr::columns::string_rows;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::types::DataType;

pub static SPECS: &[FunctionSpec] = &[FunctionSpec::scalar("format_string", "string_funcs", build)
    .aliases(&["printf"])
    .usage("The values put into a format of % conversions.")
    .kernels(&[&FORMAT_STRING])];

static FORMAT_STRING: Kernel = Kernel::new("format_string", format_string).until_null_of(1);

fn build(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce_variadic(args, 1, &[Want::Str, Want::Any])?;
    // These have no form of their own in Arrow that could be printed.
    let text = |a: TypedExpr| match a.data_type {
        DataType::Variant => {
            let sql = a.sql.clone();
            Ok(TypedExpr { sql, ..crate::json::to_json::build(ctx, vec![a])? })
        }
        DataType::CalendarInterval => cast(&ctx.facts, a, &DataType::STRING),
        _ => Ok(a),
    };
    let args = args.into_iter().map(text).collect::<SparkResult<Vec<_>>>()?;
    if let Some(format) = args.first().filter(|f| f.foldable)
        && format.constant_str(&ctx.name, "strfmt")?.is_some_and(|f| f.contains("%0$"))
    {
        return Err(SparkError::new("INVALID_PARAMETER_VALUE.ZERO_INDEX")
            .param("functionName", quote_id([&*ctx.name]))
            .param("parameter", quote_id(["strfmt"]))
            .at(ctx.origin.clone()));
    }
    let nulls = if args.first().is_some_and(|a| a.nullable) { Nullability::Always } else { Nullability::Never };
    Ok(ctx.call(&FORMAT_STRING, args, DataType::STRING, nulls))
}

/// An argument as Java would see it.
enum Value {
    Null,
    Boolean(bool),
    /// A whole number and its width in bits.
    Whole(i64, u32),
    Double(f64, String),
    Text(String, &'static str),
}

fn value(array: &ArrayRef, i: usize) -> Value {
    if array.is_null(i) || *array.data_type() == Arrow::Null {
        return Value::Null;
    }
    match array.data_type() {
        Arrow::Boolean => Value::Boolean(array.as_boolean().value(i)),
        Arrow::Int8 => Value::Whole(array.as_primitive::<Int8Type>().value(i).into(), 8),
        Arrow::Int16 => Value::Whole(array.as_primitive::<Int16Type>().value(i).into(), 16),
        Arrow::Int32 => Value::Whole(array.as_primitive::<Int32Type>().value(i).into(), 32),
        Arrow::Int64 => Value::Whole(array.as_primitive::<Int64Type>().value(i), 64),
        Arrow::Date32 => Value::Whole(array.as_primitive::<Date32Type>().value(i).into(), 32),
        Arrow::Timestamp(TimeUnit::Nanosecond, _) => Value::Text(
            vonk_expr::nanos::java_text(array.as_primitive::<TimestampNanosecondType>().value(i)),
            "org.apache.spark.unsafe.types.TimestampNanosVal",
        ),
        Arrow::Timestamp(..) => Value::Whole(array.as_primitive::<TimestampMicrosecondType>().value(i), 64),
        Arrow::Duration(_) => Value::Whole(array.as_primitive::<DurationMicrosecondType>().value(i), 64),
        Arrow::Interval(datafusion::arrow::datatypes::IntervalUnit::YearMonth) => {
            Value::Whole(array.as_primitive::<IntervalYearMonthType>().value(i).into(), 32)
        }
        Arrow::Float32 => {
            let v = array.as_primitive::<Float32Type>().value(i);
            let mut text = String::new();
            write_f32(&mut text, v);
            Value::Double(text.parse().unwrap_or(v.into()), text)
        }
        Arrow::Float64 => {
            let v = array.as_primitive::<Float64Type>().value(i);
            let mut text = String::new();
            write_f64(&mut text, v);
            Value::Double(v, text)
        }
        Arrow::Decimal128(_, scale) => {
            let mut text = String::new();
            write_decimal_scientific(&mut text, array.as_primitive::<Decimal128Type>().value(i), *scale);
            Value::Text(text, "org.apache.spark.sql.types.Decimal")
        }
        Arrow::Utf8 => {
            Value::Text(array.as_string::<i32>().value(i).into(), "org.apache.spark.unsafe.types.UTF8String")
        }
        Arrow::List(_) | Arrow::Map(..) | Arrow::Struct(_) => Value::Text(nested(array, i), "java.lang.Object"),
        _ => Value::Text(
            datafusion::arrow::util::display::array_value_to_string(array, i).unwrap_or_default(),
            "java.lang.Object",
        ),
    }
}

/// Arrays, maps and structs as Spark's rows print themselves.
fn nested(array: &ArrayRef, i: usize) -> String {
    let list = |values: &ArrayRef| {
        let items: Vec<String> = (0..values.len()).map(|k| value(values, k).plain()).collect();
        format!("[{}]", items.join(","))
    };
    match array.data_type() {
        Arrow::List(_) => list(&array.as_list::<i32>().value(i)),
        Arrow::Map(..) => {
            let entries = array.as_map().value(i);
            match entries.columns() {
                [keys, values] => format!("keys: {}, values: {}", list(keys), list(values)),
                _ => String::new(),
            }
        }
        _ => {
            let fields: Vec<String> = array.as_struct().columns().iter().map(|c| value(c, i).plain()).collect();
            format!("[{}]", fields.join(","))
        }
    }
}

impl Value {
    fn plain(self) -> String {
        match self {
            Value::Null => "null".into(),
            Value::Boolean(v) => v.to_string(),
            Value::Whole(v, _) => v.to_string(),
            Value::Double(_, text) | Value::Text(text, _) => text,
        }
    }
}

enum Piece {
    Literal(String),
    Spec(Spec),
}

#[derive(Default, Clone)]
struct Spec {
    /// From 1; none: the next argument.
    index: Option<usize>,
    /// `%<s`: the argument before.
    previous: bool,
    flags: String,
    width: usize,
    precision: Option<usize>,
    conversion: char,
}

fn parse(format: &str) -> Result<Vec<Piece>, String> {
    let mut out = vec![];
    let mut text = String::new();
    let chars: Vec<char> = format.chars().collect();
    let mut at = 0;
    while let Some(c) = chars.get(at) {
        at += 1;
        if *c != '%' {
            text.push(*c);
            continue;
        }
        let mut spec = Spec::default();
        let digits = |at: usize| chars[at..].iter().take_while(|c| c.is_ascii_digit()).collect::<String>();
        let number = digits(at);
        if !number.is_empty() && chars.get(at + number.len()) == Some(&'$') {
            spec.index = number.parse().ok();
            at += number.len() + 1;
        }
        while let Some(flag) = chars.get(at).filter(|c| "-#+ 0,(<".contains(**c)) {
            if *flag == '<' {
                spec.previous = true;
            }
            spec.flags.push(*flag);
            at += 1;
        }
        let width = digits(at);
        at += width.len();
        spec.width = width.parse().unwrap_or(0);
        if chars.get(at) == Some(&'.') {
            let precision = digits(at + 1);
            at += 1 + precision.len();
            spec.precision =
                Some(precision.parse().map_err(|_| format!("UnknownFormatConversionException: {format}"))?);
        }
        let Some(conversion) = chars.get(at) else {
            return Err("Conversion = '%'".to_string());
        };
        at += 1;
        spec.conversion = *conversion;
        match conversion {
            'n' => text.push('\n'),
            '%' => pad(&mut text, "%", &spec),
            _ => {
                if !text.is_empty() {
                    out.push(Piece::Literal(std::mem::take(&mut text)));
                }
                out.push(Piece::Spec(spec));
            }
        }
    }
    if !text.is_empty() {
        out.push(Piece::Literal(text));
    }
    Ok(out)
}

fn pad(out: &mut String, text: &str, spec: &Spec) {
    let missing = spec.width.saturating_sub(text.chars().count());
    let spaces = std::iter::repeat_n(' ', missing);
    if spec.flags.contains('-') {
        out.push_str(text);
        out.extend(spaces);
    } else {
        out.extend(spaces);
        out.push_str(text);
    }
}

fn grouped(digits: &str) -> String {
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
    let mut out = String::new();
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(c);
    }
    if let Some(f) = fraction {
        out.push('.');
        out.push_str(f);
    }
    out
}

/// Sign, separators and zeros around the digits of a number.
fn number(out: &mut String, negative: bool, digits: &str, spec: &Spec) {
    let has = |c| spec.flags.contains(c);
    let mut digits = if has(',') { grouped(digits) } else { digits.to_string() };
    let (before, after) = match (negative, has('(')) {
        (true, true) => ("(", ")"),
        (true, false) => ("-", ""),
        (false, _) if has('+') => ("+", ""),
        (false, _) if has(' ') => (" ", ""),
        _ => ("", ""),
    };
    if has('0') {
        let missing = spec.width.saturating_sub(before.len() + digits.len() + after.len());
        digits.insert_str(0, &"0".repeat(missing));
    }
    pad(out, &format!("{before}{digits}{after}"), spec);
}

/// Decimal digits of the shortest text of `v`, rounded half up to `places`.
fn fixed(v: f64, places: usize) -> String {
    let text = format!("{v}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes().take(places)).collect();
    digits.extend(std::iter::repeat_n(b'0', places.saturating_sub(fraction.len())));
    if fraction.as_bytes().get(places).is_some_and(|d| *d >= b'5') {
        let mut i = digits.len();
        loop {
            if i == 0 {
                digits.insert(0, b'1');
                break;
            }
            i -= 1;
            if digits[i] != b'9' {
                digits[i] += 1;
                break;
            }
            digits[i] = b'0';
        }
    }
    let mut out: String = digits.into_iter().map(char::from).collect();
    if places > 0 {
        out.insert(out.len() - places, '.');
    }
    out
}

fn scientific(v: f64, places: usize) -> String {
    // Java has two digits of the smallest numbers where one would do.
    let mut text = String::new();
    write_f64(&mut text, v);
    let text = if text.contains('E') { text } else { format!("{v:E}") };
    let (digits, power) = text.split_once('E').unwrap_or((&text, "0"));
    let mut exponent = if v == 0.0 { 0 } else { power.parse::<i32>().unwrap_or(0) };
    let mantissa = |e: i32| digits.parse::<f64>().unwrap_or(0.0) * 10f64.powi(e);
    let mut digits = fixed(mantissa(0), places);
    if digits.starts_with("10") {
        exponent += 1;
        digits = fixed(mantissa(-1), places);
    }
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

fn convert(out: &mut String, v: &Value, spec: &Spec) -> Result<(), String> {
    let upper = spec.conversion.is_ascii_uppercase();
    let start = out.len();
    let wrong = |class: &str| Err(format!("{} != {class}", spec.conversion));
    let class = match v {
        Value::Boolean(_) => "java.lang.Boolean",
        Value::Whole(_, 64) => "java.lang.Long",
        Value::Whole(..) => "java.lang.Integer",
        Value::Double(..) => "java.lang.Double",
        Value::Text(_, class) => class,
        Value::Null => "null",
    };
    match (spec.conversion.to_ascii_lowercase(), v) {
        ('b', v) => pad(out, &(!matches!(v, Value::Null | Value::Boolean(false))).to_string(), spec),
        ('s' | 'd' | 'x' | 'o' | 'e' | 'f' | 'g' | 'c' | 'h' | 'a', Value::Null) => {
            let text: String = "null".chars().take(spec.precision.unwrap_or(4)).collect();
            pad(out, &text, spec);
        }
        ('s', v) => {
            let text = match v {
                Value::Boolean(b) => b.to_string(),
                Value::Whole(n, _) => n.to_string(),
                Value::Double(_, text) | Value::Text(text, _) => text.clone(),
                Value::Null => "null".into(),
            };
            match spec.precision {
                Some(n) => pad(out, &text.chars().take(n).collect::<String>(), spec),
                None => pad(out, &text, spec),
            }
        }
        ('d', Value::Whole(n, _)) => number(out, *n < 0, &n.unsigned_abs().to_string(), spec),
        ('x' | 'o', Value::Whole(n, bits)) => {
            let mask = if *bits == 64 { u64::MAX } else { (1u64 << bits) - 1 };
            let n = (*n as u64) & mask;
            let hex = spec.conversion.eq_ignore_ascii_case(&'x');
            let mut text = if hex { format!("{n:x}") } else { format!("{n:o}") };
            let prefix = match (spec.flags.contains('#'), hex) {
                (true, true) => "0x",
                (true, false) => "0",
                _ => "",
            };
            if spec.flags.contains('0') {
                text.insert_str(0, &"0".repeat(spec.width.saturating_sub(text.len() + prefix.len())));
            }
            pad(out, &format!("{prefix}{text}"), spec);
        }
        ('c', Value::Whole(n, _)) => {
            let c = u32::try_from(*n).ok().and_then(char::from_u32).ok_or("Code point is invalid")?;
            pad(out, &c.to_string(), spec);
        }
        ('e' | 'f' | 'g', Value::Double(v, _)) => {
            let places = spec.precision.unwrap_or(6);
            if !v.is_finite() {
                let text = if v.is_nan() {
                    "NaN"
                } else if *v > 0.0 {
                    "Infinity"
                } else {
                    "-Infinity"
                };
                pad(out, text, spec);
            } else {
                let magnitude = v.abs();
                let digits = match spec.conversion.to_ascii_lowercase() {
                    'f' => fixed(magnitude, places),
                    'e' => scientific(magnitude, places),
                    _ => {
                        let places = places.max(1);
                        if magnitude == 0.0 {
                            fixed(0.0, places - 1)
                        } else if (1e-4..10f64.powi(places as i32)).contains(&magnitude) {
                            let whole = magnitude.log10().floor() as i32 + 1;
                            fixed(magnitude, (places as i32 - whole).max(0) as usize)
                        } else {
                            scientific(magnitude, places - 1)
                        }
                    }
                };
                number(out, v.is_sign_negative(), &digits, spec);
            }
        }
        ('h', v) => {
            let hash = match v {
                Value::Boolean(b) => {
                    if *b {
                        1231
                    } else {
                        1237
                    }
                }
                Value::Whole(n, 64) => (*n ^ (*n as u64 >> 32) as i64) as i32,
                Value::Whole(n, _) => *n as i32,
                Value::Double(d, _) => (d.to_bits() ^ (d.to_bits() >> 32)) as i32,
                _ => return wrong(class),
            };
            pad(out, &format!("{hash:x}"), spec);
        }
        ('d' | 'x' | 'o' | 'c' | 'e' | 'f' | 'g' | 'a', _) => return wrong(class),
        _ => return Err(format!("Conversion = '{}'", spec.conversion)),
    }
    if upper {
        let text = out.split_off(start).to_uppercase();
        out.push_str(&text);
    }
    Ok(())
}

fn format_string(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let format = Col::<StringArray>::new(args, 0)?;
    let values: DfResult<Vec<ArrayRef>> = (1..args.len()).map(|i| array_arg(args, i, rows)).collect();
    let values = values?;
    let mut last: Option<(String, Vec<Piece>)> = None;
    let failed = |message: String| call.error(SparkError::internal(message));
    string_rows(rows, rows * 16, |i, out| {
        let text = not_null!(format.get(i));
        if last.as_ref().is_none_or(|(t, _)| t != text) {
            last = Some((text.to_string(), parse(text).map_err(failed)?));
        }
        let (mut next, mut before) = (0, None);
        for piece in last.iter().flat_map(|(_, pieces)| pieces) {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Spec(spec) => {
                    let at = match (spec.previous, spec.index) {
                        (true, _) => before,
                        (_, Some(n)) => n.checked_sub(1),
                        _ => {
                            next += 1;
                            Some(next - 1)
                        }
                    };
                    before = at;
                    let Some(array) = at.and_then(|at| values.get(at)) else {
                        return Err(failed(format!("Format specifier '%{}'", spec.conversion)));
                    };
                    convert(out, &value(array, i), spec).map_err(failed)?;
                }
            }
        }
        Ok(Some(()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_of_java() {
        let double = |v: f64| Value::Double(v, String::new());
        for (format, v, want) in [
            ("%5d", Value::Whole(5, 32), "    5"),
            ("%05.1f", double(2.25), "002.3"),
            ("%,d", Value::Whole(1234567, 32), "1,234,567"),
            ("%(d", Value::Whole(-5, 32), "(5)"),
            ("%+d", Value::Whole(5, 32), "+5"),
            ("%X", Value::Whole(255, 32), "FF"),
            ("%x", Value::Whole(-1, 32), "ffffffff"),
            ("%e", double(12345.678), "1.234568e+04"),
            ("%.3e", double(12345.678), "1.235e+04"),
            ("%g", double(0.0001), "0.000100000"),
            ("%-5s|", Value::Text("a".into(), ""), "a    |"),
            ("%.2s", Value::Text("abc".into(), ""), "ab"),
            ("%c", Value::Whole(65, 32), "A"),
            ("%#x", Value::Whole(255, 32), "0xff"),
            ("%05d", Value::Whole(-42, 32), "-0042"),
        ] {
            let mut out = String::new();
            for piece in parse(format).unwrap_or_default() {
                match piece {
                    Piece::Literal(t) => out.push_str(&t),
                    Piece::Spec(s) => assert_eq!(convert(&mut out, &v, &s), Ok(()), "{format}"),
                }
            }
            assert_eq!(out, want, "{format}");
        }
    }
}
