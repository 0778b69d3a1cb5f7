//! `CAST(x AS DECIMAL(p, s))`.

use std::sync::Arc;

use datafusion::arrow::array::*;
use datafusion::arrow::datatypes::*;
use datafusion::common::Result as DfResult;
use vonk_common::SparkError;
use vonk_plan::Literal;
use vonk_plan::types::{DataType as Spark, DayTimeField, YearMonthField};

use super::map::parsed;
use super::parse::number::Digits;
use super::text::number::{write_decimal, write_f64};
use super::to_integral::micros_of;
use super::{Caster, Mode};

pub fn convert(c: &Caster, array: &ArrayRef, from: &Spark, p: u8, s: i8) -> DfResult<ArrayRef> {
    // An interval that does not fit is an error in any mode.
    let strict = c.mode == Mode::Ansi || from.is_ansi_interval() && c.mode != Mode::Try;
    let to = Target { c, p, s, strict };
    let out = match from {
        Spark::Boolean => {
            let values = array.as_boolean().iter().map(|v| v.map(|b| to.exact(i128::from(b), 0)).transpose());
            values.map(|v| v.map(Option::flatten)).collect::<DfResult<Decimal128Array>>()?
        }
        Spark::Byte => to.whole::<Int8Type>(array)?,
        Spark::Short => to.whole::<Int16Type>(array)?,
        Spark::Int => to.whole::<Int32Type>(array)?,
        Spark::Long => to.whole::<Int64Type>(array)?,
        Spark::Float => to.each::<Float32Type>(array, |v| to.double(f64::from(v)))?,
        Spark::Double => to.each::<Float64Type>(array, |v| to.double(v))?,
        Spark::Decimal(_, scale) => to.each::<Decimal128Type>(array, |v| to.exact(v, *scale))?,
        Spark::String(_) | Spark::Char(_) | Spark::VarChar(_) => {
            let target = Spark::Decimal(p, s);
            let read = |t: &str| to.text(t);
            to.nullable_text(array, read, |t| c.invalid_input(&Literal::string(t), &Spark::STRING, &target))?
        }
        Spark::Date => Decimal128Array::new_null(array.len()),
        Spark::Timestamp => to.each::<TimestampMicrosecondType>(array, |v| to.exact(v.into(), 6))?,
        Spark::Time(_) => to.each::<Time64NanosecondType>(array, |v| to.exact(v.into(), 9))?,
        Spark::YearMonthInterval(_, end) => {
            let unit = if *end == YearMonthField::Year { 12 } else { 1 };
            to.each::<IntervalYearMonthType>(array, |v| to.exact((v / unit).into(), 0))?
        }
        Spark::DayTimeInterval(_, end) => {
            // Seconds have six digits of their fraction, other fields are whole.
            let unit = i128::from(micros_of(*end));
            let scale = if *end == DayTimeField::Second { 6 } else { 0 };
            to.each::<DurationMicrosecondType>(array, |v| match scale {
                0 => to.exact(i128::from(v) / unit, 0),
                _ => to.exact(v.into(), scale),
            })?
        }
        from => return Err(super::no_kernel(from, &Spark::Decimal(p, s))),
    };
    Ok(Arc::new(out.with_precision_and_scale(p.max(1), s)?))
}

struct Target<'a, 'b> {
    c: &'a Caster<'b>,
    p: u8,
    s: i8,
    strict: bool,
}

impl Target<'_, '_> {
    /// A decimal at another scale, rounded half up.
    fn exact(&self, v: i128, scale: i8) -> DfResult<Option<i128>> {
        let shift = i32::from(self.s) - i32::from(scale);
        let unit = 10i128.checked_pow(shift.unsigned_abs());
        let moved = match (unit, shift >= 0) {
            (Some(unit), true) => v.checked_mul(unit),
            (Some(unit), false) => {
                let (whole, rest) = (v / unit, v % unit);
                Some(if rest.abs() >= unit - rest.abs() { whole + v.signum() } else { whole })
            }
            (None, up) => (v == 0 || !up).then_some(0),
        };
        let limit = 10i128.pow(u32::from(self.p.min(38)));
        match moved.filter(|m| m.abs() < limit) {
            Some(m) => Ok(Some(m)),
            None if self.strict => {
                let mut text = String::new();
                write_decimal(&mut text, v, scale);
                Err(self.c.out_of_decimal(&text, self.p, self.s))
            }
            None => Ok(None),
        }
    }

    fn digits(&self, digits: &Digits) -> DfResult<Option<i128>> {
        match digits.at_scale(self.p, self.s) {
            None if self.c.mode == Mode::Ansi => Err(self.c.out_of_decimal(&digits.plain(), self.p, self.s)),
            found => Ok(found),
        }
    }

    /// By way of the shortest digits, as Spark reads doubles. NaN and infinities are NULL.
    fn double(&self, v: f64) -> DfResult<Option<i128>> {
        if !v.is_finite() {
            return Ok(None);
        }
        if v.abs() < 1e15 && v.fract() == 0.0 {
            return self.exact(v as i128, 0);
        }
        let mut text = String::new();
        write_f64(&mut text, v);
        match Digits::read(&text) {
            Some(digits) => self.digits(&digits),
            None => Ok(None),
        }
    }

    /// `Ok(None)` is malformed text.
    fn text(&self, text: &str) -> DfResult<Option<Option<i128>>> {
        let Some(digits) = Digits::read(text) else { return Ok(None) };
        if digits.whole_digits() > 38 {
            return match self.c.mode {
                Mode::Ansi => Err(self.c.error(SparkError::new("NUMERIC_OUT_OF_SUPPORTED_RANGE").param("value", text))),
                _ => Ok(Some(None)),
            };
        }
        self.digits(&digits).map(Some)
    }

    fn nullable_text(
        &self,
        array: &ArrayRef,
        read: impl Fn(&str) -> DfResult<Option<Option<i128>>>,
        error: impl Fn(&str) -> datafusion::common::DataFusionError,
    ) -> DfResult<Decimal128Array> {
        let strict = self.c.mode == Mode::Ansi;
        parsed::<Decimal128Type>(
            self.c,
            array,
            |t| match read(t)? {
                None if strict => Err(error(t)),
                found => Ok(found.flatten()),
            },
            &error,
        )
    }

    fn whole<A: ArrowPrimitiveType>(&self, array: &ArrayRef) -> DfResult<Decimal128Array>
    where
        A::Native: Into<i128>,
    {
        self.each::<A>(array, |v| self.exact(v.into(), 0))
    }

    fn each<A: ArrowPrimitiveType>(
        &self,
        array: &ArrayRef,
        f: impl Fn(A::Native) -> DfResult<Option<i128>>,
    ) -> DfResult<Decimal128Array> {
        let values = array.as_primitive::<A>();
        let mut out = Decimal128Builder::with_capacity(values.len());
        for v in values.iter() {
            match v {
                Some(v) => out.append_option(f(v)?),
                None => out.append_null(),
            }
        }
        Ok(out.finish())
    }
}
