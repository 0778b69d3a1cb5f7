//! Rows as CSV, JSON or plain text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType as Arrow, Date32Type, Int32Type, IntervalYearMonthType, TimeUnit, TimestampMicrosecondType,
    TimestampNanosecondType,
};
use datafusion::common::{DataFusionError, Result};
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::cast::text::datetime::{MICROS_PER_DAY, write_date};
use vonk_expr::cast::text::{Style, format_array, format_with};
use vonk_expr::cast::variant::Variants;
use vonk_expr::cast::variant::json::to_json;
use vonk_expr::cast::zone::Zone;
use vonk_expr::{exec_err, nanos};
use vonk_plan::relation::Options;
use vonk_plan::types::{DataType, StructType};

use vonk_functions_datetime::pattern::print::Moment;
use vonk_functions_datetime::pattern::{self, Purpose};

use super::json_text::{Liberties, Reader, write_string};
use super::options::{character, flag, text, unescape};

/// What rows become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Csv,
    Json,
    /// The first column as it is.
    Plain,
}

/// How rows become text.
pub struct TextFormat {
    format: Kind,
    schema: StructType,
    /// Its name: a `Zone` caches and cannot be shared.
    zone: String,
    separator: String,
    quote: char,
    escape: char,
    quote_all: bool,
    escape_quotes: bool,
    trim_start: bool,
    trim_end: bool,
    null: String,
    empty: String,
    line: String,
    pub header: bool,
    ignore_nulls: bool,
    sort_keys: bool,
    pretty: Option<Liberties>,
    timestamp: Option<Pattern>,
    date: Option<Pattern>,
    timestamp_ntz: Option<Pattern>,
}

/// A pattern of dates or timestamps.
struct Pattern {
    pattern: pattern::Pattern,
    of: DataType,
    zone: String,
}

impl Pattern {
    fn new(text: &str, of: DataType, options: &Options, conf: &SessionConf) -> SparkResult<Self> {
        let zone = super::options::text(options, "timezone").unwrap_or(conf.time_zone()).to_string();
        Ok(Pattern { pattern: pattern::Pattern::new(text, Purpose::Print)?, of, zone })
    }

    fn apply(&self, column: &ArrayRef) -> Result<StringArray> {
        let zone = Zone::named(&self.zone).map_err(exec_err)?;
        // Microseconds and the nanoseconds below them.
        let moments: Vec<Option<(i64, i64)>> = match column.data_type() {
            Arrow::Date32 => {
                let days = column.as_primitive::<Date32Type>();
                days.iter().map(|d| d.map(|d| (i64::from(d) * MICROS_PER_DAY, 0))).collect()
            }
            Arrow::Timestamp(TimeUnit::Nanosecond, _) => {
                column.as_primitive::<TimestampNanosecondType>().iter().map(|n| n.map(nanos::split)).collect()
            }
            _ => column.as_primitive::<TimestampMicrosecondType>().iter().map(|m| m.map(|m| (m, 0))).collect(),
        };
        let one = |(micros, nanos): (i64, i64)| {
            let moment = match self.of {
                DataType::Timestamp => micros,
                _ => zone.micros_to_utc(micros).unwrap_or(micros),
            };
            let offset = zone.offset_at(moment.div_euclid(1_000_000));
            let local =
                if self.of == DataType::Timestamp { zone.micros_to_local(moment).unwrap_or(moment) } else { micros };
            let mut out = String::new();
            let written = self.pattern.write(&Moment { local, nanos, offset, zone: &self.zone }, &mut out);
            written.map(|()| out).map_err(|m| exec_err(SparkError::internal(m)))
        };
        moments.into_iter().map(|m| m.map(one).transpose()).collect()
    }
}

