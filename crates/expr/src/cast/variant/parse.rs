//! JSON text to variants, by the rules of `parse_json`: whole numbers in their smallest form,
//! numbers without exponent as decimals, others as doubles.

use super::build::{Builder, write_scalar};
use super::decode::Value;

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 1000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    Malformed,
    DuplicateKey(String),
}

/// Value and dictionary of the variant. `last_wins` lets a field come twice.
pub fn parse_json(text: &str, last_wins: bool) -> Result<(Vec<u8>, Vec<u8>), Fault> {
    let mut builder = Builder::default();
    let mut value = vec![];
    let mut reader = Reader { text, at: 0, last_wins };
    reader.value(&mut builder, &mut value, 0)?;
    // What follows is not looked at, but a number has to end, and so has a word.
    let ends_bare = !matches!(text.as_bytes().get(reader.at.wrapping_sub(1)), Some(b'"' | b']' | b'}'));
    if ends_bare && reader.peek().is_some_and(|b| !b.is_ascii_whitespace()) {
        return Err(Fault::Malformed);
    }
    Ok((value, builder.metadata()))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    last_wins: bool,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        self.blanks();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.eat(byte) { Ok(()) } else { Err(Fault::Malformed) }
    }

    fn value(&mut self, builder: &mut Builder, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::Malformed);
        }
        self.blanks();
        match self.peek().ok_or(Fault::Malformed)? {
            b'{' => self.object(builder, out, depth),
            b'[' => self.array(builder, out, depth),
            b'"' => {
                let text = self.string()?;
                write_scalar(out, &Value::String(&text));
                Ok(())
            }
            b'-' | b'0'..=b'9' => self.number(out),
            _ => {
                let rest = self.text.get(self.at..).unwrap_or_default();
                let words = [("true", Value::Boolean(true)), ("false", Value::Boolean(false)), ("null", Value::Null)];
                let (word, value) = words.iter().find(|(w, _)| rest.starts_with(w)).ok_or(Fault::Malformed)?;
                self.at += word.len();
                if self.peek().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_') {
                    return Err(Fault::Malformed);
                }
                write_scalar(out, value);
                Ok(())
            }
        }
    }

    fn array(&mut self, builder: &mut Builder, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
        self.expect(b'[')?;
        let mut items = vec![];
        if !self.eat(b']') {
            loop {
                let mut item = vec![];
                self.value(builder, &mut item, depth + 1)?;
                items.push(item);
                if self.eat(b']') {
                    break;
                }
                self.expect(b',')?;
            }
        }
        Builder::array(out, &items);
        Ok(())
    }

    fn object(&mut self, builder: &mut Builder, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
        self.expect(b'{')?;
        let mut fields: Vec<(String, Vec<u8>)> = vec![];
        if !self.eat(b'}') {
            loop {
                self.blanks();
                let name = self.string()?;
                builder.id(&name);
                self.expect(b':')?;
                let mut value = vec![];
                self.value(builder, &mut value, depth + 1)?;
                fields.push((name, value));
                if self.eat(b'}') {
                    break;
                }
                self.expect(b',')?;
            }
        }
        if !self.last_wins {
            let mut names: Vec<_> = fields.iter().map(|(n, _)| n).collect();
            names.sort();
            if let Some(pair) = names.windows(2).find(|p| p.first() == p.last()) {
                return Err(Fault::DuplicateKey(pair.first().map(|n| n.to_string()).unwrap_or_default()));
            }
        }
        builder.object(out, fields);
        Ok(())
    }

    fn string(&mut self) -> Result<String, Fault> {
        self.expect(b'"')?;
        let mut out = String::new();
        loop {
            let rest = self.text.get(self.at..).ok_or(Fault::Malformed)?;
            let stop = rest.find(['"', '\\']).ok_or(Fault::Malformed)?;
            let (plain, tail) = rest.split_at(stop);
            if plain.bytes().any(|b| b < b' ') {
                return Err(Fault::Malformed);
            }
            out.push_str(plain);
            self.at += stop + 1;
            if tail.starts_with('"') {
                return Ok(out);
            }
            let escape = self.peek().ok_or(Fault::Malformed)?;
            self.at += 1;
            out.push(match escape {
                b'"' => '"',
                b'\\' => '\\',
                b'/' => '/',
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'u' => self.unicode()?,
                _ => return Err(Fault::Malformed),
            });
        }
    }

    /// `\uXXXX`, and the second half of a surrogate pair behind it.
    fn unicode(&mut self) -> Result<char, Fault> {
        let first = self.hex()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        if self.text.get(self.at..).is_some_and(|t| t.starts_with("\\u")) {
            self.at += 2;
            let second = self.hex()?;
            let code = 0x10000 + ((first - 0xd800) << 10) + second.wrapping_sub(0xdc00);
            return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex(&mut self) -> Result<u32, Fault> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(Fault::Malformed)?;
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| Fault::Malformed)
    }

    fn number(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let stop = rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).unwrap_or(rest.len());
        let text = rest.get(..stop).unwrap_or_default();
        self.at += stop;
        let value = number(text).ok_or(Fault::Malformed)?;
        write_scalar(out, &value);
        Ok(())
    }
}

/// The number in a text, if JSON's grammar makes it one.
pub fn number(text: &str) -> Option<Value<'static>> {
    well_formed(text).then(|| scalar(text)).flatten()
}

/// JSON's grammar of numbers.
fn well_formed(text: &str) -> bool {
    let body = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((m, e)) => (m, Some(e)),
        None => (body, None),
    };
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((w, f)) => (w, Some(f)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)))
}

fn scalar(text: &str) -> Option<Value<'static>> {
    if let Ok(v) = text.parse::<i64>() {
        return Some(Value::Long(v));
    }
    if !text.contains(['e', 'E']) {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let unscaled = format!("{whole}{fraction}").parse::<i128>().ok();
        let digits = whole.trim_start_matches(['-', '0']).len() + fraction.len();
        if let (Some(v), true, Ok(scale)) = (unscaled, digits <= 38, u8::try_from(fraction.len())) {
            return Some(Value::Decimal(v, scale));
        }
    }
    text.parse::<f64>().ok().map(Value::Double)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cast::variant::{Variant, json};
    use crate::cast::zone::Zone;

    fn round(text: &str) -> Result<String, Fault> {
        let (value, metadata) = parse_json(text, false)?;
        Ok(json::to_json(&Variant { value: &value, metadata: &metadata }, &Zone::UTC))
    }

    #[test]
    fn json_survives_as_variant() {
        for (text, want) in [
            (r#" {"b": [1, null, "x\n"], "a": 1.50} "#, r#"{"a":1.5,"b":[1,null,"x\n"]}"#),
            ("1e3", "1000.0"),
            ("12345678901234567890", "12345678901234567890"),
            (r#""\u00e9\ud83d\ude00""#, "\"é😀\""),
            ("[]", "[]"),
            ("{}", "{}"),
            ("[1]] 2", "[1]"),
        ] {
            assert_eq!(round(text).as_deref(), Ok(want), "{text}");
        }
        let long: Vec<_> = (0..300).map(|i| format!("\"k{i:03}\":{i}")).collect();
        let long = format!("{{{}}}", long.join(","));
        assert_eq!(round(&long), Ok(long));
        for bad in ["", "{", "[1,]", "01", "nul", "nullx", "\"a", "{\"a\" 1}", "1x", "-"] {
            assert_eq!(round(bad), Err(Fault::Malformed), "{bad}");
        }
        assert_eq!(round(r#"{"a":1,"a":2}"#), Err(Fault::DuplicateKey("a".into())));
    }
}
