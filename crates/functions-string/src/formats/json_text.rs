//! JSON text to values, with the liberties that Spark's options allow.
//!
//! Numbers stay text: what they mean depends on the column they go to.

use std::borrow::Cow;

use vonk_common::SparkResult;
use vonk_expr::cast::text::number::write_f64;
use vonk_plan::relation::Options;

use super::options::flag;

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 1_000;

/// Longest number that is read, the sign not counted.
const MAX_DIGITS: usize = 1_000;

/// A value; strings without escapes are borrowed from the text.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    Null,
    Boolean(bool),
    /// As written; `NaN` and infinities where they are allowed.
    Number(&'a str),
    String(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

#[derive(Debug, Clone, Copy)]
pub struct Liberties {
    comments: bool,
    unquoted_names: bool,
    single_quotes: bool,
    leading_zeros: bool,
    non_numbers: bool,
    any_escape: bool,
    control_characters: bool,
}

impl Liberties {
    pub fn new(options: &Options) -> SparkResult<Self> {
        Ok(Liberties {
            comments: flag(options, "allowcomments", false)?,
            unquoted_names: flag(options, "allowunquotedfieldnames", false)?,
            single_quotes: flag(options, "allowsinglequotes", true)?,
            leading_zeros: flag(options, "allownumericleadingzeros", false)?,
            non_numbers: flag(options, "allownonnumericnumbers", true)?,
            any_escape: flag(options, "allowbackslashescapinganycharacter", false)?,
            control_characters: flag(options, "allowunquotedcontrolchars", false)?,
        })
    }
}

/// Reads values one after the other.
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    allow: Liberties,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str, allow: Liberties) -> Self {
        Reader { text, at: 0, allow }
    }

    /// The next value; `None` at the end of the text.
    pub fn next_value(&mut self) -> Option<Result<Json<'a>, usize>> {
        self.skip();
        if self.at >= self.text.len() {
            return None;
        }
        let start = self.at;
        let value = self.value(0).filter(|value| {
            // Nothing but a blank ends a number that stands alone.
            !matches!(value, Json::Number(_)) || self.peek().is_none_or(|b| b.is_ascii_whitespace())
        });
        Some(value.ok_or(start))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self) {
        loop {
            while self.peek().is_some_and(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')) {
                self.at += 1;
            }
            let rest = &self.text[self.at..];
            let comment = match rest.as_bytes() {
                [b'/', b'*', ..] => rest.find("*/").map(|n| n + 2),
                [b'/', b'/', ..] => Some(rest.find('\n').unwrap_or(rest.len())),
                _ => None,
            };
            match comment {
                Some(n) if self.allow.comments => self.at += n,
                _ => return,
            }
        }
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        self.skip();
        (self.peek()? == wanted).then(|| self.at += 1)
    }

    fn value(&mut self, depth: usize) -> Option<Json<'a>> {
        self.skip();
        match self.peek()? {
            b'{' | b'[' if depth >= MAX_DEPTH => None,
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string(b'"').map(Json::String),
            b'\'' if self.allow.single_quotes => self.string(b'\'').map(Json::String),
            b'-' | b'+' | b'0'..=b'9' => self.number(),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Json<'a>> {
        self.at += 1;
        let mut fields = vec![];
        if self.take(b'}').is_some() {
            return Some(Json::Object(fields));
        }
        loop {
            self.skip();
            let name = match self.peek()? {
                b'"' => self.string(b'"')?,
                b'\'' if self.allow.single_quotes => self.string(b'\'')?,
                _ if self.allow.unquoted_names => Cow::Borrowed(self.plain()?),
                _ => return None,
            };
            self.take(b':')?;
            fields.push((name, self.value(depth + 1)?));
            if self.take(b',').is_none() {
                self.take(b'}')?;
                return Some(Json::Object(fields));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Json<'a>> {
        self.at += 1;
        let mut items = vec![];
        if self.take(b']').is_some() {
            return Some(Json::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take(b',').is_none() {
                self.take(b']')?;
                return Some(Json::Array(items));
            }
        }
    }

    /// A run of letters, digits, `_`, `$` and what is not ASCII.
    fn plain(&mut self) -> Option<&'a str> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_' && c != '$');
        let word = &rest[..end.unwrap_or(rest.len())];
        self.at += word.len();
        (!word.is_empty()).then_some(word)
    }

    fn word(&mut self) -> Option<Json<'a>> {
        Some(match self.plain()? {
            "null" => Json::Null,
            "true" => Json::Boolean(true),
            "false" => Json::Boolean(false),
            word @ ("NaN" | "Infinity" | "INF") if self.allow.non_numbers => Json::Number(word),
            _ => return None,
        })
    }

    fn number(&mut self) -> Option<Json<'a>> {
        let start = self.at;
        let signed = matches!(self.peek(), Some(b'-' | b'+'));
        let plus = self.peek() == Some(b'+');
        self.at += usize::from(signed);
        if self.peek().is_some_and(|b| b.is_ascii_alphabetic()) {
            let word = self.plain()?;
            let known = matches!(word, "Infinity" | "INF") && self.allow.non_numbers;
            return known.then(|| Json::Number(&self.text[start..self.at]));
        }
        let whole = self.digits();
        let zeros = whole > 1 && self.text.as_bytes().get(start + usize::from(signed)) == Some(&b'0');
        if whole == 0 || plus || (zeros && !self.allow.leading_zeros) {
            return None;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return None;
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'-' | b'+')));
            if self.digits() == 0 {
                return None;
            }
        }
        // A number ends before a blank, a comma or a bracket.
        match self.peek() {
            Some(b) if b.is_ascii_alphanumeric() || b == b'.' => None,
            _ if self.at - start - usize::from(signed) > MAX_DIGITS => None,
            _ => Some(Json::Number(&self.text[start..self.at])),
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn string(&mut self, quote: u8) -> Option<Cow<'a, str>> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek()? {
                b if b == quote => {
                    let text = &self.text[start..self.at];
                    self.at += 1;
                    return Some(Cow::Borrowed(text));
                }
                b'\\' => break,
                b if b < b' ' && !self.allow.control_characters => return None,
                _ => self.at += 1,
            }
        }
        let mut out = self.text[start..self.at].to_string();
        loop {
            let b = self.peek()?;
            if b == quote {
                self.at += 1;
                return Some(Cow::Owned(out));
            }
            if b == b'\\' {
                self.at += 1;
                self.escape(&mut out)?;
                continue;
            }
            if b < b' ' && !self.allow.control_characters {
                return None;
            }
            let rest = &self.text[self.at..];
            let end = rest.bytes().position(|b| b == quote || b == b'\\' || b < b' ').unwrap_or(rest.len()).max(1);
            out.push_str(rest.get(..end)?);
            self.at += end;
        }
    }

    fn escape(&mut self, out: &mut String) -> Option<()> {
        let c = self.text[self.at..].chars().next()?;
        self.at += c.len_utf8();
        out.push(match c {
            '"' | '\\' | '/' => c,
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => {
                let high = self.unit()?;
                let low_follows = self.text[self.at..].starts_with("\\u");
                if (0xd800..0xdc00).contains(&high) && low_follows {
                    self.at += 2;
                    let low = self.unit()?;
                    char::decode_utf16([high, low]).next()?.unwrap_or('\u{fffd}')
                } else {
                    char::from_u32(u32::from(high)).unwrap_or('?')
                }
            }
            '\'' if self.allow.single_quotes => c,
            c if self.allow.any_escape => c,
            _ => return None,
        });
        Some(())
    }

    fn unit(&mut self) -> Option<u16> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        u16::from_str_radix(digits, 16).ok()
    }
}

