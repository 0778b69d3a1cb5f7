//! SQL text of an expression, as a rope: building the text of a deep expression level by level
//! would be quadratic, so pieces are shared and joined only when somebody reads them.

use std::fmt;
use std::sync::Arc;

/// Longest automatic name that is built: `spark.sql.maxToStringFields`-like guard against a name
/// of many megabytes for a generated expression.
const MAX_BYTES: usize = 16 * 1024 * 1024;

#[derive(Clone)]
pub struct SqlText(Arc<Node>);

enum Node {
    Leaf(String),
    Parts(Vec<SqlText>),
}

impl SqlText {
    pub fn new(text: impl Into<String>) -> Self {
        SqlText(Arc::new(Node::Leaf(text.into())))
    }

    pub fn concat(parts: impl IntoIterator<Item = SqlText>) -> Self {
        SqlText(Arc::new(Node::Parts(parts.into_iter().collect())))
    }

    /// `name(a, b, c)`.
    pub fn call(name: &str, args: impl IntoIterator<Item = SqlText>) -> Self {
        let mut parts = vec![SqlText::new(format!("{name}("))];
        for (i, arg) in args.into_iter().enumerate() {
            if i > 0 {
                parts.push(SqlText::new(", "));
            }
            parts.push(arg);
        }
        parts.push(SqlText::new(")"));
        SqlText::concat(parts)
    }

    /// `(left op right)`.
    pub fn infix(left: SqlText, op: &str, right: SqlText) -> Self {
        SqlText::concat([SqlText::new("("), left, SqlText::new(format!(" {op} ")), right, SqlText::new(")")])
    }

    /// Text around a text.
    pub fn wrap(before: &str, inner: SqlText, after: &str) -> Self {
        SqlText::concat([SqlText::new(before), inner, SqlText::new(after)])
    }

    /// Does the first piece of the text begin so? The others are not looked at.
    pub fn begins_with(&self, words: &str) -> bool {
        let mut first = self;
        loop {
            match &*first.0 {
                Node::Leaf(text) => return text.starts_with(words),
                Node::Parts(parts) => match parts.first() {
                    Some(part) => first = part,
                    None => return false,
                },
            }
        }
    }
}

impl From<&str> for SqlText {
    fn from(text: &str) -> Self {
        SqlText::new(text)
    }
}

impl From<String> for SqlText {
    fn from(text: String) -> Self {
        SqlText::new(text)
    }
}

impl fmt::Display for SqlText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut written = 0;
        let mut stack = vec![self];
        while let Some(SqlText(node)) = stack.pop() {
            match &**node {
                Node::Leaf(text) => {
                    written += text.len();
                    if written > MAX_BYTES {
                        return f.write_str("...");
                    }
                    f.write_str(text)?;
                }
                Node::Parts(parts) => stack.extend(parts.iter().rev()),
            }
        }
        Ok(())
    }
}

impl fmt::Debug for SqlText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Takes nested ropes apart without recursion, so that dropping a deep one needs no stack.
impl Drop for SqlText {
    fn drop(&mut self) {
        let mut stack = vec![];
        if let Some(Node::Parts(parts)) = Arc::get_mut(&mut self.0) {
            stack.append(parts);
        }
        while let Some(mut text) = stack.pop() {
            if let Some(Node::Parts(parts)) = Arc::get_mut(&mut text.0) {
                stack.append(parts);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_ropes_render_and_drop_without_recursion() {
        let mut text = SqlText::new("1");
        for _ in 0..200_000 {
            text = SqlText::infix(text, "+", "1".into());
        }
        assert!(text.begins_with("("));
        assert!(text.to_string().starts_with("(((("));
    }
}
