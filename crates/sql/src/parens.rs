//! Parentheses matched in advance, so that every rule that has to look past one does so in one step.

use crate::tokens::{Kind, Token};

/// For each token that opens a parenthesis: where it closes, and whether it holds a query.
pub(crate) struct Parens {
    close: Vec<u32>,
    query: Vec<bool>,
}

const NONE: u32 = u32::MAX;

impl Parens {
    pub fn find(src: &str, tokens: &[Token]) -> Parens {
        let mut close = vec![NONE; tokens.len()];
        let mut open = vec![];
        for (i, t) in tokens.iter().enumerate() {
            match symbol(src, t) {
                "(" => open.push(i),
                ")" => {
                    if let Some(c) = open.pop().and_then(|o| close.get_mut(o)) {
                        *c = i as u32;
                    }
                }
                _ => {}
            }
        }
        let mut out = Parens { close, query: vec![false; tokens.len()] };
        for i in (0..tokens.len()).rev() {
            if tokens.get(i).is_some_and(|t| symbol(src, t) == "(") {
                let is_query = out.holds_query(src, tokens, i);
                if let Some(q) = out.query.get_mut(i) {
                    *q = is_query;
                }
            }
        }
        out
    }

    /// Index of the token that closes the parenthesis opened at `i`.
    pub fn close(&self, i: usize) -> Option<usize> {
        self.close.get(i).filter(|c| **c != NONE).map(|c| *c as usize)
    }

    /// The parenthesis opened at `i` holds a query, not an expression or a joined table.
    pub fn is_query(&self, i: usize) -> bool {
        self.query.get(i).copied().unwrap_or(false)
    }

    fn holds_query(&self, src: &str, tokens: &[Token], i: usize) -> bool {
        if tokens.get(i + 1).is_some_and(|t| symbol(src, t) == "(") {
            let Some(inner_close) = self.close(i + 1) else { return self.is_query(i + 1) };
            return self.is_query(i + 1)
                && (self.close(i) == Some(inner_close + 1) || continues_query(src, tokens, inner_close + 1));
        }
        starts_query(src, tokens, i + 1)
    }
}

fn symbol<'a>(src: &'a str, t: &Token) -> &'a str {
    if t.kind == Kind::Symbol { src.get(t.start..t.end).unwrap_or_default() } else { "" }
}

fn word<'a>(src: &'a str, tokens: &[Token], i: usize) -> &'a str {
    match tokens.get(i) {
        Some(t) if t.kind == Kind::Word => src.get(t.start..t.end).unwrap_or_default(),
        _ => "",
    }
}

fn is(w: &str, words: &[&str]) -> bool {
    words.iter().any(|k| k.eq_ignore_ascii_case(w))
}

/// A query begins at token `i`, rather than a name that is also a keyword.
pub(crate) fn starts_query(src: &str, tokens: &[Token], i: usize) -> bool {
    let w = word(src, tokens, i);
    let next = tokens.get(i + 1);
    let next_is_name = next.is_some_and(|t| matches!(t.kind, Kind::Word | Kind::QuotedName));
    let next_symbol = next.map(|t| symbol(src, t)).unwrap_or_default();
    let operand = !matches!(next_symbol, ")" | "," | "." | "=" | "==" | "->" | "=>" | "<" | ">" | "::" | "[");
    if is(w, &["SELECT"]) {
        operand
    } else if is(w, &["WITH"]) {
        next_is_name
    } else if is(w, &["VALUES"]) {
        let is_end = next.is_none_or(|t| t.kind == Kind::End);
        operand && !is_end && !is(word(src, tokens, i + 1), &["AND", "OR", "IS", "IN", "NOT", "AS"])
    } else if is(w, &["FROM", "TABLE"]) {
        next_is_name && !is(word(src, tokens, i + 1), &["AND", "OR", "IS", "IN", "AS"])
            || (is(w, &["FROM"]) && next_symbol == "(")
    } else if is(w, &["MAP", "REDUCE"]) {
        next_is_name
    } else {
        false
    }
}

/// Token `i`, after a query in parentheses, goes on with that query.
fn continues_query(src: &str, tokens: &[Token], i: usize) -> bool {
    let w = word(src, tokens, i);
    is(w, &["UNION", "INTERSECT", "EXCEPT", "MINUS", "LIMIT", "OFFSET"])
        || (is(w, &["ORDER", "SORT", "CLUSTER", "DISTRIBUTE"]) && is(word(src, tokens, i + 1), &["BY"]))
        || tokens.get(i).is_some_and(|t| symbol(src, t) == "|>")
}
