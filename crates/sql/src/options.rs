//! What the session tells the parser: the settings that change how a text is read.

use std::collections::BTreeMap;

use vonk_common::SessionConf;
use vonk_plan::expr::Expr;

/// Settings of one parse. Parameters that are given here are put in place of `:name` and `?`,
/// also where Spark wants a constant (`IDENTIFIER(:t)`, `LIMIT :n`); others stay in the plan.
#[derive(Debug, Clone)]
pub struct ParseOptions<'a> {
    pub conf: &'a SessionConf,
    pub ansi: bool,
    /// `"x"` is a name, not a string.
    pub double_quoted_identifiers: bool,
    /// Reserved words of ANSI SQL cannot be names.
    pub enforce_reserved: bool,
    /// Interval literals are calendar intervals.
    pub legacy_interval: bool,
    /// The collation of strings that name none: that of the view whose text this is.
    pub collation: Option<String>,
    pub named: BTreeMap<String, Expr>,
    pub positional: Vec<Expr>,
}

impl<'a> ParseOptions<'a> {
    pub fn new(conf: &'a SessionConf) -> Self {
        let ansi = conf.ansi();
        ParseOptions {
            conf,
            ansi,
            double_quoted_identifiers: ansi && conf.bool("spark.sql.ansi.doubleQuotedIdentifiers"),
            enforce_reserved: ansi && conf.bool("spark.sql.ansi.enforceReservedKeywords"),
            legacy_interval: conf.bool("spark.sql.legacy.interval.enabled"),
            collation: None,
            named: BTreeMap::new(),
            positional: vec![],
        }
    }
}
