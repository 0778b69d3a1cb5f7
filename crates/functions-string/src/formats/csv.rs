//! CSV: fields of a record, headers, and the inference of types.
//!
//! Fields are found as Spark's parser finds them: a quoted value ends at a quote that a delimiter
//! follows; a quote elsewhere makes the whole field plain text up to the next delimiter.

use arrow::array::{Array, StringArray};
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_plan::relation::Options;
use vonk_plan::types::{DataType, StructField, StructType};

use super::convert::{self, Converter, Notation};
use super::options::{character, flag, number, text, unescape};

/// Most fields of a record: Spark's default of `maxColumns`.
const MAX_COLUMNS: usize = 20_480;

/// How a file's text is cut into fields.
#[derive(Debug, Clone)]
pub struct Dialect {
    delimiter: Vec<u8>,
    quote: Option<u8>,
    escape: Option<u8>,
    /// What stands before an escape that is meant as such.
    escape_of_escape: Option<u8>,
    unescaped_quotes: UnescapedQuotes,
    max_columns: usize,
    max_chars: usize,
    /// Lines of the file end in two characters: in values they are one.
    two_character_breaks: bool,
    pub comment: Option<u8>,
    trim_start: bool,
    trim_end: bool,
    null: String,
    empty: String,
}

/// What becomes of a quoted value with a quote inside that nothing escapes. `BACK_TO_DELIMITER` is read as
/// `STOP_AT_DELIMITER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UnescapedQuotes {
    /// The value goes on to the quote that ends it.
    StopAtClosingQuote,
    /// The value is what is written, to the next delimiter.
    StopAtDelimiter,
    /// There is none.
    SkipValue,
    RaiseError,
}

