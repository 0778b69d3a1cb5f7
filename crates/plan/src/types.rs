//! Spark's data types.
//!
//! `Display` gives the SQL form in lower case as `simpleString` does (`array<int>`), [`DataType::sql`]
//! the upper-case form of error messages (`ARRAY<INT>`), [`json`] the JSON form of schemas.

use std::fmt;
use std::sync::Arc;

pub mod collation;
pub mod json;
pub mod limited;
pub mod metadata;

/// Fields of a day-time interval, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DayTimeField {
    Day = 0,
    Hour = 1,
    Minute = 2,
    Second = 3,
}

/// Fields of a year-month interval, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum YearMonthField {
    Year = 0,
    Month = 1,
}

/// Name of the default collation.
pub const UTF8_BINARY: &str = "UTF8_BINARY";

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DataType {
    /// `void`: the type of an untyped NULL.
    Null,
    Boolean,
    Byte,
    Short,
    Int,
    Long,
    Float,
    Double,
    Decimal(u8, i8),
    /// A string; `None` is the default collation UTF8_BINARY.
    String(Option<Arc<str>>),
    Char(u32),
    VarChar(u32),
    Binary,
    Date,
    /// Microseconds since the epoch, shown in the session's time zone.
    Timestamp,
    /// Microseconds of a wall clock without a zone.
    TimestampNtz,
    /// Nanoseconds since the epoch, as precise as 7 to 9 digits of a second tell.
    TimestampLtzNanos(u8),
    /// The same of a wall clock without a zone.
    TimestampNtzNanos(u8),
    /// Time of day; precision 0 to 9.
    Time(u8),
    CalendarInterval,
    YearMonthInterval(YearMonthField, YearMonthField),
    DayTimeInterval(DayTimeField, DayTimeField),
    Array(Box<DataType>, bool),
    Map(Box<DataType>, Box<DataType>, bool),
    Struct(StructType),
    Variant,
    Geometry(i32),
    Geography(i32),
    /// A user-defined type over `sql_type`, e.g. the vectors of `pyspark.ml`.
    Udt(Box<UserDefinedType>),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserDefinedType {
    pub jvm_class: Option<String>,
    pub python_class: Option<String>,
    pub serialized_python_class: Option<String>,
    pub sql_type: DataType,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct StructType {
    pub fields: Arc<[StructField]>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StructField {
    pub name: String,
    pub data_type: DataType,
    pub nullable: bool,
    /// Field metadata as a JSON object, `None` for the empty one. Holds `comment`, `ml_attr`, ….
    pub metadata: Option<Arc<str>>,
}

impl StructField {
    pub fn new(name: impl Into<String>, data_type: DataType, nullable: bool) -> Self {
        StructField { name: name.into(), data_type, nullable, metadata: None }
    }
}

impl StructType {
    pub fn new(fields: impl IntoIterator<Item = StructField>) -> Self {
        StructType { fields: fields.into_iter().collect() }
    }

    pub fn len(&self) -> usize {
        self.fields.len()
    }

    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The same fields with every level nullable.
    pub fn as_nullable(&self) -> StructType {
        StructType::new(self.fields.iter().map(|f| StructField {
            data_type: f.data_type.as_nullable(),
            nullable: true,
            ..f.clone()
        }))
    }
}

impl DataType {
    pub const STRING: DataType = DataType::String(None);
    /// The type of integer literals that need a decimal of ten digits, and so on: see `for_integral`.
    pub const SYSTEM_DEFAULT_DECIMAL: DataType = DataType::Decimal(38, 18);
    pub const USER_DEFAULT_DECIMAL: DataType = DataType::Decimal(10, 0);
    pub const DAY_TIME: DataType = DataType::DayTimeInterval(DayTimeField::Day, DayTimeField::Second);
    pub const YEAR_MONTH: DataType = DataType::YearMonthInterval(YearMonthField::Year, YearMonthField::Month);

    pub fn array(element: DataType, contains_null: bool) -> Self {
        DataType::Array(Box::new(element), contains_null)
    }

    pub fn map(key: DataType, value: DataType, value_contains_null: bool) -> Self {
        DataType::Map(Box::new(key), Box::new(value), value_contains_null)
    }

    pub fn structure(fields: impl IntoIterator<Item = StructField>) -> Self {
        DataType::Struct(StructType::new(fields))
    }

    pub fn is_integral(&self) -> bool {
        matches!(self, DataType::Byte | DataType::Short | DataType::Int | DataType::Long)
    }

    pub fn is_fractional(&self) -> bool {
        matches!(self, DataType::Float | DataType::Double | DataType::Decimal(..))
    }

    pub fn is_numeric(&self) -> bool {
        self.is_integral() || self.is_fractional()
    }

    /// STRING, CHAR(n) or VARCHAR(n), in any collation.
    pub fn is_string(&self) -> bool {
        matches!(self, DataType::String(_) | DataType::Char(_) | DataType::VarChar(_))
    }

    pub fn is_ansi_interval(&self) -> bool {
        matches!(self, DataType::YearMonthInterval(..) | DataType::DayTimeInterval(..))
    }

    pub fn is_datetime(&self) -> bool {
        matches!(self, DataType::Date | DataType::Timestamp | DataType::TimestampNtz)
    }

    /// A timestamp of nanoseconds: its digits of a second, and whether it is a wall clock without a zone.
    pub fn nanos(&self) -> Option<(u8, bool)> {
        match self {
            DataType::TimestampLtzNanos(p) => Some((*p, false)),
            DataType::TimestampNtzNanos(p) => Some((*p, true)),
            _ => None,
        }
    }

    pub fn is_nanos(&self) -> bool {
        self.nanos().is_some()
    }

    /// A date or a timestamp of any precision.
    pub fn is_moment(&self) -> bool {
        self.is_datetime() || self.is_nanos()
    }

    /// The type or one that it is made of is a timestamp of nanoseconds.
    pub fn has_nanos(&self) -> bool {
        match self {
            DataType::Array(e, _) => e.has_nanos(),
            DataType::Map(k, v, _) => k.has_nanos() || v.has_nanos(),
            DataType::Struct(s) => s.fields.iter().any(|f| f.data_type.has_nanos()),
            DataType::Udt(u) => u.sql_type.has_nanos(),
            other => other.is_nanos(),
        }
    }

    /// TIMESTAMP and TIMESTAMP_NTZ with so many digits of a second: 6, or 7 to 9.
    pub fn timestamp(precision: u8, ntz: bool) -> DataType {
        match (precision, ntz) {
            (7..=9, true) => DataType::TimestampNtzNanos(precision),
            (7..=9, false) => DataType::TimestampLtzNanos(precision),
            (_, true) => DataType::TimestampNtz,
            (_, false) => DataType::Timestamp,
        }
    }

    /// Values of the type can be put in order, and compared at all.
    pub fn is_orderable(&self) -> bool {
        match self {
            DataType::Map(..) | DataType::Variant | DataType::CalendarInterval => false,
            DataType::Geometry(_) | DataType::Geography(_) => false,
            DataType::Array(e, _) => e.is_orderable(),
            DataType::Struct(s) => s.fields.iter().all(|f| f.data_type.is_orderable()),
            DataType::Udt(u) => u.sql_type.is_orderable(),
            _ => true,
        }
    }

    /// No parts: not an array, map, struct, variant or user-defined type.
    pub fn is_atomic(&self) -> bool {
        !matches!(
            self,
            DataType::Array(..)
                | DataType::Map(..)
                | DataType::Struct(_)
                | DataType::Variant
                | DataType::Udt(_)
                | DataType::Null
        )
    }

    /// The type that values are stored as: a UDT's `sql_type`, else the type itself.
    pub fn storage(&self) -> &DataType {
        match self {
            DataType::Udt(u) => u.sql_type.storage(),
            other => other,
        }
    }

    /// The same type with every nested level nullable.
    pub fn as_nullable(&self) -> DataType {
        match self {
            DataType::Array(e, _) => DataType::array(e.as_nullable(), true),
            DataType::Map(k, v, _) => DataType::map(k.as_nullable(), v.as_nullable(), true),
            DataType::Struct(s) => DataType::Struct(s.as_nullable()),
            other => other.clone(),
        }
    }

    /// Equal when nullability at every nested level (and field metadata) is left out of account.
    pub fn same_type(&self, other: &DataType) -> bool {
        match (self, other) {
            (DataType::Array(a, _), DataType::Array(b, _)) => a.same_type(b),
            (DataType::Map(ak, av, _), DataType::Map(bk, bv, _)) => ak.same_type(bk) && av.same_type(bv),
            (DataType::Struct(a), DataType::Struct(b)) => {
                a.len() == b.len()
                    && a.fields
                        .iter()
                        .zip(b.fields.iter())
                        .all(|(x, y)| x.name == y.name && x.data_type.same_type(&y.data_type))
            }
            (a, b) => a == b,
        }
    }

    /// Equal when nullability and the names of fields are left out of account: what can be compared.
    pub fn same_shape(&self, other: &DataType) -> bool {
        match (self, other) {
            (DataType::Array(a, _), DataType::Array(b, _)) => a.same_shape(b),
            (DataType::Map(ak, av, _), DataType::Map(bk, bv, _)) => ak.same_shape(bk) && av.same_shape(bv),
            (DataType::Struct(a), DataType::Struct(b)) => {
                a.len() == b.len()
                    && a.fields.iter().zip(b.fields.iter()).all(|(x, y)| x.data_type.same_shape(&y.data_type))
            }
            (a, b) => a == b,
        }
    }

    /// This type with room for the NULLs of another one of the same shape.
    pub fn with_nulls_of(&self, other: &DataType) -> DataType {
        match (self, other) {
            (DataType::Array(a, n), DataType::Array(b, m)) => DataType::array(a.with_nulls_of(b), *n || *m),
            (DataType::Map(ak, av, n), DataType::Map(bk, bv, m)) => {
                DataType::map(ak.with_nulls_of(bk), av.with_nulls_of(bv), *n || *m)
            }
            (DataType::Struct(a), DataType::Struct(b)) => {
                DataType::structure(a.fields.iter().zip(b.fields.iter()).map(|(x, y)| {
                    StructField::new(&x.name, x.data_type.with_nulls_of(&y.data_type), x.nullable || y.nullable)
                }))
            }
            (a, _) => a.clone(),
        }
    }

    /// The name of Spark's class, as some older messages have it: `IntegerType`; types with parameters by their SQL form.
    pub fn class_name(&self) -> String {
        let name = match self {
            DataType::Null => "NullType",
            DataType::Boolean => "BooleanType",
            DataType::Byte => "ByteType",
            DataType::Short => "ShortType",
            DataType::Int => "IntegerType",
            DataType::Long => "LongType",
            DataType::Float => "FloatType",
            DataType::Double => "DoubleType",
            DataType::Binary => "BinaryType",
            DataType::Date => "DateType",
            DataType::Timestamp => "TimestampType",
            DataType::TimestampNtz => "TimestampNTZType",
            DataType::YearMonthInterval(a, b) => return format!("YearMonthIntervalType({},{})", *a as u8, *b as u8),
            DataType::DayTimeInterval(a, b) => return format!("DayTimeIntervalType({},{})", *a as u8, *b as u8),
            t if t.is_string() => "StringType",
            other => return other.sql(),
        };
        name.to_string()
    }

    /// Upper-case SQL form, as error messages quote it: `ARRAY<INT>`, `DECIMAL(10,2)`.
    pub fn sql(&self) -> String {
        match self {
            DataType::Array(e, _) => format!("ARRAY<{}>", e.sql()),
            DataType::Map(k, v, _) => format!("MAP<{}, {}>", k.sql(), v.sql()),
            DataType::Struct(s) => {
                let fields: Vec<_> = s
                    .fields
                    .iter()
                    .map(|f| {
                        let null = if f.nullable { "" } else { " NOT NULL" };
                        format!("{}: {}{null}", quote_if_needed(&f.name), f.data_type.sql())
                    })
                    .collect();
                format!("STRUCT<{}>", fields.join(", "))
            }
            DataType::Udt(u) => u.sql_type.sql(),
            DataType::String(Some(c)) => format!("STRING COLLATE {}", c.to_uppercase()),
            DataType::Null => "VOID".into(),
            other => other.to_string().to_uppercase(),
        }
    }
}

/// The name in back quotes unless it is a plain identifier.
pub fn quote_if_needed(name: &str) -> String {
    let plain = !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.chars().all(|c| c.is_ascii_digit());
    if plain { name.to_string() } else { format!("`{}`", name.replace('`', "``")) }
}

impl fmt::Display for DayTimeField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DayTimeField::Day => "day",
            DayTimeField::Hour => "hour",
            DayTimeField::Minute => "minute",
            DayTimeField::Second => "second",
        })
    }
}