impl TextFormat {
    pub fn new(format: Kind, schema: StructType, options: &Options, conf: &SessionConf) -> SparkResult<Self> {
        let named = |key: &str, default: &str| text(options, key).unwrap_or(default).to_string();
        let separator = text(options, "sep").or_else(|| text(options, "delimiter")).unwrap_or(",");
        let pattern =
            |key: &str, of: DataType| text(options, key).map(|p| Pattern::new(p, of, options, conf)).transpose();
        let ignore_nulls = match text(options, "ignorenullfields") {
            Some(_) => flag(options, "ignorenullfields", true)?,
            None => conf.bool("spark.sql.jsonGenerator.ignoreNullFields"),
        };
        Ok(TextFormat {
            format,
            schema,
            zone: text(options, "timezone").unwrap_or(conf.time_zone()).to_string(),
            separator: unescape(separator),
            quote: character(options, "quote", Some('"'))?.unwrap_or('\0'),
            escape: character(options, "escape", Some('\\'))?.unwrap_or('\0'),
            quote_all: flag(options, "quoteall", false)?,
            escape_quotes: flag(options, "escapequotes", true)?,
            trim_start: flag(options, "ignoreleadingwhitespace", true)?,
            trim_end: flag(options, "ignoretrailingwhitespace", true)?,
            null: named("nullvalue", ""),
            empty: named("emptyvalue", "\"\""),
            line: text(options, "linesep").map_or_else(|| "\n".into(), unescape),
            header: format == Kind::Csv && flag(options, "header", false)?,
            ignore_nulls,
            sort_keys: flag(options, "sortkeys", false)?,
            pretty: if flag(options, "pretty", false)? { Some(Liberties::new(options)?) } else { None },
            timestamp: pattern("timestampformat", DataType::Timestamp)?,
            date: pattern("dateformat", DataType::Date)?,
            timestamp_ntz: pattern("timestampntzformat", DataType::TimestampNtz)?,
        })
    }

    fn zone(&self) -> Result<Zone> {
        Zone::named(&self.zone).map_err(exec_err)
    }

    /// The line with the column names.
    pub fn write_header(&self, out: &mut String) {
        for (i, field) in self.schema.fields.iter().enumerate() {
            if i > 0 {
                out.push_str(&self.separator);
            }
            self.csv_value(Some(&field.name), out);
        }
        out.push_str(&self.line);
    }

    pub fn write_batch(&self, batch: &RecordBatch, out: &mut String) -> Result<()> {
        match self.format {
            Kind::Json => self.json(batch, out),
            Kind::Plain => {
                let column = batch.columns().first().and_then(|c| c.as_string_opt::<i32>());
                for value in column.into_iter().flatten() {
                    out.push_str(value.unwrap_or_default());
                    out.push_str(&self.line);
                }
                Ok(())
            }
            _ => self.csv(batch, out),
        }
    }

    /// One JSON text per row of a column; NULL rows give none.
    pub fn json_values(&self, column: &ArrayRef, of: &DataType) -> Result<Vec<Option<String>>> {
        let node = self.node(column, of)?;
        let one = |row: usize| {
            (!column.is_null(row)).then(|| {
                let mut out = String::new();
                self.value(&node, row, &mut out);
                self.laid_out(out)
            })
        };
        Ok((0..column.len()).map(one).collect())
    }

    /// One CSV line, without its end, per row.
    pub fn csv_lines(&self, batch: &RecordBatch) -> Result<Vec<String>> {
        let columns = self.csv_columns(batch)?;
        let one = |row: usize| {
            let mut out = String::new();
            self.csv_row(&columns, row, &mut out);
            out
        };
        Ok((0..batch.num_rows()).map(one).collect())
    }

    fn csv_columns(&self, batch: &RecordBatch) -> Result<Vec<StringArray>> {
        let columns = batch.columns().iter().zip(self.schema.fields.iter());
        columns.map(|(c, f)| self.plain(c, &f.data_type)).collect()
    }

    fn csv_row(&self, columns: &[StringArray], row: usize, out: &mut String) {
        for (i, column) in columns.iter().enumerate() {
            if i > 0 {
                out.push_str(&self.separator);
            }
            self.csv_value(column.is_valid(row).then(|| column.value(row)), out);
        }
    }

    fn csv(&self, batch: &RecordBatch, out: &mut String) -> Result<()> {
        let columns = self.csv_columns(batch)?;
        for row in 0..batch.num_rows() {
            let start = out.len();
            self.csv_row(&columns, row, out);
            // Of nothing there is no line.
            if out.len() > start {
                out.push_str(&self.line);
            }
        }
        Ok(())
    }