impl Json<'_> {
    /// The value as compact JSON text, with the numbers as they were written.
    pub fn write(&self, out: &mut String) {
        self.write_as(&mut |number, out| out.push_str(number), write_string, out);
    }

    /// With line breaks and blanks, as Jackson's default printer lays JSON out.
    pub fn write_pretty(&self, depth: usize, out: &mut String) {
        match self {
            Json::Object(fields) if fields.is_empty() => out.push_str("{ }"),
            Json::Object(fields) => {
                for (i, (name, value)) in fields.iter().enumerate() {
                    out.push_str(if i == 0 { "{\n" } else { ",\n" });
                    out.push_str(&"  ".repeat(depth + 1));
                    write_string(name, out);
                    out.push_str(" : ");
                    value.write_pretty(depth + 1, out);
                }
                out.push('\n');
                out.push_str(&"  ".repeat(depth));
                out.push('}');
            }
            Json::Array(items) if items.is_empty() => out.push_str("[ ]"),
            Json::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    out.push_str(if i == 0 { "[ " } else { ", " });
                    item.write_pretty(depth, out);
                }
                out.push_str(" ]");
            }
            other => other.write(out),
        }
    }

    /// As Jackson copies it: numbers as it reads them, characters beyond the first 65,536 as pairs of escapes.
    pub fn copy(&self, out: &mut String) {
        self.copy_with(&mut copy_number, out);
    }

    /// The same with the numbers as the closure writes them.
    pub fn copy_with(&self, number: &mut dyn FnMut(&str, &mut String), out: &mut String) {
        self.write_as(number, copy_string, out);
    }

    fn write_as(&self, number: &mut dyn FnMut(&str, &mut String), string: fn(&str, &mut String), out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Boolean(b) => out.push_str(if *b { "true" } else { "false" }),
            Json::Number(n) => number(n, out),
            Json::String(s) => string(s, out),
            Json::Array(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    item.write_as(number, string, out);
                }
                out.push(']');
            }
            Json::Object(fields) => {
                out.push('{');
                for (i, (name, value)) in fields.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    string(name, out);
                    out.push(':');
                    value.write_as(number, string, out);
                }
                out.push('}');
            }
        }
    }
}

