//! CSV: fields of a record, headers, and the inference of types.
//!
//! Fields are found as Spark's parser finds them: a quoted value ends at a quote that a delimiter
//! follows; a quote elsewhere makes the whole field plain text up to the next delimiter.

use arrow::array::{Array, StringArray};
use vonk_common::{SessionConf, SparkResult};
use vonk_plan::relation::Options;
use vonk_plan::types::{DataType, StructField, StructType};

use super::convert::{self, Converter};
use super::options::{character, flag, text, unescape};

/// How a file's text is cut into fields.
#[derive(Debug, Clone)]
pub struct Dialect {
    delimiter: Vec<u8>,
    quote: Option<u8>,
    escape: Option<u8>,
    pub comment: Option<u8>,
    trim_start: bool,
    trim_end: bool,
    null: String,
    empty: String,
}

impl Dialect {
    pub fn new(options: &Options) -> SparkResult<Self> {
        let byte = |c: Option<char>| c.and_then(|c| u8::try_from(c).ok());
        let delimiter = text(options, "sep").or_else(|| text(options, "delimiter")).unwrap_or(",");
        Ok(Dialect {
            delimiter: unescape(delimiter).into_bytes(),
            quote: byte(character(options, "quote", Some('"'))?),
            escape: byte(character(options, "escape", Some('\\'))?),
            comment: byte(character(options, "comment", None)?),
            trim_start: flag(options, "ignoreleadingwhitespace", false)?,
            trim_end: flag(options, "ignoretrailingwhitespace", false)?,
            null: text(options, "nullvalue").unwrap_or_default().to_string(),
            empty: text(options, "emptyvalue").unwrap_or_default().to_string(),
        })
    }

    /// Is the line neither blank nor a comment?
    pub fn is_record(&self, line: &[u8]) -> bool {
        line.iter().any(|b| *b > b' ') && self.comment.is_none_or(|c| line.first() != Some(&c))
    }
}

/// The fields of one record: text one after the other, with NULLs marked.
#[derive(Debug, Default)]
pub struct Fields {
    text: Vec<u8>,
    /// End of each field in `text`; none for NULL.
    ends: Vec<Option<usize>>,
    starts: Vec<usize>,
}

impl Fields {
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.starts.clear();
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The field's text: `None` is NULL, or that there is no such field.
    pub fn get(&self, i: usize) -> Option<&[u8]> {
        let end = (*self.ends.get(i)?)?;
        self.text.get(*self.starts.get(i)?..end)
    }

    fn push(&mut self, value: Option<&[u8]>) {
        self.starts.push(self.text.len());
        if let Some(v) = value {
            self.text.extend_from_slice(v);
        }
        self.ends.push(value.map(|_| self.text.len()));
    }

    /// Ends a field whose text was appended from `start` on.
    fn close(&mut self, start: usize, dialect: &Dialect) {
        if self.text.len() == start {
            self.text.extend_from_slice(dialect.empty.as_bytes());
        }
        let null = self.text.get(start..) == Some(dialect.null.as_bytes());
        self.starts.push(start);
        self.ends.push((!null).then_some(self.text.len()));
    }
}

/// Reads the record at the start of `input` into `out`; gives what it was long. Line breaks end a
/// record only when `multi_line`: otherwise the input is one line.
pub fn record(input: &[u8], dialect: &Dialect, multi_line: bool, out: &mut Fields) -> usize {
    out.clear();
    let ends_record = |b: u8| multi_line && (b == b'\n' || b == b'\r');
    let is_delimiter = |at: usize| input.get(at..).is_some_and(|rest| rest.starts_with(&dialect.delimiter));
    let mut at = 0;
    loop {
        let mut from = at;
        if dialect.trim_start {
            while input.get(from).is_some_and(|b| *b <= b' ' && !ends_record(*b)) && !is_delimiter(from) {
                from += 1;
            }
        }
        let quoted = dialect.quote.is_some() && input.get(from).copied() == dialect.quote;
        let end = match quoted.then(|| quoted_field(input, from, dialect, &is_delimiter, &ends_record, out)).flatten() {
            Some(end) => end,
            None => {
                let mut end = from;
                while end < input.len() && !is_delimiter(end) && !input.get(end).is_some_and(|b| ends_record(*b)) {
                    end += 1;
                }
                let mut to = end;
                if dialect.trim_end {
                    while to > from && input.get(to - 1).is_some_and(|b| *b <= b' ') {
                        to -= 1;
                    }
                }
                let value = input.get(from..to).unwrap_or_default();
                out.push((!value.is_empty() && value != dialect.null.as_bytes()).then_some(value));
                end
            }
        };
        if is_delimiter(end) && end < input.len() {
            at = end + dialect.delimiter.len();
            continue;
        }
        return match (input.get(end), input.get(end + 1)) {
            (Some(b'\r'), Some(b'\n')) => end + 2,
            (Some(_), _) => end + 1,
            (None, _) => end,
        };
    }
}