    fn csv_value(&self, value: Option<&str>, out: &mut String) {
        let value = match value {
            None if self.quote_all && self.null.is_empty() => {
                out.extend([self.quote, self.quote]);
                return;
            }
            None => self.null.as_str(),
            Some(v) => {
                let blank = |c: char| c <= ' ';
                let v = if self.trim_start { v.trim_start_matches(blank) } else { v };
                let v = if self.trim_end { v.trim_end_matches(blank) } else { v };
                if v.is_empty() {
                    out.push_str(&self.empty);
                    return;
                }
                v
            }
        };
        let has_quote = value.contains(self.quote) && self.quote != '\0';
        let special = value.contains(&self.separator) || value.contains(['\n', '\r']);
        if !(self.quote_all || special || has_quote && self.escape_quotes) {
            out.push_str(value);
            return;
        }
        out.push(self.quote);
        for c in value.chars() {
            if c == self.quote || (c == self.escape && self.escape != '\0') {
                out.push(self.escape);
            }
            out.push(c);
        }
        out.push(self.quote);
    }

    /// The column as text the way CSV and JSON files hold it.
    pub fn plain(&self, column: &ArrayRef, of: &DataType) -> Result<StringArray> {
        let pattern = match of {
            DataType::TimestampLtzNanos(_) => &self.timestamp,
            DataType::TimestampNtzNanos(_) => &self.timestamp_ntz,
            _ => &None,
        };
        match (pattern, of.is_nanos()) {
            (Some(pattern), true) => return pattern.apply(column),
            (None, true) => return self.plain(&nanos::micros(column), &nanos::base(of)),
            _ => {}
        }
        match (of, &self.timestamp, &self.date, &self.timestamp_ntz) {
            (DataType::Timestamp, Some(pattern), _, _)
            | (DataType::Date, _, Some(pattern), _)
            | (DataType::TimestampNtz, _, _, Some(pattern)) => pattern.apply(column),
            (DataType::Timestamp | DataType::TimestampNtz, ..) => {
                let zone = self.zone()?;
                let zone = (*of == DataType::Timestamp).then_some(&zone);
                let micros = column.as_primitive::<TimestampMicrosecondType>();
                Ok(micros.iter().map(|m| m.map(|m| iso(m, zone))).collect())
            }
            (DataType::String(_) | DataType::Char(_) | DataType::VarChar(_), ..) => {
                let strings = column.as_string_opt::<i32>().cloned();
                strings.ok_or_else(|| DataFusionError::Internal("a string column of another type".into()))
            }
            _ => {
                let style = if self.format == Kind::Csv { Style::csv() } else { Style::legacy_cast() };
                self.styled(column, of, style)
            }
        }
    }

    /// The values as text in a style of their own.
    pub fn styled(&self, column: &ArrayRef, of: &DataType, style: Style) -> Result<StringArray> {
        format_with(column, of, style, &self.zone()?)
    }

    /// Keys of JSON objects, as Java prints what Spark stores: moments as numbers, lists and rows as `[1,2]`.
    fn keys(&self, keys: &ArrayRef, of: &DataType) -> Result<StringArray> {
        let bad = || DataFusionError::Internal(format!("keys of {of} hold {}", keys.data_type()));
        let joined = |columns: &[StringArray], cells: &mut dyn Iterator<Item = (usize, usize)>| {
            let text = |(c, i): (usize, usize)| columns.get(c).filter(|c| c.is_valid(i)).map_or("null", |c| c.value(i));
            format!("[{}]", cells.map(text).collect::<Vec<_>>().join(","))
        };
        Ok(match of {
            DataType::Array(element, _) => {
                let list = keys.as_list_opt::<i32>().ok_or_else(bad)?;
                let items = [self.keys(list.values(), element)?];
                let row = |i| joined(&items, &mut range(list.value_offsets(), i).map(|at| (0, at)));
                (0..list.len()).map(|i| list.is_valid(i).then(|| row(i))).collect()
            }
            DataType::Struct(s) => {
                let parts = keys.as_struct_opt().ok_or_else(bad)?;
                let columns = s.fields.iter().zip(parts.columns()).map(|(f, c)| self.keys(c, &f.data_type));
                let columns: Vec<_> = columns.collect::<Result<_>>()?;
                let row = |i| joined(&columns, &mut (0..columns.len()).map(|c| (c, i)));
                (0..parts.len()).map(|i| parts.is_valid(i).then(|| row(i))).collect()
            }
            DataType::TimestampLtzNanos(_) | DataType::TimestampNtzNanos(_) => {
                keys.as_primitive::<TimestampNanosecondType>().iter().map(|n| n.map(nanos::java_text)).collect()
            }
            _ => format_array(&as_stored(keys, of)?, &stored_type(of), &self.zone()?)?,
        })
    }

