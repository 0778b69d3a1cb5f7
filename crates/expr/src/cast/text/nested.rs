//! The cells of an array of any type as text.

use std::fmt::Write;

use datafusion::arrow::array::*;
use datafusion::arrow::datatypes::*;
use datafusion::common::Result as DfResult;
use vonk_common::SparkError;
use vonk_plan::types::DataType as Spark;

use super::datetime::{write_clock, write_date, write_nanos, write_timestamp, write_timestamp_ntz};
use super::interval::{write_calendar, write_day_time, write_year_month};
use super::number::{write_decimal, write_decimal_scientific, write_f32, write_f64};
use crate::cast::zone::Zone;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryStyle {
    /// The bytes are UTF-8 text.
    Utf8,
    /// `[53 70]`.
    HexDiscrete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// What NULL inside a value is (and at the top, where the caller asks for it).
    pub null: &'static str,
    pub binary: BinaryStyle,
    /// Decimals without an exponent.
    pub plain_decimals: bool,
}

impl Style {
    /// `CAST(x AS STRING)` in ANSI mode.
    pub const fn cast() -> Style {
        Style { null: "null", binary: BinaryStyle::Utf8, plain_decimals: true }
    }

    /// `CAST(x AS STRING)` with ANSI mode off.
    pub const fn legacy_cast() -> Style {
        Style { plain_decimals: false, ..Style::cast() }
    }

    /// A value in a CSV line.
    pub const fn csv() -> Style {
        Style { null: "", binary: BinaryStyle::HexDiscrete, plain_decimals: false }
    }

    /// `df.show()`.
    pub const fn pretty() -> Style {
        Style { null: "NULL", binary: BinaryStyle::HexDiscrete, plain_decimals: true }
    }
}

type Cell<'a> = Box<dyn Fn(usize, &mut String) + 'a>;

/// Writes single cells of an array.
pub struct Writer<'a> {
    array: &'a dyn Array,
    null: &'static str,
    cell: Cell<'a>,
}

