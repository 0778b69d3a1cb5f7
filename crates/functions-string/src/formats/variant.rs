//! Variants out of JSON values and CSV fields.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryBuilder, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType as Arrow;
use datafusion::common::{DataFusionError, Result};
use vonk_common::{SessionConf, SparkResult};
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::cast::variant::build::write_scalar;
use vonk_expr::cast::variant::{Builder, Value, parse};
use vonk_plan::relation::Options;
use vonk_plan::types::DataType;

use super::convert::{self, Converter, Notation};
use super::csv::is_plain_date;
use super::json_text::Json;
use super::options::{flag, text};

/// Value and dictionary of a variant.
pub type Written = (Vec<u8>, Vec<u8>);

/// A column of variants.
pub fn array(rows: impl Iterator<Item = Option<Written>>) -> Result<ArrayRef> {
    let (mut values, mut names, mut valid) = (BinaryBuilder::new(), BinaryBuilder::new(), vec![]);
    for written in rows {
        valid.push(written.is_some());
        let (value, dictionary) = written.unzip();
        values.append_option(value);
        names.append_option(dictionary);
    }
    let Arrow::Struct(fields) = to_arrow(&DataType::Variant) else {
        return Err(DataFusionError::Internal("variants are structs".into()));
    };
    let columns: Vec<ArrayRef> = vec![Arc::new(values.finish()), Arc::new(names.finish())];
    Ok(Arc::new(StructArray::try_new(fields, columns, Some(NullBuffer::from(valid)))?))
}

/// The variant of a JSON value; none if a name comes twice in an object.
pub fn of_json(json: &Json<'_>) -> Option<Written> {
    let mut builder = Builder::default();
    let mut value = vec![];
    write_json(json, &mut builder, &mut value)?;
    Some((value, builder.metadata()))
}

fn write_json(json: &Json<'_>, builder: &mut Builder, out: &mut Vec<u8>) -> Option<()> {
    match json {
        Json::Null => write_scalar(out, &Value::Null),
        Json::Boolean(b) => write_scalar(out, &Value::Boolean(*b)),
        Json::Number(n) => write_scalar(out, &parse::number(n).or_else(|| convert::double(n).map(Value::Double))?),
        Json::String(s) => write_scalar(out, &Value::String(s)),
        Json::Array(items) => {
            let mut written = Vec::with_capacity(items.len());
            for item in items {
                let mut value = vec![];
                write_json(item, builder, &mut value)?;
                written.push(value);
            }
            Builder::array(out, &written);
        }
        Json::Object(fields) => {
            let mut names: Vec<&str> = fields.iter().map(|(n, _)| n.as_ref()).collect();
            names.sort_unstable();
            if names.windows(2).any(|pair| pair.first() == pair.last()) {
                return None;
            }
            let mut written = Vec::with_capacity(fields.len());
            for (name, field) in fields {
                builder.id(name);
                let mut value = vec![];
                write_json(field, builder, &mut value)?;
                written.push((name.to_string(), value));
            }
            builder.object(out, written);
        }
    }
    Some(())
}

/// Reads the fields of CSV as variants: as numbers as long as they are numbers, then as dates and so on to strings. A
/// column never goes back, as in Spark (`UnivocityParser.VariantValueConverter`).
pub struct Fields {
    notation: Notation,
    date: Option<Converter>,
    strict_dates: bool,
    ntz: Converter,
    timestamp: Converter,
    null: String,
}

/// What the fields of one column have been read as so far, in the order in which it is tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    #[default]
    Long,
    Decimal,
    Date,
    TimestampNtz,
    Timestamp,
    Boolean,
    String,
}

impl Fields {
    pub fn new(options: &Options, conf: &SessionConf) -> SparkResult<Self> {
        let prefer_date = flag(options, "preferdate", true)?;
        Ok(Fields {
            notation: Notation::of(options),
            date: if prefer_date { Some(Converter::new(&DataType::Date, options, conf)?) } else { None },
            strict_dates: text(options, "dateformat").is_none(),
            ntz: Converter::new(&DataType::TimestampNtz, options, conf)?,
            timestamp: Converter::new(&DataType::Timestamp, options, conf)?,
            null: text(options, "nullvalue").unwrap_or_default().to_string(),
        })
    }

    /// The variants of a column of fields; a field that is not there has none.
    pub fn column<'t>(&self, fields: impl Iterator<Item = Option<&'t str>>) -> Result<ArrayRef> {
        let mut kind = Kind::default();
        let written: Result<Vec<_>> = fields
            .map(|field| {
                let mut value = vec![];
                self.write(field, &mut kind, &mut value)?;
                Ok(Some((value, Builder::default().metadata())))
            })
            .collect();
        array(written?.into_iter())
    }

    /// The object of a record: its fields under these names, or `_c0`, `_c1` and so on.
    pub fn record<'t>(
        &self,
        fields: impl Iterator<Item = Option<&'t str>>,
        names: Option<&[String]>,
        kinds: &mut Vec<Kind>,
    ) -> Result<Written> {
        let mut builder = Builder::default();
        let mut out = vec![];
        for (i, field) in fields.enumerate() {
            let name = match names {
                Some(names) => names.get(i).cloned(),
                None => Some(format!("_c{i}")),
            };
            let Some(name) = name else { break };
            if kinds.len() <= i {
                kinds.push(Kind::default());
            }
            let mut value = vec![];
            if let Some(kind) = kinds.get_mut(i) {
                self.write(field, kind, &mut value)?;
            }
            builder.id(&name);
            out.push((name, value));
        }
        let mut value = vec![];
        builder.object(&mut value, out);
        Ok((value, builder.metadata()))
    }

    fn write(&self, field: Option<&str>, kind: &mut Kind, out: &mut Vec<u8>) -> Result<()> {
        let Some(field) = field.filter(|f| *f != self.null) else {
            write_scalar(out, &Value::Null);
            return Ok(());
        };
        let (found, value) = self.read(field, *kind)?;
        *kind = found;
        write_scalar(out, &value);
        Ok(())
    }

    fn read<'t>(&self, field: &'t str, from: Kind) -> Result<(Kind, Value<'t>)> {
        if from <= Kind::Long
            && let Some(v) = convert::integer::<i64>(field)
        {
            return Ok((Kind::Long, Value::Long(v)));
        }
        if from <= Kind::Decimal
            && let Some(d) = self.notation.inferred(field)
            && let scale = d.scale.max(0)
            && let (Some(v), Ok(scale)) =
                (i8::try_from(scale).ok().and_then(|s| d.rescaled(38, s)), u8::try_from(scale))
        {
            return Ok((Kind::Decimal, Value::Decimal(v, scale)));
        }
        if let Some(date) = self.date.as_ref().filter(|_| from <= Kind::Date)
            && (!self.strict_dates || is_plain_date(field))
            && let Some(v) = date.one(field)?
        {
            return Ok((Kind::Date, Value::Date(i32::try_from(v).unwrap_or_default())));
        }
        if from <= Kind::TimestampNtz
            && let Some(v) = self.ntz.one(field)?
        {
            return Ok((Kind::TimestampNtz, Value::TimestampNtz(v)));
        }
        if from <= Kind::Timestamp
            && let Some(v) = self.timestamp.one(field)?
        {
            return Ok((Kind::Timestamp, Value::Timestamp(v)));
        }
        if from <= Kind::Boolean
            && let Some(v) = convert::boolean(field)
        {
            return Ok((Kind::Boolean, Value::Boolean(v)));
        }
        Ok((Kind::String, Value::String(field)))
    }
}
