//! Spark's lexical rules: SQL text to tokens with byte and character ranges.
//!
//! One pass, longest match, as Spark's lexer: identifiers may start with a digit, `1L` is a number
//! and `1e` a name, `.5` is a number unless a letter follows, comments nest, `/*+` opens a hint.
//! Tokens carry no values: the grammar reads them from the text where it needs them.

use vonk_common::{SparkError, SparkResult};

use crate::words::{is_name_char, name, number, number_or_name};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword or an unquoted name.
    Word,
    /// A name in back quotes, or in double quotes where those quote names.
    QuotedName,
    /// A string of any form, prefix and quotes included.
    String,
    Number,
    Symbol,
    /// A character that starts no token, or an unclosed quote.
    Bad,
    End,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub kind: Kind,
    /// Bytes.
    pub start: usize,
    pub end: usize,
    /// Characters.
    pub char_start: usize,
    pub char_end: usize,
}

/// Longest first, so that the first that fits is the longest.
const SYMBOLS: &[&str] = &[
    "/*+", "<=>", ">>>", "==", "<>", "!=", "<=", "!>", ">=", "!<", "<<", ">>", "||", "|>", "->", "=>", "::", "*/", "=",
    "<", ">", "+", "-", "*", "/", "%", "~", "&", "|", "^", ":", "(", ")", ",", ".", "[", "]", ";", "!", "?",
];

pub(crate) fn tokenize(text: &str, double_quoted_names: bool) -> SparkResult<Vec<Token>> {
    let mut lexer =
        Lexer { text, at: 0, chars: 0, tokens: Vec::with_capacity(text.len() / 4 + 2), double_quoted_names };
    lexer.run()?;
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Characters before `at`.
    chars: usize,
    tokens: Vec<Token>,
    double_quoted_names: bool,
}

impl<'a> Lexer<'a> {
    fn run(&mut self) -> SparkResult<()> {
        loop {
            let rest: &'a str = self.text.get(self.at..).unwrap_or_default();
            let Some(c) = rest.chars().next() else { break };
            if c.is_whitespace() || c == '\u{feff}' {
                self.skip(c.len_utf8());
            } else if rest.starts_with("--") {
                self.skip(line_comment(rest));
            } else if rest.starts_with("/*") && !rest.starts_with("/*+") {
                let len = bracketed_comment(rest).ok_or_else(|| SparkError::new("UNCLOSED_BRACKETED_COMMENT"))?;
                self.skip(len);
            } else {
                let (kind, len) = self.next_token(rest, c);
                self.push(kind, len);
            }
        }
        self.push(Kind::End, 0);
        Ok(())
    }

    /// Moves past `len` bytes.
    fn skip(&mut self, len: usize) {
        let passed = self.text.get(self.at..self.at + len).unwrap_or_default();
        self.chars += passed.chars().count();
        self.at += len.max(1);
    }

    fn push(&mut self, kind: Kind, len: usize) {
        let (start, char_start) = (self.at, self.chars);
        if len > 0 {
            self.skip(len);
        }
        self.tokens.push(Token { kind, start, end: start + len, char_start, char_end: self.chars });
    }

    fn next_token(&self, rest: &str, c: char) -> (Kind, usize) {
        let quoted = |kind, len: Option<usize>| len.map_or((Kind::Bad, c.len_utf8()), |len| (kind, len));
        match c {
            '\'' => quoted(Kind::String, string(rest, '\'')),
            '"' if self.double_quoted_names => quoted(Kind::QuotedName, string(rest, '"')),
            '"' => quoted(Kind::String, string(rest, '"')),
            '`' => quoted(Kind::QuotedName, back_quoted(rest)),
            'r' | 'R' if rest.get(1..).is_some_and(|r| r.starts_with(['\'', '"'])) => {
                quoted(Kind::String, raw_string(rest))
            }
            '0'..='9' => number_or_name(rest),
            '.' => match number(rest) {
                Some(len) => (Kind::Number, len),
                None => (Kind::Symbol, 1),
            },
            '$' => (Kind::Bad, dollar_tag(rest)),
            c if is_name_char(c) => (Kind::Word, name(rest)),
            _ => match SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
                Some(s) => (Kind::Symbol, s.len()),
                None => (Kind::Bad, c.len_utf8()),
            },
        }
    }
}

/// A quoted string in which a doubled quote and a backslash before any character do not end it.
fn string(rest: &str, quote: char) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((i, c)) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if c == quote {
            match chars.peek() {
                Some((_, next)) if *next == quote => {
                    chars.next();
                }
                _ => return Some(i + 1),
            }
        }
    }
    None
}

fn back_quoted(rest: &str) -> Option<usize> {
    let b = rest.as_bytes();
    let mut i = 1;
    while i < b.len() {
        if b.get(i) == Some(&b'`') {
            if b.get(i + 1) != Some(&b'`') {
                return Some(i + 1);
            }
            i += 1;
        }
        i += 1;
    }
    None
}

fn raw_string(rest: &str) -> Option<usize> {
    let quote = rest.get(1..2)?;
    Some(2 + rest.get(2..)?.find(quote)? + 1)
}

/// `$tag$`: the start of a string form that the grammar has no use for.
fn dollar_tag(rest: &str) -> usize {
    let tag = rest.get(1..).map(name).unwrap_or_default();
    if rest.get(1 + tag..).is_some_and(|r| r.starts_with('$')) { tag + 2 } else { 1 }
}

fn line_comment(rest: &str) -> usize {
    let mut from = 0;
    while let Some(found) = rest.get(from..).and_then(|r| r.find('\n')) {
        let end = from + found;
        if !rest.get(..end).is_some_and(|r| r.ends_with('\\')) {
            return end + 1;
        }
        from = end + 1;
    }
    rest.len()
}

/// Comments nest; a hint inside a comment is part of it.
fn bracketed_comment(rest: &str) -> Option<usize> {
    let b = rest.as_bytes();
    let mut depth = 0usize;
    let mut i = 0;
    while i + 1 < b.len() {
        match (b.get(i), b.get(i + 1)) {
            (Some(b'/'), Some(b'*')) => {
                depth += 1;
                i += 2;
            }
            (Some(b'*'), Some(b'/')) => {
                depth = depth.saturating_sub(1);
                i += 2;
                if depth == 0 {
                    return Some(i);
                }
            }
            _ => i += 1,
        }
    }
    None
}