    fn json(&self, batch: &RecordBatch, out: &mut String) -> Result<()> {
        let columns = batch.columns().iter().zip(self.schema.fields.iter());
        let columns = columns.map(|(c, f)| Ok((f.name.as_str(), self.node(c, &f.data_type)?)));
        let columns: Vec<(&str, Node)> = columns.collect::<Result<_>>()?;
        for row in 0..batch.num_rows() {
            match self.pretty {
                Some(_) => {
                    let mut text = String::new();
                    self.object(&columns, row, &mut text);
                    out.push_str(&self.laid_out(text));
                }
                None => self.object(&columns, row, out),
            }
            out.push_str(&self.line);
        }
        Ok(())
    }

    /// The JSON text, over several lines where that is asked for.
    fn laid_out(&self, text: String) -> String {
        let Some(allow) = self.pretty else { return text };
        let mut out = String::new();
        if let Some(Ok(value)) = Reader::new(&text, allow).next_value() {
            value.write_pretty(0, &mut out);
        }
        out
    }

    fn object(&self, fields: &[(&str, Node)], row: usize, out: &mut String) {
        out.push('{');
        let mut first = true;
        for (name, node) in fields {
            if self.ignore_nulls && node.is_null(row) {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(',');
            }
            write_string(name, out);
            out.push(':');
            self.value(node, row, out);
        }
        out.push('}');
    }

    fn value(&self, node: &Node, row: usize, out: &mut String) {
        if node.is_null(row) {
            out.push_str("null");
            return;
        }
        match node {
            Node::Bare(text) => match text.value(row) {
                // Numbers that JSON has no form for.
                special @ ("NaN" | "Infinity" | "-Infinity") => write_string(special, out),
                number => out.push_str(number),
            },
            Node::Quoted(text) => write_string(text.value(row), out),
            Node::Struct(fields, _) => {
                let fields: Vec<_> = fields.iter().map(|(n, f)| (n.as_str(), f.clone())).collect();
                self.object(&fields, row, out);
            }
            Node::List(list, items) => {
                let list = list.as_list::<i32>();
                let offsets = list.value_offsets();
                out.push('[');
                for (i, item) in range(offsets, row).enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    self.value(items, item, out);
                }
                out.push(']');
            }
            Node::Map(map, keys, values) => {
                let map = map.as_map();
                out.push('{');
                for (i, entry) in range(map.value_offsets(), row).enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    write_string(if keys.is_valid(entry) { keys.value(entry) } else { "null" }, out);
                    out.push(':');
                    self.value(values, entry, out);
                }
                out.push('}');
            }
        }
    }

    fn node(&self, column: &ArrayRef, of: &DataType) -> Result<Node> {
        let bad = || DataFusionError::Internal(format!("a column of {of} holds {}", column.data_type()));
        Ok(match of {
            DataType::Struct(s) => {
                let parts = column.as_struct_opt().ok_or_else(bad)?;
                let fields = s.fields.iter().zip(parts.columns());
                let fields = fields.map(|(f, c)| Ok((f.name.clone(), self.node(c, &f.data_type)?)));
                let mut fields: Vec<(String, Node)> = fields.collect::<Result<_>>()?;
                if self.sort_keys {
                    fields.sort_by(|a, b| a.0.cmp(&b.0));
                }
                Node::Struct(std::sync::Arc::new(fields), column.clone())
            }
            DataType::Array(element, _) => {
                let list = column.as_list_opt::<i32>().ok_or_else(bad)?;
                Node::List(column.clone(), Arc::new(self.node(list.values(), element)?))
            }
            DataType::Map(key, value, _) => {
                let map = column.as_map_opt().ok_or_else(bad)?;
                let keys = self.keys(map.keys(), key)?;
                Node::Map(column.clone(), keys, Arc::new(self.node(map.values(), value)?))
            }
            DataType::Udt(u) => self.node(column, &u.sql_type)?,
            DataType::Variant => {
                let (variants, zone) = (Variants::new(column)?, self.zone()?);
                let text = (0..variants.len()).map(|i| variants.get(i).map(|v| to_json(&v, &zone)));
                Node::Bare(text.collect())
            }
            DataType::Binary => {
                let bytes = column.as_binary_opt::<i32>().ok_or_else(bad)?;
                Node::Quoted(bytes.iter().map(|b| b.map(base64)).collect())
            }
            t if t.is_numeric() || *t == DataType::Boolean => {
                Node::Bare(format_with(column, of, Style::legacy_cast(), &self.zone()?)?)
            }
            _ => Node::Quoted(self.plain(column, of)?),
        })
    }
}

