//! Literals in column names, and values in error messages.

use std::fmt::Write;

use vonk_plan::Literal;

use super::datetime::{write_clock, write_date, write_nanos, write_timestamp, write_timestamp_ntz};
use super::interval::{write_calendar, write_day_time, write_year_month};
use super::number::{write_decimal, write_decimal_scientific, write_f32, write_f64};
use crate::cast::zone::Zone;

/// The text of a literal in an automatic column name, with timestamps in UTC.
pub fn literal_name(value: &Literal) -> String {
    literal_name_in(value, &Zone::utc())
}

/// The text of a literal in an automatic column name: strings and numbers bare, dates, times and
/// intervals as typed literals.
pub fn literal_name_in(value: &Literal, zone: &Zone) -> String {
    let mut out = String::new();
    write_name(&mut out, value, zone);
    out
}

fn write_name(out: &mut String, value: &Literal, zone: &Zone) {
    let _ = match value {
        Literal::Null(_) => write!(out, "NULL"),
        Literal::Boolean(v) => write!(out, "{v}"),
        Literal::Byte(v) => write!(out, "{v}"),
        Literal::Short(v) => write!(out, "{v}"),
        Literal::Int(v) => write!(out, "{v}"),
        Literal::Long(v) => write!(out, "{v}"),
        Literal::Float(v) => return write_f32(out, *v),
        Literal::Double(v) => return write_f64(out, *v),
        Literal::Decimal(v, _, s) => return write_decimal_scientific(out, *v, *s),
        Literal::String(v) => write!(out, "{v}"),
        other => return write_sql(out, other, zone, &write_name),
    };
}

/// A value as an error message quotes it: `'abc'`, `3000000000L`, `1.5D`, `TIMESTAMP '…'`.
pub fn sql_value(value: &Literal, zone: &Zone) -> String {
    let mut out = String::new();
    write_value(&mut out, value, zone);
    out
}

fn write_value(out: &mut String, value: &Literal, zone: &Zone) {
    let _ = match value {
        Literal::Byte(v) => write!(out, "{v}Y"),
        Literal::Short(v) => write!(out, "{v}S"),
        Literal::Int(v) => write!(out, "{v}"),
        Literal::Long(v) => write!(out, "{v}L"),
        Literal::Float(v) => return write_f32(out, *v),
        Literal::Double(v) => {
            write_f64(out, *v);
            if v.is_finite() {
                out.push('D');
            }
            return;
        }
        Literal::Decimal(v, _, s) => {
            write_decimal(out, *v, *s);
            write!(out, "BD")
        }
        Literal::String(v) => write!(out, "'{}'", v.replace('\\', "\\\\").replace('\'', "\\'")),
        other => return write_sql(out, other, zone, &write_value),
    };
}

/// What names and messages write alike.
fn write_sql(out: &mut String, value: &Literal, zone: &Zone, item: &dyn Fn(&mut String, &Literal, &Zone)) {
    match value {
        Literal::Null(_) => out.push_str("NULL"),
        Literal::Boolean(v) => out.push_str(if *v { "true" } else { "false" }),
        Literal::Binary(v) => {
            out.push_str("X'");
            v.iter().for_each(|b| {
                let _ = write!(out, "{b:02X}");
            });
            out.push('\'');
        }
        Literal::Date(v) => quoted(out, "DATE", |out| write_date(out, i64::from(*v))),
        Literal::Timestamp(v) => quoted(out, "TIMESTAMP", |out| write_timestamp(out, *v, zone)),
        Literal::TimestampNtz(v) => quoted(out, "TIMESTAMP_NTZ", |out| write_timestamp_ntz(out, *v)),
        Literal::TimestampLtzNanos(v, p) => {
            quoted(out, "TIMESTAMP_LTZ", |out| write_nanos(out, *v, zone, Some(*p)));
        }
        Literal::TimestampNtzNanos(v, p) => {
            quoted(out, "TIMESTAMP_NTZ", |out| write_nanos(out, *v, &Zone::utc(), Some(*p)));
        }
        Literal::Time(v, _) => quoted(out, "TIME", |out| write_clock(out, *v)),
        Literal::CalendarInterval { months, days, microseconds } => {
            quoted(out, "INTERVAL", |out| write_calendar(out, *months, *days, *microseconds));
        }
        Literal::YearMonthInterval(v, a, b) => write_year_month(out, *v, *a, *b),
        Literal::DayTimeInterval(v, a, b) => write_day_time(out, *v, *a, *b),
        Literal::Array(_, items) => {
            out.push_str("ARRAY(");
            list(out, items.iter(), zone, item);
            out.push(')');
        }
        Literal::Map { keys, values, .. } => {
            out.push_str("MAP(");
            list(out, keys.iter().zip(values).flat_map(|(k, v)| [k, v]), zone, item);
            out.push(')');
        }
        Literal::Struct(fields, values) => {
            out.push_str("NAMED_STRUCT(");
            for (i, (f, v)) in fields.iter().zip(values).enumerate() {
                let _ = write!(out, "{}'{}', ", if i > 0 { ", " } else { "" }, f.name);
                item(out, v, zone);
            }
            out.push(')');
        }
        Literal::Udt(_, inner) => match crate::literal::variant_json(value, zone) {
            Some(json) => {
                let _ = write!(out, "PARSE_JSON('{json}')");
            }
            None => item(out, inner, zone),
        },
        other => item(out, other, zone),
    }
}

fn quoted(out: &mut String, ty: &str, write: impl FnOnce(&mut String)) {
    out.push_str(ty);
    out.push_str(" '");
    write(out);
    out.push('\'');
}

fn list<'a>(
    out: &mut String,
    items: impl Iterator<Item = &'a Literal>,
    zone: &Zone,
    item: &dyn Fn(&mut String, &Literal, &Zone),
) {
    for (i, v) in items.enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        item(out, v, zone);
    }
}
