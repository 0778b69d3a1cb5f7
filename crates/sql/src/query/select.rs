//! One SELECT block, and `FROM … SELECT …`.

use vonk_common::SparkResult;
use vonk_plan::relation::{Relation, RelationKind, Select, SetKind};

use crate::parser::Parser;
use crate::query::organization::apply_windows;
use crate::tokens::Kind;

impl Parser<'_> {
    /// `SELECT …` up to its WINDOW clause; `from` is given when FROM came first.
    pub fn select(&mut self, from: Option<Relation>) -> SparkResult<Relation> {
        self.select_block(from, false)
    }

    /// Behind `|>` a SELECT has no clauses but WINDOW.
    pub fn select_block(&mut self, from: Option<Relation>, piped: bool) -> SparkResult<Relation> {
        let start = self.pos;
        let windows_before = self.named_windows;
        self.expect("SELECT")?;
        let hints = self.hints()?;
        if self.at("TRANSFORM") && self.transform_follows() {
            return self.transform(start);
        }
        let distinct = self.at("DISTINCT") && !self.quantifier_is_name();
        if distinct || (self.at("ALL") && !self.quantifier_is_name() && !self.sym_n(1, "(")) {
            self.next();
        }
        let projection = self.named_expressions()?;
        let from = match from {
            Some(from) => from,
            None if self.at("FROM") => self.relation_clause()?,
            None => self.relation(RelationKind::OneRow, start),
        };
        let mut select =
            Select { from, filter: None, projection, group_by: None, having: None, qualify: None, distinct, hints };
        if !piped {
            select.from = self.lateral_views(select.from)?;
            select.filter = self.clause("WHERE")?;
            select.group_by = if self.at_all(&["GROUP", "BY"]) { Some(self.group_by()?) } else { None };
            select.having = self.clause("HAVING")?;
            select.qualify = self.clause("QUALIFY")?;
        } else if self.at_all(&["GROUP", "BY"]) {
            select.group_by = Some(self.group_by()?);
        }
        self.grow()?;
        let mut out = self.relation(RelationKind::Select(Box::new(select)), start);
        if self.window_follows() {
            let windows = self.window_clause()?;
            if self.named_windows > windows_before {
                apply_windows(&windows, &mut out)?;
                self.named_windows = windows_before;
            }
        }
        Ok(out)
    }

    /// DISTINCT or ALL stands where a column does.
    fn quantifier_is_name(&self) -> bool {
        self.ends_n(1) || self.at_n(1, "FROM") || self.sym_n(1, ".") || self.sym_n(1, "=")
    }

    fn clause(&mut self, keyword: &str) -> SparkResult<Option<vonk_plan::expr::Expr>> {
        if self.eat(keyword) { self.expression().map(Some) } else { Ok(None) }
    }

    /// `FROM …`, then any number of SELECT blocks over it; none when `|>` follows.
    pub fn query_with_from_first(&mut self) -> SparkResult<Relation> {
        let start = self.pos;
        let before = self.nodes;
        let from = self.relation_clause()?;
        let from = self.lateral_views(from)?;
        let size = self.nodes - before;
        if !self.at("SELECT") {
            return Ok(from);
        }
        let mut out: Option<Relation> = None;
        while self.at("SELECT") {
            self.copy(if out.is_some() { size } else { 0 })?;
            let windows = self.named_windows;
            let at = self.pos;
            let block = self.beside(|p| {
                let block = p.select(Some(from.clone()))?;
                p.organization(block, at, windows)
            })?;
            out = Some(match out {
                Some(left) => self.combine(SetKind::Union, true, left, block, start)?,
                None => block,
            });
        }
        out.map_or_else(|| self.fail(), Ok)
    }

    /// `VALUES (…), (…) [[AS] t [(columns)]]`.
    pub fn inline_table(&mut self) -> SparkResult<Relation> {
        let start = self.pos;
        self.expect("VALUES")?;
        let rows = self.comma_list(|p| p.values_row())?;
        let table = self.relation(RelationKind::Values(rows), start);
        self.aliased(table, start)
    }

    fn values_row(&mut self) -> SparkResult<Vec<vonk_plan::expr::Expr>> {
        use vonk_plan::expr::{CallSyntax, ExprKind};
        let e = self.expression()?;
        Ok(match e.kind {
            ExprKind::Function(call) if call.syntax == CallSyntax::Operator && call.name.as_slice() == ["struct"] => {
                call.args
            }
            kind => vec![vonk_plan::expr::Expr { kind, origin: e.origin }],
        })
    }

    /// `TRANSFORM (…) … USING 'script'` rather than the function of that name.
    fn transform_follows(&self) -> bool {
        let Some(close) = self.parens.close(self.pos + 1) else { return false };
        let after = close + 1 - self.pos;
        self.at_n(after, "USING") && self.kind(after + 1) == Kind::String
            || (self.at_n(after, "ROW") && self.at_n(after + 1, "FORMAT"))
    }

    /// Hive's script transformation: read over, refused when it is analysed.
    pub fn transform(&mut self, start: usize) -> SparkResult<Relation> {
        self.next();
        if self.sym("(") {
            self.in_parens(|p| p.named_expressions())?;
        } else {
            self.named_expressions()?;
        }
        self.row_format()?;
        self.expect("USING")?;
        self.string_constant()?;
        if self.eat("AS") {
            if self.sym("(") {
                self.in_parens(|p| p.transform_columns())?;
            } else {
                self.transform_columns()?;
            }
        }
        self.row_format()?;
        if self.at("FROM") {
            let from = self.relation_clause()?;
            self.lateral_views(from)?;
        }
        self.clause("WHERE")?;
        if self.at("GROUP") {
            self.expect("GROUP")?;
            self.expect("BY")?;
            self.expressions()?;
        }
        self.clause("HAVING")?;
        Ok(self.relation(RelationKind::Unsupported("TRANSFORM".into()), start))
    }

    /// Names, or names with types.
    fn transform_columns(&mut self) -> SparkResult<()> {
        let typed = self.kind(1) == Kind::Word && !self.any_n(1, &["FROM", "ROW", "WHERE"]) || self.sym_n(1, ":");
        self.comma_list(|p| {
            p.strict_ident()?;
            if typed {
                p.eat_sym(":");
                p.data_type()?;
            }
            Ok(())
        })?;
        Ok(())
    }
}
