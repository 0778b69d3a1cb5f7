//! `EXPLAIN` and `df.explain()`: the plans under the headings that Spark prints.

use std::sync::Arc;

use vonk_common::SparkResult;
use vonk_plan::Relation;
use vonk_plan::command::{ExplainMode, Statement};
use vonk_plan::types::DataType;

use super::plan_text;
use super::rows::Rows;
use crate::session::Session;

/// The first line in place of a plan.
const FAILED: &str = "Error occurred during query planning: ";

pub(super) async fn run(session: &Arc<Session>, mode: ExplainMode, statement: Statement) -> SparkResult<Rows> {
    let text = match statement {
        Statement::Query(query) => match session.explain(query, mode).await {
            Ok(text) => text,
            // Spark shows an error of analysis as the plan's text.
            Err(e) => format!("{FAILED}\n{}", e.message()),
        },
        Statement::Command(command) => {
            let name = super::statement_name(&command);
            format!("== Physical Plan ==\nExecute {name}\n")
        }
    };
    let lines = match text.starts_with(FAILED) {
        true => text.lines().map(|l| vec![l.into()]).collect(),
        false => vec![vec![text.into()]],
    };
    Rows::new(&[("plan", DataType::STRING, true)], lines)
}

impl Session {
    /// The text of `df.explain(mode)`.
    pub async fn explain(self: &Arc<Self>, relation: Relation, mode: ExplainMode) -> SparkResult<String> {
        let query = self.query(relation).await?;
        let physical = plan_text::physical(&query.plan);
        let logical = query.logical().map(|p| p.display_indent().to_string()).unwrap_or_default();
        Ok(match mode {
            ExplainMode::Simple | ExplainMode::Codegen | ExplainMode::Formatted => {
                format!("== Physical Plan ==\n{physical}\n")
            }
            ExplainMode::Extended => format!(
                "== Parsed Logical Plan ==\n{logical}\n\n== Analyzed Logical Plan ==\n{}\n{logical}\n\n== Optimized Logical Plan ==\n{logical}\n\n== Physical Plan ==\n{physical}\n",
                columns(&query.schema),
            ),
            ExplainMode::Cost => {
                let (first, rest) = logical.split_once('\n').unwrap_or((&logical, ""));
                let size = plan_text::statistics(&query.plan);
                format!("== Optimized Logical Plan ==\n{first}, {size}\n{rest}\n\n== Physical Plan ==\n{physical}\n")
            }
        })
    }
}

fn columns(schema: &vonk_plan::StructType) -> String {
    let all: Vec<_> = schema.fields.iter().map(|f| format!("{}: {}", f.name, f.data_type)).collect();
    all.join(", ")
}
