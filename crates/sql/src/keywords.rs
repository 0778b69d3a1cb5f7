//! Which words cannot be names, and where.
//!
//! By default every keyword may be a column alias; a table alias may be any but the few that join
//! and combine tables. With `enforceReservedKeywords` the reserved words of ANSI SQL are no names
//! at all. What a word that may be both means is decided in `Parser::clause_starts`.

/// Words that are never a table alias.
const NOT_A_TABLE_ALIAS: &[&str] = &[
    "ANTI",
    "ASOF",
    "CROSS",
    "EXCEPT",
    "FULL",
    "INNER",
    "INTERSECT",
    "JOIN",
    "LATERAL",
    "LEFT",
    "MINUS",
    "NATURAL",
    "ON",
    "QUALIFY",
    "RIGHT",
    "SEMI",
    "UNION",
    "USING",
];

const RESERVED: &[&str] = &[
    "ALL",
    "AND",
    "ANY",
    "AS",
    "AUTHORIZATION",
    "BOTH",
    "CASE",
    "CAST",
    "CHECK",
    "COLLATE",
    "COLUMN",
    "CONSTRAINT",
    "CREATE",
    "CROSS",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "CURRENT_USER",
    "DISTINCT",
    "ELSE",
    "END",
    "ESCAPE",
    "EXCEPT",
    "EXECUTE",
    "FETCH",
    "FILTER",
    "FOR",
    "FOREIGN",
    "FROM",
    "FULL",
    "GRANT",
    "GROUP",
    "HAVING",
    "IN",
    "INNER",
    "INTERSECT",
    "INTO",
    "IS",
    "JOIN",
    "LATERAL",
    "LEADING",
    "LEFT",
    "MINUS",
    "NATURAL",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "ONLY",
    "OR",
    "ORDER",
    "OUTER",
    "OVERLAPS",
    "PERCENTILE_CONT",
    "PERCENTILE_DISC",
    "PRIMARY",
    "REFERENCES",
    "RIGHT",
    "SELECT",
    "SESSION_USER",
    "SOME",
    "SQL",
    "SQLEXCEPTION",
    "SQLSTATE",
    "TABLE",
    "THEN",
    "TIME",
    "TO",
    "TRAILING",
    "UNION",
    "UNIQUE",
    "UNKNOWN",
    "USER",
    "USING",
    "WHEN",
    "WHERE",
    "WITH",
    "WITHIN",
];

pub(crate) fn is_reserved(word: &str) -> bool {
    contains(RESERVED, word)
}

pub(crate) fn is_table_alias(word: &str) -> bool {
    !contains(NOT_A_TABLE_ALIAS, word)
}

fn contains(words: &[&str], word: &str) -> bool {
    words.iter().any(|w| w.eq_ignore_ascii_case(word))
}
