//! MERGE.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{Command, Merge, MergeAction, MergeKind};

use crate::parser::Parser;

impl Parser<'_> {
    pub fn merge(&mut self) -> SparkResult<Command> {
        let start = self.pos;
        self.expect("MERGE")?;
        let schema_evolution = self.eat_all(&["WITH", "SCHEMA", "EVOLUTION"]);
        self.expect("INTO")?;
        let target = self.name()?;
        let target_alias = if self.at("USING") { None } else { self.table_alias()? };
        self.expect("USING")?;
        let source = self.relation_primary()?;
        self.expect("ON")?;
        let condition = self.expression()?;
        let mut merge = Merge {
            target,
            target_alias,
            source,
            condition,
            matched: vec![],
            not_matched: vec![],
            not_matched_by_source: vec![],
            schema_evolution,
        };
        while self.eat("WHEN") {
            self.merge_clause(&mut merge)?;
        }
        let actions = [&merge.matched, &merge.not_matched, &merge.not_matched_by_source];
        if actions.iter().all(|a| a.is_empty()) {
            self.defer(self.error(SparkError::new("MERGE_WITHOUT_WHEN"), start));
        }
        for (actions, class) in actions.iter().zip([
            "NON_LAST_MATCHED_CLAUSE_OMIT_CONDITION",
            "NON_LAST_NOT_MATCHED_BY_TARGET_CLAUSE_OMIT_CONDITION",
            "NON_LAST_NOT_MATCHED_BY_SOURCE_CLAUSE_OMIT_CONDITION",
        ]) {
            if actions.iter().rev().skip(1).any(|a| a.condition.is_none()) {
                let error = self.error(SparkError::new(class), start);
                self.defer(error);
                break;
            }
        }
        Ok(Command::Merge(Box::new(merge)))
    }

    fn merge_clause(&mut self, merge: &mut Merge) -> SparkResult<()> {
        let not = self.eat("NOT");
        self.expect("MATCHED")?;
        let by_source = not && self.eat_all(&["BY", "SOURCE"]);
        let by_target = not && !by_source && {
            self.eat_all(&["BY", "TARGET"]);
            true
        };
        let condition = if self.eat("AND") { Some(self.expression()?) } else { None };
        self.expect("THEN")?;
        let action = if by_target {
            self.expect("INSERT")?;
            self.merge_insert()?
        } else if self.eat("DELETE") {
            MergeKind::Delete
        } else {
            self.expect_all(&["UPDATE", "SET"])?;
            if !by_source && self.sym("*") {
                self.next();
                MergeKind::UpdateAll
            } else {
                MergeKind::Update(self.comma_list(|p| p.assignment())?)
            }
        };
        let list = match (by_target, by_source) {
            (true, _) => &mut merge.not_matched,
            (_, true) => &mut merge.not_matched_by_source,
            _ => &mut merge.matched,
        };
        list.push(MergeAction { condition, action });
        Ok(())
    }

    fn merge_insert(&mut self) -> SparkResult<MergeKind> {
        if self.eat_sym("*") {
            return Ok(MergeKind::InsertAll);
        }
        let start = self.pos;
        let columns = self.in_parens(|p| p.comma_list(|p| p.multipart()))?;
        self.expect("VALUES")?;
        let values = self.in_parens(|p| p.comma_list(|p| p.expression_or_default()))?;
        if columns.len() != values.len() {
            let error = SparkError::new("MERGE_INSERT_VALUE_COUNT_MISMATCH")
                .param("expectedCount", columns.len())
                .param("actualCount", values.len());
            self.defer(self.error(error, start));
        }
        Ok(MergeKind::Insert(columns.into_iter().zip(values).collect()))
    }
}
