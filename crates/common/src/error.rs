//! Errors as Spark reports them: an error class, its SQLSTATE, the message parameters and, where
//! the fault lies in a piece of SQL text or in a DataFrame call, the query context.
//!
//! The table of classes is data (`error/conditions.json`): class names, SQLSTATEs and parameter
//! names are Spark's, the message texts are ours. A class that is missing in the table is a
//! programming error and shows as such, it never panics.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use serde::Deserialize;

pub type SparkResult<T> = Result<T, SparkError>;

/// Where in the user's program a node of a plan comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A range of SQL text: `start..stop` are character offsets (stop exclusive).
    Sql { text: Arc<str>, start: usize, stop: usize, object_type: String, object_name: String },
    /// A call in a DataFrame program, as the client reports it.
    DataFrame { fragment: String, call_site: String },
}

impl Origin {
    pub fn sql(text: Arc<str>, start: usize, stop: usize) -> Self {
        Origin::Sql { text, start, stop, object_type: String::new(), object_name: String::new() }
    }

    /// The piece of text the origin points at.
    pub fn fragment(&self) -> String {
        match self {
            Origin::Sql { text, start, stop, .. } => {
                text.chars().skip(*start).take(stop.saturating_sub(*start)).collect()
            }
            Origin::DataFrame { fragment, .. } => fragment.clone(),
        }
    }

    /// A few lines that show the place: the SQL text around it underlined, or the call site.
    pub fn summary(&self) -> String {
        let (text, start, stop, object) = match self {
            Origin::DataFrame { fragment, call_site } => {
                return format!("== DataFrame ==\n\"{fragment}\" was called from\n{call_site}\n");
            }
            Origin::Sql { text, start, stop, object_type, object_name } if !object_type.is_empty() => {
                (text, *start, *stop, format!(" of {object_type} {object_name}"))
            }
            Origin::Sql { text, start, stop, .. } => (text, *start, *stop, String::new()),
        };
        /// So many characters are shown on either side.
        const AROUND: usize = 32;
        let chars: Vec<char> = text.chars().collect();
        let stop = stop.clamp(0, chars.len());
        let start = start.min(stop);
        let before = chars.iter().take(start).rev().take(AROUND).take_while(|c| **c != '\n').count();
        let after = chars.iter().skip(stop).take(AROUND).take_while(|c| **c != '\n').count();
        let (from, to) = (start - before, stop + after);
        let dots = |cut: bool| if cut { "..." } else { "" };
        let cut = |at: Option<&char>| at.is_some_and(|c| *c != '\n');
        let head = dots(before == AROUND && from > 0 && cut(chars.get(from - 1)));
        let tail = dots(after == AROUND && cut(chars.get(to)));
        let (line, column) = self.line_and_column().unwrap_or((1, 0));
        let mut out = format!("== SQL{object} (line {line}, position {}) ==\n", column + 1);
        let mut at = from;
        let shown: String = chars.iter().skip(from).take(to - from).collect();
        let lines: Vec<&str> = shown.split('\n').collect();
        for (i, line) in lines.iter().enumerate() {
            let (head, tail) = (if i == 0 { head } else { "" }, if i + 1 == lines.len() { tail } else { "" });
            out.push_str(&format!("{head}{line}{tail}\n{}", " ".repeat(head.len())));
            let end = at + line.chars().count();
            out.extend((at..end.min(stop)).map(|i| if i < start { ' ' } else { '^' }));
            out.push('\n');
            at = end + 1;
        }
        out
    }

    /// 1-based line and 0-based column of the start, for SQL text.
    pub fn line_and_column(&self) -> Option<(usize, usize)> {
        let Origin::Sql { text, start, .. } = self else { return None };
        let mut line = 1;
        let mut column = 0;
        for c in text.chars().take(*start) {
            if c == '\n' {
                line += 1;
                column = 0;
            } else {
                column += 1;
            }
        }
        Some((line, column))
    }
}

#[derive(Deserialize)]
struct Condition {
    #[serde(default)]
    sqlstate: Option<String>,
    message: String,
}

static CONDITIONS: LazyLock<HashMap<String, Condition>> =
    LazyLock::new(|| serde_json::from_str(include_str!("error/conditions.json")).unwrap_or_default());

/// An error with Spark's class. Cheap to move: one pointer.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SparkError(Box<Inner>);

#[derive(Clone, PartialEq, Eq, Hash)]
struct Inner {
    class: Cow<'static, str>,
    params: Vec<(Cow<'static, str>, String)>,
    origin: Option<Arc<Origin>>,
    cause: Option<SparkError>,
}

impl SparkError {
    /// An error of `class`, e.g. `DIVIDE_BY_ZERO` or `UNRESOLVED_COLUMN.WITH_SUGGESTION`.
    pub fn new(class: impl Into<Cow<'static, str>>) -> Self {
        SparkError(Box::new(Inner { class: class.into(), params: vec![], origin: None, cause: None }))
    }

    /// Adds a message parameter. Values are stored as Spark shows them (identifiers in back
    /// quotes, types and SQL texts in double quotes): see [`quote_id`] and [`quote_sql`].
    pub fn param(mut self, name: impl Into<Cow<'static, str>>, value: impl fmt::Display) -> Self {
        self.0.params.push((name.into(), value.to_string()));
        self
    }

    /// The same error with other values of the parameter of that name.
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        for (_, own) in self.0.params.iter_mut().filter(|(own, _)| own == name) {
            *own = value.to_string();
        }
        self
    }

    /// Sets where the error happened, unless a more precise place is already known.
    pub fn at(mut self, origin: Option<Arc<Origin>>) -> Self {
        if self.0.origin.is_none() {
            self.0.origin = origin;
        }
        self
    }

