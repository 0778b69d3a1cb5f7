//! String literals: quotes, backslash escapes, raw strings; adjacent literals are one string.

use vonk_common::SparkResult;
use vonk_plan::expr::{Expr, ExprKind};
use vonk_plan::literal::Literal;

use crate::names::constant_string;
use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    pub fn string_literal(&mut self) -> SparkResult<Expr> {
        let start = self.pos;
        let value = self.adjacent_strings()?;
        Ok(self.make(ExprKind::Literal(Literal::string(value)), start))
    }

    fn adjacent_strings(&mut self) -> SparkResult<String> {
        if self.kind(0) != Kind::String {
            return self.fail();
        }
        let raw = self.opts.conf.bool("spark.sql.parser.escapedStringLiterals");
        let mut out = String::new();
        while self.kind(0) == Kind::String {
            out.push_str(&decode(self.word(0), raw));
            self.next();
        }
        Ok(out)
    }

    /// The value of one token.
    pub fn one_string(&mut self) -> SparkResult<String> {
        let raw = self.opts.conf.bool("spark.sql.parser.escapedStringLiterals");
        let value = decode(self.word(0), raw);
        self.next();
        Ok(value)
    }

    /// A string where the grammar wants a literal one; a bound parameter will do.
    pub fn string_constant(&mut self) -> SparkResult<String> {
        if self.sym(":") || self.sym("?") {
            let at = self.pos;
            let value = self.primary()?;
            return constant_string(&value).ok_or_else(|| self.syntax_error(at));
        }
        self.adjacent_strings()
    }
}

/// The value of a string token.
pub(crate) fn decode(token: &str, keep_backslashes: bool) -> String {
    if let Some(raw) = token.strip_prefix(['r', 'R']) {
        return raw.get(1..raw.len() - 1).unwrap_or_default().to_string();
    }
    let quote = token.chars().next().unwrap_or('\'');
    let inner = token.get(1..token.len() - 1).unwrap_or_default();
    if !inner.contains(['\\', quote]) {
        return inner.to_string();
    }
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c == quote {
            // A doubled quote.
            chars.next();
            out.push(c);
        } else if c != '\\' || keep_backslashes {
            out.push(c);
            if c == '\\' {
                out.extend(chars.next());
            }
        } else {
            escape(&mut chars, &mut out);
        }
    }
    out
}

/// What follows a backslash.
fn escape(chars: &mut std::str::Chars<'_>, out: &mut String) {
    let rest = chars.as_str();
    let coded = |skip: usize, digits: usize, radix: u32| {
        let text = rest.get(skip..skip + digits)?;
        let all = text.chars().all(|c| c.is_digit(radix));
        if all { u32::from_str_radix(text, radix).ok() } else { None }
    };
    let Some(c) = chars.next() else {
        out.push('\\');
        return;
    };
    match c {
        'u' | 'U' => {
            let digits = if c == 'u' { 4 } else { 8 };
            match coded(1, digits, 16) {
                Some(code) => {
                    *chars = rest.get(1 + digits..).unwrap_or_default().chars();
                    out.push(char::from_u32(code).or_else(|| low_surrogate(code, chars)).unwrap_or('?'));
                }
                None => out.push(c),
            }
        }
        '0'..='1' if coded(0, 3, 8).is_some() => {
            let code = coded(0, 3, 8).unwrap_or_default();
            *chars = rest.get(3..).unwrap_or_default().chars();
            out.extend(char::from_u32(code));
        }
        '0' => out.push('\0'),
        'b' => out.push('\u{8}'),
        'n' => out.push('\n'),
        'r' => out.push('\r'),
        't' => out.push('\t'),
        'Z' => out.push('\u{1a}'),
        // Kept with the backslash: they mean something in LIKE patterns.
        '%' | '_' => {
            out.push('\\');
            out.push(c);
        }
        other => out.push(other),
    }
}

/// `\uD83D\uDE00`: the second half of a pair.
fn low_surrogate(high: u32, chars: &mut std::str::Chars<'_>) -> Option<char> {
    let rest = chars.as_str();
    let low = u32::from_str_radix(rest.strip_prefix("\\u")?.get(..4)?, 16).ok()?;
    if !(0xD800..0xDC00).contains(&high) || !(0xDC00..0xE000).contains(&low) {
        return None;
    }
    *chars = rest.get(6..).unwrap_or_default().chars();
    char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
}
