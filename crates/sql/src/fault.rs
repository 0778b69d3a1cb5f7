//! Where and why a text does not fit.

use std::sync::Arc;

use vonk_common::{Origin, SparkError, SparkResult};

use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    /// The current token does not fit.
    pub fn fail<T>(&self) -> SparkResult<T> {
        Err(self.syntax_error(self.pos))
    }

    pub fn syntax_error(&self, at: usize) -> SparkError {
        let t = self.token(at);
        let found = match t.kind {
            Kind::End => "end of input".to_string(),
            _ => format!("'{}'", self.src.get(t.start..t.end).unwrap_or_default()),
        };
        let origin = Origin::sql(self.text.clone(), t.char_start, t.char_end);
        SparkError::new("PARSE_SYNTAX_ERROR").param("error", found).param("hint", "").at(Some(Arc::new(origin)))
    }

    /// Keeps an error for the end of the parse: faults of syntax come first.
    pub fn defer(&mut self, error: SparkError) {
        self.deferred.get_or_insert(error);
    }

    pub fn take_deferred(&mut self) -> SparkResult<()> {
        self.deferred.take().map_or(Ok(()), Err)
    }

    /// An error of the text from token `start` up to here.
    pub fn error(&self, error: SparkError, start: usize) -> SparkError {
        error.at(self.origin(start))
    }
}
