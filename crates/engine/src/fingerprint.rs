//! Are two relations the same query? The client's plan ids and places in its program do not count.

use std::fmt::{self, Write};

use vonk_plan::Relation;

/// A relation's structure as text, to be compared with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    text: String,
    /// Length before ids and origins were left out.
    full: usize,
}

impl Fingerprint {
    pub fn of(relation: &Relation) -> Self {
        let full = format!("{relation:?}");
        Fingerprint { text: strip(&full), full: full.len() }
    }

    /// Does the query name this, in lower case?
    pub fn mentions(&self, name: &str) -> bool {
        self.text.to_lowercase().contains(name)
    }

    /// Is that the same query? Much larger ones are told apart without being looked at in full.
    pub fn is(&self, relation: &Relation) -> bool {
        let mut out = Limited { text: String::new(), limit: self.full + self.full / 4 + 4096 };
        write!(out, "{relation:?}").is_ok() && strip(&out.text) == self.text
    }
}

/// Text that refuses to grow beyond a limit.
struct Limited {
    text: String,
    limit: usize,
}

impl fmt::Write for Limited {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        if self.text.len() + s.len() > self.limit {
            return Err(fmt::Error);
        }
        self.text.push_str(s);
        Ok(())
    }
}

/// Structural equality without plan ids and origins: `df.sameSemantics()`.
pub fn same_relation(a: &Relation, b: &Relation) -> bool {
    Fingerprint::of(a).is(b)
}

/// A stable hash of the same: `df.semanticHash()`.
pub fn semantic_hash(relation: &Relation) -> i32 {
    let hash = Fingerprint::of(relation)
        .text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    (hash ^ (hash >> 32)) as i32
}

/// Leaves out `plan_id: …` and `origin: …` of a debug text.
fn strip(debug: &str) -> String {
    let mut out = String::with_capacity(debug.len());
    let mut rest = debug;
    loop {
        let next = ["plan_id: ", "origin: "].iter().filter_map(|k| rest.find(k).map(|at| (at, k.len()))).min();
        let Some((at, length)) = next else {
            out.push_str(rest);
            return out;
        };
        out.push_str(&rest[..at]);
        rest = skip_value(&rest[at + length..]);
    }
}

/// The text behind one value: up to the comma or bracket that ends it.
fn skip_value(text: &str) -> &str {
    let (mut depth, mut quoted, mut escaped) = (0_i32, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' | ',' if depth == 0 => return &text[at..],
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    ""
}
