//! Arrays as a file has them into the types that a query asks for: parts of structs by name, numbers wider
//! or narrower, NULL where a value does not fit, and days of the Julian calendar as those of the Gregorian.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, ListArray, MapArray, StructArray, TimestampMicrosecondArray, make_array,
    new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType as Arrow, Date32Type, Field, Fields, TimestampMicrosecondType};
use vonk_expr::arrow_types::{ELEMENT, ENTRIES, KEY, UTC, VALUE, to_arrow};
use vonk_expr::cast::text::datetime::{MICROS_PER_DAY, days_from_civil};
use vonk_plan::types::DataType;

use super::Orc;

pub fn conform(array: &ArrayRef, to: &DataType, hybrid: bool) -> Orc<ArrayRef> {
    let text = |e: arrow::error::ArrowError| e.to_string();
    let target = to_arrow(to);
    Ok(match (array.data_type(), to) {
        (_, DataType::Udt(u)) => conform(array, &u.sql_type, hybrid)?,
        (Arrow::List(_), DataType::Array(element, _)) => {
            let list = array.as_list::<i32>();
            let values = conform(list.values(), element, hybrid)?;
            let field = Arc::new(Field::new(ELEMENT, values.data_type().clone(), true));
            Arc::new(ListArray::try_new(field, list.offsets().clone(), values, list.nulls().cloned()).map_err(text)?)
        }
        (Arrow::Map(..), DataType::Map(key, value, _)) => {
            let map = array.as_map();
            let keys = conform(map.keys(), key, hybrid)?;
            let values = conform(map.values(), value, hybrid)?;
            let fields = Fields::from(vec![
                Field::new(KEY, keys.data_type().clone(), false),
                Field::new(VALUE, values.data_type().clone(), true),
            ]);
            let entries = StructArray::try_new(fields.clone(), vec![keys, values], None).map_err(text)?;
            let field = Arc::new(Field::new(ENTRIES, Arrow::Struct(fields), false));
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            Arc::new(MapArray::try_new(field, offsets, entries, nulls, false).map_err(text)?)
        }
        (Arrow::Struct(from), DataType::Struct(fields)) => {
            let parts = array.as_struct();
            let of = |name: &str| {
                let alike = || from.iter().position(|f| f.name().to_lowercase() == name.to_lowercase());
                from.iter().position(|f| f.name() == name).or_else(alike)
            };
            let column = |f: &vonk_plan::types::StructField| match of(&f.name).and_then(|i| parts.columns().get(i)) {
                Some(part) => conform(part, &f.data_type, hybrid),
                None => Ok(new_null_array(&to_arrow(&f.data_type), parts.len())),
            };
            let columns = fields.fields.iter().map(column).collect::<Orc<Vec<_>>>()?;
            let Arrow::Struct(fields) = target else { return Err("a struct is none".into()) };
            let nulls = parts.nulls().cloned();
            Arc::new(StructArray::try_new_with_length(fields, columns, nulls, parts.len()).map_err(text)?)
        }
        (Arrow::Date32, DataType::Date) if hybrid => {
            let days = array.as_primitive::<Date32Type>();
            if days.values().iter().all(|d| i64::from(*d) >= GREGORIAN) {
                return Ok(Arc::clone(array));
            }
            Arc::new(days.unary::<_, Date32Type>(|d| gregorian(d.into()) as i32)) as Arc<Date32Array>
        }
        (Arrow::Timestamp(..), DataType::Timestamp | DataType::TimestampNtz) => {
            let instants = array.as_primitive::<TimestampMicrosecondType>();
            let old = |t: i64| t < GREGORIAN * MICROS_PER_DAY;
            let instants: TimestampMicrosecondArray = match hybrid && instants.values().iter().any(|t| old(*t)) {
                true => instants.unary(|t| {
                    let day = t.div_euclid(MICROS_PER_DAY);
                    t.wrapping_add((gregorian(day) - day).wrapping_mul(MICROS_PER_DAY))
                }),
                false => instants.clone(),
            };
            Arc::new(instants.with_timezone_opt((*to == DataType::Timestamp).then_some(UTC)))
        }
        // Spark's own types, of which the file has the numbers.
        (Arrow::Int64, DataType::TimestampNtz | DataType::DayTimeInterval(..))
        | (Arrow::Int32, DataType::YearMonthInterval(..)) => {
            make_array(array.to_data().into_builder().data_type(target).build().map_err(text)?)
        }
        (from, _) if *from == target => Arc::clone(array),
        (from, _) if converts(from, &target) => {
            cast_with_options(array, &target, &CastOptions { safe: true, ..Default::default() }).map_err(text)?
        }
        (from, _) => return Err(format!("{from} is not read as {to}")),
    })
}

/// Does ORC convert the one into the other?
fn converts(from: &Arrow, to: &Arrow) -> bool {
    let text = |t: &Arrow| *t == Arrow::Utf8;
    let number = |t: &Arrow| t.is_numeric();
    let exact = |t: &Arrow| t.is_integer() || matches!(t, Arrow::Decimal128(..));
    number(from) && number(to)
        || exact(from) && text(to)
        || text(from) && number(to)
        || matches!((from, to), (Arrow::Timestamp(..), Arrow::Date32))
}

/// 1582-10-15, the first day of the Gregorian calendar.
const GREGORIAN: i64 = -141_427;

/// The day that has the date which the Julian calendar had on a day before.
fn gregorian(day: i64) -> i64 {
    if day >= GREGORIAN {
        return day;
    }
    let c = day + 2_440_588 + 32_082;
    let d = (4 * c + 3).div_euclid(1461);
    let e = c - (1461 * d).div_euclid(4);
    let m = (5 * e + 2) / 153;
    let of_month = e - (153 * m + 2) / 5;
    let (year, month) = (d - 4800 + m / 10, m + 3 - 12 * (m / 10));
    days_from_civil(year, month as u32, 1).map_or(day, |first| first + of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn julian_days() {
        let day = |y, m, d| days_from_civil(y, m, d).unwrap();
        assert_eq!(gregorian(GREGORIAN - 1), day(1582, 10, 4));
        assert_eq!(gregorian(day(1500, 1, 10)), day(1500, 1, 1));
        assert_eq!(gregorian(day(1, 1, 1)), day(1, 1, 3));
        assert_eq!(gregorian(0), 0);
    }
}
