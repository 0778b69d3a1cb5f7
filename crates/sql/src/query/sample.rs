//! TABLESAMPLE.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::relation::{Relation, RelationKind, Sample, SampleMethod};

use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    /// `[TABLESAMPLE (method) [REPEATABLE (seed)]]`.
    pub fn sampled(&mut self, input: Relation, start: usize) -> SparkResult<Relation> {
        let named = self.any_n(1, &["SYSTEM", "BERNOULLI"]) && self.sym_n(2, "(");
        if !(self.at("TABLESAMPLE") && (named || self.sym_n(1, "("))) {
            return Ok(input);
        }
        self.next();
        let at = self.pos;
        if self.at("SYSTEM") {
            let error = SparkError::new("UNSUPPORTED_FEATURE.TABLESAMPLE_SYSTEM_SAMPLE_METHOD");
            return Err(self.error(error.param("sampleMethod", "BYTES"), at));
        }
        self.skip(usize::from(named));
        let method = self.in_parens(|p| p.sample_method())?;
        let seed = if self.eat("REPEATABLE") { Some(self.in_parens(|p| p.integer())?) } else { None };
        self.grow()?;
        let sample =
            Sample { input: Box::new(input), method, with_replacement: false, seed, deterministic_order: false };
        Ok(self.relation(RelationKind::Sample(sample), start))
    }

    fn sample_method(&mut self) -> SparkResult<SampleMethod> {
        let start = self.pos;
        if self.sym(")") {
            let error = SparkError::new("_LEGACY_ERROR_TEMP_0014");
            return Err(self.error(error, start));
        }
        if self.eat("BUCKET") {
            let numerator = self.integer()?;
            self.expect_all(&["OUT", "OF"])?;
            let denominator = self.integer()?;
            if self.eat("ON") {
                let error = SparkError::new("_LEGACY_ERROR_TEMP_0015").param("msg", "BUCKET x OUT OF y ON colname");
                return Err(self.error(error, start));
            }
            self.fraction_check(numerator as f64 / denominator as f64, start)?;
            return Ok(SampleMethod::Bucket { numerator, denominator });
        }
        let ahead = usize::from(self.sym("-"));
        if self.kind(ahead) == Kind::Number && self.at_n(ahead + 1, "PERCENT") {
            let sign = if ahead == 1 { -1.0 } else { 1.0 };
            self.skip(ahead);
            let percent: f64 = self.integer()?;
            self.next();
            let upper = sign * percent / 100.0;
            self.fraction_check(upper, start)?;
            return Ok(SampleMethod::Fraction { lower: 0.0, upper });
        }
        let rows = self.expression()?;
        if !self.eat("ROWS") {
            let error = SparkError::new("_LEGACY_ERROR_TEMP_0015").param("msg", "byte length literal");
            return Err(self.error(error, start));
        }
        Ok(SampleMethod::Rows(rows))
    }

    fn fraction_check(&self, fraction: f64, start: usize) -> SparkResult<()> {
        if (0.0..=1.0 + 1e-6).contains(&fraction) {
            return Ok(());
        }
        let error = SparkError::new("INVALID_TABLESAMPLE_FRACTION").param("fraction", format!("{fraction:?}"));
        Err(self.error(error, start))
    }
}