impl fmt::Display for YearMonthField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            YearMonthField::Year => "year",
            YearMonthField::Month => "month",
        })
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataType::Null => f.write_str("void"),
            DataType::Boolean => f.write_str("boolean"),
            DataType::Byte => f.write_str("tinyint"),
            DataType::Short => f.write_str("smallint"),
            DataType::Int => f.write_str("int"),
            DataType::Long => f.write_str("bigint"),
            DataType::Float => f.write_str("float"),
            DataType::Double => f.write_str("double"),
            DataType::Decimal(p, s) => write!(f, "decimal({p},{s})"),
            DataType::String(None) => f.write_str("string"),
            DataType::String(Some(c)) => write!(f, "string collate {c}"),
            DataType::Char(n) => write!(f, "char({n})"),
            DataType::VarChar(n) => write!(f, "varchar({n})"),
            DataType::Binary => f.write_str("binary"),
            DataType::Date => f.write_str("date"),
            DataType::Timestamp => f.write_str("timestamp"),
            DataType::TimestampNtz => f.write_str("timestamp_ntz"),
            DataType::TimestampLtzNanos(p) => write!(f, "timestamp_ltz({p})"),
            DataType::TimestampNtzNanos(p) => write!(f, "timestamp_ntz({p})"),
            DataType::Time(p) => write!(f, "time({p})"),
            DataType::CalendarInterval => f.write_str("interval"),
            DataType::YearMonthInterval(a, b) if a == b => write!(f, "interval {a}"),
            DataType::YearMonthInterval(a, b) => write!(f, "interval {a} to {b}"),
            DataType::DayTimeInterval(a, b) if a == b => write!(f, "interval {a}"),
            DataType::DayTimeInterval(a, b) => write!(f, "interval {a} to {b}"),
            DataType::Array(e, _) => write!(f, "array<{e}>"),
            DataType::Map(k, v, _) => write!(f, "map<{k},{v}>"),
            DataType::Struct(s) => {
                f.write_str("struct<")?;
                for (i, field) in s.fields.iter().enumerate() {
                    let comma = if i > 0 { "," } else { "" };
                    write!(f, "{comma}{}:{}", field.name, field.data_type)?;
                }
                f.write_str(">")
            }
            DataType::Variant => f.write_str("variant"),
            DataType::Geometry(srid) => write!(f, "geometry({srid})"),
            DataType::Geography(srid) => write!(f, "geography({srid})"),
            DataType::Udt(u) => match u.jvm_class.as_deref() {
                Some("org.apache.spark.ml.linalg.VectorUDT") => f.write_str("vector"),
                Some("org.apache.spark.ml.linalg.MatrixUDT") => f.write_str("matrix"),
                _ => write!(f, "{}", u.sql_type),
            },
        }
    }
}