/// Fractions as doubles, those that are none as strings.
fn copy_number(text: &str, out: &mut String) {
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        return out.push_str(if text == "-0" { "0" } else { text });
    }
    match text.parse::<f64>() {
        Ok(v) if v.is_finite() => write_f64(out, v),
        Ok(v) => {
            out.push('"');
            write_f64(out, v);
            out.push('"');
        }
        Err(_) => out.push_str(text),
    }
}

fn copy_string(text: &str, out: &mut String) {
    if text.chars().all(|c| c.len_utf16() == 1) {
        return write_string(text, out);
    }
    out.push('"');
    for c in text.chars() {
        match c.len_utf16() {
            1 => write_escaped(c, out),
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04X}"))),
        }
    }
    out.push('"');
}

/// The text in quotes, with the escapes JSON asks for.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    text.chars().for_each(|c| write_escaped(c, out));
    out.push('"');
}

fn write_escaped(c: char, out: &mut String) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        c if c < ' ' => out.push_str(&format!("\\u{:04X}", c as u32)),
        c => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        let allow = Liberties::new(&Options::new()).ok()?;
        let mut out = String::new();
        Reader::new(text, allow).next_value()?.ok()?.write(&mut out);
        Some(out)
    }

    #[test]
    fn values_are_read_strictly_except_where_spark_is_lax() {
        assert_eq!(
            read(" {'a' : [1, 2.50e1,null],\"b\":\"x\\u00e9\\n\"} ").as_deref(),
            Some("{\"a\":[1,2.50e1,null],\"b\":\"xé\\n\"}")
        );
        for bad in ["{bad", "{a:1}", "01", "+1", "/*c*/1", "{\"a\":1", "1x", "\"\u{1}\""] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(read("NaN").as_deref(), Some("NaN"));
        assert_eq!(read(&"[".repeat(100_000)), None);
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&nested(1_000)).is_some() && read(&nested(1_001)).is_none());
        assert!(read(&"1".repeat(1_000)).is_some() && read(&"1".repeat(1_001)).is_none());
    }
}