impl<'a> Writer<'a> {
    pub fn new(array: &'a dyn Array, ty: &Spark, style: Style, zone: &Zone) -> DfResult<Writer<'a>> {
        Ok(Writer { array, null: style.null, cell: cell(array, ty, style, zone)? })
    }

    pub fn is_null(&self, i: usize) -> bool {
        self.array.is_null(i) || *self.array.data_type() == DataType::Null
    }

    /// Appends a space and cell `i`, nothing at all for a NULL without a text.
    fn write_spaced(&self, i: usize, out: &mut String) {
        if !(self.null.is_empty() && self.is_null(i)) {
            out.push(' ');
        }
        self.write(i, out);
    }

    /// Appends cell `i`; NULL as the style's text.
    pub fn write(&self, i: usize, out: &mut String) {
        match self.is_null(i) {
            true => out.push_str(self.null),
            false => (self.cell)(i, out),
        }
    }
}

fn primitive<'a, T: ArrowPrimitiveType>(array: &'a dyn Array, write: impl Fn(&mut String, T::Native) + 'a) -> Cell<'a> {
    let values = array.as_primitive::<T>();
    Box::new(move |i, out| write(out, values.value(i)))
}

fn cell<'a>(array: &'a dyn Array, ty: &Spark, style: Style, zone: &Zone) -> DfResult<Cell<'a>> {
    let display = |out: &mut String, v: &dyn std::fmt::Display| {
        let _ = write!(out, "{v}");
    };
    let micro = TimeUnit::Microsecond;
    Ok(match (array.data_type(), ty) {
        (DataType::Null, _) => Box::new(|_, _| {}),
        (_, Spark::Udt(u)) => cell(array, &u.sql_type, style, zone)?,
        (DataType::Boolean, _) => {
            let values = array.as_boolean();
            Box::new(move |i, out| out.push_str(if values.value(i) { "true" } else { "false" }))
        }
        (DataType::Int8, _) => primitive::<Int8Type>(array, move |out, v| display(out, &v)),
        (DataType::Int16, _) => primitive::<Int16Type>(array, move |out, v| display(out, &v)),
        (DataType::Int32, _) => primitive::<Int32Type>(array, move |out, v| display(out, &v)),
        (DataType::Int64, _) => primitive::<Int64Type>(array, move |out, v| display(out, &v)),
        (DataType::Float32, _) => primitive::<Float32Type>(array, write_f32),
        (DataType::Float64, _) => primitive::<Float64Type>(array, write_f64),
        (DataType::Decimal128(_, scale), _) => {
            let (scale, plain) = (*scale, style.plain_decimals);
            primitive::<Decimal128Type>(array, move |out, v| match plain {
                true => write_decimal(out, v, scale),
                false => write_decimal_scientific(out, v, scale),
            })
        }
        (DataType::Utf8, _) => {
            let values = array.as_string::<i32>();
            Box::new(move |i, out| out.push_str(values.value(i)))
        }
        (DataType::Binary, _) => {
            let values = array.as_binary::<i32>();
            match style.binary {
                BinaryStyle::Utf8 => Box::new(move |i, out| out.push_str(&String::from_utf8_lossy(values.value(i)))),
                BinaryStyle::HexDiscrete => Box::new(move |i, out| write_hex(out, values.value(i))),
            }
        }
        (DataType::Date32, _) => primitive::<Date32Type>(array, |out, v| write_date(out, i64::from(v))),
        (DataType::Timestamp(unit, Some(_)), _) if *unit == micro => {
            let zone = zone.clone();
            primitive::<TimestampMicrosecondType>(array, move |out, v| write_timestamp(out, v, &zone))
        }
        (DataType::Timestamp(unit, None), _) if *unit == micro => {
            primitive::<TimestampMicrosecondType>(array, write_timestamp_ntz)
        }
        (DataType::Timestamp(TimeUnit::Nanosecond, with_zone), _) => {
            let zone = if with_zone.is_some() { zone.clone() } else { Zone::UTC };
            primitive::<TimestampNanosecondType>(array, move |out, v| write_nanos(out, v.into(), &zone, None))
        }
        (DataType::Time64(_), _) => primitive::<Time64NanosecondType>(array, write_clock),
        (DataType::Interval(IntervalUnit::MonthDayNano), _) => {
            primitive::<IntervalMonthDayNanoType>(array, |out, v| {
                write_calendar(out, v.months, v.days, v.nanoseconds / 1000);
            })
        }
        (DataType::Interval(IntervalUnit::YearMonth), Spark::YearMonthInterval(a, b)) => {
            let (a, b) = (*a, *b);
            primitive::<IntervalYearMonthType>(array, move |out, v| write_year_month(out, v, a, b))
        }
        (DataType::Duration(unit), Spark::DayTimeInterval(a, b)) if *unit == micro => {
            let (a, b) = (*a, *b);
            primitive::<DurationMicrosecondType>(array, move |out, v| write_day_time(out, v, a, b))
        }
        (DataType::List(_), Spark::Array(e, _)) => {
            let list = array.as_list::<i32>();
            let items = Writer::new(list.values(), e, style, zone)?;
            let offsets = list.value_offsets();
            Box::new(move |i, out| {
                out.push('[');
                for (n, k) in range(offsets, i).enumerate() {
                    match n {
                        0 => items.write(k, out),
                        _ => {
                            out.push(',');
                            items.write_spaced(k, out);
                        }
                    }
                }
                out.push(']');
            })
        }
        (DataType::Map(..), Spark::Map(k, v, _)) => {
            let map = array.as_map();
            let keys = Writer::new(map.keys(), k, style, zone)?;
            let values = Writer::new(map.values(), v, style, zone)?;
            let offsets = map.value_offsets();
            Box::new(move |i, out| {
                out.push('{');
                for (n, k) in range(offsets, i).enumerate() {
                    out.push_str(if n > 0 { ", " } else { "" });
                    keys.write(k, out);
                    out.push_str(" ->");
                    values.write_spaced(k, out);
                }
                out.push('}');
            })
        }
        (DataType::Struct(_), Spark::Variant) => super::super::variant::text_cell(array)?,
        (DataType::Struct(_), Spark::Struct(s)) => {
            let parts: DfResult<Vec<_>> = array
                .as_struct()
                .columns()
                .iter()
                .zip(s.fields.iter())
                .map(|(c, f)| Writer::new(c, &f.data_type, style, zone))
                .collect();
            let parts = parts?;
            Box::new(move |i, out| {
                out.push('{');
                for (n, part) in parts.iter().enumerate() {
                    match n {
                        0 => part.write(i, out),
                        _ => {
                            out.push(',');
                            part.write_spaced(i, out);
                        }
                    }
                }
                out.push('}');
            })
        }
        (arrow, ty) => {
            return Err(crate::exec_err(SparkError::internal(format!("{arrow} is not the form of {ty}"))));
        }
    })
}

fn range(offsets: &[i32], i: usize) -> std::ops::Range<usize> {
    let at = |k: usize| offsets.get(k).map_or(0, |v| *v as usize);
    at(i)..at(i + 1)
}

/// `[53 70]`.
pub fn write_hex(out: &mut String, bytes: &[u8]) {
    out.push('[');
    for (i, b) in bytes.iter().enumerate() {
        let _ = write!(out, "{}{b:02X}", if i > 0 { " " } else { "" });
    }
    out.push(']');
}