/// A column on its way to JSON.
#[derive(Clone)]
enum Node {
    Bare(StringArray),
    Quoted(StringArray),
    Struct(std::sync::Arc<Vec<(String, Node)>>, ArrayRef),
    List(ArrayRef, Arc<Node>),
    Map(ArrayRef, StringArray, Arc<Node>),
}

/// Moments and intervals as Spark stores them: days, months, microseconds.
fn stored_type(key: &DataType) -> DataType {
    match key {
        DataType::Date | DataType::YearMonthInterval(..) => DataType::Int,
        DataType::Timestamp | DataType::TimestampNtz | DataType::DayTimeInterval(..) | DataType::Time(_) => {
            DataType::Long
        }
        other => other.clone(),
    }
}

pub fn as_stored(keys: &ArrayRef, key: &DataType) -> Result<ArrayRef> {
    Ok(match stored_type(key) {
        to if to == *key => Arc::clone(keys),
        DataType::Int if matches!(key, DataType::YearMonthInterval(..)) => {
            Arc::new(keys.as_primitive::<IntervalYearMonthType>().reinterpret_cast::<Int32Type>())
        }
        to => cast(keys, &to_arrow(&to))?,
    })
}

impl Node {
    fn is_null(&self, row: usize) -> bool {
        match self {
            Node::Bare(a) | Node::Quoted(a) => a.is_null(row),
            Node::Struct(_, a) | Node::List(a, _) | Node::Map(a, ..) => a.is_null(row),
        }
    }
}

fn range(offsets: &[i32], row: usize) -> std::ops::Range<usize> {
    let at = |i: usize| offsets.get(i).and_then(|o| usize::try_from(*o).ok()).unwrap_or(0);
    at(row)..at(row + 1)
}

/// `2020-01-01T10:00:00.123Z`, without a zone for a wall clock.
fn iso(micros: i64, zone: Option<&Zone>) -> String {
    let offset = zone.map_or(0, |z| z.offset_at(micros.div_euclid(1_000_000)));
    let local = micros.saturating_add(i64::from(offset) * 1_000_000);
    let (day, time) = (local.div_euclid(86_400_000_000), local.rem_euclid(86_400_000_000));
    let seconds = time / 1_000_000;
    let (h, m, s, ms) = (seconds / 3600, seconds / 60 % 60, seconds % 60, time / 1000 % 1000);
    let mut out = String::with_capacity(32);
    write_date(&mut out, day);
    out.push_str(&format!("T{h:02}:{m:02}:{s:02}.{ms:03}"));
    match zone {
        Some(_) if offset == 0 => out.push('Z'),
        Some(_) => {
            let sign = if offset < 0 { '-' } else { '+' };
            let (minutes, seconds) = (offset.abs() / 60, offset.abs() % 60);
            out.push_str(&format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60));
            // Local mean times, from before there were zones.
            if seconds != 0 {
                out.push_str(&format!(":{seconds:02}"));
            }
        }
        None => {}
    }
    out
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            let code = (bits >> (18 - 6 * i) & 63) as usize;
            out.push(if i <= chunk.len() { char::from(ALPHABET.get(code).copied().unwrap_or(b'=')) } else { '=' });
        }
    }
    out
}