/// Reads a quoted field; none when a quote inside makes it plain text after all.
fn quoted_field(
    input: &[u8],
    from: usize,
    dialect: &Dialect,
    is_delimiter: &dyn Fn(usize) -> bool,
    ends_record: &dyn Fn(u8) -> bool,
    out: &mut Fields,
) -> Option<usize> {
    let quote = dialect.quote?;
    let start = out.text.len();
    let mut at = from + 1;
    while let Some(b) = input.get(at).copied() {
        let next = input.get(at + 1).copied();
        if Some(b) == dialect.escape && (next == Some(quote) || (b != quote && next == dialect.escape)) {
            out.text.extend(next);
            at += 2;
        } else if b == quote {
            let mut after = at + 1;
            while input.get(after).is_some_and(|b| *b <= b' ' && !ends_record(*b)) && !is_delimiter(after) {
                after += 1;
            }
            if is_delimiter(after) || input.get(after).is_none_or(|b| ends_record(*b)) {
                out.close(start, dialect);
                return Some(after);
            }
            // A stray quote: the field as it is written, to the delimiter that follows.
            while after < input.len() && !is_delimiter(after) && !input.get(after).is_some_and(|b| ends_record(*b)) {
                after += 1;
            }
            out.text.truncate(start);
            out.text.extend_from_slice(input.get(from..after).unwrap_or_default());
            out.close(start, dialect);
            return Some(after);
        } else {
            out.text.push(b);
            at += 1;
        }
    }
    out.close(start, dialect);
    Some(input.len())
}

/// Column names of a first record: as they are, made unique and complete; or `_c0`, `_c1`, ….
pub fn header(first: &Fields, has_header: bool, case_sensitive: bool) -> Vec<String> {
    let fold = |s: &str| if case_sensitive { s.to_string() } else { s.to_lowercase() };
    let names: Vec<Option<String>> =
        (0..first.len()).map(|i| first.get(i).map(|b| String::from_utf8_lossy(b).into_owned())).collect();
    let mut counts = std::collections::HashMap::new();
    for name in names.iter().flatten() {
        *counts.entry(fold(name)).or_insert(0) += 1;
    }
    let name_of = |(i, name): (usize, &Option<String>)| match name {
        Some(n) if has_header && !n.is_empty() => {
            if counts.get(&fold(n)).is_some_and(|c| *c > 1) {
                format!("{n}{i}")
            } else {
                n.clone()
            }
        }
        _ => format!("_c{i}"),
    };
    names.iter().enumerate().map(name_of).collect()
}

/// Finds the type of each column from its values.
pub struct Inference {
    types: Vec<DataType>,
    date: Option<Converter>,
    /// Without a pattern of the user's only `yyyy-MM-dd` counts as a date.
    strict_dates: bool,
    timestamp: Converter,
    ntz: Option<Converter>,
    doubles: Converter,
}

impl Inference {
    pub fn new(columns: usize, options: &Options, conf: &SessionConf) -> SparkResult<Self> {
        let prefer_date = flag(options, "preferdate", true)?;
        // A time of day is no date here, though a column that is said to be of dates takes it.
        let mut dated = options.clone();
        dated.entry("dateformat".into()).or_insert_with(|| "yyyy-MM-dd".into());
        let ntz = conf.get("spark.sql.timestampType").is_some_and(|t| t.eq_ignore_ascii_case("TIMESTAMP_NTZ"));
        Ok(Inference {
            types: vec![DataType::Null; columns],
            date: if prefer_date { Some(Converter::new(&DataType::Date, &dated, conf)?) } else { None },
            strict_dates: text(options, "dateformat").is_none(),
            timestamp: Converter::new(&DataType::Timestamp, options, conf)?,
            ntz: if ntz { Some(Converter::new(&DataType::TimestampNtz, options, conf)?) } else { None },
            doubles: Converter::new(&DataType::Double, options, conf)?,
        })
    }

    /// Takes some values of each column into account.
    pub fn add(&mut self, columns: &[StringArray]) -> datafusion::common::Result<()> {
        for (i, values) in columns.iter().enumerate() {
            let Some(so_far) = self.types.get(i).cloned() else { break };
            let next = self.widen(so_far, values)?;
            if let Some(slot) = self.types.get_mut(i) {
                *slot = next;
            }
        }
        Ok(())
    }

    fn widen(&self, mut so_far: DataType, values: &StringArray) -> datafusion::common::Result<DataType> {
        let mut others = vec![];
        for value in values.iter().flatten().filter(|v| !v.is_empty()) {
            if so_far == DataType::STRING {
                return Ok(so_far);
            }
            match number_type(value, &self.doubles) {
                Some(found) => so_far = compatible(so_far, found),
                None => others.push(value),
            }
        }
        if others.is_empty() {
            return Ok(so_far);
        }
        let mut rest = StringArray::from(others);
        for (converter, found) in [
            (self.date.as_ref(), DataType::Date),
            (self.ntz.as_ref(), DataType::TimestampNtz),
            (Some(&self.timestamp), DataType::Timestamp),
        ] {
            let Some(converter) = converter else { continue };
            let rest_as_given = rest.clone();
            if self.strict_dates && found == DataType::Date {
                rest = rest.iter().map(|v| v.filter(|v| is_plain_date(v))).collect();
            }
            // One value decides quickly that a column of text is none of times.
            let probe = converter.convert(&rest.slice(0, rest.len().min(1)))?;
            let all = if probe.null_count() > 0 && rest.len() > 1 && so_far == DataType::Null {
                None
            } else {
                Some(converter.convert(&rest)?)
            };
            rest = rest_as_given;
            let Some(read) = all else { continue };
            if read.null_count() < rest.len() {
                so_far = compatible(so_far, found);
            }
            rest = rest.iter().enumerate().filter(|(i, _)| read.is_null(*i)).map(|(_, v)| v).collect();
            if rest.is_empty() {
                return Ok(so_far);
            }
        }
        for value in rest.iter().flatten() {
            let found = if convert::boolean(value).is_some() { DataType::Boolean } else { DataType::STRING };
            so_far = compatible(so_far, found);
        }
        Ok(so_far)
    }

