//! FROM: tables, sub-queries, inline tables, functions, and what may stand behind each of them.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::ExprKind;
use vonk_plan::relation::{Options, Relation, RelationKind, TimeTravel};

use crate::names::constant_string;
use crate::parser::Parser;
use crate::tokens::Kind;

/// The alias that Spark gives a sub-query without one.
const SUBQUERY_NAME: &str = "__auto_generated_subquery_name";

impl Parser<'_> {
    /// `FROM a, b JOIN c …`.
    pub fn relation_clause(&mut self) -> SparkResult<Relation> {
        self.expect("FROM")?;
        self.relations()
    }

    pub fn relations(&mut self) -> SparkResult<Relation> {
        let start = self.pos;
        let mut left = self.joined_relation(None)?;
        while self.eat_sym(",") {
            left = self.joined_relation(Some((left, start)))?;
            self.grow()?;
        }
        Ok(left)
    }

    /// A table and the joins behind it. With `left`, the table is joined to it by a comma.
    fn joined_relation(&mut self, left: Option<(Relation, usize)>) -> SparkResult<Relation> {
        let start = self.pos;
        let (lateral, mut out) = self.maybe_lateral(left.is_some())?;
        let mut from = start;
        if let Some((before, before_start)) = left {
            out = self.comma_join(before, out, lateral, before_start);
            from = before_start;
        } else if lateral {
            let one = self.relation(RelationKind::OneRow, start);
            out = self.comma_join(one, out, true, start);
        }
        self.join_chain(out, from)
    }

    pub fn join_chain(&mut self, left: Relation, start: usize) -> SparkResult<Relation> {
        let mut out = left;
        loop {
            if self.join_follows() {
                out = self.join(out, start)?;
                self.grow()?;
            } else if self.pivot_follows() {
                out = self.pivots(out, start)?;
            } else {
                return Ok(out);
            }
        }
    }

    /// Takes LATERAL before a sub-query or a function; LATERAL VIEW is another thing.
    fn lateral_follows(&mut self) -> bool {
        let lateral = self.at("LATERAL") && !self.at_n(1, "VIEW") && !self.ends_n(1);
        if lateral {
            self.next();
        }
        lateral
    }

    /// A relation, and whether it is LATERAL, as only queries and functions are where they are `joined`.
    pub fn maybe_lateral(&mut self, joined: bool) -> SparkResult<(bool, Relation)> {
        let lateral = self.lateral_follows();
        let (start, closed) = (self.pos, self.sym("("));
        let relation = self.relation_primary()?;
        if lateral && joined && !closed && !depends(&relation) {
            let error = SparkError::new("INVALID_SQL_SYNTAX.LATERAL_WITHOUT_SUBQUERY_OR_TABLE_VALUED_FUNC");
            let error = self.error(error, start);
            self.defer(error);
        }
        Ok((lateral, relation))
    }

    pub fn relation_primary(&mut self) -> SparkResult<Relation> {
        self.nested(|p| p.relation_primary_here())
    }

    fn relation_primary_here(&mut self) -> SparkResult<Relation> {
        let start = self.pos;
        if self.sym("(") {
            let is_query = self.parens.is_query(start);
            // `(VALUES … JOIN …)` is a join, though it begins as a query does.
            let joined =
                self.at_n(1, "VALUES") && self.keyword_inside(start, "JOIN") && !self.keyword_inside(start, "SELECT");
            let inner =
                if is_query && !joined { self.in_parens(|p| p.query())? } else { self.in_parens(|p| p.relations())? };
            let sampled = self.sampled(inner, start)?;
            let has_alias = self.at_table_alias() || self.at("AS");
            let query_of_values = is_query && !joined && matches!(sampled.kind, RelationKind::Values(_));
            if (!is_query || joined || has_alias) && !query_of_values {
                return self.aliased(sampled, start);
            }
            // The names inside a sub-query are not seen from outside.
            self.grow()?;
            let alias = SUBQUERY_NAME.to_string();
            let kind = RelationKind::Alias { input: Box::new(sampled), alias, qualifier: vec![], columns: vec![] };
            let inner = self.relation(kind, start);
            return if has_alias { self.aliased(inner, start) } else { Ok(inner) };
        }
        if self.at("VALUES") && !self.ends_n(1) && (self.sym_n(1, "(") || self.kind(1) != Kind::Word) {
            return self.inline_table();
        }
        if self.at("TABLE") && self.sym_n(1, "(") {
            return self.fail();
        }
        if self.at_identifier_clause() {
            return self.identifier_relation();
        }
        let streaming = self.at("STREAM")
            && (self.sym_n(1, "(") || (self.is_name_n(1) && !self.ends_n(1) && self.at_table_after_stream()));
        if streaming {
            self.next();
            let parens = self.eat_sym("(");
            let name = self.name()?;
            if parens {
                self.expect_sym(")")?;
            }
            return self.table(name, true, start);
        }
        if self.at_json_table() {
            return self.json_table();
        }
        let name = self.multipart()?;
        if self.sym("(") {
            return self.table_function(name, start);
        }
        self.table(name, false, start)
    }

    fn at_table_after_stream(&self) -> bool {
        !self.any_n(
            1,
            &["AS", "JOIN", "WHERE", "ON", "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "GROUP", "ORDER", "LIMIT"],
        )
    }

    fn identifier_relation(&mut self) -> SparkResult<Relation> {
        let start = self.pos;
        let name = self.identifier_clause()?;
        if constant_string(&name).is_some() || self.sym("(") || self.sym(".") {
            let mut parts = self.constant_name(&name, start)?;
            while self.eat_sym(".") {
                parts.push(self.strict_ident()?);
            }
            if self.sym("(") {
                return self.table_function(parts, start);
            }
            return self.table(parts, false, start);
        }
        let options = self.table_options()?;
        let table = self.relation(RelationKind::TableIdentifier { name, options }, start);
        let sampled = self.sampled(table, start)?;
        self.aliased(sampled, start)
    }

    /// What follows the name of a table.
    fn table(&mut self, name: Vec<String>, streaming: bool, start: usize) -> SparkResult<Relation> {
        let time_travel = self.time_travel()?;
        let options = self.table_options()?;
        let kind = RelationKind::Table { name, options, streaming, time_travel };
        let table = self.relation(kind, start);
        let sampled = self.sampled(table, start)?;
        self.aliased(sampled, start)
    }

    /// `[FOR] VERSION AS OF v`, `[FOR] TIMESTAMP AS OF t`.
    fn time_travel(&mut self) -> SparkResult<Option<TimeTravel>> {
        if self.kind(0) == Kind::Bad && self.word(0) == "@" {
            return self.version_suffix().map(Some);
        }
        let ahead = usize::from(self.at("FOR"));
        if !(self.at_n(ahead + 1, "AS") && self.at_n(ahead + 2, "OF")) {
            return Ok(None);
        }
        let version = self.any_n(ahead, &["VERSION", "SYSTEM_VERSION"]);
        if !version && !self.any_n(ahead, &["TIMESTAMP", "SYSTEM_TIME"]) {
            return Ok(None);
        }
        self.skip(ahead + 3);
        if !version {
            let at = self.nested(|p| p.value())?;
            return Ok(Some(TimeTravel::Timestamp(at)));
        }
        let version = match self.kind(0) {
            Kind::Number => {
                let word = self.word(0).to_string();
                self.next();
                word
            }
            _ => self.string_constant()?,
        };
        Ok(Some(TimeTravel::Version(version)))
    }

    /// `@v12`: a version.
    fn version_suffix(&mut self) -> SparkResult<TimeTravel> {
        let version = self.word(1).strip_prefix(['v', 'V']).filter(|v| v.bytes().all(|b| b.is_ascii_digit()));
        match version {
            Some(version) if !version.is_empty() => {
                self.skip(2);
                Ok(TimeTravel::Version(version.to_string()))
            }
            _ => self.fail(),
        }
    }

    /// `WITH ('key' = value, …)` behind a table.
    pub fn table_options(&mut self) -> SparkResult<Options> {
        if !(self.at("WITH") && self.sym_n(1, "(")) {
            return Ok(Options::new());
        }
        self.next();
        self.options()
    }

    /// `[[AS] alias [(columns)]]`.
    pub fn aliased(&mut self, input: Relation, start: usize) -> SparkResult<Relation> {
        let Some(alias) = self.table_alias()? else { return Ok(input) };
        let columns = if self.sym("(") { self.ident_list()? } else { vec![] };
        self.grow()?;
        let kind = RelationKind::Alias { input: Box::new(input), alias, qualifier: vec![], columns };
        Ok(self.relation(kind, start))
    }

    /// `LATERAL VIEW [OUTER] generator(…) table [[AS] column, …]`, any number of them.
    pub fn lateral_views(&mut self, input: Relation) -> SparkResult<Relation> {
        let mut out = input;
        while self.at_all(&["LATERAL", "VIEW"]) {
            let start = self.pos;
            self.skip(2);
            let outer = self.at("OUTER") && !self.sym_n(1, "(") && {
                self.next();
                true
            };
            let at = self.pos;
            let name = self.multipart()?;
            if !self.sym("(") {
                return self.fail();
            }
            let generator = self.call_tail(name, at)?;
            if !matches!(generator.kind, ExprKind::Function(_)) {
                return self.fail();
            }
            // The table's name has to be there, though it may be left out before a keyword.
            if self.ends_n(0) {
                return self.fail();
            }
            let alias = if self.at("AS") || !self.at_column_alias() { None } else { Some(self.strict_ident()?) };
            let mut columns = vec![];
            if self.eat("AS") || (alias.is_some() && self.at_column_alias() && !self.at_all(&["LATERAL", "VIEW"])) {
                columns = self.comma_list(|p| p.strict_ident())?;
            }
            self.grow()?;
            out = self
                .relation(RelationKind::LateralView { input: Box::new(out), generator, outer, alias, columns }, start);
        }
        Ok(out)
    }
}

/// May rows of the relation depend on those before it?
fn depends(r: &Relation) -> bool {
    match &r.kind {
        RelationKind::Alias { input, .. } => depends(input),
        RelationKind::Values(_) | RelationKind::Table { .. } | RelationKind::TableIdentifier { .. } => false,
        _ => true,
    }
}
