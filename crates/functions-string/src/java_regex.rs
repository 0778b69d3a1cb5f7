//! Java's regular expressions on `fancy-regex`.
//!
//! A pattern is rewritten where the same text means another thing in Rust: `\d \w \s` and POSIX
//! classes are ASCII, `.` stops at Java's line ends, `$` stands before a last line end too, `\Q…\E`,
//! `\uXXXX`, octal and control escapes are spelt out. What Java refuses (unknown escapes) is
//! refused. Compiled patterns are kept for the process. Backtracking is bounded by `fancy-regex`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use datafusion::common::Result as DfResult;
use fancy_regex::{Captures, Regex, RegexBuilder};
use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::collation::Collator;
use vonk_expr::collation::collator::Rule;
use vonk_expr::{Call, exec_err};

/// Most patterns kept; when there are more the store starts afresh.
const KEPT: usize = 512;
/// Steps of backtracking after which a match is given up.
const BACKTRACKS: usize = 20_000_000;
/// Bytes a compiled pattern may take.
const SIZE: usize = 64 * 1024 * 1024;

/// A compiled pattern. `$` needs a second form for text that ends with a line end.
pub struct JavaRegex {
    plain: Regex,
    at_line_end: Option<Regex>,
    names: Vec<(String, usize)>,
}

static COMPILED: LazyLock<Mutex<HashMap<String, Arc<JavaRegex>>>> = LazyLock::new(Default::default);

/// The compiled pattern, from the store if it was compiled before. `None`: not a valid pattern.
pub fn compile(pattern: &str) -> Option<Arc<JavaRegex>> {
    let lock = || COMPILED.lock().unwrap_or_else(|e| e.into_inner());
    if let Some(found) = lock().get(pattern) {
        return Some(Arc::clone(found));
    }
    let compiled = Arc::new(JavaRegex::new(pattern)?);
    let mut store = lock();
    if store.len() >= KEPT {
        store.clear();
    }
    store.insert(pattern.to_string(), Arc::clone(&compiled));
    Some(compiled)
}

/// The error Spark gives for a pattern that is none.
pub fn invalid_pattern(function: &str, pattern: &str) -> SparkError {
    SparkError::new("INVALID_PARAMETER_VALUE.PATTERN")
        .param("functionName", quote_id([function]))
        .param("parameter", quote_id(["regexp"]))
        .param("value", crate::like::quoted_literal(pattern))
}

/// Keeps the last pattern of a column of patterns, so that a constant is looked up once.
#[derive(Default)]
pub struct Last {
    kept: Option<(String, Arc<JavaRegex>)>,
    ignore_case: bool,
}

impl Last {
    /// For texts of a collation: UTF8_LCASE finds letters of either case.
    pub fn for_text(call: &Call) -> DfResult<Self> {
        let collator = Collator::of(call.arg_types.get(..1).unwrap_or_default()).map_err(exec_err)?;
        Ok(Last { kept: None, ignore_case: matches!(collator.rule, Rule::Lcase) })
    }

    pub fn ignores_case(&self) -> bool {
        self.ignore_case
    }

    pub fn get(&mut self, function: &str, pattern: &str) -> SparkResult<&JavaRegex> {
        if self.kept.as_ref().is_none_or(|(p, _)| p != pattern) {
            let compiled = match self.ignore_case {
                true => compile(&format!("(?i){pattern}")),
                false => compile(pattern),
            };
            let compiled = compiled.ok_or_else(|| invalid_pattern(function, pattern))?;
            self.kept = Some((pattern.to_string(), compiled));
        }
        match &self.kept {
            Some((_, compiled)) => Ok(compiled),
            None => Err(invalid_pattern(function, pattern)),
        }
    }
}

fn too_complex(_: fancy_regex::Error) -> SparkError {
    SparkError::internal("a regular expression needed too much backtracking")
}

impl JavaRegex {
    fn new(pattern: &str) -> Option<Self> {
        let build =
            |text: &str| RegexBuilder::new(text).backtrack_limit(BACKTRACKS).delegate_size_limit(SIZE).build().ok();
        let Translated { text, dollars, names } = translate(pattern, r"\z")?;
        let plain = build(&text)?;
        let at_line_end = if dollars {
            let Translated { text, .. } = translate(pattern, r"(?=(?:\r\n|[\n\r\x{85}\x{2028}\x{2029}])?\z)")?;
            Some(build(&text)?)
        } else {
            None
        };
        Some(JavaRegex { plain, at_line_end, names })
    }