impl Dialect {
    pub fn new(options: &Options) -> SparkResult<Self> {
        let byte = |c: Option<char>| c.and_then(|c| u8::try_from(c).ok());
        let delimiter = text(options, "sep").or_else(|| text(options, "delimiter")).unwrap_or(",");
        let quote = byte(character(options, "quote", Some('"'))?);
        let escape = byte(character(options, "escape", Some('\\'))?);
        let of_escape = byte(character(options, "chartoescapequoteescaping", None)?);
        let unescaped_quotes = match text(options, "unescapedquotehandling").map(str::to_ascii_uppercase).as_deref() {
            Some("STOP_AT_CLOSING_QUOTE") => UnescapedQuotes::StopAtClosingQuote,
            Some("SKIP_VALUE") => UnescapedQuotes::SkipValue,
            Some("RAISE_ERROR") => UnescapedQuotes::RaiseError,
            _ => UnescapedQuotes::StopAtDelimiter,
        };
        Ok(Dialect {
            delimiter: unescape(delimiter).into_bytes(),
            quote,
            escape,
            escape_of_escape: of_escape.or(escape.filter(|e| Some(*e) != quote)),
            unescaped_quotes,
            max_columns: number(options, "maxcolumns")?.unwrap_or(MAX_COLUMNS),
            max_chars: number::<i64>(options, "maxcharspercolumn")?
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or(usize::MAX),
            two_character_breaks: false,
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

    /// The same of a file that is read as a whole, where blanks are a value.
    fn is_record_of_lines(&self, line: &[u8]) -> bool {
        !matches!(line, [] | b"\r") && self.comment.is_none_or(|c| line.first() != Some(&c))
    }

    /// For the lines of this file, which end as its first one.
    pub fn for_file(&self, bytes: &[u8]) -> Dialect {
        let first = bytes.iter().position(|b| matches!(b, b'\n' | b'\r'));
        let two = first.is_some_and(|at| bytes.get(at..at + 2) == Some(b"\r\n"));
        Dialect { two_character_breaks: two, ..self.clone() }
    }
}

/// Calls `on_record` for each record of a file that is read as a whole, with its fields and what it is
/// written as, until it says no.
pub fn each_record<E>(
    bytes: &[u8],
    dialect: &Dialect,
    fields: &mut Fields,
    mut on_record: impl FnMut(&Fields, &[u8]) -> Result<bool, E>,
) -> Result<(), E> {
    let dialect = dialect.for_file(bytes);
    let mut rest = bytes;
    while !rest.is_empty() {
        let line_end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        if !dialect.is_record_of_lines(rest.get(..line_end).unwrap_or_default()) {
            rest = rest.get(line_end + 1..).unwrap_or_default();
            continue;
        }
        let length = record(rest, &dialect, true, fields).max(1);
        let (record, after) = rest.split_at(length.min(rest.len()));
        let ends = |b: &u8| matches!(b, b'\n' | b'\r');
        let end = record.iter().rposition(|b| !ends(b)).map_or(0, |last| last + 1);
        if !on_record(fields, record.get(..end).unwrap_or_default())? {
            return Ok(());
        }
        rest = after;
    }
    Ok(())
}

/// The fields of one record: text one after the other, with NULLs marked.
#[derive(Debug, Default)]
pub struct Fields {
    text: Vec<u8>,
    /// End of each field in `text`; none for NULL.
    ends: Vec<Option<usize>>,
    starts: Vec<usize>,
    /// The parser gave up: of more or longer fields than are allowed, or a quote that is none.
    faulty: bool,
}

impl Fields {
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.starts.clear();
        self.faulty = false;
    }

    /// Error: `MALFORMED_CSV_RECORD`.
    pub fn check(&self, record: &[u8]) -> SparkResult<()> {
        match self.faulty {
            true => Err(SparkError::new("MALFORMED_CSV_RECORD").param("badRecord", String::from_utf8_lossy(record))),
            false => Ok(()),
        }
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

    fn last_length(&self) -> usize {
        self.starts.last().map_or(0, |start| self.text.len() - start)
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
        out.faulty |= out.ends.len() > dialect.max_columns || out.last_length() > dialect.max_chars;
        if !out.faulty && is_delimiter(end) && end < input.len() {
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
        let escapes = Some(b) == dialect.escape && next == Some(quote);
        let escaped_escape = next.is_some() && next == dialect.escape && Some(b) == dialect.escape_of_escape;
        if escapes || escaped_escape && next != Some(quote) {
            out.text.extend(next);
            at += 2;
        } else if b == b'\r' && next == Some(b'\n') && dialect.two_character_breaks {
            out.text.push(b'\n');
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
            if dialect.unescaped_quotes == UnescapedQuotes::StopAtClosingQuote {
                out.text.push(b);
                at += 1;
                continue;
            }
            // A stray quote: the field as it was read so far, then as it is written, to the delimiter that follows.
            while after < input.len() && !is_delimiter(after) && !input.get(after).is_some_and(|b| ends_record(*b)) {
                after += 1;
            }
            match dialect.unescaped_quotes {
                UnescapedQuotes::SkipValue => {
                    out.text.truncate(start);
                    out.push(None);
                    return Some(after);
                }
                UnescapedQuotes::RaiseError => out.faulty = true,
                UnescapedQuotes::StopAtDelimiter | UnescapedQuotes::StopAtClosingQuote => {}
            }
            out.text.insert(start, quote);
            out.text.extend_from_slice(input.get(at..after).unwrap_or_default());
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
    /// Without a pattern of the user's a timestamp may be a date: columns of both are of timestamps.
    dates_as: Dates,
    notation: Notation,
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
            dates_as: Dates {
                timestamps: text(options, "timestampformat").is_none(),
                timestamps_ntz: text(options, "timestampntzformat").is_none(),
            },
            notation: Notation::of(options),
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
            match self.number_type(value) {
                Some(found) => so_far = compatible(so_far, found, self.dates_as),
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
                so_far = compatible(so_far, found, self.dates_as);
            }
            rest = rest.iter().enumerate().filter(|(i, _)| read.is_null(*i)).map(|(_, v)| v).collect();
            if rest.is_empty() {
                return Ok(so_far);
            }
        }
        for value in rest.iter().flatten() {
            let found = if convert::boolean(value).is_some() { DataType::Boolean } else { DataType::STRING };
            so_far = compatible(so_far, found, self.dates_as);
        }
        Ok(so_far)
    }

    fn number_type(&self, value: &str) -> Option<DataType> {
        if convert::integer::<i32>(value).is_some() {
            return Some(DataType::Int);
        }
        if convert::integer::<i64>(value).is_some() {
            return Some(DataType::Long);
        }
        if let Some(d) = self.notation.inferred(value).filter(|d| d.scale <= 0) {
            let digits = i64::from(d.precision()) - i64::from(d.scale);
            if d.scale == 0 && digits <= 38 {
                return Some(DataType::Decimal(u8::try_from(digits).unwrap_or(38), 0));
            }
        }
        self.doubles.double(value).map(|_| DataType::Double)
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

/// The types of timestamps whose columns may have dates in them.
#[derive(Debug, Clone, Copy)]
struct Dates {
    timestamps: bool,
    timestamps_ntz: bool,
}

/// `yyyy-MM-dd`, digit by digit.
pub fn is_plain_date(value: &str) -> bool {
    value.len() == 10
        && value.bytes().enumerate().all(|(i, b)| if matches!(i, 4 | 7) { b == b'-' } else { b.is_ascii_digit() })
}

/// The type that holds values of both.
fn compatible(a: DataType, b: DataType, dates_as: Dates) -> DataType {
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
        (DataType::Date, t @ DataType::Timestamp) | (t @ DataType::Timestamp, DataType::Date)
            if dates_as.timestamps =>
        {
            t.clone()
        }
        (DataType::Date, t @ DataType::TimestampNtz) | (t @ DataType::TimestampNtz, DataType::Date)
            if dates_as.timestamps_ntz =>
        {
            t.clone()
        }
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
        assert_eq!(fields("\"a\\\"b\"c,\"d\\\\\",e", &[])?, some(&["\"a\"b\"c", "d\\", "e"]));
        assert_eq!(fields("\"a\"b\",c", &[("unescapedquotehandling", "STOP_AT_CLOSING_QUOTE")])?, some(&["a\"b", "c"]));
        assert_eq!(fields("\"a\"b\",c", &[("unescapedquotehandling", "SKIP_VALUE")])?, some(&["", "c"]));
        assert_eq!(fields("a,\"\",", &[("emptyvalue", "E"), ("nullvalue", "N")])?, some(&["a", "E", ""]));
        Ok(())
    }
}
