//! Presentation, missing values and statistics.

use proto::relation::RelType;
use spark_connect_proto as proto;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::relation::RelationKind;

use crate::convert::{Converter, not_set};

impl Converter {
    pub(super) fn statistics(&self, message: RelType) -> SparkResult<RelationKind> {
        use RelationKind as K;
        Ok(match message {
            RelType::ShowString(s) => K::ShowString {
                input: self.boxed_input(s.input)?,
                rows: s.num_rows,
                truncate: s.truncate,
                vertical: s.vertical,
            },
            RelType::HtmlString(h) => {
                K::HtmlString { input: self.boxed_input(h.input)?, rows: h.num_rows, truncate: h.truncate }
            }
            RelType::FillNa(f) => {
                if f.values.is_empty() {
                    return Err(SparkError::new("CONNECT_INVALID_PLAN.NA_FILL_VALUES_EMPTY"));
                }
                if f.values.len() > 1 && f.values.len() != f.cols.len() {
                    return Err(SparkError::new("CONNECT_INVALID_PLAN.NA_FILL_VALUES_LENGTH_MISMATCH"));
                }
                let values = f.values.into_iter().map(|l| self.literal(l)).collect::<SparkResult<_>>()?;
                K::FillNa { input: self.boxed_input(f.input)?, columns: f.cols, values }
            }
            RelType::DropNa(d) => {
                K::DropNa { input: self.boxed_input(d.input)?, columns: d.cols, min_non_nulls: d.min_non_nulls }
            }
            RelType::Replace(r) => K::Replace {
                input: self.boxed_input(r.input)?,
                columns: r.cols,
                replacements: r
                    .replacements
                    .into_iter()
                    .map(|r| {
                        let old = self.literal(r.old_value.unwrap_or_default())?;
                        Ok((old, self.literal(r.new_value.unwrap_or_default())?))
                    })
                    .collect::<SparkResult<_>>()?,
            },
            RelType::Summary(s) => K::Summary { input: self.boxed_input(s.input)?, statistics: s.statistics },
            RelType::Describe(d) => K::Describe { input: self.boxed_input(d.input)?, columns: d.cols },
            RelType::Crosstab(c) => K::Crosstab { input: self.boxed_input(c.input)?, left: c.col1, right: c.col2 },
            RelType::Cov(c) => K::Cov { input: self.boxed_input(c.input)?, left: c.col1, right: c.col2 },
            RelType::Corr(c) => {
                K::Corr { input: self.boxed_input(c.input)?, left: c.col1, right: c.col2, method: c.method }
            }
            RelType::ApproxQuantile(a) => K::ApproxQuantile {
                input: self.boxed_input(a.input)?,
                columns: a.cols,
                probabilities: a.probabilities,
                relative_error: a.relative_error,
            },
            RelType::FreqItems(f) => {
                K::FreqItems { input: self.boxed_input(f.input)?, columns: f.cols, support: f.support }
            }
            RelType::SampleBy(s) => K::SampleBy {
                input: self.boxed_input(s.input)?,
                column: self.expr_required(s.col)?,
                fractions: s
                    .fractions
                    .into_iter()
                    .map(|f| Ok((self.literal(f.stratum.unwrap_or_default())?, f.fraction)))
                    .collect::<SparkResult<_>>()?,
                seed: s.seed,
            },
            _ => return Err(not_set("Relation", "UNKNOWN")),
        })
    }
}