    /// The schema: columns without values are strings.
    pub fn schema(self, names: Vec<String>) -> StructType {
        let fields = names.into_iter().zip(self.types).map(|(name, t)| {
            let t = if t == DataType::Null { DataType::STRING } else { t };
            StructField::new(name, t, true)
        });
        StructType::new(fields)
    }
}

/// `yyyy-MM-dd`, digit by digit.
fn is_plain_date(value: &str) -> bool {
    value.len() == 10
        && value.bytes().enumerate().all(|(i, b)| if matches!(i, 4 | 7) { b == b'-' } else { b.is_ascii_digit() })
}

fn number_type(value: &str, doubles: &Converter) -> Option<DataType> {
    if convert::integer::<i32>(value).is_some() {
        return Some(DataType::Int);
    }
    if convert::integer::<i64>(value).is_some() {
        return Some(DataType::Long);
    }
    if let Some(d) = convert::decimal(value).filter(|d| d.scale <= 0) {
        let digits = i64::from(d.precision()) - i64::from(d.scale);
        if d.scale == 0 && digits <= 38 {
            return Some(DataType::Decimal(u8::try_from(digits).unwrap_or(38), 0));
        }
    }
    doubles.double(value).map(|_| DataType::Double)
}

/// The type that holds values of both.
fn compatible(a: DataType, b: DataType) -> DataType {
    let digits = |t: &DataType| match t {
        DataType::Int => Some((10, 0)),
        DataType::Long => Some((20, 0)),
        DataType::Decimal(p, s) => Some((i16::from(*p), i16::from(*s))),
        _ => None,
    };
    match (&a, &b) {
        _ if a == b => a,
        (DataType::Null, _) => b,
        (_, DataType::Null) => a,
        (DataType::Int, DataType::Long) | (DataType::Long, DataType::Int) => DataType::Long,
        (DataType::Double, x) | (x, DataType::Double) if digits(x).is_some() => DataType::Double,
        (DataType::Date, t @ (DataType::Timestamp | DataType::TimestampNtz))
        | (t @ (DataType::Timestamp | DataType::TimestampNtz), DataType::Date) => t.clone(),
        (DataType::Timestamp, DataType::TimestampNtz) | (DataType::TimestampNtz, DataType::Timestamp) => {
            DataType::Timestamp
        }
        _ => match (digits(&a), digits(&b)) {
            (Some((p, s)), Some((q, t))) => {
                let scale = s.max(t);
                let whole = (p - s).max(q - t);
                if whole + scale > 38 {
                    DataType::Double
                } else {
                    DataType::Decimal((whole + scale) as u8, scale as i8)
                }
            }
            _ => DataType::STRING,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str, options: &[(&str, &str)]) -> SparkResult<Vec<Option<String>>> {
        let options = options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let mut out = Fields::default();
        record(line.as_bytes(), &Dialect::new(&options)?, false, &mut out);
        Ok((0..out.len()).map(|i| out.get(i).map(|b| String::from_utf8_lossy(b).into_owned())).collect())
    }

    #[test]
    fn fields_are_cut_as_spark_cuts_them() -> SparkResult<()> {
        let some = |v: &[&str]| v.iter().map(|s| (!s.is_empty()).then(|| s.to_string())).collect::<Vec<_>>();
        assert_eq!(fields("a,\"\",b,", &[])?, some(&["a", "", "b", ""]));
        assert_eq!(fields("\"x\"\"y\",'q',\"a\\\"b\", z ", &[])?, some(&["\"x\"\"y\"", "'q'", "a\"b", " z "]));
        assert_eq!(fields("\"unclosed,1", &[])?, some(&["unclosed,1"]));
        assert_eq!(fields("a\"b\"c,\"d\"e,\"f\" ,g", &[])?, some(&["a\"b\"c", "\"d\"e", "f", "g"]));
        assert_eq!(fields("\"x\"\"y\"", &[("escape", "\"")])?, some(&["x\"y"]));
        assert_eq!(fields("a||b", &[("sep", "||")])?, some(&["a", "b"]));
        assert_eq!(fields("a,\"\",", &[("emptyvalue", "E"), ("nullvalue", "N")])?, some(&["a", "E", ""]));
        Ok(())
    }
}