    /// Sets the error that led to this one; clients show it below.
    pub fn caused_by(mut self, cause: SparkError) -> Self {
        self.0.cause = Some(cause);
        self
    }

    pub fn cause(&self) -> Option<&SparkError> {
        self.0.cause.as_ref()
    }

    /// A fault of Vonk itself: never to be caused by a user.
    pub fn internal(message: impl fmt::Display) -> Self {
        SparkError::new("INTERNAL_ERROR").param("message", message)
    }

    /// A feature of Spark that Vonk does not have (yet), by name.
    pub fn unsupported(feature: impl fmt::Display) -> Self {
        SparkError::new("UNSUPPORTED_FEATURE.VONK").param("feature", feature)
    }

    /// A feature that a setting would switch on.
    pub fn not_enabled(feature: impl fmt::Display, setting: &str) -> Self {
        SparkError::new("FEATURE_NOT_ENABLED")
            .param("featureName", feature)
            .param("configKey", setting)
            .param("configValue", "true")
    }

    pub fn class(&self) -> &str {
        &self.0.class
    }

    pub fn params(&self) -> &[(Cow<'static, str>, String)] {
        &self.0.params
    }

    pub fn origin(&self) -> Option<&Arc<Origin>> {
        self.0.origin.as_ref()
    }

    /// The SQLSTATE of the class; a sub-class has its parent's unless the table says otherwise.
    pub fn sqlstate(&self) -> Option<&'static str> {
        let own = CONDITIONS.get(self.class()).and_then(|c| c.sqlstate.as_deref());
        own.or_else(|| {
            let parent = self.class().split('.').next().unwrap_or_default();
            CONDITIONS.get(parent).and_then(|c| c.sqlstate.as_deref())
        })
    }

    /// Is there a condition of that name, in whatever case?
    pub fn is_condition(name: &str) -> bool {
        CONDITIONS.contains_key(&name.to_uppercase())
    }

    /// The text after the class: the table's template with the parameters filled in.
    fn text(&self) -> String {
        let class = self.class();
        let own = CONDITIONS.get(class).map(|c| c.message.as_str());
        let parent = class.split_once('.').and_then(|(p, _)| CONDITIONS.get(p)).map(|c| c.message.as_str());
        let template = match (parent, own) {
            (Some(p), Some(o)) => format!("{p} {o}"),
            (Some(t), None) | (None, Some(t)) => t.to_string(),
            (None, None) => {
                let params: Vec<_> = self.0.params.iter().map(|(k, v)| format!("{k}: {v}")).collect();
                return params.join(", ");
            }
        };
        fill(&template, &self.0.params)
    }

    /// The whole message as a client shows it, with class, SQLSTATE and what led to it.
    pub fn message(&self) -> String {
        let mut out = format!("[{}] {}", self.class(), self.text());
        if let Some(state) = self.sqlstate() {
            out.push_str(&format!(" SQLSTATE: {state}"));
        }
        if let Some(origin) = self.origin() {
            out.push('\n');
            out.push_str(&origin.summary());
        }
        if let Some(cause) = self.cause() {
            out.push_str("\nCaused by: ");
            out.push_str(&cause.message());
        }
        out
    }
}

/// Replaces each `<name>` of the template by the parameter's value, in one pass.
fn fill(template: &str, params: &[(Cow<'static, str>, String)]) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('<') {
        out.push_str(&rest[..open]);
        let tail = &rest[open..];
        let hit = tail.find('>').and_then(|close| {
            let name = &tail[1..close];
            params.iter().find(|(k, _)| k == name).map(|(_, v)| (close, v))
        });
        match hit {
            Some((close, value)) => {
                out.push_str(value);
                rest = &tail[close + 1..];
            }
            None => {
                out.push('<');
                rest = &tail[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

impl fmt::Display for SparkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl fmt::Debug for SparkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for SparkError {}

/// The parameter `docroot` of errors that point to Spark's documentation.
pub const DOCROOT: &str = "https://spark.apache.org/docs/latest";

/// `` `a`.`b` `` of the parts of a name, as Spark quotes identifiers in messages.
pub fn quote_id<S: AsRef<str>>(parts: impl IntoIterator<Item = S>) -> String {
    let quoted: Vec<_> = parts.into_iter().map(|p| format!("`{}`", p.as_ref().replace('`', "``"))).collect();
    quoted.join(".")
}

/// Where a session looks for names, as messages tell it.
pub fn search_path(catalog: &str, database: &str) -> String {
    format!("[`system`.`builtin`, `system`.`session`, {}]", quote_id([catalog, database]))
}

/// `"text"`: types, expressions, configuration keys and values in messages.
pub fn quote_sql(text: impl fmt::Display) -> String {
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_once_and_unknown_names_stay() {
        let e = SparkError::new("UNRESOLVED_ROUTINE").param("routineName", "<searchPath>").param("searchPath", "`x`");
        assert!(e.message().contains("<searchPath>"), "{e}");
        assert_eq!(e.sqlstate(), Some("42883"));
    }

    #[test]
    fn the_summary_underlines_the_place() {
        let text = "merge into nope using x on true when matched then delete";
        let expected =
            "== SQL (line 1, position 12) ==\nmerge into nope using x on true when matched th...\n           ^^^^\n";
        assert_eq!(Origin::sql(text.into(), 11, 15).summary(), expected);
        assert_eq!(Origin::sql("a\nbc d".into(), 2, 4).summary(), "== SQL (line 2, position 1) ==\nbc d\n^^\n");
    }

    #[test]
    fn origin_counts_lines_from_one_and_columns_from_zero() {
        let o = Origin::sql("a\nbc d".into(), 3, 4);
        assert_eq!((o.line_and_column(), o.fragment()), (Some((2, 1)), "c".to_string()));
    }
}