    fn for_text(&self, text: &str) -> &Regex {
        match &self.at_line_end {
            Some(other) if text.ends_with(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) => other,
            _ => &self.plain,
        }
    }

    /// Number of groups, without the whole match.
    pub fn groups(&self) -> usize {
        self.plain.captures_len() - 1
    }

    pub fn group_of_name(&self, name: &str) -> Option<usize> {
        self.names.iter().find(|(n, _)| n == name).map(|(_, group)| *group)
    }

    pub fn is_match(&self, text: &str) -> SparkResult<bool> {
        self.for_text(text).is_match(text).map_err(too_complex)
    }

    /// Start and end of the first match at or after `from`.
    pub fn find_at(&self, text: &str, from: usize) -> SparkResult<Option<(usize, usize)>> {
        let found = self.for_text(text).find_from_pos(text, from).map_err(too_complex)?;
        Ok(found.map(|m| (m.start(), m.end())))
    }

    pub fn captures_at<'t>(&self, text: &'t str, from: usize) -> SparkResult<Option<Captures<'t>>> {
        self.for_text(text).captures_from_pos(text, from).map_err(too_complex)
    }

    /// All matches from left to right; after an empty one the search goes on one character later.
    pub fn each_match(&self, text: &str, mut f: impl FnMut(usize, usize)) -> SparkResult<()> {
        let mut from = 0;
        while let Some((start, end)) = self.find_at(text, from)? {
            f(start, end);
            match next_start(text, start, end) {
                Some(next) => from = next,
                None => break,
            }
        }
        Ok(())
    }
}

/// Where the search goes on after a match.
pub fn next_start(text: &str, start: usize, end: usize) -> Option<usize> {
    if end > start {
        return Some(end);
    }
    let step = text.get(end..)?.chars().next()?.len_utf8();
    Some(end + step)
}

/// A pattern for Rust.
struct Translated {
    text: String,
    /// It has a `$` outside multi-line mode.
    dollars: bool,
    /// Its groups with names, which are groups without names in the text: there is one way to refer back to a group.
    names: Vec<(String, usize)>,
}

fn translate(pattern: &str, dollar: &str) -> Option<Translated> {
    let mut t = Translator {
        chars: pattern.chars().collect(),
        at: 0,
        out: String::with_capacity(pattern.len() + 8),
        dollars: false,
        begin: 0,
        groups: 0,
        names: vec![],
    };
    let (mut dot_all, mut multi_line) = (false, false);
    while let Some(c) = t.next() {
        match c {
            '\\' => t.escape(false)?,
            '[' => t.class()?,
            '{' => t.repetition()?,
            '.' if !dot_all => t.out.push_str(r"[^\n\r\x{85}\x{2028}\x{2029}]"),
            '$' if !multi_line => {
                t.dollars = true;
                t.out.push_str(dollar);
            }
            '(' if t.opens_name() => t.named_group()?,
            '(' if t.peek(0) == Some('?') => {
                t.out.push('(');
                let flags: String =
                    t.chars[t.at + 1..].iter().take_while(|c| c.is_ascii_alphabetic() || **c == '-').collect();
                let closes = matches!(t.peek(1 + flags.len()), Some(')' | ':'));
                if closes && !flags.is_empty() {
                    let on = flags.split('-').next().unwrap_or_default();
                    let off = flags.split_once('-').map_or("", |(_, off)| off);
                    dot_all = (dot_all || on.contains('s')) && !off.contains('s');
                    multi_line = (multi_line || on.contains('m')) && !off.contains('m');
                    t.at += 1 + flags.len();
                    let kept: String = flags.chars().filter(|c| matches!(c, 'i' | 's' | 'm' | 'x' | '-')).collect();
                    let kept = kept.trim_end_matches('-');
                    t.out.push('?');
                    if kept.is_empty() && t.peek(0) == Some(')') {
                        t.out.push(':');
                    } else {
                        t.out.push_str(kept);
                    }
                }
            }
            '(' => t.group(),
            '|' => {
                t.out.push('|');
                t.begin = t.out.len();
            }
            c => t.out.push(c),
        }
    }
    Some(Translated { text: t.out, dollars: t.dollars, names: t.names })
}

