//! INSERT, DELETE, UPDATE, and `FROM … INSERT … INSERT …`.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{Command, Insert, PartitionSpec};
use vonk_plan::expr::{Expr, ExprKind};
use vonk_plan::relation::{Cte, Options, Relation, RelationKind};

use crate::parser::Parser;
use crate::tokens::Kind;

/// The part of INSERT before its query.
enum Target {
    Table(Box<Insert>),
    Directory { path: Option<String>, provider: String, options: Options },
}

impl Parser<'_> {
    pub fn insert(&mut self, ctes: Vec<Cte>) -> SparkResult<Command> {
        let target = self.insert_target()?;
        let query = self.query()?;
        let query = self.under_ctes(ctes, query);
        Ok(match target {
            Target::Table(insert) => Command::Insert(Box::new(Insert { query: with_defaults(query), ..*insert })),
            Target::Directory { path, provider, options } => {
                Command::InsertDirectory { path, provider, options, query: Box::new(query) }
            }
        })
    }

    fn under_ctes(&mut self, ctes: Vec<Cte>, query: Relation) -> Relation {
        if ctes.is_empty() {
            return query;
        }
        let kind = RelationKind::With { ctes, recursive: false, body: Box::new(query) };
        self.relation(kind, self.pos.saturating_sub(1))
    }

    fn insert_target(&mut self) -> SparkResult<Target> {
        let start = self.pos;
        self.expect("INSERT")?;
        self.eat_all(&["WITH", "SCHEMA", "EVOLUTION"]);
        let overwrite = self.eat("OVERWRITE");
        if overwrite && (self.at("DIRECTORY") || self.at_all(&["LOCAL", "DIRECTORY"])) {
            self.eat("LOCAL");
            self.next();
            return self.insert_directory();
        }
        if overwrite {
            self.eat("INTO");
        } else {
            self.expect("INTO")?;
        }
        if self.at("TABLE") && !self.ends_n(1) && !self.at_n(1, "VALUES") && !self.at_n(1, "SELECT") {
            self.next();
        }
        let table = self.name()?;
        self.table_options()?;
        if self.at("AS") || (self.is_name_n(0) && self.at_n(1, "REPLACE")) {
            self.eat("AS");
            self.strict_ident()?;
        }
        let mut insert = Insert {
            table,
            partition: PartitionSpec::new(),
            columns: vec![],
            by_name: false,
            overwrite,
            if_not_exists: false,
            replace_where: None,
            query: Relation::new(RelationKind::OneRow),
        };
        insert.partition = self.optional_partition()?.unwrap_or_default();
        insert.if_not_exists = self.if_not_exists();
        if insert.if_not_exists && !overwrite {
            self.defer(self.error(
                SparkError::new("INVALID_STATEMENT_OR_CLAUSE").param("operation", "INSERT INTO ... IF NOT EXISTS"),
                start,
            ));
        }
        if !overwrite && insert.partition.is_empty() && self.at_all(&["REPLACE", "WHERE"]) {
            self.skip(2);
            insert.replace_where = Some(self.expression()?);
        } else if self.eat_all(&["BY", "NAME"]) {
            insert.by_name = true;
        } else if self.sym("(") && !self.parens.is_query(self.pos) {
            insert.columns = self.ident_list()?;
        }
        self.check_if_not_exists(&insert, start);
        Ok(Target::Table(Box::new(insert)))
    }

    /// IF NOT EXISTS asks for one partition: all its columns have values.
    fn check_if_not_exists(&mut self, insert: &Insert, start: usize) {
        let open: Vec<_> = insert.partition.iter().filter(|(_, v)| v.is_none()).map(|(n, _)| n.as_str()).collect();
        if insert.if_not_exists && insert.overwrite && !open.is_empty() {
            let message = format!("IF NOT EXISTS with dynamic partitions: {}", open.join(", "));
            self.defer(self.error(SparkError::new("_LEGACY_ERROR_TEMP_0035").param("message", message), start));
        }
    }

    fn insert_directory(&mut self) -> SparkResult<Target> {
        let mut path = if self.kind(0) == Kind::String { Some(self.string_constant()?) } else { None };
        let provider = if self.eat("USING") {
            self.multipart()?.join(".")
        } else {
            self.row_format()?;
            if self.eat_all(&["STORED", "AS"]) {
                self.ident()?;
            }
            "hive".to_string()
        };
        let mut options = if self.eat("OPTIONS") { self.options()? } else { Options::new() };
        if path.is_none() {
            path = options.remove("path");
        }
        Ok(Target::Directory { path, provider, options })
    }

    /// `FROM …` is followed by INSERT, not by SELECT or the end.
    pub fn insert_follows_from(&self) -> bool {
        let mut i = self.pos;
        loop {
            let ahead = i - self.pos;
            match self.parens.close(i) {
                Some(close) => i = close,
                None if self.kind(ahead) == Kind::End || self.at_n(ahead, "SELECT") => return false,
                None if self.at_n(ahead, "INSERT") && self.any_n(ahead + 1, &["INTO", "OVERWRITE"]) => return true,
                None => {}
            }
            i += 1;
        }
    }

    pub fn multi_insert(&mut self, ctes: Vec<Cte>) -> SparkResult<Command> {
        let before = self.nodes;
        let from = self.relation_clause()?;
        let from = self.lateral_views(from)?;
        let size = self.nodes - before;
        let mut inserts = vec![];
        while self.at("INSERT") {
            let start = self.pos;
            let Target::Table(insert) = self.insert_target()? else { return Err(self.syntax_error(start)) };
            self.copy(size)?;
            let at = self.pos;
            let windows = self.named_windows;
            let block = self.select(Some(from.clone()))?;
            let query = self.organization(block, at, windows)?;
            let query = self.under_ctes(ctes.clone(), query);
            inserts.push(Insert { query, ..*insert });
        }
        match inserts.pop() {
            Some(only) if inserts.is_empty() => Ok(Command::Insert(Box::new(only))),
            Some(last) => {
                inserts.push(last);
                Ok(Command::MultiInsert(inserts))
            }
            None => self.fail(),
        }
    }

    pub fn delete(&mut self) -> SparkResult<Command> {
        self.expect_all(&["DELETE", "FROM"])?;
        let table = self.name()?;
        let alias = self.table_alias()?;
        let condition = if self.eat("WHERE") { Some(self.expression()?) } else { None };
        Ok(Command::Delete { table, alias, condition })
    }

    pub fn update(&mut self) -> SparkResult<Command> {
        self.expect("UPDATE")?;
        let table = self.name()?;
        let alias = if self.at("SET") { None } else { self.table_alias()? };
        self.expect("SET")?;
        let assignments = self.comma_list(|p| p.assignment())?;
        let condition = if self.eat("WHERE") { Some(self.expression()?) } else { None };
        Ok(Command::Update { table, alias, assignments, condition })
    }
}

/// `DEFAULT` as a whole value of VALUES or SELECT stands for the column's default.
fn with_defaults(mut query: Relation) -> Relation {
    let mark = |e: &mut Expr| {
        if let ExprKind::Attribute { name, .. } = &e.kind
            && matches!(name.as_slice(), [n] if n.eq_ignore_ascii_case("DEFAULT"))
        {
            e.kind = ExprKind::Default;
        }
    };
    match &mut query.kind {
        RelationKind::Values(rows) => rows.iter_mut().flatten().for_each(mark),
        RelationKind::Select(select) if matches!(select.from.kind, RelationKind::OneRow) => {
            select.projection.iter_mut().for_each(mark);
        }
        _ => {}
    }
    query
}
