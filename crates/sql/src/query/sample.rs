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
            return self.sampled_blocks(at);
        }
        self.skip(usize::from(named));
        let method = self.in_parens(|p| p.sample_method())?;
        let seed = if self.eat("REPEATABLE") { Some(self.in_parens(|p| p.integer())?) } else { None };
        self.grow()?;
        let sample =
            Sample { input: Box::new(input), method, with_replacement: false, seed, deterministic_order: false };
        Ok(self.relation(RelationKind::Sample(sample), start))
    }

    /// `SYSTEM (…)`: whole blocks, which no source of ours has.
    fn sampled_blocks(&mut self, at: usize) -> SparkResult<Relation> {
        let method = if self.at_n(2, "BUCKET") {
            "BUCKET"
        } else if self.keyword_inside(at + 1, "ROWS") {
            "ROWS"
        } else if self.keyword_inside(at + 1, "PERCENT") {
            self.skip(1);
            self.in_parens(|p| p.sample_method())?;
            let class = if self.at("REPEATABLE") { "REPEATABLE" } else { "NO_SCAN" };
            let error = SparkError::new(format!("UNSUPPORTED_FEATURE.TABLESAMPLE_SYSTEM_{class}"));
            return Err(self.error(error, at));
        } else {
            "BYTES"
        };
        let error = SparkError::new("UNSUPPORTED_FEATURE.TABLESAMPLE_SYSTEM_SAMPLE_METHOD");
        Err(self.error(error.param("sampleMethod", method), at))
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
                let by = if self.sym_n(1, "(") { "function" } else { "colname" };
                let message = format!("BUCKET x OUT OF y ON {by}");
                let error = SparkError::new("_LEGACY_ERROR_TEMP_0015").param("msg", message);
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
            let text: String = self.text_since(start).split_whitespace().collect();
            let error = match is_bytes(&text) {
                true => SparkError::new("_LEGACY_ERROR_TEMP_0015").param("msg", "byteLengthLiteral"),
                false => SparkError::new("_LEGACY_ERROR_TEMP_0016").param("bytesStr", text),
            };
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

/// `5M`: a number of bytes.
fn is_bytes(text: &str) -> bool {
    let number = text.strip_suffix(|c: char| "bkmg".contains(c.to_ascii_lowercase()));
    number.is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()))
}