struct Translator {
    chars: Vec<char>,
    at: usize,
    out: String,
    dollars: bool,
    /// Where what was written of the innermost group or alternative begins.
    begin: usize,
    /// Groups that opened so far.
    groups: usize,
    names: Vec<(String, usize)>,
}

impl Translator {
    fn next(&mut self) -> Option<char> {
        let c = self.chars.get(self.at).copied()?;
        self.at += 1;
        Some(c)
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    /// After an opening parenthesis: is it that of a group with a name, not of a look-behind?
    fn opens_name(&self) -> bool {
        self.peek(0) == Some('?') && self.peek(1) == Some('<') && !matches!(self.peek(2), Some('=' | '!'))
    }

    fn group(&mut self) {
        self.groups += 1;
        self.out.push('(');
        self.begin = self.out.len();
    }

    fn named_group(&mut self) -> Option<()> {
        self.at += 1;
        let name = self.name()?;
        if self.names.iter().any(|(n, _)| *n == name) {
            return None;
        }
        self.group();
        self.names.push((name, self.groups));
        Some(())
    }

    /// `<name>`.
    fn name(&mut self) -> Option<String> {
        let rest = self.chars.get(self.at..)?.strip_prefix(&['<'])?;
        let length = rest.iter().position(|c| *c == '>')?;
        let name: String = rest.get(..length)?.iter().collect();
        self.at += length + 2;
        let fits =
            name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(|c| c.is_ascii_alphanumeric());
        fits.then_some(name)
    }

    /// After an opening brace, which in Java is always the begin of `{n}`, `{n,}` or `{n,m}`.
    fn repetition(&mut self) -> Option<()> {
        let length = self.chars.get(self.at..)?.iter().position(|c| *c == '}')?;
        let text: String = self.chars.get(self.at..self.at + length)?.iter().collect();
        let (least, most) = text.split_once(',').unwrap_or((&text, &text));
        let number = |digits: &str| digits.parse::<u32>().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
        let least = number(least)?;
        if self.out.is_empty() || !most.is_empty() && number(most)? < least {
            return None;
        }
        // Nothing is nothing, however often it is repeated.
        if self.out.len() > self.begin {
            self.out.push_str(&format!("{{{text}}}"));
        }
        self.at += length + 1;
        Some(())
    }

    fn literal(&mut self, c: char) {
        if c.is_ascii() && !c.is_ascii_alphanumeric() {
            if c.is_ascii_control() {
                self.out.push_str(&format!(r"\x{:02x}", c as u32));
                return;
            }
            if c != '_'
                && c != ' '
                && c != '"'
                && c != '\''
                && c != ','
                && c != ';'
                && c != ':'
                && c != '='
                && c != '!'
                && c != '%'
                && c != '@'
                && c != '`'
                && c != '/'
                && c != '<'
                && c != '>'
            {
                self.out.push('\\');
            }
        }
        self.out.push(c);
    }

    fn code(&mut self, code: u32) -> Option<()> {
        char::from_u32(code)?;
        self.out.push_str(&format!(r"\x{{{code:x}}}"));
        Some(())
    }

    fn hex(&mut self, digits: usize) -> Option<u32> {
        let text: String = self.chars.get(self.at..self.at + digits)?.iter().collect();
        self.at += digits;
        u32::from_str_radix(&text, 16).ok()
    }

    /// After a backslash; in a class only what stands for characters is allowed.
    fn escape(&mut self, in_class: bool) -> Option<()> {
        let c = self.next()?;
        let set = |inner: &str, negated: bool| match (in_class, negated) {
            (true, false) => inner.to_string(),
            (_, true) => format!("[^{inner}]"),
            (false, false) => format!("[{inner}]"),
        };
        const SPACE: &str = r" \t\n\x0b\x0c\r";
        const HSPACE: &str = r" \t\x{a0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}";
        const VSPACE: &str = r"\n\x0b\x0c\r\x{85}\x{2028}\x{2029}";
        match c {
            'd' | 'D' => self.out.push_str(&set("0-9", c == 'D')),
            'w' | 'W' => self.out.push_str(&set("a-zA-Z0-9_", c == 'W')),
            's' | 'S' => self.out.push_str(&set(SPACE, c == 'S')),
            'h' | 'H' => self.out.push_str(&set(HSPACE, c == 'H')),
            'v' | 'V' => self.out.push_str(&set(VSPACE, c == 'V')),
            'R' if !in_class => self.out.push_str(&format!(r"(?:\r\n|[{VSPACE}])")),
            'Q' => loop {
                match self.next() {
                    None => break,
                    Some('\\') if self.peek(0) == Some('E') => {
                        self.at += 1;
                        break;
                    }
                    Some(c) => self.literal(c),
                }
            },
            'E' => {}
            'b' | 'B' | 'A' | 'z' | 'G' if !in_class => {
                self.out.push('\\');
                self.out.push(c);
            }
            'Z' if !in_class => self.out.push_str(r"(?=(?:\r\n|[\n\r\x{85}\x{2028}\x{2029}])?\z)"),
            'X' if !in_class => self.out.push_str(r"(?:\P{M}\p{M}*)"),
            't' | 'n' | 'r' | 'f' => {
                self.out.push('\\');
                self.out.push(c);
            }
            'a' => self.code(7)?,
            'e' => self.code(0x1b)?,
            'c' => {
                let c = self.next()?;
                self.code(c as u32 ^ 64)?;
            }
            '0' => {
                let digits: String =
                    self.chars[self.at..].iter().take(3).take_while(|c| ('0'..='7').contains(*c)).collect();
                let digits = if digits.len() == 3 && digits.as_str() > "377" { &digits[..2] } else { &digits[..] };
                self.at += digits.len();
                let code = u32::from_str_radix(digits, 8).ok()?;
                self.code(code)?;
            }
            'x' if self.peek(0) == Some('{') => {
                let text: String = self.chars[self.at + 1..].iter().take_while(|c| **c != '}').collect();
                self.at += text.len() + 2;
                self.code(u32::from_str_radix(&text, 16).ok()?)?;
            }
            'x' => {
                let code = self.hex(2)?;
                self.code(code)?;
            }
            'u' => {
                let mut code = self.hex(4)?;
                if (0xd800..0xdc00).contains(&code) && self.peek(0) == Some('\\') && self.peek(1) == Some('u') {
                    self.at += 2;
                    code = 0x10000 + ((code - 0xd800) << 10) + (self.hex(4)?.checked_sub(0xdc00)?);
                }
                self.code(code)?;
            }
            'p' | 'P' => self.property(c == 'P', in_class)?,
            '1'..='9' if !in_class => self.back_reference(c.to_digit(10)? as usize),
            'k' if !in_class => {
                let name = self.name()?;
                let (_, group) = self.names.iter().find(|(n, _)| *n == name)?;
                self.out.push_str(&format!(r"(?:\{group})"));
            }
            c if c.is_ascii_alphabetic() => return None,
            c => self.literal(c),
        }
        Some(())
    }

    /// A digit more belongs to the number if there are so many groups; a group that there is not never matches.
    fn back_reference(&mut self, mut group: usize) {
        let opens = |(i, c): (usize, &char)| {
            let escaped = self.chars[..i].iter().rev().take_while(|c| **c == '\\').count() % 2 == 1;
            let named = self.chars.get(i + 2) == Some(&'<') && !matches!(self.chars.get(i + 3), Some('=' | '!'));
            *c == '(' && !escaped && (self.chars.get(i + 1) != Some(&'?') || named)
        };
        let groups = self.chars.iter().enumerate().filter(|at| opens(*at)).count();
        while let Some(digit) = self.peek(0).and_then(|c| c.to_digit(10)) {
            let longer = group * 10 + digit as usize;
            if longer > groups {
                break;
            }
            group = longer;
            self.at += 1;
        }
        let text = if group > groups { "(?!)".to_string() } else { format!(r"(?:\{group})") };
        self.out.push_str(&text);
    }

    fn property(&mut self, negated: bool, in_class: bool) -> Option<()> {
        let name = if self.peek(0) == Some('{') {
            let name: String = self.chars[self.at + 1..].iter().take_while(|c| **c != '}').collect();
            self.at += name.chars().count() + 2;
            name
        } else {
            self.next()?.to_string()
        };
        let posix = match name.as_str() {
            "Lower" => "a-z",
            "Upper" => "A-Z",
            "ASCII" => r"\x00-\x7f",
            "Alpha" => "a-zA-Z",
            "Digit" => "0-9",
            "Alnum" => "a-zA-Z0-9",
            "Punct" => r"!-/:-@\[-`\{-~",
            "Graph" => "!-~",
            "Print" => " -~",
            "Blank" => r" \t",
            "Cntrl" => r"\x00-\x1f\x7f",
            "XDigit" => "0-9a-fA-F",
            "Space" => r" \t\n\x0b\x0c\r",
            _ => "",
        };
        if !posix.is_empty() {
            let text = match (negated, in_class) {
                (true, _) => format!("[^{posix}]"),
                (false, true) => posix.to_string(),
                (false, false) => format!("[{posix}]"),
            };
            self.out.push_str(&text);
            return Some(());
        }
        let name = match name.as_str() {
            "javaLowerCase" | "IsLowercase" => "Lowercase",
            "javaUpperCase" | "IsUppercase" => "Uppercase",
            "javaWhitespace" | "IsWhite_Space" => "White_Space",
            "IsAlphabetic" => "Alphabetic",
            "IsDigit" => "Nd",
            "IsPunctuation" => "P",
            "IsLetter" => "L",
            "L1" => return None,
            other => match other.split_once('=') {
                Some(("script" | "sc" | "IsScript" | "general_category" | "gc", value)) => value,
                Some(_) => return None,
                None => other.strip_prefix("Is").unwrap_or(other),
            },
        };
        self.out.push_str(&format!(r"\{}{{{name}}}", if negated { 'P' } else { 'p' }));
        Some(())
    }

    /// After `[`, to the bracket that closes it.
    fn class(&mut self) -> Option<()> {
        self.out.push('[');
        let mut depth = 1;
        let mut first = true;
        if self.peek(0) == Some('^') {
            self.at += 1;
            self.out.push('^');
        }
        while let Some(c) = self.next() {
            match c {
                '\\' => self.escape(true)?,
                '[' => {
                    depth += 1;
                    self.out.push('[');
                    if self.peek(0) == Some('^') {
                        self.at += 1;
                        self.out.push('^');
                    }
                    first = true;
                    continue;
                }
                ']' if first => self.out.push_str(r"\]"),
                ']' => {
                    depth -= 1;
                    self.out.push(']');
                    if depth == 0 {
                        return Some(());
                    }
                }
                '~' => self.out.push_str(r"\~"),
                '-' if self.peek(0) == Some('-') => self.out.push_str(r"\-"),
                c => self.out.push(c),
            }
            first = false;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_patterns_match_as_in_java() {
        for (pattern, text, want) in [
            (r"^\\abc$", r"\abc", true),
            (r"\d+", "٣", false),
            (r"^\w+$", "é", false),
            ("a.c", "a\nc", false),
            ("(?s)a.c", "a\nc", true),
            ("abc$", "abc\n", true),
            ("abc$", "abcd", false),
            (r"\Qa.b\E+", "a.bbb", true),
            (r"[\p{Alpha}&&[^z]]", "z", false),
            (r"\p{Lu}", "É", true),
            (r"\p{IsAlphabetic}", "é", true),
            (r"(a)\1", "aa", true),
            (r"(?<x>a)\k<x>", "aa", true),
            (r"^(?<x>a)(b)\2\1\k<x>$", "abbaa", true),
            (r"a++b", "aaab", true),
            (r"[]a]", "]", true),
            (r"\x41\u0042\0103", "ABC", true),
            ("%SystemDrive%\\\\Users.*", "%SystemDrive%\\Users\\John", true),
            ("(?i)ABC", "abc", true),
            ("[a-c[x-z]]", "y", true),
            (r"^\({2}$", "((", true),
            (r"^\({2}$", "(", false),
            (r"^\|{2}$", "||", true),
            (r"^\Q(\E{2}$", "((", true),
            ("^({2}a|{3}b)$", "b", true),
        ] {
            let regex = compile(pattern).unwrap_or_else(|| panic!("{pattern}"));
            assert_eq!(regex.is_match(text).ok(), Some(want), "{pattern} {text:?}");
        }
    }

    #[test]
    fn what_java_refuses_is_refused() {
        for pattern in
            [r"%SystemDrive%\Users", "(", "[a", "*a", r"\", r"a\y", "(?<x>a)(?<x>b)", r"\k<x>(?<x>a)", "(?<1>a)"]
        {
            assert!(compile(pattern).is_none(), "{pattern}");
        }
    }
}
