//! The types of a file, a list of which each names its parts by number, and Spark's types. Where ORC has no
//! such type, Spark keeps a number and the name of its own type beside it.

use vonk_common::limits::ORC_TYPE_DEPTH;
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_plan::types::{DataType, StructField, StructType};
use vonk_sql::{ParseOptions, parse_data_type};

use super::Orc;
use super::messages::{StringPair, Type};

/// Where Spark keeps its own type.
const SPARK_TYPE: &str = "spark.sql.catalyst.type";

/// The numbers of [`Type::kind`].
pub mod kind {
    pub const BOOLEAN: i32 = 0;
    pub const BYTE: i32 = 1;
    pub const SHORT: i32 = 2;
    pub const INT: i32 = 3;
    pub const LONG: i32 = 4;
    pub const FLOAT: i32 = 5;
    pub const DOUBLE: i32 = 6;
    pub const STRING: i32 = 7;
    pub const BINARY: i32 = 8;
    pub const TIMESTAMP: i32 = 9;
    pub const LIST: i32 = 10;
    pub const MAP: i32 = 11;
    pub const STRUCT: i32 = 12;
    pub const UNION: i32 = 13;
    pub const DECIMAL: i32 = 14;
    pub const DATE: i32 = 15;
    pub const VARCHAR: i32 = 16;
    pub const CHAR: i32 = 17;
    pub const TIMESTAMP_INSTANT: i32 = 18;
}

/// Refuses lists of types that are no tree, or that no reader can follow.
pub fn check(types: &[Type]) -> Orc<()> {
    let mut depths = vec![None; types.len()];
    if let Some(root) = depths.first_mut() {
        *root = Some(0);
    }
    for (number, t) in types.iter().enumerate() {
        let Some(Some(depth)) = depths.get(number).copied() else { return Err("a type belongs to no column".into()) };
        let parts = t.subtypes.len();
        let right = match t.kind.unwrap_or(-1) {
            kind::STRUCT => parts == t.field_names.len() && (parts > 0 || number == 0),
            kind::LIST => parts == 1,
            kind::MAP => parts == 2,
            kind::UNION => true,
            kind::DECIMAL => parts == 0 && (1..=38).contains(&t.precision()) && t.scale() <= t.precision(),
            k => (0..=kind::TIMESTAMP_INSTANT).contains(&k) && parts == 0,
        };
        if !right || depth > ORC_TYPE_DEPTH {
            return Err(format!("type {number} is not as types are"));
        }
        for part in &t.subtypes {
            // Parts come behind what they are parts of, and are parts of one thing.
            match depths.get_mut(*part as usize) {
                Some(below @ None) if *part as usize > number => *below = Some(depth + 1),
                _ => return Err(format!("type {number} has parts that are not its own")),
            }
        }
    }
    match types.first() {
        Some(root) if root.kind == Some(kind::STRUCT) => Ok(()),
        _ => Err("the rows are not structs".into()),
    }
}

/// The columns of a file, as Spark sees them.
pub fn schema(types: &[Type]) -> SparkResult<StructType> {
    match spark_type(types, 0)? {
        DataType::Struct(schema) => Ok(schema),
        _ => Ok(StructType::default()),
    }
}

fn spark_type(types: &[Type], number: usize) -> SparkResult<DataType> {
    let Some(t) = types.get(number) else { return Err(SparkError::internal("a type of an ORC file is missing")) };
    let part = |i: usize| spark_type(types, t.subtypes.get(i).map_or(usize::MAX, |n| *n as usize));
    let of_spark = t.attributes.iter().find(|a| a.key() == SPARK_TYPE).map(StringPair::value);
    Ok(match t.kind.unwrap_or(-1) {
        kind::BOOLEAN => DataType::Boolean,
        kind::BYTE => DataType::Byte,
        kind::SHORT => DataType::Short,
        kind::INT | kind::LONG => match (of_spark, t.kind) {
            (Some("timestamp_ntz"), Some(kind::LONG)) => DataType::TimestampNtz,
            (Some(name), _) if name.starts_with("interval") => {
                parse_data_type(name, &ParseOptions::new(&SessionConf::new()))?
            }
            (_, Some(kind::INT)) => DataType::Int,
            _ => DataType::Long,
        },
        kind::FLOAT => DataType::Float,
        kind::DOUBLE => DataType::Double,
        kind::STRING | kind::VARCHAR | kind::CHAR => DataType::STRING,
        kind::BINARY => DataType::Binary,
        kind::TIMESTAMP | kind::TIMESTAMP_INSTANT => DataType::Timestamp,
        kind::DATE => DataType::Date,
        kind::DECIMAL => DataType::Decimal(t.precision() as u8, t.scale() as i8),
        kind::LIST => DataType::array(part(0)?, true),
        kind::MAP => DataType::map(part(0)?, part(1)?, true),
        kind::STRUCT => {
            let fields = t.field_names.iter().enumerate();
            let fields = fields.map(|(i, name)| Ok(StructField::new(name, part(i)?, true)));
            DataType::Struct(StructType::new(fields.collect::<SparkResult<Vec<_>>>()?))
        }
        _ => return Err(SparkError::unsupported("ORC's union type")),
    })
}

/// The types of a file with these columns, in the order that they are numbered in.
/// Error: the type that ORC does not have.
pub fn orc_types(schema: &StructType) -> SparkResult<Vec<Type>> {
    let mut types = vec![];
    put(&DataType::Struct(schema.clone()), &mut types)?;
    Ok(types)
}

fn put(t: &DataType, types: &mut Vec<Type>) -> SparkResult<u32> {
    let number = types.len();
    let mut own = Type::default();
    types.push(Type::default());
    let mut named = None;
    own.kind = Some(match t {
        DataType::Boolean => kind::BOOLEAN,
        DataType::Byte => kind::BYTE,
        DataType::Short => kind::SHORT,
        DataType::Int => kind::INT,
        DataType::Long => kind::LONG,
        DataType::Float => kind::FLOAT,
        DataType::Double => kind::DOUBLE,
        DataType::Binary => kind::BINARY,
        DataType::Date => kind::DATE,
        DataType::String(_) | DataType::Char(_) | DataType::VarChar(_) => {
            named = Some("string".into());
            kind::STRING
        }
        DataType::Timestamp => {
            named = Some("timestamp".into());
            kind::TIMESTAMP
        }
        DataType::TimestampNtz => {
            named = Some("timestamp_ntz".into());
            kind::LONG
        }
        DataType::YearMonthInterval(..) => {
            named = Some(t.to_string());
            kind::INT
        }
        DataType::DayTimeInterval(..) => {
            named = Some(t.to_string());
            kind::LONG
        }
        DataType::Decimal(precision, scale) => {
            own.precision = Some(u32::from(*precision));
            own.scale = Some(u32::try_from(*scale).unwrap_or_default());
            kind::DECIMAL
        }
        DataType::Array(element, _) => {
            own.subtypes.push(put(element, types)?);
            kind::LIST
        }
        DataType::Map(key, value, _) => {
            own.subtypes.push(put(key, types)?);
            own.subtypes.push(put(value, types)?);
            kind::MAP
        }
        DataType::Struct(s) => {
            for field in s.fields.iter() {
                own.field_names.push(field.name.clone());
                own.subtypes.push(put(&field.data_type, types)?);
            }
            kind::STRUCT
        }
        DataType::Udt(u) => return put_again(&u.sql_type, number, types),
        other => return Err(SparkError::unsupported(format!("{} in ORC files", other.sql()))),
    });
    own.attributes.extend(named.map(|name| StringPair { key: Some(SPARK_TYPE.into()), value: Some(name) }));
    if let Some(place) = types.get_mut(number) {
        *place = own;
    }
    Ok(number as u32)
}

/// The type in the place that was kept for another.
fn put_again(t: &DataType, number: usize, types: &mut Vec<Type>) -> SparkResult<u32> {
    types.truncate(number);
    put(t, types)
}
